//! A request → who asks. A further method is a file with a type that is a [`Method`], and a line where
//! the service is built.

pub(crate) mod api_key;
pub(crate) mod bearer;

use std::fmt;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::origin::ClientAddress;
use tollgate_kernel::problem::{Code, Problem};

pub(crate) use self::api_key::Held;
use crate::AuthService;

/// Who asks, and what the credential itself said: kept beside the request for `GET /verify`.
///
/// ```
/// # use tollgate_auth::Presented;
/// # use tollgate_kernel::{caller::Caller, clock::Timestamp, ids::UserId};
/// fn of_badge(user_id: UserId, ends: Timestamp) -> Presented {
///     let caller = Caller::User { user_id, session_id: None };
///     Presented { expires_at: Some(ends), ..Presented::of(caller) }
/// }
/// let user: UserId = "0198f0a0-0000-7000-8000-000000000001".parse().unwrap();
/// let presented = of_badge(user, Timestamp::EPOCH);
/// assert_eq!(presented.caller.user_id(), Some(user));
/// assert_eq!((presented.issued_at, presented.expires_at), (None, Some(Timestamp::EPOCH)));
/// ```
#[derive(Clone, Debug)]
pub struct Presented {
    /// Who.
    pub caller: Caller,
    /// Of a token; what the person ended since counts against it.
    pub issued_at: Option<Timestamp>,
    /// Of the credential; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl Presented {
    /// A caller whose credential says nothing of times.
    pub fn of(caller: Caller) -> Self {
        Self {
            caller,
            issued_at: None,
            expires_at: None,
        }
    }
}

/// A way to show who asks, beside access tokens and API keys.
///
/// ```
/// use axum::http::request::Parts;
/// use tollgate_auth::{Method, Presented};
/// use tollgate_kernel::caller::Caller;
/// use tollgate_kernel::problem::{Code, Problem};
///
/// /// A proxy in front has signed them in, and says so in a header that it takes off strangers.
/// #[derive(Debug)]
/// struct ByProxy;
///
/// #[async_trait::async_trait]
/// impl Method for ByProxy {
///     async fn identify(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
///         let Some(said) = request.headers.get("x-signed-in") else {
///             return Ok(None);
///         };
///         let user = said.to_str().ok().and_then(|text| text.parse().ok());
///         let user_id = user.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
///         Ok(Some(Presented::of(Caller::User { user_id, session_id: None })))
///     }
/// }
/// ```
#[async_trait]
pub trait Method: Send + Sync + fmt::Debug {
    /// Looks for the method's credential in a request. `None`: it is not there, and others may look.
    ///
    /// # Errors
    /// The credential is there and is not good: a 401, which ends the request, also on routes that take
    /// none. Never let it pass as "not there".
    async fn identify(&self, request: &Parts) -> Result<Option<Presented>, Problem>;
}

/// Access tokens and API keys, which the house itself gives out.
#[derive(Clone, Debug)]
struct House<'a>(&'a AuthService);

#[async_trait]
impl Method for House<'_> {
    async fn identify(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let House(service) = self;
        match credential(&request.headers, &service.parts().config.api_key_prefix)? {
            None => Ok(None),
            Some(Credential::ApiKey(key)) => {
                let from = request.extensions.get();
                let from = from.map(|ClientAddress(address)| *address);
                api_key::identify(service, key, from).await.map(Some)
            }
            Some(Credential::Token(token)) => bearer::identify(service, token).await.map(Some),
        }
    }
}

impl AuthService {
    /// What a request shows of who asks, by any method; `None`: no credential. The cookie of a page is none: it is believed
    /// where [`presented_by_page`](Self::presented_by_page) is asked too, as the layer of [`identify`](Self::identify) does.
    ///
    /// ```
    /// # use axum::http::request::Parts;
    /// # use tollgate_auth::{AuthService, Verified};
    /// # use tollgate_kernel::problem::{Code, Problem};
    /// /// Who asks, as they are now: a signed-out device is refused at once.
    /// async fn check(auth: &AuthService, request: &Parts) -> Result<Verified, Problem> {
    ///     let presented = auth.presented(request).await?;
    ///     let presented = presented.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    ///     auth.verify(&presented).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`identify_request`](Self::identify_request).
    pub async fn presented(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let bad = |problem: Problem| match problem.code().status() {
            401 => problem.with("valid", false),
            _ => problem,
        };
        let mut found = House(self).identify(request).await.map_err(bad)?;
        for method in &self.parts().methods {
            let other = method.identify(request).await.map_err(bad)?;
            match (&found, &other) {
                // Two that name one caller are one.
                (Some(first), Some(second)) if first.caller != second.caller => {
                    return Err(Problem::new(Code::TwoCredentials));
                }
                (None, Some(_)) => found = other,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Who asks, by any method; `None`: no credential.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use axum::{body::Body, http::Request};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
    /// # let mut config = AuthConfig::new("https://shop.example");
    /// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
    /// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
    /// # let auth = builder.weak_hashing_for_tests().build().await?;
    /// let (request, _) = Request::get("/").body(Body::empty())?.into_parts();
    /// assert_eq!(auth.identify_request(&request).await.ok(), Some(None));
    ///
    /// let both = Request::get("/").header("X-API-Key", "one").header("Authorization", "Bearer another");
    /// let (request, _) = both.body(Body::empty())?.into_parts();
    /// let problem = auth.identify_request(&request).await.unwrap_err();
    /// assert_eq!(problem.code().status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A credential that is not good (401, with `valid: false`), or two different ones (400).
    pub async fn identify_request(&self, request: &Parts) -> Result<Option<Caller>, Problem> {
        let presented = self.presented(request).await?;
        Ok(presented.map(|presented| presented.caller))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// An access token, or what passes itself off as one.
    Token(&'a [u8]),
    /// By its prefix, or because it came as `X-API-Key`.
    ApiKey(&'a [u8]),
}

/// The one credential of a request. Other schemes than Bearer are not ours to judge, but two
/// `Authorization` headers that differ leave open which of them was meant.
pub(crate) fn credential<'a>(
    headers: &'a HeaderMap,
    prefix: &str,
) -> Result<Option<Credential<'a>>, Problem> {
    let authorization = one(headers, header::AUTHORIZATION.as_str())?;
    let bearer = authorization.and_then(bearer_token);
    let api_key = one(headers, "x-api-key")?.map(|value| value.as_bytes().trim_ascii());
    match (bearer, api_key) {
        (Some(bearer), Some(key)) if bearer != key => Err(Problem::new(Code::TwoCredentials)),
        (_, Some(key)) => Ok(Some(Credential::ApiKey(key))),
        (Some(bearer), None) => {
            let is_key = bearer
                .strip_prefix(prefix.as_bytes())
                .is_some_and(|rest| rest.starts_with(b"_"));
            Ok(Some(if is_key {
                Credential::ApiKey(bearer)
            } else {
                Credential::Token(bearer)
            }))
        }
        (None, None) => Ok(None),
    }
}

/// The value of a header that may be sent twice, if it says the same twice.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.any(|other| Some(other) != first) {
        return Err(Problem::new(Code::TwoCredentials));
    }
    Ok(first)
}

/// What follows `Bearer`; nothing at all is a credential too, and a bad one.
fn bearer_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = value.as_bytes().split_at_checked(6)?;
    let delimited = rest.is_empty() || rest.starts_with(b" ");
    (delimited && scheme.eq_ignore_ascii_case(b"bearer")).then(|| rest.trim_ascii())
}
