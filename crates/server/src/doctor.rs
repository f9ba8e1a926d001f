//! Looks at an installation as its operator would: what is set, whether both sides know each other's keys, whether
//! callbacks find the way, what ends soon. It asks each rail one harmless question, about an order that never was,
//! and changes nothing.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, StatusCode, header, redirect};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::text::Text;
use tollgate_kernel::words::Said;
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::providers::{OrderKey, PaymentProvider, ProviderError, ProviderVerdict};

use crate::config::{AppEnv, Config};
use crate::words::WORDS;
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
/// use tollgate_kernel::text::{Language, Text};
///
/// fn line(finding: &Finding) -> String {
///     let sign = match finding.health {
///         Health::Good => "ok",
///         Health::Warning => "!!",
///         Health::Bad => "no",
///     };
///     format!("{sign} {}: {}", finding.subject, finding.detail.get(Language::En))
/// }
/// let finding = Finding {
///     health: Health::Warning,
///     subject: "clock".to_owned(),
///     detail: Text::new("快 75 秒", "75 seconds ahead"),
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
    pub detail: Text,
}

impl Finding {
    fn new(health: Health, subject: &str, detail: Text) -> Self {
        Self {
            health,
            subject: subject.to_owned(),
            detail,
        }
    }

    fn good(subject: &str, detail: Text) -> Self {
        Self::new(Health::Good, subject, detail)
    }

    fn warning(subject: &str, detail: Text) -> Self {
        Self::new(Health::Warning, subject, detail)
    }

    fn bad(subject: &str, detail: Text) -> Self {
        Self::new(Health::Bad, subject, detail)
    }
}

/// What was told to us, in whichever language that was.
fn told(words: impl Display) -> Text {
    let words = words.to_string();
    Text::new(words.clone(), words)
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
        Err(error) => return vec![Finding::bad("network", told(error))],
    };
    let mut findings = vec![Finding::good("settings", WORDS.text("doctor.readable"))];
    for unknown in &config.unknown {
        findings.push(Finding::warning("settings", unknown.text()));
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
                Ok(()) => Finding::good(SUBJECT, WORDS.text("doctor.database")),
                Err(error) => Finding::bad(SUBJECT, told(error)),
            }
        }
        Err(error) => Finding::bad(
            SUBJECT,
            told(format_args!("{:#}", anyhow::Error::from(error))),
        ),
    }
}

type Rails = Vec<std::sync::Arc<dyn PaymentProvider>>;

/// The rails of the settings, without the sandbox's.
fn rails(config: &Config, clock: &Clock, entropy: &Entropy) -> (Rails, Vec<Finding>) {
    let public_url = config.public_url.as_ref().map_or("", |url| url.as_str());
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match rails::providers(config, clock, entropy, None, nowhere, public_url) {
        Ok(rails) if rails.is_empty() => {
            let detail = if config.has_sandbox() {
                WORDS.text("doctor.only_sandbox")
            } else {
                WORDS.text("doctor.no_rail")
            };
            let finding = Finding::warning("payments", detail);
            (rails, vec![finding])
        }
        Ok(rails) => (rails, Vec::new()),
        Err(faults) => {
            let text = faults.to_string();
            let findings = text
                .lines()
                .map(|line| Finding::bad("payments", told(line)));
            (Vec::new(), findings.collect())
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
            Finding::new(health, name, warning.text())
        })
        .collect();
    let id: PaymentId = Ids::new(clock.clone(), entropy.clone()).next();
    let nobodys = OrderKey {
        order_no: OrderNo::of(id),
        provider_order_id: None,
        created_at: now,
    };
    findings.push(match rail.verify_payment(&nobodys).await {
        Ok(ProviderVerdict::Waiting | ProviderVerdict::Closed | ProviderVerdict::Declined) => {
            Finding::good(name, WORDS.text("doctor.known"))
        }
        Ok(ProviderVerdict::Paid(_)) => Finding::bad(name, WORDS.text("doctor.invented")),
        Err(ProviderError::Refused { code, message }) => Finding::bad(
            name,
            WORDS.text_with("doctor.refuses", &[("code", &code), ("message", &message)]),
        ),
        Err(ProviderError::Unknown { reason }) => Finding::bad(
            name,
            WORDS.text_with("doctor.untrusted", &[("reason", &reason)]),
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
                WORDS.text_with(
                    "doctor.unreachable",
                    &[("place", &place), ("error", &error.without_url())],
                ),
            );
        }
    };
    let told = answer
        .headers()
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let Some(theirs) = told.and_then(date) else {
        return Finding::warning(
            SUBJECT,
            WORDS.text_with("doctor.no_time", &[("place", &place)]),
        );
    };
    let ours = clock.now();
    let apart = ours.since(theirs).max(theirs.since(ours));
    let given: [(&str, &dyn Said); 2] = [("seconds", &apart.as_secs()), ("place", &place)];
    if apart >= SKEW_FAILS {
        Finding::bad(SUBJECT, WORDS.text_with("doctor.clock_refused", &given))
    } else if apart >= SKEW_WARNS {
        Finding::warning(SUBJECT, WORDS.text_with("doctor.clock_apart", &given))
    } else {
        Finding::good(SUBJECT, WORDS.text_with("doctor.clock", &given))
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
        return vec![Finding::warning(
            SUBJECT,
            WORDS.text("doctor.no_public_url"),
        )];
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
            WORDS.text("doctor.not_https"),
        ));
    }
    let base = public_url.as_str().trim_end_matches('/');
    for rail in rails {
        let address = format!("{base}/payments/webhooks/{}", rail.name().as_str());
        findings.push(match http.post(&address).send().await {
            Ok(answer) => answered(&address, answer.status()),
            Err(error) => Finding::bad(
                SUBJECT,
                WORDS.text_with(
                    "doctor.callback_unreachable",
                    &[("address", &address), ("error", &error.without_url())],
                ),
            ),
        });
    }
    findings
}

/// An empty call is refused, in the provider's words, where it leads to a service of ours.
fn answered(address: &str, status: StatusCode) -> Finding {
    const SUBJECT: &str = "PUBLIC_URL";
    let given: [(&str, &dyn Said); 2] = [("address", &address), ("status", &status)];
    if status.is_redirection() {
        Finding::bad(
            SUBJECT,
            WORDS.text_with("doctor.callback_redirected", &given),
        )
    } else if status.is_client_error() && status != StatusCode::NOT_FOUND {
        Finding::good(SUBJECT, WORDS.text_with("doctor.callback", &given))
    } else {
        Finding::bad(
            SUBJECT,
            WORDS.text_with("doctor.callback_elsewhere", &given),
        )
    }
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
