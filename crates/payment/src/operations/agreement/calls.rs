//! What is to become of an agreement is written down in the transaction that decides it, and told to the rail until it
//! has heard. Two wishes there are: that it debits as its subscription says (`keep`), and that it ends (`end`). An
//! agreement that nobody holds any more must not debit on.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SubscriptionId, UserId};
use tollgate_storage::Result;
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, Job, NewJob};

use super::told;
use crate::model::payment::PaymentMethod;
use crate::operations::reconcile::next_question;
use crate::providers::ProviderError;
use crate::providers::agreement::{AgreementChange, AgreementNews};
use crate::store::{agreements, subscriptions};
use crate::{Parts, PaymentService};

/// A job that tells the rail how the subscription stands.
pub(crate) const KEEP_AGREEMENT: &str = "keep_agreement";
/// A job that ends an agreement.
pub(crate) const END_AGREEMENT: &str = "end_agreement";

/// The rail is told how the subscription stands now. Nobody who tells at this moment finishes before the caller's
/// change can be seen: see [`PaymentService::work_on_agreement`].
pub(in crate::operations) async fn keep(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    agreement_id: &str,
    now: Timestamp,
) -> Result<()> {
    jobs::hasten(tx, KEEP_AGREEMENT, agreement_id, now).await?;
    put(parts, tx, KEEP_AGREEMENT, method, agreement_id, now).await
}

/// The agreement debits no more.
pub(in crate::operations) async fn end(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    agreement_id: &str,
    now: Timestamp,
) -> Result<()> {
    tracing::info!(
        provider = method.as_str(),
        agreement_id,
        "an agreement is ended"
    );
    put(parts, tx, END_AGREEMENT, method, agreement_id, now).await
}

/// The agreement of a subscription that has ended before its time debits no more.
pub(in crate::operations) async fn end_of(
    parts: &Parts,
    tx: &mut Tx,
    subscription: SubscriptionId,
    now: Timestamp,
) -> Result<()> {
    match agreements::of(tx, subscription).await? {
        Some((method, id)) => end(parts, tx, method, &id, now).await,
        None => Ok(()),
    }
}

/// Who has left is debited no more, for nothing that there is or was.
pub(in crate::operations) async fn end_of_user(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    if let Some(held) = subscriptions::read_live(tx, user, parts.config.livemode).await? {
        end_of(parts, tx, held.id, now).await?;
    }
    end_lapsed(parts, tx, user, now).await.map(drop)
}

/// Debits that are still tried for what has ended are tried no more. `false`: there are none.
pub(in crate::operations) async fn end_lapsed(
    parts: &Parts,
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let lapsed = agreements::take_lapsed(tx, user, parts.config.livemode, now).await?;
    for (method, id) in &lapsed {
        end(parts, tx, *method, id, now).await?;
    }
    Ok(!lapsed.is_empty())
}

async fn put(
    parts: &Parts,
    tx: &mut Tx,
    kind: &'static str,
    method: PaymentMethod,
    agreement_id: &str,
    now: Timestamp,
) -> Result<()> {
    let job = NewJob {
        lane: method.as_str(),
        kind,
        dedupe_key: agreement_id,
        payload: json!({ "method": method.as_str(), "agreement_id": agreement_id }),
        due_at: now,
    };
    jobs::put(tx, &parts.ids, job, now).await
}

/// What the rail is to do. `None`: nothing, since nobody decides over it any more.
async fn wanted(
    parts: &Parts,
    tx: &mut Tx,
    kind: &str,
    method: PaymentMethod,
    agreement_id: &str,
) -> Result<Option<AgreementChange>> {
    if kind == END_AGREEMENT {
        return Ok(Some(AgreementChange::End));
    }
    let held = agreements::read(tx, method, parts.config.livemode, agreement_id).await?;
    let renews = held.and_then(|held| held.renews);
    Ok(renews.map(|renews| {
        if renews {
            AgreementChange::Resume
        } else {
            AgreementChange::Cancel
        }
    }))
}

impl PaymentService {
    /// Tells the rail, outside any transaction, and ends the job; unless something else is wanted by then. A no is
    /// told again and again: what debits on against somebody's will is nothing to leave alone.
    pub(crate) async fn work_on_agreement(
        &self,
        job: &Job,
        method: PaymentMethod,
        agreement_id: &str,
    ) -> Result<()> {
        let parts = &self.0;
        let mut tx = parts.db.begin().await?;
        let change = wanted(parts, &mut tx, &job.kind, method, agreement_id).await?;
        tx.rollback().await?;
        // A rail that is not configured any more is waited for.
        let Some(rail) = parts.providers.get(method) else {
            return Ok(());
        };
        let answer = match change {
            Some(change) => rail.change_agreement(agreement_id, change).await,
            None => Ok(()),
        };
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if let Err(error) = &answer {
            tracing::error!(
                provider = method.as_str(), agreement_id, %error, "an agreement was not changed"
            );
        }
        let no = matches!(answer, Err(ProviderError::Refused { .. }));
        let is_over = no && change == Some(AgreementChange::Resume);
        if answer.is_err() && !is_over {
            let again = next_question(job.attempts, now);
            if jobs::put_off(&mut tx, job, again, "not changed").await? {
                tx.commit().await?;
            }
            return Ok(());
        }
        // First the job, then the subscription: whoever changes his mind takes the job's row before he changes the
        // subscription, so that either he is waited for and seen here, or his wish is a job of its own.
        let ours = jobs::finish(&mut tx, job, now).await?;
        if !ours || wanted(parts, &mut tx, &job.kind, method, agreement_id).await? != change {
            // Somebody else's job, or due again when its lease is over: at once, since `keep` has hastened it.
            return Ok(());
        }
        if is_over {
            // It has ended there: nothing will be debited, and nobody is to believe so.
            told(
                parts,
                &mut tx,
                method,
                agreement_id,
                AgreementNews::Ended,
                (now, now),
            )
            .await?;
        }
        tx.commit().await
    }
}
