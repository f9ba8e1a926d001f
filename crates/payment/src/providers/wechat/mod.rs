//! WeChat Pay, `APIv3`, as a direct merchant.
//!
//! Its platform certificates and its public key are believed at the same time: WeChat moves a merchant
//! from one to the other notice by notice.
//!
//! ```
//! use secrecy::SecretString;
//! use tollgate_kernel::clock::Clock;
//! use tollgate_kernel::entropy::Entropy;
//! use tollgate_payment::providers::wechat::{Wechat, WechatConfig, WechatPublicKey, WechatSettingError};
//! use url::Url;
//!
//! fn rail(api_key: SecretString, gateway: Url) -> Result<Wechat, Vec<WechatSettingError>> {
//!     let config = WechatConfig {
//!         app_id: "wx0000000000000001".to_owned(),
//!         mch_id: "1900000001".to_owned(),
//!         api_key,
//!         certificate: "/etc/tollgate/apiclient_cert.pem".to_owned(),
//!         private_key: SecretString::from("/etc/tollgate/apiclient_key.pem"),
//!         public_key: Some(WechatPublicKey {
//!             id: "PUB_KEY_ID_0119000000012026".to_owned(),
//!             key: "/etc/tollgate/wechat_public.pem".to_owned(),
//!         }),
//!         gateway,
//!         refund_notify_url: None,
//!     };
//!     Wechat::new(&config, Clock::system(), Entropy::system())
//! }
//! ```

mod aead;
mod call;
mod certificate;
mod download;
mod failure;
mod notice;
mod order;
mod refund;
mod seal;
mod settings;
mod sign;
#[cfg(test)]
mod tests;
mod trust;
mod ways;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::money::Currency;

use self::aead::Api3Key;
use self::seal::Distrust;
pub use self::settings::{WechatConfig, WechatPublicKey, WechatSettingError};
use self::sign::Merchant;
use self::trust::Trust;
use super::agreement::AgreementChange;
use super::{
    Acknowledgement, Cancelled, Capabilities, Created, ListedEvent, NewOrder, NewRefund, OrderKey,
    PaymentProvider, ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, Reply,
    VerifiedEvent, Warning, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, PaymentMethod};

const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);

/// The rail. Clones share what was learned.
#[derive(Clone, Debug)]
pub struct Wechat {
    app_id: String,
    merchant: Arc<Merchant>,
    certificate_expires_at: Timestamp,
    api_key: Arc<Api3Key>,
    trust: Arc<Trust>,
    /// Held by whoever downloads certificates.
    gate: Arc<tokio::sync::Mutex<()>>,
    gateway: url::Url,
    refund_notify_url: Option<String>,
    http: reqwest::Client,
    clock: Clock,
    entropy: Entropy,
}

impl Wechat {
    /// Loads and checks the keys. Nothing is called yet.
    ///
    /// # Errors
    /// Every setting that cannot work.
    pub fn new(
        config: &WechatConfig,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, Vec<WechatSettingError>> {
        let checked = settings::check(config, clock.now())?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none())
            // A repeat that nobody here knows of is a second call.
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| {
                vec![WechatSettingError {
                    variable: "WECHAT_GATEWAY",
                    reason: error.to_string(),
                }]
            })?;
        let url = config.refund_notify_url.as_deref();
        Ok(Self {
            app_id: config.app_id.clone(),
            merchant: Arc::new(checked.merchant),
            certificate_expires_at: checked.certificate_expires_at,
            api_key: Arc::new(checked.api_key),
            trust: Arc::new(Trust::new(checked.public_key)),
            gate: Arc::default(),
            gateway: config.gateway.clone(),
            refund_notify_url: url.map(|url| ways::notify_url(url).to_owned()),
            http,
            clock,
            entropy,
        })
    }
}

#[async_trait]
impl PaymentProvider for Wechat {
    fn name(&self) -> PaymentMethod {
        PaymentMethod::Wechat
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            currencies: vec![Currency::CNY],
            scenes: ways::SCENES.to_vec(),
            ways_share_an_order: false,
            renews: false,
        }
    }

    fn account(&self) -> MerchantAccount {
        MerchantAccount {
            app_id: self.app_id.clone(),
            merchant_id: self.merchant.mch_id.clone(),
        }
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        self.create(order).await.map(Created::from)
    }

    async fn verify_payment(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        let found = self.look_up(&order.order_no).await?;
        // Our call never arrived, or not yet: it may be made again.
        Ok(found.unwrap_or(ProviderVerdict::Waiting))
    }

    async fn close_payment(&self, order: &OrderKey) -> Result<(), ProviderError> {
        self.close(&order.order_no).await
    }

    async fn refund_payment(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        self.refund(refund).await
    }

    async fn verify_refund(&self, refund: &RefundKey) -> Result<RefundVerdict, ProviderError> {
        self.refund_state(refund).await
    }

    async fn cancel_payment(&self, order: &OrderKey) -> Result<Cancelled, ProviderError> {
        self.cancel(&order.order_no).await
    }

    async fn change_agreement(&self, _: &str, _: AgreementChange) -> Result<(), ProviderError> {
        Err(ProviderError::not_offered("agreements"))
    }

    async fn portal(&self, _: &str, _: &str) -> Result<String, ProviderError> {
        Err(ProviderError::not_offered("a page for buyers"))
    }

    async fn missed_events(&self, _: Timestamp) -> Result<Vec<ListedEvent>, ProviderError> {
        Ok(Vec::new())
    }

    /// There is no list.
    async fn read_listed(&self, _: &ListedEvent) -> Result<VerifiedEvent, WebhookRefusal> {
        Err(WebhookRefusal::Unreadable)
    }

    async fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal> {
        let checked = self.check(&raw.headers, &raw.body).await;
        checked.inspect_err(|distrust| match distrust {
            Distrust::Clock { .. } | Distrust::NoKey => {
                tracing::warn!(%distrust, "a notice of WeChat Pay is not believed");
            }
            _ => tracing::debug!(%distrust, "a notice of WeChat Pay is not believed"),
        })?;
        let event = notice::event(
            &raw.body,
            &self.api_key,
            &self.merchant.mch_id,
            &self.app_id,
        );
        event.inspect_err(|refusal| {
            if let WebhookRefusal::NotYet(reason) = refusal {
                tracing::error!(%reason, "a notice of WeChat Pay is genuine and cannot be read");
            }
        })
    }

    fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let own = Warning::of_expiry("WECHAT_CERT_PATH", self.certificate_expires_at, now);
        own.into_iter().chain(self.trust.warning(now)).collect()
    }

    fn acknowledge(&self, answer: Acknowledgement) -> Reply {
        let (status, body) = match answer {
            Acknowledgement::Accepted => (204, ""),
            Acknowledgement::Forged => (401, r#"{"code":"FAIL","message":"not signed by you"}"#),
            Acknowledgement::Foreign => (403, r#"{"code":"FAIL","message":"not for us"}"#),
            Acknowledgement::Unreadable => (400, r#"{"code":"FAIL","message":"unreadable"}"#),
            Acknowledgement::TryAgain => (503, r#"{"code":"FAIL","message":"later, please"}"#),
        };
        Reply {
            status,
            content_type: "application/json",
            body,
        }
    }
}
