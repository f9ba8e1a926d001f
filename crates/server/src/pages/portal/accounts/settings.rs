//! What somebody says of themselves: name, address, language; and how pages look to them.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::ProfileChange;
use tollgate_auth::model::user::{Email, Locale, User, Username};
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{FieldErrors, Problem};

use super::{Done, Faults, Told, done, sections};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

const PATH: &str = "/portal/settings";
const DONE: Done<3> = [
    ("saved", "settings.done_saved"),
    ("email_asked", "settings.done_email_asked"),
    ("sent", "settings.done_sent"),
];

/// What one of the forms of the page sends.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    /// Which: `profile`, `email`, `resend`.
    #[serde(default)]
    what: String,
    username: Option<String>,
    locale: Option<String>,
    email: Option<String>,
    current_password: Option<SecretString>,
}

#[derive(Template)]
#[template(path = "accounts_settings.html")]
struct SettingsPage<'a> {
    frame: Frame,
    sections: Vec<Link>,
    done: String,
    faults: &'a Faults,
    username: &'a str,
    email: &'a str,
    is_verified: bool,
    new_email: &'a str,
    locale: Locale,
}

/// `GET /portal/settings`
pub(super) async fn page(
    visitor: Visitor,
    Params(told): Params<Told>,
) -> Result<Response, Problem> {
    shown(&visitor, told.done.as_deref(), None, &Faults::default())
}

/// `POST /portal/settings`
pub(super) async fn save(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    origin: Origin,
    Form(form): Form<SettingsForm>,
) -> Result<Response, Problem> {
    if form.what == "resend" {
        portal.auth.resend_verification(&visitor.user).await?;
        return Ok(Redirect::to("/portal/settings?done=sent").into_response());
    }
    let done = if form.what == "email" {
        "email_asked"
    } else {
        "saved"
    };
    match change(&portal, &visitor.user, &form, &origin).await {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?done={done}")).into_response()),
        Err(problem) => {
            let fields = ["username", "locale", "email", "current_password"];
            let faults = Faults::of_confirmed(problem, visitor.visit.language, &fields)?;
            shown(&visitor, None, Some(&form), &faults)
        }
    }
}

async fn change(
    portal: &AccountPages,
    user: &User,
    form: &SettingsForm,
    origin: &Origin,
) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    // What stays as it is need not be a name that may be chosen today.
    let username = form.username.as_deref().map(str::trim);
    let username = username.filter(|name| *name != user.username);
    let username = username.map(str::parse::<Username>);
    let username = username.and_then(|parsed| errors.take("/username", parsed));
    let email = form
        .email
        .as_deref()
        .map(|text| text.trim().parse::<Email>());
    let email = email.and_then(|parsed| errors.take("/email", parsed));
    let locale = form.locale.as_deref().map(str::parse::<Locale>);
    let locale = locale.and_then(|parsed| errors.take("/locale", parsed));
    errors.finish()?;
    let change = ProfileChange {
        username,
        email,
        locale,
        current_password: form.current_password.clone(),
    };
    portal.auth.update_profile(user, &change, origin).await?;
    Ok(())
}

fn shown(
    visitor: &Visitor,
    told: Option<&str>,
    typed: Option<&SettingsForm>,
    faults: &Faults,
) -> Result<Response, Problem> {
    let title = visitor.visit.say("settings.title");
    let frame = Frame::of(visitor, Tab::Settings, title);
    let user = &visitor.user;
    let typed_name = typed.and_then(|form| form.username.as_deref());
    let typed_email = typed.and_then(|form| form.email.as_deref());
    faults.page(&SettingsPage {
        sections: sections(&frame, PATH),
        done: done(&frame, &DONE, told),
        faults,
        username: typed_name.unwrap_or(&user.username),
        email: &user.email,
        is_verified: user.email_verified_at.is_some(),
        new_email: typed_email.unwrap_or_default(),
        locale: user.locale,
        frame,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn settings_renders_from_its_samples() {
        for (tag, language) in languages() {
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let frame = Frame::of(&visitor, Tab::Settings, "x".to_owned());
                let page = SettingsPage {
                    sections: sections(&frame, PATH),
                    done: done(&frame, &DONE, Some("saved")),
                    faults: &Faults::one("username", visitor.user.username.clone()),
                    username: &visitor.user.username,
                    email: &visitor.user.email,
                    is_verified: name == "plain",
                    new_email: &visitor.user.email,
                    locale: visitor.user.locale,
                    frame,
                };
                let html = render(&format!("portal-settings-{name}-{tag}"), &page);
                assert!(html.contains("aria-invalid"), "{name}");
            }
        }
    }
}
