//! `tollgate demo`: plays the whole job over HTTP against a server started for it, and checks at
//! each step that what was promised came true.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use chrono::DateTime;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate::Server;
use tollgate::config::{Config, SandboxMode};
use tollgate_kernel::clock::{Clock, Timestamp};
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
/// Stripe's test cards.
const DECLINED: &str = "4000000000000002";
const PAYS: &str = "4242424242424242";
/// A bill is a draft for an hour after the term's end.
const DRAFT: Duration = Duration::from_mins(90);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);

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
    let clock = Clock::system();
    let server = Server::start(&config, clock.clone(), entropy.clone()).await?;
    let url = server.public_url().to_owned();
    let database = server.database().shown();
    let payment = server.payment().clone();
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(server.run(stopping));
    let mut demo = Demo {
        http: Client::builder().timeout(Duration::from_mins(1)).build()?,
        url,
        payment,
        clock,
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

/// What is to be paid, and where.
struct Order {
    id: String,
    /// The hosted page.
    page: String,
    /// What is scanned, or the provider's page.
    code: String,
}

struct Demo {
    http: Client,
    url: String,
    /// What an operator does; over HTTP it takes a second account.
    payment: PaymentService,
    /// The server's, and the sandbox's: it can be a month later.
    clock: Clock,
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
        let order = self.order(&token, "alipay").await?;
        self.pay_by_phone(&order, "TRADE_SUCCESS").await?;
        self.activated(&token, &order.id).await?;
        self.spend(&key).await?;
        self.balance(&key).await?;
        self.send_back(&token, &order.id).await?;

        let (token, _) = self.sign_up(number.wrapping_add(1)).await?;
        let order = self.order(&token, "wechat").await?;
        self.pay_by_phone(&order, "SUCCESS").await?;
        self.activated(&token, &order.id).await?;

        let (token, key) = self.sign_up(number.wrapping_add(2)).await?;
        let order = self.order(&token, "stripe").await?;
        self.pay_by_card(&order).await?;
        self.activated(&token, &order.id).await?;
        self.renews(&key).await?;
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

    /// Orders the plan pro.
    async fn order(&mut self, token: &str, rail: &str) -> anyhow::Result<Order> {
        let wish = json!({ "plan_slug": "pro", "payment_method": rail });
        let begun = self
            .call(
                Method::POST,
                "/payments/subscriptions/subscribe",
                token,
                Some(wish),
            )
            .await?;
        let begun = expect(begun, StatusCode::CREATED, None).await?;
        ensure!(
            begun["subscription"].is_null(),
            "a subscription before any money: {begun}"
        );
        let amount = text(&begun, "/transaction/amount")?;
        self.done(&format!("ordered the plan pro for {amount} CNY by {rail}"));
        let code = text(&begun, "/payment/qr_content").or_else(|_| text(&begun, "/payment/url"));
        Ok(Order {
            id: text(&begun, "/transaction/id")?,
            page: text(&begun, "/payment/checkout_url")?,
            code: code?,
        })
    }

    async fn opens(&self, page: &str) -> anyhow::Result<()> {
        let status = self.http.get(page).send().await?.status();
        ensure!(status == StatusCode::OK, "{page} answers {status}");
        Ok(())
    }

    async fn pay_by_phone(&mut self, order: &Order, paid: &str) -> anyhow::Result<()> {
        self.opens(&order.page).await?;
        self.opens(&order.code).await?;
        self.done("opened the checkout page and scanned its code");
        let thumb = self
            .http
            .post(format!("{}/pay", order.code))
            .header("accept", "application/json")
            .send()
            .await?;
        let thumb = expect(thumb, StatusCode::OK, None).await?;
        ensure!(thumb["trade_status"] == paid, "the phone says {thumb}");
        self.done("paid on the sandbox's phone page");
        Ok(())
    }

    /// Another card, once the first was declined.
    async fn pay_by_card(&mut self, order: &Order) -> anyhow::Result<()> {
        self.opens(&order.page).await?;
        self.opens(&order.code).await?;
        for (card, status, what) in [
            (DECLINED, "open", "the bank declined the first card"),
            (PAYS, "complete", "another card paid on the same page"),
        ] {
            let given = self.http.post(&order.code).form(&[("number", card)]);
            let given = given.header("accept", "application/json").send().await?;
            let given = expect(given, StatusCode::OK, None).await?;
            ensure!(given["status"] == status, "the card page says {given}");
            self.done(what);
        }
        Ok(())
    }

    /// A month passes: the card is debited again, and the term is longer.
    async fn renews(&mut self, key: &str) -> anyhow::Result<()> {
        let current = "/payments/subscriptions/current";
        let held = self.call(Method::GET, current, key, None).await?;
        let held = expect(held, StatusCode::OK, None).await?;
        ensure!(held["renewal"] == "automatic", "it does not renew: {held}");
        let end = DateTime::parse_from_rfc3339(&text(&held, "/current_period_end")?)?;
        let end = Timestamp::from_utc(end.to_utc());
        let after = end.after(DRAFT);
        self.clock.advance(after.since(self.clock.now()));
        let begun = Instant::now();
        loop {
            let now = self.call(Method::GET, current, key, None).await?;
            let now = expect(now, StatusCode::OK, None).await?;
            if now["id"] == held["id"] && now["current_period_end"] != held["current_period_end"] {
                let until = text(&now, "/current_period_end")?;
                self.done(&format!(
                    "a month later the card was debited again: the plan goes on until {until}"
                ));
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "no debit extended it: {now}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
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

    /// Our ledger, and the gateways' own.
    async fn books(&mut self) -> anyhow::Result<()> {
        let books = self.payment.verify_books().await?;
        ensure!(books.damage.is_empty(), "damaged: {:?}", books.damage);
        let sum = books.accounts.iter().map(|account| account.minor);
        let sum = sum.fold(0_i64, i64::saturating_add);
        ensure!(sum == 0, "the ledger sums to {sum}");
        self.done("the ledger sums to zero");
        for (rail, moved, net) in [
            ("alipay", 3, "net_minor"),
            ("wechat", 1, "net_minor"),
            ("stripe", 2, "net"),
        ] {
            let code = format!("provider.{rail}");
            let ours = books.accounts.iter().filter(|account| account.code == code);
            let ours = ours.map(|account| account.minor);
            let ours = ours.fold(0_i64, i64::saturating_add);
            let path = format!("/sandbox/{rail}/books");
            let theirs = self.call(Method::GET, &path, "", None).await?;
            let theirs = expect(theirs, StatusCode::OK, None).await?;
            let movements = theirs["data"].as_array().map_or(0, Vec::len);
            ensure!(
                movements == moved && theirs["sums"][0][net] == ours,
                "the books of {rail} say {theirs}, ours {ours}"
            );
            self.done(&format!(
                "the sandbox's books of {rail} equal ours: {movements} movements, {ours} left"
            ));
        }
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
