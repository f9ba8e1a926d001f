//! What is refused of quota, and changes nothing.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Answer, App, Buyer, each_engine};
use crate::service_keys::{service_key, with_free_plan};
use crate::units::{admin, consume, explained, sum};

/// Somebody whose plan has no limit, and no price but for `scan`.
pub(crate) async fn unlimited_plan(app: &App) -> Buyer {
    let plan = json!({
        "slug": "boundless", "name": "不限", "price": "0.00", "currency": "CNY", "billing_cycle": "monthly",
        "quota_type": "scans", "quota_limit": null, "resource_costs": { "scan": 2 },
    });
    let made = app.post("/admin/plans", &admin(app).await, plan).await;
    made.expect(StatusCode::CREATED);
    let buyer = app.buyer().await;
    let wish = json!({ "plan_slug": "boundless" });
    app.post("/payments/subscriptions/subscribe", &buyer.token, wish)
        .await
        .expect(StatusCode::CREATED);
    buyer
}

#[tokio::test(flavor = "multi_thread")]
async fn line_51_what_is_no_cost_no_price_or_not_ones_own_is_not_charged() {
    each_engine(async |app| {
        let (buyer, other) = (with_free_plan(app).await, unlimited_plan(app).await);
        let host = service_key(app, json!(["quota"])).await;
        for cost in [
            "0",
            "-1",
            "1.5",
            "9223372036854775808",
            "\"1\"",
            "1e2",
            "[1]",
            "{}",
        ] {
            for (path, credential, user) in [
                ("consume", &buyer.key, String::new()),
                ("consume", &host, format!(",\"user_id\":\"{}\"", buyer.id)),
                ("reserve", &host, format!(",\"user_id\":\"{}\"", buyer.id)),
            ] {
                let body =
                    format!("{{\"resource_type\":\"dicom_processing\",\"cost\":{cost}{user}}}");
                let request = app
                    .http
                    .post(format!("{}/quota/{path}", app.url))
                    .bearer_auth(credential);
                let request = request
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(body);
                let answer = Answer::read(request.send().await.expect("an answer")).await;
                let problem = answer.refused(422, "validation_failed");
                assert_eq!(problem["errors"][0]["field"], "/cost", "{path} {cost}");
            }
        }
        // The most that is a cost, at a price of two, is none.
        let most = json!({ "resource_type": "scan", "cost": 1_000_000_000 });
        let problem = consume(app, &other, most)
            .await
            .refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "/cost");
        let unpriced = json!({ "resource_type": "dicom_processing" });
        let problem = consume(app, &other, unpriced)
            .await
            .refused(422, "validation_failed");
        assert_eq!(
            (
                &problem["errors"][0]["field"],
                &problem["errors"][0]["code"]
            ),
            (&json!("/resource_type"), &json!("no_price"))
        );
        for named in [&buyer.id, &other.id] {
            let body = json!({ "resource_type": "dicom_processing", "user_id": named });
            consume(app, &buyer, body)
                .await
                .refused(403, "permission_denied");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM quota_holds").await, 0);
        assert_eq!(sum(&explained(app, &buyer, "").await), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_52_too_much_without_a_plan_or_by_too_low_a_plan_is_not_charged() {
    each_engine(async |app| {
        let (buyer, stranger) = (with_free_plan(app).await, app.buyer().await);
        let body = |cost: i64| json!({ "resource_type": "dicom_processing", "cost": cost });
        consume(app, &buyer, body(4)).await.expect(StatusCode::OK);
        let problem = consume(app, &buyer, body(7))
            .await
            .refused(429, "quota_exceeded");
        assert_eq!(
            (&problem["quota"]["used"], &problem["quota"]["remaining"]),
            (&json!(4), &json!(6))
        );
        assert!(problem["upgrade_url"].is_string());
        // Nothing was taken: all of the rest is there.
        consume(app, &buyer, body(6)).await.expect(StatusCode::OK);
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 2);
        let problem = consume(app, &stranger, body(1))
            .await
            .refused(402, "subscription_required");
        assert!(problem["upgrade_url"].is_string());
        let problem = app.get("/auth/verify?plan=pro", &buyer.key).await;
        let problem = problem.refused(402, "plan_required");
        assert_eq!(problem["plans"], json!(["pro"]));
        // Without a limit all of it passes, and is written down.
        let boundless = unlimited_plan(app).await;
        for _ in 0..3 {
            let scan = json!({ "resource_type": "scan", "cost": 400_000_000 });
            let taken = consume(app, &boundless, scan).await.expect(StatusCode::OK);
            assert_eq!(
                (&taken["quota"]["limit"], &taken["quota"]["remaining"]),
                (&Value::Null, &Value::Null)
            );
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 5);
        let told = explained(app, &boundless, "?resource_type=scan").await;
        assert_eq!(
            (sum(&told), &told["quota"]["used"]),
            (-2_400_000_000, &json!(2_400_000_000_i64))
        );
        assert_eq!(
            (&told["steps"][0]["units"], &told["agrees"]),
            (&Value::Null, &json!(true))
        );
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_55_an_explanation_of_nothing_is_refused() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let admin = admin(app).await;
        for (query, field) in [
            ("resource_type=", "/resource_type"),
            ("resource_type=a%20b", "/resource_type"),
            ("meter=%E5%9B%9B", "/meter"),
            ("meter=storage", "/meter"),
            ("meter=processing_count&resource_type=x", "/meter"),
        ] {
            let path = format!("/usage/explain?{query}");
            let problem = app
                .get(&path, &buyer.key)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], field, "{query}");
        }
        for query in ["meter=a%00", "meter=a&meter=b"] {
            let path = format!("/usage/explain?{query}");
            app.get(&path, &buyer.key)
                .await
                .refused(422, "validation_failed");
        }
        // What is no id is told to staff only.
        for user in ["x", &buyer.id.to_uppercase()] {
            let path = format!("/usage/explain?user_id={user}");
            app.get(&path, &buyer.key)
                .await
                .refused(403, "permission_denied");
            let problem = app
                .get(&path, &admin)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "/user_id");
        }
        let nobody = "/usage/explain?user_id=0198a000-0000-7000-8000-000000000000";
        app.get(nobody, &admin)
            .await
            .refused(404, "no_subscription");
    })
    .await;
}
