//! What answers look like. Rows never leave; these do.
//!
//! ```
//! use serde_json::json;
//! use tollgate_kernel::money::{Currency, Money};
//! use tollgate_payment::shapes::{CostShape, MeterUnits, PlanBody, QuotaShape, SumShape};
//!
//! // A client in Rust reads answers as the service writes them. Amounts come twice: as decimal text with the currency's
//! // exact scale, and as minor units.
//! let quota: QuotaShape = serde_json::from_value(json!({
//!     "quota_type": "calls", "limit": 1000, "used": 40, "reserved": 0, "remaining": 960,
//!     "resets_at": "2026-06-01T00:00:00Z",
//! }))?;
//! assert_eq!(quota.remaining, Some(960));
//!
//! // A cost is units of the first meter, or of one that is named.
//! let cost: CostShape = serde_json::from_value(json!({ "meter": "gpu-seconds", "units": 3 }))?;
//! assert_eq!(cost, CostShape::OfMeter(MeterUnits { meter: "gpu-seconds".to_owned(), units: 3 }));
//!
//! let sum = SumShape::from(Money::new(9_900, Currency::CNY));
//! assert_eq!((sum.amount.as_str(), sum.amount_minor), ("99.00", 9_900));
//!
//! // A plan as staff write it; every fault is told, by its field.
//! let body = PlanBody { slug: Some("Team".to_owned()), ..PlanBody::default() };
//! let faults = body.terms(None, "en").err().unwrap_or_default();
//! assert!(faults.iter().any(|fault| fault.field == "/slug"));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod change;
mod explain;
mod plan_body;
mod plans;
mod quota;
mod quote;
mod stats;
mod usage;

pub use change::*;
pub use explain::*;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{
    PaymentId, PlanId, RefundId, SubscriptionId, SuspenseId, UsageId, UserId,
};
use utoipa::ToSchema;

use crate::model::payment::{Payment, PaymentMethod, PaymentStatus, Purpose, SuspenseCause};
use crate::model::plan::{BillingCycle, Plan, PlanTexts, plan_name};
use crate::model::quota::{QuotaState, Units};
use crate::model::refund::{Refund, RefundOrigin, RefundStatus};
use crate::model::subscription::{Subscription, SubscriptionStatus};
use crate::model::suspense::{Kept, SuspenseState};
use crate::providers::PaymentAction;

pub use self::quota::*;
pub use self::usage::*;
pub use plan_body::*;
pub use plans::*;
pub use quote::*;
pub use stats::*;

/// A plan, as it is for sale.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlanShape {
    /// Of the plan.
    #[schema(value_type = String, format = "uuid")]
    pub id: PlanId,
    /// What code calls it.
    pub slug: String,
    /// In the language of the house.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// Name, description, features and the words for meters in `zh` and `en`.
    #[schema(value_type = Object)]
    pub i18n: PlanTexts,
    /// Decimal text with the currency's exact scale.
    #[schema(example = "99.00")]
    pub price: String,
    /// The same in minor units.
    #[schema(example = 9900)]
    pub price_minor: i64,
    /// ISO 4217.
    #[schema(example = "CNY")]
    pub currency: String,
    /// How long one payment lasts.
    #[schema(value_type = String, example = "monthly")]
    pub billing_cycle: BillingCycle,
    /// What is counted.
    #[schema(example = "processing_count")]
    pub quota_type: String,
    /// Units in a month; null = unlimited, 0 = none.
    pub quota_limit: Option<i64>,
    /// One line each.
    pub features: Vec<String>,
    /// All meters, the first one in front.
    #[serde(default)]
    pub meters: Vec<PlanMeterShape>,
    /// Units that one call of a resource type takes; `*` is any other. Of the first meter, or of the one that is named.
    #[schema(value_type = Object)]
    pub resource_costs: BTreeMap<String, CostShape>,
    /// Days of use before the first payment.
    #[serde(default)]
    pub trial_days: i64,
    /// Given to everybody who registers.
    pub is_default: bool,
    /// Whether it can be bought.
    pub is_active: bool,
    /// Smaller stands first.
    pub sort_order: i64,
    /// Of the first version.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

impl PlanShape {
    /// What it is called in this language, or in the language of the house.
    pub fn name_in(&self, language: &str) -> &str {
        plan_name(&self.i18n, language, &self.name)
    }

    /// A plan; `house` is the language of the house.
    pub fn new(plan: Plan, house: &str) -> Self {
        Self {
            meters: PlanMeterShape::list(&plan.meters, &plan.texts, house),
            id: plan.id,
            slug: plan.slug.as_str().to_owned(),
            name: plan.name,
            description: plan.description,
            i18n: plan.texts,
            price: plan.price.to_string(),
            price_minor: plan.price.minor(),
            currency: plan.price.currency().code().to_owned(),
            billing_cycle: plan.billing_cycle,
            quota_type: plan.meter.to_string(),
            quota_limit: plan.quota_limit.map(Units::get),
            features: plan.features,
            resource_costs: costs(&plan.resource_costs, &plan.meter),
            trial_days: plan.trial_days,
            is_default: plan.is_default,
            is_active: plan.is_active,
            sort_order: plan.sort_order,
            created_at: plan.created_at,
        }
    }
}

/// How a meter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaShape {
    /// Which meter.
    pub quota_type: String,
    /// Null = unlimited.
    pub limit: Option<i64>,
    /// Charged in this period.
    pub used: i64,
    /// Set aside in this period.
    pub reserved: i64,
    /// Left in this period; null = unlimited.
    pub remaining: Option<i64>,
    /// When this period began.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// When the next period begins.
    #[schema(value_type = String, format = "date-time")]
    pub resets_at: Timestamp,
}

impl From<&QuotaState> for QuotaShape {
    fn from(quota: &QuotaState) -> Self {
        Self {
            quota_type: quota.meter.to_string(),
            limit: quota.limit.map(Units::get),
            used: quota.used.get(),
            reserved: quota.held.get(),
            remaining: quota.remaining().map(Units::get),
            period_start: Some(quota.began_at),
            resets_at: quota.resets_at,
        }
    }
}

/// What somebody has.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionShape {
    /// Of the subscription.
    #[schema(value_type = String, format = "uuid")]
    pub id: SubscriptionId,
    /// Whose.
    #[schema(value_type = String, format = "uuid")]
    pub user_id: UserId,
    /// Of which plan.
    #[schema(value_type = String, format = "uuid")]
    pub plan_id: PlanId,
    /// The plan.
    pub plan: PlanShape,
    /// `active`, `cancelled` or `expired`.
    #[schema(value_type = String, example = "active")]
    pub status: SubscriptionStatus,
    /// First moment of the term.
    #[schema(value_type = String, format = "date-time")]
    pub current_period_start: Timestamp,
    /// First moment after the term; null = no end.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub current_period_end: Option<Timestamp>,
    /// Of the first meter, in its period.
    pub quota_used: i64,
    /// Of the first meter; null = unlimited.
    pub quota_limit: Option<i64>,
    /// Of the first meter; null = unlimited.
    pub quota_remaining: Option<i64>,
    /// When the next period of quota begins.
    #[schema(value_type = String, format = "date-time")]
    pub resets_at: Timestamp,
    /// Whether it gives any right now.
    pub is_entitled: bool,
    /// Whether it ends with the term.
    pub cancel_at_period_end: bool,
    /// Whether the rail debits by itself.
    pub auto_renew: bool,
    /// `automatic` or `manual`.
    pub renewal: String,
    /// How it stands: `active`, `trialing`, `past_due` (a debit failed and is tried again), `grace` (usable some days after
    /// an unpaid term), `cancelling`, `expired`, `refunded` or `replaced`.
    #[serde(default)]
    #[schema(example = "active")]
    pub state: String,
    /// Until when it gives a right; null = no end.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub entitled_until: Option<Timestamp>,
    /// The plan that is wanted when the paid term ends.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub next_plan_id: Option<PlanId>,
    /// When a term that is paid already begins, of another plan or version.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub changes_at: Option<Timestamp>,
    /// Of the first term.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// Of the last change.
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
}

impl SubscriptionShape {
    /// With its plan and its first meter as they stand at `now`.
    pub(crate) fn new(
        held: &Subscription,
        plan: PlanShape,
        quota: &QuotaState,
        now: Timestamp,
    ) -> Self {
        let status = held.state.status();
        Self {
            id: held.id,
            user_id: held.user_id,
            plan_id: held.plan_id,
            plan,
            status,
            current_period_start: held.term_start,
            current_period_end: held.term_end,
            quota_used: quota.used.get(),
            quota_limit: quota.limit.map(Units::get),
            quota_remaining: quota.remaining().map(Units::get),
            resets_at: quota.resets_at,
            is_entitled: held.is_entitled(now),
            cancel_at_period_end: status == SubscriptionStatus::Cancelled,
            auto_renew: held.auto_renew,
            renewal: if held.auto_renew {
                "automatic"
            } else {
                "manual"
            }
            .to_owned(),
            state: held.stands(now).as_str().to_owned(),
            entitled_until: held.entitled_until,
            next_plan_id: held.next_plan,
            changes_at: held.turns_at,
            created_at: held.created_at,
            updated_at: held.updated_at,
        }
    }
}

/// A payment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TransactionShape {
    /// Of the transaction.
    #[schema(value_type = String, format = "uuid")]
    pub id: PaymentId,
    /// Its number at the provider.
    pub order_no: String,
    /// Who pays.
    #[schema(value_type = String, format = "uuid")]
    pub user_id: UserId,
    /// What it paid for; null until it has.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub subscription_id: Option<SubscriptionId>,
    /// Decimal text.
    #[schema(example = "99.00")]
    pub amount: String,
    /// The same in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// `alipay`, `wechat` or `stripe`.
    #[schema(value_type = String, example = "alipay")]
    pub payment_method: PaymentMethod,
    /// The provider's number of the money.
    pub payment_provider_id: Option<String>,
    /// `pending`, `completed`, `failed` or `refunded`.
    #[schema(value_type = String, example = "pending")]
    pub status: PaymentStatus,
    /// `subscription`, `renewal`, `change` or `one_off`.
    #[schema(value_type = String, example = "subscription")]
    pub purpose: Purpose,
    /// Which plan.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub plan_id: Option<PlanId>,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// Decimal text.
    pub refunded_amount: String,
    /// The same in minor units.
    pub refunded_amount_minor: i64,
    /// Whatever the caller gave.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Of the order.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When the buyer can no longer pay.
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
    /// When the money was seen.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub paid_at: Option<Timestamp>,
    /// Whether real money moved.
    pub livemode: bool,
}

impl From<&Payment> for TransactionShape {
    fn from(payment: &Payment) -> Self {
        let currency = payment.amount.currency();
        let refunded = tollgate_kernel::money::Money::new(payment.refunded_minor, currency);
        Self {
            id: payment.id,
            order_no: payment.order_no().as_str().to_owned(),
            user_id: payment.user_id,
            subscription_id: payment.subscription_id,
            amount: payment.amount.to_string(),
            amount_minor: payment.amount.minor(),
            currency: currency.code().to_owned(),
            payment_method: payment.method,
            payment_provider_id: payment.provider_transaction_id.clone(),
            status: payment.state.status(),
            purpose: payment.purpose,
            plan_id: payment.plan.map(|(id, _)| id),
            failure_code: payment.failure_code.clone(),
            refunded_amount: refunded.to_string(),
            refunded_amount_minor: payment.refunded_minor,
            metadata: payment.metadata.clone(),
            created_at: payment.created_at,
            expires_at: payment.expires_at,
            paid_at: payment.paid_at,
            livemode: payment.livemode,
        }
    }
}

/// Money that goes back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RefundShape {
    /// Of the refund.
    #[schema(value_type = String, format = "uuid")]
    pub id: RefundId,
    /// Of the payment that it takes from; `null` for money that paid none.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub transaction_id: Option<PaymentId>,
    /// Of the money in suspense that it sends back.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub suspense_id: Option<SuspenseId>,
    /// Decimal text.
    #[schema(example = "9.90")]
    pub amount: String,
    /// The same in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// `pending` (it is on its way, or asked about), `succeeded` or `failed`.
    #[schema(value_type = String, example = "succeeded")]
    pub status: RefundStatus,
    /// Who wanted it: `admin`, `surplus`, `console` or `dispute`.
    #[schema(value_type = String, example = "admin")]
    pub origin: RefundOrigin,
    /// Why.
    pub reason: String,
    /// The provider's own word for why it failed.
    pub failure_code: Option<String>,
    /// Of the refund.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it was decided.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub settled_at: Option<Timestamp>,
}

impl From<&Refund> for RefundShape {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id,
            transaction_id: refund.payment_id,
            suspense_id: refund.suspense_id,
            amount: refund.amount.to_string(),
            amount_minor: refund.amount.minor(),
            currency: refund.amount.currency().code().to_owned(),
            status: refund.state.status(),
            origin: refund.origin,
            reason: refund.reason.clone(),
            failure_code: refund.failure_code.clone(),
            created_at: refund.created_at,
            settled_at: refund.settled_at,
        }
    }
}

/// Verified money that fits no payable order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SuspenseShape {
    /// Of this money.
    #[schema(value_type = String, format = "uuid")]
    pub id: SuspenseId,
    /// `open` (waits for somebody), `held` (looked at), `applied`, `refunding` or `refunded`.
    #[schema(value_type = String, example = "open")]
    pub state: SuspenseState,
    /// `unknown_order`, `amount`, `currency`, `rail`, `environment`, `surplus` or `ended_order` (what it paid
    /// for can no longer be given).
    #[schema(value_type = String, example = "surplus")]
    pub cause: SuspenseCause,
    /// By which rail it came.
    #[schema(value_type = String, example = "alipay")]
    pub payment_method: PaymentMethod,
    /// The provider's number of it.
    pub provider_transaction_id: String,
    /// The order number it came under, as the provider wrote it.
    pub order_no: String,
    /// The order of that number, if there is one.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub transaction_id: Option<PaymentId>,
    /// Decimal text.
    #[schema(example = "99.00")]
    pub amount: String,
    /// The same in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Why it was decided so.
    pub note: Option<String>,
    /// Who decided; `null` where a rule did, or nobody has.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub resolved_by: Option<UserId>,
    /// When.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub resolved_at: Option<Timestamp>,
    /// When it came.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

impl From<&Kept> for SuspenseShape {
    fn from(kept: &Kept) -> Self {
        Self {
            id: kept.id,
            state: kept.state,
            cause: kept.cause,
            payment_method: kept.rail,
            provider_transaction_id: kept.transaction_id.clone(),
            order_no: kept.order_no.clone(),
            transaction_id: kept.payment_id,
            amount: kept.amount.to_string(),
            amount_minor: kept.amount.minor(),
            currency: kept.amount.currency().code().to_owned(),
            note: kept.note.clone(),
            resolved_by: kept.resolved_by,
            resolved_at: kept.resolved_at,
            created_at: kept.created_at,
        }
    }
}

/// What the buyer does next.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    /// `qr`: scan; `redirect`: go to `url`; `app`: hand `order_string` to the provider's kit;
    /// `jsapi`: hand `params` to the bridge; `none`: nothing.
    #[schema(example = "qr")]
    pub kind: String,
    /// The text to draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_content: Option<String>,
    /// The drawing, relative to the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_svg_url: Option<String>,
    /// The provider's page, for the buyer's browser. Whoever comes back from there has proven
    /// nothing: ask how the payment stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The signed order for the provider's kit in an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_string: Option<String>,
    /// The signed parameters for the bridge in the provider's own browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, String>>,
    /// When the buyer can no longer pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
    /// The hosted page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_url: Option<String>,
}

impl NextStep {
    /// Nothing is to be done.
    pub(crate) fn none() -> Self {
        Self {
            kind: "none".to_owned(),
            qr_content: None,
            qr_svg_url: None,
            url: None,
            order_string: None,
            params: None,
            expires_at: None,
            checkout_url: None,
        }
    }

    /// What the provider answered, with the page of ours.
    pub(crate) fn of(
        action: &PaymentAction,
        expires_at: Timestamp,
        link_token: &str,
        public_url: &str,
    ) -> Self {
        let page = Self {
            expires_at: Some(expires_at),
            checkout_url: Some(format!("{public_url}/checkout/{link_token}")),
            ..Self::none()
        };
        match action {
            PaymentAction::Qr { qr_content } => Self {
                kind: "qr".to_owned(),
                qr_content: Some(qr_content.clone()),
                qr_svg_url: Some(format!("/checkout/{link_token}/qr.svg")),
                ..page
            },
            PaymentAction::Redirect { url } => Self {
                kind: "redirect".to_owned(),
                url: Some(url.clone()),
                ..page
            },
            PaymentAction::App { order_string } => Self {
                kind: "app".to_owned(),
                order_string: Some(order_string.clone()),
                ..page
            },
            PaymentAction::Jsapi { params } => Self {
                kind: "jsapi".to_owned(),
                params: Some(params.clone()),
                ..page
            },
        }
    }
}

/// A purchase begun.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckoutShape {
    /// The order; null for a free plan.
    pub transaction: Option<TransactionShape>,
    /// Null until the money is verified; at once for a free plan.
    pub subscription: Option<SubscriptionShape>,
    /// What the buyer does next.
    pub payment: NextStep,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsumeShape {
    /// Of the row in the usage log.
    #[schema(value_type = String, format = "uuid")]
    pub usage_id: UsageId,
    /// How the meter stands after it.
    pub quota: QuotaShape,
}

/// What a call would be answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckShape {
    /// Whether `consume` would pass now.
    pub allowed: bool,
    /// Why not: `quota_exceeded`, `subscription_required` or `validation_failed`.
    pub code: Option<String>,
    /// Units it would take; null when it has no price.
    pub cost: Option<i64>,
    /// How the meter stands; null without a subscription.
    pub quota: Option<QuotaShape>,
}

/// What was used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsageSummaryShape {
    /// The open period.
    pub period: PeriodShape,
    /// How the first meter stands.
    pub quota: QuotaShape,
    /// How each meter of the plan stands, the first first.
    pub meters: Vec<QuotaShape>,
    /// In the open period of its meter, by resource type.
    pub by_resource: Vec<ResourceUsageShape>,
    /// Units since midnight of the service's zone.
    pub today: i64,
    /// Units of the last seven days.
    pub last_7d: i64,
}

/// A period of quota.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PeriodShape {
    /// First moment.
    #[schema(value_type = String, format = "date-time")]
    pub start: Timestamp,
    /// First moment after.
    #[schema(value_type = String, format = "date-time")]
    pub end: Timestamp,
    /// The same, by the name that every quota has it under.
    #[schema(value_type = String, format = "date-time")]
    pub resets_at: Timestamp,
}

/// What was used of one resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceUsageShape {
    /// Which.
    pub resource_type: String,
    /// Units.
    pub quota_cost: i64,
    /// Calls.
    pub count: i64,
}
