//! `tollgate serve`

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tollgate::Server;
use tollgate::config::{Config, Faults};
use tollgate::gate::GateConfig;
use tollgate::metrics::Metrics;
use tollgate_auth::{AdminError, FirstAdmin};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;

const FIRST_ADMIN: &str = "first-admin.txt";

/// Serves until told to stop.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let server = start(&config).await?;
    serve(server, &config).await
}

/// The same, with a gate in front of an application beside it.
pub(crate) async fn with_gate(
    config: Config,
    addr: SocketAddr,
    gate: GateConfig,
) -> anyhow::Result<()> {
    let server = start(&config).await?;
    serve(server.gate(addr, gate).await?, &config).await
}

/// What keeps figures is there before anything counts.
async fn start(config: &Config) -> anyhow::Result<Server> {
    super::log_to_stderr(&config.log_filter, config.log_json)?;
    for unknown in &config.unknown {
        tracing::warn!("{unknown}");
    }
    let metrics = config.metrics_addr.map(|addr| (addr, Metrics::install()));
    let server = Server::start(config, Clock::system(), Entropy::system()).await?;
    match metrics {
        None => Ok(server),
        Some((addr, metrics)) => Ok(server.metrics(addr, metrics?).await?),
    }
}

async fn serve(server: Server, config: &Config) -> anyhow::Result<()> {
    greet(&server);
    let accounts = &config.accounts;
    let first = server
        .auth()
        .first_admin(&accounts.admin_email, accounts.admin_password.as_ref())
        .await;
    match first {
        Ok(None) => {}
        Ok(Some(first)) => introduce(&first, config)?,
        Err(AdminError::Weak(weak)) => {
            return Err(Faults::one("ADMIN_PASSWORD", weak.to_string()).into());
        }
        Err(error) => return Err(error.into()),
    }
    let (stop, stopping) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("stopping");
        let _ = stop.send(true);
    });
    server.run(stopping).await;
    Ok(())
}

/// A line for who started us. They may be gone: that is no reason to stop serving.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tells how the first admin gets in: on a terminal, or in a file that only its owner reads. Never to
/// a pipe, which may end in a log.
fn introduce(first: &FirstAdmin, config: &Config) -> anyhow::Result<()> {
    let password = first.password.expose_secret();
    let link = first.link.as_ref().map(ExposeSecret::expose_secret);
    if std::io::stdout().is_terminal() {
        say(&format!("  Admin     {}  /  {password}", first.email));
        if let Some(link) = link {
            say(&format!("            or once, within 30 minutes: {link}"));
        }
        say("            until an admin has signed in; a new start makes a new one");
        return Ok(());
    }
    let path = config.data_dir.join(FIRST_ADMIN);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    writeln!(
        file,
        "{}\n{password}\n{}",
        first.email,
        link.unwrap_or_default()
    )?;
    say(&format!(
        "  Admin     {} (how to sign in: {})",
        first.email,
        path.display()
    ));
    Ok(())
}

/// Says which addresses there are.
fn greet(server: &Server) {
    let url = server.public_url();
    let mode = if server.is_sandbox() {
        " · SANDBOX (no real money)"
    } else {
        ""
    };
    say(&format!(
        "tollgate {} · {}{mode}",
        env!("CARGO_PKG_VERSION"),
        server.database().shown()
    ));
    say(&format!("  Plans     {url}/payments/plans"));
    say(&format!("  API docs  {url}/docs/"));
    if let Some(addr) = server.gate_address() {
        say(&format!("  Gate      http://{addr}"));
    }
    if server.has_mailbox() {
        say(&format!("  Mailbox   {url}/sandbox/mail"));
    }
    if let Some(addr) = server.metrics_address() {
        say(&format!("  Metrics   http://{addr}/metrics"));
    }
    // Last: whoever started us may read up to here and no further.
    say(&format!("  Health    {url}/health"));
}
