//! Hashes that other applications made, to be verified once: whoever signs in by one has a hash of ours
//! from then on.
//!
//! Argon2 in PHC dress (pwdlib, passlib, argon2-cffi), and PBKDF2 with SHA-256 in the dress of passlib,
//! Django and Werkzeug. bcrypt is our own.

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordVerifier as _};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

/// One hash must not take the memory of the machine: 256 MiB, in KiB.
const MOST_MEMORY: u32 = 256 * 1_024;
/// Nor its day.
const MOST_ROUNDS: u32 = 5_000_000;
const MOST_PASSES: u32 = 64;

/// A hash whose dress is known.
pub(super) enum Imported {
    Argon2(Box<PasswordHash>),
    Pbkdf2 {
        rounds: NonZeroU32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    /// Of a scheme that is known, with costs that are not borne or a text that is broken.
    Refused,
}

/// `None`: no such scheme.
pub(super) fn read(hashed: &str) -> Option<Imported> {
    let as_it_is = |text: &str| Some(text.as_bytes().to_vec());
    let read = if hashed.starts_with("$argon2") {
        argon2(hashed)
    } else if let Some(rest) = hashed.strip_prefix("$pbkdf2-sha256$") {
        // passlib writes `.` for `+`, and no padding.
        let plain = |text: &str| BASE64_STANDARD_NO_PAD.decode(text.replace('.', "+")).ok();
        pbkdf2(rest, plain, plain)
    } else if let Some(rest) = hashed.strip_prefix("pbkdf2_sha256$") {
        pbkdf2(rest, as_it_is, |text| BASE64_STANDARD.decode(text).ok())
    } else if let Some(rest) = hashed.strip_prefix("pbkdf2:sha256:") {
        pbkdf2(rest, as_it_is, hex)
    } else {
        return None;
    };
    Some(read.unwrap_or(Imported::Refused))
}

impl Imported {
    pub(super) fn is_sound(&self) -> bool {
        !matches!(self, Self::Refused)
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default()
                .verify_password(password.as_bytes(), hash.as_ref())
                .is_ok(),
            Self::Pbkdf2 { rounds, salt, hash } => {
                let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
                pbkdf2::verify(algorithm, *rounds, salt, password.as_bytes(), hash).is_ok()
            }
            Self::Refused => false,
        }
    }
}

fn argon2(hashed: &str) -> Option<Imported> {
    let hash = PasswordHash::new(hashed).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let bearable = params.m_cost() <= MOST_MEMORY && params.t_cost() <= MOST_PASSES;
    (bearable && hash.hash.is_some()).then_some(Imported::Argon2(Box::new(hash)))
}

/// `rounds$salt$hash`
fn pbkdf2(
    rest: &str,
    salt: impl Fn(&str) -> Option<Vec<u8>>,
    hash: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<Imported> {
    let mut parts = rest.split('$');
    let (rounds, salt_text, hash_text) = (parts.next()?, parts.next()?, parts.next()?);
    let rounds = rounds.parse::<NonZeroU32>().ok()?;
    let (salt, hash) = (salt(salt_text)?, hash(hash_text)?);
    let whole = parts.next().is_none() && hash.len() == 32 && rounds.get() <= MOST_ROUNDS;
    whole.then_some(Imported::Pbkdf2 { rounds, salt, hash })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}
