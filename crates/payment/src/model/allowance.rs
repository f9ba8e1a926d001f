//! What a subscription allows of a meter, and in which period.
//!
//! ```
//! use tollgate_kernel::clock::Timestamp;
//! use tollgate_payment::model::plan::{BillingCycle, Reset};
//! use tollgate_payment::model::subscription::Subscription;
//!
//! fn days(held: &Subscription, now: Timestamp) -> u64 {
//!     let period = held.period_of(Reset::Month, BillingCycle::Yearly, now);
//!     period.end.since(period.start).as_secs() / 86_400
//! }
//! ```

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::period::Period;
use super::plan::{BillingCycle, Reset};
use super::subscription::Subscription;

/// Nothing is shorter: moments are whole microseconds.
const INSTANT: Duration = Duration::from_micros(1);

impl Subscription {
    /// The period of a meter that `now` lies in. After the end of the term, while the right goes on (a debit is being
    /// tried again, days of grace), nothing begins anew: the last period of the term goes on until the right ends.
    pub fn period_of(&self, reset: Reset, cycle: BillingCycle, now: Timestamp) -> Period {
        let Some(over) = self.term_end.filter(|end| *end <= now) else {
            return self.anchor.period(reset, cycle, now);
        };
        let last = self.anchor.period(reset, cycle, over.before(INSTANT));
        Period {
            start: last.start,
            end: self
                .entitled_until
                .map_or(last.end, |until| until.max(last.end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::period::Anchor;
    use crate::model::subscription::tests::plain;

    #[test]
    fn inv_q6_nothing_begins_anew_after_the_term() {
        let at = |seconds| Timestamp::from_seconds(seconds).expect("a moment");
        let start = at(1_767_323_045);
        let anchor = Anchor::new(start, chrono_tz::UTC);
        let (end, grace) = (
            anchor.month(1),
            anchor.month(1).after(Duration::from_hours(72)),
        );
        let held = Subscription {
            term_end: Some(end),
            entitled_until: Some(grace),
            ..plain(start)
        };
        let of = |now| held.period_of(Reset::Month, BillingCycle::Monthly, now);
        assert_eq!(of(end.before(INSTANT)), Period { start, end });
        assert_eq!(of(end), Period { start, end: grace });
        // A further term begins where the first ended.
        let renewed = Subscription {
            term_end: Some(anchor.month(2)),
            entitled_until: Some(anchor.month(2)),
            ..held.clone()
        };
        let next = Period {
            start: end,
            end: anchor.month(2),
        };
        assert_eq!(
            renewed.period_of(Reset::Month, BillingCycle::Monthly, end),
            next
        );
    }
}
