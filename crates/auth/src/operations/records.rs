//! What is written down beside a change of an account: for the audit log, and for those who listen.

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, Id as _, ServiceKeyId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::outbox::{self, Event};

use crate::Parts;
use crate::model::api_key::ApiKey;

/// What a deed is done to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    User(UserId),
    ApiKey(ApiKeyId),
    ServiceKey(ServiceKeyId),
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl Subject {
    fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::ServiceKey(_) => "service_key",
        }
    }

    fn id(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::ApiKey(id) => id.to_string(),
            Self::ServiceKey(id) => id.to_string(),
        }
    }
}

/// A deed that changes an account or a key.
pub(super) struct Deed<'a> {
    pub(super) actor: Actor,
    /// `user.password_changed` …
    pub(super) action: &'static str,
    pub(super) subject: Subject,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) reason: Option<&'a str>,
    pub(super) origin: &'a Origin,
}

/// Writes a deed into the audit log, in the transaction that does it.
pub(super) async fn record(
    parts: &Parts,
    tx: &mut Tx,
    deed: Deed<'_>,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: deed.actor,
        action: deed.action,
        subject_kind: deed.subject.kind(),
        subject_id: deed.subject.id(),
        before: deed.before,
        after: deed.after,
        reason: deed.reason,
        origin: deed.origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}

/// Tells those who listen: `user.created`, `user.updated`, `user.deactivated`, `user.deleted`.
pub(super) async fn tell(
    parts: &Parts,
    tx: &mut Tx,
    kind: &'static str,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    let event = Event {
        id: parts.ids.at(now),
        kind,
        object_kind: "user",
        object_id: user.uuid(),
        user_id: Some(user),
        livemode: parts.config.livemode,
        body: &json!({ "user_id": user }),
    };
    outbox::append(tx, &event, now).await
}

/// Tells those who listen: `api_key.created`, `api_key.revoked`. Never its text.
pub(super) async fn tell_key(
    parts: &Parts,
    tx: &mut Tx,
    kind: &'static str,
    user: UserId,
    key: &ApiKey,
    now: Timestamp,
) -> Result<()> {
    let body = json!({
        "id": key.id,
        "user_id": user,
        "key_prefix": key.key_prefix,
        "name": key.name,
        "last_used_at": key.last_used_at,
        "is_active": key.is_active,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "scopes": key.terms.scopes.names().unwrap_or_default(),
        "allowed_addresses": key.terms.addresses.texts(),
        "rate_limit_per_minute": key.terms.per_minute,
        "rotated_from": key.rotated_from,
    });
    let event = Event {
        id: parts.ids.at(now),
        kind,
        object_kind: "api_key",
        object_id: key.id.uuid(),
        user_id: Some(user),
        livemode: parts.config.livemode,
        body: &body,
    };
    outbox::append(tx, &event, now).await
}
