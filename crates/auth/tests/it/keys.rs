//! API keys: A7 and A8.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_auth::model::api_key::PlainKey;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::testing::each_engine;

use crate::harness::{App, PASSWORD, builder, config};

/// Every value of every table, in hexadecimal: whatever its type, its bytes are searched.
pub(crate) async fn everything(db: &Db) -> String {
    let columns = match db {
        Db::Sqlite { .. } => {
            "SELECT m.name, p.name, p.type FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
        }
        Db::Postgres(_) => {
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let columns: Vec<(String, String, String)> =
        on_read!(db, |e| sqlx::query_as(columns).fetch_all(e).await).expect("columns");
    let mut all = String::new();
    for (table, column, kind) in columns {
        let hex = match (db, kind.as_str()) {
            (Db::Sqlite { .. }, _) => format!("hex(\"{column}\")"),
            (Db::Postgres(_), "bytea") => format!("encode(\"{column}\", 'hex')"),
            (Db::Postgres(_), _) => {
                format!("encode(convert_to(\"{column}\"::text, 'UTF8'), 'hex')")
            }
        };
        let statement = format!("SELECT {hex} FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
        let values: Vec<(String,)> =
            on_read!(db, |e| sqlx::query_as(sqlx::AssertSqlSafe(statement))
                .fetch_all(e)
                .await)
            .expect("values");
        for (value,) in values {
            all.push_str(&value.to_lowercase());
            all.push('\n');
        }
    }
    all
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn inv_a7_a_copy_of_the_database_signs_nobody_in() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let tokens = app.person("ann").await;
        let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
        let successor = app.refresh(&refresh).await.ok(200).text("refresh_token");
        let made = app
            .create_key(&access, json!({ "name": "server" }))
            .await
            .ok(201);
        let key = made.text("key");
        assert!(
            key.starts_with("sk_test_") && key.len() == 57,
            "{}",
            key.len()
        );
        assert_eq!(made.text("key_prefix"), format!("{}...", &key[..11]));
        app.get("/auth/me", &key).await.ok(200);
        let listed = app.get("/auth/api-keys", &access).await.ok(200);
        assert_eq!(listed.body["data"][0]["id"], made.body["id"]);
        assert!(listed.body["data"][0].get("key").is_none(), "shown once");

        let all = everything(&db).await;
        assert!(
            all.contains(&hex(b"ann@example.com")) && all.contains(&hex(&key.as_bytes()[..11])),
            "the search finds"
        );
        let raw = |token: &str| BASE64_URL_SAFE_NO_PAD.decode(&token[3..]).expect("base64");
        for secret in [
            PASSWORD.as_bytes(),
            key.as_bytes(),
            &key.as_bytes()[11..],
            access.as_bytes(),
            access.rsplit('.').next().expect("a signature").as_bytes(),
            refresh.as_bytes(),
            &raw(&refresh),
            successor.as_bytes(),
            &raw(&successor),
        ] {
            assert!(
                !all.contains(&hex(secret)),
                "{}",
                String::from_utf8_lossy(secret)
            );
        }
        let stored = tollgate_storage::signing_keys::find_all(&db)
            .await
            .expect("read");
        assert_eq!(
            stored[0].key.public_jwk,
            json!({}),
            "a symmetric key has no public half"
        );
    })
    .await;
}

/// How long a key that was found good is believed without the database.
const BELIEVED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn inv_a3_a_key_is_believed_for_two_seconds_and_not_where_it_was_ended() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let second = builder(&db, config(), &app.clock).build().await;
        let second = App::around(second.expect("starts"), app.clock.clone(), &db);
        let access = app.person("ann").await.text("access_token");
        let made = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201);
        let (id, key) = (made.text("id"), made.text("key"));
        for app in [&app, &second] {
            app.get("/host/closed", &key).await.ok(200);
        }
        app.delete_key(&access, &id).await.ok(204);
        app.get("/host/closed", &key)
            .await
            .refused(401, "api_key_invalid");
        app.clock.advance(BELIEVED);
        second
            .get("/host/closed", &key)
            .await
            .refused(401, "api_key_invalid");

        // What is known takes no question; its end is seen without one.
        let end = app.clock.now().after(Duration::from_secs(1));
        let body = json!({ "name": "k", "expires_at": end });
        let key = app.create_key(&access, body).await.ok(201).text("key");
        app.get("/host/closed", &key).await.ok(200);
        db.close().await;
        app.get("/host/closed", &key).await.ok(200);
        app.clock.advance(Duration::from_secs(1));
        app.get("/host/closed", &key)
            .await
            .refused(401, "api_key_expired");
        app.clock.advance(Duration::from_secs(1));
        app.get("/host/closed", &key)
            .await
            .refused(503, "unavailable");
    })
    .await;
}

#[tokio::test]
async fn inv_a7_a_made_up_key_is_refused_without_the_database() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        let unknown = PlainKey::random("sk", false, &Entropy::seeded(9))
            .text()
            .to_owned();
        app.get("/auth/me", &unknown)
            .await
            .refused(401, "api_key_invalid");
        db.close().await;
        let mut changed = key.clone();
        let last = changed.pop().expect("a letter");
        changed.push(if last == 'a' { 'b' } else { 'a' });
        let live = PlainKey::random("sk", true, &Entropy::seeded(9))
            .text()
            .to_owned();
        for bad in [
            changed.as_str(),
            &live,
            &key[..56],
            &format!("{key}0"),
            "sk_",
            "sk_test_",
            "sk_test_é",
        ] {
            let answer = app.get("/auth/me", bad).await;
            answer.refused(401, "api_key_invalid");
            assert_eq!(answer.body["valid"], false);
        }
        // The one that fits does ask.
        let asked = app.get("/auth/me", &key).await;
        asked.refused(503, "unavailable");
        assert!(asked.headers.contains_key("retry-after") && asked.body.get("valid").is_none());
    })
    .await;
}

#[tokio::test]
async fn inv_a8_keys_are_their_owners_only() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = app.person("ann").await.text("access_token");
        let bob = app.person("bob").await.text("access_token");
        let made = app
            .create_key(
                &ann,
                json!({ "name": "k", "user_id": "x", "livemode": true }),
            )
            .await
            .ok(201);
        let (id, key) = (made.text("id"), made.text("key"));
        let refusals = [
            app.delete_key(&bob, &id).await,
            app.delete_key(&bob, "0198a000-0000-7000-8000-000000000000")
                .await,
            app.delete_key(&ann, &id.to_uppercase()).await,
            app.delete_key(&ann, "x").await,
        ];
        for refusal in &refusals {
            refusal.refused(404, "not_found");
        }
        assert_eq!(refusals[0].body["detail"], refusals[1].body["detail"]);
        assert_eq!(
            app.get("/auth/api-keys", &bob).await.ok(200).body["data"],
            json!([])
        );
        let foreign = app
            .get(&format!("/auth/api-keys?starting_after={id}"), &bob)
            .await;
        foreign.invalid("/starting_after", "unknown_cursor");
        // A key manages no keys.
        app.get("/auth/api-keys", &key)
            .await
            .refused(403, "permission_denied");
        app.create_key(&key, json!({ "name": "more" }))
            .await
            .refused(403, "permission_denied");
        app.delete_key(&key, &id)
            .await
            .refused(403, "permission_denied");
        app.call(Method::GET, "/auth/api-keys", &[], None)
            .await
            .refused(401, "unauthenticated");
        app.get("/auth/me", &key).await.ok(200);

        assert_eq!(app.delete_key(&ann, &id).await.ok(204).body, "");
        app.delete_key(&ann, &id).await.refused(404, "not_found");
        app.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
        app.get("/auth/verify", &key)
            .await
            .refused(401, "api_key_invalid");
    })
    .await;
}

#[tokio::test]
async fn a_key_lives_as_long_as_it_was_given_and_its_person_may() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let end = app.clock.now().after(Duration::from_mins(1));
        let made = app
            .create_key(&access, json!({ "name": " short ", "expires_at": end }))
            .await
            .ok(201);
        assert_eq!(
            (&made.body["name"], &made.body["expires_at"]),
            (&json!("short"), &json!(end))
        );
        let key = made.text("key");
        let verified = app.get("/auth/verify", &key).await.ok(200);
        assert_eq!(verified.body["expires_at"], json!(end));
        app.clock.advance(Duration::from_mins(1));
        let expired = app.get("/auth/verify", &key).await;
        expired.refused(401, "api_key_expired");
        assert_eq!(expired.body["valid"], false);

        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        app.execute("UPDATE users SET is_active = (1 = 0)").await;
        app.clock.advance(BELIEVED);
        app.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
        app.execute("UPDATE users SET is_active = (1 = 1)").await;
        app.clock.advance(BELIEVED);
        app.get("/auth/me", &key).await.ok(200);
        app.execute("UPDATE api_keys SET is_active = (1 = 0)").await;
        app.clock.advance(BELIEVED);
        app.get("/auth/me", &key)
            .await
            .refused(401, "api_key_invalid");
    })
    .await;
}

#[tokio::test]
async fn the_body_of_a_new_key_is_read_strictly() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let long = "n".repeat(101);
        for name in [
            "",
            "   ",
            "a\nb",
            "a\u{202E}b",
            "a\u{2066}b",
            "a\u{061C}b",
            &long,
        ] {
            app.create_key(&access, json!({ "name": name }))
                .await
                .invalid("/name", "invalid_name");
        }
        let now = app.clock.now();
        for end in [
            json!(now),
            json!("2001-01-01T00:00:00Z"),
            json!("9999-01-01T00:00:00Z"),
            json!("+12000-01-01T00:00:00Z"),
        ] {
            let answer = app
                .create_key(&access, json!({ "name": "k", "expires_at": end }))
                .await;
            answer.refused(422, "validation_failed");
            assert_eq!(
                answer.body["errors"][0]["field"], "/expires_at",
                "{answer:?}"
            );
        }
        app.create_key(
            &access,
            json!({ "name": "k", "expires_at": "9998-12-31T23:59:59Z" }),
        )
        .await
        .ok(201);
        app.create_key(&access, json!({ "name": "密".repeat(100) }))
            .await
            .ok(201);
        app.create_key(&access, json!({}))
            .await
            .invalid("/name", "required");
        for query in ["limit=0", "limit=101", "limit=1000000000"] {
            app.get(&format!("/auth/api-keys?{query}"), &access)
                .await
                .invalid("/limit", "out_of_range");
        }
        for query in ["limit=-1", "limit=1e9", "starting_after=x"] {
            app.get(&format!("/auth/api-keys?{query}"), &access)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_at_most_a_hundred_keys() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let access = app.person("ann").await.text("access_token");
        for number in 0..95 {
            app.create_key(&access, json!({ "name": format!("k{number}") }))
                .await
                .ok(201);
        }
        let mut rivals = JoinSet::new();
        for _ in 0..20 {
            let (app, access) = (Arc::clone(&app), access.clone());
            rivals.spawn(async move { app.create_key(&access, json!({ "name": "rival" })).await });
        }
        let answers = rivals.join_all().await;
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 201).count(),
            5
        );
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.invalid("", "too_many_keys");
        }

        let mut seen = Vec::new();
        let mut path = "/auth/api-keys?limit=30".to_owned();
        loop {
            let page = app.get(&path, &access).await.ok(200);
            let ids = page.body["data"].as_array().expect("a list").iter();
            seen.extend(ids.map(|key| key["id"].as_str().expect("an id").to_owned()));
            match &page.body["next_cursor"] {
                Value::String(cursor) => {
                    assert_eq!(page.body["has_more"], true);
                    path = format!("/auth/api-keys?limit=30&starting_after={cursor}");
                }
                _ => break assert_eq!(page.body["has_more"], false),
            }
        }
        assert_eq!(seen.len(), 100);
        assert!(
            seen.windows(2).all(|pair| pair[0] > pair[1]),
            "newest first"
        );
        assert_eq!(
            app.get("/auth/api-keys", &access).await.body["data"]
                .as_array()
                .map(Vec::len),
            Some(20)
        );
        app.delete_key(&access, &seen[0]).await.ok(204);
        app.create_key(&access, json!({ "name": "again" }))
            .await
            .ok(201);
    })
    .await;
}

/// Waits for the task beside the requests, which nobody is told of.
async fn last_used(app: &App, wanted: &Value) {
    let access = app
        .login("ann", PASSWORD)
        .await
        .ok(200)
        .text("access_token");
    let noted = async {
        loop {
            let listed = app.get("/auth/api-keys", &access).await.ok(200);
            if listed.body["data"][0]["last_used_at"] == *wanted {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noted)
        .await
        .expect("noted in time");
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let key = app
            .create_key(&access, json!({ "name": "k" }))
            .await
            .ok(201)
            .text("key");
        last_used(&app, &Value::Null).await;
        let first = app.clock.now();
        app.get("/auth/me", &key).await.ok(200);
        last_used(&app, &json!(first)).await;
        app.clock.advance(Duration::from_secs(59));
        app.get("/auth/me", &key).await.ok(200);
        app.clock.advance(Duration::from_secs(1));
        last_used(&app, &json!(first)).await;
        let second = app.clock.now();
        app.get("/auth/me", &key).await.ok(200);
        last_used(&app, &json!(second)).await;
    })
    .await;
}
