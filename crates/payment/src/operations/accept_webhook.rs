//! A callback: verified, remembered, applied and kept in one transaction, answered in the
//! provider's own words.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError, jobs};

use super::apply_event::apply;
use super::console_refund::ask_soon;
use super::refund::REFUND;
use crate::model::payment::{OrderNo, PaymentMethod};
use crate::providers::{
    Acknowledgement, EventContent, PaymentProvider, RawWebhook, Reply, VerifiedEvent,
    WebhookRefusal,
};
use crate::store::calls::{self, Call};
use crate::store::{inbox, payments, refunds};
use crate::{Parts, PaymentService};

/// Forged calls kept in a minute; more are answered and counted, not written.
const FORGED_KEPT_PER_MINUTE: u32 = 60;
/// Of the headers, what is kept.
const HEADERS_KEPT_BYTES: usize = 16 * 1024;

/// How a callback was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// What the provider is answered.
    pub reply: Reply,
}

/// Bounds what strangers can make us write.
#[derive(Debug, Default)]
pub(crate) struct ForgeryBound(Mutex<Option<(Timestamp, u32)>>);

impl ForgeryBound {
    fn admits(&self, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = window.unwrap_or((now, 0));
        let (since, count) = if now.since(since) >= Duration::from_mins(1) {
            (now, 0)
        } else {
            (since, count)
        };
        *window = Some((since, count.saturating_add(1)));
        count < FORGED_KEPT_PER_MINUTE
    }
}

impl PaymentService {
    /// Receives a callback of `method`. `None`: that rail is not configured.
    ///
    /// The work runs in a task of its own: a provider that hangs up early must not stop it between
    /// two statements.
    pub async fn accept_webhook(&self, method: PaymentMethod, raw: RawWebhook) -> Option<Received> {
        let provider = self.0.providers.get(method)?.clone();
        let fallback = provider.acknowledge(Acknowledgement::TryAgain);
        let service = self.clone();
        let received =
            tokio::spawn(async move { receive(&service.0, provider.as_ref(), &raw).await });
        Some(Received {
            reply: received.await.unwrap_or(fallback),
        })
    }
}

async fn receive(parts: &Parts, provider: &dyn PaymentProvider, raw: &RawWebhook) -> Reply {
    let started = Instant::now();
    let outcome = match provider.handle_webhook(raw) {
        Ok(event) => accept(parts, provider, &event, raw, started).await,
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
    started: Instant,
) -> Result<Reply> {
    let now = parts.clock.now();
    let (name, livemode) = (provider.name(), parts.config.livemode);
    let reply = provider.acknowledge(Acknowledgement::Accepted);
    let mut tx = parts.db.begin().await?;
    let mut payment_id = None;
    if inbox::remember(&mut tx, name, livemode, event.key(), now).await? {
        let outcome = match event.content() {
            EventContent::Paid(money) => {
                let applied = apply(parts, &mut tx, money, now).await?;
                payment_id = applied.payment();
                applied.word()
            }
            EventContent::Refunded {
                order_no,
                refund_no,
            } => {
                let number = refund_no.as_deref();
                let (payment, word) =
                    look_at_refund(parts, &mut tx, name, order_no, number, now).await?;
                payment_id = payment;
                word
            }
            EventContent::Notice(word) => word,
        };
        inbox::note(&mut tx, name, livemode, event.key(), payment_id, outcome).await?;
    }
    let call = Call {
        id: parts.ids.at(now),
        provider: name,
        livemode,
        verdict: "verified",
        event_key: Some(event.key()),
        payment_id,
        headers: &headers(raw),
        body: &raw.body,
        reply_status: reply.status,
        duration_us: elapsed(started),
        received_at: now,
    };
    calls::insert(&mut tx, &call).await?;
    tx.commit().await?;
    Ok(reply)
}

/// A callback says: go and look. Of a refund of ours the job that asks is due now; one that was made at the
/// provider's own desk gets a job of its own. Without a number of its own it goes by the order's.
async fn look_at_refund(
    parts: &Parts,
    tx: &mut Tx,
    method: PaymentMethod,
    order_no: &str,
    refund_no: Option<&str>,
    now: Timestamp,
) -> Result<(Option<PaymentId>, &'static str)> {
    let number = refund_no.unwrap_or(order_no);
    if let Some(refund) = refunds::read_by_number(tx, number).await? {
        if !refund.state.is_over() {
            jobs::hasten(tx, REFUND, &refund.id.to_string(), now).await?;
        }
        return Ok((refund.payment_id, "refund_noted"));
    }
    let payment = match OrderNo::sent(order_no) {
        Some(number) => payments::read_by_order_no(tx, &number).await?,
        None => None,
    };
    let Some(payment) = payment.filter(|payment| payment.method == method) else {
        return Ok((None, "refund_of_unknown_order"));
    };
    ask_soon(parts, tx, &payment, number, now).await?;
    Ok((Some(payment.id), "console_refund"))
}

async fn refuse(
    parts: &Parts,
    provider: &dyn PaymentProvider,
    refusal: WebhookRefusal,
    raw: &RawWebhook,
    started: Instant,
) -> Result<Reply, StorageError> {
    let now = parts.clock.now();
    let reply = provider.acknowledge(refusal.into());
    tracing::warn!(
        provider = provider.name().as_str(),
        verdict = refusal.verdict(),
        "a callback was refused"
    );
    if !parts.forgeries.admits(now) {
        return Ok(reply);
    }
    let mut tx = parts.db.begin().await?;
    let call = Call {
        id: parts.ids.at(now),
        provider: provider.name(),
        livemode: parts.config.livemode,
        verdict: refusal.verdict(),
        event_key: None,
        payment_id: None,
        headers: &headers(raw),
        body: &raw.body,
        reply_status: reply.status,
        duration_us: elapsed(started),
        received_at: now,
    };
    calls::insert(&mut tx, &call).await?;
    tx.commit().await?;
    Ok(reply)
}

fn elapsed(started: Instant) -> i64 {
    i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// One line each, as they came; never a credential.
fn headers(raw: &RawWebhook) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in &raw.headers {
        if name == "authorization" || name == "cookie" || name == "x-api-key" {
            continue;
        }
        let _ = writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    let mut bytes = text.into_bytes();
    bytes.truncate(HEADERS_KEPT_BYTES);
    bytes
}
