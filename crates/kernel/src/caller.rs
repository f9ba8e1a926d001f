//! Who asks. The modules meet here: auth finds the caller, payment serves it, a host may do either.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;

use crate::ids::{ApiKeyId, ServiceKeyId, SessionId, UserId};
use crate::problem::{Code, Problem};
use crate::scope::{Scopes, out_of_scope};
use crate::words::WORDS;

/// Who asks, as far as a credential has shown it.
///
/// ```
/// use tollgate_kernel::caller::Caller;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Ids, UserId};
/// # use tollgate_kernel::problem::{Code, Problem};
/// # use tollgate_kernel::scope::{QUOTA, Scopes, USAGE};
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (user_id, service_key_id): (UserId, _) = (ids.next(), ids.next());
/// let scopes = Scopes::only([QUOTA]);
/// let program = Caller::ApiKey { user_id, api_key_id: ids.next(), scopes: scopes.clone() };
/// assert_eq!((program.user_id(), program.session_id()), (Some(user_id), None));
/// assert!(program.api_key_id().is_some());
/// assert_eq!(program.person(Some(QUOTA))?, user_id);
/// let refused = program.person(Some(USAGE)).map_err(|problem| problem.code());
/// assert_eq!(refused, Err(Code::PermissionDenied));
///
/// let host = Caller::Service { service_key_id, scopes };
/// assert_eq!(host.customer(QUOTA, Some(&user_id.to_string()))?, user_id);
/// assert_eq!(host.subject(), format!("service:{service_key_id}"));
/// # Ok::<(), Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// A person who signed in.
    User {
        /// Who.
        user_id: UserId,
        /// In which sign-in; `None` when a host's own login vouches.
        session_id: Option<SessionId>,
    },
    /// A program that acts for a person by a key.
    ApiKey {
        /// For whom.
        user_id: UserId,
        /// By which key.
        api_key_id: ApiKeyId,
        /// What the key may be used for.
        scopes: Scopes,
    },
    /// A host application; it has no user of its own.
    Service {
        /// By which key.
        service_key_id: ServiceKeyId,
        /// What the key may do.
        scopes: Scopes,
    },
}

impl Caller {
    /// The person served, unless a service asks for itself.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } | Self::ApiKey { user_id, .. } => Some(*user_id),
            Self::Service { .. } => None,
        }
    }

    /// The sign-in that the call belongs to.
    pub fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::User { session_id, .. } => *session_id,
            Self::ApiKey { .. } | Self::Service { .. } => None,
        }
    }

    /// The key that a person's program asks by.
    pub fn api_key_id(&self) -> Option<ApiKeyId> {
        match self {
            Self::ApiKey { api_key_id, .. } => Some(*api_key_id),
            Self::User { .. } | Self::Service { .. } => None,
        }
    }

    /// The person behind the call. A key that is limited to scopes must have `scope`; without one, the
    /// call is not for such keys.
    ///
    /// # Errors
    /// 403: another scope, or a service, which has no user of its own.
    pub fn person(&self, scope: Option<&str>) -> Result<UserId, Problem> {
        match self {
            Self::User { user_id, .. } => Ok(*user_id),
            Self::ApiKey {
                user_id, scopes, ..
            } => {
                match scope {
                    Some(name) if !scopes.allow(name) => Err(out_of_scope(name)),
                    None if scopes.names().is_some() => Err(Problem::new(Code::PermissionDenied)
                        .detail(WORDS.text("caller.scoped_key"))),
                    _ => Ok(*user_id),
                }
            }
            Self::Service { .. } => Err(Problem::new(Code::PermissionDenied)
                .detail(WORDS.text("caller.service_has_no_user"))),
        }
    }

    /// For whom the call is: the person behind it, or whom a service names. Only a service names
    /// anybody.
    ///
    /// # Errors
    /// 403: the scope is missing, or a person names somebody. 422: a service names nobody, or what is
    /// not an id.
    pub fn customer(&self, scope: &str, named: Option<&str>) -> Result<UserId, Problem> {
        match self {
            Self::Service { scopes, .. } if !scopes.allow(scope) => Err(out_of_scope(scope)),
            Self::Service { .. } => {
                let named = named.ok_or_else(|| {
                    Problem::invalid("/user_id", "required", WORDS.text("caller.user_missing"))
                })?;
                named.parse().map_err(|_| {
                    Problem::invalid("/user_id", "invalid_id", WORDS.text("caller.not_a_user"))
                })
            }
            Self::User { .. } | Self::ApiKey { .. } if named.is_some() => {
                Err(Problem::new(Code::PermissionDenied)
                    .detail(WORDS.text("caller.only_service_names")))
            }
            Self::User { .. } | Self::ApiKey { .. } => self.person(Some(scope)),
        }
    }

    /// A name that is the same at every call of this caller and nobody else's: what idempotency
    /// keys are kept under.
    pub fn subject(&self) -> String {
        match self {
            Self::User { user_id, .. } => format!("user:{user_id}"),
            Self::ApiKey { api_key_id, .. } => format!("api_key:{api_key_id}"),
            Self::Service { service_key_id, .. } => format!("service:{service_key_id}"),
        }
    }
}

/// What a layer puts beside the request once it has looked for a credential: without it, a handler
/// cannot tell "nobody" from "nobody looked".
#[derive(Clone, Debug)]
struct Identified(Result<Option<Caller>, Problem>);

/// Tells handlers who asks (`None`: no credential). For layers that identify callers.
///
/// ```
/// use axum::middleware::Next;
/// # use axum::Router;
/// # use axum::body::Body;
/// # use axum::extract::Request;
/// # use axum::middleware::from_fn;
/// # use axum::response::Response;
/// # use axum::routing::get;
/// # use tollgate_kernel::caller::{Caller, identified};
/// # use tollgate_kernel::ids::UserId;
/// # use tower::ServiceExt as _;
/// // `UserId`: what the host's own login has put beside the request.
/// async fn own_login(mut request: Request, next: Next) -> Response {
///     let user = request.extensions().get::<UserId>().copied();
///     let caller = user.map(|user_id| Caller::User { user_id, session_id: None });
///     identified(request.extensions_mut(), caller);
///     next.run(request).await
/// }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greet = get(|caller: Option<Caller>| async move { caller.is_none().to_string() });
/// let app: Router = Router::new().route("/", greet).layer(from_fn(own_login));
/// let answer = app.oneshot(Request::new(Body::empty())).await?;
/// assert_eq!(answer.status(), 200); // Without the layer it is 500: nobody looked.
/// # Ok(())
/// # }
/// ```
pub fn identified(extensions: &mut Extensions, caller: Option<Caller>) {
    extensions.insert(Identified(Ok(caller)));
}

/// Tells handlers that a credential was shown and is not good: whoever asks who calls is refused so, and others are not.
///
/// ```
/// # use axum::extract::{FromRequestParts as _, OptionalFromRequestParts as _};
/// # use axum::http::Request;
/// # use tollgate_kernel::caller::{Caller, misidentified};
/// # use tollgate_kernel::problem::{Code, Problem};
/// # #[tokio::main]
/// # async fn main() {
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// misidentified(&mut parts.extensions, Problem::new(Code::TokenExpired));
/// // `Option<Caller>` does not take it for nobody.
/// let caller = <Option<Caller>>::from_request_parts(&mut parts, &()).await;
/// assert_eq!(caller.map_err(|problem| problem.code()), Err(Code::TokenExpired));
/// # }
/// ```
pub fn misidentified(extensions: &mut Extensions, problem: Problem) {
    extensions.insert(Identified(Err(problem)));
}

/// Who asks, if a layer looked and found somebody.
pub(crate) fn caller_of(extensions: &Extensions) -> Option<Caller> {
    let Identified(caller) = extensions.get::<Identified>()?;
    caller.clone().ok()?
}

fn found(parts: &Parts) -> Result<Option<Caller>, Problem> {
    if let Some(Identified(caller)) = parts.extensions.get::<Identified>() {
        return caller.clone();
    }
    tracing::error!(
        path = parts.uri.path(),
        "a handler asks for its caller, but no layer identifies one: add `.layer(auth.identify())`"
    );
    Err(Problem::new(Code::Internal))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        found(parts)?.ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        found(parts)
    }
}

/// The person behind the call, signed in or by a key that is not limited to scopes; 403 for a service
/// and for a key that is ([`InScope`](crate::scope::InScope) lets those in).
///
/// ```
/// # use axum::Router;
/// # use axum::extract::FromRequestParts as _;
/// # use axum::http::Request;
/// # use axum::routing::get;
/// # use tollgate_kernel::caller::{Caller, CurrentUserId, identified};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::problem::Code;
/// # use tollgate_kernel::scope::{QUOTA, Scopes};
/// # #[tokio::main]
/// # async fn main() {
/// async fn mine(CurrentUserId(user): CurrentUserId) -> String {
///     format!("what {user} has")
/// }
/// let app: Router = Router::new().route("/mine", get(mine));
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// // A key that is limited is not let in.
/// let scopes = Scopes::only([QUOTA]);
/// let key = Caller::ApiKey { user_id: ids.next(), api_key_id: ids.next(), scopes };
/// identified(&mut parts.extensions, Some(key));
/// let refused = CurrentUserId::from_request_parts(&mut parts, &()).await;
/// assert_eq!(refused.map_err(|problem| problem.code()), Err(Code::PermissionDenied));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentUserId(pub UserId);

impl<S: Sync> FromRequestParts<S> for CurrentUserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        caller.person(None).map(Self)
    }
}

/// A person who signed in: a key may not do what this guards.
///
/// ```
/// # use axum::extract::FromRequestParts as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::caller::{Caller, CurrentUserId, SignedIn, identified};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::problem::Code;
/// # use tollgate_kernel::scope::Scopes;
/// # #[tokio::main]
/// # async fn main() {
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// let key = Caller::ApiKey {
///     user_id: ids.next(),
///     api_key_id: ids.next(),
///     scopes: Scopes::everything(),
/// };
/// identified(&mut parts.extensions, Some(key));
/// assert!(CurrentUserId::from_request_parts(&mut parts, &()).await.is_ok());
/// let refused = SignedIn::from_request_parts(&mut parts, &()).await;
/// assert_eq!(refused.map_err(|problem| problem.code()), Err(Code::PermissionDenied));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn(pub UserId);

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await? {
            Caller::User { user_id, .. } => Ok(Self(user_id)),
            Caller::ApiKey { .. } | Caller::Service { .. } => {
                Err(Problem::new(Code::PermissionDenied).detail(WORDS.text("caller.sign_in")))
            }
        }
    }
}
