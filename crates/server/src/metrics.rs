//! Figures for who watches the service: what the modules count through the facade `metrics`, kept by the one recorder of
//! this process, and how things stand at the moment of asking. They are served at an address of their own, `GET
//! /metrics` in the text format of Prometheus, and nowhere else: whoever may call the service need not know them.
//!
//! A recorder belongs to a process. So only the program installs one, before it puts together what counts; a library has
//! no say in it, and an application that mounts [`Tollgate`](crate::Tollgate) finds these figures in its own.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{describe_gauge, describe_histogram, gauge, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_payment::{Backlog, PaymentService};
use tollgate_storage::db::{Connections, Db};

use crate::accept::{self, Paths};
use crate::client_address::TrustedProxies;
use crate::stop::stopped;
use crate::timing::DURATION;

/// Version 0.0.4 of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// For the database, when it is asked how things stand: whoever asks has a patience of its own, ten seconds as a rule.
const PATIENCE: Duration = Duration::from_secs(2);
/// What was timed is counted into its bucket this often, also when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Another recorder has this process.
///
/// ```
/// # use tollgate::metrics::AlreadyRecording;
/// let told = AlreadyRecording.to_string();
/// assert_eq!(told, "another recorder of metrics has this process");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another recorder of metrics has this process")]
pub struct AlreadyRecording;

/// The recorder of this process.
///
/// ```
/// use tollgate::config::Config;
/// use tollgate::metrics::Metrics;
/// use tollgate::Server;
/// use tollgate_kernel::clock::Clock;
/// use tollgate_kernel::entropy::Entropy;
///
/// async fn watched(config: &Config) -> Result<Server, Box<dyn std::error::Error>> {
///     // First: what counts looks for its recorder when it is put together.
///     let metrics = Metrics::install()?;
///     let server = Server::start(config, Clock::system(), Entropy::system()).await?;
///     Ok(server.metrics(([127, 0, 0, 1], 9464).into(), metrics).await?)
/// }
/// ```
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs it, for the life of the process: before anything that counts is put together.
    ///
    /// ```
    /// use tollgate::metrics::{AlreadyRecording, Metrics};
    ///
    /// assert!(Metrics::install().is_ok());
    /// // A process has one.
    /// assert_eq!(Metrics::install().err(), Some(AlreadyRecording));
    /// ```
    ///
    /// # Errors
    /// [`AlreadyRecording`].
    pub fn install() -> Result<Self, AlreadyRecording> {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| AlreadyRecording)?;
        describe_histogram!(
            DURATION,
            "From the head of a request to the head of its answer, in seconds."
        );
        Ok(Self(handle))
    }

    /// Serves them where `listener` is, until told to stop.
    pub(crate) fn serve(
        self,
        listener: TcpListener,
        watched: Watched,
        stop: &watch::Receiver<bool>,
        beside: &mut JoinSet<()>,
    ) {
        let router = (self.router(watched), Paths::AsSent);
        let nobody = TrustedProxies::default();
        beside.spawn(accept::serve(listener, router, nobody, stop.clone()));
        beside.spawn(self.keep_up(stop.clone()));
    }

    /// `GET /metrics` about a service.
    fn router(&self, watched: Watched) -> Router {
        let state = (self.clone(), watched);
        Router::new()
            .route("/metrics", get(scrape))
            .with_state(state)
    }

    /// Until told to stop.
    async fn keep_up(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => self.0.run_upkeep(),
                () = stopped(&mut stop) => return,
            }
        }
    }
}

fn recorder() -> metrics_exporter_prometheus::PrometheusRecorder {
    // Of the semantic conventions of OpenTelemetry for `http.server.request.duration`.
    let seconds = &[
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ];
    let calls = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let bounded = PrometheusBuilder::new()
        .set_buckets(calls)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), seconds)
        });
    bounded.expect("there are buckets").build_recorder()
}

/// What is looked at when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// `None`: accounts alone.
    pub(crate) payment: Option<PaymentService>,
    pub(crate) db: Db,
    pub(crate) is_sandbox: bool,
}

async fn scrape(State((metrics, watched)): State<(Metrics, Watched)>) -> impl IntoResponse {
    let counted = metrics.0.render();
    let asked = async {
        match &watched.payment {
            Some(payment) => payment.backlog().await.map(Some),
            None => watched.db.ping().await.map(|()| None),
        }
    };
    let backlog = tokio::time::timeout(PATIENCE, asked).await;
    let text = counted + &stand(&watched, backlog.ok().and_then(Result::ok).as_ref());
    ([(header::CONTENT_TYPE, TEXT)], text)
}

/// How things stand. Into a recorder that is made for it, so that nothing is told that was not seen just now.
fn stand(watched: &Watched, answered: Option<&Option<Backlog>>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    with_local_recorder(&recorder, || {
        describe();
        let mode = if watched.is_sandbox {
            "sandbox"
        } else {
            "live"
        };
        let (version, engine) = (env!("CARGO_PKG_VERSION"), watched.db.engine());
        gauge!("tollgate_build_info", "version" => version, "database" => engine, "mode" => mode)
            .set(1);
        gauge!("tollgate_database_up").set(u32::from(answered.is_some()));
        for connections in watched.db.connections() {
            of_pool(&connections);
        }
        if let Some(Some(backlog)) = answered {
            of_backlog(backlog);
        }
    });
    handle.render()
}

fn of_pool(connections: &Connections) {
    let Connections {
        pool,
        used,
        idle,
        most,
    } = *connections;
    gauge!("tollgate_database_connections", "pool" => pool, "state" => "used").set(used);
    gauge!("tollgate_database_connections", "pool" => pool, "state" => "idle").set(idle);
    gauge!("tollgate_database_connections_max", "pool" => pool).set(most);
}

fn of_backlog(backlog: &Backlog) {
    // A gauge is a number of 53 bits in the format, and one of 32 will do for rows that wait.
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    gauge!("tollgate_suspense_open").set(count(backlog.suspense));
    gauge!("tollgate_order_overdue_seconds").set(backlog.overdue_order);
    gauge!("tollgate_refund_pending_seconds").set(backlog.pending_refund);
    gauge!("tollgate_outbox_untold_seconds").set(backlog.untold_fact);
    gauge!("tollgate_webhook_deliveries_open").set(count(backlog.deliveries));
    gauge!("tollgate_webhook_delivery_oldest_seconds").set(backlog.undelivered);
    for lane in &backlog.lanes {
        gauge!("tollgate_jobs_open", "lane" => lane.lane.clone()).set(count(lane.open));
        gauge!("tollgate_jobs_behind_seconds", "lane" => lane.lane.clone()).set(lane.behind);
    }
}

fn describe() {
    for (name, says) in [
        (
            "tollgate_build_info",
            "1; which version runs, on which database, for real money or in a sandbox.",
        ),
        (
            "tollgate_database_up",
            "Whether the database answered within two seconds.",
        ),
        (
            "tollgate_database_connections",
            "Connections to the database, used or idle.",
        ),
        (
            "tollgate_database_connections_max",
            "The most there can be.",
        ),
        (
            "tollgate_suspense_open",
            "Verified money that fits no order, undecided.",
        ),
        (
            "tollgate_order_overdue_seconds",
            "How long ago the time of the oldest open order ended.",
        ),
        (
            "tollgate_refund_pending_seconds",
            "The age of the oldest refund that is neither made nor refused.",
        ),
        (
            "tollgate_outbox_untold_seconds",
            "The age of the oldest fact that was not fanned out to endpoints.",
        ),
        (
            "tollgate_webhook_deliveries_open",
            "Events on their way to endpoints that are on.",
        ),
        (
            "tollgate_webhook_delivery_oldest_seconds",
            "The age of the oldest of them.",
        ),
        ("tollgate_jobs_open", "Jobs that are not over, by lane."),
        (
            "tollgate_jobs_behind_seconds",
            "How long ago the first job of a lane was due.",
        ),
    ] {
        describe_gauge!(name, says);
    }
}
