//! What holds the database up without taking it away: a table that somebody keeps (F9), two who wait for each other
//! (F10), a file that another process writes to (F11). Calls wait, or are told to come again; nothing is half done.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_kernel::origin::Origin;
use tollgate_payment::GrantPlan;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::in_tx;
use tollgate_storage::testing::Engine;

use crate::harness::{Answer, App, Buyer, each_engine_with, until};
use crate::service_keys::service_key;

const USED: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";
const HELD: &str = "SELECT CAST(COALESCE(SUM(held), 0) AS BIGINT) FROM quota_counters";
const LOGGED: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs";
const SHOWN: &str = "SELECT CAST(COALESCE(SUM(quota_used), 0) AS BIGINT) FROM user_subscriptions";
/// Sessions of this database that wait for a lock.
const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";

/// Somebody with a thousand units.
async fn user(app: &App) -> Buyer {
    let buyer = app.buyer().await;
    let wish = GrantPlan {
        user_id: buyer.id.parse().expect("an id"),
        plan_slug: "pro".to_owned(),
        terms: 1,
        reason: "a test".to_owned(),
    };
    let origin = Origin::default();
    let given = app.payment.grant_plan(&wish, &origin, None);
    given.await.expect("given");
    assert_eq!(consume(app, &buyer).await.status, 200);
    buyer
}

async fn consume(app: &App, buyer: &Buyer) -> Answer {
    let call = json!({ "resource_type": "dicom_processing", "cost": 1 });
    app.post("/quota/consume", &buyer.key, call).await
}

/// So many calls at once.
fn calls(app: &App, buyer: &Buyer, count: usize) -> JoinSet<Answer> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let request = app.http.post(format!("{}/quota/consume", app.url));
        let call = json!({ "resource_type": "dicom_processing", "cost": 1 });
        let request = request.bearer_auth(&buyer.key).json(&call);
        all.spawn(async move { Answer::read(request.send().await.expect("an answer")).await });
    }
    all
}

/// How many were served; the others were told to come again.
fn served(answers: Vec<Answer>) -> i64 {
    let mut served = 0;
    for answer in answers {
        if answer.status == 200 {
            served += 1;
        } else {
            assert!(answer.headers.contains_key("retry-after"));
            answer.refused(503, "unavailable");
        }
    }
    served
}

/// Q2: what was answered is charged, once, and stands everywhere.
async fn balances(app: &App, charged: i64) {
    for statement in [USED, LOGGED, SHOWN] {
        assert_eq!(app.count(statement).await, charged, "{statement}");
    }
    assert_eq!(app.count(HELD).await, 0);
    app.balance().await;
}

async fn run(tx: &mut Tx, statement: &'static str) {
    let done = in_tx!(tx, |c| sqlx::query(statement).execute(c).await.map(|_| ()));
    done.expect("done");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f9_a_table_that_somebody_keeps_makes_calls_wait_or_come_again() {
    each_engine_with(&[("DATABASE_MAX_CONNECTIONS", "10")], async |app| {
        if app.engine == Engine::Sqlite {
            return;
        }
        let buyer = user(app).await;
        let mut keeper = app.db.begin().await.expect("begins");
        run(
            &mut keeper,
            "LOCK TABLE subscriptions IN ACCESS EXCLUSIVE MODE",
        )
        .await;
        let all = calls(app, &buyer, 200);
        until("they wait", async || app.count(WAITING).await > 0).await;
        // Who asks whether the process lives is answered meanwhile; longer than anybody waits for a connection.
        for _ in 0..14 {
            assert_eq!(app.get("/health", "").await.status, 200);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        keeper.rollback().await.expect("lets go");
        let first = served(all.join_all().await);
        // Nothing has piled up.
        let next = served(calls(app, &buyer, 50).join_all().await);
        assert_eq!(next, 50);
        balances(app, 1 + first + next).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f10_who_gives_way_in_a_deadlock_is_served_all_the_same() {
    each_engine_with(&[], async |app| {
        if app.engine == Engine::Sqlite {
            return;
        }
        let buyer = user(app).await;
        let host = service_key(app, json!(["quota"])).await;
        let call =
            json!({ "resource_type": "dicom_processing", "user_id": buyer.id, "ttl_seconds": 600 });
        let held = app.post("/quota/reserve", &host, call).await;
        let held = held.expect(StatusCode::CREATED)["reservation_id"].clone();
        let charge = json!({ "resource_type": "dicom_processing", "user_id": buyer.id });
        for (path, body) in [
            ("/quota/consume", charge),
            ("/quota/commit", json!({ "reservation_id": held })),
        ] {
            let before = app.count(DEADLOCKS).await;
            // The other way round than everybody here: the log, then the counter. It waits longer than the database
            // needs to see the ring, so that it is the service that gives way.
            let mut other = app.db.begin().await.expect("begins");
            run(&mut other, "SET LOCAL deadlock_timeout = '20s'").await;
            run(&mut other, "LOCK TABLE usage_logs IN SHARE MODE").await;
            let request = app.http.post(format!("{}{path}", app.url));
            let request = request.bearer_auth(&host).json(&body);
            let asked = tokio::spawn(async move { request.send().await.expect("an answer") });
            until("it waits", async || app.count(WAITING).await > 0).await;
            run(
                &mut other,
                "UPDATE quota_counters SET updated_at = updated_at",
            )
            .await;
            until("a deadlock", async || app.count(DEADLOCKS).await > before).await;
            other.rollback().await.expect("lets go");
            let answer = Answer::read(asked.await.expect("no panic")).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        balances(app, 3).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f11_a_file_that_another_process_writes_to_makes_calls_wait_or_come_again() {
    each_engine_with(&[], async |app| {
        if app.engine == Engine::Postgres {
            return;
        }
        let buyer = user(app).await;
        let other = Db::open(app.database().url(), 1).await.expect("opens");
        let mut charged = 1;
        for (kept, all_served) in [(1_000, true), (1_000, true), (5_000, false)] {
            let lock = other.begin().await.expect("takes the lock");
            let all = calls(app, &buyer, 40);
            tokio::time::sleep(Duration::from_millis(kept)).await;
            assert_eq!(app.get("/health", "").await.status, 200);
            lock.rollback().await.expect("lets go");
            let served = served(all.join_all().await);
            assert_eq!(served == 40, all_served, "{served} after {kept} ms");
            charged += served;
            // And at once again.
            assert_eq!(consume(app, &buyer).await.status, 200);
            charged += 1;
        }
        other.close().await;
        balances(app, charged).await;
    })
    .await;
}
