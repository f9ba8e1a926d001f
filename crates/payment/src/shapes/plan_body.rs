//! A plan as it is sent by staff, or written in a file: every field may be left out where it is known already.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use tollgate_kernel::money::{AmountText, Currency, Money};
use tollgate_kernel::problem::FieldError;
use utoipa::ToSchema;

use super::plans::CostShape;
use crate::model::plan::{BillingCycle, PlanCost, PlanMeter, PlanTexts, Reset, Slug};
use crate::model::plan_terms::{self, PlanFault, PlanTerms, pointed};
use crate::model::quota::{Meter, Units};
use crate::words::WORDS;

/// The languages of the house's pages.
const LANGUAGES: [&str; 2] = ["zh", "en"];

/// A plan, as it should be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct PlanBody {
    /// What code calls it: 1 to 63 of `a-z 0-9 -`.
    #[schema(example = "pro")]
    pub slug: Option<String>,
    /// In the language of the house: `i18n` of that language, for short.
    pub name: Option<String>,
    /// In the language of the house.
    pub description: Option<String>,
    /// In the language of the house, one line each.
    pub features: Option<Vec<String>>,
    /// `zh` and `en`, each with `name`, `description`, `features`, `meters`; what is left out stays.
    #[schema(value_type = Option<Object>)]
    pub i18n: Option<BTreeMap<String, TextBody>>,
    /// Decimal text with exactly the currency's places; 0 is free.
    #[schema(value_type = Option<String>, example = "99.00")]
    pub price: Option<AmountText>,
    /// The same in minor units.
    pub price_minor: Option<i64>,
    /// ISO 4217; of a new plan `DEFAULT_CURRENCY` when left out.
    #[schema(example = "CNY")]
    pub currency: Option<String>,
    /// `monthly`, `yearly` or `lifetime`.
    #[schema(example = "monthly")]
    pub billing_cycle: Option<String>,
    /// The first meter, for short.
    pub quota_type: Option<String>,
    /// Of the first meter; null = unlimited.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    pub quota_limit: Option<Option<i64>>,
    /// 1 to 10, the first one in front.
    pub meters: Option<Vec<MeterBody>>,
    /// What a call takes, by resource type (`*`: any other): units of the first meter, or `{"meter", "units"}`.
    #[schema(value_type = Option<Object>)]
    pub resource_costs: Option<BTreeMap<String, CostShape>>,
    /// 0 to 365.
    pub trial_days: Option<i64>,
    /// 0 to 90.
    pub grace_days: Option<i64>,
    /// Given to everybody who registers; takes the place of the one before.
    pub is_default: Option<bool>,
    /// Whether it can be bought.
    pub is_active: Option<bool>,
    /// Smaller stands first.
    pub sort_order: Option<i64>,
    /// Of a change: the version it is made from; refused when there is a newer one.
    pub version: Option<i64>,
}

/// A text, as it should be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct TextBody {
    /// 1 to 80 characters.
    pub name: Option<String>,
    /// At most 500 characters.
    pub description: Option<String>,
    /// At most 20 lines of 200 characters.
    pub features: Option<Vec<String>>,
    /// What buyers read of a meter, by what code calls it: 1 to 40 characters. All words of this language; a word whose
    /// meter is taken away goes with it.
    #[schema(value_type = Option<Object>)]
    pub meters: Option<BTreeMap<String, String>>,
}

/// A meter, as it should be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct MeterBody {
    /// What is counted.
    #[schema(example = "processing_count")]
    pub meter: String,
    /// Units in a period; null = unlimited. Must be given.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    pub limit: Option<Option<i64>>,
    /// `month` (the default), `calendar`, `term` or `never`.
    #[schema(example = "month")]
    pub reset: Option<String>,
}

/// Tells null from what was left out.
#[expect(
    clippy::option_option,
    reason = "null is a limit of its own: none; left out is no word about it"
)]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::<i64>::deserialize(deserializer).map(Some)
}

impl PlanBody {
    /// The plan that is meant: with `known`, what was left out stays. `house` is the language of `name`.
    ///
    /// # Errors
    /// Every fault there is.
    pub fn terms(
        &self,
        known: Option<&PlanTerms>,
        house: &str,
    ) -> Result<PlanTerms, Vec<PlanFault>> {
        let mut faults = Vec::new();
        let slug = self.slug(known, &mut faults);
        let mut texts = self.texts(known, house, &mut faults);
        let price = self.price(known, &mut faults);
        let billing_cycle = self.cycle(known, &mut faults);
        let meters = self.meters(known, &mut faults);
        let (Some(slug), Some(price), Some(billing_cycle)) = (slug, price, billing_cycle) else {
            return Err(faults);
        };
        let resource_costs = self.costs(known, &meters, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        self.keep_words(known, &meters, &mut texts);
        let terms = PlanTerms {
            slug,
            texts,
            price,
            billing_cycle,
            meters,
            resource_costs,
            trial_days: kept(self.trial_days, known.map(|known| known.trial_days), 0),
            grace_days: kept(self.grace_days, known.map(|known| known.grace_days), 0),
            is_default: kept(self.is_default, known.map(|known| known.is_default), false),
            is_active: kept(self.is_active, known.map(|known| known.is_active), true),
            sort_order: kept(self.sort_order, known.map(|known| known.sort_order), 0),
        };
        let faults = terms.faults(house);
        if faults.is_empty() {
            Ok(terms)
        } else {
            Err(faults)
        }
    }

    fn slug(&self, known: Option<&PlanTerms>, faults: &mut Vec<PlanFault>) -> Option<Slug> {
        let Some(text) = &self.slug else {
            return otherwise(known.map(|known| known.slug.clone()), "/slug", faults);
        };
        noted("/slug", text.parse::<Slug>(), faults)
    }

    fn texts(
        &self,
        known: Option<&PlanTerms>,
        house: &str,
        faults: &mut Vec<PlanFault>,
    ) -> PlanTexts {
        let mut texts = known.map(|known| known.texts.clone()).unwrap_or_default();
        for (language, body) in self.i18n.iter().flatten() {
            if !LANGUAGES.contains(&language.as_str()) {
                faults.push(PlanFault::new(
                    format!("/i18n/{}", pointed(language)),
                    "unknown_language",
                    WORDS.text("plans.language"),
                ));
                continue;
            }
            let text = texts.entry(language.clone()).or_default();
            put(&mut text.name, body.name.as_ref());
            put(&mut text.description, body.description.as_ref());
            put(&mut text.features, body.features.as_ref());
            put(&mut text.meters, body.meters.as_ref());
        }
        let own = self.i18n.as_ref().and_then(|texts| texts.get(house));
        let differ = |short: bool, field: &'static str, faults: &mut Vec<PlanFault>| {
            if short {
                faults.push(PlanFault::new(
                    field,
                    "texts_differ",
                    WORDS.text("plans.texts_differ"),
                ));
            }
        };
        let two = |short: Option<&String>, long: Option<&String>| {
            short.zip(long).is_some_and(|(short, long)| short != long)
        };
        let (name, words) = (self.name.as_ref(), self.description.as_ref());
        differ(
            two(name, own.and_then(|own| own.name.as_ref())),
            "/name",
            faults,
        );
        let own_words = own.and_then(|own| own.description.as_ref());
        differ(two(words, own_words), "/description", faults);
        let lines = self.features.as_ref();
        let own_lines = own.and_then(|own| own.features.as_ref());
        let two_lines = lines
            .zip(own_lines)
            .is_some_and(|(short, long)| short != long);
        differ(two_lines, "/features", faults);
        if name.is_some() || words.is_some() || lines.is_some() {
            let text = texts.entry(house.to_owned()).or_default();
            put(&mut text.name, name);
            put(&mut text.description, words);
            put(&mut text.features, lines);
        }
        texts
    }

    /// Words that nobody gave now follow their meters: with its other name, or away.
    fn keep_words(&self, known: Option<&PlanTerms>, meters: &[PlanMeter], texts: &mut PlanTexts) {
        let given = |language: &String| {
            let body = self.i18n.as_ref().and_then(|texts| texts.get(language));
            body.is_some_and(|body| body.meters.is_some())
        };
        let was = known.and_then(|known| known.meters.first());
        let renamed = was.zip(meters.first()).filter(|(was, first)| {
            self.meters.is_none() && self.quota_type.is_some() && was.meter != first.meter
        });
        for (_, text) in texts.iter_mut().filter(|(language, _)| !given(language)) {
            if let Some((was, first)) = renamed
                && let Some(word) = text.meters.remove(was.meter.as_str())
            {
                text.meters.insert(first.meter.to_string(), word);
            }
            text.meters
                .retain(|name, _| meters.iter().any(|one| one.meter.as_str() == name));
        }
    }

    /// In this currency, where it names none.
    #[must_use]
    pub(crate) fn or_in(mut self, currency: Currency) -> Self {
        self.currency
            .get_or_insert_with(|| currency.code().to_owned());
        self
    }

    fn price(&self, known: Option<&PlanTerms>, faults: &mut Vec<PlanFault>) -> Option<Money> {
        let was = known.map(|known| known.price);
        let currency = match &self.currency {
            Some(code) => {
                let read = code.parse::<Currency>();
                if read.is_err() {
                    faults.push(PlanFault::new(
                        "/currency",
                        "unknown_currency",
                        WORDS.text("plans.currency"),
                    ));
                }
                read.ok()?
            }
            None => otherwise(was.map(Money::currency), "/currency", faults)?,
        };
        let said = match &self.price {
            Some(text) => {
                let read = text.money(currency);
                if read.is_err() {
                    faults.push(plan_terms::price());
                }
                Some(read.ok()?)
            }
            None => None,
        };
        let minor = self.price_minor.map(|minor| Money::new(minor, currency));
        match (said, minor) {
            (Some(said), Some(minor)) if said != minor => {
                faults.push(PlanFault::new(
                    "/price_minor",
                    "prices_differ",
                    WORDS.text("plans.prices_differ"),
                ));
                None
            }
            (Some(price), _) | (None, Some(price)) => Some(price),
            // The same number in another currency is another price: it must be said.
            (None, None) => {
                let same = was.filter(|was| was.currency() == currency);
                otherwise(same, "/price", faults)
            }
        }
    }

    fn cycle(
        &self,
        known: Option<&PlanTerms>,
        faults: &mut Vec<PlanFault>,
    ) -> Option<BillingCycle> {
        let Some(word) = &self.billing_cycle else {
            let was = known.map(|known| known.billing_cycle);
            return otherwise(was, "/billing_cycle", faults);
        };
        let read = word.parse().ok();
        if read.is_none() {
            faults.push(PlanFault::new(
                "/billing_cycle",
                "unknown_word",
                WORDS.text("plans.cycle"),
            ));
        }
        read
    }

    /// None where there is a fault.
    fn meters(&self, known: Option<&PlanTerms>, faults: &mut Vec<PlanFault>) -> Vec<PlanMeter> {
        let before = faults.len();
        let mut meters = match (&self.meters, known) {
            (Some(list), _) => {
                let read = |(position, body)| meter(position, body, faults);
                list.iter().enumerate().filter_map(read).collect()
            }
            (None, Some(known)) => known.meters.clone(),
            (None, None) => Vec::new(),
        };
        let short = noted_if("/quota_type", self.quota_type.as_ref(), faults);
        let limit = self
            .quota_limit
            .map(|limit| units("/quota_limit", limit, faults));
        if faults.len() > before {
            return Vec::new();
        }
        let differs = |field: &'static str| {
            PlanFault::new(field, "meters_differ", WORDS.text("plans.meters_differ"))
        };
        match (meters.first_mut(), self.meters.is_some()) {
            (Some(first), true) => {
                if short.is_some_and(|short| short != first.meter) {
                    faults.push(differs("/quota_type"));
                }
                if limit.is_some_and(|limit| limit != first.limit) {
                    faults.push(differs("/quota_limit"));
                }
            }
            (Some(first), false) => {
                put(&mut first.meter, short.as_ref());
                put(&mut first.limit, limit.as_ref());
            }
            (None, true) => {}
            (None, false) => match (short, limit) {
                (Some(meter), Some(limit)) => meters.push(PlanMeter {
                    meter,
                    limit,
                    reset: Reset::Month,
                }),
                (Some(_), None) => faults.push(PlanFault::required("/quota_limit")),
                (None, _) => faults.push(PlanFault::required("/meters")),
            },
        }
        meters
    }

    fn costs(
        &self,
        known: Option<&PlanTerms>,
        meters: &[PlanMeter],
        faults: &mut Vec<PlanFault>,
    ) -> BTreeMap<String, PlanCost> {
        let first = meters.first().map(|first| first.meter.clone());
        let Some(list) = &self.resource_costs else {
            let mut costs = known.map(|known| known.resource_costs.clone());
            let was = known.and_then(|known| known.meters.first());
            // Another name for the first meter does not unprice what it counts.
            if let (Some(was), Some(first), Some(_)) = (was, &first, &self.quota_type) {
                for cost in costs.iter_mut().flat_map(BTreeMap::values_mut) {
                    if cost.meter == was.meter {
                        cost.meter = first.clone();
                    }
                }
            }
            return costs.unwrap_or_default();
        };
        let mut costs = BTreeMap::new();
        for (resource_type, cost) in list {
            let field = format!("/resource_costs/{}", pointed(resource_type));
            let (meter, count) = match cost {
                CostShape::Units(count) => (first.clone(), *count),
                CostShape::OfMeter(of) => (noted(&field, of.meter.parse(), faults), of.units),
            };
            let Ok(count) = Units::new(count) else {
                faults.push(plan_terms::units(field));
                continue;
            };
            if let Some(meter) = meter {
                costs.insert(
                    resource_type.clone(),
                    PlanCost {
                        meter,
                        units: count,
                    },
                );
            }
        }
        costs
    }
}

fn meter(position: usize, body: &MeterBody, faults: &mut Vec<PlanFault>) -> Option<PlanMeter> {
    let field = |name: &str| format!("/meters/{position}/{name}");
    let meter = noted(&field("meter"), body.meter.parse::<Meter>(), faults);
    let limit = body
        .limit
        .map(|limit| units(&field("limit"), limit, faults));
    if limit.is_none() {
        faults.push(PlanFault::required(field("limit")));
    }
    let word = body.reset.as_deref().unwrap_or(Reset::Month.as_str());
    let reset = word.parse::<Reset>().ok();
    if reset.is_none() {
        faults.push(PlanFault::new(
            field("reset"),
            "unknown_word",
            WORDS.text("plans.reset"),
        ));
    }
    Some(PlanMeter {
        meter: meter?,
        limit: limit?,
        reset: reset?,
    })
}

fn units(field: &str, count: Option<i64>, faults: &mut Vec<PlanFault>) -> Option<Units> {
    let count = count?;
    let read = Units::new(count).ok();
    if read.is_none() {
        faults.push(plan_terms::limit(field));
    }
    read
}

fn put<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

fn kept<T>(sent: Option<T>, known: Option<T>, otherwise: T) -> T {
    sent.or(known).unwrap_or(otherwise)
}

/// What is known, or it must be there.
fn otherwise<T>(known: Option<T>, field: &'static str, faults: &mut Vec<PlanFault>) -> Option<T> {
    if known.is_none() {
        faults.push(PlanFault::required(field));
    }
    known
}

fn noted<T, E: FieldError>(
    field: &str,
    read: Result<T, E>,
    faults: &mut Vec<PlanFault>,
) -> Option<T> {
    read.map_err(|fault| {
        faults.push(PlanFault {
            field: field.to_owned(),
            code: fault.code(),
            detail: fault.detail(),
        });
    })
    .ok()
}

fn noted_if(field: &str, text: Option<&String>, faults: &mut Vec<PlanFault>) -> Option<Meter> {
    noted(field, text?.parse::<Meter>(), faults)
}
