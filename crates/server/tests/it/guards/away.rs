//! S2: the database is away. A guarded route refuses, or lets pass uncharged where its host said so; what was served is
//! charged once it can be.

use std::time::{Duration, Instant};

use tollgate_storage::db::{Db, Tx};
use tollgate_storage::testing::postgres::PrivatePostgres;
use tollgate_storage::testing::{Engine, TestDatabase};

use super::stand::Stand;
use crate::harness::until;

/// Promised: 2 s. Others build and test beside.
const TOLD_WITHIN: Duration = Duration::from_secs(4);

/// A database that a test takes away.
enum Database {
    /// Another process keeps the file.
    Sqlite {
        database: TestDatabase,
        other: Db,
        lock: Option<Tx>,
    },
    /// Killed.
    Postgres(Box<PrivatePostgres>),
}

impl Database {
    async fn both() -> [(Self, Db); 2] {
        let database = TestDatabase::new(Engine::Sqlite).await;
        let file = database.open(&[]).await;
        let other = Db::open(database.url(), 1).await.expect("opens");
        let sqlite = Self::Sqlite {
            database,
            other,
            lock: None,
        };
        let server = PrivatePostgres::start().await;
        let db = Db::open(&server.url(), 8).await.expect("opens");
        [(sqlite, file), (Self::Postgres(Box::new(server)), db)]
    }

    async fn go(&mut self) {
        match self {
            Self::Sqlite { other, lock, .. } => {
                *lock = Some(other.begin().await.expect("takes the lock"));
            }
            Self::Postgres(server) => server.kill(),
        }
    }

    async fn come_back(&mut self) {
        match self {
            Self::Sqlite { lock, .. } => {
                let lock = lock.take().expect("it is away");
                lock.rollback().await.expect("lets go");
            }
            Self::Postgres(server) => server.start_again().await,
        }
    }

    async fn remove(self, stand: Stand) {
        let db = stand.db.clone();
        stand.end();
        db.close().await;
        if let Self::Sqlite {
            database, other, ..
        } = self
        {
            other.close().await;
            database.remove().await;
        }
    }
}

async fn each(body: impl AsyncFn(&Stand, &mut Database)) {
    for (mut database, db) in Database::both().await {
        let stand = Stand::on(db).await;
        body(&stand, &mut database).await;
        database.remove(stand).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_s2_a_guarded_route_is_closed_or_open_as_its_host_said() {
    each(async |stand, database| {
        let (user, new) = (stand.somebody("pro").await, stand.somebody("pro").await);
        assert_eq!(stand.post("/one", user).await.status, 200);
        database.go().await;
        for path in ["/one", "/five", "/admitted"] {
            let begun = Instant::now();
            let answer = stand.post(path, user).await;
            assert!(answer.headers.contains_key("retry-after"), "{path}");
            answer.refused(503, "unavailable");
            assert!(
                begun.elapsed() < TOLD_WITHIN,
                "{path}: {:?}",
                begun.elapsed()
            );
        }
        assert_eq!(stand.ran(), 1, "no handler ran");
        assert_eq!(stand.payment.let_through(), 0);

        let begun = Instant::now();
        let passed = stand.post("/open", user).await;
        assert_eq!(passed.status, 200, "{}", passed.body);
        assert!(begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
        assert!(!passed.headers.contains_key("x-quota-limit"));
        // Its handler and its job need not know.
        assert_eq!(
            stand
                .post("/open?cost=1&then=defer&say=202", user)
                .await
                .status,
            202
        );
        let job = stand.host.jobs.lock().expect("whole").pop();
        assert_eq!(
            job.expect("handed over").commit().await.expect("done"),
            None
        );
        assert_eq!((stand.ran(), stand.payment.let_through()), (3, 2));

        if matches!(database, Database::Postgres(_)) {
            let answer = stand.get("/pro", new).await;
            answer.refused(503, "unavailable");
            stand.clock.advance(Duration::from_secs(2));
            let answer = stand.get("/pro", user).await;
            answer.refused(503, "unavailable");
        }
        database.come_back().await;
        until("an answer", async || {
            stand.post("/one", user).await.status == 200
        })
        .await;
        assert_eq!(
            stand.stands().await,
            (2, 0, 2),
            "what passed open is not charged"
        );
        // Open is not free of rules: whoever has no plan, or too few units, is refused.
        let poor = stand.nobody();
        stand
            .post("/open", poor)
            .await
            .refused(402, "subscription_required");
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_s2_what_was_served_is_charged_when_the_database_is_back() {
    each(async |stand, database| {
        let user = stand.somebody("pro").await;
        for (path, status, used) in [
            ("/five?then=wait", 200, 5),
            ("/five?then=wait&say=500", 500, 5),
            ("/admitted?then=wait&say=500", 500, 5),
        ] {
            let (answer, ()) = tokio::join!(stand.post(path, user), async {
                stand.host.entered.notified().await;
                database.go().await;
                stand.host.gate.notify_one();
            });
            // Served is served: the answer does not wait for the database to come back.
            assert_eq!(answer.status, status, "{path}");
            database.come_back().await;
            until(path, async || {
                let (now_used, held, _) = stand.stands().await;
                (now_used, held) == (used, 0)
            })
            .await;
        }
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_what_cannot_be_charged_in_time_is_left_to_its_end() {
    each(async |stand, database| {
        let user = stand.somebody("pro").await;
        let (answer, ()) = tokio::join!(stand.post("/minute?then=wait", user), async {
            stand.host.entered.notified().await;
            database.go().await;
            stand.host.gate.notify_one();
        });
        assert_eq!(answer.status, 200);
        stand.clock.advance(Duration::from_secs(61));
        database.come_back().await;
        until("the end of the hold", async || {
            stand.payment.tick().await.is_ok() && stand.stands().await.1 == 0
        })
        .await;
        assert_eq!(stand.stands().await, (0, 0, 0));
        let expired = "SELECT COUNT(*) FROM quota_holds WHERE state = 'expired'";
        assert_eq!(stand.count(expired).await, 1);
        stand.balances().await;
    })
    .await;
}
