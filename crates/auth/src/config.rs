//! Typed settings; the environment is read elsewhere.

use std::time::Duration;

use secrecy::SecretString;

/// How an [`AuthService`](crate::AuthService) behaves.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `iss` of access tokens: where the service is reached.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Of an access token.
    pub access_token_ttl: Duration,
    /// Of a refresh token, each time it is renewed.
    pub refresh_token_ttl: Duration,
    /// What signs access tokens.
    pub jwt: JwtKey,
    /// 12 or more.
    pub bcrypt_cost: u32,
    /// What API keys begin with.
    pub api_key_prefix: String,
    /// Whether real money moves; sandbox credentials are worth nothing then.
    pub livemode: bool,
    /// Who may register.
    pub registration: Registration,
    /// Whether staff hold nothing until they have a second factor.
    pub require_staff_second_factor: bool,
}

/// What signs access tokens.
#[derive(Clone, Debug)]
pub enum JwtKey {
    /// RS256 with a key that is made once and shared by all instances.
    Generated,
    /// HS256 with this secret of 32 bytes or more.
    Hs256(SecretString),
    /// HS256 with a secret that is made once and shared by all instances.
    GeneratedHs256,
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
            audience: "tollgate".to_owned(),
            access_token_ttl: Duration::from_mins(15),
            refresh_token_ttl: Duration::from_hours(7 * 24),
            jwt: JwtKey::Generated,
            bcrypt_cost: 12,
            api_key_prefix: "sk".to_owned(),
            livemode: true,
            registration: Registration::Open,
            require_staff_second_factor: false,
        }
    }
}
