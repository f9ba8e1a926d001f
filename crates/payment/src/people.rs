//! Who is one person, as far as somebody else knows.

use std::fmt;

use async_trait::async_trait;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Problem;

/// Knows accounts. Without it every account is a person.
#[async_trait]
pub trait People: Send + Sync + fmt::Debug {
    /// What is the same for all accounts of one person: their mailbox, however it is spelt. `None`: not
    /// known.
    ///
    /// # Errors
    /// Nobody can say: then nothing is given away.
    async fn person(&self, user: UserId) -> Result<Option<String>, Problem>;
}
