//! What a durable charge costs in process, without HTTP: by so many at once, of a thousand people or all of one. Beside it,
//! in the same run, what a commit of one small row costs. In SQLite, or in the database that `DATABASE_URL` names, which
//! must be empty. At the end every counter must be the sum of its log.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::consumers::{RESOURCE, config, consumers, verify};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tollgate::Server;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::UserId;
use tollgate_payment::model::quota::Cost;
use tollgate_payment::{Consume, PaymentService};
use tollgate_storage::db::Db;
use tollgate_storage::settings;

// As the service has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PEOPLE: usize = 1_000;

fn call(user_id: UserId) -> Consume {
    Consume {
        user_id,
        resource_type: RESOURCE.parse().expect("a name"),
        cost: Cost::ONE,
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    }
}

/// So many charges by so many clients, each waiting for its answer before its next.
async fn charge(
    payment: &PaymentService,
    users: &Arc<[UserId]>,
    clients: u64,
    charges: u64,
) -> Duration {
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for client in 0..clients.min(charges) {
        let (payment, users) = (payment.clone(), Arc::clone(users));
        all.spawn(async move {
            let mut number = client;
            while number < charges {
                let place = usize::try_from(number).expect("small") % users.len();
                let taken = payment.consume(&call(users[place]), None).await;
                black_box(taken.expect("charged"));
                number += clients;
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic");
    }
    begun.elapsed()
}

/// So many commits of one row, one after another.
async fn commit(db: &Db, commits: u64) -> Duration {
    let (begun, clock) = (Instant::now(), Clock::system());
    for number in 0..commits {
        let mut tx = db.begin().await.expect("begins");
        let value = json!(number);
        settings::put(&mut tx, "bench", &value, clock.now())
            .await
            .expect("written");
        tx.commit().await.expect("committed");
    }
    begun.elapsed()
}

fn consume(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("tollgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let (payment, db, users) = runtime.block_on(begin(&folder));
    let engine = match &db {
        Db::Sqlite { .. } => "sqlite",
        Db::Postgres(_) => "postgres",
    };
    let mut group = criterion.benchmark_group(format!("consume/{engine}"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("limit: a commit of one row", |bencher| {
        bencher.iter_custom(|commits| runtime.block_on(commit(&db, commits)));
    });
    for (shape, users) in [
        ("spread", Arc::clone(&users)),
        ("hot", Arc::from([users[0]])),
    ] {
        for clients in [1, 16, 128] {
            let name = BenchmarkId::new(shape, clients);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|charges| {
                    runtime.block_on(charge(&payment, &users, clients, charges))
                });
            });
        }
    }
    group.finish();
    let charged = runtime.block_on(verify(&db)).expect("log and counter");
    println!("every counter is the sum of its log: {charged} units");
    runtime.block_on(db.close());
    std::fs::remove_dir_all(&folder).expect("removed");
}

async fn begin(folder: &Path) -> (PaymentService, Db, Arc<[UserId]>) {
    let config = config(folder).expect("settings");
    let server = Server::start(&config, Clock::system(), Entropy::system());
    let server = server.await.expect("starts");
    let payment = server.payment().clone();
    let users = consumers(&payment, PEOPLE).await.expect("people");
    let db = Db::open(server.database(), 2).await.expect("opens");
    (payment, db, users.into())
}

criterion_group!(benches, consume);
criterion_main!(benches);
