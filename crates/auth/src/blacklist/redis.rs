//! The blacklist in Redis, over one connection that asks, tells and listens.
//!
//! What can happen at once: many requests ask while Redis goes away or hangs. One task owns the connection:
//! it connects, looks whether the other side still answers, and begins anew after a pause. A request only
//! borrows what is there. It never connects, waits a moment at the most, and takes the connection away
//! from the others when it got no good answer, so that they need not wait as well.

use std::fmt;
use std::str;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, Value,
};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;

use super::{Blacklist, RedisUrl};
use crate::Parts;
use crate::store::refresh_tokens::EndedToken;

/// No request waits longer.
const AT_MOST: Duration = Duration::from_millis(250);
/// Nobody waits for this but the task.
const CONNECT: Duration = Duration::from_secs(5);
/// After trouble, before Redis is asked again. Longer than [`AT_MOST`]: whoever still waits for the old
/// connection has given up before there is a new one.
const PAUSE: Duration = Duration::from_secs(3);
/// Between two looks whether a silent connection is still one.
const EVERY: Duration = Duration::from_secs(5);
/// In one message, and in one go.
const AT_ONCE: usize = 500;
/// Redis may forget a token this long after its end.
const SLACK: Duration = Duration::from_mins(1);

/// A Redis that may be there.
pub(crate) struct Redis {
    url: RedisUrl,
    /// What names begin with. Messages reach every database of a Redis, so the number is part of it.
    prefix: OnceLock<String>,
    connection: RwLock<Option<MultiplexedConnection>>,
    taken: Notify,
    is_away: AtomicBool,
    keeps_nothing: AtomicBool,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {:?}", self.url)
    }
}

#[async_trait]
impl Blacklist for Redis {
    fn begin(self: Arc<Self>, installation: &str, service: Weak<Parts>) {
        let database = self.url.server.redis_settings().db();
        let prefix = format!("tollgate:{installation}:{database}:");
        if self.prefix.set(prefix).is_ok() {
            tokio::spawn(async move { self.run(&service).await });
        }
    }

    async fn holds(&self, hash: &[u8; 32], now: Timestamp) -> bool {
        let Some(mut connection) = self.borrow() else {
            return false;
        };
        let mut question = redis::cmd("GET");
        question.arg(self.token(hash));
        let asked = question.query_async::<Option<Vec<u8>>>(&mut connection);
        match in_time(asked).await {
            // From its own end on it is not revoked but expired.
            Ok(end) => end
                .and_then(|end| str::from_utf8(&end).ok()?.parse::<i64>().ok())
                .is_some_and(|end| now.micros() < end),
            Err(trouble) => {
                self.take(&trouble);
                false
            }
        }
    }

    async fn add(&self, sessions: &[SessionId], tokens: &[EndedToken], now: Timestamp) {
        let Some(mut connection) = self.borrow() else {
            return;
        };
        let mut all = Vec::new();
        for some in sessions.chunks(AT_ONCE) {
            let ids: Vec<String> = some.iter().map(ToString::to_string).collect();
            let mut pipeline = Pipeline::new();
            pipeline
                .cmd("PUBLISH")
                .arg(self.channel())
                .arg(ids.join(" "));
            all.push(pipeline);
        }
        for some in tokens.chunks(AT_ONCE) {
            let mut pipeline = Pipeline::new();
            for token in some {
                let left = token.expires_at.since(now) + SLACK;
                let set = pipeline.cmd("SET").arg(self.token(&token.hash));
                set.arg(token.expires_at.micros())
                    .arg("EX")
                    .arg(left.as_secs());
            }
            all.push(pipeline);
        }
        let told = async {
            for pipeline in all {
                pipeline.exec_async(&mut connection).await?;
            }
            Ok(())
        };
        match in_time(told).await {
            Ok(()) => self.keeps_nothing.store(false, Ordering::Relaxed),
            Err(Trouble::Refused(code)) => {
                if !self.keeps_nothing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        redis = ?self.url, redis.code = code,
                        "Redis keeps nothing; the database answers for ended sign-ins"
                    );
                }
            }
            Err(trouble) => self.take(&trouble),
        }
    }
}

/// Why Redis was no help. Never in its own words: an old one repeats the password in them.
enum Trouble {
    /// It answered that it does not do this.
    Refused(String),
    /// There was no answer, or none to work with.
    Silent(&'static str),
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        match error.code() {
            _ if error.kind() == ErrorKind::RESP3NotSupported => {
                Self::Silent("it is older than Redis 6")
            }
            _ if error.kind() == ErrorKind::AuthenticationFailed => {
                Self::Silent("it refuses the user or the password")
            }
            Some(code) => Self::Refused(code.to_owned()),
            None if error.is_timeout() => Self::Silent("no answer in time"),
            None if error.is_connection_refusal() => Self::Silent("nobody listens there"),
            None if error.is_io_error() => Self::Silent("the connection was lost, or not made"),
            None => Self::Silent("an answer that was not understood"),
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, Trouble> {
    match timeout(AT_MOST, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Trouble::Silent("no answer in time")),
    }
}

impl Redis {
    pub(crate) fn at(url: RedisUrl) -> Self {
        Self {
            url,
            prefix: OnceLock::new(),
            connection: RwLock::default(),
            taken: Notify::new(),
            is_away: AtomicBool::default(),
            keeps_nothing: AtomicBool::default(),
        }
    }

    fn prefix(&self) -> &str {
        self.prefix.get().map_or("tollgate:", String::as_str)
    }

    fn channel(&self) -> String {
        format!("{}ended", self.prefix())
    }

    fn token(&self, hash: &[u8; 32]) -> String {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(hash);
        format!("{}token:{hash}", self.prefix())
    }

    fn borrow(&self) -> Option<MultiplexedConnection> {
        let connection = self.connection.read();
        connection.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, connection: Option<MultiplexedConnection>) {
        let place = self.connection.write();
        *place.unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Nobody asks again before the pause is over. Told once, however many find out.
    fn take(&self, trouble: &Trouble) {
        self.put(None);
        self.taken.notify_one();
        if self.is_away.swap(true, Ordering::Relaxed) {
            return;
        }
        let cause = match trouble {
            Trouble::Refused(code) => code.as_str(),
            Trouble::Silent(cause) => cause,
        };
        tracing::warn!(
            redis = ?self.url, cause,
            "Redis is no help; the database answers for ended sign-ins, other instances see them in 2 seconds"
        );
    }

    async fn run(&self, service: &Weak<Parts>) {
        loop {
            let trouble = match self.connect().await {
                Ok((connection, heard)) => {
                    self.put(Some(connection.clone()));
                    if self.is_away.swap(false, Ordering::Relaxed) {
                        tracing::info!(redis = ?self.url, "Redis is back");
                    }
                    self.stay(connection, heard, service).await
                }
                Err(trouble) => trouble,
            };
            if service.strong_count() == 0 {
                return;
            }
            self.take(&trouble);
            sleep(PAUSE).await;
        }
    }

    async fn connect(
        &self,
    ) -> Result<(MultiplexedConnection, UnboundedReceiver<PushInfo>), Trouble> {
        let (sender, heard) = mpsc::unbounded_channel();
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(CONNECT))
            .set_push_sender(sender);
        let client = Client::open(self.url.server.clone())?;
        let opened = async {
            let mut connection = client
                .get_multiplexed_async_connection_with_config(&settings)
                .await?;
            connection.subscribe(self.channel()).await?;
            Ok::<_, RedisError>(connection)
        };
        match timeout(CONNECT, opened).await {
            Ok(connection) => Ok((connection?, heard)),
            Err(_) => Err(Trouble::Silent("no answer in time")),
        }
    }

    /// Listens until there is trouble, or the service is gone.
    async fn stay(
        &self,
        mut connection: MultiplexedConnection,
        mut heard: UnboundedReceiver<PushInfo>,
        service: &Weak<Parts>,
    ) -> Trouble {
        let lost = Trouble::Silent("the connection was lost, or not made");
        let mut looks = interval(EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = heard.recv() => {
                    let Some(push) = push.filter(|push| push.kind != PushKind::Disconnection) else {
                        return lost;
                    };
                    let Some(parts) = service.upgrade() else {
                        return lost;
                    };
                    if push.kind == PushKind::Message {
                        parts.revocations.hear(&sessions(&push.data), parts.clock.now());
                    }
                }
                () = self.taken.notified() => {
                    if self.borrow().is_none() {
                        return lost;
                    }
                }
                _ = looks.tick() => {
                    let answer = redis::cmd("PING").exec_async(&mut connection).await;
                    if let Err(error) = answer {
                        return error.into();
                    }
                    if service.strong_count() == 0 {
                        return lost;
                    }
                }
            }
        }
    }
}

/// Of a message: the channel, then ids with spaces between. What is not one is passed over.
fn sessions(message: &[Value]) -> Vec<SessionId> {
    let Some(Value::BulkString(text)) = message.last() else {
        return Vec::new();
    };
    let ids = str::from_utf8(text).unwrap_or_default().split(' ');
    ids.filter_map(|id| id.parse().ok()).collect()
}
