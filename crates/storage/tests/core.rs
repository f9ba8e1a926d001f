//! The core tables, on both engines.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::jobs::{self, NewJob};
use tollgate_storage::testing::{each_engine, prepare};
use tollgate_storage::{STATEMENTS, settings};

fn now() -> Timestamp {
    Timestamp::from_seconds(1_767_323_045).expect("a moment")
}

fn request(caller: &str, body: &str) -> Request {
    let key = "order-1".parse().expect("a key");
    Request::new(
        caller.to_owned(),
        "POST",
        "/quota/consume",
        key,
        body.as_bytes(),
    )
}

#[tokio::test]
async fn every_statement_is_understood() {
    each_engine(&[], async |db| {
        for statements in STATEMENTS {
            prepare(&db, statements).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_of_many_rivals_one_answers_and_the_rest_repeat_him() {
    each_engine(&[], async |db| {
        let mut rivals = tokio::task::JoinSet::new();
        for number in 0..20_u8 {
            let db = db.clone();
            rivals.spawn(async move {
                let mut tx = db.begin().await.expect("begins");
                let first = idempotency::put(&mut tx, &request("a", "{}"), 200, &[number], now())
                    .await
                    .expect("put");
                if first {
                    tx.commit().await.expect("commits");
                }
                first
            });
        }
        let outcomes = rivals.join_all().await;
        assert_eq!(outcomes.into_iter().filter(|first| *first).count(), 1);

        let mut tx = db.begin().await.expect("begins");
        let known = idempotency::find(&mut tx, &request("a", "{}"))
            .await
            .expect("find");
        assert!(
            matches!(known, Some(Known::Answered { status: 200, response }) if response.len() == 1)
        );
        let other = idempotency::find(&mut tx, &request("a", "{\"cost\":2}"))
            .await
            .expect("find");
        assert_eq!(other, Some(Known::OtherBody));
        assert_eq!(
            idempotency::find(&mut tx, &request("b", "{}"))
                .await
                .expect("find"),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_held_then_lost_to_the_next() {
    each_engine(&[], async |db| {
        let lease = Duration::from_secs(30);
        let mut tx = db.begin().await.expect("begins");
        let claim = request("a", "{}");
        let first = idempotency::claim(&mut tx, &claim, lease, now())
            .await
            .expect("claim")
            .expect("free");
        assert_eq!(
            idempotency::claim(&mut tx, &claim, lease, now())
                .await
                .expect("claim"),
            None
        );
        let later = now().after(lease);
        let second = idempotency::claim(&mut tx, &claim, lease, later)
            .await
            .expect("claim")
            .expect("lapsed");
        assert!(
            !idempotency::answer(&mut tx, &claim, first, 201, b"late")
                .await
                .expect("answer")
        );
        assert!(
            idempotency::answer(&mut tx, &claim, second, 201, b"right")
                .await
                .expect("answer")
        );
        let known = idempotency::find(&mut tx, &claim).await.expect("find");
        assert_eq!(
            known,
            Some(Known::Answered {
                status: 201,
                response: b"right".to_vec()
            })
        );
        idempotency::purge(&mut tx, later.after(idempotency::KEPT), 10)
            .await
            .expect("purge");
        assert_eq!(
            idempotency::find(&mut tx, &claim).await.expect("find"),
            None
        );

        let third = idempotency::claim(&mut tx, &claim, lease, now())
            .await
            .expect("claim")
            .expect("free");
        idempotency::release(&mut tx, &claim, third)
            .await
            .expect("release");
        assert_eq!(
            idempotency::find(&mut tx, &claim).await.expect("find"),
            None
        );
        tx.commit().await.expect("commits");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_job_is_claimed_once_and_only_its_owner_finishes_it() {
    each_engine(&[], async |db| {
        let ids = Ids::new(Clock::fixed(now()), Entropy::seeded(1));
        let mut tx = db.begin().await.expect("begins");
        for number in 0..40 {
            let key = (number % 20).to_string();
            let job = NewJob {
                lane: "payments",
                kind: "reconcile",
                dedupe_key: &key,
                payload: json!({ "number": number }),
                due_at: now(),
            };
            jobs::put(&mut tx, &ids, job, now()).await.expect("put");
        }
        tx.commit().await.expect("commits");

        let lease = Duration::from_mins(1);
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let db = db.clone();
            workers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let mut tx = db.begin().await.expect("begins");
                    let claimed = jobs::claim(&mut tx, "payments", lease, 3, now())
                        .await
                        .expect("claim");
                    tx.commit().await.expect("commits");
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed);
                }
            });
        }
        let mut claimed: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
        claimed.sort_by_key(|job| job.id);
        claimed.dedup_by_key(|job| job.id);
        assert_eq!(
            claimed.len(),
            20,
            "each once, and twice-asked work only once"
        );

        let mut tx = db.begin().await.expect("begins");
        let stale = &claimed[0];
        let again = jobs::claim(&mut tx, "payments", lease, 40, now().after(lease))
            .await
            .expect("claim");
        assert_eq!(again.len(), 20);
        assert!(!jobs::finish(&mut tx, stale, now()).await.expect("finish"));
        let owned = again
            .iter()
            .find(|job| job.id == stale.id)
            .expect("claimed again");
        assert_eq!(owned.attempts, 2);
        assert!(
            jobs::put_off(&mut tx, owned, now(), "not yet")
                .await
                .expect("put off")
        );
        assert!(jobs::finish(&mut tx, owned, now()).await.expect("finish"));
        assert!(!jobs::finish(&mut tx, owned, now()).await.expect("finish"));
    })
    .await;
}

#[tokio::test]
async fn a_mark_is_set_once() {
    each_engine(&[], async |db| {
        for expected in [true, false] {
            let mut tx = db.begin().await.expect("begins");
            let set = settings::put_once(&mut tx, "sample_plans", &json!(true), now())
                .await
                .expect("put");
            tx.commit().await.expect("commits");
            assert_eq!(set, expected);
        }
    })
    .await;
}
