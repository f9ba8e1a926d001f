//! Typed settings; the environment is read elsewhere.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use tollgate_kernel::scope::OF_API_KEYS;

use crate::signing::OwnKey;

/// `aud` of access tokens, unless another is set.
pub(crate) const AUDIENCE: &str = "tollgate";

/// How an [`AuthService`](crate::AuthService) behaves.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use tollgate_auth::{AuthConfig, Registration};
///
/// let config = AuthConfig {
///     access_token_ttl: Duration::from_mins(5),
///     registration: Registration::Invite,
///     calls_per_minute: NonZeroU32::new(60),
///     ..AuthConfig::new("https://shop.example")
/// };
/// assert_eq!(config.audience, "tollgate");
/// assert_eq!(config.refresh_token_ttl, Duration::from_hours(7 * 24));
/// assert_eq!(config.api_key_scopes, ["quota", "usage", "payments", "account"]);
/// assert!(config.livemode);
/// ```
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `iss` of access tokens: where the service is reached.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Of an access token.
    pub access_token_ttl: Duration,
    /// Of a refresh token, each time it is renewed: who stays away longer signs in again.
    pub refresh_token_ttl: Duration,
    /// What signs access tokens.
    pub jwt: JwtKey,
    /// 12 or more.
    pub bcrypt_cost: u32,
    /// What API keys begin with.
    pub api_key_prefix: String,
    /// What API keys may be limited to: those of the house, and those a host adds for itself.
    pub api_key_scopes: Vec<String>,
    /// Whether real money moves; sandbox credentials are worth nothing then.
    pub livemode: bool,
    /// Who may register.
    pub registration: Registration,
    /// Whether staff hold nothing until they have a second factor.
    pub require_staff_second_factor: bool,
    /// How often one caller may call in a minute, where [`limit_calls`](crate::AuthService::limit_calls) counts;
    /// `None`: as often as they like.
    pub calls_per_minute: Option<NonZeroU32>,
}

/// What signs access tokens. Another choice than before takes effect like a rotation: old tokens stay
/// good until they end.
///
/// ```
/// use tollgate_auth::{AuthConfig, JwtAlgorithm, JwtKey};
///
/// let mut config = AuthConfig::new("https://shop.example");
/// assert!(matches!(config.jwt, JwtKey::Generated(JwtAlgorithm::Rs256)));
/// // One secret with whoever checks tokens, who can then sign them too.
/// config.jwt = JwtKey::Hs256("0123456789abcdef".repeat(2).into());
/// ```
#[derive(Clone, Debug)]
pub enum JwtKey {
    /// A key that is made once and shared by all instances.
    Generated(JwtAlgorithm),
    /// HS256 with this secret of 32 bytes or more.
    Hs256(SecretString),
    /// A key pair of one's own.
    Own(OwnKey),
}

/// By what access tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// ```
/// use tollgate_auth::JwtAlgorithm;
///
/// assert_eq!("EdDSA".parse(), Ok(JwtAlgorithm::EdDsa));
/// assert_eq!(JwtAlgorithm::Es256.as_str(), "ES256");
/// let fault = "none".parse::<JwtAlgorithm>().unwrap_err();
/// assert_eq!(fault.to_string(), "not one of RS256, ES256, EdDSA, HS256");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSA with SHA-256; keys that are made have 3072 bits. Understood everywhere.
    Rs256,
    /// P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256: whoever can check can sign.
    Hs256,
}

/// Not an algorithm of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of RS256, ES256, EdDSA, HS256")]
pub struct UnknownAlgorithm;

impl JwtAlgorithm {
    /// As in the head of a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

impl FromStr for JwtAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let all = [Self::Rs256, Self::Es256, Self::EdDsa, Self::Hs256];
        let found = all.into_iter().find(|algorithm| algorithm.as_str() == text);
        found.ok_or(UnknownAlgorithm)
    }
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Who was invited.
    Invite,
    /// Nobody.
    Closed,
}

impl AuthConfig {
    /// The design's defaults.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: AUDIENCE.to_owned(),
            access_token_ttl: Duration::from_mins(15),
            refresh_token_ttl: Duration::from_hours(7 * 24),
            jwt: JwtKey::Generated(JwtAlgorithm::Rs256),
            bcrypt_cost: 12,
            api_key_prefix: "sk".to_owned(),
            api_key_scopes: OF_API_KEYS.iter().map(|name| (*name).to_owned()).collect(),
            livemode: true,
            registration: Registration::Open,
            require_staff_second_factor: false,
            calls_per_minute: NonZeroU32::new(600),
        }
    }
}
