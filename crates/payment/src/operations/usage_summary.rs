//! What a person used.

use std::time::Duration;

use chrono::{NaiveTime, TimeZone as _};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;

use super::current_subscription::{entitled, quota_of};
use crate::PaymentService;
use crate::shapes::{PeriodShape, QuotaShape, ResourceUsageShape, UsageSummaryShape};
use crate::store::usage;

impl PaymentService {
    /// The open period by resource type, today, and the last seven days. `None`: nothing in force.
    ///
    /// # Errors
    /// The database.
    pub async fn usage_summary(&self, user: UserId) -> Result<Option<UsageSummaryShape>> {
        let parts = &self.0;
        let now = parts.clock.now();
        let Some(held) = entitled(parts, user, now).await? else {
            return Ok(None);
        };
        let period = held.quota_period(now);
        let quota = quota_of(parts, &held, &held.meter, now).await?;
        let sums = usage::sums_of_period(&parts.db, user, held.id, period.start).await?;
        let by_resource = sums
            .into_iter()
            .map(|sum| ResourceUsageShape {
                resource_type: sum.resource_type,
                quota_cost: sum.quota_cost,
                count: sum.count,
            })
            .collect();
        let midnight = self.midnight(now);
        let week = now.before(Duration::from_hours(7 * 24));
        Ok(Some(UsageSummaryShape {
            period: PeriodShape {
                start: period.start,
                end: period.end,
                resets_at: period.end,
            },
            quota: QuotaShape::from(&quota),
            by_resource,
            today: usage::units_since(&parts.db, user, midnight).await?,
            last_7d: usage::units_since(&parts.db, user, week).await?,
        }))
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
