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
use crate::model::books::Damage;
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
        if round.ran_at.is_some_and(|ran| now.since(ran) < EVERY) {
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
    pub fn damaged(&self) -> Vec<Damage> {
        self.0.self_audit.round().damaged.iter().cloned().collect()
    }
}
