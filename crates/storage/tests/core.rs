//! The core tables, on both engines.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry, Filter};
use tollgate_storage::db::Db;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::jobs::{self, NewJob};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::{each_engine, prepare};
use tollgate_storage::throttle::{self, Limit};
use tollgate_storage::{STATEMENTS, settings};
use tollgate_storage::{StorageError, in_tx, on_read};

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
        let over = jobs::give_up(&mut tx, owned, now(), "too late").await;
        assert!(!over.expect("nothing is left to give up"));
        // What is over is forgotten once it is old; what is open never is.
        let count = |old: Duration| {
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.expect("begins");
                jobs::purge(&mut tx, now().after(old), 10)
                    .await
                    .expect("purge");
                tx.commit().await.expect("commits");
                let statement = "SELECT COUNT(*) FROM jobs";
                let (count,): (i64,) =
                    on_read!(&db, |e| sqlx::query_as(statement).fetch_one(e).await)
                        .expect("a number");
                count
            }
        };
        tx.commit().await.expect("commits");
        assert_eq!(
            count(Duration::ZERO).await,
            20,
            "as old as that, and not older"
        );
        assert_eq!(count(Duration::from_secs(1)).await, 19);
        assert_eq!(count(Duration::from_hours(1)).await, 19);
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

const TRIES: Limit = Limit {
    kind: "login",
    most: 10,
    window: Duration::from_mins(1),
};

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_of_many_tries_at_once_as_many_pass_as_may() {
    each_engine(&[], async |db| {
        let mut rivals = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let db = db.clone();
            rivals.spawn(async move { hit(&db, now()).await });
        }
        let outcomes = rivals.join_all().await;
        let passed = outcomes.iter().filter(|wait| wait.is_none()).count();
        assert_eq!(passed, 10);
        let end = now().after(Duration::from_secs(59));
        assert_eq!(hit(&db, end).await, Some(Duration::from_secs(1)));
        assert_eq!(hit(&db, now().after(TRIES.window)).await, None);

        let mut tx = db.begin().await.expect("begins");
        throttle::forgive(&mut tx, TRIES.kind, &[7; 32])
            .await
            .expect("forgets");
        throttle::purge(&mut tx, now(), 10).await.expect("purges");
        tx.commit().await.expect("commits");
        assert_eq!(hit(&db, now()).await, None);
    })
    .await;
}

async fn hit(db: &Db, at: Timestamp) -> Option<Duration> {
    let mut tx = db.begin().await.expect("begins");
    let wait = throttle::hit(&mut tx, &TRIES, &[7; 32], at)
        .await
        .expect("counts");
    tx.commit().await.expect("commits");
    wait
}

#[tokio::test]
async fn a_deed_that_was_written_down_cannot_be_changed_unseen() {
    each_engine(&[], async |db| {
        let entropy = Entropy::seeded(5);
        let key = MasterKey::generate(&entropy);
        let ids = Ids::new(Clock::fixed(now()), entropy);
        let deed = async |number: u64| {
            let mut tx = db.begin().await.expect("begins");
            let entry = Entry {
                id: ids.next(),
                actor: Actor::Operator,
                action: "user.deactivated",
                subject_kind: "user",
                subject_id: number.to_string(),
                before: Some(json!({ "is_active": true })),
                after: Some(json!({ "is_active": false })),
                reason: Some("asked for"),
                origin: &Origin::default(),
            };
            audit::append(&mut tx, &key, &entry, now())
                .await
                .expect("written");
            tx.commit().await.expect("commits");
        };
        for number in 0..3 {
            deed(number).await;
        }
        let later = now().after(Duration::from_mins(3));
        assert!(
            !audit::seal(&db, &key, now()).await.expect("seals"),
            "too young"
        );
        assert!(audit::seal(&db, &key, later).await.expect("seals"));
        assert!(
            !audit::seal(&db, &key, later).await.expect("seals"),
            "nothing left"
        );
        deed(3).await;
        assert!(audit::seal(&db, &key, later).await.expect("seals"));
        deed(4).await;
        audit::verify(&db, &key).await.expect("whole");
        let other = MasterKey::generate(&Entropy::seeded(6));
        assert!(audit::verify(&db, &other).await.is_err());

        let filter = Filter {
            subject_kind: Some("user".to_owned()),
            subject_id: Some("2".to_owned()),
            ..Filter::default()
        };
        let found = audit::list(&db, &filter, 10).await.expect("read");
        assert_eq!((found.len(), found[0].actor_kind.as_str()), (1, "operator"));
        assert_eq!(
            audit::list(&db, &Filter::default(), 3)
                .await
                .expect("read")
                .len(),
            3
        );

        // The database itself refuses; whoever takes its triggers away is found out.
        for forbidden in [
            "UPDATE audit_log SET reason = 'x' WHERE position = 2",
            "DELETE FROM audit_log WHERE position = 2",
            "DELETE FROM audit_seals WHERE seal_no = 2",
        ] {
            assert!(execute(&db, forbidden).await.is_err(), "{forbidden}");
        }
        let (drop_trigger, add) = match &db {
            Db::Sqlite { .. } => (
                &[
                    "DROP TRIGGER audit_log_append_only_update",
                    "DROP TRIGGER audit_log_append_only_delete",
                ][..],
                "UPDATE audit_log SET reason = 'x' WHERE position = 2",
            ),
            Db::Postgres(_) => (
                &["DROP TRIGGER audit_log_append_only ON audit_log"][..],
                "UPDATE audit_log SET reason = 'x' WHERE position = 2",
            ),
        };
        for statement in drop_trigger {
            execute(&db, statement).await.expect("dropped");
        }
        execute(&db, add).await.expect("changed");
        assert!(matches!(
            audit::verify(&db, &key).await,
            Err(StorageError::Inconsistent { table: "audit_log", row, .. }) if row == "2"
        ));
        execute(
            &db,
            "UPDATE audit_log SET reason = 'asked for' WHERE position = 2",
        )
        .await
        .expect("changed back");
        audit::verify(&db, &key).await.expect("whole again");
        execute(&db, "DELETE FROM audit_log WHERE position = 2")
            .await
            .expect("taken out");
        assert!(matches!(
            audit::verify(&db, &key).await,
            Err(StorageError::Inconsistent { table: "audit_seals", row, .. }) if row == "1"
        ));
    })
    .await;
}

async fn execute(db: &Db, statement: &'static str) -> Result<(), StorageError> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()))?;
    tx.commit().await
}

/// As the upkeep of a large table does. What SQLite keeps aside to undo it is more than it takes to a file in one piece.
#[tokio::test]
async fn one_statement_may_change_many_megabytes() {
    const TABLE: &str =
        "CREATE TABLE large (id BIGINT PRIMARY KEY, said TEXT NOT NULL CHECK (said <> ''))";
    const FILL: &str =
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
        INSERT INTO large SELECT n, $1 FROM n";
    const CHANGE: &str = "UPDATE large SET said = $1";
    each_engine(&[], async |db| {
        let mut tx = db.begin().await.expect("begins");
        let text = |letter: &str| letter.repeat(600);
        in_tx!(&mut tx, |c| sqlx::query(TABLE).execute(c).await.map(drop)).expect("made");
        in_tx!(&mut tx, |c| sqlx::query(FILL)
            .bind(text("a"))
            .execute(c)
            .await
            .map(drop))
        .expect("filled");
        in_tx!(&mut tx, |c| sqlx::query(CHANGE)
            .bind(text("b"))
            .execute(c)
            .await
            .map(drop))
        .expect("changed");
        tx.commit().await.expect("commits");
    })
    .await;
}
