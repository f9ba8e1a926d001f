//! Fills the log of usage, so that what it costs to read and write can be measured with a long past behind it.
//!
//! `fill_log ROWS MONTHS PEOPLE FOLDER [fold]`: so many rows over so many months before now, of so many people who have no
//! plan here (so no counter is another than its log), every tenth of one of them; into `DATABASE_URL`, or a SQLite file in
//! the folder. With `fold` also their sums, as the service would make them. Prints what was done and how long it took.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bench::consumers::config;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::{MIGRATIONS, PaymentConfig, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::migrations::CORE;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::{in_tx, partitions};

/// Rows in one statement: well within the time that PostgreSQL gives one.
const AT_ONCE: i64 = 250_000;
const MONTH: Duration = Duration::from_hours(30 * 24 + 12);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().context(what);
    let rows: i64 = next("how many rows")?.parse()?;
    let months: u32 = next("how many months")?.parse()?;
    let people: i64 = next("how many people")?.parse()?;
    let folder = PathBuf::from(next("a folder")?);
    let folds = arguments.next().is_some_and(|word| word == "fold");
    ensure!(
        rows > 0 && months > 0 && people > 0,
        "one of each, at least"
    );
    std::fs::create_dir_all(&folder)?;
    let clock = Clock::system();
    let db = Db::open(&config(&folder)?.database, 4).await?;
    CORE.run(&db).await?;
    MIGRATIONS.run(&db).await?;
    let begin = clock.now().before(MONTH * months);
    for month in 0..=months {
        partitions::make_ahead(&db, "usage_logs", begin.after(MONTH * month)).await?;
    }
    let started = Instant::now();
    fill(
        &db,
        rows,
        people,
        (begin, clock.now().before(Duration::from_hours(1))),
    )
    .await?;
    println!(
        "{}: {rows} rows over {months} months in {} s",
        db.engine(),
        started.elapsed().as_secs()
    );
    if folds {
        fold(&db, &clock).await?;
    }
    db.close().await;
    Ok(())
}

async fn fill(db: &Db, rows: i64, people: i64, span: (Timestamp, Timestamp)) -> anyhow::Result<()> {
    let text = match db {
        Db::Sqlite { .. } => SQLITE,
        Db::Postgres(_) => POSTGRES,
    };
    let millis = |at: Timestamp| at.micros() / 1_000;
    let (begin, length) = (millis(span.0), millis(span.1) - millis(span.0));
    let mut first = 0;
    while first < rows {
        let part = AT_ONCE.min(rows - first);
        let mut tx = db.begin().await?;
        in_tx!(&mut tx, |c| sqlx::query(text)
            .bind(first)
            .bind(part)
            .bind(rows)
            .bind(begin)
            .bind(length)
            .bind(people)
            .execute(c)
            .await
            .map(|_| ()))?;
        tx.commit().await?;
        first += part;
        eprint!("\r{first} rows");
        std::io::stderr().flush()?;
    }
    eprintln!();
    Ok(())
}

async fn fold(db: &Db, clock: &Clock) -> anyhow::Result<()> {
    let key = MasterKey::generate(&Entropy::system());
    let config = PaymentConfig::new("http://localhost");
    let builder = PaymentService::builder(db.clone(), key, config).clock(clock.clone());
    let service = builder.build().await?;
    let (begun, mut quarters) = (Instant::now(), 0);
    loop {
        let more = service.fold_usage().await?;
        if more == 0 {
            break;
        }
        quarters += more;
        eprint!("\r{quarters} quarters of an hour");
        std::io::stderr().flush()?;
    }
    eprintln!();
    println!(
        "{quarters} quarters of an hour folded in {} s",
        begun.elapsed().as_secs()
    );
    Ok(())
}

// An id is its time in milliseconds, then its version and what tells it from others (RFC 9562, 5.7). People are numbered.
const SQLITE: &str = "WITH RECURSIVE n(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $1 + $2),
    r AS (SELECT n, $4 + n * ($5 / $3) + n * ($5 % $3) / $3 AS ms, CASE WHEN n % 10 = 0 THEN 0 ELSE n * 7919 % $6 END AS person FROM n)
    INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start,
        requested_cost, key_id)
    SELECT unhex(printf('%012x', ms) || '7' || printf('%03x', n % 4096) || '8' || printf('%03x', n / 4096 % 4096) || hex(randomblob(6))),
        unhex('0198a000000070008000' || printf('%012x', person)), unhex('0198a000000070008001' || printf('%012x', person)),
        'type' || n % 5, 1 + n % 3,
        strftime('%Y-%m-%dT%H:%M:%S', ms / 1000, 'unixepoch') || printf('.%03d+00:00', ms % 1000),
        'processing_count', strftime('%Y-%m-01T00:00:00+00:00', ms / 1000, 'unixepoch'), 1 + n % 3,
        CASE WHEN n % 3 > 0 THEN unhex('0198a000000070008002' || printf('%012x', person)) END
    FROM r";
const POSTGRES: &str = "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start,
        requested_cost, key_id)
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n / 4096 % 4096), 3, '0')
            || substr(md5(random()::text), 1, 12))::uuid,
        ('0198a000000070008000' || lpad(to_hex(person), 12, '0'))::uuid, ('0198a000000070008001' || lpad(to_hex(person), 12, '0'))::uuid,
        'type' || n % 5, 1 + n % 3, to_timestamp(ms / 1000) + (ms % 1000) * interval '1 millisecond',
        'processing_count', date_trunc('month', to_timestamp(ms / 1000)), 1 + n % 3,
        CASE WHEN n % 3 > 0 THEN ('0198a000000070008002' || lpad(to_hex(person), 12, '0'))::uuid END
    FROM (SELECT n, $4::bigint + n * ($5::bigint / $3::bigint) + n * ($5::bigint % $3::bigint) / $3::bigint AS ms,
            CASE WHEN n % 10 = 0 THEN 0 ELSE n * 7919 % $6::bigint END AS person
        FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n) r";
