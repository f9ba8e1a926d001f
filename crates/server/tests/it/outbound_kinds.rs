//! What is told of keys, quota, plans that give way, and payments with long notes.

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::harness::{App, Buyer, each_engine, until};
use crate::outbound::{Sink, admin, endpoint};
use crate::refunds::{paid, pay, status};

/// What a sink was told: type and data.
fn told(sink: &Sink) -> Vec<(String, Value)> {
    let bodies = sink.calls().into_iter().map(|(_, _, _, body)| {
        let mut body: Value = serde_json::from_str(&body).expect("JSON");
        let kind = body["type"].as_str().expect("a type").to_owned();
        (kind, body["data"].take())
    });
    bodies.collect()
}

fn of<'a>(told: &'a [(String, Value)], kind: &str) -> Vec<&'a Value> {
    let those = told.iter().filter(|(told, _)| told == kind);
    those.map(|(_, data)| data).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_keys_are_told_of_as_the_list_shows_them_and_never_their_text() {
    each_engine(async |app| {
        let (staff, buyer) = (admin(app).await, app.buyer().await);
        let (sink, url) = Sink::open().await;
        endpoint(app, &staff, &url, &["api_key.created", "api_key.revoked"]).await;
        let keys = "/auth/api-keys";
        let wish =
            json!({ "name": "reports", "scopes": [], "allowed_addresses": ["203.0.113.0/24"] });
        let made = app.post(keys, &buyer.token, wish).await;
        let made = made.expect(StatusCode::CREATED);
        let id = made["id"].as_str().expect("an id").to_owned();
        until("made", async || sink.calls().len() == 1).await;
        let list = app.get(keys, &buyer.token).await.expect(StatusCode::OK);
        let list = list["data"].as_array().expect("a list").clone();
        let mut shown = list.into_iter().find(|key| key["id"] == id).expect("it");
        shown["user_id"] = json!(buyer.id);
        assert_eq!(told(&sink), [("api_key.created".to_owned(), shown)]);
        // Exchanged at once, and the new one ended.
        let path = format!("{keys}/{id}/rotate");
        let next = app
            .post(&path, &buyer.token, json!({ "overlap_seconds": 0 }))
            .await;
        let next = next.expect(StatusCode::CREATED);
        let next_id = next["id"].as_str().expect("an id").to_owned();
        let path = format!("{keys}/{next_id}");
        let gone = app.call(Method::DELETE, &path, &buyer.token, None).await;
        assert_eq!(gone.status, 204);
        until("all", async || sink.calls().len() == 4).await;
        let told = told(&sink);
        let revoked = of(&told, "api_key.revoked");
        for (id, key) in [(&id, &made), (&next_id, &next)] {
            let end = revoked
                .iter()
                .find(|data| data["id"] == **id)
                .expect("told");
            assert_eq!(end["is_active"], false);
            let text = key["key"].as_str().expect("a key");
            assert!(sink.calls().iter().all(|call| !call.3.contains(text)));
        }
    })
    .await;
}

async fn free(app: &App, buyer: &Buyer) {
    let free = json!({ "plan_slug": "free" });
    app.post("/payments/subscriptions/subscribe", &buyer.token, free)
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_q1_eighty_and_a_hundred_percent_are_told_once_each_in_a_storm() {
    each_engine(async |app| {
        let (staff, buyer, (sink, url)) = (admin(app).await, app.buyer().await, Sink::open().await);
        endpoint(app, &staff, &url, &["quota.threshold_reached"]).await;
        app.damage("UPDATE plan_meters SET quota_limit = 100 WHERE quota_limit = 10")
            .await;
        free(app, &buyer).await;
        let mut consumers = JoinSet::new();
        for call in 0..120 {
            let request = app.http.post(format!("{}/quota/consume", app.url));
            // Every other call comes twice: the second is a replay and takes nothing.
            let request = request
                .bearer_auth(&buyer.key)
                .header("idempotency-key", format!("call-{}", call / 2 * 2))
                .json(&json!({ "resource_type": "dicom_processing", "cost": 2 }));
            consumers
                .spawn(async move { request.send().await.expect("answered").status().as_u16() });
        }
        let outcomes = consumers.join_all().await;
        assert!(
            outcomes.iter().all(|status| [200, 429].contains(status)),
            "{outcomes:?}"
        );
        until("both", async || sink.calls().len() == 2).await;
        let told = told(&sink);
        let data = of(&told, "quota.threshold_reached");
        for (data, (percent, used)) in data.into_iter().zip([(80, 80), (100, 100)]) {
            assert_eq!(data["threshold"], percent);
            let quota = &data["quota"];
            assert_eq!(
                (&quota["used"], &quota["limit"]),
                (&json!(used), &json!(100))
            );
            assert_eq!(data["user_id"], json!(buyer.id));
        }
        let written = "SELECT COUNT(*) FROM outbox WHERE kind = 'quota.threshold_reached'";
        assert_eq!(app.count(written).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_subscription_that_gives_way_is_told_of_too() {
    each_engine(async |app| {
        let (staff, buyer, (sink, url)) = (admin(app).await, app.buyer().await, Sink::open().await);
        let types = ["subscription.activated", "subscription.changed"];
        endpoint(app, &staff, &url, &types).await;
        free(app, &buyer).await;
        paid(app, &buyer).await;
        until("all three", async || sink.calls().len() == 3).await;
        let told = told(&sink);
        let begun = of(&told, "subscription.activated");
        let changed = of(&told, "subscription.changed");
        assert_eq!((begun.len(), changed.len()), (2, 1), "{told:?}");
        let replaced = changed[0];
        let word = |name: &str| replaced[name].as_str().expect("a text").to_owned();
        assert_eq!(
            (word("status").as_str(), word("state").as_str()),
            ("expired", "replaced")
        );
        assert_ne!(replaced["entitled_until"], Value::Null);
        assert!(begun.iter().any(|data| data["id"] == replaced["id"]));
        assert!(
            begun
                .iter()
                .any(|data| data["id"] != replaced["id"] && data["state"] == "active")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_no_body_is_longer_than_receivers_were_promised() {
    each_engine(async |app| {
        let (staff, buyer, (sink, url)) = (admin(app).await, app.buyer().await, Sink::open().await);
        endpoint(app, &staff, &url, &["payment.completed"]).await;
        for characters in [300, 500] {
            let known = sink.calls().len();
            let mut notes = Map::new();
            for name in 0..50 {
                notes.insert(format!("note-{name}"), json!("n".repeat(characters)));
            }
            let wish = json!({ "amount": "9.90", "currency": "CNY", "payment_method": "alipay",
                "description": "A printed report", "metadata": notes });
            let begun = app.post("/payments/create", &buyer.token, wish).await;
            let id = pay(app, &begun.expect(StatusCode::CREATED)).await;
            until("it is told", async || sink.calls().len() > known).await;
            let (_, _, _, body) = sink.calls().pop().expect("a call");
            assert!(body.len() <= 20_000, "{} bytes", body.len());
            let body: Value = serde_json::from_str(&body).expect("JSON");
            let seen = status(app, &buyer, &id).await;
            assert_eq!(seen["metadata"]["note-0"], "n".repeat(characters));
            if characters == 300 {
                assert_eq!(body["data"], seen);
            } else {
                assert_eq!(body["data"]["metadata"], Value::Null);
                assert_eq!(body["data"]["metadata_left_out"], true);
                assert_eq!(body["data"]["amount"], seen["amount"]);
            }
        }
    })
    .await;
}
