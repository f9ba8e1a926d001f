//! What is refused before anything looks at it, in one layer: each costs every call of everybody.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::{Either, Ready, ready};
use tollgate_kernel::problem::{Code, Problem};
use tower::{Layer, Service};

use crate::accept::HEAD_BYTES;
use crate::browser::CorsOrigins;
use crate::words::WORDS;

/// Lets everything else pass.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) origins: CorsOrigins,
    /// Where people reach the service, whatever a proxy calls it.
    pub(crate) own: Option<String>,
}

impl<S> Layer<S> for Admission {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Admitted<S> {
        Admitted {
            admission: self.clone(),
            inner,
        }
    }
}

/// Made by [`Admission`].
#[derive(Clone, Debug)]
pub(crate) struct Admitted<S> {
    admission: Admission,
    inner: S,
}

impl<S> Service<Request> for Admitted<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.admission.judge(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(problem) => Either::Right(ready(Ok(problem.into_response()))),
        }
    }
}

impl Admission {
    fn judge(&self, request: &Request) -> Result<(), Problem> {
        let sent = request.headers();
        if is_too_long(sent) {
            return Err(Problem::new(Code::HeadersTooLarge));
        }
        if request.method() == Method::POST && is_form(sent) && self.is_foreign(sent) {
            return Err(Problem::new(Code::CsrfFailed).detail(WORDS.text("problem.not_from_here")));
        }
        Ok(())
    }

    /// Neither of this house, nor of the host that was called, nor one that may call. `null` is foreign.
    fn is_foreign(&self, sent: &HeaderMap) -> bool {
        let Some(origin) = sent.get(header::ORIGIN) else {
            return false;
        };
        let host = sent.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_own = origin.to_str().is_ok_and(|origin| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            self.own.as_deref() == Some(origin) || (authority.is_some() && authority == host)
        });
        let allowed = match &self.origins {
            CorsOrigins::None => false,
            CorsOrigins::Listed(list) => list.contains(origin),
            CorsOrigins::Any => true,
        };
        !is_own && !allowed
    }
}

/// The parser's own limit is a guide: a head that arrives in one piece may be longer.
fn is_too_long(sent: &HeaderMap) -> bool {
    let fields = sent.iter();
    let bytes: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    bytes > HEAD_BYTES
}

/// Of the kinds that a page sends without asking first. A form needs no leave of ours to be sent from anywhere, so the
/// origin that the browser names is compared (Fetch §3.2). Programs name none.
fn is_form(sent: &HeaderMap) -> bool {
    const KINDS: [&str; 3] = [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
    ];
    let kind = sent.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    KINDS.iter().any(|form| form.eq_ignore_ascii_case(kind))
}
