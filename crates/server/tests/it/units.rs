//! Units that staff give, and how a number of them came about.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_auth::model::role::Role;

use crate::access::staff;
use crate::harness::{Answer, App, Buyer, each_engine};
use crate::quota_input::unlimited_plan;
use crate::service_keys::{service_key, with_free_plan};

pub(crate) async fn admin(app: &App) -> String {
    staff(app, Some(Role::Admin)).await.0
}

async fn give(app: &App, credential: &str, user: &str, body: Value) -> Answer {
    app.post(&format!("/admin/users/{user}/grant"), credential, body)
        .await
}

pub(crate) async fn consume(app: &App, buyer: &Buyer, body: Value) -> Answer {
    app.post("/quota/consume", &buyer.key, body).await
}

pub(crate) async fn explained(app: &App, buyer: &Buyer, query: &str) -> Value {
    let answer = app.get(&format!("/usage/explain{query}"), &buyer.key).await;
    answer.expect(StatusCode::OK)
}

pub(crate) fn sum(explained: &Value) -> i64 {
    let steps = explained["steps"].as_array().expect("steps");
    steps.iter().filter_map(|step| step["units"].as_i64()).sum()
}

/// By the meter, by nothing, by themselves, by staff, by a host that may read usage.
async fn seen_by(app: &App, (buyer, own): (&Buyer, &Value), host: &str) {
    let by_meter = explained(app, buyer, "?meter=processing_count").await;
    let by_name = explained(app, buyer, &format!("?user_id={}", buyer.id)).await;
    assert_eq!(
        (&by_meter["steps"], &by_name["steps"]),
        (&own["steps"], &own["steps"])
    );
    let path = format!("/usage/explain?user_id={}", buyer.id);
    for (role, sees) in [
        (Some(Role::Admin), true),
        (Some(Role::Finance), true),
        (Some(Role::Support), true),
        (Some(Role::ReadOnly), true),
        (None, false),
    ] {
        let answer = app.get(&path, &staff(app, role).await.0).await;
        if sees {
            let seen = answer.expect(StatusCode::OK);
            assert_eq!(seen["steps"], own["steps"]);
        } else {
            let refused = answer.refused(403, "permission_denied");
            assert_eq!(refused["permission"], "usage.read");
        }
    }
    app.get(&path, host).await.expect(StatusCode::OK);
    let blind = service_key(app, json!(["quota"])).await;
    app.get(&path, &blind)
        .await
        .refused(403, "permission_denied");
    app.get("/usage/explain", host)
        .await
        .refused(403, "permission_denied");
    let stranger = app.buyer().await;
    app.get(&path, &stranger.key)
        .await
        .refused(403, "permission_denied");
    app.get("/usage/explain", &stranger.key)
        .await
        .refused(404, "no_subscription");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_q8_a_number_is_explained_to_its_owner_and_to_staff() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let admin = admin(app).await;
        let bonus =
            json!({ "units": 5, "reason": "  the outage of 3 May ", "meter": "processing_count" });
        let given = give(app, &admin, &buyer.id, bonus).await;
        let given = given.expect(StatusCode::CREATED);
        assert_eq!(
            (
                &given["grant"]["units"],
                &given["grant"]["reason"],
                &given["quota"]["remaining"]
            ),
            (&json!(5), &json!("the outage of 3 May"), &json!(15))
        );
        let call = json!({ "resource_type": "dicom_processing", "cost": 3 });
        let used = consume(app, &buyer, call).await.expect(StatusCode::OK);
        let host = service_key(app, json!(["quota", "usage.read"])).await;
        let wish = json!({ "resource_type": "dicom_processing", "cost": 2, "user_id": buyer.id });
        let held = app
            .post("/quota/reserve", &host, wish)
            .await
            .expect(StatusCode::CREATED);
        let own = explained(app, &buyer, "?resource_type=dicom_processing").await;
        let checked = app
            .get("/quota/check?resource_type=dicom_processing", &buyer.key)
            .await;
        assert_eq!(own["quota"], checked.expect(StatusCode::OK)["quota"]);
        assert_eq!(
            (sum(&own), &own["quota"]["remaining"], &own["agrees"]),
            (10, &json!(10), &json!(true))
        );
        let steps = own["steps"].as_array().expect("steps");
        let told: Vec<(&Value, &Value, &Value)> = steps
            .iter()
            .map(|step| (&step["kind"], &step["units"], &step["balance"]))
            .collect();
        assert_eq!(
            told,
            [
                (&json!("plan"), &json!(10), &json!(10)),
                (&json!("bonus"), &json!(5), &json!(15)),
                (&json!("use"), &json!(-3), &json!(12)),
                (&json!("hold"), &json!(-2), &json!(10)),
            ]
        );
        assert_eq!(steps[1]["grant"], given["grant"]);
        assert_eq!(steps[2]["usage_id"], used["usage_id"]);
        assert_eq!(steps[3]["reservation_id"], held["reservation_id"]);
        for step in steps {
            assert!(step["text"]["zh"].is_string() && step["text"]["en"].is_string());
        }
        let rules = &own["rules"];
        assert_eq!(
            (
                &rules["plan_slug"],
                &rules["price"],
                &rules["limit"],
                &rules["reset"],
                &rules["anchor_zone"]
            ),
            (
                &json!("free"),
                &json!(1),
                &json!(10),
                &json!("month"),
                &json!("Asia/Shanghai")
            )
        );
        assert_eq!(rules["period"]["end"], own["quota"]["resets_at"]);
        seen_by(app, (&buyer, &own), &host).await;
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_units_are_given_once_under_a_key() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let admin = admin(app).await;
        let path = format!("{}/admin/users/{}/grant", app.url, buyer.id);
        let send = |key: &'static str, body: Value| {
            let request = app.http.post(&path).bearer_auth(&admin).json(&body);
            let request = request.header("idempotency-key", key);
            async move { Answer::read(request.send().await.expect("an answer")).await }
        };
        let bonus = || json!({ "units": 7, "reason": "sorry", "expires_at": "2999-01-01T00:00:00+08:00" });
        let mut rivals = JoinSet::new();
        for _ in 0..12 {
            rivals.spawn(send("one", bonus()));
        }
        let mut first = 0;
        let mut answers = Vec::new();
        for answer in rivals.join_all().await {
            first += u32::from(!answer.headers.contains_key("idempotent-replayed"));
            answers.push(answer.expect(StatusCode::CREATED));
        }
        assert_eq!(first, 1);
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(answers[0]["grant"]["expires_at"], "2998-12-31T16:00:00.000Z");
        let other = json!({ "units": 8, "reason": "sorry" });
        send("one", other).await.refused(422, "idempotency_key_reused");
        // The key is of this person's grant: for another it is another body.
        let second = with_free_plan(app).await;
        let path = format!("{}/admin/users/{}/grant", app.url, second.id);
        let request = app.http.post(path).bearer_auth(&admin).json(&bonus());
        let answer = request.header("idempotency-key", "one").send().await.expect("an answer");
        Answer::read(answer).await.refused(422, "idempotency_key_reused");
        assert_eq!(app.count("SELECT COUNT(*) FROM quota_grants").await, 1);
        assert_eq!(sum(&explained(app, &buyer, "").await), 17);
        let deeds = "SELECT COUNT(*) FROM audit_log WHERE action = 'user.units_granted' AND reason = 'sorry'
            AND actor_kind = 'user' AND subject_kind = 'user' AND before IS NOT NULL AND after IS NOT NULL";
        assert_eq!(app.count(deeds).await, 1);
        let by = "SELECT COUNT(*) FROM quota_grants WHERE granted_by IS NOT NULL";
        assert_eq!(app.count(by).await, 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_only_who_may_change_people_gives_units_and_only_good_ones() {
    each_engine(async |app| {
        let buyer = with_free_plan(app).await;
        let bonus = || json!({ "units": 1, "reason": "a gift" });
        for (role, may) in [
            (Some(Role::Admin), true),
            (Some(Role::Support), true),
            (Some(Role::Finance), false),
            (Some(Role::ReadOnly), false),
            (None, false),
        ] {
            let answer = give(app, &staff(app, role).await.0, &buyer.id, bonus()).await;
            if may {
                answer.expect(StatusCode::CREATED);
            } else {
                let refused = answer.refused(403, "permission_denied");
                assert_eq!(refused["permission"], "users.write");
            }
        }
        give(app, &buyer.token, &buyer.id, bonus())
            .await
            .refused(403, "permission_denied");
        give(app, &buyer.key, &buyer.id, bonus())
            .await
            .refused(403, "permission_denied");
        let host = service_key(app, json!(["users.write"])).await;
        give(app, &host, &buyer.id, bonus())
            .await
            .expect(StatusCode::CREATED);
        let admin = admin(app).await;
        for (body, field) in [
            (json!({ "reason": "a" }), "/units"),
            (json!({ "units": 0, "reason": "a" }), "/units"),
            (json!({ "units": -1, "reason": "a" }), "/units"),
            (json!({ "units": 1.5, "reason": "a" }), "/units"),
            (json!({ "units": "1", "reason": "a" }), "/units"),
            (json!({ "units": 1_000_000_001, "reason": "a" }), "/units"),
            (json!({ "units": 1, "reason": " " }), "/reason"),
            (json!({ "units": 1, "reason": "a".repeat(501) }), "/reason"),
            (json!({ "units": 1 }), "/reason"),
            (json!({ "units": 1, "reason": "a", "meter": "" }), "/meter"),
            (
                json!({ "units": 1, "reason": "a", "meter": "storage" }),
                "/meter",
            ),
            (
                json!({ "units": 1, "reason": "a", "expires_at": "2020-01-01T00:00:00Z" }),
                "/expires_at",
            ),
            (
                json!({ "units": 1, "reason": "a", "expires_at": "tomorrow" }),
                "/expires_at",
            ),
            (
                json!({ "units": 1, "reason": "a", "expires_at": 1 }),
                "/expires_at",
            ),
        ] {
            let problem = give(app, &admin, &buyer.id, body.clone()).await;
            let problem = problem.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], field, "{body}");
        }
        let misspelt = json!({ "units": 1, "reason": "a", "expire_at": null });
        let problem = give(app, &admin, &buyer.id, misspelt)
            .await
            .refused(422, "unknown_field");
        assert_eq!(problem["errors"][0]["field"], "/expire_at");
        let nobody = "0198a000-0000-7000-8000-000000000000";
        give(app, &admin, nobody, bonus())
            .await
            .refused(404, "no_subscription");
        give(app, &admin, "x", bonus())
            .await
            .refused(404, "not_found");
        assert_eq!(app.count("SELECT COUNT(*) FROM quota_grants").await, 3);
        assert_eq!(explained(app, &buyer, "").await["quota"]["remaining"], 13);
        let unlimited = unlimited_plan(app).await;
        let problem = give(app, &admin, &unlimited.id, bonus()).await;
        let problem = problem.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["code"], "unlimited_meter");
        app.balance().await;
    })
    .await;
}
