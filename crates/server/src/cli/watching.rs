//! What whoever runs the service sees of it: the log, figures, spans. There before anything is told or counts.

use std::net::SocketAddr;

use tollgate::config::Config;
use tollgate::metrics::Metrics;
#[cfg(feature = "otel")]
use tollgate::traces::Traces;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What was begun.
pub(super) struct Watching {
    /// Where figures are served.
    pub(super) metrics: Option<(SocketAddr, Metrics)>,
    #[cfg(feature = "otel")]
    traces: Option<Traces>,
}

impl Watching {
    pub(super) fn begin(config: &Config) -> anyhow::Result<Self> {
        let lines = super::lines(&config.log_filter, config.log_json)?;
        #[cfg(feature = "otel")]
        let traces = config.traces.as_ref().map(Traces::begin).transpose()?;
        let registry = tracing_subscriber::registry().with(lines);
        #[cfg(feature = "otel")]
        let registry = registry.with(traces.as_ref().map(Traces::layer).map(of_exchanges));
        registry.init();
        for unknown in &config.unknown {
            tracing::warn!("{unknown}");
        }
        let metrics = config
            .metrics_addr
            .map(|addr| Metrics::install().map(|metrics| (addr, metrics)));
        Ok(Self {
            metrics: metrics.transpose()?,
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// Tells the rest.
    pub(super) async fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.end().await;
        }
    }
}

/// Whatever the log is told, spans are sent; what runs beneath them is not for a collector.
#[cfg(feature = "otel")]
fn of_exchanges<S>(layer: impl tracing_subscriber::Layer<S>) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let own =
        tracing_subscriber::filter::Targets::new().with_target("tollgate", tracing::Level::INFO);
    tracing_subscriber::Layer::with_filter(layer, own)
}
