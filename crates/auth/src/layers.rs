//! Layers: who asks, and nobody unknown beyond this point.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use tollgate_kernel::caller::{Caller, identified, misidentified};
use tollgate_kernel::permission::{Authorised, require};
use tollgate_kernel::problem::{Code, Problem};
use tower::{Layer, Service};

use crate::AuthService;
use crate::methods::Presented;

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Finds out who asks: the accounts of the house, or those that another keeps.
///
/// ```
/// use axum::extract::Request;
/// use axum::http::request::Parts;
/// use tollgate_auth::{AuthService, Identifies, Presented};
/// use tollgate_kernel::problem::Problem;
///
/// /// The accounts of the house, and a line in the log for each credential.
/// #[derive(Clone)]
/// struct Watched(AuthService);
///
/// impl Identifies for Watched {
///     async fn presented(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
///         let presented = self.0.presented(request).await?;
///         tracing::info!(path = request.uri.path(), known = presented.is_some());
///         Ok(presented)
///     }
///
///     fn stand_beside(&self, request: &mut Request) {
///         self.0.stand_beside(request);
///     }
/// }
/// ```
pub trait Identifies: Clone + Send + Sync + 'static {
    /// What a request shows of who asks; `None`: no credential.
    ///
    /// # Errors
    /// A credential that is not good, or nobody can say.
    fn presented(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Option<Presented>, Problem>> + Send;

    /// Puts beside a request what its handlers may ask: an authority at least.
    fn stand_beside(&self, request: &mut Request);
}

impl Identifies for AuthService {
    /// A header beats the cookie of a page.
    async fn presented(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        match Self::presented(self, request).await? {
            Some(presented) => Ok(Some(presented)),
            None => self.presented_by_page(request).await,
        }
    }

    fn stand_beside(&self, request: &mut Request) {
        let extensions = request.extensions_mut();
        extensions.insert(Authorised(Arc::new(self.clone())));
        extensions.insert(self.clone());
    }
}

/// Made by [`AuthService::identify`].
///
/// ```
/// # use axum::{Router, routing::get};
/// # use tollgate_auth::{AuthService, IdentifyLayer};
/// # async fn page() {}
/// /// A page that is open to everybody answers also where a credential is bad.
/// fn open(auth: &AuthService) -> Router {
///     let layer: IdentifyLayer = auth.identify().where_asked();
///     Router::new().route("/page", get(page)).layer(layer)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct IdentifyLayer<A = AuthService> {
    accounts: A,
    /// Whether a bad credential ends the call, or is told to whoever asks who calls.
    ends: bool,
}

impl<A> IdentifyLayer<A> {
    pub(crate) fn of(accounts: A) -> Self {
        Self {
            accounts,
            ends: true,
        }
    }

    /// A credential that is not good is refused where somebody asks who calls, and nowhere else: for a layer around routes
    /// that are open to everybody too, where a credential may be meant for somebody else.
    #[must_use]
    pub fn where_asked(mut self) -> Self {
        self.ends = false;
        self
    }
}

impl<S, A: Clone> Layer<S> for IdentifyLayer<A> {
    type Service = Identify<S, A>;

    fn layer(&self, inner: S) -> Identify<S, A> {
        Identify {
            layer: self.clone(),
            inner,
        }
    }
}

/// Tells every handler inside who asks.
///
/// ```
/// # use tollgate_auth::{AuthService, Identify};
/// use tower::Layer as _;
/// // What the layer makes of a service; axum does this for a router.
/// fn told<S>(auth: &AuthService, inner: S) -> Identify<S> {
///     auth.identify().layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Identify<S, A = AuthService> {
    layer: IdentifyLayer<A>,
    inner: S,
}

impl<S, A> Service<Request> for Identify<S, A>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    A: Identifies,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        let IdentifyLayer { accounts, ends } = self.layer.clone();
        // The service that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let presented = accounts.presented(&parts).await;
            let mut request = Request::from_parts(parts, body);
            let extensions = request.extensions_mut();
            match presented {
                Ok(None) => identified(extensions, None),
                Ok(Some(presented)) => {
                    identified(extensions, Some(presented.caller.clone()));
                    extensions.insert(presented);
                }
                // A browser sends its cookie with everything: what is open to everybody is open to it too.
                Err(problem) if ends && problem.code() != Code::CsrfFailed => {
                    return Ok(problem.into_response());
                }
                Err(problem) => misidentified(extensions, problem),
            }
            accounts.stand_beside(&mut request);
            inner.call(request).await
        })
    }
}

/// Made by [`AuthService::require_auth`].
///
/// ```
/// # use tollgate_auth::{AuthService, RequireAuthLayer};
/// fn members(auth: &AuthService) -> RequireAuthLayer {
///     auth.require_auth()
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequireAuthLayer;

impl<S> Layer<S> for RequireAuthLayer {
    type Service = RequireAuth<S>;

    fn layer(&self, inner: S) -> RequireAuth<S> {
        RequireAuth { inner }
    }
}

/// Lets only identified callers through: 401 otherwise.
///
/// ```
/// # use tollgate_auth::{RequireAuth, RequireAuthLayer};
/// use tower::Layer as _;
/// fn members<S>(inner: S) -> RequireAuth<S> {
///     RequireAuthLayer.layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireAuth<S> {
    inner: S,
}

impl<S> Service<Request> for RequireAuth<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let found = <Caller as axum::extract::OptionalFromRequestParts<()>>::from_request_parts(
                &mut parts,
                &(),
            );
            match found.await {
                Ok(Some(_)) => inner.call(Request::from_parts(parts, body)).await,
                Ok(None) => Ok(Problem::new(Code::Unauthenticated).into_response()),
                Err(problem) => Ok(problem.into_response()),
            }
        })
    }
}

/// Made by [`AuthService::require_permission`].
///
/// ```
/// # use tollgate_auth::{AuthService, RequirePermissionLayer};
/// fn bookkeepers(auth: &AuthService) -> RequirePermissionLayer {
///     auth.require_permission(tollgate_kernel::permission::FINANCE)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequirePermissionLayer(pub(crate) &'static str);

impl<S> Layer<S> for RequirePermissionLayer {
    type Service = RequirePermission<S>;

    fn layer(&self, inner: S) -> RequirePermission<S> {
        RequirePermission {
            name: self.0,
            inner,
        }
    }
}

/// Lets only callers through who hold a permission: 401 for nobody, 403 otherwise.
///
/// ```
/// # use tollgate_auth::{AuthService, RequirePermission};
/// use tower::Layer as _;
/// fn bookkeepers<S>(auth: &AuthService, inner: S) -> RequirePermission<S> {
///     auth.require_permission("finance").layer(inner)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequirePermission<S> {
    name: &'static str,
    inner: S,
}

impl<S> Service<Request> for RequirePermission<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let name = self.name;
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match require(&mut parts, name).await {
                Ok(_) => inner.call(Request::from_parts(parts, body)).await,
                Err(problem) => Ok(problem.into_response()),
            }
        })
    }
}
