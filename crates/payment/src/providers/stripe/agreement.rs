//! Subscriptions, as Stripe calls what debits by itself, and their invoices (payments.md, 4.5 and 4.8). Only a paid
//! invoice is money; that a subscription has begun another period is none.

use serde::de::IgnoredAny;

use super::call::{Form, Tried};
use super::wire::{self, Invoice, Link, Portal, Subscription};
use super::{Stripe, amount};
use crate::model::payment::PaymentMethod;
use crate::providers::agreement::{Agreement, AgreementChange, AgreementNews, VerifiedRenewal};
use crate::providers::{ProviderError, VerifiedPayment};

const INVOICES: &str = "/v1/invoices";
const SUBSCRIPTIONS: &str = "/v1/subscriptions";
const PORTAL: &str = "/v1/billing_portal/sessions";

impl Stripe {
    /// An invoice, with what paid it.
    pub(super) async fn invoice(&self, id: &str) -> Result<Invoice, ProviderError> {
        let query = Form::default().with("expand[0]", "payments");
        self.get(&wire::path(INVOICES, id)?, &query).await?.done()
    }

    /// The paid invoice of a page of Checkout.
    ///
    /// # Errors
    /// It is not paid yet: it has no number of the money that would stay.
    pub(super) async fn invoice_of(&self, link: &Link<Invoice>) -> Result<Invoice, ProviderError> {
        let whole = |invoice: &&Invoice| invoice.is_paid() && invoice.tells_payments();
        let invoice = match link.object().filter(whole) {
            Some(invoice) => invoice.clone(),
            None => self.invoice(link.id()).await?,
        };
        if invoice.is_paid() {
            Ok(invoice)
        } else {
            Err(ProviderError::unknown("the invoice is not paid yet"))
        }
    }

    /// The money of a paid invoice, and its agreement. `None`: nothing had to be paid.
    fn debit(&self, invoice: &Invoice) -> Result<Option<VerifiedRenewal>, ProviderError> {
        let unread = || ProviderError::unknown("a paid invoice without agreement, amount or term");
        if invoice.livemode != Some(self.livemode) {
            return Err(ProviderError::unknown("the answer speaks of another mode"));
        }
        let total = invoice.amount_paid.zip(invoice.currency.as_deref());
        let money = total.and_then(|(units, currency)| amount::read(units, currency));
        let money = money.ok_or_else(unread)?;
        if money.minor() == 0 {
            return Ok(None);
        }
        Ok(Some(VerifiedRenewal {
            agreement_id: invoice.subscription_id().ok_or_else(unread)?.to_owned(),
            method: PaymentMethod::Stripe,
            provider_transaction_id: invoice.money().to_owned(),
            amount: money,
            account: self.account_of(),
            paid_at: invoice.paid_at(),
            paid_until: invoice.paid_until().ok_or_else(unread)?,
        }))
    }

    /// The money of the first term: of the order that began the agreement. `None`: nothing had to be paid.
    pub(super) fn first_debit(
        &self,
        order_no: &str,
        invoice: &Invoice,
    ) -> Result<Option<VerifiedPayment>, ProviderError> {
        let Some(debit) = self.debit(invoice)? else {
            tracing::error!(invoice.id, "an agreement has begun, and nothing was paid");
            return Ok(None);
        };
        let customer = invoice.customer.as_ref();
        let customer = customer.ok_or_else(|| ProviderError::unknown("an invoice for nobody"))?;
        let agreement = Agreement {
            id: debit.agreement_id.clone(),
            customer_id: customer.id().to_owned(),
        };
        let paid = VerifiedPayment::of_renewal(&debit, order_no.to_owned());
        Ok(Some(paid.under(agreement)))
    }

    /// The money of a further term. `None`: nothing had to be paid.
    pub(super) fn renewal(
        &self,
        invoice: &Invoice,
    ) -> Result<Option<VerifiedRenewal>, ProviderError> {
        self.debit(invoice)
    }

    pub(super) async fn subscription(&self, id: &str) -> Result<Subscription, ProviderError> {
        let path = wire::path(SUBSCRIPTIONS, id)?;
        self.get(&path, &Form::default()).await?.done()
    }

    /// The wanted state is sent, so that a repeat does no harm; each wish has a key of its own, since the same wish may
    /// come back within a day.
    pub(super) async fn change(
        &self,
        id: &str,
        change: AgreementChange,
    ) -> Result<(), ProviderError> {
        let path = wire::path(SUBSCRIPTIONS, id)?;
        let (word, at_end) = match change {
            AgreementChange::Cancel => ("cancel", "true"),
            AgreementChange::Resume => ("resume", "false"),
            AgreementChange::End => ("end", ""),
        };
        let tried: Tried<IgnoredAny> = if change == AgreementChange::End {
            self.delete(&path).await?
        } else {
            let now = self.clock.now().micros();
            let key = format!("agreement:{id}:{word}:{now}");
            let form = Form::default().with("cancel_at_period_end", at_end);
            self.post(&path, &form, &key).await?
        };
        let Tried::Failed(failure) = tried else {
            return Ok(());
        };
        // Perhaps it is as it should be.
        let stands = news(&self.subscription(id).await?);
        let wanted = match change {
            AgreementChange::Cancel => {
                matches!(
                    stands,
                    Some(AgreementNews::Cancelling | AgreementNews::Ended)
                )
            }
            AgreementChange::Resume => false,
            AgreementChange::End => stands == Some(AgreementNews::Ended),
        };
        if wanted { Ok(()) } else { Err(failure.into()) }
    }

    /// Every click gets a page of its own.
    pub(super) async fn page_of(
        &self,
        customer_id: &str,
        return_url: &str,
    ) -> Result<String, ProviderError> {
        let form = Form::default()
            .with("customer", customer_id)
            .with("return_url", return_url);
        let now = self.clock.now().micros();
        let key = format!("portal:{customer_id}:{now}");
        let portal: Portal = self.post(PORTAL, &form, &key).await?.done()?;
        Ok(portal.url)
    }
}

/// How an agreement stands. `None`: it has not begun, or waits for something that none of ours has.
pub(super) fn news(subscription: &Subscription) -> Option<AgreementNews> {
    let ends = subscription.cancel_at_period_end == Some(true) || subscription.ends_with_its_term();
    match subscription.status.as_deref()? {
        "active" | "trialing" if ends => Some(AgreementNews::Cancelling),
        "active" | "trialing" => Some(AgreementNews::Current),
        "past_due" | "unpaid" => Some(AgreementNews::PastDue),
        "canceled" | "incomplete_expired" => Some(AgreementNews::Ended),
        _ => None,
    }
}
