//! Links that work once.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tollgate_kernel::entropy::Entropy;

use super::token::sha256;

const PREFIX: &str = "ot_";

/// What a link is for; a token of one purpose is nothing for another (A1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The address of the account is its owner's.
    VerifyEmail,
    /// A new password.
    ResetPassword,
    /// Another address for the account.
    ChangeEmail,
    /// The first admin.
    Setup,
    /// An account for somebody who was asked.
    Invite,
}

impl Purpose {
    /// As it rests.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::Setup => "setup",
            Self::Invite => "invite",
        }
    }
}

/// A token as its owner holds it: 256 random bits. Only its hash rests.
#[derive(Clone)]
pub(crate) struct OneTimeToken([u8; 32]);

impl OneTimeToken {
    /// A new one.
    pub(crate) fn random(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
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

    /// What rests: bound to its purpose.
    pub(crate) fn hash(&self, purpose: Purpose) -> [u8; 32] {
        sha256(&[purpose.as_str().as_bytes(), &self.0].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_a1_a_token_is_for_one_purpose() {
        let token = OneTimeToken::random(&Entropy::seeded(1));
        let again = OneTimeToken::parse(&token.text()).expect("a token");
        assert_eq!(again.hash(Purpose::Setup), token.hash(Purpose::Setup));
        assert_ne!(
            token.hash(Purpose::ResetPassword),
            token.hash(Purpose::VerifyEmail)
        );
        for other in [
            "",
            "ot_",
            "rt_AAAA",
            &token.text()[..40],
            &format!("{}A", token.text()),
        ] {
            assert!(OneTimeToken::parse(other).is_none(), "{other}");
        }
    }
}
