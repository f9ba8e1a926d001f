//! Looks at an installation as its operator would: what is set, whether both sides know each other's keys, whether
//! callbacks find the way, what ends soon. It asks each rail one harmless question, about an order that never was,
//! and changes nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, StatusCode, header, redirect};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::providers::{OrderKey, PaymentProvider, ProviderError, ProviderVerdict};

use crate::config::{AppEnv, Config};
use crate::{offline, rails};

/// The longest anything is waited for.
const PATIENCE: Duration = Duration::from_secs(12);
/// Signatures carry the time: WeChat and Stripe take five minutes.
const SKEW_FAILS: Duration = Duration::from_mins(5);
const SKEW_WARNS: Duration = Duration::from_mins(1);

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and something should be done.
    Warning,
    /// It does not work.
    Bad,
}

/// What was found out about a thing.
///
/// ```
/// use tollgate::doctor::{Finding, Health};
///
/// fn line(finding: &Finding) -> String {
///     let sign = match finding.health {
///         Health::Good => "ok",
///         Health::Warning => "!!",
///         Health::Bad => "no",
///     };
///     format!("{sign} {}: {}", finding.subject, finding.detail)
/// }
/// let finding = Finding {
///     health: Health::Warning,
///     subject: "clock".to_owned(),
///     detail: "75 seconds ahead".to_owned(),
/// };
/// assert_eq!(line(&finding), "!! clock: 75 seconds ahead");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub health: Health,
    /// Which thing: a setting, a rail, an address.
    pub subject: String,
    /// What was seen, and what to do about it.
    pub detail: String,
}

impl Finding {
    fn new(health: Health, subject: &str, detail: impl Into<String>) -> Self {
        Self {
            health,
            subject: subject.to_owned(),
            detail: detail.into(),
        }
    }

    fn good(subject: &str, detail: impl Into<String>) -> Self {
        Self::new(Health::Good, subject, detail)
    }

    fn warning(subject: &str, detail: impl Into<String>) -> Self {
        Self::new(Health::Warning, subject, detail)
    }

    fn bad(subject: &str, detail: impl Into<String>) -> Self {
        Self::new(Health::Bad, subject, detail)
    }
}

/// Everything, in the order in which one would look.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::doctor::{Health, examine};
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// async fn is_fit(config: &Config) -> bool {
///     let findings = examine(config, &Clock::system(), &Entropy::system()).await;
///     findings.iter().all(|finding| finding.health != Health::Bad)
/// }
/// ```
pub async fn examine(config: &Config, clock: &Clock, entropy: &Entropy) -> Vec<Finding> {
    let http = Client::builder()
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .build();
    let http = match http {
        Ok(http) => http,
        Err(error) => return vec![Finding::bad("network", error.to_string())],
    };
    let mut findings = vec![Finding::good("settings", "can be read")];
    for unknown in &config.unknown {
        findings.push(Finding::warning("settings", unknown.to_string()));
    }
    findings.push(database(config).await);
    let (rails, faults) = rails(config, clock, entropy);
    findings.extend(faults);
    for rail in &rails {
        findings.extend(rail_of(rail.as_ref(), clock, entropy).await);
    }
    for gateway in rails::gateways(config) {
        findings.push(time(&http, &gateway, clock).await);
    }
    findings.extend(callbacks(config, &http, &rails).await);
    findings
}

async fn database(config: &Config) -> Finding {
    const SUBJECT: &str = "DATABASE_URL";
    match offline::database(config).await {
        Ok(db) => {
            let answer = db.ping().await;
            db.close().await;
            match answer {
                Ok(()) => Finding::good(SUBJECT, "the database answers"),
                Err(error) => Finding::bad(SUBJECT, error.to_string()),
            }
        }
        Err(error) => Finding::bad(SUBJECT, format!("{:#}", anyhow::Error::from(error))),
    }
}

type Rails = Vec<std::sync::Arc<dyn PaymentProvider>>;

/// The rails of the settings, without the sandbox's.
fn rails(config: &Config, clock: &Clock, entropy: &Entropy) -> (Rails, Vec<Finding>) {
    let public_url = config.public_url.as_ref().map_or("", |url| url.as_str());
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match rails::providers(config, clock, entropy, None, nowhere, public_url) {
        Ok(rails) if rails.is_empty() => {
            let finding = if config.has_sandbox() {
                let detail =
                    "no rail is set up: buyers pay in the sandbox, and no real money moves";
                Finding::warning("payments", detail)
            } else {
                let detail = "no rail is set up, and the sandbox is off: nobody can pay for anything; \
                    set a rail's keys, or SANDBOX=on to try things out";
                Finding::warning("payments", detail)
            };
            (rails, vec![finding])
        }
        Ok(rails) => (rails, Vec::new()),
        Err(faults) => {
            let text = faults.to_string();
            let told = text.lines().map(|line| Finding::bad("payments", line));
            (Vec::new(), told.collect())
        }
    }
}

/// Whether both sides know each other: a signed question about an order that never was, and its verified answer.
async fn rail_of(rail: &dyn PaymentProvider, clock: &Clock, entropy: &Entropy) -> Vec<Finding> {
    let name = rail.name().as_str();
    let now = clock.now();
    let mut findings: Vec<Finding> = rail
        .warnings(now)
        .iter()
        .map(|warning| {
            let health = if warning.is_urgent() {
                Health::Bad
            } else {
                Health::Warning
            };
            Finding::new(health, name, warning.to_string())
        })
        .collect();
    let id: PaymentId = Ids::new(clock.clone(), entropy.clone()).next();
    let nobodys = OrderKey {
        order_no: OrderNo::of(id),
        provider_order_id: None,
        created_at: now,
    };
    findings.push(match rail.verify_payment(&nobodys).await {
        Ok(ProviderVerdict::Waiting | ProviderVerdict::Closed) => Finding::good(
            name,
            "answers, and believes us as we believe it: both sides know each other",
        ),
        Ok(ProviderVerdict::Paid(_)) => {
            Finding::bad(name, "says that an order is paid which never was")
        }
        Err(ProviderError::Refused { code, message }) => Finding::bad(
            name,
            format!("refuses: {code} {message}; look at the application's number and its contract"),
        ),
        Err(ProviderError::Unknown { reason }) => Finding::bad(
            name,
            format!(
                "gives no answer that can be trusted: {reason}; look at the keys and the gateway"
            ),
        ),
    });
    findings
}

/// Our clock beside the gateway's.
async fn time(http: &Client, gateway: &url::Url, clock: &Clock) -> Finding {
    const SUBJECT: &str = "clock";
    let place = gateway.host_str().unwrap_or_default();
    let answer = match http.head(gateway.clone()).send().await {
        Ok(answer) => answer,
        Err(error) => {
            return Finding::bad(
                SUBJECT,
                format!("{place} cannot be reached: {}", error.without_url()),
            );
        }
    };
    let told = answer
        .headers()
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let Some(theirs) = told.and_then(date) else {
        return Finding::warning(SUBJECT, format!("{place} does not tell its time"));
    };
    let ours = clock.now();
    let apart = ours.since(theirs).max(theirs.since(ours));
    let detail = format!("{} s apart from {place}", apart.as_secs());
    if apart >= SKEW_FAILS {
        Finding::bad(
            SUBJECT,
            format!("{detail}: signatures are refused; let the machine set its clock (NTP)"),
        )
    } else if apart >= SKEW_WARNS {
        Finding::warning(
            SUBJECT,
            format!("{detail}: let the machine set its clock (NTP)"),
        )
    } else {
        Finding::good(SUBJECT, detail)
    }
}

/// RFC 9110 §5.6.7.
fn date(text: &str) -> Option<Timestamp> {
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_utc(at.to_utc()))
}

/// Whether a call to the address that providers are given comes back to a service of ours. Only from here: what
/// stands between here and the provider is not seen.
async fn callbacks(config: &Config, http: &Client, rails: &Rails) -> Vec<Finding> {
    const SUBJECT: &str = "PUBLIC_URL";
    let Some(public_url) = &config.public_url else {
        let detail =
            "is not set: providers cannot call back, and every payment waits for our own questions";
        return vec![Finding::warning(SUBJECT, detail)];
    };
    let mut findings = Vec::new();
    if public_url.scheme() != "https" {
        let health = if config.app_env == AppEnv::Production {
            Health::Bad
        } else {
            Health::Warning
        };
        findings.push(Finding::new(
            health,
            SUBJECT,
            "is not https: WeChat and Stripe refuse it",
        ));
    }
    let base = public_url.as_str().trim_end_matches('/');
    for rail in rails {
        let address = format!("{base}/payments/webhooks/{}", rail.name().as_str());
        findings.push(match http.post(&address).send().await {
            Ok(answer) if answer.status().is_redirection() => Finding::bad(
                SUBJECT,
                format!(
                    "{address} is redirected ({}): providers do not follow",
                    answer.status()
                ),
            ),
            // An empty call is refused, in the provider's words.
            Ok(answer)
                if answer.status().is_client_error()
                    && answer.status() != StatusCode::NOT_FOUND =>
            {
                Finding::good(SUBJECT, format!("{address} answers"))
            }
            Ok(answer) => Finding::bad(
                SUBJECT,
                format!(
                    "{address} answers {}: it does not lead to this service",
                    answer.status()
                ),
            ),
            Err(error) => Finding::bad(
                SUBJECT,
                format!(
                    "{address} cannot be reached from here: {}",
                    error.without_url()
                ),
            ),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        let at = date("Mon, 23 Nov 2026 15:04:05 GMT").expect("a date");
        assert_eq!(at.to_string(), "2026-11-23T15:04:05.000Z");
        for text in ["", "now", "2026-11-23", "Mon, 99 Nov 2026 15:04:05 GMT"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
