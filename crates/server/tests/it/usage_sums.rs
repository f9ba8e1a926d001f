//! Sums of what was used, over HTTP, before the log is folded and after it (Q2).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_auth::model::role::Role;

use crate::access::staff;
use crate::harness::{App, Buyer, each_engine_with, until};
use crate::usage::{consume, user_of_two_meters};

const FOLDED: &str = "SELECT COUNT(*) FROM usage_rollups";

type Lines = Vec<(String, i64, i64)>;

/// Each line's key, its units and its calls.
async fn lines(app: &App, path: &str, credential: &str) -> Lines {
    let answer = app.get(path, credential).await.expect(StatusCode::OK);
    let series = answer["series"].as_array().expect("lines").iter();
    let sum = |line: &Value, member: &str| -> i64 {
        let points = line["points"].as_array().expect("points").iter();
        points
            .map(|point| point[member].as_i64().expect("a number"))
            .sum()
    };
    series
        .map(|line| {
            let key = line["key"].as_str().expect("a text").to_owned();
            (key, sum(line, "quota_cost"), sum(line, "count"))
        })
        .collect()
}

/// Two people, who reads, and what was used.
struct Scene {
    ann: Buyer,
    bob: Buyer,
    /// Of Ann's key.
    key: String,
    reader: String,
    host: String,
}

async fn set(app: &App) -> Scene {
    let (ann, bob) = (user_of_two_meters(app).await, user_of_two_meters(app).await);
    let (reader, _) = staff(app, Some(Role::ReadOnly)).await;
    let (admin, _) = staff(app, Some(Role::Admin)).await;
    let wish = json!({ "name": "host", "scopes": ["quota", "usage.read"] });
    let host = app.post("/admin/service-keys", &admin, wish).await;
    let host = host.expect(StatusCode::CREATED)["key"].clone();
    let host = host.as_str().expect("a key").to_owned();
    let keys = app.get("/auth/api-keys", &ann.token).await;
    let key = keys.expect(StatusCode::OK)["data"][0]["id"].clone();
    let scan = |cost: i64| json!({ "resource_type": "scan", "cost": cost });
    let given = consume(app, &ann.key, scan(4)).await;
    consume(app, &ann.key, scan(2)).await;
    let upload = json!({ "resource_type": "upload", "cost": 10 });
    consume(app, &ann.token, upload).await;
    consume(app, &bob.token, scan(7)).await;
    let back = json!({ "usage_id": given, "reason": "a test" });
    app.post("/quota/refund", &host, back)
        .await
        .expect(StatusCode::OK);
    let key = key.as_str().expect("an id").to_owned();
    Scene {
        ann,
        bob,
        key,
        reader,
        host,
    }
}

async fn the_summary_is_right(app: &App, scene: &Scene) {
    let summary = app.get("/usage/summary", &scene.ann.key).await;
    let summary = summary.expect(StatusCode::OK);
    assert_eq!(summary["quota"]["used"], 2);
    assert_eq!(summary["quota"], summary["meters"][0]);
    let meters = summary["meters"].as_array().expect("meters").iter();
    let meters: Vec<_> = meters
        .map(|meter| (&meter["quota_type"], &meter["used"]))
        .collect();
    assert_eq!(
        meters,
        [(&json!("calls"), &json!(2)), (&json!("bytes"), &json!(30))]
    );
    let by_resource = json!([
        { "resource_type": "scan", "quota_cost": 2, "count": 2 },
        { "resource_type": "upload", "quota_cost": 30, "count": 1 },
    ]);
    assert_eq!(summary["by_resource"], by_resource);
    assert_eq!(summary["last_7d"], 32);
}

async fn the_lines_are_right(app: &App, scene: &Scene) {
    let Scene {
        ann,
        bob,
        key,
        reader,
        host,
    } = scene;
    let (ann_id, bob_id) = (ann.id.as_str(), bob.id.as_str());
    let of_bob = format!("/usage/timeseries?user_id={bob_id}");
    for (path, credential, expected) in [
        ("/usage/timeseries", &ann.token, vec![("total", 32, 3)]),
        ("/usage/timeseries", &ann.key, vec![("total", 32, 3)]),
        ("/usage/timeseries", host, vec![("total", 39, 4)]),
        (&of_bob, reader, vec![("total", 7, 1)]),
        (&of_bob, host, vec![("total", 7, 1)]),
        (
            "/usage/timeseries?group_by=resource_type",
            &ann.token,
            vec![("upload", 30, 1), ("scan", 2, 2)],
        ),
        (
            "/usage/timeseries?group_by=api_key&interval=hour",
            &ann.token,
            vec![("none", 30, 1), (key.as_str(), 2, 2)],
        ),
        (
            "/usage/timeseries?group_by=meter&meter=calls",
            &ann.token,
            vec![("calls", 2, 2)],
        ),
        (
            "/usage/timeseries?group_by=user",
            reader,
            vec![(ann_id, 32, 3), (bob_id, 7, 1)],
        ),
        (
            "/admin/stats/usage",
            reader,
            vec![("upload", 30, 1), ("scan", 9, 3)],
        ),
        (
            "/admin/stats/usage?group_by=meter&interval=month",
            reader,
            vec![("bytes", 30, 1), ("calls", 9, 3)],
        ),
        (
            "/admin/stats/usage?group_by=user&resource_type=scan",
            reader,
            vec![(bob_id, 7, 1), (ann_id, 2, 2)],
        ),
    ] {
        let told = lines(app, path, credential).await;
        let told: Vec<_> = told
            .iter()
            .map(|(key, units, calls)| (key.as_str(), *units, *calls))
            .collect();
        assert_eq!(told, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_the_summary_and_the_lines_are_the_same_when_the_log_is_folded() {
    let settings = [("ACCESS_TOKEN_EXPIRE_MINUTES", "60")];
    each_engine_with(&settings, async |app| {
        let scene = set(app).await;
        the_summary_is_right(app, &scene).await;
        the_lines_are_right(app, &scene).await;
        assert_eq!(app.count(FOLDED).await, 0, "by the log alone");
        // The worker folds what is closed.
        app.clock.advance(Duration::from_mins(20));
        until("it is folded", async || app.count(FOLDED).await >= 3).await;
        the_summary_is_right(app, &scene).await;
        the_lines_are_right(app, &scene).await;
        app.balance().await;
    })
    .await;
}
