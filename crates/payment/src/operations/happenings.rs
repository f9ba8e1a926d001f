//! Everything that happened to one person's money and plans, for staff.

use tollgate_kernel::ids::{EventId, Id as _, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::happening::{Bonus, Happening};
use crate::store::payments::{self, Wanted};
use crate::store::subscription_changes::Page;
use crate::store::{quota_grants, refunds, subscription_changes};

impl PaymentService {
    /// At most `limit`, newest first, of what is older than `before`, an id of whatever kind. Without `money`: nothing
    /// of orders and refunds, for who may not see them.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn last_two_pages(payment: &PaymentService, user: UserId) -> Result<usize, StorageError> {
    ///     let newest = payment.happenings(user, None, true, 20).await?;
    ///     let before = newest.last().map(|last| last.id());
    ///     let older = payment.happenings(user, before, true, 20).await?;
    ///     Ok(newest.len() + older.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn happenings(
        &self,
        user: UserId,
        before: Option<EventId>,
        money: bool,
        limit: u32,
    ) -> Result<Vec<Happening>> {
        let (db, livemode, most) = (&self.0.db, self.0.config.livemode, i64::from(limit));
        let before = before.map(EventId::uuid);
        let mut found = Vec::new();
        if money {
            let wanted = Wanted {
                user: Some(user),
                before: before.map(Into::into),
                ..Wanted::default()
            };
            let orders = payments::list(db, &wanted, livemode, most).await?;
            found.extend(orders.into_iter().map(Box::new).map(Happening::Payment));
            let back =
                refunds::list_of_person(db, user, before.map(Into::into), livemode, most).await?;
            found.extend(back.into_iter().map(Box::new).map(Happening::Refund));
        }
        let page = before.map_or(Page::Newest, |id| Page::OlderThan(id.into()));
        let changes = subscription_changes::list(db, user, livemode, page, most).await?;
        found.extend(changes.into_iter().map(Box::new).map(Happening::Change));
        let given =
            quota_grants::list_of_person(db, user, before.map(Into::into), livemode, most).await?;
        let bonus = given.into_iter().map(|grant| Bonus {
            id: grant.id,
            meter: grant.meter,
            units: grant.units,
            reason: grant.reason,
            granted_by: grant.granted_by,
            created_at: grant.created_at,
            expires_at: grant.expires_at,
        });
        found.extend(bonus.map(Box::new).map(Happening::Bonus));
        found.sort_by_key(|happening| std::cmp::Reverse(happening.id()));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}
