//! Refunds (payments.md, 4.6). A repeat within a day goes under the same key, and moves nothing. After that Stripe has
//! forgotten the key; but by then the machine has asked by our number, which stands at the refund, before it repeats.
//! A key that only repeats a trouble of Stripe's own is left for the next one when that question finds nothing.

use super::call::{Form, Tried};
use super::wire::{self, Link, List, Refund};
use super::{APP, ORDER_NO, REFUND_NO, Stripe, amount};
use crate::providers::{NewRefund, ProviderError, RefundKey, RefundVerdict, VerifiedRefund};

pub(super) const REFUNDS: &str = "/v1/refunds";
const AT_ONCE: &str = "100";
const PAGES: usize = 10;
/// So many keys a refund has.
const KEYS: u32 = 3;
/// What moves money begins so; a bill that no money of Stripe's paid cannot be given back there.
const INTENT: &str = "pi_";
const LONGEST_REASON: usize = 400;

impl Stripe {
    pub(super) async fn refund(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        let key = &refund.key;
        let units = amount::written(refund.amount).filter(|units| *units > 0);
        let (Some(units), true) = (units, key.transaction_id.starts_with(INTENT)) else {
            return Err(ProviderError::Refused {
                code: "not_refundable".to_owned(),
                message: "Stripe moved no such money".to_owned(),
            });
        };
        let reason: String = refund.reason.chars().take(LONGEST_REASON).collect();
        let mut form = Form::default()
            .with("payment_intent", &key.transaction_id)
            .with("amount", units.to_string())
            .with("reason", "requested_by_customer")
            .with(&format!("metadata[{ORDER_NO}]"), &key.order_no)
            .with(&format!("metadata[{REFUND_NO}]"), key.refund_no.as_str())
            .with(&format!("metadata[{APP}]"), &self.app_tag);
        if !reason.trim().is_empty() {
            form = form.with("metadata[reason]", reason);
        }
        for turn in 1..=KEYS {
            let number = format!("refund:{}:{turn}", key.refund_no.as_str());
            match self.post(REFUNDS, &form, &number).await? {
                Tried::Done(made) => return self.verdict_on(&made, key),
                Tried::Failed(failure) if failure.key_is_spent() => {
                    match self.refund_state(key).await? {
                        RefundVerdict::Unheard => {}
                        known => return Ok(known),
                    }
                }
                Tried::Failed(failure) => return Err(failure.into()),
            }
        }
        Err(ProviderError::unknown(
            "Stripe was in trouble at every key of this refund",
        ))
    }

    /// By our number at it; one that was made in the dashboard by its own.
    pub(super) async fn refund_state(
        &self,
        key: &RefundKey,
    ) -> Result<RefundVerdict, ProviderError> {
        if !key.transaction_id.starts_with(INTENT) {
            return Ok(RefundVerdict::Unheard);
        }
        let wanted = key.refund_no.as_str();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = Form::default()
                .with("payment_intent", &key.transaction_id)
                .with("limit", AT_ONCE);
            if let Some(id) = &after {
                query = query.with("starting_after", id);
            }
            let list: List<Refund> = self.get(REFUNDS, &query).await?.done()?;
            let is_it = |refund: &&Refund| {
                refund.id == wanted
                    || (self.is_ours(&refund.metadata)
                        && refund.metadata.get(REFUND_NO) == Some(wanted))
            };
            if let Some(refund) = list.data.iter().find(is_it) {
                return self.verdict_on(refund, key);
            }
            after = list.data.last().map(|refund| refund.id.clone());
            if !list.has_more || after.is_none() {
                return Ok(RefundVerdict::Unheard);
            }
        }
        Err(ProviderError::unknown("too many refunds to look through"))
    }

    fn verdict_on(&self, refund: &Refund, key: &RefundKey) -> Result<RefundVerdict, ProviderError> {
        let wanted = key.refund_no.as_str();
        let ours = self.is_ours(&refund.metadata) && refund.metadata.get(REFUND_NO) == Some(wanted);
        let intent = refund.payment_intent.as_ref().map(Link::id);
        if !(ours || refund.id == wanted) || intent != Some(key.transaction_id.as_str()) {
            return Err(ProviderError::unknown(
                "the answer speaks of another refund",
            ));
        }
        match refund.status.as_deref() {
            Some("succeeded") => {
                let total = refund.amount.zip(refund.currency.as_deref());
                let money = total.and_then(|(units, currency)| amount::read(units, currency));
                let money = money.filter(|money| money.minor() > 0);
                let money = money.ok_or_else(|| ProviderError::unknown("a refund of no amount"))?;
                let id = wire::number(&refund.id).map(str::to_owned);
                Ok(RefundVerdict::Succeeded(VerifiedRefund::new(money, id)))
            }
            Some("pending" | "requires_action") => Ok(RefundVerdict::Pending),
            Some(word @ ("failed" | "canceled")) => Ok(RefundVerdict::Failed {
                code: refund.failure_reason.clone().unwrap_or(word.to_owned()),
            }),
            word => {
                let word = word.unwrap_or("missing");
                Err(ProviderError::unknown(format_args!("status {word}")))
            }
        }
    }
}
