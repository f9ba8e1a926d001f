//! A layer: so many calls a minute, and every answer tells what is left.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::{ApiKeyId, UserId};
use tollgate_kernel::limits::Limit;
use tollgate_kernel::problem::{Code, Problem};
use tower::{Layer, Service};

use crate::call_limits::{CallLimits, whole_again_seconds};
use crate::words::WORDS;

/// What the limit is called.
const NAME: &str = "api";

/// Who has a count of their own: a person over all their sign-ins, and each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CountedAs {
    Person(UserId),
    Key(ApiKeyId),
}

impl CountedAs {
    /// `None`: a host application, which calls for all its customers.
    fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::ApiKey { api_key_id, .. } => Some(Self::Key(*api_key_id)),
            _ => caller.user_id().map(Self::Person),
        }
    }
}

/// How often each may call in a minute, and how often they did.
pub(crate) struct CallCounts {
    per_minute: Option<NonZeroU32>,
    counts: CallLimits<CountedAs>,
}

impl CallCounts {
    pub(crate) fn up_to(per_minute: Option<NonZeroU32>) -> Self {
        Self {
            per_minute,
            counts: CallLimits::default(),
        }
    }
}

impl fmt::Debug for CallCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallCounts(up to {:?})", self.per_minute)
    }
}

/// Beside a request that a layer further outside has counted.
#[derive(Clone, Copy, Debug)]
struct Counted;

/// Made by [`AuthService::limit_calls`](crate::AuthService::limit_calls).
///
/// ```
/// # use tollgate_auth::{AuthService, LimitCallsLayer};
/// fn counted(auth: &AuthService) -> LimitCallsLayer {
///     // Every layer of one service counts together.
///     auth.limit_calls()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LimitCallsLayer(pub(crate) Arc<CallCounts>);

impl<S> Layer<S> for LimitCallsLayer {
    type Service = LimitCalls<S>;

    fn layer(&self, inner: S) -> LimitCalls<S> {
        LimitCalls {
            counts: Arc::clone(&self.0),
            inner,
        }
    }
}

/// Counts the calls of each caller: 429 beyond the limit.
///
/// ```
/// # use tollgate_auth::{AuthService, LimitCalls};
/// use tower::Layer as _;
/// fn counted<S>(auth: &AuthService, inner: S) -> LimitCalls<S> {
///     auth.limit_calls().layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LimitCalls<S> {
    counts: Arc<CallCounts>,
    inner: S,
}

impl<S> Service<Request> for LimitCalls<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let counts = Arc::clone(&self.counts);
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (request, counted) = match count(&counts, request).await {
                Ok(counted) => counted,
                Err(response) => return Ok(response),
            };
            let mut response = inner.call(request).await?;
            if let Some((calls, left)) = counted {
                limit(calls, left).announce(response.headers_mut());
            }
            Ok(response)
        })
    }
}

/// The request, and of how many calls how many are left, where it is counted.
async fn count(
    counted: &CallCounts,
    request: Request,
) -> Result<(Request, Option<(NonZeroU32, u32)>), Response> {
    let Some(calls) = counted.per_minute else {
        return Ok((request, None));
    };
    let (mut head, body) = request.into_parts();
    if head.extensions.get::<Counted>().is_some() {
        return Ok((Request::from_parts(head, body), None));
    }
    // Where nobody looked, nobody is counted; the handler that asks for its caller says what is missing.
    let caller = Option::<Caller>::from_request_parts(&mut head, &()).await;
    let caller = caller.ok().flatten();
    let Some(by) = caller.as_ref().and_then(CountedAs::of) else {
        return Ok((Request::from_parts(head, body), None));
    };
    let left = counted.counts.call(by, calls);
    let left = left.map_err(|wait| too_many(calls, wait))?;
    head.extensions.insert(Counted);
    Ok((Request::from_parts(head, body), Some((calls, left))))
}

fn limit(calls: NonZeroU32, left: u32) -> Limit<'static> {
    Limit {
        name: NAME,
        quota: u64::from(calls.get()),
        window_seconds: Some(60),
        remaining: u64::from(left),
        reset_seconds: Some(whole_again_seconds(calls, left)),
    }
}

fn too_many(calls: NonZeroU32, wait: Duration) -> Response {
    let problem = Problem::new(Code::RateLimited)
        .detail(WORDS.text_with("calls.most_a_minute", &[("calls", &calls)]))
        .retry_after(wait.as_secs().saturating_add(1));
    let mut response = problem.into_response();
    limit(calls, 0).announce(response.headers_mut());
    response
}
