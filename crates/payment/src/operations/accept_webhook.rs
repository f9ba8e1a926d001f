//! A callback: verified, remembered, applied and kept in one transaction, answered in the
//! provider's own words.
//!
//! What can happen at once: the same event many times, on several instances. `inbox::remember` lets one of
//! them through; the others wait for it to commit, and then only keep their bytes. An event that is known to
//! be in the inbox is kept so many times a minute; after that it is answered without the database, so that
//! nobody can fill the disk with a genuine notice that he once saw.

use std::time::{Duration, Instant};

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError, jobs};

use super::agreement;
use super::apply_event::apply;
use super::console_refund::ask_soon;
use super::dispute::disputed;
use super::keep_call::{Finding, keep};
use super::refund::REFUND;
use super::told_early::{Looked, Told, come_back};
use crate::model::call::Verdict;
use crate::model::payment::{OrderNo, PaymentMethod};
use crate::model::refund::RefundState;
use crate::providers::{
    Acknowledgement, EventContent, PaymentProvider, RawWebhook, Reply, VerifiedEvent,
    WebhookRefusal,
};
use crate::store::{inbox, payments, refunds};
use crate::{Parts, PaymentService, counted};

/// The shortest patience of a provider is five seconds.
const REPLY_WITHIN: Duration = Duration::from_secs(4);

/// How a callback was received.
///
/// ```
/// # use tollgate_payment::Received;
/// fn status(received: &Received) -> u16 {
///     received.reply.status
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Received {
    /// What the provider is answered.
    pub reply: Reply,
}

/// What an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// It was not here before.
    pub(super) first: bool,
    /// What it is about, where that is known.
    pub(super) payment_id: Option<PaymentId>,
}

impl PaymentService {
    /// Receives a callback of `method`. `None`: that rail is not configured.
    ///
    /// The work runs in a task of its own: a provider that hangs up early must not stop it between
    /// two statements. When it takes longer than a provider waits, the answer is "send it again",
    /// and the work goes on.
    ///
    /// ```
    /// # use axum::body::Bytes;
    /// # use axum::http::HeaderMap;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::PaymentMethod;
    /// # use tollgate_payment::providers::RawWebhook;
    /// // A route of your own for a rail's callbacks: the bytes as they came, the answer in the rail's words.
    /// async fn called(payment: &PaymentService, headers: HeaderMap, body: Bytes) -> (u16, &'static str) {
    ///     let raw = RawWebhook { headers, body };
    ///     match payment.accept_webhook(PaymentMethod::Alipay, raw).await {
    ///         Some(received) => (received.reply.status, received.reply.body),
    ///         None => (404, "this rail is not configured"),
    ///     }
    /// }
    /// ```
    pub async fn accept_webhook(&self, method: PaymentMethod, raw: RawWebhook) -> Option<Received> {
        let provider = self.0.providers.get(method)?.clone();
        let fallback = provider.acknowledge(Acknowledgement::TryAgain);
        let service = self.clone();
        let work = tokio::spawn(async move { receive(&service.0, provider.as_ref(), &raw).await });
        let reply = if let Ok(received) = tokio::time::timeout(REPLY_WITHIN, work).await {
            received.unwrap_or(fallback)
        } else {
            let provider = method.as_str();
            tracing::warn!(provider, "a callback takes longer than its provider waits");
            fallback
        };
        Some(Received { reply })
    }
}

async fn receive(parts: &Parts, provider: &dyn PaymentProvider, raw: &RawWebhook) -> Reply {
    let (started, asked) = (Instant::now(), parts.clock.now());
    let outcome = match provider.handle_webhook(raw).await {
        Ok(event) => accept(parts, provider, &event, raw, (started, asked)).await,
        Err(refusal) => refuse(parts, provider, refusal, raw, started).await,
    };
    outcome.unwrap_or_else(|error| {
        tracing::error!(
            provider = provider.name().as_str(),
            error = &error as &dyn std::error::Error,
            "a callback could not be kept"
        );
        provider.acknowledge(Acknowledgement::TryAgain)
    })
}

async fn accept(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    event: &VerifiedEvent,
    raw: &RawWebhook,
    (started, asked): (Instant, Timestamp),
) -> Result<Reply> {
    let now = parts.clock.now();
    let name = provider.name();
    let reply = provider.acknowledge(Acknowledgement::Accepted);
    let again = provider.acknowledge(Acknowledgement::TryAgain);
    let inbound = &parts.inbound;
    if inbound.known.has(name, event.key()) && !inbound.repeats.admits(now) {
        counted::callback(name, Verdict::Verified).increment(1);
        return Ok(reply);
    }
    let mut finding = Finding {
        provider: name,
        verdict: Verdict::Verified,
        event_key: Some(event.key()),
        payment_id: None,
        replay_of: None,
    };
    let applied = async {
        let mut tx = parts.db.begin().await?;
        finding.payment_id = arrive(parts, &mut tx, name, event, (asked, now))
            .await?
            .payment_id;
        let late = started.elapsed() >= REPLY_WITHIN;
        let told = if late { &again } else { &reply };
        keep(parts, &mut tx, raw, finding, told, started, now).await?;
        tx.commit().await
    };
    match applied.await {
        Ok(()) => {
            inbound.known.learn(name, event.key());
            Ok(reply)
        }
        Err(error @ StorageError::Unavailable(_)) => Err(error),
        // Our own rows forbid it: somebody will have to look, so its bytes must be there.
        Err(error) => {
            if inbound.unapplied.admits(now) {
                finding.payment_id = None;
                let mut tx = parts.db.begin().await?;
                keep(parts, &mut tx, raw, finding, &again, started, now).await?;
                tx.commit().await?;
            }
            Err(error)
        }
    }
}

/// Lets a genuine event through once, and applies it, inside the caller's transaction. What it says was looked up at
/// `asked` or later.
pub(super) async fn arrive(
    parts: &Parts,
    tx: &mut Tx,
    provider: PaymentMethod,
    event: &VerifiedEvent,
    (asked, now): (Timestamp, Timestamp),
) -> Result<Arrived> {
    let (key, livemode) = (event.key(), parts.config.livemode);
    if !inbox::remember(tx, provider, livemode, key, now).await? {
        return Ok(Arrived {
            first: false,
            payment_id: inbox::read_payment(tx, provider, livemode, key).await?,
        });
    }
    let (payment_id, outcome) = match event.content() {
        // Under a good signature, and still no money: nothing that could be booked or given back.
        EventContent::Paid(money) if money.amount().minor() <= 0 => {
            (order(tx, money.order_no(), livemode).await?, "no_money")
        }
        EventContent::Paid(money) => {
            let applied = apply(parts, tx, money, now).await?;
            (applied.payment(), applied.word())
        }
        EventContent::Refunded {
            order_no,
            refund_no,
            transaction_id,
            undone,
        } => {
            let went_back = WentBack {
                undone: *undone,
                order_no,
                refund_no: refund_no.as_deref(),
                transaction_id: transaction_id.as_deref(),
            };
            let (id, looked) = look_at_refund(parts, tx, provider, &went_back, now).await?;
            let told = Told::Refund {
                order_no: order_no.clone(),
                refund_no: refund_no.clone(),
                transaction_id: transaction_id.clone(),
                undone: *undone,
            };
            (id, or_later(parts, tx, provider, looked, told, now).await?)
        }
        EventContent::Renewed(renewal) => agreement::renewed(parts, tx, renewal, now).await?,
        EventContent::Agreement { id, news } => {
            let word = agreement::told(parts, tx, provider, id, *news, (asked, now)).await?;
            (None, word)
        }
        EventContent::Disputed(dispute) => {
            let (id, looked) = disputed(parts, tx, provider, dispute, false, now).await?;
            let told = Told::Dispute {
                id: dispute.id.clone(),
                transaction_id: dispute.provider_transaction_id.clone(),
                minor: dispute.amount.minor(),
                currency: dispute.amount.currency().to_string(),
            };
            (id, or_later(parts, tx, provider, looked, told, now).await?)
        }
        EventContent::Notice(word) => (None, *word),
    };
    inbox::note(tx, provider, livemode, key, payment_id, outcome).await?;
    Ok(Arrived {
        first: true,
        payment_id,
    })
}

/// As the inbox notes it; what cannot be done yet is come back to.
async fn or_later(
    parts: &Parts,
    tx: &mut Tx,
    provider: PaymentMethod,
    looked: Looked,
    told: Told,
    now: Timestamp,
) -> Result<&'static str> {
    match looked {
        Looked::Done(word) => Ok(word),
        Looked::NotYet(word) => {
            come_back(parts, tx, provider, &told, now).await?;
            Ok(word)
        }
    }
}

/// The order that a provider names, if it is one of ours.
async fn order(tx: &mut Tx, order_no: &str, livemode: bool) -> Result<Option<PaymentId>> {
    let Some(order_no) = OrderNo::sent(order_no) else {
        return Ok(None);
    };
    let order = payments::read_by_order_no(tx, &order_no).await?;
    let ours = order.filter(|order| order.livemode == livemode);
    Ok(ours.map(|order| order.id))
}

/// What a callback tells of money that went back.
pub(super) struct WentBack<'a> {
    pub(super) order_no: &'a str,
    pub(super) refund_no: Option<&'a str>,
    pub(super) transaction_id: Option<&'a str>,
    pub(super) undone: bool,
}

/// A callback says: go and look. Of a refund of ours the job that asks is due now; one that was made at the
/// provider's own desk gets a job of its own. Without a number of its own it goes by the order's; without an order's
/// number by that of the money.
pub(super) async fn look_at_refund(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    told: &WentBack<'_>,
    now: Timestamp,
) -> Result<(Option<PaymentId>, Looked)> {
    let number = told.refund_no.unwrap_or(told.order_no);
    if let Some(refund) = refunds::read_by_number(tx, number).await? {
        if !refund.state.is_over() {
            jobs::hasten(tx, REFUND, &refund.id.to_string(), now).await?;
        } else if (refund.state == RefundState::Succeeded) == told.undone
            && let Some(id) = refund.payment_id
            && let Some(payment) = payments::read(tx, id).await?
        {
            // Another fate than the one that is written down: somebody asks.
            ask_soon(parts, tx, &payment, number, now).await?;
            return Ok((Some(id), Looked::Done("refund_changed")));
        }
        return Ok((refund.payment_id, Looked::Done("refund_noted")));
    }
    let payment = match (OrderNo::sent(told.order_no), told.transaction_id) {
        (Some(number), _) => payments::read_by_order_no(tx, &number).await?,
        (None, Some(money)) => {
            payments::read_by_money(tx, method, parts.config.livemode, money).await?
        }
        (None, None) => None,
    };
    let Some(payment) = payment.filter(|payment| payment.method == method) else {
        return Ok((None, Looked::NotYet("refund_of_unknown_order")));
    };
    // One that was made past us may be known, and undone by now: that is found out alike.
    ask_soon(parts, tx, &payment, number, now).await?;
    Ok((Some(payment.id), Looked::Done("console_refund")))
}

async fn refuse(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    refusal: WebhookRefusal,
    raw: &RawWebhook,
    started: Instant,
) -> Result<Reply> {
    let now = parts.clock.now();
    let (name, verdict) = (provider.name(), refusal.verdict());
    let reply = provider.acknowledge(refusal.into());
    // Neither a row nor a line in the log beyond the bound: both would be the forger's to fill.
    if !parts.inbound.of(verdict).admits(now) {
        counted::callback(name, verdict).increment(1);
        return Ok(reply);
    }
    tracing::warn!(
        provider = name.as_str(),
        verdict = verdict.as_str(),
        "a callback was refused"
    );
    let finding = Finding {
        provider: name,
        verdict,
        event_key: None,
        payment_id: None,
        replay_of: None,
    };
    let mut tx = parts.db.begin().await?;
    keep(parts, &mut tx, raw, finding, &reply, started, now).await?;
    tx.commit().await?;
    Ok(reply)
}
