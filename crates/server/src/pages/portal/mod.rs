//! What people who have an account see of it.

mod accounts;
mod plans;

use axum::Router;
use tollgate_auth::AuthService;
use tollgate_payment::PaymentService;

/// What these pages are made from.
#[derive(Clone, Debug)]
pub(super) struct Portal {
    pub(super) auth: AuthService,
    pub(super) payment: PaymentService,
}

pub(super) use self::accounts::register;

/// Every page of the portal.
pub(super) fn router(auth: AuthService, payment: PaymentService) -> Router {
    let identify = auth.identify_page();
    let portal = Portal { auth, payment };
    Router::new()
        .merge(accounts())
        .merge(plans())
        .with_state(portal)
        .layer(identify)
}

/// Coming in, and one's account.
fn accounts() -> Router<Portal> {
    accounts::router()
}

/// What is bought, and what is used of it.
fn plans() -> Router<Portal> {
    plans::router()
}
