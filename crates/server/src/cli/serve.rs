//! `tollgate serve`

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tollgate::config::{Config, Faults};
use tollgate::gate::GateConfig;
use tollgate::metrics::Metrics;
use tollgate::{Alone, Module, Server};
use tollgate_auth::{AdminError, AuthService, FirstAdmin};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::url::DatabaseUrl;

use super::watching::Watching;

const FIRST_ADMIN: &str = "first-admin.txt";

/// Which module, if not the whole.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Only {
    /// Accounts, sessions and API keys.
    Auth,
    /// Plans, payments, quota and usage, for the accounts at `TOLLGATE_URL`.
    Payment,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Serve {
    /// One module alone: the other is another service, with a database of its own.
    #[arg(long)]
    only: Option<Only>,
}

/// Serves until told to stop.
pub(crate) async fn run(config: Config, arguments: &Serve) -> anyhow::Result<()> {
    let mut watching = Watching::begin(&config)?;
    let metrics = watching.metrics.take();
    match arguments.only {
        None => serve(start(&config, metrics).await?, &config).await?,
        Some(Only::Auth) => serve_alone(Module::Auth, &config, metrics).await?,
        Some(Only::Payment) => serve_alone(Module::Payment, &config, metrics).await?,
    }
    watching.end().await;
    Ok(())
}

/// The same, with a gate in front of an application beside it.
pub(crate) async fn with_gate(
    config: Config,
    addr: SocketAddr,
    gate: GateConfig,
) -> anyhow::Result<()> {
    let mut watching = Watching::begin(&config)?;
    let server = start(&config, watching.metrics.take()).await?;
    serve(server.gate(addr, gate).await?, &config).await?;
    watching.end().await;
    Ok(())
}

async fn start(config: &Config, metrics: Option<(SocketAddr, Metrics)>) -> anyhow::Result<Server> {
    let server = Server::start(config, Clock::system(), Entropy::system()).await?;
    match metrics {
        None => Ok(server),
        Some((addr, metrics)) => Ok(server.metrics(addr, metrics).await?),
    }
}

async fn serve_alone(
    module: Module,
    config: &Config,
    metrics: Option<(SocketAddr, Metrics)>,
) -> anyhow::Result<()> {
    let alone = Alone::start(module, config, Clock::system(), Entropy::system()).await?;
    let alone = match metrics {
        None => alone,
        Some((addr, metrics)) => alone.metrics(addr, metrics).await?,
    };
    greet_alone(module, &alone);
    if let Some(auth) = alone.auth() {
        first_admin(auth, config).await?;
    }
    alone.run(stopping()?).await;
    Ok(())
}

async fn serve(server: Server, config: &Config) -> anyhow::Result<()> {
    greet(&server);
    first_admin(server.auth(), config).await?;
    server.run(stopping()?).await;
    Ok(())
}

/// Lets the first admin in, where nobody is one yet.
async fn first_admin(auth: &AuthService, config: &Config) -> anyhow::Result<()> {
    let accounts = &config.accounts;
    let first = auth
        .first_admin(&accounts.admin_email, accounts.admin_password.as_ref())
        .await;
    match first {
        Ok(None) => Ok(()),
        Ok(Some(first)) => introduce(&first, config),
        Err(AdminError::Weak(weak)) => Err(Faults::one("ADMIN_PASSWORD", weak.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Says so when the process is told to stop.
fn stopping() -> anyhow::Result<watch::Receiver<bool>> {
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
    Ok(stopping)
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

/// Says what it is.
fn title(kind: &str, database: &DatabaseUrl, is_sandbox: bool) {
    let mode = if is_sandbox {
        " · SANDBOX (no real money)"
    } else {
        ""
    };
    let (version, database) = (env!("CARGO_PKG_VERSION"), database.shown());
    say(&format!("tollgate{kind} {version} · {database}{mode}"));
}

/// The same of a module alone.
fn greet_alone(module: Module, alone: &Alone) {
    let url = alone.public_url();
    let (kind, first) = match module {
        Module::Auth => (
            " auth",
            format!("  Keys      {url}/auth/.well-known/jwks.json"),
        ),
        Module::Payment => (" payment", format!("  Plans     {url}/payments/plans")),
    };
    title(kind, alone.database(), alone.is_sandbox());
    say(&first);
    say(&format!("  API docs  {url}/docs/"));
    say(&format!("  Health    {url}/health"));
}

/// Says which addresses there are.
fn greet(server: &Server) {
    let url = server.public_url();
    title("", server.database(), server.is_sandbox());
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
