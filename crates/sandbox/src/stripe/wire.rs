//! What comes in and goes out: forms with brackets, and errors in Stripe's shape.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::SandboxError;

/// A form, by the names as they were sent: `line_items[0][price_data][currency]`.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// `expand[]=a&expand[]=b` is the same as `expand[0]=a&expand[1]=b`.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        let mut all = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes).into_owned() {
            let name = match name.strip_suffix("[]") {
                Some(base) => {
                    let place = counted.entry(base.to_owned()).or_default();
                    let name = format!("{base}[{place}]");
                    *place += 1;
                    name
                }
                None => name,
            };
            all.insert(name, value);
        }
        Self(all)
    }

    /// From what a program sends as JSON: its members that are texts.
    pub(super) fn of_json(object: &Map<String, Value>) -> Self {
        let texts = object.iter().filter_map(|(name, value)| {
            let value = value.as_str()?;
            Some((name.clone(), value.to_owned()))
        });
        Self(texts.collect())
    }

    /// A value; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::absent(name))
    }

    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Refusal::invalid(name, format!("Invalid integer: {text}"))
                .code("parameter_invalid_integer")
        })
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(Refusal::invalid(name, format!("Invalid boolean: {text}"))),
        }
    }

    /// Whether anything lies below a name.
    pub(super) fn has(&self, name: &str) -> bool {
        let below = format!("{name}[");
        self.0
            .keys()
            .any(|key| key == name || key.starts_with(&below))
    }

    /// `name[0]`, `name[1]` …
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let of = |key: &str| {
            let place = key.strip_prefix(name)?.strip_prefix('[')?;
            place.strip_suffix(']')?.parse::<u16>().ok()
        };
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter_map(|(key, value)| Some((of(key)?, value.as_str())))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, value)| value).collect()
    }

    /// `name[key]=value` as an object, within Stripe's limits.
    pub(super) fn map(&self, name: &str) -> Result<Value, Refusal> {
        let mut map = Map::new();
        for (key, value) in self.below(name) {
            if value.is_empty() {
                continue;
            }
            if key.chars().count() > 40 || value.chars().count() > 500 || map.len() == 50 {
                let message = "Metadata has at most 50 keys of 40 and values of 500 characters.";
                return Err(Refusal::invalid(name, message.to_owned()));
            }
            map.insert(key.to_owned(), value.into());
        }
        Ok(Value::Object(map))
    }

    /// What becomes of an object's metadata: an empty value takes its key away.
    pub(super) fn change_map(&self, name: &str, object: &mut Value) -> Result<(), Refusal> {
        let Value::Object(fresh) = self.map(name)? else {
            return Ok(());
        };
        let Some(kept) = object[name].as_object_mut() else {
            return Ok(());
        };
        for (key, _) in self.below(name).filter(|(_, value)| value.is_empty()) {
            kept.remove(key);
        }
        kept.extend(fresh);
        Ok(())
    }

    fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| {
            let inner = key.strip_prefix(name)?.strip_prefix('[')?;
            Some((inner.strip_suffix(']')?, value.as_str()))
        })
    }

    /// What Stripe does not know it refuses. `expand` it always knows.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        for key in self.0.keys() {
            let name = key.split('[').next().unwrap_or_default();
            if name != "expand" && !known.contains(&name) {
                let message = format!("Received unknown parameter: {name}");
                return Err(Refusal::invalid(name, message).code("parameter_unknown"));
            }
        }
        Ok(())
    }

    /// What Stripe does not know right below a name it refuses as well.
    pub(super) fn only_below(&self, name: &str, known: &[&str]) -> Result<(), Refusal> {
        let start = format!("{name}[");
        for key in self.0.keys().filter_map(|key| key.strip_prefix(&start)) {
            let member = key.split(']').next().unwrap_or_default();
            if !known.contains(&member) {
                let name = format!("{name}[{member}]");
                let message = format!("Received unknown parameter: {name}");
                return Err(Refusal::invalid(&name, message).code("parameter_unknown"));
            }
        }
        Ok(())
    }

    /// The same text for the same parameters, in whatever order they came.
    pub(super) fn canonical(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

/// Why a call is not done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: Option<String>,
    message: String,
    param: Option<String>,
    /// Whether it ran before it failed: only then is the answer stored with the key.
    pub(super) ran: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: &str) -> Self {
        Self {
            status,
            kind,
            code: None,
            message: message.to_owned(),
            param: None,
            ran: false,
        }
    }

    pub(super) fn invalid(param: &str, message: String) -> Self {
        Self {
            param: Some(param.to_owned()),
            message,
            ..Self::new(StatusCode::BAD_REQUEST, INVALID, "")
        }
    }

    /// A parameter that has to be there.
    pub(super) fn absent(name: &str) -> Self {
        let message = format!("Missing required param: {name}.");
        Self::invalid(name, message).code("parameter_missing")
    }

    /// An object that is not there.
    pub(super) fn missing(id: &str) -> Self {
        let message = format!("No such object: '{id}'");
        Self {
            param: Some("id".to_owned()),
            ..Self::new(StatusCode::NOT_FOUND, INVALID, &message)
        }
        .code("resource_missing")
    }

    pub(super) fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    pub(super) fn after_it_ran(mut self) -> Self {
        self.ran = true;
        self
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = &self.code {
            error["code"] = code.as_str().into();
            error["doc_url"] = format!("https://stripe.com/docs/error-codes/{code}").into();
        }
        if let Some(param) = &self.param {
            error["param"] = param.as_str().into();
        }
        json!({ "error": error })
    }
}

pub(super) const INVALID: &str = "invalid_request_error";
pub(super) const IDEMPOTENCY: &str = "idempotency_error";
pub(super) const API: &str = "api_error";

/// What ends a call early.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(Refusal),
    Failed(SandboxError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SandboxError> for Fault {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

/// A text member; empty when there is none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A whole number; 0 when there is none.
pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_stripe_reads_it() {
        let form =
            Form::read(b"expand[]=a&expand%5B%5D=b&m[x]=1&m[y]=&n=5&t=true&types[1]=z&types[0]=q");
        assert_eq!(form.list("expand"), ["a", "b"]);
        assert_eq!(form.list("types"), ["q", "z"]);
        assert_eq!(form.map("m").expect("a map"), json!({ "x": "1" }));
        assert_eq!(form.whole("n").expect("a number"), Some(5));
        assert_eq!(form.truth("t").expect("a truth"), Some(true));
        assert!(form.has("m") && !form.has("types[2]"));
        let known = ["m", "n", "t"];
        let refusal = form.only(&known).expect_err("types is not known");
        assert_eq!(refusal.body()["error"]["code"], "parameter_unknown");
        let mut object = json!({ "m": { "y": "old", "z": "stays" } });
        form.change_map("m", &mut object).expect("changed");
        assert_eq!(object["m"], json!({ "x": "1", "z": "stays" }));
    }
}
