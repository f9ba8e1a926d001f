//! Writes tokens by hand, as forgers and thieves do.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use tollgate_storage::db::Db;
use tollgate_storage::signing_keys::{self, KeyState, RingKey};

use crate::harness::master_key;

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// A key in the hands of a forger, who signs what no library would write.
#[derive(Clone)]
pub(crate) struct Pen {
    pub(crate) kid: String,
    algorithm: Algorithm,
    pub(crate) key: EncodingKey,
}

impl Pen {
    /// The key of a service, from its database and its master key.
    pub(crate) fn stolen(key: &RingKey) -> Self {
        let private = master_key()
            .open("signing key", &key.key.private_sealed)
            .expect("opens");
        Self::of(&key.key.kid, &key.key.algorithm, &private)
    }

    /// Of whoever signs at the service of `db`.
    pub(crate) async fn active(db: &Db) -> Self {
        let keys = signing_keys::find_all(db).await.expect("read");
        let active = keys.iter().find(|key| key.state == KeyState::Active);
        Self::stolen(active.expect("an active key"))
    }

    pub(crate) fn of(kid: &str, algorithm: &str, private: &[u8]) -> Self {
        let key = match algorithm {
            "HS256" => EncodingKey::from_secret(private),
            "ES256" => EncodingKey::from_ec_der(private),
            "EdDSA" => EncodingKey::from_ed_der(private),
            _ => EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private).as_bytes()).expect("RSA"),
        };
        Self {
            kid: kid.to_owned(),
            algorithm: algorithm.parse().expect("an algorithm"),
            key,
        }
    }

    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self::of("", "HS256", secret)
    }

    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.expect("signs"))
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let (dashes, body) = ("-".repeat(5), BASE64_STANDARD.encode(der));
    format!("{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}\n")
}
