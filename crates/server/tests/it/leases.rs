//! Work that several instances could do, and instances that are paused (F7, F25).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_storage::db::Db;
use tollgate_storage::jobs::{self, Job, NewJob};
use tollgate_storage::testing::Engine;
use tollgate_storage::{in_tx, testing};

use crate::harness::{Pen, each_engine};

const LEASE: Duration = Duration::from_mins(1);
const JOBS: usize = 40;

async fn claim(db: &Db, clock: &Clock) -> Vec<Job> {
    let mut tx = db.begin().await.expect("begins");
    let jobs = jobs::claim(&mut tx, "alipay", LEASE, 4, clock.now()).await;
    let jobs = jobs.expect("claims");
    tx.commit().await.expect("commits");
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_f25_a_job_is_one_instances_and_who_was_paused_writes_nothing() {
    testing::each_engine(&[], async |db| {
        let clock = Clock::system();
        let ids = Ids::new(clock.clone(), Entropy::system());
        let mut tx = db.begin().await.expect("begins");
        for number in 0..JOBS {
            let key = number.to_string();
            let job = NewJob {
                lane: "alipay",
                kind: "reconcile",
                dedupe_key: &key,
                payload: json!({}),
                due_at: clock.now(),
            };
            jobs::put(&mut tx, &ids, job, clock.now())
                .await
                .expect("put");
        }
        tx.commit().await.expect("commits");

        // Many at once: each job is one's.
        let mut instances = JoinSet::new();
        for _ in 0..8 {
            let (db, clock) = (db.clone(), clock.clone());
            instances.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let more = claim(&db, &clock).await;
                    if more.is_empty() {
                        return mine;
                    }
                    mine.extend(more);
                }
            });
        }
        let claimed: Vec<Job> = instances.join_all().await.into_iter().flatten().collect();
        let different: BTreeSet<_> = claimed.iter().map(|job| job.id.to_string()).collect();
        assert_eq!((claimed.len(), different.len()), (JOBS, JOBS));

        // Ten minutes later the lease is over and somebody else has the job. Who was paused wakes up.
        clock.advance(Duration::from_mins(10));
        let taken = claim(&db, &clock).await;
        let late: Vec<_> = taken
            .iter()
            .map(|new| {
                claimed
                    .iter()
                    .find(|old| old.id == new.id)
                    .expect("was claimed")
            })
            .collect();
        let (first, second) = (&late[0], &late[1]);
        let now = clock.now();
        let mut tx = db.begin().await.expect("begins");
        assert!(!jobs::finish(&mut tx, first, now).await.expect("asked"));
        assert!(
            !jobs::put_off(&mut tx, second, now, "late")
                .await
                .expect("asked")
        );
        assert!(
            !jobs::give_up(&mut tx, second, now, "late")
                .await
                .expect("asked")
        );
        assert!(jobs::finish(&mut tx, &taken[0], now).await.expect("asked"));
        assert!(
            jobs::put_off(&mut tx, &taken[1], now, "again")
                .await
                .expect("asked")
        );
        tx.commit().await.expect("commits");
        // What was finished stays finished, and what was put off is due.
        let again = claim(&db, &clock).await;
        assert!(again.iter().all(|job| job.id != taken[0].id));
    })
    .await;
}

/// Cuts one session after the other, whatever it is doing.
async fn cut_sessions(db: Db) {
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
    loop {
        if let Ok(mut tx) = db.begin().await {
            let _ = in_tx!(&mut tx, |c| sqlx::query(statement)
                .execute(c)
                .await
                .map(|_| ()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_f7_sessions_that_are_cut_settle_nothing_twice_and_lose_nothing() {
    each_engine(async |app| {
        let pen = Pen::of(app).await;
        let mut orders = Vec::new();
        for _ in 0..6 {
            let buyer = app.buyer().await;
            orders.push((app.order(&buyer).await, buyer));
        }
        // SQLite has no sessions to cut; there the same storm goes through whole.
        let cutter = (app.engine == Engine::Postgres).then(|| tokio::spawn(cut_sessions(app.db.clone())));
        let mut deliveries = JoinSet::new();
        for (order, _) in &orders {
            for number in 0..4 {
                let mut fields = pen.paid(order);
                fields.insert("notify_id", format!("{}-{}", fields["trade_no"], number % 2));
                let (http, url, notice) = (app.http.clone(), app.url.clone(), pen.sign(&fields));
                deliveries.spawn(async move {
                    // The provider sends until it hears its word.
                    for _ in 0..200 {
                        let request = http.post(format!("{url}/payments/webhooks/alipay"));
                        let answer = request.body(notice.clone()).send().await.expect("answered");
                        if answer.text().await.expect("text") == "success" {
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    panic!("never heard its word");
                });
            }
        }
        deliveries.join_all().await;
        if let Some(cutter) = cutter {
            cutter.abort();
            let _ = cutter.await;
        }
        let paid = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed' AND subscription_id IS NOT NULL";
        assert_eq!(app.count(paid).await, 6);
        assert_eq!(app.count("SELECT COUNT(*) FROM ledger_postings").await, 6);
        assert_eq!(app.count("SELECT COUNT(*) FROM suspense").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM subscriptions WHERE status = 'active'").await, 6);
        app.balance().await;
    })
    .await;
}
