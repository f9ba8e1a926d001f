//! Taking one's data along, and leaving.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::CloseAccountError;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use super::logout::leave;
use super::{Faults, sections};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

const PATH: &str = "/portal/settings/data";

/// The present password, and that it is meant.
#[derive(Deserialize)]
pub(super) struct CloseForm {
    current_password: Option<SecretString>,
    understood: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts_data.html")]
struct DataPage<'a> {
    frame: Frame,
    sections: Vec<Link>,
    faults: &'a Faults,
    /// What stays in the books.
    id: String,
}

/// `GET /portal/settings/data`
pub(super) async fn page(visitor: Visitor) -> Result<Response, Problem> {
    shown(&visitor, &Faults::default())
}

/// `GET /portal/settings/export`: what is kept here about the person, for other programs.
pub(super) async fn export(
    State(portal): State<AccountPages>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let export = portal.auth.export(&visitor.user).await?;
    let text = serde_json::to_string_pretty(&export).map_err(|error| {
        tracing::error!(error = %error, "an export is no JSON");
        Problem::new(Code::Internal)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"tollgate-account.json\"",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, text).into_response())
}

/// `POST /portal/settings/data`: closes the account for good.
pub(super) async fn close(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    origin: Origin,
    Form(form): Form<CloseForm>,
) -> Result<Response, Problem> {
    let language = visitor.visit.language;
    if form.understood.is_none() {
        let text = visitor.visit.say("data.tick");
        return shown(&visitor, &Faults::one("understood", text));
    }
    let current = form.current_password.unwrap_or_default();
    let closed = portal
        .auth
        .delete_account(visitor.user.id, &current, &origin)
        .await;
    let faults = match closed {
        Ok(()) => return Ok(leave(&visitor.visit, "deleted")),
        Err(CloseAccountError::WrongCurrent) => Faults::wrong_password(language),
        Err(error) => Faults::of(error.into(), language, &[])?,
    };
    shown(&visitor, &faults)
}

fn shown(visitor: &Visitor, faults: &Faults) -> Result<Response, Problem> {
    let title = visitor.visit.say("data.title");
    let frame = Frame::of(visitor, Tab::Settings, title);
    faults.page(&DataPage {
        sections: sections(&frame, PATH),
        faults,
        id: visitor.user.id.to_string(),
        frame,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn data_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let frame = Frame::of(&visitor, Tab::Settings, "x".to_owned());
                let page = DataPage {
                    sections: sections(&frame, PATH),
                    faults: &Faults::one("understood", "x".to_owned()),
                    id: visitor.user.id.to_string(),
                    frame,
                };
                render(&format!("portal-data-{name}-{tag}"), &page);
            }
        }
    }
}
