//! Somebody new: their address is to be confirmed, and they go on.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;

use super::{Done, done};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::next::Next;
use crate::pages::visit::Visitor;

const DONE: Done<1> = [("sent", "welcome.done_sent")];

/// Where they wanted to go.
#[derive(Debug, Deserialize)]
pub(super) struct WelcomeParams {
    #[serde(default)]
    next: String,
    done: Option<String>,
}

/// The letter is wanted again.
#[derive(Debug, Deserialize)]
pub(super) struct ResendForm {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "accounts_welcome.html")]
struct WelcomePage<'a> {
    frame: Frame,
    done: String,
    next: &'a Next,
    email: &'a str,
    is_verified: bool,
}

/// `GET /portal/welcome`
pub(super) async fn page(
    visitor: Visitor,
    Params(params): Params<WelcomeParams>,
) -> Result<Response, Problem> {
    let title = visitor.visit.say("welcome.title");
    let frame = Frame::of(&visitor, Tab::None, title);
    crate::pages::page(&WelcomePage {
        done: done(&frame, &DONE, params.done.as_deref()),
        next: &Next::wherever(&params.next, &visitor.visit.house),
        email: &visitor.user.email,
        is_verified: visitor.user.email_verified_at.is_some(),
        frame,
    })
}

/// `POST /portal/welcome`: writes again, as often as letters may be asked for.
pub(super) async fn resend(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    Form(form): Form<ResendForm>,
) -> Result<Response, Problem> {
    portal.auth.resend_verification(&visitor.user).await?;
    let query = Next::wherever(&form.next, &visitor.visit.house).query();
    Ok(Redirect::to(&format!("/portal/welcome?{query}&done=sent")).into_response())
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn welcome_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let page = WelcomePage {
                    frame: Frame::of(&visitor, Tab::None, "x".to_owned()),
                    done: String::new(),
                    next: &Next::default(),
                    email: &visitor.user.email,
                    is_verified: name == "plain",
                };
                render(&format!("portal-welcome-{name}-{tag}"), &page);
            }
        }
    }
}
