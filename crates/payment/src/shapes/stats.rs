//! How the business stands.

use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use utoipa::ToSchema;

use crate::model::payment::PaymentMethod;
use crate::model::stats::Turnover;

/// A sum of money; it may be below zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SumShape {
    /// Decimal text with the currency's exact scale.
    #[schema(example = "99.00")]
    pub amount: String,
    /// The same in minor units.
    #[schema(example = 9900)]
    pub amount_minor: i64,
}

impl From<Money> for SumShape {
    fn from(money: Money) -> Self {
        Self {
            amount: money.to_string(),
            amount_minor: money.minor(),
        }
    }
}

/// What came in and what went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TurnoverShape {
    /// Of orders that were paid.
    pub gross: SumShape,
    /// Of refunds that went through, whenever their order was paid.
    pub refunded: SumShape,
    /// What is left; below zero where more went back.
    pub net: SumShape,
    /// How many orders.
    pub payments: i64,
    /// How many refunds.
    pub refunds: i64,
}

impl From<&Turnover> for TurnoverShape {
    fn from(turnover: &Turnover) -> Self {
        Self {
            gross: turnover.gross.into(),
            refunded: turnover.refunded.into(),
            net: turnover.net().into(),
            payments: turnover.payments,
            refunds: turnover.refunds,
        }
    }
}

/// The business within a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverviewShape {
    /// First moment of it.
    #[schema(value_type = String, format = "date-time")]
    pub from: Timestamp,
    /// First moment after it; figures of a moment are of this one.
    #[schema(value_type = String, format = "date-time")]
    pub to: Timestamp,
    /// One of each currency that anything was sold in.
    pub currencies: Vec<CurrencyOverviewShape>,
    /// People, whatever they pay.
    pub people: PeopleShape,
    /// Orders that were placed within it, by rail and currency.
    pub rails: Vec<RailOverviewShape>,
}

/// In one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrencyOverviewShape {
    /// ISO 4217.
    #[schema(example = "CNY")]
    pub currency: String,
    /// Monthly recurring revenue at the end: the prices of the terms that are paid and in force, brought to one month.
    /// What was bought for ever is left out.
    pub mrr: SumShape,
    /// The same at the beginning.
    pub mrr_before: SumShape,
    /// Money within the time.
    pub revenue: TurnoverShape,
    /// Subscriptions at the end that are paid for and have a term.
    pub paying: i64,
    /// The same that were bought for ever.
    pub lifetime: i64,
    /// People who paid for a term at the beginning.
    pub paying_before: i64,
    /// Of those, people who do not at the end.
    pub churned: i64,
    /// People who pay for a term at the end and did not at the beginning.
    pub new: i64,
    /// `churned` ÷ `paying_before` as decimal text of four places; null of nobody.
    #[schema(example = "0.0313")]
    pub churn_rate: Option<String>,
}

/// People.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeopleShape {
    /// Who has something in force at the end, free plans and trials included.
    pub entitled: i64,
    /// Of those, who tries a plan before the first payment.
    pub trialing: i64,
    /// Who got the first plan of all within the time.
    pub began: i64,
    /// Of those, who has paid since, and did not get all of it back.
    pub converted: i64,
    /// `converted` ÷ `began`; null of nobody.
    #[schema(example = "0.2500")]
    pub conversion_rate: Option<String>,
}

/// What became of orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RailOverviewShape {
    /// By which rail.
    #[schema(value_type = String, example = "alipay")]
    pub payment_method: PaymentMethod,
    /// ISO 4217.
    pub currency: String,
    /// Paid.
    pub completed: i64,
    /// Refused by the rail or by the buyer's bank.
    pub failed: i64,
    /// Never paid.
    pub expired: i64,
    /// May still be paid.
    pub open: i64,
    /// `completed` ÷ (`completed` + `failed`); null of nothing.
    #[schema(example = "0.9750")]
    pub success_rate: Option<String>,
}

/// Revenue over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevenueShape {
    /// `hour`, `day` or `month`.
    pub interval: String,
    /// By whose clock.
    pub tz: String,
    /// One line of each rail and currency that had any.
    pub series: Vec<RevenueSeriesShape>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevenueSeriesShape {
    /// By which rail.
    #[schema(value_type = String, example = "alipay")]
    pub payment_method: PaymentMethod,
    /// ISO 4217.
    pub currency: String,
    /// All of it together.
    pub total: TurnoverShape,
    /// One after the other, also where nothing was paid.
    pub points: Vec<RevenuePointShape>,
}

/// An hour, a day or a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevenuePointShape {
    /// When it begins.
    #[schema(value_type = String, format = "date-time")]
    pub t: Timestamp,
    /// What came in and what went back.
    #[serde(flatten)]
    pub turnover: TurnoverShape,
}
