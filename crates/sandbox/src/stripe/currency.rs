//! What Stripe's unit of a currency is, and which amounts it takes.

use super::wire::Refusal;

/// The unit is the whole one.
const NO_DECIMALS: [&str; 15] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
];
/// Without decimals, and written as if there were two.
const WHOLE_HUNDREDS: [&str; 2] = ["isk", "ugx"];
const THREE_DECIMALS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
/// The least that a charge may be.
const LEAST: [(&str, i64); 5] = [
    ("usd", 50),
    ("eur", 50),
    ("gbp", 30),
    ("jpy", 50),
    ("hkd", 400),
];
/// Eight digits.
const LARGEST: i64 = 99_999_999;

/// An amount of money, as it was asked for.
///
/// # Errors
/// Stripe takes no such amount.
pub(super) fn check(param: &str, currency: &str, amount: i64) -> Result<(), Refusal> {
    if !(0..=LARGEST).contains(&amount) {
        let message = "Amount must be 0 to 99999999.".to_owned();
        return Err(Refusal::invalid(param, message).code("amount_too_large"));
    }
    let step = match currency {
        currency if WHOLE_HUNDREDS.contains(&currency) => 100,
        currency if THREE_DECIMALS.contains(&currency) => 10,
        _ => 1,
    };
    if amount % step != 0 {
        let message = format!("Amounts in {currency} must be divisible by {step}.");
        return Err(Refusal::invalid(param, message).code("parameter_invalid_integer"));
    }
    Ok(())
}

/// The whole of what is charged at once; nothing at all is free.
///
/// # Errors
/// Stripe charges no such small amount.
pub(super) fn check_least(param: &str, currency: &str, amount: i64) -> Result<(), Refusal> {
    let least = LEAST.iter().find(|(unit, _)| *unit == currency);
    if least.is_some_and(|(_, least)| (1..*least).contains(&amount)) {
        let message = format!("The amount is below the least that Stripe charges in {currency}.");
        return Err(Refusal::invalid(param, message).code("amount_too_small"));
    }
    Ok(())
}

/// As a buyer reads it.
pub(super) fn shown(amount: i64, currency: &str) -> String {
    let places = match currency {
        currency if NO_DECIMALS.contains(&currency) => 0,
        currency if THREE_DECIMALS.contains(&currency) => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(places);
    let (whole, rest) = (amount / unit, (amount % unit).abs());
    let width = usize::try_from(places).unwrap_or_default();
    let rest = if places == 0 {
        String::new()
    } else {
        format!(".{rest:0width$}")
    };
    format!("{whole}{rest} {}", currency.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(currency: &str, amount: i64) -> Result<(), Refusal> {
        check("a", currency, amount)?;
        check_least("a", currency, amount)
    }

    #[test]
    fn amounts_are_those_of_the_currency() {
        assert_eq!(shown(990, "usd"), "9.90 USD");
        assert_eq!(shown(990, "jpy"), "990 JPY");
        assert_eq!(shown(1_230, "kwd"), "1.230 KWD");
        assert_eq!(shown(5, "cny"), "0.05 CNY");
        for (currency, amount, code) in [
            ("usd", 49, "amount_too_small"),
            ("jpy", 49, "amount_too_small"),
            ("isk", 50, "parameter_invalid_integer"),
            ("kwd", 1_234, "parameter_invalid_integer"),
            ("usd", 100_000_000, "amount_too_large"),
            ("usd", -1, "amount_too_large"),
        ] {
            let refusal = both(currency, amount).expect_err("refused");
            assert_eq!(refusal.body()["error"]["code"], code, "{amount} {currency}");
        }
        for (currency, amount) in [
            ("usd", 0),
            ("usd", 50),
            ("isk", 500),
            ("kwd", 1_230),
            ("cny", 1),
        ] {
            assert!(both(currency, amount).is_ok(), "{amount} {currency}");
        }
    }
}
