//! The look-alike of Stripe.

mod faults;
mod gateway;
mod money;
mod pages;
mod subscriptions;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::Bench;

pub(crate) const PAYS: &str = "4242424242424242";
const DAY: Duration = Duration::from_hours(24);

/// A sandbox, a merchant and its address for webhooks.
pub(crate) struct Shop {
    pub(crate) bench: Bench,
    hooks: Arc<Mutex<Hooks>>,
}

struct Hooks {
    status: u16,
    /// `Stripe-Signature` and body.
    seen: Vec<(String, String)>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) text: String,
    pub(crate) value: Value,
}

impl Answer {
    pub(crate) fn id(&self) -> String {
        self.value["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn code(&self) -> &str {
        self.value["error"]["code"].as_str().unwrap_or_default()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// An order of 9.90, sold once.
pub(crate) fn once(order_no: &str) -> String {
    format!(
        "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=990\
         &line_items[0][price_data][product_data][name]=Pro&client_reference_id={order_no}\
         &metadata[app]=shop&metadata[order_no]={order_no}\
         &payment_intent_data[metadata][app]=shop&payment_intent_data[metadata][order_no]={order_no}\
         &success_url=http://127.0.0.1:1/ok?s={{CHECKOUT_SESSION_ID}}&cancel_url=http://127.0.0.1:1/no"
    )
}

/// The same by the month.
pub(crate) fn monthly(order_no: &str) -> String {
    let form = once(order_no).replace("mode=payment", "mode=subscription");
    let form = form.replace("payment_intent_data", "subscription_data");
    format!("{form}&line_items[0][price_data][recurring][interval]=month")
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let bench = Bench::start().await;
        let hooks = Arc::new(Mutex::new(Hooks {
            status: 200,
            seen: Vec::new(),
        }));
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(Arc::clone(&hooks));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let kept = bench.sandbox.set_stripe_notify_url(&url).await;
        kept.expect("kept");
        Self { bench, hooks }
    }

    /// What the merchant's address answers from now on.
    pub(crate) fn answers(&self, status: u16) {
        self.hooks.lock().expect("hooks").status = status;
    }

    /// What has arrived since the last look, once all that is due was sent.
    pub(crate) async fn arrived(&self) -> Vec<(String, String)> {
        self.bench.deliver().await;
        std::mem::take(&mut self.hooks.lock().expect("hooks").seen)
    }

    /// The kinds of the events among it, by name: several are on their way at once.
    pub(crate) async fn told(&self) -> Vec<String> {
        let arrived = self.arrived().await;
        let kind = |(_, body): &(String, String)| {
            let event: Value = serde_json::from_str(body).expect("JSON");
            text(&event["type"])
        };
        let mut told: Vec<String> = arrived.iter().map(kind).collect();
        told.sort();
        told
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/sandbox/stripe/{path}", self.bench.base)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let merchant = self.bench.sandbox.stripe_merchant();
        let url = format!("{}/v1/{path}", merchant.api_base);
        self.bench
            .client
            .request(method, url)
            .bearer_auth(merchant.secret_key)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let replayed = response.headers().contains_key("idempotent-replayed");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a text");
        Answer {
            status,
            replayed,
            value: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(self.request(Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.value
    }

    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let request = self.request(Method::POST, path).body(form.to_owned());
        self.send(request).await
    }

    pub(crate) async fn keyed(&self, path: &str, form: &str, key: &str) -> Answer {
        let request = self.request(Method::POST, path).body(form.to_owned());
        self.send(request.header("idempotency-key", key)).await
    }

    /// A page of Checkout, which must be granted.
    pub(crate) async fn page(&self, form: &str) -> String {
        let answer = self.post("checkout/sessions", form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.id()
    }

    /// What a program at the card page is told.
    pub(crate) async fn hand(&self, code: &str, body: Value) -> (u16, Value) {
        let request = self.bench.client.post(self.url(&format!("pay/{code}")));
        let request = request
            .header(header::ACCEPT, "application/json")
            .json(&body);
        let answer = self.send(request).await;
        (answer.status, answer.value)
    }

    pub(crate) async fn card(&self, code: &str, number: &str) -> Value {
        let (status, told) = self.hand(code, json!({ "number": number })).await;
        assert_eq!(status, 200, "{told}");
        told
    }

    pub(crate) async fn session(&self, id: &str) -> Value {
        self.get(&format!("checkout/sessions/{id}")).await
    }

    /// A paid order; gives its session.
    pub(crate) async fn sold(&self, form: &str) -> Value {
        let id = self.page(form).await;
        self.card(&id, PAYS).await;
        self.session(&id).await
    }

    /// Posts JSON to what is no part of the API.
    pub(crate) async fn desk(&self, path: &str, body: Value) -> Answer {
        self.send(self.bench.client.post(self.url(path)).json(&body))
            .await
    }

    pub(crate) async fn fault(&self, kind: &str, more: Value) {
        let mut body = json!({ "kind": kind });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let answer = self.desk("faults", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.bench.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn days(&self, days: u32) {
        self.bench.clock.advance(DAY * days);
    }
}

async fn take(
    State(hooks): State<Arc<Mutex<Hooks>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let signed = headers["stripe-signature"].to_str().expect("a text");
    let mut hooks = hooks.lock().expect("hooks");
    hooks.seen.push((signed.to_owned(), body));
    StatusCode::from_u16(hooks.status).expect("a status")
}
