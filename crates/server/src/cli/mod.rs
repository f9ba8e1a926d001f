//! One file per command; without one, `serve`.

mod admin;
mod config;
mod demo;
mod doctor;
mod healthcheck;
mod import;
mod ledger;
mod plans;
mod proxy;
mod sandbox;
mod serve;
mod service_keys;
mod signing_keys;
mod watching;
mod webhooks;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use tollgate::StartError;
use tollgate::config::{Config, Faults};
use tollgate::gate::RulesError;
use tollgate_auth::RotateError;
use tollgate_payment::PlanError;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

const FAILED: u8 = 1;
/// Settings that cannot be used.
const SETTINGS: u8 = 3;
/// What is named is not there.
const MISSING: u8 = 4;
/// A rule of the house is in the way.
const REFUSED: u8 = 5;

/// Nobody agreed to it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotAgreed(&'static str);

/// What is named is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotThere(&'static str);

/// Accounts, plans, payments, API keys, quotas and usage, in one service.
#[derive(Debug, Parser)]
#[command(
    version,
    before_help = "Examples:\n  tollgate            serve on http://localhost:8080\n  tollgate demo       play a purchase against a fresh server"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop (the default).
    Serve(serve::Serve),
    /// Let an admin in.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Take over what another application has: accounts, API keys, subscriptions, balances.
    Import(import::Import),
    /// Play the whole job against a freshly started server: register, buy, pay, spend the quota.
    Demo,
    /// What the settings are, and a first file of them.
    #[command(subcommand)]
    Config(config::Config),
    /// Ask the service that these settings make listen here: 0 when it answers well, 1 otherwise.
    Healthcheck,
    /// A script that completes commands in a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// Look at the settings, the database, every rail's keys, the clock and the way callbacks take.
    Doctor,
    /// The books: what came in, what went back, what is owed.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// What is for sale, as a file that can be kept with the code.
    #[command(subcommand)]
    Plans(plans::Plans),
    /// Serve, and be a gate in front of an application that knows nothing of it: each call is let in, paid for and passed on.
    Proxy(proxy::Proxy),
    /// The buyer and the faults of a running server's sandbox.
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
    /// The keys of host applications.
    #[command(subcommand)]
    ServiceKeys(service_keys::ServiceKeys),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    SigningKeys(signing_keys::SigningKeys),
    /// Events, as endpoints get them.
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
}

/// Runs the command the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let outcome = runtime.block_on(async {
        match arguments
            .command
            .unwrap_or(Command::Serve(serve::Serve::default()))
        {
            Command::Serve(serve) => serve::run(Config::from_env()?, &serve).await,
            Command::Admin(command) => admin::run(Config::from_env()?, command).await,
            Command::Import(import) => import::run(import, Config::from_env()?).await,
            Command::Demo => demo::run(Config::from_env()?).await,
            Command::Config(command) => config::run(&command),
            Command::Healthcheck => healthcheck::run(Config::from_env()?).await,
            Command::Completions { shell } => {
                let mut command = Arguments::command();
                clap_complete::generate(shell, &mut command, "tollgate", &mut std::io::stdout());
                Ok(())
            }
            Command::Doctor => doctor::run(Config::from_env()?).await,
            Command::Ledger(command) => ledger::run(command, Config::from_env()?).await,
            Command::Plans(command) => plans::run(command, Config::from_env()?).await,
            Command::Proxy(command) => proxy::run(Config::from_env()?, command).await,
            Command::Sandbox(command) => sandbox::run(command, Config::from_env()?).await,
            Command::ServiceKeys(command) => service_keys::run(command, Config::from_env()?).await,
            Command::SigningKeys(command) => signing_keys::run(command, Config::from_env()?).await,
            Command::Webhooks(command) => webhooks::run(command, Config::from_env()?).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let faults = error.downcast_ref::<Faults>().is_some()
                || error.downcast_ref::<RulesError>().is_some()
                || matches!(
                    error.downcast_ref::<StartError>(),
                    Some(StartError::Settings(_) | StartError::Upstream(_))
                );
            for line in format!("{error:#}").lines() {
                eprintln!("error: {line}");
            }
            let plan = error.downcast_ref::<PlanError>();
            let refused = matches!(
                error.downcast_ref::<RotateError>(),
                Some(RotateError::OwnKey)
            ) || matches!(
                plan,
                Some(PlanError::InUse { .. } | PlanError::DefaultStays(_))
            ) || error.downcast_ref::<NotAgreed>().is_some();
            let missing = matches!(plan, Some(PlanError::NotFound))
                || error.downcast_ref::<NotThere>().is_some();
            ExitCode::from(match (faults, refused) {
                (true, _) => SETTINGS,
                (false, true) => REFUSED,
                (false, false) if missing => MISSING,
                (false, false) => FAILED,
            })
        }
    }
}

/// Log lines on standard error: standard output is for what was asked for.
fn log_to_stderr(filter: &str, json: bool) -> anyhow::Result<()> {
    tracing_subscriber::registry()
        .with(lines(filter, json)?)
        .init();
    Ok(())
}

/// What writes them.
fn lines<S>(filter: &str, json: bool) -> anyhow::Result<impl Layer<S>>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Faults::one("LOG_LEVEL", error.to_string()))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    Ok(lines.with_filter(filter))
}
