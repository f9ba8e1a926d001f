//! Keys of access tokens come and go while everybody stays signed in.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tollgate_auth::{
    AuthConfig, JwtAlgorithm, JwtKey, OwnKey, OwnKeyError, PUBLISHED_FOR, RotateError,
};
use tollgate_storage::db::Db;
use tollgate_storage::signing_keys::{self, KeyState, RingKey};
use tollgate_storage::testing::each_engine;

use crate::harness::{App, builder, claims, config, part};
use crate::keys::everything;
use crate::tokens::{Pen, pem, signed_by, with};

const READ_EVERY: Duration = Duration::from_secs(5);

/// Another instance on the same database, with the same clock.
async fn beside(app: &App, config: AuthConfig) -> App {
    let auth = builder(&app.db, config, &app.clock).build().await;
    App::around(auth.expect("starts"), app.clock.clone(), &app.db)
}

async fn in_state(db: &Db, state: KeyState) -> Vec<RingKey> {
    let keys = signing_keys::find_all(db).await.expect("read");
    keys.into_iter().filter(|key| key.state == state).collect()
}

/// The one key in a state.
async fn one(db: &Db, state: KeyState) -> RingKey {
    let mut keys = in_state(db, state).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}

fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().expect("a kid").to_owned()
}

async fn published(app: &App) -> Vec<String> {
    let set = app
        .call(
            axum::http::Method::GET,
            "/auth/.well-known/jwks.json",
            &[],
            None,
        )
        .await;
    let keys = set.ok(200).body["keys"]
        .as_array()
        .cloned()
        .expect("a list");
    let mut kids: Vec<String> = keys
        .iter()
        .map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect();
    kids.sort();
    kids
}

fn sorted(kids: [&str; 2]) -> Vec<String> {
    let mut kids = kids.map(str::to_owned).to_vec();
    kids.sort();
    kids
}

/// A token as `pen` would sign it, with what `like` says, good for an hour.
fn forged(pen: &Pen, like: &str, app: &App) -> String {
    let head = with(&part(like, 0), "kid", json!(pen.kid));
    let end = app.clock.now().seconds() + 3_600;
    pen.sign(&head, &with(&claims(like), "exp", json!(end)))
}

async fn accepted(apps: &[&App], tokens: &[&String]) {
    for app in apps {
        for token in tokens {
            app.get("/auth/me", token).await.ok(200);
        }
    }
}

async fn refused(apps: &[&App], token: &str) {
    for app in apps {
        app.get("/auth/me", token)
            .await
            .refused(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a_rotation_signs_nobody_out_on_two_instances() {
    each_engine(&[], async |db| {
        let first = App::with(&db, signed_by(JwtAlgorithm::Es256)).await;
        let second = beside(&first, signed_by(JwtAlgorithm::Es256)).await;
        let before = first.person("ann").await.text("access_token");
        let old = one(&db, KeyState::Active).await.key.kid;
        assert_eq!(published(&second).await, [old.as_str()]);

        // Two wishes at once are one rotation.
        let (one_wish, other_wish) = tokio::join!(
            first.auth.rotate_signing_keys(),
            second.auth.rotate_signing_keys()
        );
        let (one_wish, other_wish) = (one_wish.expect("rotates"), other_wish.expect("rotates"));
        assert_eq!(one_wish.kid, other_wish.kid);
        assert!(
            one_wish.begun != other_wish.begun,
            "{one_wish:?} {other_wish:?}"
        );
        let again = second.auth.rotate_signing_keys().await.expect("answers");
        assert!(!again.begun && again.kid == one_wish.kid);
        let new = one_wish.kid;
        assert_eq!(one_wish.signs_at, first.clock.now().after(PUBLISHED_FOR));
        let next = one(&db, KeyState::Next).await;
        assert_eq!(next.key.kid, new);

        // Published at once; signs nothing, but what it signs is good.
        for app in [&first, &second] {
            assert_eq!(published(app).await, sorted([&old, &new]));
            let signed = app.login("ann", crate::harness::PASSWORD).await.ok(200);
            assert_eq!(kid(&signed.text("access_token")), old);
        }
        let early = forged(&Pen::stolen(&next), &before, &first);
        accepted(&[&first, &second], &[&before, &early]).await;
        first
            .clock
            .advance(PUBLISHED_FOR.saturating_sub(Duration::from_secs(1)));
        accepted(&[&first, &second], &[&before]).await;
        assert_eq!(one(&db, KeyState::Active).await.key.kid, old);

        // Everybody has had time to see it: the first who looks lets it sign, all at once or not.
        first.clock.advance(READ_EVERY);
        let looks = (0..8).map(|number| {
            let app = if number % 2 == 0 { &first } else { &second };
            app.get("/auth/me", &before)
        });
        for answer in join_all(looks).await {
            answer.ok(200);
        }
        assert_eq!(one(&db, KeyState::Active).await.key.kid, new);
        let retiring = one(&db, KeyState::Retiring).await;
        assert_eq!(retiring.key.kid, old);
        assert!(in_state(&db, KeyState::Next).await.is_empty());
        first.clock.advance(READ_EVERY);
        let mut after = Vec::new();
        for app in [&first, &second] {
            let signed = app.login("ann", crate::harness::PASSWORD).await.ok(200);
            after.push(signed.text("access_token"));
            assert_eq!(kid(after.last().expect("one")), new);
            assert_eq!(published(app).await, sorted([&old, &new]));
        }
        accepted(&[&first, &second], &[&before, &after[0], &after[1]]).await;

        // The old key is good until the last token under it has ended, and not a moment longer, though
        // the instance has not read again.
        let late = forged(&Pen::stolen(&retiring), &before, &first);
        let end = retiring.retire_at.expect("an end");
        assert!(end >= first.clock.now().after(config().access_token_ttl));
        first
            .clock
            .advance(end.before(Duration::from_secs(1)).since(first.clock.now()));
        accepted(&[&first, &second], &[&late]).await;
        first.clock.advance(Duration::from_secs(1));
        refused(&[&first, &second], &late).await;
        first.clock.advance(READ_EVERY);
        refused(&[&first, &second], &late).await;
        let retired = one(&db, KeyState::Retired).await;
        assert_eq!(
            (retired.key.kid.as_str(), retired.key.private_sealed.len()),
            (old.as_str(), 0)
        );
        for app in [&first, &second] {
            assert_eq!(published(app).await, [new.as_str()]);
        }
    })
    .await;
}

async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn inv_a1_made_up_key_names_ask_the_database_once_in_five_seconds() {
    each_engine(&[], async |db| {
        let first = App::with(&db, signed_by(JwtAlgorithm::Hs256)).await;
        let second = beside(&first, signed_by(JwtAlgorithm::Hs256)).await;
        let access = first.person("ann").await.text("access_token");
        accepted(&[&second], &[&access]).await;
        // A key that came after the last reading is looked for at once …
        first.auth.rotate_signing_keys().await.expect("rotates");
        let next = Pen::stolen(&one(&db, KeyState::Next).await);
        accepted(&[&second], &[&forged(&next, &access, &first)]).await;
        // … but a name that was made up has used up the looks of these five seconds.
        let third = beside(&first, signed_by(JwtAlgorithm::Hs256)).await;
        first
            .execute("UPDATE signing_keys SET kid = 'hidden' WHERE state = 'next'")
            .await;
        let mut hidden = next.clone();
        hidden.kid = "made up".to_owned();
        refused(&[&third], &forged(&hidden, &access, &first)).await;
        hidden.kid = "hidden".to_owned();
        // That look found it. A later change is not seen by the next name, until the time is over.
        accepted(&[&third], &[&forged(&hidden, &access, &first)]).await;
        first
            .execute("UPDATE signing_keys SET kid = 'hidden again' WHERE state = 'next'")
            .await;
        hidden.kid = "hidden again".to_owned();
        let token = forged(&hidden, &access, &first);
        refused(&[&third], &token).await;
        first
            .clock
            .advance(READ_EVERY.saturating_sub(Duration::from_millis(1)));
        refused(&[&third], &token).await;
        first.clock.advance(Duration::from_millis(1));
        accepted(&[&third], &[&token]).await;
    })
    .await;
}

#[tokio::test]
async fn another_algorithm_in_the_settings_rotates_by_the_same_road() {
    each_engine(&[], async |db| {
        let before = App::with(&db, signed_by(JwtAlgorithm::Hs256)).await;
        let old = before.person("ann").await.text("access_token");
        let mut apps = vec![before];
        for algorithm in [
            JwtAlgorithm::Es256,
            JwtAlgorithm::EdDsa,
            JwtAlgorithm::Hs256,
        ] {
            let app = beside(&apps[0], signed_by(algorithm)).await;
            // Another start changes nothing more.
            beside(&apps[0], signed_by(algorithm)).await;
            let login = app.login("ann", crate::harness::PASSWORD).await.ok(200);
            let before = login.text("access_token");
            assert_ne!(part(&before, 0)["alg"], algorithm.as_str());
            app.clock.advance(PUBLISHED_FOR);
            accepted(&[&app, &apps[0]], &[&before]).await;
            app.clock.advance(READ_EVERY);
            let login = app.login("ann", crate::harness::PASSWORD).await.ok(200);
            let after = login.text("access_token");
            assert_eq!(part(&after, 0)["alg"], algorithm.as_str());
            for app in apps.iter().chain([&app]) {
                accepted(&[app], &[&before, &after]).await;
            }
            apps.push(app);
        }
        apps[0]
            .get("/auth/me", &old)
            .await
            .refused(401, "token_expired");

        // A wish that is taken back before its time leaves nothing behind.
        beside(&apps[0], signed_by(JwtAlgorithm::Es256)).await;
        assert_eq!(one(&db, KeyState::Next).await.key.algorithm, "ES256");
        beside(&apps[0], signed_by(JwtAlgorithm::EdDsa)).await;
        assert_eq!(one(&db, KeyState::Next).await.key.algorithm, "EdDSA");
        beside(&apps[0], signed_by(JwtAlgorithm::Hs256)).await;
        assert!(in_state(&db, KeyState::Next).await.is_empty());
        assert_eq!(one(&db, KeyState::Active).await.key.algorithm, "HS256");
        for given_up in in_state(&db, KeyState::Retired).await {
            assert!(given_up.key.private_sealed.is_empty());
        }
    })
    .await;
}

fn own(pkcs8: &[u8]) -> AuthConfig {
    let mut config = config();
    let key = OwnKey::from_pem(&pem("PRIVATE KEY", pkcs8)).expect("a key");
    config.jwt = JwtKey::Own(key);
    config
}

#[tokio::test]
async fn inv_a7_a_private_key_is_in_no_copy_of_the_database_and_in_no_debug_output() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let pkcs8 = pair.to_pkcs8v1().expect("PKCS#8");
    let pkcs8 = pkcs8.as_ref();
    let secret = "only-in-tests-".repeat(3);
    let other = Ed25519KeyPair::generate().expect("a key");
    let other = other.to_pkcs8v1().expect("PKCS#8");
    each_engine(&[], async |db| {
        let app = App::with(&db, own(pkcs8)).await;
        let access = app.person("ann").await.text("access_token");
        assert_eq!(part(&access, 0)["alg"], "ES256");
        let mut by_secret = config();
        by_secret.jwt = JwtKey::Hs256(secret.clone().into());
        let second = beside(&app, by_secret.clone()).await;
        app.auth
            .rotate_signing_keys()
            .await
            .expect("the settings of the other are next");
        let third = beside(&app, signed_by(JwtAlgorithm::EdDsa)).await;
        app.clock.advance(PUBLISHED_FOR);
        accepted(&[&app, &second, &third], &[&access]).await;
        let mut halves: Vec<Vec<u8>> = vec![
            pkcs8.to_vec(),
            // The number itself, at its place in RFC 5915's structure.
            pkcs8[36..68].to_vec(),
            secret.clone().into_bytes(),
        ];
        for key in signing_keys::find_all(&db).await.expect("read") {
            if let Ok(private) =
                crate::harness::master_key().open("signing key", &key.key.private_sealed)
            {
                halves.push(private.to_vec());
                if key.key.algorithm == "EdDSA" {
                    // RFC 8410 §7: the seed is what comes last.
                    halves.push(private[private.len() - 32..].to_vec());
                }
            }
        }
        let all = everything(&db).await;
        assert!(all.contains(&hex(b"EdDSA")), "the search finds");
        let debug = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            app.auth,
            third.auth,
            own(pkcs8),
            by_secret,
            signing_keys::find_all(&db).await
        );
        assert!(debug.contains("OwnKey(ES256)"), "{debug}");
        for half in &halves {
            for text in [
                half.clone(),
                BASE64_STANDARD.encode(half).into_bytes(),
                BASE64_URL_SAFE_NO_PAD.encode(half).into_bytes(),
            ] {
                assert!(!all.contains(&hex(&text)));
                assert!(!debug.contains(&*String::from_utf8_lossy(&text)));
            }
            assert!(!debug.contains(&format!("{half:?}")) && !debug.contains(&hex(half)));
        }
    })
    .await;

    each_engine(&[], async |db| {
        // The settings name the key that signs: only they can name another.
        let app = App::with(&db, own(pkcs8)).await;
        let refused = app.auth.rotate_signing_keys().await;
        assert!(matches!(refused, Err(RotateError::OwnKey)), "{refused:?}");
        let first = one(&db, KeyState::Active).await.key.kid;
        beside(&app, own(other.as_ref())).await;
        app.clock.advance(PUBLISHED_FOR);
        let access = app.person("ann").await.text("access_token");
        accepted(&[&app], &[&access]).await;
        assert_eq!(one(&db, KeyState::Active).await.key.algorithm, "EdDSA");
        // And the one before once more, while it is on its way out and when it is gone.
        for state in [KeyState::Retiring, KeyState::Retired] {
            if state == KeyState::Retired {
                beside(&app, own(other.as_ref())).await;
                app.clock.advance(PUBLISHED_FOR);
                beside(&app, own(other.as_ref())).await;
                app.clock.advance(Duration::from_hours(1));
                beside(&app, own(other.as_ref())).await;
            }
            assert_eq!(one(&db, state).await.key.kid, first);
            beside(&app, own(pkcs8)).await;
            assert_eq!(one(&db, KeyState::Next).await.key.kid, first);
            app.clock.advance(PUBLISHED_FOR);
            let again = beside(&app, own(pkcs8)).await;
            assert_eq!(one(&db, KeyState::Active).await.key.kid, first);
            let login = again.login("ann", crate::harness::PASSWORD).await.ok(200);
            accepted(&[&again], &[&login.text("access_token")]).await;
        }
        // Without it in the settings, it is not used for longer than that takes.
        beside(&app, signed_by(JwtAlgorithm::Es256)).await;
        assert_ne!(one(&db, KeyState::Next).await.key.kid, first);
    })
    .await;
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn a_key_of_ones_own_tells_its_algorithm_or_what_is_wrong_with_it() {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, KeyPair as _};
    let ed = Ed25519KeyPair::generate().expect("a key");
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let told = |pem: &str| OwnKey::from_pem(pem).map(|key| key.algorithm());
    let pkcs8 = |der: &[u8]| told(&pem("PRIVATE KEY", der));
    // Either version of PKCS#8.
    for der in [ed.to_pkcs8v1(), ed.to_pkcs8()] {
        assert_eq!(pkcs8(der.expect("DER").as_ref()), Ok(JwtAlgorithm::EdDsa));
    }
    let der = p256.to_pkcs8v1().expect("DER");
    assert_eq!(pkcs8(der.as_ref()), Ok(JwtAlgorithm::Es256));
    let der = p384.to_pkcs8v1().expect("DER");
    assert_eq!(pkcs8(der.as_ref()), Err(OwnKeyError::Curve));
    let public: PublicKeyX509Der<'_> = p256.public_key().as_der().expect("DER");
    let public = pem("PUBLIC KEY", public.as_ref());
    assert_eq!(told(&public), Err(OwnKeyError::Public));
    assert_eq!(
        told(&pem("ENCRYPTED PRIVATE KEY", b"x")),
        Err(OwnKeyError::Encrypted)
    );
    for text in [
        "",
        "-----BEGIN",
        &pem("PRIVATE KEY", b"x"),
        &pem("RSA PRIVATE KEY", b"x"),
    ] {
        assert_eq!(told(text), Err(OwnKeyError::Unreadable), "{text}");
    }
}

#[tokio::test]
async fn inv_s2_a_database_that_is_away_leaves_the_keys_in_force() {
    each_engine(&[], async |db| {
        let app = App::with(&db, signed_by(JwtAlgorithm::EdDsa)).await;
        let access = app.person("ann").await.text("access_token");
        let kids = published(&app).await;
        db.close().await;
        app.clock.advance(READ_EVERY);
        assert_eq!(published(&app).await, kids);
        assert_eq!(
            app.get("/host/closed", &access).await.ok(200).body,
            Value::from("in")
        );
        let unknown = forged(&Pen::secret(b"of nobody"), &access, &app);
        refused(&[&app], &unknown).await;
        // Whatever asks the database is refused, never let through.
        app.get("/auth/me", &access)
            .await
            .refused(503, "unavailable");
    })
    .await;
}
