//! Units, meters and what is left.
//!
//! ```
//! use tollgate_payment::model::quota::{Cost, InvalidCost, InvalidName, InvalidResourceId, Meter, ResourceId, ResourceType, Units};
//!
//! // Ten calls' worth, at the plan's price of three units.
//! let units = Cost::new(10)?.at(Units::new(3)?)?;
//! assert_eq!(units.get(), 30);
//! assert_eq!(Cost::new(0), Err(InvalidCost));
//! assert!(Cost::new(Units::MOST + 1).is_err());
//!
//! // Never below nothing.
//! assert_eq!(units.less(Units::new(50)?), Units::NONE);
//!
//! // 1 to 64 of `a-z A-Z 0-9 _ - . :`.
//! let meter = "gpu-seconds".parse::<Meter>();
//! assert_eq!(meter.map(|meter| meter.to_string()), Ok("gpu-seconds".to_owned()));
//! assert_eq!("gpu seconds".parse::<ResourceType>(), Err(InvalidName));
//! assert_eq!("".parse::<ResourceId>(), Err(InvalidResourceId));
//! # Ok::<(), InvalidCost>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use crate::words::WORDS;

/// Quota units: 0 to [`Units::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(i64);

impl Units {
    /// No unit.
    pub const NONE: Self = Self(0);
    /// The most that one call may take: a thousand million of them still fit a counter.
    pub const MOST: i64 = 1_000_000_000;

    /// Of a column that a check keeps at 0 or above.
    pub fn new(count: i64) -> Result<Self, InvalidCost> {
        if count < 0 {
            Err(InvalidCost)
        } else {
            Ok(Self(count))
        }
    }

    /// How many.
    pub fn get(self) -> i64 {
        self.0
    }

    /// What is left of `self` after `taken`; never below nothing.
    #[must_use]
    pub fn less(self, taken: Self) -> Self {
        Self(self.0.saturating_sub(taken.0).max(0))
    }

    /// Together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Not a whole number from 1 to a thousand million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cost is a whole number from 1 to 1000000000")]
pub struct InvalidCost;

impl FieldError for InvalidCost {
    fn code(&self) -> &'static str {
        "invalid_cost"
    }

    fn detail(&self) -> Text {
        WORDS.text("cost.invalid")
    }
}

/// What a caller says a call costs, before the plan's price: 1 to [`Units::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost(i64);

impl Cost {
    /// One.
    pub const ONE: Self = Self(1);

    /// # Errors
    /// Outside the range.
    pub fn new(count: i64) -> Result<Self, InvalidCost> {
        if (1..=Units::MOST).contains(&count) {
            Ok(Self(count))
        } else {
            Err(InvalidCost)
        }
    }

    /// How many calls' worth.
    pub fn get(self) -> i64 {
        self.0
    }

    /// In units, at `price` units each.
    ///
    /// # Errors
    /// More than one call may take.
    pub fn at(self, price: Units) -> Result<Units, InvalidCost> {
        self.0
            .checked_mul(price.0)
            .filter(|units| (1..=Units::MOST).contains(units))
            .map(Units)
            .ok_or(InvalidCost)
    }
}

/// What is counted, and what a call is counted as: 1 to 64 of `a-z A-Z 0-9 _ - . :`.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Not a name of a meter or resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to 64 letters, digits and _ - . :")]
pub struct InvalidName;

impl FieldError for InvalidName {
    fn code(&self) -> &'static str {
        "invalid_name"
    }

    fn detail(&self) -> Text {
        WORDS.text("call.name")
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                is_name(text).then(|| Self(text.to_owned())).ok_or(InvalidName)
            }
        }

        impl $name {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What is counted: the design's `quota_type`.
    Meter
}
name! {
    /// What a call is counted as.
    ResourceType
}

/// What a caller says the call was about: 1 to 255 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceId(String);

/// Not a resource id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to 255 characters, no control characters")]
pub struct InvalidResourceId;

impl FromStr for ResourceId {
    type Err = InvalidResourceId;

    fn from_str(text: &str) -> Result<Self, InvalidResourceId> {
        let length = text.chars().count();
        ((1..=255).contains(&length) && !text.chars().any(char::is_control))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidResourceId)
    }
}

impl ResourceId {
    /// As it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldError for InvalidResourceId {
    fn code(&self) -> &'static str {
        "invalid_resource_id"
    }

    fn detail(&self) -> Text {
        WORDS.text("idempotency.key")
    }
}

/// Of the limit, in percent: whoever has used as much is told.
const THRESHOLDS: [u8; 2] = [80, 100];

/// How a meter stands in its period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaState {
    /// Which meter.
    pub meter: Meter,
    /// `None` = unlimited.
    pub limit: Option<Units>,
    /// Charged.
    pub used: Units,
    /// Set aside.
    pub held: Units,
    /// When its period began.
    pub began_at: Timestamp,
    /// When it begins anew.
    pub resets_at: Timestamp,
}

impl QuotaState {
    /// What is left; `None` = unlimited.
    pub fn remaining(&self) -> Option<Units> {
        self.limit
            .map(|limit| limit.less(self.used.plus(self.held)))
    }

    /// Which of the thresholds (in percent of the limit) the last `taken` units have reached; units that come back may be
    /// taken, and reach them, again.
    pub fn reached(&self, taken: Units) -> impl Iterator<Item = u8> + use<> {
        let used = i128::from(self.used.get());
        let before = used.saturating_sub(i128::from(taken.get()));
        let limit = self.limit.map(|limit| i128::from(limit.get()));
        THRESHOLDS.into_iter().filter(move |percent| {
            let is_at = |units: i128, limit: i128| {
                units.saturating_mul(100) >= limit.saturating_mul(i128::from(*percent))
            };
            limit.is_some_and(|limit| limit > 0 && is_at(used, limit) && !is_at(before, limit))
        })
    }

    /// Whether `units` more fit.
    pub fn fits(&self, units: Units) -> bool {
        self.remaining().is_none_or(|remaining| units <= remaining)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inv_q7_a_cost_is_a_positive_bounded_number() {
        for count in [i64::MIN, -1, 0, Units::MOST + 1, 1 << 31, 1 << 53, i64::MAX] {
            assert_eq!(Cost::new(count), Err(InvalidCost), "{count}");
        }
        let most = Cost::new(Units::MOST).expect("the most");
        assert_eq!(most.at(Units(1)), Ok(Units(Units::MOST)));
        for price in [0, 2, i64::MAX] {
            assert_eq!(most.at(Units(price)), Err(InvalidCost), "{price}");
        }
    }

    #[test]
    fn a_threshold_is_reached_by_the_units_that_pass_it() {
        let at = |used, limit: Option<i64>| QuotaState {
            meter: "m".parse().expect("a meter"),
            limit: limit.map(Units),
            used: Units(used),
            held: Units::NONE,
            began_at: Timestamp::EPOCH,
            resets_at: Timestamp::EPOCH,
        };
        let reached =
            |used, limit, taken| -> Vec<u8> { at(used, limit).reached(Units(taken)).collect() };
        for (used, limit, taken, percents) in [
            (79, Some(100), 79, vec![]),
            (80, Some(100), 1, vec![80]),
            (81, Some(100), 1, vec![]),
            (99, Some(100), 19, vec![]),
            (99, Some(100), 20, vec![80]),
            (100, Some(100), 1, vec![100]),
            (100, Some(100), 100, vec![80, 100]),
            (1, Some(1), 1, vec![80, 100]),
            (3, Some(4), 3, vec![]),
            (i64::MAX, Some(i64::MAX), 1, vec![100]),
            (1_000, None, 1_000, vec![]),
            (0, Some(0), 0, vec![]),
        ] {
            assert_eq!(
                reached(used, limit, taken),
                percents,
                "{used} of {limit:?}, {taken} now"
            );
        }
    }

    proptest! {
        #[test]
        fn inv_q7_what_is_left_never_goes_below_nothing(limit in 0..=i64::MAX, used in 0..=i64::MAX, held in 0..=i64::MAX) {
            let quota = QuotaState {
                meter: "m".parse().expect("a meter"),
                limit: Some(Units(limit)),
                used: Units(used),
                held: Units(held),
                began_at: Timestamp::EPOCH,
            resets_at: Timestamp::EPOCH,
            };
            let left = quota.remaining().expect("limited");
            prop_assert!(left.get() >= 0 && left.get() <= limit);
            prop_assert!(quota.fits(left));
        }
    }
}
