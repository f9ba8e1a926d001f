//! Coming in, and one's account.

mod faults;
mod login;
mod logout;
mod register;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use tollgate_auth::{AuthService, Tokens};
use tollgate_kernel::problem::{Code, Problem};

use self::faults::Faults;
use super::Portal;
use crate::pages::AccountPages;
use crate::pages::frame::Frame;
use crate::pages::visit::Visit;

/// The pages of this folder.
pub(super) fn router() -> Router<Portal> {
    Router::new()
        .route("/portal/login", get(login::page).post(login::sign_in))
        .route("/portal/logout", post(logout::sign_out))
}

/// Where accounts are opened, with the portal and without it.
pub(in crate::pages) fn register() -> Router<AccountPages> {
    let pages = get(register::page).post(register::register);
    Router::new().route("/portal/register", pages)
}

/// The browser of who has signed in, on its way to `next`. A sign-in always gets a secret that nobody has seen (CWE-384).
async fn enter(
    auth: &AuthService,
    visit: &Visit,
    tokens: &Tokens,
    next: &str,
) -> Result<Response, Problem> {
    let bound = auth.bind_page(tokens).await?;
    let key = bound.ok_or_else(|| Problem::new(Code::Internal))?;
    let cookies = [key.cookie(visit.house.secure), auth.device_cookie(tokens)];
    Ok(with_cookies(Redirect::to(next).into_response(), cookies))
}

fn with_cookies<const N: usize>(
    mut response: Response,
    cookies: [Option<HeaderValue>; N],
) -> Response {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// What was done, by the word that the address carries: `{table}.done_{word}` of the catalogue. Other words say nothing.
fn done(frame: &Frame, table: &str, known: &[&str], word: Option<&str>) -> String {
    let word = word.filter(|word| known.contains(word));
    word.map(|word| frame.say(&format!("{table}.done_{word}")))
        .unwrap_or_default()
}
