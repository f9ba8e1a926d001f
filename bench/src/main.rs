//! A server for load tools: `/plain` is the framework alone, `/token` takes an access token, `/key` an
//! API key; `POST /storm?seconds=N` signs in as fast as the hashing threads let it, meanwhile.
//!
//! `bench/http` starts it and prints the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bench::{Somebody, login, somebody};
use tollgate_auth::{JwtAlgorithm, LoginError};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::text::Language;

/// As many sign in at once as the queue holds.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join("tollgate-bench");
    std::fs::create_dir_all(&folder)?;
    let made = somebody(&folder, JwtAlgorithm::Rs256).await?;
    let Somebody { auth, token, key } = made;
    let guarded = Router::new()
        .route(
            "/token",
            get(|| async { "ok" }).route_layer(auth.require_auth()),
        )
        .route(
            "/key",
            get(|| async { "ok" }).route_layer(auth.require_auth()),
        )
        .layer(auth.identify());
    let whole = Router::new()
        .route(
            "/whole",
            get(|| async { "ok" }).route_layer(auth.require_auth()),
        )
        .layer(auth.identify());
    let ids = Ids::new(Clock::system(), Entropy::system());
    let whole = Exchange::new(ids, Language::En, "http://localhost/errors").around(whole);
    let app = Router::new()
        .route("/plain", get(|| async { "ok" }))
        .route("/storm", post(storm))
        .with_state(auth)
        .merge(guarded)
        .merge(whole);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    println!("{token}");
    println!("{key}");
    axum::serve(listener, app).await?;
    Ok(())
}

/// Signs in for ten seconds; gives how many did, a second.
async fn storm(State(auth): State<tollgate_auth::AuthService>) -> String {
    let (done, seconds) = (Arc::new(AtomicU64::new(0)), 10_u64);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..AT_ONCE {
        let (auth, done) = (auth.clone(), Arc::clone(&done));
        clients.spawn(async move {
            // A device of its own each: the count of wrong passwords is not what is measured.
            let mut wish = login();
            wish.device = Some(format!("device{number}").into());
            loop {
                match auth.login(&wish, &Origin::default()).await {
                    Ok(_) => {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(LoginError::Busy(_) | LoginError::TooMany(_)) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(error) => return error.to_string(),
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    clients.abort_all();
    let rate = done.load(Ordering::Relaxed) / seconds;
    format!("{rate} sign-ins a second\n")
}
