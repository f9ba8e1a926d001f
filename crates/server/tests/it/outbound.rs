//! Events for host applications: signed, at least once, in order per object, to public addresses only.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Status};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate_storage::db::Db;
use tollgate_storage::in_tx;
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::crash::Process;
use crate::harness::{App, Buyer, each_engine, each_engine_with, until};
use crate::refunds::{paid, status};

pub(crate) const ENDPOINTS: &str = "/admin/webhook-endpoints";
const OPEN: &str = "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'open'";
pub(crate) const DONE: &str = "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'succeeded'";

const TRIES: &str = "SELECT COUNT(*) FROM webhook_tries";

/// So many tries came, and what came of them is noted: the pause before the next is counted from there.
async fn tried(app: &App, sink: &Sink, tries: usize) {
    until("a try", async || sink.calls().len() == tries).await;
    let noted = i64::try_from(tries).expect("few");
    until("noted", async || app.count(TRIES).await == noted).await;
}

/// Somebody who may set receivers up.
pub(crate) async fn admin(app: &App) -> Buyer {
    let staff = app.buyer().await;
    promote(&app.db, &staff).await;
    staff
}

/// Makes an admin of somebody.
pub(crate) async fn promote(db: &Db, staff: &Buyer) {
    let id: uuid::Uuid = staff.id.parse().expect("an id");
    let mut tx = db.begin().await.expect("begins");
    let statement = "INSERT INTO user_roles (user_id, role, created_at)
        SELECT id, 'admin', created_at FROM users WHERE id = $1";
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("given");
    tx.commit().await.expect("commits");
}

/// A status, and the seconds of `Retry-After`.
pub(crate) type Reply = (u16, Option<u64>);
/// What arrived: id, time, signatures and body.
pub(crate) type Call = (String, i64, String, String);

/// A host application's hook, which answers what it was told to.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<Vec<Reply>>>,
    pub(crate) hangs: Arc<Mutex<bool>>,
    /// How many hang now, and how many did at most.
    hanging: Arc<Mutex<(usize, usize)>>,
}

/// One that hangs, until its sender gives up.
struct Hanging(Arc<Mutex<(usize, usize)>>);

impl Hanging {
    fn new(hanging: &Arc<Mutex<(usize, usize)>>) -> Self {
        let mut count = hanging.lock().expect("whole");
        count.0 += 1;
        count.1 = count.1.max(count.0);
        drop(count);
        Self(hanging.clone())
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.lock().expect("whole").0 -= 1;
    }
}

async fn hook(State(sink): State<Sink>, headers: HeaderMap, body: String) -> (Status, HeaderMap) {
    let text = |name: &str| headers[name].to_str().expect("a text").to_owned();
    let at = text("webhook-timestamp").parse().expect("a time");
    let call = (text("webhook-id"), at, text("webhook-signature"), body);
    sink.calls.lock().expect("whole").push(call);
    if *sink.hangs.lock().expect("whole") {
        let _hanging = Hanging::new(&sink.hanging);
        std::future::pending::<()>().await;
    }
    let mut answers = sink.answers.lock().expect("whole");
    let (status, retry_after) = if answers.is_empty() {
        (204, None)
    } else {
        answers.remove(0)
    };
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    if (300..400).contains(&status) {
        headers.insert("location", "/elsewhere".parse().expect("a path"));
    }
    (Status::from_u16(status).expect("a status"), headers)
}

impl Sink {
    pub(crate) async fn open() -> (Self, String) {
        let sink = Self::default();
        let router = Router::new().fallback(post(hook)).with_state(sink.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!(
            "http://{}/hooks",
            listener.local_addr().expect("an address")
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        (sink, url)
    }

    pub(crate) fn will_answer(&self, answers: &[Reply]) {
        self.answers
            .lock()
            .expect("whole")
            .extend_from_slice(answers);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("whole").clone()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        let types = self.calls().into_iter().map(|(_, _, _, body)| {
            let body: Value = serde_json::from_str(&body).expect("JSON");
            body["type"].as_str().expect("a type").to_owned()
        });
        types.collect()
    }
}

/// By arithmetic of its own, as a receiver checks it.
fn is_signed(call: &Call, secret: &str) -> bool {
    let (id, at, signatures, body) = call;
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key.expect("base64"));
    signatures.split(' ').any(|signature| {
        let tag = BASE64_STANDARD.decode(signature.strip_prefix("v1,").expect("v1"));
        let text = format!("{id}.{at}.{body}");
        hmac::verify(&key, text.as_bytes(), &tag.expect("base64")).is_ok()
    })
}

/// A receiver at `url` for these types; its id and secret.
pub(crate) async fn endpoint(
    app: &App,
    admin: &Buyer,
    url: &str,
    types: &[&str],
) -> (String, String) {
    let body = json!({ "url": url, "event_types": types });
    let made = app.post(ENDPOINTS, &admin.token, body).await;
    let made = made.expect(StatusCode::CREATED);
    let word = |name: &str| made[name].as_str().expect("a text").to_owned();
    (word("id"), word("secret"))
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_what_happened_arrives_signed_in_order_and_is_repeated_until_it_is_taken() {
    each_engine(async |app| {
        let (staff, (sink, url)) = (admin(app).await, Sink::open().await);
        let (_, secret) = endpoint(
            app,
            &staff,
            &url,
            &["payment.completed", "refund.succeeded"],
        )
        .await;
        sink.will_answer(&[(500, None), (302, None), (429, Some(60))]);
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        let seen = status(app, &buyer, &id).await;
        tried(app, &sink, 1).await;
        // After a failure, a redirection that is not followed, and a receiver that asks for a minute.
        for (tries, pause) in [(2, 6), (3, 331)] {
            app.clock.advance(Duration::from_secs(pause));
            tried(app, &sink, tries).await;
        }
        app.clock.advance(Duration::from_mins(34));
        until("it is taken", async || app.count(DONE).await == 1).await;
        let calls = sink.calls();
        assert_eq!(calls.len(), 4);
        for call in &calls {
            assert!(is_signed(call, &secret), "{call:?}");
            assert_eq!(
                (&call.0, &call.3),
                (&calls[0].0, &calls[0].3),
                "one event, to the byte"
            );
        }
        let body: Value = serde_json::from_str(&calls[0].3).expect("JSON");
        assert_eq!(body["type"], "payment.completed");
        assert_eq!(
            body["data"], seen,
            "the whole resource, as the API shows it"
        );
        assert_eq!(app.count(TRIES).await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_events_of_one_object_keep_their_order_and_others_do_not_wait() {
    each_engine(async |app| {
        let (staff, (sink, url)) = (admin(app).await, Sink::open().await);
        endpoint(app, &staff, &url, &["user.created", "user.updated"]).await;
        sink.will_answer(&[(500, None)]);
        let person = app.buyer().await;
        until("the first try", async || sink.types() == ["user.created"]).await;
        let body = json!({ "username": "somebody-else" });
        let changed = app
            .call(Method::PATCH, "/auth/me", &person.token, Some(body))
            .await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        // Another person's event passes the one that waits.
        app.buyer().await;
        until("another's", async || {
            sink.types() == ["user.created", "user.created"]
        })
        .await;
        app.clock.advance(Duration::from_secs(6));
        until("in order", async || {
            sink.types()
                == [
                    "user.created",
                    "user.created",
                    "user.created",
                    "user.updated",
                ]
        })
        .await;
        let calls = sink.calls();
        assert_eq!(calls[0].0, calls[2].0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f26_an_endpoint_that_hangs_or_is_gone_keeps_nobody_else_waiting() {
    each_engine(async |app| {
        let staff = admin(app).await;
        let ((slow, slow_url), (gone, gone_url), (good, good_url)) =
            (Sink::open().await, Sink::open().await, Sink::open().await);
        *slow.hangs.lock().expect("whole") = true;
        gone.will_answer(&[(410, None)]);
        endpoint(app, &staff, &slow_url, &["user.created"]).await;
        let (gone_id, _) = endpoint(app, &staff, &gone_url, &["user.created"]).await;
        endpoint(app, &staff, &good_url, &["user.created"]).await;
        for people in 1..=20 {
            app.buyer().await;
            until("the good one", async || good.calls().len() == people).await;
        }
        let (_, most) = *slow.hanging.lock().expect("whole");
        assert!((1..=8).contains(&most), "{most} at once");
        assert_eq!(gone.calls().len(), 1, "who says gone is told no more");
        let list = app
            .get(ENDPOINTS, &staff.token)
            .await
            .expect(StatusCode::OK);
        let off: BTreeMap<_, _> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| (one["id"].as_str().expect("an id"), one["enabled"].as_bool()))
            .collect();
        assert_eq!(off[gone_id.as_str()], Some(false));
        // Switched on again, what waited is sent.
        let on = json!({ "enabled": true });
        let path = format!("{ENDPOINTS}/{gone_id}");
        let on = app.call(Method::PATCH, &path, &staff.token, Some(on)).await;
        on.expect(StatusCode::OK);
        app.clock.advance(Duration::from_secs(6));
        until("the rest", async || gone.calls().len() > 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f26_three_days_of_silence_lose_nothing() {
    each_engine(async |app| {
        let (staff, (sink, url)) = (admin(app).await, Sink::open().await);
        let (id, _) = endpoint(app, &staff, &url, &["user.created"]).await;
        sink.will_answer(&[(503, None); 10]);
        app.buyer().await;
        // 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
        for (tries, pause) in [
            (1, 0),
            (2, 6),
            (3, 331),
            (4, 34 * 60),
            (5, 8_000),
            (6, 20_000),
            (7, 40_000),
            (8, 56_000),
            (9, 80_000),
            (10, 96_000),
        ] {
            app.clock.advance(Duration::from_secs(pause));
            tried(app, &sink, tries).await;
        }
        let failed = "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'failed'";
        until("given up", async || app.count(failed).await == 1).await;
        let staff = admin(app).await;
        // It works again: what was given up is sent by hand, and arrives.
        let path = format!("/admin/webhook-deliveries?endpoint_id={id}&state=failed");
        let page = app.get(&path, &staff.token).await.expect(StatusCode::OK);
        let delivery = page["data"][0]["id"].as_str().expect("an id");
        let path = format!("/admin/webhook-deliveries/{delivery}/resend");
        app.post(&path, &staff.token, json!({}))
            .await
            .expect(StatusCode::ACCEPTED);
        // And so does the news of the admin who came meanwhile.
        until("both arrive", async || app.count(DONE).await == 2).await;
        app.post(&path, &staff.token, json!({}))
            .await
            .expect(StatusCode::ACCEPTED);
        until("once more", async || sink.calls().len() == 13).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_sign_while_one_is_exchanged_and_a_test_reaches_one_alone() {
    each_engine(async |app| {
        let staff = admin(app).await;
        let ((sink, url), (other, other_url)) = (Sink::open().await, Sink::open().await);
        let (id, old) = endpoint(app, &staff, &url, &[]).await;
        endpoint(app, &staff, &other_url, &["payment.failed"]).await;
        let path = format!("{ENDPOINTS}/{id}/rotate-secret");
        let new = app
            .post(&path, &staff.token, json!({}))
            .await
            .expect(StatusCode::OK);
        let new = new["secret"].as_str().expect("a secret").to_owned();
        assert_ne!(old, new);
        let path = format!("{ENDPOINTS}/{id}/test");
        app.post(&path, &staff.token, json!({}))
            .await
            .expect(StatusCode::ACCEPTED);
        until("the test", async || sink.types() == ["endpoint.test"]).await;
        let call = &sink.calls()[0];
        assert!(is_signed(call, &old) && is_signed(call, &new));
        app.clock.advance(Duration::from_hours(25));
        let staff = admin(app).await;
        app.post(&path, &staff.token, json!({}))
            .await
            .expect(StatusCode::ACCEPTED);
        until("another", async || sink.calls().len() >= 2).await;
        let call = sink.calls().pop().expect("a call");
        assert!(!is_signed(&call, &old) && is_signed(&call, &new));
        assert!(other.calls().is_empty());
        // The list never shows a secret.
        let list = app
            .get(ENDPOINTS, &staff.token)
            .await
            .expect(StatusCode::OK);
        assert!(!list.to_string().contains("whsec_"), "{list}");
        let path = format!("{ENDPOINTS}/{id}");
        let gone = app.call(Method::DELETE, &path, &staff.token, None).await;
        assert_eq!(gone.status, 204);
        until("nothing waits for it", async || app.count(OPEN).await == 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_58_where_events_may_not_go_is_refused_when_it_is_saved() {
    each_engine_with(
        &[("SANDBOX", "off"), ("PUBLIC_URL", "http://localhost:8080")],
        async |app| {
            let staff = admin(app).await;
            for url in [
                "http://169.254.169.254/latest/meta-data/",
                "https://[::ffff:127.0.0.1]/",
                "https://2130706433/",
                "https://localhost/",
                "https://user@hooks.example.com/",
                "javascript:alert(1)",
                "",
            ] {
                let answer = app
                    .post(ENDPOINTS, &staff.token, json!({ "url": url }))
                    .await;
                answer.refused(422, "validation_failed");
            }
            for body in [
                json!({ "url": "https://hooks.example.com/", "event_types": ["payment.complete"] }),
                json!({ "url": "https://hooks.example.com/", "description": "x".repeat(201) }),
            ] {
                let answer = app.post(ENDPOINTS, &staff.token, body).await;
                answer.refused(422, "validation_failed");
            }
            let misspelt = json!({ "url": "https://hooks.example.com/", "events": [] });
            let answer = app.post(ENDPOINTS, &staff.token, misspelt).await;
            answer.refused(422, "unknown_field");
            let none = "SELECT COUNT(*) FROM webhook_endpoints";
            assert_eq!(app.count(none).await, 0);
            let good = json!({ "url": "https://hooks.example.com/x", "description": "shop" });
            let made = app.post(ENDPOINTS, &staff.token, good).await;
            made.expect(StatusCode::CREATED);
            app.post(
                ENDPOINTS,
                &app.buyer().await.token,
                json!({ "url": "https://hooks.example.com/x" }),
            )
            .await
            .refused(403, "permission_denied");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_listens_beside_the_service_and_gets_it_signed() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let process = Process::start(&database, "a");
        let (sink, url) = Sink::open().await;
        let mut listening = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["webhooks", "listen", "--forward-to", &url])
            .envs(Process::settings(&database, "a"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = BufReader::new(listening.stdout.take().expect("its output")).lines();
        let mut lines = lines.map_while(Result::ok);
        let secret = lines.next().expect("a line");
        let secret = secret
            .strip_prefix("secret")
            .expect("a secret")
            .trim()
            .to_owned();
        let http = reqwest::Client::new();
        crate::harness::buyer(&http, &process.url).await;
        until("the news", async || {
            sink.types().contains(&"user.created".to_owned())
        })
        .await;
        assert!(sink.calls().iter().all(|call| is_signed(call, &secret)));
        let line = lines.next().expect("a line");
        assert!(
            line.contains("user.created") && line.contains("204"),
            "{line}"
        );
        listening.kill().expect("killed");
        listening.wait().expect("gone");
        drop(process);
        database.remove().await;
    }
}
