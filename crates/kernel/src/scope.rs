//! What a key may be used for: less than its holder may do, never more.
//!
//! ```
//! use tollgate_kernel::permission::Named;
//! use tollgate_kernel::scope::{
//!     ACCOUNT, Account, INTROSPECT, OF_API_KEYS, PAYMENTS, Payments, QUOTA, Quota, USAGE, Usage,
//! };
//!
//! // The same four as texts and as types; the fifth is for hosts only.
//! assert_eq!(OF_API_KEYS, [QUOTA, USAGE, PAYMENTS, ACCOUNT]);
//! assert_eq!(OF_API_KEYS, [Quota::NAME, Usage::NAME, Payments::NAME, Account::NAME]);
//! assert!(!OF_API_KEYS.contains(&INTROSPECT));
//! ```

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::caller::Caller;
use crate::ids::{ServiceKeyId, UserId};
use crate::permission::Named;
use crate::problem::{Code, Problem};
use crate::words::WORDS;

/// Asks for quota and uses it up.
pub const QUOTA: &str = "quota";
/// Reads what was used.
pub const USAGE: &str = "usage";
/// Reads subscriptions and payments.
pub const PAYMENTS: &str = "payments";
/// Reads the account.
pub const ACCOUNT: &str = "account";
/// Asks what a credential is good for (RFC 7662). Of service keys.
pub const INTROSPECT: &str = "introspect";

/// What a key of a person may be limited to.
pub const OF_API_KEYS: &[&str] = &[QUOTA, USAGE, PAYMENTS, ACCOUNT];

macro_rules! named {
    ($($type:ident $name:ident)*) => { $(
        #[doc = concat!("[`", stringify!($name), "`] as a type, for [`InScope`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $type;

        impl Named for $type {
            const NAME: &'static str = $name;
        }
    )* };
}

named! { Quota QUOTA Usage USAGE Payments PAYMENTS Account ACCOUNT }

/// What a key may be used for.
///
/// ```
/// # use tollgate_kernel::scope::{PAYMENTS, QUOTA, Scopes};
/// let some = Scopes::only([QUOTA]);
/// assert!(some.allow(QUOTA) && !some.allow(PAYMENTS));
/// assert_eq!(some.names(), Some(&[QUOTA.to_owned()][..]));
/// assert!(Scopes::everything().allow(PAYMENTS));
/// assert_eq!(Scopes::everything().names(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Option<Arc<[String]>>);

impl Scopes {
    /// Whatever a key of its kind may do.
    pub fn everything() -> Self {
        Self(None)
    }

    /// What is named, and nothing else.
    pub fn only(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Some(names.into_iter().map(Into::into).collect()))
    }

    /// Whether `name` is among them.
    pub fn allow(&self, name: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|names| names.iter().any(|own| own == name))
    }

    /// `None`: everything.
    pub fn names(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

/// An extractor: the person behind the call, signed in, or by a key with the scope `P`; 403 for any
/// other key and for a service.
///
/// ```
/// # use axum::extract::FromRequestParts as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::caller::{Caller, identified};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::Ids;
/// # use tollgate_kernel::problem::Code;
/// # use tollgate_kernel::scope::{InScope, Payments, Scopes, USAGE, Usage};
/// async fn used(InScope(user, ..): InScope<Usage>) -> String {
///     format!("what {user} used")
/// }
/// # #[tokio::main]
/// # async fn main() {
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// let scopes = Scopes::only([USAGE]);
/// let key = Caller::ApiKey { user_id: ids.next(), api_key_id: ids.next(), scopes };
/// identified(&mut parts.extensions, Some(key));
/// assert!(InScope::<Usage>::from_request_parts(&mut parts, &()).await.is_ok());
/// let refused = InScope::<Payments>::from_request_parts(&mut parts, &()).await;
/// assert_eq!(refused.expect_err("another scope").code(), Code::PermissionDenied);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InScope<P>(pub UserId, pub PhantomData<P>);

impl<S: Sync, P: Named> FromRequestParts<S> for InScope<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let user = caller.person(Some(P::NAME))?;
        Ok(Self(user, PhantomData))
    }
}

/// An extractor: a caller who may serve a customer in the scope `P`, themselves or whom a service names;
/// [`Serving::customer`] says which. 403 for a key or a service without the scope, before anything else
/// of the request is looked at.
///
/// ```
/// # use std::marker::PhantomData;
/// # use tollgate_kernel::caller::Caller;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Ids, UserId};
/// # use tollgate_kernel::problem::{Code, Problem};
/// # use tollgate_kernel::scope::{QUOTA, Quota, Scopes, Serving};
/// // In a handler: `serving: Serving<Quota>`, and the name from the body.
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let user_id: UserId = ids.next();
/// let host = Caller::Service { service_key_id: ids.next(), scopes: Scopes::only([QUOTA]) };
/// let serving = Serving::<Quota>(host, PhantomData);
/// assert_eq!(serving.customer(Some(&user_id.to_string()))?, user_id);
/// let nobody = serving.customer(None).map_err(|problem| problem.code());
/// assert_eq!(nobody, Err(Code::ValidationFailed));
/// # Ok::<(), Problem>(())
/// ```
#[derive(Clone, Debug)]
pub struct Serving<P>(pub Caller, pub PhantomData<P>);

impl<P: Named> Serving<P> {
    /// As [`Caller::customer`].
    ///
    /// # Errors
    /// As [`Caller::customer`].
    pub fn customer(&self, named: Option<&str>) -> Result<UserId, Problem> {
        self.0.customer(P::NAME, named)
    }
}

impl<S: Sync, P: Named> FromRequestParts<S> for Serving<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        match &caller {
            Caller::Service { scopes, .. } if !scopes.allow(P::NAME) => {
                return Err(out_of_scope(P::NAME));
            }
            Caller::Service { .. } => {}
            Caller::User { .. } | Caller::ApiKey { .. } => {
                caller.person(Some(P::NAME))?;
            }
        }
        Ok(Self(caller, PhantomData))
    }
}

/// An extractor: a host application with a key of the scope `P`; 403 for everybody else, before anything else of the
/// request is looked at.
///
/// ```
/// # use axum::extract::FromRequestParts as _;
/// # use axum::http::Request;
/// # use tollgate_kernel::caller::{Caller, identified};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_kernel::ids::{Ids, ServiceKeyId};
/// # use tollgate_kernel::scope::{Hosting, QUOTA, Quota, Scopes};
/// # #[tokio::main]
/// # async fn main() {
/// # let ids = Ids::new(Clock::system(), Entropy::system());
/// # let (mut parts, ()) = Request::new(()).into_parts();
/// # let service_key_id: ServiceKeyId = ids.next();
/// let host = Caller::Service { service_key_id, scopes: Scopes::only([QUOTA]) };
/// identified(&mut parts.extensions, Some(host.clone()));
/// let hosting = Hosting::<Quota>::from_request_parts(&mut parts, &()).await.expect("a host");
/// assert_eq!((hosting.service_key_id, hosting.serving.0), (service_key_id, host));
///
/// let person = Caller::User { user_id: ids.next(), session_id: None };
/// identified(&mut parts.extensions, Some(person));
/// assert!(Hosting::<Quota>::from_request_parts(&mut parts, &()).await.is_err());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Hosting<P> {
    /// The same, as whoever serves a customer.
    pub serving: Serving<P>,
    /// By which key.
    pub service_key_id: ServiceKeyId,
}

impl<S: Sync, P: Named> FromRequestParts<S> for Hosting<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let serving = Serving::<P>::from_request_parts(parts, state).await?;
        let Caller::Service { service_key_id, .. } = serving.0 else {
            return Err(
                Problem::new(Code::PermissionDenied).detail(WORDS.text("access.hosts_only"))
            );
        };
        Ok(Self {
            serving,
            service_key_id,
        })
    }
}

/// A key without the scope that a call takes.
pub(crate) fn out_of_scope(name: &str) -> Problem {
    Problem::new(Code::PermissionDenied)
        .detail(WORDS.text_with("access.scope", &[("name", &name)]))
        .with("permission", name)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn inv_a8_a_key_does_what_its_scopes_name_and_acts_for_whom_it_may() {
        let user_id = UserId::from(Uuid::from_u128(1));
        let other = UserId::from(Uuid::from_u128(2));
        let (own_text, other_text) = (user_id.to_string(), other.to_string());
        let key = |scopes: Scopes| Caller::ApiKey {
            user_id,
            api_key_id: Uuid::from_u128(3).into(),
            scopes,
        };
        let service = |names: &[&str]| Caller::Service {
            service_key_id: Uuid::from_u128(4).into(),
            scopes: Scopes::only(names.iter().copied()),
        };
        let denied = |outcome: Result<UserId, Problem>| {
            outcome.map_err(|problem| problem.code()) == Err(Code::PermissionDenied)
        };
        let all = key(Scopes::everything());
        let some = key(Scopes::only([QUOTA]));
        assert_eq!(all.person(Some(USAGE)).ok(), Some(user_id));
        assert_eq!(all.person(None).ok(), Some(user_id));
        assert_eq!(some.person(Some(QUOTA)).ok(), Some(user_id));
        assert!(denied(some.person(Some(USAGE))));
        assert!(
            denied(some.person(None)),
            "what names no scope is not for a limited key"
        );
        assert!(denied(key(Scopes::only([""; 0])).person(Some(QUOTA))));

        assert_eq!(some.customer(QUOTA, None).ok(), Some(user_id));
        for named in [&other_text, &own_text, "x", ""] {
            assert!(denied(some.customer(QUOTA, Some(named))), "{named}");
        }
        assert!(denied(some.customer(USAGE, None)));
        let host = service(&[QUOTA]);
        assert_eq!(host.customer(QUOTA, Some(&other_text)).ok(), Some(other));
        assert!(denied(host.person(Some(QUOTA))));
        assert!(denied(service(&[USAGE]).customer(QUOTA, Some(&other_text))));
        for named in [None, Some("x")] {
            let nobody = host
                .customer(QUOTA, named)
                .map_err(|problem| problem.code());
            assert_eq!(nobody, Err(Code::ValidationFailed), "{named:?}");
        }
    }
}
