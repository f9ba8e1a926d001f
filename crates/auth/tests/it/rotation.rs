//! Keys of access tokens come and go while everybody stays signed in.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_auth::{AuthConfig, JwtAlgorithm, PUBLISHED_FOR};
use tollgate_storage::db::Db;
use tollgate_storage::signing_keys::{self, KeyState, RingKey};
use tollgate_storage::testing::each_engine;

use crate::harness::{App, builder, claims, config, part};
use crate::pen::Pen;
use crate::tokens::{signed_by, with};

const READ_EVERY: Duration = Duration::from_secs(5);

/// Another instance on the same database, with the same clock.
pub(crate) async fn beside(app: &App, config: AuthConfig) -> App {
    let auth = builder(&app.db, config, &app.clock).build().await;
    App::around(auth.expect("starts"), app.clock.clone(), &app.db)
}

async fn in_state(db: &Db, state: KeyState) -> Vec<RingKey> {
    let keys = signing_keys::find_all(db).await.expect("read");
    keys.into_iter().filter(|key| key.state == state).collect()
}

/// The one key in a state.
pub(crate) async fn one(db: &Db, state: KeyState) -> RingKey {
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

pub(crate) async fn accepted(apps: &[&App], tokens: &[&String]) {
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
            // Two that start at once put one key next, and another start changes nothing more.
            let starts = || beside(&apps[0], signed_by(algorithm));
            let (app, _) = tokio::join!(starts(), starts());
            let next = one(&db, KeyState::Next).await.key.kid;
            starts().await;
            assert_eq!(one(&db, KeyState::Next).await.key.kid, next);
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
