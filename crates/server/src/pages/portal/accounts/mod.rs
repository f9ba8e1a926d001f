//! Coming in, and one's account.

mod confirm;
mod data;
mod device;
mod faults;
mod forgot;
mod keys;
mod login;
mod logout;
mod register;
#[cfg(test)]
mod samples;
mod second_factor;
mod security;
mod sessions;
mod settings;
mod welcome;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tollgate_auth::{AuthService, Tokens};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use self::faults::Faults;
use crate::pages::AccountPages;
use crate::pages::frame::{Frame, Link};
use crate::pages::visit::Visit;

/// The pages of settings.
const SECTIONS: [(&str, &str); 4] = [
    ("/portal/settings", "section.profile"),
    ("/portal/settings/security", "section.security"),
    ("/portal/settings/sessions", "section.sessions"),
    ("/portal/settings/data", "section.data"),
];

/// The pages of this folder.
pub(in crate::pages) fn router() -> Router<AccountPages> {
    let factor = get(second_factor::page).post(second_factor::act);
    Router::new()
        .route(
            "/portal/register",
            get(register::page).post(register::register),
        )
        .route("/portal/login", get(login::page).post(login::sign_in))
        .route("/portal/logout", post(logout::sign_out))
        .route("/portal/forgot", get(forgot::page).post(forgot::ask))
        .route("/portal/confirm", get(confirm::page).post(confirm::confirm))
        .route("/portal/welcome", get(welcome::page).post(welcome::resend))
        .route("/portal/settings", get(settings::page).post(settings::save))
        .route(
            "/portal/settings/security",
            get(security::page).post(security::change),
        )
        .route("/portal/settings/second-factor", factor)
        .route(
            "/portal/settings/sessions",
            get(sessions::page).post(sessions::end),
        )
        .route("/portal/settings/data", get(data::page).post(data::close))
        .route("/portal/settings/export", get(data::export))
        .merge(keys::router())
}

/// What was done a moment ago.
#[derive(Debug, Deserialize)]
struct Told {
    done: Option<String>,
}

/// Words of an address, and what each tells.
type Done<const N: usize> = [(&'static str, &'static str); N];

/// What was done, by the word that the address carries. Other words say nothing.
fn done(frame: &Frame, known: &[(&str, &str)], word: Option<&str>) -> String {
    let found = known.iter().find(|(known, _)| Some(*known) == word);
    found.map(|(_, name)| frame.say(name)).unwrap_or_default()
}

/// A field that may be left empty.
fn typed(text: Option<&SecretString>) -> Option<&SecretString> {
    text.filter(|text| !text.expose_secret().is_empty())
}

/// The way between the pages of settings.
fn sections(frame: &Frame, here: &str) -> Vec<Link> {
    let link = |(href, name): (&str, &str)| Link {
        href: href.to_owned(),
        text: frame.say(name),
        is_here: href == here,
    };
    SECTIONS.map(link).into()
}

/// The browser of who has signed in, on its way to `next`. A sign-in always gets a secret that nobody has seen (CWE-384).
async fn enter(
    auth: &AuthService,
    visit: &Visit,
    tokens: &Tokens,
    origin: &Origin,
    next: &str,
) -> Result<Response, Problem> {
    // Whoever was signed in here before is not any more: nobody would know how to end it.
    if let Some(before) = &origin.caller {
        auth.logout(before, None).await?;
    }
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
