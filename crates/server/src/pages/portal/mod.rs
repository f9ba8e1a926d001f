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

pub(super) use self::accounts::router as accounts;

/// What is bought, and what is used of it.
pub(super) fn router(auth: AuthService, payment: PaymentService) -> Router {
    let identify = auth.identify_page();
    let portal = Portal { auth, payment };
    plans::router().with_state(portal).layer(identify)
}
