//! Codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds, as all apps have them), and
//! codes on paper for when it is lost.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// RFC 4226 §4: 160 bits are recommended.
const SECRET_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// Clocks of phones are off by this many steps, either way.
const SKEW_STEPS: u16 = 1;
/// Without letters that look alike.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const RECOVERY_CHARS: usize = 10;
/// Of one person.
pub(crate) const RECOVERY_CODES: usize = 10;

/// What the app and we know.
///
/// ```
/// use tollgate_auth::model::second_factor::TotpSecret;
/// use tollgate_kernel::clock::Timestamp;
///
/// // RFC 6238, appendix B.
/// let secret = TotpSecret::from_bytes(b"12345678901234567890");
/// let at = |seconds| Timestamp::from_seconds(seconds).expect("a moment");
/// assert_eq!(secret.code_at(at(59)), "287082");
/// // Of which step of 30 seconds; a clock may be one step off.
/// assert_eq!(secret.step_of("287082", at(89)), Some(1));
/// assert_eq!(secret.step_of("287082", at(120)), None);
///
/// assert!(secret.base32().starts_with("GEZDGNBV"));
/// let url = secret.otpauth_url("Shop", "ann@example.com");
/// assert!(url.starts_with("otpauth://totp/"));
/// ```
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A new one.
    pub fn random(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes::<SECRET_BYTES>().to_vec()))
    }

    /// As it was sealed.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// For sealing.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For typing into an app.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.totp("x", "x").secret().to_base32())
    }

    /// For an app's camera; `issuer` and `account` are what it shows.
    pub fn otpauth_url(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        // A colon divides the two in the address.
        let plain = |text: &str| text.replace(':', " ");
        let totp = self.totp(&plain(issuer), &plain(account));
        Zeroizing::new(totp.to_url().unwrap_or_default())
    }

    /// The step that `code` is of, if it is of one near `now`: each step is to be used once.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let digits = code.len() == usize::from(DIGITS) && code.bytes().all(|b| b.is_ascii_digit());
        let seconds = u64::try_from(now.seconds()).ok()?;
        let step = digits.then(|| self.totp("x", "x").check(code, seconds))??;
        i64::try_from(step).ok()
    }

    /// What an app would show now.
    pub fn code_at(&self, now: Timestamp) -> String {
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        self.totp("x", "x").generate(seconds).to_string()
    }

    fn totp(&self, issuer: &str, account: &str) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW_STEPS)
            .with_secret(self.0.to_vec())
            .with_issuer(Some(issuer))
            .with_account_name(account)
            .build_noncompliant()
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret")
    }
}

/// `7K3MX-9QWRT`: 50 random bits, for paper.
pub(crate) fn recovery_code(entropy: &Entropy) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (index, byte) in entropy.bytes::<RECOVERY_CHARS>().into_iter().enumerate() {
        if index == RECOVERY_CHARS / 2 {
            text.push('-');
        }
        let letter = ALPHABET.get(usize::from(byte % 32)).copied();
        text.push(char::from(letter.unwrap_or(b'2')));
    }
    text
}

/// A recovery code as somebody typed it, in the one form; `None`: it cannot be one.
pub(crate) fn typed_recovery_code(text: &str) -> Option<Zeroizing<String>> {
    if text.len() > 32 {
        return None;
    }
    let plain: String = text
        .chars()
        .filter(|char| !char.is_whitespace() && *char != '-')
        .map(|char| char.to_ascii_uppercase())
        .collect();
    let known = plain.bytes().all(|byte| ALPHABET.contains(&byte));
    (plain.len() == RECOVERY_CHARS && known).then(|| Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).expect("a moment")
    }

    /// RFC 6238 appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(secret.code_at(at(seconds)), code);
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / 30));
            for near in [-30, 30] {
                assert_eq!(secret.step_of(code, at(seconds + near)), Some(seconds / 30));
            }
            for far in [-61, 61, 3_600] {
                assert_eq!(secret.step_of(code, at(seconds + far)), None);
            }
        }
        for other in ["", "28708", "2870820", "28708a", "２８７０８２", "287 082"] {
            assert_eq!(secret.step_of(other, at(59)), None, "{other}");
        }
        let url = secret.otpauth_url("My: shop", "ann@example.com");
        assert!(
            url.starts_with("otpauth://totp/") && url.contains("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            "{}",
            *url
        );
        assert!(!format!("{secret:?}").contains("GEZD"));
    }

    #[test]
    fn recovery_codes_are_typed_as_people_do() {
        let code = recovery_code(&Entropy::seeded(1));
        assert_eq!(code.len(), 11);
        let plain = code.replace('-', "");
        for typed in [
            code.as_str(),
            &plain,
            &code.to_lowercase(),
            &format!(" {} ", *code),
        ] {
            assert_eq!(typed_recovery_code(typed).expect("a code").as_str(), plain);
        }
        for other in ["", "287082", "0OIL1-0OIL1", &"A".repeat(1_000_000)] {
            assert!(typed_recovery_code(other).is_none());
        }
    }
}
