//! A disk that is full, or fails when it should keep something (F5, F6): no answer says done that is not,
//! reading goes on, and writing goes on once the disk does, without a start in between.
//!
//! SQLite is tried in a process of its own: its files may grow no further (`RLIMIT_FSIZE`), or its syncs fail (a
//! small library before the C library's). What PostgreSQL does with its disk is its own affair and well tried; what
//! it then says to us (SQLSTATE 53100) is said here by a trigger.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read};

use crate::crash::Process;
use crate::harness::{Answer, Buyer, buyer};

const CHARGED: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs";
const USED: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";

/// A disk with a switch.
trait Disk {
    async fn fails(&self, fails: bool);
}

struct Scene<'a> {
    url: String,
    http: Client,
    buyer: Buyer,
    db: &'a Db,
}

impl<'a> Scene<'a> {
    /// Somebody with ten units, of whom one is used.
    async fn open(process: &Process, db: &'a Db) -> Self {
        let http = Client::builder().timeout(Duration::from_secs(30)).build();
        let http = http.expect("a client");
        let buyer = buyer(&http, &process.url).await;
        let scene = Self {
            url: process.url.clone(),
            http,
            buyer,
            db,
        };
        let free = json!({ "plan_slug": "free" });
        let begun = scene.post("/payments/subscriptions/subscribe", free).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        assert_eq!(scene.consume().await.status, 200);
        scene
    }

    async fn post(&self, path: &str, body: serde_json::Value) -> Answer {
        self.post_by(&self.buyer.token, path, body).await
    }

    async fn post_by(&self, credential: &str, path: &str, body: serde_json::Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.bearer_auth(credential).json(&body);
        Answer::read(request.send().await.expect("answered")).await
    }

    /// By key: it outlives a change of the address.
    async fn consume(&self) -> Answer {
        let unit = json!({ "resource_type": "dicom_processing" });
        self.post_by(&self.buyer.key, "/quota/consume", unit).await
    }

    async fn read(&self, path: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.buyer.token);
        request.send().await.expect("answered").status().as_u16()
    }

    async fn number(&self, statement: &'static str) -> i64 {
        let (number,): (i64,) =
            on_read!(self.db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
        number
    }

    /// The disk fails, and is mended.
    async fn survives(&self, disk: &impl Disk) {
        disk.fails(true).await;
        for _ in 0..3 {
            self.consume().await.refused(503, "unavailable");
            let plan = json!({ "plan_slug": "pro", "payment_method": "alipay" });
            let order = self.post("/payments/subscriptions/subscribe", plan).await;
            order.refused(503, "unavailable");
            let account = json!({ "email": "new@example.com", "username": "new", "password": "plum orchard lantern 7" });
            let account = self.post("/auth/register", account).await;
            account.refused(503, "unavailable");
        }
        for path in [
            "/quota/check?resource_type=dicom_processing",
            "/payments/plans",
            "/payments/transactions",
            "/auth/me",
            "/usage/summary",
        ] {
            assert_eq!(self.read(path).await, 200, "{path}");
        }
        assert_eq!(
            (self.number(CHARGED).await, self.number(USED).await),
            (1, 1),
            "something that was not acknowledged is there"
        );
        disk.fails(false).await;
        let mut tries = 0;
        while self.consume().await.status != 200 {
            tries += 1;
            assert!(tries < 50, "it does not recover");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(
            (self.number(CHARGED).await, self.number(USED).await),
            (2, 2)
        );
    }
}

/// What was acknowledged is there after a kill, and can be gone on with.
async fn survives_a_kill(process: Process, database: &TestDatabase, scene: Scene<'_>) {
    process.kill();
    let process = Process::start(database, "a");
    let scene = Scene {
        url: process.url.clone(),
        ..scene
    };
    assert_eq!(
        (scene.number(CHARGED).await, scene.number(USED).await),
        (2, 2)
    );
    assert_eq!(scene.consume().await.status, 200);
}

/// How large a file of one process may become.
struct Limit(u32);

impl Disk for Limit {
    async fn fails(&self, fails: bool) {
        let size = if fails { "1:" } else { "unlimited:" };
        let done = Command::new("prlimit")
            .args(["--pid", &self.0.to_string(), &format!("--fsize={size}")])
            .status();
        assert!(done.expect("prlimit").success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f6_a_full_disk_refuses_writes_and_nothing_else() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    // What is too large is an error, not the end of the process.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap '' XFSZ; exec \"$0\"",
        env!("CARGO_BIN_EXE_tollgate"),
    ]);
    let process = Process::start_by(command, &database, "a");
    let db = Db::open(database.url(), 2).await.expect("opens");
    let scene = Scene::open(&process, &db).await;
    scene.survives(&Limit(process.id())).await;
    survives_a_kill(process, &database, scene).await;
    db.close().await;
    database.remove().await;
}

/// Syncs fail while this file is there.
struct Switch<'a>(&'a Path);

impl Disk for Switch<'_> {
    async fn fails(&self, fails: bool) {
        if fails {
            std::fs::write(self.0, "").expect("written");
        } else {
            std::fs::remove_file(self.0).expect("gone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f5_l2_what_the_disk_does_not_keep_is_not_acknowledged() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let (source, library) = (
        database.folder().join("sync.c"),
        database.folder().join("sync.so"),
    );
    std::fs::write(&source, include_str!("disk/sync.c")).expect("written");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("a C compiler").success());
    let switch = database.folder().join("failing");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .env("LD_PRELOAD", &library)
        .env("SYNC_FAILS_WHILE", &switch);
    let process = Process::start_by(command, &database, "a");
    let db = Db::open(database.url(), 2).await.expect("opens");
    let scene = Scene::open(&process, &db).await;
    scene.survives(&Switch(&switch)).await;
    survives_a_kill(process, &database, scene).await;
    db.close().await;
    database.remove().await;
}

/// What PostgreSQL answers when its disk is full.
struct Trigger<'a>(&'a Db);

impl Disk for Trigger<'_> {
    async fn fails(&self, fails: bool) {
        let statements: &[&'static str] = if fails {
            &[
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
                "CREATE TRIGGER full_disk BEFORE INSERT ON usage_logs EXECUTE FUNCTION full_disk()",
                "CREATE TRIGGER full_disk BEFORE INSERT ON payment_transactions EXECUTE FUNCTION full_disk()",
                "CREATE TRIGGER full_disk BEFORE INSERT ON users EXECUTE FUNCTION full_disk()",
            ]
        } else {
            &["DROP FUNCTION full_disk() CASCADE"]
        };
        for statement in statements {
            let mut tx = self.0.begin().await.expect("begins");
            in_tx!(&mut tx, |c| sqlx::query(*statement)
                .execute(c)
                .await
                .map(|_| ()))
            .expect("done");
            tx.commit().await.expect("commits");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f6_a_full_disk_of_the_server_is_told_as_such() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let process = Process::start(&database, "a");
    let db = Db::open(database.url(), 2).await.expect("opens");
    let scene = Scene::open(&process, &db).await;
    scene.survives(&Trigger(&db)).await;
    drop(process);
    db.close().await;
    database.remove().await;
}
