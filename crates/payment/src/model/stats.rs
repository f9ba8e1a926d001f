//! What figures of a business are made of.
//!
//! ```
//! use tollgate_kernel::money::{Currency, Money};
//! use tollgate_payment::model::plan::BillingCycle;
//! use tollgate_payment::model::stats::Turnover;
//!
//! use tollgate_payment::model::stats::{monthly, rate};
//! // A year of 120.00 and a month of 9.90 bring 19.90 a month, in minor units.
//! assert_eq!(monthly([(BillingCycle::Yearly, 12_000), (BillingCycle::Monthly, 990)]), 1_990);
//! assert_eq!(rate(1, 32).as_deref(), Some("0.0313"));
//! assert_eq!(rate(0, 0), None);
//!
//! let day = Turnover::paid(Money::new(9_900, Currency::CNY), 1)
//!     .and(&Turnover::gone_back(Money::new(900, Currency::CNY), 1));
//! assert_eq!(day.net(), Money::new(9_000, Currency::CNY));
//! ```

use tollgate_kernel::money::{Currency, Money};

use super::plan::BillingCycle;

/// Points of a line of revenue, at most: a year by day, or two weeks by hour.
pub const MOST_POINTS: usize = 400;

/// What terms of these prices bring in a month, in one currency: twelfths of a minor unit are put together before they
/// are rounded, half up. What is had for ever brings nothing.
pub fn monthly(prices: impl IntoIterator<Item = (BillingCycle, i64)>) -> i64 {
    let twelfths = prices.into_iter().map(|(cycle, sum)| {
        let each = match cycle.months() {
            Some(months) => 12_u32.checked_div(months).unwrap_or(0),
            None => 0,
        };
        sum.saturating_mul(i64::from(each))
    });
    let twelfths = twelfths.fold(0, i64::saturating_add);
    twelfths.saturating_add(6).div_euclid(12)
}

/// `part` of `whole` as decimal text of four places, half up: `"0.0313"`. `None` of nothing.
pub fn rate(part: i64, whole: i64) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let (part, whole) = (i128::from(part.max(0)), i128::from(whole));
    let doubled = part.saturating_mul(20_000).saturating_add(whole);
    let places = doubled.div_euclid(whole.saturating_mul(2));
    let (ones, rest) = (places.div_euclid(10_000), places.rem_euclid(10_000));
    Some(format!("{ones}.{rest:04}"))
}

/// What came in and what went back, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turnover {
    /// Of orders that were paid.
    pub gross: Money,
    /// Of refunds that went through.
    pub refunded: Money,
    /// How many orders.
    pub payments: i64,
    /// How many refunds.
    pub refunds: i64,
}

impl Turnover {
    /// Of nothing.
    pub fn none(currency: Currency) -> Self {
        let nothing = Money::new(0, currency);
        Self {
            gross: nothing,
            refunded: nothing,
            payments: 0,
            refunds: 0,
        }
    }

    /// Of so many orders that were paid.
    pub fn paid(gross: Money, payments: i64) -> Self {
        Self {
            gross,
            payments,
            ..Self::none(gross.currency())
        }
    }

    /// Of so many refunds that went through.
    pub fn gone_back(refunded: Money, refunds: i64) -> Self {
        Self {
            refunded,
            refunds,
            ..Self::none(refunded.currency())
        }
    }

    /// What is left; below zero where more went back.
    pub fn net(&self) -> Money {
        let left = self.gross.minor().saturating_sub(self.refunded.minor());
        Money::new(left, self.gross.currency())
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let sum = |one: Money, two: Money| {
            Money::new(one.minor().saturating_add(two.minor()), one.currency())
        };
        Self {
            gross: sum(self.gross, other.gross),
            refunded: sum(self.refunded, other.refunded),
            payments: self.payments.saturating_add(other.payments),
            refunds: self.refunds.saturating_add(other.refunds),
        }
    }
}

/// What the payments of a list come to in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionTotal {
    /// All of them, paid or not.
    pub orders: i64,
    /// Of those that were paid, whenever. `refunds` counts orders of which money has gone back.
    pub paid: Turnover,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_l7_a_month_of_many_years_loses_no_minor_unit() {
        use BillingCycle::{Lifetime, Monthly, Yearly};
        assert_eq!(monthly([]), 0);
        assert_eq!(monthly([(Monthly, 9_900)]), 9_900);
        assert_eq!(monthly([(Yearly, 12_000), (Monthly, 1)]), 1_001);
        // Twelve years of 1.00 are 1.00 a month, not twelve times 0.08.
        assert_eq!(monthly([(Yearly, 12 * 100)]), 100);
        assert_eq!(monthly([(Yearly, 5)]), 0);
        assert_eq!(monthly([(Yearly, 6)]), 1);
        assert_eq!(monthly([(Lifetime, 99_900)]), 0);
    }

    #[test]
    fn a_rate_is_text_of_four_places() {
        for (part, whole, expected) in [
            (0, 7, "0.0000"),
            (1, 32, "0.0313"),
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            (7, 7, "1.0000"),
            (i64::MAX, i64::MAX, "1.0000"),
        ] {
            assert_eq!(
                rate(part, whole).as_deref(),
                Some(expected),
                "{part}/{whole}"
            );
        }
        assert_eq!(rate(0, 0), None);
    }
}
