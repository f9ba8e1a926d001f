//! What a caller may do beyond their own things. The modules meet here: auth knows who has which role,
//! payment guards its routes, a host may bring an authority of its own.
//!
//! A permission is a name. Nobody has it unless an [`Authority`] says so.
//!
//! ```
//! use tollgate_kernel::permission::{
//!     ADMIN, AUDIT_READ, FINANCE, PAYMENTS_READ, Permissions, USAGE_READ, USERS_READ, USERS_WRITE,
//! };
//!
//! let bookkeeper = Permissions::new([PAYMENTS_READ, FINANCE]);
//! assert!(bookkeeper.hold(FINANCE) && !bookkeeper.hold(USERS_WRITE));
//! let admin = Permissions::new([ADMIN]);
//! let others = [FINANCE, USERS_READ, USERS_WRITE, PAYMENTS_READ, USAGE_READ, AUDIT_READ];
//! assert!(others.into_iter().all(|name| admin.hold(name)));
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::caller::Caller;
use crate::problem::{Code, Problem};
use crate::words::WORDS;

/// Holds every other.
pub const ADMIN: &str = "admin";
/// Refunds, and the payments of everybody.
pub const FINANCE: &str = "finance";
/// Sees people and what they hold.
pub const USERS_READ: &str = "users.read";
/// Changes people: activate, give, end sign-ins.
pub const USERS_WRITE: &str = "users.write";
/// Sees the payments of everybody.
pub const PAYMENTS_READ: &str = "payments.read";
/// Sees the usage of everybody.
pub const USAGE_READ: &str = "usage.read";
/// Sees who did what.
pub const AUDIT_READ: &str = "audit.read";

/// What somebody holds.
///
/// ```
/// # use tollgate_kernel::permission::Permissions;
/// // A name of the host's own is as good as one of ours.
/// let held = Permissions::new(["films.burn", "films.archive", "films.burn"]);
/// assert_eq!(held.names(), ["films.archive", "films.burn"]);
/// assert!(held.hold("films.burn"));
/// assert!(!Permissions::default().hold("films.burn"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Vec<String>);

impl Permissions {
    /// Nothing is held that is not named here.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// Whether `name` is held, by itself or by [`ADMIN`].
    pub fn hold(&self, name: &str) -> bool {
        self.0.iter().any(|held| held == name || held == ADMIN)
    }

    /// Sorted, each once.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Says what a caller holds, as it is now.
///
/// ```
/// use async_trait::async_trait;
/// # use std::sync::Arc;
/// # use axum::http::Request;
/// # use tollgate_kernel::caller::{Caller, identified};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::permission::{Authorised, Authority, FINANCE, Permissions, USERS_WRITE, require};
/// # use tollgate_kernel::problem::{Code, Problem};
///
/// #[derive(Debug)]
/// struct Staff;
///
/// #[async_trait]
/// impl Authority for Staff {
///     async fn permissions(&self, caller: &Caller) -> Result<Permissions, Problem> {
///         Ok(Permissions::new(caller.user_id().map(|_| FINANCE)))
///     }
///
///     async fn confirmed(&self, _: &Caller) -> Result<(), Problem> {
///         Err(Problem::new(Code::ConfirmationRequired))
///     }
/// }
/// # #[tokio::main]
/// # async fn main() {
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// // The layer that identifies callers puts both beside the request.
/// let caller = Caller::User { user_id: ids.next(), session_id: None };
/// identified(&mut parts.extensions, Some(caller.clone()));
/// parts.extensions.insert(Authorised(Arc::new(Staff)));
///
/// assert_eq!(require(&mut parts, FINANCE).await.ok(), Some(caller));
/// let refused = require(&mut parts, USERS_WRITE).await.expect_err("not held");
/// assert_eq!(refused.code(), Code::PermissionDenied);
/// # }
/// ```
#[async_trait]
pub trait Authority: Send + Sync + fmt::Debug {
    /// # Errors
    /// The caller is nobody any more (401), or nobody can say (503): then nothing is permitted.
    async fn permissions(&self, caller: &Caller) -> Result<Permissions, Problem>;

    /// Whether the person behind a sign-in showed within the last five minutes that it is they.
    ///
    /// # Errors
    /// `confirmation_required`, or the caller is not a person who signed in (403), or is nobody any
    /// more (401), or nobody can say (503).
    async fn confirmed(&self, caller: &Caller) -> Result<(), Problem>;
}

/// The authority beside a request; put there by the layer that identifies callers.
#[derive(Clone, Debug)]
pub struct Authorised(pub Arc<dyn Authority>);

fn authority(parts: &Parts) -> Result<Arc<dyn Authority>, Problem> {
    if let Some(Authorised(authority)) = parts.extensions.get::<Authorised>() {
        return Ok(Arc::clone(authority));
    }
    tracing::error!(
        path = parts.uri.path(),
        "a handler asks what its caller may do, but no authority stands beside the request: add `.layer(auth.identify())`"
    );
    Err(Problem::new(Code::Internal))
}

/// Refuses a call whose caller does not hold `name`: 401 for nobody, 403 otherwise.
///
/// # Errors
/// As above, and as the authority refuses.
pub async fn require(parts: &mut Parts, name: &str) -> Result<Caller, Problem> {
    let caller = <Caller as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
    if authority(parts)?.permissions(&caller).await?.hold(name) {
        return Ok(caller);
    }
    Err(lacking(name))
}

/// Somebody does not hold `name`.
///
/// ```
/// # use tollgate_kernel::permission::{FINANCE, lacking};
/// # use tollgate_kernel::problem::Occurrence;
/// # use tollgate_kernel::text::Language;
/// let document = lacking(FINANCE).document(Language::En, &Occurrence::default());
/// assert_eq!(document["status"], 403);
/// assert_eq!(document["permission"], "finance");
/// assert_eq!(document["detail"], "This takes the permission finance.");
/// ```
pub fn lacking(name: &str) -> Problem {
    Problem::new(Code::PermissionDenied)
        .detail(WORDS.text_with("access.permission", &[("name", &name)]))
        .with("permission", name)
}

/// An extractor: the caller has confirmed lately that it is they. For what a stolen session must not
/// be enough for.
///
/// ```
/// # use axum::Router;
/// # use axum::routing::post;
/// # use tollgate_kernel::permission::Confirmed;
/// async fn close_account(Confirmed(caller): Confirmed) -> String {
///     format!("{} is closed", caller.subject())
/// }
/// let app: Router = Router::new().route("/close", post(close_account));
/// ```
#[derive(Clone, Debug)]
pub struct Confirmed(pub Caller);

impl<S: Sync> FromRequestParts<S> for Confirmed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
        authority(parts)?.confirmed(&caller).await?;
        Ok(Self(caller))
    }
}

/// A permission as a type, for [`Permitted`].
///
/// ```
/// # use tollgate_kernel::permission::Named;
/// # use tollgate_kernel::scope::Quota;
/// struct BurnFilms;
///
/// impl Named for BurnFilms {
///     const NAME: &'static str = "films.burn";
/// }
/// assert_eq!((BurnFilms::NAME, Quota::NAME), ("films.burn", "quota"));
/// ```
pub trait Named: Send + Sync + 'static {
    /// Of the permission.
    const NAME: &'static str;
}

/// An extractor: the caller, who holds the permission `P`.
///
/// ```
/// # use axum::Router;
/// # use axum::routing::post;
/// # use tollgate_kernel::permission::{Named, Permitted};
/// struct BurnFilms;
///
/// impl Named for BurnFilms {
///     const NAME: &'static str = "films.burn";
/// }
///
/// async fn burn(by: Permitted<BurnFilms>) -> String {
///     format!("burnt by {}", by.0.subject())
/// }
/// let app: Router = Router::new().route("/burn", post(burn));
/// ```
#[derive(Clone, Debug)]
pub struct Permitted<P>(pub Caller, PhantomData<P>);

impl<S: Sync, P: Named> FromRequestParts<S> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(require(parts, P::NAME).await?, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_what_is_not_named() {
        let none = Permissions::default();
        let finance = Permissions::new([FINANCE, FINANCE]);
        let admin = Permissions::new([ADMIN]);
        for name in [FINANCE, USERS_READ, "", "unheard of"] {
            assert!(!none.hold(name) && admin.hold(name), "{name}");
        }
        assert!(finance.hold(FINANCE) && !finance.hold(ADMIN) && !finance.hold(USERS_READ));
        assert_eq!(finance.names(), [FINANCE]);
    }
}
