//! Times every exchange, for who watches the service.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use metrics::histogram;
use tower::{Layer, Service};

/// As the semantic conventions of OpenTelemetry name it.
pub(crate) const DURATION: &str = "http_server_request_duration_seconds";

/// Goes around routes: what was asked for is told by the template of its route, or not at all. Paths and methods are
/// the caller's, and without end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Where no route has matched: of a gate, behind which every path is another application's.
    pub(crate) otherwise: &'static str,
}

impl<S> Layer<S> for Timing {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed {
            timing: *self,
            inner,
        }
    }
}

/// Made by [`Timing`].
#[derive(Clone, Debug)]
pub(crate) struct Timed<S> {
    timing: Timing,
    inner: S,
}

impl<S> Service<Request> for Timed<S>
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
        let started = Instant::now();
        let method = word(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let otherwise = self.timing.otherwise;
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await?;
            let route = route.as_ref().map_or(otherwise, MatchedPath::as_str);
            note(method, route, response.status(), started);
            Ok(response)
        })
    }
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
