//! A page of Checkout (payments.md, 4.3): one for each order, however often it is asked for.
//!
//! The key of the call is the order's number. Who sends the same again within a day gets the first answer; who sends
//! something else under the same number (another address to come back to) gets the page that is there, since two pages
//! that can be paid would be two payments, and with a subscription two agreements.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::call::{Form, Tried};
use super::wire::{self, Intent, Link, List, Session, Subscription};
use super::{APP, ORDER_NO, Stripe, amount};
use crate::model::payment::{OrderNo, PaymentMethod};
use crate::providers::agreement::Interval;
use crate::providers::{
    Cancelled, Created, NewOrder, OrderKey, PaymentAction, ProviderError, ProviderVerdict,
    VerifiedPayment,
};

pub(super) const SESSIONS: &str = "/v1/checkout/sessions";
/// Stripe keeps a page open for at least half an hour. Orders may be shorter, and a page that is asked for again
/// must end when the first one was to end: so it is the order's end and this much more. Before that the machine closes
/// it.
const LONGER: Duration = Duration::from_mins(31);
/// No page is open for longer.
const LONGEST: Duration = Duration::from_hours(24);
/// How long after an order its page is looked for: the first minutes, then as long as it could have been sent again.
const LOOKS: [Duration; 3] = [
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(48),
];
/// Two clocks may be so far apart.
const SKEW: Duration = Duration::from_mins(5);
/// Sessions on one page of a list; more would be too long an answer.
const AT_ONCE: &str = "40";
const PAGES: usize = 25;
/// So many keys an order has for one call.
const KEYS: u32 = 3;
/// Of a product's name.
const LONGEST_NAME: usize = 250;
/// What was asked for, in Stripe's unit.
const ASKED: &str = "amount";

impl Stripe {
    pub(super) async fn create(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        let mut customer = order.payer.customer_id.as_deref();
        let order_no = order.order_no.as_str();
        for turn in 1..=KEYS {
            let form = self.wish(order, customer)?;
            let key = format!("order:{order_no}:checkout:{turn}");
            match self.post(SESSIONS, &form, &key).await? {
                Tried::Done(session) => return self.opened(&order.order_no, &session),
                Tried::Failed(failure) if failure.key_is_spent() => {
                    let since = order.expires_at.before(LONGEST);
                    if let Some(session) = self.find(&order.order_no, since).await? {
                        return self.opened(&order.order_no, &session);
                    }
                }
                // Deleted there, or bound to another currency: the buyer is somebody new, and can pay all the same.
                Tried::Failed(failure) if failure.is_final() && customer.is_some() => {
                    tracing::warn!(order_no, %failure, "Stripe does not take the buyer as the customer it knew");
                    customer = None;
                }
                Tried::Failed(failure) => return Err(failure.into()),
            }
        }
        Err(ProviderError::unknown(
            "Stripe was in trouble at every key of this order",
        ))
    }

    /// What is ordered. It depends on the order alone, and not on when it is sent.
    fn wish(&self, order: &NewOrder, customer: Option<&str>) -> Result<Form, ProviderError> {
        let refused = |code: &str, message: &str| ProviderError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let units = amount::written(order.amount).filter(|units| *units > 0);
        let units = units.ok_or_else(|| {
            let message = "Stripe has no such amount in this currency";
            refused("amount_unsupported", message)
        })?;
        let back = order.return_url.as_deref();
        let back = back.ok_or_else(|| {
            refused(
                "return_url_missing",
                "Checkout wants to know where a buyer comes back to",
            )
        })?;
        let (mode, data) = match order.renews {
            Some(_) => ("subscription", "subscription_data"),
            None => ("payment", "payment_intent_data"),
        };
        let name: String = order.description.chars().take(LONGEST_NAME).collect();
        let name = if name.trim().is_empty() {
            order.order_no.as_str().to_owned()
        } else {
            name
        };
        let price = "line_items[0][price_data]";
        let currency = order.amount.currency().code().to_ascii_lowercase();
        let expires_at = order.expires_at.after(LONGER).seconds().to_string();
        let mut form = Form::default()
            .with("mode", mode)
            .with("client_reference_id", order.order_no.as_str())
            .with("success_url", back)
            .with("cancel_url", back)
            .with("expires_at", expires_at)
            .with("line_items[0][quantity]", "1")
            .with(&format!("{price}[currency]"), currency)
            .with(&format!("{price}[unit_amount]"), units.to_string())
            .with(&format!("{price}[product_data][name]"), name)
            .with(&format!("metadata[{ASKED}]"), units.to_string());
        if let Some(customer) = customer {
            form = form.with("customer", customer);
        }
        if let Some(interval) = order.renews {
            let word = match interval {
                Interval::Month => "month",
                Interval::Year => "year",
            };
            form = form.with(&format!("{price}[recurring][interval]"), word);
        }
        // Stripe copies none of it from the page to what comes of it.
        for place in ["metadata".to_owned(), format!("{data}[metadata]")] {
            form = form
                .with(&format!("{place}[{ORDER_NO}]"), order.order_no.as_str())
                .with(&format!("{place}[{APP}]"), &self.app_tag);
        }
        Ok(form)
    }

    /// The page that a buyer is sent to.
    fn opened(&self, order_no: &OrderNo, session: &Session) -> Result<Created, ProviderError> {
        self.is_of(order_no, session)?;
        match (session.status.as_deref(), &session.url) {
            (Some("open"), Some(url)) => Ok(Created {
                action: PaymentAction::Redirect { url: url.clone() },
                provider_order_id: Some(session.id.clone()),
            }),
            (Some("expired"), _) => Err(ProviderError::Refused {
                code: "session_expired".to_owned(),
                message: "the page of this order is closed".to_owned(),
            }),
            // Paid, or about to be: asking tells.
            _ => Err(ProviderError::unknown("the page of this order is used")),
        }
    }

    /// Whether it is ours, of this order and of the mode that our key has.
    fn is_of(&self, order_no: &OrderNo, session: &Session) -> Result<(), ProviderError> {
        if session.client_reference_id.as_deref() != Some(order_no.as_str()) {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        if !self.is_ours(&session.metadata) || session.livemode != Some(self.livemode) {
            return Err(ProviderError::unknown(
                "the answer speaks of another application or mode",
            ));
        }
        Ok(())
    }

    /// One page, with what came of it.
    pub(super) async fn session(&self, id: &str) -> Result<Session, ProviderError> {
        let query = Form::default()
            .with("expand[0]", "payment_intent")
            .with("expand[1]", "subscription")
            .with("expand[2]", "invoice.payments");
        self.get(&wire::path(SESSIONS, id)?, &query).await?.done()
    }

    /// The page of an order whose answer did not reach us. Of several the paid one. It was most likely made at once:
    /// those moments are looked through first, however many pages a busy shop has made since.
    async fn find(
        &self,
        order_no: &OrderNo,
        since: Timestamp,
    ) -> Result<Option<Session>, ProviderError> {
        let mut found: Option<Session> = None;
        let mut from = since;
        for span in LOOKS {
            if from > self.clock.now().after(SKEW) {
                break;
            }
            let until = since.after(span);
            let whole = self
                .look_through(order_no, (from, until), &mut found)
                .await?;
            if !whole && found.is_none() {
                // There nobody has looked to the end, so that nobody knows.
                return Err(ProviderError::unknown("too many pages to look through"));
            }
            // No other can be more.
            if found
                .as_ref()
                .is_some_and(|known| known.payment_status.as_deref() == Some("paid"))
            {
                return Ok(found);
            }
            from = until.after(Duration::from_secs(1));
        }
        Ok(found)
    }

    /// Looks through the pages of some time, newest first. `false`: there were more than are looked through.
    async fn look_through(
        &self,
        order_no: &OrderNo,
        (from, until): (Timestamp, Timestamp),
        found: &mut Option<Session>,
    ) -> Result<bool, ProviderError> {
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = Form::default()
                .with("limit", AT_ONCE)
                .with("created[gte]", from.seconds().to_string())
                .with("created[lte]", until.seconds().to_string());
            if let Some(id) = &after {
                query = query.with("starting_after", id);
            }
            let list: List<Session> = self.get(SESSIONS, &query).await?.done()?;
            after = list.data.last().map(|session| session.id.clone());
            for session in list.data {
                let ours = self.is_of(order_no, &session).is_ok();
                if ours
                    && found
                        .as_ref()
                        .is_none_or(|known| rank(&session) > rank(known))
                {
                    *found = Some(session);
                }
            }
            if !list.has_more || after.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The page of an order, with what came of it. `None`: there is none.
    async fn known(&self, order: &OrderKey) -> Result<Option<Session>, ProviderError> {
        if let Some(id) = &order.provider_order_id {
            return self.session(id).await.map(Some);
        }
        let since = order.created_at.before(SKEW);
        match self.find(&order.order_no, since).await? {
            Some(session) => self.session(&session.id).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn verify(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        // Our call never arrived, or not yet: it may be made again.
        let Some(session) = self.known(order).await? else {
            return Ok(ProviderVerdict::Waiting);
        };
        self.is_of(&order.order_no, &session)?;
        self.verdict(&session).await
    }

    /// How a page of ours stands.
    pub(super) async fn verdict(
        &self,
        session: &Session,
    ) -> Result<ProviderVerdict, ProviderError> {
        match session.status.as_deref() {
            Some("open") => return Ok(ProviderVerdict::Waiting),
            Some("expired") => return Ok(ProviderVerdict::Closed),
            Some("complete") => {}
            word => {
                let word = word.unwrap_or("missing");
                return Err(ProviderError::unknown(format_args!("status {word}")));
            }
        }
        let asked = session
            .metadata
            .get(ASKED)
            .and_then(|asked| asked.parse().ok());
        match session.payment_status.as_deref() {
            Some("paid") => self.paid(session).await,
            Some("no_payment_required") if session.amount_total == asked && asked > Some(0) => {
                self.paid(session).await
            }
            Some("no_payment_required") => {
                tracing::error!(
                    session.id,
                    "a page of Checkout is complete, and nothing was paid"
                );
                Ok(ProviderVerdict::Closed)
            }
            // A bank debits for days; or it has said no.
            Some("unpaid") if has_failed(session) => Ok(ProviderVerdict::Declined),
            Some("unpaid") => Ok(ProviderVerdict::Waiting),
            word => {
                let word = word.unwrap_or("missing");
                Err(ProviderError::unknown(format_args!(
                    "payment_status {word}"
                )))
            }
        }
    }

    async fn paid(&self, session: &Session) -> Result<ProviderVerdict, ProviderError> {
        let unread = || ProviderError::unknown("a paid page without order, amount or number");
        let order_no = session.client_reference_id.as_deref().ok_or_else(unread)?;
        if session.mode.as_deref() == Some("subscription") {
            let invoice = session.invoice.as_ref().ok_or_else(unread)?;
            let invoice = self.invoice_of(invoice).await?;
            return Ok(match self.first_debit(order_no, &invoice)? {
                Some(paid) => ProviderVerdict::Paid(paid),
                None => ProviderVerdict::Closed,
            });
        }
        let total = session.amount_total.zip(session.currency.as_deref());
        let money = total.and_then(|(units, currency)| amount::read(units, currency));
        let money = money.filter(|money| money.minor() > 0).ok_or_else(unread)?;
        let intent = session.payment_intent.as_ref().map(Link::id);
        let number = match session.payment_status.as_deref() {
            Some("paid") => intent.ok_or_else(unread)?,
            _ => intent.unwrap_or(&session.id),
        };
        Ok(ProviderVerdict::Paid(VerifiedPayment::new(
            PaymentMethod::Stripe,
            order_no.to_owned(),
            number.to_owned(),
            money,
            self.account_of(),
            None,
        )))
    }

    pub(super) async fn close(&self, order: &OrderKey) -> Result<Cancelled, ProviderError> {
        let Some(session) = self.known(order).await? else {
            return Ok(Cancelled::Nothing);
        };
        self.is_of(&order.order_no, &session)?;
        if is_closed(&session)? {
            return Ok(Cancelled::Closed);
        }
        let path = format!("{}/expire", wire::path(SESSIONS, &session.id)?);
        for turn in 1..=KEYS {
            let key = format!("session:{}:expire:{turn}", session.id);
            match self.post::<Session>(&path, &Form::default(), &key).await? {
                Tried::Done(closed) if is_closed(&closed)? => return Ok(Cancelled::Closed),
                Tried::Done(_) => return Err(ProviderError::unknown("closed, and still open")),
                Tried::Failed(failure) => {
                    // Somebody may have paid, or closed it, in between.
                    if is_closed(&self.session(&session.id).await?)? {
                        return Ok(Cancelled::Closed);
                    }
                    if !failure.key_is_spent() {
                        return Err(failure.into());
                    }
                }
            }
        }
        Err(ProviderError::unknown(
            "Stripe was in trouble at every key of this page",
        ))
    }
}

/// Of several pages of one order the one that says most.
fn rank(session: &Session) -> u8 {
    match (session.status.as_deref(), session.payment_status.as_deref()) {
        (Some("complete"), Some("unpaid")) => 2,
        (Some("complete"), _) => 3,
        (Some("open"), _) => 1,
        _ => 0,
    }
}

/// Whether nobody can pay there any more.
///
/// # Errors
/// Somebody has.
fn is_closed(session: &Session) -> Result<bool, ProviderError> {
    match session.status.as_deref() {
        Some("expired") => Ok(true),
        Some("open") => Ok(false),
        _ => Err(ProviderError::Refused {
            code: "session_complete".to_owned(),
            message: "the buyer has finished the page: ask".to_owned(),
        }),
    }
}

/// A complete page whose money will not come: what was to move it has ended.
fn has_failed(session: &Session) -> bool {
    let intent = session.payment_intent.as_ref().and_then(Link::object);
    let failed = |intent: &Intent| {
        let word = intent.status.as_deref();
        matches!(word, Some("requires_payment_method" | "canceled"))
    };
    let subscription = session.subscription.as_ref().and_then(Link::object);
    let ended = |subscription: &Subscription| {
        let word = subscription.status.as_deref();
        matches!(word, Some("incomplete_expired" | "canceled"))
    };
    intent.is_some_and(failed) || subscription.is_some_and(ended)
}
