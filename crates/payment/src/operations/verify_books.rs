//! Reads everything about money and names each row that does not say what its neighbours say. Only
//! reads, a few rows at a time, so it may run beside servers.

use std::collections::BTreeMap;

use tollgate_storage::db::Db;
use tollgate_storage::{Result, StorageError};

use crate::PaymentService;
use crate::model::books::{Booked, PostingBooks};
use crate::model::damage::{Damage, Fault};
use crate::model::ledger::Account;
use crate::store::books::{self, Place, Read};
use crate::store::ledger::{self, BalanceRow};

/// Rows in one statement.
pub(crate) const AT_ONCE: i64 = 200;

/// What is walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    Payments,
    Suspense,
    Refunds,
    Postings,
}

impl Walk {
    /// In this order.
    pub(crate) const ALL: [Self; 4] = [
        Self::Payments,
        Self::Suspense,
        Self::Refunds,
        Self::Postings,
    ];

    /// Which table it is.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Payments => "payment_transactions",
            Self::Suspense => "suspense",
            Self::Refunds => "refunds",
            Self::Postings => "ledger_postings",
        }
    }
}

/// What a few rows of a walk showed.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What is wrong.
    pub(crate) damage: Vec<Damage>,
    /// Where the walk goes on. `None` = these were the last.
    pub(crate) next: Place,
}

/// Looks at the rows behind a place.
pub(crate) async fn look(db: &Db, walk: Walk, behind: Place) -> Result<Seen> {
    let table = walk.table();
    Ok(match walk {
        Walk::Payments => seen(
            table,
            &books::payments(db, behind, AT_ONCE).await?,
            Booked::faults,
        ),
        Walk::Suspense => seen(
            table,
            &books::suspense(db, behind, AT_ONCE).await?,
            Booked::faults,
        ),
        Walk::Refunds => seen(
            table,
            &books::refunds(db, behind, AT_ONCE).await?,
            Booked::faults,
        ),
        Walk::Postings => seen(
            table,
            &books::postings(db, behind, AT_ONCE).await?,
            PostingBooks::faults,
        ),
    })
}

fn seen<T>(table: &'static str, rows: &[Read<T>], faults: impl Fn(&T) -> Vec<Fault>) -> Seen {
    let mut damage = Vec::new();
    for (id, row) in rows {
        let faults = match row {
            Ok(row) => faults(row),
            Err(StorageError::Inconsistent { column, .. }) => vec![Fault::Unreadable { column }],
            // Reading a row that is here has no other error.
            Err(_) => vec![Fault::Unreadable { column: "id" }],
        };
        let row = id.to_string();
        damage.extend(faults.into_iter().map(|fault| Damage {
            table,
            row: row.clone(),
            fault,
        }));
    }
    let more = usize::try_from(AT_ONCE).is_ok_and(|limit| rows.len() >= limit);
    let next = rows.last().filter(|_| more).map(|(id, _)| *id);
    Seen { damage, next }
}

/// What an account holds.
///
/// ```
/// # use tollgate_payment::AccountBalance;
/// let alipay = AccountBalance {
///     code: "provider.alipay".to_owned(),
///     currency: "CNY".to_owned(),
///     livemode: true,
///     minor: 9_900, // 99.00 lie there
/// };
/// assert_eq!(alipay.minor / 100, 99);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountBalance {
    /// Which: `provider.alipay` …
    pub code: String,
    /// In which currency.
    pub currency: String,
    /// Whether it is real money.
    pub livemode: bool,
    /// Debits less credits, in minor units.
    pub minor: i64,
}

/// How the books stand.
///
/// ```
/// # use tollgate_payment::Books;
/// let books = Books::default();
/// assert!(books.damage.is_empty(), "true, as long as nothing was booked");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Every account.
    pub accounts: Vec<AccountBalance>,
    /// Every damaged row; empty when the books are true.
    pub damage: Vec<Damage>,
}

/// Looks at everything.
///
/// ```
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::db::Db;
/// async fn check(db: &Db) -> Result<bool, StorageError> {
///     let books = tollgate_payment::verify_books(db).await?;
///     Ok(books.damage.is_empty())
/// }
/// ```
///
/// # Errors
/// The database.
pub async fn verify_books(db: &Db) -> Result<Books> {
    let mut damage = Vec::new();
    for walk in Walk::ALL {
        let mut behind = None;
        loop {
            let seen = look(db, walk, behind).await?;
            damage.extend(seen.damage);
            behind = seen.next;
            if behind.is_none() {
                break;
            }
        }
    }
    let rows = ledger::balances(db).await?;
    damage.extend(totals(&rows));
    let accounts = rows.into_iter().map(|row| AccountBalance {
        code: row.code,
        currency: row.currency,
        livemode: row.livemode,
        minor: row.balance,
    });
    Ok(Books {
        accounts: accounts.collect(),
        damage,
    })
}

/// Each currency of each mode sums to zero, in accounts that are what the chart says.
fn totals(rows: &[BalanceRow]) -> Vec<Damage> {
    let mut damage = Vec::new();
    let mut sums: BTreeMap<(bool, &str), i128> = BTreeMap::new();
    let table = "ledger_accounts";
    for row in rows {
        let sum = sums.entry((row.livemode, &row.currency)).or_default();
        *sum = sum.saturating_add(i128::from(row.balance));
        let kind = row.code.parse().map(|code: Account| code.kind().as_str());
        if kind != Ok(row.kind.as_str()) {
            let kind = row.kind.clone();
            damage.push(Damage {
                table,
                row: format!("{} {}", row.code, row.currency),
                fault: Fault::NotInChart { kind },
            });
        }
    }
    let unbalanced = sums.into_iter().filter(|(_, sum)| *sum != 0);
    damage.extend(unbalanced.map(|((livemode, currency), sum)| Damage {
        table,
        row: format!("{currency} {}", if livemode { "live" } else { "sandbox" }),
        fault: Fault::Unbalanced { sum },
    }));
    damage
}

impl PaymentService {
    /// Looks at everything: [`verify_books`].
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn print(payment: &PaymentService) -> Result<(), StorageError> {
    ///     let books = payment.verify_books().await?;
    ///     for account in &books.accounts {
    ///         println!("{} {} {}", account.code, account.currency, account.minor);
    ///     }
    ///     for damage in &books.damage {
    ///         println!("{} {}: {}", damage.table, damage.row, damage.fault);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn verify_books(&self) -> Result<Books> {
        verify_books(&self.0.db).await
    }
}

#[cfg(test)]
mod tests;
