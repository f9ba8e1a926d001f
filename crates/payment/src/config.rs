//! Typed settings; the environment is read elsewhere.

use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::money::Currency;
use tollgate_kernel::text::Language;

use crate::model::hold::HoldTime;
use crate::model::return_url;

/// How a [`PaymentService`](crate::PaymentService) behaves.
///
/// ```
/// use std::time::Duration;
/// use tollgate_kernel::money::Currency;
/// use tollgate_payment::PaymentConfig;
///
/// let config = PaymentConfig {
///     zone: chrono_tz::UTC,
///     currency: Currency::USD,
///     order_expiry: Duration::from_secs(900),
///     ..PaymentConfig::new("https://shop.example/")
/// };
/// assert_eq!(config.public_url, "https://shop.example");
/// assert_eq!(config.return_origins, ["https://shop.example"]);
/// ```
#[derive(Clone, Debug)]
pub struct PaymentConfig {
    /// Whether real money moves. Sandbox and live never mix.
    pub livemode: bool,
    /// Where the service is reached from outside, without a slash at the end: links and callback
    /// addresses are made from it, never from a request.
    pub public_url: String,
    /// Whose calendar months count.
    pub zone: Tz,
    /// The language of the house: in it a plan's `name`, `description` and `features` are written.
    pub language: Language,
    /// Of a price or a sum that names none.
    pub currency: Currency,
    /// How long a buyer may take to pay.
    pub order_expiry: Duration,
    /// How long units are set aside when nobody says.
    pub hold_time: HoldTime,
    /// How long the log of usage is kept; the sums made of it stay. `None`: for ever.
    pub usage_retention: Option<Duration>,
    /// Where a person goes who needs a plan, or a larger one.
    pub upgrade_url: String,
    /// Where a buyer's browser may be sent after paying: `https://shop.example`, scheme, host and
    /// port. Its own origin is among them from the start.
    pub return_origins: Vec<String>,
    /// Whether events may go to this machine and to private networks, and without TLS: for development only.
    pub webhook_allow_private: bool,
}

impl PaymentConfig {
    /// Live, yuan, half an hour to pay, months of Shanghai.
    ///
    /// ```
    /// # use tollgate_payment::PaymentConfig;
    /// let config = PaymentConfig::new("https://shop.example");
    /// assert!(config.livemode);
    /// assert_eq!(config.order_expiry.as_secs(), 1_800);
    /// ```
    pub fn new(public_url: impl Into<String>) -> Self {
        let public_url = public_url.into().trim_end_matches('/').to_owned();
        Self {
            livemode: true,
            return_origins: return_url::origin(&public_url).into_iter().collect(),
            upgrade_url: format!("{public_url}/payments/plans"),
            public_url,
            zone: Tz::Asia__Shanghai,
            language: Language::Zh,
            currency: Currency::CNY,
            order_expiry: Duration::from_mins(30),
            webhook_allow_private: false,
            hold_time: HoldTime::USUAL,
            usage_retention: Some(Duration::from_hours(400 * 24)),
        }
    }

    /// Under which tag the texts of plans in the language of the house stand.
    ///
    /// ```
    /// # use tollgate_payment::PaymentConfig;
    /// assert_eq!(PaymentConfig::new("https://shop.example").house(), "zh");
    /// ```
    pub fn house(&self) -> &'static str {
        match self.language {
            Language::Zh => "zh",
            Language::En => "en",
        }
    }
}
