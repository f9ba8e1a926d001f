//! The link of a hosted checkout page: whoever has it may see the order, so it holds a part that
//! nobody can guess. It is derived, so the same order has the same link, and only its hash rests.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tollgate_kernel::ids::{Id as _, PaymentId};
use tollgate_storage::Result;
use tollgate_storage::seal::MasterKey;

use crate::PaymentService;
use crate::model::payment::Payment;
use crate::store::payments;

/// The link's secret part, 43 characters.
pub(crate) fn token(master_key: &MasterKey, id: PaymentId) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(master_key.keyed_hash("checkout link", id.uuid().as_bytes()))
}

/// What rests of it.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

impl PaymentService {
    /// The order behind a checkout link.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn is_paid(payment: &PaymentService, token: &str) -> Result<bool, StorageError> {
    ///     let order = payment.find_by_checkout_link(token).await?;
    ///     Ok(order.is_some_and(|order| order.paid_at.is_some()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn find_by_checkout_link(&self, token: &str) -> Result<Option<Payment>> {
        let found = payments::find_by_link(&self.0.db, &hash(token)).await?;
        // A link of the sandbox leads nowhere once real money moves.
        Ok(found.filter(|order| order.livemode == self.0.config.livemode))
    }
}
