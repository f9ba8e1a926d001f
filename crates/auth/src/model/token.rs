//! Tokens of a session.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{AccessTokenId, SessionId, UserId};

const PREFIX: &str = "rt_";

/// The one `type` of token that opens anything.
pub(crate) const ACCESS: &str = "access";

/// What an access token says (RFC 9068, with the design's `type`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who.
    pub(crate) sub: UserId,
    /// Unix seconds.
    pub(crate) exp: i64,
    /// Unix seconds.
    pub(crate) iat: i64,
    /// `access`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Who signed.
    pub(crate) iss: String,
    /// For whom.
    pub(crate) aud: String,
    /// Of this token.
    #[serde(default)]
    pub(crate) jti: Option<AccessTokenId>,
    /// In which sign-in.
    pub(crate) sid: SessionId,
    /// Slug of the plan they had when it was given out: a hint. Whoever sells asks.
    #[serde(default)]
    pub(crate) plan: Option<String>,
    /// What they held when it was given out: a hint, too.
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
    /// Whether real money moves.
    pub(crate) livemode: bool,
}

/// A refresh token as its owner holds it: 256 random bits. Only its hash rests.
#[derive(Clone)]
pub(crate) struct RefreshToken([u8; 32]);

impl RefreshToken {
    /// The first of a session.
    pub(crate) fn random(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// From what a keyed hash gave.
    pub(crate) fn derived(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As its owner sends it; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text.strip_prefix(PREFIX)?)
            .ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// For its owner.
    pub(crate) fn text(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// For deriving its successor.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What rests.
    pub(crate) fn hash(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

/// SHA-256 as an array.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
