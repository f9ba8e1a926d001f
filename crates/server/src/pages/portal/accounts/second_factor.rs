//! A second factor: set up by a picture and its first code, taken away by the password and a code.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tollgate_auth::{Enrolment, SecondFactorError};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Authority as _;
use tollgate_kernel::problem::{Code, Problem};

use super::{Faults, sections, typed};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

/// Under this the tab of the section is marked.
const SECTION: &str = "/portal/settings/security";
/// The side of the picture, in pixels.
const QR_PIXELS: u32 = 200;

/// What one of the forms sends.
#[derive(Deserialize)]
pub(super) struct FactorForm {
    /// Which: `begin`, `code`, `disable`.
    #[serde(default)]
    what: String,
    current_password: Option<SecretString>,
    code: Option<SecretString>,
}

/// How far it is.
enum Step<'a> {
    /// There is none.
    None { is_confirmed: bool },
    /// The picture, and the same as text.
    Picture { svg: &'a str, secret: &'a str },
    /// The picture was shown; its first code was not right.
    Code,
    /// It is set up: shown this once.
    Codes(&'a [String]),
    /// There is one.
    Some,
}

#[derive(Template)]
#[template(path = "accounts_second_factor.html")]
struct FactorPage<'a> {
    frame: Frame,
    sections: Vec<Link>,
    faults: &'a Faults,
    step: Step<'a>,
}

/// `GET /portal/settings/second-factor`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
) -> Result<Response, Problem> {
    now(&portal, &visitor, &caller, &Faults::default()).await
}

/// As it is now.
async fn now(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    faults: &Faults,
) -> Result<Response, Problem> {
    let step = if portal.auth.has_second_factor(visitor.user.id).await? {
        Step::Some
    } else {
        let is_confirmed = portal.auth.confirmed(caller).await.is_ok();
        Step::None { is_confirmed }
    };
    shown(visitor, step, faults)
}

/// `POST /portal/settings/second-factor`
pub(super) async fn act(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    Form(form): Form<FactorForm>,
) -> Result<Response, Problem> {
    match form.what.as_str() {
        "begin" => begin(&portal, &visitor, &caller, &form).await,
        "code" => first_code(&portal, &visitor, &caller, &form, &origin).await,
        "disable" => disable(&portal, &visitor, &caller, &form, &origin).await,
        _ => Err(Problem::new(Code::NotFound)),
    }
}

async fn begin(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    form: &FactorForm,
) -> Result<Response, Problem> {
    let language = visitor.visit.language;
    let password = typed(form.current_password.as_ref());
    if let Err(problem) = portal.auth.confirmed_by(caller, password).await {
        let faults = Faults::of_confirmed(problem, language, &[])?;
        return now(portal, visitor, caller, &faults).await;
    }
    let enrolment = match portal.auth.enrol(&visitor.user).await {
        Ok(enrolment) => enrolment,
        Err(error) => {
            let faults = Faults::of(error.into(), language, &[])?;
            return now(portal, visitor, caller, &faults).await;
        }
    };
    let svg = picture(&enrolment)?;
    let secret = grouped(enrolment.secret.expose_secret());
    let step = Step::Picture {
        svg: &svg,
        secret: &secret,
    };
    shown(visitor, step, &Faults::default())
}

async fn first_code(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    form: &FactorForm,
    origin: &Origin,
) -> Result<Response, Problem> {
    let language = visitor.visit.language;
    let code = form.code.clone().unwrap_or_default();
    let (user, kept) = (visitor.user.id, caller.session_id());
    let confirmed = portal
        .auth
        .confirm_second_factor(user, kept, &code, origin)
        .await;
    match confirmed {
        Ok(codes) => {
            let plain = |code: &SecretString| code.expose_secret().to_owned();
            let codes: Vec<String> = codes.iter().map(plain).collect();
            shown(visitor, Step::Codes(&codes), &Faults::default())
        }
        Err(SecondFactorError::Code) => {
            let text = visitor.visit.say("factor.wrong_code");
            shown(visitor, Step::Code, &Faults::one("code", text))
        }
        Err(SecondFactorError::TooMany(wait)) => {
            let faults = Faults::of(SecondFactorError::TooMany(wait).into(), language, &[])?;
            shown(visitor, Step::Code, &faults)
        }
        Err(error) => {
            let faults = Faults::of(error.into(), language, &[])?;
            now(portal, visitor, caller, &faults).await
        }
    }
}

async fn disable(
    portal: &AccountPages,
    visitor: &Visitor,
    caller: &Caller,
    form: &FactorForm,
    origin: &Origin,
) -> Result<Response, Problem> {
    let language = visitor.visit.language;
    let current = form.current_password.clone().unwrap_or_default();
    let code = form.code.clone().unwrap_or_default();
    let disabled = portal
        .auth
        .disable_second_factor(visitor.user.id, &current, &code, origin)
        .await;
    let faults = match disabled {
        Ok(()) => {
            return Ok(Redirect::to(&format!("{SECTION}?done=factor_off")).into_response());
        }
        Err(SecondFactorError::WrongPassword) => Faults::wrong_password(language),
        Err(SecondFactorError::Code) => Faults::one("code", visitor.visit.say("factor.wrong_code")),
        Err(error) => Faults::of(error.into(), language, &[])?,
    };
    now(portal, visitor, caller, &faults).await
}

/// For the camera; black on white in every theme.
fn picture(enrolment: &Enrolment) -> Result<String, Problem> {
    let code = QrCode::new(enrolment.otpauth_url.expose_secret()).map_err(|error| {
        tracing::error!(error = %error, "a second factor has no picture");
        Problem::new(Code::Internal)
    })?;
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_PIXELS, QR_PIXELS)
        .build();
    // In a page there is no head of a document of its own.
    let from = svg.find("<svg").unwrap_or_default();
    Ok(svg.get(from..).unwrap_or_default().to_owned())
}

/// `GEZD GNBV …`, for typing.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups = letters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(" ")
}

fn shown(visitor: &Visitor, step: Step<'_>, faults: &Faults) -> Result<Response, Problem> {
    let title = visitor.visit.say("factor.title");
    let frame = Frame::of(visitor, Tab::Settings, title);
    faults.page(&FactorPage {
        sections: sections(&frame, SECTION),
        faults,
        step,
        frame,
    })
}

#[cfg(test)]
mod samples {
    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{languages, render};

    #[test]
    fn second_factor_renders_from_its_samples() {
        let secret: String = "GEZDGNBVGY3TQOJQ".into();
        let enrolment = Enrolment {
            otpauth_url: format!("otpauth://totp/x:ann%40example.com?secret={secret}").into(),
            secret: secret.clone().into(),
        };
        let svg = picture(&enrolment).expect("a picture");
        assert!(svg.starts_with("<svg"), "{svg}");
        let codes: Vec<String> = (0..10).map(|at| format!("7K3MX-9QWR{at}")).collect();
        let [(_, user), ..] = people();
        for (tag, language) in languages() {
            let steps = [
                (
                    "none",
                    Step::None {
                        is_confirmed: false,
                    },
                ),
                (
                    "picture",
                    Step::Picture {
                        svg: &svg,
                        secret: &grouped(&secret),
                    },
                ),
                ("code", Step::Code),
                ("codes", Step::Codes(&codes)),
                ("some", Step::Some),
            ];
            for (name, step) in steps {
                let visitor = visitor(language, user.clone());
                let frame = Frame::of(&visitor, Tab::Settings, "x".to_owned());
                let page = FactorPage {
                    sections: sections(&frame, SECTION),
                    faults: &Faults::one("code", "x".to_owned()),
                    step,
                    frame,
                };
                render(&format!("portal-second-factor-{name}-{tag}"), &page);
            }
        }
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
