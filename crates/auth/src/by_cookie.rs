//! Who asks by the cookie of a browser: for a page, by it and by nothing else; for anything else only with the word that
//! the forms of the page carry, or where nothing is changed.

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use tollgate_kernel::problem::{Code, Problem};
use url::Url;

use crate::AuthService;
use crate::layers::{Identifies, IdentifyLayer};
use crate::methods::Presented;
use crate::model::page_key::PageKey;
use crate::operations::session::ABSOLUTE;
use crate::words::WORDS;

/// Bound to the host and to https by the browser itself (RFC 6265bis §4.1.3.2).
const SECURE: &str = "__Host-tollgate";
const PLAIN: &str = "tollgate";
/// Where a script of a page says the word that its forms carry: a page of another site cannot read it, nor send the header
/// without asking first.
const WORD: &str = "x-csrf-token";

/// Made by [`AuthService::identify_page`].
#[derive(Clone, Debug)]
pub struct ByCookie(AuthService);

impl Identifies for ByCookie {
    async fn presented(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        // A cookie that names nobody is nothing to complain of: the page asks to sign in.
        self.0.looking_by_page(request).await
    }

    fn stand_beside(&self, request: &mut Request) {
        self.0.stand_beside(request);
    }
}

impl AuthService {
    /// A layer that finds out who asks for a page. It believes the cookie only, whatever else is sent; whether a form is
    /// the house's own is for who reads it to ask ([`PageKey::wrote`]).
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use tollgate_auth::AuthService;
    ///
    /// fn pages(auth: &AuthService) -> Router {
    ///     let home = get(|| async { "a page" });
    ///     Router::new().route("/home", home).layer(auth.identify_page())
    /// }
    /// ```
    pub fn identify_page(&self) -> IdentifyLayer<ByCookie> {
        IdentifyLayer::of(ByCookie(self.clone()))
    }

    /// Who calls by the cookie of a page, with the word of its forms; `None`: no cookie, or it names nobody. For calls that
    /// show no other credential.
    ///
    /// ```
    /// # use axum::http::request::Parts;
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::problem::Problem;
    /// async fn is_a_script_of_ours(auth: &AuthService, request: &Parts) -> Result<bool, Problem> {
    ///     Ok(auth.presented_by_page(request).await?.is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// 403 for a cookie without its word, or of a page that is not of this house: browsers send it with whatever they are
    /// told to send. 503.
    pub async fn presented_by_page(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let headers = &request.headers;
        let Some(key) = PageKey::sent(headers, self.by_https()) else {
            return Ok(None);
        };
        let word = headers.get(WORD).and_then(|word| word.to_str().ok());
        let is_meant = word.is_some_and(|word| key.wrote(word));
        if !is_meant || !is_of_house(headers, &self.parts().config.issuer) {
            return Err(unmeant());
        }
        let caller = self.page_caller(&key).await?;
        Ok(caller.map(Presented::of))
    }

    /// Who looks at something by the cookie of a page, which is enough for what changes nothing; `None`: no cookie, or it
    /// names nobody. That nothing is changed is for the caller of this to know.
    ///
    /// ```
    /// # use axum::http::request::Parts;
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::problem::Problem;
    /// async fn may_look(auth: &AuthService, request: &Parts) -> Result<bool, Problem> {
    ///     Ok(request.method.is_safe() && auth.looking_by_page(request).await?.is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// 503.
    pub async fn looking_by_page(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let Some(key) = PageKey::sent(&request.headers, self.by_https()) else {
            return Ok(None);
        };
        let caller = self.page_caller(&key).await?;
        Ok(caller.map(Presented::of))
    }
}

fn unmeant() -> Problem {
    Problem::new(Code::CsrfFailed)
        .detail(WORDS.text("calls.cookie_alone"))
        .with("valid", false)
}

/// Whether a browser says that a page of this house sends this: one of `public_url`, or of the host that was called. Browsers
/// tell from where they send (Fetch Metadata §2.3, RFC 6454 §7); what tells nothing is no browser, and has nobody's cookie.
///
/// ```
/// use axum::http::HeaderMap;
/// use tollgate_auth::is_of_house;
///
/// let mut sent = HeaderMap::new();
/// assert!(is_of_house(&sent, "https://shop.example/app"));
/// sent.insert("origin", "https://shop.example".parse().unwrap());
/// assert!(is_of_house(&sent, "https://shop.example/app"));
/// sent.insert("origin", "https://evil.example".parse().unwrap());
/// assert!(!is_of_house(&sent, "https://shop.example/app"));
/// sent.insert("host", "evil.example".parse().unwrap());
/// assert!(is_of_house(&sent, "https://shop.example/app"));
/// ```
pub fn is_of_house(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    if !headers.contains_key(header::ORIGIN) {
        return true;
    }
    let origin = text(header::ORIGIN.as_str()).and_then(|origin| origin.parse::<Url>().ok());
    let Some(origin) = origin else {
        return false;
    };
    let public = public_url.parse::<Url>();
    if public.is_ok_and(|public| public.origin() == origin.origin()) {
        return true;
    }
    let sent = match (origin.host_str(), origin.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return false,
    };
    text(header::HOST.as_str()).is_some_and(|host| host.eq_ignore_ascii_case(&sent))
}

impl PageKey {
    /// The one that a browser sends. `secure`: the house is reached by https only.
    pub fn sent(headers: &HeaderMap, secure: bool) -> Option<Self> {
        cookie(headers, name(secure)).and_then(Self::parse)
    }

    /// `Set-Cookie` for the browser that is to send it (RFC 6265 §4.1.1). What it names ends by itself, in the database,
    /// and never later than the cookie.
    pub fn cookie(&self, secure: bool) -> Option<HeaderValue> {
        let only = if secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{only}",
            name(secure),
            self.text(),
            ABSOLUTE.as_secs(),
        ))
        .ok()
    }

    /// `Set-Cookie` for the browser that is to forget what it sends: its sign-in is over.
    pub fn no_cookie(secure: bool) -> Option<HeaderValue> {
        let only = if secure { "; Secure" } else { "" };
        let name = name(secure);
        let text = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{only}");
        HeaderValue::from_str(&text).ok()
    }
}

fn name(secure: bool) -> &'static str {
    if secure { SECURE } else { PLAIN }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
