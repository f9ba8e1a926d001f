//! What every provider must show, whatever dialect it speaks. A provider is tried against a peer that speaks as
//! the real one does: it takes orders over the wire, lets a buyer pay, signs its callbacks, and misbehaves on
//! demand. Each check here is a promise of `invariants.md`; a provider that fails one is not to be offered.
//!
//! With the feature `testing` only.
//!
//! ```
//! use tollgate_payment::providers::conformance::{Peer, conforms};
//!
//! // `peer` is the look-alike of the rail, or its sandbox: it pays orders, calls back and fails as it is told.
//! async fn my_rail_conforms(peer: impl Peer) {
//!     conforms(&peer).await;
//! }
//! ```

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;

use super::{
    Acknowledgement, Created, EventContent, NewOrder, NewRefund, OrderKey, PaymentProvider,
    ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, VerifiedPayment,
    WebhookRefusal,
};
use crate::model::refund::RefundNo;

/// What a peer does wrong at its next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It does what it was asked, and its answer is lost.
    AnswerLost,
    /// It does what it was asked, and its answer does not verify.
    BrokenAnswer,
    /// It does nothing, and says that it is busy.
    Busy,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AnswerLost, Self::BrokenAnswer, Self::Busy];
}

/// The other side of the wire.
#[async_trait]
pub trait Peer: Send + Sync {
    /// The provider under trial, set up for this peer.
    fn provider(&self) -> Arc<dyn PaymentProvider>;

    /// An order that nobody has heard of, with a number of its own, of at least 1.00.
    fn order(&self) -> NewOrder;

    /// The time of both sides.
    fn now(&self) -> Timestamp;

    /// A refund number that nobody has heard of.
    fn refund_no(&self) -> RefundNo;

    /// A buyer pays the order. Gives the provider's number of the money.
    async fn pay(&self, order: &NewOrder) -> String;

    /// The genuine callback for an order that was paid, as often as it is asked for.
    async fn callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook;

    /// The same, genuinely signed, for another merchant's money.
    async fn foreign_callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook;

    /// The next answer goes wrong.
    async fn trouble(&self, trouble: Trouble);

    /// How much of an order went back, by the peer's own books; minor units.
    async fn went_back(&self, order: &NewOrder) -> i64;
}

/// Every check, one after the other.
///
/// # Panics
/// The provider fails one.
pub async fn conforms(peer: &dyn Peer) {
    an_order_stays_one_order(peer).await;
    every_way_leads_to_the_same_order(peer).await;
    what_nobody_paid_is_not_paid(peer).await;
    paid_money_is_told_alike_by_answer_and_callback(peer).await;
    no_byte_of_a_callback_can_be_changed(peer).await;
    nonsense_is_refused_and_answered(peer).await;
    a_bad_answer_is_unknown_and_not_a_no(peer).await;
    what_is_paid_cannot_be_closed(peer).await;
    a_refund_moves_its_amount_once(peer).await;
    a_lost_refund_is_found_by_its_number(peer).await;
    no_more_goes_back_than_came(peer).await;
}

fn told<T: Debug>(what: &str, answer: Result<T, ProviderError>) -> T {
    answer.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// An order as the provider knows it.
fn key(peer: &dyn Peer, order: &NewOrder, created: Option<&Created>) -> OrderKey {
    OrderKey {
        order_no: order.order_no.clone(),
        provider_order_id: created.and_then(|created| created.provider_order_id.clone()),
        created_at: peer.now(),
    }
}

/// An order that the provider has, which nobody has paid.
async fn open(peer: &dyn Peer) -> (NewOrder, OrderKey) {
    let order = peer.order();
    let created = told("create", peer.provider().create_payment(&order).await);
    let key = key(peer, &order, Some(&created));
    (order, key)
}

/// An order that is paid.
struct Paid {
    order: NewOrder,
    key: OrderKey,
    id: String,
}

async fn paid(peer: &dyn Peer) -> Paid {
    let (order, key) = open(peer).await;
    let id = peer.pay(&order).await;
    Paid { order, key, id }
}

fn is_this(money: &VerifiedPayment, peer: &dyn Peer, order: &NewOrder, transaction_id: &str) {
    let provider = peer.provider();
    assert_eq!(money.method(), provider.name());
    assert_eq!(money.order_no(), order.order_no.as_str());
    assert_eq!(money.provider_transaction_id(), transaction_id);
    assert_eq!(money.amount(), order.amount);
    assert_eq!(*money.account(), provider.account());
}

/// P12: the same order sent again, as after a crash, is the same order, and is paid once.
async fn an_order_stays_one_order(peer: &dyn Peer) {
    let (provider, order) = (peer.provider(), peer.order());
    assert!(
        provider
            .capabilities()
            .currencies
            .contains(&order.amount.currency())
    );
    let first = told("create", provider.create_payment(&order).await);
    let again = told("create again", provider.create_payment(&order).await);
    assert_eq!(first, again, "two ways to pay one order");
    peer.pay(&order).await;
    let key = key(peer, &order, Some(&first));
    let verdict = told("query", provider.verify_payment(&key).await);
    assert!(matches!(verdict, ProviderVerdict::Paid(_)), "{verdict:?}");
}

/// P12: each way to pay that is offered is there; none of them makes another order of one number.
async fn every_way_leads_to_the_same_order(peer: &dyn Peer) {
    let (provider, (order, key)) = (peer.provider(), open(peer).await);
    let capabilities = provider.capabilities();
    for scene in capabilities.scenes {
        let number = if capabilities.ways_share_an_order {
            order.order_no.clone()
        } else {
            peer.order().order_no
        };
        let order = NewOrder {
            scene,
            order_no: number,
            ..order.clone()
        };
        let created = told(scene.as_str(), provider.create_payment(&order).await);
        if capabilities.ways_share_an_order {
            assert_eq!(created.provider_order_id, key.provider_order_id);
        }
    }
    let id = peer.pay(&order).await;
    let verdict = told("query", provider.verify_payment(&key).await);
    let ProviderVerdict::Paid(money) = verdict else {
        panic!("paid, and the query does not say so: {verdict:?}");
    };
    is_this(&money, peer, &order, &id);
}

/// P3, P4: an order that nobody has begun to pay, or nobody has heard of, is not paid; a closed one cannot be.
async fn what_nobody_paid_is_not_paid(peer: &dyn Peer) {
    let (provider, order) = (peer.provider(), peer.order());
    let mut key = key(peer, &order, None);
    for heard_of in [false, true] {
        if heard_of {
            let created = told("create", provider.create_payment(&order).await);
            key.provider_order_id = created.provider_order_id;
        }
        let verdict = told("query", provider.verify_payment(&key).await);
        assert!(
            matches!(verdict, ProviderVerdict::Waiting),
            "{heard_of}: {verdict:?}"
        );
    }
    told("close", provider.close_payment(&key).await);
    told("close again", provider.close_payment(&key).await);
    let verdict = told("query", provider.verify_payment(&key).await);
    assert!(!matches!(verdict, ProviderVerdict::Paid(_)), "{verdict:?}");
}

/// P2: the five facts, whichever way they come; P1: one key for one event.
async fn paid_money_is_told_alike_by_answer_and_callback(peer: &dyn Peer) {
    let Paid { order, key, id } = paid(peer).await;
    let provider = peer.provider();
    let ProviderVerdict::Paid(money) = told("query", provider.verify_payment(&key).await) else {
        panic!("paid, and the query does not say so");
    };
    is_this(&money, peer, &order, &id);
    let raw = peer.callback(&order, &id).await;
    let event = provider
        .handle_webhook(&raw)
        .await
        .expect("a genuine callback");
    let EventContent::Paid(money) = event.content() else {
        panic!("paid, and the callback does not say so: {event:?}");
    };
    is_this(money, peer, &order, &id);
    let again = provider
        .handle_webhook(&raw)
        .await
        .expect("the same callback");
    assert_eq!(event.key(), again.key());
    let other = paid(peer).await;
    let raw = peer.callback(&other.order, &other.id).await;
    let other = provider
        .handle_webhook(&raw)
        .await
        .expect("another callback");
    assert_ne!(event.key(), other.key());
    let foreign = peer.foreign_callback(&order, &id).await;
    let refused = provider
        .handle_webhook(&foreign)
        .await
        .map(|event| event.key().to_owned());
    assert_eq!(refused, Err(WebhookRefusal::Foreign));
}

/// P3: a callback is believed to the byte, or not at all.
async fn no_byte_of_a_callback_can_be_changed(peer: &dyn Peer) {
    let Paid { order, id, .. } = paid(peer).await;
    let provider = peer.provider();
    let raw = peer.callback(&order, &id).await;
    let genuine = provider
        .handle_webhook(&raw)
        .await
        .expect("a genuine callback");
    for at in 0..raw.body.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut body = raw.body.to_vec();
            let Some(byte) = body.get_mut(at) else {
                continue;
            };
            *byte ^= change;
            let headers = raw.headers.clone();
            let changed = RawWebhook {
                headers,
                body: Bytes::from(body),
            };
            // What decodes to the same text (%2F and %2f) says the same, and nothing else is let through.
            if let Ok(event) = provider.handle_webhook(&changed).await {
                let same = event.key() == genuine.key();
                let EventContent::Paid(money) = event.content() else {
                    panic!("byte {at} changed, and another event");
                };
                assert!(same, "byte {at} changed, and another event");
                is_this(money, peer, &order, &id);
            }
        }
    }
    for length in 0..raw.body.len() {
        let (headers, body) = (raw.headers.clone(), raw.body.slice(..length));
        let cut = provider.handle_webhook(&RawWebhook { headers, body }).await;
        assert!(cut.is_err(), "cut off after {length} bytes, and believed");
    }
}

/// Whatever arrives is refused without harm, and every refusal has its words.
async fn nonsense_is_refused_and_answered(peer: &dyn Peer) {
    let provider = peer.provider();
    let nonsense: [&[u8]; 8] = [
        b"",
        b"{}",
        b"[]",
        b"a",
        b"=&=&=",
        b"\xff\xfe\0",
        b"<xml></xml>",
        b"sign=&sign_type=RSA2",
    ];
    for body in nonsense {
        let raw = RawWebhook {
            headers: axum::http::HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        };
        assert!(provider.handle_webhook(&raw).await.is_err(), "{body:?}");
    }
    let accepted = provider.acknowledge(Acknowledgement::Accepted);
    assert!((200..300).contains(&accepted.status));
    for answer in [
        Acknowledgement::Forged,
        Acknowledgement::Foreign,
        Acknowledgement::Unreadable,
        Acknowledgement::TryAgain,
    ] {
        let reply = provider.acknowledge(answer);
        assert!(
            (reply.status, reply.body) != (accepted.status, accepted.body),
            "{answer:?} is answered as if it were kept"
        );
    }
}

/// P8: an answer that is lost, broken or says "busy" decides nothing, and the next one tells the truth.
async fn a_bad_answer_is_unknown_and_not_a_no(peer: &dyn Peer) {
    let provider = peer.provider();
    for trouble in Trouble::ALL {
        let order = peer.order();
        peer.trouble(trouble).await;
        let created = provider.create_payment(&order).await;
        assert!(
            matches!(created, Err(ProviderError::Unknown { .. })),
            "{trouble:?}: {created:?}"
        );
        let created = told("create", provider.create_payment(&order).await);
        let key = key(peer, &order, Some(&created));
        peer.trouble(trouble).await;
        let asked = provider.verify_payment(&key).await;
        assert!(
            matches!(asked, Err(ProviderError::Unknown { .. })),
            "{trouble:?}: {asked:?}"
        );
        peer.pay(&order).await;
        peer.trouble(trouble).await;
        let closed = provider.close_payment(&key).await;
        assert!(closed.is_err(), "{trouble:?}: paid, and closed");
        let asked = told("query", provider.verify_payment(&key).await);
        assert!(
            matches!(asked, ProviderVerdict::Paid(_)),
            "{trouble:?}: {asked:?}"
        );
    }
}

/// P4: close says no to what is paid.
async fn what_is_paid_cannot_be_closed(peer: &dyn Peer) {
    let Paid { key, .. } = paid(peer).await;
    let provider = peer.provider();
    let closed = provider.close_payment(&key).await;
    assert!(closed.is_err(), "paid, and closed");
    let verdict = told("query", provider.verify_payment(&key).await);
    assert!(matches!(verdict, ProviderVerdict::Paid(_)), "{verdict:?}");
}

fn part(peer: &dyn Peer, order: &NewOrder, transaction_id: &str, minor: i64) -> NewRefund {
    NewRefund {
        key: RefundKey {
            order_no: order.order_no.as_str().to_owned(),
            transaction_id: transaction_id.to_owned(),
            refund_no: peer.refund_no(),
        },
        amount: Money::new(minor, order.amount.currency()),
        paid: order.amount,
        reason: "conformance".to_owned(),
    }
}

fn succeeded(verdict: &RefundVerdict, amount: Money) {
    let RefundVerdict::Succeeded(proof) = verdict else {
        panic!("not succeeded: {verdict:?}");
    };
    assert_eq!(proof.amount(), amount);
}

/// Some rails say "taken" first, and "done" when they are asked.
async fn sent(peer: &dyn Peer, what: &str, refund: &NewRefund) {
    let provider = peer.provider();
    match told(what, provider.refund_payment(refund).await) {
        RefundVerdict::Pending => {
            let asked = told(what, provider.verify_refund(&refund.key).await);
            succeeded(&asked, refund.amount);
        }
        verdict => succeeded(&verdict, refund.amount),
    }
}

/// P10: parts, each under its own number; a repeat of a number moves nothing.
async fn a_refund_moves_its_amount_once(peer: &dyn Peer) {
    let Paid { order, key, id } = paid(peer).await;
    let provider = peer.provider();
    let first = part(peer, &order, &id, 30);
    let unheard = told("refund query", provider.verify_refund(&first.key).await);
    assert!(matches!(unheard, RefundVerdict::Unheard), "{unheard:?}");
    sent(peer, "refund", &first).await;
    let again = told("the same again", provider.refund_payment(&first).await);
    assert!(
        matches!(again, RefundVerdict::Succeeded(_) | RefundVerdict::Pending),
        "{again:?}"
    );
    succeeded(
        &told("refund query", provider.verify_refund(&first.key).await),
        first.amount,
    );
    assert_eq!(peer.went_back(&order).await, 30);
    let second = part(peer, &order, &id, 20);
    sent(peer, "another part", &second).await;
    succeeded(
        &told("refund query", provider.verify_refund(&second.key).await),
        second.amount,
    );
    assert_eq!(peer.went_back(&order).await, 50);
    let verdict = told("query", provider.verify_payment(&key).await);
    assert!(
        matches!(verdict, ProviderVerdict::Paid(_)),
        "a part back is still paid: {verdict:?}"
    );
}

/// P8, P10: a refund whose answer was lost is unknown, and its number tells what became of it.
async fn a_lost_refund_is_found_by_its_number(peer: &dyn Peer) {
    let provider = peer.provider();
    for trouble in Trouble::ALL {
        let Paid { order, id, .. } = paid(peer).await;
        let lost = part(peer, &order, &id, 40);
        peer.trouble(trouble).await;
        let answer = provider.refund_payment(&lost).await;
        assert!(
            matches!(answer, Err(ProviderError::Unknown { .. })),
            "{trouble:?}: {answer:?}"
        );
        peer.trouble(trouble).await;
        let asked = provider.verify_refund(&lost.key).await;
        assert!(
            matches!(asked, Err(ProviderError::Unknown { .. })),
            "{trouble:?}: {asked:?}"
        );
        match told("refund query", provider.verify_refund(&lost.key).await) {
            RefundVerdict::Unheard => {
                assert_eq!(trouble, Trouble::Busy);
                assert_eq!(peer.went_back(&order).await, 0);
            }
            verdict => succeeded(&verdict, lost.amount),
        }
        told("the same again", provider.refund_payment(&lost).await);
        succeeded(
            &told("refund query", provider.verify_refund(&lost.key).await),
            lost.amount,
        );
        assert_eq!(peer.went_back(&order).await, 40, "{trouble:?}");
    }
}

/// P10: the provider itself says no to more than came.
async fn no_more_goes_back_than_came(peer: &dyn Peer) {
    let Paid { order, id, .. } = paid(peer).await;
    let provider = peer.provider();
    let above = part(peer, &order, &id, order.amount.minor().saturating_add(1));
    let refused = provider.refund_payment(&above).await;
    assert!(
        matches!(
            refused,
            Err(ProviderError::Refused { .. }) | Ok(RefundVerdict::Failed { .. })
        ),
        "{refused:?}"
    );
    let all = part(peer, &order, &id, order.amount.minor());
    sent(peer, "all of it", &all).await;
    assert_eq!(peer.went_back(&order).await, order.amount.minor());
    let more = provider.refund_payment(&part(peer, &order, &id, 1)).await;
    assert!(
        matches!(
            more,
            Err(ProviderError::Refused { .. }) | Ok(RefundVerdict::Failed { .. })
        ),
        "{more:?}"
    );
}
