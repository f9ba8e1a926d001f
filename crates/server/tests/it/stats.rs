//! Figures of the business over HTTP, for whoever may see the payments of everybody.

use reqwest::StatusCode;
use serde_json::json;
use tollgate_auth::model::role::Role;

use crate::access::staff;
use crate::harness::{App, Pen, each_engine, until};

const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const OVERVIEW: &str = "/admin/stats/overview";
const REVENUE: &str = "/admin/stats/revenue";

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_in_the_figures_and_a_gift_is_not() {
    each_engine(async |app| {
        let (reader, _) = staff(app, Some(Role::ReadOnly)).await;
        let (admin, _) = staff(app, Some(Role::Admin)).await;
        let empty = app.get(OVERVIEW, &reader).await.expect(StatusCode::OK);
        assert_eq!(empty["currencies"], json!([]));
        let (buyer, guest, pen) = (app.buyer().await, app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        app.notify(pen.sign(&pen.paid(&order))).await;
        until("it is had", async || app.count(LIVE).await == 1).await;
        let gift = json!({ "plan_slug": "pro", "terms": 3, "reason": "a prize" });
        let path = format!("/admin/users/{}/grant", guest.id);
        let given = app.post(&path, &admin, gift).await;
        let given = given.expect(StatusCode::CREATED);
        assert_eq!(given["terms"], 3, "{given}");
        let current = app.get("/payments/subscriptions/current", &guest.key).await;
        let current = current.expect(StatusCode::OK);
        assert_eq!(current["id"], given["subscription_id"]);
        let all = app.get(OVERVIEW, &reader).await.expect(StatusCode::OK);
        let of = &all["currencies"][0];
        let price = json!({ "amount": "99.00", "amount_minor": 9_900 });
        assert_eq!(
            (&of["currency"], &of["mrr"], &of["revenue"]["net"]),
            (&json!("CNY"), &price, &price)
        );
        assert_eq!((&of["paying"], &of["new"]), (&json!(1), &json!(1)));
        assert_eq!(of["churn_rate"], json!(null));
        let people = &all["people"];
        assert_eq!(
            (&people["entitled"], &people["converted"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(all["rails"][0]["success_rate"], "1.0000");
        let lines = app.get(REVENUE, &reader).await.expect(StatusCode::OK);
        let line = &lines["series"][0];
        assert_eq!(line["payment_method"], "alipay");
        assert_eq!(line["total"]["gross"], price);
        assert_eq!(line["points"].as_array().expect("points").len(), 30);
        assert_eq!(line["points"][29]["net"], price);
        what_is_wrong_is_refused(app, (&reader, &admin), &path).await;
    })
    .await;
}

async fn what_is_wrong_is_refused(app: &App, (reader, admin): (&str, &str), grant: &str) {
    for bad in [
        "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=1950-01-01T00:00:00Z",
        "from=yesterday",
    ] {
        for path in [OVERVIEW, REVENUE] {
            let answer = app.get(&format!("{path}?{bad}"), reader).await;
            answer.refused(422, "validation_failed");
        }
    }
    for bad in [
        "interval=second",
        "tz=Mars/Olympus",
        "interval=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
    ] {
        let answer = app.get(&format!("{REVENUE}?{bad}"), reader).await;
        answer.refused(422, "validation_failed");
    }
    for bad in [
        json!({ "plan_slug": "pro", "units": 1, "reason": "both" }),
        json!({ "plan_slug": "none", "reason": "no such plan" }),
        json!({ "plan_slug": "pro", "terms": 121, "reason": "too many" }),
        json!({ "plan_slug": "pro", "terms": -1, "reason": "below nothing" }),
        json!({ "plan_slug": "pro", "reason": " " }),
        json!({ "terms": 1, "units": 1, "reason": "terms of what" }),
        json!({ "reason": "nothing" }),
    ] {
        let answer = app.post(grant, admin, bad).await;
        answer.refused(422, "validation_failed");
    }
}
