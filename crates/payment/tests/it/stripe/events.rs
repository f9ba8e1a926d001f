//! Webhooks: "go and look". Whatever an event says, the answer is made of the object as it is now.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_payment::providers::agreement::{AgreementNews, DisputeState, Interval};
use tollgate_payment::providers::stripe::Stripe;
use tollgate_payment::providers::{
    EventContent, NewOrder, PaymentProvider as _, ProviderError, RawWebhook, WebhookRefusal,
};

use super::gateway::{Answer, Gateway, SECRET, SESSIONS, TAG, mac, order};

const COMPLETED: &str = "checkout.session.completed";

async fn said(stripe: &Stripe, raw: &RawWebhook) -> Result<EventContent, WebhookRefusal> {
    let event = stripe.handle_webhook(raw).await?;
    Ok(event.content().clone())
}

async fn notice(stripe: &Stripe, raw: &RawWebhook) -> &'static str {
    match said(stripe, raw).await {
        Ok(EventContent::Notice(word)) => word,
        other => panic!("{other:?}"),
    }
}

/// A paid order; gives the number of its page and of its money.
async fn paid(gateway: &Gateway, stripe: &Stripe, order: &NewOrder) -> (String, String) {
    stripe.create_payment(order).await.expect("a page");
    let intent = gateway.pay(&order.order_no);
    let session = gateway.session_of(&order.order_no);
    (session["id"].as_str().expect("an id").to_owned(), intent)
}

fn text(object: &Value, member: &str) -> String {
    object[member].as_str().expect("a text").to_owned()
}

/// A paid order that began an agreement: the gateway, the order and its page.
async fn agreed() -> (Gateway, Stripe, NewOrder, Value) {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = NewOrder {
        renews: Some(Interval::Month),
        ..order(&gateway.clock, 1)
    };
    paid(&gateway, &stripe, &order).await;
    let session = gateway.session_of(&order.order_no);
    (gateway, stripe, order, session)
}

#[tokio::test]
async fn inv_p1_every_event_about_one_payment_tells_of_the_same_money() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let (page, intent) = paid(&gateway, &stripe, &order).await;
    for (id, kind) in [
        ("evt_1", COMPLETED),
        ("evt_2", "checkout.session.async_payment_succeeded"),
        // The page has been paid since: an old word changes nothing.
        ("evt_3", "checkout.session.async_payment_failed"),
        ("evt_4", "checkout.session.expired"),
    ] {
        let event = stripe.handle_webhook(&gateway.event(id, kind, &page)).await;
        let event = event.expect("genuine");
        assert_eq!(event.key(), id);
        let EventContent::Paid(money) = event.content() else {
            panic!("{kind}: {event:?}")
        };
        assert_eq!(money.order_no(), order.order_no.as_str());
        assert_eq!(money.provider_transaction_id(), intent);
        assert_eq!(money.amount(), order.amount);
        assert_eq!(*money.account(), stripe.account());
    }
}

#[tokio::test]
async fn line_47_completed_and_unpaid_grants_nothing() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let (page, intent) = paid(&gateway, &stripe, &order).await;
    gateway.change(&page, |session| session["payment_status"] = "unpaid".into());
    gateway.change(&intent, |intent| intent["status"] = "processing".into());
    // What the event itself claims is not read.
    let claims = json!({
        "id": "evt_1", "object": "event", "type": COMPLETED, "livemode": false,
        "data": { "object": { "id": page, "payment_status": "paid", "amount_total": 9900 } },
    });
    let raw = gateway.signed(&claims.to_string(), SECRET);
    assert_eq!(notice(&stripe, &raw).await, "not_paid_yet");
    gateway.change(&intent, |intent| intent["status"] = "canceled".into());
    let failed = gateway.event("evt_2", "checkout.session.async_payment_failed", &page);
    assert_eq!(notice(&stripe, &failed).await, "closed_unpaid");
    gateway.change(&page, |session| session["payment_status"] = "paid".into());
    assert!(matches!(
        said(&stripe, &raw).await,
        Ok(EventContent::Paid(_))
    ));
    // A page that nobody has finished.
    let other = super::gateway::order(&gateway.clock, 2);
    let created = stripe.create_payment(&other).await.expect("a page");
    let open = created.provider_order_id.expect("a number");
    let raw = gateway.event("evt_3", COMPLETED, &open);
    assert_eq!(notice(&stripe, &raw).await, "not_paid_yet");
}

#[tokio::test]
async fn line_47_another_mode_account_or_version_and_events_that_nobody_knows() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let (page, _) = paid(&gateway, &stripe, &order).await;
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = json!({
            "id": "evt_1", "object": "event", "type": COMPLETED, "livemode": false, "account": null,
            "api_version": "2026-10-28.endive", "data": { "object": { "id": page } },
        });
        change(&mut event);
        gateway.signed(&event.to_string(), SECRET)
    };
    let before = gateway.count();
    for (member, value) in [
        ("livemode", json!(true)),
        ("livemode", json!(null)),
        ("account", json!("acct_1")),
        ("account", json!({})),
    ] {
        let raw = event(&|event| event[member] = value.clone());
        let refused = said(&stripe, &raw).await.map(|_| ());
        assert_eq!(refused, Err(WebhookRefusal::Foreign), "{member} {value}");
    }
    for kind in [
        "",
        "payment_intent.succeeded",
        "checkout.session.melted",
        "a.b.c",
        "invoice",
    ] {
        let raw = event(&|event| event["type"] = kind.into());
        assert_eq!(notice(&stripe, &raw).await, "unknown_event", "{kind}");
    }
    let thin = event(&|event| event["object"] = "v2.core.event".into());
    assert_eq!(notice(&stripe, &thin).await, "thin_event");
    for (member, value) in [
        ("object", json!("checkout.session")),
        ("id", json!("evt 1")),
        ("id", json!(7)),
        ("data", json!(null)),
        ("data", json!({ "object": { "id": "../../v1/refunds" } })),
        ("data", json!({ "object": { "id": 1 } })),
        ("livemode", json!("false")),
    ] {
        let raw = event(&|event| event[member] = value.clone());
        let refused = said(&stripe, &raw).await.map(|_| ());
        assert_eq!(refused, Err(WebhookRefusal::Unreadable), "{member} {value}");
    }
    assert_eq!(gateway.count(), before, "none of it is asked about");
    // Whatever version wrote it: what counts is read in ours.
    let old = event(&|event| event["api_version"] = "2011-01-01".into());
    assert!(matches!(
        said(&stripe, &old).await,
        Ok(EventContent::Paid(_))
    ));
}

#[tokio::test]
async fn line_41_only_our_secrets_sign_and_an_old_one_while_it_is_rolled() {
    let (gateway, _) = Gateway::with_client().await;
    let mut settings = gateway.settings();
    let new = "whsec_9876543210";
    settings.webhook_secrets = vec![new.into(), SECRET.into()];
    let stripe = Stripe::new(&settings, gateway.clock.clone()).expect("good settings");
    let order = order(&gateway.clock, 1);
    let (page, _) = paid(&gateway, &stripe, &order).await;
    let body = gateway.event("evt_1", COMPLETED, &page).body;
    let body = std::str::from_utf8(&body).expect("UTF-8");
    for secret in [SECRET, new] {
        let raw = gateway.signed(body, secret);
        assert!(matches!(
            said(&stripe, &raw).await,
            Ok(EventContent::Paid(_))
        ));
    }
    let before = gateway.count();
    let forged = gateway.signed(body, "whsec_0000000000");
    assert!(matches!(
        said(&stripe, &forged).await,
        Err(WebhookRefusal::Forged)
    ));
    let mut bare = gateway.signed(body, SECRET);
    bare.headers.clear();
    assert!(matches!(
        said(&stripe, &bare).await,
        Err(WebhookRefusal::Forged)
    ));
    // Only the scheme of tests.
    let time = gateway.clock.now().seconds();
    let v0 = format!("t={time},v0={}", mac(SECRET, time, body));
    bare.headers
        .insert("stripe-signature", v0.parse().expect("a value"));
    assert!(matches!(
        said(&stripe, &bare).await,
        Err(WebhookRefusal::Forged)
    ));
    let late = gateway.signed(body, SECRET);
    gateway.clock.advance(std::time::Duration::from_secs(301));
    assert!(matches!(
        said(&stripe, &late).await,
        Err(WebhookRefusal::Stale)
    ));
    assert_eq!(
        gateway.count(),
        before,
        "nobody is asked about what nobody signed"
    );
}

#[tokio::test]
async fn inv_p8_an_object_that_cannot_be_fetched_is_told_again() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let (page, _) = paid(&gateway, &stripe, &order).await;
    let raw = gateway.event("evt_1", COMPLETED, &page);
    let get = format!("GET {SESSIONS}/{page}");
    for answer in [
        Answer::new(502, "<html>"),
        Answer::new(200, "{"),
        Answer::error(429, "invalid_request_error", "rate_limit"),
        Answer::error(500, "api_error", ""),
        // Our key is wrong, or may not: not for ever.
        Answer::error(401, "invalid_request_error", "api_key_expired"),
        Answer::error(403, "invalid_request_error", "more_permissions_required"),
    ] {
        gateway.will_answer(&get, answer);
        let refused = said(&stripe, &raw).await;
        assert!(
            matches!(refused, Err(WebhookRefusal::NotYet(_))),
            "{refused:?}"
        );
    }
    assert!(matches!(
        said(&stripe, &raw).await,
        Ok(EventContent::Paid(_))
    ));
    // Of another account under a secret of ours, or gone.
    let gone = gateway.event("evt_2", COMPLETED, "cs_test_gone");
    assert_eq!(notice(&stripe, &gone).await, "foreign_object");
}

#[tokio::test]
async fn inv_p2_objects_of_other_applications_in_our_account_are_left_alone() {
    let (gateway, _) = Gateway::with_client().await;
    let mut settings = gateway.settings();
    settings.app_tag = "another".to_owned();
    let theirs = Stripe::new(&settings, gateway.clock.clone()).expect("good settings");
    let ours = gateway.client();
    let order = NewOrder {
        renews: Some(Interval::Month),
        ..order(&gateway.clock, 1)
    };
    let (page, intent) = paid(&gateway, &theirs, &order).await;
    let session = gateway.object(&page);
    gateway.put(json!({ "id": "re_1", "object": "refund", "status": "succeeded", "amount": 1, "currency": "usd",
        "payment_intent": intent, "charge": "ch_1", "metadata": {} }));
    gateway.put(
        json!({ "id": "dp_1", "object": "dispute", "status": "needs_response", "amount": 1,
        "currency": "usd", "payment_intent": intent, "livemode": false }),
    );
    for (kind, about) in [
        (COMPLETED, page.as_str()),
        ("invoice.paid", &text(&session, "invoice")),
        (
            "customer.subscription.updated",
            &text(&session, "subscription"),
        ),
        ("refund.created", "re_1"),
        ("charge.refunded", "ch_1"),
        ("charge.dispute.created", "dp_1"),
    ] {
        let raw = gateway.event("evt_1", kind, about);
        assert_eq!(notice(&ours, &raw).await, "foreign_object", "{kind}");
        let told = said(&theirs, &raw).await;
        assert!(
            !matches!(told, Ok(EventContent::Notice(_)) | Err(_)),
            "{kind}: {told:?}"
        );
    }
    // Money that belongs to nobody's order and no agreement.
    gateway.put(json!({ "id": "pi_1", "object": "payment_intent", "metadata": null }));
    gateway.change("re_1", |refund| refund["payment_intent"] = "pi_1".into());
    let raw = gateway.event("evt_1", "refund.created", "re_1");
    assert_eq!(notice(&ours, &raw).await, "foreign_object");
    gateway.change("re_1", |refund| refund["payment_intent"] = Value::Null);
    assert_eq!(notice(&ours, &raw).await, "foreign_object");
}

#[tokio::test]
async fn inv_p1_the_first_invoice_tells_what_the_page_tells() {
    let (gateway, stripe, order, session) = agreed().await;
    let invoice = text(&session, "invoice");
    let mut told = Vec::new();
    for (id, kind, about) in [
        ("evt_1", "invoice.paid", &invoice),
        ("evt_2", COMPLETED, &text(&session, "id")),
        ("evt_3", "invoice.payment_failed", &invoice),
    ] {
        match said(&stripe, &gateway.event(id, kind, about)).await {
            Ok(EventContent::Paid(money)) => told.push(money),
            other => panic!("{kind}: {other:?}"),
        }
    }
    for money in &told {
        assert_eq!(money.order_no(), order.order_no.as_str());
        assert_eq!(
            money.provider_transaction_id(),
            told[0].provider_transaction_id()
        );
        assert_eq!(
            (money.amount(), money.agreement()),
            (order.amount, told[0].agreement())
        );
        let agreement = money.agreement().expect("an agreement");
        assert_eq!(agreement.id, text(&session, "subscription"));
        assert_eq!(agreement.customer_id, text(&session, "customer"));
    }
    gateway.change(&invoice, |invoice| invoice["status"] = "open".into());
    let failed = gateway.event("evt_4", "invoice.payment_failed", &invoice);
    assert_eq!(notice(&stripe, &failed).await, "first_debit_failed");
    gateway.change(&invoice, |invoice| {
        invoice["status"] = "paid".into();
        invoice["amount_paid"] = 0.into();
    });
    let nothing = gateway.event("evt_5", "invoice.paid", &invoice);
    assert_eq!(notice(&stripe, &nothing).await, "nothing_to_pay");
}

#[tokio::test]
async fn inv_p3_a_further_term_is_a_paid_invoice_and_nothing_else() {
    let (gateway, stripe, order, session) = agreed().await;
    let subscription = text(&session, "subscription");
    let end = gateway.clock.now().seconds() + 60 * 86_400;
    let (invoice, intent) = gateway.renew(&subscription, end);
    // Another period has begun: that is no money.
    let begun = gateway.event("evt_1", "customer.subscription.updated", &subscription);
    assert!(matches!(
        said(&stripe, &begun).await,
        Ok(EventContent::Agreement {
            news: AgreementNews::Current,
            ..
        })
    ));
    for reason in ["subscription_cycle", "subscription_update"] {
        gateway.change(&invoice, |invoice| {
            invoice["billing_reason"] = reason.into();
        });
        let raw = gateway.event("evt_2", "invoice.paid", &invoice);
        let Ok(EventContent::Renewed(renewal)) = said(&stripe, &raw).await else {
            panic!("{reason}")
        };
        assert_eq!(renewal.agreement_id, subscription);
        assert_eq!(renewal.provider_transaction_id, intent);
        assert_eq!(
            (renewal.amount, &renewal.account),
            (order.amount, &stripe.account())
        );
        // The line's period, and not the invoice's own, which looks back.
        assert_eq!(Some(renewal.paid_until), Timestamp::from_seconds(end));
        let paid_at = Timestamp::from_seconds(gateway.clock.now().seconds() - 7);
        assert_eq!(renewal.paid_at, paid_at);
    }
    gateway.change(&subscription, |subscription| {
        subscription["status"] = "past_due".into();
    });
    for status in ["open", "uncollectible"] {
        gateway.change(&invoice, |invoice| invoice["status"] = status.into());
        for kind in [
            "invoice.payment_failed",
            "invoice.payment_action_required",
            "invoice.paid",
        ] {
            let raw = gateway.event("evt_3", kind, &invoice);
            let Ok(EventContent::Agreement { id, news }) = said(&stripe, &raw).await else {
                panic!("{kind}")
            };
            assert_eq!((id, news), (subscription.clone(), AgreementNews::PastDue));
        }
    }
    // How the agreement stands, it says itself: a bill that stayed open says nothing of one that has ended.
    gateway.change(&subscription, |subscription| {
        subscription["status"] = "canceled".into();
    });
    let raw = gateway.event("evt_3", "invoice.payment_failed", &invoice);
    assert!(matches!(
        said(&stripe, &raw).await,
        Ok(EventContent::Agreement {
            news: AgreementNews::Ended,
            ..
        })
    ));
    gateway.change(&subscription, |subscription| {
        subscription["status"] = "active".into();
    });
    for (member, value, word) in [
        ("status", json!("draft"), "invoice_not_paid"),
        ("status", json!("void"), "invoice_not_paid"),
        ("billing_reason", json!("manual"), "invoice_of_no_term"),
        ("billing_reason", json!(null), "invoice_of_no_term"),
        ("parent", json!(null), "foreign_object"),
    ] {
        let good = gateway.object(&invoice);
        gateway.change(&invoice, |invoice| invoice[member] = value.clone());
        let raw = gateway.event("evt_4", "invoice.paid", &invoice);
        assert_eq!(notice(&stripe, &raw).await, word, "{member} {value}");
        gateway.put(good);
    }
    gateway.change(&invoice, |invoice| invoice["status"] = "paid".into());
    for (member, value) in [
        ("livemode", json!(true)),
        ("amount_paid", json!(null)),
        ("currency", json!("USD")),
        ("lines", json!({ "data": [], "has_more": false })),
    ] {
        let good = gateway.object(&invoice);
        gateway.change(&invoice, |invoice| invoice[member] = value.clone());
        let refused = said(&stripe, &gateway.event("evt_5", "invoice.paid", &invoice)).await;
        assert!(
            matches!(refused, Err(WebhookRefusal::NotYet(_))),
            "{member}: {refused:?}"
        );
        gateway.put(good);
    }
}

#[tokio::test]
async fn inv_p7_an_agreement_is_told_as_it_stands_now() {
    let (gateway, stripe, _, session) = agreed().await;
    let id = text(&session, "subscription");
    let ends = 1_900_000_000;
    gateway.change(&id, |subscription| {
        subscription["items"] = json!({ "data": [{ "current_period_end": ends }] });
    });
    for (status, at_end, at, news) in [
        ("active", false, Value::Null, Some(AgreementNews::Current)),
        ("trialing", false, Value::Null, Some(AgreementNews::Current)),
        ("active", true, Value::Null, Some(AgreementNews::Cancelling)),
        (
            "active",
            false,
            json!(ends),
            Some(AgreementNews::Cancelling),
        ),
        // In a later term: this one is not the last.
        (
            "active",
            false,
            json!(ends + 1),
            Some(AgreementNews::Current),
        ),
        ("past_due", false, Value::Null, Some(AgreementNews::PastDue)),
        ("unpaid", true, Value::Null, Some(AgreementNews::PastDue)),
        ("canceled", false, Value::Null, Some(AgreementNews::Ended)),
        (
            "incomplete_expired",
            false,
            Value::Null,
            Some(AgreementNews::Ended),
        ),
        ("incomplete", false, Value::Null, None),
        ("paused", false, Value::Null, None),
        ("melted", false, Value::Null, None),
    ] {
        gateway.change(&id, |subscription| {
            subscription["status"] = status.into();
            subscription["cancel_at_period_end"] = at_end.into();
            subscription["cancel_at"] = at;
        });
        // Events arrive in any order; each tells the same.
        for kind in [
            "customer.subscription.updated",
            "customer.subscription.deleted",
        ] {
            match (
                said(&stripe, &gateway.event("evt_1", kind, &id)).await,
                news,
            ) {
                (Ok(EventContent::Agreement { id: told, news }), Some(wanted)) => {
                    assert_eq!((told, news), (id.clone(), wanted), "{status}");
                }
                (Ok(EventContent::Notice("agreement_not_begun")), None) => {}
                other => panic!("{status}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn inv_p10_money_that_went_back_is_told_by_our_number_or_by_stripes() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let (_, intent) = paid(&gateway, &stripe, &order).await;
    let refund = |id: &str, intent: &str, metadata: Value| {
        json!({ "id": id, "object": "refund", "status": "succeeded", "amount": 100, "currency": "usd",
            "payment_intent": intent, "charge": format!("ch of {intent}"), "metadata": metadata })
    };
    let charge = gateway.object(&intent)["latest_charge"].clone();
    let with = |mut refund: Value| {
        refund["charge"] = charge.clone();
        gateway.put(refund);
    };
    let told = async |raw: RawWebhook| match said(&stripe, &raw).await {
        Ok(EventContent::Refunded {
            order_no,
            refund_no,
            transaction_id,
            ..
        }) => (
            order_no,
            refund_no.expect("a number"),
            transaction_id.expect("money"),
        ),
        other => panic!("{other:?}"),
    };
    let number = order.order_no.as_str().to_owned();
    let marks = json!({ "app": TAG, "order_no": number, "refund_no": "r1" });
    with(refund("re_1", &intent, marks));
    for kind in ["refund.created", "refund.updated", "refund.failed"] {
        let raw = gateway.event("evt_1", kind, "re_1");
        assert_eq!(
            told(raw).await,
            (number.clone(), "r1".to_owned(), intent.clone())
        );
    }
    // From the dashboard, where nobody knows our numbers.
    with(refund("re_2", &intent, json!({})));
    let by_stripe = (number.clone(), "re_2".to_owned(), intent.clone());
    assert_eq!(
        told(gateway.event("evt_2", "refund.created", "re_2")).await,
        by_stripe
    );
    let about = charge.as_str().expect("a charge");
    assert_eq!(
        told(gateway.event("evt_3", "charge.refunded", about)).await,
        by_stripe
    );
    let none = gateway.event("evt_4", "charge.refunded", "ch_without");
    assert_eq!(notice(&stripe, &none).await, "charge_without_refund");
    // Of a further term: no order of ours stands at its money.
    let renewing = NewOrder {
        renews: Some(Interval::Month),
        ..super::gateway::order(&gateway.clock, 2)
    };
    paid(&gateway, &stripe, &renewing).await;
    let session = gateway.session_of(&renewing.order_no);
    let end = gateway.clock.now().seconds() + 60 * 86_400;
    let (_, money) = gateway.renew(&text(&session, "subscription"), end);
    gateway.change(&money, |money| money["metadata"] = json!({}));
    with(refund("re_3", &money, json!({})));
    let raw = gateway.event("evt_5", "refund.created", "re_3");
    assert_eq!(told(raw).await, (String::new(), "re_3".to_owned(), money));
}

#[tokio::test]
async fn inv_p11_a_dispute_is_told_as_it_stands_now() {
    let (gateway, stripe, order, session) = agreed().await;
    let invoice = gateway.object(&text(&session, "invoice"));
    let intent = text(&invoice["payments"]["data"][0]["payment"], "payment_intent");
    for (status, state) in [
        ("needs_response", Some(DisputeState::Opened)),
        ("under_review", Some(DisputeState::Opened)),
        ("won", Some(DisputeState::Won)),
        ("lost", Some(DisputeState::Lost)),
        ("warning_needs_response", None),
        ("warning_closed", None),
        ("prevented", None),
    ] {
        gateway.put(
            json!({ "id": "dp_1", "object": "dispute", "status": status, "amount": 9_900,
            "currency": "usd", "payment_intent": intent, "livemode": false }),
        );
        for kind in [
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ] {
            match (
                said(&stripe, &gateway.event("evt_1", kind, "dp_1")).await,
                state,
            ) {
                (Ok(EventContent::Disputed(told)), Some(state)) => {
                    assert_eq!((told.id.as_str(), told.state), ("dp_1", state));
                    assert_eq!(told.provider_transaction_id, intent);
                    assert_eq!(told.amount, order.amount);
                }
                (Ok(EventContent::Notice("dispute_without_money")), None) => {}
                other => panic!("{kind} {status}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn inv_p5_what_was_told_while_nobody_listened_is_read_oldest_first() {
    let (gateway, stripe) = Gateway::with_client().await;
    let since = gateway.clock.now();
    let mut wanted = Vec::new();
    for seed in 0..23 {
        let order = order(&gateway.clock, seed);
        let (page, intent) = paid(&gateway, &stripe, &order).await;
        let id = format!("evt_{seed}");
        gateway.put(
            json!({ "id": id, "object": "event", "type": COMPLETED, "livemode": false,
            "created": since.seconds(), "data": { "object": { "id": page } } }),
        );
        wanted.push((id, intent));
    }
    for (id, created, livemode, about) in [
        ("evt_before", since.seconds() - 1, false, "cs_test_gone"),
        ("evt_other_mode", since.seconds(), true, "cs_live_1"),
        ("evt_nonsense", since.seconds(), false, "a b"),
    ] {
        gateway.put(
            json!({ "id": id, "object": "event", "type": COMPLETED, "livemode": livemode,
            "created": created, "data": { "object": { "id": about } } }),
        );
    }
    let listed = stripe.missed_events(since).await.expect("a list");
    // One more of another mode, and one that is about nothing.
    assert_eq!(listed.len(), 25);
    let mut told = Vec::new();
    for event in &listed {
        match stripe.read_listed(event).await {
            Ok(read) => {
                assert_eq!(read.key(), event.key());
                let EventContent::Paid(money) = read.content() else {
                    panic!("{read:?}");
                };
                let intent = money.provider_transaction_id().to_owned();
                told.push((event.key().to_owned(), intent));
            }
            Err(refusal) => {
                let refused = match event.key() {
                    "evt_other_mode" => WebhookRefusal::Foreign,
                    _ => WebhookRefusal::Unreadable,
                };
                assert_eq!(refusal, refused, "{event:?}");
            }
        }
    }
    assert_eq!(told, wanted);
    let pages = gateway.calls("GET /v1/events");
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().all(|call| call.form["types[0]"] == COMPLETED));
    // An object that cannot be read now is read later.
    let page = gateway.session_of(&order(&gateway.clock, 3).order_no);
    let page = format!("GET {SESSIONS}/{}", text(&page, "id"));
    gateway.will_answer(&page, Answer::new(500, ""));
    let third = listed.iter().find(|event| event.key() == "evt_3");
    let third = third.expect("listed");
    let now = stripe.read_listed(third).await;
    assert!(matches!(now, Err(WebhookRefusal::NotYet(_))), "{now:?}");
    stripe.read_listed(third).await.expect("readable");
    // A list that cannot be read, or whose events have no numbers, is none.
    gateway.will_answer("GET /v1/events", Answer::new(500, ""));
    let nameless = r#"{"object":"list","has_more":false,"data":[{"object":"event"}]}"#;
    gateway.will_answer("GET /v1/events", Answer::new(200, nameless));
    for _ in 0..2 {
        let lost = stripe.missed_events(since).await;
        assert!(
            matches!(lost, Err(ProviderError::Unknown { .. })),
            "{lost:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inv_p3_no_signed_body_grants_and_none_breaks_anything(
        body in prop_oneof![
            "[\\x20-\\x7e]{0,80}",
            "\\{\"id\":\"evt_1\",\"object\":\"(event|v2.core.event|x)\",\"type\":\"[a-z._]{0,20}\",\"livemode\":(true|false|null|0)(,\"data\":[\\x20-\\x7e]{0,30})?\\}?",
            "\\PC{0,80}",
        ],
        header in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (gateway, stripe) = Gateway::with_client().await;
            let mut raw = gateway.signed(&body, SECRET);
            let told = said(&stripe, &raw).await;
            prop_assert!(matches!(told, Ok(EventContent::Notice(_)) | Err(_)), "{:?}", told);
            prop_assert!(!matches!(told, Err(WebhookRefusal::Forged)));
            if let Ok(value) = axum::http::HeaderValue::from_bytes(&header) {
                raw.headers.insert("stripe-signature", value);
                prop_assert!(matches!(said(&stripe, &raw).await, Err(WebhookRefusal::Forged)));
            }
            Ok(())
        })?;
    }

    #[test]
    fn inv_p8_no_answer_breaks_anything(
        body in prop_oneof![
            "[\\x20-\\x7e]{0,80}",
            "\\{\"id\":\"(cs_1|)\",\"status\":\"(open|complete|expired|x)\",\"payment_status\":\"(paid|unpaid)\"(,\"amount_total\":-?[0-9]{1,22})?\\}",
        ],
        status in 200..599_u16,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (gateway, stripe) = Gateway::with_client().await;
            let order = order(&gateway.clock, 1);
            gateway.will_answer(&format!("GET {SESSIONS}/cs_1"), Answer::new(status, &body));
            let asked = stripe
                .verify_payment(&super::gateway::known(&order, &gateway.clock, Some("cs_1".to_owned())))
                .await;
            prop_assert!(asked.is_err(), "{:?}", asked);
            Ok(())
        })?;
    }
}
