//! What an operator should know before it hurts.

use std::fmt;
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::{Language, Text};

use crate::words::WORDS;

/// So many days before a certificate ends there is a warning, and again, and again.
const DAYS: [u64; 3] = [1, 7, 30];

/// Something to be done about a setting. Its `Display` is for the log.
///
/// ```
/// # use tollgate_kernel::clock::Timestamp;
/// # use tollgate_payment::providers::Warning;
/// let ends_today = Warning::Expires {
///     variable: "WECHAT_CERT_PATH",
///     at: Timestamp::EPOCH,
///     within_days: 1,
/// };
/// assert!(ends_today.is_urgent());
/// assert!(ends_today.to_string().contains("WECHAT_CERT_PATH"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A certificate ends.
    Expires {
        /// Which setting holds it.
        variable: &'static str,
        /// When.
        at: Timestamp,
        /// Within 30, 7 or 1 days; 0: it has ended.
        within_days: u64,
    },
    /// A certificate does not lead up to the root file that came with it: it is used as it was given,
    /// but one that the provider changes to will not be believed.
    Unrooted {
        /// Which setting holds it.
        variable: &'static str,
    },
    /// The provider signs with a newer certificate than the one in the settings. It is believed,
    /// since it leads up to the same root; the next start has to learn it again.
    Replaced {
        /// Which setting holds the old one.
        variable: &'static str,
        /// The provider's number of the new one.
        number: String,
    },
}

impl Warning {
    /// Of a certificate that ends `at`, if that is soon.
    pub(in crate::providers) fn of_expiry(
        variable: &'static str,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        let within = |days: &u64| at <= now.after(Duration::from_hours(24 * days));
        let within_days = if at <= now {
            0
        } else {
            DAYS.into_iter().find(within)?
        };
        Some(Self::Expires {
            variable,
            at,
            within_days,
        })
    }

    /// As people read it.
    pub fn text(&self) -> Text {
        match self {
            Self::Expires {
                variable,
                at,
                within_days: 0,
            } => WORDS.text_with("warning.expired", &[("variable", variable), ("at", at)]),
            Self::Expires {
                variable,
                at,
                within_days,
            } => WORDS.text_with(
                "warning.expires",
                &[("variable", variable), ("at", at), ("days", within_days)],
            ),
            Self::Unrooted { variable } => {
                WORDS.text_with("warning.unrooted", &[("variable", variable)])
            }
            Self::Replaced { variable, number } => {
                // The provider's text: nothing in it turns the line around.
                let number: String = number.chars().filter(char::is_ascii_graphic).collect();
                WORDS.text_with(
                    "warning.replaced",
                    &[("variable", variable), ("number", &number)],
                )
            }
        }
    }

    /// Whether it hurts by tomorrow.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Expires { within_days, .. } if *within_days <= 1)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().get(Language::En))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_thirty_seven_and_one_day_before() {
        let at = Timestamp::from_seconds(1_800_000_000).expect("a moment");
        let told = |hours| match Warning::of_expiry("X", at, at.before(Duration::from_hours(hours)))
        {
            Some(Warning::Expires { within_days, .. }) => Some(within_days),
            _ => None,
        };
        for (hours, within) in [
            (24 * 31, None),
            (24 * 30 + 1, None),
            (24 * 30, Some(30)),
            (24 * 7 + 1, Some(30)),
            (24 * 7, Some(7)),
            (25, Some(7)),
            (24, Some(1)),
            (1, Some(1)),
            (0, Some(0)),
        ] {
            assert_eq!(told(hours), within, "{hours} hours before");
        }
        assert!(Warning::of_expiry("X", at, at).is_some_and(|warning| warning.is_urgent()));
    }
}
