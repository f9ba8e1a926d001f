//! Who may open a page of the house: one guard for each permission, asked of the accounts anew at every call.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Authority as _, Confirmed, Named, Permissions, lacking};
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_kernel::words::Spoken;

use super::super::frame::Frame;
use super::super::visit::{Visit, Visitor};
use super::Console;

macro_rules! named {
    ($($name:ident = $permission:ident)*) => { $(
        pub(super) struct $name;
        impl Named for $name {
            const NAME: &'static str = permission::$permission;
        }
    )* };
}

named! {
    Admin = ADMIN
    AuditRead = AUDIT_READ
    Finance = FINANCE
    PaymentsRead = PAYMENTS_READ
    UsageRead = USAGE_READ
    UsersRead = USERS_READ
    UsersWrite = USERS_WRITE
}

/// An extractor: a member of staff who holds `P`, and what else they hold. It refuses as
/// [`Permitted`](permission::Permitted) does; who is not signed in is led to where one does.
#[derive(Clone, Debug)]
pub(super) struct Staff<P> {
    pub(super) visitor: Visitor,
    pub(super) caller: Caller,
    pub(super) permissions: Permissions,
    pub(super) origin: Origin,
    of: PhantomData<P>,
}

impl<P: Named> FromRequestParts<Console> for Staff<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        let visitor = Visitor::from_request_parts(parts, console).await?;
        let caller =
            <Caller as FromRequestParts<Console>>::from_request_parts(parts, console).await?;
        let permissions = console.auth.permissions(&caller).await?;
        if !permissions.hold(P::NAME) {
            return Err(lacking(P::NAME));
        }
        let Ok(origin) = Origin::from_request_parts(parts, console).await;
        Ok(Self {
            visitor,
            caller,
            permissions,
            origin,
            of: PhantomData,
        })
    }
}

impl<P> Staff<P> {
    /// What stands around a page of the console; `path` is the entry of the list that it belongs to.
    pub(super) fn frame(&self, path: &str, title: String) -> Frame {
        Frame::of_console(&self.visitor, &self.permissions, path, title)
    }

    pub(super) fn visit(&self) -> &Visit {
        &self.visitor.visit
    }

    pub(super) fn language(&self) -> Language {
        self.visitor.visit.language
    }

    pub(super) fn words(&self) -> Spoken {
        self.visit().words()
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.permissions.hold(name)
    }

    /// Where they show once more that it is they, unless they did lately.
    pub(super) async fn confirm(&self, console: &Console) -> Option<String> {
        let confirmed = console.auth.confirmed(&self.caller).await;
        let lead = || format!("/portal/confirm?{}", self.visit().back.query());
        confirmed.err().map(|_| lead())
    }
}

/// An extractor: a member of staff who holds `P` and has shown lately that it is they.
#[derive(Clone, Debug)]
pub(super) struct Sure<P>(pub(super) Staff<P>);

impl<P: Named> FromRequestParts<Console> for Sure<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        let staff = Staff::from_request_parts(parts, console).await?;
        Confirmed::from_request_parts(parts, console).await?;
        Ok(Self(staff))
    }
}
