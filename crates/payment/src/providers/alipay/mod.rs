//! Alipay, the classic open-platform gateway with RSA2.

mod notice;
mod refund;
mod sign;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use tollgate_kernel::clock::Clock;
use tollgate_kernel::money::Currency;

use self::wire::{Answer, Tried};
use super::keys::{KeyError, Signer, Verifier};
use super::{
    Acknowledgement, Capabilities, NewOrder, NewRefund, PaymentAction, PaymentProvider,
    ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, Reply, VerifiedEvent,
    VerifiedPayment, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, OrderNo, PaymentMethod};

/// Answers are a few kilobytes; more is not an answer.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);

/// The settings of the design, under their own names.
#[derive(Clone, Debug)]
pub struct AlipayConfig {
    /// `ALIPAY_APP_ID`
    pub app_id: String,
    /// `ALIPAY_PRIVATE_KEY`: the application's own key, as path, PEM or bare base64.
    pub private_key: SecretString,
    /// `ALIPAY_PUBLIC_KEY`: **Alipay's** key, not the application's own.
    pub public_key: String,
    /// `ALIPAY_GATEWAY`
    pub gateway: url::Url,
    /// `ALIPAY_SELLER_ID`: switches the check of the seller on.
    pub seller_id: Option<String>,
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

/// The rail.
#[derive(Debug)]
pub struct Alipay {
    app_id: String,
    seller_id: String,
    signer: Signer,
    verifier: Verifier,
    gateway: url::Url,
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
        let mut fault =
            |variable, reason: String| faults.push(AlipaySettingError { variable, reason });
        if config.app_id.is_empty() {
            fault("ALIPAY_APP_ID", "is empty".to_owned());
        }
        let load = |error: KeyError| error.to_string();
        let signer = Signer::load(&config.private_key).map_err(load);
        let verifier = Verifier::load(&config.public_key).map_err(load);
        match (&signer, &verifier) {
            (Ok(signer), Ok(verifier)) if signer.is_half_of(verifier) => fault(
                "ALIPAY_PUBLIC_KEY",
                "is the application's own public key; copy Alipay's public key from the open platform instead".to_owned(),
            ),
            _ => {}
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string());
        match (signer, verifier, http) {
            (Ok(signer), Ok(verifier), Ok(http)) if faults.is_empty() => Ok(Self {
                app_id: config.app_id.clone(),
                seller_id: config.seller_id.clone().unwrap_or_default(),
                signer,
                verifier,
                gateway: config.gateway.clone(),
                http,
                clock,
            }),
            (signer, verifier, http) => {
                let mut refuse = |variable, reason: Option<String>| {
                    faults.extend(reason.map(|reason| AlipaySettingError { variable, reason }));
                };
                refuse("ALIPAY_PRIVATE_KEY", signer.err());
                refuse("ALIPAY_PUBLIC_KEY", verifier.err());
                refuse("ALIPAY_GATEWAY", http.err());
                Err(faults)
            }
        }
    }

    /// One signed call; the answer's signature is checked before anything of it is read.
    async fn call(
        &self,
        method: &str,
        notify_url: Option<&str>,
        content: &Value,
    ) -> Result<Answer, ProviderError> {
        let content = content.to_string();
        let timestamp = wire::beijing(self.clock.now());
        let mut common = vec![
            ("app_id", self.app_id.as_str()),
            ("charset", "utf-8"),
            ("format", "JSON"),
            ("method", method),
            ("sign_type", "RSA2"),
            ("timestamp", &timestamp),
            ("version", "1.0"),
        ];
        common.extend(notify_url.map(|url| ("notify_url", url)));
        let mut signed = common.clone();
        signed.push(("biz_content", &content));
        let signature = self.signer.sign(sign::request_text(&signed).as_bytes());
        common.push(("sign", &signature));

        let mut url = self.gateway.clone();
        url.query_pairs_mut().extend_pairs(&common);
        let mut response = self
            .http
            .post(url)
            .form(&[("biz_content", &content)])
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
        wire::open(method, &body, &self.verifier)
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
        }
    }

    fn account(&self) -> MerchantAccount {
        self.account_of(None)
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<PaymentAction, ProviderError> {
        let content = json!({
            "out_trade_no": order.order_no.as_str(),
            "total_amount": order.amount.to_string(),
            "subject": wire::subject(&order.description),
            "time_expire": wire::beijing(order.expires_at),
        });
        let answer = self
            .call("alipay.trade.precreate", Some(&order.notify_url), &content)
            .await?;
        let created: wire::Precreated = answer.succeeded()?;
        if created.out_trade_no != order.order_no.as_str() {
            return Err(ProviderError::unknown("the answer speaks of another order"));
        }
        Ok(PaymentAction::Qr {
            qr_content: created.qr_code,
        })
    }

    async fn verify_payment(&self, order_no: &OrderNo) -> Result<ProviderVerdict, ProviderError> {
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
            // Paid and wholly refunded says the same word; only our own books tell them apart, and
            // a payment date shows that there was money.
            "TRADE_CLOSED" if trade.send_pay_date.is_none() => Ok(ProviderVerdict::Closed),
            "WAIT_BUYER_PAY" => Ok(ProviderVerdict::Waiting),
            word => Err(ProviderError::unknown(format_args!("trade_status {word}"))),
        }
    }

    async fn close_payment(&self, order_no: &OrderNo) -> Result<(), ProviderError> {
        let content = json!({ "out_trade_no": order_no.as_str() });
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

    fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal> {
        let fields = notice::verified(&raw.body, &self.verifier)?;
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
