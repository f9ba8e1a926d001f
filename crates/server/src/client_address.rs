//! Who is at the other end: the peer, or the client that a trusted proxy names.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use tollgate_kernel::networks::{InvalidNetwork, Networks};

/// Networks whose `X-Forwarded-For` is believed.
///
/// ```
/// use std::net::IpAddr;
/// use axum::http::HeaderMap;
/// use tollgate::client_address::TrustedProxies;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let trusted: TrustedProxies = "10.0.0.0/8".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "203.0.113.5".parse()?);
///
/// let proxy: IpAddr = "10.1.2.3".parse()?;
/// assert_eq!(trusted.client(proxy, &headers).to_string(), "203.0.113.5");
///
/// // From anybody else the header is worth nothing.
/// let stranger: IpAddr = "198.51.100.9".parse()?;
/// assert_eq!(trusted.client(stranger, &headers), stranger);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Networks);

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        text.parse().map(Self)
    }
}

impl TrustedProxies {
    /// The last address that no trusted proxy vouches beyond. From a peer that is not trusted the
    /// header is worth nothing: anybody can send it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let named: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for text in named.into_iter().rev() {
            if !self.0.contain(client) {
                break;
            }
            let Ok(before) = text.trim().parse::<IpAddr>() else {
                break;
            };
            client = before.to_canonical();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        let peer = peer.parse().expect("an address");
        trusted.client(peer, &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("", "192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["198.51.100.9"]),
            "198.51.100.9"
        );
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.1.2.3", &["198.51.100.9"]),
            "198.51.100.9"
        );
        // What the client itself has put in front is not believed.
        assert_eq!(
            client(
                "10.0.0.0/8",
                "10.1.2.3",
                &["203.0.113.5, 198.51.100.9, 10.9.9.9"]
            ),
            "198.51.100.9"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["203.0.113.5", "198.51.100.9"]),
            "198.51.100.9"
        );
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["nonsense"]), "10.1.2.3");
        assert_eq!(
            client("2001:db8::/32", "2001:db8::1", &["2001:dead::1"]),
            "2001:dead::1"
        );
        assert_eq!(
            client("0.0.0.0/0", "10.1.2.3", &["1.1.1.1, 2.2.2.2"]),
            "1.1.1.1"
        );
    }
}
