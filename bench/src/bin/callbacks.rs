//! Callbacks verified and settled a second, and how long a provider waits for its answer; then the same beside
//! a flood of forged ones. In the same run, what the machine can do at most: signatures alone, commits alone,
//! the shortest answer alone. Every order is another one, of another buyer, and is checked to be paid at the end.
//!
//! `cargo run --release -p bench --bin callbacks [orders]` (1,000 when not said). `DATABASE_URL` names an empty
//! database; without it, a new SQLite file is used. The load comes from the same process, by TCP.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tollgate::Server;
use tollgate::config::Config;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{Expected, PayBy, PaymentService, PlanRef, Subscribe};
use tollgate_storage::db::Db;
use tollgate_storage::url::DatabaseUrl;
use tollgate_storage::{in_tx, on_read};

const ORDERS: usize = 1_000;
/// Of the calls at a fixed rate: so many a second, for so long.
const STEADY_RATE: usize = 50;
const STEADY_SECONDS: usize = 6;
const CONNECTIONS: usize = 16;
const FLOOD_CONNECTIONS: usize = 8;
/// Of each limit.
const LIMIT_SECONDS: u64 = 2;
const WEBHOOK: &str = "/payments/webhooks/alipay";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let orders = match std::env::args().nth(1) {
        Some(text) => text.parse().context("how many orders")?,
        None => ORDERS,
    };
    let entropy = Entropy::system();
    let folder = std::env::temp_dir().join(format!(
        "tollgate-callbacks-{:016x}",
        entropy.below(u64::MAX)
    ));
    std::fs::create_dir_all(&folder)?;
    let config = config(&folder)?;
    let server = Server::start(&config, Clock::system(), entropy).await?;
    let address = format!("127.0.0.1:{}", server.port());
    let payment = server.payment().clone();
    let engine = match server.database() {
        DatabaseUrl::Sqlite(_) => "SQLite",
        DatabaseUrl::Postgres(_) => "PostgreSQL",
    };
    let db = Db::open(server.database(), 32).await?;
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(server.run(stopping));

    println!("{engine}");
    let pen = Pen::read(&folder.join("sandbox.db")).await?;
    limits(&pen, &db, &address).await?;
    let steady = STEADY_RATE * STEADY_SECONDS;
    let notices = notices(&payment, &pen, orders + 2 * steady).await?;
    let (full, rest) = notices.split_at(orders);
    let (alone, flooded) = rest.split_at(steady);

    let calls = |notices: &[String]| notices.iter().map(|notice| call(notice)).collect();
    let settled = Load::at_once(calls(full)).run(&address, 200).await?;
    println!("settled, {CONNECTIONS} connections      {settled}");
    let repeats = Load::at_once(calls(
        &full
            .iter()
            .cloned()
            .cycle()
            .take(10 * full.len())
            .collect::<Vec<_>>(),
    ))
    .run(&address, 200)
    .await?;
    println!("delivered again, ten times      {repeats}");
    let quiet = Load::steady(calls(alone)).run(&address, 200).await?;
    println!("{STEADY_RATE} a second                     {quiet}");
    let forged = call(
        &full
            .first()
            .context("an order")?
            .replace("TRADE_SUCCESS", "TRADE_FINISHED"),
    );
    let flood = Flood::begin(&address, &forged);
    let busy = Load::steady(calls(flooded)).run(&address, 200).await?;
    println!(
        "{STEADY_RATE} a second in a flood of {:>5}/s  {busy}",
        flood.end().await?
    );

    let paid: (i64,) = on_read!(&db, |e| sqlx::query_as(PAID).fetch_one(e).await)?;
    ensure!(
        usize::try_from(paid.0)? == notices.len(),
        "{} of {} orders are paid",
        paid.0,
        notices.len()
    );
    let books = payment.verify_books().await?;
    ensure!(
        books.damage.is_empty(),
        "the books are damaged: {:?}",
        books.damage
    );
    println!(
        "all {} orders are paid and hold what they paid for; the books balance",
        paid.0
    );
    stop.send(true)?;
    running.await?;
    db.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn config(folder: &Path) -> anyhow::Result<Config> {
    let text = |path: &Path| path.display().to_string();
    let file = format!("sqlite:///{}", text(&folder.join("tollgate.db")));
    let database = std::env::var("DATABASE_URL").unwrap_or(file);
    let env = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database),
        ("DATA_DIR".to_owned(), text(folder)),
        ("ADDR".to_owned(), "127.0.0.1:0".to_owned()),
        ("SANDBOX".to_owned(), "on".to_owned()),
    ]);
    Ok(Config::from_layers(env, Path::new("/nonexistent/.env"))?)
}

const PAID: &str =
    "SELECT COUNT(*) FROM payment_transactions p JOIN subscriptions s ON s.id = p.subscription_id
    WHERE p.status = 'completed'";

/// What nothing built on them can exceed.
async fn limits(pen: &Pen, db: &Db, address: &str) -> anyhow::Result<()> {
    let (text, signature) = (
        b"app_id=1&total_amount=99.00".as_slice(),
        pen.signature(b"app_id=1&total_amount=99.00")?,
    );
    let public = pen.key.public_key().as_ref().to_vec();
    let verified = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let mut count = 0_u64;
        while begun.elapsed() < Duration::from_secs(LIMIT_SECONDS) {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
            if key.verify(text, &signature).is_ok() {
                count += 1;
            }
        }
        count / LIMIT_SECONDS
    });
    println!("limit: signatures, one core     {:>7}/s", verified.await?);
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, |c| sqlx::query(TABLE).execute(c).await.map(|_| ()))?;
    tx.commit().await?;
    for writers in [1, CONNECTIONS] {
        println!(
            "limit: commits, {writers:>2} writers      {:>7}/s",
            commits(db, writers).await?
        );
    }
    let health = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let answers = Load::at_once(vec![health; 20_000])
        .run(address, 200)
        .await?;
    println!("limit: shortest answer          {answers}");
    Ok(())
}

async fn commits(db: &Db, writers: usize) -> anyhow::Result<u64> {
    let end = Instant::now() + Duration::from_secs(LIMIT_SECONDS);
    let mut all = JoinSet::new();
    for writer in 0..writers {
        let (db, number) = (db.clone(), i64::try_from(writer)?);
        all.spawn(async move {
            let mut count = 0_u64;
            while Instant::now() < end {
                let mut tx = db.begin().await?;
                in_tx!(&mut tx, |c| sqlx::query(TOUCH)
                    .bind(number)
                    .execute(c)
                    .await
                    .map(|_| ()))?;
                tx.commit().await?;
                count += 1;
            }
            Ok::<_, anyhow::Error>(count)
        });
    }
    let mut count = 0;
    while let Some(done) = all.join_next().await {
        count += done??;
    }
    Ok(count / LIMIT_SECONDS)
}

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS bench_commits (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
const TOUCH: &str = "INSERT INTO bench_commits (id, n) VALUES ($1, 0) ON CONFLICT (id) DO UPDATE SET n = bench_commits.n + 1";

/// Orders the plan pro for as many people, and signs what the gateway would say of each.
async fn notices(payment: &PaymentService, pen: &Pen, count: usize) -> anyhow::Result<Vec<String>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut buyers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (payment, next) = (payment.clone(), Arc::clone(&next));
        buyers.spawn(async move {
            let (mut made, ids) = (Vec::new(), Ids::new(Clock::system(), Entropy::system()));
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let wish = Subscribe {
                    user_id: ids.next(),
                    plan: PlanRef {
                        plan_id: None,
                        plan_slug: Some("pro".to_owned()),
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
                };
                let begun = payment.subscribe(&wish, None).await?.value;
                made.push(begun.transaction.context("a transaction")?.order_no);
            }
            Ok::<_, anyhow::Error>(made)
        });
    }
    let mut notices = Vec::new();
    while let Some(made) = buyers.join_next().await {
        for order_no in made?? {
            notices.push(pen.notice(&order_no)?);
        }
    }
    Ok(notices)
}

fn call(notice: &str) -> Vec<u8> {
    let length = notice.len();
    let head = "content-type: application/x-www-form-urlencoded; charset=utf-8";
    format!("POST {WEBHOOK} HTTP/1.1\r\nhost: bench\r\n{head}\r\ncontent-length: {length}\r\n\r\n{notice}").into_bytes()
}

/// The gateway's own key, from the sandbox's file.
struct Pen {
    key: KeyPair,
    app_id: String,
    seller_id: String,
}

impl Pen {
    async fn read(file: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let row = sqlx::query("SELECT app_id, merchant_id, keys FROM peers WHERE rail = 'alipay'")
            .fetch_one(&mut options.connect().await?)
            .await?;
        let keys: serde_json::Value = serde_json::from_str(row.get("keys"))?;
        let private = keys
            .get("gateway_private")
            .and_then(serde_json::Value::as_str);
        let private = BASE64_STANDARD.decode(private.context("a key")?)?;
        Ok(Self {
            key: KeyPair::from_pkcs8(&private).ok().context("a key")?,
            app_id: row.get("app_id"),
            seller_id: row.get("merchant_id"),
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
    )]
    fn signature(&self, text: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text,
            &mut signature,
        );
        signed.ok().context("signs")?;
        Ok(signature)
    }

    fn notice(&self, order_no: &str) -> anyhow::Result<String> {
        let (id, trade) = (format!("n{order_no}"), format!("2026{order_no}"));
        let fields = [
            ("app_id", self.app_id.as_str()),
            ("charset", "utf-8"),
            ("notify_id", &id),
            ("notify_type", "trade_status_sync"),
            ("out_trade_no", order_no),
            ("seller_id", &self.seller_id),
            ("total_amount", "99.00"),
            ("trade_no", &trade),
            ("trade_status", "TRADE_SUCCESS"),
            ("version", "1.0"),
        ];
        let lines = fields.map(|(name, value)| format!("{name}={value}"));
        let signature = self.signature(lines.join("&").as_bytes())?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("sign_type", "RSA2");
        form.append_pair("sign", &BASE64_STANDARD.encode(signature));
        Ok(form.finish())
    }
}

/// Calls to be made by a few connections.
struct Load {
    calls: Vec<Vec<u8>>,
    /// Between two calls, whatever became of the one before; `None`: as fast as they are answered.
    between: Option<Duration>,
}

impl Load {
    fn at_once(calls: Vec<Vec<u8>>) -> Self {
        Self {
            calls,
            between: None,
        }
    }

    fn steady(calls: Vec<Vec<u8>>) -> Self {
        let between = Duration::from_secs(1).checked_div(u32::try_from(STEADY_RATE).unwrap_or(1));
        Self { calls, between }
    }

    /// Makes them all; each must be answered with `status`. A call at a fixed rate is counted from the moment
    /// it was due.
    async fn run(self, address: &str, status: u16) -> anyhow::Result<Times> {
        let (calls, between) = (Arc::new(self.calls), self.between);
        let next = Arc::new(AtomicUsize::new(0));
        let begin = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (calls, next) = (Arc::clone(&calls), Arc::clone(&next));
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            clients.spawn(async move {
                let mut took = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.get(number) else {
                        return Ok::<_, anyhow::Error>(took);
                    };
                    let mut due = Instant::now();
                    if let Some(between) = between {
                        due = begin + between * u32::try_from(number)?;
                        sleep_until(due).await;
                    }
                    exchange(&mut stream, call, status).await?;
                    took.push(due.elapsed());
                }
            });
        }
        let mut all = Vec::new();
        while let Some(took) = clients.join_next().await {
            all.extend(took??);
        }
        let whole = begin.elapsed();
        all.sort_unstable();
        Ok(Times { sorted: all, whole })
    }
}

async fn exchange(stream: &mut TcpStream, call: &[u8], status: u16) -> anyhow::Result<()> {
    stream.write_all(call).await?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut piece).await?;
        ensure!(read > 0, "the connection was closed");
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.context("a length")?.parse()? {
            continue;
        }
        if !head.starts_with(&format!("HTTP/1.1 {status} ")) {
            bail!("{text}");
        }
        return Ok(());
    }
}

/// Forged calls without end.
struct Flood {
    over: Arc<AtomicBool>,
    clients: JoinSet<anyhow::Result<usize>>,
    begun: Instant,
}

impl Flood {
    fn begin(address: &str, forged: &[u8]) -> Self {
        let (over, mut clients) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for _ in 0..FLOOD_CONNECTIONS {
            let (over, address, forged) =
                (Arc::clone(&over), address.to_owned(), forged.to_owned());
            clients.spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    exchange(&mut stream, &forged, 401).await?;
                    count += 1;
                }
                Ok(count)
            });
        }
        Self {
            over,
            clients,
            begun: Instant::now(),
        }
    }

    /// Gives how many were answered, a second.
    async fn end(mut self) -> anyhow::Result<u128> {
        self.over.store(true, Ordering::Relaxed);
        let mut count = 0;
        while let Some(answered) = self.clients.join_next().await {
            count += answered??;
        }
        Ok(rate(count, self.begun.elapsed()))
    }
}

fn rate(count: usize, whole: Duration) -> u128 {
    (count as u128) * 1_000_000 / whole.as_micros().max(1)
}

/// How long each call took.
struct Times {
    sorted: Vec<Duration>,
    whole: Duration,
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |thousandths: usize| {
            let place = self.sorted.len().saturating_mul(thousandths) / 1_000;
            let place = place.min(self.sorted.len().saturating_sub(1));
            self.sorted.get(place).map_or(0, Duration::as_micros)
        };
        let rate = rate(self.sorted.len(), self.whole);
        let (p50, p99, p999, longest) = (at(500), at(990), at(999), at(1_000));
        write!(
            f,
            "{rate:>7}/s  p50 {p50} · p99 {p99} · p99.9 {p999} · longest {longest} µs"
        )
    }
}
