//! Bytes as a value. JSON is read twice from the same bytes: once to refuse what two readers could understand
//! differently (a name given twice) or the database could not keep (NUL), once into its type.

use std::collections::HashSet;
use std::fmt;

use axum::extract::Query;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};
use serde_path_to_error::{Segment, Track};

use crate::exchange::IgnoredFields;
use crate::problem::{Code, Problem};
use crate::words::WORDS;

pub(super) fn malformed() -> Problem {
    Problem::new(Code::BadRequest).detail(WORDS.text("body.not_an_object"))
}

pub(super) fn from_json<T: DeserializeOwned>(
    bytes: &[u8],
    ignored: &IgnoredFields,
) -> Result<T, Problem> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(malformed());
    }
    let mut scan = serde_json::Deserializer::from_slice(bytes);
    let mut faults = Faults::default();
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut scan, &mut track);
    Strict(&mut faults).deserialize(tracked).map_err(|error| {
        // A number that no type holds is a field's fault, not the document's.
        if error.to_string().starts_with("number out of range") {
            misfit(&error, track.path().iter())
        } else {
            malformed()
        }
    })?;
    scan.end().map_err(|_| malformed())?;
    faults.refuse()?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    typed(&mut json, ignored)
}

pub(super) fn from_form<T: DeserializeOwned>(
    bytes: &[u8],
    ignored: &IgnoredFields,
) -> Result<T, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded(bytes)?;
    let mut faults = Faults::default();
    let mut object = Map::new();
    for (name, value) in pairs {
        faults.nul |= name.contains('\0') || value.contains('\0');
        faults.twice |= object.insert(name, Value::String(value)).is_some();
    }
    faults.refuse()?;
    typed(Value::Object(object), ignored)
}

fn serde_urlencoded(bytes: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    let uri: axum::http::Uri = format!("/?{text}").parse().map_err(|_| malformed())?;
    Query::try_from_uri(&uri)
        .map(|Query(pairs)| pairs)
        .map_err(|_| malformed())
}

fn typed<'de, D, T>(deserializer: D, ignored: &IgnoredFields) -> Result<T, Problem>
where
    D: Deserializer<'de, Error = serde_json::Error>,
    T: DeserializeOwned,
{
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    serde_ignored::deserialize(tracked, |path| ignored.note(path.to_string()))
        .map_err(|error| misfit(&error, track.path().iter()))
}

/// The field that does not fit its type, as a JSON pointer.
fn misfit<'a>(error: &serde_json::Error, path: impl Iterator<Item = &'a Segment>) -> Problem {
    let message = error.to_string();
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    let problem = Problem::new(Code::ValidationFailed).detail(WORDS.text("body.not_valid"));
    if let Some(name) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        push(&mut pointer, name);
        return problem.field(pointer, "required", WORDS.text("body.required"));
    }
    problem.field(pointer, "invalid_type", WORDS.text("body.wrong_type"))
}

fn push(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

#[derive(Debug, Default)]
struct Faults {
    twice: bool,
    nul: bool,
}

impl Faults {
    fn refuse(&self) -> Result<(), Problem> {
        if self.twice {
            return Err(Problem::new(Code::BadRequest).detail(WORDS.text("body.twice")));
        }
        if self.nul {
            return Err(Problem::new(Code::ValidationFailed).detail(WORDS.text("body.nul")));
        }
        Ok(())
    }
}

/// Walks a document without keeping it.
struct Strict<'a>(&'a mut Faults);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    #[expect(
        clippy::disallowed_types,
        reason = "the number is not kept, only walked over"
    )]
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.nul |= text.contains('\0');
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Strict(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.0.nul |= name.contains('\0');
            self.0.twice |= !names.insert(name);
            members.next_value_seed(Strict(self.0))?;
        }
        Ok(())
    }
}
