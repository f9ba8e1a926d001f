//! Access tokens: checked by signature and by what is known in memory. The database is asked for the
//! keys, once in 5 seconds.

use std::time::Duration;

use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, Problem};

use super::Presented;
use crate::AuthService;

/// Clocks of two instances may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

pub(crate) async fn identify(service: &AuthService, token: &[u8]) -> Result<Presented, Problem> {
    let parts = service.parts();
    let refuse = || Problem::new(Code::Unauthenticated);
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
