//! One exchange over HTTP: its id, its language, and what every answer carries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse as _;

use crate::ids::{Ids, RequestId};
use crate::origin::ExchangeId;
use crate::problem::{Code, Occurrence, Problem};
use crate::text::Language;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const IGNORED_FIELDS: HeaderName = HeaderName::from_static("x-ignored-fields");
/// Longer lists are cut: a header must stay small whatever was sent.
const IGNORED_FIELDS_SHOWN: usize = 10;

/// Gives every answer its request id, its API version, its cache rule and, when it is a problem,
/// the language of the request. Put it around the whole router.
#[derive(Clone, Debug)]
pub struct Exchange {
    ids: Ids,
    default_language: Language,
    docs: Arc<str>,
}

impl Exchange {
    /// `docs` is the address under which the codes are explained.
    pub fn new(ids: Ids, default_language: Language, docs: &str) -> Self {
        Self {
            ids,
            default_language,
            docs: docs.into(),
        }
    }

    /// The router, with every exchange wrapped, and 404 and 405 as problems.
    pub fn around<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router
            .fallback(|| async { Problem::new(Code::NotFound) })
            .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed) })
            .layer(middleware::from_fn_with_state(self, exchange))
    }
}

/// Fields of the body that nobody read, named in `X-Ignored-Fields`.
#[derive(Clone, Debug, Default)]
pub(crate) struct IgnoredFields(Arc<Mutex<Vec<String>>>);

impl IgnoredFields {
    pub(crate) fn note(&self, field: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(field);
    }

    /// At most as many as the header shows.
    pub(crate) fn names(&self) -> Vec<String> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fields.iter().take(IGNORED_FIELDS_SHOWN).cloned().collect()
    }

    fn header(&self) -> Option<HeaderValue> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown: Vec<String> = fields
            .iter()
            .take(IGNORED_FIELDS_SHOWN)
            .map(|field| {
                field
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(64)
                    .collect()
            })
            .collect();
        if shown.is_empty() {
            return None;
        }
        HeaderValue::from_str(&shown.join(", ")).ok()
    }
}

async fn exchange(
    State(settings): State<Exchange>,
    mut request: Request,
    next: Next,
) -> Response<axum::body::Body> {
    let started = Instant::now();
    let request_id =
        sent_id(request.headers()).unwrap_or_else(|| settings.ids.next::<RequestId>().to_string());
    let language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .and_then(Language::accepted)
        .unwrap_or(settings.default_language);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |matched| matched.as_str().to_owned());
    let ignored = IgnoredFields::default();
    request.extensions_mut().insert(ignored.clone());
    request.extensions_mut().insert(language);
    request
        .extensions_mut()
        .insert(ExchangeId(request_id.as_str().into()));

    let mut response = next.run(request).await;

    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let occurrence = Occurrence {
            instance: Some(&path),
            request_id: Some(&request_id),
            docs: Some(&settings.docs),
        };
        let headers = std::mem::take(response.headers_mut());
        response = problem.response(language, &occurrence);
        keep(response.headers_mut(), headers);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(API_VERSION, HeaderValue::from_static("1"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(value) = ignored.header() {
        headers.insert(IGNORED_FIELDS, value);
    }
    tracing::info!(
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        request.id = request_id,
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// What layers have added to an answer stays when it is said again; what describes its body does not.
fn keep(again: &mut HeaderMap, mut first: HeaderMap) {
    first.remove(header::CONTENT_LENGTH);
    for name in [header::CONTENT_TYPE, header::CONTENT_LANGUAGE] {
        if let Some(value) = again.remove(&name) {
            first.insert(name, value);
        }
    }
    *again = first;
}

/// The client's own id, when it is short and plain enough to be repeated in logs and headers.
fn sent_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=128)
        .contains(&text.len())
        .then_some(text)
        .filter(|text| text.bytes().all(plain))
        .map(str::to_owned)
}

/// What a request that broke the server is answered: the panic itself goes to the log only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape tower-http's panic layer asks for"
)]
pub fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response<axum::body::Body> {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(
        message = message.as_deref().unwrap_or("no message"),
        "a handler panicked"
    );
    Problem::new(Code::Internal).into_response()
}
