//! `tollgate webhooks`: events for a developer, beside a running server.

use std::time::Duration;

use clap::Subcommand;
use tollgate::config::Config;
use tollgate::offline;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::{Listener, SignedEvent};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// A receiver has so long to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Print what happens from now on, and send it to an application on this machine, signed as endpoints get it with
    /// the secret that is printed first. Nothing is repeated: for that there are endpoints.
    Listen {
        /// Where to; left out, events are only printed.
        #[arg(long, value_name = "URL")]
        forward_to: Option<url::Url>,
    },
}

/// Does it, until it is told to stop.
pub(crate) async fn run(command: Webhooks, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    let Webhooks::Listen { forward_to } = command;
    let db = offline::database(&config).await?;
    let mut listener = Listener::open(db, Clock::system(), &Entropy::system()).await?;
    let http = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    println!("secret  {}", listener.secret());
    loop {
        for event in listener.next().await? {
            let answer = match &forward_to {
                Some(url) => forward(&http, url.clone(), &event).await,
                None => event.body.clone(),
            };
            println!("{}  {:<24}  {answer}", event.at, event.kind);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What the receiver answered, in words.
async fn forward(http: &reqwest::Client, url: url::Url, event: &SignedEvent) -> String {
    let mut request = http.post(url).header("content-type", "application/json");
    for (name, value) in &event.headers {
        request = request.header(*name, value);
    }
    match request.body(event.body.clone()).send().await {
        Ok(answer) => answer.status().to_string(),
        Err(error) => format!("not taken: {}", error.without_url()),
    }
}
