//! Passes a call on, and its answer back, piece by piece as they come.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::redirect::Policy;
use tollgate_kernel::exchange::PassedOn;
use tollgate_kernel::origin::{ClientAddress, ExchangeId};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::QuotaHold;
use url::Url;

use crate::proxied::{Identity, blank};

/// What the application says a call was worth.
const QUOTA_COST: HeaderName = HeaderName::from_static("x-quota-cost");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Of one connection (RFC 9110 §7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The application behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    client: reqwest::Client,
    url: Url,
    /// Until it begins to answer.
    within: Duration,
}

/// No address of an application.
///
/// ```
/// # use tollgate::StartError;
/// /// The address of the application was mistyped, in `Server::gate`.
/// fn is_mistyped(error: &StartError) -> bool {
///     matches!(error, StartError::Upstream(_))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the address of an application: http://host:port, or https, and nothing behind it"
)]
pub struct InvalidUpstream(pub(super) String);

impl Upstream {
    pub(super) fn new(address: &str, within: Duration) -> Result<Self, InvalidUpstream> {
        let invalid = || InvalidUpstream(address.to_owned());
        let url: Url = address.parse().map_err(|_| invalid())?;
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_bare || !matches!(url.scheme(), "http" | "https") {
            return Err(invalid());
        }
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .http1_only()
            .build()
            .map_err(|_| invalid())?;
        Ok(Self {
            client,
            url,
            within,
        })
    }

    /// The application's answer; `identity`: whom the gate has let in.
    pub(super) async fn call(&self, request: Request, identity: Option<&Identity>) -> Response {
        let hold = request.extensions().get::<QuotaHold>().cloned();
        let answered = match self.send(request, identity).await {
            Ok(answered) => answered,
            Err(problem) => return problem.into_response(),
        };
        let (mut parts, body) = axum::http::Response::<reqwest::Body>::from(answered).into_parts();
        let cost = parts.headers.remove(QUOTA_COST);
        if let (Some(hold), Some(cost), true) = (hold, cost, parts.status.as_u16() < 400) {
            charge(hold, &cost).await;
        }
        end_hop(&mut parts.headers);
        parts.extensions.clear();
        parts.extensions.insert(PassedOn);
        Response::from_parts(parts, Body::new(body))
    }

    async fn send(
        &self,
        request: Request,
        identity: Option<&Identity>,
    ) -> Result<reqwest::Response, Problem> {
        let (parts, body) = request.into_parts();
        let mut url = self.url.clone();
        url.set_path(parts.uri.path());
        url.set_query(parts.uri.query());
        let mut sent = self
            .client
            .request(parts.method.clone(), url)
            .headers(headers(parts, identity));
        // Without one, as it came: some applications take an empty body of unknown length for a fault.
        if !axum::body::HttpBody::is_end_stream(&body) {
            sent = sent.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        match tokio::time::timeout(self.within, sent.send()).await {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(error)) => {
                let error = error.without_url();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the application did not answer"
                );
                Err(Problem::new(Code::UpstreamUnavailable))
            }
            Err(_) => Err(Problem::new(Code::UpstreamTimeout)),
        }
    }
}

/// What the application is told: all that the client said but what is of its connection, its credential, and what it
/// says in our name.
fn headers(parts: Parts, identity: Option<&Identity>) -> HeaderMap {
    let mut headers = parts.headers;
    end_hop(&mut headers);
    blank(&mut headers);
    headers.remove(QUOTA_COST);
    if let Some(identity) = identity {
        // It opens more than this application, which has no use for it.
        headers.remove(header::AUTHORIZATION);
        headers.remove(API_KEY);
        identity.write(&mut headers);
    }
    let id = parts.extensions.get::<ExchangeId>();
    let client = parts.extensions.get::<ClientAddress>();
    let told = [
        (REQUEST_ID, id.map(|ExchangeId(id)| id.to_string())),
        (
            FORWARDED_FOR,
            client.map(|ClientAddress(address)| address.to_string()),
        ),
    ];
    for (name, value) in told {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Ends what belongs to one connection.
fn end_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Charges what the application says; nothing for 0.
async fn charge(hold: QuotaHold, said: &HeaderValue) {
    let cost = said.to_str().ok().and_then(|text| text.parse::<i64>().ok());
    match cost {
        Some(0) => {
            if let Err(error) = hold.defer().release().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "units were not given back at once"
                );
            }
        }
        cost => {
            let set = cost.map(|cost| hold.set_cost(cost));
            if !matches!(set, Some(Ok(()))) {
                tracing::warn!(
                    said = ?said,
                    most = hold.cost(),
                    "the application's X-Quota-Cost is none that the rule allows: the rule's is charged"
                );
            }
        }
    }
}
