//! From where somebody acts: what a record of a deed says beside the deed.
//!
//! ```
//! use axum::extract::FromRequestParts as _;
//! use tollgate_kernel::origin::{ClientAddress, ExchangeId, Origin};
//! # use axum::http::Request;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = Request::get("/").header("user-agent", "curl/8").body(())?;
//! let (mut parts, ()) = request.into_parts();
//! // By whoever accepts connections, and by the exchange.
//! parts.extensions.insert(ClientAddress("192.0.2.7".parse()?));
//! parts.extensions.insert(ExchangeId("order-7".into()));
//!
//! let origin = Origin::from_request_parts(&mut parts, &()).await?;
//! assert_eq!(origin.address, Some("192.0.2.7".parse()?));
//! assert_eq!(origin.device.as_deref(), Some("curl/8"));
//! assert_eq!(origin.request_id.as_deref(), Some("order-7"));
//! assert_eq!(origin.caller, None);
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::caller::{Caller, caller_of};

/// Where a request comes from, put beside it by whoever accepts connections and knows which proxies
/// to believe. Without it the address is not known, and is not guessed from headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The id of the exchange, as [`crate::exchange`] answers and logs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeId(pub Arc<str>);

/// Longer names of devices are cut.
const DEVICE_CHARS: usize = 200;

/// Who acts, from where, in which exchange.
///
/// ```
/// # use tollgate_kernel::origin::Origin;
/// let home = Origin {
///     address: Some("2001:db8:1:2:3:4:5:6".parse()?),
///     ..Origin::default()
/// };
/// assert_eq!(home.address_block(), "2001:db8:1:2::/64");
/// assert_eq!(Origin::default().address_block(), "unknown");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `None`: nobody who was identified.
    pub caller: Option<Caller>,
    /// Of the connection, or of the client behind a trusted proxy.
    pub address: Option<IpAddr>,
    /// `User-Agent`, cut to 200 characters.
    pub device: Option<String>,
    /// Of the exchange.
    pub request_id: Option<Arc<str>>,
}

impl Origin {
    /// The part of the address that one customer of a network holds: an IPv4 address, or the first
    /// 64 bits of an IPv6 address. `None` counts as one block of its own.
    pub fn address_block(&self) -> String {
        match self.address.map(|address| address.to_canonical()) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            caller: caller_of(&parts.extensions),
            address: parts
                .extensions
                .get()
                .map(|ClientAddress(address)| *address),
            device: device(&parts.headers),
            request_id: parts.extensions.get().map(|ExchangeId(id)| Arc::clone(id)),
        })
    }
}

fn device(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().take(DEVICE_CHARS).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_block() {
        let block = |text: &str| {
            Origin {
                address: Some(text.parse().expect("an address")),
                ..Origin::default()
            }
            .address_block()
        };
        assert_eq!(block("192.0.2.7"), block("::ffff:192.0.2.7"));
        assert_ne!(block("192.0.2.7"), block("192.0.2.8"));
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::9"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_eq!(Origin::default().address_block(), "unknown");
    }
}
