//! The way to the provider's own page, where a buyer changes a card or ends what debits by itself. The address is
//! made when it is asked for: it is short-lived, and whoever has it may use it.

use tollgate_kernel::ids::UserId;

use super::checkout::CheckoutError;
use super::way;
use crate::PaymentService;
use crate::store::agreements;

impl PaymentService {
    /// Whether a rail knows a person as a customer of its own, so that [`Self::portal`] leads somewhere. It asks nobody.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn shows_a_link(payment: &PaymentService, user: UserId) -> Result<bool, StorageError> {
    ///     payment.has_portal(user).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn has_portal(&self, user: UserId) -> tollgate_storage::Result<bool> {
        let parts = &self.0;
        for rail in parts.providers.iter() {
            let (method, livemode) = (rail.name(), parts.config.livemode);
            let known = agreements::find_customer(&parts.db, method, livemode, user).await?;
            if known.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `None`: this person is known at no rail that has such a page. `return_url`: where the page leads back to; the
    /// service itself, if nobody says.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{CheckoutError, PaymentService};
    /// async fn cards(payment: &PaymentService, user: UserId) -> Result<Option<String>, CheckoutError> {
    ///     // The provider's own page; `None` for whoever never paid by such a rail.
    ///     payment.portal(user, Some("https://shop.example/account")).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CheckoutError::ReturnUrl`], [`CheckoutError::Provider`], the database.
    pub async fn portal(
        &self,
        user: UserId,
        return_url: Option<&str>,
    ) -> Result<Option<String>, CheckoutError> {
        let parts = &self.0;
        let back = way::listed(parts, return_url)?;
        let back = back.unwrap_or_else(|| parts.config.public_url.clone());
        for rail in parts.providers.iter() {
            let (method, livemode) = (rail.name(), parts.config.livemode);
            let known = agreements::find_customer(&parts.db, method, livemode, user).await?;
            if let Some(customer) = known {
                let url = rail.portal(&customer, &back).await;
                return url
                    .map(Some)
                    .map_err(|error| CheckoutError::Provider(method, error));
            }
        }
        Ok(None)
    }
}
