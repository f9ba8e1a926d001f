//! Where events may go. Whoever sets an endpoint up could otherwise make us call what only we can reach: the
//! machine itself, its network, the cloud's store of secrets. An address is looked at when it is saved and, since
//! names can change their mind, again at each connection: what was resolved is what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longer ones are no addresses of hooks.
const LONGEST: usize = 2_000;

/// Why events may not go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotThere {
    #[error("not an absolute https address without user and fragment")]
    Malformed,
    #[error("an address of this machine or of a private network")]
    Private,
}

/// The address, if events may go there as far as can be said without asking for its name.
pub(super) fn checked(text: &str, allow_private: bool) -> Result<Url, NotThere> {
    let url: Url = text.parse().map_err(|_| NotThere::Malformed)?;
    let https = url.scheme() == "https" || (allow_private && url.scheme() == "http");
    let named = !url.username().is_empty() || url.password().is_some();
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !https || named || !plain || url.fragment().is_some() {
        return Err(NotThere::Malformed);
    }
    let private = match url.host() {
        None => return Err(NotThere::Malformed),
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => is_local_name(name),
    };
    if private && !allow_private {
        return Err(NotThere::Private);
    }
    Ok(url)
}

/// RFC 6761, RFC 6762, RFC 8375 and what clouds call their own.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ends = |suffix: &str| name == suffix || name.ends_with(&format!(".{suffix}"));
    !name.contains('.')
        || [
            "localhost",
            "local",
            "internal",
            "home.arpa",
            "lan",
            "test",
            "invalid",
        ]
        .into_iter()
        .any(ends)
}

/// Whether an address is everybody's: not this machine's, no private, shared, link-local, multicast, documentation or
/// reserved one (IANA special-purpose registries), and none of those in the dress of IPv6.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // Reachable from within one cloud only, and there it hands out secrets, though its range is everybody's.
    const AZURE_HOST: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 175, 48)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special && address != AZURE_HOST
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Unspecified, loopback, and the old way of carrying an IPv4 address.
        [0, 0, 0, 0, 0, 0, high, low] => (high != 0) && inner(high, low),
        // NAT64: well known, and local.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x64, 0xff9b, 1, ..] => false,
        // 6to4.
        [0x2002, high, low, ..] => inner(high, low),
        // Discard, Teredo and other protocols', documentation.
        [0x100, 0, 0, 0, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, ..] => false,
        [first, ..] => matches!(first, 0x2000..=0x3fff),
    }
}

/// Resolves names to public addresses only. A name that leads to both is refused: what is meant is not to be guessed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicOnly {
    pub(super) allow_private: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if !allow_private && !found.iter().all(|address| is_public(address.ip())) {
                return Err(Box::from(NotThere::Private));
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_58_only_public_addresses_are_called() {
        for good in [
            "https://hooks.example.com/tollgate",
            "https://hooks.example.com:8443/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "https://例子.example/",
        ] {
            let ascii = good.is_ascii();
            assert_eq!(checked(good, false).is_ok(), ascii, "{good}");
        }
        for (bad, why) in [
            ("http://hooks.example.com/", NotThere::Malformed),
            ("ftp://hooks.example.com/", NotThere::Malformed),
            ("https://user@hooks.example.com/", NotThere::Malformed),
            ("https://hooks.example.com/#x", NotThere::Malformed),
            ("https:///x", NotThere::Private),
            ("hooks.example.com", NotThere::Malformed),
            ("", NotThere::Malformed),
            ("https://localhost/", NotThere::Private),
            ("https://intranet/", NotThere::Private),
            ("https://metadata.google.internal/", NotThere::Private),
            ("https://127.0.0.1/", NotThere::Private),
            ("https://2130706433/", NotThere::Private),
            ("https://0x7f.1/", NotThere::Private),
            ("https://0177.0.0.1/", NotThere::Private),
            ("https://0.0.0.0/", NotThere::Private),
            ("https://10.1.2.3/", NotThere::Private),
            ("https://100.64.0.1/", NotThere::Private),
            (
                "https://169.254.169.254/latest/meta-data/",
                NotThere::Private,
            ),
            ("https://168.63.129.16/machine", NotThere::Private),
            ("https://100.100.100.200/latest/", NotThere::Private),
            ("https://192.0.0.192/opc/", NotThere::Private),
            ("https://[fd00:ec2::254]/", NotThere::Private),
            ("https://[::ffff:168.63.129.16]/", NotThere::Private),
            ("https://172.16.0.1/", NotThere::Private),
            ("https://192.168.1.1/", NotThere::Private),
            ("https://198.18.0.1/", NotThere::Private),
            ("https://224.0.0.1/", NotThere::Private),
            ("https://255.255.255.255/", NotThere::Private),
            ("https://[::1]/", NotThere::Private),
            ("https://[::]/", NotThere::Private),
            ("https://[::ffff:127.0.0.1]/", NotThere::Private),
            ("https://[::127.0.0.1]/", NotThere::Private),
            ("https://[64:ff9b::7f00:1]/", NotThere::Private),
            ("https://[64:ff9b:1::1]/", NotThere::Private),
            ("https://[2002:7f00:1::]/", NotThere::Private),
            ("https://[fd00::1]/", NotThere::Private),
            ("https://[fe80::1]/", NotThere::Private),
            ("https://[ff02::1]/", NotThere::Private),
            ("https://[2001:db8::1]/", NotThere::Private),
        ] {
            assert_eq!(checked(bad, false).err(), Some(why), "{bad}");
        }
        assert!(checked("http://127.0.0.1:9/x", true).is_ok());
        assert!(checked("ftp://127.0.0.1:9/x", true).is_err());
    }

    /// A name that is public when it is saved and private when it is called.
    #[tokio::test]
    async fn line_58_a_name_that_leads_home_is_refused_at_the_connection() {
        let strict = PublicOnly {
            allow_private: false,
        };
        let name: Name = "localhost".parse().expect("a name");
        assert!(strict.resolve(name).await.is_err());
        let open = PublicOnly {
            allow_private: true,
        };
        let name: Name = "localhost".parse().expect("a name");
        assert!(open.resolve(name).await.is_ok());
    }
}
