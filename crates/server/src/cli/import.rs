//! `tollgate import`: whoever has customers already brings them along. May run beside servers.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use tollgate::config::Config;
use tollgate::moving_in::{self, Fate, FromDatabase, Kind, Move, PlanNamed, Report, Totals};
use tollgate::offline;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::url::DatabaseUrl;

/// Shown at once; the rest is counted.
const FAULTS_SHOWN: usize = 50;

/// What to take over, and from where.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  tollgate import --users users.csv --subscriptions subscriptions.csv --dry-run\n  tollgate import --database postgresql://reader@db/shop --plan '专业版=pro' --dry-run",
    arg_required_else_help = true
)]
pub(crate) struct Import {
    /// Accounts: email, username, and if wanted `hashed_password`, `email_verified`, `is_active`, locale. Files are CSV with a line of
    /// names, or JSON, a list of objects.
    #[arg(long, value_name = "FILE")]
    users: Vec<PathBuf>,
    /// API keys: email, sha256 (of the key's text), name, and if wanted `key_prefix`, `expires_at`.
    #[arg(long, value_name = "FILE")]
    api_keys: Vec<PathBuf>,
    /// Subscriptions: email, `plan_slug`, `current_period_start`, `current_period_end`, and if wanted `anchor_at`, status,
    /// paid.
    #[arg(long, value_name = "FILE")]
    subscriptions: Vec<PathBuf>,
    /// How people stand: email, `quota_type`, and `quota_used` or `bonus_units` with reason and `expires_at`.
    #[arg(long, value_name = "FILE")]
    balances: Vec<PathBuf>,
    /// The database of an application whose tables are those of SQLAlchemy: it is only read. `-` reads the address from
    /// standard input.
    #[arg(long, value_name = "URL", conflicts_with_all = ["users", "api_keys", "subscriptions", "balances"])]
    database: Option<String>,
    /// Only this of the database; may be given several times.
    #[arg(long, value_name = "KIND", requires = "database")]
    only: Vec<Only>,
    /// What a plan of the database is called here: its id, slug or name there, and its slug here.
    #[arg(long = "plan", value_name = "NAME=SLUG", requires = "database")]
    plans: Vec<PlanNamed>,
    /// Do everything, print what it comes to, and take it back.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Users,
    ApiKeys,
    Subscriptions,
    Balances,
}

impl From<Only> for Kind {
    fn from(only: Only) -> Self {
        match only {
            Only::Users => Self::Users,
            Only::ApiKeys => Self::ApiKeys,
            Only::Subscriptions => Self::Subscriptions,
            Only::Balances => Self::Balances,
        }
    }
}

/// Does it. Totals go to standard output, talk to standard error.
pub(crate) async fn run(import: Import, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    let both = offline::both(&config, &Entropy::system()).await?;
    let mut what = Move::default();
    let files = [
        (Kind::Users, &import.users),
        (Kind::ApiKeys, &import.api_keys),
        (Kind::Subscriptions, &import.subscriptions),
        (Kind::Balances, &import.balances),
    ];
    for (kind, files) in files {
        for file in files {
            what.add_file(kind, file)
                .with_context(|| format!("{}: nothing was imported", file.display()))?;
        }
    }
    if let Some(url) = &import.database {
        let from = FromDatabase {
            url: address(url)?,
            only: import.only.into_iter().map(Kind::from).collect(),
            plans: import.plans,
        };
        let here = both.payment.all_plans().await?;
        what.add_database(&from, &here, both.clock.now()).await?;
    }
    tell(&moving_in::run(&both, what, import.dry_run).await?)
}

/// A password in an argument would stand in the list of processes.
fn address(url: &str) -> anyhow::Result<DatabaseUrl> {
    let mut text = url.to_owned();
    if url == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text)?;
    }
    Ok(text.trim().parse()?)
}

fn tell(report: &Report) -> anyhow::Result<()> {
    println!(
        "{:<14} {:>8} {:>8} {:>8} {:>8}",
        "", "new", "known", "over", "refused"
    );
    for (name, totals) in &report.totals {
        println!("{}", line(name, totals));
    }
    let differing: usize = report.totals.iter().map(|(_, of)| of.differing).sum();
    if differing > 0 {
        eprintln!(
            "{differing} of those known say something else now; they stay as they were taken over"
        );
    }
    match report.fate {
        Fate::Written if report.totals.iter().all(|(_, of)| of.made == 0) => {
            eprintln!("nothing was new");
        }
        Fate::Written => eprintln!("imported"),
        Fate::Tried => eprintln!("a dry run: nothing was imported"),
        Fate::Refused => refuse(report)?,
    }
    Ok(())
}

fn line(name: &str, totals: &Totals) -> String {
    let Totals {
        made,
        known,
        over,
        refused,
        ..
    } = totals;
    let sums = totals.sums.iter();
    let sums: Vec<String> = sums.map(|(of, units)| format!("{of} {units}")).collect();
    let line = format!(
        "{name:<14} {made:>8} {known:>8} {over:>8} {refused:>8}   {}",
        sums.join(", ")
    );
    line.trim_end().to_owned()
}

fn refuse(report: &Report) -> anyhow::Result<()> {
    let shown = report.refused.iter().take(FAULTS_SHOWN);
    let mut lines = vec!["nothing was imported".to_owned()];
    lines.extend(shown.map(ToString::to_string));
    let more = report.refused.len().saturating_sub(FAULTS_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    bail!(lines.join("\n"))
}
