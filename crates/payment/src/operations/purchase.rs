//! What an order is for, for whoever reads its page or its receipt.

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::payment::{Payment, PaymentState};
use crate::model::plan::Plan;
use crate::store::{change_quotes, plans, terms};

/// What an order is for.
///
/// ```
/// # use tollgate_payment::Purchase;
/// fn line(bought: &Purchase) -> String {
///     match bought.holds {
///         Some((_, Some(end))) => format!("{}, until {end}", bought.plan.name),
///         Some((_, None)) => format!("{}, for ever", bought.plan.name),
///         None => bought.plan.name.clone(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Purchase {
    /// As it was on sale when the order was placed.
    pub plan: Plan,
    /// So many terms of it.
    pub terms: u32,
    /// What was counted for the plan that it replaces.
    pub credit: Option<Money>,
    /// What the money holds, from when to when (`None` = no end). Nothing before it is paid, nor once all of it was taken
    /// back.
    pub holds: Option<(Timestamp, Option<Timestamp>)>,
}

impl PaymentService {
    /// What an order is for. `None`: no plan, and its description says everything.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// # use tollgate_storage::StorageError;
    /// async fn name(payment: &PaymentService, order: &Payment) -> Result<String, StorageError> {
    ///     let bought = payment.purchase(order).await?;
    ///     Ok(bought.map_or_else(|| order.description.clone(), |bought| bought.plan.name))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn purchase(&self, order: &Payment) -> Result<Option<Purchase>> {
        let db = &self.0.db;
        let Some((plan, version)) = order.plan else {
            return Ok(None);
        };
        let Some(plan) = plans::find_as_of(db, plan, version).await? else {
            return Ok(None);
        };
        let quote = change_quotes::find(db, order.id).await?;
        let held = match order.state {
            PaymentState::Completed => terms::of_payment(db, order.id).await?,
            _ => Vec::new(),
        };
        let (first, last) = (held.first(), held.last());
        Ok(Some(Purchase {
            plan,
            terms: quote.map_or(1, |quote| quote.terms),
            credit: quote.map(|quote| quote.credit),
            holds: first.zip(last).map(|(first, last)| (first.0, last.1)),
        }))
    }
}
