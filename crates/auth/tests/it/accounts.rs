//! Opening an account, and A6 and A8 as far as they lie there.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_auth::model::user::Locale;
use tollgate_auth::{Login, LoginError, Register, Registration};
use tollgate_kernel::origin::Origin;
use tollgate_storage::testing::each_engine;

use crate::harness::{App, PASSWORD, config};

fn body(email: &str, username: &str, password: &str) -> Value {
    json!({ "email": email, "username": username, "password": password })
}

#[tokio::test]
async fn an_account_is_shown_as_the_design_has_it() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let mut wish = body("Ann.Lee+shop@Example.com", "Ann_Lee", PASSWORD);
        wish["locale"] = json!("en");
        let made = app.post("/auth/register", wish).await.ok(201);
        let shape: Vec<&str> = made
            .body
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let mut wanted = vec![
            "id",
            "email",
            "username",
            "is_active",
            "is_superuser",
            "created_at",
            "updated_at",
            "permissions",
            "email_verified",
            "locale",
        ];
        let mut shape = shape;
        shape.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(shape, wanted);
        assert_eq!(made.body["email"], "ann.lee+shop@example.com");
        assert_eq!(
            (&made.body["username"], &made.body["locale"]),
            (&json!("Ann_Lee"), &json!("en"))
        );
        assert_eq!(
            (&made.body["permissions"], &made.body["email_verified"]),
            (&json!([]), &json!(false))
        );
        let folded: String = app.one("SELECT email_folded FROM users").await;
        assert_eq!(folded, "ann.lee@example.com");
        let login = app.login("ann_lee", PASSWORD).await.ok(200);
        assert_eq!(login.body["user"], made.body);
        assert_eq!(
            app.get("/auth/me", &login.text("access_token"))
                .await
                .ok(200)
                .body,
            made.body
        );
        assert_eq!(
            app.get("/host/name", &login.text("access_token"))
                .await
                .body,
            "Ann_Lee"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_ask_for_one_address_one_gets_it() {
    each_engine(&[], async |db| {
        let app = Arc::new(App::new(&db).await);
        let mut rivals = JoinSet::new();
        for number in 0..20 {
            let app = Arc::clone(&app);
            rivals.spawn(async move {
                let wish = body("one@example.com", &format!("rival{number}"), PASSWORD);
                app.post("/auth/register", wish).await
            });
        }
        let answers = rivals.join_all().await;
        let (made, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        for answer in refused {
            answer.refused(409, "email_taken");
        }
        assert_eq!(app.one::<i64>("SELECT COUNT(*) FROM users").await, 1);
    })
    .await;
}

#[tokio::test]
async fn one_address_and_one_name_in_every_spelling() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.post("/auth/register", body("a@x.com", "Ann", PASSWORD))
            .await
            .ok(201);
        for (email, username, code) in [
            ("A@X.com", "bob", "email_taken"),
            ("ａ＠x.com", "bob", "email_taken"),
            ("b@x.com", "ann", "username_taken"),
            ("b@x.com", "Ann", "username_taken"),
            ("a@x.com", "ann", "email_taken"),
        ] {
            app.post("/auth/register", body(email, username, PASSWORD))
                .await
                .refused(409, code);
        }
        let long = format!("{}@x.com", "a".repeat(250));
        for email in [
            "",
            "ann",
            "a@",
            "@x.com",
            "a@x",
            " a@x.com",
            "a@x.com ",
            "a@b@x.com",
            "a@x.com,b@x.com",
            "\"a\"@x.com",
            "a b@x.com",
            "a@x.com\r\nBcc: b@x.com",
            "a@x..com",
            "a\u{200B}@x.com",
            &long,
        ] {
            app.post("/auth/register", body(email, "bob", PASSWORD))
                .await
                .invalid("/email", "invalid_email");
        }
        for username in [
            "ab",
            "admin",
            "ROOT",
            "Tollgate",
            "bob@x.com",
            "b b",
            "bоb",
            "b\u{200B}ob",
            "",
            "---",
        ] {
            let answer = app
                .post("/auth/register", body("c@x.com", username, PASSWORD))
                .await;
            answer.invalid("/username", "invalid_username");
        }
        let both = app.post("/auth/register", body("x", "y", PASSWORD)).await;
        both.invalid("/email", "invalid_email");
        both.invalid("/username", "invalid_username");
        let mut french = body("c@x.com", "bob", PASSWORD);
        french["locale"] = json!("fr");
        app.post("/auth/register", french)
            .await
            .invalid("/locale", "unknown_locale");
        app.post("/auth/register", json!({ "email": "c@x.com" }))
            .await
            .refused(422, "validation_failed");
        app.post("/auth/register", body("dev@localhost", "张三丰", PASSWORD))
            .await
            .ok(201);
        assert_eq!(app.one::<i64>("SELECT COUNT(*) FROM users").await, 2);
    })
    .await;
}

#[tokio::test]
async fn inv_a8_nobody_makes_himself_more_than_he_is() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let id = "0198a000-0000-7000-8000-000000000000";
        let mut wish = body("mallory@example.com", "mallory", PASSWORD);
        for (name, value) in [
            ("is_superuser", json!(true)),
            ("permissions", json!(["admin"])),
            ("email_verified", json!(true)),
            ("quota_limit", json!(1_000)),
            ("id", json!(id)),
        ] {
            wish[name] = value;
        }
        let made = app.post("/auth/register", wish).await.ok(201);
        let ignored = made.headers["x-ignored-fields"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            ignored.contains("is_superuser") && ignored.contains("permissions"),
            "{ignored}"
        );
        for (name, value) in [
            ("is_superuser", json!(false)),
            ("email_verified", json!(false)),
            ("permissions", json!([])),
        ] {
            assert_eq!(made.body[name], value);
        }
        assert_ne!(made.body["id"], id);
        let superusers: i64 = app
            .one("SELECT COUNT(*) FROM users WHERE is_superuser OR email_verified_at IS NOT NULL")
            .await;
        assert_eq!(superusers, 0);
    })
    .await;
}

#[tokio::test]
async fn inv_a6_a_password_counts_whole() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let base = "orchard lantern plum violin harbour copper meadow thimble glacier walnut";
        assert_eq!(base.len(), 72);
        let (first, second) = (format!("{base}a"), format!("{base}b"));
        app.post("/auth/register", body("a@x.com", "ann", &first))
            .await
            .ok(201);
        app.login("ann", &first).await.ok(200);
        for other in [second.as_str(), base, &base[..71]] {
            app.login("ann", other)
                .await
                .refused(401, "invalid_credentials");
        }
        let hashed: String = app
            .one("SELECT hashed_password FROM users WHERE username = 'ann'")
            .await;
        assert!(hashed.starts_with("$bcrypt-sha256$v=2,t=2b,r="), "{hashed}");

        let emoji: String = (0..64_u32)
            .filter_map(|n| char::from_u32(0x1F600 + n * 37 % 64))
            .collect();
        assert_eq!(emoji.chars().count(), 64);
        app.post("/auth/register", body("e@x.com", "emoji", &emoji))
            .await
            .ok(201);
        app.login("emoji", &emoji).await.ok(200);
        app.login("emoji", &emoji[..emoji.len() - 4])
            .await
            .refused(401, "invalid_credentials");

        // NUL does not pass HTTP; a host that calls the operation is safe as well.
        app.post(
            "/auth/register",
            body("n@x.com", "nul", "plum\0orchard-lantern"),
        )
        .await
        .refused(422, "validation_failed");
        let wish = Register {
            email: "n@x.com".parse().expect("an address"),
            username: "nul".parse().expect("a name"),
            password: "plum-orchard\0lantern".into(),
            locale: Locale::En,
            invite: None,
        };
        app.auth
            .register(&wish, &Origin::default())
            .await
            .expect("registers");
        let login = async |password: &str| {
            let login = Login {
                email: None,
                username: Some("nul".to_owned()),
                password: password.into(),
                device: None,
            };
            app.auth.login(&login, &Origin::default()).await
        };
        assert!(login("plum-orchard\0lantern").await.is_ok());
        for other in ["plum-orchard\0other", "plum-orchard", "plum-orchard\0"] {
            assert!(
                matches!(login(other).await, Err(LoginError::Invalid)),
                "{other:?}"
            );
        }
        // bcrypt repeats a short key with a NUL between: this must not open the short one.
        app.register("bob").await.ok(201);
        let cyclic = format!("{PASSWORD}\0{PASSWORD}");
        let wish = Login {
            email: None,
            username: Some("bob".to_owned()),
            password: cyclic.into(),
            device: None,
        };
        assert!(matches!(
            app.auth.login(&wish, &Origin::default()).await,
            Err(LoginError::Invalid)
        ));
    })
    .await;
}

#[tokio::test]
async fn weak_passwords_are_refused() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let (long, huge) = ("aB3$".repeat(33), "a".repeat(1_000_000));
        for password in [
            "",
            "short7!",
            "password1",
            "12345678",
            "carol.smith@x.com",
            "carol.smith",
            "carolsmith90",
            &long,
            &huge,
        ] {
            let answer = app
                .post(
                    "/auth/register",
                    body("carol.smith@x.com", "carolsmith90", password),
                )
                .await;
            answer.refused(422, "weak_password");
            assert_eq!(answer.body["errors"][0]["field"], "/password");
        }
        assert_eq!(app.one::<i64>("SELECT COUNT(*) FROM users").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_closed_house_takes_nobody() {
    each_engine(&[], async |db| {
        let mut closed = config();
        closed.registration = Registration::Closed;
        let app = App::with(&db, closed).await;
        app.register("ann")
            .await
            .refused(403, "registration_closed");
    })
    .await;
}
