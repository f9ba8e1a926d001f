//! Several instances on one database: one whose machine's clock is wrong (F18), one that is stopped and woken (F25). Two
//! processes on one SQLite file are refused; there the module's own tests stand for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate::Server;
use tollgate::config::Config;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::on_read;
use tollgate_storage::testing::{Engine, TestDatabase};

use crate::crash::Process;
use crate::harness::{Answer, Buyer, buyer, until};

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_SECONDS: u64 = 86_400;
const EXPIRED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.expired'";
const EXPIRING: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.expiring'";
const RESET: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'quota.reset'";

async fn count(db: &Db, statement: &'static str) -> i64 {
    let (count,): (i64,) =
        on_read!(db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
    count
}

/// An instance in this process, on a machine of its own.
struct Machine {
    url: String,
    clock: Clock,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Machine {
    async fn start(database: &TestDatabase, folder: &str, clock: Clock) -> Self {
        let settings = Process::settings(database, folder);
        let env: BTreeMap<_, _> = settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let config = Config::from_layers(env, Path::new("/nonexistent/.env"));
        let config = config.expect("good settings");
        let server = Server::start(&config, clock.clone(), Entropy::system())
            .await
            .expect("starts");
        let url = format!("http://127.0.0.1:{}", server.port());
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(server.run(stopping));
        Self {
            url,
            clock,
            stop,
            running,
        }
    }

    async fn stop(self) {
        self.stop.send(true).expect("still running");
        self.running.await.expect("ends well");
    }
}

fn apart(one: &Clock, other: &Clock) -> Duration {
    let (one, other) = (one.now(), other.now());
    one.since(other).max(other.since(one))
}

async fn free(http: &Client, url: &str) -> Buyer {
    let buyer = buyer(http, url).await;
    let begun = http
        .post(format!("{url}/payments/subscriptions/subscribe"))
        .bearer_auth(&buyer.token);
    let begun = begun.json(&json!({ "plan_slug": "free" })).send().await;
    assert_eq!(begun.expect("answered").status(), StatusCode::CREATED);
    buyer
}

/// What was had for nothing costs something from now on: it is reminded of what is to be paid.
async fn charge(db: &Db) {
    let mut tx = db.begin().await.expect("begins");
    let statement = "UPDATE subscription_plans SET price = 100 WHERE slug = 'free'";
    tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

/// As if it had been paid by hand up to `end`.
async fn ends_at(db: &Db, buyer: &Buyer, end: Timestamp) {
    let id: uuid::Uuid = buyer.id.parse().expect("an id");
    let mut tx = db.begin().await.expect("begins");
    let statement =
        "UPDATE subscriptions SET current_period_end = $2, entitled_until = $2 WHERE user_id = $1";
    tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .bind(end.utc())
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l6_f18_of_two_instances_the_one_with_the_wrong_clock_decides_like_the_other() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let wrong = Clock::system();
    wrong.set_by(HOUR_MICROS);
    let first = Machine::start(&database, "a", Clock::system()).await;
    let second = Machine::start(&database, "b", wrong).await;
    let close = Duration::from_secs(1);
    assert!(apart(&first.clock, &second.clock) < close);
    let db = Db::open(database.url(), 4).await.expect("opens");
    let http = Client::new();
    let (ending, resetting) = (
        free(&http, &first.url).await,
        free(&http, &second.url).await,
    );
    ends_at(
        &db,
        &ending,
        first.clock.now().after(Duration::from_hours(10 * 24)),
    )
    .await;
    charge(&db).await;
    let mut jump = -2 * HOUR_MICROS;
    for day in 1..=33 {
        // The machine's clock is set to and fro while the installation goes on.
        second.clock.set_by(jump);
        jump = -jump;
        let moved = http.post(format!("{}/sandbox/clock", first.url));
        let moved = moved
            .json(&json!({ "advance_seconds": DAY_SECONDS }))
            .send()
            .await;
        Answer::read(moved.expect("answered"))
            .await
            .expect(StatusCode::OK);
        until("the other follows", async || {
            apart(&first.clock, &second.clock) < close
        })
        .await;
        let wanted = match day {
            1..=2 => (0, 0),
            4..=6 => (1, 0),
            8 => (2, 0),
            11.. => (3, 1),
            // On the day itself it may be a moment before or after.
            _ => continue,
        };
        until("as it should be by now, and no more", async || {
            (count(&db, EXPIRING).await, count(&db, EXPIRED).await) == wanted
        })
        .await;
    }
    assert_eq!(
        (count(&db, EXPIRING).await, count(&db, EXPIRED).await),
        (3, 1)
    );
    until("the month of the other", async || {
        count(&db, RESET).await == 1
    })
    .await;
    let counters = "SELECT COUNT(*) FROM quota_counters";
    assert_eq!(count(&db, counters).await, 3);
    for url in [&first.url, &second.url] {
        let check = http.get(format!("{url}/quota/check?resource_type=dicom_processing"));
        let check = check.bearer_auth(&resetting.key).send().await;
        let check = Answer::read(check.expect("answered")).await;
        assert_eq!(check.expect(StatusCode::OK)["quota"]["used"], 0);
    }
    db.close().await;
    first.stop().await;
    second.stop().await;
    database.remove().await;
}

/// Who is at the duty that ends subscriptions.
async fn holder(db: &Db) -> Option<String> {
    let statement =
        "SELECT payload FROM jobs WHERE kind = 'expire_subscriptions' AND state = 'open'";
    let row: Option<(sqlx::types::Json<Value>,)> =
        on_read!(db, |e| sqlx::query_as(statement).fetch_optional(e).await).expect("read");
    row?.0.0["turn"]["by"].as_str().map(str::to_owned)
}

fn signal(name: &str, process: &Process) {
    let sent = Command::new("kill")
        .args([name, &process.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// One process is stopped in the middle of a duty, past its lease, and woken. The other has done it meanwhile, and what
/// the late one had begun is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn f25_a_process_that_is_stopped_at_a_duty_and_woken_writes_nothing() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let processes = [
        Process::start(&database, "a"),
        Process::start(&database, "b"),
    ];
    let db = Db::open(database.url(), 4).await.expect("opens");
    let http = Client::new();
    let mut buyers = Vec::new();
    for _ in 0..5 {
        buyers.push(free(&http, &processes[0].url).await);
    }
    // In a moment they are over. Whoever ends them has to wait for us at the first row, with the duty in his hands.
    let soon = Clock::system().now().after(Duration::from_secs(3));
    for buyer in &buyers {
        ends_at(&db, buyer, soon).await;
    }
    let mut ours = db.begin().await.expect("begins");
    let Tx::Postgres(tx, ..) = &mut ours else {
        panic!("it is PostgreSQL");
    };
    sqlx::query("SELECT id FROM subscriptions FOR UPDATE")
        .execute(&mut **tx)
        .await
        .expect("locked");
    assert!(Clock::system().now() < soon, "we were too slow");
    let is_past = |by: &Option<String>| by.is_some() && Clock::system().now() > soon;
    until("somebody is at it", async || is_past(&holder(&db).await)).await;
    let by = holder(&db).await.expect("a holder");
    let stopped = usize::from(!by.starts_with(&format!("{}-", processes[0].id())));
    let other = &processes[1 - stopped];
    signal("-STOP", &processes[stopped]);
    ours.rollback().await.expect("let go");
    // The lease ends, and so does the session of the one that is stopped.
    let taken_over = tokio::time::timeout(Duration::from_mins(3), async {
        while count(&db, EXPIRED).await < 5 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    taken_over.await.expect("the other takes over");
    let path = format!("{}/payments/subscriptions/current", other.url);
    let gone = http.get(&path).bearer_auth(&buyers[0].key).send().await;
    assert_eq!(gone.expect("answered").status(), StatusCode::NOT_FOUND);
    until("it is put away", async || holder(&db).await.is_none()).await;
    signal("-CONT", &processes[stopped]);
    // Awake again: it answers, and goes on with what is due.
    let path = format!("{}/health/ready", processes[stopped].url);
    until("it answers", async || {
        http.get(&path)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    let again = free(&http, &processes[stopped].url).await;
    ends_at(&db, &again, soon).await;
    until("the sixth", async || count(&db, EXPIRED).await == 6).await;
    let ends = "SELECT COUNT(*) FROM subscription_changes WHERE kind = 'expired'";
    assert_eq!((count(&db, ends).await, count(&db, EXPIRED).await), (6, 6));
    db.close().await;
    drop(processes);
    database.remove().await;
}
