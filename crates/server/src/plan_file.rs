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
///
/// ```
/// # use tollgate::plan_file::FileFaults;
/// let faults = FileFaults(vec!["pro: price".to_owned(), "team: quota".to_owned()]);
/// assert_eq!(faults.to_string(), "pro: price\nteam: quota");
/// ```
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
///
/// ```
/// use tollgate::plan_file::house;
/// use tollgate_kernel::text::Language;
///
/// assert_eq!(house(Language::En), "en");
/// ```
pub fn house(language: Language) -> &'static str {
    match language {
        Language::Zh => "zh",
        Language::En => "en",
    }
}

/// Every field of every plan.
///
/// ```
/// # use tollgate::plan_file;
/// # use tollgate_kernel::text::Language;
/// # use tollgate_payment::model::plan_terms::PlanTerms;
/// fn written(plans: &[PlanTerms]) -> Result<String, Box<dyn std::error::Error>> {
///     let text = plan_file::write(plans)?;
///     // What is written can be read.
///     plan_file::read(&text, Language::En)?;
///     Ok(text)
/// }
/// ```
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
/// ```
/// use tollgate::plan_file::read;
/// use tollgate_kernel::text::Language;
///
/// // What is no setting of a plan file is told, all of it.
/// let faults = read("plan = 1\nprices = 2", Language::En).unwrap_err();
/// assert!(!faults.0.is_empty());
/// ```
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
        // What buyers read is text, whatever it says.
        Value::String(text)
            if text == UNLIMITED && field.ends_with("limit") && !field.starts_with("i18n.") =>
        {
            Json::Null
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"
[[plans]]
slug = "pro"
price = "99.00"
currency = "CNY"
billing_cycle = "monthly"
trial_days = 7
grace_days = 3
is_default = false
is_active = true
sort_order = 1

[[plans.meters]]
meter = "calls"
limit = 1000
reset = "month"

[[plans.meters]]
meter = "storage"
limit = "unlimited"
reset = "never"

[plans.resource_costs]
"*" = 1
image = { meter = "storage", units = 5 }

[plans.i18n.zh]
name = "专业版"
description = "个人与小团队"
features = ["每月 1000 次", "say \"hi\""]
meters = { calls = "次调用", storage = "GB 空间" }

[plans.i18n.en]
name = "Pro"

[plans.i18n.en.meters]
storage = "GB of \"space\""
"#;

    fn fault(file: &str) -> String {
        read(file, Language::Zh).expect_err("a fault").to_string()
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        let plans = read(FILE, Language::Zh).expect("plans");
        let written = write(&plans).expect("TOML");
        assert_eq!(read(&written, Language::Zh), Ok(plans.clone()), "{written}");
        assert_eq!(write(&plans), Ok(written));
        assert_eq!(plans[0].meters[1].limit, None);
        assert_eq!(plans[0].resource_costs["image"].units.get(), 5);
        let words = |language: &str| &plans[0].texts[language].meters;
        assert_eq!(words("zh")["calls"], "次调用");
        assert_eq!(words("en")["storage"], "GB of \"space\"");
        assert_eq!(words("en").get("calls"), None);
        // A word is a word, even where a limit has one.
        let odd = FILE.replace("\"storage\"", "\"limit\"");
        let odd = odd.replace("storage = \"GB of \\\"space\\\"\"", "limit = \"unlimited\"");
        let odd = read(&odd.replace("storage =", "limit ="), Language::Zh).expect("plans");
        assert_eq!(odd[0].texts["en"].meters["limit"], "unlimited");
    }

    #[test]
    fn line_56_bad_values_are_refused_by_plan_and_field() {
        for (good, bad, told) in [
            (
                "\"99.00\"",
                "99.00",
                "plan pro: price: a whole number, or an amount in quotes",
            ),
            ("\"99.00\"", "\"-1.00\"", "plan pro: price: zero or more"),
            ("\"99.00\"", "99", "plan pro: price: zero or more"),
            ("\"CNY\"", "\"YUAN\"", "plan pro: currency: "),
            ("\"monthly\"", "\"weekly\"", "plan pro: billing_cycle: "),
            ("limit = 1000", "limit = -1", "plan pro: meters.0.limit: "),
            (
                "limit = 1000",
                "limit = \"none\"",
                "plan pro: meters[0].limit: ",
            ),
            ("limit = 1000\n", "\n", "plan pro: meters.0.limit: required"),
            (
                "limit = 1000",
                "limit = 10.5",
                "plan pro: meters[0].limit: ",
            ),
            ("\"*\" = 1", "\"*\" = 0", "plan pro: resource_costs.*: "),
            (
                "units = 5",
                "units = 5, extra = 1",
                "plan pro: resource_costs.image: ",
            ),
            (
                "trial_days = 7",
                "trial_days = 1979-05-27",
                "plan pro: trial_days: not a time",
            ),
            (
                "trial_days = 7",
                "trail_days = 7",
                "plan pro: trail_days: not known",
            ),
            ("trial_days = 7", "version = 7", "plan pro: version: "),
            (
                "name = \"专业版\"",
                "name = \"\"",
                "plan pro: name: required",
            ),
            (
                "storage = \"GB of",
                "space = \"GB of",
                "plan pro: i18n.en.meters.space: the plan has no such meter",
            ),
            (
                "\"次调用\"",
                "\"\"",
                "plan pro: i18n.zh.meters.calls: 1 to 40 characters",
            ),
            ("\"次调用\"", "1", "plan pro: i18n.zh.meters.calls: "),
            ("slug = \"pro\"", "", "plan 1: slug: required"),
            ("[[plans]]", "[plans]", ""),
            ("[[plans]]", "other = 1\n[[plans]]", "other: not known"),
        ] {
            assert!(FILE.contains(good), "{good}");
            let said = fault(&FILE.replacen(good, bad, 1));
            assert!(said.contains(told), "{bad}: {said}");
        }
        assert!(fault(&FILE.repeat(2)).contains("plan pro: slug: named twice"));
        assert!(fault("").contains("there is none"));
        assert!(fault("[[").contains("TOML parse error"));
    }

    proptest! {
        #[test]
        fn inv_s1_no_text_panics(text in "\\PC*") {
            drop(read(&text, Language::Zh));
        }

        /// A good file with something in its way.
        #[test]
        fn inv_s1_no_change_of_a_good_file_panics(
            at in 0..FILE.len(), cut in 0_usize..40, put in "[\\[\\]{}=\",.0-9a-z\\n\\\\u-]{0,12}",
        ) {
            let from = (0..=at).rev().find(|at| FILE.is_char_boundary(*at)).unwrap_or(0);
            let to = (from + cut).min(FILE.len());
            let to = (to..=FILE.len()).find(|to| FILE.is_char_boundary(*to)).unwrap_or(from);
            let text = format!("{}{put}{}", &FILE[..from], &FILE[to..]);
            if let Ok(plans) = read(&text, Language::Zh) {
                let written = write(&plans).expect("TOML");
                prop_assert_eq!(read(&written, Language::Zh), Ok(plans));
            }
        }
    }
}
