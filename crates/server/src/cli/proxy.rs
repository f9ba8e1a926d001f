//! `tollgate proxy`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tollgate::config::Config;
use tollgate::gate::{GateConfig, Rules};

use super::serve;

/// As flags.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollgate proxy --upstream http://127.0.0.1:8000 --consume dicom_processing --open 'GET /health'\n  tollgate proxy --upstream http://127.0.0.1:8000 --rules gate.toml --listen 0.0.0.0:8081"
)]
pub(crate) struct Proxy {
    /// The application: http://host:port
    #[arg(long)]
    upstream: String,
    /// Where its clients call: every path there is the application's.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// A file that says what is asked on which path (docs/proxy.md).
    #[arg(long, conflicts_with_all = ["consume", "cost", "open"])]
    rules: Option<PathBuf>,
    /// What a call that succeeds is counted as. Without it, calls are free, for whoever is signed in.
    #[arg(long)]
    consume: Option<String>,
    /// How many calls' worth.
    #[arg(long, default_value_t = 1, requires = "consume")]
    cost: i64,
    /// What anybody may call: /path, or 'GET /path'; may be given several times.
    #[arg(long)]
    open: Vec<String>,
    /// Seconds that the application may take until it begins to answer.
    #[arg(long, default_value_t = 600)]
    timeout: u32,
}

/// Serves, with the gate beside it, until told to stop.
pub(crate) async fn run(config: Config, proxy: Proxy) -> anyhow::Result<()> {
    let rules = match &proxy.rules {
        Some(file) => Rules::read(file)?,
        None => Rules::plain(&proxy.open, proxy.consume.as_deref(), proxy.cost)?,
    };
    let gate = GateConfig {
        upstream: proxy.upstream,
        rules,
        within: Duration::from_secs(proxy.timeout.max(1).into()),
    };
    serve::with_gate(config, proxy.listen, gate).await
}
