//! A span around every exchange, for [`traces`](crate::traces).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use opentelemetry::propagation::Extractor;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::timing::word;

/// Goes around routes. As with [`Timing`](crate::timing::Timing), paths and methods are the caller's: what was asked for
/// is told by the template of its route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    /// Where no route has matched.
    pub(crate) otherwise: &'static str,
}

impl<S> Layer<S> for Spans {
    type Service = Spanned<S>;

    fn layer(&self, inner: S) -> Spanned<S> {
        Spanned {
            spans: *self,
            inner,
        }
    }
}

/// Made by [`Spans`].
#[derive(Clone, Debug)]
pub(crate) struct Spanned<S> {
    spans: Spans,
    inner: S,
}

impl<S> Service<Request> for Spanned<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let span = begin(&request, self.spans.otherwise);
        let answering = span.in_scope(|| self.inner.call(request));
        let own = span.clone();
        let answered = async move {
            let response = answering.await?;
            let status = response.status();
            own.record("http.response.status_code", status.as_u16());
            if status.is_server_error() {
                own.record("otel.status_code", "ERROR");
            }
            Ok(response)
        };
        Box::pin(answered.instrument(span))
    }
}

/// By the semantic conventions of OpenTelemetry for HTTP servers.
fn begin(request: &Request, otherwise: &'static str) -> Span {
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(otherwise, MatchedPath::as_str);
    let span = tracing::info_span!(
        "exchange",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&Sent(request.headers()))
    });
    // Where nobody keeps spans there is nothing to be a child.
    let _ = span.set_parent(parent);
    span
}

/// Headers as propagators read them.
struct Sent<'a>(&'a HeaderMap);

impl Extractor for Sent<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
