//! A plan as a buyer reads it.

use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::words::Said;
use tollgate_payment::model::plan::{BillingCycle, Reset};
use tollgate_payment::shapes::{PlanMeterShape, PlanShape};

use crate::pages::frame::Frame;
use crate::pages::written::Written;
use crate::plan_file::house;

/// A plan in words.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) price: String,
    /// `a month`; empty: it is free.
    pub(super) cycle: String,
    /// One line for each meter.
    pub(super) quotas: Vec<String>,
    pub(super) features: Vec<String>,
    /// It can be tried first.
    pub(super) trial: Option<String>,
}

impl Card {
    pub(super) fn of(frame: &Frame, plan: &PlanShape) -> Self {
        let words = frame.words();
        let texts = plan.i18n.get(house(frame.language));
        let features = texts.map(|texts| &texts.features);
        let features = features.filter(|lines| !lines.is_empty());
        let description = texts.map(|texts| &texts.description);
        let description = description.filter(|text| !text.is_empty());
        let (price, cycle) = if plan.price_minor == 0 {
            (frame.say("pricing.free"), String::new())
        } else {
            let cycle = frame.say(&format!("pricing.per_{}", plan.billing_cycle.as_str()));
            let price = price(frame.written(), plan.price_minor, &plan.currency);
            (price, cycle)
        };
        Self {
            slug: plan.slug.clone(),
            name: frame.written().plan_shape(plan),
            description: description.unwrap_or(&plan.description).clone(),
            price,
            cycle,
            quotas: plan
                .meters
                .iter()
                .map(|one| quota(frame, plan, one))
                .collect(),
            features: features.unwrap_or(&plan.features).clone(),
            trial: (plan.trial_days > 0 && plan.price_minor > 0)
                .then(|| words.with("pricing.trial", &[("days", &plan.trial_days)])),
        }
    }
}

/// An amount that came as two texts and a number.
pub(super) fn price(written: Written, minor: i64, code: &str) -> String {
    match code.parse::<Currency>() {
        Ok(currency) => written.price(Money::new(minor, currency)),
        Err(_) => format!("{code} {minor}"),
    }
}

/// Whether a term of it has no end.
pub(super) fn is_endless(plan: &PlanShape) -> bool {
    plan.price_minor == 0 || plan.billing_cycle == BillingCycle::Lifetime
}

fn quota(frame: &Frame, plan: &PlanShape, meter: &PlanMeterShape) -> String {
    let words = frame.words();
    let name = frame.written().meter(Some(&plan.i18n), &meter.meter);
    let Some(limit) = meter.limit else {
        return words.with("pricing.unlimited", &[("meter", &name)]);
    };
    let count = frame.written().count(limit);
    let given: [(&str, &dyn Said); 2] = [("count", &count), ("meter", &name)];
    let reset = match meter.reset {
        Reset::Month => "month",
        Reset::Calendar => "calendar",
        Reset::Term => "term",
        Reset::Never => "never",
    };
    words.with(&format!("pricing.quota_{reset}"), &given)
}
