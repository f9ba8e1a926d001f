//! `ledger_accounts`, `ledger_postings`, `ledger_entries`: writing. They are only ever added to.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{AccountId, Id as _, PostingId};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::{Result, in_tx, on_read, row};
use uuid::Uuid;

use crate::model::ledger::{Account, Fact, Line};

/// Under which id its cause is known.
fn cause_id(fact: &Fact) -> Uuid {
    match fact {
        Fact::PaymentReceived { payment, .. } | Fact::FeeCharged { payment, .. } => payment.uuid(),
        Fact::SuspenseReceived { suspense, .. }
        | Fact::SuspenseSetAside { suspense, .. }
        | Fact::SuspenseApplied { suspense, .. } => suspense.uuid(),
        Fact::SuspenseRefunded { refund, .. }
        | Fact::Refunded { refund, .. }
        | Fact::RefundTakenBack { refund, .. } => refund.uuid(),
        Fact::Correction { of, .. } => of.uuid(),
    }
}

/// Begins a posting. `false`: this fact is booked already, or is being booked by a rival that we
/// have waited for.
pub(crate) async fn post(tx: &mut Tx, id: PostingId, fact: &Fact, now: Timestamp) -> Result<bool> {
    let row: Option<(Uuid,)> = in_tx!(tx, |c| sqlx::query_as(POST)
        .bind(id.uuid())
        .bind(fact.kind().as_str())
        .bind(cause_id(fact))
        .bind(fact.step())
        .bind(fact.memo())
        .bind(now.utc())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Adds a line to a posting. `false`: one of its accounts is not there yet.
pub(crate) async fn enter(
    tx: &mut Tx,
    posting: PostingId,
    number: i64,
    line: &Line,
    livemode: bool,
) -> Result<bool> {
    let row: Option<(i64,)> = in_tx!(tx, |c| sqlx::query_as(ENTER)
        .bind(posting.uuid())
        .bind(number)
        .bind(line.debit.as_str())
        .bind(line.credit.as_str())
        .bind(line.amount.currency().code())
        .bind(livemode)
        .bind(line.amount.minor())
        .fetch_optional(c)
        .await)?;
    Ok(row.is_some())
}

/// Makes sure that an account is there. Waits for a rival who is making it.
pub(crate) async fn open(
    tx: &mut Tx,
    id: AccountId,
    account: Account,
    currency: &str,
    livemode: bool,
    now: Timestamp,
) -> Result<()> {
    in_tx!(tx, |c| sqlx::query(OPEN)
        .bind(id.uuid())
        .bind(account.as_str())
        .bind(currency)
        .bind(livemode)
        .bind(account.kind().as_str())
        .bind(now.utc())
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

row!(
    /// An account and the sum of its lines.
    #[derive(Clone, Debug)]
    pub(crate) struct BalanceRow {
        pub(crate) code: String,
        pub(crate) currency: String,
        pub(crate) livemode: bool,
        pub(crate) kind: String,
        pub(crate) balance: i64,
    }
);

/// Every account with its balance, debits less credits.
pub(crate) async fn balances(db: &Db) -> Result<Vec<BalanceRow>> {
    let rows: Vec<BalanceRow> = on_read!(db, |e| sqlx::query_as(BALANCES).fetch_all(e).await)?;
    Ok(rows)
}

const POST: &str =
    "INSERT INTO ledger_postings (id, cause_kind, cause_id, step, memo, created_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (cause_kind, cause_id, step) DO NOTHING RETURNING id";
const ENTER: &str = "INSERT INTO ledger_entries (posting_id, line, debit_account_id, credit_account_id, currency, amount)
    SELECT $1, $2, d.id, c.id, $5, $7 FROM ledger_accounts d JOIN ledger_accounts c
        ON c.code = $4 AND c.currency = $5 AND c.livemode = $6
    WHERE d.code = $3 AND d.currency = $5 AND d.livemode = $6 RETURNING line";
const OPEN: &str = "INSERT INTO ledger_accounts (id, code, currency, livemode, kind, created_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (code, currency, livemode) DO NOTHING";
// A line in another currency than its account's is left out, so that the sum shows it.
const BALANCES: &str = "SELECT a.code, a.currency, a.livemode, a.kind, CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) AS balance
    FROM ledger_accounts a LEFT JOIN ledger_lines l ON l.account_id = a.id AND l.currency = a.currency
    GROUP BY a.id, a.code, a.currency, a.livemode, a.kind ORDER BY a.livemode DESC, a.currency, a.code";

pub(crate) const STATEMENTS: &[&str] = &[POST, ENTER, OPEN, BALANCES];
