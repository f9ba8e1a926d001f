//! Where the links of letters and of the first start lead: an address is confirmed, a password chosen. Opening a page changes
//! nothing, since mail programs open links by themselves; the button does.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::{AdminError, ResetError, VerifyEmailError};
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use super::AccountPages;
use super::form::LinkForm;
use super::frame::Frame;
use super::visit::Visit;

/// What a link carries.
#[derive(Debug, Deserialize)]
pub(super) struct LinkParams {
    #[serde(default)]
    token: String,
}

/// What the button sends.
#[derive(Default, Deserialize)]
pub(super) struct Filled {
    token: String,
    #[serde(default)]
    new_password: String,
}

impl Filled {
    fn of(params: &LinkParams) -> Self {
        Self {
            token: params.token.clone(),
            ..Self::default()
        }
    }
}

/// What a page says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Done(&'static str),
    Failed(&'static str),
    /// And it may be tried again.
    Again,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: Frame,
    button: String,
    token: &'a str,
    takes_password: bool,
    has_form: bool,
    message: String,
    is_done: bool,
    /// What comes next.
    further: Option<(&'static str, String)>,
}

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Verify,
    Reset,
    SetUp,
}

impl Purpose {
    /// Where somebody goes on: who is done signs in; who is not gets another link.
    fn further(self, told: Told) -> Option<(&'static str, &'static str)> {
        match (told, self) {
            (Told::Done(_), _) => Some(("/portal/login", "login.title")),
            (Told::Failed(_), Self::Reset) => Some(("/portal/forgot", "link.another")),
            (Told::Failed(_), Self::Verify) => Some(("/portal/settings", "link.another")),
            _ => None,
        }
    }

    /// In the catalogue: the title, and what the button says.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Verify => ["link.verify_title", "link.verify_button"],
            Self::Reset => ["link.reset_title", "link.reset_title"],
            Self::SetUp => ["link.set_up_title", "link.reset_title"],
        }
    }
}

fn shown(
    visit: &Visit,
    purpose: Purpose,
    form: &Filled,
    told: Told,
    weak: Option<&str>,
) -> Result<Response, Problem> {
    let [title, button] = purpose.names();
    let further = purpose.further(told);
    let frame = Frame::plain(visit, visit.say(title));
    let message = match told {
        Told::Nothing => String::new(),
        Told::Done(name) | Told::Failed(name) => frame.say(name),
        Told::Again => weak.map_or_else(|| frame.say("link.busy"), str::to_owned),
    };
    super::page(&LinkPage {
        button: frame.say(button),
        token: &form.token,
        takes_password: purpose != Purpose::Verify,
        has_form: !matches!(told, Told::Done(_) | Told::Failed(_)),
        message,
        is_done: matches!(told, Told::Done(_)),
        further: further.map(|(href, name)| (href, frame.say(name))),
        frame,
    })
}

/// `GET /portal/verify?token=…`
pub(super) async fn verify_page(
    visit: Visit,
    Params(params): Params<LinkParams>,
) -> Result<Response, Problem> {
    shown(
        &visit,
        Purpose::Verify,
        &Filled::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /portal/verify`
pub(super) async fn verify(
    State(pages): State<AccountPages>,
    origin: Origin,
    visit: Visit,
    LinkForm(form): LinkForm<Filled>,
) -> Result<Response, Problem> {
    let token = SecretString::from(form.token.as_str());
    let told = match pages.auth.verify_email(&token, &origin).await {
        Ok(()) => Told::Done("link.verified"),
        Err(VerifyEmailError::Token) => Told::Failed("link.broken"),
        Err(VerifyEmailError::EmailTaken) => Told::Failed("link.taken"),
        Err(VerifyEmailError::Internal(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::new(Code::Internal)),
    };
    shown(&visit, Purpose::Verify, &form, told, None)
}

/// `GET /portal/reset?token=…`
pub(super) async fn reset_page(
    visit: Visit,
    Params(params): Params<LinkParams>,
) -> Result<Response, Problem> {
    shown(
        &visit,
        Purpose::Reset,
        &Filled::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /portal/reset`
pub(super) async fn reset(
    State(pages): State<AccountPages>,
    origin: Origin,
    visit: Visit,
    LinkForm(form): LinkForm<Filled>,
) -> Result<Response, Problem> {
    let token = SecretString::from(form.token.as_str());
    let password = SecretString::from(form.new_password.as_str());
    let set = pages.auth.reset_password(&token, &password, &origin).await;
    let mut weak = None;
    let told = match set {
        Ok(()) => Told::Done("link.reset"),
        Err(ResetError::Token) => Told::Failed("link.broken"),
        Err(ResetError::Weak(why)) => {
            weak = Some(why.detail());
            Told::Again
        }
        Err(ResetError::Busy(_)) => Told::Again,
        Err(ResetError::Internal(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::new(Code::Internal)),
    };
    let weak = weak.as_ref().map(|text| text.get(visit.language));
    shown(&visit, Purpose::Reset, &form, told, weak)
}

/// `GET /console/setup?token=…`
pub(super) async fn set_up_page(
    visit: Visit,
    Params(params): Params<LinkParams>,
) -> Result<Response, Problem> {
    shown(
        &visit,
        Purpose::SetUp,
        &Filled::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /console/setup`
pub(super) async fn set_up(
    State(pages): State<AccountPages>,
    origin: Origin,
    visit: Visit,
    LinkForm(form): LinkForm<Filled>,
) -> Result<Response, Problem> {
    let token = SecretString::from(form.token.as_str());
    let password = SecretString::from(form.new_password.as_str());
    let set = pages.auth.set_up_password(&token, &password, &origin).await;
    let mut weak = None;
    let told = match set {
        Ok(()) => Told::Done("link.set_up"),
        Err(AdminError::Weak(why)) => {
            weak = Some(why.detail());
            Told::Again
        }
        Err(AdminError::Busy(_)) => Told::Again,
        Err(AdminError::Internal(error)) => return Err(error.into()),
        Err(_) => Told::Failed("link.broken"),
    };
    let weak = weak.as_ref().map(|text| text.get(visit.language));
    shown(&visit, Purpose::SetUp, &form, told, weak)
}
