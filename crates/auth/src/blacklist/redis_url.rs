//! `REDIS_URL`: where instances tell each other which sign-ins ended.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use url::Url;

/// Where the Redis is. The address may hold a password.
///
/// ```
/// use tollgate_auth::{InvalidRedisUrl, RedisUrl};
///
/// let url: RedisUrl = "rediss://tollgate:not-printed@cache.example/1".parse()?;
/// assert_eq!(url.shown(), "cache.example:6379");
/// assert_eq!(format!("{url:?}"), url.shown());
///
/// let fault = "redis://tollgate@cache.example".parse::<RedisUrl>().unwrap_err();
/// assert_eq!(fault, InvalidRedisUrl::Credentials);
/// assert_eq!("cache.example".parse::<RedisUrl>().unwrap_err(), InvalidRedisUrl::Form);
/// # Ok::<(), InvalidRedisUrl>(())
/// ```
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) server: ConnectionInfo,
    shown: String,
}

/// Not the address of a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedisUrl {
    /// Of another form.
    #[error(
        "must be redis:// or rediss://, then user:password@ or :password@ if need be, a host, a port and /number of the database, and no more"
    )]
    Form,
    /// A name alone signs nobody in.
    #[error(
        "must hold a password beside the user; write other characters than letters and digits as %40"
    )]
    Credentials,
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    /// `redis://`: without encryption. `rediss://`: TLS, with a certificate that the system believes. Port 6379
    /// and database 0 where none is named.
    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidRedisUrl::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let database = url.path().trim_start_matches('/');
        let is_number = database.parse::<u16>().is_ok();
        if !matches!(url.scheme(), "redis" | "rediss")
            || url.port() == Some(0)
            || url.query().is_some()
            || url.fragment().is_some()
            || !(database.is_empty() || is_number)
        {
            return Err(InvalidRedisUrl::Form);
        }
        let port = url.port().unwrap_or(6379);
        let shown = format!("{}:{port}", host.ok_or(InvalidRedisUrl::Form)?);
        let has_password = url.password().is_some_and(|password| !password.is_empty());
        if !has_password && (!url.username().is_empty() || url.password().is_some()) {
            return Err(InvalidRedisUrl::Credentials);
        }
        // What is left to go wrong is how user and password are written.
        let server = url.into_connection_info();
        let server = server.map_err(|_| InvalidRedisUrl::Credentials)?;
        let settings = server.redis_settings().clone();
        // The one connection both asks and listens, which the older protocol cannot.
        let settings = settings.set_protocol(ProtocolVersion::RESP3);
        Ok(Self {
            server: server.set_redis_settings(settings),
            shown,
        })
    }
}

impl RedisUrl {
    /// For people: host and port, without user and password.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_may_have_user_password_port_and_database() {
        for (text, shown, database) in [
            ("redis://cache.example", "cache.example:6379", 0),
            ("redis://127.0.0.1:7000/", "127.0.0.1:7000", 0),
            (
                "rediss://ann:p%40ss@cache.example:7000/3",
                "cache.example:7000",
                3,
            ),
            ("redis://:secret@[::1]/0", "[::1]:6379", 0),
        ] {
            let url: RedisUrl = text.parse().expect("an address");
            let settings = url.server.redis_settings();
            assert_eq!((url.shown(), settings.db()), (shown, database), "{text}");
        }
        for text in [
            "",
            "cache.example",
            "http://cache.example",
            "unix:///run/redis.sock",
            "redis://",
            "redis:///0",
            "redis://cache.example:0",
            "redis://cache.example:99999",
            "redis://cache.example/x",
            "redis://cache.example/-1",
            "redis://cache.example/0/1",
            "redis://0.0.0.0",
            "redis://cache.example?ssl_cert_reqs=none",
            "rediss://cache.example#insecure",
            "redis://ann@cache.example",
            "redis://ann:@cache.example",
            "redis://ann:%ff@cache.example",
        ] {
            assert!(text.parse::<RedisUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn inv_a10_the_password_is_not_printed() {
        let url: RedisUrl = "redis://ann:hunter2@cache.example"
            .parse()
            .expect("an address");
        assert_eq!(format!("{url:?}"), "cache.example:6379");
    }
}
