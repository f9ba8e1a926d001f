//! `tollgate sandbox`: what the buyer does and what goes wrong, told to a running server over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};
use tollgate::config::Config;

/// Stripe's test cards: one that pays, and one that is declined.
const PAYS: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";

const DAY_SECONDS: u64 = 24 * 60 * 60;
const LONGEST_SECONDS: u64 = 3_660 * DAY_SECONDS;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// The buyer pays an order.
    Pay(Order),
    /// The buyer tries to pay an order, and the bank says no.
    Fail(Order),
    /// Something goes wrong next; `tollgate sandbox faults` shows what can.
    Fault(Fault),
    /// What is ordered to go wrong, and what can be ordered.
    Faults(Faults),
    /// The clock moves forward, and what falls due on the way is done: reminders, debits, resets, ends.
    Advance(Advance),
}

/// Which server.
#[derive(Args, Debug)]
pub(crate) struct Server {
    /// Where it is reached, if not at the address of the settings.
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

#[derive(Args, Debug)]
pub(crate) struct Advance {
    /// How far: `31d`, `12h`, `30m` or `45s`; at most ten years.
    #[arg(value_name = "TIME", value_parser = seconds)]
    by: u64,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Order {
    /// Its number, as `order_no` or as the transaction's id; or what its QR code holds.
    order: String,
    #[command(flatten)]
    server: Server,
}

/// Whose gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rail {
    /// Alipay's.
    Alipay,
    /// WeChat Pay's.
    Wechat,
    /// Stripe's.
    Stripe,
}

impl Rail {
    fn faults(self) -> &'static str {
        match self {
            Self::Alipay => "sandbox/alipay/faults",
            Self::Wechat => "sandbox/wechat/faults",
            Self::Stripe => "sandbox/stripe/faults",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Fault {
    /// Its word.
    kind: String,
    /// Where.
    #[arg(long, value_enum, default_value_t = Rail::Alipay)]
    rail: Rail,
    /// How often.
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: u32,
    /// Of a fault around a call: only of this one. Of one of Stripe's webhooks: only of this kind of event.
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// Only of this order.
    #[arg(long, value_name = "ORDER")]
    order: Option<String>,
    /// A code, an amount or seconds, by the kind.
    #[arg(long, value_name = "TEXT")]
    argument: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Faults {
    /// Where.
    #[arg(long, value_enum, default_value_t = Rail::Alipay)]
    rail: Rail,
    /// End all that is ordered.
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    server: Server,
}

/// Does it. Data go to standard output, talk to standard error.
pub(crate) async fn run(command: Sandbox, config: Config) -> anyhow::Result<()> {
    super::log_to_stderr("warn", config.log_json)?;
    match command {
        Sandbox::Pay(order) => press(&config, &order, "pay").await,
        Sandbox::Fail(order) => press(&config, &order, "fail").await,
        Sandbox::Fault(fault) => put(&config, &fault).await,
        Sandbox::Faults(faults) if faults.clear => clear(&config, &faults).await,
        Sandbox::Faults(faults) => list(&config, &faults).await,
        Sandbox::Advance(advance) => move_clock(&config, &advance).await,
    }
}

/// A day at a time, so that each answer comes soon.
async fn move_clock(config: &Config, advance: &Advance) -> anyhow::Result<()> {
    let (http, mut left) = (client()?, advance.by);
    let mut answer = Value::Null;
    while left > 0 {
        let step = left.min(DAY_SECONDS);
        left = left.saturating_sub(step);
        let request = http.post(address(config, &advance.server, "sandbox/clock")?);
        let request = request.header("accept", "application/json");
        let (status, text) = send(request.json(&json!({ "advance_seconds": step }))).await?;
        if status != StatusCode::OK {
            let gone = advance.by.saturating_sub(left).saturating_sub(step);
            bail!("after {gone} s the server answers {status}: {text}");
        }
        answer = serde_json::from_str(&text).context("the server's answer is no JSON")?;
    }
    println!("{}", answer["now"].as_str().unwrap_or_default());
    Ok(())
}

/// `31d` in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let unit = text.chars().last().unwrap_or_default();
    let one = match unit {
        'd' => DAY_SECONDS,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => 0,
    };
    let count = text.strip_suffix(unit).unwrap_or_default();
    let plain = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse::<u64>().ok().filter(|_| plain);
    count
        .and_then(|count| count.checked_mul(one))
        .filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds))
        .ok_or_else(|| "a time is 31d, 12h, 30m or 45s, and at most 3660d".to_owned())
}

async fn press(config: &Config, order: &Order, action: &str) -> anyhow::Result<()> {
    let code = number(&order.order)?;
    let (http, path) = (client()?, format!("sandbox/pay/{code}/{action}"));
    let request = http.post(address(config, &order.server, &path)?);
    let (status, text) = send(request.header("accept", "application/json")).await?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    match status {
        StatusCode::OK => {
            let of = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
            println!("{} {}", of("trade_no"), of("trade_status"));
            Ok(())
        }
        StatusCode::CONFLICT => bail!("not possible: {}", answer["reason"].as_str().unwrap_or("?")),
        // Then it is at Stripe's, if anywhere.
        StatusCode::NOT_FOUND => card(config, order, &code, action).await,
        status => bail!("the server answers {status}: {text}"),
    }
}

/// The same on Stripe's card page.
async fn card(config: &Config, order: &Order, code: &str, action: &str) -> anyhow::Result<()> {
    let number = if action == "pay" { PAYS } else { DECLINED };
    let path = format!("sandbox/stripe/pay/{code}");
    let request = client()?.post(address(config, &order.server, &path)?);
    let request = request.header("accept", "application/json");
    let (status, text) = send(request.json(&json!({ "number": number }))).await?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let of = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    match status {
        StatusCode::OK => {
            println!("{} {}", of("id"), of("status"));
            Ok(())
        }
        StatusCode::CONFLICT => bail!("not possible: the page is {}", of("status")),
        StatusCode::NOT_FOUND => bail!("the sandbox knows no such order"),
        status => bail!("the server answers {status}: {text}"),
    }
}

async fn put(config: &Config, fault: &Fault) -> anyhow::Result<()> {
    let order = fault.order.as_deref().map(number).transpose()?;
    let body = json!({
        "kind": fault.kind,
        "times": fault.times,
        "method": fault.method,
        "order": order,
        "argument": fault.argument,
    });
    let request = client()?.post(address(config, &fault.server, fault.rail.faults())?);
    let (status, text) = send(request.json(&body)).await?;
    match status {
        StatusCode::CREATED => Ok(()),
        StatusCode::UNPROCESSABLE_ENTITY => bail!("{}", text.trim_end()),
        status => bail!("the server answers {status}: {text}"),
    }
}

async fn list(config: &Config, asked: &Faults) -> anyhow::Result<()> {
    let request = client()?.get(address(config, &asked.server, asked.rail.faults())?);
    let (status, text) = send(request).await?;
    if status != StatusCode::OK {
        bail!("the server answers {status}: {text}");
    }
    let answer: Value = serde_json::from_str(&text).context("the server's answer is no JSON")?;
    let of = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let rows = |member: &str| answer[member].as_array().cloned().unwrap_or_default();
    for row in rows("data") {
        let terms = ["method", "order", "argument"];
        let terms = terms.map(|term| row[term].as_str().map(|text| format!("  {term} {text}")));
        let terms: String = terms.into_iter().flatten().collect();
        println!("{} ×{}{terms}", of(&row, "kind"), row["remaining"]);
    }
    eprintln!("what can be ordered:");
    for row in rows("kinds") {
        eprintln!("  {:<26}{}", of(&row, "kind"), of(&row, "says"));
    }
    Ok(())
}

async fn clear(config: &Config, asked: &Faults) -> anyhow::Result<()> {
    let request = client()?.delete(address(config, &asked.server, asked.rail.faults())?);
    match send(request).await? {
        (StatusCode::NO_CONTENT, _) => Ok(()),
        (status, text) => bail!("the server answers {status}: {text}"),
    }
}

/// The order's number as the sandbox knows it: a transaction's id is the same without hyphens, and a QR
/// code ends in it.
fn number(order: &str) -> anyhow::Result<String> {
    let last = order.rsplit('/').next().unwrap_or(order).replace('-', "");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(1..=64).contains(&last.len()) || !last.bytes().all(plain) {
        bail!("an order's number is 1-64 letters and digits, not {order:?}");
    }
    Ok(last)
}

fn address(config: &Config, server: &Server, path: &str) -> anyhow::Result<Url> {
    let base = match &server.url {
        Some(url) => url.to_string(),
        None => format!("http://{}", reachable(config.addr)),
    };
    format!("{}/{path}", base.trim_end_matches('/'))
        .parse()
        .with_context(|| format!("{base} is no address of a server"))
}

/// A server that listens everywhere is reached here.
fn reachable(mut listener: SocketAddr) -> SocketAddr {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listener
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().timeout(Duration::from_secs(30)).build()?)
}

async fn send(request: RequestBuilder) -> anyhow::Result<(StatusCode, String)> {
    let answer = request
        .send()
        .await
        .context("no server answers; is it running, with SANDBOX=on?")?;
    Ok((answer.status(), answer.text().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_named_by_its_number_its_id_or_its_code() {
        for named in [
            "0198c0de0000700080000000000000ff",
            "0198c0de-0000-7000-8000-0000000000ff",
            "http://127.0.0.1:8080/sandbox/pay/0198c0de0000700080000000000000ff",
        ] {
            let number = number(named).expect("a number");
            assert_eq!(number, "0198c0de0000700080000000000000ff");
        }
        for named in ["", "a b", "a?b", "..", "é", &"x".repeat(65)] {
            assert!(number(named).is_err(), "{named}");
        }
    }

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        for (text, told) in [
            ("31d", 2_678_400),
            ("12h", 43_200),
            ("30m", 1_800),
            ("1s", 1),
        ] {
            assert_eq!(seconds(text), Ok(told), "{text}");
        }
        for text in [
            "",
            "d",
            "31",
            "-1d",
            "+1d",
            "1.5d",
            "1w",
            "0s",
            "99999999999999999999d",
            "3661d",
            "1 d",
            "一d",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        for (listener, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let listener = listener.parse().expect("an address");
            assert_eq!(reachable(listener).to_string(), reached);
        }
    }
}
