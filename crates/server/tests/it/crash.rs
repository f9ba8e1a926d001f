//! The binary as a process: several of them, and killed ones.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read};

use crate::harness::{Buyer, buyer};

/// A service in a process of its own, killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    /// Where its figures are, when it says so.
    pub(crate) metrics: Option<String>,
}

impl Process {
    /// What a process on `database` with its own data folder is told.
    pub(crate) fn settings(database: &TestDatabase, folder: &str) -> Vec<(&'static str, String)> {
        let folder = database.folder().join(folder);
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        vec![
            ("DATABASE_URL", database.variable()),
            ("DATA_DIR", folder.display().to_string()),
            ("MASTER_KEY", key.to_owned()),
            ("ADDR", "127.0.0.1:0".to_owned()),
            ("SANDBOX", "on".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
        ]
    }

    /// Starts one.
    pub(crate) fn start(database: &TestDatabase, folder: &str) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        Self::start_by(command, database, folder)
    }

    /// Starts one in circumstances of its own.
    pub(crate) fn start_by(command: Command, database: &TestDatabase, folder: &str) -> Self {
        Self::start_by_settings(command, Self::settings(database, folder))
    }

    /// Starts one by other settings.
    pub(crate) fn start_by_settings(
        mut command: Command,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        let mut child = command
            .envs(settings)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut metrics = None;
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let line = line.trim();
                if let Some(url) = line.strip_prefix("Metrics") {
                    metrics = Some(url.trim().to_owned());
                }
                line.strip_prefix("Health")
                    .map(|url| url.trim().trim_end_matches("/health").to_owned())
            })
            .expect("it says where it is");
        Self {
            child,
            url: url.replace("localhost", "127.0.0.1"),
            metrics,
        }
    }

    /// Of the operating system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As whoever runs it ends it.
    pub(crate) fn terminate(&mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill runs").success());
        assert!(self.child.wait().expect("gone").success());
    }

    /// As a power cut would end it, but for the page cache.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// The same, for who keeps its place.
    pub(crate) fn end(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn with_units(db: &Db, http: &Client, url: &str, limit: &'static str) -> Buyer {
    let mut tx = db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(limit).execute(c).await.map(|_| ())).expect("changed");
    tx.commit().await.expect("commits");
    let buyer = buyer(http, url).await;
    let begun = http
        .post(format!("{url}/payments/subscriptions/subscribe"))
        .bearer_auth(&buyer.token);
    let begun = begun
        .json(&json!({ "plan_slug": "free" }))
        .send()
        .await
        .expect("answered");
    assert_eq!(begun.status().as_u16(), 201);
    buyer
}

async fn number(db: &Db, statement: &'static str) -> i64 {
    let (number,): (i64,) =
        on_read!(db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_300_consumers_of_two_processes_on_one_database_get_exactly_100() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let (first, second) = (
        Process::start(&database, "a"),
        Process::start(&database, "b"),
    );
    let db = Db::open(database.url(), 4).await.expect("opens");
    let http = Client::new();
    let limit = "UPDATE plan_meters SET quota_limit = 100 WHERE quota_limit = 10";
    let buyer = with_units(&db, &http, &first.url, limit).await;
    let mut consumers = JoinSet::new();
    for consumer in 0..300 {
        let url = if consumer % 2 == 0 {
            &first.url
        } else {
            &second.url
        };
        let request = http
            .post(format!("{url}/quota/consume"))
            .bearer_auth(&buyer.key);
        let request = request.json(&json!({ "resource_type": "dicom_processing" }));
        consumers.spawn(async move { request.send().await.expect("answered").status().as_u16() });
    }
    let outcomes = consumers.join_all().await;
    let of = |status| {
        outcomes
            .iter()
            .filter(|outcome| **outcome == status)
            .count()
    };
    assert_eq!((of(200), of(429)), (100, 200), "{outcomes:?}");
    assert_eq!(number(&db, "SELECT used FROM quota_counters").await, 100);
    assert_eq!(
        number(
            &db,
            "SELECT CAST(SUM(quota_cost) AS BIGINT) FROM usage_logs"
        )
        .await,
        100
    );
    db.close().await;
    drop((first, second));
    database.remove().await;
}

/// What a client has read: the answer to each key.
type Acknowledged = Arc<Mutex<Vec<(String, Value)>>>;

/// Calls under new keys until the server is gone; gives the keys whose fate is unknown.
async fn load(
    http: Client,
    url: String,
    key: String,
    round: u32,
    client: u32,
    acks: Acknowledged,
) -> Vec<String> {
    for call in 0..10_000_u32 {
        let name = format!("{round}-{client}-{call}");
        let request = http
            .post(format!("{url}/quota/consume"))
            .bearer_auth(&key)
            .header("idempotency-key", &name);
        let Ok(answer) = request
            .json(&json!({ "resource_type": "dicom_processing" }))
            .send()
            .await
        else {
            return vec![name];
        };
        let status = answer.status();
        match answer.json::<Value>().await {
            Ok(body) if status.is_success() => {
                acks.lock().expect("no client panics").push((name, body));
            }
            _ => return vec![name],
        }
    }
    Vec::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l2_q4_what_was_acknowledged_survives_kill_and_is_charged_once() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let acks: Acknowledged = Arc::default();
        let mut unknown = Vec::new();
        let http = Client::new();
        let mut process = Process::start(&database, "a");
        let db = Db::open(database.url(), 4).await.expect("opens");
        let limit = "UPDATE plan_meters SET quota_limit = NULL WHERE quota_limit = 10";
        let buyer = with_units(&db, &http, &process.url, limit).await;
        for round in 0..3 {
            let mut clients = JoinSet::new();
            for client in 0..8 {
                clients.spawn(load(
                    http.clone(),
                    process.url.clone(),
                    buyer.key.clone(),
                    round,
                    client,
                    acks.clone(),
                ));
            }
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            process.kill();
            unknown.extend(clients.join_all().await.into_iter().flatten());
            process = Process::start(&database, "a");
        }
        let acknowledged = acks.lock().expect("no client panics").clone();
        assert!(
            acknowledged.len() > 24 && unknown.len() >= 24,
            "{} {}",
            acknowledged.len(),
            unknown.len()
        );
        // Every answer that was read is there, word for word; each unknown call is settled once.
        let again = async |name: &str| {
            let request = http
                .post(format!("{}/quota/consume", process.url))
                .bearer_auth(&buyer.key);
            let request = request
                .header("idempotency-key", name)
                .json(&json!({ "resource_type": "dicom_processing" }));
            let answer = request.send().await.expect("answered");
            let replayed = answer.headers().contains_key("idempotent-replayed");
            (replayed, answer.json::<Value>().await.expect("JSON"))
        };
        for (name, first) in acknowledged.iter().rev().step_by(7).take(60) {
            assert_eq!(
                again(name).await,
                (true, first.clone()),
                "{name} was acknowledged and is lost"
            );
        }
        for name in &unknown {
            let (_, first) = again(name).await;
            assert_eq!(again(name).await, (true, first), "{name}");
        }
        let all = i64::try_from(acknowledged.len() + unknown.len()).expect("fits");
        assert_eq!(
            number(&db, "SELECT COUNT(*) FROM usage_logs").await,
            all,
            "a call was charged twice or not at all"
        );
        assert_eq!(number(&db, "SELECT used FROM quota_counters").await, all);
        assert_eq!(
            number(&db, "SELECT quota_used FROM user_subscriptions").await,
            all
        );
        db.close().await;
        drop(process);
        database.remove().await;
    }
}

#[tokio::test]
async fn a_second_process_does_not_start_on_one_file() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let first = Process::start(&database, "a");
    let second = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .env("DATABASE_URL", database.variable())
        .env("DATA_DIR", database.folder().join("a"))
        .env("ADDR", "127.0.0.1:0")
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another tollgate is running"));
    drop(first);
}

#[tokio::test]
async fn bad_settings_end_with_3_and_name_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .current_dir(folder.path())
        .env("PORT", "eighty")
        .env("JWT_SECRET_KEY", "short")
        .env("ALIPAY_APP_ID", "2021000000000001")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    for variable in [
        "PORT",
        "JWT_SECRET_KEY",
        "ALIPAY_PRIVATE_KEY",
        "ALIPAY_PUBLIC_KEY",
    ] {
        assert!(told.contains(&format!("error: {variable}: ")), "{told}");
    }
    assert!(
        std::fs::read_dir(folder.path())
            .expect("a folder")
            .next()
            .is_none(),
        "nothing was made"
    );
}
