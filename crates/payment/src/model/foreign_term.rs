//! The term of a subscription that was begun elsewhere, fitted to the months that are counted here.
//!
//! Whoever renews goes on counting months from the anchor, so the end of the term must be where one of them ends: a
//! month of thirty days, or one counted by another calendar, would otherwise be followed by a term of a day. Where the
//! beginning does not lead to the end by whole terms, months are counted back from the end.
//!
//! ```
//! use serde_json::json;
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::foreign_term::{ForeignTerm, Unfit};
//! use tollgate_payment::model::plan::BillingCycle;
//!
//! let at = |text: &str| serde_json::from_value::<Timestamp>(json!(text));
//! let term = ForeignTerm {
//!     starts_at: Some(at("2026-01-31T00:00:00Z")?),
//!     ends_at: Some(at("2026-02-28T00:00:00Z")?),
//!     anchor_at: None,
//! };
//! let now = at("2026-02-10T00:00:00Z")?;
//! let fitted = term.fit(BillingCycle::Monthly, false, chrono_tz::UTC, now)?;
//! assert_eq!(fitted.anchor.day(), 31);
//!
//! let later = at("2026-03-01T00:00:00Z")?;
//! assert_eq!(term.fit(BillingCycle::Monthly, false, chrono_tz::UTC, later), Err(Unfit::Over));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;

use super::period::Anchor;
use super::plan::BillingCycle;

/// No term ends later than so many months from now.
const MOST_MONTHS: u32 = 1_440;

/// As it was said elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForeignTerm {
    /// First moment of what is paid.
    pub starts_at: Option<Timestamp>,
    /// First moment after it.
    pub ends_at: Option<Timestamp>,
    /// From where months are counted.
    pub anchor_at: Option<Timestamp>,
}

/// As it is counted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// From where months are counted.
    pub anchor: Anchor,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it; `None` = no end.
    pub ends_at: Option<Timestamp>,
}

/// Why it cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing says when it begins.
    #[error("neither current_period_start nor anchor_at says from when months are counted")]
    NoStart,
    /// It begins later.
    #[error("it begins in the future")]
    NotBegun,
    /// It ends before it begins.
    #[error("current_period_end is not after current_period_start")]
    EndsBeforeStart,
    /// It is over: there is nothing to take over.
    #[error("it is over")]
    Over,
    /// Nobody has paid so far ahead.
    #[error(
        "current_period_end is more than 120 years away: a plan that is had for ever has no end"
    )]
    TooFar,
    /// Months counted from `anchor_at` do not lead to the end.
    #[error("no term of the plan, counted from anchor_at, ends at current_period_end")]
    OffAnchor,
}

impl ForeignTerm {
    /// Fits it to terms of `cycle`. `endless`: of the plan no term ends, whatever was counted elsewhere.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn fit(
        self,
        cycle: BillingCycle,
        endless: bool,
        zone: Tz,
        now: Timestamp,
    ) -> Result<Fitted, Unfit> {
        let begins = [self.starts_at, self.anchor_at];
        if begins.into_iter().flatten().any(|at| at > now) {
            return Err(Unfit::NotBegun);
        }
        if let (Some(start), Some(end)) = (self.starts_at, self.ends_at)
            && end <= start
        {
            return Err(Unfit::EndsBeforeStart);
        }
        let first = self.anchor_at.or(self.starts_at);
        let counted = |at: Timestamp| Anchor::new(at, zone);
        let Some(months) = cycle.months().filter(|_| !endless) else {
            let anchor = counted(first.ok_or(Unfit::NoStart)?);
            let starts_at = self.starts_at.unwrap_or(anchor.at());
            return Ok(Fitted {
                anchor,
                starts_at,
                ends_at: None,
            });
        };
        let (anchor, ends_at) = if let Some(end) = self.ends_at {
            (self.anchored(end, months, zone, now)?, end)
        } else {
            let anchor = counted(first.ok_or(Unfit::NoStart)?);
            (anchor, anchor.term_of(months, now).end)
        };
        Ok(Fitted {
            anchor,
            starts_at: self
                .starts_at
                .unwrap_or_else(|| anchor.term_of(months, now).start),
            ends_at: Some(ends_at),
        })
    }

    /// From where terms are counted that lead to `end`.
    fn anchored(
        self,
        end: Timestamp,
        months: u32,
        zone: Tz,
        now: Timestamp,
    ) -> Result<Anchor, Unfit> {
        if end <= now {
            return Err(Unfit::Over);
        }
        if end > Anchor::new(now, zone).month(MOST_MONTHS) {
            return Err(Unfit::TooFar);
        }
        let leads = |anchor: &Anchor| anchor.leads_to(end, months);
        if let Some(at) = self.anchor_at {
            return Some(Anchor::new(at, zone))
                .filter(leads)
                .ok_or(Unfit::OffAnchor);
        }
        let from_start = self.starts_at.map(|at| Anchor::new(at, zone));
        if let Some(anchor) = from_start.filter(leads) {
            return Ok(anchor);
        }
        let terms = 1..=MOST_MONTHS
            .checked_div(months)
            .unwrap_or(1)
            .saturating_add(2);
        terms
            .filter_map(|terms| Anchor::ahead_of(end, terms.saturating_mul(months), zone))
            .find(|anchor| anchor.at() <= now && leads(anchor))
            .ok_or(Unfit::TooFar)
    }
}

#[cfg(test)]
mod tests;
