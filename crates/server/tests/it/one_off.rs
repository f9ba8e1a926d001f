//! Payments for something of the host's own: a sum and a text, no plan.

use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::harness::{Answer, App, Buyer, each_engine, each_engine_with};
use crate::refunds::{at_the_gateway, finance, has_plan, pay, refund, status};

const CREATE: &str = "/payments/create";
const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";

fn wish(more: Value) -> Value {
    let mut wish = json!({ "amount": "9.90", "currency": "CNY", "payment_method": "alipay",
        "description": "A printed report" });
    let Value::Object(more) = more else {
        panic!("an object");
    };
    wish.as_object_mut().expect("an object").extend(more);
    wish
}

async fn create(app: &App, buyer: &Buyer, more: Value) -> Answer {
    app.post(CREATE, &buyer.token, wish(more)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_paid_gives_no_plan_and_goes_back() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let kept = json!({ "report": "r-17", "pages": 3, "gift": false, "note": "a=b&c\n\"}" });
        let begun = create(app, &buyer, json!({ "metadata": kept })).await;
        let begun = begun.expect(StatusCode::CREATED);
        let order = &begun["transaction"];
        assert_eq!(
            (
                &order["amount_minor"],
                &order["purpose"],
                &order["plan_id"],
                &order["metadata"]
            ),
            (&json!(990), &json!("one_off"), &Value::Null, &kept)
        );
        assert!(begun["subscription"].is_null(), "{begun}");

        let id = pay(app, &begun).await;
        let told = app
            .get(&format!("/payments/status/{id}?wait=20"), &buyer.token)
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&told["status"], &told["subscription_id"], &told["metadata"]),
            (&json!("completed"), &Value::Null, &kept)
        );
        assert!(!has_plan(app, &buyer).await);

        let part = json!({ "amount": "0.90", "reason": "a page was missing" });
        refund(app, &staff, &id, part)
            .await
            .expect(StatusCode::CREATED);
        let rest = json!({ "reason": "all of it" });
        refund(app, &staff, &id, rest)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(status(app, &buyer, &id).await["status"], "refunded");
        assert_eq!(at_the_gateway(app).await, (2, 990));
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p12_one_key_is_one_order_and_no_key_is_an_order_each() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut clicks = JoinSet::new();
        for _ in 0..20 {
            let request = app.http.post(format!("{}{CREATE}", app.url));
            let request = request
                .bearer_auth(&buyer.token)
                .header("idempotency-key", "report-17")
                .json(&wish(json!({})));
            clicks
                .spawn(async move { Answer::read(request.send().await.expect("an answer")).await });
        }
        let mut numbers = std::collections::BTreeSet::new();
        while let Some(answer) = clicks.join_next().await {
            let answer = answer.expect("no panic");
            if answer.status == 201 {
                let begun = answer.expect(StatusCode::CREATED);
                numbers.insert(begun["transaction"]["order_no"].to_string());
            } else {
                answer.refused(409, "idempotency_in_progress");
            }
        }
        assert_eq!(numbers.len(), 1);
        assert_eq!(app.count(ORDERS).await, 1);
        let other = app.http.post(format!("{}{CREATE}", app.url));
        let other = other
            .bearer_auth(&buyer.token)
            .header("idempotency-key", "report-17")
            .json(&wish(json!({ "amount": "9.91" })));
        Answer::read(other.send().await.expect("an answer"))
            .await
            .refused(422, "idempotency_key_reused");
        for count in [2, 3] {
            create(app, &buyer, json!({}))
                .await
                .expect(StatusCode::CREATED);
            assert_eq!(app.count(ORDERS).await, count);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_34_what_is_no_amount_is_refused_and_leaves_no_order() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        for amount in [
            json!("0.00"),
            json!("0"),
            json!(0),
            json!(-1),
            json!("-1.00"),
            json!("0.001"),
            json!("1e2"),
            json!(1e2),
            json!("٩٩.٠٠"),
            json!("1,000.00"),
            json!("NaN"),
            json!("99999999999999999999"),
            json!("99999999999999999999.00"),
            json!("99.0"),
            json!("100000000.01"),
            json!(true),
            json!({}),
        ] {
            let answer = create(app, &buyer, json!({ "amount": amount })).await;
            answer.refused(422, "validation_failed");
        }
        for minor in [0, -1, i64::MIN, i64::MAX, 10_000_000_001] {
            let body = json!({ "amount": null, "amount_minor": minor });
            create(app, &buyer, body)
                .await
                .refused(422, "validation_failed");
        }
        // Yen have no decimals: read before anybody asks whether a rail takes them.
        let yen = json!({ "amount": "1.50", "currency": "JPY" });
        create(app, &buyer, yen)
            .await
            .refused(422, "validation_failed");
        create(app, &buyer, json!({ "amount": null }))
            .await
            .refused(422, "validation_failed");
        let differ = json!({ "amount_minor": 991 });
        create(app, &buyer, differ)
            .await
            .refused(422, "amount_mismatch");
        let misspelt = json!({ "amuont": "1.00" });
        create(app, &buyer, misspelt)
            .await
            .refused(422, "unknown_field");
        assert_eq!(app.count(ORDERS).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_35_a_currency_or_a_method_that_is_not_taken_says_so() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        for currency in ["cny", "XXX", "USD", "", "¥"] {
            let answer = create(app, &buyer, json!({ "currency": currency })).await;
            answer.refused(422, "currency_unsupported");
        }
        for method in ["paypal", "Alipay", "", "wechat_pay"] {
            let answer = create(app, &buyer, json!({ "payment_method": method })).await;
            answer.refused(422, "method_unavailable");
        }
        assert_eq!(app.count(ORDERS).await, 0);
    })
    .await;
    each_engine_with(&[("SANDBOX", "off")], async |app| {
        let buyer = app.buyer().await;
        create(app, &buyer, json!({}))
            .await
            .refused(503, "payments_not_configured");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_37_what_is_kept_is_small_and_what_is_read_breaks_nothing() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let many: Map<_, _> = (0..100).map(|at| (format!("n{at}"), json!(1))).collect();
        let mut deep = json!(1);
        for _ in 0..60 {
            deep = json!({ "x": deep });
        }
        for metadata in [
            Value::from(many),
            deep,
            json!({ "x": "y".repeat(64 * 1024) }),
            json!({ "x": [1] }),
            json!([1]),
            json!("x"),
        ] {
            let answer = create(app, &buyer, json!({ "metadata": metadata })).await;
            answer.refused(422, "validation_failed");
        }
        for description in ["", "  ", "\n", &"字".repeat(128)] {
            let answer = create(app, &buyer, json!({ "description": description })).await;
            answer.refused(422, "validation_failed");
        }
        assert_eq!(app.count(ORDERS).await, 0);
        // Whatever it says, the gateway takes its signature and the buyer can pay.
        for description in [
            "a=b&sign=c\r\nd/e\"f\\g'h",
            "<script>alert(1)</script>",
            "\u{202e}倒\u{200b}\u{feff}",
            &"字".repeat(127),
        ] {
            let begun = create(app, &buyer, json!({ "description": description })).await;
            let begun = begun.expect(StatusCode::CREATED);
            let id = pay(app, &begun).await;
            let path = format!("/payments/status/{id}?wait=20");
            let told = app.get(&path, &buyer.token);
            assert_eq!(told.await.expect(StatusCode::OK)["status"], "completed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_or_a_price_that_names_no_currency_is_in_the_houses() {
    let in_house = async |app: &App, method: &str, currency: &str| {
        let buyer = app.buyer().await;
        let mut wish = wish(json!({ "payment_method": method }));
        wish.as_object_mut().expect("an object").remove("currency");
        let begun = app.post(CREATE, &buyer.token, wish).await;
        let begun = begun.expect(StatusCode::CREATED);
        assert_eq!(begun["transaction"]["currency"], currency);
        let staff = crate::outbound::admin(app).await;
        let plan = json!({ "slug": "team", "price": "5.00", "billing_cycle": "monthly",
            "quota_type": "calls", "quota_limit": 5, "resource_costs": { "*": 1 },
            "i18n": { "zh": { "name": "团队" }, "en": { "name": "Team" } } });
        let made = app.post("/admin/plans", &staff.token, plan).await;
        assert_eq!(made.expect(StatusCode::CREATED)["currency"], currency);
    };
    each_engine(async |app| in_house(app, "alipay", "CNY").await).await;
    let dollars = [("DEFAULT_CURRENCY", "USD")];
    each_engine_with(&dollars, async |app| in_house(app, "stripe", "USD").await).await;
}
