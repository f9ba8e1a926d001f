//! Access tokens: checked by signature and by what is known in memory. The database is asked for the
//! keys, once in 5 seconds.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};

use super::Presented;
use crate::AuthService;
use crate::model::token::Claims;

/// Clocks of two instances may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

pub(crate) async fn identify(service: &AuthService, token: &[u8]) -> Result<Presented, Problem> {
    let parts = service.parts();
    let now = parts.clock.now();
    let claims = parts.signing.check(token, now).await.ok_or_else(refused)?;
    let presented = presented(&claims, now)?;
    if parts.revocations.contains(claims.sid) {
        return Err(Problem::new(Code::TokenRevoked));
    }
    Ok(presented)
}

/// RFC 6750 §3.1: something was presented.
pub(crate) fn refused() -> Problem {
    let invalid = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    Problem::new(Code::Unauthenticated).header(header::WWW_AUTHENTICATE, invalid)
}

/// Whom a token names whose signature is right, if this is its time.
pub(crate) fn presented(claims: &Claims, now: Timestamp) -> Result<Presented, Problem> {
    if claims.exp <= now.seconds() {
        return Err(Problem::new(Code::TokenExpired));
    }
    if claims.iat > now.after(SKEW).seconds() {
        return Err(refused());
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
