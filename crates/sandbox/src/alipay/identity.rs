//! Who the gateway is, and whom it knows: one merchant with two applications, one in public-key
//! mode and one in certificate mode, on the same keys.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;

use super::certificates::{ALIPAY_FILE, APP_FILE, Chain, ROOT_FILE};
use super::digits;
use crate::keys::{self, SigningKey, VerifyingKey, armoured};
use crate::store::{Peer, Rail, Store, create_private};
use crate::{Sandbox, SandboxError};

/// What a merchant would copy from Alipay's console.
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
/// let merchant = sandbox.alipay_merchant();
/// assert_eq!(merchant.gateway, "http://127.0.0.1:8080/sandbox/alipay/gateway.do");
/// assert!(merchant.certificates.is_none(), "of public-key mode");
/// assert!(!format!("{merchant:?}").contains(&merchant.private_key));
///
/// let other = sandbox.alipay_certificate_merchant();
/// assert_ne!(other.app_id, merchant.app_id);
/// assert_eq!(other.private_key, merchant.private_key, "one merchant, two applications");
/// let files = other.certificates.expect("of certificate mode");
/// assert!(files.root.starts_with("-----BEGIN CERTIFICATE-----"));
///
/// sandbox.change_alipay_key().await?;
/// assert_ne!(sandbox.alipay_merchant().alipay_public_key, merchant.alipay_public_key);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AlipayMerchant {
    /// The application's number.
    pub app_id: String,
    /// The account the money goes to.
    pub seller_id: String,
    /// The merchant's own private key: bare base64 of PKCS#8.
    pub private_key: String,
    /// The gateway's public key: bare base64 of an SPKI.
    pub alipay_public_key: String,
    /// Where requests go.
    pub gateway: String,
    /// Of an application in certificate mode.
    pub certificates: Option<AlipayCertificates>,
}

impl fmt::Debug for AlipayMerchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlipayMerchant")
            .field("app_id", &self.app_id)
            .field("seller_id", &self.seller_id)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

/// The three files of certificate mode, as PEM.
///
/// ```
/// # use std::path::Path;
/// # use tollgate_sandbox::AlipayCertificates;
/// /// As a merchant downloads them.
/// fn write(files: &AlipayCertificates, folder: &Path) -> std::io::Result<()> {
///     std::fs::write(folder.join("appCertPublicKey.crt"), &files.app)?;
///     std::fs::write(folder.join("alipayCertPublicKey_RSA2.crt"), &files.alipay)?;
///     std::fs::write(folder.join("alipayRootCert.crt"), &files.root)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlipayCertificates {
    /// `appCertPublicKey.crt`: the application's own.
    pub app: String,
    /// `alipayCertPublicKey_RSA2.crt`: of the key that answers and notices are signed with.
    pub alipay: String,
    /// `alipayRootCert.crt`: the roots; not all of them are RSA.
    pub root: String,
}

/// The gateway's own side: its identity, and the merchant's public half.
pub(crate) struct Alipay {
    identity: RwLock<Arc<Identity>>,
}

/// As it is between two changes of keys.
pub(crate) struct Identity {
    /// The application in public-key mode.
    pub(crate) app_id: String,
    pub(crate) seller_id: String,
    pub(super) signing: SigningKey,
    pub(super) merchant: VerifyingKey,
    keys: Keys,
    chain: Chain,
    /// As it stands in the file.
    kept: String,
}

/// As kept in the file. A real gateway never sees the merchant's private half; this one hands it
/// out, so that nobody has to make a key before trying something.
#[derive(Clone, Serialize, Deserialize)]
struct Keys {
    merchant_private: String,
    merchant_public: String,
    gateway_private: String,
    gateway_public: String,
    /// Missing in files of versions without certificate mode.
    chain: Option<Chain>,
}

impl Identity {
    /// Whether one of the two applications has this number.
    pub(super) fn knows(&self, app_id: &str) -> bool {
        app_id == self.app_id || app_id == self.chain.app_id
    }

    /// The certificates of an application in certificate mode.
    pub(super) fn chain_of(&self, app_id: &str) -> Option<&Chain> {
        (app_id == self.chain.app_id).then_some(&self.chain)
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Both applications.
    pub(crate) fn apps(&self) -> [&str; 2] {
        [&self.app_id, &self.chain.app_id]
    }

    /// A merchant of the file, whose keys are whole.
    fn of(peer: Peer) -> Result<Self, SandboxError> {
        let keys = read(&peer.keys)?;
        let chain = keys.chain.clone();
        Ok(Self {
            app_id: peer.app_id,
            seller_id: peer.merchant_id,
            signing: SigningKey::read(&keys.gateway_private)?,
            merchant: VerifyingKey::read(&keys.merchant_public)?,
            chain: chain.ok_or(SandboxError::Key("certificates are missing"))?,
            keys,
            kept: peer.keys,
        })
    }

    fn merchant(&self, gateway: String) -> AlipayMerchant {
        AlipayMerchant {
            app_id: self.app_id.clone(),
            seller_id: self.seller_id.clone(),
            private_key: self.keys.merchant_private.clone(),
            alipay_public_key: self.keys.gateway_public.clone(),
            gateway,
            certificates: None,
        }
    }

    fn certificate_merchant(&self, gateway: String) -> AlipayMerchant {
        let file = |name| self.chain.file(name).unwrap_or_default().to_owned();
        AlipayMerchant {
            app_id: self.chain.app_id.clone(),
            certificates: Some(AlipayCertificates {
                app: file(APP_FILE),
                alipay: file(ALIPAY_FILE),
                root: file(ROOT_FILE),
            }),
            ..self.merchant(gateway)
        }
    }

    /// Puts what a merchant's settings name into a folder: the private key readable by its owner only.
    fn write(&self, folder: &Path) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::File {
            file: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let (private, public) = (&self.keys.merchant_private, &self.keys.gateway_public);
        for (name, text) in [
            ("appPrivateKey.pem", armoured("PRIVATE KEY", private)),
            ("alipayPublicKey.pem", armoured("PUBLIC KEY", public)),
        ] {
            let file = folder.join(name);
            create_private(&file)?;
            std::fs::write(file, text).map_err(failed)?;
        }
        for name in [APP_FILE, ALIPAY_FILE, ROOT_FILE] {
            let text = self.chain.file(name).unwrap_or_default();
            std::fs::write(folder.join(name), text).map_err(failed)?;
        }
        Ok(())
    }
}

impl Alipay {
    pub(crate) async fn open(
        store: &Store,
        clock: &Clock,
        entropy: &Entropy,
    ) -> Result<Self, SandboxError> {
        let peer = if let Some(peer) = store.find_peer(Rail::Alipay).await? {
            peer
        } else {
            let peer = Peer {
                app_id: format!("2021{}", digits(entropy, 12)),
                merchant_id: format!("2088{}", digits(entropy, 12)),
                keys: make_keys(entropy).await?,
            };
            store.keep_peer(Rail::Alipay, &peer, clock.now()).await?;
            store.find_peer(Rail::Alipay).await?.unwrap_or(peer)
        };
        let peer = with_chain(store, peer, clock, entropy).await?;
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

    /// Writes the files of both modes into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SandboxError> {
        self.identity().write(folder)
    }
}

impl Sandbox {
    /// What a merchant would copy from Alipay's console into its settings, in public-key mode.
    pub fn alipay_merchant(&self) -> AlipayMerchant {
        let gateway = self.address("/sandbox/alipay/gateway.do");
        self.inner.alipay.identity().merchant(gateway)
    }

    /// The merchant's other application, in certificate mode, with its three files.
    pub fn alipay_certificate_merchant(&self) -> AlipayMerchant {
        let gateway = self.address("/sandbox/alipay/gateway.do");
        self.inner.alipay.identity().certificate_merchant(gateway)
    }

    /// The gateway signs with a new key, under a new certificate of the same root, from now on. A
    /// merchant in public-key mode must copy the new key; one in certificate mode can ask for it.
    ///
    /// ```
    /// # use tollgate_sandbox::{Sandbox, SandboxError};
    /// /// What a merchant in public-key mode copies anew.
    /// async fn renewed(sandbox: &Sandbox) -> Result<String, SandboxError> {
    ///     sandbox.change_alipay_key().await?;
    ///     Ok(sandbox.alipay_merchant().alipay_public_key)
    /// }
    /// ```
    ///
    /// # Errors
    /// When no key can be made, or the file cannot be written.
    pub async fn change_alipay_key(&self) -> Result<(), SandboxError> {
        let inner = &self.inner;
        let identity = inner.alipay.identity();
        let key = spawn_blocking(keys::generate).await.map_err(unmade)??;
        let (mut keys, mut chain) = (identity.keys.clone(), identity.chain.clone());
        chain.renew(&key.private, &inner.entropy)?;
        (keys.gateway_private, keys.gateway_public) = (key.private, key.public);
        keys.chain = Some(chain);
        let (known, keys) = (&identity.kept, written(&keys)?);
        let store = &inner.store;
        store
            .change_peer_keys(Rail::Alipay, known, &keys, inner.clock.now())
            .await?;
        // Whoever was faster changed it just now, which is as good.
        let Some(peer) = store.find_peer(Rail::Alipay).await? else {
            return Ok(());
        };
        inner.alipay.become_another(Identity::of(peer)?);
        inner.alipay.write(&inner.files)
    }
}

/// The peer with certificates: a file of an earlier version has none.
async fn with_chain(
    store: &Store,
    peer: Peer,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Peer, SandboxError> {
    let mut keys = read(&peer.keys)?;
    if keys.chain.is_some() {
        return Ok(peer);
    }
    let root = spawn_blocking(keys::generate).await.map_err(unmade)??;
    keys.chain = Some(chain(&keys, root.private, entropy)?);
    let keys = written(&keys)?;
    store
        .change_peer_keys(Rail::Alipay, &peer.keys, &keys, clock.now())
        .await?;
    Ok(store.find_peer(Rail::Alipay).await?.unwrap_or(peer))
}

/// Keys for both sides and a root, made at once, as they are kept.
async fn make_keys(entropy: &Entropy) -> Result<String, SandboxError> {
    let made = tokio::join!(
        spawn_blocking(keys::generate),
        spawn_blocking(keys::generate),
        spawn_blocking(keys::generate)
    );
    let merchant = made.0.map_err(unmade)??;
    let (gateway, root) = (made.1.map_err(unmade)??, made.2.map_err(unmade)??);
    let mut keys = Keys {
        merchant_private: merchant.private,
        merchant_public: merchant.public,
        gateway_private: gateway.private,
        gateway_public: gateway.public,
        chain: None,
    };
    keys.chain = Some(chain(&keys, root.private, entropy)?);
    written(&keys)
}

fn chain(keys: &Keys, root_private: String, entropy: &Entropy) -> Result<Chain, SandboxError> {
    let app_id = format!("2021{}", digits(entropy, 12));
    let (app, alipay) = (&keys.merchant_private, &keys.gateway_private);
    Chain::make(app_id, app, alipay, root_private, entropy)
}

fn read(keys: &str) -> Result<Keys, SandboxError> {
    serde_json::from_str(keys).map_err(|_| SandboxError::Key("keys cannot be read"))
}

fn written(keys: &Keys) -> Result<String, SandboxError> {
    serde_json::to_string(keys).map_err(|_| SandboxError::Key("keys cannot be kept"))
}

fn unmade(_: tokio::task::JoinError) -> SandboxError {
    SandboxError::Key("keys cannot be made")
}
