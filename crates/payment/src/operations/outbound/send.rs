//! Brings deliveries to their endpoints. Each try is claimed under a fence before anything leaves, and noted under it
//! afterwards: of two instances one sends, and a try that was cut off is made again. A receiver therefore gets a fact at
//! least once, and knows a repeat by its `webhook-id`.
//!
//! An endpoint has a few tries under way at most, and none waits for another endpoint's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, header, redirect};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::EndpointId;
use tollgate_storage::Result;

use super::address::{PublicOnly, checked};
use crate::model::outbound::{DeliveryState, GIVEN_UP_AFTER, Secret, asked_pause, pause_after};
use crate::store::deliveries::{self, Due, Outcome};
use crate::store::endpoints;
use crate::{Parts, PaymentService, counted};

/// A receiver has so long to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Who holds a try longer was cut off.
const LEASE: Duration = Duration::from_mins(1);
/// Tries under way to one endpoint.
const AT_ONCE: usize = 8;
/// The purpose under which secrets are sealed.
pub(super) const SECRET: &str = "webhook secret";

/// The way out, and what is under way.
#[derive(Debug)]
pub(crate) struct Outbound {
    http: Client,
    allow_private: bool,
    under_way: Mutex<BTreeMap<EndpointId, usize>>,
}

impl Outbound {
    /// Without proxies of the environment: they would connect where we must not.
    pub(crate) fn new(allow_private: bool) -> reqwest::Result<Self> {
        let http = Client::builder()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(PublicOnly { allow_private }))
            .user_agent(concat!("Tollgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            allow_private,
            under_way: Mutex::default(),
        })
    }

    fn room(&self, endpoint: EndpointId) -> usize {
        let under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        AT_ONCE.saturating_sub(under_way.get(&endpoint).copied().unwrap_or(0))
    }

    fn begin(&self, endpoint: EndpointId) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(endpoint).or_default();
        *count = count.saturating_add(1);
    }

    fn end(&self, endpoint: EndpointId) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&endpoint) {
            *count = count.saturating_sub(1);
        }
    }
}

/// What a receiver answered.
struct Answer {
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    error: Option<String>,
}

impl PaymentService {
    /// Fans out what is new and begins every try whose time has come; gives how many. It waits for none of them.
    ///
    /// # Errors
    /// The database; the next call goes on.
    pub(crate) async fn deliver_events(&self) -> Result<usize> {
        self.fan_out().await?;
        let parts = &self.0;
        let mut begun = 0_usize;
        for endpoint in endpoints::list(&parts.db, parts.config.livemode).await? {
            if endpoint.disabled_at.is_some() {
                continue;
            }
            let room = i64::try_from(parts.outbound.room(endpoint.id)).unwrap_or(0);
            if room == 0 {
                continue;
            }
            let now = parts.clock.now();
            for mut due in deliveries::find_due(&parts.db, endpoint.id, now, room).await? {
                let mut tx = parts.db.begin().await?;
                let mine = deliveries::claim(&mut tx, &mut due, now.after(LEASE)).await?;
                tx.commit().await?;
                if mine {
                    begun = begun.saturating_add(1);
                    parts.outbound.begin(due.endpoint);
                    let service = self.clone();
                    tokio::spawn(async move {
                        let done = service.attempt(&due).await;
                        service.0.outbound.end(due.endpoint);
                        if let Err(error) = done {
                            tracing::error!(delivery.id = %due.id, error = &error as &dyn std::error::Error,
                                "what came of a delivery could not be noted; it is made again");
                        }
                    });
                }
            }
        }
        Ok(begun)
    }

    async fn attempt(&self, due: &Due) -> Result<()> {
        let parts = &self.0;
        let started = Instant::now();
        let answer = call(parts, due).await?;
        let took = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        note(parts, due, &answer, took).await
    }
}

/// Signs and sends. The database is asked for the secrets, and for nothing while the receiver is waited for.
async fn call(parts: &Parts, due: &Due) -> Result<Answer> {
    let now = parts.clock.now();
    let failed = |error: String| Answer {
        status: None,
        retry_after: None,
        error: Some(error),
    };
    let Ok(url) = checked(&due.url, parts.outbound.allow_private) else {
        return Ok(failed("the address is private".to_owned()));
    };
    let Some((current, previous)) = endpoints::find_secrets(&parts.db, due.endpoint, now).await?
    else {
        return Ok(failed("the endpoint is gone".to_owned()));
    };
    let (id, at) = (due.event.to_string(), now.seconds());
    let body = body_of(&due.kind, due.event_at, &due.data);
    let mut signatures = Vec::new();
    for sealed in [Some(current), previous].into_iter().flatten() {
        let secret = Secret::of(parts.master_key.open(SECRET, &sealed)?);
        signatures.push(secret.sign(&id, at, &body));
    }
    let sent = parts
        .outbound
        .http
        .post(url)
        .header("webhook-id", &id)
        .header("webhook-timestamp", at)
        .header("webhook-signature", signatures.join(" "))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await;
    Ok(match sent {
        Ok(answer) => Answer {
            status: Some(answer.status()),
            retry_after: retry_after(answer.headers(), parts.clock.now()),
            error: None,
        },
        Err(error) if error.is_timeout() => failed("no answer in time".to_owned()),
        Err(error) => failed(cause(&error.without_url())),
    })
}

/// The same to the byte at every try: it is what is signed.
pub(super) fn body_of(kind: &str, at: Timestamp, data: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"timestamp\":\"{at}\",\"data\":{data}}}")
}

/// The innermost words: the outer ones only say that sending failed.
fn cause(error: &reqwest::Error) -> String {
    const LONGEST: usize = 200;
    let mut at: &dyn std::error::Error = error;
    while let Some(inner) = at.source() {
        at = inner;
    }
    at.to_string().chars().take(LONGEST).collect()
}

fn retry_after(headers: &header::HeaderMap, now: Timestamp) -> Option<Duration> {
    asked_pause(headers.get(header::RETRY_AFTER)?.to_str().ok()?, now)
}

async fn note(parts: &Parts, due: &Due, answer: &Answer, duration_us: i64) -> Result<()> {
    let now = parts.clock.now();
    let taken = answer.status.is_some_and(|status| status.is_success());
    let pause = pause_after(due.attempts.saturating_add(1), &parts.entropy);
    let (state, due_at) = match pause {
        _ if taken => (DeliveryState::Succeeded, now),
        Some(pause) => {
            let pause = answer.retry_after.map_or(pause, |asked| asked.max(pause));
            (DeliveryState::Open, now.after(pause))
        }
        None => (DeliveryState::Failed, now),
    };
    let outcome = Outcome {
        state,
        status: answer.status.map(|status| i64::from(status.as_u16())),
        error: answer.error.as_deref(),
        duration_us,
        due_at,
    };
    let mut tx = parts.db.begin().await?;
    if !deliveries::conclude(&mut tx, due, &outcome, now).await? {
        return Ok(());
    }
    tx.count(counted::delivery(state), 1);
    if taken {
        endpoints::works(&mut tx, due.endpoint).await?;
    } else {
        trouble(parts, &mut tx, due, answer, now).await?;
    }
    tx.commit().await
}

/// An endpoint that says "gone", or takes nothing for days, is switched off.
async fn trouble(
    parts: &Parts,
    tx: &mut tollgate_storage::db::Tx,
    due: &Due,
    answer: &Answer,
    now: Timestamp,
) -> Result<()> {
    let since = endpoints::fails(tx, due.endpoint, now).await?;
    let reason = if answer.status == Some(StatusCode::GONE) {
        "it answered 410"
    } else if since.is_some_and(|since| now.since(since) >= GIVEN_UP_AFTER) {
        "it took nothing for five days"
    } else {
        return Ok(());
    };
    if endpoints::disable(tx, due.endpoint, reason, now).await? {
        tracing::error!(endpoint.id = %due.endpoint, reason, "an endpoint is switched off: nobody is told any more");
        if let Some(people) = &parts.people {
            people.endpoint_disabled(tx, &due.url, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::origin::Origin;
    use tollgate_storage::seal::MasterKey;
    use tollgate_storage::testing::each_engine;

    use super::*;
    use crate::operations::outbound::endpoints::WantEndpoint;
    use crate::{MIGRATIONS, PaymentConfig};

    /// A name that was public when it was saved and leads home by now: whatever was looked at before, the
    /// connection itself is refused.
    #[tokio::test(flavor = "multi_thread")]
    async fn line_58_a_name_that_leads_home_by_now_is_not_connected_to() {
        let home = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
        let port = home.local_addr().expect("an address").port();
        let url = format!("http://localhost:{port}/");
        home.set_nonblocking(true).expect("set");
        let strict = Outbound::new(false).expect("built");
        let refused = strict.http.post(&url).send().await;
        let why = cause(&refused.expect_err("refused"));
        assert_eq!(why, super::super::address::NotThere::Private.to_string());
        assert!(home.accept().is_err(), "somebody came");
        // Nothing but the guard kept it away.
        let open = Outbound::new(true).expect("built");
        let call = tokio::spawn(open.http.post(&url).send());
        for _ in 0..1_000 {
            match home.accept() {
                Ok(_) => {
                    call.abort();
                    return;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("nobody came");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn inv_l4_of_two_instances_one_sends_and_a_late_one_notes_nothing() {
        each_engine(&[MIGRATIONS], async |db| {
            let mut config = PaymentConfig::new("https://pay.example");
            config.webhook_allow_private = true;
            let key = MasterKey::generate(&Entropy::system());
            let service = PaymentService::builder(db.clone(), key, config);
            let service = service.clock(Clock::system()).build().await.expect("built");
            let wish = WantEndpoint {
                url: "http://127.0.0.1:9/".to_owned(),
                description: String::new(),
                kinds: Vec::new(),
            };
            let made = service
                .create_endpoint(&wish, None, &Origin::default())
                .await;
            let (endpoint, _) = made.expect("made");
            let origin = Origin::default();
            let begun = service.test_endpoint(endpoint.id, &origin).await;
            begun.expect("begun");
            let now = service.0.clock.now();
            let due = deliveries::find_due(&db, endpoint.id, now, 10)
                .await
                .expect("read");
            assert_eq!(due.len(), 1);
            let (mut one, mut other) = (due[0].clone(), due[0].clone());
            let mut tx = db.begin().await.expect("begins");
            let until = now.after(LEASE);
            assert!(
                deliveries::claim(&mut tx, &mut one, until)
                    .await
                    .expect("asked")
            );
            assert!(
                !deliveries::claim(&mut tx, &mut other, until)
                    .await
                    .expect("asked")
            );
            tx.commit().await.expect("commits");
            // Its lease is over, and another takes the try: the first is late.
            let later = deliveries::find_due(&db, endpoint.id, until, 10)
                .await
                .expect("read");
            let mut again = later[0].clone();
            let mut tx = db.begin().await.expect("begins");
            assert!(
                deliveries::claim(&mut tx, &mut again, until.after(LEASE))
                    .await
                    .expect("asked")
            );
            let outcome = Outcome {
                state: DeliveryState::Succeeded,
                status: Some(204),
                error: None,
                duration_us: 1,
                due_at: now,
            };
            assert!(
                !deliveries::conclude(&mut tx, &one, &outcome, now)
                    .await
                    .expect("asked")
            );
            assert!(
                deliveries::conclude(&mut tx, &again, &outcome, now)
                    .await
                    .expect("asked")
            );
            tx.commit().await.expect("commits");
        })
        .await;
    }
}
