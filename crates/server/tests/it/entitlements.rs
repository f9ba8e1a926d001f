//! What people have, asked by applications; and that a free plan is had once by one person.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine};

pub(crate) async fn account(app: &App, email: &str, username: &str) -> Buyer {
    let password = "plum orchard lantern 7";
    let body = json!({ "email": email, "username": username, "password": password });
    let user = app.post("/auth/register", "", body).await;
    let user = user.expect(StatusCode::CREATED);
    let body = json!({ "email": email, "password": password });
    let login = app
        .post("/auth/login", "", body)
        .await
        .expect(StatusCode::OK);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Buyer {
        id: text(&user["id"]),
        token: text(&login["access_token"]),
        key: String::new(),
        password: String::new(),
    }
}

async fn take_free(app: &App, buyer: &Buyer) -> crate::harness::Answer {
    let free = json!({ "plan_slug": "free" });
    app.post("/payments/subscriptions/subscribe", &buyer.token, free)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_a_free_plan_is_had_once_by_one_mailbox() {
    each_engine(async |app| {
        let first = account(app, "ann.lee@gmail.com", "ann1").await;
        let alias = account(app, "annlee+again@gmail.com", "ann2").await;
        let other = account(app, "bob.lee@gmail.com", "bob1").await;
        take_free(app, &first).await.expect(StatusCode::CREATED);
        // Having it already is fine; having it by another spelling is not.
        take_free(app, &first).await.expect(StatusCode::CREATED);
        for _ in 0..2 {
            take_free(app, &alias)
                .await
                .refused(403, "permission_denied");
        }
        app.get("/payments/subscriptions/current", &alias.token)
            .await
            .refused(404, "no_subscription");
        take_free(app, &other).await.expect(StatusCode::CREATED);
        // Gone is not forgotten.
        let close = json!({ "current_password": "plum orchard lantern 7" });
        let closed = app
            .call(
                reqwest::Method::DELETE,
                "/auth/me",
                &first.token,
                Some(close),
            )
            .await;
        assert_eq!(closed.status, 204, "{}", closed.body);
        take_free(app, &alias)
            .await
            .refused(403, "permission_denied");
        let again = account(app, "a.nnlee@gmail.com", "ann3").await;
        take_free(app, &again)
            .await
            .refused(403, "permission_denied");
        // What is paid for is everybody's.
        app.order(&alias).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_answers_what_an_application_asks_and_takes_nothing() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let ask = async |query: &str| app.get(&format!("/auth/verify?{query}"), &buyer.key).await;
        let refused = async |query: &str, status: u16, code: &str| {
            let answer = ask(query).await.refused(status, code);
            assert_eq!(answer["valid"], false, "{query}");
            answer
        };
        ask("").await.expect(StatusCode::OK);
        refused("plan=pro", 402, "subscription_required").await;
        for query in ["plan=", "plan=pro,", "plan=,"] {
            refused(query, 422, "validation_failed").await;
        }
        refused(
            "resource_type=dicom_processing",
            402,
            "subscription_required",
        )
        .await;
        take_free(app, &buyer).await.expect(StatusCode::CREATED);
        for good in [
            "plan=free",
            "plan=pro,free",
            "resource_type=dicom_processing",
            "resource_type=dicom_processing&cost=10",
            "plan=free&resource_type=dicom_processing&cost=1",
        ] {
            let said = ask(good).await.expect(StatusCode::OK);
            assert_eq!(
                (&said["valid"], &said["quota"]["used"]),
                (&json!(true), &json!(0)),
                "{good}"
            );
        }
        let needed = refused("plan=pro", 402, "plan_required").await;
        assert_eq!(needed["plans"], json!(["pro"]));
        let full = refused(
            "resource_type=dicom_processing&cost=11",
            429,
            "quota_exceeded",
        )
        .await;
        assert_eq!(full["quota"]["remaining"], 10);
        refused("permission=users.read", 403, "permission_denied").await;
        for (bad, field) in [
            ("resource_type=%20", "/resource_type"),
            ("cost=0&resource_type=x", "/cost"),
            ("cost=1.5", "/cost"),
            ("cost=99999999999999999999", "/cost"),
        ] {
            let answer = refused(bad, 422, "validation_failed").await;
            assert_eq!(answer["errors"][0]["field"], field, "{bad}");
        }
        let me = app.get("/auth/me?expand=subscription", &buyer.token).await;
        let me = me.expect(StatusCode::OK);
        assert_eq!(me["subscription"]["plan"]["slug"], "free");
        let me = app
            .get("/auth/me", &buyer.token)
            .await
            .expect(StatusCode::OK);
        assert!(me.get("subscription").is_none());
        app.get("/auth/me?expand=everything", &buyer.token)
            .await
            .refused(422, "validation_failed");
    })
    .await;
}
