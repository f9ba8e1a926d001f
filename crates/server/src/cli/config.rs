//! `tollgate config`: what the settings are, and a first file of them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Subcommand;
use tollgate::config::shown;
use tollgate_kernel::entropy::Entropy;

const DOTENV: &str = ".env";

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Every setting, its value (secrets as ***) and where it comes from.
    Show,
    /// Write a .env with fresh secrets into this folder, for its owner only; never over one that is there.
    Init,
}

pub(crate) fn run(command: &Config) -> anyhow::Result<()> {
    match command {
        Config::Show => show(),
        Config::Init => init(&Entropy::system()),
    }
}

fn show() -> anyhow::Result<()> {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let all = shown(&env, Path::new(DOTENV))?;
    let widest = all.iter().map(|setting| setting.name.len()).max();
    let width = widest.unwrap_or_default();
    for setting in all {
        println!(
            "{:<width$}  {:<32}  {}",
            setting.name, setting.value, setting.from
        );
    }
    Ok(())
}

fn init(entropy: &Entropy) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(DOTENV).with_context(|| {
        format!("{DOTENV} cannot be made (one that is there is not written over)")
    })?;
    let key = BASE64_STANDARD.encode(entropy.bytes::<32>());
    write!(
        file,
        "# Settings of tollgate; the environment wins over them. All of them, with their meaning:
# crates/server/config.default.toml, or `tollgate config show`.

# Secrets at rest are sealed under this key: without it a database cannot be used any more. Keep a copy elsewhere.
MASTER_KEY={key}

# Before real money moves:
#APP_ENV=production
#PUBLIC_URL=https://pay.example.com
#DATABASE_URL=postgresql://tollgate:password@db.example.com/tollgate
#ADMIN_EMAIL=
#SMTP_URL=
#MAIL_FROM=
#SELLER_NAME=
#ALIPAY_APP_ID=
#WECHAT_MCH_ID=
#STRIPE_SECRET_KEY=

# Figures for Prometheus, at an address of their own:
#METRICS_ADDR=127.0.0.1:9464
"
    )?;
    eprintln!("{DOTENV} is written, with a new MASTER_KEY");
    Ok(())
}
