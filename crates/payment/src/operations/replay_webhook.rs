//! A kept callback once more: its bytes are verified anew, under the keys of today, and what they say is
//! applied as if they had just come. What was let through before stays as it is; what is forged stays refused.

use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::CallId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::accept_webhook::arrive;
use super::keep_call::{Finding, keep};
use crate::model::call::{KeptCall, Verdict};
use crate::providers::{Acknowledgement, RawWebhook};
use crate::store::calls;
use crate::{Parts, PaymentService};

/// Why a callback cannot be replayed.
///
/// ```
/// # use tollgate_payment::ReplayError;
/// assert!(!matches!(ReplayError::NotFound, ReplayError::MethodUnavailable));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such call, or none any more.
    #[error("no such call is kept")]
    NotFound,
    /// Its rail is not configured now.
    #[error("its rail is not configured")]
    MethodUnavailable,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// What a replay came to.
struct Replayed {
    id: CallId,
    verdict: Verdict,
    /// Nothing of the kind had come before.
    first: bool,
}

impl PaymentService {
    /// Receives a kept call again; gives the new one that tells of it. An event is applied once, however it
    /// comes and however often.
    ///
    /// ```
    /// # use tollgate_kernel::ids::CallId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, ReplayError};
    /// # use tollgate_payment::model::call::Verdict;
    /// async fn once_more(payment: &PaymentService, id: CallId, origin: &Origin) -> Result<bool, ReplayError> {
    ///     let kept = payment.replay_webhook(id, origin).await?;
    ///     Ok(kept.call.verdict == Verdict::Verified)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn replay_webhook(
        &self,
        id: CallId,
        origin: &Origin,
    ) -> Result<KeptCall, ReplayError> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let kept = calls::find_kept(db, id, livemode).await?;
        let kept = kept.ok_or(ReplayError::NotFound)?;
        if self.0.providers.get(kept.call.provider).is_none() {
            return Err(ReplayError::MethodUnavailable);
        }
        let (service, origin) = (self.clone(), origin.clone());
        // In a task of its own: a client that hangs up must not stop it between two statements.
        let work = tokio::spawn(async move { replay(&service.0, &kept, &origin).await });
        let new = match work.await {
            Ok(new) => new?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let seen = calls::find_kept(db, new, livemode).await?;
        seen.ok_or(ReplayError::NotFound)
    }
}

async fn replay(parts: &Parts, kept: &KeptCall, origin: &Origin) -> Result<CallId, ReplayError> {
    let provider = parts.providers.get(kept.call.provider);
    let provider = provider.ok_or(ReplayError::MethodUnavailable)?;
    let (started, now) = (Instant::now(), parts.clock.now());
    let raw = RawWebhook {
        headers: headers(kept),
        body: kept.body.clone().into(),
    };
    let mut finding = Finding {
        provider: kept.call.provider,
        verdict: Verdict::Verified,
        event_key: None,
        payment_id: None,
        replay_of: Some(kept.call.id),
    };
    let read = provider.handle_webhook(&raw).await;
    let mut tx = parts.db.begin().await?;
    let mut first = false;
    let reply = match &read {
        Ok(event) => {
            let arrived = arrive(parts, &mut tx, finding.provider, event, (now, now)).await?;
            first = arrived.first;
            finding.payment_id = arrived.payment_id;
            finding.event_key = Some(event.key());
            provider.acknowledge(Acknowledgement::Accepted)
        }
        Err(refusal) => {
            finding.verdict = refusal.verdict();
            provider.acknowledge((*refusal).into())
        }
    };
    let replayed = Replayed {
        id: keep(parts, &mut tx, &raw, finding, &reply, started, now).await?,
        verdict: finding.verdict,
        first,
    };
    record(parts, &mut tx, kept, &replayed, origin, now).await?;
    tx.commit().await?;
    Ok(replayed.id)
}

/// As they came; what cannot be a header was none.
fn headers(kept: &KeptCall) -> HeaderMap {
    let pairs = kept.header_lines().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}

async fn record(
    parts: &Parts,
    tx: &mut Tx,
    kept: &KeptCall,
    replayed: &Replayed,
    origin: &Origin,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action: "webhook_event.replayed",
        subject_kind: "webhook_event",
        subject_id: kept.call.id.to_string(),
        before: Some(json!({ "verdict": kept.call.verdict })),
        after: Some(json!({
            "verdict": replayed.verdict,
            "webhook_event_id": replayed.id,
            "applied": replayed.first,
        })),
        reason: None,
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}
