//! Reading rows about money beside what is booked for them. One statement per walk, so that both are
//! of one moment while others write.

use tollgate_kernel::ids::SuspenseId;
use tollgate_storage::db::Db;
use tollgate_storage::{Result, on_read, row};
use uuid::Uuid;

use super::Reader;
use crate::model::books::{
    PaymentBooks, PostingBooks, RefundBooks, SameMoney, SuspenseBooks, SuspenseEnd,
};
use crate::model::damage::{Found, FoundLine};

/// Where a walk stands: behind this row. `None` = at the beginning.
pub(crate) type Place = Option<Uuid>;

/// A row by its key, or why it cannot be read.
pub(crate) type Read<T> = (Uuid, Result<T>);

/// A row with the columns of one booked line beside its own; several lines are several rows.
macro_rules! beside_lines {
    (struct $name:ident { $($field:ident : $type:ty),* $(,)? }) => {
        row!(
            struct $name {
                id: Uuid,
                $($field: $type,)*
                step: Option<String>,
                debit: Option<String>,
                debit_livemode: Option<bool>,
                credit: Option<String>,
                credit_livemode: Option<bool>,
                entry_currency: Option<String>,
                entry_amount: Option<i64>,
            }
        );

        impl BesideLine for $name {
            fn id(&self) -> Uuid {
                self.id
            }

            fn step(&self) -> Option<&str> {
                self.step.as_deref()
            }

            fn line(&self) -> Option<FoundLine> {
                let account = |code: &Option<String>| code.as_deref().unwrap_or("?").to_owned();
                Some(FoundLine {
                    debit: account(&self.debit),
                    credit: account(&self.credit),
                    currency: self.entry_currency.clone()?,
                    minor: self.entry_amount?,
                    livemode: (
                        self.debit_livemode.unwrap_or(false),
                        self.credit_livemode.unwrap_or(false),
                    ),
                })
            }
        }
    };
}

trait BesideLine {
    fn id(&self) -> Uuid;
    /// Of the posting, if there is one.
    fn step(&self) -> Option<&str>;
    /// Of the posting, if it has one.
    fn line(&self) -> Option<FoundLine>;
}

/// Puts the rows of one key together again; they come in the order of key, step and line.
fn grouped<R: BesideLine>(rows: Vec<R>) -> Vec<(R, Vec<Found>)> {
    let mut groups: Vec<(R, Vec<Found>)> = Vec::new();
    for row in rows {
        let (step, line) = (row.step().map(str::to_owned), row.line());
        if groups.last().is_none_or(|(last, _)| last.id() != row.id()) {
            groups.push((row, Vec::new()));
        }
        let (Some((_, found)), Some(step)) = (groups.last_mut(), step) else {
            continue;
        };
        if found.last().is_none_or(|last| last.step != step) {
            let lines = Vec::new();
            found.push(Found { step, lines });
        }
        if let Some(last) = found.last_mut() {
            last.lines.extend(line);
        }
    }
    groups
}

beside_lines!(
    struct PaymentRow {
        state: String,
        amount: i64,
        currency: String,
        payment_method: String,
        livemode: bool,
        refunded: i64,
        refunding: i64,
        succeeded: i64,
        pending: i64,
        suspense_id: Option<Uuid>,
        suspense_state: Option<String>,
        suspense_cause: Option<String>,
        suspense_payment: Option<Uuid>,
    }
);

impl PaymentRow {
    fn books(self, found: Vec<Found>) -> Result<PaymentBooks> {
        let (table, row) = ("payment_transactions", self.id);
        let read = Reader { table, row };
        let set_aside = self.suspense_cause.as_deref() == Some("ended_order")
            && self.suspense_payment == Some(self.id);
        Ok(PaymentBooks {
            id: self.id.into(),
            state: read.text("state", &self.state)?,
            rail: read.text("payment_method", &self.payment_method)?,
            amount: read.money(self.amount, &self.currency)?,
            livemode: self.livemode,
            refunded: (self.refunded, self.succeeded),
            refunding: (self.refunding, self.pending),
            same_money: self
                .suspense_id
                .map(SuspenseId::from)
                .map(|suspense| SameMoney {
                    suspense,
                    set_aside,
                    applied: self.suspense_state.as_deref() == Some("applied"),
                }),
            found,
        })
    }
}

beside_lines!(
    struct SuspenseRow {
        provider: String,
        livemode: bool,
        amount: i64,
        currency: String,
        state: String,
        set_aside: i64,
        refunds: i64,
    }
);

impl SuspenseRow {
    fn books(self, found: Vec<Found>) -> Result<SuspenseBooks> {
        let (table, row) = ("suspense", self.id);
        let read = Reader { table, row };
        Ok(SuspenseBooks {
            id: self.id.into(),
            rail: read.text("provider", &self.provider)?,
            amount: read.money(self.amount, &self.currency)?,
            livemode: self.livemode,
            set_aside: self.set_aside == 1,
            end: match self.state.as_str() {
                "applied" => Some(SuspenseEnd::Applied),
                "refunded" => Some(SuspenseEnd::Refunded),
                _ => None,
            },
            refunds: self.refunds,
            found,
        })
    }
}

beside_lines!(
    struct RefundRow {
        amount: i64,
        currency: String,
        status: String,
        suspense_id: Option<Uuid>,
        rail: String,
        livemode: bool,
    }
);

impl RefundRow {
    fn books(self, found: Vec<Found>) -> Result<RefundBooks> {
        let (table, row) = ("refunds", self.id);
        let read = Reader { table, row };
        Ok(RefundBooks {
            id: self.id.into(),
            rail: read.text("payment_method", &self.rail)?,
            amount: read.money(self.amount, &self.currency)?,
            livemode: self.livemode,
            of_suspense: self.suspense_id.is_some(),
            succeeded: self.status == "succeeded",
            found,
        })
    }
}

beside_lines!(
    struct PostingRow {
        cause_kind: String,
        cause_id: Uuid,
        has_cause: i64,
    }
);

impl PostingRow {
    fn books(self, found: Vec<Found>) -> Result<PostingBooks> {
        let (table, row) = ("ledger_postings", self.id);
        let read = Reader { table, row };
        Ok(PostingBooks {
            kind: read.text("cause_kind", &self.cause_kind)?,
            cause: self.cause_id.to_string(),
            has_cause: self.has_cause == 1,
            lines: found.into_iter().flat_map(|found| found.lines).collect(),
        })
    }
}

macro_rules! walk {
    ($(#[$meta:meta])* $name:ident, $row:ty, $books:ty, $statement:ident) => {
        $(#[$meta])*
        pub(crate) async fn $name(db: &Db, behind: Place, limit: i64) -> Result<Vec<Read<$books>>> {
            let behind = behind.unwrap_or(Uuid::nil());
            let rows: Vec<$row> = on_read!(db, |e| sqlx::query_as($statement)
                .bind(behind)
                .bind(limit)
                .fetch_all(e)
                .await)?;
            let groups = grouped(rows).into_iter();
            Ok(groups.map(|(row, found)| (row.id, row.books(found))).collect())
        }
    };
}

walk!(
    /// At most `limit` payments behind a place, in the order of their ids.
    payments, PaymentRow, PaymentBooks, PAYMENTS
);
walk!(
    /// At most `limit` rows of suspense.
    suspense, SuspenseRow, SuspenseBooks, SUSPENSE
);
walk!(
    /// At most `limit` refunds.
    refunds, RefundRow, RefundBooks, REFUNDS
);
walk!(
    /// At most `limit` postings.
    postings, PostingRow, PostingBooks, POSTINGS
);

/// A walk over one table, with the booked lines of each row.
macro_rules! beside {
    ($columns:literal, $from:literal, $posting:literal) => {
        concat!(
            "SELECT x.id, ",
            $columns,
            ", q.step, d.code AS debit, d.livemode AS debit_livemode, c.code AS credit, c.livemode AS credit_livemode,
            e.currency AS entry_currency, e.amount AS entry_amount FROM ",
            $from,
            " LEFT JOIN ledger_postings q ON ",
            $posting,
            " LEFT JOIN ledger_entries e ON e.posting_id = q.id
            LEFT JOIN ledger_accounts d ON d.id = e.debit_account_id
            LEFT JOIN ledger_accounts c ON c.id = e.credit_account_id
            ORDER BY x.id, q.step, e.line"
        )
    };
}

const PAYMENTS: &str = beside!(
    "x.state, x.amount, x.currency, x.payment_method, x.livemode, x.refunded, x.refunding,
    (SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM refunds r
        WHERE r.payment_id = x.id AND r.status = 'succeeded') AS succeeded,
    (SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM refunds r
        WHERE r.payment_id = x.id AND r.status = 'pending') AS pending,
    s.id AS suspense_id, s.state AS suspense_state, s.cause AS suspense_cause, s.payment_id AS suspense_payment",
    "(SELECT * FROM payment_transactions WHERE id > $1 ORDER BY id LIMIT $2) x
    LEFT JOIN suspense s ON s.provider = x.payment_method AND s.livemode = x.livemode
        AND s.provider_transaction_id = x.payment_provider_id",
    "q.cause_kind = 'payment' AND q.cause_id = x.id"
);
const SUSPENSE: &str = beside!(
    "x.provider, x.livemode, x.amount, x.currency, x.state,
    CAST(CASE WHEN p.id IS NOT NULL AND x.cause = 'ended_order' THEN 1 ELSE 0 END AS BIGINT) AS set_aside,
    CAST(COALESCE(r.total, 0) AS BIGINT) AS refunds",
    "(SELECT * FROM suspense WHERE id > $1 ORDER BY id LIMIT $2) x
    LEFT JOIN (SELECT suspense_id, SUM(amount) AS total FROM refunds
        WHERE suspense_id IS NOT NULL AND status = 'succeeded' GROUP BY suspense_id) r ON r.suspense_id = x.id
    LEFT JOIN payment_transactions p ON p.id = x.payment_id AND p.payment_method = x.provider
        AND p.livemode = x.livemode AND p.payment_provider_id = x.provider_transaction_id",
    "q.cause_kind = 'suspense' AND q.cause_id = x.id"
);
const REFUNDS: &str = beside!(
    "x.amount, x.currency, x.status, x.suspense_id, COALESCE(s.provider, p.payment_method) AS rail,
    COALESCE(s.livemode, p.livemode) AS livemode",
    "(SELECT * FROM refunds WHERE id > $1 ORDER BY id LIMIT $2) x
    LEFT JOIN suspense s ON s.id = x.suspense_id
    LEFT JOIN payment_transactions p ON p.id = x.payment_id",
    "q.cause_kind = 'refund' AND q.cause_id = x.id"
);
// The cause of a correction is a posting or a refund.
const POSTINGS: &str = beside!(
    "x.cause_kind, x.cause_id, CAST(CASE
        WHEN x.cause_kind IN ('payment', 'fee') AND EXISTS (SELECT 1 FROM payment_transactions o WHERE o.id = x.cause_id) THEN 1
        WHEN x.cause_kind = 'suspense' AND EXISTS (SELECT 1 FROM suspense o WHERE o.id = x.cause_id) THEN 1
        WHEN x.cause_kind IN ('refund', 'correction') AND EXISTS (SELECT 1 FROM refunds o WHERE o.id = x.cause_id) THEN 1
        WHEN x.cause_kind = 'correction' AND EXISTS (SELECT 1 FROM ledger_postings o WHERE o.id = x.cause_id) THEN 1
        ELSE 0 END AS BIGINT) AS has_cause",
    "(SELECT * FROM ledger_postings WHERE id > $1 ORDER BY id LIMIT $2) x",
    "q.id = x.id"
);

pub(crate) const STATEMENTS: &[&str] = &[PAYMENTS, SUSPENSE, REFUNDS, POSTINGS];
