//! What a host keeps at a payment, for itself alone: we store it and give it back.
//!
//! ```
//! use serde_json::json;
//! use tollgate_payment::model::metadata::Metadata;
//!
//! let given: serde_json::Map<_, _> = serde_json::from_value(json!({ "order": "A-17", "gift": true }))?;
//! let given = Metadata::try_from(given)?;
//! let kept = serde_json::Value::from(given);
//! assert_eq!(kept["order"], "A-17");
//!
//! // One level only.
//! let nested: serde_json::Map<_, _> = serde_json::from_value(json!({ "cart": { "items": 3 } }))?;
//! assert!(Metadata::try_from(nested).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde_json::{Map, Value};

/// As many names as Stripe takes, and as long ones.
const MOST_NAMES: usize = 50;
const NAME_CHARS: usize = 40;
const TEXT_CHARS: usize = 500;

/// At most 50 names of 1 to 40 characters, each with a text of at most 500 characters, a number or a
/// truth value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Map<String, Value>);

/// Too much, or an object within the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "metadata is at most 50 names of 1 to 40 characters with texts of at most 500, numbers or truth values"
)]
pub struct NotMetadata;

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = NotMetadata;

    fn try_from(map: Map<String, Value>) -> Result<Self, NotMetadata> {
        let plain = |(name, value): (&String, &Value)| {
            let named = (1..=NAME_CHARS).contains(&name.chars().count());
            named
                && match value {
                    Value::String(text) => text.chars().count() <= TEXT_CHARS,
                    Value::Number(_) | Value::Bool(_) => true,
                    Value::Null | Value::Array(_) | Value::Object(_) => false,
                }
        };
        if map.len() > MOST_NAMES || !map.iter().all(plain) {
            return Err(NotMetadata);
        }
        Ok(Self(map))
    }
}

impl From<Metadata> for Value {
    fn from(Metadata(map): Metadata) -> Self {
        Self::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Metadata, NotMetadata> {
        value.as_object().expect("an object").clone().try_into()
    }

    #[test]
    fn line_37_metadata_is_flat_and_small() {
        let names = |count: usize| -> Value {
            (0..count)
                .map(|at| (format!("n{at}"), json!(at)))
                .collect::<Map<_, _>>()
                .into()
        };
        for good in [
            json!({}),
            json!({ "order": "a=b&c\n\"}", "n": 1, "gift": true, "空": "" }),
            json!({ "x".repeat(40): "字".repeat(500) }),
            names(50),
        ] {
            assert_eq!(Value::from(read(&good).expect("good")), good);
        }
        for bad in [
            json!({ "": 1 }),
            json!({ "x".repeat(41): 1 }),
            json!({ "x": "y".repeat(501) }),
            json!({ "x": {} }),
            json!({ "x": [1] }),
            json!({ "x": null }),
            names(51),
        ] {
            assert_eq!(read(&bad), Err(NotMetadata), "{bad}");
        }
    }
}
