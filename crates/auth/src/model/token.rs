//! Tokens of a session.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{AccessTokenId, SessionId, UserId};

const PREFIX: &str = "rt_";

/// The one `type` of token that opens anything.
pub const ACCESS: &str = "access";

/// What an access token says (RFC 9068, with the design's `type`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who.
    pub sub: UserId,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// `access`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who signed.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// Of this token.
    #[serde(default)]
    pub jti: Option<AccessTokenId>,
    /// In which sign-in.
    pub sid: SessionId,
    /// Slug of the plan they had when it was given out: a hint. Whoever sells asks.
    #[serde(default)]
    pub plan: Option<String>,
    /// What they held when it was given out: a hint, too.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Whether real money moves.
    pub livemode: bool,
}

/// A refresh token as its owner holds it: 256 random bits. Only its hash rests.
#[derive(Clone)]
pub struct RefreshToken([u8; 32]);

impl RefreshToken {
    /// The first of a session.
    pub fn random(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// From what a keyed hash gave.
    pub fn derived(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As its owner sends it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text.strip_prefix(PREFIX)?)
            .ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// For its owner.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// For deriving its successor.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What rests.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

/// SHA-256 as an array.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
