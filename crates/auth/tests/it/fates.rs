//! A3 whatever becomes of Redis: the same answers as without it, and none of them late.

use std::time::Duration;

use tokio::net::TcpListener;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::blacklist::{SOON, change_password, installation, instance, logout};
use crate::harness::{App, PASSWORD, clock};
use crate::redis_server::{RedisServer, ask, channels, until};

const WEEK: Duration = Duration::from_hours(8 * 24);

/// Both instances listen, to a Redis of their own.
async fn listening(url: &str) {
    until("instances that listen", async || {
        channels(url, 0).await.iter().any(|(_, count)| *count == 2)
    })
    .await;
}

type Told = Vec<(&'static str, u16, String)>;

/// What two instances answer about sign-ins that ended on the first, with something that happens to Redis in
/// between.
async fn story(here: &App, there: &App, midway: impl AsyncFnOnce()) -> Told {
    let asked = async |app: &App, token: &str| {
        let answer = tokio::time::timeout(SOON, app.refresh(token)).await;
        let answer = answer.expect("Redis holds up no answer");
        (
            answer.status.as_u16(),
            answer.body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let live = here.person("live").await;
    let out = here.person("ann").await;
    let other = here.person("bob").await;
    let bob = here.login("bob", PASSWORD).await.ok(200);
    let used = here.person("cid").await;
    let after = here.refresh(&used.text("refresh_token")).await.ok(200);
    let copied = here.person("dan").await;
    let newest = here.refresh(&copied.text("refresh_token")).await.ok(200);
    let inactive = here.person("eve").await;
    clock_on(here, 11);
    let lately = here.person("fay").await;
    let follows = here.refresh(&lately.text("refresh_token")).await.ok(200);

    let ends = async {
        logout(here, &out).await;
        change_password(here, &bob).await;
        logout(here, &after).await;
        logout(here, &follows).await;
        here.execute("UPDATE users SET is_active = (1 = 0) WHERE username = 'eve'")
            .await;
    };
    tokio::time::timeout(SOON * 3, ends)
        .await
        .expect("Redis holds up no end");
    let mut told = vec![];
    let (status, code) = asked(here, &copied.text("refresh_token")).await;
    told.push(("a copy", status, code));
    midway().await;
    for (name, tokens) in [
        // First: whoever meets the trouble is not over.
        ("living", &live),
        ("logged out", &out),
        ("password changed", &other),
        ("its newest", &after),
        ("used long ago", &used),
        ("used lately", &lately),
        ("its successor", &follows),
        ("after a copy", &newest),
        ("nobody", &inactive),
        ("who changed it", &bob),
    ] {
        for (at, app) in [("there", there), ("here", here)] {
            let (status, code) = asked(app, &tokens.text("refresh_token")).await;
            told.push((name, status, format!("{at} {code}")));
        }
    }
    for tokens in [&out, &other, &after, &follows, &newest] {
        let access = tokens.text("access_token");
        there
            .get("/auth/verify", &access)
            .await
            .refused(401, "token_revoked");
        until("seen by the other instance", async || {
            there.get("/host/closed", &access).await.status == 401
        })
        .await;
    }
    let (status, code) = asked(there, "rt_unknown").await;
    told.push(("unknown", status, code));
    here.clock.advance(WEEK);
    for (name, tokens) in [
        ("old", &out),
        ("old successor", &follows),
        ("old and living", &bob),
    ] {
        let (status, code) = asked(there, &tokens.text("refresh_token")).await;
        told.push((name, status, code));
    }
    told
}

fn clock_on(app: &App, seconds: u64) {
    app.clock.advance(Duration::from_secs(seconds));
}

/// What becomes of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// There is none.
    Off,
    /// Nothing.
    On,
    /// Nobody listened from the start.
    NeverThere,
    /// Something listens that never says a word.
    Silent,
    /// Ended in the middle.
    Killed,
    /// Emptied in the middle.
    Flushed,
    /// Brought back in the middle, as it was before anything ended.
    OldDump,
    /// Hangs from the middle on.
    Hangs,
    /// Answers READONLY to what is to be kept.
    ReadOnly,
    /// Answers OOM to what is to be kept.
    Full,
    /// Somebody else's values stand there.
    Nonsense,
    /// Does not know the password.
    Stranger,
    /// Does not speak TLS, and should.
    NoTls,
}

async fn fated(fate: Fate) {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let (db, clock, config) = (database.open(&[]).await, clock(), installation());
        let second = Db::open(database.url(), 4).await.expect("opens");
        let mut server = RedisServer::start(match fate {
            Fate::ReadOnly => &["--replicaof", "127.0.0.1 1"],
            // Who has no password lets everybody in by any.
            Fate::Stranger => &["--requirepass", "right"],
            Fate::Full => &["--maxmemory", "1", "--maxmemory-policy", "noeviction"],
            _ => &[],
        })
        .await;
        let own = server.url();
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = match fate {
            Fate::Off => None,
            Fate::Silent => Some(format!("redis://{}", silent.local_addr().expect("bound"))),
            Fate::Stranger => Some(own.replace("//", "//:wrong@")),
            Fate::NoTls => Some(own.replace("redis:", "rediss:")),
            _ => Some(own.clone()),
        };
        if fate == Fate::NeverThere {
            server.kill();
        }
        let here = instance(&db, &config, &clock, url.as_deref()).await;
        let there = instance(&second, &config, &clock, url.as_deref()).await;
        let listens = !matches!(
            fate,
            Fate::Off | Fate::NeverThere | Fate::Silent | Fate::Stranger | Fate::NoTls
        );
        if listens {
            listening(&own).await;
        }
        if fate == Fate::OldDump {
            let () = ask(&own, &["SAVE"]).await;
        }
        let told = story(&here, &there, async || midway(fate, &mut server).await).await;
        assert_eq!(told, as_without(), "{fate:?} on {engine:?}");
        for db in [db, second] {
            db.close().await;
        }
        database.remove().await;
    }
}

/// After the ends, before the questions.
async fn midway(fate: Fate, server: &mut RedisServer) {
    let url = server.url();
    // What was kept is what the fate is about.
    let kept = async |count: i64| {
        until("what is to be kept", async || {
            ask::<i64>(&url, &["DBSIZE"]).await == count
        })
        .await;
    };
    match fate {
        Fate::Off | Fate::NeverThere | Fate::Silent | Fate::Stranger | Fate::NoTls => {}
        Fate::On => kept(5).await,
        Fate::Killed => {
            kept(5).await;
            server.kill();
        }
        Fate::Flushed => {
            kept(5).await;
            let () = ask(&url, &["FLUSHALL"]).await;
        }
        Fate::OldDump => {
            kept(5).await;
            assert!(server.dump().exists());
            server.kill();
            server.restart().await;
            kept(0).await;
            // Asked again, not given up.
            listening(&url).await;
        }
        Fate::Hangs => {
            kept(5).await;
            tokio::spawn(async move { ask::<()>(&url, &["DEBUG", "SLEEP", "8"]).await });
            let client = redis::Client::open(server.url()).expect("an address");
            until("a Redis that hangs", async || {
                let answer = client.get_multiplexed_async_connection();
                let wait = Duration::from_millis(100);
                tokio::time::timeout(wait, answer).await.is_err()
            })
            .await;
        }
        Fate::ReadOnly | Fate::Full => kept(0).await,
        Fate::Nonsense => {
            let keys: Vec<String> = ask(&url, &["KEYS", "*"]).await;
            assert_eq!(keys.len(), 5);
            for (key, value) in keys
                .iter()
                .zip(["", "x", "-1", "99999999999999999999", "\0"])
            {
                let () = ask(&url, &["SET", key, value]).await;
            }
            let channel = channels(&url, 0).await.pop().expect("a channel").0;
            for message in ["", "x", "0198a000", " \0 "] {
                let () = ask(&url, &["PUBLISH", &channel, message]).await;
            }
        }
    }
}

/// What is answered where there is no Redis.
fn as_without() -> Told {
    let mut told = vec![("a copy", 401, "token_revoked".to_owned())];
    for (name, status, code) in [
        ("living", 200, ""),
        ("logged out", 401, "token_revoked"),
        ("password changed", 401, "token_revoked"),
        ("its newest", 401, "token_revoked"),
        ("used long ago", 401, "token_revoked"),
        ("used lately", 401, "token_revoked"),
        ("its successor", 401, "token_revoked"),
        ("after a copy", 401, "token_revoked"),
        ("nobody", 401, "user_inactive"),
        ("who changed it", 200, ""),
    ] {
        for at in ["there", "here"] {
            told.push((name, status, format!("{at} {code}")));
        }
    }
    told.push(("unknown", 401, "unauthenticated".to_owned()));
    for name in ["old", "old successor"] {
        told.push((name, 401, "token_expired".to_owned()));
    }
    told.push(("old and living", 401, "token_revoked".to_owned()));
    told
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_off() {
    fated(Fate::Off).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_on() {
    fated(Fate::On).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_not_there() {
    fated(Fate::NeverThere).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_silent() {
    fated(Fate::Silent).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_killed() {
    fated(Fate::Killed).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_flushed() {
    fated(Fate::Flushed).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_restored_from_an_old_dump() {
    fated(Fate::OldDump).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_hanging() {
    fated(Fate::Hangs).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_read_only() {
    fated(Fate::ReadOnly).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_full() {
    fated(Fate::Full).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_full_of_nonsense() {
    fated(Fate::Nonsense).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_with_another_password() {
    fated(Fate::Stranger).await;
}

#[tokio::test]
async fn inv_a3_ends_mean_ends_with_redis_without_its_tls() {
    fated(Fate::NoTls).await;
}
