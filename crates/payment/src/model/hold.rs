//! Units set aside before the work.
//!
//! ```
//! use tollgate_payment::model::hold::{HoldTime, InvalidHoldTime};
//!
//! let hour = HoldTime::seconds(3_600)?;
//! assert_eq!(hour.get().as_secs(), 3_600);
//! assert_eq!(HoldTime::USUAL.get().as_secs(), 600);
//! // From a second to a day.
//! assert_eq!(HoldTime::seconds(0), Err(InvalidHoldTime));
//! assert!(HoldTime::seconds(HoldTime::MOST_SECONDS + 1).is_err());
//! # Ok::<(), InvalidHoldTime>(())
//! ```

use std::time::Duration;

use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{HoldId, SubscriptionId, UsageId, UserId};
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;
use uuid::Uuid;

use super::quota::{Cost, InvalidCost, Meter, ResourceId, ResourceType, Units};
use super::words;
use crate::words::WORDS;

words! {
    /// Where a hold stands; from `held` to one of the others, once.
    pub enum HoldState {
        /// The units are set aside.
        Held = "held",
        /// Charged, all of it or a part.
        Committed = "committed",
        /// Given back.
        Released = "released",
        /// Given back, since nobody settled it in time.
        Expired = "expired",
    }
}

words! {
    /// Who may settle a hold.
    pub enum OwnerKind {
        /// The host application that made it, by its service key.
        Service = "service",
        /// The application in whose process this runs.
        Host = "host",
    }
}

/// Who may settle a hold: whoever made it, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of which kind.
    pub kind: OwnerKind,
    /// Which service key; nil for the host.
    pub id: Uuid,
}

impl Owner {
    /// The application in whose process this runs.
    pub const HOST: Self = Self {
        kind: OwnerKind::Host,
        id: Uuid::nil(),
    };
}

/// How long units are set aside: a second to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldTime(Duration);

/// Not a whole number of seconds from 1 to 86 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hold lasts 1 to 86400 seconds")]
pub struct InvalidHoldTime;

impl HoldTime {
    /// Ten minutes.
    pub const USUAL: Self = Self(Duration::from_mins(10));
    /// The longest: a day.
    pub const MOST_SECONDS: i64 = 86_400;

    /// # Errors
    /// Outside the range.
    pub fn seconds(seconds: i64) -> Result<Self, InvalidHoldTime> {
        u64::try_from(seconds)
            .ok()
            .filter(|_| (1..=Self::MOST_SECONDS).contains(&seconds))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or(InvalidHoldTime)
    }

    /// As a span.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FieldError for InvalidHoldTime {
    fn code(&self) -> &'static str {
        "invalid_ttl"
    }

    fn detail(&self) -> Text {
        WORDS.text("hold.seconds")
    }
}

/// Units set aside.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Of the hold.
    pub id: HoldId,
    /// From whose quota.
    pub subscription_id: SubscriptionId,
    /// Which meter.
    pub meter: Meter,
    /// In which period: a hold is charged to the period in which it was made.
    pub period_start: Timestamp,
    /// For whom.
    pub user_id: UserId,
    /// Who may settle it.
    pub owner: Owner,
    /// What it will be counted as.
    pub resource_type: ResourceType,
    /// What it is about.
    pub resource_id: Option<ResourceId>,
    /// What was asked for, before the plan's price.
    pub cost: Cost,
    /// What was set aside.
    pub units: Units,
    /// What was charged in the end.
    pub charged: Option<Units>,
    /// Where it stands.
    pub state: HoldState,
    /// Kept with the log row.
    pub metadata: Value,
    /// The log row, once charged.
    pub usage_id: Option<UsageId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it gives its units back by itself.
    pub expires_at: Timestamp,
}

impl Hold {
    /// The units of `cost` at the price that the hold was made at; `None` = all of it.
    ///
    /// # Errors
    /// More than was set aside.
    pub fn units_of(&self, cost: Option<Cost>) -> Result<Units, InvalidCost> {
        let Some(cost) = cost else {
            return Ok(self.units);
        };
        if cost.get() > self.cost.get() {
            return Err(InvalidCost);
        }
        // The price was a whole number: the division leaves nothing.
        let price = self.units.get().checked_div(self.cost.get());
        let price = Units::new(price.unwrap_or(0))?;
        cost.at(price)
    }
}
