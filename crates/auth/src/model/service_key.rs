//! Keys of host applications: a caller of its own, without a person.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ServiceKeyId, UserId};
use tollgate_kernel::networks::Networks;
use tollgate_kernel::scope::Scopes;

/// A service key as a list shows it.
///
/// ```
/// # use tollgate_auth::model::service_key::ServiceKey;
/// fn line(key: &ServiceKey) -> String {
///     let scopes = key.scopes.names().unwrap_or_default().join(" ");
///     format!("{} {} [{scopes}]", key.key_prefix, key.name)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Of the key.
    pub id: ServiceKeyId,
    /// `sk_live_abc...`
    pub key_prefix: String,
    /// Which application.
    pub name: String,
    /// What it is for; at least one.
    pub scopes: Scopes,
    /// From where it may be used; empty: from anywhere.
    pub addresses: Networks,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// Whether it opens anything.
    pub is_active: bool,
    /// By whom.
    pub created_by: Option<UserId>,
    /// Of the key.
    pub created_at: Timestamp,
    /// `None` = never.
    pub expires_at: Option<Timestamp>,
    /// The key it takes the place of.
    pub rotated_from: Option<ServiceKeyId>,
}
