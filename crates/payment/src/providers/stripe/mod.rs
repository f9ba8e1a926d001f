//! Stripe: pages of Checkout, subscriptions that debit by themselves, refunds, disputes.
//!
//! Its answers are not signed: that our key was answered over TLS, from an address that nobody redirects, stands for
//! a signature. Its webhooks are, and still only say "go and look" (`event.rs`).
//!
//! ```
//! use secrecy::SecretString;
//! use tollgate_kernel::clock::Clock;
//! use tollgate_payment::providers::stripe::{Stripe, StripeConfig, StripeSettingError};
//! use url::Url;
//!
//! fn rail(secret_key: SecretString, webhook_secret: SecretString, api_base: Url) -> Result<Stripe, Vec<StripeSettingError>> {
//!     let config = StripeConfig {
//!         secret_key,
//!         webhook_secrets: vec![webhook_secret],
//!         api_base,
//!         app_tag: "shop".to_owned(),
//!         former_tags: Vec::new(),
//!         allow_test_key: false,
//!     };
//!     let stripe = Stripe::new(&config, Clock::system())?;
//!     assert!(stripe.livemode());
//!     Ok(stripe)
//! }
//! ```

mod agreement;
mod amount;
mod call;
mod event;
mod failure;
mod missed;
mod refund;
mod session;
mod settings;
mod sign;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderValue;
use secrecy::ExposeSecret as _;
use tollgate_kernel::clock::{Clock, Timestamp};

pub use self::settings::{StripeConfig, StripeSettingError};
use self::sign::Secrets;
use self::wire::Metadata;
use super::agreement::AgreementChange;
use super::{
    Acknowledgement, Cancelled, Capabilities, Created, ListedEvent, NewOrder, NewRefund, OrderKey,
    PaymentProvider, ProviderError, ProviderVerdict, RawWebhook, RefundKey, RefundVerdict, Reply,
    VerifiedEvent, Warning, WebhookRefusal,
};
use crate::model::payment::{MerchantAccount, PaymentMethod};
use crate::model::scene::Scene;

const CONNECT: Duration = Duration::from_secs(5);
/// One call, and what one question of the machine takes in all.
const CALL: Duration = Duration::from_secs(10);
/// All of them lead to the same page.
const SCENES: [Scene; 3] = [Scene::Pc, Scene::Page, Scene::H5];
/// Under which name each of our marks stands at Stripe's objects.
const ORDER_NO: &str = "order_no";
const REFUND_NO: &str = "refund_no";
const APP: &str = "app";

/// The rail.
#[derive(Debug)]
pub struct Stripe {
    authorization: HeaderValue,
    secrets: Secrets,
    api_base: url::Url,
    app_tag: String,
    former_tags: Vec<String>,
    livemode: bool,
    http: reqwest::Client,
    clock: Clock,
}

impl Stripe {
    /// Checks the settings. Nothing is called yet.
    ///
    /// # Errors
    /// Every setting that cannot work.
    pub fn new(config: &StripeConfig, clock: Clock) -> Result<Self, Vec<StripeSettingError>> {
        let livemode = settings::check(config)?;
        let fault = |variable, reason: String| vec![StripeSettingError { variable, reason }];
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none())
            // A repeat that nobody here knows of is a second call.
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| fault("STRIPE_GATEWAY", error.to_string()))?;
        let bearer = format!("Bearer {}", config.secret_key.expose_secret());
        let mut authorization = HeaderValue::from_str(&bearer)
            .map_err(|error| fault("STRIPE_SECRET_KEY", error.to_string()))?;
        // Its `Debug` shows nothing.
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            secrets: Secrets::new(&config.webhook_secrets),
            api_base: config.api_base.clone(),
            app_tag: config.app_tag.clone(),
            former_tags: config.former_tags.clone(),
            livemode,
            http,
            clock,
        })
    }

    /// Whether the key moves real money.
    pub fn livemode(&self) -> bool {
        self.livemode
    }

    /// Nobody but the owner of our key writes at our objects.
    fn is_ours(&self, metadata: &Metadata) -> bool {
        let tag = metadata.get(APP);
        let former = |tag: &str| self.former_tags.iter().any(|former| former == tag);
        tag.is_some_and(|tag| *tag == self.app_tag || former(tag))
    }

    /// What a genuine event says.
    async fn read(&self, body: &[u8]) -> Result<VerifiedEvent, WebhookRefusal> {
        let event = event::read(body)?;
        let told = tokio::time::timeout(CALL, self.tell(&event)).await;
        told.unwrap_or(Err(WebhookRefusal::NotYet("Stripe is slow")))
    }

    fn account_of(&self) -> MerchantAccount {
        MerchantAccount {
            app_id: self.app_tag.clone(),
            // The account's number stands in no answer: that our key was answered stands for it.
            merchant_id: String::new(),
        }
    }
}

/// Several calls together take no longer than one may.
async fn bounded<T>(
    work: impl Future<Output = Result<T, ProviderError>> + Send,
) -> Result<T, ProviderError> {
    let ended = tokio::time::timeout(CALL, work).await;
    ended.unwrap_or_else(|_| Err(ProviderError::unknown("no answer within ten seconds")))
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> PaymentMethod {
        PaymentMethod::Stripe
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            currencies: amount::offered(),
            scenes: SCENES.to_vec(),
            ways_share_an_order: true,
            renews: true,
        }
    }

    fn account(&self) -> MerchantAccount {
        self.account_of()
    }

    async fn create_payment(&self, order: &NewOrder) -> Result<Created, ProviderError> {
        bounded(self.create(order)).await
    }

    async fn verify_payment(&self, order: &OrderKey) -> Result<ProviderVerdict, ProviderError> {
        bounded(self.verify(order)).await
    }

    async fn close_payment(&self, order: &OrderKey) -> Result<(), ProviderError> {
        bounded(self.close(order)).await.map(drop)
    }

    async fn refund_payment(&self, refund: &NewRefund) -> Result<RefundVerdict, ProviderError> {
        bounded(self.refund(refund)).await
    }

    async fn verify_refund(&self, refund: &RefundKey) -> Result<RefundVerdict, ProviderError> {
        bounded(self.refund_state(refund)).await
    }

    /// Every page is paid by a buyer himself: an open one is closed, and a paid one has to be refunded.
    async fn cancel_payment(&self, order: &OrderKey) -> Result<Cancelled, ProviderError> {
        bounded(self.close(order)).await
    }

    async fn change_agreement(
        &self,
        agreement_id: &str,
        change: AgreementChange,
    ) -> Result<(), ProviderError> {
        bounded(self.change(agreement_id, change)).await
    }

    async fn portal(&self, customer_id: &str, return_url: &str) -> Result<String, ProviderError> {
        bounded(self.page_of(customer_id, return_url)).await
    }

    async fn missed_events(&self, since: Timestamp) -> Result<Vec<ListedEvent>, ProviderError> {
        self.listed(since).await
    }

    /// That our key was answered stands for a signature.
    async fn read_listed(&self, event: &ListedEvent) -> Result<VerifiedEvent, WebhookRefusal> {
        self.read(event.text.as_bytes()).await
    }

    async fn handle_webhook(&self, raw: &RawWebhook) -> Result<VerifiedEvent, WebhookRefusal> {
        self.secrets
            .check(&raw.headers, &raw.body, self.clock.now())?;
        self.read(&raw.body).await
    }

    fn warnings(&self, _: Timestamp) -> Vec<Warning> {
        Vec::new()
    }

    fn acknowledge(&self, answer: Acknowledgement) -> Reply {
        let (status, body) = match answer {
            Acknowledgement::Accepted => (200, r#"{"received":true}"#),
            // A failure would be repeated for days, and in the end the endpoint would be switched off.
            Acknowledgement::Foreign => (200, r#"{"received":true,"ignored":"not for us"}"#),
            Acknowledgement::Forged => (401, r#"{"error":"not signed by you, or not now"}"#),
            Acknowledgement::Unreadable => (400, r#"{"error":"unreadable"}"#),
            Acknowledgement::TryAgain => (503, r#"{"error":"later, please"}"#),
        };
        Reply {
            status,
            content_type: "application/json",
            body,
        }
    }
}
