//! A host application with guarded routes, on a database of its own, over a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tollgate_kernel::caller::{Caller, identified};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::{Exchange, panicked};
use tollgate_kernel::ids::{Ids, UserId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::problem::Problem;
use tollgate_kernel::scope::{QUOTA, Scopes};
use tollgate_kernel::text::Language;
use tollgate_payment::model::hold::HoldTime;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::plan::{BillingCycle, NewPlan, PlanText};
use tollgate_payment::model::quota::Units;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{
    CurrentSubscription, DeferredHold, Expected, PayBy, PaymentConfig, PaymentService, PlanRef,
    PlanSlugs, QuotaHold, Subscribe,
};
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::harness::{Answer, until};

/// What the handlers see.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// How often a handler ran.
    pub(super) ran: AtomicUsize,
    /// A handler that waits has begun.
    pub(super) entered: Notify,
    /// It may go on.
    pub(super) gate: Notify,
    /// What was handed to jobs.
    pub(super) jobs: Mutex<Vec<DeferredHold>>,
}

/// What a handler is told to do.
#[derive(Debug, Deserialize)]
struct Script {
    say: Option<u16>,
    cost: Option<i64>,
    #[serde(default)]
    then: String,
}

/// The plans of the stand: a hundred units a month each, the last without a limit.
const PLANS: [&str; 3] = ["free", "pro", "enterprise"];

pub(super) struct Stand {
    pub(super) payment: PaymentService,
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) host: Arc<Host>,
    pub(super) address: SocketAddr,
    pub(super) http: Client,
    /// The same, without a socket.
    pub(super) router: Router,
    serving: JoinHandle<()>,
}

/// On both engines, at a moment that only the test moves.
pub(super) async fn on_each(body: impl AsyncFn(&Stand)) {
    each_engine(&[], async |db| {
        let stand = Stand::on(db).await;
        body(&stand).await;
        stand.end();
    })
    .await;
}

pub(super) fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a moment")
}

impl Stand {
    pub(super) async fn on(db: Db) -> Self {
        let clock = Clock::fixed(start());
        let master_key = MasterKey::generate(&Entropy::system());
        let config = PaymentConfig::new("https://pay.example");
        let payment = PaymentService::builder(db.clone(), master_key, config)
            .clock(clock.clone())
            .build();
        let payment = payment.await.expect("built");
        let plans: Vec<_> = PLANS.into_iter().map(plan).collect();
        payment.seed_plans(&plans).await.expect("on sale");
        let host = Arc::new(Host::default());
        let app = application(&payment, &host);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = app.clone();
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("served");
        });
        Self {
            payment,
            db,
            clock,
            host,
            address,
            http: Client::new(),
            router,
            serving,
        }
    }

    pub(super) fn end(self) {
        self.serving.abort();
    }

    /// Somebody with a plan.
    pub(super) async fn somebody(&self, plan: &str) -> UserId {
        let user_id = self.nobody();
        let wish = Subscribe {
            user_id,
            plan: PlanRef {
                plan_id: None,
                plan_slug: Some(plan.to_owned()),
            },
            by: PayBy {
                method: PaymentMethod::Alipay,
                client: None,
                device: Scene::Pc,
                return_url: None,
                payer: Payer::default(),
            },
            expected: Expected::default(),
            trial: false,
        };
        self.payment.subscribe(&wish, None).await.expect("theirs");
        user_id
    }

    /// Somebody without one.
    pub(super) fn nobody(&self) -> UserId {
        Ids::new(self.clock.clone(), Entropy::system()).next()
    }

    pub(super) async fn post(&self, path: &str, user: UserId) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.post(url).header("x-user", user.to_string());
        Answer::read(request.send().await.expect("an answer")).await
    }

    pub(super) async fn get(&self, path: &str, user: UserId) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.get(url).header("x-user", user.to_string());
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// By another credential than a sign-in.
    pub(super) async fn by(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let method = if path.contains("check") {
            Method::GET
        } else {
            Method::POST
        };
        let mut request = self
            .http
            .request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::read(request.send().await.expect("an answer")).await
    }

    pub(super) fn ran(&self) -> usize {
        self.host.ran.load(Ordering::SeqCst)
    }

    pub(super) async fn count(&self, statement: &'static str) -> i64 {
        let (count,): (i64,) =
            on_read!(&self.db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
        count
    }

    /// Units charged, units held, rows of the log: of everybody.
    pub(super) async fn stands(&self) -> (i64, i64, i64) {
        let used = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";
        let held = "SELECT CAST(COALESCE(SUM(held), 0) AS BIGINT) FROM quota_counters";
        let rows = "SELECT COUNT(*) FROM usage_logs";
        (
            self.count(used).await,
            self.count(held).await,
            self.count(rows).await,
        )
    }

    /// Waits until nothing is set aside any more.
    pub(super) async fn nothing_is_held(&self) {
        until("the end of every hold", async || self.stands().await.1 == 0).await;
    }

    /// The same, but for what others hold.
    pub(super) async fn nothing_is_held_but(&self, units: i64) {
        let rest = async || self.stands().await.1 == units;
        until("the end of the other holds", rest).await;
    }

    /// Q2: the log is the counter, and no books are damaged.
    pub(super) async fn balances(&self) {
        let logged = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs";
        let (used, held, _) = self.stands().await;
        assert_eq!((self.count(logged).await, held), (used, 0));
        assert_eq!(self.payment.verify_books().await.expect("read").damage, []);
    }
}

fn plan(slug: &str) -> NewPlan {
    NewPlan {
        slug: slug.parse().expect("a slug"),
        texts: [("zh".to_owned(), PlanText::default())].into(),
        house_language: "zh",
        price: Money::new(0, Currency::CNY),
        billing_cycle: BillingCycle::Monthly,
        meter: "processing_count".parse().expect("a meter"),
        quota_limit: (slug != "enterprise").then(|| Units::new(100).expect("some")),
        resource_costs: [("thing".to_owned(), Units::new(1).expect("one"))].into(),
        sort_order: 0,
    }
}

fn application(payment: &PaymentService, host: &Arc<Host>) -> Router {
    let one = payment.consume_quota("thing", 1);
    let five = payment.consume_quota("thing", 5);
    let soon =
        TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_millis(50));
    let minute = HoldTime::seconds(60).expect("a time");
    let app = Router::new()
        .route("/one", post(work).route_layer(one.clone()))
        .route("/five", post(work).route_layer(five.clone()))
        .route(
            "/minute",
            post(work).route_layer(five.clone().hold_for(minute)),
        )
        .route(
            "/admitted",
            post(work).route_layer(five.clone().charge_on_admission()),
        )
        .route("/open", post(work).route_layer(one.clone().fail_open()))
        .route(
            "/cut",
            post(work).route_layer(five.clone()).route_layer(soon),
        )
        .route(
            "/cut-inside",
            post(work).route_layer(soon).route_layer(five),
        )
        .route(
            "/priceless",
            post(work).route_layer(payment.consume_quota("unheard", 1)),
        )
        .route(
            "/mistaken",
            post(work).route_layer(payment.consume_quota("a b", 1)),
        )
        .route("/free-of-charge", post(work))
        .route(
            "/paid",
            get(reached).route_layer(payment.require_subscription(["pro", "enterprise"])),
        )
        .route(
            "/images",
            post(work).route_layer(payment.consume_quota("thing", 1).scope("images")),
        )
        .route(
            "/reports",
            post(reached).route_layer(payment.require_subscription("pro").scope("reports")),
        )
        .route(
            "/pro",
            get(reached).route_layer(payment.require_subscription("pro")),
        )
        .route(
            "/any",
            get(reached).route_layer(payment.require_subscription(PlanSlugs::any())),
        )
        .route(
            "/none",
            get(reached).route_layer(payment.require_subscription(Vec::new())),
        )
        .route("/plan", get(shown))
        .route("/plan-if-any", get(shown_if_any))
        .layer(payment.layer())
        .nest("/quota", payment.quota_router())
        .layer(from_fn(named))
        .layer(CatchPanicLayer::custom(panicked));
    let ids = Ids::new(Clock::system(), Entropy::system());
    let exchange = Exchange::new(ids, Language::En, "https://example.com/errors");
    exchange.around(app).with_state(Arc::clone(host))
}

/// The host's own login.
async fn named(mut request: Request, next: Next) -> Response {
    let caller = caller(request.headers());
    identified(request.extensions_mut(), caller);
    next.run(request).await
}

/// A person, a key of theirs that is limited to a scope, or a service.
fn caller(headers: &HeaderMap) -> Option<Caller> {
    let header = |name| headers.get(name)?.to_str().ok();
    let nil = uuid::Uuid::nil();
    match (header("x-user"), header("x-scope"), header("x-service")) {
        (Some(user), None, _) => user.parse().ok().map(|user_id| Caller::User {
            user_id,
            session_id: None,
        }),
        (Some(user), Some(scope), _) => user.parse().ok().map(|user_id| Caller::ApiKey {
            user_id,
            api_key_id: nil.into(),
            scopes: Scopes::only([scope]),
        }),
        (None, _, Some(_)) => Some(Caller::Service {
            service_key_id: nil.into(),
            scopes: Scopes::only([QUOTA]),
        }),
        (None, _, None) => None,
    }
}

async fn work(
    State(host): State<Arc<Host>>,
    hold: QuotaHold,
    Query(script): Query<Script>,
) -> Result<Response, Problem> {
    host.ran.fetch_add(1, Ordering::SeqCst);
    if let Some(cost) = script.cost {
        hold.set_cost(cost)?;
    }
    match script.then.as_str() {
        "panic" => panic!("as told"),
        "hang" => {
            host.entered.notify_one();
            std::future::pending::<()>().await;
        }
        "wait" => {
            host.entered.notify_one();
            host.gate.notified().await;
        }
        "defer" => host.jobs.lock().expect("whole").push(hold.defer()),
        _ => {}
    }
    let status = StatusCode::from_u16(script.say.unwrap_or(200)).expect("a status");
    Ok(status.into_response())
}

async fn reached(State(host): State<Arc<Host>>) {
    host.ran.fetch_add(1, Ordering::SeqCst);
}

async fn shown(CurrentSubscription(held): CurrentSubscription) -> Json<String> {
    Json(held.plan.slug)
}

async fn shown_if_any(held: Option<CurrentSubscription>) -> Json<Option<String>> {
    Json(held.map(|CurrentSubscription(held)| held.plan.slug))
}
