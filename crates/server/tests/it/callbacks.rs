//! What is kept of callbacks, what staff see of it, and how a kept one is replayed (P1, P3, F16).

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_storage::in_tx;
use tollgate_storage::testing::Engine;

use crate::harness::{Answer, App, Buyer, Pen, each_engine, until};
use crate::refunds::finance;

const CALLS: &str = "SELECT COUNT(*) FROM webhook_calls";
const GRANTS: &str = "SELECT COUNT(*) FROM ledger_postings";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";

async fn events(app: &App, staff: &Buyer, query: &str) -> Vec<Value> {
    let path = format!("/admin/webhook-events{query}");
    let page = app.get(&path, &staff.token).await.expect(StatusCode::OK);
    page["data"].as_array().expect("a list").clone()
}

async fn event(app: &App, staff: &Buyer, event: &Value) -> Value {
    let id = event["id"].as_str().expect("an id");
    let path = format!("/admin/webhook-events/{id}");
    app.get(&path, &staff.token).await.expect(StatusCode::OK)
}

async fn replay(app: &App, staff: &Buyer, event: &Value) -> Answer {
    let id = event["id"].as_str().expect("an id");
    let path = format!("/admin/webhook-events/{id}/replay");
    app.call(Method::POST, &path, &staff.token, None).await
}

/// Puts other bytes into the only call that is kept.
async fn rewrite(app: &App, body: &str) {
    let mut tx = app.db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(
        "UPDATE webhook_calls SET body = $1"
    )
    .bind(body.as_bytes())
    .execute(c)
    .await
    .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_every_call_to_the_byte() {
    each_engine(async |app| {
        let (buyer, staff, pen) = (app.buyer().await, finance(app).await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        let url = format!("{}/payments/webhooks/alipay", app.url);
        let sent = app.http.post(&url).body(notice.clone());
        let sent = sent
            .header("x-note", "a: b")
            .header("cookie", "session=secret");
        assert_eq!(
            sent.send().await.expect("answered").status(),
            StatusCode::OK
        );
        assert_eq!(
            app.notify(notice.clone()).await,
            (200, "success".to_owned())
        );
        let broken = [b"sign=x&\xFF=1".as_slice(), b"&%zz"].concat();
        let refused = app.http.post(&url).body(broken.clone()).send().await;
        assert_eq!(refused.expect("answered").status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            app.notify("app_id=1&sign=AAAA".to_owned()).await,
            (401, "failure".to_owned())
        );

        let all = events(app, &staff, "").await;
        let verdicts: Vec<_> = all.iter().map(|call| call["verdict"].clone()).collect();
        assert_eq!(verdicts, ["forged", "unreadable", "verified", "verified"]);
        for (query, count) in [
            ("?verdict=verified", 2),
            ("?provider=alipay&limit=3", 3),
            ("?provider=stripe", 0),
            ("?from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z", 0),
            ("?from=2001-01-01T00:00:00Z", 4),
            ("?to=2001-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(events(app, &staff, query).await.len(), count, "{query}");
        }
        let cursor = all[1]["id"].as_str().expect("an id");
        let rest = events(app, &staff, &format!("?starting_after={cursor}")).await;
        assert_eq!(rest, &all[2..]);
        for bad in [
            "?limit=0",
            "?limit=101",
            "?verdict=good",
            "?provider=cash",
            "?from=now",
        ] {
            let path = format!("/admin/webhook-events{bad}");
            app.get(&path, &staff.token)
                .await
                .refused(422, "validation_failed");
        }

        // Both deliveries name the payment and what the event came to.
        for call in &all[2..] {
            assert_eq!(call["transaction_id"], order["transaction"]["id"]);
            assert_eq!(
                (&call["outcome"], &call["reply_status"]),
                (&json!("paid"), &json!(200))
            );
        }
        let first = event(app, &staff, &all[3]).await;
        assert_eq!(first["body_text"], notice);
        assert_eq!(first["body_base64"], BASE64_STANDARD.encode(&notice));
        let headers = first["headers"].as_array().expect("headers");
        assert!(
            headers.contains(&json!({ "name": "x-note", "value": "a: b" })),
            "{headers:?}"
        );
        assert!(!first.to_string().contains("secret"), "{first}");
        let unreadable = event(app, &staff, &all[1]).await;
        assert_eq!(unreadable["body_base64"], BASE64_STANDARD.encode(&broken));
        assert!(unreadable["body_text"].is_null() && unreadable["transaction_id"].is_null());
        let nobody = "/admin/webhook-events/0198a000-0000-7000-8000-000000000000";
        app.get(nobody, &staff.token)
            .await
            .refused(404, "not_found");
        let path = format!("{nobody}/replay");
        app.call(Method::POST, &path, &staff.token, None)
            .await
            .refused(404, "not_found");
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_a_replay_never_grants_twice_and_is_written_down() {
    each_engine(async |app| {
        let (buyer, staff, pen) = (app.buyer().await, finance(app).await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        app.notify(pen.sign(&pen.paid(&order))).await;
        let granted = app.count(GRANTS).await;
        let kept = events(app, &staff, "").await;
        for number in 1..=3 {
            let again = replay(app, &staff, &kept[0]).await.expect(StatusCode::OK);
            assert_eq!(
                (
                    &again["verdict"],
                    &again["replay_of"],
                    &again["transaction_id"]
                ),
                (
                    &json!("verified"),
                    &kept[0]["id"],
                    &order["transaction"]["id"]
                )
            );
            assert_eq!(app.count(CALLS).await, 1 + number);
        }
        assert_eq!(
            (app.count(LIVE).await, app.count(GRANTS).await),
            (1, granted)
        );
        let one_month = "SELECT COUNT(*) FROM subscriptions WHERE version = 1";
        assert_eq!(app.count(one_month).await, 1);
        let written = "SELECT COUNT(*) FROM audit_log WHERE action = 'webhook_event.replayed'
            AND actor_kind = 'user' AND after LIKE '%\"applied\":false%'";
        assert_eq!(app.count(written).await, 3);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_a_forged_call_stays_refused_until_its_key_is_the_right_one_and_then_counts_once() {
    each_engine(async |app| {
        let (buyer, staff, pen) = (app.buyer().await, finance(app).await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        app.notify(notice.replace("TRADE_SUCCESS", "TRADE_FINISHED"))
            .await;
        let kept = events(app, &staff, "").await;
        for _ in 0..2 {
            let again = replay(app, &staff, &kept[0]).await.expect(StatusCode::OK);
            assert_eq!(
                (&again["verdict"], &again["reply_status"], &again["outcome"]),
                (&json!("forged"), &json!(401), &Value::Null)
            );
        }
        assert_eq!((app.count(LIVE).await, app.count(GRANTS).await), (0, 0));
        // As if it had been refused because of a wrong key of ours: the bytes are genuine.
        rewrite(app, &notice).await;
        let mut rivals = JoinSet::new();
        for _ in 0..20 {
            let id = kept[0]["id"].as_str().expect("an id");
            let url = format!("{}/admin/webhook-events/{id}/replay", app.url);
            let call = app.http.post(url).bearer_auth(&staff.token);
            rivals.spawn(async move { call.send().await.expect("answered").status() });
        }
        assert!(
            rivals
                .join_all()
                .await
                .iter()
                .all(|status| *status == StatusCode::OK)
        );
        assert_eq!(app.count(LIVE).await, 1);
        let applied = "SELECT COUNT(*) FROM audit_log WHERE after LIKE '%\"applied\":true%'";
        assert_eq!(app.count(applied).await, 1);
        assert_eq!(app.notify(notice).await, (200, "success".to_owned()));
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_inbox").await, 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_the_bytes_are_forgotten_after_90_days_and_the_event_never() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        assert_eq!(
            app.notify(notice.clone()).await,
            (200, "success".to_owned())
        );
        let granted = app.count(GRANTS).await;
        let day = Duration::from_hours(24);
        app.clock.advance(89 * day);
        app.payment.tick().await.expect("works");
        assert_eq!(app.count(CALLS).await, 1);
        app.clock.advance(2 * day);
        app.payment.tick().await.expect("works");
        assert_eq!(app.count(CALLS).await, 0);
        assert_eq!(app.notify(notice).await, (200, "success".to_owned()));
        assert_eq!(
            (app.count(CALLS).await, app.count(GRANTS).await),
            (1, granted)
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_inbox").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f16_a_provider_is_answered_in_its_time_whatever_holds_the_database() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        // Somebody else holds the order's row (SQLite: the writer).
        let mut holder = app.db.begin().await.expect("begins");
        in_tx!(&mut holder, |c| sqlx::query(
            "UPDATE payment_transactions SET description = description"
        )
        .execute(c)
        .await
        .map(|_| ()))
        .expect("held");
        let begun = Instant::now();
        assert_eq!(
            app.notify(notice.clone()).await,
            (503, "failure".to_owned())
        );
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        drop(holder);
        // On PostgreSQL the work goes on by itself; the provider sends it again in any case.
        if app.engine == Engine::Postgres {
            until("the order is paid", async || app.count(LIVE).await == 1).await;
            let told = "SELECT COUNT(*) FROM webhook_calls WHERE reply_status = 503";
            assert_eq!(app.count(told).await, 1);
        }
        until("it is taken", async || {
            app.notify(notice.clone()).await.0 == 200
        })
        .await;
        assert_eq!(app.count(LIVE).await, 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_call_that_our_rows_forbid_is_kept_and_asked_for_again() {
    each_engine(async |app| {
        let (buyer, staff, pen) = (app.buyer().await, finance(app).await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        let notice = pen.sign(&pen.paid(&order));
        app.damage("UPDATE payment_transactions SET payment_method = 'cash'")
            .await;
        assert_eq!(
            app.notify(notice.clone()).await,
            (503, "failure".to_owned())
        );
        let kept = events(app, &staff, "").await;
        assert_eq!(kept.len(), 1);
        assert_eq!(
            (
                &kept[0]["verdict"],
                &kept[0]["reply_status"],
                &kept[0]["outcome"]
            ),
            (&json!("verified"), &json!(503), &Value::Null)
        );
        app.damage("UPDATE payment_transactions SET payment_method = 'alipay'")
            .await;
        let again = replay(app, &staff, &kept[0]).await.expect(StatusCode::OK);
        assert_eq!(again["outcome"], "paid");
        assert_eq!(app.count(LIVE).await, 1);
        app.balance().await;
    })
    .await;
}
