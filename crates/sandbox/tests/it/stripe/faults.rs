//! What goes wrong to order around a call and at the buyer's hand.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PAYS, Shop, monthly, once, text};

const CREATE: &str = "checkout.sessions.create";

impl Shop {
    async fn count(&self) -> usize {
        let list = self.get("checkout/sessions?limit=100").await;
        list["data"].as_array().map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn faults_are_ordered_listed_and_ended() {
    let shop = Shop::open().await;
    shop.fault(
        "busy",
        json!({ "times": 3, "method": CREATE, "order": "o", "argument": "503" }),
    )
    .await;
    let list = shop.get_json("faults").await;
    assert_eq!(list["data"][0]["remaining"], 3);
    assert!(
        list["kinds"]
            .as_array()
            .is_some_and(|kinds| kinds.len() > 25)
    );
    for wrong in [
        json!({ "kind": "none" }),
        json!({ "kind": "busy", "times": 0 }),
        json!({ "kind": "busy", "method": "refunds.burn" }),
    ] {
        assert_eq!(
            shop.desk("faults", wrong.clone()).await.status,
            422,
            "{wrong}"
        );
    }
    let other = shop.post("checkout/sessions", &once("p")).await;
    assert_eq!(other.status, 200, "another order");
    assert_eq!(shop.post("checkout/sessions", &once("o")).await.status, 503);
    let ended = shop
        .send(shop.bench.client.delete(shop.url("faults")))
        .await;
    assert_eq!(ended.status, 204);
    assert_eq!(shop.post("checkout/sessions", &once("o")).await.status, 200);
}

#[tokio::test]
async fn an_answer_is_lost_or_broken_and_the_repeat_finds_what_was_done() {
    let shop = Shop::open().await;
    for (at, (kind, status)) in [
        ("answer_lost", 504),
        ("broken_answer", 200),
        ("huge_body", 200),
    ]
    .into_iter()
    .enumerate()
    {
        shop.fault(kind, json!({ "method": CREATE })).await;
        let lost = shop.keyed("checkout/sessions", &once(kind), kind).await;
        assert_eq!(lost.status, status, "{kind}");
        let whole = kind == "huge_body";
        assert_eq!(lost.value["id"].is_string(), whole, "{kind}");
        assert_eq!(lost.text.len() > 12_000_000, whole);
        assert_eq!(shop.count().await, at + 1, "it was done");
        let again = shop.keyed("checkout/sessions", &once(kind), kind).await;
        assert!(again.status == 200 && again.replayed, "{kind}");
        assert_eq!(shop.count().await, at + 1, "and only once");
    }
}

#[tokio::test]
async fn nothing_is_done_and_the_key_is_free() {
    let shop = Shop::open().await;
    for (kind, more, status) in [
        ("busy", json!({}), 429),
        ("busy", json!({ "argument": "500" }), 500),
        ("server_error", json!({}), 502),
        (
            "refused",
            json!({ "argument": "balance_insufficient" }),
            400,
        ),
    ] {
        shop.fault(kind, more).await;
        let refused = shop.keyed("checkout/sessions", &once("o"), "k").await;
        assert_eq!(refused.status, status, "{kind}");
        let code = match status {
            429 => "rate_limit",
            400 => "balance_insufficient",
            _ => "",
        };
        assert_eq!(refused.code(), code);
        assert_eq!(shop.count().await, 0, "{kind}");
    }
    let done = shop.keyed("checkout/sessions", &once("o"), "k").await;
    assert!(done.status == 200 && !done.replayed);
}

#[tokio::test]
async fn a_key_remembers_that_stripe_was_in_trouble() {
    let shop = Shop::open().await;
    for (kind, count) in [("stored_error", 0), ("done_error", 1)] {
        shop.fault(kind, json!({})).await;
        for replayed in [false, true, true] {
            let answer = shop.keyed("checkout/sessions", &once(kind), kind).await;
            assert_eq!((answer.status, answer.replayed), (500, replayed), "{kind}");
            assert_eq!(answer.value["error"]["type"], "api_error");
        }
        assert_eq!(shop.count().await, count, "{kind}");
    }
}

#[tokio::test]
async fn a_read_goes_wrong_too() {
    let shop = Shop::open().await;
    let id = shop.page(&once("o")).await;
    shop.fault(
        "answer_lost",
        json!({ "method": "checkout.sessions.retrieve", "order": "o" }),
    )
    .await;
    let path = format!("checkout/sessions/{id}");
    assert_eq!(
        shop.send(shop.request(Method::GET, &path)).await.status,
        504
    );
    assert_eq!(shop.session(&id).await["status"], "open");
}

#[tokio::test]
async fn a_session_is_complete_before_its_money_comes() {
    for (kind, status, event) in [
        (
            "completed_unpaid",
            "paid",
            "checkout.session.async_payment_succeeded",
        ),
        (
            "completed_failed",
            "unpaid",
            "checkout.session.async_payment_failed",
        ),
    ] {
        let shop = Shop::open().await;
        shop.fault(kind, json!({ "times": 2, "argument": "60" }))
            .await;
        let single = shop.sold(&once("a")).await;
        let month = shop.sold(&monthly("b")).await;
        for session in [&single, &month] {
            assert_eq!(
                (&session["status"], &session["payment_status"]),
                (&json!("complete"), &json!("unpaid"))
            );
        }
        let subscription = format!("subscriptions/{}", text(&month["subscription"]));
        assert_eq!(shop.get(&subscription).await["status"], "incomplete");
        let intent = format!("payment_intents/{}", text(&single["payment_intent"]));
        assert_eq!(shop.get(&intent).await["status"], "processing");
        let books = shop.bench.sandbox.stripe_books().await.expect("books");
        assert!(books.data.is_empty());
        let told = shop.told().await;
        assert_eq!(
            told.iter()
                .filter(|kind| *kind == "checkout.session.completed")
                .count(),
            2
        );
        shop.wait(60);
        let told = shop.told().await;
        assert_eq!(
            told.iter().filter(|kind| *kind == event).count(),
            2,
            "{told:?}"
        );
        for session in [&single, &month] {
            let session = shop.session(&text(&session["id"])).await;
            assert_eq!(session["payment_status"], status, "{kind}");
        }
        let paid = kind == "completed_unpaid";
        let wanted = if paid { "active" } else { "incomplete_expired" };
        assert_eq!(shop.get(&subscription).await["status"], wanted);
        let wanted = if paid {
            "succeeded"
        } else {
            "requires_payment_method"
        };
        assert_eq!(shop.get(&intent).await["status"], wanted);
        let books = shop.bench.sandbox.stripe_books().await.expect("books");
        assert_eq!(books.data.len(), if paid { 2 } else { 0 });
    }
}

#[tokio::test]
async fn the_buyer_pays_something_else_too_late_or_twice() {
    let shop = Shop::open().await;
    shop.fault("wrong_amount", json!({ "times": 2, "argument": "7" }))
        .await;
    for form in [once("a"), monthly("b")] {
        let sold = shop.sold(&form).await;
        assert_eq!(sold["amount_total"], 7);
    }
    let bills = shop.get("invoices").await;
    assert_eq!(bills["data"][0]["amount_paid"], 7);
    let late = shop.page(&once("late")).await;
    shop.days(1);
    assert_eq!(shop.hand(&late, json!({ "number": PAYS })).await.0, 409);
    shop.fault("pay_after_close", json!({ "order": "late" }))
        .await;
    assert_eq!(shop.card(&late, PAYS).await["status"], "complete");
    shop.fault("pay_twice", json!({ "times": 2 })).await;
    for (order_no, form) in [("twice", once("twice")), ("months", monthly("months"))] {
        shop.arrived().await;
        shop.sold(&form).await;
        let list = shop
            .get("checkout/sessions?status=complete&limit=100")
            .await;
        let all = list["data"].as_array().expect("data");
        let paid: Vec<&Value> = all
            .iter()
            .filter(|one| one["client_reference_id"] == order_no)
            .collect();
        assert_eq!(paid.len(), 2, "{order_no}");
        let money = |one: &Value| (one["payment_intent"].clone(), one["invoice"].clone());
        assert_ne!(money(paid[0]), money(paid[1]));
        assert!(paid.iter().all(|one| one["metadata"]["app"] == "shop"));
        let told = shop.told().await;
        assert_eq!(
            told.iter()
                .filter(|kind| *kind == "checkout.session.completed")
                .count(),
            2
        );
    }
}
