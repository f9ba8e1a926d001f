//! Gives a new person the plan that everybody gets.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use super::activate::{Activation, activate};
use crate::PaymentService;
use crate::store::{free_grants, plans};

impl PaymentService {
    /// Gives the default plan, if there is one, inside the transaction that opens the account: nobody is registered
    /// without it. `person` is what is the same for all accounts of one person (as [`People`](crate::People) says it):
    /// whoever has had a free plan by another account registers without one. `true`: they have it now.
    ///
    /// ```
    /// # use tollgate_kernel::clock::Timestamp;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// # use tollgate_storage::db::Tx;
    /// // Somebody registers: account and plan in one commit.
    /// async fn registered(
    ///     payment: &PaymentService,
    ///     tx: &mut Tx,
    ///     user: UserId,
    ///     mailbox: &str,
    ///     now: Timestamp,
    /// ) -> Result<(), StorageError> {
    ///     let given = payment.give_default_plan(tx, user, Some(mailbox), now).await?;
    ///     if !given {
    ///         // There is no default plan, or this person has had it under another account.
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; then the account is not opened either.
    pub async fn give_default_plan(
        &self,
        tx: &mut Tx,
        user: UserId,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let parts = &self.0;
        let Some(plan) = plans::read_default(tx).await? else {
            return Ok(false);
        };
        // The rules of plans keep it so; a row that was changed by hand gives nothing dear away.
        if !plan.is_free() || !plan.is_active {
            tracing::error!(plan.id = %plan.id, "the default plan is not free and on sale: nobody gets it");
            return Ok(false);
        }
        if let Some(person) = person {
            let subject = parts.free_grant_of(person);
            if !free_grants::take(tx, &subject, user, now).await? {
                return Ok(false);
            }
        }
        let outcome = activate(parts, tx, user, &plan, None, now).await?;
        Ok(matches!(outcome, Activation::Granted(_)))
    }

    /// The same for whoever is seen for the first time, where accounts are opened elsewhere: once for each account,
    /// whatever it had since. `true`: they have it now.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// // Accounts are kept elsewhere: whoever comes for the first time gets what everybody gets.
    /// async fn welcome(payment: &PaymentService, user: UserId) -> Result<bool, StorageError> {
    ///     payment.give_default_plan_once(user).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; then it is given at the next call.
    pub async fn give_default_plan_once(&self, user: UserId) -> Result<bool> {
        let parts = &self.0;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let seen = parts.free_grant_of(&format!("first seen {user}"));
        let given = free_grants::take_once(&mut tx, &seen, user, now).await?
            && self.give_default_plan(&mut tx, user, None, now).await?;
        tx.commit().await?;
        Ok(given)
    }
}
