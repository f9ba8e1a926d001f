//! `/auth/forward`: a proxy asks whether a call may pass (nginx `auth_request`, Traefik `forwardAuth`, Caddy
//! `forward_auth`, Envoy `ext_authz`). The call's own headers show who asks; the address says what is asked of them.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use form_urlencoded::byte_serialize;
use serde_json::json;
use tollgate_auth::{Presented, Verified};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::Consume;

use super::Tollgates;
use super::policy::{Call, PATH, Policy};
use crate::words::WORDS;

const ERROR: HeaderName = HeaderName::from_static("x-auth-error");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

/// What a check answers by.
#[derive(Clone, Debug)]
struct Check {
    tollgates: Tollgates,
    public_url: String,
}

/// The routes of the check. Outside the layers that are there for browsers: a pre-flight request is a call like any
/// other here.
pub(crate) fn router(tollgates: Tollgates, public_url: &str) -> Router {
    let check = Check {
        tollgates,
        public_url: public_url.to_owned(),
    };
    Router::new()
        .route(PATH, any(forward))
        .route(&format!("{PATH}/"), any(forward))
        .route(&format!("{PATH}/{{*behind}}"), any(forward))
        .with_state(check)
}

async fn forward(State(check): State<Check>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let policy = match Policy::read(&parts.uri) {
        Ok(policy) => policy,
        Err(fault) => {
            tracing::error!(
                address = parts.uri.path(),
                query = parts.uri.query(),
                fault = %fault,
                "a proxy asks by a policy that cannot be one: it lets nobody in"
            );
            let invalid = Problem::invalid(
                "/policy",
                "invalid_policy",
                WORDS.text_with("problem.policy", &[("fault", &fault)]),
            );
            return refused(invalid, &Policy::default());
        }
    };
    if policy.allow_options && asked_method(&parts) == Method::OPTIONS.as_str() {
        return StatusCode::OK.into_response();
    }
    match check.decide(&parts, &policy).await {
        Ok(headers) => (headers, Body::empty()).into_response(),
        Err(problem) if policy.login && is_sign_in(&problem) && is_page(&parts) => {
            check.to_login(&parts.headers)
        }
        Err(problem) => refused(problem, &policy),
    }
}

impl Check {
    async fn decide(&self, parts: &Parts, policy: &Policy) -> Result<HeaderMap, Problem> {
        let caller = self.caller(parts).await?;
        let (verified, identity) = self.tollgates.admit(caller, &policy.demands).await?;
        let mut told = HeaderMap::new();
        match &policy.call {
            Some(call) => self.take(&verified, call, &mut told).await?,
            None => self.announce_first_meter(&verified, &mut told).await?,
        }
        identity.write(&mut told);
        Ok(told)
    }

    /// Who calls: by a credential of the call itself, or in a browser that signed in here. The browser sends its cookie with
    /// whatever another site has it send, so a call that may change something carries the word of a page too.
    async fn caller(&self, parts: &Parts) -> Result<Option<Presented>, Problem> {
        let auth = &self.tollgates.auth;
        if let Some(presented) = auth.presented(parts).await? {
            return Ok(Some(presented));
        }
        if is_said_to_read(parts) {
            return auth.looking_by_page(parts).await;
        }
        match auth.presented_by_page(parts).await {
            Err(problem) if problem.code() == Code::CsrfFailed => Ok(None),
            found => found,
        }
    }

    /// Charges the call, or only looks whether it would pass.
    async fn take(
        &self,
        verified: &Verified,
        call: &Call,
        told: &mut HeaderMap,
    ) -> Result<(), Problem> {
        let payment = &self.tollgates.payment;
        let user_id = verified.user.id;
        if !call.consume {
            let quota = payment
                .room(user_id, &call.resource_type, call.cost)
                .await?;
            payment.announce(told, &quota);
            return Ok(());
        }
        let call = Consume {
            user_id,
            resource_type: call.resource_type.clone(),
            cost: call.cost,
            resource_id: None,
            metadata: json!({}),
            api_key_id: verified.caller.api_key_id(),
        };
        let taken = payment.consume(&call, None).await;
        let taken = taken.map_err(|refusal| payment.problem(refusal))?;
        payment.announce(told, &taken.value.quota);
        Ok(())
    }

    async fn announce_first_meter(
        &self,
        verified: &Verified,
        told: &mut HeaderMap,
    ) -> Result<(), Problem> {
        let payment = &self.tollgates.payment;
        if let Some(quota) = payment.first_meter(verified.user.id).await? {
            payment.announce(told, &quota);
        }
        Ok(())
    }

    fn to_login(&self, sent: &HeaderMap) -> Response {
        let said = |name: &str| sent.get(name).and_then(|value| value.to_str().ok());
        let path = said("x-forwarded-uri").filter(|uri| uri.starts_with('/'));
        let path = path.unwrap_or("/");
        let next = match said("x-forwarded-host").zip(said("x-forwarded-proto")) {
            Some((host, scheme)) => format!("{scheme}://{host}{path}"),
            None => path.to_owned(),
        };
        let next: String = byte_serialize(next.as_bytes()).collect();
        let login = format!("{}/portal/login?next={next}", self.public_url);
        let mut response = StatusCode::FOUND.into_response();
        if let Ok(login) = HeaderValue::try_from(login) {
            response.headers_mut().insert(header::LOCATION, login);
        }
        response
    }
}

/// The method of the call itself, as proxies that ask by another one say it.
fn asked_method(parts: &Parts) -> &str {
    let said = parts.headers.get(FORWARDED_METHOD);
    let said = said.and_then(|method| method.to_str().ok());
    said.unwrap_or(parts.method.as_str())
}

fn is_sign_in(problem: &Problem) -> bool {
    problem.code().status() == StatusCode::UNAUTHORIZED.as_u16()
}

fn reads(method: &str) -> bool {
    [Method::GET.as_str(), Method::HEAD.as_str()].contains(&method)
}

/// Whether the proxy says that the call only reads. By the method it asks with nothing is known: nginx asks by GET about
/// every call.
fn is_said_to_read(parts: &Parts) -> bool {
    let mut said = parts.headers.get_all(FORWARDED_METHOD).iter();
    let one = said.next().and_then(|method| method.to_str().ok());
    one.is_some_and(reads) && said.next().is_none() && reads(parts.method.as_str())
}

/// A browser that opens a page, not a program or a script.
fn is_page(parts: &Parts) -> bool {
    let accepted = parts.headers.get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    reads(asked_method(parts)) && accepted.is_some_and(|kinds| kinds.contains("text/html"))
}

/// 401 stays, everything else is 403, without a body and with the code beside it: nginx makes an error of its own (500) of any other
/// answer, of a database that is away too. `status=exact` is for proxies that pass the answer on.
fn refused(problem: Problem, policy: &Policy) -> Response {
    let code = HeaderValue::from_static(problem.code().as_str());
    let is_401 = is_sign_in(&problem);
    let mut response = problem.into_response();
    response.headers_mut().insert(ERROR, code);
    if policy.exact {
        return response;
    }
    response.extensions_mut().remove::<Problem>();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LANGUAGE);
    *response.body_mut() = Body::empty();
    if !is_401 {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}
