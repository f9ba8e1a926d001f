//! What the gate asks on which path, from a file or a few flags. What no rule names takes the rule for everything else.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use axum::http::Method;
use matchit::Router;
use serde::Deserialize;
use tollgate_payment::PlanSlugs;
use tollgate_payment::model::hold::HoldTime;
use tollgate_payment::model::plan::Slug;
use tollgate_payment::model::quota::{Cost, ResourceType};

use super::path::canonical;
use crate::proxied::Demands;

/// What one kind of call takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: anybody may call.
    Open,
    /// A caller who meets this.
    Guarded(Guard),
}

/// What a caller must be, and pays. The default takes anybody who is signed in or has a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) demands: Demands,
    pub(crate) charge: Option<Charge>,
}

/// What a call that succeeds costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) resource_type: ResourceType,
    /// At most: the application may say less.
    pub(crate) cost: Cost,
    pub(crate) hold: Option<HoldTime>,
}

/// All rules of a gate.
///
/// ```
/// use tollgate::gate::{Rules, RulesError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("gate.toml");
/// std::fs::write(&file, r#"
///     otherwise = { consume = "api_call", cost = 1 }
///
///     [[rule]]
///     path = "/health"
///     open = true
///
///     [[rule]]
///     path = "/films/{id}"
///     methods = ["POST"]
///     plan = ["pro"]
///     consume = "film"
///     cost = 20
/// "#)?;
/// assert!(Rules::read(&file).is_ok());
/// std::fs::write(&file, "[[rule]]\npath = \"/a\"\nprice = 1")?;
/// let fault = Rules::read(&file).unwrap_err();
/// assert!(matches!(fault, RulesError::Shape { .. }), "there is no such word");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    by_path: Router<Vec<(Methods, Rule)>>,
    otherwise: Rule,
}

/// For which methods a rule is there; `None`: for all.
type Methods = Option<Vec<Method>>;

/// Rules that cannot be used.
///
/// ```
/// # use std::path::Path;
/// use tollgate::gate::{Rules, RulesError};
///
/// let missing = Rules::read(Path::new("/nowhere/gate.toml")).unwrap_err();
/// assert!(matches!(missing, RulesError::File(..)));
/// let wrong = Rules::plain(&["health".to_owned()], None, 1).unwrap_err();
/// assert!(matches!(wrong, RulesError::Rule { path, .. } if path == "health"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// It is not TOML of this shape.
    #[error("{} is not a file of rules: {fault}", .file.display())]
    Shape {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// A rule is wrong.
    #[error("{path}: {fault}")]
    Rule {
        /// Of which path.
        path: String,
        /// What is wrong.
        fault: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<Entry>,
    #[serde(default)]
    otherwise: Entry,
}

/// One rule as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    path: String,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    plan: Vec<String>,
    permission: Option<String>,
    scope: Option<String>,
    consume: Option<String>,
    cost: Option<i64>,
    hold_seconds: Option<i64>,
}

impl Rules {
    /// From a few words: what anybody may call (`/path`, or `GET /path`), and what a call of everything else costs.
    ///
    /// ```
    /// use tollgate::gate::Rules;
    ///
    /// let open = ["GET /health".to_owned(), "/docs/{*page}".to_owned()];
    /// assert!(Rules::plain(&open, Some("api_call"), 3).is_ok());
    ///
    /// let fault = Rules::plain(&["health".to_owned()], None, 1).unwrap_err();
    /// assert!(fault.to_string().starts_with("health: "));
    /// ```
    ///
    /// # Errors
    /// [`RulesError::Rule`].
    pub fn plain(open: &[String], consume: Option<&str>, cost: i64) -> Result<Self, RulesError> {
        let entries = open.iter().map(|what| {
            let (method, path) = match what.split_once(' ') {
                Some((method, path)) => (Some(method), path.trim()),
                None => (None, what.as_str()),
            };
            Entry {
                path: path.to_owned(),
                methods: method.into_iter().map(str::to_owned).collect(),
                open: true,
                ..Entry::default()
            }
        });
        let otherwise = Entry {
            consume: consume.map(str::to_owned),
            cost: consume.map(|_| cost),
            ..Entry::default()
        };
        Self::of(entries.collect(), otherwise)
    }

    /// From a file.
    ///
    /// ```
    /// # use std::path::Path;
    /// # use tollgate::gate::{Rules, RulesError};
    /// fn rules() -> Result<Rules, RulesError> {
    ///     Rules::read(Path::new("gate.toml"))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RulesError`], with the path of the rule that is wrong.
    pub fn read(file: &Path) -> Result<Self, RulesError> {
        let text =
            fs::read_to_string(file).map_err(|error| RulesError::File(file.to_owned(), error))?;
        Self::parse(&text, file)
    }

    fn parse(text: &str, file: &Path) -> Result<Self, RulesError> {
        let parsed: RulesFile = toml::from_str(text).map_err(|error| RulesError::Shape {
            file: file.to_owned(),
            fault: error.to_string(),
        })?;
        Self::of(parsed.rule, parsed.otherwise)
    }

    fn of(entries: Vec<Entry>, otherwise: Entry) -> Result<Self, RulesError> {
        let wrong = |path: &str, fault: String| RulesError::Rule {
            path: path.to_owned(),
            fault,
        };
        if !otherwise.path.is_empty() || !otherwise.methods.is_empty() {
            return Err(wrong("otherwise", "it has no path and no methods".into()));
        }
        let otherwise = otherwise
            .rule()
            .map_err(|fault| wrong("otherwise", fault))?;
        let mut by_path: BTreeMap<String, Vec<(Methods, Rule)>> = BTreeMap::new();
        for entry in entries {
            let path = entry.path.clone();
            let wrong = |fault| wrong(&path, fault);
            is_plain(&path).map_err(wrong)?;
            let methods = methods(&entry.methods).map_err(wrong)?;
            let rule = entry.rule().map_err(wrong)?;
            let rules = by_path.entry(path.clone()).or_default();
            if rules.iter().any(|(others, _)| meet(others, &methods)) {
                return Err(wrong("two rules for one method".into()));
            }
            rules.push((methods, rule));
        }
        let mut router = Router::new();
        for (path, rules) in by_path {
            router
                .insert(path.as_str(), rules)
                .map_err(|error| wrong(&path, error.to_string()))?;
        }
        Ok(Self {
            by_path: router,
            otherwise,
        })
    }

    /// What a call takes; `path` in its one spelling.
    pub(super) fn find(&self, method: &Method, path: &str) -> &Rule {
        // What asks for the head alone asks for the same.
        let method = match *method {
            Method::HEAD => &Method::GET,
            _ => method,
        };
        let path = match path.strip_suffix('/') {
            Some("") | None => path,
            Some(path) => path,
        };
        let found = self.by_path.at(path).ok().and_then(|found| {
            let mut rules = found.value.iter();
            rules.find(|(methods, _)| methods.as_ref().is_none_or(|these| these.contains(method)))
        });
        found.map_or(&self.otherwise, |(_, rule)| rule)
    }
}

impl Entry {
    fn rule(self) -> Result<Rule, String> {
        let asks = !self.plan.is_empty()
            || self.permission.is_some()
            || self.scope.is_some()
            || self.consume.is_some();
        if self.open && asks {
            return Err("what is open asks for nothing".into());
        }
        if self.consume.is_none() && (self.cost.is_some() || self.hold_seconds.is_some()) {
            return Err("cost and hold_seconds go with consume".into());
        }
        if self.open {
            return Ok(Rule::Open);
        }
        let charge = match self.consume {
            None => None,
            Some(name) => Some(Charge {
                resource_type: name
                    .parse()
                    .map_err(|_| format!("consume: {name:?} is not a resource type"))?,
                cost: Cost::new(self.cost.unwrap_or(1))
                    .map_err(|_| "cost: a whole number from 1 to 1000000000".to_owned())?,
                hold: match self.hold_seconds {
                    None => None,
                    Some(seconds) => Some(
                        HoldTime::seconds(seconds)
                            .map_err(|_| "hold_seconds: 1 to 86400".to_owned())?,
                    ),
                },
            }),
        };
        let plans: Result<Vec<String>, String> = self
            .plan
            .iter()
            .map(|slug| match slug.parse::<Slug>() {
                Ok(slug) => Ok(slug.as_str().to_owned()),
                Err(error) => Err(format!("plan: {slug:?}: {error}")),
            })
            .collect();
        let plans = plans?;
        let demands = Demands {
            plans: (!plans.is_empty()).then(|| PlanSlugs::from(plans)),
            permission: self.permission,
            scope: self.scope,
        };
        Ok(Rule::Guarded(Guard {
            demands: match charge {
                Some(_) => demands.with_units(),
                None => demands,
            },
            charge,
        }))
    }
}

/// As calls are matched: in the one spelling, without a slash at the end.
fn is_plain(path: &str) -> Result<(), String> {
    // What stands for a segment is matched like one.
    let like = path.replace(['{', '}', '*'], "x");
    let ends = path.len() > 1 && path.ends_with('/');
    if ends || canonical(&like).as_deref() != Ok(like.as_str()) {
        return Err(
            "a path begins with /, is written as plainly as it can be, and has no / at its end"
                .into(),
        );
    }
    Ok(())
}

fn methods(names: &[String]) -> Result<Methods, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let methods = names.iter().map(|name| match name.as_str() {
        "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => {
            Method::from_bytes(name.as_bytes()).map_err(|error| error.to_string())
        }
        _ => Err(format!(
            "{name:?} is not a method: GET (HEAD with it), POST, PUT, PATCH, DELETE or OPTIONS"
        )),
    });
    methods.collect::<Result<Vec<Method>, String>>().map(Some)
}

fn meet(some: &Methods, others: &Methods) -> bool {
    match (some, others) {
        (Some(some), Some(others)) => some.iter().any(|method| others.contains(method)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[rule]]
path = "/health"
methods = ["GET"]
open = true

[[rule]]
path = "/process/{patient}/{date}"
methods = ["POST"]
consume = "dicom_processing"
cost = 2
plan = ["pro", "team"]

[[rule]]
path = "/process/{patient}/{date}"
methods = ["GET"]
permission = "admin"

[otherwise]
consume = "call"
"#;

    fn parse(text: &str) -> Result<Rules, RulesError> {
        Rules::parse(text, Path::new("gate.toml"))
    }

    fn resource(rule: &Rule) -> Option<String> {
        match rule {
            Rule::Guarded(Guard {
                charge: Some(charge),
                ..
            }) => Some(charge.resource_type.to_string()),
            _ => None,
        }
    }

    #[test]
    fn the_rule_of_a_path_and_method_is_found() {
        let rules = parse(FILE).expect("rules");
        let find = |method: &str, path| {
            rules.find(
                &Method::from_bytes(method.as_bytes()).expect("a method"),
                path,
            )
        };
        for path in ["/health", "/health/"] {
            assert_eq!(find("GET", path), &Rule::Open);
            assert_eq!(find("HEAD", path), &Rule::Open);
            assert_eq!(resource(find("POST", path)).as_deref(), Some("call"));
        }
        for path in ["/process/a/b", "/process/a/b/", "/process/%7B/b"] {
            assert_eq!(
                resource(find("POST", path)).as_deref(),
                Some("dicom_processing")
            );
            assert!(matches!(
                find("GET", path),
                Rule::Guarded(Guard { demands, charge: None })
                    if demands.permission.as_deref() == Some("admin")
            ));
            assert_eq!(resource(find("BREW", path)).as_deref(), Some("call"));
        }
        for path in ["/", "/healthy", "/process/a", "/process/a/b/c", "/HEALTH"] {
            assert_eq!(
                resource(find("GET", path)).as_deref(),
                Some("call"),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_not_said_takes_a_caller() {
        let rules = parse("").expect("rules");
        let anybody = Rule::Guarded(Guard::default());
        assert_eq!(rules.find(&Method::GET, "/x"), &anybody);
        let plain = Rules::plain(
            &["GET /health".into(), "/docs/{*page}".into()],
            Some("call"),
            3,
        );
        let plain = plain.expect("rules");
        assert_eq!(plain.find(&Method::GET, "/health"), &Rule::Open);
        assert_eq!(plain.find(&Method::PUT, "/docs/a/b"), &Rule::Open);
        assert_eq!(
            resource(plain.find(&Method::POST, "/health")).as_deref(),
            Some("call")
        );
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        for text in [
            "[[rule]]\npath = \"health\"\nopen = true",
            "[[rule]]\npath = \"/health/\"\nopen = true",
            "[[rule]]\npath = \"//health\"\nopen = true",
            "[[rule]]\npath = \"/a/../health\"\nopen = true",
            "[[rule]]\nopen = true",
            "[[rule]]\npath = \"/a\"\nopen = true\nplan = [\"pro\"]",
            "[[rule]]\npath = \"/a\"\ncost = 1",
            "[[rule]]\npath = \"/a\"\nconsume = \"x\"\ncost = 0",
            "[[rule]]\npath = \"/a\"\nconsume = \"\"",
            "[[rule]]\npath = \"/a\"\nconsume = \"x\"\nhold_seconds = 0",
            "[[rule]]\npath = \"/a\"\nplan = [\"Pro!\"]",
            "[[rule]]\npath = \"/a\"\nmethods = [\"get\"]",
            "[[rule]]\npath = \"/a\"\nmethods = [\"HEAD\"]",
            "[[rule]]\npath = \"/a\"\nplans = [\"pro\"]",
            "[[rule]]\npath = \"/a\"\n[[rule]]\npath = \"/a\"\nmethods = [\"GET\"]",
            "[[rule]]\npath = \"/{a}\"\n[[rule]]\npath = \"/{b}\"",
            "[[rule]]\npath = \"/{a\"",
            "[otherwise]\npath = \"/a\"",
            "[otherwise]\nopen = 1",
            "rules = []",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
