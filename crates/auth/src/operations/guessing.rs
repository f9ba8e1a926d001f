//! Guessing is bounded: per account, and per block of addresses, counted in the database.
//!
//! A guess at an account is counted before the password is compared, so that guesses at once are bounded
//! as well; a right one is taken back. Who guesses at somebody's account locks the account's own count,
//! not the owner's: from a device that has signed in before, tries have a count of their own, and a
//! reset by mail opens the account in any case. Names that are nobody's are counted like all others.

use std::time::Duration;

use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::throttle::{self, Limit};

use crate::Parts;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Wrong passwords for one account.
const ACCOUNT: Limit = limit("login.account", 10, MINUTE);
/// Wrong passwords from one block of addresses.
const ADDRESS: Limit = limit("login.address", 10, MINUTE);
/// Wrong `current_password`s of somebody who is signed in.
pub(super) const CURRENT: Limit = limit("password.current", 10, MINUTE);
/// Letters to one address.
pub(super) const LETTERS: Limit = limit("letters", 5, HOUR);
/// Letters asked for from one block of addresses.
pub(super) const LETTERS_ASKED: Limit = limit("letters.address", 30, HOUR);
/// "That address is taken", told to one block of addresses: the one answer that names accounts.
pub(super) const TAKEN: Limit = limit("taken.address", 20, HOUR);

const fn limit(kind: &'static str, most: i64, window: Duration) -> Limit {
    Limit { kind, most, window }
}

/// Too many tries; the next may be after this.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_auth::{LoginError, TooMany};
/// fn retry_after_seconds(error: &LoginError) -> Option<u64> {
///     match error {
///         LoginError::TooMany(TooMany(wait)) => Some(wait.as_secs() + 1),
///         _ => None,
///     }
/// }
/// let error = LoginError::TooMany(TooMany(Duration::from_millis(41_200)));
/// assert_eq!(retry_after_seconds(&error), Some(42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries")]
pub struct TooMany(pub Duration);

/// A subject as the table holds it: nobody reads an address out of it.
pub(super) fn subject(parts: &Parts, text: &str) -> [u8; 32] {
    parts.master_key.keyed_hash("throttle", text.as_bytes())
}

/// Counts one, or says how long to wait.
pub(super) async fn count(
    parts: &Parts,
    limit: &Limit,
    subject: &[u8; 32],
) -> Result<Result<(), TooMany>> {
    let mut tx = parts.db.begin().await?;
    let wait = throttle::hit(&mut tx, limit, subject, parts.clock.now()).await?;
    tx.commit().await?;
    Ok(wait.map_or(Ok(()), |wait| Err(TooMany(wait))))
}

/// A guess that is under way.
#[derive(Debug)]
pub(super) struct Guess {
    account: [u8; 32],
    address: Option<[u8; 32]>,
}

/// Lets a guess at `account` (a name as it is looked up, or a known device of somebody) begin.
pub(super) async fn begin(
    parts: &Parts,
    account: &str,
    origin: &Origin,
) -> Result<Result<Guess, TooMany>> {
    // Who does not know from where a call comes cannot count by it: then all would be one.
    let address = origin
        .address
        .map(|_| subject(parts, &origin.address_block()));
    let guess = Guess {
        account: subject(parts, account),
        address,
    };
    let now = parts.clock.now();
    let mut tx = parts.db.begin().await?;
    let mut wait = throttle::hit(&mut tx, &ACCOUNT, &guess.account, now).await?;
    if let Some(address) = &guess.address {
        wait = wait.max(throttle::waiting(&mut tx, &ADDRESS, address, now).await?);
    }
    tx.commit().await?;
    Ok(wait.map_or(Ok(guess), |wait| Err(TooMany(wait))))
}

impl Guess {
    /// It was right: not one of those that are bounded.
    pub(super) async fn right(&self, parts: &Parts) -> Result<()> {
        let mut tx = parts.db.begin().await?;
        throttle::take_back(&mut tx, ACCOUNT.kind, &self.account).await?;
        tx.commit().await
    }

    /// It was wrong: the address is counted now. Many at once from one address go through the hashing
    /// queue first, which is short.
    pub(super) async fn wrong(&self, parts: &Parts) -> Result<()> {
        let Some(address) = &self.address else {
            return Ok(());
        };
        let mut tx = parts.db.begin().await?;
        throttle::hit(&mut tx, &ADDRESS, address, parts.clock.now()).await?;
        tx.commit().await
    }
}
