//! From the order to the subscription.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Pen, each_engine, each_engine_with, until};

const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const OPEN_ORDERS: &str =
    "SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending')";

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_becomes_a_subscription_by_its_callback() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        assert!(order["subscription"].is_null(), "{order}");
        assert_eq!(order["transaction"]["amount"], "99.00");
        assert_eq!(order["transaction"]["livemode"], false);
        app.get("/payments/subscriptions/current", &buyer.token)
            .await
            .refused(404, "no_subscription");

        let code = order["payment"]["qr_content"].as_str().expect("a code");
        let code = code.rsplit('/').next().expect("its end");
        let phone = app
            .http
            .post(format!("{}/sandbox/pay/{code}/pay", app.url))
            .header("accept", "application/json");
        assert_eq!(phone.send().await.expect("paid").status(), StatusCode::OK);
        let id = order["transaction"]["id"].as_str().expect("an id");
        let status = app
            .get(&format!("/payments/status/{id}?wait=10"), &buyer.token)
            .await
            .expect(StatusCode::OK);
        assert_eq!(status["status"], "completed", "{status}");
        let current = app
            .get("/payments/subscriptions/current", &buyer.key)
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&current["status"], &current["quota_remaining"]),
            (&json!("active"), &json!(1_000))
        );
        assert_eq!(current["id"], status["subscription_id"]);
        // Nobody else's.
        let other = app.buyer().await;
        app.get(&format!("/payments/status/{id}"), &other.token)
            .await
            .refused(404, "not_found");
        let verified = app
            .get("/auth/verify", &buyer.key)
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&verified["plan"], &verified["quota"]["limit"]),
            (&json!("pro"), &json!(1_000))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_the_same_notice_50_times_in_parallel_activates_once() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        let notice = pen.sign(&pen.paid(&order));
        let mut deliveries = JoinSet::new();
        for _ in 0..50 {
            let (http, url, notice) = (app.http.clone(), app.url.clone(), notice.clone());
            deliveries.spawn(async move {
                let answer = http
                    .post(format!("{url}/payments/webhooks/alipay"))
                    .body(notice)
                    .send()
                    .await
                    .expect("answered");
                (answer.status().as_u16(), answer.text().await.expect("text"))
            });
        }
        for reply in deliveries.join_all().await {
            assert_eq!(reply, (200, "success".to_owned()));
        }
        assert_eq!(app.count(LIVE).await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_inbox").await, 1);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'verified'")
                .await,
            50
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM suspense").await, 0);
        // The same money under another notice's id, and a later word about it, change nothing.
        for (id, word) in [
            ("n2", "TRADE_SUCCESS"),
            ("n3", "TRADE_FINISHED"),
            ("n4", "TRADE_CLOSED"),
        ] {
            let mut fields = pen.paid(&order);
            fields.insert("notify_id", id.to_owned());
            fields.insert("trade_status", word.to_owned());
            assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
        }
        let one_month = "SELECT COUNT(*) FROM subscriptions WHERE version = 1";
        assert_eq!((app.count(LIVE).await, app.count(one_month).await), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_one_changed_fact_grants_nothing() {
    each_engine(async |app| {
        let pen = Pen::of(app).await;
        // Amount: the notice says less; currency, rail and mode: the order says otherwise.
        let cases: [(&str, Option<&'static str>); 4] = [
            ("amount", None),
            ("currency", Some("UPDATE payment_transactions SET currency = 'USD' WHERE state = 'pending'")),
            ("rail", Some("UPDATE payment_transactions SET payment_method = 'wechat' WHERE state = 'pending'")),
            ("environment", Some("UPDATE payment_transactions SET livemode = (1 = 1) WHERE state = 'pending'")),
        ];
        for (cause, damage) in cases {
            let buyer = app.buyer().await;
            let order = app.order(&buyer).await;
            let mut fields = pen.paid(&order);
            match damage {
                Some(statement) => app.damage(statement).await,
                None => drop(fields.insert("total_amount", "0.01".to_owned())),
            }
            assert_eq!(app.notify(pen.sign(&fields)).await, (200, "success".to_owned()), "{cause}");
            app.get("/payments/subscriptions/current", &buyer.token).await.refused(404, "no_subscription");
            app.damage("UPDATE payment_transactions SET state = 'failed', status = 'failed' WHERE state = 'pending'").await;
        }
        for statement in [
            "SELECT COUNT(*) FROM suspense WHERE cause = 'amount' AND amount = 1",
            "SELECT COUNT(*) FROM suspense WHERE cause = 'currency' AND amount = 9900",
            "SELECT COUNT(*) FROM suspense WHERE cause = 'rail'",
            "SELECT COUNT(*) FROM suspense WHERE cause = 'environment'",
        ] {
            assert_eq!(app.count(statement).await, 1, "{statement}");
        }
        // Another application or merchant: not our money, refused, nothing booked.
        for (name, value) in [("app_id", "2021999999999999"), ("seller_id", "2088999999999999")] {
            let buyer = app.buyer().await;
            let order = app.order(&buyer).await;
            let mut fields = pen.paid(&order);
            fields.insert(name, value.to_owned());
            assert_eq!(app.notify(pen.sign(&fields)).await, (403, "failure".to_owned()), "{name}");
            app.get("/payments/subscriptions/current", &buyer.token).await.refused(404, "no_subscription");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM suspense").await, 4);
        assert_eq!(app.count(LIVE).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_nothing_but_verified_money_activates() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        let genuine = pen.sign(&pen.paid(&order));
        let unsigned = genuine
            .split("&sign_type=")
            .next()
            .expect("a part")
            .to_owned();
        let forgeries = [
            unsigned.clone(),
            format!("{unsigned}&sign_type=RSA2&sign="),
            genuine.replace("sign_type=RSA2", "sign_type=RSA"),
            genuine.replace("99.00", "0.01"),
            genuine.replace("&trade_no=2026", "&trade_no=2027"),
        ];
        for forged in forgeries {
            assert_eq!(
                app.notify(forged.clone()).await,
                (401, "failure".to_owned()),
                "{forged}"
            );
        }
        assert_eq!(app.notify(String::new()).await.0, 401);
        assert_eq!(
            app.notify("%zz=%".to_owned()).await,
            (400, "failure".to_owned())
        );
        // A waiting, a closed and a refunded trade are genuine, and grant nothing.
        for (id, name, value) in [
            ("w", "trade_status", "WAIT_BUYER_PAY"),
            ("c", "trade_status", "TRADE_CLOSED"),
            ("r", "refund_fee", "99.00"),
        ] {
            let mut fields = pen.paid(&order);
            fields.insert("notify_id", id.to_owned());
            fields.insert(name, value.to_owned());
            assert_eq!(
                app.notify(pen.sign(&fields)).await,
                (200, "success".to_owned())
            );
        }
        app.get("/payments/subscriptions/current", &buyer.token)
            .await
            .refused(404, "no_subscription");
        // A browser that comes back proves nothing.
        let checkout = order["payment"]["checkout_url"].as_str().expect("a page");
        let path = checkout
            .find("/checkout")
            .map(|at| &checkout[at..])
            .expect("a path");
        assert_eq!(
            app.get(&format!("{path}?trade_status=TRADE_SUCCESS"), "")
                .await
                .status,
            200
        );
        assert_eq!(app.count(LIVE).await, 0);
        assert_eq!(app.notify(genuine).await, (200, "success".to_owned()));
        assert_eq!(app.count(LIVE).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p4_money_after_the_end_of_an_order_still_counts() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        app.damage("UPDATE payment_transactions SET state = 'failed', status = 'failed', failure_code = 'expired'").await;
        let pen = Pen::of(app).await;
        assert_eq!(app.notify(pen.sign(&pen.paid(&order))).await, (200, "success".to_owned()));
        let current = app.get("/payments/subscriptions/current", &buyer.token).await.expect(StatusCode::OK);
        assert_eq!(current["status"], "active");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_a_lost_callback_is_made_up_for_by_a_question() {
    // Callbacks go to an address where nobody listens.
    each_engine_with(&[("PUBLIC_URL", "http://localhost:9")], async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let code = order["payment"]["qr_content"]
            .as_str()
            .and_then(|code| code.rsplit('/').next())
            .expect("a code");
        let phone = app
            .http
            .post(format!("{}/sandbox/pay/{code}/pay", app.url))
            .header("accept", "application/json");
        assert_eq!(phone.send().await.expect("paid").status(), StatusCode::OK);
        app.clock.advance(Duration::from_secs(6));
        until("the reconciler's question", async || {
            app.count(LIVE).await == 1
        })
        .await;
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_calls").await, 0);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM payment_attempts WHERE state = 'intent'")
                .await,
            0
        );
        let current = app
            .get("/payments/subscriptions/current", &buyer.token)
            .await
            .expect(StatusCode::OK);
        assert_eq!(current["plan"]["slug"], "pro");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_a_second_payment_of_one_order_is_kept_for_the_operator() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        assert_eq!(app.notify(pen.sign(&pen.paid(&order))).await.1, "success");
        let mut second = pen.paid(&order);
        second.insert("notify_id", "second".to_owned());
        second.insert("trade_no", "2026000000000000000000000002".to_owned());
        assert_eq!(app.notify(pen.sign(&second)).await.1, "success");
        assert_eq!(
            app.count("SELECT COUNT(*) FROM suspense WHERE cause = 'surplus'")
                .await,
            1
        );
        assert_eq!(
            app.count("SELECT COUNT(*) FROM subscriptions WHERE version = 1")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p9_line_33_the_price_is_ours() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let wish = |extra: Value| {
            let mut body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
            body.as_object_mut()
                .expect("an object")
                .extend(extra.as_object().expect("an object").clone());
            body
        };
        for wrong in [
            json!({ "amount": "0.01" }),
            json!({ "amount": 0.01 }),
            json!({ "amount_minor": 1 }),
            json!({ "price": "98.00" }),
            json!({ "price_minor": 9_901 }),
            json!({ "amount": "99.00", "amount_minor": 1 }),
            json!({ "amount": "99.0" }),
            json!({ "amount": "99.00", "currency": "USD" }),
        ] {
            let answer = app
                .post(
                    "/payments/subscriptions/subscribe",
                    &buyer.token,
                    wish(wrong),
                )
                .await;
            answer.refused(422, "amount_mismatch");
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM payment_transactions").await,
            0
        );
        let right = wish(json!({ "amount": "99.00", "amount_minor": 9_900, "currency": "CNY" }));
        let order = app
            .post("/payments/subscriptions/subscribe", &buyer.token, right)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(order["transaction"]["amount_minor"], 9_900);
        // A free plan takes its own way and never reaches a provider.
        let other = app.buyer().await;
        let free = json!({ "plan_slug": "free" });
        let had = app
            .post("/payments/subscriptions/subscribe", &other.token, free)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(
            (&had["transaction"], &had["payment"]["kind"]),
            (&Value::Null, &json!("none"))
        );
        assert_eq!(had["subscription"]["status"], "active");
        assert_eq!(app.count("SELECT COUNT(*) FROM payment_attempts").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_clicks_are_one_order() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut clicks = JoinSet::new();
        for _ in 0..50 {
            let (http, url, token) = (app.http.clone(), app.url.clone(), buyer.token.clone());
            clicks.spawn(async move {
                let body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
                let request = http
                    .post(format!("{url}/payments/subscriptions/subscribe"))
                    .bearer_auth(token)
                    .json(&body);
                let answer = request.send().await.expect("answered");
                assert_eq!(answer.status(), StatusCode::CREATED);
                answer.json::<Value>().await.expect("JSON")["transaction"]["id"].clone()
            });
        }
        let ids = clicks.join_all().await;
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(app.count(OPEN_ORDERS).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_a_repeated_key_brings_the_first_order_back() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let send = async |body: Value| {
            let request = app
                .http
                .post(format!("{}/payments/subscriptions/subscribe", app.url))
                .bearer_auth(&buyer.token);
            let request = request.header("idempotency-key", "one").json(&body);
            crate::harness::Answer::read(request.send().await.expect("answered")).await
        };
        let body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let first = send(body.clone()).await;
        assert!(!first.headers.contains_key("idempotent-replayed"));
        let first = first.expect(StatusCode::CREATED);
        let again = send(body).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(StatusCode::CREATED), first);
        let other = send(json!({ "plan_slug": "enterprise", "payment_method": "alipay" })).await;
        other.refused(422, "idempotency_key_reused");
        assert_eq!(app.count(OPEN_ORDERS).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_nobody_pays_is_closed_at_the_gateway_and_given_up() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        app.clock.advance(Duration::from_mins(31));
        until("the end of the order", async || app.count(OPEN_ORDERS).await == 0).await;
        // The token has expired too: the page of the order tells.
        let checkout = order["payment"]["checkout_url"].as_str().expect("a page");
        let path = checkout.find("/checkout").map(|at| &checkout[at..]).expect("a path");
        let status = app.get(&format!("{path}/status"), "").await.expect(StatusCode::OK);
        assert_eq!(status["status"], "failed");
        assert_eq!(app.count("SELECT COUNT(*) FROM payment_attempts WHERE operation = 'close' AND state = 'succeeded'").await, 1);
    })
    .await;
}
