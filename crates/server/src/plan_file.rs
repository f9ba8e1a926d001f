//! Plans as a TOML file: to be read by people, kept with the code, and applied again.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use tollgate_kernel::text::Language;
use tollgate_payment::model::plan::{PlanCost, PlanMeter, PlanText};
use tollgate_payment::model::plan_terms::PlanTerms;
use tollgate_payment::model::quota::Units;
use tollgate_payment::shapes::PlanBody;
use toml::{Table, Value};

const UNLIMITED: &str = "unlimited";
/// Beyond this nobody sells anything, and a file is not a plan any more.
const MOST_PLANS: usize = 200;

/// What is wrong with a file: each fault names its plan and its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFaults(pub Vec<String>);

impl fmt::Display for FileFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for FileFaults {}

#[derive(Serialize)]
struct PlanTable<'a> {
    slug: &'a str,
    price: String,
    currency: &'a str,
    billing_cycle: &'a str,
    trial_days: i64,
    grace_days: i64,
    is_default: bool,
    is_active: bool,
    sort_order: i64,
    meters: Vec<MeterTable<'a>>,
    resource_costs: BTreeMap<&'a str, CostValue<'a>>,
    i18n: &'a BTreeMap<String, PlanText>,
}

#[derive(Serialize)]
struct MeterTable<'a> {
    meter: &'a str,
    limit: LimitValue,
    reset: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum LimitValue {
    Units(i64),
    Unlimited(&'static str),
}

#[derive(Serialize)]
#[serde(untagged)]
enum CostValue<'a> {
    OfFirst(i64),
    OfMeter { meter: &'a str, units: i64 },
}

#[derive(Serialize)]
struct File<'a> {
    plans: Vec<PlanTable<'a>>,
}

fn meter(meter: &PlanMeter) -> MeterTable<'_> {
    let limit = meter.limit.map(Units::get);
    MeterTable {
        meter: meter.meter.as_str(),
        limit: limit.map_or(LimitValue::Unlimited(UNLIMITED), LimitValue::Units),
        reset: meter.reset.as_str(),
    }
}

fn cost<'a>(cost: &'a PlanCost, terms: &PlanTerms) -> CostValue<'a> {
    let units = cost.units.get();
    match terms.meters.first() {
        Some(first) if first.meter == cost.meter => CostValue::OfFirst(units),
        _ => CostValue::OfMeter {
            meter: cost.meter.as_str(),
            units,
        },
    }
}

/// Under which tag the texts in the language of the house stand.
pub fn house(language: Language) -> &'static str {
    match language {
        Language::Zh => "zh",
        Language::En => "en",
    }
}

/// Every field of every plan.
///
/// # Errors
/// A value that TOML has no form for.
pub fn write(plans: &[PlanTerms]) -> Result<String, toml::ser::Error> {
    fn table(terms: &PlanTerms) -> PlanTable<'_> {
        let costs = terms.resource_costs.iter();
        PlanTable {
            slug: terms.slug.as_str(),
            price: terms.price.to_string(),
            currency: terms.price.currency().code(),
            billing_cycle: terms.billing_cycle.as_str(),
            trial_days: terms.trial_days,
            grace_days: terms.grace_days,
            is_default: terms.is_default,
            is_active: terms.is_active,
            sort_order: terms.sort_order,
            meters: terms.meters.iter().map(meter).collect(),
            resource_costs: costs
                .map(|(resource_type, price)| (resource_type.as_str(), cost(price, terms)))
                .collect(),
            i18n: &terms.texts,
        }
    }
    toml::to_string_pretty(&File {
        plans: plans.iter().map(table).collect(),
    })
}

/// The plans of a file; `language` is that of the house.
///
/// # Errors
/// [`FileFaults`]: all there are.
pub fn read(text: &str, language: Language) -> Result<Vec<PlanTerms>, FileFaults> {
    let file: Table = text
        .parse()
        .map_err(|error: toml::de::Error| FileFaults(vec![error.to_string()]))?;
    let mut faults: Vec<String> = file
        .keys()
        .filter(|name| *name != "plans")
        .map(|name| format!("{name}: not known; plans stand under [[plans]]"))
        .collect();
    let listed = match file.get("plans") {
        Some(Value::Array(listed)) if listed.len() <= MOST_PLANS => listed.as_slice(),
        Some(Value::Array(_)) => {
            faults.push(format!("plans: at most {MOST_PLANS}"));
            &[]
        }
        _ => {
            faults.push("plans: there is none; each stands under [[plans]]".to_owned());
            &[]
        }
    };
    let house = house(language);
    let mut plans: Vec<PlanTerms> = Vec::new();
    for (position, listed) in listed.iter().enumerate() {
        let slug = listed.get("slug").and_then(Value::as_str);
        let name = slug.map_or_else(
            || format!("plan {}", position + 1),
            |slug| format!("plan {slug}"),
        );
        match plan(listed, house) {
            Ok(plan) if plans.iter().any(|known| known.slug == plan.slug) => {
                faults.push(format!("{name}: slug: named twice"));
            }
            Ok(plan) => plans.push(plan),
            Err(wrong) => faults.extend(wrong.iter().map(|wrong| format!("{name}: {wrong}"))),
        }
    }
    if faults.is_empty() {
        Ok(plans)
    } else {
        Err(FileFaults(faults))
    }
}

/// One of them, or its faults, each with its field in front.
fn plan(listed: &Value, house: &str) -> Result<PlanTerms, Vec<String>> {
    let mut faults = Vec::new();
    let json = json(listed, "", &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let text = json.to_string();
    let mut reader = serde_json::Deserializer::from_str(&text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let body: Result<PlanBody, _> = serde_ignored::deserialize(tracked, |path| {
        faults.push(format!("{path}: not known"));
    });
    let body = body.map_err(|error| vec![format!("{}: {}", track.path(), plain(&error))])?;
    if body.version.is_some() {
        faults.push("version: the house counts versions".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let terms = body.terms(None, house);
    terms.map_err(|wrong| {
        let shown = wrong.iter().map(|fault| {
            let field = fault.field.trim_start_matches('/').replace('/', ".");
            format!("{field}: {}", fault.detail.get(Language::En))
        });
        shown.collect()
    })
}

/// Without the place in a text that nobody has seen.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// As the same plan would be sent by HTTP. Money is text or a whole number: a number with a point is a float here.
fn json(value: &Value, field: &str, faults: &mut Vec<String>) -> Json {
    match value {
        Value::String(text) if text == UNLIMITED && field.ends_with("limit") => Json::Null,
        Value::String(text) if text.contains('\0') => {
            faults.push(format!("{field}: no NUL"));
            Json::Null
        }
        Value::String(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Boolean(flag) => Json::from(*flag),
        Value::Float(_) => {
            faults.push(format!(
                "{field}: a whole number, or an amount in quotes (\"99.00\")"
            ));
            Json::Null
        }
        Value::Datetime(_) => {
            faults.push(format!("{field}: not a time"));
            Json::Null
        }
        Value::Array(list) => {
            let each = list.iter().enumerate();
            each.map(|(position, value)| json(value, &format!("{field}[{position}]"), faults))
                .collect()
        }
        Value::Table(table) => {
            let mut object = Map::new();
            for (name, value) in table {
                let field = if field.is_empty() {
                    name.clone()
                } else {
                    format!("{field}.{name}")
                };
                object.insert(name.clone(), json(value, &field, faults));
            }
            Json::Object(object)
        }
    }
}
