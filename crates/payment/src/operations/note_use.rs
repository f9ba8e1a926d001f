//! Notes units as used for which nobody called here: a charge like any other, so that log and counter say the same.

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::consume::impossible;
use super::fold_usage;
use crate::Parts;
use crate::model::quota::{Cost, Meter, ResourceType, Units};
use crate::model::subscription::Subscription;
use crate::store::charges::Entry;
use crate::store::quota_counters;

/// Of the open counter of a meter, which holds so many: whoever asks has looked.
pub(super) async fn note_use(
    parts: &Parts,
    tx: &mut Tx,
    held: &Subscription,
    (meter, units): (&Meter, Units),
    called: &'static str,
    now: Timestamp,
) -> Result<()> {
    let counter = quota_counters::read(tx, held.id, meter, now).await?;
    let counter = counter.ok_or_else(|| impossible(held.user_id))?;
    let of = (held.id, meter, counter.period.start);
    let moved = quota_counters::move_held(tx, of, Units::NONE, units, now).await?;
    moved.ok_or_else(|| impossible(held.user_id))?;
    let resource_type: ResourceType = called.parse().expect("a word is a resource type");
    let logged_at = parts.folded.or_later(now);
    let entry = Entry {
        id: parts.ids.at(logged_at),
        user_id: held.user_id,
        subscription_id: held.id,
        resource_type: &resource_type,
        resource_id: None,
        quota_cost: units.get(),
        // One thing that happened, whatever it takes.
        cost: Cost::ONE,
        metadata: &serde_json::json!({}),
        meter,
        period_start: counter.period.start,
        key_id: None,
        hold_id: None,
        refund_of: None,
        at: logged_at,
    };
    fold_usage::append(parts, tx, &[entry]).await
}
