//! A server whose quota is used up over HTTP, beside the plain framework: `bench/consume` starts it, calls it with wrk,
//! and prints the figures.
//!
//! `consume people rows folder`: so many people, so many log rows behind them. Prints the service's address, the
//! framework's, and a service key; `folder/users` lists the people. Told to end (SIGTERM), it prints how
//! many units are charged, once every counter is the sum of its log.

use std::path::PathBuf;

use anyhow::Context as _;
use axum::routing::post;
use axum::{Json, Router};
use bench::consumers::{config, consumers, history, verify, write_users};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tollgate::Server;
use tollgate_auth::{CreateServiceKey, Initiator};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::networks::Networks;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::scope::{QUOTA, Scopes};
use tollgate_storage::db::Db;

// As the service has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One thread, as the service is given one core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().context(what);
    let people = next("how many people")?.parse()?;
    let rows = next("how many log rows")?.parse()?;
    let folder = PathBuf::from(next("a folder")?);
    std::fs::create_dir_all(&folder)?;
    let server = Server::start(&config(&folder)?, Clock::system(), Entropy::system()).await?;
    let users = consumers(server.payment(), people).await?;
    write_users(&users, &folder.join("users"))?;
    let db = Db::open(server.database(), 2).await?;
    history(&db, rows).await?;
    let wish = CreateServiceKey {
        name: "bench".parse()?,
        scopes: Scopes::only([QUOTA]),
        addresses: Networks::default(),
        expires_at: None,
    };
    let made = server
        .auth()
        .create_service_key(&wish, &Initiator::operator(&Origin::default()))
        .await?;
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    println!("127.0.0.1:{}", server.port());
    println!("{}", plain.local_addr()?);
    println!("{}", made.1.text());
    let twin = Router::new().route("/quota/consume", post(twin));
    tokio::spawn(async move { axum::serve(plain, twin).await });
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(server.run(stopping));
    signal(SignalKind::terminate())?.recv().await;
    stop.send(true)?;
    running.await?;
    println!("{}", verify(&db).await?);
    db.close().await;
    Ok(())
}

/// What a call says.
#[derive(Deserialize)]
struct Call {
    user_id: String,
    resource_type: String,
    cost: i64,
}

/// What it is told.
#[derive(Serialize)]
struct Answer {
    usage_id: String,
    quota: Quota,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the answer")]
struct Quota {
    quota_type: String,
    limit: i64,
    used: i64,
    reserved: i64,
    remaining: i64,
    resets_at: &'static str,
}

/// Reads the same call and answers the same shape, from nothing.
async fn twin(Json(call): Json<Call>) -> Json<Answer> {
    Json(Answer {
        usage_id: call.user_id,
        quota: Quota {
            quota_type: call.resource_type,
            limit: 1_000_000,
            used: call.cost,
            reserved: 0,
            remaining: 999_999,
            resets_at: "2026-12-24T00:00:00.000Z",
        },
    })
}
