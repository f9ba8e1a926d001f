//! Money that fits no payable order: kept, shown, decided about once (P2, P4, P6).

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Answer, App, Buyer, Pen, each_engine, until};
use crate::refunds::{at_the_gateway, finance, has_plan, paid, pay, refund, status};

/// Orders another plan.
async fn order_of(app: &App, buyer: &Buyer, plan: &str) -> Value {
    let body = json!({ "plan_slug": plan, "payment_method": "alipay" });
    let path = "/payments/subscriptions/subscribe";
    let begun = app.post(path, &buyer.token, body).await;
    begun.expect(StatusCode::CREATED)
}

async fn listed(app: &App, staff: &Buyer, query: &str) -> Vec<Value> {
    let path = format!("/admin/suspense{query}");
    let page = app.get(&path, &staff.token).await.expect(StatusCode::OK);
    page["data"].as_array().expect("a list").clone()
}

async fn resolve(app: &App, staff: &Buyer, kept: &Value, body: Value) -> Answer {
    let id = kept["id"].as_str().expect("an id");
    let path = format!("/admin/suspense/{id}/resolve");
    app.post(&path, &staff.token, body).await
}

/// Buys pro and enterprise, pays both: the second cannot be given. Its transaction, and where its money is.
pub(crate) async fn set_aside(app: &App, buyer: &Buyer, staff: &Buyer) -> (String, String, Value) {
    let dear = order_of(app, buyer, "enterprise").await;
    let first = paid(app, buyer).await;
    let second = pay(app, &dear).await;
    until("the money in suspense", async || {
        listed(app, staff, "?state=open").await.len() == 1
    })
    .await;
    let kept = listed(app, staff, "?state=open").await.swap_remove(0);
    assert_eq!(
        (&kept["cause"], &kept["transaction_id"], &kept["amount"]),
        (
            &json!("ended_order"),
            &json!(second),
            &dear["transaction"]["amount"]
        )
    );
    (first, second, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p4_money_for_what_cannot_be_given_is_applied_once_it_can() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let (first, second, kept) = set_aside(app, &buyer, &staff).await;
        let apply = json!({ "action": "apply", "reason": "wanted the dearer one" });
        let refused = resolve(app, &staff, &kept, apply.clone()).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["code"], "another_plan");
        assert_eq!(listed(app, &staff, "?state=open").await.len(), 1);
        app.balance().await;

        // The cheaper one goes back; then the dearer one can be given.
        refund(app, &staff, &first, json!({ "reason": "wrong plan" }))
            .await
            .expect(StatusCode::CREATED);
        assert!(!has_plan(app, &buyer).await);
        let applied = resolve(app, &staff, &kept, apply.clone()).await;
        let applied = applied.expect(StatusCode::OK);
        assert_eq!(
            (&applied["state"], &applied["note"], &applied["resolved_by"]),
            (
                &json!("applied"),
                &json!("wanted the dearer one"),
                &json!(staff.id)
            )
        );
        let path = "/payments/subscriptions/current";
        let held = app.get(path, &buyer.token).await.expect(StatusCode::OK);
        assert_eq!(held["plan"]["slug"], "enterprise");
        app.balance().await;
        for again in [apply, json!({ "action": "refund", "reason": "again" })] {
            let again = resolve(app, &staff, &kept, again).await;
            let again = again.refused(422, "validation_failed");
            assert_eq!(again["errors"][0]["code"], "decided");
        }

        // From here on it is money like other money.
        refund(app, &staff, &second, json!({ "reason": "no more" }))
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(status(app, &buyer, &second).await["status"], "refunded");
        assert!(!has_plan(app, &buyer).await);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_money_in_suspense_goes_back_once() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let (first, second, kept) = set_aside(app, &buyer, &staff).await;
        // Not through its order, or it could go back twice.
        let past = refund(app, &staff, &second, json!({ "reason": "past it" })).await;
        let past = past.refused(422, "validation_failed");
        assert_eq!(past["errors"][0]["code"], "in_suspense");
        let wait = json!({ "action": "hold", "reason": "asking the buyer" });
        let held = resolve(app, &staff, &kept, wait).await;
        assert_eq!(held.expect(StatusCode::OK)["state"], "held");

        let mut rivals = JoinSet::new();
        let id = kept["id"].as_str().expect("an id");
        for action in ["refund", "refund", "hold", "apply", "refund", "refund"] {
            let (http, token) = (app.http.clone(), staff.token.clone());
            let url = format!("{}/admin/suspense/{id}/resolve", app.url);
            rivals.spawn(async move {
                let body = json!({ "action": action, "reason": "rivals" });
                let sent = http.post(url).bearer_auth(token).json(&body).send().await;
                (action, Answer::read(sent.expect("an answer")).await.status)
            });
        }
        let done = rivals.join_all().await;
        let back = done
            .iter()
            .filter(|(word, status)| *word == "refund" && *status == 200);
        assert_eq!(back.count(), 1, "{done:?}");
        until("the money back", async || {
            listed(app, &staff, "?state=refunded").await.len() == 1
        })
        .await;
        let amount = kept["amount_minor"].as_i64().expect("an amount");
        assert_eq!(at_the_gateway(app).await, (1, amount));
        assert_eq!(status(app, &buyer, &second).await["status"], "refunded");
        // The order that was honoured is not touched.
        assert_eq!(status(app, &buyer, &first).await["refunded_amount"], "0.00");
        assert!(has_plan(app, &buyer).await);
        app.balance().await;
        let path = format!("/admin/transactions/{second}");
        let history = app.get(&path, &staff.token).await.expect(StatusCode::OK);
        assert_eq!(history["suspense"][0]["state"], "refunded");
        assert_eq!(history["refunds"][0]["suspense_id"], kept["id"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_money_for_nobody_pays_an_order_that_wants_just_that() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let (pen, order) = (Pen::of(app).await, app.order(&buyer).await);
        let mut fields = pen.paid(&order);
        fields.insert(
            "out_trade_no",
            "0198c0de0198c0de0198c0de0198c0de".to_owned(),
        );
        assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
        let kept = listed(app, &staff, "").await.swap_remove(0);
        assert_eq!(
            (&kept["cause"], &kept["transaction_id"], &kept["state"]),
            (&json!("unknown_order"), &Value::Null, &json!("open"))
        );
        let apply =
            |id: &Value| json!({ "action": "apply", "transaction_id": id, "reason": "by receipt" });
        let code = async |body: Value| {
            let refused = resolve(app, &staff, &kept, body).await;
            refused.refused(422, "validation_failed")["errors"][0]["code"].clone()
        };
        assert_eq!(
            code(json!({ "action": "apply", "reason": "which?" })).await,
            "no_order"
        );
        assert_eq!(
            code(json!({ "action": "burn", "reason": "?" })).await,
            "unknown_word"
        );
        assert_eq!(
            code(json!({ "action": "hold", "reason": " " })).await,
            "invalid_reason"
        );
        let stray = json!({ "action": "hold", "reason": "x", "transaction_id": kept["id"] });
        assert_eq!(code(stray).await, "not_used");
        let dear = order_of(app, &buyer, "enterprise").await;
        assert_eq!(code(apply(&dear["transaction"]["id"])).await, "not_fitting");
        assert_eq!(code(apply(&kept["id"])).await, "no_order");

        let id = order["transaction"]["id"].clone();
        let applied = resolve(app, &staff, &kept, apply(&id)).await;
        assert_eq!(applied.expect(StatusCode::OK)["state"], "applied");
        let id = id.as_str().expect("an id");
        assert_eq!(status(app, &buyer, id).await["status"], "completed");
        assert!(has_plan(app, &buyer).await);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_what_cannot_go_back_by_rule_waits_for_somebody() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let (pen, order) = (Pen::of(app).await, app.order(&buyer).await);
        for number in ["1", "2"] {
            let mut fields = pen.paid(&order);
            fields.insert("trade_no", format!("202600000000000000000000000{number}"));
            fields.insert("notify_id", number.to_owned());
            assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
        }
        // Returned by rule at once; the gateway knows no such trade, and says no for good.
        until("the no", async || {
            listed(app, &staff, "?state=held").await.len() == 1
        })
        .await;
        let kept = listed(app, &staff, "").await.swap_remove(0);
        assert_eq!(
            (&kept["cause"], &kept["resolved_by"]),
            (&json!("surplus"), &Value::Null)
        );
        let refunds = app.get("/admin/refunds", &staff.token).await;
        let refunds = refunds.expect(StatusCode::OK);
        let tried = &refunds["data"][0];
        assert_eq!(
            (
                &tried["origin"],
                &tried["status"],
                &tried["suspense_id"],
                &tried["transaction_id"]
            ),
            (
                &json!("surplus"),
                &json!("failed"),
                &kept["id"],
                &Value::Null
            )
        );
        // The order that was honoured is not touched by any of it.
        assert!(has_plan(app, &buyer).await);
        app.balance().await;
        let again = json!({ "action": "refund", "reason": "by bank transfer" });
        let again = resolve(app, &staff, &kept, again).await;
        assert_eq!(again.expect(StatusCode::OK)["state"], "refunding");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_a_buyer_who_pays_twice_has_the_second_money_back() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let twice = json!({ "kind": "pay_twice" });
        let put = app.post("/sandbox/alipay/faults", "", twice).await;
        put.expect(StatusCode::CREATED);
        let order = app.order(&buyer).await;
        let id = pay(app, &order).await;
        until("the second money back", async || {
            listed(app, &staff, "?state=refunded").await.len() == 1
        })
        .await;
        let kept = listed(app, &staff, "").await;
        assert_eq!(kept.len(), 1);
        assert_eq!(
            (
                &kept[0]["cause"],
                &kept[0]["transaction_id"],
                &kept[0]["resolved_by"]
            ),
            (&json!("surplus"), &json!(id), &Value::Null)
        );
        assert_eq!(at_the_gateway(app).await, (1, 9_900));
        // The order that was honoured is not touched: one plan, one price.
        let shown = status(app, &buyer, &id).await;
        assert_eq!(
            (&shown["status"], &shown["refunded_amount"]),
            (&json!("completed"), &json!("0.00"))
        );
        assert!(has_plan(app, &buyer).await);
        // Of the two monies the one that was booked can still go back, and that alone.
        refund(app, &staff, &id, json!({ "reason": "changed their mind" }))
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(at_the_gateway(app).await, (2, 19_800));
        app.balance().await;
        same_books(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_a_refund_of_the_providers_desk_is_recorded_once() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let order = app.order(&buyer).await;
        let id = pay(app, &order).await;
        until("the plan", async || has_plan(app, &buyer).await).await;
        let number = order["transaction"]["order_no"].as_str().expect("a number");
        let by_hand = async |amount: &str| {
            let body = json!({ "out_trade_no": number, "amount": amount });
            let made = app.post("/sandbox/alipay/console-refund", "", body).await;
            made.expect(StatusCode::CREATED)
        };
        // Its notice may come twice.
        let twice = json!({ "kind": "callback_twice" });
        let put = app.post("/sandbox/alipay/faults", "", twice).await;
        put.expect(StatusCode::CREATED);
        let by_desk = by_hand("9.00").await;
        until("the record", async || {
            status(app, &buyer, &id).await["refunded_amount"] == "9.00"
        })
        .await;
        assert!(has_plan(app, &buyer).await, "a part leaves the plan");
        // Once more, in a notice of its own: it is asked about again, and known.
        let pen = Pen::of(app).await;
        let mut again = pen.paid(&order);
        let refund_no = by_desk["out_biz_no"].as_str().expect("a number");
        again.insert("notify_id", "again".to_owned());
        again.insert("out_biz_no", refund_no.to_owned());
        again.insert("refund_fee", "9.00".to_owned());
        again.insert("gmt_refund", "2026-11-23 12:00:00.000".to_owned());
        app.notify(pen.sign(&again)).await;
        let asked = "SELECT COUNT(*) FROM jobs WHERE kind = 'console_refund' AND state = 'done'";
        until("two questions", async || app.count(asked).await == 2).await;
        assert_eq!(status(app, &buyer, &id).await["refunded_amount"], "9.00");
        // Ours and theirs together are never more than was paid.
        let above = refund(
            app,
            &staff,
            &id,
            json!({ "amount": "90.01", "reason": "x" }),
        )
        .await;
        above.refused(422, "refund_exceeds_payment");
        refund(
            app,
            &staff,
            &id,
            json!({ "amount": "40.00", "reason": "ours" }),
        )
        .await
        .expect(StatusCode::CREATED);
        by_hand("50.00").await;
        until("the end", async || {
            status(app, &buyer, &id).await["status"] == "refunded"
        })
        .await;
        assert!(
            !has_plan(app, &buyer).await,
            "all of it, and the plan with it"
        );
        let path = format!("/admin/refunds?transaction_id={id}");
        let made = app.get(&path, &staff.token).await.expect(StatusCode::OK);
        let made = made["data"].as_array().expect("a list");
        let origins: Vec<_> = made.iter().map(|refund| &refund["origin"]).collect();
        assert_eq!(
            origins,
            [&json!("console"), &json!("admin"), &json!("console")]
        );
        app.balance().await;
        same_books(app).await;
    })
    .await;
}

/// What lies with Alipay by our books is what lies there by its own.
pub(crate) async fn same_books(app: &App) {
    let theirs = app.get("/sandbox/alipay/books", "").await;
    let theirs = theirs.expect(StatusCode::OK)["sums"][0]["net_minor"].clone();
    let books = app.payment.verify_books().await.expect("read");
    let ours = books
        .accounts
        .iter()
        .find(|account| account.code == "provider.alipay");
    assert_eq!(theirs, json!(ours.expect("an account").minor));
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_one_money_that_is_told_of_two_orders_pays_one_and_stays_there() {
    each_engine(async |app| {
        let (first, second) = (app.buyer().await, app.buyer().await);
        let id = paid(app, &first).await;
        let money = status(app, &first, &id).await["payment_provider_id"].clone();
        let order = app.order(&second).await;
        let pen = Pen::of(app).await;
        let mut notice = pen.paid(&order);
        notice.insert("trade_no", money.as_str().expect("a number").to_owned());
        let (status_code, words) = app.notify(pen.sign(&notice)).await;
        assert_eq!((status_code, words.as_str()), (200, "success"));
        let other = order["transaction"]["id"].as_str().expect("an id");
        assert_eq!(status(app, &second, other).await["status"], "pending");
        assert!(!has_plan(app, &second).await);
        assert!(has_plan(app, &first).await);
        let aside = "SELECT COUNT(*) FROM suspense";
        assert_eq!(
            app.count(aside).await,
            0,
            "it would go back from under the first"
        );
        assert_eq!(at_the_gateway(app).await, (0, 0));
        app.balance().await;
    })
    .await;
}
