//! Times every exchange, for who watches the service.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::histogram;

/// As the semantic conventions of OpenTelemetry name it.
pub(crate) const DURATION: &str = "http_server_request_duration_seconds";

/// Goes around routes: what was asked for is told by the template of its route, or not at all. Paths and methods are
/// the caller's, and without end. `otherwise`: where no route has matched, as of a gate, behind which every path is another
/// application's.
pub(crate) async fn timed(
    State(otherwise): State<&'static str>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(otherwise, MatchedPath::as_str);
    note(method, route, response.status(), started);
    response
}

fn note(method: &'static str, route: &str, status: StatusCode, started: Instant) {
    let labels = [
        ("http_request_method", method.to_owned()),
        ("http_route", route.to_owned()),
        ("http_response_status_code", status.as_str().to_owned()),
    ];
    histogram!(DURATION, &labels).record(started.elapsed());
}

/// The methods that there are; whatever else a caller thinks of is one.
pub(crate) fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
