//! How money comes in: the gateways of the settings, or their look-alikes.

use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_payment::providers::PaymentProvider;
use tollgate_payment::providers::alipay::{Alipay, AlipayConfig, AlipayKeys};
use tollgate_payment::providers::stripe::{Stripe, StripeConfig};
use tollgate_payment::providers::wechat::{Wechat, WechatConfig};
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
    let alipay = match sandbox {
        Some(sandbox) => Some(sandbox_alipay(sandbox, addr, public_url)?),
        None => config.alipay.clone(),
    };
    let mut providers = Vec::new();
    if let Some(alipay) = alipay {
        let provider = Alipay::new(&alipay, clock.clone()).map_err(|faults| {
            let faults: Vec<String> = faults
                .iter()
                .map(|fault| format!("{} {}", fault.variable, fault.reason))
                .collect();
            Faults::one("ALIPAY", faults.join("; "))
        })?;
        providers.push(Arc::new(provider) as Arc<dyn PaymentProvider>);
    }
    let wechat = match sandbox {
        Some(_) => None,
        None => config.wechat.clone(),
    };
    if let Some(wechat) = wechat {
        let wechat = WechatConfig {
            refund_notify_url: Some(format!("{public_url}/payments/webhooks/wechat")),
            ..wechat
        };
        let provider = Wechat::new(&wechat, clock.clone(), entropy.clone()).map_err(|faults| {
            let faults: Vec<String> = faults
                .iter()
                .map(|fault| format!("{} {}", fault.variable, fault.reason))
                .collect();
            Faults::one("WECHAT", faults.join("; "))
        })?;
        providers.push(Arc::new(provider) as Arc<dyn PaymentProvider>);
    }
    let stripe = config.stripe.as_ref().filter(|_| sandbox.is_none());
    if let Some(stripe) = stripe {
        providers.push(open_stripe(stripe, clock)?);
    }
    Ok(providers)
}

fn open_stripe(config: &StripeConfig, clock: &Clock) -> Result<Arc<dyn PaymentProvider>, Faults> {
    let provider = Stripe::new(config, clock.clone()).map_err(|faults| {
        let faults: Vec<String> = faults
            .iter()
            .map(|fault| format!("{} {}", fault.variable, fault.reason))
            .collect();
        Faults::one("STRIPE", faults.join("; "))
    })?;
    Ok(Arc::new(provider))
}

/// The settings a merchant of the look-alike would have, with its gateway on this very port.
fn sandbox_alipay(
    sandbox: &Sandbox,
    addr: SocketAddr,
    public_url: &str,
) -> Result<AlipayConfig, Faults> {
    let merchant = sandbox.alipay_merchant();
    let at = |base: &str| format!("{base}/sandbox/alipay/gateway.do").parse().ok();
    let fault = || Faults::one("ADDR", "gives no address for the sandbox");
    Ok(AlipayConfig {
        app_id: merchant.app_id,
        private_key: merchant.private_key.into(),
        keys: AlipayKeys::PublicKey(merchant.alipay_public_key),
        gateway: at(&format!("http://127.0.0.1:{}", addr.port())).ok_or_else(fault)?,
        // A browser may be elsewhere.
        pages: Some(at(public_url).ok_or_else(fault)?),
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
