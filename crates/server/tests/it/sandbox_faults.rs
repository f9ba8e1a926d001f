//! What the gateway does wrong to order: callbacks that are lost, doubled, forged or false, answers that
//! say nothing, money that comes late or twice. The gateway's own books are compared with ours.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine, until};
use crate::refunds::{finance, paid, refund};

const QUERY: &str = "alipay.trade.query";
const CREATED: &str =
    "SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending')";
const COMPLETED: &str = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed'";
const GRANTED: &str = "SELECT COUNT(*) FROM subscriptions";
const CALLS: &str = "SELECT COUNT(*) FROM webhook_calls";
const FORGED: &str =
    "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'forged' AND reply_status = 401";
const FOREIGN: &str =
    "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'foreign' AND reply_status = 403";
const SUSPENSE: &str = "SELECT COUNT(*) FROM suspense";

/// An order of the plan pro, which costs 99.00.
struct Order {
    /// At the gateway: our number.
    number: String,
}

impl Order {
    async fn new(app: &App) -> Self {
        Self::of(app, &app.buyer().await).await
    }

    async fn of(app: &App, buyer: &Buyer) -> Self {
        let order = app.order(buyer).await;
        let number = order["transaction"]["order_no"].as_str();
        Self {
            number: number.expect("a number").to_owned(),
        }
    }

    /// Orders a fault for this order.
    async fn fault(&self, app: &App, kind: &str, more: Value) {
        let mut body = json!({ "kind": kind, "order": self.number });
        let members = more.as_object().expect("members").clone();
        body.as_object_mut().expect("members").extend(members);
        let put = app.post("/sandbox/alipay/faults", "", body).await;
        assert_eq!(put.status, 201, "{}", put.body);
    }

    /// What the buyer does; the status.
    async fn press(&self, app: &App, action: &str) -> u16 {
        let path = format!("{}/sandbox/pay/{}/{action}", app.url, self.number);
        let pressed = app.http.post(path).header("accept", "application/json");
        pressed.send().await.expect("an answer").status().as_u16()
    }

    async fn pay(&self, app: &App) {
        assert_eq!(self.press(app, "pay").await, 200);
    }
}

async fn counts(app: &App, what: &str, statement: &'static str, wanted: i64) {
    until(what, async || app.count(statement).await == wanted).await;
}

/// The gateway's own books.
async fn at_the_gateway(app: &App) -> Value {
    let books = app.get("/sandbox/alipay/books", "").await;
    books.expect(StatusCode::OK)
}

/// What the gateway says came in and went back is what our books say, suspense and all.
async fn books_agree(app: &App, paid: i64, refunded: i64) {
    let theirs = at_the_gateway(app).await;
    let sums = theirs["sums"].as_array().expect("sums");
    let sum = |member: &str| -> i64 { sums.iter().filter_map(|sum| sum[member].as_i64()).sum() };
    assert_eq!((sum("in_minor"), sum("out_minor")), (paid, refunded));
    let rows = theirs["data"].as_array().expect("rows");
    let of = |direction: &str| -> i64 {
        let rows = rows.iter().filter(|row| row["direction"] == direction);
        rows.filter_map(|row| row["amount_minor"].as_i64()).sum()
    };
    assert_eq!((of("in"), of("out")), (paid, refunded));
    let ours = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payment_transactions
        WHERE state IN ('completed', 'refunded')";
    let aside = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM suspense";
    let booked = app.count(ours).await + app.count(aside).await;
    assert_eq!(booked, paid, "what came in");
    let back =
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds WHERE status = 'succeeded'";
    assert_eq!(app.count(back).await, refunded, "what went back");
    app.balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_a_lost_callback_is_asked_for() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "callback_lost", json!({})).await;
        order.pay(app).await;
        assert_eq!(app.count(CREATED).await, 1);
        app.clock.advance(Duration::from_secs(6));
        counts(app, "the reconciler's question", COMPLETED, 1).await;
        assert_eq!((app.count(CALLS).await, app.count(GRANTED).await), (0, 1));
        books_agree(app, 9900, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_however_often_and_in_what_order_callbacks_come_one_grant() {
    each_engine(async |app| {
        for (kind, calls) in [
            ("callback_twice", 2),
            ("callback_x50", 52),
            ("callback_reordered", 54),
        ] {
            let order = Order::new(app).await;
            order.fault(app, kind, json!({})).await;
            order.pay(app).await;
            // The one that should have come first is due a second later.
            until("the callbacks", async || {
                app.clock.advance(Duration::from_millis(200));
                app.count(CALLS).await == calls
            })
            .await;
        }
        let unanswered = "SELECT COUNT(*) FROM webhook_calls WHERE reply_status <> 200";
        assert_eq!(app.count(unanswered).await, 0);
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (3, 3)
        );

        // Long after the reconciler has settled it.
        let order = Order::new(app).await;
        let late = json!({ "argument": "120" });
        order.fault(app, "callback_late", late).await;
        order.pay(app).await;
        app.clock.advance(Duration::from_secs(6));
        counts(app, "the reconciler's question", COMPLETED, 4).await;
        assert_eq!(app.count(CALLS).await, 54);
        app.clock.advance(Duration::from_mins(2));
        counts(app, "the late callback", CALLS, 55).await;
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (4, 4)
        );
        assert_eq!(app.count(SUSPENSE).await, 0);
        books_agree(app, 4 * 9900, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_a_forged_callback_is_refused_and_the_real_one_still_applies() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "callback_forged", json!({})).await;
        order.pay(app).await;
        counts(app, "the forged callback", FORGED, 1).await;
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (0, 0)
        );
        app.clock.advance(Duration::from_secs(1));
        counts(app, "the real callback", COMPLETED, 1).await;
        let trade = &at_the_gateway(app).await["data"][0]["trade_no"];
        let path = "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'verified'";
        assert_eq!(app.count(path).await, 1);
        // Nothing of the forged one was believed: it named another trade.
        let known = tollgate_storage::on_read!(&app.db, |e| sqlx::query_as(
            "SELECT payment_provider_id FROM payment_transactions"
        )
        .fetch_one(e)
        .await);
        let (known,): (String,) = known.expect("a payment");
        assert_eq!(*trade, known);
        books_agree(app, 9900, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_another_amount_is_set_aside_and_another_merchant_refused() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "wrong_amount", json!({})).await;
        order.pay(app).await;
        let aside = "SELECT COUNT(*) FROM suspense WHERE cause = 'amount' AND amount = 1";
        counts(app, "the money that does not fit", aside, 1).await;
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (0, 0)
        );
        books_agree(app, 1, 0).await;

        let order = Order::new(app).await;
        order.fault(app, "wrong_merchant", json!({})).await;
        order.pay(app).await;
        counts(app, "the false callback", FOREIGN, 1).await;
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (0, 0)
        );
        assert_eq!(app.count(SUSPENSE).await, 1);
        // The money came to us all the same, and the question under our own number finds it.
        app.clock.advance(Duration::from_secs(6));
        counts(app, "the reconciler's question", COMPLETED, 1).await;
        books_agree(app, 9901, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p7_money_after_closing_is_honoured() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        assert_eq!(order.press(app, "close").await, 200);
        app.clock.advance(Duration::from_secs(6));
        let failed = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'failed'";
        counts(app, "the closed order", failed, 1).await;
        assert_eq!(order.press(app, "pay").await, 409, "closed is closed");
        order.fault(app, "pay_after_close", json!({})).await;
        order.pay(app).await;
        counts(app, "the late money", COMPLETED, 1).await;
        assert_eq!(app.count(GRANTED).await, 1);
        books_agree(app, 9900, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_an_order_paid_twice_is_granted_once_and_the_rest_goes_back() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "pay_twice", json!({})).await;
        order.pay(app).await;
        let surplus = "SELECT COUNT(*) FROM suspense WHERE cause = 'surplus' AND amount = 9900";
        counts(app, "the second money", surplus, 1).await;
        assert_eq!(
            (
                app.count(COMPLETED).await,
                app.count(GRANTED).await,
                app.count(SUSPENSE).await
            ),
            (1, 1, 1)
        );
        let back = "SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'";
        counts(app, "it goes back", back, 1).await;
        books_agree(app, 19_800, 9_900).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_an_answer_that_says_nothing_leaves_unknown_and_is_settled_later() {
    each_engine(async |app| {
        for kind in [
            "server_error",
            "broken_signature",
            "huge_body",
            "slow_drip",
            "answer_lost",
            "busy",
        ] {
            let order = Order::new(app).await;
            order.fault(app, "callback_lost", json!({})).await;
            order.fault(app, kind, json!({ "method": QUERY })).await;
            order.pay(app).await;
        }
        app.clock.advance(Duration::from_secs(6));
        let unknown =
            "SELECT COUNT(*) FROM payment_attempts WHERE operation = 'query' AND state = 'unknown'";
        // The slow answer is waited for, ten seconds at most, and what is asked together with it as well.
        let slow = async {
            while app.count(unknown).await < 6 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(1), slow).await;
        ended.expect("a slow answer is not waited for without end");
        assert_eq!(
            (app.count(COMPLETED).await, app.count(GRANTED).await),
            (0, 0)
        );
        app.clock.advance(Duration::from_secs(16));
        counts(app, "the next answers", COMPLETED, 6).await;
        assert_eq!(app.count(GRANTED).await, 6);
        let open = "SELECT COUNT(*) FROM payment_attempts WHERE state = 'intent'";
        assert_eq!(app.count(open).await, 0);
        books_agree(app, 6 * 9900, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f14_a_rail_that_is_silent_gets_no_new_orders_until_it_answers() {
    const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
    const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
    each_engine(async |app| {
        let early = app.buyer().await;
        let order = app.order(&early).await;
        // Whatever it is asked, by whomever.
        for _ in 0..40 {
            let fault = json!({ "kind": "server_error" });
            let put = app.post("/sandbox/alipay/faults", "", fault).await;
            assert_eq!(put.status, 201);
        }
        // What the rail answered before that is noted by the time they have registered; they order one after the other.
        let mut others = Vec::new();
        for _ in 0..8 {
            others.push(app.buyer().await);
        }
        let wish = || json!({ "plan_slug": "pro", "payment_method": "alipay" });
        // The reconciler's questions count as well, so that it may take less than five orders.
        let mut made = 1;
        let unlucky = loop {
            let buyer = others.pop().expect("it is let rest before");
            let answer = app.post(SUBSCRIBE, &buyer.token, wish()).await;
            let wait = answer.headers.get("retry-after").cloned();
            answer.refused(502, "provider_error");
            if let Some(wait) = wait {
                assert_eq!(wait, "10");
                break buyer;
            }
            made += 1;
        };
        assert!(made <= 6, "{made}");
        assert_eq!(app.count(ORDERS).await, made, "no order is made");
        // What is there is given on, and what takes no rail is as ever.
        let again = app.post(SUBSCRIBE, &early.token, wish()).await;
        let again = again.expect(StatusCode::CREATED);
        assert_eq!(again["payment"], order["payment"]);
        let free = json!({ "plan_slug": "free" });
        let had = app.post(SUBSCRIBE, &unlucky.token, free).await;
        had.expect(StatusCode::CREATED);

        let cleared = app
            .call(Method::DELETE, "/sandbox/alipay/faults", "", None)
            .await;
        assert!(cleared.status < 300, "{}", cleared.body);
        app.clock.advance(Duration::from_secs(10));
        let late = app.post(SUBSCRIBE, &app.buyer().await.token, wish()).await;
        late.expect(StatusCode::CREATED);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_a_new_key_of_the_gateway_decides_nothing() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "key_changed", json!({})).await;
        order.pay(app).await;
        counts(app, "a callback under a key we do not know", FORGED, 1).await;
        app.clock.advance(Duration::from_secs(6));
        let unknown =
            "SELECT COUNT(*) FROM payment_attempts WHERE operation = 'query' AND state = 'unknown'";
        counts(app, "an answer under a key we do not know", unknown, 1).await;
        assert_eq!((app.count(CREATED).await, app.count(GRANTED).await), (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_a_refund_on_its_way_comes_to_either_end() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let id = paid(app, &buyer).await;
        let order = Order {
            number: id.replace('-', ""),
        };
        order
            .fault(app, "refund_pending_failed", json!({ "argument": "20" }))
            .await;
        let part = json!({ "amount": "30.00", "reason": "a part" });
        let made = refund(app, &staff, &id, part.clone()).await;
        assert_eq!(made.expect(StatusCode::CREATED)["status"], "pending");
        assert_eq!(at_the_gateway(app).await["sums"][0]["out_minor"], 0);
        let failed = "SELECT COUNT(*) FROM refunds WHERE status = 'failed'";
        until("the refund that fails", async || {
            app.clock.advance(Duration::from_secs(3));
            app.count(failed).await == 1
        })
        .await;
        let free = "SELECT COUNT(*) FROM payment_transactions WHERE refunding = 0 AND refunded = 0";
        assert_eq!(app.count(free).await, 1, "its amount is free again");
        books_agree(app, 9900, 0).await;

        order
            .fault(app, "refund_pending_succeeded", json!({ "argument": "20" }))
            .await;
        let made = refund(app, &staff, &id, part).await;
        assert_eq!(made.expect(StatusCode::CREATED)["status"], "pending");
        let done = "SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'";
        until("the refund that succeeds", async || {
            app.clock.advance(Duration::from_secs(3));
            app.count(done).await == 1
        })
        .await;
        books_agree(app, 9900, 3000).await;
    })
    .await;
}

/// `tollgate sandbox …` against the running service: whether it succeeded, and what it said.
async fn command(app: &App, arguments: &[&str]) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("sandbox").args(arguments);
    command.args(["--url", &app.url]);
    let ended = tokio::task::spawn_blocking(move || command.output()).await;
    let ended = ended.expect("waited for").expect("the binary starts");
    let said = [ended.stdout, ended.stderr].concat();
    (
        ended.status.success(),
        String::from_utf8(said).expect("text"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_the_buyer_and_orders_faults() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        let number = order.number.as_str();
        let (done, said) = command(app, &["fail", number]).await;
        assert!(done && said.contains("WAIT_BUYER_PAY"), "{said}");
        for (arguments, says) in [
            (&["fault", "rain"][..], "kind is one of"),
            (&["fault", "busy", "--times", "0"], "times is"),
            (
                &["fault", "pay_twice", "--method", QUERY],
                "takes no method",
            ),
            (&["pay", "0198c0de"], "no such order"),
            (&["pay", "a?b"], "an order's number is"),
        ] {
            let (done, said) = command(app, arguments).await;
            assert!(!done && said.contains(says), "{arguments:?}: {said}");
        }
        let twice = ["fault", "callback_lost", "--times", "2", "--order", number];
        let (done, said) = command(app, &twice).await;
        assert!(done, "{said}");
        let (done, said) = command(app, &["fault", "busy", "--method", QUERY]).await;
        assert!(done, "{said}");
        let (done, said) = command(app, &["faults"]).await;
        let lost = format!("callback_lost ×2  order {number}\nbusy ×1  method {QUERY}\n");
        assert!(done && said.contains(&lost), "{said}");
        assert!(said.contains("slow_drip"), "{said}");
        let (done, said) = command(app, &["pay", number]).await;
        assert!(done && said.contains("TRADE_SUCCESS"), "{said}");
        let (done, said) = command(app, &["faults"]).await;
        assert!(done && said.contains("callback_lost ×1"), "{said}");
        let (done, _) = command(app, &["faults", "--clear"]).await;
        let (_, said) = command(app, &["faults"]).await;
        assert!(done && !said.contains('×'), "{said}");
        assert_eq!(app.count(CALLS).await, 0);
        app.clock.advance(Duration::from_secs(6));
        counts(app, "the reconciler's question", COMPLETED, 1).await;
    })
    .await;
}
