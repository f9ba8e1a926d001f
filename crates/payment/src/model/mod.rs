//! What the business means by its words: pure, so that every rule can be tried without a database.
//!
//! ```
//! use tollgate_payment::model::UnknownWord;
//! use tollgate_payment::model::plan::BillingCycle;
//!
//! // Every closed set of words reads itself and writes itself; any other word is an error, never a default.
//! assert_eq!("yearly".parse(), Ok(BillingCycle::Yearly));
//! assert_eq!(BillingCycle::Yearly.as_str(), "yearly");
//! assert_eq!("weekly".parse::<BillingCycle>(), Err(UnknownWord));
//! ```

pub mod allowance;
pub mod books;
pub mod call;
pub mod change;
pub mod credit;
pub mod damage;
pub mod explain;
pub mod foreign_term;
pub mod happening;
pub mod hold;
pub mod ledger;
pub mod metadata;
pub mod outbound;
pub mod payment;
pub mod period;
pub mod plan;
pub mod plan_terms;
pub mod pots;
pub mod quota;
pub mod quote;
pub mod refund;
pub mod reminder;
pub mod return_url;
pub mod scene;
pub mod spans;
pub mod stats;
pub mod subscription;
pub mod suspense;
pub mod term;
pub mod timeline;
pub mod usage;

/// A closed set of words that a column or an answer holds.
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As the column and every answer hold it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::model::UnknownWord> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err($crate::model::UnknownWord) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

/// Not one of a closed set of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of this set")]
pub struct UnknownWord;

#[cfg(test)]
mod tests {
    /// The rules stay pure: what they `use` is checked, not believed.
    #[test]
    fn the_model_knows_no_database_no_network_and_no_clock() {
        for (file, source) in [
            ("allowance", include_str!("allowance.rs")),
            ("books", include_str!("books.rs")),
            ("chain", include_str!("explain/chain.rs")),
            ("change", include_str!("change.rs")),
            ("credit", include_str!("credit.rs")),
            ("damage", include_str!("damage.rs")),
            ("explain", include_str!("explain.rs")),
            ("foreign_term", include_str!("foreign_term.rs")),
            ("hold", include_str!("hold.rs")),
            ("ledger", include_str!("ledger.rs")),
            ("payment", include_str!("payment.rs")),
            ("period", include_str!("period.rs")),
            ("plan", include_str!("plan.rs")),
            ("plan_terms", include_str!("plan_terms.rs")),
            ("pots", include_str!("pots.rs")),
            ("quota", include_str!("quota.rs")),
            ("quote", include_str!("quote.rs")),
            ("refund", include_str!("refund.rs")),
            ("return_url", include_str!("return_url.rs")),
            ("scene", include_str!("scene.rs")),
            ("said", include_str!("explain/said.rs")),
            ("spans", include_str!("spans.rs")),
            ("subscription", include_str!("subscription.rs")),
            ("term", include_str!("term.rs")),
            ("timeline", include_str!("timeline.rs")),
            ("usage", include_str!("usage.rs")),
        ] {
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for line in source
                .lines()
                .filter(|line| line.trim_start().starts_with("use "))
            {
                for foreign in [
                    "axum",
                    "sqlx",
                    "tokio",
                    "reqwest",
                    "Clock",
                    "tollgate_storage",
                ] {
                    assert!(!line.contains(foreign), "{file}: {line}");
                }
            }
            assert!(!source.contains("async fn"), "{file}");
        }
    }
}
