//! Gives the units of a charge back, once. The log keeps both rows.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{UsageId, UserId};
use tollgate_storage::StorageError;
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Request};

use super::consume::{ConsumeError, known, read_back};
use super::give_back::{self, Back};
use super::{Answered, fold_usage};
use crate::model::quota::Units;
use crate::shapes::{QuotaShape, UnitRefundShape};
use crate::store::charges::{self, Charge, Entry};
use crate::store::{quota_counters, usage_refunds};
use crate::{Parts, PaymentService, counted};

/// At most this many characters.
const REASON: usize = 500;

/// Why no units were given back.
///
/// ```
/// # use tollgate_payment::UnitRefundError;
/// fn status(error: &UnitRefundError) -> u16 {
///     match error {
///         UnitRefundError::NotFound => 404,
///         UnitRefundError::Reason => 422,
///         _ => 503,
///     }
/// }
/// assert_eq!(status(&UnitRefundError::Reason), 422);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnitRefundError {
    /// No such charge; or a row that gives units back itself.
    #[error("no such charge")]
    NotFound,
    /// Too long, or none.
    #[error("a reason has 1 to 500 characters")]
    Reason,
    /// As a charge is refused: the key.
    #[error(transparent)]
    Key(ConsumeError),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// Gives a charge back. Asked for again, it is the first answer.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UsageId;
    /// # use tollgate_payment::{PaymentService, UnitRefundError};
    /// async fn undo(payment: &PaymentService, usage: UsageId) -> Result<i64, UnitRefundError> {
    ///     let back = payment.refund_usage(usage, "The film was blank", None, None).await?;
    ///     Ok(back.value.units)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`UnitRefundError`].
    pub async fn refund_usage(
        &self,
        usage: UsageId,
        reason: &str,
        by: Option<UserId>,
        key: Option<&Request>,
    ) -> Result<Answered<UnitRefundShape>, UnitRefundError> {
        if !(1..=REASON).contains(&reason.chars().count()) {
            return Err(UnitRefundError::Reason);
        }
        let parts = &self.0;
        if let Some(first) = known(parts, key).await.map_err(UnitRefundError::Key)? {
            let first = serde_json::from_slice(&first).map_err(|_| inconsistent(usage))?;
            return Ok(Answered::again(first));
        }
        let charge = charges::find(&parts.db, usage).await?;
        let charge = charge
            .filter(|charge| charge.quota_cost > 0)
            .ok_or(UnitRefundError::NotFound)?;
        let mut tx = parts.db.begin().await?;
        let now = parts.clock.now();
        let logged_at = parts.folded.or_later(now);
        let refund = parts.ids.at(logged_at);
        let units = Units::new(charge.quota_cost).map_err(|_| inconsistent(usage))?;
        if let Some(before) = usage_refunds::put(&mut tx, usage, refund, reason, by, now).await? {
            let of = (charge.subscription_id, &charge.meter, charge.period_start);
            let counter = quota_counters::read_period(&mut tx, of).await?;
            let counter = counter.ok_or_else(|| inconsistent(usage))?;
            return Ok(Answered::again(UnitRefundShape {
                usage_id: usage,
                refund_usage_id: before,
                units: units.get(),
                quota: QuotaShape::from(&counter.quota),
            }));
        }
        let row = Row {
            usage,
            refund,
            logged_at,
        };
        let shape = give(parts, &mut tx, &charge, row, reason, units, now).await?;
        if let Some(key) = key {
            let response = serde_json::to_vec(&shape).map_err(|_| inconsistent(usage))?;
            if !idempotency::put(&mut tx, key, 200, &response, now).await? {
                tx.rollback().await?;
                let first = known(parts, Some(key))
                    .await
                    .map_err(UnitRefundError::Key)?;
                let first = first.ok_or_else(|| inconsistent(usage))?;
                return Ok(Answered::again(read_back(&first, charge.user_id)?));
            }
        }
        tx.count(parts.units.refunded.clone(), counted::figure(units));
        tx.commit().await?;
        Ok(Answered::first(shape))
    }
}

/// What is given back, by which row of which moment.
#[derive(Clone, Copy)]
struct Row {
    usage: UsageId,
    refund: UsageId,
    logged_at: Timestamp,
}

async fn give(
    parts: &Parts,
    tx: &mut Tx,
    charge: &Charge,
    row: Row,
    reason: &str,
    units: Units,
    now: Timestamp,
) -> Result<UnitRefundShape, StorageError> {
    let Row { usage, refund, .. } = row;
    let of = (charge.subscription_id, &charge.meter, charge.period_start);
    let counter = quota_counters::give_back(tx, of, units, now).await?;
    let mut counter = counter.ok_or_else(|| inconsistent(usage))?;
    let back = Back {
        units,
        taken_at: charge.taken_at,
        charged: true,
    };
    give_back::to_grants(tx, of, &mut counter, back, now).await?;
    let metadata = json!({ "reason": reason });
    let entry = Entry {
        id: refund,
        user_id: charge.user_id,
        subscription_id: charge.subscription_id,
        resource_type: &charge.resource_type,
        resource_id: charge.resource_id.as_ref(),
        quota_cost: -units.get(),
        cost: charge.cost,
        metadata: &metadata,
        meter: &charge.meter,
        period_start: charge.period_start,
        key_id: charge.key_id,
        hold_id: charge.hold_id,
        refund_of: Some(usage),
        at: row.logged_at,
    };
    fold_usage::append(parts, tx, &[entry]).await?;
    Ok(UnitRefundShape {
        usage_id: usage,
        refund_usage_id: refund,
        units: units.get(),
        quota: QuotaShape::from(&counter.quota),
    })
}

fn inconsistent(usage: UsageId) -> StorageError {
    StorageError::Inconsistent {
        table: "usage_logs",
        column: "period_start",
        row: usage.to_string(),
    }
}
