//! A link that works once: made, and put into a letter.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::Parts;
use crate::model::one_time::{OneTimeToken, Purpose};
use crate::store::one_time_tokens::{self, NewToken};

/// Of every link.
pub(super) const TTL: Duration = Duration::from_hours(1);
/// Of the link of a start.
const SETUP_TTL: Duration = Duration::from_mins(30);
/// As letters say it.
pub(super) const MINUTES: u64 = 60;

/// A new link in place of older ones; made from the address of the house, never from a request. `None`:
/// another was made at this moment, and is on its way.
pub(super) async fn make(
    parts: &Parts,
    tx: &mut Tx,
    purpose: Purpose,
    user: Option<UserId>,
    email: &str,
    now: Timestamp,
) -> Result<Option<String>> {
    let token = OneTimeToken::random(&parts.entropy);
    let ttl = match purpose {
        Purpose::Setup => SETUP_TTL,
        _ => TTL,
    };
    let new = NewToken {
        id: parts.ids.at(now),
        purpose,
        user,
        email,
        token: &token,
        expires_at: now.after(ttl),
    };
    let made = one_time_tokens::put(tx, &new, now).await?;
    let page = match purpose {
        Purpose::VerifyEmail | Purpose::ChangeEmail => "portal/verify",
        Purpose::ResetPassword => "portal/reset",
        Purpose::Setup => "console/setup",
        Purpose::Invite => "portal/register",
    };
    let house = parts.config.issuer.trim_end_matches('/');
    Ok(made.then(|| format!("{house}/{page}?token={}", token.text())))
}
