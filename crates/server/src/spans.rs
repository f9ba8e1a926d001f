//! A span around every exchange, for [`traces`](crate::traces).

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::Extractor;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::timing::word;

/// Goes around routes. As with [`timed`](crate::timing::timed), paths and methods are the caller's: what was asked for is
/// told by the template of its route, and by `otherwise` where no route has matched.
pub(crate) async fn spanned(
    State(otherwise): State<&'static str>,
    request: Request,
    next: Next,
) -> Response {
    let span = begin(&request, otherwise);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
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
