//! `tollgate ledger`: the books, read by who has the machine. May run beside servers; changes nothing.

use anyhow::bail;
use clap::Subcommand;
use tollgate::config::Config;
use tollgate::offline;
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::{AccountBalance, verify_books};

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Look at everything: every payment, refund and row of suspense beside what is booked for it.
    /// Prints each account with its balance, or each damaged row, and then ends with 1.
    Verify,
}

/// Does it. Data go to standard output, talk to standard error.
pub(crate) async fn run(command: Ledger, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    match command {
        Ledger::Verify => verify(&config).await,
    }
}

async fn verify(config: &Config) -> anyhow::Result<()> {
    let db = offline::database(config).await?;
    let books = verify_books(&db).await;
    db.close().await;
    let books = books?;
    if books.damage.is_empty() {
        for account in &books.accounts {
            println!("{}", line(account));
        }
        eprintln!("the books are true, and sum to zero");
        return Ok(());
    }
    for damage in &books.damage {
        println!("{damage}");
    }
    bail!("the books are damaged: {} faults", books.damage.len())
}

/// Debits less credits, so that a column of one currency and mode sums to zero.
fn line(account: &AccountBalance) -> String {
    let mode = if account.livemode { "live" } else { "sandbox" };
    let balance = account
        .currency
        .parse::<Currency>()
        .map_or(account.minor.to_string(), |currency| {
            Money::new(account.minor, currency).to_string()
        });
    format!(
        "{mode:<7}  {:<3}  {:<16}  {balance:>16}",
        account.currency, account.code
    )
}
