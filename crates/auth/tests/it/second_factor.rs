//! The second factor: a code works once, half a sign-in is none, and what is dear asks again.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_auth::model::second_factor::TotpSecret;
use tollgate_storage::testing::each_engine;

use crate::harness::{Answer, App, PASSWORD, claims, config};
use crate::keys::{everything, hex};

const STEP: Duration = Duration::from_secs(30);

/// RFC 4648 §6, as apps read it.
fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("{letter}"),
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xFF).expect("a byte"));
        }
    }
    bytes
}

struct Person {
    app: TotpSecret,
    codes: Vec<String>,
    access: String,
    refresh: String,
}

async fn call(app: &App, token: &str, path: &str, body: Value) -> Answer {
    app.as_user(Method::POST, path, token, Some(body)).await
}

/// Somebody with an authenticator app.
async fn enrolled(app: &App, name: &str) -> Person {
    // No moment of a real clock is a whole millisecond.
    app.clock.advance(Duration::from_micros(7));
    let tokens = app.person(name).await;
    let access = tokens.text("access_token");
    let begun = app
        .as_user(Method::POST, "/auth/totp/enroll", &access, None)
        .await
        .ok(200);
    let secret = begun.text("secret");
    assert!(begun.text("otpauth_url").contains(&secret));
    let totp = TotpSecret::from_bytes(&base32(&secret));
    let code = totp.code_at(app.clock.now());
    let done = call(app, &access, "/auth/totp/confirm", json!({ "code": code }))
        .await
        .ok(200);
    let codes = done.body["recovery_codes"].as_array().expect("codes");
    let codes: Vec<String> = codes
        .iter()
        .map(|code| code.as_str().expect("text").to_owned())
        .collect();
    assert_eq!(codes.len(), 10);
    app.clock.advance(STEP);
    Person {
        app: totp,
        codes,
        access,
        refresh: tokens.text("refresh_token"),
    }
}

async fn first_half(app: &App, name: &str) -> String {
    let refused = app.login(name, PASSWORD).await;
    refused.refused(403, "second_factor_required");
    for token in ["access_token", "refresh_token", "user"] {
        assert!(refused.body.get(token).is_none(), "{refused:?}");
    }
    refused.text("challenge_token")
}

async fn second_half(app: &App, challenge: &str, code: &str) -> Answer {
    let body = json!({ "challenge_token": challenge, "code": code });
    app.post("/auth/login/second-factor", body).await
}

#[tokio::test]
async fn a_sign_in_takes_both_halves() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let other = app.person("ann2").await;
        let ann = enrolled(&app, "ann").await;
        let challenge = first_half(&app, "ann").await;
        app.login("ann", "wrong")
            .await
            .refused(401, "invalid_credentials");
        let form = format!("grant_type=password&username=ann&password={PASSWORD}");
        let refused = app.form("/auth/login", &form).await;
        refused.refused(403, "second_factor_required");
        assert!(
            refused.body["error"] == "invalid_request"
                && refused.body.get("access_token").is_none()
        );

        // Half a sign-in is none (A1), and nothing else is half a sign-in.
        app.get("/auth/me", &challenge)
            .await
            .refused(401, "unauthenticated");
        app.refresh(&challenge)
            .await
            .refused(401, "unauthenticated");
        let code = ann.app.code_at(app.clock.now());
        for wrong in [
            ann.access.as_str(),
            &ann.refresh,
            "",
            "ch_",
            "ch_AAAA",
            &challenge[..challenge.len() - 2],
        ] {
            second_half(&app, wrong, &code)
                .await
                .invalid("/challenge_token", "invalid_token");
        }
        let signed_in = second_half(&app, &challenge, &code).await.ok(200);
        app.get("/auth/me", &signed_in.text("access_token"))
            .await
            .ok(200);
        // Somebody else's code, and old ones, are none.
        app.clock.advance(STEP);
        let challenge = first_half(&app, "ann").await;
        second_half(&app, &challenge, &code)
            .await
            .refused(401, "invalid_credentials");
        app.clock.advance(Duration::from_mins(5));
        let code = ann.app.code_at(app.clock.now());
        second_half(&app, &challenge, &code)
            .await
            .invalid("/challenge_token", "invalid_token");
        app.get("/auth/me", &other.text("access_token"))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_step_works_once_and_older_ones_with_it() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = enrolled(&app, "ann").await;
        let old = ann.app.code_at(app.clock.now());
        app.clock.advance(STEP);
        let now = ann.app.code_at(app.clock.now());
        let challenge = first_half(&app, "ann").await;
        second_half(&app, &challenge, &now).await.ok(200);
        for code in [&now, &old] {
            let challenge = first_half(&app, "ann").await;
            second_half(&app, &challenge, code)
                .await
                .refused(401, "invalid_credentials");
        }
        // The code that set it up was used then.
        app.clock.advance(Duration::from_hours(1));
        let challenge = first_half(&app, "ann").await;
        second_half(&app, &challenge, &ann.app.code_at(app.clock.now()))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a5_of_many_at_once_one_signs_in() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let ann = enrolled(&app, "ann").await;
        let race = async |attempts: Vec<(String, String)>| {
            let mut rivals = JoinSet::new();
            for (challenge, code) in attempts {
                let app = Arc::clone(&app);
                rivals.spawn(async move { second_half(&app, &challenge, &code).await });
            }
            let answers = rivals.join_all().await;
            app.clock.advance(Duration::from_mins(6));
            answers.iter().filter(|answer| answer.status == 200).count()
        };
        // One code of the app by many challenges; at most five are let try.
        let code = ann.app.code_at(app.clock.now());
        let mut attempts = Vec::new();
        for _ in 0..5 {
            attempts.push((first_half(&app, "ann").await, code.clone()));
        }
        assert_eq!(race(attempts).await, 1, "a code of the app");
        // One code on paper.
        let mut attempts = Vec::new();
        for _ in 0..5 {
            attempts.push((first_half(&app, "ann").await, ann.codes[0].clone()));
        }
        assert_eq!(race(attempts).await, 1, "a recovery code");
        // One challenge with several good codes.
        let challenge = first_half(&app, "ann").await;
        let attempts = ann.codes[1..6]
            .iter()
            .map(|code| (challenge.clone(), code.clone()))
            .collect();
        assert_eq!(race(attempts).await, 1, "a challenge");
    })
    .await;
}

#[tokio::test]
async fn inv_a9_guesses_at_the_code_are_bounded_whatever_the_challenge() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = enrolled(&app, "ann").await;
        for number in 0..5 {
            let challenge = first_half(&app, "ann").await;
            second_half(&app, &challenge, &format!("00000{number}"))
                .await
                .refused(401, "invalid_credentials");
        }
        let challenge = first_half(&app, "ann").await;
        let code = ann.app.code_at(app.clock.now());
        second_half(&app, &challenge, &code)
            .await
            .refused(429, "rate_limited");
        app.clock.advance(Duration::from_mins(5));
        let challenge = first_half(&app, "ann").await;
        second_half(&app, &challenge, &ann.app.code_at(app.clock.now()))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn another_password_voids_half_a_sign_in() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = enrolled(&app, "ann").await;
        let challenge = first_half(&app, "ann").await;
        app.clock.advance(Duration::from_secs(1));
        let body =
            json!({ "current_password": PASSWORD, "new_password": "walnut-glacier-thimble-4" });
        call(&app, &ann.access, "/auth/change-password", body)
            .await
            .ok(204);
        second_half(&app, &challenge, &ann.codes[0])
            .await
            .invalid("/challenge_token", "invalid_token");
        // The code was not used up by it.
        let refused = app.login("ann", "walnut-glacier-thimble-4").await;
        second_half(&app, &refused.text("challenge_token"), &ann.codes[0])
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn inv_a7_secrets_and_codes_do_not_rest_in_the_open() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = enrolled(&app, "ann").await;
        let all = everything(&db).await;
        let bytes = ann.app.bytes();
        let text = ann.app.base32();
        let plain = ann.codes[0].replace('-', "");
        for secret in [
            bytes,
            text.as_bytes(),
            ann.codes[0].as_bytes(),
            plain.as_bytes(),
        ] {
            assert!(!all.contains(&hex(secret)));
        }
        assert!(
            all.contains(&hex(b"user.second_factor_added")),
            "the search finds"
        );
    })
    .await;
}

#[tokio::test]
async fn it_is_set_up_once_and_taken_away_by_who_has_both() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let tokens = app.person("ann").await;
        let other = app.login("ann", PASSWORD).await.ok(200);
        let access = tokens.text("access_token");
        let confirm = async |code: &str| {
            call(&app, &access, "/auth/totp/confirm", json!({ "code": code })).await
        };
        confirm("000000").await.invalid("", "not_enrolled");
        let enrol = async || {
            app.as_user(Method::POST, "/auth/totp/enroll", &access, None)
                .await
        };
        let first = enrol().await.ok(200).text("secret");
        let second = enrol().await.ok(200).text("secret");
        let code = |secret: &str| TotpSecret::from_bytes(&base32(secret)).code_at(app.clock.now());
        confirm(&code(&first))
            .await
            .refused(401, "invalid_credentials");
        // Not confirmed: a sign-in takes no code.
        app.login("ann", PASSWORD).await.ok(200);
        confirm(&code(&second)).await.ok(200);
        app.refresh(&other.text("refresh_token"))
            .await
            .refused(401, "token_revoked");
        enrol().await.invalid("", "already_enrolled");

        app.clock.advance(STEP);
        let disable = async |password: &str, code: &str| {
            let body = json!({ "current_password": password, "code": code });
            call(&app, &access, "/auth/totp/disable", body).await
        };
        disable("wrong", &code(&second))
            .await
            .refused(401, "invalid_credentials");
        disable(PASSWORD, "000000")
            .await
            .refused(401, "invalid_credentials");
        disable(PASSWORD, &code(&second)).await.ok(204);
        disable(PASSWORD, &code(&second))
            .await
            .invalid("", "not_enrolled");
        app.login("ann", PASSWORD).await.ok(200);
        let rest: i64 = app.one("SELECT COUNT(*) FROM recovery_codes").await;
        assert_eq!(rest, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_dear_asks_again_after_five_minutes() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let ann = enrolled(&app, "ann").await;
        let key = app
            .create_key(&ann.access, json!({ "name": "k" }))
            .await
            .ok(201);
        let verify = async |token: &str| app.get("/auth/verify?confirmed=true", token).await;
        verify(&ann.access).await.ok(200);
        verify(&key.text("key"))
            .await
            .refused(403, "permission_denied");
        app.clock.advance(Duration::from_mins(5));
        verify(&ann.access)
            .await
            .refused(403, "confirmation_required");
        app.get("/auth/verify?confirmed=false", &ann.access)
            .await
            .ok(200);
        let create = async |body: Value| app.create_key(&ann.access, body).await;
        create(json!({ "name": "k" }))
            .await
            .refused(403, "confirmation_required");
        app.delete_key(&ann.access, &key.text("id"))
            .await
            .refused(403, "confirmation_required");
        create(json!({ "name": "k", "current_password": "wrong" }))
            .await
            .refused(401, "invalid_credentials");
        let confirm = async |body: Value| call(&app, &ann.access, "/auth/confirm", body).await;
        confirm(json!({}))
            .await
            .invalid("/current_password", "required");
        confirm(json!({ "current_password": PASSWORD, "code": "000000" }))
            .await
            .invalid("/code", "ambiguous");
        confirm(json!({ "code": "000000" }))
            .await
            .refused(401, "invalid_credentials");
        confirm(json!({ "current_password": "wrong" }))
            .await
            .refused(401, "invalid_credentials");
        create(json!({ "name": "k" }))
            .await
            .refused(403, "confirmation_required");
        confirm(json!({ "code": ann.app.code_at(app.clock.now()) }))
            .await
            .ok(204);
        create(json!({ "name": "k" })).await.ok(201);
        app.clock.advance(Duration::from_mins(5));
        confirm(json!({ "current_password": PASSWORD }))
            .await
            .ok(204);
        app.delete_key(&ann.access, &key.text("id")).await.ok(204);
        app.clock.advance(Duration::from_mins(4));
        let key = create(json!({ "name": "k", "current_password": PASSWORD }))
            .await
            .ok(201);
        // A key confirms nothing.
        call(
            &app,
            &key.text("key"),
            "/auth/confirm",
            json!({ "current_password": PASSWORD }),
        )
        .await
        .refused(403, "permission_denied");
    })
    .await;
}

#[tokio::test]
async fn staff_hold_nothing_without_one_where_it_is_asked_of_them() {
    each_engine(&[], async |db| {
        let mut strict = config();
        strict.require_staff_second_factor = true;
        let app = App::with(&db, strict).await;
        let plain = app.person("ann").await.text("access_token");
        let tokens = app.person("boss").await;
        app.execute("UPDATE users SET is_superuser = (1 = 1) WHERE username = 'boss'")
            .await;
        let access = tokens.text("access_token");
        app.get("/admin/users", &access)
            .await
            .refused(403, "second_factor_required");
        app.get("/admin/users", &plain)
            .await
            .refused(403, "permission_denied");
        // Neither what applications are told of them, nor their tokens, say otherwise.
        let told = app.get("/auth/verify", &access).await.ok(200);
        assert_eq!(told.body["permissions"], json!([]));
        app.get("/auth/verify?permission=finance", &access)
            .await
            .refused(403, "second_factor_required");
        let again = app.login("boss", PASSWORD).await.ok(200);
        assert_eq!(
            claims(&again.text("access_token"))["permissions"],
            json!([])
        );
        let secret = app
            .as_user(Method::POST, "/auth/totp/enroll", &access, None)
            .await
            .ok(200)
            .text("secret");
        let code = TotpSecret::from_bytes(&base32(&secret)).code_at(app.clock.now());
        call(&app, &access, "/auth/totp/confirm", json!({ "code": code }))
            .await
            .ok(200);
        app.get("/admin/users", &access).await.ok(200);
        app.get("/auth/verify?permission=finance", &access)
            .await
            .ok(200);
        let renewed = app.refresh(&tokens.text("refresh_token")).await.ok(200);
        let said = claims(&renewed.text("access_token"));
        assert_eq!(said["permissions"], json!(["admin"]));

        // Who lost everything is let in by an admin.
        let ann = enrolled(&app, "lost").await;
        let me = app.get("/auth/me", &ann.access).await.ok(200);
        let path = format!(
            "/admin/users/{}/second-factor",
            me.body["id"].as_str().expect("an id")
        );
        let remove = async |token: &str| app.as_user(Method::DELETE, &path, token, None).await;
        remove(&plain).await.refused(403, "permission_denied");
        remove(&access).await.ok(204);
        remove(&access).await.refused(404, "not_found");
        app.login("lost", PASSWORD).await.ok(200);
    })
    .await;
}
