//! Files of entries: CSV with a line of names, or JSON, a list of objects.

use std::path::Path;

use serde_json::{Map, Value};

use super::entries::{Fields, columns};
use super::{Kind, Move, Refused};

/// Before UTF-8, as spreadsheets write it.
const MARK: &[u8] = b"\xEF\xBB\xBF";

impl Move {
    /// Reads a file: what is wrong with one of its lines is told with it, what is wrong with all of them alone.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn add_file(&mut self, kind: Kind, path: &Path) -> std::io::Result<()> {
        let bytes = std::fs::read(path)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let is_json = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("json"));
        if let Err(refused) = self.read(kind, &name, &bytes, is_json) {
            self.refused.push((kind, refused));
        }
        Ok(())
    }

    fn read(&mut self, kind: Kind, name: &str, bytes: &[u8], is_json: bool) -> Result<(), Refused> {
        let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let place = format!("{name} line {line}");
            refused(place, "it is not UTF-8 text: save the file as UTF-8")
        })?;
        let before = self.count(kind);
        if is_json {
            self.json(kind, name, text)?;
        } else {
            self.csv(kind, name, text)?;
        }
        if self.count(kind) == before {
            return Err(refused(name.to_owned(), "there is nothing in it"));
        }
        Ok(())
    }

    /// Whatever was read of a kind, good or not.
    fn count(&self, kind: Kind) -> usize {
        let good = match kind {
            Kind::Users => self.users.len(),
            Kind::ApiKeys => self.api_keys.len(),
            Kind::Subscriptions => self.subscriptions.len(),
            Kind::Balances => self.balances.len(),
        };
        let bad = self.refused.iter().filter(|(of, _)| *of == kind).count();
        let over = self.over.get(&kind).copied().unwrap_or(0);
        good.saturating_add(bad).saturating_add(over)
    }

    fn csv(&mut self, kind: Kind, name: &str, text: &str) -> Result<(), Refused> {
        let mut lines = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let unreadable = |error: csv::Error| refused(name.to_owned(), &error.to_string());
        let names = lines.headers().map_err(unreadable)?.clone();
        if names.is_empty() {
            return Err(refused(name.to_owned(), "there is nothing in it"));
        }
        let first = format!("{name} line 1");
        are_names(kind, &names.iter().collect::<Vec<_>>()).map_err(|why| refused(first, &why))?;
        for line in lines.records() {
            let line = line.map_err(unreadable)?;
            let at = line.position().map_or(0, csv::Position::line);
            let place = format!("{name} line {at}");
            if line.len() != names.len() {
                let (has, wants) = (line.len(), names.len());
                let why = format!("it has {has} fields, and the line of names has {wants}");
                self.refuse(kind, place, why);
                continue;
            }
            let fields = names.iter().zip(line.iter());
            let fields = fields.filter(|(_, text)| !text.is_empty());
            let fields: Fields = fields
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect();
            self.bring(kind, place, &fields);
        }
        Ok(())
    }

    fn json(&mut self, kind: Kind, name: &str, text: &str) -> Result<(), Refused> {
        let all: Vec<Value> = serde_json::from_str(text).map_err(|error| {
            let why = format!("it is not a JSON list of objects: {error}");
            refused(format!("{name} line {}", error.line()), &why)
        })?;
        for (position, entry) in all.iter().enumerate() {
            let place = format!("{name} entry {}", position.saturating_add(1));
            match object(kind, entry) {
                Ok(fields) => self.bring(kind, place, &fields),
                Err(why) => self.refuse(kind, place, why),
            }
        }
        Ok(())
    }
}

fn refused(place: String, why: &str) -> Refused {
    Refused {
        place,
        why: why.to_owned(),
    }
}

/// Those that must be there are, no other is, and none twice.
fn are_names(kind: Kind, names: &[&str]) -> Result<(), String> {
    let (required, all) = columns(kind);
    let of = kind.as_str();
    for (position, name) in names.iter().enumerate() {
        if !all.contains(name) {
            let all = all.join(", ");
            return Err(format!("{of} have no column {name:?}; they have {all}"));
        }
        if names
            .get(..position)
            .is_some_and(|before| before.contains(name))
        {
            return Err(format!("the column {name:?} is there twice"));
        }
    }
    match required.iter().find(|name| !names.contains(name)) {
        Some(name) => Err(format!("{of} need a column {name:?}")),
        None => Ok(()),
    }
}

fn object(kind: Kind, entry: &Value) -> Result<Fields, String> {
    let Value::Object(entry) = entry else {
        return Err("it is not an object".to_owned());
    };
    let names: Vec<&str> = entry.keys().map(String::as_str).collect();
    are_names(kind, &names)?;
    texts(entry)
}

/// Numbers as they are written, where they are whole: money is text, to its last digit.
fn texts(entry: &Map<String, Value>) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for (name, value) in entry {
        let text = match value {
            Value::Null => continue,
            Value::Bool(is) => is.to_string(),
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Err(format!(
                    "{name} must be a text, a whole number, true, false or null"
                ));
            }
        };
        if !text.is_empty() {
            fields.insert(name.clone(), text);
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(kind: Kind, bytes: &[u8], is_json: bool) -> Vec<String> {
        let mut what = Move::default();
        if let Err(refused) = what.read(kind, "f", bytes, is_json) {
            what.refused.push((kind, refused));
        }
        what.refused
            .iter()
            .map(|(_, refused)| refused.to_string())
            .collect()
    }

    #[test]
    fn what_is_no_file_of_entries_is_told_with_its_line() {
        let users = |bytes: &[u8]| faults(Kind::Users, bytes, false).join("\n");
        assert_eq!(users(b""), "f: there is nothing in it");
        assert_eq!(users(b"email,username\n"), "f: there is nothing in it");
        assert_eq!(users(b"\xEF\xBB\xBFemail,username\r\na@b.co,ann\r\n"), "");
        assert_eq!(
            users(b"email,username\n\xB0@b.co,ann\n"),
            "f line 2: it is not UTF-8 text: save the file as UTF-8"
        );
        assert!(users(b"\xFF\xFEe\0").starts_with("f line 1: it is not UTF-8"));
        assert!(
            users(b"email;username\na@b.co;ann\n").starts_with(
                "f line 1: users have no column \"email;username\"; they have email, "
            )
        );
        assert_eq!(
            users(b"email\na@b.co\n"),
            "f line 1: users need a column \"username\""
        );
        assert_eq!(
            users(b"email,email,username\n"),
            "f line 1: the column \"email\" is there twice"
        );
        assert_eq!(
            users(b"email,username\na@b.co\n\"b@b.co\",bob\n"),
            "f line 2: it has 1 fields, and the line of names has 2"
        );
        // Lines are those of an editor, whatever stands in quotes.
        assert_eq!(
            users(b"email,username\n\"a@b.co\",\"x\ny\"\n,bob\n"),
            "f line 2: username: not a user name: 3 to 32 Latin or Chinese letters, digits, _ - .\nf line 4: email is missing"
        );
        let json = |bytes: &[u8]| faults(Kind::Balances, bytes, true).join("\n");
        assert!(json(b"{}").starts_with("f line 1: it is not a JSON list of objects"));
        assert_eq!(json(b"[]"), "f: there is nothing in it");
        assert_eq!(json(b"[1]"), "f entry 1: it is not an object");
        let entry = |rest: &str| {
            json(format!(r#"[{{"email":"a@b.co","quota_type":"m",{rest}}}]"#).as_bytes())
        };
        assert_eq!(entry(r#""quota_used":12,"reason":null"#), "");
        for (rest, why) in [
            (
                r#""quota_used":1.5"#,
                "quota_used must be a text, a whole number, true, false or null",
            ),
            (r#""quota_used":-1"#, "quota_used must be 0 to 1000000000"),
            (
                r#""quota_used":"many""#,
                "quota_used must be a whole number",
            ),
            (
                r#""bonus_units":0,"reason":"x""#,
                "bonus_units must be 1 to 1000000000",
            ),
            (
                r#""bonus_units":5"#,
                "bonus_units need a reason, which the person reads",
            ),
            (
                r#""quota_used":5,"reason":"x""#,
                "reason and expires_at are said of bonus_units",
            ),
            (
                r#""reason":"x""#,
                "it says neither quota_used nor bonus_units",
            ),
            (
                r#""used":5"#,
                "balances have no column \"used\"; they have email, quota_type, quota_used, bonus_units, reason, expires_at",
            ),
        ] {
            assert_eq!(entry(rest), format!("f entry 1: {why}"), "{rest}");
        }
        let bad = b"email,plan_slug,status,current_period_start\na@b.co,pro,paused,2026-01-01\na@b.co,pro,,soon\n";
        assert_eq!(
            faults(Kind::Subscriptions, bad, false),
            [
                "f line 2: status must be active, cancelled or expired",
                "f line 3: current_period_start must be a moment like 2026-01-31T08:00:00Z"
            ]
        );
    }
}
