//! A span for each exchange, told to a collector by OTLP over HTTP (protobuf): for who follows a call through several
//! services. What the log says during an exchange is an event of its span, so nothing is told here that the log does not
//! tell. The span of a caller who sends `traceparent` (W3C Trace Context §3.2) is its parent.
//!
//! As with figures, the program alone has a say in where they go; a library that is mounted only has spans.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// For one delivery to the collector.
const PATIENCE: Duration = Duration::from_secs(5);

/// The collector cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent")]
pub struct TracesError(#[source] ExporterBuildError);

/// What sends them, in batches and beside everything else: a collector that is away costs spans, nothing more.
///
/// ```
/// use tollgate::traces::{Traces, TracesError};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// async fn traced(serve: impl Future<Output = ()>) -> Result<(), TracesError> {
///     let collector = "http://127.0.0.1:4318".parse().expect("an address");
///     let traces = Traces::begin(&collector)?;
///     let log = tracing_subscriber::registry().with(traces.layer());
///     let _ = tracing::subscriber::set_global_default(log);
///     serve.await;
///     traces.end().await;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To the collector at `endpoint`, the base address; `/v1/traces` is added. `OTEL_RESOURCE_ATTRIBUTES` may name
    /// the service otherwise than `tollgate`, and `OTEL_TRACES_SAMPLER` take fewer of them.
    ///
    /// # Errors
    /// [`TracesError`].
    pub fn begin(endpoint: &Url) -> Result<Self, TracesError> {
        let address = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .with_timeout(PATIENCE)
            .build()
            .map_err(TracesError)?;
        let resource = Resource::builder_empty()
            .with_service_name("tollgate")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_detector(Box::new(EnvResourceDetector::new()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Self(provider))
    }

    /// Beside what writes the log.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer("tollgate"))
    }

    /// Sends what waits. Takes a moment, away from the threads that serve.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last spans were not sent"
            );
        }
    }
}
