//! Who is one person, as far as somebody else knows.

use std::fmt;

use async_trait::async_trait;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Problem;
use tollgate_storage::db::Tx;

use crate::model::plan::Plan;

/// A term that ends and does not go on by itself.
///
/// ```
/// # use tollgate_payment::Expiring;
/// fn letter(expiring: &Expiring) -> String {
///     let Expiring { plan, days_left, link, .. } = expiring;
///     format!("{} ends in {days_left} days; another term: {link}", plan.name)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Expiring {
    /// Whose.
    pub user_id: UserId,
    /// Of what.
    pub plan: Plan,
    /// What a further term would be of, at its price; `None`: it is not on sale any more.
    pub next: Option<Plan>,
    /// When.
    pub term_end: Timestamp,
    /// Until then, a part of a day counted whole.
    pub days_left: u64,
    /// Where a further term is paid.
    pub link: String,
    /// So long the link works.
    pub link_until: Timestamp,
}

/// Knows accounts. Without it every account is a person.
///
/// ```
/// use async_trait::async_trait;
/// use tollgate_kernel::clock::Timestamp;
/// use tollgate_kernel::ids::UserId;
/// use tollgate_kernel::problem::Problem;
/// use tollgate_payment::{Expiring, People};
/// use tollgate_storage::StorageError;
/// use tollgate_storage::db::Tx;
///
/// /// One account for each badge of the house.
/// #[derive(Debug)]
/// struct Badges;
///
/// #[async_trait]
/// impl People for Badges {
///     async fn person(&self, user: UserId) -> Result<Option<String>, Problem> {
///         Ok(Some(user.to_string()))
///     }
///
///     async fn endpoint_disabled(&self, _: &mut Tx, url: &str, at: Timestamp) -> Result<(), StorageError> {
///         println!("{url} hears nothing since {at}");
///         Ok(())
///     }
///
///     async fn subscription_expiring(&self, _: &mut Tx, expiring: &Expiring, _: Timestamp) -> Result<(), StorageError> {
///         println!("{} ends in {} days", expiring.plan.name, expiring.days_left);
///         Ok(())
///     }
/// }
/// ```
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

    /// A term ends soon, and its buyer is to hear of it, by this very transaction or not at all.
    ///
    /// # Errors
    /// The database: then it is told at the next try.
    async fn subscription_expiring(
        &self,
        tx: &mut Tx,
        expiring: &Expiring,
        at: Timestamp,
    ) -> tollgate_storage::Result<()>;
}
