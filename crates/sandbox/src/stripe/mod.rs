//! Stripe's API as far as it concerns a merchant who sells through Checkout, once or by subscription: version
//! `2026-10-28.endive`.
//!
//! Objects are kept as they are answered. What happens to them by itself (a session expires, a term ends, a bill is
//! debited again) is due at a moment, and is brought up to the sandbox's clock before anybody looks.

pub(crate) mod books;
mod calendar;
mod card_buttons;
mod cards;
mod charges;
mod checkout;
mod currency;
mod customers;
mod deed;
mod desk;
mod events;
mod expand;
mod faults;
mod gateway;
mod invoices;
mod items;
mod lists;
mod misbehave;
mod page;
mod portal;
mod refunds;
mod route;
mod sessions;
mod subscriptions;
mod terms;
mod webhooks;
mod wire;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Client;
use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;

use self::deed::Deed;
pub(crate) use self::gateway::api;
use crate::store::{Store, StripeAccount, create_private};
use crate::{Sandbox, SandboxError};

/// Without a `Stripe-Version` the account's own one holds.
const VERSION: &str = "2026-10-28.endive";
const KEY_FILE: &str = "secretKey";
const WEBHOOK_FILE: &str = "webhookSecret";

/// What a merchant would copy from Stripe's dashboard.
///
/// ```
/// # use tollgate_kernel::{clock::{Clock, Timestamp}, entropy::Entropy, text::Language};
/// # use tollgate_sandbox::{Sandbox, SandboxConfig};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let clock = Clock::fixed(Timestamp::from_seconds(1_767_323_045).expect("a moment"));
/// # let sandbox = Sandbox::open(SandboxConfig {
/// #     data_file: folder.path().join("sandbox.db"),
/// #     base_url: "http://127.0.0.1:8080".to_owned(),
/// #     clock: clock.clone(),
/// #     entropy: Entropy::seeded(7),
/// #     default_language: Language::En,
/// # })
/// # .await?;
/// let merchant = sandbox.stripe_merchant();
/// assert_eq!(merchant.api_base, "http://127.0.0.1:8080/sandbox/stripe");
/// assert!(merchant.account.starts_with("acct_"));
/// assert!(merchant.webhook_secret.starts_with("whsec_"));
/// assert!(!format!("{merchant:?}").contains(&merchant.secret_key));
///
/// sandbox.set_stripe_notify_url("http://127.0.0.1:9000/hooks").await?;
/// assert_eq!(sandbox.stripe_merchant(), merchant);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StripeMerchant {
    /// The secret key of test mode.
    pub secret_key: String,
    /// What webhooks are signed with, prefix included.
    pub webhook_secret: String,
    /// Where requests go, without `/v1`.
    pub api_base: String,
    /// The account's number.
    pub account: String,
}

impl fmt::Debug for StripeMerchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeMerchant")
            .field("api_base", &self.api_base)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// The account, and the client its webhooks go out with.
pub(crate) struct Stripe {
    /// As it was at the start; the secret of webhooks may have been rolled since.
    account: StripeAccount,
    client: Client,
}

impl Stripe {
    pub(crate) async fn open(store: &Store, entropy: &Entropy) -> Result<Self, SandboxError> {
        let fresh = StripeAccount {
            account: number(entropy, "acct"),
            secret_key: number(entropy, &["sk", "test"].join("_")),
            webhook_secret: number(entropy, "whsec"),
            previous: None,
            notify_url: None,
        };
        let mut tx = store.stripe().await?;
        tx.keep_account(&fresh).await?;
        let account = tx.account().await?;
        tx.commit().await?;
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self { account, client })
    }

    /// What a merchant's settings name, for its owner only.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SandboxError> {
        let failed = |file: PathBuf| move |source| SandboxError::File { file, source };
        std::fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
        for (name, text) in [
            (KEY_FILE, &self.account.secret_key),
            (WEBHOOK_FILE, &self.account.webhook_secret),
        ] {
            let file = folder.join(name);
            create_private(&file)?;
            std::fs::write(&file, text).map_err(failed(file))?;
        }
        Ok(())
    }
}

impl Sandbox {
    /// What a merchant would copy from Stripe's dashboard into its settings. A webhook's secret that was rolled since
    /// the start is here after the next one, as it would be in settings.
    pub fn stripe_merchant(&self) -> StripeMerchant {
        let account = &self.inner.stripe.account;
        StripeMerchant {
            secret_key: account.secret_key.clone(),
            webhook_secret: account.webhook_secret.clone(),
            api_base: self.address("/sandbox/stripe"),
            account: account.account.clone(),
        }
    }

    /// Where webhooks go from now on; at first `{base_url}/payments/webhooks/stripe`.
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # use tollgate_sandbox::{Sandbox, SandboxError};
    /// async fn tell(sandbox: &Sandbox, host: SocketAddr) -> Result<(), SandboxError> {
    ///     sandbox.set_stripe_notify_url(&format!("http://{host}/webhooks/stripe")).await
    /// }
    /// ```
    ///
    /// # Errors
    /// When the database fails. An address on a foreign host is kept but never called.
    pub async fn set_stripe_notify_url(&self, url: &str) -> Result<(), SandboxError> {
        let mut tx = self.inner.store.stripe().await?;
        tx.set_notify_url(url).await?;
        tx.commit().await
    }

    fn stripe_now(&self) -> i64 {
        self.inner.clock.now().seconds()
    }

    fn stripe_number(&self, prefix: &str) -> String {
        number(&self.inner.entropy, prefix)
    }

    /// Everything that was to happen by itself by now happens, in its order and at its own moment.
    async fn stripe_up_to_now(&self) -> Result<(), SandboxError> {
        while self.inner.store.stripe_is_due(self.stripe_now()).await? {
            let mut deed = Deed::begin(self).await?;
            let Some((due, object)) = deed.tx.next_due(deed.at).await? else {
                return Ok(());
            };
            deed.at = due;
            match object["object"].as_str() {
                Some("checkout.session") => sessions::due(&mut deed, object).await?,
                Some("subscription") => {
                    deed.order_no = object["metadata"]["order_no"].as_str().map(str::to_owned);
                    terms::ended(&mut deed, object).await?;
                }
                Some("invoice") => {
                    deed.order_no = invoices::order_of(&object);
                    terms::debit(&mut deed, object).await?;
                }
                Some("refund") => refunds::decided(&mut deed, object).await?,
                // Nothing happens to others.
                _ => deed.tx.put(&object, None).await?,
            }
            deed.commit().await?;
        }
        Ok(())
    }
}

fn number(entropy: &Entropy, prefix: &str) -> String {
    format!("{prefix}_{}", hex::encode(entropy.bytes::<12>()))
}

/// All but the API itself.
pub(crate) fn pages() -> Router<Sandbox> {
    Router::new()
        .route("/sandbox/stripe/merchant", get(merchant))
        .route(
            "/sandbox/stripe/faults",
            get(faults::list).post(faults::put).delete(faults::clear),
        )
        .route("/sandbox/stripe/books", get(books::show))
        .route("/sandbox/stripe/webhook-endpoint", post(desk::endpoint))
        .route("/sandbox/stripe/console-refund", post(desk::refund))
        .route("/sandbox/stripe/console-dispute", post(desk::dispute))
        .route("/sandbox/stripe/console-dispute-close", post(desk::close))
        .route(
            "/sandbox/stripe/pay/{code}",
            get(page::show).post(page::pay),
        )
        .route("/sandbox/stripe/pay/{code}/fault", post(page::fault))
        .route(
            "/sandbox/stripe/portal/{id}",
            get(portal::show).post(portal::act),
        )
}

/// `GET /sandbox/stripe/merchant`: what a merchant's settings name, but for the two secrets, which lie in files.
async fn merchant(State(sandbox): State<Sandbox>) -> Json<Value> {
    let merchant = sandbox.stripe_merchant();
    Json(json!({
        "account": merchant.account,
        "api_base": merchant.api_base,
        "version": VERSION,
        "livemode": false,
        "files": [KEY_FILE, WEBHOOK_FILE],
    }))
}
