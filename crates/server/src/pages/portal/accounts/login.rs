//! Signing in: by a name and a password, and by a code where there is a second factor.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tollgate_auth::{Login, LoginError, Registration, SecondFactorError, cookie};
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::Problem;
use tollgate_payment::model::return_url;

use super::{Done, Faults, done, enter, with_cookies};
use crate::pages::AccountPages;
use crate::pages::POLICY;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Tab};
use crate::pages::next::Next;
use crate::pages::visit::{Guest, Visit};

const DONE: Done<2> = [
    ("signed_out", "login.done_signed_out"),
    ("deleted", "login.done_deleted"),
];

/// What a browser keeps that was led back to an application a moment ago.
const LED: &str = "tollgate-led";
const LED_SECONDS: u32 = 20;

/// Where somebody wants to go on, and what they did before.
#[derive(Debug, Deserialize)]
pub(super) struct LoginParams {
    #[serde(default)]
    next: String,
    done: Option<String>,
}

/// Either half of a sign-in.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    name: String,
    password: Option<SecretString>,
    /// Of the second half.
    challenge: Option<SecretString>,
    code: Option<SecretString>,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "accounts_login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a Next,
    name: &'a str,
    done: String,
    faults: &'a Faults,
    may_register: bool,
}

#[derive(Template)]
#[template(path = "accounts_login_code.html")]
struct CodePage<'a> {
    frame: Frame,
    next: &'a Next,
    challenge: &'a str,
    faults: &'a Faults,
}

/// Somebody who is signed in, and was sent here by an application again and again.
#[derive(Template)]
#[template(path = "accounts_login_on.html")]
struct OnPage<'a> {
    frame: Frame,
    next: &'a Next,
}

/// `GET /portal/login?next=…`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    guest: Guest,
    headers: HeaderMap,
    Params(params): Params<LoginParams>,
) -> Result<Response, Problem> {
    let next = Next::wherever(&params.next, &guest.visit.house);
    let Some(user) = guest.user else {
        let frame = Frame::plain(&guest.visit, title(&guest.visit));
        let done = done(&frame, &DONE, params.done.as_deref());
        return first(&portal, frame, &next, "", done, &Faults::default());
    };
    if !next.is_elsewhere() {
        return Ok(Redirect::to(next.as_str()).into_response());
    }
    if cookie(&headers, LED).is_none() {
        let back = Redirect::to(next.as_str()).into_response();
        return Ok(with_cookies(back, [led(guest.visit.house.secure)]));
    }
    // An application that sends everybody here whom it does not know got them back, and has sent them here again: they go
    // on by themselves, or they would go in a circle.
    let frame = Frame::plain(&guest.visit, title(&guest.visit)).with_account(&user, Tab::None);
    crate::pages::page(&OnPage { frame, next: &next })
}

fn led(secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{LED}=1; Path=/portal/login; Max-Age={LED_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

/// `POST /portal/login`
pub(super) async fn sign_in(
    State(portal): State<AccountPages>,
    visit: Visit,
    origin: Origin,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, Problem> {
    let next = Next::wherever(&form.next, &visit.house);
    let device = portal.auth.device(&headers);
    if let Some(challenge) = &form.challenge {
        let code = form.code.unwrap_or_default();
        let tokens = portal
            .auth
            .login_second_factor(challenge, &code, device.as_ref(), &origin)
            .await;
        return match tokens {
            Ok(tokens) => enter(&portal.auth, &visit, &tokens, &origin, next.as_str()).await,
            Err(error) => second_refused(&portal, &visit, &next, challenge, error),
        };
    }
    let wish = Login {
        email: None,
        username: Some(form.name.trim().to_owned()),
        password: form.password.unwrap_or_default(),
        device,
    };
    match portal.auth.login(&wish, &origin).await {
        Ok(tokens) => enter(&portal.auth, &visit, &tokens, &origin, next.as_str()).await,
        Err(LoginError::SecondFactor(challenge)) => {
            second(&visit, &next, &challenge, &Faults::default())
        }
        Err(error) => {
            let faults = Faults::of(error.into(), visit.language, &[])?;
            let frame = Frame::plain(&visit, title(&visit));
            first(&portal, frame, &next, &form.name, String::new(), &faults)
        }
    }
}

fn title(visit: &Visit) -> String {
    visit.say("login.title")
}

fn first(
    portal: &AccountPages,
    frame: Frame,
    next: &Next,
    name: &str,
    done: String,
    faults: &Faults,
) -> Result<Response, Problem> {
    let page = faults.page(&LoginPage {
        frame,
        next,
        name,
        done,
        faults,
        may_register: portal.auth.registration() != Registration::Closed,
    });
    page.map(|page| leading_to(next, page))
}

fn second(
    visit: &Visit,
    next: &Next,
    challenge: &SecretString,
    faults: &Faults,
) -> Result<Response, Problem> {
    let page = faults.page(&CodePage {
        frame: Frame::plain(visit, visit.say("login.code_title")),
        next,
        challenge: challenge.expose_secret(),
        faults,
    });
    page.map(|page| leading_to(next, page))
}

/// Back to the first half, if the second one cannot be tried again.
fn second_refused(
    portal: &AccountPages,
    visit: &Visit,
    next: &Next,
    challenge: &SecretString,
    error: SecondFactorError,
) -> Result<Response, Problem> {
    let again = matches!(
        error,
        SecondFactorError::Code | SecondFactorError::TooMany(_)
    );
    let faults = Faults::of(error.into(), visit.language, &[])?;
    if again {
        return second(visit, next, challenge, &faults);
    }
    let frame = Frame::plain(visit, title(visit));
    first(portal, frame, next, "", String::new(), &faults)
}

/// A browser follows the answer to a form only to where the policy lets forms go (CSP 3 §6.4.2).
fn leading_to(next: &Next, mut page: Response) -> Response {
    let origin = return_url::origin(next.as_str());
    let policy = origin.and_then(|origin| {
        let policy = POLICY.replace(
            "form-action 'self'",
            &format!("form-action 'self' {origin}"),
        );
        HeaderValue::try_from(policy).ok()
    });
    if let Some(policy) = policy {
        let headers = page.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    page
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, languages, render, visit};

    #[test]
    fn login_renders_from_its_samples() {
        let next = Next::of("/portal/usage?group=key");
        for (tag, language) in languages() {
            let texts = [
                ("none", ""),
                ("long", LONG),
                ("long-zh", LONG_ZH),
                ("hostile", HOSTILE),
            ];
            for (name, text) in texts {
                let frame = || Frame::plain(&visit(language), "x".to_owned());
                let page = LoginPage {
                    frame: frame(),
                    next: &next,
                    name: text,
                    done: text.to_owned(),
                    faults: &Faults::one("x", text.to_owned()),
                    may_register: true,
                };
                render(&format!("portal-login-{name}-{tag}"), &page);
                let page = CodePage {
                    frame: frame(),
                    next: &next,
                    challenge: text,
                    faults: &Faults::default(),
                };
                render(&format!("portal-login-code-{name}-{tag}"), &page);
            }
            for (name, user) in people() {
                let visitor = visitor(language, user);
                let frame = Frame::of(&visitor, Tab::None, "x".to_owned());
                let page = OnPage { frame, next: &next };
                render(&format!("portal-login-on-{name}-{tag}"), &page);
            }
        }
    }
}
