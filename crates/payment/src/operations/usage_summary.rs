//! What a person used: sums from the roll-ups as far as the log is folded, from the log after it.

use std::time::Duration;

use chrono::{NaiveTime, TimeZone as _};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;

use super::current_subscription::{counter_of, entitled, quota_of};
use crate::PaymentService;
use crate::model::subscription::Subscription;
use crate::shapes::{PeriodShape, QuotaShape, ResourceUsageShape, UsageSummaryShape};
use crate::store::usage::Sums;
use crate::store::{prices, usage, usage_marks};

impl PaymentService {
    /// The open period by resource type, today, and the last seven days. `None`: nothing in force.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn today(payment: &PaymentService, user: UserId) -> Result<i64, StorageError> {
    ///     let summary = payment.usage_summary(user).await?;
    ///     Ok(summary.map_or(0, |summary| summary.today))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn usage_summary(&self, user: UserId) -> Result<Option<UsageSummaryShape>> {
        let parts = &self.0;
        let now = parts.clock.now();
        let Some(held) = entitled(parts, user, now).await? else {
            return Ok(None);
        };
        let first = counter_of(parts, &held, &held.meter, now).await?;
        let period = first.map_or_else(|| held.quota_period(now), |counter| counter.period);
        let quota = quota_of(parts, &held, &held.meter, now).await?;
        let folded = usage_marks::folded(&parts.db).await?;
        let (meters, sums) = self.meters_of(&held, folded, now).await?;
        let by_resource = sums
            .into_iter()
            .map(|(resource_type, (quota_cost, count))| ResourceUsageShape {
                resource_type,
                quota_cost,
                count,
            });
        let midnight = self.midnight(now);
        let week = now.before(Duration::from_hours(7 * 24));
        Ok(Some(UsageSummaryShape {
            period: PeriodShape {
                start: period.start,
                end: period.end,
                resets_at: period.end,
            },
            quota: QuotaShape::from(&quota),
            meters,
            by_resource: by_resource.collect(),
            today: usage::units_since(&parts.db, user, midnight, folded).await?,
            last_7d: usage::units_since(&parts.db, user, week, folded).await?,
        }))
    }

    /// How each meter of the plan stands, and what their open periods were charged, by resource type.
    async fn meters_of(
        &self,
        held: &Subscription,
        folded: Timestamp,
        now: Timestamp,
    ) -> Result<(Vec<QuotaShape>, Sums)> {
        let parts = &self.0;
        let (mut shapes, mut sums) = (Vec::new(), Sums::new());
        for meter in prices::meters(&parts.db, held.plan_id, held.plan_version).await? {
            let Some(counter) = counter_of(parts, held, &meter, now).await? else {
                continue;
            };
            let of = (held.id, &meter, counter.period.start);
            usage::add_period(&parts.db, held.user_id, of, folded, &mut sums).await?;
            shapes.push(QuotaShape::from(&counter.quota));
        }
        Ok((shapes, sums))
    }

    /// The last midnight of the service's zone; the first moment of the day where there is none.
    fn midnight(&self, now: Timestamp) -> Timestamp {
        let zone = self.0.config.zone;
        let local = now
            .utc()
            .with_timezone(&zone)
            .date_naive()
            .and_time(NaiveTime::MIN);
        zone.from_local_datetime(&local)
            .earliest()
            .map_or(now, |at| Timestamp::from_utc(at.to_utc()))
    }
}
