//! What a deed changed, field by field, as people read it.

use serde_json::{Map, Value};

/// A field that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) field: String,
    /// `None`: it was not there.
    pub(super) before: Option<String>,
    /// `None`: it is not there any more.
    pub(super) after: Option<String>,
}

impl Changed {
    /// `price: 99.00 → 129.00`
    pub(super) fn line(&self) -> String {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        match (&self.before, &self.after) {
            (None, Some(after)) => format!("{}: {after}", self.field),
            (before, after) => format!("{}: {} → {}", self.field, side(before), side(after)),
        }
    }
}

fn members(json: Option<&str>) -> Map<String, Value> {
    match json.map(|text| serde_json::from_str(text).unwrap_or(Value::from(text))) {
        Some(Value::Object(members)) => members,
        None | Some(Value::Null) => Map::new(),
        Some(other) => Map::from_iter([("…".to_owned(), other)]),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "—".to_owned(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(", ")
        }
        other => other.to_string(),
    }
}

/// What differs between the two, in the order of its names.
pub(super) fn between(before: Option<&str>, after: Option<&str>) -> Vec<Changed> {
    let (before, after) = (members(before), members(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let changed = names.into_iter().map(|name| Changed {
        field: name.clone(),
        before: before.get(name).map(text),
        after: after.get(name).map(text),
    });
    changed
        .filter(|change| change.before != change.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = r#"{"price":"99.00","name":"Pro","roles":["admin"]}"#;
        let after = r#"{"price":"129.00","name":"Pro","roles":[],"days":14}"#;
        let lines: Vec<String> = between(Some(before), Some(after))
            .iter()
            .map(Changed::line)
            .collect();
        assert_eq!(
            lines,
            ["days: 14", "price: 99.00 → 129.00", "roles: admin → "]
        );
        assert!(between(None, None).is_empty());
        assert_eq!(between(None, Some("not json")).len(), 1);
        assert_eq!(between(Some("null"), Some("{}")), []);
    }
}
