//! Alipay, the classic open-platform gateway with RSA2.
//!
//! ```
//! use secrecy::SecretString;
//! use tollgate_kernel::clock::Clock;
//! use tollgate_payment::providers::alipay::{Alipay, AlipayConfig, AlipayKeys};
//!
//! let config = AlipayConfig {
//!     app_id: "2021000000000001".to_owned(),
//!     private_key: SecretString::from("/etc/tollgate/alipay.pem"),
//!     keys: AlipayKeys::PublicKey("/etc/tollgate/alipay-public.pem".to_owned()),
//!     gateway: "https://openapi.alipay.com/gateway.do".parse()?,
//!     pages: None,
//!     seller_id: None,
//! };
//! // Both files are missing here, and both are told.
//! let faults = Alipay::new(&config, Clock::system()).err().unwrap_or_default();
//! let variables: Vec<_> = faults.iter().map(|fault| fault.variable).collect();
//! assert!(variables.contains(&"ALIPAY_PRIVATE_KEY"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cancel;
mod certificate;
mod notice;
mod refund;
mod sign;
mod trust;
mod ways;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::money::Currency;

use self::trust::Trust;
use self::wire::{Answer, Tried};
use super::agreement::AgreementChange;
use super::keys::Signer;
use super::{
    Acknowledgement, Cancelled, Capabilities, Created, ListedEvent, NewOrder, NewRefund, OrderKey,
    PaymentProvider, ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, Reply,
    VerifiedEvent, VerifiedPayment, Warning, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, PaymentMethod};

/// Answers are a few kilobytes; more is not an answer.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);
/// The parameter that holds a method's own members, as JSON.
const CONTENT: &str = "biz_content";

/// The settings of the design, under their own names.
#[derive(Clone, Debug)]
pub struct AlipayConfig {
    /// `ALIPAY_APP_ID`
    pub app_id: String,
    /// `ALIPAY_PRIVATE_KEY`: the application's own key, as path, PEM or bare base64.
    pub private_key: SecretString,
    /// How the two sides know each other.
    pub keys: AlipayKeys,
    /// `ALIPAY_GATEWAY`
    pub gateway: url::Url,
    /// Where browsers are sent, if that is another address: a look-alike is called from inside and
    /// seen from outside.
    pub pages: Option<url::Url>,
    /// `ALIPAY_SELLER_ID`: switches the check of the seller on.
    pub seller_id: Option<String>,
}

/// The two modes of the open platform.
#[derive(Clone, Debug)]
pub enum AlipayKeys {
    /// `ALIPAY_PUBLIC_KEY`: **Alipay's** key, not the application's own.
    PublicKey(String),
    /// Certificate mode.
    Certificates(CertificateFiles),
}

/// The three files of certificate mode, each as a path or as PEM text.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// `ALIPAY_APP_CERT_PATH`: `appCertPublicKey_*.crt`, the application's own.
    pub app: String,
    /// `ALIPAY_ALIPAY_CERT_PATH`: `alipayCertPublicKey_RSA2.crt`.
    pub alipay: String,
    /// `ALIPAY_ROOT_CERT_PATH`: `alipayRootCert.crt`.
    pub root: String,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct AlipaySettingError {
    /// Which variable.
    pub variable: &'static str,
    /// Why.
    pub reason: String,
}

impl AlipaySettingError {
    fn all(variable: &'static str, reason: String) -> Vec<Self> {
        vec![Self { variable, reason }]
    }
}

/// The rail.
#[derive(Debug)]
pub struct Alipay {
    app_id: String,
    seller_id: String,
    signer: Signer,
    trust: Trust,
    gateway: url::Url,
    pages: url::Url,
    http: reqwest::Client,
    clock: Clock,
}

impl Alipay {
    /// Loads and checks the keys.
    ///
    /// # Errors
    /// Every setting that cannot work.
    pub fn new(config: &AlipayConfig, clock: Clock) -> Result<Self, Vec<AlipaySettingError>> {
        let mut faults = Vec::new();
        if config.app_id.is_empty() {
            faults = AlipaySettingError::all("ALIPAY_APP_ID", "is empty".to_owned());
        }
        let mut note = |more: Vec<AlipaySettingError>| faults.extend(more);
        let signer = Signer::load(&config.private_key)
            .map_err(|error| AlipaySettingError::all("ALIPAY_PRIVATE_KEY", error.to_string()))
            .map_err(&mut note)
            .ok();
        let trust = match &config.keys {
            AlipayKeys::PublicKey(text) => Trust::key(text, signer.as_ref()),
            AlipayKeys::Certificates(files) => {
                Trust::certificates(files, signer.as_ref(), clock.now())
            }
        };
        let trust = trust.map_err(&mut note).ok();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| AlipaySettingError::all("ALIPAY_GATEWAY", error.to_string()))
            .map_err(&mut note)
            .ok();
        match (signer, trust, http) {
            (Some(signer), Some(trust), Some(http)) if faults.is_empty() => Ok(Self {
                app_id: config.app_id.clone(),
                seller_id: config.seller_id.clone().unwrap_or_default(),
                signer,
                trust,
                pages: config.pages.as_ref().unwrap_or(&config.gateway).clone(),
                gateway: config.gateway.clone(),
                http,
                clock,
            }),
            _ => Err(faults),
        }
    }

    /// One signed call; the answer's signature is checked before anything of it is read.
    async fn call(
        &self,
        method: &str,
        notify_url: Option<&str>,
        content: &Value,
    ) -> Result<Answer, ProviderError> {
        let body = self.post(method, notify_url, content).await?;
        let now = self.clock.now();
        if let Some(number) = wire::certificate_number(&body)
            && self.trust.should_ask(&number, now)
        {
            self.learn(&number, now).await;
        }
        wire::open(method, &body, &self.trust)
    }

    /// Alipay signs with a certificate that is not in the settings: asks for it, and believes it
    /// if it leads up to our root file. Otherwise answers stay unverified, which is "unknown".
    async fn learn(&self, number: &str, now: Timestamp) {
        const METHOD: &str = "alipay.open.app.alipaycert.download";
        let content = json!({ "alipay_cert_sn": number });
        let learned = match self.post(METHOD, None, &content).await {
            Err(_) => false,
            Ok(body) => wire::offered_certificate(METHOD, &body).is_some_and(|pem| {
                let signed = |key: &_| {
                    wire::open(METHOD, &body, key).is_ok()
                        || wire::open(METHOD, &body, &self.trust).is_ok()
                };
                self.trust.learn(number, &pem, signed, now)
            }),
        };
        if learned {
            tracing::warn!(certificate = %number, "Alipay has changed to another certificate: replace ALIPAY_ALIPAY_CERT_PATH");
        } else {
            tracing::error!(certificate = %number, "Alipay signs with a certificate that does not lead up to ALIPAY_ROOT_CERT_PATH");
        }
    }

    /// Sends one signed call and gives the answer's bytes, of which nothing is believed yet.
    async fn post(
        &self,
        method: &str,
        notify_url: Option<&str>,
        content: &Value,
    ) -> Result<Vec<u8>, ProviderError> {
        let content = content.to_string();
        let mut signed = self.signed(method, &[("notify_url", notify_url)], &content);
        signed.retain(|(name, _)| *name != CONTENT);
        let mut url = self.gateway.clone();
        url.query_pairs_mut().extend_pairs(&signed);
        let mut response = self
            .http
            .post(url)
            .form(&[(CONTENT, &content)])
            .send()
            .await
            .map_err(|error| ProviderError::unknown(error.without_url()))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| ProviderError::unknown(error.without_url()))?
        {
            if body.len().saturating_add(chunk.len()) > ANSWER_LIMIT_BYTES {
                return Err(ProviderError::unknown("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(ProviderError::unknown(format_args!("HTTP {status}")));
        }
        Ok(body)
    }

    /// All parameters of a request in the order of their names, the signature last.
    fn signed<'a>(
        &'a self,
        method: &'a str,
        addresses: &[(&'a str, Option<&'a str>)],
        content: &'a str,
    ) -> Vec<(&'a str, String)> {
        let timestamp = wire::beijing(self.clock.now());
        let mut parameters = vec![
            ("app_id", self.app_id.as_str()),
            (CONTENT, content),
            ("charset", "utf-8"),
            ("format", "JSON"),
            ("method", method),
            ("sign_type", "RSA2"),
            ("timestamp", &timestamp),
            ("version", "1.0"),
        ];
        parameters.extend(self.trust.parameters());
        let given = addresses.iter();
        parameters.extend(given.filter_map(|(name, url)| url.map(|url| (*name, url))));
        parameters.sort_unstable();
        let text = sign::request_text(&parameters);
        let mut signed: Vec<_> = parameters
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        signed.push(("sign", self.signer.sign(text.as_bytes())));
        signed
    }

    fn account_of(&self, seller_id: Option<&str>) -> MerchantAccount {
        MerchantAccount {
            app_id: self.app_id.clone(),
            // Without a configured seller nothing is compared; the application vouches alone.
            merchant_id: match seller_id {
                Some(seller_id) if !self.seller_id.is_empty() => seller_id.to_owned(),
                _ => self.seller_id.clone(),
            },
        }
    }
}

#[async_trait]
impl PaymentProvider for Alipay {
    fn name(&self) -> PaymentMethod {
        PaymentMethod::Alipay
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            currencies: vec![Currency::CNY],
            scenes: ways::SCENES.to_vec(),
            ways_share_an_order: true,
            renews: false,
        }
    }

    fn account(&self) -> MerchantAccount {
        self.account_of(None)
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        self.create(order).await.map(Created::from)
    }

    async fn verify_payment(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        let order_no = &order.order_no;
        let content = json!({ "out_trade_no": order_no.as_str() });
        let answer = self.call("alipay.trade.query", None, &content).await?;
        let trade: wire::Trade = match answer.tried()? {
            Tried::Done(trade) => trade,
            // No trade exists until a buyer has scanned.
            Tried::Failed(failure) if failure.is("ACQ.TRADE_NOT_EXIST") => {
                return Ok(ProviderVerdict::Waiting);
            }
            Tried::Failed(failure) => return Err(failure.into()),
        };
        if trade.out_trade_no != order_no.as_str() {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        match trade.status.as_str() {
            "TRADE_SUCCESS" | "TRADE_FINISHED" => {
                let amount = wire::yuan(&trade.total_amount).map_err(|error| {
                    ProviderError::unknown(format_args!("total_amount: {error}"))
                })?;
                Ok(ProviderVerdict::Paid(VerifiedPayment::new(
                    PaymentMethod::Alipay,
                    trade.out_trade_no,
                    trade.number,
                    amount,
                    // No seller comes back: that the call was answered under our application stands for it.
                    self.account(),
                    trade.send_pay_date.as_deref().and_then(wire::from_beijing),
                )))
            }
            // Paid and wholly refunded says the same word. Asked about are only orders that we have not seen paid: there
            // the money came and went past us, and nothing is left to give.
            "TRADE_CLOSED" => {
                if trade.send_pay_date.is_some_and(|date| !date.is_empty()) {
                    tracing::error!(
                        order_no = order_no.as_str(),
                        "an order was paid and wholly refunded past us"
                    );
                }
                Ok(ProviderVerdict::Closed)
            }
            "WAIT_BUYER_PAY" => Ok(ProviderVerdict::Waiting),
            word => Err(ProviderError::unknown(format_args!("trade_status {word}"))),
        }
    }

    async fn close_payment(&self, order: &OrderKey) -> Result<(), ProviderError> {
        let content = json!({ "out_trade_no": order.order_no.as_str() });
        let answer = self.call("alipay.trade.close", None, &content).await?;
        match answer.tried::<wire::Closed>()? {
            Tried::Done(_) => Ok(()),
            Tried::Failed(failure) if failure.is("ACQ.TRADE_NOT_EXIST") => Ok(()),
            Tried::Failed(failure) => Err(failure.into()),
        }
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

    fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        self.trust.warnings(now)
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
        let fields = notice::verified(&raw.body, &self.trust)?;
        notice::event(&fields, &self.app_id, &self.seller_id, |seller| {
            self.account_of(seller)
        })
    }

    fn acknowledge(&self, answer: Acknowledgement) -> Reply {
        let (status, body) = match answer {
            // Exactly these seven bytes, or it is sent again for a day.
            Acknowledgement::Accepted => (200, "success"),
            Acknowledgement::Forged => (401, "failure"),
            Acknowledgement::Foreign => (403, "failure"),
            Acknowledgement::Unreadable => (400, "failure"),
            Acknowledgement::TryAgain => (503, "failure"),
        };
        Reply {
            status,
            content_type: "text/plain; charset=utf-8",
            body,
        }
    }
}
