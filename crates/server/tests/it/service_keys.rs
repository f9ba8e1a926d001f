//! Host applications that charge their customers, and keys that are limited to it (A8, Q1).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_storage::in_tx;

use crate::harness::{App, Buyer, each_engine};

/// A service key made by an admin.
pub(crate) async fn service_key(app: &App, scopes: Value) -> String {
    let admin = app.buyer().await;
    let mut tx = app.db.begin().await.expect("begins");
    let id: uuid::Uuid = admin.id.parse().expect("an id");
    let statement = "UPDATE users SET is_superuser = (1 = 1) WHERE id = $1";
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
    let body = json!({ "name": "viewer", "scopes": scopes });
    let made = app.post("/admin/service-keys", &admin.token, body).await;
    made.expect(StatusCode::CREATED)["key"]
        .as_str()
        .expect("a key")
        .to_owned()
}

pub(crate) async fn with_free_plan(app: &App) -> Buyer {
    let buyer = app.buyer().await;
    let free = json!({ "plan_slug": "free" });
    app.post("/payments/subscriptions/subscribe", &buyer.token, free)
        .await
        .expect(StatusCode::CREATED);
    buyer
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_a_service_charges_whom_it_names_and_others_nobody_else() {
    each_engine(async |app| {
        let (ann, bob) = (with_free_plan(app).await, with_free_plan(app).await);
        let key = service_key(app, json!(["quota"])).await;
        let consume = async |credential: &str, user: Value| {
            let body = json!({ "resource_type": "dicom_processing", "user_id": user });
            app.post("/quota/consume", credential, body).await
        };
        let check = async |credential: &str, user: &str| {
            let path = format!("/quota/check?resource_type=dicom_processing{user}");
            app.get(&path, credential).await
        };
        let used = async |buyer: &Buyer| {
            let checked = check(&buyer.token, "").await;
            checked.expect(StatusCode::OK)["quota"]["used"].clone()
        };
        let before = (used(&ann).await, used(&bob).await);
        let taken = consume(&key, json!(ann.id)).await.expect(StatusCode::OK);
        assert_eq!(taken["quota"]["used"], 1);
        assert_ne!(used(&ann).await, before.0);
        assert_eq!(used(&bob).await, before.1);
        let asked = check(&key, &format!("&user_id={}", bob.id)).await;
        let asked = asked.expect(StatusCode::OK);
        assert_eq!(
            (&asked["allowed"], &asked["quota"]["used"]),
            (&json!(true), &json!(0))
        );

        // A service names somebody; a person nobody, not even themselves.
        for user in [json!(null), json!("x"), json!(ann.id.to_uppercase())] {
            let answer = consume(&key, user).await.refused(422, "validation_failed");
            assert_eq!(answer["errors"][0]["field"], "/user_id");
        }
        check(&key, "").await.refused(422, "validation_failed");
        for credential in [&ann.token, &ann.key] {
            for user in [&ann.id, &bob.id, "x"] {
                consume(credential, json!(user))
                    .await
                    .refused(403, "permission_denied");
                check(credential, &format!("&user_id={user}"))
                    .await
                    .refused(403, "permission_denied");
            }
        }
        let nobody = "0198a000-0000-7000-8000-000000000000";
        consume(&key, json!(nobody))
            .await
            .refused(402, "subscription_required");
        let blind = service_key(app, json!(["introspect"])).await;
        consume(&blind, json!(ann.id))
            .await
            .refused(403, "permission_denied");
        assert_eq!(used(&bob).await, before.1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_a_key_for_quota_sees_no_payments_and_no_account() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let order = app.order(&buyer).await;
        let id = order["transaction"]["id"].as_str().expect("an id");
        let status = format!("/payments/status/{id}");
        let routes = [
            ("quota", "/quota/check?resource_type=dicom_processing"),
            ("usage", "/usage/summary"),
            ("payments", &status),
            ("payments", "/payments/subscriptions/current"),
            ("account", "/auth/me"),
        ];
        for scope in ["quota", "usage", "payments", "account"] {
            let body = json!({ "name": scope, "scopes": [scope] });
            let made = app.post("/auth/api-keys", &buyer.token, body).await;
            let key = made.expect(StatusCode::CREATED)["key"]
                .as_str()
                .expect("a key")
                .to_owned();
            for (takes, path) in routes {
                let answer = app.call(Method::GET, path, &key, None).await;
                if takes == scope {
                    answer.expect(StatusCode::OK);
                } else {
                    let refused = answer.refused(403, "permission_denied");
                    assert_eq!(refused["permission"], takes, "{path}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_53_a_host_sets_units_aside_and_settles_them() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let (own, other) = (
            service_key(app, json!(["quota"])).await,
            service_key(app, json!(["quota"])).await,
        );
        let call = async |key: &str, verb: &str, body: Value| {
            app.post(&format!("/quota/{verb}"), key, body).await
        };
        let wish = |cost: i64, ttl: i64| {
            json!({ "resource_type": "dicom_processing", "user_id": buyer.id, "cost": cost, "ttl_seconds": ttl })
        };
        for ttl in [0, -1, 86_401, 1_000_000_000] {
            let problem = call(&own, "reserve", wish(1, ttl)).await;
            let problem = problem.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "/ttl_seconds");
        }
        // A buyer must not release a hold of their own.
        let refused = call(&buyer.token, "reserve", wish(1, 60)).await;
        refused.refused(403, "permission_denied");
        let reserve = async |cost| {
            let held = call(&own, "reserve", wish(cost, 60)).await;
            held.expect(StatusCode::CREATED)
        };
        let held = reserve(4).await;
        assert_eq!((&held["units"], &held["quota"]["reserved"]), (&json!(4), &json!(4)));
        let id = held["reservation_id"].clone();
        let settle = |cost: Option<i64>| json!({ "reservation_id": id, "cost": cost });
        let above = call(&own, "commit", settle(Some(5))).await;
        above.refused(422, "validation_failed");
        for none in [0, -1] {
            let refused = call(&own, "commit", settle(Some(none))).await;
            refused.refused(422, "validation_failed");
        }
        let foreign = call(&other, "commit", settle(None)).await;
        foreign.refused(404, "not_found");
        let unknown = json!({ "reservation_id": "0198a000-0000-7000-8000-000000000000" });
        call(&own, "commit", unknown).await.refused(404, "not_found");
        let charged = call(&own, "commit", settle(Some(3))).await.expect(StatusCode::OK);
        assert_eq!((&charged["charged"], &charged["quota"]["reserved"]), (&json!(3), &json!(0)));
        let again = call(&own, "commit", settle(Some(3))).await.expect(StatusCode::OK);
        assert_eq!(again["usage_id"], charged["usage_id"]);
        let late = call(&own, "release", json!({ "reservation_id": id })).await;
        late.refused(409, "reservation_settled");
        let second = reserve(2).await["reservation_id"].clone();
        let second = json!({ "reservation_id": second });
        call(&own, "extend", second.clone()).await.expect(StatusCode::OK);
        call(&own, "release", second.clone()).await.expect(StatusCode::OK);
        call(&own, "commit", second).await.refused(409, "reservation_settled");
        // What failed after all is given back, once.
        let refund = json!({ "usage_id": charged["usage_id"], "reason": "no picture came of it" });
        let given = call(&own, "refund", refund.clone()).await.expect(StatusCode::OK);
        assert_eq!((&given["units"], &given["quota"]["used"]), (&json!(3), &json!(0)));
        let again = call(&own, "refund", refund).await.expect(StatusCode::OK);
        assert_eq!(again["refund_usage_id"], given["refund_usage_id"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM usage_logs").await, 2);
        app.balance().await;
    })
    .await;
}
