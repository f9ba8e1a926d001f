//! `tollgate doctor`: looks at the installation, changes nothing. May run beside servers.

use anyhow::bail;
use tollgate::config::Config;
use tollgate::doctor::{Health, examine};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::text::Language;

/// A line for each finding on standard output; ends with 1 when something does not work.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("error", config.log_json)?;
    let findings = examine(&config, &Clock::system(), &Entropy::system()).await;
    for finding in &findings {
        let word = match finding.health {
            Health::Good => "ok  ",
            Health::Warning => "warn",
            Health::Bad => "BAD ",
        };
        let detail = finding.detail.get(Language::En);
        println!("{word}  {:<13}  {}", finding.subject, detail);
    }
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    if bad > 0 {
        bail!("{bad} of {} do not work", findings.len());
    }
    Ok(())
}
