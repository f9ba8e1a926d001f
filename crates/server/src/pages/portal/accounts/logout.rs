//! Signing out.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_auth::model::page_key::PageKey;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::Problem;

use super::with_cookies;
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::visit::Visit;

/// A form of a button.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

/// `POST /portal/logout`: the sign-in ends, and the browser forgets it.
pub(super) async fn sign_out(
    State(portal): State<AccountPages>,
    visit: Visit,
    caller: Option<Caller>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Problem> {
    if let Some(caller) = caller {
        portal.auth.logout(&caller, None).await?;
    }
    Ok(leave(&visit, "signed_out"))
}

/// To the way in, without a cookie.
pub(super) fn leave(visit: &Visit, done: &str) -> Response {
    let response = Redirect::to(&format!("/portal/login?done={done}")).into_response();
    with_cookies(response, [PageKey::no_cookie(visit.house.secure)])
}
