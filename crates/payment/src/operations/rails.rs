//! Which rails there are.

use crate::PaymentService;
use crate::model::payment::PaymentMethod;

impl PaymentService {
    /// The rails that are configured.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn callback_addresses(payment: &PaymentService, public_url: &str) -> Vec<String> {
    ///     let rails = payment.rails().into_iter();
    ///     rails.map(|rail| format!("{public_url}/payments/webhooks/{}", rail.as_str())).collect()
    /// }
    /// ```
    pub fn rails(&self) -> Vec<PaymentMethod> {
        self.0.providers.iter().map(|rail| rail.name()).collect()
    }
}
