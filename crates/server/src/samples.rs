//! The three plans that a first start puts on sale, so that there is something to buy.

use std::collections::BTreeMap;

use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::plan::{BillingCycle, NewPlan, PlanText};
use tollgate_payment::model::quota::Units;

/// What is counted, in all of them.
const METER: &str = "processing_count";

struct Sample {
    slug: &'static str,
    price_minor: i64,
    billing_cycle: BillingCycle,
    quota_limit: Option<i64>,
    zh: (&'static str, &'static str, &'static [&'static str]),
    en: (&'static str, &'static str, &'static [&'static str]),
}

const SAMPLES: [Sample; 3] = [
    Sample {
        slug: "free",
        price_minor: 0,
        billing_cycle: BillingCycle::Monthly,
        quota_limit: Some(10),
        zh: ("免费版", "先试用", &[]),
        en: ("Free", "To try it out", &[]),
    },
    Sample {
        slug: "pro",
        price_minor: 9_900,
        billing_cycle: BillingCycle::Monthly,
        quota_limit: Some(1_000),
        zh: ("专业版", "适合个人与小团队", &["邮件支持"]),
        en: (
            "Pro",
            "For one person or a small team",
            &["Support by e-mail"],
        ),
    },
    Sample {
        slug: "enterprise",
        price_minor: 999_900,
        billing_cycle: BillingCycle::Yearly,
        quota_limit: None,
        zh: ("企业版", "不限次数", &["优先支持"]),
        en: ("Enterprise", "Without a limit", &["Priority support"]),
    },
];

/// As new plans.
pub(crate) fn plans() -> Vec<NewPlan> {
    SAMPLES
        .iter()
        .enumerate()
        .map(|(order, sample)| plan(order, sample))
        .collect()
}

fn plan(order: usize, sample: &Sample) -> NewPlan {
    let text = |word: &str, (name, description, features): (&str, &str, &[&str])| PlanText {
        name: name.to_owned(),
        description: description.to_owned(),
        features: features.iter().map(|line| (*line).to_owned()).collect(),
        meters: BTreeMap::from([(METER.to_owned(), word.to_owned())]),
    };
    let unit = Units::new(1).expect("one is a number of units");
    NewPlan {
        slug: sample.slug.parse().expect("the slugs above are slugs"),
        texts: BTreeMap::from([
            ("zh".to_owned(), text("次处理", sample.zh)),
            ("en".to_owned(), text("processed images", sample.en)),
        ]),
        house_language: "zh",
        price: Money::new(sample.price_minor, Currency::CNY),
        billing_cycle: sample.billing_cycle,
        meter: METER.parse().expect("a name of letters"),
        quota_limit: sample.quota_limit.and_then(|limit| Units::new(limit).ok()),
        resource_costs: BTreeMap::from([
            ("dicom_processing".to_owned(), unit),
            ("*".to_owned(), unit),
        ]),
        sort_order: i64::try_from(order).unwrap_or(i64::MAX),
    }
}
