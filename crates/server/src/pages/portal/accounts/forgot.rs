//! A letter with a link to another password. Whether the address has an account is not told.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_auth::model::user::Email;
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};

use super::{Faults, Told};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::Frame;
use crate::pages::visit::Visit;

/// An address.
#[derive(Debug, Deserialize)]
pub(super) struct ForgotForm {
    #[serde(default)]
    email: String,
}

#[derive(Template)]
#[template(path = "accounts_forgot.html")]
struct ForgotPage<'a> {
    frame: Frame,
    email: &'a str,
    faults: &'a Faults,
    is_asked: bool,
}

/// `GET /portal/forgot`
pub(super) async fn page(visit: Visit, Params(told): Params<Told>) -> Result<Response, Problem> {
    let is_asked = told.done.as_deref() == Some("asked");
    shown(&visit, "", is_asked, &Faults::default())
}

/// `POST /portal/forgot`
pub(super) async fn ask(
    State(portal): State<AccountPages>,
    visit: Visit,
    origin: Origin,
    Form(form): Form<ForgotForm>,
) -> Result<Response, Problem> {
    match asked(&portal, &form, &origin).await {
        Ok(()) => Ok(Redirect::to("/portal/forgot?done=asked").into_response()),
        Err(problem) => {
            let faults = Faults::of(problem, visit.language, &["email"])?;
            shown(&visit, &form.email, false, &faults)
        }
    }
}

async fn asked(portal: &AccountPages, form: &ForgotForm, origin: &Origin) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    let email = errors.take("/email", form.email.trim().parse::<Email>());
    errors.finish()?;
    let email = email.ok_or_else(|| Problem::new(Code::Internal))?;
    portal.auth.ask_password_reset(&email, origin).await?;
    Ok(())
}

fn shown(visit: &Visit, email: &str, is_asked: bool, faults: &Faults) -> Result<Response, Problem> {
    faults.page(&ForgotPage {
        frame: Frame::plain(visit, visit.say("forgot.title")),
        email,
        faults,
        is_asked,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, languages, render, visit};

    #[test]
    fn forgot_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, email) in [("none", ""), ("long", LONG), ("hostile", HOSTILE)] {
                let page = ForgotPage {
                    frame: Frame::plain(&visit(language), "x".to_owned()),
                    email,
                    faults: &Faults::one("email", email.to_owned()),
                    is_asked: name == "none",
                };
                render(&format!("portal-forgot-{name}-{tag}"), &page);
            }
        }
    }
}
