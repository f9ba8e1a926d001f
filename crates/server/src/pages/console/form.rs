//! Forms of the console: what was typed, what of it is to be mended, and how they are shown.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Occurrence, Problem};
use tollgate_kernel::text::Language;
use tollgate_storage::idempotency::Request;

use super::super::visit::Visit;

/// Every field of a form by its name, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Typed(BTreeMap<String, String>);

impl Typed {
    /// What stands in a field; nothing, where it is empty or was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// The same, if there is something.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|text| !text.is_empty())
    }

    /// Whether a box is ticked.
    pub(super) fn is(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn put(&mut self, name: impl Into<String>, value: impl Display) {
        self.0.insert(name.into(), value.to_string());
    }

    /// The same form sent twice does its work once: its key was made when it was written. `path` is that of the call
    /// which does the same for programs.
    pub(super) fn once(&self, caller: &Caller, path: &'static str, bound: &str) -> Option<Request> {
        let key = self.get("key").parse().ok()?;
        let fields = self.0.iter().filter(|(name, _)| *name != "form_word");
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("bound", bound)
            .extend_pairs(fields)
            .finish();
        Some(Request::new(
            caller.subject(),
            "POST",
            path,
            key,
            body.as_bytes(),
        ))
    }
}

/// A key for [`Typed::once`], new with every form.
pub(super) fn new_key(visit: &Visit) -> String {
    hex::encode(visit.house.entropy.bytes::<16>())
}

/// What is to be mended, by the field that it stands beside; under no name: of the whole form.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(BTreeMap<String, String>);

impl Faults {
    /// A refusal that the person can mend here; any other is a refusal of the page.
    pub(super) fn of(problem: Problem, language: Language) -> Result<Self, Problem> {
        if !matches!(problem.code().status(), 409 | 422) {
            return Err(problem);
        }
        let document = problem.document(language, &Occurrence::default());
        let text = |value: &serde_json::Value, name: &str| {
            value
                .get(name)
                .and_then(|text| text.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let mut faults = BTreeMap::new();
        let errors = document.get("errors").and_then(|list| list.as_array());
        for error in errors.into_iter().flatten() {
            let field = text(error, "field").trim_start_matches('/').to_owned();
            faults.entry(field).or_insert_with(|| text(error, "detail"));
        }
        if faults.is_empty() {
            faults.insert(String::new(), text(&document, "detail"));
        }
        Ok(Self(faults))
    }

    pub(super) fn note(&mut self, name: impl Into<String>, text: String) {
        self.0.entry(name.into()).or_insert(text);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With others, where nothing is said yet.
    pub(super) fn extend(&mut self, others: Self) {
        for (name, text) in others.0 {
            self.note(name, text);
        }
    }

    /// The same under other names.
    pub(super) fn renamed(self, name: impl Fn(&str) -> String) -> Self {
        let faults = self.0.into_iter().map(|(field, text)| (name(&field), text));
        Self(faults.collect())
    }

    /// Those under no name that is shown.
    pub(super) fn apart<'a>(&self, shown: impl Iterator<Item = &'a str>) -> Vec<String> {
        let shown: Vec<&str> = shown.collect();
        let others = self
            .0
            .iter()
            .filter(|(name, _)| !shown.contains(&name.as_str()));
        others.map(|(_, text)| text.clone()).collect()
    }

    pub(super) fn at(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Those that stand beside no field that is shown.
    fn beside(&self, fields: &[Field]) -> Vec<String> {
        let is_shown = |name: &str| fields.iter().any(|field| field.answers(name));
        let others = self.0.iter().filter(|(name, _)| !is_shown(name));
        others.map(|(_, text)| text.clone()).collect()
    }
}

/// A way to choose.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, text: impl Into<String>, chosen: &str) -> Self {
        let value = value.into();
        Self {
            is_chosen: value == chosen,
            text: text.into(),
            value,
        }
    }
}

/// A field as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Names of faults that stand beside it, too.
    also: Vec<String>,
    pub(super) label: String,
    /// `line`, `area`, `choice` or `check`.
    pub(super) kind: &'static str,
    /// Of a line: `text`, `email`, `date` …
    pub(super) input: &'static str,
    pub(super) value: String,
    pub(super) choices: Vec<Choice>,
    pub(super) is_on: bool,
    pub(super) hint: String,
    pub(super) fault: String,
    pub(super) is_required: bool,
}

impl Field {
    fn new(kind: &'static str, name: &str, label: String) -> Self {
        Self {
            name: name.to_owned(),
            also: Vec::new(),
            label,
            kind,
            input: "text",
            value: String::new(),
            choices: Vec::new(),
            is_on: false,
            hint: String::new(),
            fault: String::new(),
            is_required: false,
        }
    }

    pub(super) fn line(name: &str, label: String, typed: &Typed) -> Self {
        Self {
            value: typed.get(name).to_owned(),
            ..Self::new("line", name, label)
        }
    }

    pub(super) fn area(name: &str, label: String, typed: &Typed) -> Self {
        Self {
            value: typed.get(name).to_owned(),
            ..Self::new("area", name, label)
        }
    }

    pub(super) fn choice(name: &str, label: String, choices: Vec<Choice>) -> Self {
        Self {
            choices,
            ..Self::new("choice", name, label)
        }
    }

    pub(super) fn check(name: &str, label: String, is_on: bool) -> Self {
        Self {
            is_on,
            ..Self::new("check", name, label)
        }
    }

    pub(super) fn of(mut self, input: &'static str) -> Self {
        self.input = input;
        self
    }

    pub(super) fn hint(mut self, hint: String) -> Self {
        self.hint = hint;
        self
    }

    pub(super) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Faults of these names stand beside it too.
    pub(super) fn also(mut self, names: &[&str]) -> Self {
        self.also
            .extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    fn answers(&self, name: &str) -> bool {
        // A list has a fault at each of its places.
        let is_of = |own: &str| {
            name.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_of(&self.name) || self.also.iter().any(|own| is_of(own))
    }
}

/// A form as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Before the names of its fields, to tell them from those of others on the page.
    pub(super) id: String,
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) button: String,
    /// ` danger`, ` quiet` …
    pub(super) look: &'static str,
    /// What is to be mended, and stands beside no field.
    pub(super) faults: Vec<String>,
    /// Behind this word, until somebody opens it.
    pub(super) folded: Option<String>,
    pub(super) is_open: bool,
    /// It takes a confirmation first, here.
    pub(super) confirm: Option<String>,
}

impl Shown {
    pub(super) fn new(id: impl Into<String>, action: impl Into<String>, button: String) -> Self {
        Self {
            id: id.into(),
            action: action.into(),
            fields: Vec::new(),
            hidden: Vec::new(),
            button,
            look: "",
            faults: Vec::new(),
            folded: None,
            is_open: false,
            confirm: None,
        }
    }

    pub(super) fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    pub(super) fn hidden(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }

    pub(super) fn look(mut self, look: &'static str) -> Self {
        self.look = look;
        self
    }

    pub(super) fn folded(mut self, word: String) -> Self {
        self.folded = Some(word);
        self
    }

    pub(super) fn confirm(mut self, lead: Option<String>) -> Self {
        self.confirm = lead;
        self
    }

    /// With what is to be mended; last, since the fields must be there.
    pub(super) fn faults(mut self, faults: &Faults) -> Self {
        self.faults = faults.beside(&self.fields);
        for field in &mut self.fields {
            let own = faults.0.iter().find(|(name, _)| field.answers(name));
            if let Some((_, text)) = own {
                field.fault.clone_from(text);
            }
        }
        self.is_open = !faults.is_empty();
        self
    }
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::problem::Code;
    use tollgate_kernel::text::Text;

    use super::*;

    #[test]
    fn a_fault_stands_beside_its_field_or_over_the_form() {
        let problem = Problem::invalid("/roles/1", "unknown_role", Text::new("未知", "not a role"));
        let faults = Faults::of(problem, Language::En).expect("can be mended");
        let typed = Typed::default();
        let form = Shown::new("x", "", String::new())
            .fields([Field::line("roles", String::new(), &typed)])
            .faults(&faults);
        assert_eq!(form.fields[0].fault, "not a role");
        assert!(form.faults.is_empty() && form.is_open);
        let other = Shown::new("x", "", String::new())
            .fields([Field::line("role", String::new(), &typed)])
            .faults(&faults);
        assert_eq!(other.faults, ["not a role"]);
        assert!(other.fields[0].fault.is_empty());
        assert!(Faults::of(Problem::new(Code::NotFound), Language::En).is_err());
        let whole = Faults::of(Problem::new(Code::PlanInUse), Language::En).expect("can be mended");
        assert_eq!(whole.at(""), Code::PlanInUse.title(Language::En));
    }
}
