//! Starts the whole service on a database of its own, with clients that speak HTTP to it, and a
//! gateway's pen that signs notices as the sandbox's Alipay does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tollgate::Server;
use tollgate::config::Config;
use tollgate::gate::GateConfig;
use tollgate_auth::AuthService;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::text::Language;
use tollgate_payment::PaymentService;
use tollgate_sandbox::{Sandbox, SandboxConfig};
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read};

/// A service that runs in this process.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) http: Client,
    pub(crate) clock: Clock,
    /// What a host would call.
    pub(crate) auth: AuthService,
    /// What a host would call.
    pub(crate) payment: PaymentService,
    /// Where its gate listens, if it has one.
    pub(crate) gate: String,
    /// For looking at the books, and for damaging them.
    pub(crate) db: Db,
    pub(crate) engine: Engine,
    database: TestDatabase,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// Runs `body` against a new service on each engine.
pub(crate) async fn each_engine(body: impl AsyncFn(&App)) {
    each_engine_with(&[], body).await;
}

/// The same, with settings.
pub(crate) async fn each_engine_with(settings: &[(&str, &str)], body: impl AsyncFn(&App)) {
    for engine in ENGINES {
        let app = App::start(engine, settings).await;
        body(&app).await;
        app.stop().await;
    }
}

/// The same, as a gate in front of an application.
pub(crate) async fn each_engine_gated(gate: &GateConfig, body: impl AsyncFn(&App)) {
    for engine in ENGINES {
        let app = App::start_as(engine, &[], Some(gate.clone())).await;
        body(&app).await;
        app.stop().await;
    }
}

/// Keys take the better part of a second to make, and every service may have the same ones: the sandbox's file as it
/// is before anybody orders.
async fn sandbox_of_all() -> &'static [u8] {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async || {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, whole) = (
            folder.path().join("sandbox.db"),
            folder.path().join("whole.db"),
        );
        let opened = Sandbox::open(SandboxConfig {
            data_file: first.clone(),
            base_url: "http://127.0.0.1".to_owned(),
            clock: Clock::system(),
            entropy: Entropy::system(),
            default_language: Language::En,
        });
        opened.await.expect("a sandbox");
        let options = SqliteConnectOptions::new().filename(first);
        let mut file = options.connect().await.expect("its file");
        let copied = sqlx::query("VACUUM INTO $1").bind(whole.to_str());
        copied.execute(&mut file).await.expect("copied");
        std::fs::read(whole).expect("read")
    };
    FILE.get_or_init(make).await
}

/// Puts it where the service looks for it.
pub(crate) async fn give_sandbox(folder: &Path) {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).expect("a folder");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(folder.join("sandbox.db")).expect("a file");
    std::io::Write::write_all(&mut file, sandbox_of_all().await).expect("written");
}

impl App {
    pub(crate) async fn start(engine: Engine, settings: &[(&str, &str)]) -> Self {
        Self::start_as(engine, settings, None).await
    }

    async fn start_as(engine: Engine, settings: &[(&str, &str)], gate: Option<GateConfig>) -> Self {
        let database = TestDatabase::new(engine).await;
        give_sandbox(&database.folder().join("data")).await;
        let mut env = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database.variable()),
            (
                "DATA_DIR".to_owned(),
                database.folder().join("data").display().to_string(),
            ),
            ("ADDR".to_owned(), "127.0.0.1:0".to_owned()),
            ("SANDBOX".to_owned(), "on".to_owned()),
            // Tests call more often in a minute than anybody.
            ("RATE_LIMIT_PER_MINUTE".to_owned(), "0".to_owned()),
        ]);
        env.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let mut config =
            Config::from_layers(env, Path::new("/nonexistent/.env")).expect("good settings");
        // What hashes are worth is shown where they are made, and by programs that run.
        config.accounts.weak_hashing_for_tests = true;
        let clock = Clock::system();
        let mut server = Server::start(&config, clock.clone(), Entropy::system())
            .await
            .expect("starts");
        if let Some(gate) = gate {
            let any = ([127, 0, 0, 1], 0).into();
            server = server.gate(any, gate).await.expect("a gate");
        }
        let gate = server.gate_address();
        let gate = gate
            .map(|addr| format!("http://{addr}"))
            .unwrap_or_default();
        let url = format!("http://127.0.0.1:{}", server.port());
        let (stop, stopping) = watch::channel(false);
        let (auth, payment) = (server.auth().clone(), server.payment().clone());
        let running = tokio::spawn(server.run(stopping));
        let db = Db::open(database.url(), 8).await.expect("opens");
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            url,
            http,
            clock,
            auth,
            payment,
            gate,
            db,
            engine,
            database,
            stop,
            running,
        }
    }

    /// What the sandbox's mailbox has for an address, newest first.
    pub(crate) async fn letters(&self, to: &str) -> Vec<Value> {
        let request = self.http.get(format!("{}/sandbox/mail?to={to}", self.url));
        let answer = request.header("accept", "application/json").send().await;
        let list: Value = answer.expect("answered").json().await.expect("JSON");
        list["data"].as_array().expect("letters").clone()
    }

    /// Where the newest of `count` letters to somebody that lead to `page` leads, as a path of this server. Letters leave
    /// beside the request.
    pub(crate) async fn link(&self, to: &str, page: &str, count: usize) -> String {
        let mut found = Vec::new();
        until(page, async || {
            let letters = self.letters(to).await;
            let links = letters.iter().filter_map(|letter| {
                let link = letter["links"][0].as_str()?;
                Some(link[link.find(page)?..].to_owned())
            });
            found = links.collect();
            found.len() == count
        })
        .await;
        found.swap_remove(0)
    }

    pub(crate) async fn stop(self) {
        self.stop.send(true).expect("still running");
        self.running.await.expect("ends well");
        self.db.close().await;
        self.database.remove().await;
    }

    /// For commands that run beside the service.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Where the sandbox keeps its file.
    pub(crate) fn sandbox_file(&self) -> std::path::PathBuf {
        self.database.folder().join("data/sandbox.db")
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        credential: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !credential.is_empty() {
            request = request.bearer_auth(credential);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn get(&self, path: &str, credential: &str) -> Answer {
        self.call(Method::GET, path, credential, None).await
    }

    pub(crate) async fn post(&self, path: &str, credential: &str, body: Value) -> Answer {
        self.call(Method::POST, path, credential, Some(body)).await
    }

    /// Somebody new, signed in, with an API key.
    pub(crate) async fn buyer(&self) -> Buyer {
        buyer(&self.http, &self.url).await
    }

    /// The same person, later: a sign-in ends after fifteen minutes.
    pub(crate) async fn sign_in(&self, buyer: &Buyer) -> String {
        let me = self
            .get("/auth/me", &buyer.key)
            .await
            .expect(StatusCode::OK);
        let login = json!({ "email": me["email"], "password": buyer.password });
        let session = self.post("/auth/login", "", login).await;
        let session = session.expect(StatusCode::OK);
        session["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// One number from the books, by a statement without parameters.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let (count,): (i64,) =
            on_read!(&self.db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
        count
    }

    /// Changes the books by hand.
    pub(crate) async fn damage(&self, statement: &'static str) {
        let mut tx = self.db.begin().await.expect("begins");
        in_tx!(&mut tx, |c| sqlx::query(statement)
            .execute(c)
            .await
            .map(|_| ()))
        .expect("changed");
        tx.commit().await.expect("commits");
    }

    /// Orders the plan pro.
    pub(crate) async fn order(&self, buyer: &Buyer) -> Value {
        let body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let begun = self
            .post("/payments/subscriptions/subscribe", &buyer.token, body)
            .await;
        begun.expect(StatusCode::CREATED)
    }

    /// Posts a notice as Alipay would.
    pub(crate) async fn notify(&self, notice: String) -> (u16, String) {
        let request = self
            .http
            .post(format!("{}/payments/webhooks/alipay", self.url))
            .header(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .body(notice);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// The books must balance whatever happened: counters, logs (of periods that the log still holds whole), the design's
    /// own columns.
    pub(crate) async fn balance(&self) {
        let apart = self
            .count(
                "SELECT COUNT(*) FROM quota_counters c
                 WHERE NOT EXISTS (SELECT 1 FROM usage_marks m WHERE m.name = 'dropped' AND m.upto > c.period_start) AND c.used <>
                 (SELECT CAST(COALESCE(SUM(l.quota_cost), 0) AS BIGINT) FROM usage_logs l
                  WHERE l.subscription_id = c.subscription_id AND l.meter = c.meter AND l.period_start = c.period_start)",
            )
            .await;
        assert_eq!(apart, 0, "a counter is not the sum of its log");
        let books = self.payment.verify_books().await.expect("read");
        assert_eq!(books.damage, [], "the books are damaged");
    }
}

/// Registers somebody new at `url`.
pub(crate) async fn buyer(http: &Client, url: &str) -> Buyer {
    let number = Entropy::system().below(u64::MAX);
    let email = format!("b{number:x}@example.com");
    let password = format!("plum {number:x} orchard lantern");
    let account =
        json!({ "email": email, "username": format!("b{number:x}"), "password": password });
    let post = async |path: &str, token: &str, body: Value| {
        let mut request = http.post(format!("{url}{path}")).json(&body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        Answer::read(request.send().await.expect("an answer")).await
    };
    let user = post("/auth/register", "", account)
        .await
        .expect(StatusCode::CREATED);
    let login = json!({ "email": email, "password": password });
    let session = post("/auth/login", "", login).await.expect(StatusCode::OK);
    let token = session["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let key = post("/auth/api-keys", &token, json!({ "name": "test" }))
        .await
        .expect(StatusCode::CREATED);
    Buyer {
        id: user["id"].as_str().expect("an id").to_owned(),
        token,
        key: key["key"].as_str().expect("a key").to_owned(),
        password,
    }
}

/// Somebody with an account.
#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) password: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("text");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            body,
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status.as_u16(), "{}", self.body);
        self.body
    }

    /// A refusal on a page is a page, with this status, that says this.
    #[track_caller]
    pub(crate) fn shows_page_of(self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8");
        let html = self.body.as_str().expect("text");
        assert!(html.contains("<h1") && html.contains(text), "{html}");
    }

    /// A refusal is a whole problem document with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["type"], format!("urn:tollgate:problem:{code}"));
        assert_eq!(self.body["status"], status);
        for member in ["title", "detail", "request_id", "instance", "doc_url"] {
            assert!(
                self.body[member].is_string(),
                "{member} is missing: {}",
                self.body
            );
        }
        self.body
    }
}

/// Signs notices with the key of the sandbox's gateway: genuine ones, of any content.
pub(crate) struct Pen {
    key: KeyPair,
    pub(crate) app_id: String,
    pub(crate) seller_id: String,
}

impl Pen {
    pub(crate) async fn of(app: &App) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(app.sandbox_file())
            .read_only(true);
        let mut file = options.connect().await.expect("the sandbox's file");
        let row = sqlx::query("SELECT app_id, merchant_id, keys FROM peers WHERE rail = 'alipay'")
            .fetch_one(&mut file)
            .await
            .expect("a merchant");
        let keys: Value = serde_json::from_str(row.get("keys")).expect("keys");
        let private = BASE64_STANDARD
            .decode(keys["gateway_private"].as_str().expect("a key"))
            .expect("base64");
        Self {
            key: KeyPair::from_pkcs8(&private).expect("a key"),
            app_id: row.get("app_id"),
            seller_id: row.get("merchant_id"),
        }
    }

    /// What Alipay says of a paid order.
    pub(crate) fn paid<'a>(&'a self, order: &'a Value) -> BTreeMap<&'a str, String> {
        let text = |pointer: &str| {
            order
                .pointer(pointer)
                .and_then(Value::as_str)
                .expect("a text")
                .to_owned()
        };
        let order_no = text("/transaction/order_no");
        BTreeMap::from([
            ("app_id", self.app_id.clone()),
            ("seller_id", self.seller_id.clone()),
            ("charset", "utf-8".to_owned()),
            ("notify_id", format!("n{order_no}")),
            ("notify_type", "trade_status_sync".to_owned()),
            ("out_trade_no", order_no.clone()),
            ("trade_no", format!("2026{order_no}")),
            ("total_amount", text("/transaction/amount")),
            ("trade_status", "TRADE_SUCCESS".to_owned()),
            ("version", "1.0".to_owned()),
        ])
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
    )]
    pub(crate) fn sign(&self, fields: &BTreeMap<&str, String>) -> String {
        let lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                lines.join("&").as_bytes(),
                &mut signature,
            )
            .expect("signs");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        form.append_pair("sign_type", "RSA2")
            .append_pair("sign", &BASE64_STANDARD.encode(signature));
        form.finish()
    }
}

/// Waits for something that other tasks bring about, at most ten seconds.
pub(crate) async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come about");
}
