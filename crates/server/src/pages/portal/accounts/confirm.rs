//! It is still they: the password or a code, for what a stolen sign-in must not be enough for.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::{Proof, SecondFactorError};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;

use super::{Faults, typed};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::next::Next;
use crate::pages::visit::Visitor;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct ConfirmParams {
    #[serde(default)]
    next: Next,
}

/// What they show.
#[derive(Deserialize)]
pub(super) struct ConfirmForm {
    #[serde(default)]
    next: Next,
    current_password: Option<SecretString>,
    code: Option<SecretString>,
}

#[derive(Template)]
#[template(path = "accounts_confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame,
    next: &'a Next,
    faults: &'a Faults,
    has_factor: bool,
}

/// `GET /portal/confirm?next=…`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    Params(params): Params<ConfirmParams>,
) -> Result<Response, Problem> {
    shown(&portal, &visitor, &params.next, &Faults::default()).await
}

/// `POST /portal/confirm`
pub(super) async fn confirm(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, Problem> {
    let code = typed(form.code.as_ref());
    let password = form.current_password.unwrap_or_default();
    let proof = code.map_or(Proof::Password(&password), Proof::Code);
    let language = visitor.visit.language;
    let faults = match portal.auth.confirm(&caller, proof).await {
        Ok(()) => return Ok(Redirect::to(form.next.as_str()).into_response()),
        Err(SecondFactorError::WrongPassword) => Faults::wrong_password(language),
        Err(error) => Faults::of(error.into(), language, &[])?,
    };
    shown(&portal, &visitor, &form.next, &faults).await
}

async fn shown(
    portal: &AccountPages,
    visitor: &Visitor,
    next: &Next,
    faults: &Faults,
) -> Result<Response, Problem> {
    let title = visitor.visit.say("confirm.title");
    faults.page(&ConfirmPage {
        frame: Frame::of(visitor, Tab::None, title),
        next,
        faults,
        has_factor: portal.auth.has_second_factor(visitor.user.id).await?,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn confirm_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let page = ConfirmPage {
                    frame: Frame::of(&visitor, Tab::None, "x".to_owned()),
                    next: &Next::default(),
                    faults: &Faults::one("current_password", "x".to_owned()),
                    has_factor: name == "plain",
                };
                render(&format!("portal-confirm-{name}-{tag}"), &page);
            }
        }
    }
}
