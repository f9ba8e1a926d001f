//! What is sent, how it is signed, and what goes wrong with it to order.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{PAYS, Shop, once, text};

/// As the paper says: `t` once, and one `v1` of several fits.
fn genuine(header: &str, body: &str, secret: &str, now: i64) -> bool {
    let parts: Vec<_> = header
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect();
    let time = parts
        .iter()
        .find(|(name, _)| *name == "t")
        .map(|(_, value)| *value);
    let time: i64 = time.and_then(|time| time.parse().ok()).expect("a time");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let wanted = hex::encode(hmac::sign(&key, format!("{time}.{body}").as_bytes()));
    let fits = parts
        .iter()
        .any(|(name, value)| *name == "v1" && *value == wanted);
    fits && (now - time).abs() <= 300
}

impl Shop {
    fn is_genuine(&self, (header, body): &(String, String)) -> bool {
        let secret = self.bench.sandbox.stripe_merchant().webhook_secret;
        genuine(header, body, &secret, self.bench.clock.now().seconds())
    }

    /// A payment under this fault; gives what arrives of it.
    async fn under(&self, kind: &str, more: Value) -> Vec<(String, String)> {
        self.fault(kind, more).await;
        self.sold(&once(kind)).await;
        self.arrived().await
    }
}

fn event(told: &(String, String)) -> Value {
    serde_json::from_str(&told.1).expect("JSON")
}

fn kinds(told: &[(String, String)]) -> Vec<String> {
    told.iter().map(|one| text(&event(one)["type"])).collect()
}

/// Of a single payment, in its order.
const PAID: [&str; 3] = [
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
];

#[tokio::test]
async fn each_event_is_signed_and_sent_until_it_is_taken() {
    let shop = Shop::open().await;
    shop.answers(503);
    shop.sold(&once("o")).await;
    let first = shop.arrived().await;
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|told| shop.is_genuine(told)));
    let mut events = first.iter().map(event);
    let whole = events.find(|event| event["type"] == PAID[2]).expect("it");
    assert_eq!(
        (&whole["object"], &whole["livemode"]),
        (&json!("event"), &json!(false))
    );
    assert_eq!(whole["data"]["object"]["object"], "checkout.session");
    assert!(shop.arrived().await.is_empty());
    for wait in [600, 3_600, 3 * 3_600] {
        shop.wait(wait - 1);
        assert!(shop.arrived().await.is_empty());
        shop.wait(1);
        let again = shop.arrived().await;
        assert_eq!(again.len(), 3);
        assert!(
            again.iter().all(|told| shop.is_genuine(told)),
            "signed anew at each send"
        );
    }
    shop.days(3);
    assert!(
        shop.arrived().await.is_empty(),
        "three repeats, and no more"
    );
    shop.answers(204);
    shop.sold(&once("p")).await;
    assert_eq!(shop.arrived().await.len(), 3);
    shop.days(1);
    assert!(shop.arrived().await.is_empty());
}

#[tokio::test]
async fn webhooks_are_lost_doubled_late_or_in_reverse() {
    let shop = Shop::open().await;
    assert!(shop.under("callback_lost", json!({})).await.is_empty());
    let events = shop.get("events?type=checkout.session.completed").await;
    assert_eq!(
        events["data"].as_array().map(Vec::len),
        Some(1),
        "the list has it all the same"
    );
    assert_eq!(shop.under("callback_twice", json!({})).await.len(), 6);
    assert_eq!(shop.under("callback_x50", json!({})).await.len(), 150);
    let reversed = kinds(&shop.under("callback_reordered", json!({})).await);
    let wanted: Vec<_> = PAID.iter().rev().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(reversed, wanted);
    let more = json!({ "argument": "60", "method": "checkout.session.completed" });
    let now = kinds(&shop.under("callback_late", more).await);
    assert_eq!(now.len(), 2, "{now:?}");
    shop.wait(60);
    assert_eq!(kinds(&shop.arrived().await), ["checkout.session.completed"]);
    // It was ordered for another order.
    let none = shop
        .under("callback_lost", json!({ "order": "another" }))
        .await;
    assert_eq!(none.len(), 3);
}

#[tokio::test]
async fn a_forged_or_stale_webhook_comes_first_and_only_once() {
    let shop = Shop::open().await;
    for kind in ["callback_forged", "stale_callback"] {
        shop.answers(401);
        let told = shop
            .under(kind, json!({ "method": "checkout.session.completed" }))
            .await;
        let sessions: Vec<_> = told
            .iter()
            .filter(|told| event(told)["type"] == "checkout.session.completed")
            .collect();
        assert_eq!(sessions.len(), 2, "{kind}");
        assert!(
            !shop.is_genuine(sessions[0]) && shop.is_genuine(sessions[1]),
            "{kind}"
        );
        shop.answers(200);
        shop.wait(600);
        let again = shop.arrived().await;
        assert!(again.iter().all(|told| shop.is_genuine(told)), "{kind}");
    }
}

#[tokio::test]
async fn several_signatures_of_which_one_fits() {
    let shop = Shop::open().await;
    for told in shop.under("several_signatures", json!({})).await {
        assert_eq!(told.0.matches("v1=").count(), 2);
        assert!(told.0.contains(",v0="));
        assert!(shop.is_genuine(&told));
    }
}

#[tokio::test]
async fn while_the_secret_is_rolled_both_sign() {
    let shop = Shop::open().await;
    let told = shop.under("key_changed", json!({})).await;
    assert!(
        told.iter()
            .all(|told| told.0.matches("v1=").count() == 2 && shop.is_genuine(told))
    );
    let file = shop
        .bench
        .folder
        .path()
        .join("sandbox.stripe/webhookSecret");
    let before = std::fs::read_to_string(&file).expect("a file");
    shop.days(1);
    shop.sold(&once("o")).await;
    assert!(
        shop.arrived()
            .await
            .iter()
            .all(|told| !shop.is_genuine(told))
    );
    let Shop { bench, hooks } = shop;
    let bench = bench.restart().await;
    let shop = Shop { bench, hooks };
    assert_ne!(std::fs::read_to_string(&file).expect("a file"), before);
    shop.sold(&once("p")).await;
    let told = shop.arrived().await;
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| shop.is_genuine(told)));
}

#[tokio::test]
async fn webhooks_of_another_mode_account_version_or_api() {
    let shop = Shop::open().await;
    for told in shop.under("other_livemode", json!({})).await {
        assert_eq!(event(&told)["livemode"], true);
        assert!(shop.is_genuine(&told));
    }
    for told in shop.under("wrong_merchant", json!({})).await {
        assert!(event(&told)["account"].is_string());
    }
    for told in shop.under("other_version", json!({})).await {
        let event = event(&told);
        assert_eq!(event["api_version"], "2019-02-19");
        assert_eq!(
            event["data"]["object"]
                .as_object()
                .map(serde_json::Map::len),
            Some(2)
        );
    }
    let more = json!({ "method": "charge.succeeded" });
    let told = shop.under("thin_event", more).await;
    let thin = |told: &&(String, String)| event(told)["object"] == "v2.core.event";
    assert_eq!(told.iter().filter(thin).count(), 1, "{told:?}");
    assert_eq!(told.len(), 4);
}

#[tokio::test]
async fn another_application_sells_under_our_number() {
    let shop = Shop::open().await;
    let told = shop.under("foreign_object", json!({})).await;
    assert_eq!(told.len(), 4);
    let strangers: Vec<_> = told
        .iter()
        .map(event)
        .filter(|event| event["data"]["object"]["object"] == "checkout.session")
        .filter(|event| event["data"]["object"]["metadata"] == json!({}))
        .collect();
    assert_eq!(strangers.len(), 1);
    let stranger = &strangers[0]["data"]["object"];
    assert_eq!(stranger["client_reference_id"], "foreign_object");
    let known = shop.session(&text(&stranger["id"])).await;
    assert_eq!(known["payment_status"], "paid");
    // The order's own page is still the own one.
    let (status, own) = shop.hand("foreign_object", json!({ "number": PAYS })).await;
    assert_eq!(status, 409);
    assert_ne!(own["id"], stranger["id"]);
}

#[tokio::test]
async fn webhooks_go_to_this_machine_only() {
    let shop = Shop::open().await;
    for url in ["http://10.0.0.1/x", "ftp://127.0.0.1/", "x", ""] {
        let refused = shop.desk("webhook-endpoint", json!({ "url": url })).await;
        assert_eq!(refused.status, 422, "{url}");
    }
    let elsewhere = json!({ "url": "http://127.0.0.1:9/x" });
    assert_eq!(shop.desk("webhook-endpoint", elsewhere).await.status, 200);
    shop.sold(&once("o")).await;
    assert!(shop.arrived().await.is_empty());
}
