//! Who asks for a page: told by the cookie of the browser, and by nothing else.

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use tollgate_kernel::problem::Problem;

use crate::AuthService;
use crate::layers::{Identifies, IdentifyLayer};
use crate::methods::Presented;
use crate::model::page_key::PageKey;
use crate::operations::session::ABSOLUTE;

/// Bound to the host and to https by the browser itself (RFC 6265bis §4.1.3.2).
const SECURE: &str = "__Host-tollgate";
const PLAIN: &str = "tollgate";

/// Made by [`AuthService::identify_page`].
#[derive(Clone, Debug)]
pub struct ByCookie(AuthService);

impl Identifies for ByCookie {
    async fn presented(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let Some(key) = PageKey::sent(&request.headers, self.0.by_https()) else {
            return Ok(None);
        };
        // A cookie that names nobody is nothing to complain of: the page asks to sign in.
        let caller = self.0.page_caller(&key).await?;
        Ok(caller.map(Presented::of))
    }

    fn stand_beside(&self, request: &mut Request) {
        self.0.stand_beside(request);
    }
}

impl AuthService {
    /// A layer that finds out who asks for a page. It believes the cookie only, whatever else is sent; whether a form is
    /// the house's own is for who reads it to ask ([`PageKey::wrote`]).
    pub fn identify_page(&self) -> IdentifyLayer<ByCookie> {
        IdentifyLayer::of(ByCookie(self.clone()))
    }
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
