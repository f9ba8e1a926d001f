//! The figures of a running program: what they count, to the number, and where they are not.

use std::process::Command;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};

use crate::crash::Process;
use crate::harness::{Answer, Buyer, buyer, until};
use crate::outbound::{ENDPOINTS, Sink, promote};

/// A program that serves its figures, and somebody who calls it.
struct Watched {
    process: Process,
    http: Client,
}

impl Watched {
    fn start(database: &TestDatabase) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env("METRICS_ADDR", "127.0.0.1:0");
        Self {
            process: Process::start_by(command, database, "data"),
            http: Client::new(),
        }
    }

    async fn figures(&self) -> String {
        let address = self.process.metrics.as_ref().expect("it says where");
        let answer = self.http.get(address).send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::OK);
        let kind = answer.headers()["content-type"].to_str().expect("a text");
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        answer.text().await.expect("text")
    }

    async fn post(&self, path: &str, credential: &str, body: Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.process.url));
        let request = request.bearer_auth(credential).json(&body);
        Answer::read(request.send().await.expect("answered")).await
    }

    /// The number of an order of the plan pro.
    async fn order(&self, buyer: &Buyer) -> String {
        let body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let order = self
            .post("/payments/subscriptions/subscribe", &buyer.token, body)
            .await;
        let order = order.expect(StatusCode::CREATED);
        let number = order["transaction"]["order_no"].as_str();
        number.expect("a number").to_owned()
    }

    async fn pay(&self, number: &str) {
        let path = format!("{}/sandbox/pay/{number}/pay", self.process.url);
        let pressed = self.http.post(path).header("accept", "application/json");
        let pressed = pressed.send().await.expect("answered");
        assert_eq!(pressed.status(), StatusCode::OK);
    }

    /// Until a figure stands at a number.
    async fn stands(&self, name: &str, labels: &[(&str, &str)], wanted: u64) {
        let what = format!("{name} {labels:?} at {wanted}");
        until(&what, async || {
            figure(&self.figures().await, name, labels) == Some(wanted)
        })
        .await;
    }
}

/// The value of the one series of this name that has these labels.
fn figure(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
    let mut found = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let rest = series.strip_prefix(name)?;
        let own = rest.is_empty() || rest.starts_with('{');
        let all = labels
            .iter()
            .all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")));
        (own && all).then(|| value.parse().expect("a whole number"))
    });
    let one = found.next();
    assert_eq!(found.next(), None, "{name} {labels:?} is more than one");
    one
}

const DOCUMENT: &str = include_str!("../../../../docs/operations.md");
const ALERTS: &str = include_str!("../../../../examples/prometheus/alerts.yml");

/// What is served is in the table, and what rules ask for is too.
fn all_is_documented(text: &str) {
    let table: Vec<&str> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let served = text.lines().filter_map(|line| {
        let name = line.strip_prefix("# TYPE ")?;
        name.split_whitespace().next()
    });
    for name in served {
        assert!(table.contains(&name), "{name} is not in the table");
    }
    let words = ALERTS.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let asked =
        words.filter(|word| word.starts_with("tollgate_") || word.starts_with("http_server"));
    let mut rules = 0;
    for word in asked {
        let name = word.trim_end_matches("_bucket").trim_end_matches("_count");
        assert!(table.contains(&name), "a rule asks for {name}");
        rules += 1;
    }
    assert!(rules > 15);
}

/// More than are kept in a minute.
const FORGED: u64 = 65;
const PAYMENTS: &str = "tollgate_payments_total";
const CALLBACKS: &str = "tollgate_callbacks_total";
const UNITS: &str = "tollgate_quota_units_total";
const REQUESTS: &str = "http_server_request_duration_seconds_count";

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_money_count_each_fact_once() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let watched = Watched::start(&database);
        let url = watched.process.url.clone();
        let text = watched.figures().await;
        assert_eq!(figure(&text, "tollgate_reconciled_total", &[]), Some(0));
        assert_eq!(figure(&text, PAYMENTS, &[]), None);

        // Nobody tells of the first money: it is asked for.
        let ann = buyer(&watched.http, &url).await;
        let number = watched.order(&ann).await;
        let again = watched.order(&ann).await;
        assert_eq!(again, number, "one open order");
        let lost = json!({ "kind": "callback_lost", "order": number });
        let put = watched.post("/sandbox/alipay/faults", "", lost).await;
        put.expect(StatusCode::CREATED);
        watched.pay(&number).await;
        let later = json!({ "advance_seconds": 6 });
        let moved = watched.post("/sandbox/clock", "", later).await;
        moved.expect(StatusCode::OK);
        let of = |status| {
            [
                ("provider", "alipay"),
                ("status", status),
                ("currency", "CNY"),
            ]
        };
        watched.stands(PAYMENTS, &of("completed"), 1).await;
        let text = watched.figures().await;
        assert_eq!(figure(&text, "tollgate_reconciled_total", &[]), Some(1));
        assert_eq!(figure(&text, CALLBACKS, &[]), None);

        // The second is told of; and strangers tell of more than is kept.
        let bob = buyer(&watched.http, &url).await;
        let number = watched.order(&bob).await;
        watched.pay(&number).await;
        watched.stands(PAYMENTS, &of("completed"), 2).await;
        for _ in 0..FORGED {
            let call = watched.http.post(format!("{url}/payments/webhooks/alipay"));
            let call = call.form(&[("out_trade_no", number.as_str()), ("sign", "none")]);
            let refused = call.send().await.expect("answered");
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
        let text = watched.figures().await;
        let of_calls = |verdict| [("provider", "alipay"), ("verdict", verdict)];
        assert_eq!(figure(&text, CALLBACKS, &of_calls("verified")), Some(1));
        assert_eq!(figure(&text, CALLBACKS, &of_calls("forged")), Some(FORGED));
        assert_eq!(figure(&text, PAYMENTS, &of("pending")), Some(2));
        assert_eq!(figure(&text, PAYMENTS, &of("completed")), Some(2));
        assert_eq!(figure(&text, PAYMENTS, &of("failed")), None);
        let at = |status, route| {
            [
                ("http_request_method", "POST"),
                ("http_response_status_code", status),
                ("http_route", route),
            ]
        };
        let calls = at("401", "/payments/webhooks/{provider}");
        assert_eq!(figure(&text, REQUESTS, &calls), Some(FORGED));

        // All of it goes back.
        let db = Db::open(database.url(), 4).await.expect("opens");
        promote(&db, &ann).await;
        let paid = watched.http.get(format!("{url}/payments/transactions"));
        let paid = paid.bearer_auth(&bob.token).send().await.expect("answered");
        let paid = Answer::read(paid).await.expect(StatusCode::OK);
        let id = paid["data"][0]["id"].as_str().expect("an id");
        let body = json!({ "amount": "99.00", "reason": "not wanted" });
        let refund = format!("/payments/refund/{id}");
        let refunded = watched.post(&refund, &ann.token, body).await;
        refunded.expect(StatusCode::CREATED);
        watched.stands(PAYMENTS, &of("refunded"), 1).await;
        db.close().await;
        drop(watched);
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_units_and_events_count_each_once_and_name_nobody() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let (sink, hooks) = Sink::open().await;
        let watched = Watched::start(&database);
        let url = watched.process.url.clone();
        let db = Db::open(database.url(), 4).await.expect("opens");
        let ann = buyer(&watched.http, &url).await;
        let free = json!({ "plan_slug": "free" });
        let begun = watched.post("/payments/subscriptions/subscribe", &ann.token, free);
        begun.await.expect(StatusCode::CREATED);

        let consume = async |cost: u64| {
            let body = json!({ "resource_type": "dicom_processing", "cost": cost });
            watched.post("/quota/consume", &ann.key, body).await
        };
        let usage = consume(3).await.expect(StatusCode::OK);
        consume(50).await.refused(429, "quota_exceeded");
        // The same call twice is one.
        for _ in 0..2 {
            let body = json!({ "resource_type": "dicom_processing", "cost": 2 });
            let call = watched.http.post(format!("{url}/quota/consume"));
            let call = call.bearer_auth(&ann.key).header("idempotency-key", "one");
            let taken = call.json(&body).send().await.expect("answered");
            assert_eq!(taken.status(), StatusCode::OK);
        }
        promote(&db, &ann).await;
        let wish = json!({ "name": "viewer", "scopes": ["quota"] });
        let made = watched.post("/admin/service-keys", &ann.token, wish).await;
        let made = made.expect(StatusCode::CREATED);
        let key = made["key"].as_str().expect("a key");
        let body = json!({ "resource_type": "dicom_processing", "user_id": ann.id, "cost": 4 });
        let held = watched.post("/quota/reserve", key, body).await;
        let held = held.expect(StatusCode::CREATED)["reservation_id"].clone();
        let settle = json!({ "reservation_id": held, "cost": 1 });
        for _ in 0..2 {
            let settled = watched.post("/quota/commit", key, settle.clone()).await;
            settled.expect(StatusCode::OK);
        }
        let back = json!({ "usage_id": usage["usage_id"], "reason": "no picture came of it" });
        for _ in 0..2 {
            let given = watched.post("/quota/refund", key, back.clone()).await;
            given.expect(StatusCode::OK);
        }
        let text = watched.figures().await;
        let of = |outcome| figure(&text, UNITS, &[("outcome", outcome)]);
        assert_eq!(
            ["charged", "refused", "reserved", "released", "refunded"].map(of),
            [Some(6), Some(50), Some(4), Some(3), Some(3)]
        );

        let hook = json!({ "url": hooks, "event_types": ["user.created"] });
        let hook = watched.post(ENDPOINTS, &ann.token, hook).await;
        let id = hook.expect(StatusCode::CREATED)["id"].clone();
        let trial = format!("{ENDPOINTS}/{}/test", id.as_str().expect("an id"));
        let begun = watched.post(&trial, &ann.token, json!({})).await;
        begun.expect(StatusCode::ACCEPTED);
        let deliveries = "tollgate_webhook_deliveries_total";
        watched
            .stands(deliveries, &[("result", "succeeded")], 1)
            .await;
        assert_eq!(sink.calls().len(), 1);

        // What a caller thinks of makes no label.
        let purge = Method::from_bytes(b"PURGE").expect("a method");
        for path in ["/nowhere/1", "/nowhere/2", "/quota/consume"] {
            let call = watched.http.request(purge.clone(), format!("{url}{path}"));
            call.send().await.expect("answered");
        }
        let text = watched.figures().await;
        let odd = [("http_request_method", "_OTHER"), ("http_route", "")];
        assert_eq!(figure(&text, REQUESTS, &odd), Some(2));
        for word in [
            "PURGE",
            "nowhere",
            "sk_",
            "@example.com",
            &ann.id,
            &made["id"].to_string(),
        ] {
            assert!(!text.contains(word), "{word} is told");
        }
        let taken = [
            ("http_route", "/quota/consume"),
            ("http_response_status_code", "200"),
        ];
        assert_eq!(figure(&text, REQUESTS, &taken), Some(3));
        assert_eq!(figure(&text, deliveries, &[("result", "failed")]), Some(0));

        all_is_documented(&text);
        assert_eq!(figure(&text, "tollgate_database_up", &[]), Some(1));
        assert_eq!(figure(&text, "tollgate_suspense_open", &[]), Some(0));
        let info = [("mode", "sandbox"), ("version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(figure(&text, "tollgate_build_info", &info), Some(1));
        let lanes = [("lane", "duty")];
        assert!(figure(&text, "tollgate_jobs_open", &lanes).is_some_and(|open| open > 0));
        db.close().await;
        drop(watched);
        database.remove().await;
    }
}

/// The ports on which a process listens.
#[cfg(target_os = "linux")]
fn listening(id: u32) -> usize {
    let sockets = std::fs::read_dir(format!("/proc/{id}/fd")).expect("its files");
    let sockets: Vec<String> = sockets
        .filter_map(|file| {
            let link = std::fs::read_link(file.ok()?.path()).ok()?;
            let link = link.to_str()?.strip_prefix("socket:[")?;
            Some(link.trim_end_matches(']').to_owned())
        })
        .collect();
    let tables = ["tcp", "tcp6"].map(|table| {
        std::fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default()
    });
    let listens = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.get(3) == Some(&"0A")
            && columns
                .get(9)
                .is_some_and(|inode| sockets.iter().any(|own| own == inode))
    };
    let lines = tables.iter().flat_map(|table| table.lines());
    lines.filter(listens).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn figures_are_served_at_their_own_address_or_nowhere() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let http = Client::new();
    let status = async |address: String| {
        let answer = http.get(address).send().await.expect("answered");
        answer.status().as_u16()
    };
    let quiet = Process::start(&database, "data");
    assert_eq!((quiet.metrics.clone(), listening(quiet.id())), (None, 1));
    assert_eq!(status(format!("{}/metrics", quiet.url)).await, 404);
    quiet.kill();

    let watched = Watched::start(&database);
    assert_eq!(listening(watched.process.id()), 2);
    let own = watched.process.metrics.clone().expect("it says where");
    assert_eq!(status(own.clone()).await, 200);
    let public = watched.process.url.clone();
    assert_eq!(status(format!("{public}/metrics")).await, 404);
    let base = own.trim_end_matches("/metrics").to_owned();
    for path in ["/", "/health", "/payments/plans", "/metrics/"] {
        assert_eq!(status(format!("{base}{path}")).await, 404, "{path}");
    }
    drop(watched);
    database.remove().await;
}

#[tokio::test]
async fn an_address_for_figures_that_cannot_be_used_stops_the_start() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let taken = taken.local_addr().expect("an address").to_string();
    for (address, exit, says) in [
        (
            "9464",
            3,
            "METRICS_ADDR: \"9464\" is not host:port (for example 127.0.0.1:9464)",
        ),
        (taken.as_str(), 1, "cannot listen on"),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .envs(Process::settings(&database, "data"))
            .env("METRICS_ADDR", address)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8(run.stderr).expect("text");
        assert_eq!(run.status.code(), Some(exit), "{said}");
        assert!(said.contains(says), "{said}");
    }
    database.remove().await;
}
