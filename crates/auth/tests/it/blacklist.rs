//! A3 with Redis: what ends on one instance is over on the others at once. What becomes of it without one: `fates`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tollgate_auth::AuthConfig;
use tollgate_kernel::clock::Clock;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::harness::{Answer, App, PASSWORD, builder, clock, config};
use crate::mail::Log;
use crate::redis_server::{RedisServer, channels, shared, until};

/// Generous: what is bounded is that it ends.
pub(crate) const SOON: Duration = Duration::from_secs(5);
const NEW: &str = "walnut-glacier-thimble-4";

/// An installation of its own, so that tests which share a Redis do not hear each other.
pub(crate) fn installation() -> AuthConfig {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut config = config();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    config.issuer = format!("https://pay{number}-{}.example", std::process::id());
    config
}

/// One instance.
pub(crate) async fn instance(
    db: &Db,
    config: &AuthConfig,
    clock: &Clock,
    redis: Option<&str>,
) -> App {
    let mut builder = builder(db, config.clone(), clock);
    if let Some(url) = redis {
        builder = builder.redis(url.parse().expect("an address"));
    }
    let auth = tokio::time::timeout(SOON, builder.build()).await;
    let auth = auth
        .expect("Redis does not hold up a start")
        .expect("starts");
    App::around(auth, clock.clone(), db)
}

pub(crate) async fn logout(app: &App, tokens: &Answer) {
    let access = tokens.text("access_token");
    app.as_user(Method::POST, "/auth/logout", &access, Some(json!({})))
        .await
        .ok(204);
}

pub(crate) async fn change_password(app: &App, tokens: &Answer) {
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    let access = tokens.text("access_token");
    app.as_user(Method::POST, "/auth/change-password", &access, Some(body))
        .await
        .ok(204);
}

async fn end_others(app: &App, tokens: &Answer) {
    let access = tokens.text("access_token");
    app.as_user(Method::DELETE, "/auth/sessions", &access, None)
        .await
        .ok(204);
}

/// The second instance has no database any more: what it refuses, it has heard.
#[tokio::test]
async fn inv_a3_an_end_is_heard_by_others_at_once_and_without_the_database() {
    const DATABASE: u8 = 1;
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let (db, clock, config) = (database.open(&[]).await, clock(), installation());
        let deaf = Db::open(database.url(), 4).await.expect("opens");
        let url = shared(DATABASE);
        let before = channels(&url, DATABASE).await;
        let here = instance(&db, &config, &clock, Some(&url)).await;
        let there = instance(&deaf, &config, &clock, Some(&url)).await;
        // A copy beside the original, which somebody forgot to give a Redis of its own.
        let copy = instance(&deaf, &installation(), &clock, Some(&url)).await;
        until("three that listen", async || {
            let channels = channels(&url, DATABASE).await;
            let new = channels
                .iter()
                .filter(|(name, _)| before.iter().all(|(old, _)| old != name));
            let mut counts: Vec<i64> = new.map(|(_, count)| *count).collect();
            counts.sort_unstable();
            counts == [1, 2]
        })
        .await;

        let live = here.person("live").await;
        let mut ended = vec![here.person("ann").await, here.person("bob").await];
        let bob = here.login("bob", PASSWORD).await.ok(200);
        ended.push(here.person("cid").await);
        let cid = here.login("cid", PASSWORD).await.ok(200);
        let old = here.person("dan").await;
        let newest = here.refresh(&old.text("refresh_token")).await.ok(200);
        ended.push(newest);
        ended.push(here.person("eve").await);
        for tokens in &ended {
            there
                .get("/host/closed", &tokens.text("access_token"))
                .await
                .ok(200);
        }
        deaf.close().await;

        logout(&here, &ended[0]).await;
        change_password(&here, &bob).await;
        end_others(&here, &cid).await;
        clock.advance(Duration::from_secs(11));
        here.refresh(&old.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        let give_up = format!("token={}", ended[4].text("refresh_token"));
        here.form("/auth/revoke", &give_up).await.ok(200);

        for tokens in &ended {
            until("an access token that is refused", async || {
                let closed = there
                    .get("/host/closed", &tokens.text("access_token"))
                    .await;
                closed.status == 401 && closed.body["code"] == "token_revoked"
            })
            .await;
            until("a refresh token that is refused", async || {
                let refreshed = there.refresh(&tokens.text("refresh_token")).await;
                refreshed.status == 401 && refreshed.body["code"] == "token_revoked"
            })
            .await;
            copy.refresh(&tokens.text("refresh_token"))
                .await
                .refused(503, "unavailable");
        }
        // Others are let in by nobody but the database, and are not thrown out.
        for tokens in [&live, &bob, &cid] {
            there
                .get("/host/closed", &tokens.text("access_token"))
                .await
                .ok(200);
            let refresh = tokens.text("refresh_token");
            there.refresh(&refresh).await.refused(503, "unavailable");
        }
        db.close().await;
        database.remove().await;
    }
}

/// Answers everything as an old Redis answers HELLO: with the password in it.
async fn parrot(listener: TcpListener, calls: Arc<AtomicU32>) {
    const ANSWER: &[u8] =
        b"-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, \r\n";
    while let Ok((mut stream, _)) = listener.accept().await {
        calls.fetch_add(1, Ordering::Relaxed);
        let mut said = [0; 4096];
        while stream.read(&mut said).await.is_ok_and(|read| read > 0) {
            // Several commands come at once.
            if stream.write_all(&ANSWER.repeat(8)).await.is_err() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn inv_a10_a_redis_that_is_away_is_told_once_and_without_its_password() {
    let log = Log::default();
    let _guards = log.listen();
    let told = |words: &str| log.text().matches(words).count();
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let (db, clock, config) = (database.open(&[]).await, clock(), installation());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let calls = Arc::new(AtomicU32::new(0));
        let parrot = tokio::spawn(parrot(listener, Arc::clone(&calls)));
        let before = told("Redis is no help");
        let url = format!("redis://:hunter2@{address}");
        let app = instance(&db, &config, &clock, Some(&url)).await;
        let mut token = app.person("ann").await.text("refresh_token");
        until("a second try", async || {
            token = app.refresh(&token).await.ok(200).text("refresh_token");
            calls.load(Ordering::Relaxed) >= 2
        })
        .await;
        assert_eq!(told("Redis is no help"), before + 1);
        parrot.abort();

        let mut server = RedisServer::start(&[]).await;
        let app = instance(&db, &installation(), &clock, Some(&server.url())).await;
        let (away, back) = (told("Redis is no help"), told("Redis is back"));
        until("one that listens", async || {
            channels(&server.url(), 0).await.len() == 1
        })
        .await;
        server.kill();
        for _ in 0..20 {
            token = app.refresh(&token).await.ok(200).text("refresh_token");
        }
        until("a word of it", async || told("Redis is no help") > away).await;
        server.restart().await;
        until("its return", async || told("Redis is back") > back).await;
        assert_eq!(told("Redis is no help"), away + 1);
        db.close().await;
        database.remove().await;
    }
    let text = log.text();
    assert!(text.contains("it is older than Redis 6"));
    let leaked = text
        .lines()
        .find(|line| line.contains("hunter2") || line.contains("HELLO"));
    assert_eq!(leaked, None);
}
