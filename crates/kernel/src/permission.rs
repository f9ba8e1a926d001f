//! What a caller may do beyond their own things. The modules meet here: auth knows who has which role,
//! payment guards its routes, a host may bring an authority of its own.
//!
//! A permission is a name. Nobody has it unless an [`Authority`] says so.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::caller::Caller;
use crate::problem::{Code, Problem};

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
pub fn lacking(name: &str) -> Problem {
    Problem::new(Code::PermissionDenied)
        .detail(
            format!("需要权限 {name}。"),
            format!("This takes the permission {name}."),
        )
        .with("permission", name)
}

/// An extractor: the caller has confirmed lately that it is they. For what a stolen session must not
/// be enough for.
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
pub trait Named: Send + Sync + 'static {
    /// Of the permission.
    const NAME: &'static str;
}

/// An extractor: the caller, who holds the permission `P`.
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
