//! Stripe's units of money (payments.md, 4.9): a whole number of the smallest unit, which is not for every currency
//! the smallest of ISO 4217.

use tollgate_kernel::money::{Currency, Money};

/// Written in whole units.
const NO_DECIMALS: [&str; 15] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Three decimals; the last digit has to be 0.
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// No decimals, and written with two that are 0.
const TWO_ZEROS: [&str; 2] = ["ISK", "UGX"];
/// What is offered. UGX is not: Stripe's own pages disagree about how it is written.
const OFFERED: [&str; 38] = [
    "USD", "EUR", "GBP", "CNY", "HKD", "TWD", "JPY", "KRW", "SGD", "AUD", "CAD", "NZD", "CHF",
    "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "THB", "MYR", "PHP", "IDR", "INR",
    "VND", "BRL", "MXN", "AED", "SAR", "ZAR", "ILS", "KWD", "BHD", "JOD", "OMR", "TND",
];

/// The currencies in which this rail takes money.
pub(super) fn offered() -> Vec<Currency> {
    OFFERED
        .iter()
        .filter_map(|code| code.parse().ok())
        .collect()
}

/// Stripe's decimals.
fn decimals(currency: Currency) -> u32 {
    let code = currency.code();
    if NO_DECIMALS.contains(&code) {
        0
    } else if THREE_DECIMALS.contains(&code) {
        3
    } else {
        2
    }
}

/// What both sides' amounts must be a multiple of, in Stripe's unit.
fn step(currency: Currency) -> i64 {
    let code = currency.code();
    if TWO_ZEROS.contains(&code) {
        100
    } else if THREE_DECIMALS.contains(&code) {
        10
    } else {
        1
    }
}

fn power(exponent: u32) -> i64 {
    10_i64.saturating_pow(exponent)
}

/// As Stripe writes it. `None`: Stripe cannot say so small a part, or so much.
pub(super) fn written(money: Money) -> Option<i64> {
    let (ours, theirs) = (money.currency().exponent(), decimals(money.currency()));
    let units = if theirs >= ours {
        money
            .minor()
            .checked_mul(power(theirs.saturating_sub(ours)))?
    } else {
        exact(money.minor(), power(ours.saturating_sub(theirs)))?
    };
    (units.checked_rem(step(money.currency()))? == 0).then_some(units)
}

/// What Stripe wrote, in lower-case letters. `None`: no money, or a part that this currency does not have.
pub(super) fn read(units: i64, currency: &str) -> Option<Money> {
    if currency.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let currency: Currency = currency.to_ascii_uppercase().parse().ok()?;
    let (ours, theirs) = (currency.exponent(), decimals(currency));
    let minor = if theirs >= ours {
        exact(units, power(theirs.saturating_sub(ours)))?
    } else {
        units.checked_mul(power(ours.saturating_sub(theirs)))?
    };
    (minor >= 0).then(|| Money::new(minor, currency))
}

fn exact(number: i64, by: i64) -> Option<i64> {
    (number.checked_rem(by)? == 0).then(|| number.checked_div(by))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().expect("a currency"))
    }

    #[test]
    fn inv_l7_each_currency_in_stripes_own_unit() {
        for (minor, code, units) in [
            (9_900, "USD", Some(9_900)),
            (9_900, "CNY", Some(9_900)),
            (500, "JPY", Some(500)),
            (500, "VND", Some(500)),
            // No decimals, and written as if it had two.
            (500, "ISK", Some(50_000)),
            (500, "UGX", Some(50_000)),
            (1_250, "HUF", Some(1_250)),
            (1_250, "TWD", Some(1_250)),
            (1_230, "KWD", Some(1_230)),
            // The last of three digits has to be 0.
            (1_234, "KWD", None),
            (1_235, "TND", None),
            (i64::MAX, "ISK", None),
        ] {
            assert_eq!(written(money(minor, code)), units, "{minor} {code}");
            if let Some(units) = units {
                let back = read(units, &code.to_lowercase());
                assert_eq!(back, Some(money(minor, code)), "{units} {code}");
            }
        }
        // Half a króna does not exist, and Stripe never says so.
        assert_eq!(read(50_050, "isk"), None);
        for (units, code) in [(1, "USD"), (1, "xxx"), (1, "usdd"), (1, ""), (-1, "usd")] {
            assert_eq!(read(units, code), None, "{units} {code}");
        }
        assert_eq!(offered().len(), OFFERED.len());
        assert!(!offered().contains(&"UGX".parse().expect("a currency")));
    }

    proptest! {
        #[test]
        fn inv_l7_what_is_written_is_read_back(minor in 0..=i64::MAX, at in 0..OFFERED.len()) {
            let money = money(minor, OFFERED[at]);
            if let Some(units) = written(money) {
                prop_assert_eq!(read(units, &OFFERED[at].to_lowercase()), Some(money));
            }
        }

        #[test]
        fn inv_l7_no_text_is_a_currency_by_accident(units in any::<i64>(), code in ".{0,8}") {
            let _ = read(units, &code);
        }
    }
}
