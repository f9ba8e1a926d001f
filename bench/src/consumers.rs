//! People with a plan to use up, and the check that whatever was charged is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tollgate::config::Config;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{Expected, Initiator, PayBy, PaymentService, PlanRef, Subscribe};
use tollgate_storage::db::Db;
use tollgate_storage::{in_tx, on_read};

/// How a call is counted.
pub const RESOURCE: &str = "dicom_processing";
/// More than any run takes.
const LIMIT: i64 = 1_000_000_000_000;
const AT_ONCE: usize = 16;

/// Settings of a server in `folder`: `DATABASE_URL`, or a SQLite file of its own.
///
/// # Errors
/// A setting that is wrong.
pub fn config(folder: &Path) -> anyhow::Result<Config> {
    let text = |path: &Path| path.display().to_string();
    let file = format!("sqlite:///{}", text(&folder.join("tollgate.db")));
    let database = std::env::var("DATABASE_URL").unwrap_or(file);
    let env = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database),
        ("DATA_DIR".to_owned(), text(folder)),
        ("ADDR".to_owned(), "127.0.0.1:0".to_owned()),
        ("SANDBOX".to_owned(), "on".to_owned()),
        ("LOG_LEVEL".to_owned(), "warn".to_owned()),
    ]);
    Ok(Config::from_layers(env, Path::new("/nonexistent/.env"))?)
}

/// So many people who hold a plan with one meter, one unit a call, and a limit that is not reached.
///
/// # Errors
/// The database.
pub async fn consumers(payment: &PaymentService, count: usize) -> anyhow::Result<Vec<UserId>> {
    let body = serde_json::from_value(json!({
        "slug": "bench", "name": "Bench", "price": "0.00", "currency": "CNY", "billing_cycle": "monthly",
        "meters": [{"meter": "processing_count", "limit": LIMIT}], "resource_costs": {RESOURCE: 1},
    }))?;
    let origin = Origin::default();
    payment
        .create_plan(&body, &Initiator::operator(&origin), None)
        .await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut all = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (payment, next) = (payment.clone(), Arc::clone(&next));
        all.spawn(async move {
            let (mut made, ids) = (Vec::new(), Ids::new(Clock::system(), Entropy::system()));
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let user_id = ids.next();
                payment.subscribe(&wish(user_id), None).await?;
                made.push(user_id);
            }
            Ok::<_, anyhow::Error>(made)
        });
    }
    let mut users = Vec::new();
    while let Some(made) = all.join_next().await {
        users.extend(made??);
    }
    Ok(users)
}

fn wish(user_id: UserId) -> Subscribe {
    Subscribe {
        user_id,
        plan: PlanRef {
            plan_id: None,
            plan_slug: Some("bench".to_owned()),
        },
        by: PayBy {
            method: PaymentMethod::Alipay,
            client: None,
            device: Scene::Pc,
            return_url: None,
            payer: Payer::default(),
        },
        expected: Expected::default(),
        trial: false,
    }
}

/// Writes `rows` charges of those people into this month's log, as if of a period before this one.
///
/// # Errors
/// The database.
pub async fn history(db: &Db, rows: u64) -> anyhow::Result<()> {
    let all = i64::try_from(rows)?;
    let mut left = all;
    let mut begin = 0_i64;
    while left > 0 {
        let part = left.min(HISTORY_AT_ONCE);
        let mut tx = db.begin().await?;
        let text = match db {
            Db::Sqlite { .. } => HISTORY_SQLITE,
            Db::Postgres(_) => HISTORY_POSTGRES,
        };
        in_tx!(&mut tx, |c| sqlx::query(text)
            .bind(begin)
            .bind(part)
            .bind(all)
            .execute(c)
            .await
            .map(|_| ()))?;
        tx.commit().await?;
        begin += part;
        left -= part;
    }
    if rows > 0 {
        // As upkeep would have left it.
        let now = Clock::system().now().utc();
        let mut tx = db.begin().await?;
        in_tx!(&mut tx, |c| sqlx::query(FOLDED)
            .bind(now)
            .execute(c)
            .await
            .map(|_| ()))?;
        tx.commit().await?;
    }
    Ok(())
}

const FOLDED: &str =
    "INSERT INTO usage_marks (name, upto, version, updated_at) VALUES ('folded', $1, 1, $1)
    ON CONFLICT (name) DO UPDATE SET upto = excluded.upto, version = usage_marks.version + 1";

const HISTORY_AT_ONCE: i64 = 1_000_000;
// An id is its time in milliseconds, then its version and what is random (RFC 9562, 5.7).
const HISTORY_SQLITE: &str = "WITH RECURSIVE n(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $1 + $2),
    s AS (SELECT row_number() OVER () - 1 AS place, id, user_id FROM subscriptions),
    c AS (SELECT COUNT(*) AS count FROM s)
    INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start, requested_cost)
    SELECT unhex(printf('%012x', (unixepoch() - 2160000) * 1000 + n.n * 2159000000 / $3) || '7' || printf('%03x', n.n % 4096)
            || '8' || printf('%03x', n.n / 4096 % 4096) || hex(randomblob(6))),
        s.user_id, s.id, 'dicom_processing', 1, '2020-01-01T00:00:00+00:00', 'processing_count', '2020-01-01T00:00:00+00:00', 1
    FROM n JOIN s ON s.place = n.n * 7919 % (SELECT count FROM c)";
const HISTORY_POSTGRES: &str = "WITH s AS (SELECT row_number() OVER () - 1 AS place, id, user_id FROM subscriptions),
    c AS (SELECT COUNT(*) AS count FROM s)
    INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start, requested_cost)
    SELECT (lpad(to_hex((extract(epoch FROM now())::bigint - 2160000) * 1000 + n * 2159000000 / $3::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
            || '8' || lpad(to_hex(n / 4096 % 4096), 3, '0') || substr(md5(random()::text), 1, 12))::uuid,
        s.user_id, s.id, 'dicom_processing', 1, '2020-01-01T00:00:00Z', 'processing_count', '2020-01-01T00:00:00Z', 1
    FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n JOIN s ON s.place = n * 7919 % (SELECT count FROM c)";

/// Sum of logs = counter, for each, and nobody over. Gives how many units are charged in all.
///
/// # Errors
/// They are not the same.
pub async fn verify(db: &Db) -> anyhow::Result<i64> {
    let (apart, over): (i64, i64) = on_read!(db, |e| sqlx::query_as(APART).fetch_one(e).await)?;
    ensure!(apart == 0, "{apart} counters are not the sum of their log");
    ensure!(over == 0, "{over} counters are above their limit");
    let (sum,): (i64,) = on_read!(db, |e| sqlx::query_as(SUM).fetch_one(e).await)?;
    Ok(sum)
}

const APART: &str = "SELECT COUNT(CASE WHEN c.used <> COALESCE(l.cost, 0) THEN 1 END),
    COUNT(CASE WHEN c.used + c.held > c.quota_limit THEN 1 END)
    FROM quota_counters c LEFT JOIN (SELECT subscription_id, meter, period_start, SUM(quota_cost) AS cost
        FROM usage_logs GROUP BY subscription_id, meter, period_start) l
    ON l.subscription_id = c.subscription_id AND l.meter = c.meter AND l.period_start = c.period_start";
const SUM: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";

/// What load tools name people by.
///
/// # Errors
/// The file cannot be written.
pub fn write_users(users: &[UserId], file: &Path) -> anyhow::Result<()> {
    let lines: Vec<String> = users.iter().map(|user| user.uuid().to_string()).collect();
    std::fs::write(file, lines.join("\n")).context("the list of people")
}
