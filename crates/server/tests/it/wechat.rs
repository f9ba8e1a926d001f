//! WeChat Pay from end to end: the service, its database, and the sandbox's look-alike on the wire.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine, until};
use crate::refunds::{finance, refund};

const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const PAID: &str = "SELECT COUNT(*) FROM payment_transactions WHERE paid_at IS NOT NULL";
const SUSPENDED: &str = "SELECT COUNT(*) FROM suspense";
const SUCCEEDED: &str = "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'";
const FAILED: &str = "SELECT COUNT(*) FROM refunds WHERE state = 'failed'";

/// An order of the plan pro, which costs 99.00.
struct Order {
    id: String,
    number: String,
}

impl Order {
    async fn of(app: &App, buyer: &Buyer, more: Value) -> (Self, Value) {
        let mut wish = json!({ "plan_slug": "pro", "payment_method": "wechat" });
        let members = wish.as_object_mut().expect("members");
        members.extend(more.as_object().expect("members").clone());
        let begun = app.post(SUBSCRIBE, &buyer.token, wish).await;
        let begun = begun.expect(StatusCode::CREATED);
        let text = |name: &str| {
            let text = begun["transaction"][name].as_str();
            text.expect("a text").to_owned()
        };
        let order = Self {
            id: text("id"),
            number: text("order_no"),
        };
        (order, begun)
    }

    async fn new(app: &App) -> Self {
        let buyer = app.buyer().await;
        Self::of(app, &buyer, json!({})).await.0
    }

    async fn fault(&self, app: &App, kind: &str) {
        let wanted = json!({ "kind": kind, "order": self.number });
        let put = app.post("/sandbox/wechat/faults", "", wanted).await;
        assert_eq!(put.status, 201, "{}", put.body);
    }

    /// What the buyer does; the status.
    async fn press(&self, app: &App, action: &str) -> u16 {
        let path = format!("{}/sandbox/pay/{}/{action}", app.url, self.number);
        let pressed = app.http.post(path).header("accept", "application/json");
        pressed.send().await.expect("an answer").status().as_u16()
    }
}

/// Our ledger balances, and the gateway's says what ours does.
async fn balances(app: &App) {
    let books = app.payment.verify_books().await.expect("read");
    assert!(books.damage.is_empty(), "{:?}", books.damage);
    let ours = books.accounts.iter();
    let ours = ours.filter(|account| account.code == "provider.wechat");
    let ours: i64 = ours.map(|account| account.minor).sum();
    let theirs = app.get("/sandbox/wechat/books", "").await;
    let theirs = theirs.expect(StatusCode::OK);
    assert_eq!(theirs["sums"][0]["net_minor"], ours, "{theirs}");
    app.balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p3_every_way_is_paid_once_and_only_by_money() {
    each_engine(async |app| {
        let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
        for (at, (client, kind)) in [
            ("pc", "qr"),
            ("h5", "redirect"),
            ("jsapi", "jsapi"),
            ("app", "app"),
        ]
        .into_iter()
        .enumerate()
        {
            let buyer = app.buyer().await;
            let wish = json!({ "client": client, "openid": openid });
            let (order, begun) = Order::of(app, &buyer, wish).await;
            assert_eq!(begun["payment"]["kind"], kind, "{begun}");
            let had = i64::try_from(at).expect("small");
            assert_eq!(app.count(LIVE).await, had);
            assert_eq!(order.press(app, "fail").await, 200);
            assert_eq!(app.count(LIVE).await, had);
            for _ in 0..3 {
                assert_eq!(order.press(app, "pay").await, 200);
            }
            until("it is had", async || app.count(LIVE).await == had + 1).await;
        }
        assert_eq!((app.count(PAID).await, app.count(SUSPENDED).await), (4, 0));
        let buyer = app.buyer().await;
        let wish = json!({ "plan_slug": "pro", "payment_method": "wechat", "client": "jsapi" });
        let refused = app.post(SUBSCRIBE, &buyer.token, wish).await;
        let problem = refused.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "/openid");
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p2_however_it_is_told_a_purchase_is_one() {
    each_engine(async |app| {
        for (at, kind) in [
            "callback_twice",
            "callback_x50",
            "callback_late",
            "callback_lost",
            "callback_forged",
            "probe_callback",
            "unknown_key",
            "stale_callback",
            "wrong_secret",
            "other_key",
            "wrong_merchant",
        ]
        .into_iter()
        .enumerate()
        {
            let order = Order::new(app).await;
            order.fault(app, kind).await;
            assert_eq!(order.press(app, "pay").await, 200, "{kind}");
            // Where nobody tells of it, or nobody can believe it, somebody asks.
            app.clock.advance(Duration::from_secs(30));
            let had = i64::try_from(at).expect("small") + 1;
            until(kind, async || app.count(LIVE).await == had).await;
        }
        assert_eq!((app.count(PAID).await, app.count(SUSPENDED).await), (11, 0));
        let verdicts = async |verdict: &'static str| {
            let of = match verdict {
                "probe" => "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'probe' AND reply_status = 401",
                "stale" => "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'stale' AND reply_status = 401",
                _ => "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'forged' AND reply_status = 401",
            };
            app.count(of).await
        };
        for verdict in ["probe", "stale", "forged"] {
            until(verdict, async || verdicts(verdict).await > 0).await;
        }
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p4_p6_strange_late_and_double_money_is_kept_or_goes_back() {
    each_engine(async |app| {
        let order = Order::new(app).await;
        order.fault(app, "wrong_amount").await;
        assert_eq!(order.press(app, "pay").await, 200);
        let amount = "SELECT COUNT(*) FROM suspense WHERE cause = 'amount' AND state = 'open'";
        until("it is kept", async || app.count(amount).await == 1).await;
        assert_eq!(app.count(LIVE).await, 0);

        let order = Order::new(app).await;
        order.fault(app, "pay_twice").await;
        assert_eq!(order.press(app, "pay").await, 200);
        until("it is had", async || app.count(LIVE).await == 1).await;
        app.clock.advance(Duration::from_secs(30));
        until("the other money is back", async || {
            app.count(SUCCEEDED).await == 1
        })
        .await;

        // After the order was given up, and closed at WeChat: the money is honoured all the same.
        let order = Order::new(app).await;
        order.fault(app, "pay_after_close").await;
        app.clock.advance(Duration::from_mins(31));
        let failed = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'failed'";
        until("it is given up", async || app.count(failed).await >= 1).await;
        assert_eq!(order.press(app, "pay").await, 200);
        until("it counts", async || app.count(LIVE).await == 2).await;
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_answers_that_say_nothing_lose_nothing() {
    each_engine(async |app| {
        for (at, kind) in [
            "answer_lost",
            "broken_signature",
            "probe_answer",
            "busy",
            "server_error",
        ]
        .into_iter()
        .enumerate()
        {
            let buyer = app.buyer().await;
            let wanted = json!({ "kind": kind, "method": "native" });
            let put = app.post("/sandbox/wechat/faults", "", wanted).await;
            assert_eq!(put.status, 201, "{kind}");
            let wish = json!({ "plan_slug": "pro", "payment_method": "wechat" });
            let refused = app.post(SUBSCRIBE, &buyer.token, wish).await;
            refused.refused(502, "provider_error");
            // Asked again when nobody can be on the way with it any more, it is the same order.
            app.clock.advance(Duration::from_secs(13));
            let (order, _) = Order::of(app, &buyer, json!({})).await;
            let orders = "SELECT COUNT(*) FROM payment_transactions";
            let made = i64::try_from(at).expect("small") + 1;
            assert_eq!(app.count(orders).await, made, "{kind}");
            assert_eq!(order.press(app, "pay").await, 200);
            until(kind, async || app.count(LIVE).await == made).await;
        }
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_refund_that_wechat_gives_up_frees_its_amount() {
    each_engine(async |app| {
        let (staff, order) = (finance(app).await, Order::new(app).await);
        assert_eq!(order.press(app, "pay").await, 200);
        until("it is had", async || app.count(LIVE).await == 1).await;
        for (at, kind) in ["refund_pending_failed", "refund_closed"]
            .into_iter()
            .enumerate()
        {
            order.fault(app, kind).await;
            let wish = json!({ "amount": "99.00", "reason": "half-hearted" });
            let begun = refund(app, &staff, &order.id, wish).await;
            let begun = begun.expect(StatusCode::CREATED);
            assert_eq!(begun["status"], "pending", "{begun}");
            // All of it is on its way: nothing is left for another.
            let wish = json!({ "amount": "0.01", "reason": "more" });
            let more = refund(app, &staff, &order.id, wish).await;
            assert!(more.status >= 409, "{}", more.body);
            app.clock.advance(Duration::from_secs(40));
            let failed = i64::try_from(at).expect("small") + 1;
            until(kind, async || app.count(FAILED).await == failed).await;
            assert_eq!(app.count(LIVE).await, 1);
        }
        order.fault(app, "refund_pending_succeeded").await;
        let wish = json!({ "amount": "30.00", "reason": "a part" });
        let begun = refund(app, &staff, &order.id, wish).await;
        assert_eq!(begun.expect(StatusCode::CREATED)["status"], "pending");
        app.clock.advance(Duration::from_secs(40));
        until("it is done", async || app.count(SUCCEEDED).await == 1).await;
        // The rest, by hand, in WeChat's own console: the plan goes with it.
        let wish = json!({ "out_trade_no": order.number, "amount": "69.00" });
        let back = app.post("/sandbox/wechat/console-refund", "", wish).await;
        back.expect(StatusCode::CREATED);
        until("the plan is gone", async || app.count(LIVE).await == 0).await;
        let console =
            "SELECT COUNT(*) FROM refunds WHERE origin = 'console' AND state = 'succeeded'";
        assert_eq!(app.count(console).await, 1);
        balances(app).await;
    })
    .await;
}

/// Money that names an order of another rail is nobody's here.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_money_that_names_an_order_of_another_rail_is_kept() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let alipay = app.order(&buyer).await;
        let pen = crate::conformance_wechat::Pen::of(app).await;
        let told = json!({
            "appid": pen.app_id, "mchid": pen.mch_id, "out_trade_no": alipay["transaction"]["order_no"],
            "transaction_id": "4200000000202601020000000001", "trade_state": "SUCCESS",
            "success_time": "2026-01-02T11:04:05+08:00", "amount": { "total": 9900, "currency": "CNY" },
        });
        let notice = pen.notice(&told, app.clock.now());
        let url = format!("{}/payments/webhooks/wechat", app.url);
        let call = app.http.post(url).headers(notice.headers).body(notice.body);
        let answer = call.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        let rail = "SELECT COUNT(*) FROM suspense WHERE cause = 'rail'";
        assert_eq!((app.count(rail).await, app.count(LIVE).await), (1, 0));
        let open = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'pending'";
        assert_eq!(app.count(open).await, 1);
    })
    .await;
}
