//! Who the gateway is, and the one merchant it knows. The merchant has both kinds of WeChat's keys, as one has who is
//! moving from the older to the newer.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;

use super::certificates::Certified;
use crate::alipay::digits;
use crate::keys::{self, SigningKey, VerifyingKey, armoured};
use crate::store::{Peer, Rail, Store, create_private};
use crate::{Sandbox, SandboxError};

const API_KEY_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;
const ID_PREFIX: &str = "PUB_KEY_ID_";

/// What a merchant would copy from WeChat Pay's console.
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
/// let merchant = sandbox.wechat_merchant();
/// assert_eq!(merchant.api_key.len(), 32);
/// assert!(merchant.public_key_id.starts_with("PUB_KEY_ID_"));
/// assert!(merchant.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
/// assert!(merchant.gateway.starts_with("http://127.0.0.1:8080/sandbox/wechat"));
/// assert!(!format!("{merchant:?}").contains(&merchant.api_key));
///
/// // The platform's certificate is fetched, not copied: nothing of the merchant's changes.
/// sandbox.change_wechat_certificate().await?;
/// assert_eq!(sandbox.wechat_merchant(), merchant);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WechatMerchant {
    /// `WECHAT_APP_ID`
    pub app_id: String,
    /// `WECHAT_MCH_ID`
    pub mch_id: String,
    /// `WECHAT_API_KEY`: the `APIv3` key.
    pub api_key: String,
    /// `apiclient_cert.pem`: PEM.
    pub certificate: String,
    /// `apiclient_key.pem`: PEM.
    pub private_key: String,
    /// `PUB_KEY_ID_…`
    pub public_key_id: String,
    /// WeChat Pay's public key: PEM.
    pub public_key: String,
    /// Where requests go: the address before `/v3/…`.
    pub gateway: String,
}

impl fmt::Debug for WechatMerchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WechatMerchant")
            .field("app_id", &self.app_id)
            .field("mch_id", &self.mch_id)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

/// The keys of both sides, as kept in the file.
#[derive(Clone, Serialize, Deserialize)]
struct Keys {
    api_key: String,
    merchant: Certified,
    merchant_public: String,
    /// Newest last. Older ones are still listed.
    platform: Vec<Certified>,
    public_key_id: String,
    public_private: String,
    public_public: String,
}

/// The gateway's own side: its identity, and the merchant's public half.
pub(crate) struct Wechat {
    identity: RwLock<Arc<Identity>>,
}

/// As it is between two changes.
pub(crate) struct Identity {
    pub(crate) app_id: String,
    pub(super) mch_id: String,
    keys: Keys,
    /// As kept in the file.
    kept: String,
    merchant: VerifyingKey,
    platform: SigningKey,
    public: SigningKey,
}

/// Which of the gateway's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// Under the newest certificate.
    Platform,
    /// The public key.
    Public,
}

impl Half {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Platform => Self::Public,
            Self::Public => Self::Platform,
        }
    }
}

impl Identity {
    fn of(peer: Peer) -> Result<Self, SandboxError> {
        let keys: Keys = serde_json::from_str(&peer.keys)
            .map_err(|_| SandboxError::Key("keys cannot be read"))?;
        let newest = keys.platform.last();
        let newest = newest.ok_or(SandboxError::Key("certificates are missing"))?;
        Ok(Self {
            app_id: peer.app_id,
            mch_id: peer.merchant_id,
            merchant: VerifyingKey::read(&keys.merchant_public)?,
            platform: SigningKey::read(&newest.private)?,
            public: SigningKey::read(&keys.public_private)?,
            keys,
            kept: peer.keys,
        })
    }

    pub(super) fn api_key(&self) -> &str {
        &self.keys.api_key
    }

    /// Of the merchant's certificate.
    pub(super) fn merchant_serial(&self) -> &str {
        &self.keys.merchant.serial
    }

    pub(super) fn merchant(&self) -> &VerifyingKey {
        &self.merchant
    }

    pub(super) fn platform(&self) -> impl Iterator<Item = &Certified> {
        self.keys.platform.iter()
    }

    /// Which key answers who asks for this serial.
    pub(super) fn half_for(&self, serial: Option<&str>) -> Half {
        if serial == Some(self.keys.public_key_id.as_str()) {
            Half::Public
        } else {
            Half::Platform
        }
    }

    /// The headers under which bytes leave at this moment.
    pub(super) fn seal(
        &self,
        half: Half,
        body: &[u8],
        at: Timestamp,
        entropy: &Entropy,
    ) -> Result<BTreeMap<String, String>, SandboxError> {
        let timestamp = at.seconds().to_string();
        let nonce = hex::encode_upper(entropy.bytes::<NONCE_BYTES>());
        let mut text = format!("{timestamp}\n{nonce}\n").into_bytes();
        text.extend_from_slice(body);
        text.push(b'\n');
        let newest = self.keys.platform.last();
        let (key, serial) = match half {
            Half::Platform => (
                &self.platform,
                newest
                    .map(|newest| newest.serial.clone())
                    .unwrap_or_default(),
            ),
            Half::Public => (&self.public, self.keys.public_key_id.clone()),
        };
        let headers = [
            ("wechatpay-timestamp", timestamp),
            ("wechatpay-nonce", nonce),
            ("wechatpay-signature", key.sign(&text)?),
            (
                "wechatpay-signature-type",
                "WECHATPAY2-SHA256-RSA2048".to_owned(),
            ),
            ("wechatpay-serial", serial),
        ];
        Ok(headers.map(|(name, value)| (name.to_owned(), value)).into())
    }

    fn of_merchant(&self, gateway: String) -> WechatMerchant {
        WechatMerchant {
            app_id: self.app_id.clone(),
            mch_id: self.mch_id.clone(),
            api_key: self.keys.api_key.clone(),
            certificate: self.keys.merchant.pem.clone(),
            private_key: armoured("PRIVATE KEY", &self.keys.merchant.private),
            public_key_id: self.keys.public_key_id.clone(),
            public_key: armoured("PUBLIC KEY", &self.keys.public_public),
            gateway,
        }
    }
}

impl Wechat {
    pub(crate) async fn open(
        store: &Store,
        clock: &Clock,
        entropy: &Entropy,
    ) -> Result<Self, SandboxError> {
        let peer = if let Some(peer) = store.find_peer(Rail::Wechat).await? {
            peer
        } else {
            let peer = Peer {
                app_id: format!("wx{}", hex::encode(entropy.bytes::<8>())),
                merchant_id: format!("19{}", digits(entropy, 8)),
                keys: make_keys(entropy).await?,
            };
            store.keep_peer(Rail::Wechat, &peer, clock.now()).await?;
            store.find_peer(Rail::Wechat).await?.unwrap_or(peer)
        };
        Ok(Self {
            identity: RwLock::new(Arc::new(Identity::of(peer)?)),
        })
    }

    /// As it is now.
    pub(crate) fn identity(&self) -> Arc<Identity> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&identity)
    }

    fn become_another(&self, identity: Identity) {
        let mut held = self
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(identity);
    }

    /// Puts what a merchant's settings name into a folder, readable by its owner only.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::File {
            file: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let merchant = self.identity().of_merchant(String::new());
        for (name, text) in [
            ("apiclient_key.pem", merchant.private_key),
            ("apiclient_cert.pem", merchant.certificate),
            ("pub_key.pem", merchant.public_key),
            ("api_v3_key", merchant.api_key),
        ] {
            let file = folder.join(name);
            create_private(&file)?;
            std::fs::write(file, text).map_err(failed)?;
        }
        Ok(())
    }
}

impl Sandbox {
    /// What a merchant would copy from WeChat Pay's console into its settings.
    pub fn wechat_merchant(&self) -> WechatMerchant {
        let gateway = self.address(super::PREFIX);
        self.inner.wechat.identity().of_merchant(gateway)
    }

    /// The platform signs under a new certificate from now on; the old one is still listed.
    ///
    /// ```
    /// # use tollgate_sandbox::{Sandbox, SandboxError};
    /// /// A merchant that meets an unknown serial number fetches the list.
    /// async fn roll(sandbox: &Sandbox) -> Result<(), SandboxError> {
    ///     sandbox.change_wechat_certificate().await
    /// }
    /// ```
    ///
    /// # Errors
    /// When no key can be made, or the file cannot be written.
    pub async fn change_wechat_certificate(&self) -> Result<(), SandboxError> {
        let inner = &self.inner;
        let identity = inner.wechat.identity();
        let entropy = inner.entropy.clone();
        let made = spawn_blocking(move || Certified::make("sandbox-wechatpay", &entropy));
        let mut keys = identity.keys.clone();
        keys.platform.push(made.await.map_err(unmade)??);
        let store = &inner.store;
        store
            .change_peer_keys(
                Rail::Wechat,
                &identity.kept,
                &written(&keys)?,
                inner.clock.now(),
            )
            .await?;
        // Whoever was faster changed it just now, which is as good.
        if let Some(peer) = store.find_peer(Rail::Wechat).await? {
            inner.wechat.become_another(Identity::of(peer)?);
        }
        Ok(())
    }
}

/// Keys for both sides, made at once, as they are kept.
async fn make_keys(entropy: &Entropy) -> Result<String, SandboxError> {
    let certified = |name: &'static str| {
        let entropy = entropy.clone();
        spawn_blocking(move || Certified::make(name, &entropy))
    };
    let made = tokio::join!(
        certified("sandbox-merchant"),
        certified("sandbox-wechatpay"),
        spawn_blocking(keys::generate)
    );
    let merchant = made.0.map_err(unmade)??;
    let (platform, newer) = (made.1.map_err(unmade)??, made.2.map_err(unmade)??);
    written(&Keys {
        api_key: hex::encode(entropy.bytes::<API_KEY_BYTES>()),
        merchant_public: keys::public_of(&merchant.private)?,
        merchant,
        platform: vec![platform],
        public_key_id: format!("{ID_PREFIX}{}{}", digits(entropy, 14), digits(entropy, 14)),
        public_private: newer.private,
        public_public: newer.public,
    })
}

fn written(keys: &Keys) -> Result<String, SandboxError> {
    serde_json::to_string(keys).map_err(|_| SandboxError::Key("keys cannot be kept"))
}

fn unmade(_: tokio::task::JoinError) -> SandboxError {
    SandboxError::Key("keys cannot be made")
}
