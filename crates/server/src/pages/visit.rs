//! One visit to a page: in which language and theme, by which browser. Around every page lies a layer that finds this
//! out, keeps what the address chose, and shows a refusal as a page.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware;
use axum::response::Response;
use tollgate_auth::cookie;
use tollgate_auth::model::page_key::PageKey;
use tollgate_auth::model::user::{Locale, User};
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;
use url::{Position, Url};

use super::next::Next;
use super::{House, failure};
use crate::words::WORDS;

const LANGUAGE: &str = "tollgate-lang";
const THEME: &str = "tollgate-theme";
/// A year.
const KEPT_SECONDS: u32 = 31_536_000;

/// How pages look. `System`: as the device does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word)
    }

    /// As in `data-theme`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What is known of a visit before anybody asks who it is.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) house: House,
    pub(super) language: Language,
    /// By the address or a cookie: then the account's own does not count.
    is_chosen: bool,
    pub(super) theme: Theme,
    key: PageKey,
    /// Path and query.
    pub(super) here: Uri,
    /// Where somebody who has to be sent elsewhere first goes on: here, or where the form was that they sent.
    pub(super) back: Next,
    pub(super) request_id: Option<String>,
}

impl Visit {
    /// What pages say, in its language.
    pub(super) fn words(&self) -> Spoken {
        WORDS.spoken(self.language)
    }

    /// A sentence.
    pub(super) fn say(&self, name: &str) -> String {
        self.words().say(name)
    }

    /// What forms carry.
    pub(super) fn form_word(&self) -> String {
        self.key.form_word()
    }

    /// Whether a form was written for this browser.
    pub(super) fn wrote(&self, word: &str) -> bool {
        self.key.wrote(word)
    }

    /// In the language of the account, unless another was chosen.
    pub(super) fn by(mut self, user: &User) -> Self {
        if !self.is_chosen {
            self.language = match user.locale {
                Locale::Zh => Language::Zh,
                Locale::En => Language::En,
            };
        }
        self
    }

    /// The same address with `name=value` in its query.
    pub(super) fn here_with(&self, name: &str, value: &str) -> String {
        let query = self.here.query().unwrap_or_default();
        let kept = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known != name);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair(name, value)
            .finish();
        format!("?{query}")
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    /// # Panics
    /// Outside of the layer; no page is.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let visit = parts.extensions.get::<Self>();
        Ok(visit.expect("every page lies inside of the layer").clone())
    }
}

fn asked<'a>(uri: &'a Uri, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn language(word: &str) -> Option<Language> {
    match word {
        "zh" | "zh-CN" => Some(Language::Zh),
        "en" => Some(Language::En),
        _ => None,
    }
}

/// A choice that the browser keeps; nothing secret.
fn kept(name: &str, value: &str, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={KEPT_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

/// On which page of this house a form was; browsers tell it to the same house (Referrer Policy §3.2).
fn from(headers: &HeaderMap) -> Next {
    let referrer = headers
        .get(header::REFERER)
        .and_then(|url| url.to_str().ok());
    let url = referrer.and_then(|url| url.parse::<Url>().ok());
    url.map_or_else(Next::default, |url| {
        Next::of(&url[Position::BeforePath..Position::AfterQuery])
    })
}

/// Goes around every page.
pub(super) async fn layer(
    State(house): State<House>,
    mut request: Request,
    next: middleware::Next,
) -> Response {
    let headers = request.headers();
    let uri = request.uri().clone();
    let by_address = asked(&uri, "lang").and_then(|word| language(&word));
    let theme_by_address = asked(&uri, "theme").and_then(|word| Theme::of(&word));
    let chosen = by_address.or_else(|| cookie(headers, LANGUAGE).and_then(language));
    let browser = request.extensions().get::<Language>().copied();
    let key = PageKey::sent(headers, house.secure);
    let is_new = key.is_none();
    let request_id = request
        .extensions()
        .get()
        .map(|tollgate_kernel::origin::ExchangeId(id)| id.to_string());
    let visit = Visit {
        language: chosen.or(browser).unwrap_or_default(),
        is_chosen: chosen.is_some(),
        theme: theme_by_address
            .or_else(|| cookie(headers, THEME).and_then(Theme::of))
            .unwrap_or_default(),
        key: key.unwrap_or_else(|| PageKey::random(&house.entropy)),
        back: if request.method().is_safe() {
            Next::of(uri.path_and_query().map_or("", |here| here.as_str()))
        } else {
            from(request.headers())
        },
        here: uri,
        request_id,
        house,
    };
    request.extensions_mut().insert(visit.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = failure::page(&visit, &problem)
            .unwrap_or_else(axum::response::IntoResponse::into_response);
        response.headers_mut().extend(kept_of(&headers));
    }
    let secure = visit.house.secure;
    let cookies = [
        is_new
            .then(|| visit.key.cookie(visit.house.secure))
            .flatten(),
        by_address.and_then(|language| kept(LANGUAGE, language.tag(), secure)),
        theme_by_address.and_then(|theme| kept(THEME, theme.as_str(), secure)),
    ];
    let headers = response.headers_mut();
    // A sign-in or its end has put a cookie of its own there.
    let signed = headers.contains_key(header::SET_COOKIE);
    for (at, cookie) in cookies.into_iter().enumerate() {
        if let Some(cookie) = cookie.filter(|_| at > 0 || !signed) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// What a refusal has besides its words.
fn kept_of(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::SET_COOKIE, header::RETRY_AFTER] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Somebody who signed in, as they are now: others are sent to sign in and come back.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) visit: Visit,
    pub(super) user: User,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(visit) = Visit::from_request_parts(parts, state).await;
        let tollgate_auth::CurrentUser(user) =
            tollgate_auth::CurrentUser::from_request_parts(parts, state).await?;
        let visit = visit.by(&user);
        // What refuses further in is told in their language.
        parts.extensions.insert(visit.clone());
        Ok(Self { visit, user })
    }
}

/// Somebody, who may have signed in.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) visit: Visit,
    pub(super) user: Option<User>,
}

impl<S: Sync> FromRequestParts<S> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Visitor::from_request_parts(parts, state).await {
            Ok(Visitor { visit, user }) => Ok(Self {
                visit,
                user: Some(user),
            }),
            Err(problem) if problem.code().status() == 401 => {
                let Ok(visit) = Visit::from_request_parts(parts, state).await;
                Ok(Self { visit, user: None })
            }
            Err(problem) => Err(problem),
        }
    }
}

#[cfg(test)]
impl Visit {
    /// A visit that nobody made.
    pub(super) fn sample(house: House, language: Language, theme: Theme) -> Self {
        Self {
            key: PageKey::random(&house.entropy),
            house,
            language,
            is_chosen: true,
            theme,
            here: Uri::from_static("/portal"),
            back: Next::default(),
            request_id: Some("0197".to_owned()),
        }
    }
}
