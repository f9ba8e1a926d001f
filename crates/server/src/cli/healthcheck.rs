//! `tollgate healthcheck`: for containers and monitors that run a program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tollgate::config::Config;

const WITHIN: Duration = Duration::from_secs(3);

/// Asks the service that these settings make listen here; ends with 1 when it does not answer well.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let address = reached(config.addr);
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(WITHIN)
        .build()?;
    let answer = http.get(format!("http://{address}/health")).send().await;
    let answer = answer.with_context(|| format!("nobody answers at {address}"))?;
    let status = answer.status();
    ensure!(status.is_success(), "{address} answers {status}");
    println!("ok");
    Ok(())
}

/// What listens everywhere is asked here.
fn reached(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        for (listens, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let listens = listens.parse().expect("an address");
            assert_eq!(reached(listens).to_string(), asked);
        }
    }
}
