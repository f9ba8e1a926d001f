//! Where the links of letters and of the first start lead: an address is confirmed, a password chosen. Opening a page changes
//! nothing, since mail programs open links by themselves; the button does.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;
use tollgate_auth::model::user::Locale;
use tollgate_auth::{AdminError, Register, RegisterError, ResetError, VerifyEmailError};
use tollgate_kernel::input::{JsonOrForm, Params};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;

use super::{AccountPages, language_of};

/// What a link carries.
#[derive(Debug, Deserialize)]
pub(super) struct LinkParams {
    #[serde(default)]
    token: String,
    lang: Option<String>,
}

/// What the button sends.
#[derive(Default, Deserialize)]
pub(super) struct LinkForm {
    token: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    username: String,
}

impl LinkForm {
    fn of(params: &LinkParams) -> Self {
        Self {
            token: params.token.clone(),
            ..Self::default()
        }
    }
}

/// The words of the pages.
struct Words {
    sandbox: &'static str,
    verify_title: &'static str,
    verify_button: &'static str,
    verified: &'static str,
    taken: &'static str,
    reset_title: &'static str,
    reset_button: &'static str,
    reset: &'static str,
    register_title: &'static str,
    registered: &'static str,
    taken_name: &'static str,
    not_invited: &'static str,
    bad_account: &'static str,
    email: &'static str,
    username: &'static str,
    set_up_title: &'static str,
    set_up: &'static str,
    new_password: &'static str,
    rules: &'static str,
    broken: &'static str,
    busy: &'static str,
    other_language: &'static str,
    other_tag: &'static str,
}

const ZH: Words = Words {
    sandbox: "沙箱环境，不产生真实扣款",
    verify_title: "确认邮箱",
    verify_button: "确认这是我的邮箱",
    verified: "邮箱已确认，可以关闭此页",
    taken: "该邮箱已被其他账号使用",
    reset_title: "设置新密码",
    reset_button: "设置新密码",
    reset: "新密码已生效，其他设备均已退出，请重新登录",
    register_title: "注册账号",
    registered: "注册成功，现在可以登录",
    taken_name: "该用户名已被使用",
    not_invited: "此邀请不适用于该邮箱，或已过期",
    bad_account: "邮箱无效，或用户名不是 3 至 32 个字母、数字和 _ - .",
    email: "收到邀请的邮箱",
    username: "用户名",
    set_up_title: "设置管理员密码",
    set_up: "密码已设置，现在可以用它登录",
    new_password: "新密码",
    rules: "8 至 128 个字符，不要使用常见密码",
    broken: "链接无效或已过期，请重新申请",
    busy: "当前请求过多，请稍后再试",
    other_language: "English",
    other_tag: "en",
};

const EN: Words = Words {
    sandbox: "Sandbox: no real money",
    verify_title: "Confirm your e-mail address",
    verify_button: "Yes, this address is mine",
    verified: "The address is confirmed. You may close this page.",
    taken: "Another account has this address by now.",
    reset_title: "Choose a new password",
    reset_button: "Set the new password",
    reset: "The new password is set and every other device is signed out. Sign in again.",
    register_title: "Create your account",
    registered: "Your account is ready. Sign in with it.",
    taken_name: "Somebody has this user name.",
    not_invited: "The invitation is not for this address, or is too old.",
    bad_account: "Not an e-mail address, or not a user name of 3 to 32 letters, digits and _ - .",
    email: "E-mail address that was invited",
    username: "User name",
    set_up_title: "Choose the admin's password",
    set_up: "The password is set. Sign in with it.",
    new_password: "New password",
    rules: "8 to 128 characters, and not a common password",
    broken: "The link does not work or is too old. Ask for a new one.",
    busy: "Too many requests right now. Try again in a moment.",
    other_language: "中文",
    other_tag: "zh",
};

/// What a page says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Done(&'static str),
    Failed(&'static str),
    /// And it may be tried again.
    Again,
    /// This, and it may be tried again.
    Amiss(&'static str),
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    words: &'a Words,
    tag: &'static str,
    sandbox: bool,
    title: &'static str,
    button: &'static str,
    token: &'a str,
    /// What was typed, where an account is opened.
    account: Option<(&'a str, &'a str)>,
    takes_password: bool,
    has_form: bool,
    message: String,
    state: &'static str,
}

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Verify,
    Reset,
    Register,
    SetUp,
}

/// Who is told, in which language.
struct Reader {
    language: Language,
    words: &'static Words,
    sandbox: bool,
}

impl Reader {
    fn of(
        pages: &AccountPages,
        params: &LinkParams,
        language: Option<Extension<Language>>,
    ) -> Self {
        let language = language_of(params.lang.as_deref(), language);
        let words = match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        };
        Self {
            language,
            words,
            sandbox: pages.sandbox,
        }
    }

    fn page(
        &self,
        purpose: Purpose,
        form: &LinkForm,
        told: Told,
        weak: Option<&str>,
    ) -> Result<Response, Problem> {
        let words = self.words;
        let (title, button) = match purpose {
            Purpose::Verify => (words.verify_title, words.verify_button),
            Purpose::Reset => (words.reset_title, words.reset_button),
            Purpose::Register => (words.register_title, words.register_title),
            Purpose::SetUp => (words.set_up_title, words.reset_button),
        };
        let (state, message) = match told {
            Told::Nothing => ("", ""),
            Told::Done(message) => ("completed", message),
            Told::Failed(message) => ("failed", message),
            Told::Again => ("failed", weak.unwrap_or(words.busy)),
            Told::Amiss(message) => ("failed", message),
        };
        super::page(&LinkPage {
            words,
            tag: self.language.tag(),
            sandbox: self.sandbox,
            title,
            button,
            token: &form.token,
            account: (purpose == Purpose::Register).then_some((&form.email, &form.username)),
            takes_password: purpose != Purpose::Verify,
            has_form: !matches!(told, Told::Done(_) | Told::Failed(_)),
            message: message.to_owned(),
            state,
        })
    }
}

/// `GET /portal/verify?token=…`
pub(super) async fn verify_page(
    State(pages): State<AccountPages>,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
) -> Result<Response, Problem> {
    Reader::of(&pages, &params, language).page(
        Purpose::Verify,
        &LinkForm::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /portal/verify`
pub(super) async fn verify(
    State(pages): State<AccountPages>,
    origin: Origin,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
    JsonOrForm { value: form, .. }: JsonOrForm<LinkForm>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let token = SecretString::from(form.token.as_str());
    let told = match pages.auth.verify_email(&token, &origin).await {
        Ok(()) => Told::Done(reader.words.verified),
        Err(VerifyEmailError::Token) => Told::Failed(reader.words.broken),
        Err(VerifyEmailError::EmailTaken) => Told::Failed(reader.words.taken),
        Err(VerifyEmailError::Internal(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::new(Code::Internal)),
    };
    reader.page(Purpose::Verify, &form, told, None)
}

/// `GET /portal/reset?token=…`
pub(super) async fn reset_page(
    State(pages): State<AccountPages>,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
) -> Result<Response, Problem> {
    Reader::of(&pages, &params, language).page(
        Purpose::Reset,
        &LinkForm::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /portal/reset`
pub(super) async fn reset(
    State(pages): State<AccountPages>,
    origin: Origin,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
    JsonOrForm { value: form, .. }: JsonOrForm<LinkForm>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let token = SecretString::from(form.token.as_str());
    let password = SecretString::from(form.new_password.as_str());
    let set = pages.auth.reset_password(&token, &password, &origin).await;
    let mut weak = None;
    let told = match set {
        Ok(()) => Told::Done(reader.words.reset),
        Err(ResetError::Token) => Told::Failed(reader.words.broken),
        Err(ResetError::Weak(why)) => {
            weak = Some(why.detail());
            Told::Again
        }
        Err(ResetError::Busy(_)) => Told::Again,
        Err(ResetError::Internal(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::new(Code::Internal)),
    };
    let weak = weak.as_ref().map(|text| text.get(reader.language));
    reader.page(Purpose::Reset, &form, told, weak)
}

/// `GET /portal/register?token=…`
pub(super) async fn register_page(
    State(pages): State<AccountPages>,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let form = LinkForm::of(&params);
    reader.page(Purpose::Register, &form, Told::Nothing, None)
}

/// `POST /portal/register`
pub(super) async fn register(
    State(pages): State<AccountPages>,
    origin: Origin,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
    JsonOrForm { value: form, .. }: JsonOrForm<LinkForm>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let words = reader.words;
    let (Ok(email), Ok(username)) = (form.email.parse(), form.username.parse()) else {
        return reader.page(
            Purpose::Register,
            &form,
            Told::Amiss(words.bad_account),
            None,
        );
    };
    let wish = Register {
        email,
        username,
        password: form.new_password.as_str().into(),
        locale: match reader.language {
            Language::Zh => Locale::Zh,
            Language::En => Locale::En,
        },
        invite: Some(form.token.as_str().into()).filter(|_| !form.token.is_empty()),
    };
    let mut weak = None;
    let told = match pages.auth.register(&wish, &origin).await {
        Ok(_) => Told::Done(words.registered),
        Err(RegisterError::Weak(why)) => {
            weak = Some(why.detail());
            Told::Again
        }
        Err(RegisterError::EmailTaken) => Told::Amiss(words.taken),
        Err(RegisterError::UsernameTaken) => Told::Amiss(words.taken_name),
        Err(RegisterError::Closed | RegisterError::NotInvited) => Told::Amiss(words.not_invited),
        Err(RegisterError::Busy(_) | RegisterError::TooMany(_)) => Told::Again,
        Err(RegisterError::Internal(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::new(Code::Internal)),
    };
    let weak = weak.as_ref().map(|text| text.get(reader.language));
    reader.page(Purpose::Register, &form, told, weak)
}

/// `GET /console/setup?token=…`
pub(super) async fn set_up_page(
    State(pages): State<AccountPages>,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
) -> Result<Response, Problem> {
    Reader::of(&pages, &params, language).page(
        Purpose::SetUp,
        &LinkForm::of(&params),
        Told::Nothing,
        None,
    )
}

/// `POST /console/setup`
pub(super) async fn set_up(
    State(pages): State<AccountPages>,
    origin: Origin,
    Params(params): Params<LinkParams>,
    language: Option<Extension<Language>>,
    JsonOrForm { value: form, .. }: JsonOrForm<LinkForm>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let token = SecretString::from(form.token.as_str());
    let password = SecretString::from(form.new_password.as_str());
    let set = pages.auth.set_up_password(&token, &password, &origin).await;
    let mut weak = None;
    let told = match set {
        Ok(()) => Told::Done(reader.words.set_up),
        Err(AdminError::Weak(why)) => {
            weak = Some(why.detail());
            Told::Again
        }
        Err(AdminError::Busy(_)) => Told::Again,
        Err(AdminError::Internal(error)) => return Err(error.into()),
        Err(_) => Told::Failed(reader.words.broken),
    };
    let weak = weak.as_ref().map(|text| text.get(reader.language));
    reader.page(Purpose::SetUp, &form, told, weak)
}
