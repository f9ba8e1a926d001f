//! A small Stripe for tests: it checks how it is called, keeps objects and keys by rules of its own, and misbehaves
//! when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::stripe::{Stripe, StripeConfig};
use tollgate_payment::providers::{NewOrder, OrderKey, Payer, RawWebhook};

pub(super) const TAG: &str = "shop";
/// The one customer that there is.
pub(super) const CUSTOMER: &str = "cus_known";
pub(super) const SECRET: &str = "whsec_0123456789";
pub(super) const SESSIONS: &str = "/v1/checkout/sessions";
pub(super) const REFUNDS: &str = "/v1/refunds";

/// A key of this mode; in no source does one stand in one piece.
pub(super) fn key(mode: &str) -> String {
    ["sk", mode, "0123456789abcdef"].join("_")
}

/// What goes wrong at the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upset {
    /// It is done, and a page of some machine in between comes back.
    Lost,
    /// It is done, and half of the answer comes back.
    Broken,
    /// Nothing is done.
    Busy,
}

/// What arrived.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) form: BTreeMap<String, String>,
    pub(super) key: Option<String>,
}

/// An answer laid out beforehand.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.to_owned(),
            headers: Vec::new(),
        }
    }

    pub(super) fn error(status: u16, kind: &str, code: &str) -> Self {
        let error = json!({ "error": { "type": kind, "code": code, "message": "No." } });
        Self::new(status, &error.to_string())
    }

    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

#[derive(Default)]
struct Desk {
    /// By number, in the order in which they were made.
    objects: Vec<Value>,
    /// What came of a key: its content, status and answer.
    keys: BTreeMap<String, (String, u16, String)>,
    laid: BTreeMap<String, VecDeque<Answer>>,
    upset: Option<Upset>,
    calls: Vec<Call>,
    made: u64,
    now: i64,
    livemode: bool,
}

pub(super) struct Gateway {
    pub(super) url: String,
    pub(super) clock: Clock,
    desk: Arc<Mutex<Desk>>,
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    let kind = "invalid_request_error";
    (
        status,
        json!({ "error": { "type": kind, "code": code, "message": "No." } }),
    )
}

/// `a[b]` of a form, as an object.
fn under(form: &BTreeMap<String, String>, name: &str) -> Value {
    let start = format!("{name}[");
    let inner = form.iter().filter_map(|(key, value)| {
        let inner = key.strip_prefix(&start)?.strip_suffix(']')?;
        Some((inner.to_owned(), Value::from(value.as_str())))
    });
    Value::Object(inner.collect())
}

impl Desk {
    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:04}", self.made)
    }

    fn get(&self, id: &str) -> Option<&Value> {
        self.objects.iter().find(|object| object["id"] == id)
    }

    fn put(&mut self, object: Value) {
        match self
            .objects
            .iter_mut()
            .find(|old| old["id"] == object["id"])
        {
            Some(old) => *old = object,
            None => self.objects.push(object),
        }
    }

    /// With what was asked to be expanded, two steps deep.
    fn shown(&self, id: &str, form: &BTreeMap<String, String>) -> Option<Value> {
        let mut object = self.get(id)?.clone();
        for (_, path) in form.iter().filter(|(name, _)| name.starts_with("expand[")) {
            let path = path.strip_prefix("data.").unwrap_or(path);
            let member = path.split('.').next().expect("a member");
            if let Some(inner) = object[member].as_str().and_then(|id| self.get(id)) {
                object[member] = inner.clone();
            }
        }
        // Payments of an invoice are shown only to who asks for them.
        let asks = |end: &str| form.values().any(|path| path.ends_with(end));
        if !asks("payments") {
            let bare =
                |object: &mut Value| object.as_object_mut().map(|all| all.remove("payments"));
            bare(&mut object);
            bare(&mut object["invoice"]);
        }
        Some(object)
    }

    fn list(&self, kind: &str, form: &BTreeMap<String, String>) -> Value {
        let number = |name: &str| {
            form.get(name)
                .map(|text| text.parse::<i64>().expect("a number"))
        };
        let fits = |object: &&Value| {
            let created = object["created"].as_i64();
            let filter = |name: &str| form.get(name).is_none_or(|id| object[name] == id.as_str());
            object["object"] == kind
                && number("created[gte]").is_none_or(|from| created >= Some(from))
                && number("created[lte]").is_none_or(|to| created <= Some(to))
                && filter("payment_intent")
                && filter("charge")
                && form
                    .get("payment[payment_intent]")
                    .is_none_or(|id| object["payment"]["payment_intent"] == id.as_str())
        };
        let mut all: Vec<&Value> = self.objects.iter().filter(fits).collect();
        all.reverse();
        let from = form.get("starting_after").map_or(0, |after| {
            let at = all.iter().position(|object| object["id"] == after.as_str());
            at.expect("a cursor") + 1
        });
        let limit = number("limit").and_then(|limit| usize::try_from(limit).ok());
        let to = (from + limit.unwrap_or(10)).min(all.len());
        let shown = |object: &&Value| self.shown(object["id"].as_str().expect("an id"), form);
        let data: Vec<Value> = all[from..to].iter().filter_map(shown).collect();
        json!({ "object": "list", "data": data, "has_more": to < all.len(), "url": "/v1" })
    }

    fn create_session(&mut self, form: &BTreeMap<String, String>) -> (u16, Value) {
        let expires_at: i64 = form["expires_at"].parse().expect("a time");
        if !(self.now + 1_800..=self.now + 86_400).contains(&expires_at) {
            return refused(400, "expires_at_invalid");
        }
        let subscribes = form["mode"] == "subscription";
        let data = if subscribes {
            "subscription_data"
        } else {
            "payment_intent_data"
        };
        let id = self.id(if self.livemode { "cs_live" } else { "cs_test" });
        if form.get("customer").is_some_and(|id| id != CUSTOMER) {
            return refused(400, "resource_missing");
        }
        let units: i64 = form["line_items[0][price_data][unit_amount]"]
            .parse()
            .expect("an amount");
        let session = json!({
            "id": id, "object": "checkout.session", "mode": form["mode"], "status": "open",
            "payment_status": "unpaid", "amount_total": units,
            "currency": form["line_items[0][price_data][currency]"],
            "client_reference_id": form["client_reference_id"], "metadata": under(form, "metadata"),
            "livemode": self.livemode, "created": self.now, "expires_at": expires_at,
            "url": format!("https://checkout.example/{id}"), "payment_intent": null, "subscription": null,
            "invoice": null, "customer": null, "inner": under(form, &format!("{data}[metadata]")),
            "unknown": [{ "later": 1 }],
        });
        self.put(session.clone());
        (200, session)
    }

    fn create_refund(&mut self, form: &BTreeMap<String, String>) -> (u16, Value) {
        let Some(intent) = self.get(&form["payment_intent"]).cloned() else {
            return refused(404, "resource_missing");
        };
        let amount: i64 = form["amount"].parse().expect("an amount");
        let id = form["payment_intent"].as_str();
        let back: i64 = self.went_back(id);
        let whole = intent["amount"].as_i64().expect("an amount");
        if back == whole {
            return refused(400, "charge_already_refunded");
        }
        if amount < 1 || back + amount > whole {
            return refused(400, "amount_too_large");
        }
        let refund = json!({
            "id": self.id("re"), "object": "refund", "amount": amount, "currency": intent["currency"],
            "created": self.now, "metadata": under(form, "metadata"), "payment_intent": id,
            "charge": intent["latest_charge"], "status": "succeeded", "failure_reason": null,
        });
        self.put(refund.clone());
        (200, refund)
    }

    fn went_back(&self, intent: &str) -> i64 {
        let of = |one: &&Value| one["object"] == "refund" && one["payment_intent"] == intent;
        let amounts = self.objects.iter().filter(of);
        amounts.filter_map(|refund| refund["amount"].as_i64()).sum()
    }

    fn act(
        &mut self,
        method: &Method,
        path: &str,
        form: &BTreeMap<String, String>,
    ) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["checkout", "sessions"]) => self.create_session(form),
            ("GET", ["checkout", "sessions"]) => (200, self.list("checkout.session", form)),
            ("POST", ["checkout", "sessions", id, "expire"]) => match self.get(id).cloned() {
                Some(mut session) if session["status"] == "open" => {
                    session["status"] = "expired".into();
                    session["url"] = Value::Null;
                    self.put(session.clone());
                    (200, session)
                }
                _ => refused(400, "session_not_open"),
            },
            ("POST", ["refunds"]) => self.create_refund(form),
            ("GET", ["refunds"]) => (200, self.list("refund", form)),
            ("GET", ["invoice_payments"]) => (200, self.list("invoice_payment", form)),
            ("GET", ["events"]) => (200, self.list("event", form)),
            ("POST", ["billing_portal", "sessions"]) => {
                let url = format!("https://billing.example/{}", form["customer"]);
                (200, json!({ "id": self.id("bps"), "url": url }))
            }
            ("POST" | "DELETE", ["subscriptions", id]) => match self.get(id).cloned() {
                Some(mut one) if one["status"] != "canceled" => {
                    if method == Method::DELETE {
                        one["status"] = "canceled".into();
                    } else {
                        one["cancel_at_period_end"] =
                            (form["cancel_at_period_end"] == "true").into();
                    }
                    self.put(one.clone());
                    (200, one)
                }
                _ => refused(404, "resource_missing"),
            },
            ("GET", [.., id]) => match self.shown(id, form) {
                Some(object) => (200, object),
                None => refused(404, "resource_missing"),
            },
            _ => refused(404, "url_invalid"),
        }
    }

    /// Once under one key, and the first answer ever after.
    fn keyed(&mut self, call: &Call, method: &Method, path: &str, body: &str) -> Answer {
        let content = format!("{path}\n{body}");
        if let Some(key) = &call.key
            && let Some((known, status, answer)) = self.keys.get(key)
        {
            return if *known == content {
                Answer::new(*status, answer).with("idempotent-replayed", "true")
            } else {
                Answer::error(400, "idempotency_error", "")
            };
        }
        let (status, answer) = self.act(method, path, &call.form);
        if let Some(key) = &call.key {
            self.keys
                .insert(key.clone(), (content, status, answer.to_string()));
        }
        Answer::new(status, &answer.to_string())
    }
}

async fn answer(
    State((desk, mode)): State<(Arc<Mutex<Desk>>, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    let word = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().expect("a text"))
    };
    assert_eq!(
        word("authorization"),
        Some(format!("Bearer {}", key(&mode)).as_str())
    );
    assert_eq!(word("stripe-version"), Some("2026-10-28.endive"));
    let key = word("idempotency-key").map(str::to_owned);
    assert_eq!(
        key.is_some(),
        method == Method::POST,
        "a key on every POST, and nowhere else"
    );
    assert!(key.as_ref().is_none_or(|key| key.len() <= 255));
    let text = if method == Method::POST {
        let kind = word("content-type");
        assert_eq!(kind, Some("application/x-www-form-urlencoded"));
        body.clone()
    } else {
        uri.query().unwrap_or_default().to_owned()
    };
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let twice = form.insert(name.into_owned(), value.into_owned());
        assert!(twice.is_none(), "a parameter is sent twice");
    }
    let name = format!("{method} {}", uri.path());
    let call = Call {
        name: name.clone(),
        form,
        key,
    };
    let mut desk = desk.lock().expect("the desk");
    desk.calls.push(call.clone());
    let laid = desk.laid.get_mut(&name).and_then(VecDeque::pop_front);
    let upset = desk.upset.take();
    let next = match (laid, upset) {
        (Some(answer), _) => answer,
        (None, Some(Upset::Busy)) => Answer::error(503, "api_error", ""),
        (None, upset) => {
            let done = desk.keyed(&call, &method, uri.path(), &body);
            match upset {
                Some(Upset::Lost) => Answer::new(504, "<html>Gateway Time-out</html>"),
                Some(Upset::Broken) => Answer::new(200, &done.body[..done.body.len() / 2]),
                _ => done,
            }
        }
    };
    let mut response = Response::builder().status(next.status);
    for (name, value) in next.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(next.body)).expect("an answer")
}

impl Gateway {
    pub(super) async fn open() -> Self {
        Self::open_in("test").await
    }

    pub(super) async fn open_in(mode: &str) -> Self {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000).expect("a moment"));
        let desk = Desk {
            now: clock.now().seconds(),
            livemode: mode == "live",
            ..Desk::default()
        };
        let desk = Arc::new(Mutex::new(desk));
        let router = Router::new()
            .fallback(answer)
            .with_state((desk.clone(), mode.to_owned()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, clock, desk }
    }

    /// A gateway with a client.
    pub(super) async fn with_client() -> (Self, Stripe) {
        let gateway = Self::open().await;
        let stripe = gateway.client();
        (gateway, stripe)
    }

    pub(super) fn settings(&self) -> StripeConfig {
        StripeConfig {
            secret_key: key("test").into(),
            webhook_secrets: vec![SECRET.into()],
            api_base: self.url.parse().expect("an address"),
            app_tag: TAG.to_owned(),
            former_tags: Vec::new(),
            allow_test_key: true,
        }
    }

    pub(super) fn client(&self) -> Stripe {
        Stripe::new(&self.settings(), self.clock.clone()).expect("good settings")
    }

    /// Lays an answer out, behind those that lie there; each is given once.
    pub(super) fn will_answer(&self, name: &str, answer: Answer) {
        let mut desk = self.desk.lock().expect("the desk");
        desk.laid
            .entry(name.to_owned())
            .or_default()
            .push_back(answer);
    }

    pub(super) fn upset(&self, upset: Upset) {
        self.desk.lock().expect("the desk").upset = Some(upset);
    }

    pub(super) fn forget_keys(&self) {
        self.desk.lock().expect("the desk").keys.clear();
    }

    pub(super) fn calls(&self, name: &str) -> Vec<Call> {
        let desk = self.desk.lock().expect("the desk");
        let calls = desk.calls.iter().filter(|call| call.name == name);
        calls.cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.desk.lock().expect("the desk").calls.len()
    }

    pub(super) fn object(&self, id: &str) -> Value {
        let desk = self.desk.lock().expect("the desk");
        desk.get(id).expect("an object").clone()
    }

    pub(super) fn put(&self, object: Value) {
        self.desk.lock().expect("the desk").put(object);
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.object(id);
        change(&mut object);
        self.put(object);
    }

    /// The page of an order.
    pub(super) fn session_of(&self, order_no: &OrderNo) -> Value {
        let desk = self.desk.lock().expect("the desk");
        let of = |one: &&Value| {
            one["object"] == "checkout.session" && one["client_reference_id"] == order_no.as_str()
        };
        desk.objects.iter().find(of).expect("a session").clone()
    }

    pub(super) fn went_back(&self, intent: &str) -> i64 {
        self.desk.lock().expect("the desk").went_back(intent)
    }

    /// A buyer pays; gives the number of the money.
    pub(super) fn pay(&self, order_no: &OrderNo) -> String {
        let mut session = self.session_of(order_no);
        let mut desk = self.desk.lock().expect("the desk");
        let (intent, charge) = (desk.id("pi"), desk.id("ch"));
        let subscribes = session["mode"] == "subscription";
        let marks = if subscribes {
            json!({})
        } else {
            session["inner"].clone()
        };
        let (amount, currency) = (session["amount_total"].clone(), session["currency"].clone());
        desk.put(json!({
            "id": intent, "object": "payment_intent", "amount": amount, "currency": currency,
            "status": "succeeded", "latest_charge": charge, "metadata": marks,
        }));
        if subscribes {
            let (subscription, customer) = (desk.id("sub"), desk.id("cus"));
            desk.put(json!({
                "id": subscription, "object": "subscription", "status": "active", "metadata": session["inner"],
                "cancel_at_period_end": false, "cancel_at": null, "customer": customer,
            }));
            let end = desk.now + 30 * 86_400;
            let invoice = desk.invoice(&subscription, "subscription_create", &intent, end);
            session["subscription"] = subscription.into();
            session["invoice"] = invoice.into();
            session["customer"] = customer.into();
        } else {
            session["payment_intent"] = intent.clone().into();
        }
        session["status"] = "complete".into();
        session["payment_status"] = "paid".into();
        session["url"] = Value::Null;
        desk.put(session);
        intent
    }

    /// A further term is debited; gives the numbers of the invoice and of the money.
    pub(super) fn renew(&self, subscription: &str, end: i64) -> (String, String) {
        let mut desk = self.desk.lock().expect("the desk");
        let intent = desk.id("pi");
        let first = desk
            .objects
            .iter()
            .find(|one| one["object"] == "payment_intent");
        let mut money = first.expect("a first debit").clone();
        money["id"] = intent.clone().into();
        desk.put(money);
        let invoice = desk.invoice(subscription, "subscription_cycle", &intent, end);
        (invoice, intent)
    }

    /// An event about an object, signed just now.
    pub(super) fn event(&self, id: &str, kind: &str, about: &str) -> RawWebhook {
        let livemode = self.desk.lock().expect("the desk").livemode;
        let event = json!({
            "id": id, "object": "event", "type": kind, "livemode": livemode, "api_version": "2019-02-19",
            "data": { "object": { "id": about, "object": "?" } },
        });
        self.signed(&event.to_string(), SECRET)
    }

    pub(super) fn signed(&self, body: &str, secret: &str) -> RawWebhook {
        let time = self.clock.now().seconds();
        let signature = mac(secret, time, body);
        let mut headers = HeaderMap::new();
        let header = format!("t={time},v1={signature}");
        headers.insert("stripe-signature", header.parse().expect("a value"));
        RawWebhook {
            headers,
            body: body.to_owned().into(),
        }
    }
}

impl Desk {
    fn invoice(&mut self, subscription: &str, reason: &str, intent: &str, end: i64) -> String {
        let (id, paid_by) = (self.id("in"), self.id("inpay"));
        let of = self.get(subscription).expect("a subscription").clone();
        let money = self.get(intent).expect("money").clone();
        let payment = json!({
            "id": paid_by, "object": "invoice_payment", "status": "paid", "invoice": id,
            "payment": { "type": "payment_intent", "payment_intent": intent },
        });
        self.put(payment.clone());
        let details = json!({ "subscription": subscription, "metadata": of["metadata"] });
        self.put(json!({
            "id": id, "object": "invoice", "status": "paid", "billing_reason": reason,
            "amount_paid": money["amount"], "currency": money["currency"], "livemode": self.livemode,
            "customer": of["customer"], "created": self.now,
            "parent": { "type": "subscription_details", "subscription_details": details },
            "payments": { "object": "list", "data": [payment], "has_more": false },
            "period_start": 1, "period_end": 2,
            "lines": { "object": "list", "data": [
                { "period": { "start": end - 1, "end": end } }, { "period": { "start": 1, "end": 2 } },
            ], "has_more": false },
            "status_transitions": { "paid_at": self.now - 7 },
        }));
        id
    }
}

/// As Stripe signs.
pub(super) fn mac(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, format!("{time}.{body}").as_bytes()))
}

/// An order of 99.00, in its own half hour.
pub(super) fn order(clock: &Clock, seed: u64) -> NewOrder {
    let id: PaymentId = Ids::new(clock.clone(), Entropy::seeded(seed)).next();
    NewOrder {
        order_no: OrderNo::of(id),
        amount: Money::new(9_900, Currency::USD),
        description: "专业版 Pro & Co = 100%".to_owned(),
        expires_at: clock.now().after(std::time::Duration::from_mins(30)),
        notify_url: "https://pay.example/payments/webhooks/stripe".to_owned(),
        scene: Scene::Pc,
        return_url: Some("https://shop.example/paid?order=1&x=é".to_owned()),
        payer: Payer::default(),
        renews: None,
    }
}

/// How an order is asked about; `id`: of its page, if the answer reached us.
pub(super) fn known(order: &NewOrder, clock: &Clock, id: Option<String>) -> OrderKey {
    OrderKey {
        order_no: order.order_no.clone(),
        provider_order_id: id,
        created_at: clock.now(),
    }
}
