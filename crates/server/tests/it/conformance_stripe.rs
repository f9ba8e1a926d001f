//! Stripe, tried against the sandbox's look-alike of it on the wire: single payments, and agreements.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::text::Language;
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::agreement::Interval;
use tollgate_payment::providers::conformance::{Peer, Trouble, conforms};
use tollgate_payment::providers::stripe::{Stripe, StripeConfig};
use tollgate_payment::providers::{NewOrder, Payer, PaymentProvider, RawWebhook};
use tollgate_sandbox::{Sandbox, SandboxConfig};

use crate::harness::App;

/// What a merchant of the sandbox's Stripe has.
pub(crate) struct Account {
    url: String,
    http: Client,
    clock: Clock,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Account {
    /// Of a service's sandbox.
    pub(crate) fn of(app: &App) -> Self {
        Self::at(&app.url, &app.sandbox_file(), app.clock.clone())
    }

    fn at(url: &str, file: &Path, clock: Clock) -> Self {
        let folder = file.with_extension("stripe");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        Self {
            url: url.to_owned(),
            http: Client::new(),
            clock,
            key: read("secretKey"),
            secret: read("webhookSecret"),
        }
    }

    /// An object or a list, as the API shows it.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("{}/sandbox/stripe/v1/{path}", self.url);
        let request = self.http.get(url).bearer_auth(&self.key);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    /// The newest page of Checkout of an order.
    pub(crate) async fn session(&self, order_no: &str) -> Value {
        let list = self.get("checkout/sessions?limit=100").await;
        let sessions = list["data"].as_array().expect("a list").iter();
        let mut own = sessions.filter(|session| session["client_reference_id"] == order_no);
        own.next().expect("a page").clone()
    }

    /// The buyer gives a card on the page of an order.
    pub(crate) async fn card(&self, order_no: &str, number: &str) -> Value {
        self.press(order_no, &[("number", number)]).await
    }

    /// The buyer answers the bank's question.
    pub(crate) async fn answer(&self, order_no: &str, word: &str) -> Value {
        self.press(order_no, &[("answer", word)]).await
    }

    async fn press(&self, order_no: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/sandbox/stripe/pay/{order_no}", self.url);
        let request = self.http.post(url).form(form);
        let answer = request.header("accept", "application/json").send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{order_no}");
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn fault(&self, wanted: Value) {
        let url = format!("{}/sandbox/stripe/faults", self.url);
        let put = self.http.post(url).json(&wanted).send().await;
        assert_eq!(put.expect("an answer").status(), StatusCode::CREATED);
    }

    /// An event, signed at this moment.
    pub(crate) fn signed(&self, event: &Value) -> RawWebhook {
        let (body, now) = (event.to_string(), self.clock.now().seconds());
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
        let mut headers = HeaderMap::new();
        let seal = format!("t={now},v1={}", hex::encode(tag));
        headers.insert("stripe-signature", seal.parse().expect("a header"));
        RawWebhook {
            headers,
            body: Bytes::from(body),
        }
    }
}

struct StripePeer {
    account: Account,
    ids: Ids,
    renews: Option<Interval>,
    provider: Arc<dyn PaymentProvider>,
    _folder: TempDir,
}

impl StripePeer {
    /// A sandbox alone: a service beside it would ask for lists of events, and take the trouble that is meant for us.
    async fn new(renews: Option<Interval>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (clock, data_file) = (Clock::system(), folder.path().join("sandbox.db"));
        let sandbox = Sandbox::open(SandboxConfig {
            data_file: data_file.clone(),
            base_url: url.clone(),
            clock: clock.clone(),
            entropy: Entropy::system(),
            default_language: Language::En,
        });
        let router: Router = sandbox.await.expect("a sandbox").router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let account = Account::at(&url, &data_file, clock.clone());
        let config = StripeConfig {
            secret_key: account.key.clone().into(),
            webhook_secrets: vec![account.secret.clone().into()],
            api_base: format!("{url}/sandbox/stripe").parse().expect("an address"),
            app_tag: "tollgate".to_owned(),
            former_tags: Vec::new(),
            allow_test_key: true,
        };
        let provider = Stripe::new(&config, clock.clone()).expect("good settings");
        Self {
            account,
            ids: Ids::new(clock, Entropy::system()),
            renews,
            provider: Arc::new(provider),
            _folder: folder,
        }
    }

    async fn completed(&self, order: &NewOrder, livemode: bool) -> RawWebhook {
        let session = self.account.session(order.order_no.as_str()).await;
        self.account.signed(&json!({
            "id": format!("evt_{}", order.order_no.as_str()), "object": "event", "livemode": livemode,
            "type": "checkout.session.completed", "data": { "object": { "id": session["id"] } },
        }))
    }

    /// What moved the money of an order.
    async fn intent(&self, order: &NewOrder) -> String {
        let session = self.account.session(order.order_no.as_str()).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(intent) = text(&session["payment_intent"]) {
            return intent;
        }
        let invoice = text(&session["invoice"]).expect("an invoice");
        let path = format!("invoices/{invoice}?expand[0]=payments");
        let invoice = self.account.get(&path).await;
        let intent = invoice.pointer("/payments/data/0/payment/payment_intent");
        intent.and_then(text).expect("money")
    }
}

#[async_trait]
impl Peer for StripePeer {
    fn provider(&self) -> Arc<dyn PaymentProvider> {
        self.provider.clone()
    }

    fn order(&self) -> NewOrder {
        let id: PaymentId = self.ids.next();
        let account = &self.account;
        NewOrder {
            order_no: OrderNo::of(id),
            amount: Money::new(1_230, Currency::CNY),
            description: "a=b & c/d \"}\" 专业版".to_owned(),
            expires_at: account.clock.now().after(Duration::from_mins(30)),
            notify_url: format!("{}/payments/webhooks/stripe", account.url),
            scene: Scene::Pc,
            return_url: Some(format!("{}/back?order=1&x=é", account.url)),
            payer: Payer::default(),
            renews: self.renews,
        }
    }

    fn now(&self) -> Timestamp {
        self.account.clock.now()
    }

    fn refund_no(&self) -> RefundNo {
        RefundNo::of(self.ids.next())
    }

    async fn pay(&self, order: &NewOrder) -> String {
        // Declined at first: another card pays, on the same page.
        let number = order.order_no.as_str();
        let declined = self.account.card(number, "4000000000000002").await;
        assert_eq!(declined["status"], "open", "{declined}");
        let paid = self.account.card(number, "4242424242424242").await;
        assert_eq!(paid["status"], "complete", "{paid}");
        self.intent(order).await
    }

    async fn callback(&self, order: &NewOrder, _: &str) -> RawWebhook {
        self.completed(order, false).await
    }

    async fn foreign_callback(&self, order: &NewOrder, _: &str) -> RawWebhook {
        self.completed(order, true).await
    }

    async fn trouble(&self, trouble: Trouble) {
        let kind = match trouble {
            Trouble::AnswerLost => "answer_lost",
            Trouble::BrokenAnswer => "broken_answer",
            Trouble::Busy => "busy",
        };
        self.account.fault(json!({ "kind": kind })).await;
    }

    async fn went_back(&self, order: &NewOrder) -> i64 {
        let intent = self.intent(order).await;
        let path = format!("refunds?payment_intent={intent}&limit=100");
        let list = self.account.get(&path).await;
        let refunds = list["data"].as_array().expect("a list").iter();
        refunds.filter_map(|refund| refund["amount"].as_i64()).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_stripe_shows_what_every_provider_must() {
    conforms(&StripePeer::new(None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_stripe_with_agreements_shows_it_too() {
    conforms(&StripePeer::new(Some(Interval::Month)).await).await;
}
