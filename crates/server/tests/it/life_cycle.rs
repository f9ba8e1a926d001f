//! Further terms and what has happened, over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine};
use crate::refunds::{finance, pay, refund};

const RENEW: &str = "/payments/subscriptions/renew";
const HISTORY: &str = "/payments/subscriptions/history";

async fn end(app: &App, buyer: &Buyer) -> Value {
    let current = app
        .get("/payments/subscriptions/current", &buyer.token)
        .await;
    current.expect(StatusCode::OK)["current_period_end"].clone()
}

async fn kinds(app: &App, buyer: &Buyer) -> Vec<String> {
    let list = app.get(HISTORY, &buyer.token).await.expect(StatusCode::OK);
    let rows = list["data"].as_array().expect("a list");
    let kinds = rows.iter().map(|row| row["kind"].as_str().expect("a word"));
    kinds.map(str::to_owned).collect()
}

/// Pays, and waits until we have heard of it.
async fn paid(app: &App, buyer: &Buyer, order: &Value) -> String {
    let id = pay(app, order).await;
    let status = app
        .get(&format!("/payments/status/{id}?wait=20"), &buyer.token)
        .await;
    assert_eq!(status.expect(StatusCode::OK)["status"], "completed");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn line_39_a_further_term_is_ordered_paid_and_given_back() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let by_alipay = json!({ "payment_method": "alipay" });
        app.post(RENEW, &buyer.token, by_alipay.clone())
            .await
            .refused(404, "no_subscription");
        let bought = app.order(&buyer).await;
        paid(app, &buyer, &bought).await;
        let first_end = end(app, &buyer).await;

        let wrong = json!({ "payment_method": "alipay", "amount": "98.00" });
        app.post(RENEW, &buyer.token, wrong)
            .await
            .refused(422, "amount_mismatch");
        app.post(RENEW, &buyer.token, json!({ "payment_method": "cash" }))
            .await
            .refused(422, "method_unavailable");
        let order = app.post(RENEW, &buyer.token, by_alipay.clone()).await;
        let order = order.expect(StatusCode::CREATED);
        assert_eq!(order["transaction"]["purpose"], "renewal", "{order}");
        assert!(order["subscription"].is_null());
        let again = app.post(RENEW, &buyer.token, by_alipay).await;
        let again = again.expect(StatusCode::CREATED);
        assert_eq!(again["transaction"]["id"], order["transaction"]["id"]);
        assert_eq!(end(app, &buyer).await, first_end);
        let renewal = paid(app, &buyer, &order).await;
        assert_ne!(end(app, &buyer).await, first_end);
        assert_eq!(kinds(app, &buyer).await, ["renewed", "activated"]);

        // The term that goes back is the last one.
        refund(app, &staff, &renewal, json!({ "reason": "too early" }))
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(end(app, &buyer).await, first_end);
        assert_eq!(
            kinds(app, &buyer).await,
            ["changed", "renewed", "activated"]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_its_owners_and_names_plan_and_payment() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let bought = app.order(&buyer).await;
        let payment = paid(app, &buyer, &bought).await;
        let list = app.get(HISTORY, &buyer.token).await.expect(StatusCode::OK);
        let row = &list["data"][0];
        assert_eq!(
            (&row["kind"], &row["transaction_id"], &row["to_plan_id"]),
            (
                &json!("activated"),
                &json!(payment),
                &bought["transaction"]["plan_id"]
            )
        );
        assert!(row["from_plan_id"].is_null(), "{row}");
        assert_eq!(row["detail"]["state"], "active");
        assert_eq!(
            (&list["has_more"], &list["next_cursor"]),
            (&json!(false), &Value::Null)
        );
        let stranger = app.buyer().await;
        assert!(kinds(app, &stranger).await.is_empty());
        let id = row["id"].as_str().expect("an id");
        for query in [
            format!("starting_after={id}"),
            format!("ending_before={id}"),
            "limit=0".to_owned(),
            "limit=101".to_owned(),
        ] {
            app.get(&format!("{HISTORY}?{query}"), &stranger.token)
                .await
                .refused(422, "validation_failed");
        }
        let both = format!("{HISTORY}?starting_after={id}&ending_before={id}");
        app.get(&both, &buyer.token)
            .await
            .refused(422, "validation_failed");
    })
    .await;
}

const QUOTE: &str = "/payments/quote";
const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";

#[tokio::test(flavor = "multi_thread")]
async fn line_32_a_plan_in_force_changes_by_the_quotes_rule_and_never_two_are_active() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let wish = |slug: &str| json!({ "plan_slug": slug });
        app.post(QUOTE, &buyer.token, wish("gold"))
            .await
            .refused(404, "not_found");
        app.post(QUOTE, &buyer.token, json!({}))
            .await
            .refused(422, "validation_failed");
        let first = app.post(QUOTE, &buyer.token, wish("pro")).await;
        let first = first.expect(StatusCode::OK);
        assert_eq!(
            (&first["kind"], &first["amount"], &first["credit_of"]),
            (&json!("begin"), &json!("99.00"), &Value::Null)
        );
        let bought = app.order(&buyer).await;
        paid(app, &buyer, &bought).await;
        let quote = app.post(QUOTE, &buyer.token, wish("enterprise")).await;
        let quote = quote.expect(StatusCode::OK);
        assert_eq!(quote["kind"], "upgrade", "{quote}");
        let (amount, credit) = (&quote["amount_minor"], &quote["credit_minor"]);
        let sum = amount.as_i64().expect("minor") + credit.as_i64().expect("minor");
        assert_eq!(sum, 999_900);
        // The price of the plan is not what is due: nothing is ordered by it.
        let mut order = json!({ "plan_slug": "enterprise", "payment_method": "alipay", "amount_minor": 999_900 });
        app.post(SUBSCRIBE, &buyer.token, order.clone())
            .await
            .refused(422, "amount_mismatch");
        order["amount_minor"] = amount.clone();
        let order = app.post(SUBSCRIBE, &buyer.token, order).await;
        let order = order.expect(StatusCode::CREATED);
        assert_eq!(
            (
                &order["transaction"]["purpose"],
                &order["transaction"]["amount_minor"]
            ),
            (&json!("change"), amount)
        );
        paid(app, &buyer, &order).await;
        let current = app
            .get("/payments/subscriptions/current", &buyer.token)
            .await;
        let current = current.expect(StatusCode::OK);
        assert_eq!(current["plan"]["slug"], "enterprise", "{current}");
        // Back to what is cheaper: when the year is over, without an order now.
        let later = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let later = app.post(SUBSCRIBE, &buyer.token, later).await;
        let later = later.expect(StatusCode::CREATED);
        assert!(later["transaction"].is_null(), "{later}");
        assert_eq!(
            later["subscription"]["next_plan_id"],
            bought["transaction"]["plan_id"]
        );
        app.post(
            "/payments/subscriptions/resume",
            &buyer.token,
            json!({}),
        )
        .await
        .expect(StatusCode::OK);
        // What happened at one moment has no order.
        let mut kinds = kinds(app, &buyer).await;
        kinds.sort_unstable();
        let lived = ["activated", "activated", "changed", "replaced", "resumed"];
        assert_eq!(kinds, lived);
        let trial = json!({ "plan_slug": "pro", "trial": true });
        app.post(SUBSCRIBE, &buyer.token, trial)
            .await
            .refused(422, "validation_failed");
    })
    .await;
}
