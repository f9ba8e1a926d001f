//! The standing self-audit: a part of the books every minute, on from where it stopped, for ever.
//!
//! Each instance walks by itself and keeps in memory what it found. A damaged row is logged once, and
//! forgotten when a later round finds it whole.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;

use super::verify_books::{Seen, Walk, look};
use crate::PaymentService;
use crate::model::damage::Damage;
use crate::store::books::Place;

/// At most so often.
const EVERY: Duration = Duration::from_mins(1);
/// Statements of one run; a run never lasts longer because the books are long.
const LOOKS: usize = 8;

/// Where the self-audit stands, and what it found.
#[derive(Debug, Default)]
pub(crate) struct SelfAudit(Mutex<Round>);

#[derive(Debug, Default)]
struct Round {
    ran_at: Option<Timestamp>,
    /// Which walk of [`Walk::ALL`].
    walk: usize,
    behind: Place,
    damaged: BTreeSet<Damage>,
}

impl SelfAudit {
    fn round(&self) -> std::sync::MutexGuard<'_, Round> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a run is due now; whoever is told so runs.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut round = self.round();
        // A clock that went back says nothing of when it was.
        let is_fresh = |ran: Timestamp| now.since(ran).max(ran.since(now)) < EVERY;
        if round.ran_at.is_some_and(is_fresh) {
            return false;
        }
        round.ran_at = Some(now);
        true
    }
}

impl Round {
    fn walk(&self) -> Walk {
        Walk::ALL.get(self.walk).copied().unwrap_or(Walk::Payments)
    }

    /// Takes over what was seen behind where it stands. Gives what was not known before, and whether
    /// a whole round is over.
    fn take(&mut self, seen: Seen) -> (Vec<Damage>, bool) {
        let table = self.walk().table();
        let (from, to) = (self.behind, seen.next);
        // Ids as text sort as they do in the tables.
        let is_covered = |damage: &Damage| {
            damage.table == table
                && from.is_none_or(|from| damage.row > from.to_string())
                && to.is_none_or(|to| damage.row <= to.to_string())
        };
        let known: BTreeSet<_> = self
            .damaged
            .iter()
            .filter(|d| is_covered(d))
            .cloned()
            .collect();
        self.damaged.retain(|damage| !is_covered(damage));
        self.damaged.extend(seen.damage.iter().cloned());
        self.behind = seen.next;
        if self.behind.is_none() {
            self.walk = self.walk.wrapping_add(1) % Walk::ALL.len();
        }
        let fresh = seen
            .damage
            .into_iter()
            .filter(|damage| !known.contains(damage));
        (fresh.collect(), self.behind.is_none() && self.walk == 0)
    }
}

impl PaymentService {
    /// Looks at the next part of the books, when the last look is a minute old.
    ///
    /// # Errors
    /// The database; the next run goes on from the same place.
    pub(crate) async fn audit_books(&self) -> Result<()> {
        let audit = &self.0.self_audit;
        if !audit.is_due(self.0.clock.now()) {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let (walk, behind) = {
                let round = audit.round();
                (round.walk(), round.behind)
            };
            let seen = look(&self.0.db, walk, behind).await?;
            let (fresh, is_over) = audit.round().take(seen);
            for damage in fresh {
                tracing::error!(
                    table = damage.table,
                    row = damage.row,
                    fault = %damage.fault,
                    "the books do not say what happened"
                );
            }
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// What the self-audit knows to be damaged, in the order of table and row. Each instance finds it
    /// by itself, within its round.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn alarm(payment: &PaymentService) -> Option<String> {
    ///     let damage = payment.damaged();
    ///     let first = damage.first()?;
    ///     Some(format!("{} rows, first {} of {}", damage.len(), first.row, first.table))
    /// }
    /// ```
    pub fn damaged(&self) -> Vec<Damage> {
        self.0.self_audit.round().damaged.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::damage::Fault;

    fn damage(row: u128) -> Damage {
        Damage {
            table: "payment_transactions",
            row: Uuid::from_u128(row).to_string(),
            fault: Fault::Empty,
        }
    }

    fn seen(damage: &[Damage], next: Option<u128>) -> Seen {
        Seen {
            damage: damage.to_vec(),
            next: next.map(Uuid::from_u128),
        }
    }

    #[test]
    fn inv_l1_a_fault_is_new_once_and_gone_when_the_row_is_whole() {
        let mut round = Round::default();
        let others = |round: &mut Round| {
            for table in 1..Walk::ALL.len() {
                let over = table == Walk::ALL.len() - 1;
                assert_eq!(round.take(seen(&[], None)), (Vec::new(), over));
            }
        };
        assert_eq!(round.take(seen(&[damage(3)], Some(7))).0, [damage(3)]);
        assert_eq!(round.take(seen(&[damage(9)], None)).0, [damage(9)]);
        others(&mut round);
        assert_eq!(round.take(seen(&[damage(3)], Some(7))).0, []);
        assert_eq!(round.damaged.len(), 2);
        assert_eq!(round.take(seen(&[], None)).0, []);
        assert_eq!(Vec::from_iter(round.damaged.clone()), [damage(3)]);
        others(&mut round);
        assert_eq!(round.take(seen(&[], Some(7))).0, []);
        assert!(round.damaged.is_empty());
    }
}
