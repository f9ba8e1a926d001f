//! `tollgate signing-keys` beside a server that runs, and what others read at its root.

use std::process::{Command, Output};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tollgate_auth::PUBLISHED_FOR;

use crate::harness::{App, each_engine, each_engine_with};

/// Runs the command with the settings of the server.
async fn command(app: &App, verb: &'static str, settings: &[(&'static str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(["signing-keys", verb])
        .current_dir(app.database().folder())
        .env("DATABASE_URL", app.database().variable())
        .env("DATA_DIR", app.database().folder().join("data"))
        .envs(settings.iter().copied());
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    ran.expect("joined").expect("the binary starts")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().expect("a word").to_owned()
}

/// The key that signed a token.
fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token)
        .expect("a head")
        .kid
        .expect("a kid")
}

async fn published(app: &App) -> usize {
    let set = app.get("/auth/.well-known/jwks.json", "").await;
    set.expect(StatusCode::OK)["keys"]
        .as_array()
        .expect("a list")
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a3_a_running_server_follows_the_command_line() {
    each_engine(async |app| {
        let old = kid(&app.buyer().await.token);
        assert!(
            said(&command(app, "list", &[]).await)
                .starts_with(&format!("{old}      RS256  active"))
        );
        // Two at once are one rotation.
        let (one, other) = tokio::join!(command(app, "rotate", &[]), command(app, "rotate", &[]));
        let (one_says, other_says) = (said(&one), said(&other));
        assert_eq!(one_says, other_says);
        let talk = [one.stderr, other.stderr].map(|talk| String::from_utf8(talk).expect("text"));
        assert_eq!(
            talk.iter()
                .filter(|talk| talk.contains("next already"))
                .count(),
            1,
            "{talk:?}"
        );
        let new = first_word(&one_says);
        assert_ne!(new, old);

        app.clock.advance(Duration::from_secs(5));
        assert_eq!(published(app).await, 2);
        let before = app.buyer().await.token;
        assert_eq!(kid(&before), old);
        app.clock.advance(PUBLISHED_FOR);
        app.get("/auth/me", &before).await.expect(StatusCode::OK);
        app.clock.advance(Duration::from_secs(5));
        let after = app.buyer().await.token;
        assert_eq!(kid(&after), new);
        for token in [&before, &after] {
            app.get("/auth/me", token).await.expect(StatusCode::OK);
        }
        assert_eq!(published(app).await, 2);
        let list = said(&command(app, "list", &[]).await);
        let states: Vec<_> = list
            .lines()
            .map(|line| line.split_whitespace().nth(2))
            .collect();
        assert_eq!(states, [Some("active"), Some("retiring")], "{list}");
        app.clock.advance(Duration::from_mins(20));
        assert_eq!(published(app).await, 1);
        let list = said(&command(app, "list", &[]).await);
        assert!(list.contains("retired"), "{list}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_why_it_does_not_rotate() {
    let secret = "a secret that is only known to tests";
    let settings = [("JWT_SECRET_KEY", secret)];
    each_engine_with(&settings, async |app| {
        let refused = command(app, "rotate", &settings).await;
        let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(5), "{talk}");
        assert!(
            talk.contains("JWT_SECRET_KEY") && !talk.contains(secret),
            "{talk}"
        );
        // Another secret is put next, though the server does not know it yet.
        let other = [(
            "JWT_SECRET_KEY",
            "another secret that only tests know, and nobody else",
        )];
        let begun = said(&command(app, "rotate", &other).await);
        assert!(begun.starts_with("own."), "{begun}");
        assert_eq!(published(app).await, 0);

        for (settings, variable) in [
            (
                ("DATABASE_URL", "sqlite:///./nonexistent.db"),
                "DATABASE_URL",
            ),
            (("DATA_DIR", "/nonexistent"), "MASTER_KEY"),
            (("JWT_ALGORITHM", "none"), "JWT_ALGORITHM"),
        ] {
            let refused = command(app, "rotate", &[settings]).await;
            let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(3), "{talk}");
            assert!(talk.contains(&format!("error: {variable}: ")), "{talk}");
        }
        assert!(!app.database().folder().join("nonexistent.db").exists());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoints_are_named_at_the_root() {
    each_engine(async |app| {
        let path = "/.well-known/oauth-authorization-server";
        let said = app.get(path, "").await.expect(StatusCode::OK);
        let issuer = said["issuer"].as_str().expect("an issuer");
        assert_eq!(
            said["jwks_uri"],
            json!(format!("{issuer}/auth/.well-known/jwks.json"))
        );
        let token = app.buyer().await.token;
        let me = app
            .post("/auth/introspect", &token, json!({ "token": token }))
            .await;
        assert_eq!(me.status, 403);
    })
    .await;
}
