//! `taken_over`: what came from another application, so that it comes once.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, SubscriptionId, UserId};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, in_tx};

/// What it was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TakenKind {
    /// A subscription.
    Subscription,
    /// What had been used of a meter.
    Used,
    /// Bonus units.
    Bonus,
}

impl TakenKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Used => "used",
            Self::Bonus => "bonus",
        }
    }
}

/// Of whom, in which mode, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) user: UserId,
    pub(crate) livemode: bool,
    pub(crate) kind: TakenKind,
    pub(crate) reference: &'a str,
}

/// The hash of what was said when it came. `None`: it has not come yet.
pub(crate) async fn find(tx: &mut Tx, key: Key<'_>) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = in_tx!(tx, |c| sqlx::query_as(FIND)
        .bind(key.user.uuid())
        .bind(key.livemode)
        .bind(key.kind.as_str())
        .bind(key.reference)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(content,)| content))
}

/// Notes that it came. `false`: somebody else brought it meanwhile; undo.
pub(crate) async fn put(
    tx: &mut Tx,
    key: Key<'_>,
    subscription: SubscriptionId,
    content: &[u8; 32],
    now: Timestamp,
) -> Result<bool> {
    let row: Option<(String,)> = in_tx!(tx, |c| sqlx::query_as(PUT)
        .bind(key.user.uuid())
        .bind(key.livemode)
        .bind(key.kind.as_str())
        .bind(key.reference)
        .bind(subscription.uuid())
        .bind(content.as_slice())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

const FIND: &str = "SELECT content FROM taken_over
    WHERE user_id = $1 AND livemode = $2 AND kind = $3 AND reference = $4";
// Waits for a rival that has not committed; then no row = he was first.
const PUT: &str =
    "INSERT INTO taken_over (user_id, livemode, kind, reference, subscription_id, content, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (user_id, livemode, kind, reference) DO NOTHING RETURNING kind";

pub(crate) const STATEMENTS: &[&str] = &[FIND, PUT];
