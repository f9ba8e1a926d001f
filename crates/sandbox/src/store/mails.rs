//! The mailbox: the newest letters, whoever they are to.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, JobId};
use uuid::Uuid;

use super::{Store, time};
use crate::SandboxError;
use crate::mailbox::Mail;

/// Older ones are forgotten.
const KEPT: i64 = 200;

/// A letter in the mailbox.
#[derive(Clone, Debug)]
pub(crate) struct KeptMail {
    pub(crate) mail: Mail,
    pub(crate) arrived_at: Timestamp,
}

impl KeptMail {
    fn from_row(row: &SqliteRow) -> Result<Self, SandboxError> {
        let id: Uuid = row.try_get("id")?;
        Ok(Self {
            mail: Mail {
                id: id.into(),
                to: row.try_get("recipient")?,
                subject: row.try_get("subject")?,
                text: row.try_get("body_text")?,
                html: row.try_get("body_html")?,
            },
            arrived_at: time(row, "created_at")?,
        })
    }
}

impl Store {
    /// Keeps a letter and forgets the oldest; one that is there already stays as it is.
    pub(crate) async fn keep_mail(&self, mail: &Mail, now: Timestamp) -> Result<(), SandboxError> {
        let mut tx = self.begin().await?;
        sqlx::query(KEEP)
            .bind(mail.id.uuid())
            .bind(&mail.to)
            .bind(&mail.subject)
            .bind(&mail.text)
            .bind(&mail.html)
            .bind(now.utc())
            .execute(&mut *tx)
            .await?;
        sqlx::query(FORGET).bind(KEPT).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Newest first; all, or those to one address.
    pub(crate) async fn mails(&self, to: Option<&str>) -> Result<Vec<KeptMail>, SandboxError> {
        let rows = sqlx::query(LIST)
            .bind(to)
            .bind(KEPT)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(KeptMail::from_row).collect()
    }

    pub(crate) async fn find_mail(&self, id: JobId) -> Result<Option<KeptMail>, SandboxError> {
        let row = sqlx::query(FIND)
            .bind(id.uuid())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(KeptMail::from_row).transpose()
    }
}

const KEEP: &str = "INSERT INTO mails (id, recipient, subject, body_text, body_html, created_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";

// An id sorts by the moment it was made: two letters of one moment keep their order.
const FORGET: &str = "DELETE FROM mails WHERE id NOT IN
    (SELECT id FROM mails ORDER BY created_at DESC, id DESC LIMIT $1)";

const LIST: &str = "SELECT id, recipient, subject, body_text, body_html, created_at FROM mails
    WHERE $1 IS NULL OR recipient = $1 ORDER BY created_at DESC, id DESC LIMIT $2";

const FIND: &str =
    "SELECT id, recipient, subject, body_text, body_html, created_at FROM mails WHERE id = $1";
