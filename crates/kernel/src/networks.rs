//! Lists of addresses and networks: who may call, which proxies are believed.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

/// Addresses and networks (CIDR, RFC 4632 and RFC 4291). An IPv4 address in IPv6 dress is the IPv4
/// address.
///
/// ```
/// use tollgate_kernel::networks::Networks;
///
/// let office: Networks = "10.1.2.3/8, 192.0.2.7, 2001:db8::/32".parse()?;
/// assert!(office.contain("10.9.8.7".parse()?));
/// assert!(office.contain("::ffff:192.0.2.7".parse()?));
/// assert_eq!(office.texts(), ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
/// assert_eq!(Networks::of(office.texts())?, office);
/// assert!(Networks::default().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

/// Not an address and not a network.
///
/// ```
/// # use tollgate_kernel::networks::Networks;
/// let fault = Networks::of(["10.0.0.0/8", "office"]).expect_err("a name");
/// assert_eq!(fault.to_string(), "\"office\" is not an address or a network");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address or a network")]
pub struct InvalidNetwork(String);

impl Networks {
    /// From one text each.
    ///
    /// # Errors
    /// The first that is neither an address nor a network.
    pub fn of<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, InvalidNetwork> {
        let network = |text: T| {
            let text = text.as_ref().trim();
            let whole = text
                .parse::<IpAddr>()
                .map(|one| IpNet::from(one.to_canonical()));
            whole
                .or_else(|_| text.parse::<IpNet>())
                .map(|network| network.trunc())
                .map_err(|_| InvalidNetwork(text.to_owned()))
        };
        texts
            .into_iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each as text; a single address without its `/32` or `/128`.
    pub fn texts(&self) -> Vec<String> {
        let text = |network: &IpNet| {
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().to_string()
            } else {
                network.to_string()
            }
        };
        self.0.iter().map(text).collect()
    }
}

impl FromStr for Networks {
    type Err = InvalidNetwork;

    /// Separated by commas.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        Self::of(text.split(',').filter(|part| !part.trim().is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_networks_only() {
        let networks: Networks = "10.1.2.3/8, 192.0.2.7,,2001:db8::/32, ::ffff:198.51.100.1"
            .parse()
            .expect("networks");
        assert_eq!(
            networks.texts(),
            ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "198.51.100.1"]
        );
        let contains = |text: &str| networks.contain(text.parse().expect("an address"));
        for inside in [
            "10.255.0.1",
            "::ffff:10.0.0.1",
            "192.0.2.7",
            "2001:db8:1::1",
            "198.51.100.1",
        ] {
            assert!(contains(inside), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::1", "::10.0.0.1"] {
            assert!(!contains(outside), "{outside}");
        }
        assert!(!Networks::default().contain(IpAddr::from([127, 0, 0, 1])));
        assert!(
            "0.0.0.0/0"
                .parse::<Networks>()
                .expect("all")
                .contain(IpAddr::from([1, 1, 1, 1]))
        );
        for bad in ["10.0.0.0/33", "10.0.0", "x", "::1/129", "1.2.3.4 5.6.7.8"] {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
    }
}
