//! Books what happened, once, inside the transaction in which it happened.
//!
//! What can happen at once: two instances that tell of the same fact, and two transactions that are
//! the first to need an account. The first meets in the unique cause of a posting: whoever comes
//! second waits for the first to commit and then books nothing. The second meets in the unique code
//! of an account; a transaction makes those it lacks in one fixed order. Booking comes last in a
//! transaction, after every row it locks, so nobody who waits here holds what the other needs next.

use std::collections::BTreeSet;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PostingId;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use crate::Parts;
use crate::model::ledger::{Fact, Line};
use crate::store::ledger;

/// Books `facts` in the books of this mode. What is booked already is left as it is. Call it last in
/// the transaction, with all its facts at once. Gives how many were new.
pub(crate) async fn book(
    parts: &Parts,
    tx: &mut Tx,
    livemode: bool,
    facts: &[Fact],
    now: Timestamp,
) -> Result<usize> {
    let mut begun = Vec::new();
    for fact in facts {
        let posting: PostingId = parts.ids.at(now);
        if ledger::post(tx, posting, fact, now).await? {
            begun.push((posting, fact.lines()));
        }
    }
    let mut waiting = Vec::new();
    for (posting, lines) in &begun {
        for (number, line) in (1_i64..).zip(lines) {
            if !ledger::enter(tx, *posting, number, line, livemode).await? {
                waiting.push((*posting, number, *line));
            }
        }
    }
    if waiting.is_empty() {
        return Ok(begun.len());
    }
    open_accounts(
        parts,
        tx,
        livemode,
        waiting.iter().map(|(.., line)| line),
        now,
    )
    .await?;
    for (posting, number, line) in &waiting {
        if !ledger::enter(tx, *posting, *number, line, livemode).await? {
            return Err(StorageError::Inconsistent {
                table: "ledger_accounts",
                column: "code",
                row: line.debit.as_str().to_owned(),
            });
        }
    }
    Ok(begun.len())
}

/// In the order of their names, for everybody the same.
async fn open_accounts(
    parts: &Parts,
    tx: &mut Tx,
    livemode: bool,
    lines: impl Iterator<Item = &Line>,
    now: Timestamp,
) -> Result<()> {
    let needed: BTreeSet<_> = lines
        .flat_map(|line| {
            let currency = line.amount.currency().code();
            [(currency, line.debit), (currency, line.credit)]
        })
        .collect();
    for (currency, account) in needed {
        ledger::open(tx, parts.ids.at(now), account, currency, livemode, now).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
