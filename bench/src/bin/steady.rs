//! Calls at a fixed rate, whatever becomes of the calls before: time is counted from the moment a call was
//! due, so that a server that pauses is not spared the calls it kept waiting.
//!
//! `steady ADDRESS PATH HEADER RATE SECONDS`; prints calls, median, p99 and the longest, in µs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

const CONNECTIONS: u32 = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, header, rate, seconds] = arguments.as_slice() else {
        bail!("steady ADDRESS PATH HEADER RATE SECONDS");
    };
    let (rate, seconds): (u32, u32) = (rate.parse()?, seconds.parse()?);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{header}\r\n\r\n");
    let between = Duration::from_secs(1) / rate;
    let calls = rate.checked_mul(seconds).context("too many calls")?;
    let next = Arc::new(Mutex::new(0_u32));
    let begin = Instant::now() + Duration::from_millis(100);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (request, next) = (request.clone(), Arc::clone(&next));
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        clients.spawn(async move {
            let mut took = Vec::new();
            let mut answer = vec![0; 4_096];
            loop {
                let number = {
                    let mut next = next.lock().await;
                    *next += 1;
                    *next - 1
                };
                if number >= calls {
                    return Ok::<_, anyhow::Error>(took);
                }
                let due = begin + between * number;
                sleep_until(due).await;
                stream.write_all(request.as_bytes()).await?;
                let read = stream.read(&mut answer).await?;
                let head = answer.get(..read).unwrap_or_default();
                if !head.starts_with(b"HTTP/1.1 200") {
                    bail!("{}", String::from_utf8_lossy(head));
                }
                took.push(due.elapsed());
            }
        });
    }
    let mut all = Vec::new();
    while let Some(took) = clients.join_next().await {
        all.extend(took??);
    }
    all.sort_unstable();
    let at = |share: usize| {
        let place = all.len().saturating_mul(share) / 100;
        all.get(place.min(all.len().saturating_sub(1)))
            .map_or(0, Duration::as_micros)
    };
    println!(
        "{} calls: median {}, p99 {}, longest {} µs",
        all.len(),
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}
