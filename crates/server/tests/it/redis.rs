//! A3 with `REDIS_URL`: the service as a whole tells a real Redis what ended, and starts without one.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{each_engine_with, until};

/// Of the Redis that tests share; this one is ours.
const DATABASE: u8 = 9;

fn server() -> String {
    std::env::var("TOLLGATE_TEST_REDIS").unwrap_or_else(|_| {
        panic!("TOLLGATE_TEST_REDIS is not set: run ./scripts/test, which starts a private Redis for the tests")
    })
}

/// The names in our database, as Redis lists them.
async fn names() -> String {
    let address = server().replace("redis://", "");
    let mut stream = TcpStream::connect(address).await.expect("a Redis");
    let question = format!("SELECT {DATABASE}\r\nKEYS tollgate:*\r\nQUIT\r\n");
    stream.write_all(question.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    read.expect("in time").expect("an answer");
    answer
}

#[tokio::test]
async fn inv_a3_what_ends_is_told_to_the_redis_of_the_settings() {
    let url = format!("{}/{DATABASE}", server());
    each_engine_with(&[("REDIS_URL", &url)], async |app| {
        let buyer = app.buyer().await;
        let count = |names: &str| names.matches(":token:").count();
        let before = count(&names().await);
        // The connection is made beside the start: until it is there, nothing is told.
        until("a sign-in that Redis heard of", async || {
            let next = app.buyer().await;
            let out = app.post("/auth/logout", &next.token, json!({})).await;
            assert_eq!(out.status, 204);
            app.get("/auth/me", &next.token)
                .await
                .refused(401, "token_revoked");
            count(&names().await) > before
        })
        .await;
        assert_eq!(app.get("/auth/me", &buyer.token).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn inv_a3_the_service_starts_and_answers_while_its_redis_is_away() {
    let settings = [("REDIS_URL", "redis://:hunter2@127.0.0.1:1")];
    each_engine_with(&settings, async |app| {
        let buyer = app.buyer().await;
        let out = app.post("/auth/logout", &buyer.token, json!({})).await;
        assert_eq!(out.status, 204);
        app.get("/auth/me", &buyer.token)
            .await
            .refused(401, "token_revoked");
    })
    .await;
}
