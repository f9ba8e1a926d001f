//! Who is one person, as far as somebody else knows.

use std::fmt;

use async_trait::async_trait;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Problem;
use tollgate_storage::db::Tx;

/// Knows accounts. Without it every account is a person.
#[async_trait]
pub trait People: Send + Sync + fmt::Debug {
    /// What is the same for all accounts of one person: their mailbox, however it is spelt. `None`: not
    /// known.
    ///
    /// # Errors
    /// Nobody can say: then nothing is given away.
    async fn person(&self, user: UserId) -> Result<Option<String>, Problem>;

    /// An endpoint for events was switched off, in this very transaction: those who run the service hear of it.
    ///
    /// # Errors
    /// The database: then it is not switched off yet.
    async fn endpoint_disabled(
        &self,
        tx: &mut Tx,
        url: &str,
        at: Timestamp,
    ) -> tollgate_storage::Result<()>;
}
