//! What is folded, what is dropped, and that it adds up all the while (Q2, F25).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, UsageId};
use tollgate_payment::model::hold::{HoldTime, Owner};
use tollgate_storage::db::Db;
use tollgate_storage::in_tx;

use crate::points::{at_every_place, covers, is_alone};
use crate::usage_stand::{Stand, at, call, each_stand, service};

const QUARTER: Duration = Duration::from_mins(15);
const FOLDED_ROWS: &str = "SELECT COUNT(*) FROM usage_rollups";
const QUARTERS: &str = "SELECT COUNT(DISTINCT bucket_start) FROM usage_rollups";
const LOGGED_ROWS: &str = "SELECT COUNT(*) FROM usage_logs";
const CALLS: &str = "SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) FROM usage_rollups";
const CHARGES: &str = "SELECT COUNT(*) FROM usage_logs WHERE refund_of IS NULL";

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_sums_and_the_rest_of_the_log_are_the_counter_at_every_moment() {
    each_stand(2, 3, None, async |stand| {
        let seed = Entropy::system().below(u64::MAX);
        println!("seed {seed}");
        let chance = Entropy::seeded(seed);
        // No transaction lives while the clock jumps, as none lives for two minutes.
        let still = Arc::new(RwLock::new(()));
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for consumer in 0..4_usize {
            let (service, people) = (stand.services[consumer % 2].clone(), stand.people.clone());
            let (still, over, chance) = (still.clone(), over.clone(), chance.clone());
            tasks.spawn(async move {
                let mut charged: Vec<UsageId> = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let _still = still.read().await;
                    let person = people[usize::try_from(chance.below(3)).expect("three")];
                    let kind = ["upload", "thing", "other"]
                        [usize::try_from(chance.below(3)).expect("three")];
                    let cost = i64::try_from(1 + chance.below(7)).expect("small");
                    let wish = call(person, kind, cost);
                    match chance.below(4) {
                        0 if !charged.is_empty() => {
                            let usage = charged.swap_remove(0);
                            service
                                .refund_usage(usage, "a test", None, None)
                                .await
                                .expect("given back");
                        }
                        1 => {
                            let time = HoldTime::seconds(600).expect("a time");
                            let held = service
                                .reserve(&wish, Owner::HOST, time, None)
                                .await
                                .expect("held");
                            service
                                .commit_hold(held.value.reservation_id, Owner::HOST, None)
                                .await
                                .expect("charged");
                        }
                        _ => {
                            let answer = service.consume(&wish, None).await.expect("charged");
                            charged.push(answer.value.usage_id);
                        }
                    }
                }
            });
        }
        for service in &stand.services {
            let (service, over) = (service.clone(), over.clone());
            tasks.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    service.fold_usage().await.expect("folds");
                    tokio::task::yield_now().await;
                }
            });
        }
        for _ in 0..60 {
            stand.adds_up().await;
            let moving = still.write().await;
            // Now and then over hours in which nothing is used, and into the next month.
            let minutes = if chance.below(12) == 0 {
                24 * 60
            } else {
                chance.below(12)
            };
            stand.clock.advance(Duration::from_mins(minutes));
            drop(moving);
        }
        over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.expect("ends well");
        }
        stand.adds_up().await;
        stand.clock.advance(Duration::from_hours(1));
        stand.fold().await;
        stand.adds_up().await;
        assert_eq!(
            stand.count(CALLS).await,
            stand.count(CHARGES).await,
            "a refund is no call"
        );
        assert!(stand.count(QUARTERS).await > 5, "it was folded");
    })
    .await;
}

/// A charge in each of so many quarters of an hour.
async fn fill(stand: &Stand, quarters: i64) {
    for _ in 0..quarters {
        stand.consume(0, "thing", 2).await;
        stand.clock.advance(QUARTER);
    }
    stand.clock.advance(Duration::from_mins(3));
}

/// As many charges again as of 44,999 busy milliseconds and one in which 30,000 came, all of one call that was made.
async fn copy(stand: &Stand) {
    const ROWS: &str =
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 74999)";
    const COPIED: &str = "user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start, requested_cost
        FROM usage_logs, n WHERE id = $1";
    const SQLITE: &str =
        "unhex(printf('%012x', $2 + min(n, 45000)) || printf('7%03x8%015x', n % 4096, n))";
    const POSTGRES: &str =
        "(lpad(to_hex($2 + least(n, 45000)), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
        || '8' || lpad(to_hex(n), 15, '0'))::uuid";
    const COLUMNS: &str = "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start, requested_cost)";
    const USED: &str = "UPDATE quota_counters SET used = used + 74999 WHERE used = 1";
    let first = stand.consume(0, "thing", 1).await;
    let id = match &stand.db {
        Db::Sqlite { .. } => SQLITE,
        Db::Postgres(_) => POSTGRES,
    };
    let text = format!("{ROWS} {COLUMNS} SELECT {id}, {COPIED}");
    let (begin, mut tx) = (
        first.made_at().micros() / 1_000,
        stand.db.begin().await.expect("begins"),
    );
    in_tx!(&mut tx, |c| sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(first.uuid())
        .bind(begin)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("copied");
    in_tx!(&mut tx, |c| sqlx::query(USED).execute(c).await.map(|_| ())).expect("counted");
    tx.commit().await.expect("commits");
}

/// S6: whoever sums the log holds the writer for one part of a busy quarter, not for all of it.
#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a_busy_quarter_is_summed_in_parts_and_each_row_once() {
    each_stand(2, 2, None, async |stand| {
        copy(stand).await;
        stand.consume(1, "thing", 5).await;
        stand.adds_up().await;
        stand.clock.advance(Duration::from_hours(1));
        let mut parts = 0;
        // Two instances in turn, and whatever is read between two parts is whole.
        for number in 0.. {
            let mark = stand.mark("folded").await;
            let folded = stand.services[number % 2]
                .fold_usage()
                .await
                .expect("folds");
            stand.adds_up().await;
            if folded == 0 {
                break;
            }
            parts += folded;
            assert!(stand.mark("folded").await > mark);
        }
        // 20,000, 20,000, the rest up to the millisecond of 30,000, and that one.
        assert_eq!(parts, 4);
        assert_eq!(stand.count(QUARTERS).await, 4);
        assert_eq!(stand.count(CALLS).await, 75_001);
        assert_eq!(stand.count(CALLS).await, stand.count(CHARGES).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f25_many_who_fold_at_once_fold_each_quarter_once() {
    each_stand(4, 1, None, async |stand| {
        fill(stand, 40).await;
        let folded = Arc::new(AtomicI64::new(0));
        let mut folders = JoinSet::new();
        for number in 0..8 {
            let (service, folded) = (stand.services[number % 4].clone(), folded.clone());
            folders.spawn(async move {
                for _ in 0..60 {
                    let more = service.fold_usage().await.expect("folds");
                    folded.fetch_add(i64::try_from(more).expect("few"), Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            });
        }
        folders.join_all().await;
        assert_eq!(folded.load(Ordering::SeqCst), 40, "by one of them each");
        assert_eq!(stand.count(FOLDED_ROWS).await, 40);
        assert_eq!(stand.count(CALLS).await, 40);
        stand.adds_up().await;
        // A quarter that is not over for two minutes is left alone, and an empty day is passed over at once.
        stand.consume(0, "thing", 2).await;
        stand.clock.advance(Duration::from_hours(24));
        stand.consume(0, "thing", 2).await;
        assert_eq!(stand.services[0].fold_usage().await.expect("folds"), 1);
        let mark = stand.mark("folded").await;
        assert!(
            mark <= stand.clock.now().before(Duration::from_mins(2)),
            "{mark}"
        );
        assert!(
            mark >= stand.clock.now().before(Duration::from_mins(17)),
            "{mark}"
        );
        stand.adds_up().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_l6_who_is_behind_writes_nothing_into_what_is_folded() {
    each_stand(1, 1, None, async |stand| {
        let late = Clock::fixed(stand.clock.now());
        let behind = service(&stand.db, &late, None).await;
        let user = stand.people[0];
        stand.clock.advance(Duration::from_hours(1));
        stand.consume(0, "thing", 1).await;
        stand.clock.advance(QUARTER * 2);
        stand.fold().await;
        let mark = stand.mark("folded").await;
        assert!(mark > late.now().after(QUARTER));
        // An hour and a half behind: a call, a hold, units given back.
        let usage = behind
            .consume(&call(user, "thing", 2), None)
            .await
            .expect("charged");
        let usage = usage.value.usage_id;
        assert!(usage.made_at() >= mark, "{usage} is in what is folded");
        stand.adds_up().await;
        let time = HoldTime::seconds(600).expect("a time");
        let held = behind
            .reserve(&call(user, "upload", 1), Owner::HOST, time, None)
            .await
            .expect("held");
        behind
            .commit_hold(held.value.reservation_id, Owner::HOST, None)
            .await
            .expect("charged");
        behind
            .refund_usage(usage, "a test", None, None)
            .await
            .expect("given back");
        stand.adds_up().await;
        // It folds nothing back, and what it has not heard of is refused by the statement, not by what it knows.
        assert_eq!(behind.fold_usage().await.expect("folds"), 0);
        assert_eq!(stand.mark("folded").await, mark);
        stand.clock.advance(QUARTER * 2);
        stand.fold().await;
        behind
            .consume(&call(user, "thing", 2), None)
            .await
            .expect("charged");
        stand.adds_up().await;
        stand.clock.advance(QUARTER * 2);
        stand.fold().await;
        stand.adds_up().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f2_a_folder_cut_off_anywhere_folds_each_quarter_once() {
    if !is_alone("usage_books::inv_q2_f2_a_folder_cut_off_anywhere_folds_each_quarter_once").await {
        return;
    }
    each_stand(2, 1, None, async |stand| {
        let cut = at_every_place(
            async || fill(stand, 2).await,
            async |()| {
                // Cut off, it is an error, or nothing that anybody is told of.
                let _ = stand.services[0].fold_usage().await;
            },
            async |()| {
                stand.adds_up().await;
                while stand.services[1].fold_usage().await.expect("folds") > 0 {}
                stand.adds_up().await;
                let (folded, logged) = (stand.count(CALLS).await, stand.count(CHARGES).await);
                assert_eq!(folded, logged, "folded twice, or not");
            },
        )
        .await;
        covers(&cut, &["store/usage_marks.rs", "store/usage_rollups.rs"]);
    })
    .await;
}

/// A few charges a month for so many months, all of it folded; the next month has begun.
async fn live(stand: &Stand, months: usize) {
    for _ in 0..months {
        for _ in 0..3 {
            stand.consume(0, "thing", 5).await;
            stand.consume(0, "upload", 1).await;
            stand.clock.advance(Duration::from_hours(9 * 24 + 7));
        }
    }
    stand.fold().await;
}

async fn partitions(stand: &Stand) -> i64 {
    match &stand.db {
        Db::Sqlite { .. } => 0,
        Db::Postgres(_) => {
            let months =
                "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'usage_logs'::regclass";
            stand.count(months).await
        }
    }
}

async fn oldest(stand: &Stand) -> Timestamp {
    let oldest: (uuid::Uuid,) = tollgate_storage::on_read!(&stand.db, |e| {
        sqlx::query_as("SELECT id FROM usage_logs ORDER BY id LIMIT 1")
            .fetch_one(e)
            .await
    })
    .expect("a row");
    UsageId::from(oldest.0).made_at()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_what_is_dropped_still_adds_up() {
    each_stand(1, 1, Some(90), async |stand| {
        let keeps_all = service(&stand.db, &stand.clock, None).await;
        let service = &stand.services[0];
        // Every month has its partition, as the worker would make them.
        for month in 0..14 {
            let later = stand
                .clock
                .now()
                .after(Duration::from_hours(month * 30 * 24));
            tollgate_storage::partitions::make_ahead(&stand.db, "usage_logs", later)
                .await
                .expect("made");
        }
        let months = partitions(stand).await;
        stand.consume(0, "thing", 5).await;
        // Folded up to just before it.
        stand.fold().await;
        stand.clock.advance(Duration::from_hours(200 * 24));
        assert_eq!(service.drop_usage().await.expect("drops"), 0);
        assert_eq!(
            stand.count(LOGGED_ROWS).await,
            1,
            "what is not folded stays"
        );
        live(stand, 6).await;
        let logged = stand.count(LOGGED_ROWS).await;
        assert_eq!(keeps_all.drop_usage().await.expect("nothing"), 0);
        assert!(stand.mark("dropped").await <= at("2026-01-20T00:00:00Z"));
        // Calls go on beside it.
        let over = Arc::new(AtomicBool::new(false));
        let (going, user, charging) = (over.clone(), stand.people[0], service.clone());
        let consumer = tokio::spawn(async move {
            let mut charged = 0;
            while !going.load(Ordering::Relaxed) {
                charging
                    .consume(&call(user, "thing", 1), None)
                    .await
                    .expect("goes on");
                charged += 1;
            }
            charged
        });
        for _ in 0..5 {
            service.drop_usage().await.expect("drops");
            stand.adds_up().await;
        }
        over.store(true, Ordering::Relaxed);
        let charged: i64 = consumer.await.expect("ends well");
        let dropped = stand.mark("dropped").await;
        let (oldest, kept_from) = (
            oldest(stand).await,
            stand.clock.now().before(Duration::from_hours(90 * 24)),
        );
        assert!(
            dropped <= kept_from && oldest >= dropped,
            "{oldest} {dropped} {kept_from}"
        );
        assert!(
            oldest.since(dropped) < Duration::from_hours(12 * 24),
            "no more than was to go: {oldest}"
        );
        assert!(stand.count(LOGGED_ROWS).await < logged + charged);
        if matches!(stand.db, Db::Postgres(_)) {
            // A month at a time: seven of them are over for ninety days and more.
            assert!(
                months - partitions(stand).await >= 7,
                "{} of {months} are left",
                partitions(stand).await
            );
            assert_eq!(
                stand.count("SELECT COUNT(*) FROM usage_logs_default").await,
                0
            );
        }
        stand.adds_up().await;
        // Nobody's hand takes what is not given up.
        let mut tx = stand.db.begin().await.expect("begins");
        let by_hand = in_tx!(&mut tx, |c| sqlx::query("DELETE FROM usage_logs")
            .execute(c)
            .await
            .map(|_| ()));
        assert!(by_hand.is_err());
        drop(tx);
        assert_eq!(service.drop_usage().await.expect("nothing is left"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_what_no_month_covers_is_dropped_row_by_row() {
    each_stand(1, 1, Some(40), async |stand| {
        // Nobody made the months after April: the default partition has their rows.
        live(stand, 8).await;
        let gone = stand.services[0].drop_usage().await.expect("drops");
        assert!(gone > 0);
        assert!(oldest(stand).await >= stand.mark("dropped").await);
        stand.adds_up().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_f2_a_retention_cut_off_anywhere_takes_what_was_given_up_and_no_more() {
    if !is_alone(
        "usage_books::inv_q2_f2_a_retention_cut_off_anywhere_takes_what_was_given_up_and_no_more",
    )
    .await
    {
        return;
    }
    each_stand(2, 1, Some(60), async |stand| {
        let cut = at_every_place(
            async || live(stand, 2).await,
            async |()| {
                let _ = stand.services[0].drop_usage().await;
            },
            async |()| {
                stand.adds_up().await;
                while stand.services[1].drop_usage().await.expect("drops") > 0 {}
                let (oldest, dropped) = (oldest(stand).await, stand.mark("dropped").await);
                assert!(oldest >= dropped, "{oldest} {dropped}");
                assert!(dropped <= stand.clock.now().before(Duration::from_hours(60 * 24)));
                stand.adds_up().await;
            },
        )
        .await;
        covers(&cut, &["store/usage_marks.rs", "store/usage.rs"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_were_told_is_forgotten_after_90_days() {
    each_stand(1, 0, None, async |stand| {
        let (old, young) = (at("2025-09-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        let ids = tollgate_kernel::ids::Ids::new(stand.clock.clone(), Entropy::system());
        let mut tx = stand.db.begin().await.expect("begins");
        let nobody = uuid::Uuid::nil();
        in_tx!(&mut tx, |c| sqlx::query(
            "INSERT INTO webhook_endpoints (id, url, livemode, secret_sealed, created_at, updated_at)
             VALUES ($1, 'https://x.example', (1 = 1), $2, $3, $3)"
        ).bind(nobody).bind(vec![0_u8; 8]).bind(old.utc()).execute(c).await.map(|_| ())).expect("an endpoint");
        // Whether it was fanned out, and the state of its delivery, if it has one.
        let facts = [
            (old, true, None, false),
            (old, true, Some("succeeded"), false),
            (old, true, Some("failed"), false),
            (old, true, Some("open"), true),
            (old, false, None, true),
            (young, true, Some("succeeded"), true),
            (young, true, None, true),
        ];
        let mut stays = 0;
        for (at, told, delivery, is_kept) in facts {
            let event: uuid::Uuid = ids.at::<tollgate_kernel::ids::EventId>(at).uuid();
            in_tx!(&mut tx, |c| sqlx::query(
                "INSERT INTO outbox (id, kind, object_kind, object_id, livemode, body, created_at, dispatched_at)
                 VALUES ($1, 'x', 'x', $1, (1 = 1), '{}', $2, $3)"
            ).bind(event).bind(at.utc()).bind(told.then(|| at.utc())).execute(c).await.map(|_| ())).expect("a fact");
            if let Some(state) = delivery {
                let id = ids.at::<tollgate_kernel::ids::DeliveryId>(at).uuid();
                let finished = (state != "open").then(|| at.utc());
                in_tx!(&mut tx, |c| sqlx::query(
                    "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_position, object_id, state, due_at, created_at, finished_at)
                     VALUES ($1, $2, $3, 1, $1, $4, $5, $5, $6)"
                ).bind(id).bind(nobody).bind(event).bind(state).bind(at.utc()).bind(finished).execute(c).await.map(|_| ())).expect("a delivery");
            }
            stays += i64::from(is_kept);
        }
        for (at, state) in [(old, "done"), (old, "dead"), (old, "open"), (young, "done")] {
            let id = ids.at::<tollgate_kernel::ids::JobId>(at).uuid();
            let finished = (state != "open").then(|| at.utc());
            in_tx!(&mut tx, |c| sqlx::query(
                "INSERT INTO jobs (id, lane, kind, state, due_at, created_at, finished_at) VALUES ($1, 'none', 'none', $2, $3, $3, $4)"
            ).bind(id).bind(state).bind(at.utc()).bind(finished).execute(c).await.map(|_| ())).expect("a job");
        }
        tx.commit().await.expect("commits");
        stand.services[0].work_in(tollgate_payment::Lane::Upkeep).await.expect("done");
        assert_eq!(stand.count("SELECT COUNT(*) FROM outbox").await, stays);
        assert_eq!(stand.count("SELECT COUNT(*) FROM webhook_deliveries").await, 2, "the open and the young one");
        assert_eq!(stand.count("SELECT COUNT(*) FROM jobs WHERE kind = 'none'").await, 2);
    })
    .await;
}
