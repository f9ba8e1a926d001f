//! Access tokens: checked by signature alone, without the database.

use std::time::Duration;

use tollgate_kernel::caller::Caller;
use tollgate_kernel::problem::{Code, Problem};

use crate::AuthService;

/// Clocks of two instances may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

pub(super) fn identify(service: &AuthService, token: &str) -> Result<Caller, Problem> {
    let parts = service.parts();
    let claims = parts.signing.check(token, parts.config.livemode);
    let claims = claims.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let now = parts.clock.now();
    if claims.exp <= now.seconds() {
        return Err(Problem::new(Code::TokenExpired));
    }
    if claims.iat > now.after(SKEW).seconds() {
        return Err(Problem::new(Code::Unauthenticated));
    }
    Ok(Caller::User {
        user_id: claims.sub,
        session_id: Some(claims.sid),
    })
}
