//! Who is told: made, changed, tried and taken away by an admin, each deed in the audit log.

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{DeliveryId, EndpointId, Id as _, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::outbox::{self, Event};
use tollgate_storage::{Result, StorageError};

use super::address::{NotThere, checked};
use super::send::SECRET;
use crate::model::outbound::{Delivery, DeliveryState, EVENT_TYPES, Endpoint, Secret, TEST_EVENT};
use crate::store::deliveries::Fresh;
use crate::store::{deliveries, endpoints};
use crate::{Parts, PaymentService};

/// How long the secret before counts beside the new one.
const BOTH_SECRETS: std::time::Duration = std::time::Duration::from_hours(24);
/// More than anybody needs; each is looked at at every tick.
const MOST_ENDPOINTS: usize = 50;
const DESCRIPTION_CHARS: usize = 200;

/// A receiver, as an admin wants it.
#[derive(Clone, Debug)]
pub struct WantEndpoint {
    /// Where to.
    pub url: String,
    /// For whoever reads the list.
    pub description: String,
    /// Which types; empty: all.
    pub kinds: Vec<String>,
    /// Whether it is told at all.
    pub enabled: bool,
}

/// Why there is no such receiver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No such endpoint, or no such delivery.
    #[error("there is no such endpoint")]
    NotFound,
    /// Events may not go there.
    #[error("events may not go to that address")]
    Address {
        /// It leads to this machine or to a private network.
        private: bool,
    },
    /// A type that is never told.
    #[error("there is no event of type {0}")]
    Kind(String),
    /// Too many words.
    #[error("a description has at most 200 characters")]
    Description,
    /// As many as there may be.
    #[error("there are 50 endpoints")]
    TooMany,
    /// It is on its way.
    #[error("the delivery is on its way")]
    Open,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// All endpoints, oldest first.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        endpoints::list(&self.0.db, self.0.config.livemode).await
    }

    /// One of them.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>> {
        endpoints::find(&self.0.db, id, self.0.config.livemode).await
    }

    /// A new one, and its secret, which is shown this once.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn create_endpoint(
        &self,
        wish: &WantEndpoint,
        by: Option<UserId>,
        origin: &Origin,
    ) -> Result<(Endpoint, Secret), EndpointError> {
        let parts = &self.0;
        check(parts, wish)?;
        if self.endpoints().await?.len() >= MOST_ENDPOINTS {
            return Err(EndpointError::TooMany);
        }
        let now = parts.clock.now();
        let secret = Secret::random(&parts.entropy);
        let new = Endpoint {
            id: parts.ids.at(now),
            url: wish.url.clone(),
            description: wish.description.clone(),
            kinds: wish.kinds.clone(),
            failing_since: None,
            disabled_at: None,
            disabled_reason: None,
            created_by: by,
            created_at: now,
        };
        let mut tx = parts.db.begin().await?;
        endpoints::insert(&mut tx, &new, &seal(parts, &secret), parts.config.livemode).await?;
        let after = json!({ "url": new.url, "event_types": new.kinds });
        record(
            parts,
            &mut tx,
            "webhook_endpoint.created",
            new.id,
            after,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok((new, secret))
    }

    /// Another address, other types, on or off. Switched on again, what waited is sent.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn change_endpoint(
        &self,
        id: EndpointId,
        wish: &WantEndpoint,
        origin: &Origin,
    ) -> Result<Endpoint, EndpointError> {
        let parts = &self.0;
        check(parts, wish)?;
        let (now, livemode) = (parts.clock.now(), parts.config.livemode);
        let known = self.endpoint(id).await?.ok_or(EndpointError::NotFound)?;
        let off = (!wish.enabled).then(|| known.disabled_at.unwrap_or(now));
        let changed = Endpoint {
            url: wish.url.clone(),
            description: wish.description.clone(),
            kinds: wish.kinds.clone(),
            disabled_at: off,
            disabled_reason: off.and_then(|_| known.disabled_reason.clone()),
            ..known
        };
        let mut tx = parts.db.begin().await?;
        if !endpoints::change(&mut tx, &changed, livemode, now).await? {
            return Err(EndpointError::NotFound);
        }
        let after =
            json!({ "url": changed.url, "event_types": changed.kinds, "enabled": wish.enabled });
        record(
            parts,
            &mut tx,
            "webhook_endpoint.changed",
            id,
            after,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        self.endpoint(id).await?.ok_or(EndpointError::NotFound)
    }

    /// Another secret, shown this once; for 24 hours both sign.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn rotate_endpoint_secret(
        &self,
        id: EndpointId,
        origin: &Origin,
    ) -> Result<Secret, EndpointError> {
        let parts = &self.0;
        let (now, livemode) = (parts.clock.now(), parts.config.livemode);
        let secret = Secret::random(&parts.entropy);
        let (sealed, until) = (seal(parts, &secret), now.after(BOTH_SECRETS));
        let mut tx = parts.db.begin().await?;
        if !endpoints::rotate(&mut tx, id, &sealed, until, livemode, now).await? {
            return Err(EndpointError::NotFound);
        }
        record(
            parts,
            &mut tx,
            "webhook_endpoint.secret_rotated",
            id,
            Value::Null,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Takes one away, with all that was on its way to it.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn delete_endpoint(
        &self,
        id: EndpointId,
        origin: &Origin,
    ) -> Result<(), EndpointError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !endpoints::delete(&mut tx, id, parts.config.livemode).await? {
            return Err(EndpointError::NotFound);
        }
        record(
            parts,
            &mut tx,
            "webhook_endpoint.deleted",
            id,
            Value::Null,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sends an event of type `endpoint.test` to this endpoint alone.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn test_endpoint(&self, id: EndpointId) -> Result<DeliveryId, EndpointError> {
        let parts = &self.0;
        let now = parts.clock.now();
        self.endpoint(id).await?.ok_or(EndpointError::NotFound)?;
        let event = Event {
            id: parts.ids.at(now),
            kind: TEST_EVENT,
            object_kind: "webhook_endpoint",
            object_id: id.uuid(),
            user_id: None,
            livemode: parts.config.livemode,
            body: &json!({ "endpoint_id": id }),
        };
        let delivery: DeliveryId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        outbox::append(&mut tx, &event, now).await?;
        // Fanned out by hand: to nobody else.
        deliveries::dispatch(&mut tx, event.id, now).await?;
        let fresh = Fresh {
            position: i64::MAX,
            id: event.id,
            kind: TEST_EVENT.to_owned(),
            // Each test is an object of its own, so that none waits for another.
            object_id: delivery.uuid(),
            livemode: event.livemode,
            created_at: now,
        };
        deliveries::insert(&mut tx, delivery, id, &fresh, now).await?;
        tx.commit().await?;
        Ok(delivery)
    }

    /// Deliveries, newest first, and whether there are more.
    ///
    /// # Errors
    /// The database.
    pub async fn deliveries(
        &self,
        endpoint: Option<EndpointId>,
        state: Option<DeliveryState>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<(Vec<Delivery>, bool)> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let one_more = i64::from(limit).saturating_add(1);
        let mut found = deliveries::list(db, endpoint, state, after, livemode, one_more).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            found.pop();
        }
        Ok((found, more))
    }

    /// Sends a delivery once more, by the schedule from its start.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn resend_delivery(&self, id: DeliveryId) -> Result<(), EndpointError> {
        let parts = &self.0;
        let mut tx = parts.db.begin().await?;
        let livemode = parts.config.livemode;
        if !deliveries::reopen(&mut tx, id, livemode, parts.clock.now()).await? {
            return Err(EndpointError::Open);
        }
        tx.commit().await?;
        Ok(())
    }
}

fn check(parts: &Parts, wish: &WantEndpoint) -> Result<(), EndpointError> {
    if let Err(error) = checked(&wish.url, parts.config.webhook_allow_private) {
        let private = error == NotThere::Private;
        return Err(EndpointError::Address { private });
    }
    if let Some(unknown) = wish
        .kinds
        .iter()
        .find(|kind| !EVENT_TYPES.contains(&kind.as_str()))
    {
        return Err(EndpointError::Kind(unknown.clone()));
    }
    if wish.description.chars().count() > DESCRIPTION_CHARS {
        return Err(EndpointError::Description);
    }
    Ok(())
}

fn seal(parts: &Parts, secret: &Secret) -> Vec<u8> {
    parts
        .master_key
        .seal(SECRET, secret.bytes(), &parts.entropy)
}

async fn record(
    parts: &Parts,
    tx: &mut Tx,
    action: &'static str,
    id: EndpointId,
    after: Value,
    origin: &Origin,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action,
        subject_kind: "webhook_endpoint",
        subject_id: id.to_string(),
        before: None,
        after: (!after.is_null()).then_some(after),
        reason: None,
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}
