//! The quota storm: two processes on one database (a SQLite file belongs to one), clients that charge, set aside, settle and give back without end, and
//! a process killed every few moments. `scripts/storm` makes it long; here it is short.
//!
//! A client knows three outcomes: done, refused, and unknown, when the process died before its answer. What was told is
//! kept here, in a process that is never killed, and compared with the tables.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read};

use crate::crash::Process;
use crate::harness::{Buyer, buyer, until};

/// Of the first plans: so little that the storm uses it up, or more than it can.
const SMALL: i64 = 1_000;
const LARGE: i64 = 1_000_000;
/// Half of them have little.
const PEOPLE: usize = 4;
/// How long units are set aside, and how long after it they are free again.
const HELD_FOR: u64 = 2;
const FREE_WITHIN: Duration = Duration::from_secs(5);
/// Calls at once when the unknown ones are settled.
const AT_ONCE: usize = 64;

/// How hard it blows.
struct Weather {
    seconds: u64,
    clients: usize,
    kills: u32,
    seed: u64,
}

impl Weather {
    /// From the variables `STORM_SECONDS`, `STORM_CLIENTS` (in all), `STORM_KILLS` and `STORM_SEED`.
    fn forecast() -> Self {
        let number = |name: &str, usual: u64| {
            let text = std::env::var(name).ok();
            text.map_or(usual, |text| text.parse().expect("a number"))
        };
        let small = |number: u64| usize::try_from(number).expect("a small number");
        Self {
            seconds: number("STORM_SECONDS", 8),
            clients: small(number("STORM_CLIENTS", 64)),
            kills: u32::try_from(number("STORM_KILLS", 5)).expect("a small number"),
            seed: number("STORM_SEED", Entropy::system().below(u64::MAX)),
        }
    }
}

/// What clients were told of one person's units.
#[derive(Debug, Default)]
struct Told {
    /// Usage by usage, what it took.
    charged: BTreeMap<String, i64>,
    /// What was given back, by the usage that took it.
    returned: BTreeMap<String, i64>,
    refused: usize,
    /// At most so many units more than was told are charged, or fewer.
    perhaps_charged: i64,
    perhaps_returned: i64,
    /// Charges whose answer did not come, by the key they were sent under.
    unknown: Vec<(String, i64)>,
}

/// What all clients share.
struct Sea {
    http: Client,
    key: String,
    urls: Vec<RwLock<String>>,
    over: AtomicBool,
    calls: AtomicUsize,
    told: Vec<(Buyer, Mutex<Told>)>,
}

/// How a call ended.
enum Outcome {
    Done(Value),
    Refused,
    Unknown,
}

impl Sea {
    async fn post(&self, to: usize, path: &str, name: Option<&str>, body: Value) -> Outcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let sent = loop {
            let url = self.urls[to % self.urls.len()]
                .read()
                .expect("whole")
                .clone();
            let request = self.http.post(format!("{url}{path}"));
            let mut request = request.bearer_auth(&self.key).json(&body);
            if let Some(name) = name {
                request = request.header("idempotency-key", name);
            }
            match request.send().await {
                // Nobody heard it: the process is gone, and its successor comes within a moment.
                Err(error) if error.is_connect() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                sent => break sent,
            }
        };
        let Ok(answer) = sent else {
            return Outcome::Unknown;
        };
        let status = answer.status().as_u16();
        match (status, answer.json::<Value>().await) {
            (200..300, Ok(body)) => Outcome::Done(body),
            (429, Ok(body)) if body["code"] == "quota_exceeded" => Outcome::Refused,
            (404 | 409, Ok(_)) => Outcome::Refused,
            (503, Ok(_)) | (_, Err(_)) => Outcome::Unknown,
            (status, Ok(body)) => panic!("{status} {body}"),
        }
    }

    /// Calls until it is over.
    async fn sail(&self, client: usize, seed: u64) {
        let chance = Entropy::seeded(seed.wrapping_add(u64::try_from(client).expect("fits")));
        let mut call = 0_u64;
        while !self.over.load(Ordering::Relaxed) {
            call += 1;
            let person = usize::try_from(chance.below(PEOPLE as u64)).expect("fits");
            let cost = 1 + i64::try_from(chance.below(7)).expect("fits");
            let name = format!("{client}-{call}");
            match chance.below(10) {
                0..6 => self.consume(client, person, cost, &name).await,
                6..9 => self.hold(client, person, cost, &name, &chance).await,
                _ => self.give_back(client, person, &name).await,
            }
        }
    }

    async fn consume(&self, client: usize, person: usize, cost: i64, name: &str) {
        let (buyer, told) = &self.told[person];
        let body = json!({"resource_type": "dicom_processing", "cost": cost, "user_id": buyer.id});
        let outcome = self.post(client, "/quota/consume", Some(name), body).await;
        let mut told = told.lock().expect("whole");
        match outcome {
            Outcome::Done(body) => {
                let usage = body["usage_id"].as_str().expect("an id").to_owned();
                let twice = told.charged.insert(usage, cost);
                assert_eq!(twice, None, "one usage for two calls");
            }
            Outcome::Refused => told.refused += 1,
            Outcome::Unknown => told.unknown.push((name.to_owned(), cost)),
        }
    }

    async fn hold(&self, client: usize, person: usize, cost: i64, name: &str, chance: &Entropy) {
        let (buyer, told) = &self.told[person];
        let body = json!({"resource_type": "dicom_processing", "cost": cost, "user_id": buyer.id,
            "ttl_seconds": HELD_FOR});
        let Outcome::Done(held) = self.post(client, "/quota/reserve", Some(name), body).await
        else {
            return;
        };
        let part = 1 + i64::try_from(chance.below(cost.unsigned_abs())).expect("fits");
        let reservation = held["reservation_id"].clone();
        match chance.below(3) {
            0 => {
                let body = json!({"reservation_id": reservation});
                self.post(client, "/quota/release", None, body).await;
            }
            1 => {
                let body = json!({"reservation_id": reservation, "cost": part});
                let outcome = self.post(client + 1, "/quota/commit", None, body).await;
                let mut told = told.lock().expect("whole");
                match outcome {
                    Outcome::Done(body) => {
                        let usage = body["usage_id"].as_str().expect("an id").to_owned();
                        told.charged.insert(usage, part);
                    }
                    Outcome::Refused => {}
                    Outcome::Unknown => told.perhaps_charged += part,
                }
            }
            // Its owner is gone.
            _ => {}
        }
    }

    /// What became of a charge whose answer did not come: asked for twice, it is the same.
    async fn settle(&self, user: &str, name: &str, cost: i64) -> Option<String> {
        let body = json!({"resource_type": "dicom_processing", "cost": cost, "user_id": user});
        let path = "/quota/consume";
        let first = self.post(0, path, Some(name), body.clone()).await;
        let again = self.post(1, path, Some(name), body).await;
        match (first, again) {
            (Outcome::Done(first), Outcome::Done(again)) => {
                assert_eq!(first, again, "{name}");
                Some(first["usage_id"].as_str().expect("an id").to_owned())
            }
            (Outcome::Refused, Outcome::Refused) => None,
            _ => panic!("{name} is answered in two ways, or not at all"),
        }
    }

    async fn give_back(&self, client: usize, person: usize, name: &str) {
        let (_, told) = &self.told[person];
        let some = {
            let told = told.lock().expect("whole");
            let not_yet = |usage: &&String| !told.returned.contains_key(*usage);
            let some = told.charged.keys().rev().find(not_yet);
            some.map(|usage| (usage.clone(), told.charged[usage]))
        };
        let Some((usage, cost)) = some else { return };
        let body = json!({"usage_id": usage, "reason": "the storm"});
        let outcome = self.post(client, "/quota/refund", Some(name), body).await;
        let mut told = told.lock().expect("whole");
        match outcome {
            Outcome::Done(_) => {
                told.returned.insert(usage, cost);
            }
            Outcome::Refused => {}
            Outcome::Unknown => told.perhaps_returned += cost,
        }
    }
}

async fn run(db: &Db, statement: &'static str, id: &str) {
    let id: uuid::Uuid = id.parse().expect("an id");
    let mut tx = db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

/// People with a plan, half of them with little, and the application that charges them.
async fn embark(db: &Db, url: &str) -> (Client, String, Vec<Buyer>) {
    let http = Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client");
    let staff = buyer(&http, url).await;
    run(
        db,
        "UPDATE users SET is_superuser = (1 = 1) WHERE id = $1",
        &staff.id,
    )
    .await;
    let post = async |path: &str, token: &str, body: Value| {
        let request = http
            .post(format!("{url}{path}"))
            .bearer_auth(token)
            .json(&body);
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.status().as_u16(), 201, "{path}");
        answer.json::<Value>().await.expect("JSON")
    };
    let wish = json!({"name": "storm", "scopes": ["quota"]});
    let key = post("/admin/service-keys", &staff.token, wish).await;
    let key = key["key"].as_str().expect("a key").to_owned();
    for (slug, limit) in [("small", SMALL), ("large", LARGE)] {
        let plan = json!({"slug": slug, "name": slug, "price": "0.00", "currency": "CNY",
            "billing_cycle": "monthly", "resource_costs": {"*": 1},
            "meters": [{"meter": "processing_count", "limit": limit}]});
        post("/admin/plans", &staff.token, plan).await;
    }
    let mut people = Vec::new();
    for person in 0..PEOPLE {
        let buyer = buyer(&http, url).await;
        let slug = if person % 2 == 0 { "small" } else { "large" };
        let wish = json!({"plan_slug": slug});
        post("/payments/subscriptions/subscribe", &buyer.token, wish).await;
        people.push(buyer);
    }
    (http, key, people)
}

/// Never oversold, at any moment: as a reader of its own sees it.
async fn watch(db: Db, sea: Arc<Sea>) {
    const OVER: &str = "SELECT COUNT(*) FROM quota_counters WHERE used + held > quota_limit OR used < 0 OR held < 0";
    while !sea.over.load(Ordering::Relaxed) {
        // The database may be busy; what it shows must be right.
        if let Ok((over,)) = on_read!(&db, |e| sqlx::query_as::<_, (i64,)>(OVER)
            .fetch_one(e)
            .await)
        {
            assert_eq!(over, 0, "oversold");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const STANDS: &str = "SELECT c.used, c.held, COALESCE(c.quota_limit, -1), s.quota_used,
    (SELECT CAST(COALESCE(SUM(l.quota_cost), 0) AS BIGINT) FROM usage_logs l WHERE l.user_id = s.user_id)
    FROM quota_counters c JOIN user_subscriptions s ON s.id = c.subscription_id WHERE s.user_id = $1";
const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
const LOGGED: &str = "SELECT id FROM usage_logs WHERE user_id = $1";

/// What is there, read past the service: used, held, limit, the subscription's own number, the sum of the log.
async fn stands(db: &Db, user: &str) -> (i64, i64, i64, i64, i64) {
    let user: uuid::Uuid = user.parse().expect("an id");
    on_read!(db, |e| sqlx::query_as(STANDS).bind(user).fetch_one(e).await).expect("a counter")
}

/// Everything that was told holds, and everything that holds was told or is unknown.
async fn calm(db: &Db, sea: &Arc<Sea>) {
    for (buyer, told) in &sea.told {
        until("holds end within their time", async || {
            stands(db, &buyer.id).await.1 == 0
        })
        .await;
        // The unknown ones are settled by their keys: each once, however often it is asked for.
        let unknown = told.lock().expect("whole").unknown.clone();
        for some in unknown.chunks(AT_ONCE) {
            let mut asked = JoinSet::new();
            for (name, cost) in some.iter().cloned() {
                let (sea, user) = (sea.clone(), buyer.id.clone());
                asked.spawn(async move { (sea.settle(&user, &name, cost).await, name, cost) });
            }
            for (usage, name, cost) in asked.join_all().await {
                let Some(usage) = usage else { continue };
                let mut told = told.lock().expect("whole");
                let twice = told.charged.insert(usage, cost);
                assert_eq!(twice, None, "{name} is charged twice");
            }
        }
        let (used, held, limit, mirrored, logged) = stands(db, &buyer.id).await;
        assert_eq!(held, 0);
        assert_eq!(
            (used, used),
            (mirrored, logged),
            "log = counter = subscription"
        );
        assert!(used <= limit, "oversold");
        let (charged, lowest, highest) = {
            let told = told.lock().expect("whole");
            let sum = |all: &BTreeMap<String, i64>| all.values().sum::<i64>();
            let net = sum(&told.charged) - sum(&told.returned);
            let charged: Vec<String> = told.charged.keys().cloned().collect();
            let (more, less) = (told.perhaps_charged, told.perhaps_returned);
            (charged, net - less, net + more)
        };
        assert!(
            (lowest..=highest).contains(&used),
            "{used} units are charged, by what was told {lowest} to {highest}"
        );
        let whose: uuid::Uuid = buyer.id.parse().expect("an id");
        let kept: Vec<(uuid::Uuid,)> = on_read!(db, |e| sqlx::query_as(LOGGED)
            .bind(whose)
            .fetch_all(e)
            .await)
        .expect("read");
        let kept: HashSet<uuid::Uuid> = kept.into_iter().map(|(id,)| id).collect();
        for usage in charged {
            let id: uuid::Uuid = usage.parse().expect("an id");
            assert!(kept.contains(&id), "{usage} was acknowledged and is lost");
        }
        if limit == SMALL {
            not_undersold(sea, buyer, limit - used).await;
        }
    }
}

/// What is left is given, to the last unit, and no more.
async fn not_undersold(sea: &Sea, buyer: &Buyer, left: i64) {
    for unit in 0..=left {
        let body = json!({"resource_type": "dicom_processing", "user_id": buyer.id});
        let outcome = sea.post(0, "/quota/consume", None, body).await;
        assert_eq!(
            matches!(outcome, Outcome::Done(_)),
            unit < left,
            "unit {unit} of {left}"
        );
    }
}

async fn storm(engine: Engine, weather: &Weather) {
    let database = TestDatabase::new(engine).await;
    let folders: &[&str] = match engine {
        Engine::Sqlite => &["a"],
        Engine::Postgres => &["a", "b"],
    };
    let start = |folder: &&str| Process::start(&database, folder);
    let mut ships: Vec<Process> = folders.iter().map(start).collect();
    let db = Db::open(database.url(), 4).await.expect("opens");
    let (http, key, people) = embark(&db, &ships[0].url).await;
    let sea = Arc::new(Sea {
        http,
        key,
        urls: ships
            .iter()
            .map(|ship| RwLock::new(ship.url.clone()))
            .collect(),
        over: AtomicBool::new(false),
        calls: AtomicUsize::new(0),
        told: people
            .into_iter()
            .map(|buyer| (buyer, Mutex::default()))
            .collect(),
    });
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..weather.clients {
        let (sea, seed) = (sea.clone(), weather.seed);
        clients.spawn(async move { sea.sail(client, seed).await });
    }
    let watching = tokio::spawn(watch(db.clone(), sea.clone()));
    let between = Duration::from_secs(weather.seconds) / (weather.kills + 1);
    for kill in 0..weather.kills {
        tokio::time::sleep(between).await;
        let ship = usize::try_from(kill).expect("fits") % ships.len();
        tokio::task::block_in_place(|| {
            ships[ship].end();
            ships[ship] = start(&folders[ship]);
        });
        let mut url = sea.urls[ship].write().expect("whole");
        url.clone_from(&ships[ship].url);
    }
    tokio::time::sleep(between).await;
    sea.over.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.expect("no client saw what may not be");
    }
    watching.await.expect("never oversold");
    let lasted = begun.elapsed();
    tokio::time::timeout(FREE_WITHIN * 24, calm(&db, &sea))
        .await
        .expect("it settles");
    if engine == Engine::Postgres {
        let (deadlocks,): (i64,) =
            on_read!(&db, |e| sqlx::query_as(DEADLOCKS).fetch_one(e).await).expect("a number");
        assert_eq!(deadlocks, 0, "transactions waited for each other in a ring");
    }
    let (mut charged, mut refused, mut unknown) = (0, 0, 0);
    for (_, told) in &sea.told {
        let told = told.lock().expect("whole");
        charged += told.charged.len();
        refused += told.refused;
        unknown += told.unknown.len();
    }
    let calls = sea.calls.load(Ordering::Relaxed);
    println!(
        "{}: {calls} calls in {:.0} s by {} clients, {} kills, seed {}: {charged} charges told, {refused} refused, {unknown} unknown; \
         0 oversold, 0 lost, 0 log gaps",
        db.engine(),
        lasted.as_secs_f64(),
        weather.clients,
        weather.kills,
        weather.seed,
    );
    assert!(charged > 100 && unknown > 0, "it did not blow");
    db.close().await;
    drop(ships);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q2_q3_q4_q5_l2_the_quota_storm() {
    let weather = Weather::forecast();
    let only = std::env::var("STORM_ENGINE").ok();
    let here = |engine: &Engine| {
        only.as_ref()
            .is_none_or(|only| *only == format!("{engine:?}"))
    };
    let engines: Vec<Engine> = ENGINES.into_iter().filter(here).collect();
    assert!(!engines.is_empty(), "{only:?} is no engine");
    for engine in engines {
        storm(engine, &weather).await;
    }
}
