//! A4, as statistics: whether the time of an answer tells who has an account. Interleaved samples of a
//! wrong password for somebody and for nobody, and of a question for a reset by both; hashing at the
//! tests' cost, which shows a difference around the hash better than a slow hash does.
//!
//! `cargo run --release -p bench --bin timing [samples]` (2,000 of each kind when not said); exit 1 when
//! the medians are 5 % apart or more, or a test finds a difference at p < 0.01. `DATABASE_URL` names
//! an empty database; without it, a new SQLite file is used.

#![expect(
    clippy::float_arithmetic,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    reason = "statistics"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::exchange::Exchange;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::origin::ClientAddress;
use tollgate_kernel::text::Language;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::url::DatabaseUrl;
use tower::ServiceExt as _;

const SAMPLES: usize = 2_000;
/// So that the first calls, which fill caches, are in no sample.
const WARM_UP: usize = 50;
const ACCOUNTS: usize = 20;
/// Between two calls, so that no limit of tries or letters is met.
const PAUSE: Duration = Duration::from_mins(5);

struct Stand {
    router: Router,
    clock: Clock,
    entropy: Entropy,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let samples = match std::env::args().nth(1) {
        Some(text) => text.parse().context("how many samples")?,
        None => SAMPLES,
    };
    let folder = std::env::temp_dir().join("tollgate-bench");
    std::fs::create_dir_all(&folder)?;
    let address = std::env::var("DATABASE_URL").ok();
    let stand = stand(&folder, address.as_deref()).await?;
    let login = |email: String| {
        format!("{{\"email\":\"{email}\",\"password\":\"walnut-glacier-thimble-4\"}}")
    };
    let reset = |email: String| format!("{{\"email\":\"{email}\"}}");
    let mut apart = compare(&stand, samples, "/auth/login", 401, login).await?;
    apart |= compare(&stand, samples, "/auth/reset-password", 202, reset).await?;
    if apart {
        bail!("the time of an answer tells who has an account");
    }
    Ok(())
}

async fn stand(folder: &Path, address: Option<&str>) -> anyhow::Result<Stand> {
    let entropy = Entropy::system();
    let file = folder.join(format!("timing-{:016x}.db", entropy.below(u64::MAX)));
    let url = match address {
        Some(address) => address.parse()?,
        None => DatabaseUrl::Sqlite(file),
    };
    let db = Db::open(&url, 4).await?;
    let clock = Clock::fixed(Clock::system().now());
    let mut config = AuthConfig::new("http://localhost");
    config.jwt = JwtKey::Generated(JwtAlgorithm::Hs256);
    let auth = AuthService::builder(db, MasterKey::generate(&entropy), config)
        .clock(clock.clone())
        .weak_hashing_for_tests()
        .build()
        .await?;
    let api = Router::new()
        .nest("/auth", auth.router())
        .layer(auth.identify());
    let ids = Ids::new(clock.clone(), entropy.clone());
    let router = Exchange::new(ids, Language::En, "http://localhost/errors").around(api);
    let stand = Stand {
        router,
        clock,
        entropy,
    };
    for number in 0..ACCOUNTS {
        let body = format!(
            "{{\"email\":\"{}\",\"username\":\"known{number:02}\",\"password\":\"plum orchard lantern 7\"}}",
            email(true, number)
        );
        stand.timed("/auth/register", 201, body).await?;
    }
    Ok(stand)
}

/// As long for nobody as for somebody.
fn email(known: bool, number: usize) -> String {
    let who = if known { "known" } else { "never" };
    format!("{who}{:02}@example.com", number % ACCOUNTS)
}

impl Stand {
    /// One call, and how many nanoseconds it took.
    async fn timed(&self, path: &str, expected: u16, body: String) -> anyhow::Result<u64> {
        self.clock.advance(PAUSE);
        let mut request = Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body))?;
        let bytes: [u8; 4] = self.entropy.bytes();
        let address = ClientAddress(IpAddr::V4(Ipv4Addr::from(bytes)));
        request.extensions_mut().insert(address);
        let router = self.router.clone();
        let begun = Instant::now();
        let answer = router.oneshot(request).await?;
        let took = begun.elapsed();
        let status = answer.status();
        ensure!(status.as_u16() == expected, "{path}: {status}");
        Ok(u64::try_from(took.as_nanos())?)
    }
}

/// Prints what was found. `true`: they can be told apart.
async fn compare(
    stand: &Stand,
    samples: usize,
    path: &str,
    expected: u16,
    body: impl Fn(String) -> String,
) -> anyhow::Result<bool> {
    let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + samples {
        // Which of the two comes first is left to chance, or the first might always pay for something.
        let first = stand.entropy.below(2) == 0;
        for known in [first, !first] {
            let body = body(email(known, number));
            let took = stand.timed(path, expected, body).await?;
            if number >= WARM_UP {
                if known { &mut somebody } else { &mut nobody }.push(took);
            }
        }
    }
    somebody.sort_unstable();
    nobody.sort_unstable();
    println!("{path}, {samples} samples of each kind; quartile, median, quartile in µs:");
    for (name, sorted) in [("somebody", &somebody), ("nobody", &nobody)] {
        let [low, middle, high] = [1, 2, 3].map(|part| quantile(sorted, part) / 1_000.0);
        println!("  {name:<8} {low:9.1} {middle:9.1} {high:9.1}");
    }
    let (one, other) = (quantile(&somebody, 2), quantile(&nobody, 2));
    let medians = (one - other).abs() / one.max(other);
    let ranks = mann_whitney(&somebody, &nobody);
    let distributions = kolmogorov(&somebody, &nobody);
    println!(
        "  medians apart {:.2} %, Mann-Whitney p = {ranks:.3}, Kolmogorov-Smirnov p = {distributions:.3}",
        medians * 100.0
    );
    Ok(medians >= 0.05 || ranks < 0.01 || distributions < 0.01)
}

fn quantile(sorted: &[u64], quarters: usize) -> f64 {
    let at = sorted.len() * quarters / 4;
    sorted
        .get(at)
        .map_or(0.0, |nanoseconds| *nanoseconds as f64)
}

/// Two-sided, by the normal approximation, which is good for samples of this size.
fn mann_whitney(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_unstable();
    let mut ranks = 0.0;
    let mut begin = 0;
    for equal in all.chunk_by(|left, right| left.0 == right.0) {
        // Equal values share the mean of their ranks.
        let rank = begin as f64 + f64::midpoint(equal.len() as f64, 1.0);
        ranks += rank * equal.iter().filter(|(_, own)| *own).count() as f64;
        begin += equal.len();
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Two-sided, by the limit of its distribution.
fn kolmogorov(one: &[u64], other: &[u64]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mut apart = 0.0_f64;
    for at in one.iter().chain(other) {
        let up_to = |sorted: &[u64]| sorted.partition_point(|value| value <= at) as f64;
        apart = apart.max((up_to(one) / n - up_to(other) / m).abs());
    }
    let lambda = apart * (n * m / (n + m)).sqrt();
    // The series converges slowly where its sum is 1 in any case.
    if lambda < 0.3 {
        return 1.0;
    }
    let (mut sum, mut sign) = (0.0, 1.0);
    for k in (1..=100_u8).map(f64::from) {
        sum += sign * (-2.0 * k * k * lambda * lambda).exp();
        sign = -sign;
    }
    (2.0_f64 * sum).clamp(0.0, 1.0)
}

/// Abramowitz and Stegun, 7.1.26: right to 1.5e-7.
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let factors = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let sum = factors
        .into_iter()
        .fold(0.0, |sum, factor| sum * t + factor);
    sum * t * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_found_and_in_one_distribution_nothing_is() {
        let even: Vec<u64> = (0..2_000).map(|number| number * 2).collect();
        let odd: Vec<u64> = (0..2_000).map(|number| number * 2 + 1).collect();
        let late: Vec<u64> = (0..2_000).map(|number| number * 2 + 400).collect();
        assert!(mann_whitney(&even, &odd) > 0.9 && kolmogorov(&even, &odd) > 0.9);
        assert!(mann_whitney(&even, &late) < 0.01 && kolmogorov(&even, &late) < 0.01);
        // From tables: erfc(1.96 / √2) is 0.05.
        assert!((erfc(1.959_964 / std::f64::consts::SQRT_2) - 0.05).abs() < 1e-6);
    }
}
