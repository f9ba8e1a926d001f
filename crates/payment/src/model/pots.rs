//! Of which pot a unit is burned. Whatever expires first goes first: bonus units that end within the period, by their
//! end; then the plan's own, which end with it; then the bonus units that outlive it, by their end, those without an end
//! last.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_kernel::clock::{Clock, Timestamp};
//! use tollgate_kernel::entropy::Entropy;
//! use tollgate_kernel::ids::Ids;
//! use tollgate_payment::model::pots::{Pot, burned};
//!
//! let ids = Ids::new(Clock::system(), Entropy::system());
//! let period_end = Timestamp::EPOCH.after(Duration::from_secs(1_000));
//! let ends_first = Pot {
//!     grant: ids.next(),
//!     units: 5,
//!     expires_at: Some(Timestamp::EPOCH.after(Duration::from_secs(10))),
//! };
//! assert!(ends_first.ends_by(period_end));
//!
//! // Of eight units taken, the bonus that ends within the period goes first; the plan gives the other three.
//! let of = burned(8, 100, &[ends_first], period_end);
//! assert_eq!(of[0].1, 5);
//! ```

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::GrantId;

/// Bonus units that were poured into a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pot {
    /// Whose.
    pub grant: GrantId,
    /// How many were poured.
    pub units: i64,
    /// When they end; `None` = never.
    pub expires_at: Option<Timestamp>,
}

impl Pot {
    /// Whether its units end no later than `at`.
    pub fn ends_by(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }

    /// By which pots are burned one after another.
    pub(crate) fn order(&self) -> (bool, Option<Timestamp>, GrantId) {
        (self.expires_at.is_none(), self.expires_at, self.grant)
    }
}

/// How much of each pot is burned, in the order of burning, when `taken` units (charged or set aside) are gone of the
/// `plan`'s own and the pots, in a period that ends at `period_end`.
pub fn burned(taken: i64, plan: i64, pots: &[Pot], period_end: Timestamp) -> Vec<(Pot, i64)> {
    let mut pots: Vec<Pot> = pots.to_vec();
    pots.sort_by_key(Pot::order);
    let mut left = taken.max(0);
    let mut burn = |units: i64| {
        let burned = left.min(units.max(0));
        left = left.saturating_sub(burned);
        burned
    };
    let (early, late): (Vec<Pot>, Vec<Pot>) =
        pots.into_iter().partition(|pot| pot.ends_by(period_end));
    let mut shares: Vec<(Pot, i64)> = early
        .into_iter()
        .map(|pot| (pot, burn(pot.units)))
        .collect();
    burn(plan);
    shares.extend(late.into_iter().map(|pot| (pot, burn(pot.units))));
    shares
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::ids::Ids;

    use super::*;

    fn pots(ends: &[(Option<u64>, i64)]) -> (Vec<Pot>, Timestamp) {
        let start = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let ids = Ids::new(Clock::fixed(start), Entropy::seeded(1));
        let at = |day: u64| start.after(Duration::from_hours(24 * day));
        let pot = |(day, units): &(Option<u64>, i64)| Pot {
            grant: ids.next(),
            units: *units,
            expires_at: day.map(at),
        };
        (ends.iter().map(pot).collect(), at(30))
    }

    #[test]
    fn what_expires_first_is_burned_first() {
        let (pots, end) = pots(&[(None, 5), (Some(60), 4), (Some(10), 3), (Some(30), 2)]);
        for (taken, shares) in [
            (0, [0, 0, 0, 0]),
            (2, [2, 0, 0, 0]),
            (4, [3, 1, 0, 0]),
            (5, [3, 2, 0, 0]),
            // Then ten of the plan's own.
            (15, [3, 2, 0, 0]),
            (16, [3, 2, 1, 0]),
            (20, [3, 2, 4, 1]),
            (24, [3, 2, 4, 5]),
        ] {
            let of: Vec<i64> = burned(taken, 10, &pots, end)
                .iter()
                .map(|(_, units)| *units)
                .collect();
            assert_eq!(of, shares, "{taken} taken");
        }
    }

    proptest! {
        #[test]
        fn inv_q8_every_unit_is_burned_of_one_pot(
            ends in prop::collection::vec((prop::option::of(0_u64..90), 1_i64..50), 0..8),
            plan in 0_i64..100,
            share in 0_i64..=100,
        ) {
            let (pots, end) = pots(&ends);
            let whole: i64 = plan + pots.iter().map(|pot| pot.units).sum::<i64>();
            let taken = whole * share / 100;
            let shares = burned(taken, plan, &pots, end);
            let of_pots: i64 = shares.iter().map(|(_, units)| units).sum();
            prop_assert!(shares.iter().all(|(pot, units)| (0..=pot.units).contains(units)));
            // What no pot burned, the plan did.
            prop_assert!((0..=plan).contains(&(taken - of_pots)));
            prop_assert_eq!(shares.len(), pots.len());
        }
    }
}
