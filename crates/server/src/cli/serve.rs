//! `tollgate serve`

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tollgate::Server;
use tollgate::config::Config;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;

/// Serves until told to stop.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    super::log_to_stderr(&config.log_filter, config.log_json)?;
    let server = Server::start(&config, Clock::system(), Entropy::system()).await?;
    greet(&server);
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

/// Says which addresses there are.
fn greet(server: &Server) {
    let url = server.public_url();
    let mode = if server.is_sandbox() {
        " · SANDBOX (no real money)"
    } else {
        ""
    };
    println!(
        "tollgate {} · {}{mode}",
        env!("CARGO_PKG_VERSION"),
        server.database().shown()
    );
    println!("  Plans     {url}/payments/plans");
    println!("  API docs  {url}/docs/");
    if server.has_mailbox() {
        println!("  Mailbox   {url}/sandbox/mail");
    }
    // Last: whoever started us may read up to here and no further.
    println!("  Health    {url}/health");
}
