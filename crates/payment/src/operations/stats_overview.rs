//! How the business stands, and how it went within a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::{Currency, Money};

use super::stats_revenue::StatsError;
use crate::PaymentService;
use crate::model::plan::BillingCycle;
use crate::model::stats::{Turnover, monthly, rate};
use crate::model::usage::{SpanError, is_within_time};
use crate::shapes::{CurrencyOverviewShape, OverviewShape, PeopleShape, RailOverviewShape};
use crate::store::stats::{self, Moved, Paying};

/// Where no beginning is asked for.
const USUAL: Duration = Duration::from_hours(30 * 24);

impl PaymentService {
    /// Figures per currency, of people and of rails: from `from` (30 days before the end when left out) to `to` (now
    /// when left out, and at the latest).
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, StatsError};
    /// async fn monthly_revenue(payment: &PaymentService) -> Result<Vec<String>, StatsError> {
    ///     // Of the usual days up to now.
    ///     let overview = payment.stats_overview(None, None).await?;
    ///     let lines = overview.currencies.iter();
    ///     Ok(lines.map(|of| format!("{} {}", of.mrr.amount, of.currency)).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StatsError`].
    pub async fn stats_overview(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<OverviewShape, StatsError> {
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let now = self.0.clock.now();
        let to = to.unwrap_or(now).min(now);
        let from = from.unwrap_or_else(|| to.before(USUAL));
        if !is_within_time(from) || !is_within_time(to) {
            return Err(SpanError::OutOfTime.into());
        }
        if to <= from {
            return Err(SpanError::Backwards.into());
        }
        let span = (from, to);
        let at_end = stats::paying(db, livemode, to).await?;
        let at_begin = stats::paying(db, livemode, from).await?;
        let moved = stats::moved(db, livemode, span).await?;
        let turnover = stats::turnover(db, livemode, span).await?;
        let having = stats::having(db, livemode, to).await?;
        let (began, converted) = stats::converted(db, livemode, span).await?;
        let outcomes = stats::outcomes(db, livemode, span).await?;
        let mut money: BTreeMap<&'static str, Turnover> = BTreeMap::new();
        for currency in at_end.iter().chain(&at_begin).map(|of| of.price.currency()) {
            money
                .entry(currency.code())
                .or_insert(Turnover::none(currency));
        }
        for (_, more) in &turnover {
            let currency = more.gross.currency();
            let sum = money
                .entry(currency.code())
                .or_insert(Turnover::none(currency));
            *sum = sum.and(more);
        }
        let currencies = money.values().map(|revenue| {
            let currency = revenue.gross.currency();
            of_currency(currency, revenue, (&at_begin, &at_end), &moved)
        });
        let rails = outcomes.into_iter().map(|of| RailOverviewShape {
            payment_method: of.method,
            currency: of.currency,
            completed: of.completed,
            failed: of.failed,
            expired: of.expired,
            open: of.open,
            success_rate: rate(of.completed, of.completed.saturating_add(of.failed)),
        });
        Ok(OverviewShape {
            from,
            to,
            currencies: currencies.collect(),
            people: PeopleShape {
                entitled: having.entitled,
                trialing: having.trialing,
                began,
                converted,
                conversion_rate: rate(converted, began),
            },
            rails: rails.collect(),
        })
    }
}

fn of_currency(
    currency: Currency,
    revenue: &Turnover,
    (at_begin, at_end): (&[Paying], &[Paying]),
    moved: &[Moved],
) -> CurrencyOverviewShape {
    let mrr = |all: &[Paying]| {
        let ours = all.iter().filter(|of| of.price.currency() == currency);
        let prices = ours.map(|of| (of.cycle, of.price.minor()));
        Money::new(monthly(prices), currency)
    };
    let count = |for_ever: bool| {
        let ours = at_end.iter().filter(|of| {
            let is_lifetime = of.cycle == BillingCycle::Lifetime;
            of.price.currency() == currency && is_lifetime == for_ever
        });
        ours.map(|of| of.subscriptions).sum()
    };
    let moved = moved.iter().find(|moved| moved.currency == currency.code());
    let (before, gone, new) = moved.map_or((0, 0, 0), |of| (of.before, of.gone, of.new));
    CurrencyOverviewShape {
        currency: currency.code().to_owned(),
        mrr: mrr(at_end).into(),
        mrr_before: mrr(at_begin).into(),
        revenue: revenue.into(),
        paying: count(false),
        lifetime: count(true),
        paying_before: before,
        churned: gone,
        new,
        churn_rate: rate(gone, before),
    }
}

#[cfg(test)]
mod tests;
