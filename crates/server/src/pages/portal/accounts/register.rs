//! Opening an account: by whoever may, or by an invitation, whose link leads here.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::model::user::{Email, Locale, Username};
use tollgate_auth::{Login, Register, Registration};
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::Language;

use super::{Faults, enter};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::Frame;
use crate::pages::next::Next;
use crate::pages::visit::{Guest, Visit};

/// What the link of an invitation carries, and where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct RegisterParams {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

/// What was typed.
#[derive(Deserialize)]
pub(super) struct RegisterForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    username: String,
    password: Option<SecretString>,
}

#[derive(Template)]
#[template(path = "accounts_register.html")]
struct RegisterPage<'a> {
    frame: Frame,
    token: &'a str,
    next: &'a Next,
    email: &'a str,
    username: &'a str,
    faults: &'a Faults,
}

/// `GET /portal/register?token=…`
pub(super) async fn page(
    State(pages): State<AccountPages>,
    guest: Guest,
    Params(params): Params<RegisterParams>,
) -> Result<Response, Problem> {
    if guest.user.is_some() {
        // Where one who is signed in is led on.
        let next = Next::wherever(&params.next, &guest.visit.house);
        let on = format!("/portal/login?{}", next.query());
        return Ok(Redirect::to(&on).into_response());
    }
    may(&pages, &params.token)?;
    let form = RegisterForm {
        token: params.token,
        next: params.next,
        email: String::new(),
        username: String::new(),
        password: None,
    };
    shown(&guest.visit, &form, &Faults::default())
}

/// Whether there is anything to fill in.
fn may(pages: &AccountPages, token: &str) -> Result<(), Problem> {
    match pages.auth.registration() {
        Registration::Open => Ok(()),
        Registration::Invite if !token.is_empty() => Ok(()),
        Registration::Invite => Err(tollgate_auth::RegisterError::NotInvited.into()),
        Registration::Closed => Err(Problem::new(Code::RegistrationClosed)),
    }
}

/// `POST /portal/register`
pub(super) async fn register(
    State(pages): State<AccountPages>,
    visit: Visit,
    origin: Origin,
    headers: HeaderMap,
    Form(form): Form<RegisterForm>,
) -> Result<Response, Problem> {
    may(&pages, &form.token)?;
    match open(&pages, &visit, &form, &origin).await {
        Ok(()) => come_in(&pages, &visit, form, &origin, &headers).await,
        Err(problem) => {
            let fields = ["email", "username", "password"];
            let faults = Faults::of(problem, visit.language, &fields)?;
            shown(&visit, &form, &faults)
        }
    }
}

async fn open(
    pages: &AccountPages,
    visit: &Visit,
    form: &RegisterForm,
    origin: &Origin,
) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    let email = errors.take("/email", form.email.trim().parse::<Email>());
    let username = errors.take("/username", form.username.trim().parse::<Username>());
    errors.finish()?;
    let (Some(email), Some(username)) = (email, username) else {
        return Err(Problem::new(Code::Internal));
    };
    let wish = Register {
        email,
        username,
        password: form.password.clone().unwrap_or_default(),
        locale: match visit.language {
            Language::Zh => Locale::Zh,
            Language::En => Locale::En,
        },
        invite: Some(form.token.as_str().into()).filter(|_| !form.token.is_empty()),
    };
    pages.auth.register(&wish, origin).await?;
    Ok(())
}

/// Whoever has just chosen a password need not type it again.
async fn come_in(
    pages: &AccountPages,
    visit: &Visit,
    form: RegisterForm,
    origin: &Origin,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let wish = Login {
        email: Some(form.email.trim().to_owned()),
        username: None,
        password: form.password.unwrap_or_default(),
        device: pages.auth.device(headers),
    };
    let next = Next::wherever(&form.next, &visit.house).query();
    match pages.auth.login(&wish, origin).await {
        Ok(tokens) => {
            let welcome = format!("/portal/welcome?{next}");
            enter(&pages.auth, visit, &tokens, origin, &welcome).await
        }
        // The account is there: they sign in by themselves.
        Err(error) => {
            tracing::warn!(error = %error, "somebody new was not signed in");
            let login = format!("/portal/login?{next}");
            Ok(Redirect::to(&login).into_response())
        }
    }
}

fn shown(visit: &Visit, form: &RegisterForm, faults: &Faults) -> Result<Response, Problem> {
    faults.page(&RegisterPage {
        frame: Frame::plain(visit, visit.say("register.title")),
        token: &form.token,
        next: &Next::wherever(&form.next, &visit.house),
        email: &form.email,
        username: &form.username,
        faults,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, languages, render, visit};

    #[test]
    fn register_renders_from_its_samples() {
        for (tag, language) in languages() {
            let texts = [
                ("none", ""),
                ("long", LONG),
                ("long-zh", LONG_ZH),
                ("hostile", HOSTILE),
            ];
            for (name, text) in texts {
                let page = RegisterPage {
                    frame: Frame::plain(&visit(language), "x".to_owned()),
                    token: text,
                    next: &Next::default(),
                    email: text,
                    username: text,
                    faults: &Faults::one("username", text.to_owned()),
                };
                render(&format!("portal-register-{name}-{tag}"), &page);
            }
        }
    }
}
