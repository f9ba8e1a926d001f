//! Header → caller. A further method is a file here and a line in [`present`].

mod api_key;
pub(crate) mod bearer;

use axum::http::{HeaderMap, HeaderValue, header};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};

use crate::AuthService;

/// Who asks, and what the credential itself said: kept beside the request for `GET /verify`.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    pub(crate) caller: Caller,
    /// Of an access token.
    pub(crate) issued_at: Option<Timestamp>,
    /// `None`: never.
    pub(crate) expires_at: Option<Timestamp>,
}

impl AuthService {
    /// Who asks, by the credential in the headers; `None`: there is none.
    ///
    /// # Errors
    /// A credential that is not good (401, with `valid: false`), or two different ones (400).
    pub async fn identify_headers(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let presented = present(self, headers).await?;
        Ok(presented.map(|presented| presented.caller))
    }
}

pub(crate) async fn present(
    service: &AuthService,
    headers: &HeaderMap,
) -> Result<Option<Presented>, Problem> {
    let found = match credential(headers, &service.parts().config.api_key_prefix)? {
        None => return Ok(None),
        Some(Credential::ApiKey(key)) => api_key::identify(service, key).await,
        Some(Credential::Token(token)) => bearer::identify(service, token).await,
    };
    found
        .map(Some)
        .map_err(|problem| match problem.code().status() {
            401 => problem.with("valid", false),
            _ => problem,
        })
}

#[derive(Clone, Copy)]
enum Credential<'a> {
    /// An access token, or what passes itself off as one.
    Token(&'a [u8]),
    /// By its prefix, or because it came as `X-API-Key`.
    ApiKey(&'a [u8]),
}

/// The one credential of a request. Other schemes than Bearer are not ours to judge, but two
/// `Authorization` headers that differ leave open which of them was meant.
fn credential<'a>(headers: &'a HeaderMap, prefix: &str) -> Result<Option<Credential<'a>>, Problem> {
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
