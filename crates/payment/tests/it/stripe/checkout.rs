//! Pages of Checkout: what is asked for, what is believed, and that an order has one.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::agreement::{Agreement, Interval};
use tollgate_payment::providers::stripe::Stripe;
use tollgate_payment::providers::{
    Cancelled, Created, NewOrder, PaymentAction, PaymentProvider as _, ProviderError,
    ProviderVerdict, VerifiedPayment,
};

use super::gateway::{Answer, CUSTOMER, Gateway, SESSIONS, TAG, known, order};

fn is_unknown<T: std::fmt::Debug>(answer: Result<T, ProviderError>) {
    match answer {
        Err(ProviderError::Unknown { .. }) => {}
        other => panic!("{other:?}"),
    }
}

fn code<T: std::fmt::Debug>(answer: Result<T, ProviderError>) -> String {
    match answer {
        Err(ProviderError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn paid(verdict: Result<ProviderVerdict, ProviderError>) -> VerifiedPayment {
    match verdict {
        Ok(ProviderVerdict::Paid(money)) => money,
        other => panic!("{other:?}"),
    }
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, code.parse().expect("a currency"))
}

#[tokio::test]
async fn a_buyer_whom_stripe_knows_stays_one_customer_and_one_whom_it_lost_can_pay() {
    let (gateway, stripe) = Gateway::with_client().await;
    for (seed, known, asked) in [(1, CUSTOMER, 1), (2, "cus_deleted", 2)] {
        let mut order = order(&gateway.clock, seed);
        order.payer.customer_id = Some(known.to_owned());
        let before = gateway.calls(&format!("POST {SESSIONS}")).len();
        stripe.create_payment(&order).await.expect("a page");
        let calls = gateway.calls(&format!("POST {SESSIONS}"));
        let calls = &calls[before..];
        assert_eq!(calls.len(), asked, "{known}");
        assert_eq!(calls[0].form["customer"], known);
        let last = calls.last().expect("a call");
        assert_eq!(last.form.contains_key("customer"), known == CUSTOMER);
        // The page that there is, whatever is known of its buyer by now.
        order.payer.customer_id = None;
        let again = stripe.create_payment(&order).await.expect("the same page");
        let session = gateway.session_of(&order.order_no);
        assert_eq!(again.provider_order_id.as_deref(), session["id"].as_str());
    }
    let mut dear = order(&gateway.clock, 3);
    dear.payer.customer_id = Some(CUSTOMER.to_owned());
    dear.amount = money(0, "USD");
    assert_eq!(
        code(stripe.create_payment(&dear).await),
        "amount_unsupported"
    );
}

#[tokio::test]
async fn a_page_is_asked_for_in_stripes_words() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let created = stripe.create_payment(&order).await.expect("a page");
    let session = gateway.session_of(&order.order_no);
    let id = session["id"].as_str().expect("an id").to_owned();
    let url = format!("https://checkout.example/{id}");
    let action = PaymentAction::Redirect { url };
    assert_eq!(
        created,
        Created {
            action,
            provider_order_id: Some(id)
        }
    );
    let calls = gateway.calls(&format!("POST {SESSIONS}"));
    let number = order.order_no.as_str();
    let form: Vec<_> = calls[0]
        .form
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let back = "https://shop.example/paid?order=1&x=é";
    assert_eq!(
        form,
        [
            ("cancel_url", back),
            ("client_reference_id", number),
            // The order's end and what Stripe wants more: 1800000000 + 30 min + 31 min.
            ("expires_at", "1800003660"),
            ("line_items[0][price_data][currency]", "usd"),
            (
                "line_items[0][price_data][product_data][name]",
                "专业版 Pro & Co = 100%"
            ),
            ("line_items[0][price_data][unit_amount]", "9900"),
            ("line_items[0][quantity]", "1"),
            ("metadata[amount]", "9900"),
            ("metadata[app]", TAG),
            ("metadata[order_no]", number),
            ("mode", "payment"),
            ("payment_intent_data[metadata][app]", TAG),
            ("payment_intent_data[metadata][order_no]", number),
            ("success_url", back),
        ]
    );
    assert_eq!(calls[0].key, Some(format!("order:{number}:checkout:1")));
    // An agreement says how often, and its marks go where its invoices find them.
    for (seed, interval, word) in [(2, Interval::Month, "month"), (3, Interval::Year, "year")] {
        let order = NewOrder {
            renews: Some(interval),
            ..super::gateway::order(&gateway.clock, seed)
        };
        stripe.create_payment(&order).await.expect("a page");
        let calls = gateway.calls(&format!("POST {SESSIONS}"));
        let form = &calls.last().expect("a call").form;
        assert_eq!(form["mode"], "subscription");
        assert_eq!(form["line_items[0][price_data][recurring][interval]"], word);
        assert_eq!(
            form["subscription_data[metadata][order_no]"],
            order.order_no.as_str()
        );
        assert_eq!(form["subscription_data[metadata][app]"], TAG);
        assert!(
            !form
                .keys()
                .any(|name| name.starts_with("payment_intent_data"))
        );
    }
}

#[tokio::test]
async fn line_35_each_currency_in_its_own_unit_and_no_other() {
    let (gateway, stripe) = Gateway::with_client().await;
    for (seed, (minor, currency, units)) in [
        (500, "JPY", "500"),
        (500, "ISK", "50000"),
        (1_230, "KWD", "1230"),
        (9_900, "CNY", "9900"),
    ]
    .into_iter()
    .enumerate()
    {
        let amount = money(minor, currency);
        let order = NewOrder {
            amount,
            ..order(&gateway.clock, 10 + seed as u64)
        };
        let created = stripe.create_payment(&order).await.expect("a page");
        let calls = gateway.calls(&format!("POST {SESSIONS}"));
        let form = &calls.last().expect("a call").form;
        assert_eq!(form["line_items[0][price_data][unit_amount]"], units);
        gateway.pay(&order.order_no);
        let key = known(&order, &gateway.clock, created.provider_order_id);
        assert_eq!(
            paid(stripe.verify_payment(&key).await).amount(),
            amount,
            "{currency}"
        );
        assert!(
            stripe
                .capabilities()
                .currencies
                .contains(&amount.currency())
        );
    }
    let before = gateway.count();
    for amount in [
        money(1_234, "KWD"),
        money(0, "USD"),
        money(-1, "USD"),
        money(i64::MAX, "ISK"),
    ] {
        let order = NewOrder {
            amount,
            ..order(&gateway.clock, 20)
        };
        assert_eq!(
            code(stripe.create_payment(&order).await),
            "amount_unsupported"
        );
    }
    assert_eq!(gateway.count(), before, "nobody was asked");
}

#[tokio::test]
async fn inv_p12_one_page_for_one_order_whatever_is_sent_again() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let first = stripe.create_payment(&order).await.expect("a page");
    for scene in [Scene::Page, Scene::H5, Scene::Pc] {
        let again = NewOrder {
            scene,
            ..order.clone()
        };
        assert_eq!(
            stripe.create_payment(&again).await.as_ref(),
            Ok(&first),
            "{scene:?}"
        );
    }
    // The same number with other words is refused by Stripe; the page is the one that is there.
    let elsewhere = NewOrder {
        return_url: Some("https://shop.example/elsewhere".to_owned()),
        ..order.clone()
    };
    assert_eq!(stripe.create_payment(&elsewhere).await.as_ref(), Ok(&first));
    // Another order of the same time is another page.
    let other = super::gateway::order(&gateway.clock, 2);
    assert_ne!(stripe.create_payment(&other).await.expect("a page"), first);
    gateway.pay(&order.order_no);
    is_unknown(stripe.create_payment(&elsewhere).await);
    let key = known(&order, &gateway.clock, first.provider_order_id);
    paid(stripe.verify_payment(&key).await);
}

#[tokio::test]
async fn inv_p8_a_replayed_trouble_is_looked_up_before_another_key_is_taken() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let create = format!("POST {SESSIONS}");
    let replayed = Answer::error(500, "api_error", "").with("idempotent-replayed", "true");
    gateway.will_answer(&create, Answer::error(500, "api_error", ""));
    is_unknown(stripe.create_payment(&order).await);
    gateway.will_answer(&create, replayed.clone());
    let created = stripe.create_payment(&order).await.expect("a page");
    assert!(created.provider_order_id.is_some());
    let keys: Vec<_> = gateway
        .calls(&create)
        .into_iter()
        .filter_map(|call| call.key)
        .collect();
    let key = |turn| format!("order:{}:checkout:{turn}", order.order_no.as_str());
    assert_eq!(keys, [key(1), key(1), key(2)]);
    // The list was read first, each of its three stretches: what the first call had made would have been found.
    assert_eq!(gateway.calls(&format!("GET {SESSIONS}")).len(), 3);
    gateway.will_answer(&create, replayed.clone());
    assert_eq!(stripe.create_payment(&order).await.as_ref(), Ok(&created));
    assert_eq!(gateway.calls(&create).len(), 4, "found, and not made again");
    // Only so often.
    let other = super::gateway::order(&gateway.clock, 2);
    for _ in 0..5 {
        gateway.will_answer(&create, replayed.clone());
    }
    is_unknown(stripe.create_payment(&other).await);
    assert_eq!(gateway.calls(&create).len(), 7);
}

#[tokio::test]
async fn inv_p8_one_repeat_where_stripe_asks_for_it() {
    let (gateway, stripe) = Gateway::with_client().await;
    let create = format!("POST {SESSIONS}");
    let asks = [
        Answer::error(409, "invalid_request_error", "idempotency_key_in_use"),
        Answer::error(429, "invalid_request_error", "lock_timeout")
            .with("stripe-should-retry", "true"),
        Answer::error(500, "api_error", "").with("stripe-should-retry", "true"),
    ];
    for (seed, answer) in asks.iter().enumerate() {
        let order = order(&gateway.clock, seed as u64);
        let before = gateway.calls(&create).len();
        gateway.will_answer(&create, answer.clone());
        stripe.create_payment(&order).await.expect("a page");
        let calls = &gateway.calls(&create)[before..];
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].key, calls[1].key);
        // Once, and then it is for the machine to ask.
        let other = super::gateway::order(&gateway.clock, 100 + seed as u64);
        for _ in 0..2 {
            gateway.will_answer(&create, answer.clone());
        }
        is_unknown(stripe.create_payment(&other).await);
    }
    let quiet = [
        Answer::error(409, "invalid_request_error", "x").with("stripe-should-retry", "false"),
        Answer::error(429, "invalid_request_error", "rate_limit"),
        Answer::error(500, "api_error", ""),
        Answer::error(503, "api_error", ""),
        Answer::new(502, "<html>"),
        Answer::new(200, "{}"),
        Answer::new(200, "[1"),
        Answer::new(200, "null"),
        Answer::new(200, &format!("{{\"id\":\"{}\"}}", "x".repeat(300 * 1024))),
    ];
    for (seed, answer) in quiet.into_iter().enumerate() {
        let order = order(&gateway.clock, 200 + seed as u64);
        let before = gateway.calls(&create).len();
        gateway.will_answer(&create, answer);
        is_unknown(stripe.create_payment(&order).await);
        assert_eq!(gateway.calls(&create).len(), before + 1);
    }
    for status in [400, 401, 402, 403, 404] {
        let order = order(&gateway.clock, u64::from(status));
        gateway.will_answer(
            &create,
            Answer::error(status, "invalid_request_error", "amount_too_small"),
        );
        assert_eq!(
            code(stripe.create_payment(&order).await),
            "amount_too_small"
        );
    }
}

#[tokio::test]
async fn inv_p8_nobody_is_followed_and_a_cut_line_is_unknown() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let create = format!("POST {SESSIONS}");
    for status in [301, 302, 303, 307, 308] {
        gateway.will_answer(
            &create,
            Answer::new(status, "").with("location", "/v1/elsewhere"),
        );
        is_unknown(stripe.create_payment(&order).await);
    }
    assert!(gateway.calls("GET /v1/elsewhere").is_empty());
    assert!(gateway.calls("POST /v1/elsewhere").is_empty());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let mut settings = gateway.settings();
    let address = listener.local_addr().expect("an address");
    settings.api_base = format!("http://{address}").parse().expect("an address");
    tokio::spawn(async move {
        while let Ok((line, _)) = listener.accept().await {
            drop(line);
        }
    });
    let cut = Stripe::new(&settings, gateway.clock.clone()).expect("good settings");
    is_unknown(cut.create_payment(&order).await);
    is_unknown(
        cut.verify_payment(&known(&order, &gateway.clock, None))
            .await,
    );
}

#[tokio::test]
async fn inv_p2_paid_says_which_money_of_which_order_and_what_it_began() {
    let (gateway, stripe) = Gateway::with_client().await;
    for (seed, renews) in [(1, None), (2, Some(Interval::Month))] {
        let order = NewOrder {
            renews,
            ..order(&gateway.clock, seed)
        };
        let created = stripe.create_payment(&order).await.expect("a page");
        let key = known(&order, &gateway.clock, created.provider_order_id);
        let waiting = stripe.verify_payment(&key).await;
        assert!(
            matches!(waiting, Ok(ProviderVerdict::Waiting)),
            "{waiting:?}"
        );
        let intent = gateway.pay(&order.order_no);
        let money = paid(stripe.verify_payment(&key).await);
        assert_eq!(money.method(), PaymentMethod::Stripe);
        assert_eq!(money.order_no(), order.order_no.as_str());
        assert_eq!(money.provider_transaction_id(), intent);
        assert_eq!(money.amount(), order.amount);
        assert_eq!(*money.account(), stripe.account());
        let session = gateway.session_of(&order.order_no);
        let text = |name: &str| session[name].as_str().map(str::to_owned);
        let agreement = text("subscription").zip(text("customer"));
        let agreement = agreement.map(|(id, customer_id)| Agreement { id, customer_id });
        assert_eq!(money.agreement(), agreement.as_ref());
        assert_eq!(agreement.is_some(), renews.is_some());
        // Without the answer to the first call the page is found by our number.
        let lost = known(&order, &gateway.clock, None);
        assert_eq!(
            paid(stripe.verify_payment(&lost).await).provider_transaction_id(),
            intent
        );
    }
}

#[tokio::test]
async fn inv_p2_an_answer_about_something_else_decides_nothing() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let created = stripe.create_payment(&order).await.expect("a page");
    let id = created.provider_order_id.expect("a number");
    gateway.pay(&order.order_no);
    let good = gateway.object(&id);
    let key = known(&order, &gateway.clock, Some(id.clone()));
    for (member, value) in [
        (
            "client_reference_id",
            json!("0198c0de0198c0de0198c0de0198c0de"),
        ),
        ("client_reference_id", json!(null)),
        (
            "metadata",
            json!({ "app": "another", "order_no": order.order_no.as_str() }),
        ),
        ("metadata", json!(null)),
        ("livemode", json!(true)),
        ("livemode", json!(null)),
        ("status", json!("melted")),
        ("status", json!(null)),
        ("payment_status", json!("perhaps")),
        ("payment_intent", json!(null)),
        ("amount_total", json!("9900")),
        ("amount_total", json!(null)),
        ("amount_total", json!(0)),
        ("amount_total", json!(-9_900)),
        ("currency", json!("USD")),
        ("currency", json!("xxx")),
    ] {
        gateway.change(&id, |session| session[member] = value.clone());
        let asked = stripe.verify_payment(&key).await;
        assert!(
            matches!(asked, Err(ProviderError::Unknown { .. })),
            "{member} {value}: {asked:?}"
        );
        gateway.put(good.clone());
    }
    for id in ["../refunds", "cs_1?x=y", "", "cs 1", &"c".repeat(300)] {
        let before = gateway.count();
        is_unknown(
            stripe
                .verify_payment(&known(&order, &gateway.clock, Some(id.to_owned())))
                .await,
        );
        assert_eq!(gateway.count(), before, "{id}");
    }
    let gone = known(&order, &gateway.clock, Some("cs_test_gone".to_owned()));
    assert_eq!(code(stripe.verify_payment(&gone).await), "resource_missing");
}

#[tokio::test]
async fn inv_p3_complete_is_not_paid() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let created = stripe.create_payment(&order).await.expect("a page");
    let id = created.provider_order_id.clone().expect("a number");
    let intent = gateway.pay(&order.order_no);
    let key = known(&order, &gateway.clock, Some(id.clone()));
    // A bank debits for days.
    gateway.change(&id, |session| session["payment_status"] = "unpaid".into());
    gateway.change(&intent, |intent| intent["status"] = "processing".into());
    let asked = stripe.verify_payment(&key).await;
    assert!(matches!(asked, Ok(ProviderVerdict::Waiting)), "{asked:?}");
    assert_eq!(code(stripe.close_payment(&key).await), "session_complete");
    for word in ["requires_payment_method", "canceled"] {
        gateway.change(&intent, |intent| intent["status"] = word.into());
        let asked = stripe.verify_payment(&key).await;
        assert!(matches!(asked, Ok(ProviderVerdict::Declined)), "{asked:?}");
    }
    // Nothing had to be paid: only if that is what was asked for, and that is never so.
    gateway.change(&id, |session| {
        session["payment_status"] = "no_payment_required".into();
        session["amount_total"] = 0.into();
    });
    let asked = stripe.verify_payment(&key).await;
    assert!(matches!(asked, Ok(ProviderVerdict::Closed)), "{asked:?}");
    gateway.change(&id, |session| session["amount_total"] = 9_900.into());
    assert_eq!(
        paid(stripe.verify_payment(&key).await).amount(),
        order.amount
    );
    gateway.change(&id, |session| session["payment_status"] = "paid".into());
    paid(stripe.verify_payment(&key).await);
}

#[tokio::test]
async fn inv_p3_the_number_of_a_first_debit_is_one_that_stays() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = NewOrder {
        renews: Some(Interval::Year),
        ..order(&gateway.clock, 1)
    };
    let created = stripe.create_payment(&order).await.expect("a page");
    let key = known(&order, &gateway.clock, created.provider_order_id);
    let intent = gateway.pay(&order.order_no);
    let session = gateway.session_of(&order.order_no);
    let invoice = session["invoice"].as_str().expect("an invoice");
    let good = gateway.object(invoice);
    // The page is ahead of its invoice: not yet.
    gateway.change(invoice, |invoice| invoice["status"] = "open".into());
    is_unknown(stripe.verify_payment(&key).await);
    // A try that failed before, and the shape of older versions.
    gateway.put(good.clone());
    gateway.change(invoice, |invoice| {
        let tried = json!({ "id": "inpay_0", "status": "canceled", "payment": { "payment_intent": "pi_0000" } });
        let all = invoice["payments"]["data"].as_array_mut().expect("payments");
        all.insert(0, tried);
    });
    assert_eq!(
        paid(stripe.verify_payment(&key).await).provider_transaction_id(),
        intent
    );
    gateway.change(invoice, |invoice| {
        let subscription = invoice["parent"]["subscription_details"]["subscription"].clone();
        let all = invoice.as_object_mut().expect("an object");
        all.remove("payments");
        all.remove("parent");
        all.insert("subscription".to_owned(), subscription);
        all.insert("payment_intent".to_owned(), json!({ "id": "pi_old" }));
    });
    assert_eq!(
        paid(stripe.verify_payment(&key).await).provider_transaction_id(),
        "pi_old"
    );
    // No money of Stripe's paid it: its own number.
    gateway.put(good);
    gateway.change(invoice, |invoice| invoice["payments"]["data"] = json!([]));
    assert_eq!(
        paid(stripe.verify_payment(&key).await).provider_transaction_id(),
        invoice
    );
}

#[tokio::test]
async fn inv_p4_a_page_whose_answer_was_lost_is_found_among_many() {
    let (gateway, stripe) = Gateway::with_client().await;
    let wanted = order(&gateway.clock, 1);
    stripe.create_payment(&wanted).await.expect("a page");
    for seed in 2..95 {
        stripe
            .create_payment(&order(&gateway.clock, seed))
            .await
            .expect("a page");
    }
    let key = known(&wanted, &gateway.clock, None);
    let intent = gateway.pay(&wanted.order_no);
    assert_eq!(
        paid(stripe.verify_payment(&key).await).provider_transaction_id(),
        intent
    );
    let pages = gateway.calls(&format!("GET {SESSIONS}"));
    assert_eq!(pages.len(), 3);
    assert!(
        pages
            .iter()
            .all(|call| call.form["created[gte]"] == "1799999700"),
        "{pages:?}"
    );
    // Somebody else's page with our number is not ours.
    let alone = order(&gateway.clock, 200);
    let mut foreign = gateway.session_of(&wanted.order_no);
    foreign["id"] = "cs_test_foreign".into();
    foreign["client_reference_id"] = alone.order_no.as_str().into();
    foreign["metadata"] = json!({ "app": "another" });
    gateway.put(foreign);
    let asked = stripe
        .verify_payment(&known(&alone, &gateway.clock, None))
        .await;
    assert!(matches!(asked, Ok(ProviderVerdict::Waiting)), "{asked:?}");
    assert_eq!(
        stripe
            .cancel_payment(&known(&alone, &gateway.clock, None))
            .await,
        Ok(Cancelled::Nothing)
    );
}

#[tokio::test]
async fn inv_p4_a_page_whose_answer_was_lost_is_found_however_busy_the_shop_was_since() {
    let (gateway, stripe) = Gateway::with_client().await;
    let wanted = order(&gateway.clock, 1);
    let created = stripe.create_payment(&wanted).await.expect("a page");
    let key = known(&wanted, &gateway.clock, None);
    // More than anybody looks through, all of them newer.
    let busy = gateway.object(&created.provider_order_id.expect("a number"));
    for number in 0..1_200 {
        let mut other = busy.clone();
        other["id"] = format!("cs_test_busy_{number}").into();
        other["created"] = (gateway.clock.now().seconds() + 7_200).into();
        other["client_reference_id"] = format!("{number:032x}").into();
        gateway.put(other);
    }
    let intent = gateway.pay(&wanted.order_no);
    let verdict = stripe.verify_payment(&key).await;
    assert_eq!(paid(verdict).provider_transaction_id(), intent);
}

#[tokio::test]
async fn inv_p4_closing_says_no_to_what_was_finished_in_between() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let created = stripe.create_payment(&order).await.expect("a page");
    let id = created.provider_order_id.expect("a number");
    let key = known(&order, &gateway.clock, Some(id.clone()));
    let expire = format!("POST {SESSIONS}/{id}/expire");
    // A trouble that is repeated for a day, though nothing was done.
    gateway.will_answer(
        &expire,
        Answer::error(500, "api_error", "").with("idempotent-replayed", "true"),
    );
    assert_eq!(stripe.cancel_payment(&key).await, Ok(Cancelled::Closed));
    let keys: Vec<_> = gateway
        .calls(&expire)
        .into_iter()
        .filter_map(|call| call.key)
        .collect();
    assert_eq!(
        keys,
        [
            format!("session:{id}:expire:1"),
            format!("session:{id}:expire:2")
        ]
    );
    assert_eq!(stripe.close_payment(&key).await, Ok(()));
    let asked = stripe.verify_payment(&key).await;
    assert!(matches!(asked, Ok(ProviderVerdict::Closed)), "{asked:?}");
    // Closed pages are not opened again under their old number.
    let elsewhere = NewOrder {
        return_url: Some("https://shop.example/2".to_owned()),
        ..order.clone()
    };
    assert_eq!(
        code(stripe.create_payment(&elsewhere).await),
        "session_expired"
    );
    // Paid between the look and the no.
    let other = super::gateway::order(&gateway.clock, 2);
    let created = stripe.create_payment(&other).await.expect("a page");
    let id = created.provider_order_id.expect("a number");
    let key = known(&other, &gateway.clock, Some(id.clone()));
    let open = gateway.object(&id);
    gateway.pay(&other.order_no);
    gateway.will_answer(
        &format!("GET {SESSIONS}/{id}"),
        Answer::new(200, &open.to_string()),
    );
    assert_eq!(code(stripe.close_payment(&key).await), "session_complete");
    paid(stripe.verify_payment(&key).await);
}

#[tokio::test]
async fn a_page_needs_an_address_to_come_back_to_and_a_name() {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    let nowhere = NewOrder {
        return_url: None,
        ..order.clone()
    };
    assert_eq!(
        code(stripe.create_payment(&nowhere).await),
        "return_url_missing"
    );
    let name = "line_items[0][price_data][product_data][name]";
    let create = format!("POST {SESSIONS}");
    for (seed, description, told) in [
        (2, "x".repeat(600), "x".repeat(250)),
        (3, "业".repeat(600), "业".repeat(250)),
        (
            4,
            "a\r\nb&mode=setup=\0".to_owned(),
            "a\r\nb&mode=setup=\0".to_owned(),
        ),
    ] {
        let order = NewOrder {
            description,
            ..super::gateway::order(&gateway.clock, seed)
        };
        stripe.create_payment(&order).await.expect("a page");
        let call = gateway.calls(&create).pop().expect("a call");
        assert_eq!(call.form[name], told);
        assert_eq!(call.form["mode"], "payment");
    }
    let unnamed = NewOrder {
        description: " ".to_owned(),
        ..super::gateway::order(&gateway.clock, 5)
    };
    stripe.create_payment(&unnamed).await.expect("a page");
    let call = gateway.calls(&create).pop().expect("a call");
    assert_eq!(call.form[name], unnamed.order_no.as_str());
    // A clock that has gone on changes nothing of what is sent.
    gateway.forget_keys();
    gateway.clock.advance(Duration::from_secs(12));
    let before = gateway.calls(&create);
    stripe.create_payment(&unnamed).await.expect("a page");
    let after = gateway.calls(&create);
    assert_eq!(
        before.last().expect("a call").form,
        after.last().expect("a call").form
    );
    assert_eq!(Currency::USD, unnamed.amount.currency());
}
