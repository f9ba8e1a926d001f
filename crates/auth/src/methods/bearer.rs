//! Access tokens: checked by signature and by what is known in memory. The database is asked for the
//! keys, once in 5 seconds.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};

use super::Presented;
use crate::AuthService;

/// Clocks of two instances may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

pub(crate) async fn identify(service: &AuthService, token: &[u8]) -> Result<Presented, Problem> {
    let parts = service.parts();
    // RFC 6750 §3.1: something was presented.
    let invalid = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    let refuse =
        || Problem::new(Code::Unauthenticated).header(header::WWW_AUTHENTICATE, invalid.clone());
    let now = parts.clock.now();
    let claims = parts.signing.check(token, now).await.ok_or_else(refuse)?;
    if claims.exp <= now.seconds() {
        return Err(Problem::new(Code::TokenExpired));
    }
    if claims.iat > now.after(SKEW).seconds() {
        return Err(refuse());
    }
    if parts.revocations.contains(claims.sid) {
        return Err(Problem::new(Code::TokenRevoked));
    }
    Ok(Presented {
        caller: Caller::User {
            user_id: claims.sub,
            session_id: Some(claims.sid),
        },
        issued_at: Timestamp::from_seconds(claims.iat),
        expires_at: Timestamp::from_seconds(claims.exp),
    })
}
