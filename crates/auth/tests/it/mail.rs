//! That each letter leaves, once where nothing breaks, and tells nobody else what is in it.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tollgate_auth::mailer::{Content, House, Letter, MailFrom, Mailer, SendError, Smtp, SmtpUrl};
use tollgate_auth::model::user::Locale;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, JobId};
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::testing::each_engine;
use tracing::subscriber::DefaultGuard;

use crate::harness::{App, builder, clock, config};
use crate::mail_server::{Fate, MailServer};

const CANARY_ADDRESS: &str = "canary-address@example.com";
pub(crate) const CANARY_LINK: &str = "https://pay.example/reset#token=canary-link";

pub(crate) fn house() -> House {
    House {
        name: "Shop".to_owned(),
        seller: None,
        zone: "Asia/Shanghai".parse().expect("a zone"),
    }
}

pub(crate) fn smtp(server: &MailServer) -> Smtp {
    let url: SmtpUrl = server.url().parse().expect("an address");
    let from: MailFrom = "Shop <no-reply@shop.example>".parse().expect("a sender");
    Smtp::new(url, from, house()).expect("set up")
}

async fn app(db: &Db, clock: &Clock, mailer: impl Mailer + 'static) -> App {
    let auth = builder(db, config(), clock)
        .mailer(Arc::new(mailer))
        .build();
    App::around(auth.await.expect("the service starts"), clock.clone(), db)
}

pub(crate) fn reset(to: &str) -> Letter {
    Letter {
        to: to.to_owned(),
        name: "ann".to_owned(),
        locale: Locale::En,
        content: Content::ResetPassword {
            link: CANARY_LINK.to_owned(),
            minutes: 60,
        },
    }
}

impl App {
    async fn write_to(&self, to: &str) {
        self.auth.post_letter(&reset(to)).await.expect("posted");
    }

    async fn tick(&self) -> usize {
        self.auth.tick().await.expect("a tick")
    }

    /// State, attempts and last error of the one letter.
    async fn job(&self) -> (String, i64, Option<String>) {
        const JOB: &str = "SELECT state, attempts, last_error FROM jobs WHERE kind = 'letter'";
        on_read!(&self.db, |e| sqlx::query_as(JOB).fetch_one(e).await).expect("one letter")
    }
}

pub(crate) fn id(at: Timestamp) -> JobId {
    Ids::new(Clock::fixed(at), Entropy::seeded(3)).next()
}

#[tokio::test]
async fn a_letter_refused_for_now_leaves_later_and_a_repeat_is_the_same() {
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let app = app(&db, &clock, smtp(&server)).await;
        server.will(&[
            Fate::Recipient("451 4.7.1 greylisted, ann@example.com"),
            Fate::Whole("451 4.3.0 later"),
            Fate::Dropped,
            Fate::Recipient("530 5.7.0 sign in first"),
            Fate::Sender("550 5.7.1 you may not write as this"),
        ]);
        app.write_to("ann@example.com").await;
        for (attempt, why, pause) in [
            (1, "answered 451", 30),
            (2, "answered 451", 60),
            (3, "cut off", 120),
            (4, "answered 530", 240),
            (5, "refuses us with 550", 480),
        ] {
            assert_eq!(app.tick().await, 0);
            assert_eq!(app.tick().await, 0, "nothing is due before its time");
            let (state, attempts, error) = app.job().await;
            assert_eq!((state.as_str(), attempts), ("open", attempt));
            assert!(
                error.as_deref().is_some_and(|text| text.contains(why)),
                "{error:?}"
            );
            clock.advance(Duration::from_secs(pause - 1));
            assert_eq!(app.tick().await, 0);
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(app.tick().await, 1);
        let (state, attempts, _) = app.job().await;
        assert_eq!((state.as_str(), attempts), ("done", 6));
        assert_eq!(app.tick().await, 0);
        // Whole letters: refused, taken without an answer, taken. All the same, to the byte.
        let arrived = server.arrived();
        assert_eq!((arrived.len(), server.accepted().len()), (3, 1));
        assert!(arrived.iter().all(|letter| letter.data == arrived[0].data));
    })
    .await;
}

#[tokio::test]
async fn a_letter_refused_for_good_is_dead() {
    each_engine(&[], async |db| {
        for fate in [
            Fate::Recipient("550 5.1.1 <canary-address@example.com>: no such user"),
            Fate::Whole("554 5.6.0 canary-link"),
        ] {
            let (server, clock) = (MailServer::start().await, clock());
            let app = app(&db, &clock, smtp(&server)).await;
            app.execute("DELETE FROM jobs").await;
            server.will(&[fate]);
            app.write_to(CANARY_ADDRESS).await;
            assert_eq!(app.tick().await, 0);
            let (state, attempts, error) = app.job().await;
            assert_eq!((state.as_str(), attempts), ("dead", 1));
            let error = error.expect("a reason");
            assert!(
                error.contains("answered 55") && !error.contains("canary"),
                "{error}"
            );
            clock.advance(Duration::from_hours(24));
            assert_eq!(app.tick().await, 0);
            assert!(server.accepted().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_is_sent_a_link_that_has_ended() {
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let app = app(&db, &clock, smtp(&server)).await;
        app.write_to("ann@example.com").await;
        clock.advance(Duration::from_hours(1));
        assert_eq!(app.tick().await, 0);
        let (state, _, error) = app.job().await;
        assert_eq!(state, "dead");
        assert!(error.is_some_and(|text| text.contains("its link has ended")));
        assert!(server.arrived().is_empty());
    })
    .await;
}

/// Never ends.
#[derive(Debug)]
struct Stuck(Arc<tokio::sync::Notify>);

#[async_trait]
impl Mailer for Stuck {
    async fn send(&self, _: &Letter, _: JobId) -> Result<(), SendError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_letter_outlives_whoever_claimed_it() {
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let claimed = Arc::new(tokio::sync::Notify::new());
        let dying = app(&db, &clock, Stuck(claimed.clone())).await;
        dying.write_to("ann@example.com").await;
        tokio::select! {
            _ = dying.tick() => panic!("the hand-over never ends"),
            () = claimed.notified() => {}
        }
        drop(dying);
        let heir = app(&db, &clock, smtp(&server)).await;
        clock.advance(Duration::from_secs(119));
        assert_eq!(heir.tick().await, 0, "the lease may still be used");
        clock.advance(Duration::from_secs(1));
        assert_eq!(heir.tick().await, 1);
        assert_eq!(server.accepted().len(), 1);
        assert_eq!(heir.job().await.0, "done");
    })
    .await;
}

/// Lets time run, without waiting for it, until the hand-over is given up; notes how long that was.
#[derive(Debug)]
struct Endless(Arc<Mutex<Duration>>);

struct Awake(tokio::time::Instant, Arc<Mutex<Duration>>);

impl Drop for Awake {
    fn drop(&mut self) {
        *self.1.lock().expect("a time") = self.0.elapsed();
        tokio::time::resume();
    }
}

#[async_trait]
impl Mailer for Endless {
    async fn send(&self, _: &Letter, _: JobId) -> Result<(), SendError> {
        tokio::time::pause();
        let _awake = Awake(tokio::time::Instant::now(), self.0.clone());
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_hand_over_is_given_up_before_its_lease_ends() {
    each_engine(&[], async |db| {
        let clock = clock();
        let took = Arc::new(Mutex::new(Duration::ZERO));
        let app = app(&db, &clock, Endless(took.clone())).await;
        app.write_to("ann@example.com").await;
        assert_eq!(app.tick().await, 0);
        let took = *took.lock().expect("a time");
        assert!(
            took > Duration::ZERO && took < Duration::from_secs(100),
            "{took:?}"
        );
        let (state, _, error) = app.job().await;
        assert_eq!(state, "open");
        assert!(error.is_some_and(|text| text.contains("took too long")));
    })
    .await;
}

#[derive(Debug)]
struct Breaking;

#[async_trait]
impl Mailer for Breaking {
    async fn send(&self, _: &Letter, _: JobId) -> Result<(), SendError> {
        panic!("a host's own mailer")
    }
}

#[tokio::test]
async fn a_letter_that_cannot_be_sent_or_opened_holds_up_no_other() {
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let broken = app(&db, &clock, Breaking).await;
        broken.write_to("ann@example.com").await;
        for _ in 0..20 {
            assert_eq!(broken.tick().await, 0);
            clock.advance(Duration::from_mins(4));
        }
        let (state, attempts, _) = broken.job().await;
        assert_eq!((state.as_str(), attempts), ("dead", 13));
        broken.execute("DELETE FROM jobs").await;

        let app = app(&db, &clock, smtp(&server)).await;
        for _ in 0..9 {
            app.write_to("ann@example.com").await;
        }
        app.execute(r#"UPDATE jobs SET payload = '{"sealed":"AAAA"}' WHERE kind = 'letter'"#).await;
        app.write_to("bob@example.com").await;
        assert_eq!(app.tick().await, 1);
        assert_eq!(server.accepted()[0].to, ["bob@example.com"]);
        let open: i64 = app.one("SELECT COUNT(*) FROM jobs WHERE state = 'open' AND last_error LIKE '%cannot be opened here'").await;
        assert_eq!(open, 9);
    })
    .await;
}

#[tokio::test]
async fn two_instances_send_each_letter_once() {
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let first = app(&db, &clock, smtp(&server)).await;
        let second = app(&db, &clock, smtp(&server)).await;
        for number in 0..50 {
            first.write_to(&format!("u{number}@example.com")).await;
        }
        let mut sent = 0;
        while sent < 50 {
            let (one, two) = tokio::join!(first.tick(), second.tick());
            assert!(one + two > 0, "letters are left behind");
            sent += one + two;
        }
        assert_eq!((first.tick().await, second.tick().await), (0, 0));
        let accepted = server.accepted();
        let to: HashSet<&String> = accepted.iter().flat_map(|letter| &letter.to).collect();
        assert_eq!((accepted.len(), to.len(), sent), (50, 50, 50));
    })
    .await;
}

/// What is logged, at every level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Notes what this thread logs, as long as what it gives is kept.
    pub(crate) fn listen(&self) -> (tracing::Dispatch, DefaultGuard) {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        // tracing asks the one subscriber there is by way of the thread that meets a line first, and the
        // threads of other tests have none: with a second one, all are asked.
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        (second, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("a log").clone()).expect("text")
    }
}

#[tokio::test]
async fn inv_a10_no_address_and_no_link_in_logs_and_tables() {
    let log = Log::default();
    let _guards = log.listen();
    each_engine(&[], async |db| {
        let (server, clock) = (MailServer::start().await, clock());
        let app = app(&db, &clock, smtp(&server)).await;
        app.write_to(CANARY_ADDRESS).await;
        assert!(!dump(&db).await.contains("canary"), "the payload is sealed");
        server.will(&[
            Fate::Recipient("451 4.7.1 <canary-address@example.com>: greylisted"),
            Fate::Dropped,
            Fate::Whole("550 5.7.1 https://pay.example/reset#token=canary-link"),
        ]);
        for _ in 0..3 {
            assert_eq!(app.tick().await, 0);
            clock.advance(Duration::from_mins(2));
        }
        assert_eq!(app.job().await.0, "dead");
        app.write_to(CANARY_ADDRESS).await;
        assert_eq!(app.tick().await, 1);
        let books = dump(&db).await;
        assert!(
            books.contains("550") && !books.contains("canary"),
            "{books}"
        );
        let letter = reset(CANARY_ADDRESS);
        let shown = format!(
            "{letter:?} {:?} {:?} {:?}",
            house().write(&letter),
            smtp(&server),
            app.auth
        );
        assert!(!shown.contains("canary"), "{shown}");
    })
    .await;
    let text = log.text();
    assert!(
        text.contains("a letter was not sent") && text.contains("451"),
        "{text}"
    );
    for line in text.lines() {
        assert!(!line.contains("canary"), "{line}");
    }
}

/// Every value of the tables that a letter touches.
async fn dump(db: &Db) -> String {
    const JOBS: &str = "SELECT kind, lane, dedupe_key, CAST(payload AS TEXT), state, COALESCE(last_error, '') FROM jobs";
    let rows: Vec<(String, String, Option<String>, String, String, String)> =
        on_read!(db, |e| sqlx::query_as(JOBS).fetch_all(e).await).expect("rows");
    assert!(!rows.is_empty());
    // Base64 alone hides nothing. Standing duties lie beside letters, and have nothing to seal.
    let letters = rows.iter().filter(|(kind, ..)| kind == "letter");
    let opened = letters.map(|(_, _, _, payload, ..)| {
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        let sealed = payload["sealed"].as_str().expect("a payload");
        let bytes = BASE64_STANDARD.decode(sealed).expect("base64");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let opened: Vec<String> = opened.collect();
    format!("{rows:?} {opened:?}")
}
