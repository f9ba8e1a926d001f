//! What is on its way and what has arrived: looked at, tried out and sent again by an admin; each deed is in the audit
//! log.

use serde_json::json;
use tollgate_kernel::ids::{DeliveryId, EndpointId, Id as _};
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::outbox::{self, Event};

use super::endpoints::{EndpointError, record};
use crate::PaymentService;
use crate::model::outbound::{Delivery, DeliveryState, TEST_EVENT, Try};
use crate::store::deliveries::{self, Fresh};
use crate::store::tries;

/// Of one delivery, as many as a person reads.
const MOST_TRIES: i64 = 100;

impl PaymentService {
    /// Sends an event of type `endpoint.test` to this endpoint alone.
    ///
    /// ```
    /// # use tollgate_kernel::ids::{DeliveryId, EndpointId};
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService};
    /// async fn knock(payment: &PaymentService, id: EndpointId, origin: &Origin) -> Result<DeliveryId, EndpointError> {
    ///     // The worker sends it; `delivery` tells what came of it.
    ///     payment.test_endpoint(id, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn test_endpoint(
        &self,
        id: EndpointId,
        origin: &Origin,
    ) -> Result<DeliveryId, EndpointError> {
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
        let after = json!({ "delivery_id": delivery });
        record(
            parts,
            &mut tx,
            "webhook_endpoint.tested",
            id,
            after,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(delivery)
    }

    /// One delivery, and its newest tries, newest first; those of the last 30 days are kept.
    ///
    /// ```
    /// # use tollgate_kernel::ids::DeliveryId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn last_answer(payment: &PaymentService, id: DeliveryId) -> Result<Option<i64>, StorageError> {
    ///     let found = payment.delivery(id).await?;
    ///     Ok(found.and_then(|(_, tries)| tries.iter().max_by_key(|one| one.attempt)?.status))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<(Delivery, Vec<Try>)>> {
        let db = &self.0.db;
        match deliveries::find(db, id, self.0.config.livemode).await? {
            Some(found) => Ok(Some((found, tries::list(db, id, MOST_TRIES).await?))),
            None => Ok(None),
        }
    }

    /// Deliveries, newest first, and whether there are more.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::outbound::{Delivery, DeliveryState};
    /// # use tollgate_storage::StorageError;
    /// async fn failed(payment: &PaymentService, to: EndpointId) -> Result<Vec<Delivery>, StorageError> {
    ///     let failed = Some(DeliveryState::Failed);
    ///     let (page, _more) = payment.deliveries(Some(to), failed, None, 50).await?;
    ///     Ok(page)
    /// }
    /// ```
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
    /// ```
    /// # use tollgate_kernel::ids::DeliveryId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService};
    /// async fn again(payment: &PaymentService, id: DeliveryId, origin: &Origin) -> Result<bool, EndpointError> {
    ///     match payment.resend_delivery(id, origin).await {
    ///         Ok(()) => Ok(true),
    ///         Err(EndpointError::Open) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn resend_delivery(
        &self,
        id: DeliveryId,
        origin: &Origin,
    ) -> Result<(), EndpointError> {
        let parts = &self.0;
        let (now, livemode) = (parts.clock.now(), parts.config.livemode);
        let mut tx = parts.db.begin().await?;
        let Some(endpoint) = deliveries::reopen(&mut tx, id, livemode, now).await? else {
            tx.rollback().await?;
            let known = deliveries::find(&parts.db, id, livemode).await?;
            return Err(known.map_or(EndpointError::NotFound, |_| EndpointError::Open));
        };
        let after = json!({ "delivery_id": id });
        record(
            parts,
            &mut tx,
            "webhook_endpoint.delivery_resent",
            endpoint,
            after,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
