#![doc = include_str!("../README.md")]

mod alipay;
mod books;
mod buyer;
mod callbacks;
mod console;
mod faults;
mod keys;
mod mailbox;
mod notices;
mod phone;
mod refunds;
mod store;
mod stripe;
mod trouble;
mod wechat;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use reqwest::Url;
use tokio::sync::Notify;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::text::Language;

use crate::alipay::Alipay;
pub use crate::alipay::{AlipayCertificates, AlipayMerchant};
pub use crate::books::{BookMovement, BookSum, Books};
use crate::callbacks::Messenger;
pub use crate::mailbox::Mail;
pub use crate::store::Rail;
use crate::store::Store;
use crate::stripe::Stripe;
pub use crate::stripe::StripeMerchant;
pub use crate::stripe::books::{StripeBooks, StripeMovement, StripeSum};
use crate::wechat::Wechat;
pub use crate::wechat::WechatMerchant;

/// The largest request a gateway or the phone reads, in bytes.
const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// What a sandbox is made from.
///
/// ```
/// use tollgate_kernel::{clock::{Clock, Timestamp}, entropy::Entropy, text::Language};
/// use tollgate_sandbox::SandboxConfig;
///
/// /// For a test: a clock that it moves itself, and the same numbers every time.
/// fn tried(folder: &std::path::Path, clock: &Clock) -> SandboxConfig {
///     SandboxConfig {
///         data_file: folder.join("sandbox.db"),
///         base_url: "http://127.0.0.1:8080".to_owned(),
///         clock: clock.clone(),
///         entropy: Entropy::seeded(7),
///         default_language: Language::En,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Its own `SQLite` file; made when there is none. The folder must exist. Beside it, in folders of
    /// the same name that end in `.alipay` and `.wechat`, lies what a merchant's settings may name: keys and
    /// certificates as files.
    pub data_file: PathBuf,
    /// Where its routes are reached, without `/sandbox`: `http://127.0.0.1:8080`.
    pub base_url: String,
    /// Its time.
    pub clock: Clock,
    /// Its chance.
    pub entropy: Entropy,
    /// For phones that ask for neither Chinese nor English.
    pub default_language: Language,
}

/// Why a sandbox could not be opened, or could not do what it was asked.
///
/// ```
/// # use tollgate_kernel::{clock::Clock, entropy::Entropy, text::Language};
/// # use tollgate_sandbox::{Sandbox, SandboxConfig, SandboxError};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let opened = Sandbox::open(SandboxConfig {
///     data_file: "never-made.db".into(),
///     base_url: "ftp://127.0.0.1".to_owned(),
///     clock: Clock::system(),
///     entropy: Entropy::system(),
///     default_language: Language::Zh,
/// })
/// .await;
/// assert!(matches!(opened, Err(SandboxError::BaseUrl(url)) if url == "ftp://127.0.0.1"));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// `base_url` is no `http` or `https` address.
    #[error("the sandbox's address must be an http or https URL without query, not {0:?}")]
    BaseUrl(String),
    /// The file cannot be made or opened.
    #[error("the sandbox's file {} cannot be opened", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was written by a later version of this crate.
    #[error("the sandbox's file has version {version}, made by a newer program")]
    NewerFile {
        /// The file's.
        version: i64,
    },
    /// The database failed.
    #[error("the sandbox's database failed")]
    Database(#[from] sqlx::Error),
    /// A row holds what nothing here writes.
    #[error("the sandbox's database holds {found:?} as {column}")]
    Inconsistent {
        /// Where.
        column: &'static str,
        /// What.
        found: String,
    },
    /// A key cannot be made, read or used.
    #[error("the sandbox's {0}")]
    Key(&'static str),
    /// The client for outgoing calls cannot be set up.
    #[error("the sandbox cannot make outgoing calls")]
    Client(#[from] reqwest::Error),
}

/// The look-alike gateways. Clones are one sandbox.
///
/// ```
/// use tollgate_kernel::{clock::Clock, entropy::Entropy, text::Language};
/// use tollgate_sandbox::{Rail, Sandbox, SandboxConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let sandbox = Sandbox::open(SandboxConfig {
///     data_file: folder.path().join("sandbox.db"),
///     base_url: "http://127.0.0.1:8080".to_owned(),
///     clock: Clock::system(),
///     entropy: Entropy::system(),
///     default_language: Language::Zh,
/// })
/// .await?;
/// let app: axum::Router = sandbox.router();
/// assert_eq!(sandbox.deliver_due().await?, 0, "nobody has paid");
/// assert!(sandbox.books(Rail::Alipay).await?.data.is_empty());
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    ids: Ids,
    base_url: Url,
    default_language: Language,
    alipay: Alipay,
    wechat: Wechat,
    stripe: Stripe,
    /// Where a merchant's keys and certificates lie.
    files: PathBuf,
    messenger: Messenger,
    /// Rung when a new callback is owed.
    owed: Notify,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_url", &self.inner.base_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens the file, or makes it with fresh keys for both sides.
    ///
    /// # Errors
    /// When the address is none, or the file cannot be used.
    pub async fn open(config: SandboxConfig) -> Result<Self, SandboxError> {
        let base_url = base_url(&config.base_url)?;
        let store = Store::open(&config.data_file).await?;
        let alipay = Alipay::open(&store, &config.clock, &config.entropy).await?;
        let stripe = Stripe::open(&store, &config.entropy).await?;
        let files = config.data_file.with_extension("alipay");
        alipay.write(&files)?;
        let wechat = Wechat::open(&store, &config.clock, &config.entropy).await?;
        wechat.write(&config.data_file.with_extension("wechat"))?;
        stripe.write(&config.data_file.with_extension("stripe"))?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                ids: Ids::new(config.clock.clone(), config.entropy.clone()),
                clock: config.clock,
                entropy: config.entropy,
                messenger: Messenger::new(&base_url)?,
                base_url,
                default_language: config.default_language,
                alipay,
                wechat,
                stripe,
                files,
                owed: Notify::new(),
            }),
        })
    }

    /// The gateways, the phone and the mailbox, under `/sandbox`; fits under any host state.
    ///
    /// ```
    /// # use tollgate_sandbox::Sandbox;
    /// /// Beside what the host serves itself, whatever its state is.
    /// fn app(sandbox: &Sandbox) -> axum::Router<std::sync::Arc<str>> {
    ///     axum::Router::new()
    ///         .route("/", axum::routing::get(async || "hello"))
    ///         .merge(sandbox.router())
    /// }
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route(
                "/sandbox/alipay/gateway.do",
                get(alipay::gateway).post(alipay::gateway),
            )
            .route("/sandbox/wechat/v3/{*path}", any(wechat::gateway))
            .route("/sandbox/wechat/merchant", get(wechat::merchant))
            .route(
                "/sandbox/{rail}/faults",
                get(faults::api::list)
                    .post(faults::api::put)
                    .delete(faults::api::clear),
            )
            .route("/sandbox/{rail}/books", get(books::show))
            .route("/sandbox/{rail}/console-refund", post(console::refund))
            .route(
                "/sandbox/alipay/certificates/{name}",
                get(alipay::certificates::serve),
            )
            .route("/sandbox/alipay/merchant", get(alipay::merchant))
            .route("/sandbox/stripe/v1/{*path}", any(stripe::api))
            .merge(stripe::pages())
            .route("/sandbox/pay/{code}", get(phone::show))
            .route("/sandbox/pay/{code}/fault", post(phone::order_fault))
            .route("/sandbox/pay/{code}/{action}", post(phone::act))
            .route("/sandbox/static/phone.css", get(phone::stylesheet))
            .route("/sandbox/static/again.js", get(phone::script))
            .route("/sandbox/mail", get(mailbox::list))
            .route("/sandbox/mail/{id}", get(mailbox::show))
            .route("/sandbox/mail/{id}/html", get(mailbox::letter))
            .route("/sandbox/static/mail.css", get(mailbox::stylesheet))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .with_state(self.clone())
    }

    /// An address of ours, as the outside sees it.
    fn address(&self, path: &str) -> String {
        let base = self.inner.base_url.as_str();
        format!("{}{path}", base.trim_end_matches('/'))
    }
}

fn base_url(text: &str) -> Result<Url, SandboxError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| SandboxError::BaseUrl(text.to_owned()))
}
