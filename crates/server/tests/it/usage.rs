//! What was used, over HTTP: rows, and what is refused (A8; lines 55 and 59).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_auth::model::role::Role;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, UsageId};
use tollgate_storage::in_tx;

use crate::access::staff;
use crate::harness::{App, Buyer, each_engine};

const NOBODY: &str = "0198a000-0000-7000-8000-000000000000";

/// Somebody with a plan of two meters.
pub(crate) async fn user_of_two_meters(app: &App) -> Buyer {
    let buyer = app.buyer().await;
    let (admin, _) = staff(app, Some(Role::Admin)).await;
    let plan = json!({
        "slug": "two", "name": "Two", "price": "0.00", "currency": "CNY", "billing_cycle": "monthly",
        "meters": [{"meter": "calls", "limit": 100}, {"meter": "bytes", "limit": 1_000, "reset": "calendar"}],
        "resource_costs": {"*": 1, "upload": {"meter": "bytes", "units": 3}},
    });
    let made = app.post("/admin/plans", &admin, plan).await.status;
    assert!([201, 409, 422].contains(&made), "{made}");
    let wish = json!({ "plan_slug": "two" });
    let had = app
        .post("/payments/subscriptions/subscribe", &buyer.token, wish)
        .await;
    had.expect(StatusCode::CREATED);
    buyer
}

pub(crate) async fn consume(app: &App, credential: &str, body: Value) -> String {
    let answer = app.post("/quota/consume", credential, body).await;
    let usage = answer.expect(StatusCode::OK)["usage_id"].clone();
    usage.as_str().expect("an id").to_owned()
}

async fn logs(app: &App, credential: &str, query: &str) -> Value {
    app.get(&format!("/usage/logs{query}"), credential)
        .await
        .expect(StatusCode::OK)
}

fn ids(page: &Value) -> Vec<&str> {
    let rows = page["data"].as_array().expect("a list").iter();
    rows.map(|row| row["id"].as_str().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_everybody_sees_their_own_rows_and_staff_see_all() {
    each_engine(async |app| {
        let (ann, bob) = (user_of_two_meters(app).await, user_of_two_meters(app).await);
        let (reader, _) = staff(app, Some(Role::ReadOnly)).await;
        let mut of_ann = Vec::new();
        for (number, kind) in ["scan", "upload", "scan", "print"].into_iter().enumerate() {
            // Each in a millisecond of its own, so that their order is theirs.
            app.clock.advance(Duration::from_millis(5));
            let body = json!({ "resource_type": kind, "cost": number + 1, "resource_id": format!("r{number}"), "metadata": {"n": number} });
            let credential = if number == 0 { &ann.key } else { &ann.token };
            of_ann.insert(0, consume(app, credential, body).await);
        }
        app.clock.advance(Duration::from_millis(5));
        let of_bob = consume(app, &bob.token, json!({ "resource_type": "scan" })).await;
        let page = logs(app, &ann.token, "").await;
        assert_eq!(ids(&page), of_ann);
        assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(false), &Value::Null));
        assert_eq!(page.get("total"), None);
        let key = app.get("/auth/api-keys", &ann.token).await.expect(StatusCode::OK)["data"][0]["id"].clone();
        let first = &page["data"][3];
        assert_eq!(first["api_key_id"], key);
        let upload = &page["data"][2];
        for (member, value) in [
            ("user_id", json!(ann.id)),
            ("resource_type", json!("upload")),
            ("resource_id", json!("r1")),
            ("meter", json!("bytes")),
            ("quota_cost", json!(6)),
            ("requested_cost", json!(2)),
            ("metadata", json!({"n": 1})),
            ("api_key_id", Value::Null),
            ("reservation_id", Value::Null),
            ("refund_of", Value::Null),
        ] {
            assert_eq!(upload[member], value, "{member}");
        }
        assert!(upload["subscription_id"].is_string() && upload["created_at"].is_string());
        assert_eq!(ids(&logs(app, &ann.key, "").await), of_ann, "by a key too");
        assert_eq!(ids(&logs(app, &reader, "").await).len(), 5);
        assert!(ids(&logs(app, &reader, "?mine=true").await).is_empty());
        assert_eq!(ids(&logs(app, &reader, &format!("?user_id={}", bob.id)).await), [&of_bob]);
        assert_eq!(ids(&logs(app, &ann.token, &format!("?user_id={}", ann.id)).await), of_ann);
        for credential in [&ann.token, &ann.key] {
            let of_another = format!("/usage/logs?user_id={}", bob.id);
            app.get(&of_another, credential).await.refused(403, "permission_denied");
        }
        let at = upload["created_at"].as_str().expect("a time");
        for (query, expected) in [
            ("?resource_type=scan".to_owned(), vec![1, 3]),
            ("?resource_type=scan&resource_type=print".to_owned(), vec![0, 1, 3]),
            ("?resource_type=none".to_owned(), vec![]),
            ("?meter=bytes".to_owned(), vec![2]),
            ("?resource_id=r2".to_owned(), vec![1]),
            (format!("?api_key_id={}", key.as_str().expect("an id")), vec![3]),
            (format!("?created_after={at}"), vec![0, 1, 2]),
            (format!("?created_before={at}"), vec![3]),
            (format!("?starting_after={}", of_ann[1]), vec![2, 3]),
            (format!("?starting_after={}&limit=1", of_ann[1]), vec![2]),
            (format!("?ending_before={}", of_ann[2]), vec![0, 1]),
            (format!("?ending_before={}&limit=1", of_ann[2]), vec![1]),
            (format!("?ending_before={}&resource_type=print", of_ann[2]), vec![0]),
        ] {
            let page = logs(app, &ann.token, &query).await;
            let expected: Vec<&str> = expected.into_iter().map(|place: usize| of_ann[place].as_str()).collect();
            assert_eq!(ids(&page), expected, "{query}");
        }
        let page = logs(app, &ann.token, "?limit=3").await;
        assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(true), &json!(of_ann[2])));
        let page = logs(app, &ann.token, &format!("?include=total&limit=1&created_after={at}")).await;
        assert_eq!((ids(&page).len(), &page["total"]), (1, &json!(3)));
        let long_ago = "2020-01-01T00:00:00Z";
        for bad in [
            "limit=0".to_owned(),
            "limit=101".to_owned(),
            "format=xml".to_owned(),
            "include=all".to_owned(),
            "include=total".to_owned(),
            format!("include=total&created_after={long_ago}"),
            "meter=a%20b".to_owned(),
            "resource_type=".to_owned(),
            (0..9)
                .map(|number| ["resource_type=t".to_owned(), number.to_string()].concat())
                .collect::<Vec<_>>()
                .join("&"),
            "resource_id=".to_owned(),
            "api_key_id=x".to_owned(),
            "created_after=yesterday".to_owned(),
            "created_before=%2B200000-01-01T00:00:00Z".to_owned(),
            "created_after=1969-12-31T00:00:00Z".to_owned(),
            format!("starting_after={NOBODY}"),
            format!("starting_after={of_bob}"),
            format!("starting_after={}&ending_before={}", of_ann[0], of_ann[1]),
            "format=csv&limit=10001".to_owned(),
            format!("format=csv&ending_before={}", of_ann[0]),
        ] {
            let answer = app.get(&format!("/usage/logs?{bad}"), &ann.token).await;
            assert_eq!(answer.status, 422, "{bad}");
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_59_a_table_of_usage_has_no_formula_in_it() {
    each_engine(async |app| {
        let buyer = user_of_two_meters(app).await;
        let bait = [
            "=HYPERLINK(\"http://x\")",
            "+1",
            "-1",
            "@SUM(A1)",
            "＝1",
            "a,\"b\"",
        ];
        for bait in bait {
            app.clock.advance(Duration::from_millis(5));
            consume(
                app,
                &buyer.token,
                json!({ "resource_type": "scan", "resource_id": bait }),
            )
            .await;
        }
        let table = app.get("/usage/logs?format=csv", &buyer.token).await;
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(
            table.headers["content-disposition"],
            "attachment; filename=\"usage.csv\""
        );
        let table = table.expect(StatusCode::OK);
        let lines: Vec<&str> = table.as_str().expect("text").lines().collect();
        assert!(lines[0].starts_with(
            "id,user_id,subscription_id,resource_type,resource_id,quota_cost,created_at,"
        ));
        let cells = [
            "\"a,\"\"b\"\"\"",
            "'＝1",
            "'@SUM(A1)",
            "'-1",
            "'+1",
            "\"'=HYPERLINK(\"\"http://x\"\")\"",
        ];
        assert_eq!(lines.len(), 1 + cells.len());
        for (line, cell) in lines[1..].iter().zip(cells) {
            assert!(line.contains(&format!(",scan,{cell},1,")), "{line}");
        }
        // More than one part of it, and on from there.
        many(app, &buyer, 1_200).await;
        let whole = app
            .get("/usage/logs?format=csv", &buyer.token)
            .await
            .expect(StatusCode::OK);
        let whole: Vec<&str> = whole.as_str().expect("text").lines().collect();
        assert_eq!(whole.len(), 1 + 6 + 1_200);
        let half = app
            .get("/usage/logs?format=csv&limit=700", &buyer.token)
            .await
            .expect(StatusCode::OK);
        let half: Vec<&str> = half.as_str().expect("text").lines().collect();
        assert_eq!(half, whole[..701]);
        let last = half[700].split(',').next().expect("an id");
        let rest = format!("/usage/logs?format=csv&starting_after={last}");
        let rest = app.get(&rest, &buyer.token).await.expect(StatusCode::OK);
        let rest: Vec<&str> = rest.as_str().expect("text").lines().skip(1).collect();
        assert_eq!(rest, whole[701..]);
    })
    .await;
}

/// So many rows more, written past the service.
async fn many(app: &App, buyer: &Buyer, rows: usize) {
    let ids = Ids::new(app.clock.clone(), Entropy::system());
    let user: uuid::Uuid = buyer.id.parse().expect("an id");
    let mut tx = app.db.begin().await.expect("begins");
    for _ in 0..rows {
        let at = app.clock.now();
        in_tx!(&mut tx, |c| sqlx::query(
            "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start,
             requested_cost) VALUES ($1, $2, $2, 'many', 1, $3, 'calls', $3, 1)"
        )
        .bind(ids.at::<UsageId>(at).uuid())
        .bind(user)
        .bind(at.utc())
        .execute(c)
        .await
        .map(|_| ()))
        .expect("written");
    }
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_55_a_series_that_cannot_be_is_refused() {
    each_engine(async |app| {
        let buyer = user_of_two_meters(app).await;
        let (reader, _) = staff(app, Some(Role::ReadOnly)).await;
        for bad in [
            "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
            "from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z",
            "from=2016-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&interval=hour",
            "from=2999-01-01T00:00:00Z",
            "interval=second",
            "interval=",
            "tz=Mars/Olympus",
            "tz=asia/shanghai",
            "tz=",
            "group_by=colour",
            "meter=a%20b",
            "resource_type=",
            "from=yesterday",
            "from=1969-01-01T00:00:00Z&to=1970-02-01T00:00:00Z",
            "to=%2B200000-01-01T00:00:00Z",
            "user_id=me",
        ] {
            for (path, credential) in [
                ("/usage/timeseries", &buyer.token),
                ("/admin/stats/usage", &reader),
            ] {
                let answer = app.get(&format!("{path}?{bad}"), credential).await;
                if path == "/admin/stats/usage" && bad == "user_id=me" {
                    continue;
                }
                assert_eq!(answer.status, 422, "{path} {bad}");
                answer.refused(422, "validation_failed");
            }
        }
        app.get("/admin/stats/usage?group_by=api_key", &reader)
            .await
            .refused(422, "validation_failed");
        for query in ["group_by=user".to_owned(), format!("user_id={NOBODY}")] {
            let path = format!("/usage/timeseries?{query}");
            app.get(&path, &buyer.token)
                .await
                .refused(403, "permission_denied");
            app.get(&path, &buyer.key)
                .await
                .refused(403, "permission_denied");
            app.get(&path, &reader).await.expect(StatusCode::OK);
        }
        // A day has as many points as it has hours, though nothing was used.
        for (from, to, points) in [
            ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 23),
            ("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25),
            ("2026-07-01T04:00:00Z", "2026-07-02T04:00:00Z", 24),
        ] {
            let path =
                format!("/usage/timeseries?interval=hour&tz=America/New_York&from={from}&to={to}");
            let lines = app.get(&path, &buyer.token).await.expect(StatusCode::OK);
            let line = lines["series"][0]["points"]
                .as_array()
                .expect("points")
                .clone();
            assert_eq!(line.len(), points, "{from}");
            assert!(
                line.iter()
                    .all(|point| point["quota_cost"] == 0 && point["count"] == 0)
            );
            let first: Timestamp = serde_json::from_value(line[0]["t"].clone()).expect("a time");
            assert_eq!(json!(first), json!(crate::usage_stand::at(from)));
        }
    })
    .await;
}
