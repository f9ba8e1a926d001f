//! How a number of units came about.

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{GrantId, HoldId, PlanId, SubscriptionId, UsageId, UserId};
use tollgate_kernel::text::{Language, Text};
use utoipa::ToSchema;

use super::{PeriodShape, QuotaShape};
use crate::model::explain::{Bonus, Cause, Explanation, Past, PlanName, Rules, Step, StepKind};
use crate::model::plan::Reset;
use crate::model::quota::{QuotaState, ResourceType, Units};
use crate::model::subscription::Subscription;

/// One sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextShape {
    /// 简体中文
    pub zh: String,
    /// English
    pub en: String,
}

impl From<&Text> for TextShape {
    fn from(text: &Text) -> Self {
        Self {
            zh: text.get(Language::Zh).to_owned(),
            en: text.get(Language::En).to_owned(),
        }
    }
}

/// The rules and the steps that lead to a number.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainShape {
    /// Whose.
    #[schema(value_type = String, format = "uuid")]
    pub user_id: UserId,
    /// The moment that all of it was read at.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// What is served at that moment: the number that is explained is its `remaining`, of an unlimited meter its `used`
    /// and `reserved`.
    pub quota: QuotaShape,
    /// By which rules.
    pub rules: RulesShape,
    /// In their order: the sum of all `units` is `remaining`. Of an unlimited meter, those that take are `used` and
    /// `reserved`.
    pub steps: Vec<StepShape>,
    /// Whether the plan, the grants, the log and the holds lead to what is served by themselves; otherwise the last step
    /// is `unexplained`.
    pub agrees: bool,
}

/// By which rules a number is counted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RulesShape {
    /// Of the subscription.
    #[schema(value_type = String, format = "uuid")]
    pub subscription_id: SubscriptionId,
    /// Of its plan.
    #[schema(value_type = String, format = "uuid")]
    pub plan_id: PlanId,
    /// What code calls the plan.
    #[schema(example = "pro")]
    pub plan_slug: String,
    /// What people call it.
    pub plan_name: String,
    /// In which version it was bought.
    pub plan_version: i64,
    /// What calls were asked about; null when none was.
    pub resource_type: Option<String>,
    /// Units that one such call takes.
    pub price: Option<i64>,
    /// Units of the plan in this period; null = unlimited.
    pub limit: Option<i64>,
    /// `month`, `calendar`, `term` or `never`.
    #[schema(value_type = String, example = "month")]
    pub reset: Reset,
    /// Where the counting of periods begins.
    #[schema(value_type = String, format = "date-time")]
    pub anchor_at: Timestamp,
    /// The day of the month on which they begin, in the zone.
    #[schema(example = 31)]
    pub anchor_day: u32,
    /// By whose calendar: the IANA name.
    #[schema(example = "Asia/Shanghai")]
    pub anchor_zone: String,
    /// The period that it is in.
    pub period: PeriodShape,
    /// When the subscription gives no right any more, as it stands now; null = no end.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub entitled_until: Option<Timestamp>,
    /// When what is paid for next begins, if that is of another plan or version; null = nothing is.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub turns_at: Option<Timestamp>,
    /// Why it is this period.
    pub text: TextShape,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StepShape {
    /// `reset` (the period before ended), `plan` (its units), `kept` (used under a plan before, beyond it), `carried` (bonus units from earlier periods), `bonus` (those
    /// of this period), `expired` (bonus units that ended unused, or came back after their end), `opening` (used before the account was taken
    /// over from another system), `use`, `refund` (units of a use given back), `earlier`
    /// (uses whose rows are not kept any more), `hold` (set aside, not settled), `unexplained`.
    #[schema(value_type = String, example = "use")]
    pub kind: StepKind,
    /// When; of a sum, its end.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// Of a sum, its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub since: Option<Timestamp>,
    /// What it adds, below nothing for what it takes; null = without a limit.
    pub units: Option<i64>,
    /// What is left after it; null = unlimited.
    pub balance: Option<i64>,
    /// How many calls, grants or holds it tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// As what calls were counted; left out where a sum is of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The row in the log, of a single use or refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub usage_id: Option<UsageId>,
    /// The use that a single refund gives back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub refund_of: Option<UsageId>,
    /// Of a single hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub reservation_id: Option<HoldId>,
    /// When units that are set aside are given back by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
    /// Of a single grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantShape>,
    /// Of a reset: the period that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<PastShape>,
    /// The same, for people.
    pub text: TextShape,
}

/// Bonus units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantShape {
    /// Of the grant.
    #[schema(value_type = String, format = "uuid")]
    pub id: GrantId,
    /// Units that were given.
    pub units: i64,
    /// Units of them that are used up or set aside, in all periods.
    pub burned: i64,
    /// Why.
    pub reason: String,
    /// When they were given.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When what is left of them is gone; null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
}

impl GrantShape {
    fn of(bonus: &Bonus) -> Option<Self> {
        bonus.grant.map(|id| Self {
            id,
            units: bonus.given,
            burned: bonus.burned,
            reason: bonus.reason.clone(),
            created_at: bonus.given_at,
            expires_at: bonus.expires_at,
        })
    }
}

/// What was given, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GivenShape {
    /// The bonus units.
    pub grant: GrantShape,
    /// How their meter stands with them.
    pub quota: QuotaShape,
}

/// Terms of a plan that were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GivenPlanShape {
    /// Of which plan.
    pub plan_slug: String,
    /// How many.
    pub terms: u32,
    /// What they belong to: begun by it, or extended.
    #[schema(value_type = String, format = "uuid")]
    pub subscription_id: SubscriptionId,
    /// When the last of them ends; null = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub current_period_end: Option<Timestamp>,
    /// Until when it gives a right, days of grace included; null = for ever.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub entitled_until: Option<Timestamp>,
}

/// A period that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastShape {
    /// First moment.
    #[schema(value_type = String, format = "date-time")]
    pub start: Timestamp,
    /// First moment after.
    #[schema(value_type = String, format = "date-time")]
    pub end: Timestamp,
    /// Units of the plan, and of the bonus units those that were burned; null = unlimited.
    pub limit: Option<i64>,
    /// Charged.
    pub used: i64,
    /// Still set aside.
    pub reserved: i64,
    /// Units of the plan that nobody used, and that are gone; null = unlimited.
    pub dropped: Option<i64>,
}

impl From<&Past> for PastShape {
    fn from(past: &Past) -> Self {
        Self {
            start: past.period.start,
            end: past.period.end,
            limit: past.limit,
            used: past.used,
            reserved: past.held,
            dropped: past.dropped(),
        }
    }
}

/// All that an explanation is written from.
#[derive(Debug)]
pub(crate) struct Explained<'a> {
    pub(crate) subscription: &'a Subscription,
    pub(crate) plan: &'a PlanName,
    pub(crate) resource_type: Option<&'a ResourceType>,
    pub(crate) price: Option<Units>,
    /// Of the plan.
    pub(crate) limit: Option<i64>,
    pub(crate) rules: &'a Rules,
    pub(crate) quota: &'a QuotaState,
    pub(crate) explanation: &'a Explanation,
    pub(crate) at: Timestamp,
}

impl ExplainShape {
    pub(crate) fn new(of: &Explained<'_>) -> Self {
        let (anchor, period) = (of.rules.anchor, of.rules.period);
        let rules = RulesShape {
            subscription_id: of.subscription.id,
            plan_id: of.subscription.plan_id,
            plan_slug: of.plan.slug.clone(),
            plan_name: of.plan.name.clone(),
            plan_version: of.subscription.plan_version,
            resource_type: of
                .resource_type
                .map(|resource_type| resource_type.as_str().to_owned()),
            price: of.price.map(Units::get),
            limit: of.limit,
            reset: of.rules.reset,
            anchor_at: anchor.at(),
            anchor_day: anchor.day(),
            anchor_zone: anchor.zone().name().to_owned(),
            period: PeriodShape {
                start: period.start,
                end: period.end,
                resets_at: period.end,
            },
            entitled_until: of.rules.entitled_until,
            turns_at: of.rules.turns_at,
            text: TextShape::from(&of.rules.text()),
        };
        let steps = of.explanation.steps.iter();
        Self {
            user_id: of.subscription.user_id,
            at: of.at,
            quota: QuotaShape::from(of.quota),
            rules,
            steps: steps
                .map(|step| StepShape::new(step, &step.text(anchor.zone())))
                .collect(),
            agrees: of.explanation.agrees,
        }
    }
}

impl StepShape {
    fn new(step: &Step, text: &Text) -> Self {
        let plain = Self {
            kind: step.kind(),
            at: step.at,
            since: None,
            units: step.units,
            balance: step.balance,
            count: None,
            resource_type: None,
            usage_id: None,
            refund_of: None,
            reservation_id: None,
            expires_at: None,
            grant: None,
            before: None,
            text: TextShape::from(text),
        };
        match &step.cause {
            Cause::Reset(past) => Self {
                before: Some(PastShape::from(past)),
                ..plain
            },
            Cause::Carried(bonus)
            | Cause::Bonus(bonus)
            | Cause::Expired(bonus)
            | Cause::Late(bonus) => Self {
                count: i64::try_from(bonus.count).ok(),
                grant: GrantShape::of(bonus),
                ..plain
            },
            Cause::Opening(calls) | Cause::Use(calls) | Cause::Refund(calls) => Self {
                since: calls.since,
                count: Some(calls.count),
                resource_type: calls.resource_type.clone(),
                usage_id: calls.usage,
                refund_of: calls.refund_of,
                ..plain
            },
            Cause::Earlier { since } => Self {
                since: Some(*since),
                ..plain
            },
            Cause::Hold(aside) => Self {
                count: Some(aside.count),
                resource_type: aside.resource_type.clone(),
                reservation_id: aside.hold,
                expires_at: Some(aside.expires_at),
                ..plain
            },
            Cause::Plan(_) | Cause::Kept | Cause::Unexplained => plain,
        }
    }
}
