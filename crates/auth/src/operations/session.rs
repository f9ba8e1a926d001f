//! A sign-in and its tokens.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::permissions::held_in;
use crate::Parts;
use crate::model::token::{ACCESS, Claims, RefreshToken};
use crate::model::user::User;
use crate::store::{refresh_tokens, sessions};

/// However often it is renewed, a sign-in ends after this. Not a setting: a refresh token that was copied
/// unnoticed must end some day (RFC 9700 §4.14.2), and 90 days is the longest that asks nobody who is
/// there daily to sign in more than four times a year.
pub(crate) const ABSOLUTE: Duration = Duration::from_hours(90 * 24);

/// What a person who signed in holds.
///
/// ```
/// # use secrecy::ExposeSecret as _;
/// # use tollgate_auth::Tokens;
/// /// As OAuth writes it (RFC 6749 §5.1).
/// fn body(tokens: &Tokens) -> serde_json::Value {
///     serde_json::json!({
///         "access_token": tokens.access_token.expose_secret(),
///         "token_type": "Bearer",
///         "expires_in": tokens.expires_in.as_secs(),
///         "refresh_token": tokens.refresh_token.expose_secret(),
///     })
/// }
/// ```
#[derive(Clone)]
pub struct Tokens {
    /// For calls; short-lived.
    pub access_token: SecretString,
    /// For the next pair; used once.
    pub refresh_token: SecretString,
    /// Of the access token.
    pub expires_in: Duration,
    /// Who.
    pub user: User,
    /// Of the sign-in.
    pub session_id: SessionId,
    /// What the device keeps, so that it is known at the next sign-in.
    pub device: Option<SecretString>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens of {:?}", self.user.id)
    }
}

/// A sign-in, and when it ends however often it is renewed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) id: SessionId,
    pub(super) expires_at: Timestamp,
}

impl Held {
    /// No token outlives its sign-in.
    pub(super) fn end_of(self, ttl: Duration, now: Timestamp) -> Timestamp {
        now.after(ttl).min(self.expires_at)
    }
}

/// A new sign-in, inside the caller's transaction.
pub(super) async fn begin(
    parts: &Parts,
    tx: &mut Tx,
    user: User,
    origin: &Origin,
    now: Timestamp,
) -> Result<Tokens> {
    parts.signing.renew_in(tx, now).await?;
    let session = Held {
        id: parts.ids.at(now),
        expires_at: now.after(ABSOLUTE),
    };
    sessions::insert(tx, session.id, user.id, origin, now, session.expires_at).await?;
    let token = RefreshToken::random(&parts.entropy);
    let end = session.end_of(parts.config.refresh_token_ttl, now);
    let id = parts.ids.at(now);
    refresh_tokens::insert(tx, id, session.id, None, &token.hash(), now, end).await?;
    tokens(parts, tx, user, session, &token, now).await
}

/// The pair for a person. The keys were looked after in the transaction before (`renew_in`).
pub(super) async fn tokens(
    parts: &Parts,
    tx: &mut Tx,
    user: User,
    session: Held,
    refresh: &RefreshToken,
    now: Timestamp,
) -> Result<Tokens> {
    let plan = match &parts.entitlements {
        Some(entitlements) => entitlements.plan(tx, user.id, now).await?,
        None => None,
    };
    let held = held_in(parts, tx, &user).await?.unwrap_or_default();
    let end = session.end_of(parts.config.access_token_ttl, now);
    let claims = Claims {
        sub: user.id,
        exp: end.seconds(),
        iat: now.seconds(),
        kind: ACCESS.to_owned(),
        iss: parts.config.issuer.clone(),
        aud: parts.config.audience.clone(),
        jti: Some(parts.ids.at(now)),
        sid: session.id,
        plan,
        permissions: held.names().to_vec(),
        livemode: parts.config.livemode,
    };
    Ok(Tokens {
        access_token: parts.signing.sign(&claims).into(),
        refresh_token: refresh.text().into(),
        expires_in: end.since(now),
        user,
        session_id: session.id,
        device: None,
    })
}
