//! What people have, for lists of them.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::store::current_plans;

impl PaymentService {
    /// The slug of the plan that each of these people has; who has none is left out. One question, however many they
    /// are; those whose plan has just changed by the clock are looked at one by one, which writes that down.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn on_pro(payment: &PaymentService, people: &[UserId]) -> Result<usize, StorageError> {
    ///     let plans = payment.current_plans(people.iter().copied()).await?;
    ///     Ok(plans.values().filter(|plan| *plan == "pro").count())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn current_plans(
        &self,
        people: impl IntoIterator<Item = UserId>,
    ) -> Result<BTreeMap<UserId, String>> {
        let parts = &self.0;
        let people: BTreeSet<UserId> = people.into_iter().collect();
        let (now, livemode) = (parts.clock.now(), parts.config.livemode);
        let mut plans = BTreeMap::new();
        for (person, plan) in current_plans::by_person(&parts.db, people, livemode, now).await? {
            let plan = match plan {
                Some(plan) => Some(plan),
                None => self.current_plan(person).await?,
            };
            plans.extend(plan.map(|plan| (person, plan)));
        }
        Ok(plans)
    }
}

#[cfg(test)]
mod tests;
