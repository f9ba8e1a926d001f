//! What an application behind a proxy is told of a call, so that it can check instead of trusting headers: a short token
//! by the keys of the house. It is of a kind of its own and opens nothing here.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, SessionId, UserId};

use super::verify::Verified;
use crate::AuthService;
use crate::model::token::sha256;

/// The `type` of such a token.
const FORWARD: &str = "forward";
/// As long as a call may be on its way; one that has less than half of it left is made anew.
const GOOD_FOR: Duration = Duration::from_mins(2);

/// What was signed for whom, until when.
#[derive(Debug)]
pub(crate) struct Statement {
    token: String,
    until: Timestamp,
}

/// What it says beside its times.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the token")]
struct Subject<'a> {
    sub: UserId,
    #[serde(rename = "type")]
    kind: &'static str,
    iss: &'a str,
    aud: &'a str,
    email: &'a str,
    subject_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<ApiKeyId>,
    plan: Option<&'a str>,
    permissions: &'a [String],
    livemode: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    subject: Subject<'a>,
    iat: i64,
    exp: i64,
}

impl AuthService {
    /// A token of `type` `forward` for the application that serves `verified`, who has `plan` (slug): `sub`, `email`,
    /// `plan`, `permissions`, `subject_type`, `sid` or `api_key_id`, `iss`, `aud`, `livemode`, `iat` and `exp` (Unix
    /// seconds, at most two minutes apart), signed as access tokens are. The same call within a minute is given the same
    /// token: a signature costs more than everything else of a check.
    ///
    /// ```
    /// # use axum::http::{HeaderMap, HeaderValue};
    /// # use tollgate_auth::{AuthService, Verified};
    /// /// For the application behind a proxy.
    /// async fn forward(auth: &AuthService, verified: &Verified, headers: &mut HeaderMap) {
    ///     let token = auth.vouch(verified, Some("pro")).await;
    ///     if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
    ///         headers.insert("authorization", value);
    ///     }
    /// }
    /// ```
    pub async fn vouch(&self, verified: &Verified, plan: Option<&str>) -> String {
        let parts = self.parts();
        let now = parts.clock.now();
        let subject = Subject {
            sub: verified.user.id,
            kind: FORWARD,
            iss: &parts.config.issuer,
            aud: &parts.config.audience,
            email: &verified.user.email,
            subject_type: verified.subject_type(),
            sid: verified.caller.session_id(),
            api_key_id: verified.caller.api_key_id(),
            plan,
            permissions: verified.permissions.names(),
            livemode: parts.config.livemode,
        };
        let whole = serde_json::to_vec(&subject).unwrap_or_default();
        let hash = sha256(&whole);
        if let Some(known) = parts.statements.get(&hash)
            && now.after(GOOD_FOR / 2) <= known.until
            && known.until <= now.after(GOOD_FOR)
        {
            return known.token.clone();
        }
        let asked = parts.statements.asked();
        let until = verified.expires_at.map_or(now.after(GOOD_FOR), |end| {
            // Never longer than what it speaks for.
            end.min(now.after(GOOD_FOR))
        });
        let claims = Claims {
            subject,
            iat: now.seconds(),
            exp: until.seconds(),
        };
        let token = parts.signing.sign_statement(&claims, now).await;
        let statement = Statement {
            token: token.clone(),
            until,
        };
        parts.statements.put(asked, hash, Arc::new(statement));
        token
    }
}
