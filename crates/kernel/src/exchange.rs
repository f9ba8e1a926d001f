//! One exchange over HTTP: its id, its language, and what every answer carries.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use tower::{Layer, Service};

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
///
/// ```
/// # use axum::Router;
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::exchange::Exchange;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::text::Language;
/// # use tower::ServiceExt as _;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// let exchange = Exchange::new(ids, Language::Zh, "https://pay.example/docs/errors");
/// let app: Router = exchange.around(Router::new());
/// let request = Request::get("/nothing").header("x-request-id", "order-7").body(Body::empty())?;
/// let answer = app.oneshot(request).await?;
/// assert_eq!(answer.status(), 404);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// assert_eq!(answer.headers()["content-language"], "zh-CN");
/// assert_eq!(answer.headers()["x-request-id"], "order-7");
/// assert_eq!(answer.headers()["cache-control"], "no-store");
/// # Ok(())
/// # }
/// ```
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
        Self::answering(router).layer(self)
    }

    /// The router with 404 and 405 as problems, for who puts the exchange around it together with other layers.
    ///
    /// ```
    /// # use axum::Router;
    /// # use axum::body::Body;
    /// # use axum::extract::DefaultBodyLimit;
    /// # use axum::http::Request;
    /// # use axum::routing::get;
    /// # use tollgate_kernel::exchange::Exchange;
    /// # use tower::ServiceExt as _;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let routes: Router = Router::new().route("/plans", get(|| async { "[]" }));
    /// let app = Exchange::answering(routes).layer(DefaultBodyLimit::max(65_536));
    /// let answer = app.oneshot(Request::post("/plans").body(Body::empty())?).await?;
    /// assert_eq!(answer.status(), 405);
    /// assert_eq!(answer.headers()["content-type"], "application/problem+json");
    /// # Ok(())
    /// # }
    /// ```
    pub fn answering<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
        router
            .fallback(|| async { Problem::new(Code::NotFound) })
            .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed) })
    }
}

impl<S> Layer<S> for Exchange {
    type Service = Exchanged<S>;

    fn layer(&self, inner: S) -> Exchanged<S> {
        Exchanged {
            exchange: self.clone(),
            inner,
        }
    }
}

/// Made by [`Exchange`].
///
/// ```
/// # use tollgate_kernel::exchange::{Exchange, Exchanged};
/// use tower::Layer;
/// // To name the type of what a host has put together.
/// fn around<S>(exchange: &Exchange, inner: S) -> Exchanged<S> {
///     exchange.layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Exchanged<S> {
    exchange: Exchange,
    inner: S,
}

impl<S> Service<Request> for Exchanged<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let opened = self.exchange.open(&mut request);
        // Called here and not inside: nothing has to be cloned for it, and everything inside of it with it.
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await?.into_response();
            Ok(opened.close(response))
        })
    }
}

/// Beside an answer that is somebody else's and only passed on: it is told nothing of ours but its request id.
///
/// ```
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use axum::routing::get;
/// # use axum::{Extension, Router};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::exchange::{Exchange, PassedOn};
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::text::Language;
/// # use tower::ServiceExt as _;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let exchange = Exchange::new(Ids::new(Clock::system(), Entropy::system()), Language::En, "");
/// let theirs = get(|| async { (Extension(PassedOn), "as the application said it") });
/// let app: Router = exchange.around(Router::new().route("/", theirs));
/// let answer = app.oneshot(Request::new(Body::empty())).await?;
/// assert!(answer.headers().contains_key("x-request-id"));
/// assert!(!answer.headers().contains_key("cache-control"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PassedOn;

/// What is known of an exchange before it is answered.
struct Opened {
    started: Instant,
    /// The outer one writes the line in the log.
    is_inner: bool,
    request_id: String,
    language: Language,
    method: Method,
    uri: Uri,
    route: Option<MatchedPath>,
    ignored: IgnoredFields,
    docs: Arc<str>,
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

impl Exchange {
    fn open(&self, request: &mut Request) -> Opened {
        let sent = request.headers();
        // Inside another exchange it is part of it.
        let outer = request.extensions().get::<ExchangeId>();
        let outer = outer.map(|ExchangeId(id)| id.to_string());
        let is_inner = outer.is_some();
        let request_id = outer
            .or_else(|| sent_id(sent))
            .unwrap_or_else(|| self.ids.next::<RequestId>().to_string());
        let language = sent
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(Language::accepted)
            .unwrap_or(self.default_language);
        let opened = Opened {
            started: Instant::now(),
            is_inner,
            request_id,
            language,
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            ignored: IgnoredFields::default(),
            docs: self.docs.clone(),
        };
        let extensions = request.extensions_mut();
        extensions.insert(opened.ignored.clone());
        extensions.insert(language);
        extensions.insert(ExchangeId(opened.request_id.as_str().into()));
        opened
    }
}

impl Opened {
    fn close(self, mut response: Response) -> Response {
        if response.extensions_mut().remove::<PassedOn>().is_some() {
            let id = HeaderValue::from_str(&self.request_id).ok();
            if let Some(id) = id {
                response.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
            self.log(&response);
            return response;
        }
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            let occurrence = Occurrence {
                instance: Some(self.uri.path()),
                request_id: Some(&self.request_id),
                docs: Some(&self.docs),
            };
            let headers = std::mem::take(response.headers_mut());
            response = problem.response(self.language, &occurrence);
            keep(response.headers_mut(), headers);
        }
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, value);
        }
        headers.insert(API_VERSION, HeaderValue::from_static("1"));
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if let Some(value) = self.ignored.header() {
            headers.insert(IGNORED_FIELDS, value);
        }
        self.log(&response);
        response
    }

    fn log(&self, response: &Response) {
        if self.is_inner {
            return;
        }
        tracing::info!(
            http.method = %self.method,
            http.route = self.route.as_ref().map_or("-", MatchedPath::as_str),
            http.status = response.status().as_u16(),
            request.id = self.request_id,
            duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    }
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
///
/// ```
/// use tollgate_kernel::exchange::panicked;
/// // As `CatchPanicLayer::custom(panicked)` of tower-http calls it.
/// let answer = panicked(Box::new("a bug"));
/// assert_eq!(answer.status(), 500);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// ```
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape tower-http's panic layer asks for"
)]
pub fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
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
