//! Another password.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::ChangePasswordError;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::Problem;

use super::{Done, Faults, Told, done, sections};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

const PATH: &str = "/portal/settings/security";
const DONE: Done<2> = [
    ("changed", "security.done_changed"),
    ("factor_off", "security.done_factor_off"),
];

/// The present password and another.
#[derive(Deserialize)]
pub(super) struct PasswordForm {
    current_password: Option<SecretString>,
    new_password: Option<SecretString>,
}

#[derive(Template)]
#[template(path = "accounts_security.html")]
struct SecurityPage<'a> {
    frame: Frame,
    sections: Vec<Link>,
    done: String,
    faults: &'a Faults,
    email: &'a str,
    has_factor: bool,
}

/// `GET /portal/settings/security`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    Params(told): Params<Told>,
) -> Result<Response, Problem> {
    shown(&portal, &visitor, told.done.as_deref(), &Faults::default()).await
}

/// `POST /portal/settings/security`: sets the password. Every other sign-in ends.
pub(super) async fn change(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Problem> {
    let current = form.current_password.unwrap_or_default();
    let new = form.new_password.unwrap_or_default();
    let changed = portal
        .auth
        .change_password(
            visitor.user.id,
            caller.session_id(),
            &current,
            &new,
            &origin,
        )
        .await;
    let language = visitor.visit.language;
    let faults = match changed {
        Ok(()) => return Ok(Redirect::to(&format!("{PATH}?done=changed")).into_response()),
        Err(ChangePasswordError::WrongCurrent) => Faults::wrong_password(language),
        Err(error) => Faults::of(error.into(), language, &["new_password"])?,
    };
    shown(&portal, &visitor, None, &faults).await
}

async fn shown(
    portal: &AccountPages,
    visitor: &Visitor,
    told: Option<&str>,
    faults: &Faults,
) -> Result<Response, Problem> {
    let title = visitor.visit.say("security.title");
    let frame = Frame::of(visitor, Tab::Settings, title);
    faults.page(&SecurityPage {
        sections: sections(&frame, PATH),
        done: done(&frame, &DONE, told),
        faults,
        email: &visitor.user.email,
        has_factor: portal.auth.has_second_factor(visitor.user.id).await?,
        frame,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn security_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let frame = Frame::of(&visitor, Tab::Settings, "x".to_owned());
                let page = SecurityPage {
                    sections: sections(&frame, PATH),
                    done: String::new(),
                    faults: &Faults::one("new_password", visitor.user.username.clone()),
                    email: &visitor.user.email,
                    has_factor: name == "plain",
                    frame,
                };
                render(&format!("portal-security-{name}-{tag}"), &page);
            }
        }
    }
}
