//! `tollgate plans`: what is for sale, as a file. May run beside servers, which see it at once.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use tollgate::config::Config;
use tollgate::{offline, plan_file};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::origin::Origin;
use tollgate_payment::model::plan_terms::FieldChange;
use tollgate_payment::{Initiator, PaymentService, PlanChange, PlanError};

use super::NotAgreed;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Plans {
    /// Print every plan that is not archived as TOML.
    Export,
    /// Make the plans what a file says: shows what differs, asks, and does it whole or not at all.
    Apply {
        /// As `export` prints it.
        file: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Archive plans that the file does not name.
        #[arg(long)]
        archive_missing: bool,
    },
    /// Print one line for each plan.
    List,
    /// Print one plan as TOML.
    Show {
        /// Its slug or id.
        plan: String,
    },
}

/// Does it. Data go to standard output, talk to standard error.
pub(crate) async fn run(command: Plans, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    let language = config.default_language;
    match command {
        Plans::Apply {
            file,
            yes,
            archive_missing,
        } => {
            let text = read(&file)?;
            let wanted = plan_file::read(&text, language)
                .with_context(|| format!("{}: nothing was changed", file.display()))?;
            let plans = offline::plans(&config, &Entropy::system()).await?;
            let shown = plans.plan_changes(&wanted, archive_missing).await?;
            if shown.is_empty() {
                eprintln!("nothing to do: all plans are so already");
                return Ok(());
            }
            shown.iter().for_each(show);
            agree(yes)?;
            let origin = Origin::default();
            let editor = Initiator::operator(&origin);
            let applied = plans.apply_plans(&wanted, archive_missing, &shown, &editor);
            applied.await?;
            eprintln!("{} plans changed", shown.len());
            Ok(())
        }
        Plans::Export => {
            export(
                &offline::plans(&config, &Entropy::system()).await?,
                language_tag(&config),
            )
            .await
        }
        Plans::List => list(&offline::plans(&config, &Entropy::system()).await?).await,
        Plans::Show { plan } => {
            let plans = offline::plans(&config, &Entropy::system()).await?;
            let found = plans.any_plan(&plan).await?.ok_or(PlanError::NotFound)?;
            print!(
                "{}",
                plan_file::write(&[found.terms(language_tag(&config))])?
            );
            Ok(())
        }
    }
}

fn language_tag(config: &Config) -> &'static str {
    plan_file::house(config.default_language)
}

/// No file of plans is as long.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

fn read(file: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(|| file.display().to_string())?;
    opened
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .with_context(|| file.display().to_string())?;
    Ok(text)
}

async fn export(plans: &PaymentService, house: &str) -> anyhow::Result<()> {
    let all = plans.all_plans().await?;
    let mut kept: Vec<_> = all
        .iter()
        .filter(|plan| plan.archived_at.is_none())
        .map(|plan| plan.terms(house))
        .collect();
    kept.sort_by(|a, b| (a.sort_order, &a.slug).cmp(&(b.sort_order, &b.slug)));
    println!("# tollgate plans apply <this file>");
    print!("{}", plan_file::write(&kept)?);
    Ok(())
}

async fn list(plans: &PaymentService) -> anyhow::Result<()> {
    for plan in plans.all_plans().await? {
        let state = match (plan.archived_at, plan.is_default, plan.is_active) {
            (Some(_), _, _) => "archived",
            (None, true, _) => "default",
            (None, false, true) => "on sale",
            (None, false, false) => "off sale",
        };
        let price = plan.price;
        println!(
            "{:<24} {:>14} {} {:<8} {state:<8} v{}",
            plan.slug.as_str(),
            price.to_string(),
            price.currency().code(),
            plan.billing_cycle.as_str(),
            plan.version
        );
    }
    Ok(())
}

/// One plan that will be another: `+` new, `~` changed, `-` archived.
fn show(change: &PlanChange) {
    match change {
        PlanChange::Added(slug, fields) => {
            println!("+ {slug}");
            fields.iter().for_each(show_field);
        }
        PlanChange::Changed(slug, fields) => {
            println!("~ {slug}");
            fields.iter().for_each(show_field);
        }
        PlanChange::Archived(slug) => println!("- {slug} archived"),
    }
}

fn show_field(change: &FieldChange) {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    match &change.before {
        None => println!("    {}: {}", change.field, side(&change.after)),
        Some(_) => println!(
            "    {}: {} → {}",
            change.field,
            side(&change.before),
            side(&change.after)
        ),
    }
}

/// Asks on a terminal; elsewhere only `--yes` will do.
fn agree(yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(NotAgreed("nothing was changed: there is nobody to ask; give --yes").into());
    }
    eprint!("Apply? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(NotAgreed("nothing was changed").into())
}
