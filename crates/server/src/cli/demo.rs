//! `tollgate demo`: plays the whole job over HTTP against a server started for it, and checks at
//! each step that what was promised came true.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate::Server;
use tollgate::config::{Config, SandboxMode};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::origin::Origin;
use tollgate_payment::model::refund::RefundStatus;
use tollgate_payment::{PaymentService, WantRefund};

/// Calls at the same time.
const CLIENTS: u16 = 32;
/// What the sample plan sells for a month.
const LIMIT: u16 = 1_000;
/// What goes back first, in minor units.
const PART: i64 = 3_000;
const RESOURCE: &str = "dicom_processing";

/// Plays it. Data go to a folder of their own, which is deleted, unless `DATABASE_URL` names a
/// database.
pub(crate) async fn run(mut config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    let entropy = Entropy::system();
    let folder =
        std::env::temp_dir().join(format!("tollgate-demo-{:016x}", entropy.below(u64::MAX)));
    if std::env::var_os("DATABASE_URL").is_none() {
        config.database = tollgate_storage::url::DatabaseUrl::Sqlite(folder.join("tollgate.db"));
    }
    config.data_dir.clone_from(&folder);
    config.addr = ([127, 0, 0, 1], 0).into();
    config.public_url = None;
    config.sandbox = SandboxMode::On;

    let started = Instant::now();
    let server = Server::start(&config, Clock::system(), entropy.clone()).await?;
    let url = server.public_url().to_owned();
    let database = server.database().shown();
    let payment = server.payment().clone();
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(server.run(stopping));
    let mut demo = Demo {
        http: Client::builder().timeout(Duration::from_mins(1)).build()?,
        url,
        payment,
        step: 0,
        last: started,
    };
    demo.done(&format!("a fresh server on {database}, sandbox payments"));
    let outcome = demo.play(entropy.below(u64::MAX)).await;
    let _ = stop.send(true);
    running.await?;
    let _ = std::fs::remove_dir_all(&folder);
    outcome?;
    println!(
        "every step as promised, {} ms in all",
        started.elapsed().as_millis()
    );
    Ok(())
}

struct Demo {
    http: Client,
    url: String,
    /// What an operator does; over HTTP it takes a second account.
    payment: PaymentService,
    step: u32,
    last: Instant,
}

impl Demo {
    async fn play(&mut self, number: u64) -> anyhow::Result<()> {
        let (token, key) = self.sign_up(number).await?;
        let refused = self
            .call(
                Method::POST,
                "/quota/consume",
                &key,
                Some(json!({ "resource_type": RESOURCE })),
            )
            .await?;
        expect(
            refused,
            StatusCode::PAYMENT_REQUIRED,
            Some("subscription_required"),
        )
        .await?;
        self.done("a call without a plan is refused: 402 subscription_required");
        let transaction = self.buy(&token).await?;
        self.activated(&token, &transaction).await?;
        self.spend(&key).await?;
        self.balance(&key).await?;
        self.send_back(&token, &transaction).await?;
        self.books().await
    }

    async fn sign_up(&mut self, number: u64) -> anyhow::Result<(String, String)> {
        let account = json!({
            "email": format!("buyer-{number:016x}@example.com"),
            "username": format!("buyer-{number:016x}"),
            "password": format!("correct horse {number:x} battery"),
        });
        let registered = self
            .call(Method::POST, "/auth/register", "", Some(account.clone()))
            .await?;
        expect(registered, StatusCode::CREATED, None).await?;
        self.done(&format!("registered {}", text(&account, "/email")?));
        let login = json!({ "email": account["email"], "password": account["password"] });
        let signed_in = self
            .call(Method::POST, "/auth/login", "", Some(login))
            .await?;
        let token = text(
            &expect(signed_in, StatusCode::OK, None).await?,
            "/access_token",
        )?;
        self.done("signed in");
        let made = self
            .call(
                Method::POST,
                "/auth/api-keys",
                &token,
                Some(json!({ "name": "demo" })),
            )
            .await?;
        let made = expect(made, StatusCode::CREATED, None).await?;
        self.done(&format!("made the API key {}", text(&made, "/key_prefix")?));
        Ok((token, text(&made, "/key")?))
    }

    async fn buy(&mut self, token: &str) -> anyhow::Result<String> {
        let order = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let begun = self
            .call(
                Method::POST,
                "/payments/subscriptions/subscribe",
                token,
                Some(order),
            )
            .await?;
        let begun = expect(begun, StatusCode::CREATED, None).await?;
        ensure!(
            begun["subscription"].is_null(),
            "a subscription before any money: {begun}"
        );
        let transaction = text(&begun, "/transaction/id")?;
        let amount = text(&begun, "/transaction/amount")?;
        self.done(&format!("ordered the plan pro for {amount} CNY by Alipay"));
        let page = self
            .http
            .get(text(&begun, "/payment/checkout_url")?)
            .send()
            .await?;
        ensure!(
            page.status() == StatusCode::OK,
            "the checkout page answers {}",
            page.status()
        );
        let phone = text(&begun, "/payment/qr_content")?;
        let scanned = self.http.get(&phone).send().await?;
        ensure!(
            scanned.status() == StatusCode::OK,
            "the phone page answers {}",
            scanned.status()
        );
        self.done("opened the checkout page and scanned its code");
        let paid = self
            .http
            .post(format!("{phone}/pay"))
            .header("accept", "application/json")
            .send()
            .await?;
        let paid = expect(paid, StatusCode::OK, None).await?;
        ensure!(
            paid["trade_status"] == "TRADE_SUCCESS",
            "the phone says {paid}"
        );
        self.done("paid on the sandbox's phone page");
        Ok(transaction)
    }

    async fn activated(&mut self, token: &str, transaction: &str) -> anyhow::Result<()> {
        let path = format!("/payments/status/{transaction}?wait=25");
        let status = expect(
            self.call(Method::GET, &path, token, None).await?,
            StatusCode::OK,
            None,
        )
        .await?;
        ensure!(
            status["status"] == "completed",
            "the payment is not completed: {status}"
        );
        let current = self
            .call(Method::GET, "/payments/subscriptions/current", token, None)
            .await?;
        let current = expect(current, StatusCode::OK, None).await?;
        ensure!(
            current["status"] == "active" && current["plan"]["slug"] == "pro",
            "not active: {current}"
        );
        ensure!(
            current["quota_remaining"] == LIMIT,
            "the quota is not whole: {current}"
        );
        self.done(&format!(
            "the signed callback activated the subscription, {LIMIT} calls a month"
        ));
        Ok(())
    }

    /// Spends to the limit, many at once, and one beyond.
    async fn spend(&mut self, key: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (http, url, key) = (self.http.clone(), self.url.clone(), key.to_owned());
            let calls = LIMIT / CLIENTS + u16::from(client < LIMIT % CLIENTS);
            clients.spawn(async move {
                for call in 0..calls {
                    let body = json!({ "resource_type": RESOURCE, "resource_id": format!("{client}-{call}") });
                    let request = http.post(format!("{url}/quota/consume")).bearer_auth(&key).json(&body);
                    let request = request.header("idempotency-key", format!("demo-{client}-{call}"));
                    expect(request.send().await?, StatusCode::OK, None).await?;
                }
                anyhow::Ok(())
            });
        }
        for client in clients.join_all().await {
            client?;
        }
        let took = begun.elapsed().as_millis().max(1);
        self.done(&format!(
            "{LIMIT} metered calls by {CLIENTS} clients, {} a second",
            u128::from(LIMIT) * 1_000 / took
        ));
        let beyond = self
            .call(
                Method::POST,
                "/quota/consume",
                key,
                Some(json!({ "resource_type": RESOURCE })),
            )
            .await?;
        let problem = expect(
            beyond,
            StatusCode::TOO_MANY_REQUESTS,
            Some("quota_exceeded"),
        )
        .await?;
        ensure!(
            problem["quota"]["remaining"] == 0,
            "the refusal names what is left: {problem}"
        );
        self.done("one call more is refused: 429 quota_exceeded");
        let again = self
            .http
            .post(format!("{}/quota/consume", self.url))
            .bearer_auth(key);
        let again = again
            .header("idempotency-key", "demo-0-0")
            .json(&json!({ "resource_type": RESOURCE, "resource_id": "0-0" }));
        let again = again.send().await?;
        ensure!(
            again.headers().contains_key("idempotent-replayed"),
            "a repeated key was not replayed"
        );
        expect(again, StatusCode::OK, None).await?;
        self.done("a repeated Idempotency-Key brings the first answer back, and charges nothing");
        Ok(())
    }

    async fn balance(&mut self, key: &str) -> anyhow::Result<()> {
        let summary = expect(
            self.call(Method::GET, "/usage/summary", key, None).await?,
            StatusCode::OK,
            None,
        )
        .await?;
        let resources = summary["by_resource"]
            .as_array()
            .context("by_resource is a list")?;
        let logged: i64 = resources
            .iter()
            .filter_map(|resource| resource["quota_cost"].as_i64())
            .sum();
        let (used, limit) = (&summary["quota"]["used"], &summary["quota"]["limit"]);
        ensure!(
            *used == logged && *limit == logged,
            "the log says {logged}, the counter {used}, the limit {limit}"
        );
        self.done(&format!(
            "the books balance: sum of logs = counter = limit = {logged}"
        ));
        Ok(())
    }

    /// A part leaves the plan, all of it ends it.
    async fn send_back(&mut self, token: &str, transaction: &str) -> anyhow::Result<()> {
        let mut wish = WantRefund {
            payment_id: transaction.parse()?,
            amount: None,
            amount_minor: Some(PART),
            reason: "half-hearted".to_owned(),
            end_subscription: None,
            requested_by: None,
        };
        let current = "/payments/subscriptions/current";
        let part = self.payment.refund(&wish, &Origin::default(), None).await?;
        ensure!(
            part.value.status == RefundStatus::Succeeded,
            "the part is {:?}",
            part.value
        );
        let held = self.call(Method::GET, current, token, None).await?;
        expect(held, StatusCode::OK, None).await?;
        self.done(&format!(
            "refunded a part, {} CNY: the plan stays",
            part.value.amount
        ));
        wish.amount_minor = None;
        let rest = self.payment.refund(&wish, &Origin::default(), None).await?;
        ensure!(
            rest.value.status == RefundStatus::Succeeded,
            "the rest is {:?}",
            rest.value
        );
        let held = self.call(Method::GET, current, token, None).await?;
        expect(held, StatusCode::NOT_FOUND, Some("no_subscription")).await?;
        let path = format!("/payments/status/{transaction}");
        let paid = self.call(Method::GET, &path, token, None).await?;
        let paid = expect(paid, StatusCode::OK, None).await?;
        ensure!(
            paid["status"] == "refunded" && paid["refunded_amount"] == paid["amount"],
            "not wholly refunded: {paid}"
        );
        self.done(&format!(
            "refunded the rest, {} CNY: the plan has ended",
            rest.value.amount
        ));
        Ok(())
    }

    /// Our ledger, and the gateway's own.
    async fn books(&mut self) -> anyhow::Result<()> {
        let books = self.payment.verify_books().await?;
        ensure!(books.damage.is_empty(), "damaged: {:?}", books.damage);
        let mut sum = 0_i64;
        let mut at_alipay = 0_i64;
        for account in &books.accounts {
            sum = sum.saturating_add(account.minor);
            if account.code == "provider.alipay" {
                at_alipay = account.minor;
            }
        }
        ensure!(sum == 0, "the ledger sums to {sum}");
        self.done("the ledger sums to zero");
        let theirs = self
            .call(Method::GET, "/sandbox/alipay/books", "", None)
            .await?;
        let theirs = expect(theirs, StatusCode::OK, None).await?;
        let movements = theirs["data"].as_array().map_or(0, Vec::len);
        ensure!(
            movements == 3 && theirs["sums"][0]["net_minor"] == at_alipay,
            "Alipay's books say {theirs}, ours {at_alipay}"
        );
        self.done(&format!(
            "the sandbox's ledger equals ours: {movements} movements, {at_alipay} left"
        ));
        Ok(())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        credential: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !credential.is_empty() {
            request = request.bearer_auth(credential);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(request.send().await?)
    }

    fn done(&mut self, what: &str) {
        self.step += 1;
        println!(
            "{:>2}. {:>6} ms  {what}",
            self.step,
            self.last.elapsed().as_millis()
        );
        self.last = Instant::now();
    }
}

/// The body, if the status (and the code of a refusal) is the one that was promised.
async fn expect(
    response: Response,
    status: StatusCode,
    code: Option<&str>,
) -> anyhow::Result<Value> {
    let path = response.url().path().to_owned();
    let got = response.status();
    let body: Value = response
        .json()
        .await
        .with_context(|| format!("{path} answers {got} without JSON"))?;
    if got != status || code.is_some_and(|code| body["code"] != code) {
        bail!(
            "{path}: expected {status} {}, got {got} {body}",
            code.unwrap_or_default()
        );
    }
    Ok(body)
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("no text at {pointer} of {value}"))
}
