//! How money comes in: the gateways of the settings, or their look-alikes.

use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::providers::PaymentProvider;
use tollgate_payment::providers::alipay::{Alipay, AlipayConfig, AlipayKeys};
use tollgate_payment::providers::stripe::{Stripe, StripeConfig};
use tollgate_payment::providers::wechat::{Wechat, WechatConfig, WechatPublicKey};
use tollgate_sandbox::{Sandbox, SandboxConfig, SandboxError};

use crate::config::{Config, Faults};

/// The look-alikes, called over HTTP like the real gateways.
pub(crate) async fn open_sandbox(
    config: &Config,
    public_url: &str,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Sandbox, SandboxError> {
    Sandbox::open(SandboxConfig {
        data_file: config.data_dir.join("sandbox.db"),
        base_url: public_url.to_owned(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        default_language: config.default_language,
    })
    .await
}

/// Every rail that is configured; with the sandbox, its look-alikes and no other.
pub(crate) fn providers(
    config: &Config,
    clock: &Clock,
    entropy: &Entropy,
    sandbox: Option<&Sandbox>,
    addr: SocketAddr,
    public_url: &str,
) -> Result<Vec<Arc<dyn PaymentProvider>>, Faults> {
    let (alipay, wechat, stripe) = match sandbox {
        Some(sandbox) => (
            Some(sandbox_alipay(sandbox, addr, public_url)?),
            Some(sandbox_wechat(sandbox, addr)?),
            Some(sandbox_stripe(sandbox, addr)?),
        ),
        None => (
            config.alipay.clone(),
            config.wechat.clone(),
            config.stripe.clone(),
        ),
    };
    let mut providers = Vec::new();
    if let Some(alipay) = &alipay {
        providers.push(open_alipay(alipay, clock)?);
    }
    if let Some(wechat) = wechat {
        let wechat = WechatConfig {
            refund_notify_url: Some(format!("{public_url}/payments/webhooks/wechat")),
            ..wechat
        };
        providers.push(open_wechat(&wechat, clock, entropy)?);
    }
    if let Some(stripe) = &stripe {
        providers.push(open_stripe(stripe, clock)?);
    }
    Ok(providers)
}

/// All that is wrong with the settings of a rail.
fn told<T: std::fmt::Display>(rail: &'static str, faults: &[T]) -> Faults {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Faults::one(rail, faults.join("; "))
}

fn open_alipay(config: &AlipayConfig, clock: &Clock) -> Result<Arc<dyn PaymentProvider>, Faults> {
    let provider = Alipay::new(config, clock.clone());
    Ok(Arc::new(
        provider.map_err(|faults| told("ALIPAY", &faults))?,
    ))
}

fn open_wechat(
    config: &WechatConfig,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Arc<dyn PaymentProvider>, Faults> {
    let provider = Wechat::new(config, clock.clone(), entropy.clone());
    Ok(Arc::new(
        provider.map_err(|faults| told("WECHAT", &faults))?,
    ))
}

fn open_stripe(config: &StripeConfig, clock: &Clock) -> Result<Arc<dyn PaymentProvider>, Faults> {
    let provider = Stripe::new(config, clock.clone());
    Ok(Arc::new(
        provider.map_err(|faults| told("STRIPE", &faults))?,
    ))
}

/// An address of the sandbox's on this very port, as our own calls reach it.
fn local(addr: SocketAddr, path: &str) -> Result<url::Url, Faults> {
    let url = format!("http://127.0.0.1:{}{path}", addr.port());
    url.parse()
        .map_err(|_| Faults::one("ADDR", "gives no address for the sandbox"))
}

/// The settings a merchant of the look-alike would have who has both of WeChat's keys.
fn sandbox_wechat(sandbox: &Sandbox, addr: SocketAddr) -> Result<WechatConfig, Faults> {
    let merchant = sandbox.wechat_merchant();
    Ok(WechatConfig {
        app_id: merchant.app_id,
        mch_id: merchant.mch_id,
        api_key: merchant.api_key.into(),
        certificate: merchant.certificate,
        private_key: merchant.private_key.into(),
        public_key: Some(WechatPublicKey {
            id: merchant.public_key_id,
            key: merchant.public_key,
        }),
        gateway: local(addr, "/sandbox/wechat")?,
        refund_notify_url: None,
    })
}

/// The settings of an account of the look-alike.
fn sandbox_stripe(sandbox: &Sandbox, addr: SocketAddr) -> Result<StripeConfig, Faults> {
    let merchant = sandbox.stripe_merchant();
    Ok(StripeConfig {
        secret_key: merchant.secret_key.into(),
        webhook_secrets: vec![merchant.webhook_secret.into()],
        api_base: local(addr, "/sandbox/stripe")?,
        app_tag: "tollgate".to_owned(),
        former_tags: Vec::new(),
        allow_test_key: true,
    })
}

/// The settings a merchant of the look-alike would have, with its gateway on this very port.
fn sandbox_alipay(
    sandbox: &Sandbox,
    addr: SocketAddr,
    public_url: &str,
) -> Result<AlipayConfig, Faults> {
    let merchant = sandbox.alipay_merchant();
    let pages = format!("{public_url}/sandbox/alipay/gateway.do").parse();
    let pages = pages.map_err(|_| Faults::one("PUBLIC_URL", "gives no address for the sandbox"))?;
    Ok(AlipayConfig {
        app_id: merchant.app_id,
        private_key: merchant.private_key.into(),
        keys: AlipayKeys::PublicKey(merchant.alipay_public_key),
        gateway: local(addr, "/sandbox/alipay/gateway.do")?,
        // A browser may be elsewhere.
        pages: Some(pages),
        seller_id: Some(merchant.seller_id),
    })
}

/// Where the rails of the settings are called.
pub(crate) fn gateways(config: &Config) -> Vec<url::Url> {
    let alipay = config.alipay.iter().map(|alipay| &alipay.gateway);
    let wechat = config.wechat.iter().map(|wechat| &wechat.gateway);
    let stripe = config.stripe.iter().map(|stripe| &stripe.api_base);
    alipay.chain(wechat).chain(stripe).cloned().collect()
}
