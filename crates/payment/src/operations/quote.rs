//! What it takes to have a plan, with every number, before anybody decides. It changes nothing.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Money;

use super::checkout::{CheckoutError, PlanRef};
use super::current_subscription::entitled;
use super::left::{Left, as_bought, left};
use crate::PaymentService;
use crate::model::credit::Moments;
use crate::model::payment::Purpose;
use crate::model::period::Anchor;
use crate::model::plan::Plan;
use crate::model::quote::{Due, QuoteKind, due};
use crate::model::subscription::{Subscription, SubscriptionState};
use crate::shapes::{Counted, PlanShape, QuoteShape};
use crate::store::change_quotes::ChangeQuote;
use crate::store::plans;

/// How a wish is to be met.
#[derive(Clone, Debug)]
pub(super) struct Quoted {
    /// At once, later or not at all.
    pub(super) kind: QuoteKind,
    /// What is in force, and the plan it is of.
    pub(super) held: Option<(Subscription, Plan)>,
    /// What is left of it, when it is replaced.
    left: Option<(Left, Due)>,
}

impl Quoted {
    /// A further term, whatever it is of.
    pub(super) fn renewal() -> Self {
        Self {
            kind: QuoteKind::Renew,
            held: None,
            left: None,
        }
    }

    /// What is to be paid now; of a change that comes later, what its first term will cost.
    pub(super) fn amount(&self, plan: &Plan) -> Money {
        self.left.as_ref().map_or(plan.price, |(_, due)| due.amount)
    }

    /// What the money will be for.
    pub(super) fn purpose(&self) -> Purpose {
        match (self.kind, &self.held) {
            (QuoteKind::Renew, _) => Purpose::Renewal,
            (QuoteKind::Upgrade, _) | (_, Some(_)) => Purpose::Change,
            _ => Purpose::Subscription,
        }
    }

    /// What its order keeps.
    pub(super) fn change(&self) -> Option<ChangeQuote> {
        let (held, _) = self.held.as_ref()?;
        let (left, due) = self.left.as_ref()?;
        Some(ChangeQuote {
            subscription: held.id,
            credit: left.credit,
            terms: due.terms,
        })
    }

    /// When what is bought begins, and the end of it; `None`: without end.
    fn period(
        &self,
        plan: &Plan,
        now: Timestamp,
        zone: chrono_tz::Tz,
    ) -> (Timestamp, Option<Timestamp>) {
        let held = self.held.as_ref().map(|(held, _)| held);
        let behind = held
            .filter(|_| matches!(self.kind, QuoteKind::Renew | QuoteKind::Downgrade))
            .and_then(|held| held.term_end.map(|end| (held, end)));
        let terms = self.left.as_ref().map_or(1, |(_, due)| due.terms);
        let cycle = plan.billing_cycle;
        match behind {
            _ if matches!(self.kind, QuoteKind::Unchanged | QuoteKind::Refused) => {
                held.map_or((now, None), |held| (held.term_start, held.term_end))
            }
            Some((_, end)) if plan.is_free() => (end, None),
            Some((held, end)) => {
                let before = self.held.as_ref().map(|(_, of)| of.billing_cycle);
                let tries = held.state == SubscriptionState::Trialing;
                let is_as_long = before == Some(cycle) && !tries;
                let anchor = held.anchor.followed_by(end, is_as_long);
                (end, anchor.terms_end(end, cycle, terms))
            }
            None if plan.is_free() => (now, None),
            None => (now, Anchor::new(now, zone).terms_end(now, cycle, terms)),
        }
    }
}

impl PaymentService {
    /// What having a plan takes: at once or when the term ends, what is counted for the plan before and why not more, what
    /// is to be paid, and for which time.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{CheckoutError, PaymentService, PlanRef};
    /// # use tollgate_payment::model::quote::QuoteKind;
    /// async fn price_for(payment: &PaymentService, user: UserId) -> Result<String, CheckoutError> {
    ///     let plan = PlanRef {
    ///         plan_slug: Some("enterprise".to_owned()),
    ///         ..PlanRef::default()
    ///     };
    ///     let quote = payment.quote(user, &plan).await?;
    ///     Ok(match quote.kind {
    ///         QuoteKind::Upgrade => format!("{} {}, {} counted", quote.amount, quote.currency, quote.credit),
    ///         QuoteKind::Downgrade => format!("from {} on", quote.effective_at),
    ///         _ => format!("{} {}", quote.amount, quote.currency),
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CheckoutError`]: no such plan on sale.
    pub async fn quote(&self, user: UserId, plan: &PlanRef) -> Result<QuoteShape, CheckoutError> {
        let plan = self.plan_of(plan).await?;
        let quoted = self.quoted(user, &plan).await?;
        let now = self.0.clock.now();
        let (start, end) = quoted.period(&plan, now, self.0.config.zone);
        let amount = match quoted.kind {
            QuoteKind::Begin | QuoteKind::Renew | QuoteKind::Upgrade => quoted.amount(&plan),
            // Nothing now.
            _ => Money::new(0, plan.price.currency()),
        };
        let from = quoted
            .held
            .as_ref()
            .map(|(_, from)| from.slug.as_str().to_owned());
        let counted = quoted.left.as_ref().map(|(left, due)| Counted {
            credit: left.credit,
            worth: left.worth,
            time: left.time,
            units: &left.units,
            terms: due.terms,
        });
        let period = (start, end);
        Ok(QuoteShape::new(
            quoted.kind,
            PlanShape::new(plan, self.0.config.house()),
            from,
            period,
            amount,
            counted.as_ref(),
        ))
    }

    /// How it is met, by what they have now.
    pub(super) async fn quoted(&self, user: UserId, plan: &Plan) -> Result<Quoted, CheckoutError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let Some(held) = entitled(parts, user, now).await? else {
            return Ok(Quoted {
                kind: QuoteKind::Begin,
                held: None,
                left: None,
            });
        };
        let mut tx = parts.db.begin().await?;
        let of = as_bought(&mut tx, &held).await?;
        let mut kind = QuoteKind::of(plan, Some((&held, &of)), now);
        let mut counted = None;
        if kind == QuoteKind::Upgrade {
            let left = left(&mut tx, &held, Moments::at(now)).await?;
            match due(plan, left.credit) {
                Some(due) => counted = Some((left, due)),
                // More is left than one can buy terms for at once: it is used up first.
                None => kind = QuoteKind::Downgrade,
            }
        }
        tx.rollback().await?;
        Ok(Quoted {
            kind,
            held: Some((held, of)),
            left: counted,
        })
    }

    /// The price of a further term for who has `held`, and its plan: of the plan that is wanted next, where one is.
    /// `None`: it is free, or not on sale any more.
    pub(crate) async fn next_term(
        &self,
        held: &Subscription,
    ) -> tollgate_storage::Result<Option<Plan>> {
        let plan = plans::find(&self.0.db, held.next_plan.unwrap_or(held.plan_id)).await?;
        Ok(plan.filter(|plan| plan.is_active && !plan.is_free()))
    }
}

#[cfg(test)]
mod tests;
