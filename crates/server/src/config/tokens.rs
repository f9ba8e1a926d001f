//! What signs access tokens.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_auth::{JwtAlgorithm, JwtKey, OwnKey};

use super::reader::Reader;

/// HS256 with less is guessed.
const SHORTEST_SECRET_BYTES: usize = 32;
/// The design's own sample, which must never sign a token.
pub(super) const SAMPLE_SECRET: &str = "your-secret-key-here";

const SECRET_EXAMPLE: &str = "the output of: openssl rand -base64 48";
const KEY_EXAMPLE: &str =
    "/etc/tollgate/jwt.pem, made by: openssl genpkey -algorithm ed25519 -out /etc/tollgate/jwt.pem";

impl Reader {
    /// Nothing set: a key pair for RS256 is made. A secret: HS256. A private key: its own algorithm.
    pub(super) fn jwt(&mut self) -> JwtKey {
        let secret = self.text("JWT_SECRET_KEY").map(SecretString::from);
        let private = self.text("JWT_PRIVATE_KEY").map(SecretString::from);
        let algorithm = self.algorithm();
        match (secret, private) {
            (Some(_), Some(_)) => {
                let reason =
                    "is set, but JWT_PRIVATE_KEY signs with a key pair: remove one of them";
                self.fault("JWT_SECRET_KEY", reason, "JWT_PRIVATE_KEY alone");
                JwtKey::Generated(JwtAlgorithm::Rs256)
            }
            (Some(secret), None) => self.secret(secret, algorithm),
            (None, Some(private)) => self.private(&private, algorithm),
            (None, None) => JwtKey::Generated(algorithm.unwrap_or(JwtAlgorithm::Rs256)),
        }
    }

    fn algorithm(&mut self) -> Option<JwtAlgorithm> {
        self.word(
            "JWT_ALGORITHM",
            &[
                JwtAlgorithm::Rs256,
                JwtAlgorithm::Es256,
                JwtAlgorithm::EdDsa,
                JwtAlgorithm::Hs256,
            ]
            .map(|algorithm| (algorithm.as_str(), algorithm)),
            "JWT_ALGORITHM=RS256",
        )
    }

    fn secret(&mut self, secret: SecretString, algorithm: Option<JwtAlgorithm>) -> JwtKey {
        let text = secret.expose_secret();
        if text.len() < SHORTEST_SECRET_BYTES || text == SAMPLE_SECRET {
            let reason = "must be a secret of 32 bytes or more";
            self.fault("JWT_SECRET_KEY", reason, SECRET_EXAMPLE);
        }
        if let Some(other) = algorithm.filter(|algorithm| *algorithm != JwtAlgorithm::Hs256) {
            let other = other.as_str();
            let reason = format!(
                "is set, but JWT_ALGORITHM={other} signs with a key pair: remove one of them"
            );
            self.fault("JWT_SECRET_KEY", reason, "JWT_ALGORITHM=HS256");
        }
        JwtKey::Hs256(secret)
    }

    fn private(&mut self, private: &SecretString, algorithm: Option<JwtAlgorithm>) -> JwtKey {
        let none = JwtKey::Generated(JwtAlgorithm::Rs256);
        let Some(pem) = self.pem(private.expose_secret()) else {
            return none;
        };
        let key = match OwnKey::from_pem(pem.expose_secret()) {
            Ok(key) => key,
            Err(error) => {
                self.fault("JWT_PRIVATE_KEY", error.to_string(), KEY_EXAMPLE);
                return none;
            }
        };
        let own = key.algorithm();
        if let Some(other) = algorithm.filter(|algorithm| *algorithm != own) {
            let (own, other) = (own.as_str(), other.as_str());
            let reason = format!("is {other}, but the key in JWT_PRIVATE_KEY signs by {own}");
            self.fault("JWT_ALGORITHM", reason, "leave it empty: the key tells");
        }
        JwtKey::Own(key)
    }

    /// PEM as it is, with `\n` written out, or in a file.
    fn pem(&mut self, text: &str) -> Option<SecretString> {
        if text.contains("-----BEGIN") {
            return Some(text.replace("\\n", "\n").into());
        }
        // What is neither may be a key without its PEM lines: it is not repeated in a fault.
        match std::fs::read_to_string(text.trim()) {
            Ok(text) => Some(text.into()),
            Err(error) => {
                let reason =
                    format!("is neither PEM text nor the path of a file that can be read: {error}");
                self.fault("JWT_PRIVATE_KEY", reason, KEY_EXAMPLE);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Faults};

    fn read(pairs: &[(&str, &str)]) -> Result<JwtKey, Faults> {
        let env: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_layers(env, Path::new("/nonexistent/.env")).map(|config| config.accounts.jwt)
    }

    fn fault(pairs: &[(&str, &str)]) -> String {
        read(pairs).expect_err("a fault").to_string()
    }

    #[test]
    fn without_a_key_one_is_made_for_the_algorithm() {
        for (word, wanted) in [
            ("RS256", JwtAlgorithm::Rs256),
            ("ES256", JwtAlgorithm::Es256),
            ("EdDSA", JwtAlgorithm::EdDsa),
            ("HS256", JwtAlgorithm::Hs256),
        ] {
            let read = read(&[("JWT_ALGORITHM", word)]).expect("settings");
            assert!(matches!(read, JwtKey::Generated(found) if found == wanted));
        }
        let told = fault(&[("JWT_ALGORITHM", "none")]);
        assert!(
            told.starts_with("JWT_ALGORITHM: ") && told.contains("for example"),
            "{told}"
        );
    }

    /// PEM of a key made for this test.
    fn made(algorithm: JwtAlgorithm) -> String {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
        use base64::Engine as _;
        let pkcs8 = match algorithm {
            JwtAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .expect("a key")
                .as_ref()
                .to_vec(),
            _ => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8v1())
                .expect("a key")
                .as_ref()
                .to_vec(),
        };
        let (dashes, body) = (
            "-".repeat(5),
            base64::prelude::BASE64_STANDARD.encode(pkcs8),
        );
        format!("{dashes}BEGIN PRIVATE KEY{dashes}\n{body}\n{dashes}END PRIVATE KEY{dashes}\n")
    }

    #[test]
    fn a_key_of_ones_own_comes_as_text_or_path_and_tells_its_algorithm() {
        let folder = tempfile::tempdir().expect("a folder");
        for algorithm in [JwtAlgorithm::Es256, JwtAlgorithm::EdDsa] {
            let pem = made(algorithm);
            let file = folder.path().join(algorithm.as_str());
            std::fs::write(&file, &pem).expect("written");
            let path = file.to_str().expect("text");
            for setting in [
                ("JWT_PRIVATE_KEY", pem.as_str()),
                ("JWT_PRIVATE_KEY", &pem.replace('\n', "\\n")),
                ("JWT_PRIVATE_KEY", path),
                ("JWT_PRIVATE_KEY_FILE", path),
            ] {
                for named in ["", algorithm.as_str()] {
                    let read = read(&[setting, ("JWT_ALGORITHM", named)]).expect("settings");
                    let debug = format!("{read:?}");
                    assert!(matches!(read, JwtKey::Own(key) if key.algorithm() == algorithm));
                    assert_eq!(debug, format!("Own(OwnKey({}))", algorithm.as_str()));
                }
            }
        }
    }

    #[test]
    fn every_fault_tells_variable_reason_and_example_and_nothing_of_the_key() {
        let pem = made(JwtAlgorithm::Es256);
        let bare = pem.lines().nth(1).expect("a body").to_owned();
        let encrypted = pem.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let public = pem.replace("PRIVATE", "PUBLIC");
        let cut = pem.replace(&bare, &bare[..40]);
        let secret = "s".repeat(40);
        for (settings, variable, reason) in [
            (
                vec![("JWT_PRIVATE_KEY", bare.as_str())],
                "JWT_PRIVATE_KEY",
                "neither PEM",
            ),
            (
                vec![("JWT_PRIVATE_KEY", "/nonexistent/key.pem")],
                "JWT_PRIVATE_KEY",
                "neither PEM",
            ),
            (
                vec![("JWT_PRIVATE_KEY", encrypted.as_str())],
                "JWT_PRIVATE_KEY",
                "encrypted",
            ),
            (
                vec![("JWT_PRIVATE_KEY", public.as_str())],
                "JWT_PRIVATE_KEY",
                "public key",
            ),
            (
                vec![("JWT_PRIVATE_KEY", cut.as_str())],
                "JWT_PRIVATE_KEY",
                "not a private key",
            ),
            (
                vec![
                    ("JWT_PRIVATE_KEY", pem.as_str()),
                    ("JWT_ALGORITHM", "RS256"),
                ],
                "JWT_ALGORITHM",
                "signs by ES256",
            ),
            (
                vec![
                    ("JWT_PRIVATE_KEY", pem.as_str()),
                    ("JWT_ALGORITHM", "HS256"),
                ],
                "JWT_ALGORITHM",
                "signs by ES256",
            ),
            (
                vec![
                    ("JWT_SECRET_KEY", secret.as_str()),
                    ("JWT_ALGORITHM", "EdDSA"),
                ],
                "JWT_SECRET_KEY",
                "signs with a key pair",
            ),
            (
                vec![("JWT_SECRET_KEY", "short")],
                "JWT_SECRET_KEY",
                "32 bytes",
            ),
            (
                vec![
                    ("JWT_SECRET_KEY", secret.as_str()),
                    ("JWT_PRIVATE_KEY", pem.as_str()),
                ],
                "JWT_SECRET_KEY",
                "remove one",
            ),
        ] {
            let told = fault(&settings);
            assert!(told.starts_with(&format!("{variable}: ")), "{told}");
            assert!(
                told.contains(reason) && told.contains("for example"),
                "{told}"
            );
            assert!(
                !told.contains(&bare[..30]) && !told.contains(&secret),
                "{told}"
            );
        }
    }
}
