//! What people paid so far, for lists of them.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::store::spent;

impl PaymentService {
    /// What each of these people paid and was not given back, by currency; who paid nothing is left out. One question,
    /// however many they are.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn customers(payment: &PaymentService, people: &[UserId]) -> Result<usize, StorageError> {
    ///     let spent = payment.spent(people.iter().copied()).await?;
    ///     Ok(spent.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn spent(
        &self,
        people: impl IntoIterator<Item = UserId>,
    ) -> Result<BTreeMap<UserId, Vec<Money>>> {
        let people: BTreeSet<UserId> = people.into_iter().collect();
        let (db, livemode) = (&self.0.db, self.0.config.livemode);
        let mut spent: BTreeMap<UserId, Vec<Money>> = BTreeMap::new();
        for (person, sum) in spent::by_person(db, people, livemode).await? {
            spent.entry(person).or_default().push(sum);
        }
        Ok(spent)
    }
}
