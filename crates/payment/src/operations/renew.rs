//! A further term of the plan that one has, paid by hand.

use tollgate_kernel::ids::UserId;
use tollgate_storage::idempotency::Request;

use super::Answered;
use super::begin_order::{answered, to_its_end};
use super::checkout::{CheckoutError, Expected, PlanRef, Subscribe, expected_amount};
use super::current_subscription::entitled;
use super::quote::Quoted;
use super::way::PayBy;
use crate::PaymentService;
use crate::shapes::CheckoutShape;

/// A further term to pay.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::{Expected, PayBy, Renew};
/// fn same_again(user_id: UserId, by: PayBy) -> Renew {
///     Renew {
///         user_id,
///         by,
///         expected: Expected::default(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Renew {
    /// Whose.
    pub user_id: UserId,
    /// How it is to be paid.
    pub by: PayBy,
    /// What the client believes it costs: compared, never used.
    pub expected: Expected,
}

impl PaymentService {
    /// Begins the purchase of a further term (of the plan that is wanted next, where one is), which is added to the end of what is paid, however early it is bought.
    /// Without a key, an open order for it is given again.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{CheckoutError, Expected, PayBy, PaymentService, Renew};
    /// async fn another_term(payment: &PaymentService, user_id: UserId, by: PayBy) -> Result<Option<String>, CheckoutError> {
    ///     let wish = Renew {
    ///         user_id,
    ///         by,
    ///         // Refused if it costs something else by now.
    ///         expected: Expected {
    ///             amount_minor: Some(9_900),
    ///             ..Expected::default()
    ///         },
    ///     };
    ///     let begun = payment.renew(&wish, None).await?;
    ///     Ok(begun.value.payment.checkout_url)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn renew(
        &self,
        wish: &Renew,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let (service, wish, key) = (self.clone(), wish.clone(), key.cloned());
        to_its_end(async move { service.renew_whole(wish, key.as_ref()).await }).await
    }

    async fn renew_whole(
        &self,
        wish: Renew,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        if let Some(first) = answered(parts, key).await? {
            return Ok(Answered::again(first));
        }
        let now = parts.clock.now();
        let held = entitled(parts, wish.user_id, now).await?;
        let held = held.ok_or(CheckoutError::NoSubscription)?;
        if held.term_end.is_none() {
            return Err(CheckoutError::NoTerm);
        }
        // A debit would come on top of what is paid by hand.
        if held.auto_renew {
            return Err(CheckoutError::RenewsItself);
        }
        // The plan that follows, where another is wanted.
        let plan = held.next_plan.unwrap_or(held.plan_id);
        let wish = Subscribe {
            user_id: wish.user_id,
            plan: PlanRef {
                plan_id: Some(plan.to_string()),
                plan_slug: None,
            },
            by: wish.by,
            expected: wish.expected,
            trial: false,
        };
        let plan = self.plan_of(&wish.plan).await?;
        if plan.is_free() {
            return Err(CheckoutError::NoTerm);
        }
        expected_amount(plan.price, &wish.expected)?;
        self.order_plan(&wish, &plan, &Quoted::renewal(), key).await
    }
}

#[cfg(test)]
pub(crate) mod tests;
