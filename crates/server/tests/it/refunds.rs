//! Money that goes back: capped, once, and what it had bought with it (P10, P11).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::task::JoinSet;
use tollgate_storage::in_tx;

use crate::harness::{Answer, App, Buyer, each_engine, until};

/// Somebody who may send money back.
pub(crate) async fn finance(app: &App) -> Buyer {
    let staff = app.buyer().await;
    let id: uuid::Uuid = staff.id.parse().expect("an id");
    let mut tx = app.db.begin().await.expect("begins");
    let statement = "INSERT INTO user_roles (user_id, role, created_at)
        SELECT id, 'finance', created_at FROM users WHERE id = $1";
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("given");
    tx.commit().await.expect("commits");
    staff
}

/// Buys the plan pro for 99.00 and pays; gives the transaction.
pub(crate) async fn paid(app: &App, buyer: &Buyer) -> String {
    let order = app.order(buyer).await;
    let id = pay(app, &order).await;
    let status = app
        .get(&format!("/payments/status/{id}?wait=20"), &buyer.token)
        .await
        .expect(StatusCode::OK);
    assert_eq!(status["status"], "completed", "{status}");
    id
}

/// Pays an order with the phone; gives the transaction.
pub(crate) async fn pay(app: &App, order: &Value) -> String {
    let code = order["payment"]["qr_content"].as_str().expect("a code");
    let code = code.rsplit('/').next().expect("its end");
    let phone = app.http.post(format!("{}/sandbox/pay/{code}/pay", app.url));
    let phone = phone.header("accept", "application/json").send().await;
    assert_eq!(phone.expect("paid").status(), StatusCode::OK);
    order["transaction"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

pub(crate) async fn refund(app: &App, staff: &Buyer, id: &str, body: Value) -> Answer {
    let path = format!("/payments/refund/{id}");
    app.post(&path, &staff.token, body).await
}

pub(crate) async fn status(app: &App, buyer: &Buyer, id: &str) -> Value {
    let path = format!("/payments/status/{id}");
    app.get(&path, &buyer.token).await.expect(StatusCode::OK)
}

pub(crate) async fn has_plan(app: &App, buyer: &Buyer) -> bool {
    let path = "/payments/subscriptions/current";
    app.get(path, &buyer.token).await.status == 200
}

pub(crate) async fn fault(app: &App, kind: &str, method: &str, argument: &str) {
    let body = json!({ "kind": kind, "method": method, "argument": argument });
    let put = app.post("/sandbox/alipay/faults", "", body).await;
    assert_eq!(put.status, 201);
}

/// How many refunds the gateway has made, and of how much.
pub(crate) async fn at_the_gateway(app: &App) -> (i64, i64) {
    let options = SqliteConnectOptions::new()
        .filename(app.sandbox_file())
        .read_only(true);
    let mut file = options.connect().await.expect("the sandbox's file");
    let row =
        sqlx::query("SELECT COUNT(*) AS n, COALESCE(SUM(amount), 0) AS total FROM trade_refunds")
            .fetch_one(&mut file)
            .await
            .expect("sums");
    (row.get("n"), row.get("total"))
}

/// What is set aside and what went back are the sums of the refunds; the gateway moved as much.
async fn balanced(app: &App) {
    let apart = app
        .count(
            "SELECT COUNT(*) FROM payment_transactions p WHERE
             p.refunded <> (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'succeeded')
             OR p.refunding <> (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'pending')
             OR p.refunded + p.refunding > p.amount",
        )
        .await;
    assert_eq!(apart, 0, "a payment is not the sum of its refunds");
    let open = "SELECT COUNT(*) FROM refunds WHERE status = 'pending'";
    if app.count(open).await == 0 {
        let back = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds WHERE status = 'succeeded'";
        assert_eq!(app.count(back).await, at_the_gateway(app).await.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_parts_up_to_what_was_paid_and_never_more() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let id = paid(app, &buyer).await;
        let part = json!({ "amount": "30.00", "reason": "half a month" });
        let first = refund(app, &staff, &id, part.clone()).await;
        let first = first.expect(StatusCode::CREATED);
        assert_eq!(
            (&first["status"], &first["amount"], &first["amount_minor"]),
            (&json!("succeeded"), &json!("30.00"), &json!(3000))
        );
        let shown = status(app, &buyer, &id).await;
        assert_eq!(
            (&shown["status"], &shown["refunded_amount"]),
            (&json!("completed"), &json!("30.00"))
        );
        assert!(has_plan(app, &buyer).await, "a part leaves the plan");

        let above = json!({ "amount": "69.01", "reason": "too much" });
        let above = refund(app, &staff, &id, above)
            .await
            .refused(422, "refund_exceeds_payment");
        assert_eq!(above["left"], "69.00");
        let mut rivals = JoinSet::new();
        for _ in 0..10 {
            let (http, url, token) = (app.http.clone(), app.url.clone(), staff.token.clone());
            let (id, part) = (id.clone(), part.clone());
            rivals.spawn(async move {
                let sent = http.post(format!("{url}/payments/refund/{id}"));
                let sent = sent.bearer_auth(token).json(&part).send().await;
                Answer::read(sent.expect("an answer")).await.status
            });
        }
        let answers = rivals.join_all().await;
        let made = answers.iter().filter(|status| **status == 201).count();
        // Beside one that is under way it is 409, afterwards 422.
        let no = |status: &&u16| **status == 422 || **status == 409;
        let refused = answers.iter().filter(no).count();
        assert_eq!((made, refused), (2, 8), "69 yuan are two times 30 and nine");

        // Without an amount: all that is left. With the last of it the plan ends.
        let rest = refund(app, &staff, &id, json!({ "reason": "all of it" })).await;
        assert_eq!(rest.expect(StatusCode::CREATED)["amount"], "9.00");
        let shown = status(app, &buyer, &id).await;
        assert_eq!(
            (&shown["status"], &shown["refunded_amount"]),
            (&json!("refunded"), &json!("99.00"))
        );
        assert!(!has_plan(app, &buyer).await);
        let none = refund(app, &staff, &id, json!({ "reason": "more" })).await;
        let none = none.refused(422, "validation_failed");
        assert_eq!(none["errors"][0]["code"], "nothing_left");
        assert_eq!(at_the_gateway(app).await, (4, 9900));
        let listed = app
            .get(&format!("/admin/refunds?transaction_id={id}"), &staff.token)
            .await;
        let listed = listed.expect(StatusCode::OK);
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(4));
        balanced(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_an_answer_that_is_lost_moves_no_money_twice() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let id = paid(app, &buyer).await;
        // Done, and nobody heard of it; asked about by the same number.
        fault(app, "answer_lost", "alipay.trade.refund", "").await;
        let part = json!({ "amount": "10.00", "reason": "lost" });
        let made = refund(app, &staff, &id, part)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(made["status"], "pending");
        assert_eq!(status(app, &buyer, &id).await["refunded_amount"], "0.00");
        balanced(app).await;
        app.clock.advance(Duration::from_secs(13));
        until("the question about a refund", async || {
            status(app, &buyer, &id).await["refunded_amount"] == "10.00"
        })
        .await;
        assert_eq!(at_the_gateway(app).await, (1, 1000));

        // Not done, and nobody knows: asked, unheard of, sent again under the same number.
        fault(app, "busy", "alipay.trade.refund", "").await;
        let part = json!({ "amount": "20.00", "reason": "busy" });
        let made = refund(app, &staff, &id, part)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(made["status"], "pending");
        assert_eq!(at_the_gateway(app).await, (1, 1000));
        app.clock.advance(Duration::from_secs(13));
        until("the second try", async || {
            status(app, &buyer, &id).await["refunded_amount"] == "30.00"
        })
        .await;
        assert_eq!(at_the_gateway(app).await, (2, 3000));

        // A no under signature, after a call whose answer was lost: the question decides, not the no.
        fault(app, "answer_lost", "alipay.trade.refund", "").await;
        let all = json!({ "reason": "the rest" });
        refund(app, &staff, &id, all)
            .await
            .expect(StatusCode::CREATED);
        fault(app, "busy", "alipay.trade.fastpay.refund.query", "").await;
        app.clock.advance(Duration::from_secs(13));
        until("the end", async || {
            app.clock.advance(Duration::from_secs(5));
            status(app, &buyer, &id).await["status"] == "refunded"
        })
        .await;
        assert_eq!(at_the_gateway(app).await, (3, 9900));
        assert_eq!(
            app.count("SELECT COUNT(*) FROM payment_attempts WHERE state = 'intent'")
                .await,
            0
        );
        balanced(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_line_50_a_refund_that_is_refused_frees_its_amount() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let id = paid(app, &buyer).await;
        fault(
            app,
            "refused",
            "alipay.trade.refund",
            "ACQ.TRADE_NOT_ALLOW_REFUND",
        )
        .await;
        let all = json!({ "reason": "a year later" });
        let refused = refund(app, &staff, &id, all.clone()).await;
        let refused = refused.refused(502, "provider_error");
        assert_eq!(
            (&refused["provider"], &refused["provider_code"]),
            (&json!("alipay"), &json!("ACQ.TRADE_NOT_ALLOW_REFUND"))
        );
        let listed = app
            .get("/admin/refunds", &staff.token)
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (
                &listed["data"][0]["status"],
                &listed["data"][0]["failure_code"]
            ),
            (&json!("failed"), &json!("ACQ.TRADE_NOT_ALLOW_REFUND"))
        );
        assert!(has_plan(app, &buyer).await);
        balanced(app).await;
        refund(app, &staff, &id, all)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(status(app, &buyer, &id).await["status"], "refunded");
        balanced(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_goes_back_as_staff_wish() {
    each_engine(async |app| {
        let staff = finance(app).await;
        let [ends, stays] = [app.buyer().await, app.buyer().await];
        let id = paid(app, &ends).await;
        let part = json!({ "amount_minor": 100, "reason": "closed", "end_subscription": true });
        refund(app, &staff, &id, part)
            .await
            .expect(StatusCode::CREATED);
        assert!(!has_plan(app, &ends).await, "a part, and the end of it");
        let id = paid(app, &stays).await;
        let gift = json!({ "reason": "our fault", "end_subscription": false });
        refund(app, &staff, &id, gift)
            .await
            .expect(StatusCode::CREATED);
        assert!(
            has_plan(app, &stays).await,
            "all of it, and the plan as a gift"
        );

        // A renewal takes its own month off the end; the first month was paid for.
        let renews = app.buyer().await;
        paid(app, &renews).await;
        let end = async || {
            let path = "/payments/subscriptions/current";
            let held = app.get(path, &renews.token).await.expect(StatusCode::OK);
            held["current_period_end"]
                .as_str()
                .expect("a time")
                .to_owned()
        };
        let first = end().await;
        let renewal = paid(app, &renews).await;
        assert!(end().await > first);
        refund(
            app,
            &staff,
            &renewal,
            json!({ "reason": "changed their mind" }),
        )
        .await
        .expect(StatusCode::CREATED);
        assert_eq!(end().await, first);
        app.balance().await;
        balanced(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_repeated_key_is_the_same_refund() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let id = paid(app, &buyer).await;
        let send = async |body: Value| {
            let sent = app.http.post(format!("{}/payments/refund/{id}", app.url));
            let sent = sent
                .header("idempotency-key", "refund-1")
                .bearer_auth(&staff.token);
            Answer::read(sent.json(&body).send().await.expect("an answer")).await
        };
        let part = json!({ "amount": "10.00", "reason": "once" });
        fault(app, "answer_lost", "alipay.trade.refund", "").await;
        let first = send(part.clone()).await.expect(StatusCode::CREATED);
        assert_eq!(first["status"], "pending");
        let again = send(part.clone()).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(StatusCode::CREATED)["id"], first["id"]);
        app.clock.advance(Duration::from_secs(13));
        until("the refund", async || {
            send(part.clone()).await.expect(StatusCode::CREATED)["status"] == "succeeded"
        })
        .await;
        send(json!({ "amount": "11.00", "reason": "once" }))
            .await
            .refused(422, "idempotency_key_reused");
        assert_eq!(at_the_gateway(app).await, (1, 1000));
        balanced(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_refund_is_refused_before_anybody_is_told() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let order = app.order(&buyer).await;
        let unpaid = order["transaction"]["id"].as_str().expect("an id");
        let answer = refund(
            app,
            &staff,
            unpaid,
            json!({ "amount": "1.00", "reason": "x" }),
        )
        .await;
        let answer = answer.refused(422, "validation_failed");
        assert_eq!(answer["errors"][0]["code"], "nothing_left");
        let other = app.buyer().await;
        let id = paid(app, &other).await;
        for amount in [
            json!("0"),
            json!("0.00"),
            json!("-1.00"),
            json!(0),
            json!(-5),
            json!("1.001"),
            json!("1e1"),
            json!("x"),
        ] {
            let body = json!({ "amount": amount, "reason": "x" });
            refund(app, &staff, &id, body)
                .await
                .refused(422, "validation_failed");
        }
        for minor in [json!(0), json!(-1), json!("100"), json!(1.5)] {
            let body = json!({ "amount_minor": minor, "reason": "x" });
            refund(app, &staff, &id, body)
                .await
                .refused(422, "validation_failed");
        }
        let two = json!({ "amount": "1.00", "amount_minor": 200, "reason": "x" });
        refund(app, &staff, &id, two)
            .await
            .refused(422, "validation_failed");
        for reason in [json!(""), json!("  "), json!("x".repeat(257)), json!(null)] {
            let body = json!({ "amount": "1.00", "reason": reason });
            refund(app, &staff, &id, body)
                .await
                .refused(422, "validation_failed");
        }
        let odd = json!({ "amount": "1.00", "reason": "x", "refund_amount": "9.00" });
        refund(app, &staff, &id, odd)
            .await
            .refused(422, "unknown_field");
        let nobody = "0198a000-0000-7000-8000-000000000000";
        for unknown in [nobody, "x", &id.to_uppercase()] {
            refund(app, &staff, unknown, json!({ "reason": "x" }))
                .await
                .refused(404, "not_found");
        }
        app.clock.advance(Duration::from_mins(6));
        refund(app, &staff, &id, json!({ "reason": "x" }))
            .await
            .refused(403, "confirmation_required");
        assert_eq!(app.count("SELECT COUNT(*) FROM refunds").await, 0);
        assert_eq!(at_the_gateway(app).await, (0, 0));
        for query in ["limit=0", "limit=101", "starting_after=x"] {
            app.get(&format!("/admin/refunds?{query}"), &staff.token)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_49_what_cannot_go_back_says_why() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let order = app.order(&buyer).await;
        let open = order["transaction"]["id"].as_str().expect("an id");
        let wish = |amount: Value| json!({ "amount": amount, "reason": "line 49" });
        let code = async |id: &str, body: Value| {
            let refused = refund(app, &staff, id, body).await;
            let refused = refused.refused(422, "validation_failed");
            refused["errors"][0]["code"].clone()
        };
        assert_eq!(
            code(open, wish(json!("1.00"))).await,
            "nothing_left",
            "not paid yet"
        );
        let id = pay(app, &order).await;
        until("the payment", async || {
            status(app, &buyer, &id).await["status"] == "completed"
        })
        .await;
        for nothing in [
            json!({ "amount_minor": 0 }),
            json!({ "amount_minor": -1 }),
            json!({ "amount": "0.00" }),
        ] {
            let mut body = nothing;
            body["reason"] = json!("line 49");
            assert_eq!(code(&id, body).await, "invalid_amount");
        }
        let two = json!({ "amount": "1.00", "amount_minor": 200, "reason": "line 49" });
        assert_eq!(code(&id, two).await, "invalid_amount");
        for odd in [
            "1.001",
            "1e1",
            "٩",
            "1,00",
            "-1.00",
            "NaN",
            "",
            "99999999999999999999",
        ] {
            let refused = refund(app, &staff, &id, wish(json!(odd))).await;
            assert_eq!(refused.status, 422, "{odd}: {refused:?}");
        }
        let dollars = json!({ "amount": "1.00", "currency": "USD", "reason": "line 49" });
        refund(app, &staff, &id, dollars)
            .await
            .refused(422, "unknown_field");
        let above = refund(app, &staff, &id, wish(json!("99.01"))).await;
        above.refused(422, "refund_exceeds_payment");

        // While nobody knows what became of one, the rest is not promised twice.
        fault(app, "answer_lost", "alipay.trade.refund", "").await;
        let lost = refund(app, &staff, &id, wish(json!("90.00"))).await;
        assert_eq!(lost.expect(StatusCode::CREATED)["status"], "pending");
        let beside = refund(app, &staff, &id, wish(json!("20.00"))).await;
        assert!(beside.headers.contains_key("retry-after"));
        beside.refused(409, "refund_in_progress");
        refund(app, &buyer, &id, wish(json!("1.00")))
            .await
            .refused(403, "permission_denied");

        // Nobody paid the second, and now nobody can.
        let other = app.buyer().await;
        let late = app.order(&other).await;
        let late = late["transaction"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        app.clock.advance(Duration::from_mins(31));
        until("the end of the order", async || {
            let failed = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'failed'";
            app.count(failed).await == 1
        })
        .await;
        let staff = finance(app).await;
        let refused = refund(app, &staff, &late, wish(json!("1.00"))).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["code"], "nothing_left");
        balanced(app).await;
        app.balance().await;
    })
    .await;
}
