//! A key that opens something, as it was when it was read.

use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, ServiceKeyId, UserId};

use super::key_terms::KeyTerms;

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A person's.
    Person(UserId, ApiKeyId),
    /// A host application's.
    Service(ServiceKeyId),
}

/// Unrevoked, of somebody active; it may have expired.
#[derive(Clone, Debug)]
pub(crate) struct LiveKey {
    /// Whose.
    pub(crate) holder: Holder,
    /// What limits it.
    pub(crate) terms: KeyTerms,
    /// `None` = never.
    pub(crate) expires_at: Option<Timestamp>,
    /// To the minute.
    pub(crate) last_used_at: Option<Timestamp>,
}

impl LiveKey {
    /// Who calls by it.
    pub(crate) fn caller(&self) -> Caller {
        let scopes = self.terms.scopes.clone();
        match self.holder {
            Holder::Person(user_id, api_key_id) => Caller::ApiKey {
                user_id,
                api_key_id,
                scopes,
            },
            Holder::Service(service_key_id) => Caller::Service {
                service_key_id,
                scopes,
            },
        }
    }
}
