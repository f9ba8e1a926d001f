//! Spans of a running program, as a collector gets them.

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tollgate_storage::testing::{Engine, TestDatabase};

use crate::crash::Process;

/// Whatever was delivered: OTLP is protobuf, in which names and texts stand as they are.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<u8>>>);

async fn collected(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    collector.0.lock().expect("whole").extend_from_slice(&body);
}

impl Collector {
    async fn open() -> (Self, String) {
        let collector = Self::default();
        let router = Router::new().route("/base/v1/traces", post(collected));
        let router = router.with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let addr = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, format!("http://{addr}/base/"))
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let all = self.0.lock().expect("whole");
        all.windows(bytes.len()).any(|window| window == bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a10_a_span_tells_a_collector_of_each_exchange_and_of_nobody() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let (collector, endpoint) = Collector::open().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    // Whatever the log leaves out.
    command.env("LOG_LEVEL", "error");
    let mut process = Process::start_by(command, &database, "data");
    let http = Client::new();
    let (trace, parent) = (
        0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128,
        0xb7ad_6b71_6920_3331_u64,
    );
    let plans = http.get(format!("{}/payments/plans", process.url));
    let plans = plans.header("traceparent", format!("00-{trace:032x}-{parent:016x}-01"));
    assert_eq!(plans.send().await.expect("answered").status(), 200);
    let person = json!({ "email": "hidden@example.com", "password": "hidden-plum-orchard" });
    let login = http.post(format!("{}/auth/login?x=hidden", process.url));
    let login = login.bearer_auth("hidden-token").json(&person);
    assert_eq!(login.send().await.expect("answered").status(), 401);
    let nowhere = http.get(format!("{}/hidden/path", process.url));
    assert_eq!(nowhere.send().await.expect("answered").status(), 404);
    // What waits is sent at the end.
    process.terminate();
    for told in [
        "GET /payments/plans",
        "http.route",
        "http.response.status_code",
        "service.name",
        "tollgate",
        "answered",
    ] {
        assert!(collector.holds(told.as_bytes()), "{told} was not told");
    }
    assert!(
        collector.holds(&trace.to_be_bytes()),
        "of the caller's trace"
    );
    assert!(
        collector.holds(&parent.to_be_bytes()),
        "under the caller's span"
    );
    assert!(!collector.holds(b"hidden"), "what callers send was told");
    database.remove().await;
}
