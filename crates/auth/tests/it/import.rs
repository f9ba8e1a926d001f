//! People and keys of other applications: A6 and A7.

use serde_json::Value;
use tollgate_auth::model::user::Locale;
use tollgate_auth::{BroughtKey, BroughtUser, Imported, LineFault};
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::testing::each_engine;

use crate::harness::{App, PASSWORD, builder, config};

fn person(name: &str, hashed_password: Option<&str>) -> BroughtUser {
    BroughtUser {
        email: format!("{name}@example.com").parse().expect("an address"),
        username: name.parse().expect("a name"),
        hashed_password: hashed_password.map(str::to_owned),
        email_verified: true,
        is_active: true,
        locale: Locale::En,
    }
}

fn key(name: &str, text: &str) -> BroughtKey {
    BroughtKey {
        email: format!("{name}@example.com").parse().expect("an address"),
        sha256: sha256(text),
        shown: "old_...".to_owned(),
        name: "server".parse().expect("a name"),
        expires_at: None,
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("32 bytes")
}

/// Whole or not at all.
async fn people_come(app: &App, db: &Db, people: &[BroughtUser]) -> Imported {
    let mut tx = db.begin().await.expect("begins");
    let imported = app.auth.import_users(&mut tx, people).await;
    let imported = imported.expect("imported");
    if imported.faults.is_empty() {
        tx.commit().await.expect("commits");
    }
    imported
}

async fn keys_come(app: &App, db: &Db, keys: &[BroughtKey]) -> Imported {
    let mut tx = db.begin().await.expect("begins");
    let imported = app.auth.import_api_keys(&mut tx, keys).await;
    let imported = imported.expect("imported");
    if imported.faults.is_empty() {
        tx.commit().await.expect("commits");
    }
    imported
}

fn counted(made: usize, known: usize) -> Imported {
    Imported {
        made,
        known,
        faults: Vec::new(),
    }
}

async fn hash_of(db: &Db, name: &str) -> String {
    let statement = "SELECT hashed_password FROM users WHERE username = $1";
    let (hash,): (String,) = on_read!(db, |e| sqlx::query_as(statement)
        .bind(name)
        .fetch_one(e)
        .await)
    .expect("a hash");
    hash
}

/// Hashes of other applications as they are: `tests/vectors/passwords.json`.
#[tokio::test]
async fn inv_a6_imported_hashes_sign_in_unchanged_and_are_made_anew() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let vectors: Value =
            serde_json::from_str(include_str!("../vectors/passwords.json")).expect("vectors");
        let text = |vector: &Value, name: &str| vector[name].as_str().expect("a text").to_owned();
        let vectors: Vec<(String, String, String)> = vectors
            .as_array()
            .expect("a list")
            .iter()
            .enumerate()
            .map(|(at, vector)| {
                (
                    format!("person{at}"),
                    text(vector, "password"),
                    text(vector, "hash"),
                )
            })
            .collect();
        let people: Vec<BroughtUser> = vectors
            .iter()
            .map(|(name, _, hash)| person(name, Some(hash)))
            .collect();
        assert_eq!(
            people_come(&app, &db, &people).await,
            counted(people.len(), 0)
        );
        assert_eq!(
            people_come(&app, &db, &people).await,
            counted(0, people.len())
        );
        for (name, password, hash) in &vectors {
            assert_eq!(&hash_of(&db, name).await, hash, "unchanged");
            // JSON carries a NUL only to be refused.
            if password.contains('\0') {
                continue;
            }
            app.login(name, &format!("{password}x"))
                .await
                .refused(401, "invalid_credentials");
            assert_eq!(
                &hash_of(&db, name).await,
                hash,
                "a wrong password changes nothing"
            );
            let tokens = app.login(name, password).await.ok(200);
            assert_eq!(tokens.body["user"]["email_verified"], true);
            let anew = hash_of(&db, name).await;
            if hash.contains("argon2") || hash.contains("pbkdf2") {
                assert!(
                    anew.starts_with("$2b$") || anew.starts_with("$bcrypt-sha256$"),
                    "{anew}"
                );
            }
            app.login(name, password).await.ok(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_of_people_is_taken_over_whole_or_not_at_all() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.person("ann").await;
        let mut other = person("ann", None);
        other.email = "other@example.com".parse().expect("an address");
        let people = [
            person("bob", None),
            other,
            person("carl", Some("md5:5f4dcc3b5aa765d61d8327deb882cf99")),
            person("bob", None),
        ];
        let refused = people_come(&app, &db, &people).await;
        assert_eq!(
            refused.faults,
            [
                (1, LineFault::UsernameTaken),
                (2, LineFault::UnknownHash),
                (3, LineFault::Twice)
            ]
        );
        let statement = "SELECT COUNT(*) FROM users";
        let (count,): (i64,) =
            on_read!(&db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
        assert_eq!(count, 1);
        // Nobody signs in without a password of their own.
        people_come(&app, &db, &people[..1]).await;
        app.login("bob", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
    })
    .await;
}

#[tokio::test]
async fn inv_a7_imported_keys_open_what_they_opened_elsewhere() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        app.person("ann").await;
        app.person("bob").await;
        let seen = builder(&db, config(), &app.clock).build().await;
        let elsewhere = App::around(seen.expect("starts"), app.clock.clone(), &db);
        // Texts as applications make them; none of them is of our shape.
        let entropy = Entropy::seeded(4);
        let random = |prefix: &str| {
            let bytes: [u8; 24] = entropy.bytes();
            bytes.iter().fold(prefix.to_owned(), |text, byte| {
                text + &format!("{byte:02x}")
            })
        };
        let texts = [random("sk_test_"), random("my-app."), random("")];
        let present = async |app: &App, text: &str| {
            let headers = [("x-api-key", text)];
            app.call(axum::http::Method::GET, "/host/name", &headers, None)
                .await
        };
        for text in &texts {
            present(&app, text).await.refused(401, "api_key_invalid");
            present(&elsewhere, text)
                .await
                .refused(401, "api_key_invalid");
        }
        let keys: Vec<BroughtKey> = texts.iter().map(|text| key("ann", text)).collect();
        assert_eq!(keys_come(&app, &db, &keys).await, counted(3, 0));
        assert_eq!(keys_come(&app, &db, &keys).await, counted(0, 3));
        // Other instances see that there are such keys within five seconds.
        app.clock.advance(std::time::Duration::from_secs(5));
        for app in [&app, &elsewhere] {
            for text in &texts {
                assert_eq!(present(app, text).await.ok(200).body, "ann");
                present(app, &format!("{text}0"))
                    .await
                    .refused(401, "api_key_invalid");
            }
            for short in ["x", "sk_test_", "fifteen-letters"] {
                present(app, short).await.refused(401, "api_key_invalid");
            }
        }

        let gone = BroughtKey {
            expires_at: Some(app.clock.now()),
            ..key("bob", &random("k"))
        };
        let keys = [
            key("bob", &texts[0]),
            key("nobody", &random("k")),
            gone,
            key("bob", &texts[0]),
        ];
        let refused = keys_come(&app, &db, &keys).await;
        let wanted = [
            (0, LineFault::AnotherOwner),
            (1, LineFault::NoUser),
            (2, LineFault::Expired),
            (3, LineFault::Twice),
        ];
        assert_eq!(refused.faults, wanted);
    })
    .await;
}

#[tokio::test]
async fn inv_a3_whoever_was_locked_out_elsewhere_is_locked_out_here() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let vectors: Value =
            serde_json::from_str(include_str!("../vectors/passwords.json")).expect("vectors");
        let (password, hash) = (&vectors[0]["password"], &vectors[0]["hash"]);
        let mut shut = person("ann", hash.as_str());
        shut.is_active = false;
        assert_eq!(people_come(&app, &db, &[shut]).await, counted(1, 0));
        let password = password.as_str().expect("a text");
        app.login("ann", password)
            .await
            .refused(401, "user_inactive");
        let digest = [key("ann", "a-key-of-another-application")];
        assert_eq!(keys_come(&app, &db, &digest).await, counted(1, 0));
        app.clock.advance(std::time::Duration::from_secs(5));
        let headers = [("x-api-key", "a-key-of-another-application")];
        let answer = app.call(axum::http::Method::GET, "/host/name", &headers, None);
        answer.await.refused(401, "api_key_invalid");
    })
    .await;
}
