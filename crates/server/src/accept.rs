//! The accept loop. `axum::serve` installs no timer, so a client that stalls would stay connected
//! for ever; here the time for a request's head is bounded, and so is the number of connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::Uri;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tollgate_kernel::origin::ClientAddress;

use crate::client_address::TrustedProxies;
use crate::lingering::Lingering;
use crate::stop::stopped;
use crate::unread;

/// For the head of a request, and so for an idle connection: above a proxy's keep-alive.
const HEADER_READ: Duration = Duration::from_secs(75);
const MOST_CONNECTIONS: usize = 10_000;
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// After a refused accept (too few file descriptors) others may have closed.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// What runs when we are told to stop may finish.
const DRAIN: Duration = Duration::from_secs(9);

/// Whose paths they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Ours: a slash at the end means the same as none.
    Ours,
    /// Another application's, as they were sent.
    AsSent,
}

/// Serves until `stop` says so, then lets running exchanges finish.
pub(crate) async fn serve(
    listener: TcpListener,
    (router, paths): (Router, Paths),
    trusted: TrustedProxies,
    mut stop: watch::Receiver<bool>,
) {
    let trusted = Arc::new(trusted);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ)
        .max_buf_size(HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = stopped(&mut stop) => break,
        };
        let Ok(slot) = slot else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        // Answers are small and written whole.
        let _ = stream.set_nodelay(true);
        let trusted = Arc::clone(&trusted);
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let client = trusted.client(peer.ip(), request.headers());
            request.extensions_mut().insert(ClientAddress(client));
            if paths == Paths::Ours {
                without_trailing_slash(&mut request);
            }
            unread::answered(router.clone(), request)
        });
        let stream = TokioIo::new(Lingering::new(stream));
        let connection = graceful.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!("some exchanges did not finish in time"),
    }
}

/// The pages of the reference need theirs, and behind `/auth/forward` it says where the client's own path begins.
fn without_trailing_slash(request: &mut Request<Incoming>) {
    let path = request.uri().path();
    let keeps = path.starts_with("/docs") || path.starts_with("/auth/forward/");
    if path.len() < 2 || !path.ends_with('/') || keeps {
        return;
    }
    let trimmed = path.trim_end_matches('/');
    let trimmed = if trimmed.is_empty() { "/" } else { trimmed };
    let target = request
        .uri()
        .query()
        .map_or_else(|| trimmed.to_owned(), |query| format!("{trimmed}?{query}"));
    if let Ok(uri) = target.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}
