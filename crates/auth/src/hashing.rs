//! Password hashing on threads of its own: a storm of logins slows logins, and nothing else.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::oneshot;
use tollgate_kernel::entropy::Entropy;
use zeroize::Zeroizing;

/// More wait than this, and whoever comes is told to come again.
const QUEUE: usize = 64;
/// bcrypt reads no more than 72 bytes, the terminating NUL included.
const BCRYPT_BYTES: usize = 72;
const LONG_SCHEME: &str = "$bcrypt-sha256$v=2,t=2b,r=";

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

enum Task {
    Hash(Zeroizing<String>, oneshot::Sender<Option<String>>),
    Verify(Zeroizing<String>, String, oneshot::Sender<bool>),
}

/// A bounded pool of threads that do nothing else.
#[derive(Clone)]
pub(crate) struct Hasher {
    queue: mpsc::SyncSender<Task>,
    cost: u32,
    /// The hash of nobody's password: unknown accounts cost as much as known ones.
    nobody: Arc<str>,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher(cost {})", self.cost)
    }
}

impl Hasher {
    /// Starts one thread per core.
    pub(crate) fn start(cost: u32, entropy: &Entropy) -> Self {
        let (queue, tasks) = mpsc::sync_channel(QUEUE);
        let tasks = Arc::new(Mutex::new(tasks));
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..threads {
            let (tasks, entropy) = (Arc::clone(&tasks), entropy.clone());
            thread::spawn(move || work(&tasks, cost, &entropy));
        }
        let nobody = hash("nobody's password", cost, entropy).unwrap_or_default();
        Self {
            queue,
            cost,
            nobody: nobody.into(),
        }
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Busy> {
        let (done, hashed) = oneshot::channel();
        self.queue
            .try_send(Task::Hash(Zeroizing::new(password.to_owned()), done))
            .map_err(|_| Busy)?;
        hashed.await.ok().flatten().ok_or(Busy)
    }

    /// Whether a password is the one that was hashed; without a hash, the same work for a no.
    pub(crate) async fn verify(&self, password: &str, hashed: Option<&str>) -> Result<bool, Busy> {
        let (done, verdict) = oneshot::channel();
        let against = hashed.unwrap_or(&self.nobody).to_owned();
        let task = Task::Verify(Zeroizing::new(password.to_owned()), against, done);
        self.queue.try_send(task).map_err(|_| Busy)?;
        Ok(verdict.await.map_err(|_| Busy)? && hashed.is_some())
    }

    /// Whether a hash should be made anew, now that its password is known.
    pub(crate) fn is_outdated(&self, hashed: &str) -> bool {
        cost_of(hashed).is_none_or(|cost| cost < self.cost)
    }
}

fn work(tasks: &Mutex<mpsc::Receiver<Task>>, cost: u32, entropy: &Entropy) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match task {
            Ok(Task::Hash(password, done)) => drop(done.send(hash(&password, cost, entropy))),
            Ok(Task::Verify(password, hashed, done)) => drop(done.send(verify(&password, &hashed))),
            Err(mpsc::RecvError) => return,
        }
    }
}

fn hash(password: &str, cost: u32, entropy: &Entropy) -> Option<String> {
    if password.len() < BCRYPT_BYTES && !password.contains('\0') {
        let parts = bcrypt::non_truncating_hash_with_salt(password, cost, entropy.bytes()).ok()?;
        return Some(parts.format_for_version(bcrypt::Version::TwoB));
    }
    // passlib's bcrypt_sha256: the salt's text keys the digest that bcrypt then hashes.
    let salt: [u8; 16] = entropy.bytes();
    let text = bcrypt_base64(&salt);
    let digested = digested(password, &text);
    let parts = bcrypt::non_truncating_hash_with_salt(digested.as_str(), cost, salt).ok()?;
    let whole = parts.format_for_version(bcrypt::Version::TwoB);
    let digest = whole.get(29..)?;
    Some(format!("{LONG_SCHEME}{cost}${text}${digest}"))
}

fn verify(password: &str, hashed: &str) -> bool {
    let Some(long) = hashed.strip_prefix(LONG_SCHEME) else {
        // Ours are shorter than bcrypt cuts; imported ones were cut when they were made.
        return bcrypt::verify(password, hashed).unwrap_or(false);
    };
    let mut parts = long.split('$');
    let (Some(cost), Some(salt), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(cost) = cost.parse::<u32>() else {
        return false;
    };
    let digested = digested(password, salt);
    bcrypt::verify(digested.as_str(), &format!("$2b${cost:02}${salt}{digest}")).unwrap_or(false)
}

fn digested(password: &str, salt: &str) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
    Zeroizing::new(BASE64_STANDARD.encode(hmac::sign(&key, password.as_bytes())))
}

/// bcrypt's own alphabet.
fn bcrypt_base64(bytes: &[u8]) -> String {
    use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
    GeneralPurpose::new(&base64::alphabet::BCRYPT, NO_PAD).encode(bytes)
}

fn cost_of(hashed: &str) -> Option<u32> {
    if let Some(long) = hashed.strip_prefix(LONG_SCHEME) {
        return long.split('$').next()?.parse().ok();
    }
    hashed.strip_prefix("$2")?.split('$').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_a6_passwords_are_hashed_whole() {
        let entropy = Entropy::seeded(1);
        let long = "p".repeat(72);
        for (password, other) in [
            (format!("{long}a"), format!("{long}b")),
            ("before\0after".to_owned(), "before\0other".to_owned()),
            ("p".repeat(71), "p".repeat(70)),
            ("p".repeat(72), "p".repeat(73)),
            ("😀".repeat(64), "😀".repeat(63)),
        ] {
            let hashed = hash(&password, 4, &entropy).expect("hashed");
            assert!(verify(&password, &hashed), "{hashed}");
            assert!(!verify(&other, &hashed), "{hashed}");
            assert_eq!(cost_of(&hashed), Some(4));
        }
    }

    /// Made with passlib 1.7.4 and bcrypt 4.0.1.
    #[test]
    fn hashes_of_python_applications_verify() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/passwords.json")).expect("vectors");
        for vector in vectors.as_array().expect("a list") {
            let text = |name: &str| vector[name].as_str().expect("a text");
            assert!(verify(text("password"), text("hash")), "{vector}");
            assert!(
                !verify(&format!("{}x", text("password")), text("hash"))
                    || text("password").len() > 71,
                "{vector}"
            );
        }
    }

    #[tokio::test]
    async fn an_unknown_account_is_never_right() {
        let hasher = Hasher::start(4, &Entropy::seeded(1));
        assert_eq!(hasher.verify("nobody's password", None).await, Ok(false));
        let stored = hasher.hash("right").await.expect("stored");
        assert_eq!(hasher.verify("right", Some(&stored)).await, Ok(true));
        assert!(!hasher.is_outdated(&stored));
        assert!(Hasher::start(5, &Entropy::seeded(1)).is_outdated(&stored));
    }
}
