//! Password hashing on threads of its own: a storm of logins slows logins, and nothing else.

mod imported;
mod pool;

use std::fmt;
use std::io;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::prelude::BASE64_STANDARD;
use tokio::sync::oneshot;
use tollgate_kernel::entropy::Entropy;
use zeroize::Zeroizing;

use self::pool::Pool;
use crate::model::password::{WeakPassword, judge};

/// bcrypt reads no more than 72 bytes, the terminating NUL included.
const BCRYPT_BYTES: usize = 72;
const LONG_SCHEME: &str = "$bcrypt-sha256$v=2,t=2b,r=";
/// `$2b$12$` and the 22 characters of salt.
const BCRYPT_HEAD: usize = 29;
/// Salt and digest.
const BCRYPT_TAIL: usize = 53;

/// The queue is full.
///
/// ```
/// # use tollgate_auth::{Busy, LoginError};
/// fn try_later(error: &LoginError) -> bool {
///     matches!(error, LoginError::Busy(_))
/// }
/// assert!(try_later(&Busy.into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

/// A bounded pool of threads that do nothing else.
#[derive(Clone)]
pub(crate) struct Hasher {
    pool: Arc<Pool>,
    cost: u32,
    entropy: Entropy,
    /// The hash of nobody's password: unknown accounts cost as much as known ones.
    nobody: Arc<str>,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher(cost {})", self.cost)
    }
}

impl Hasher {
    /// Starts the threads, and hashes once: not for a thread that serves.
    ///
    /// # Errors
    /// The system gives no thread, or the cost is none of bcrypt's.
    pub(crate) fn start(cost: u32, entropy: Entropy) -> io::Result<Self> {
        let pool = Arc::new(Pool::start()?);
        let nobody = hash("nobody's password", cost, &entropy).map_err(io::Error::other)?;
        Ok(Self {
            pool,
            cost,
            entropy,
            nobody: nobody.into(),
        })
    }

    /// Judges a new password by the words a guesser would begin with, and hashes a strong one.
    pub(crate) async fn choose(
        &self,
        password: &str,
        words: Vec<String>,
    ) -> Result<Result<String, WeakPassword>, Busy> {
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        let entropy = self.entropy.clone();
        self.run(move || {
            judge(&password, &words)?;
            Ok(hash(&password, cost, &entropy).expect("the cost was tried at the start"))
        })
        .await
    }

    /// Hashes a password anew.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Busy> {
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        let entropy = self.entropy.clone();
        self.run(move || hash(&password, cost, &entropy).expect("the cost was tried at the start"))
            .await
    }

    /// Whether a password is the one that was hashed; without a hash, the same work for a no.
    pub(crate) async fn verify(&self, password: &str, hashed: Option<&str>) -> Result<bool, Busy> {
        let password = Zeroizing::new(password.to_owned());
        let against = hashed.unwrap_or(&self.nobody).to_owned();
        let equal = self.run(move || verify(&password, &against)).await?;
        Ok(equal && hashed.is_some())
    }

    /// Whether a hash should be made anew, now that its password is known: it is cheap, or of a
    /// part of the password only.
    pub(crate) fn is_outdated(&self, hashed: &str, password: &str) -> bool {
        cost_of(hashed).is_none_or(|cost| cost < self.cost)
            || !(hashed.starts_with(LONG_SCHEME) || is_short(password))
    }

    /// Whether a hash that somebody else made can be verified here.
    pub(crate) fn knows(hashed: &str) -> bool {
        let own = is_whole(hashed) && cost_of(hashed).is_some_and(|cost| (4..=20).contains(&cost));
        own || imported::read(hashed).is_some_and(|imported| imported.is_sound())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (done, result) = oneshot::channel();
        let task = move || {
            // Whoever asked may have gone while the task waited: then nobody needs the work.
            if !done.is_closed() {
                drop(done.send(work()));
            }
        };
        self.pool.put(Box::new(task))?;
        result.await.map_err(|_| Busy)
    }
}

fn hash(password: &str, cost: u32, entropy: &Entropy) -> Result<String, bcrypt::BcryptError> {
    let salt: [u8; 16] = entropy.bytes();
    if is_short(password) {
        let parts = bcrypt::non_truncating_hash_with_salt(password, cost, salt)?;
        return Ok(parts.format_for_version(bcrypt::Version::TwoB));
    }
    // passlib's bcrypt_sha256: the salt's text keys the digest that bcrypt then hashes.
    let salt_text = GeneralPurpose::new(&BCRYPT, NO_PAD).encode(salt);
    let digested = digested(password, &salt_text);
    let parts = bcrypt::non_truncating_hash_with_salt(digested.as_str(), cost, salt)?;
    let whole = parts.format_for_version(bcrypt::Version::TwoB);
    let (_, digest) = whole.split_at(BCRYPT_HEAD);
    Ok(format!("{LONG_SCHEME}{cost}${salt_text}${digest}"))
}

/// Whether bcrypt itself reads all of a password. It stops at 72 bytes, and repeats the password
/// with a NUL between: then `ab` and `ab\0ab` are one key.
fn is_short(password: &str) -> bool {
    password.len() < BCRYPT_BYTES && !password.contains('\0')
}

fn verify(password: &str, hashed: &str) -> bool {
    if let Some(imported) = imported::read(hashed) {
        return imported.verify(password);
    }
    let Some(long) = hashed.strip_prefix(LONG_SCHEME) else {
        // The same work for every password. One with a NUL is then refused: it may be a repetition of
        // the right one. A long one is not ours (ours have a NUL within bcrypt's reach), but an
        // imported hash may be of what bcrypt read of it.
        let equal = bcrypt::verify(password, hashed).unwrap_or(false);
        return equal && !password.contains('\0');
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

fn cost_of(hashed: &str) -> Option<u32> {
    if let Some(long) = hashed.strip_prefix(LONG_SCHEME) {
        return long.split('$').next()?.parse().ok();
    }
    hashed.strip_prefix("$2")?.split('$').nth(1)?.parse().ok()
}

/// Salt and digest are there to the last letter: of a hash that was cut off, no password is ever right.
fn is_whole(hashed: &str) -> bool {
    let tail: String = match hashed.strip_prefix(LONG_SCHEME) {
        Some(long) => long.split('$').skip(1).collect(),
        None => hashed.split('$').skip(3).collect(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
    tail.len() == BCRYPT_TAIL && tail.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::pool::QUEUE;
    use super::*;

    #[test]
    fn inv_a6_passwords_are_hashed_whole() {
        let entropy = Entropy::seeded(1);
        let long = "p".repeat(72);
        for (password, other) in [
            (format!("{long}a"), format!("{long}b")),
            ("before\0after".to_owned(), "before\0other".to_owned()),
            ("ab".to_owned(), "ab\0ab".to_owned()),
            ("p".repeat(71), format!("{}\0x", "p".repeat(71))),
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

    /// Made with passlib 1.7.4, bcrypt 4.0.1, argon2-cffi, Django and Werkzeug.
    #[test]
    fn hashes_of_python_applications_verify() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/passwords.json"))
                .expect("vectors");
        for vector in vectors.as_array().expect("a list") {
            let text = |name: &str| vector[name].as_str().expect("a text");
            assert!(verify(text("password"), text("hash")), "{vector}");
            assert!(Hasher::knows(text("hash")), "{vector}");
            let other = format!("{}x", text("password"));
            assert!(!verify(&other, text("hash")), "{vector}");
        }
        // $2y$ is PHP's name of the same.
        let php = hash("old", 4, &Entropy::seeded(1))
            .expect("hashed")
            .replace("$2b$", "$2y$");
        assert!(verify("old", &php));
        for broken in ["", "$2b$", "$bcrypt-sha256$v=2,t=2b,r=4$x", "plain"] {
            assert!(!verify("plain", broken), "{broken}");
        }
    }

    #[test]
    fn inv_a6_imported_hashes_are_known_and_bounded() {
        let known = "$argon2id$v=19$m=8192,t=2,p=2$ofI0KxyvrngES/FvsytnCA$FoUHoZHdS9w0Mxew1mlSKCELckAmu8ZAm1SVIaqn/Cg";
        assert!(Hasher::knows(known) && verify("plum orchard lantern 7", known));
        for refused in [
            // A gigabyte, an hour, no hash at all, a broken one, an unknown scheme.
            known.replace("m=8192", "m=1048576"),
            known.replace("t=2", "t=4000000"),
            "$argon2id$v=19$m=8192,t=2,p=2$ofI0KxyvrngES/FvsytnCA".to_owned(),
            "$pbkdf2-sha256$4000000000$QQiBkNIa4/xf613LmVOqtQ$JXm8OgjCkptnHPSvB5pj.SSR4R4I6inIf.g6QMSkA4E".to_owned(),
            "pbkdf2:sha256:1000$salt$5f9".to_owned(),
            "pbkdf2_sha256$0$salt$XF7s".to_owned(),
            "$2b$31$uJ73hgAvtuD9kanarDA3OuaoU3DhCt3owYAoz4llWpHz3K5MBmcJe".to_owned(),
            "$2b$12$uJ73hgAvtuD9kanarDA3OuaoU3DhCt3owYAoz4llWpHz3K5MBmcJ".to_owned(),
            "$bcrypt-sha256$v=2,t=2b,r=12$d4Q8c2X9oinzSSVHA6URz.$p2N4WiAqTlhrru10lVO5iQgBlRT2U".to_owned(),
            "$2b$12$".to_owned(),
            "scrypt:32768:8:1$salt$00".to_owned(),
            "plum orchard lantern 7".to_owned(),
            String::new(),
        ] {
            assert!(!Hasher::knows(&refused), "{refused}");
        }
        for refused in [
            "$argon2id$x",
            "pbkdf2_sha256$1$",
            "pbkdf2:sha256:1000$salt$zz",
        ] {
            assert!(!verify("plum orchard lantern 7", refused), "{refused}");
        }
    }

    #[tokio::test]
    async fn an_unknown_account_is_never_right() {
        let pool = Hasher::start(4, Entropy::seeded(1)).expect("threads");
        assert_eq!(pool.verify("nobody's password", None).await, Ok(false));
        let hashed = pool.hash("right").await.expect("hashed");
        assert_eq!(pool.verify("right", Some(&hashed)).await, Ok(true));
        assert!(!pool.is_outdated(&hashed, "right"));
        let long = "p".repeat(80);
        let cut = bcrypt::hash(&long, 4).expect("hashed");
        assert_eq!(pool.verify(&long, Some(&cut)).await, Ok(true), "imported");
        assert!(pool.is_outdated(&cut, &long), "and made whole");
        let dearer = Hasher::start(5, Entropy::seeded(1)).expect("threads");
        assert!(dearer.is_outdated(&hashed, "right"));
        assert!(Hasher::start(99, Entropy::seeded(1)).is_err());
    }

    #[tokio::test]
    async fn inv_a4_a_full_queue_sends_everybody_away() {
        let pool = Hasher::start(4, Entropy::seeded(1)).expect("threads");
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let mut waiting = Vec::new();
        let refused = loop {
            let held = Arc::clone(&held);
            let mut answer = Box::pin(pool.run(move || {
                let _ = held.lock().expect("whole").recv();
            }));
            // One poll is enough to join the queue, or to be sent away.
            match std::future::poll_fn(|context| {
                std::task::Poll::Ready(answer.as_mut().poll(context))
            })
            .await
            {
                std::task::Poll::Pending => waiting.push(answer),
                std::task::Poll::Ready(refused) => break refused,
            }
        };
        assert_eq!(refused, Err(Busy));
        assert!(waiting.len() >= QUEUE);
        // A4: nobody's password takes its place in the queue like anybody's, for a hash of the same cost.
        let hashed = "$2b$04$whatever.it.is";
        assert_eq!(pool.verify("wrong", Some(hashed)).await, Err(Busy));
        assert_eq!(pool.verify("wrong", None).await, Err(Busy));
        assert_eq!(cost_of(&pool.nobody), Some(pool.cost));
        drop(release);
        for answer in waiting {
            assert_eq!(answer.await, Ok(()));
        }
        assert!(pool.hash("right").await.is_ok());
    }
}
