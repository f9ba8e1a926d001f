//! An application that knows nothing of any gate, and remembers what reached it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tollgate::gate::{GateConfig, Rules};

/// One call as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

/// The application.
pub(super) struct Upstream {
    pub(super) url: String,
    state: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    arrived: Notify,
    /// Until then `/slow` does not answer, and the second half of `/halves` is not sent.
    go: Notify,
    /// The first bytes of a body that is still being sent.
    began: Notify,
}

/// What `/work` is to do.
#[derive(Deserialize)]
struct Wish {
    answer: Option<u16>,
    cost: Option<String>,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let state = Arc::<Shared>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(serve).with_state(state.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serves");
        });
        Self {
            url,
            state,
            serving,
        }
    }

    /// In front of it.
    pub(super) fn gate(&self, rules: &str, within: Duration) -> GateConfig {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("gate.toml");
        std::fs::write(&file, rules).expect("written");
        GateConfig {
            upstream: self.url.clone(),
            rules: Rules::read(&file).expect("rules"),
            within,
        }
    }

    /// What arrived since the last look.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.state.seen.lock().expect("whole"))
    }

    pub(super) async fn arrived(&self) {
        self.state.arrived.notified().await;
    }

    pub(super) async fn began(&self) {
        self.state.began.notified().await;
    }

    pub(super) fn go(&self) {
        self.state.go.notify_one();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(State(state): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    state.seen.lock().expect("whole").push(Seen {
        target: parts.uri.to_string(),
        headers: parts.headers.clone(),
    });
    state.arrived.notify_one();
    match parts.uri.path() {
        "/slow" => {
            state.go.notified().await;
            "at last".into_response()
        }
        "/halves" => halves(&state),
        "/length" => {
            let mut body = body.into_data_stream();
            let mut bytes = 0;
            while let Some(piece) = futures_util::StreamExt::next(&mut body).await {
                bytes += piece.expect("a piece").len();
                state.began.notify_one();
            }
            bytes.to_string().into_response()
        }
        _ => {
            let wish = Query::<Wish>::try_from_uri(&parts.uri).expect("a wish").0;
            let status = StatusCode::from_u16(wish.answer.unwrap_or(200)).expect("a status");
            let mut response = (status, "done").into_response();
            let headers = response.headers_mut();
            if let Some(cost) = wish.cost {
                headers.insert("x-quota-cost", cost.parse().expect("a value"));
            }
            headers.insert("x-app", "1".parse().expect("a value"));
            headers.insert("connection", "x-hop".parse().expect("a value"));
            headers.insert("x-hop", "1".parse().expect("a value"));
            response
        }
    }
}

/// Half a body, and the other half when it is told to.
fn halves(state: &Arc<Shared>) -> Response {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    let state = state.clone();
    tokio::spawn(async move {
        sender.send(Ok(Bytes::from_static(b"first "))).await.ok();
        state.go.notified().await;
        sender.send(Ok(Bytes::from_static(b"second"))).await.ok();
    });
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    Body::from_stream(pieces).into_response()
}
