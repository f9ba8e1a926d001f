//! Money: whole minor units and a currency. No floats, checked arithmetic only; each gateway's own
//! format is converted in its own `wire.rs`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An ISO 4217 currency that has minor units.
///
/// ```
/// use tollgate_kernel::money::{Currency, MoneyError};
///
/// let yen: Currency = "JPY".parse()?;
/// assert_eq!((yen.code(), yen.exponent()), ("JPY", 0));
/// assert_eq!((Currency::CNY.exponent(), Currency::USD.exponent()), (2, 2));
/// assert_eq!("cny".parse::<Currency>(), Err(MoneyError::UnknownCurrency));
/// # Ok::<(), MoneyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Renminbi, two digits.
    pub const CNY: Self = Self(iso_currency::Currency::CNY);
    /// US dollar, two digits.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// Digits after the point: JPY 0, CNY 2, KWD 3.
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Three upper-case letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Minor units in one major unit.
    fn scale(self) -> i64 {
        10_i64.saturating_pow(self.exponent())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Upper case only: `cny` is not a currency code.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(text)
            .filter(|currency| currency.exponent().is_some() && currency.code() == text)
            // ISO 4217 keeps these two for tests and "no currency at all".
            .filter(|currency| !matches!(currency.code(), "XXX" | "XTS"))
            .map(Self)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Why a text is not money, or a sum is none.
///
/// ```
/// # use tollgate_kernel::money::{Currency, Money, MoneyError};
/// let read = |text| Money::parse(text, Currency::CNY).map(Money::minor);
/// assert_eq!(read("99.00"), Ok(9_900));
/// assert_eq!(read("99"), Err(MoneyError::Malformed));
/// assert_eq!(read("92233720368547758.08"), Err(MoneyError::TooLarge));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not an ISO 4217 code in upper case, or one without minor units.
    #[error("not a currency code of ISO 4217 in upper case")]
    UnknownCurrency,
    /// Not plain decimal digits with exactly the currency's places.
    #[error("not an amount: plain digits with exactly the currency's decimal places")]
    Malformed,
    /// More than 64 bits of minor units hold.
    #[error("the amount is too large")]
    TooLarge,
    /// Two currencies are never added.
    #[error("amounts of two currencies do not add up")]
    CurrencyMismatch,
}

/// An amount in whole minor units.
///
/// ```
/// use tollgate_kernel::money::{Currency, Money, MoneyError};
///
/// let price = Money::new(9_900, Currency::CNY);
/// assert_eq!((price.to_string(), format!("{price:?}")), ("99.00".into(), "99.00 CNY".into()));
/// let sum = price.checked_add(Money::parse("0.01", Currency::CNY)?)?;
/// assert_eq!((sum.minor(), sum.currency()), (9_901, Currency::CNY));
/// assert_eq!(sum.checked_sub(price)?.to_string(), "0.01");
/// let dollars = Money::new(1, Currency::USD);
/// assert_eq!(sum.checked_add(dollars), Err(MoneyError::CurrencyMismatch));
/// # Ok::<(), MoneyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` units: 9900 of CNY are 99 yuan.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// In minor units.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// Of the amount.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Reads decimal text of the currency's exact scale: `"99.00"` for CNY, `"99"` for JPY. No
    /// sign, blank, exponent or grouping.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`] or [`MoneyError::TooLarge`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let places = usize::try_from(currency.exponent()).unwrap_or(usize::MAX);
        let (major, minor) = match text.split_once('.') {
            Some((major, minor)) if places > 0 => (major, minor),
            None if places == 0 => (text, ""),
            _ => return Err(MoneyError::Malformed),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let padded = major.len() > 1 && major.starts_with('0');
        if major.is_empty() || padded || minor.len() != places || !digits(major) || !digits(minor) {
            return Err(MoneyError::Malformed);
        }
        let number = |part: &str| match part {
            "" => Ok(0),
            part => part.parse::<i64>().map_err(|_| MoneyError::TooLarge),
        };
        number(major)?
            .checked_mul(currency.scale())
            .and_then(|whole| whole.checked_add(number(minor).ok()?))
            .map(|minor| Self::new(minor, currency))
            .ok_or(MoneyError::TooLarge)
    }

    /// # Errors
    /// Two currencies, or more than fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        self.minor
            .checked_add(other.minor)
            .map(|minor| Self::new(minor, self.currency))
            .ok_or(MoneyError::TooLarge)
    }

    /// # Errors
    /// Two currencies, or more than fits.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        self.minor
            .checked_sub(other.minor)
            .map(|minor| Self::new(minor, self.currency))
            .ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for Money {
    /// The decimal text, without the currency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.currency.scale().unsigned_abs();
        let minor = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        let major = minor.checked_div(scale).unwrap_or(minor);
        let places = usize::try_from(self.currency.exponent()).unwrap_or(0);
        if places == 0 {
            return write!(f, "{sign}{major}");
        }
        let rest = minor.checked_rem(scale).unwrap_or(0);
        write!(f, "{sign}{major}.{rest:0places$}")
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.currency)
    }
}

/// An amount as a client wrote it, `"99.00"` or `99.00`, kept as text: JSON numbers never pass
/// through a float.
///
/// ```
/// # use tollgate_kernel::money::{AmountText, Currency, MoneyError};
/// let [text, number, short]: [AmountText; 3] = serde_json::from_str(r#"["99.00", 99.00, 99]"#)?;
/// assert_eq!(text, number);
/// assert_eq!(text.money(Currency::CNY)?.minor(), 9_900);
/// assert_eq!(short.money(Currency::CNY), Err(MoneyError::Malformed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountText(String);

impl AmountText {
    /// The amount in `currency`.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn money(&self, currency: Currency) -> Result<Money, MoneyError> {
        Money::parse(&self.0, currency)
    }
}

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str::<Cow<'_, str>>(raw.get())
                .map_err(serde::de::Error::custom)?
                .into_owned(),
            Some(b'0'..=b'9' | b'-') => raw.get().to_owned(),
            _ => {
                return Err(serde::de::Error::custom(
                    "expected an amount as text or number",
                ));
            }
        };
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a known code")
    }

    #[test]
    fn inv_l7_only_the_exact_scale_is_read() {
        for (text, code, minor) in [
            ("99.00", "CNY", 9_900),
            ("0.01", "CNY", 1),
            ("0.00", "USD", 0),
            ("150", "JPY", 150),
            ("1.234", "KWD", 1_234),
            ("92233720368547758.07", "CNY", i64::MAX),
        ] {
            assert_eq!(
                Money::parse(text, currency(code)),
                Ok(Money::new(minor, currency(code)))
            );
        }
        for (text, code) in [
            ("99.0", "CNY"),
            ("99", "CNY"),
            ("99.000", "CNY"),
            ("1.50", "JPY"),
            ("-1.00", "CNY"),
            ("+1.00", "CNY"),
            ("1e2", "CNY"),
            (" 1.00", "CNY"),
            ("1,000.00", "CNY"),
            ("٩٩.00", "CNY"),
            ("NaN", "CNY"),
            (".00", "CNY"),
            ("01.00", "CNY"),
            ("", "CNY"),
            ("", "JPY"),
            ("1.", "JPY"),
        ] {
            assert_eq!(
                Money::parse(text, currency(code)),
                Err(MoneyError::Malformed),
                "{text}"
            );
        }
        for text in ["99999999999999999999.00", "92233720368547758.08"] {
            assert_eq!(Money::parse(text, Currency::CNY), Err(MoneyError::TooLarge));
        }
    }

    #[test]
    fn currency_codes_are_upper_case_and_real() {
        for code in ["cny", "XXX", "XTS", "RMB", "", "CNYY", "XAU"] {
            assert_eq!(
                code.parse::<Currency>(),
                Err(MoneyError::UnknownCurrency),
                "{code}"
            );
        }
    }

    #[test]
    fn two_currencies_do_not_add_up() {
        let yuan = Money::new(1, Currency::CNY);
        assert_eq!(
            yuan.checked_add(Money::new(1, Currency::USD)),
            Err(MoneyError::CurrencyMismatch)
        );
        assert_eq!(
            Money::new(i64::MAX, Currency::CNY).checked_add(yuan),
            Err(MoneyError::TooLarge)
        );
    }

    #[test]
    fn a_json_number_keeps_its_digits() {
        for (json, read) in [
            ("\"99.00\"", Ok(9_900)),
            ("99.00", Ok(9_900)),
            ("0.10", Ok(10)),
            ("99", Err(MoneyError::Malformed)),
            ("1e2", Err(MoneyError::Malformed)),
        ] {
            let amount: AmountText = serde_json::from_str(json).expect("text or number");
            assert_eq!(
                amount.money(Currency::CNY).map(Money::minor),
                read,
                "{json}"
            );
        }
        assert!(serde_json::from_str::<AmountText>("true").is_err());
        assert!(serde_json::from_str::<AmountText>("{}").is_err());
    }

    proptest! {
        #[test]
        fn inv_l7_decimal_text_is_a_round_trip(minor in 0..=i64::MAX, code in "CNY|JPY|KWD|USD") {
            let money = Money::new(minor, currency(&code));
            prop_assert_eq!(Money::parse(&money.to_string(), currency(&code)), Ok(money));
        }
    }
}
