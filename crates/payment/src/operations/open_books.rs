//! Books what happened before there were books: once, at the first start with a ledger. Later starts
//! book nothing, or a posting that somebody took out would come back and nobody would know.

use serde_json::json;
use tollgate_storage::{Result, settings};

use super::book::book;
use super::verify_books::AT_ONCE;
use crate::PaymentService;
use crate::model::books::Booked;
use crate::store::books::{self, Place, Read};

/// Set when the books are open.
const OPENED: &str = "payment.ledger_opened";

impl PaymentService {
    /// Books every fact that has no posting, unless that was done before. Several instances may do
    /// it at once, and one may go on where another was cut off.
    pub(crate) async fn open_books(&self) -> Result<()> {
        let db = &self.0.db;
        if settings::is_set(db, OPENED).await? {
            return Ok(());
        }
        let mut behind = None;
        loop {
            behind = self
                .book_rows(books::payments(db, behind, AT_ONCE).await?)
                .await?;
            if behind.is_none() {
                break;
            }
        }
        loop {
            behind = self
                .book_rows(books::suspense(db, behind, AT_ONCE).await?)
                .await?;
            if behind.is_none() {
                break;
            }
        }
        loop {
            behind = self
                .book_rows(books::refunds(db, behind, AT_ONCE).await?)
                .await?;
            if behind.is_none() {
                break;
            }
        }
        let now = self.0.clock.now();
        let mut tx = db.begin().await?;
        settings::put_once(&mut tx, OPENED, &json!(true), now).await?;
        tx.commit().await
    }

    /// Gives where to go on. A row that cannot be read is left to who verifies the books.
    async fn book_rows<T: Booked>(&self, rows: Vec<Read<T>>) -> Result<Place> {
        let next = rows.last().map(|(id, _)| *id);
        for (_, row) in rows {
            let Ok(row) = row else { continue };
            let facts = row.missing();
            if facts.is_empty() {
                continue;
            }
            let now = self.0.clock.now();
            let mut tx = self.0.db.begin().await?;
            book(&self.0, &mut tx, row.livemode(), &facts, now).await?;
            tx.commit().await?;
        }
        Ok(next)
    }
}
