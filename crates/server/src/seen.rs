//! What of a service that listens is seen by who watches it: figures at an address of their own, spans at a collector.

use std::net::SocketAddr;

use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::metrics::{Metrics, Watched};
use crate::server::listen;
#[cfg(feature = "otel")]
use crate::spans::spanned;
use crate::start::StartError;
use crate::timing::timed;

/// Both, as far as they are asked for.
#[derive(Debug)]
pub(crate) struct Seen {
    metrics: Option<(TcpListener, Metrics)>,
    #[cfg(feature = "otel")]
    spans: bool,
}

impl Seen {
    /// As the settings say; figures are served once it is known where.
    #[cfg_attr(
        not(feature = "otel"),
        expect(unused_variables, reason = "spans are of a feature")
    )]
    pub(crate) fn by(config: &Config) -> Self {
        Self {
            metrics: None,
            #[cfg(feature = "otel")]
            spans: config.traces.is_some(),
        }
    }

    /// Listens at `addr` for whoever asks for figures.
    pub(crate) async fn listen(
        &mut self,
        addr: SocketAddr,
        metrics: Metrics,
    ) -> Result<(), StartError> {
        let (listener, _) = listen(addr).await?;
        self.metrics = Some((listener, metrics));
        Ok(())
    }

    /// Where figures are served.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.metrics.as_ref()?;
        listener.local_addr().ok()
    }

    /// Goes around every route. `otherwise`: what is told where none has matched.
    pub(crate) fn around(&self, mut router: Router, otherwise: &'static str) -> Router {
        #[cfg(feature = "otel")]
        if self.spans {
            router = router.layer(middleware::from_fn_with_state(otherwise, spanned));
        }
        if self.metrics.is_some() {
            router = router.layer(middleware::from_fn_with_state(otherwise, timed));
        }
        router
    }

    /// Serves figures until `stop` says so.
    pub(crate) fn serve(
        self,
        watched: Watched,
        stop: &watch::Receiver<bool>,
        beside: &mut JoinSet<()>,
    ) {
        if let Some((listener, metrics)) = self.metrics {
            metrics.serve(listener, watched, stop, beside);
        }
    }
}
