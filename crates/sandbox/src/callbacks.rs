//! Calls back to the merchants, again and again until one is accepted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url, header};
use tokio::task::JoinSet;
use tollgate_kernel::clock::Timestamp;

use crate::store::{CallbackState, DueCallback, Rail};
use crate::{Sandbox, SandboxError, wechat};

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

const fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

/// Alipay's waits after a send that was not accepted: eight sends in about 25 hours.
const ALIPAY_WAITS: [Duration; 7] = [
    minutes(4),
    minutes(10),
    minutes(10),
    hours(1),
    hours(2),
    hours(6),
    hours(15),
];
/// WeChat Pay's: sixteen sends in about 24 hours.
const WECHAT_WAITS: [Duration; 15] = [
    Duration::from_secs(15),
    Duration::from_secs(15),
    Duration::from_secs(30),
    minutes(3),
    minutes(10),
    minutes(20),
    minutes(30),
    minutes(30),
    minutes(30),
    hours(1),
    hours(3),
    hours(3),
    hours(3),
    hours(6),
    hours(6),
];

fn waits(rail: Rail) -> &'static [Duration] {
    match rail {
        Rail::Alipay => &ALIPAY_WAITS,
        Rail::Wechat => &WECHAT_WAITS,
    }
}

/// How often a notice is sent at most.
pub(crate) fn sends(rail: Rail) -> i64 {
    i64::try_from(waits(rail).len()).map_or(i64::MAX, |waits| waits.saturating_add(1))
}

/// How long a claimed call is nobody else's: longer than a call can last.
const LEASE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls under way at once.
const BATCH: i64 = 16;
/// How often the clock is looked at, since a handed-in clock may jump.
const POLL: Duration = Duration::from_millis(500);
/// What is kept of an answer, in bytes.
const REPLY_KEPT_BYTES: usize = 512;
/// The longest address either gateway takes.
const URL_LIMIT: usize = 256;

/// What Alipay wants to hear, and nothing else.
const ACCEPTED: &[u8] = b"success";

/// Whether a whole answer says that the notice has arrived.
fn accepts(rail: Rail, status: u16, body: &[u8]) -> bool {
    match rail {
        Rail::Alipay => status == 200 && body == ACCEPTED,
        // Whatever the body says.
        Rail::Wechat => matches!(status, 200 | 204),
    }
}

/// Makes the calls. It is a look-alike's, never a tool to reach others with: it calls this machine
/// and the host it is reached at itself, follows no redirect and asks no proxy.
#[derive(Clone, Debug)]
pub(crate) struct Messenger {
    client: Client,
    own_host: String,
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not an absolute `http` or `https` address of at most 256 characters.
    NoAddress,
    /// On a host that is not ours to call.
    ForeignHost,
}

impl Messenger {
    pub(crate) fn new(base_url: &Url) -> Result<Self, SandboxError> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            own_host: base_url.host_str().unwrap_or_default().to_owned(),
        })
    }

    /// The address, if it may be called.
    pub(crate) fn target(&self, url: &str) -> Result<Url, Refused> {
        let url = Url::parse(url)
            .ok()
            .filter(|parsed| matches!(parsed.scheme(), "http" | "https"))
            .filter(|parsed| parsed.username().is_empty() && parsed.password().is_none())
            .filter(|_| url.len() <= URL_LIMIT)
            .ok_or(Refused::NoAddress)?;
        let host = url.host_str().ok_or(Refused::NoAddress)?;
        if host == self.own_host || is_loopback(host) {
            Ok(url)
        } else {
            Err(Refused::ForeignHost)
        }
    }

    /// `seal`: headers of this very send.
    async fn send(&self, callback: &DueCallback, seal: BTreeMap<String, String>) -> Reply {
        let Ok(url) = self.target(&callback.url) else {
            return Reply::failed("not called: the address is on a foreign host");
        };
        let mut headers: BTreeMap<String, String> =
            serde_json::from_str(&callback.headers).unwrap_or_default();
        headers.extend(seal);
        let mut request = self
            .client
            .post(url)
            .header(header::USER_AGENT, "tollgate-sandbox")
            .body(callback.body.clone());
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => Reply::read(callback.rail, response).await,
            Err(error) => Reply::failed(match error {
                error if error.is_timeout() => "no answer in time",
                error if error.is_connect() => "nobody listens at the address",
                _ => "the call failed",
            }),
        }
    }
}

/// This machine, by name or number.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What came of one call.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: Option<u16>,
    body: String,
    accepted: bool,
}

impl Reply {
    fn failed(why: &str) -> Self {
        Self {
            status: None,
            body: why.to_owned(),
            accepted: false,
        }
    }

    async fn read(rail: Rail, mut response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut whole = true;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => {
                    whole = false;
                    break;
                }
            }
            if body.len() > REPLY_KEPT_BYTES {
                body.truncate(REPLY_KEPT_BYTES);
                whole = false;
                break;
            }
        }
        Self {
            status: Some(status),
            accepted: whole && accepts(rail, status, &body),
            body: String::from_utf8_lossy(&body).replace('\0', "\u{FFFD}"),
        }
    }
}

impl Sandbox {
    /// Sends every callback that is due by the clock, once, and returns how many were sent. One
    /// that is not accepted is due again by the gateway's own schedule.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_kernel::clock::Clock;
    /// # use tollgate_sandbox::{Sandbox, SandboxError};
    /// /// A test with a clock of its own: the merchant is called again after four minutes.
    /// async fn again(sandbox: &Sandbox, clock: &Clock) -> Result<usize, SandboxError> {
    ///     clock.advance(Duration::from_mins(4));
    ///     sandbox.deliver_due().await
    /// }
    /// ```
    ///
    /// # Errors
    /// When the database fails; no callback is lost by that.
    pub async fn deliver_due(&self) -> Result<usize, SandboxError> {
        self.settle_refunds().await?;
        let mut attempted = self.deliver_stripe().await?;
        loop {
            let now = self.inner.clock.now();
            let due = self
                .inner
                .store
                .claim_callbacks(now, now.after(LEASE), BATCH)
                .await?;
            if due.is_empty() {
                return Ok(attempted);
            }
            attempted += due.len();
            let mut calls = JoinSet::new();
            for callback in due {
                let sandbox = self.clone();
                calls.spawn(async move { sandbox.deliver(&callback, now).await });
            }
            while let Some(ended) = calls.join_next().await {
                if let Ok(result) = ended {
                    result?;
                } else {
                    tracing::error!("a callback broke off; it is due again soon");
                }
            }
        }
    }

    async fn deliver(
        &self,
        callback: &DueCallback,
        sent_at: Timestamp,
    ) -> Result<(), SandboxError> {
        let seal = match callback.rail {
            Rail::Alipay => BTreeMap::new(),
            Rail::Wechat => wechat::notice::seal(self, callback).await?,
        };
        let reply = self.inner.messenger.send(callback, seal).await;
        let wait = usize::try_from(callback.attempts)
            .ok()
            .and_then(|attempts| waits(callback.rail).get(attempts.checked_sub(1)?));
        let (state, due_at) = match (reply.accepted, wait) {
            (true, _) => (CallbackState::Accepted, sent_at),
            (false, Some(wait)) => (CallbackState::Open, sent_at.after(*wait)),
            (false, None) => (CallbackState::GivenUp, sent_at),
        };
        tracing::info!(
            callback.id = %callback.id,
            callback.attempts = callback.attempts,
            callback.status = reply.status,
            accepted = reply.accepted,
            "called back"
        );
        self.inner
            .store
            .finish_callback(callback, state, due_at, reply.status, &reply.body)
            .await
    }

    /// Calls back until `stop` ends: at once when a new callback is owed, otherwise whenever the
    /// clock has reached one. What is under way at the end is not lost: it is sent again later.
    ///
    /// ```
    /// # use tollgate_sandbox::Sandbox;
    /// /// Until the sender says so, or is dropped.
    /// fn begin(sandbox: &Sandbox) -> tokio::sync::oneshot::Sender<()> {
    ///     let (stop, stopped) = tokio::sync::oneshot::channel();
    ///     tokio::spawn(sandbox.clone().run(async move {
    ///         let _ = stopped.await;
    ///     }));
    ///     stop
    /// }
    /// ```
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                delivered = self.deliver_due() => {
                    if let Err(error) = delivered {
                        tracing::error!(%error, "callbacks could not be sent");
                    }
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.inner.owed.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_sent_once_and_after_each_wait() {
        for (rail, count, hours) in [(Rail::Alipay, 8, 24), (Rail::Wechat, 16, 24)] {
            assert_eq!(sends(rail), count);
            let whole: Duration = waits(rail).iter().sum();
            assert_eq!(whole.as_secs() / 3_600, hours);
        }
    }

    #[test]
    fn only_this_machine_and_the_own_host_are_called() {
        let base = Url::parse("https://pay.example/base").expect("a URL");
        let messenger = Messenger::new(&base).expect("a client");
        for url in [
            "http://127.0.0.1:3000/cb",
            "http://127.9.9.9/cb",
            "http://localhost:8000/payments/webhooks/alipay?x=1",
            "http://[::1]:8000/cb",
            "https://pay.example:8443/cb",
        ] {
            assert!(messenger.target(url).is_ok(), "{url}");
        }
        for (url, why) in [
            ("https://shop.example/cb", Refused::ForeignHost),
            ("http://10.0.0.1/cb", Refused::ForeignHost),
            ("http://169.254.169.254/", Refused::ForeignHost),
            ("http://localhost.evil.example/", Refused::ForeignHost),
            ("http://[::ffff:7f00:1]/", Refused::ForeignHost),
            ("http://pay.example@evil.example/", Refused::NoAddress),
            ("ftp://127.0.0.1/", Refused::NoAddress),
            ("/payments/webhooks/alipay", Refused::NoAddress),
            ("", Refused::NoAddress),
        ] {
            assert_eq!(messenger.target(url), Err(why), "{url}");
        }
        let long = format!("http://127.0.0.1/{}", "x".repeat(URL_LIMIT));
        assert_eq!(messenger.target(&long), Err(Refused::NoAddress));
    }
}
