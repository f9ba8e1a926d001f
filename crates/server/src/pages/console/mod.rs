//! What staff see. Each page asks for the permission that its calls ask for; the list on the left shows what one may open.

mod form;
mod house;
mod list;
mod money;
mod staff;

use axum::Router;
use tollgate_auth::AuthService;
use tollgate_payment::PaymentService;

/// What these pages are made from.
#[derive(Clone, Debug)]
pub(super) struct Console {
    pub(super) auth: AuthService,
    pub(super) payment: PaymentService,
}

/// Every page of the console.
pub(super) fn router(auth: AuthService, payment: PaymentService) -> Router {
    let identify = auth.identify_page();
    let console = Console { auth, payment };
    Router::new()
        .merge(money::router())
        .merge(house::router())
        .with_state(console)
        .layer(identify)
}
