//! A payment for something that is the host's own: a sum and a text, no plan.
//!
//! Nothing of ours is given for it; the host is told when its money is verified. Two calls without a
//! key are two orders, since nothing says that they mean the same.

use serde_json::{Map, Value};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::{AmountText, Currency, Money};
use tollgate_storage::idempotency::Request;

use super::Answered;
use super::begin_order::{answered, begin, rail, to_its_end};
use super::checkout::CheckoutError;
use super::place_order::Draft;
use super::way::{self, PayBy, Way};
use crate::PaymentService;
use crate::model::metadata::Metadata;
use crate::model::payment::Purpose;
use crate::shapes::CheckoutShape;

/// Alipay takes 100,000,000.00 at once; in minor units.
const MOST_AT_ONCE: i64 = 10_000_000_000;
/// WeChat takes 127 characters.
const DESCRIPTION_CHARS: usize = 127;

/// A payment to begin.
///
/// ```
/// # use tollgate_kernel::ids::UserId;
/// # use tollgate_payment::{CreatePayment, PayBy};
/// fn seat(user_id: UserId, by: PayBy) -> CreatePayment {
///     CreatePayment {
///         user_id,
///         amount: None,
///         amount_minor: Some(4_250), // 42.50
///         currency: None,
///         by,
///         description: "One seat, 3 May".to_owned(),
///         metadata: serde_json::Map::new(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CreatePayment {
    /// Who pays.
    pub user_id: UserId,
    /// How much, as decimal text; this or the next, or both when they agree.
    pub amount: Option<AmountText>,
    /// Minor units.
    pub amount_minor: Option<i64>,
    /// ISO 4217; `None`: the house's.
    pub currency: Option<String>,
    /// How it is to be paid.
    pub by: PayBy,
    /// What the buyer reads: 1 to 127 characters.
    pub description: String,
    /// What the host keeps with it, as [`Metadata`].
    pub metadata: Map<String, Value>,
}

impl PaymentService {
    /// Begins it: gives what the buyer pays with.
    ///
    /// ```
    /// # use tollgate_kernel::ids::{PaymentId, UserId};
    /// # use tollgate_payment::{CheckoutError, CreatePayment, PayBy, PaymentService};
    /// async fn donate(payment: &PaymentService, user_id: UserId, by: PayBy) -> Result<PaymentId, CheckoutError> {
    ///     let wish = CreatePayment {
    ///         user_id,
    ///         amount: None,
    ///         amount_minor: Some(1_500), // 15.00
    ///         currency: Some("CNY".to_owned()),
    ///         by,
    ///         description: "One coffee".to_owned(),
    ///         metadata: serde_json::Map::new(),
    ///     };
    ///     let begun = payment.create_payment(&wish, None).await?;
    ///     let order = begun.value.transaction.ok_or(CheckoutError::Amount)?;
    ///     Ok(order.id)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn create_payment(
        &self,
        wish: &CreatePayment,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let (service, wish, key) = (self.clone(), wish.clone(), key.cloned());
        to_its_end(async move { service.create_payment_whole(wish, key.as_ref()).await }).await
    }

    async fn create_payment_whole(
        &self,
        wish: CreatePayment,
        key: Option<&Request>,
    ) -> Result<Answered<CheckoutShape>, CheckoutError> {
        let parts = &self.0;
        if let Some(first) = answered(parts, key).await? {
            return Ok(Answered::again(first));
        }
        let amount = sum(&wish, parts.config.currency)?;
        let return_url = way::listed(parts, wish.by.return_url.as_deref())?;
        let description = wish.description.trim();
        if !(1..=DESCRIPTION_CHARS).contains(&description.chars().count()) {
            return Err(CheckoutError::Description);
        }
        let metadata = Metadata::try_from(wish.metadata).map_err(|_| CheckoutError::Metadata)?;
        let rail = rail(parts, wish.by.method, amount.currency())?;
        let way = Way::choose(rail.as_ref(), &wish.by, return_url)?;
        let draft = Draft {
            user_id: wish.user_id,
            amount,
            method: wish.by.method,
            purpose: Purpose::OneOff,
            plan: None,
            quote: None,
            description: description.to_owned(),
            metadata,
        };
        begin(parts, rail.as_ref(), &draft, &way, &wish.by.payer, key).await
    }
}

/// The one sum that both spellings mean.
fn sum(wish: &CreatePayment, house: Currency) -> Result<Money, CheckoutError> {
    let currency = match &wish.currency {
        Some(code) => code
            .parse()
            .map_err(|_| CheckoutError::CurrencyUnsupported)?,
        None => house,
    };
    let said = match &wish.amount {
        Some(text) => Some(text.money(currency).map_err(|_| CheckoutError::Amount)?),
        None => None,
    };
    let minor = wish.amount_minor.map(|minor| Money::new(minor, currency));
    let amount = match (said, minor) {
        (Some(said), Some(minor)) if said != minor => return Err(CheckoutError::AmountMismatch),
        (Some(amount), _) | (None, Some(amount)) => amount,
        (None, None) => return Err(CheckoutError::Amount),
    };
    if !(1..=MOST_AT_ONCE).contains(&amount.minor()) {
        return Err(CheckoutError::Amount);
    }
    Ok(amount)
}
