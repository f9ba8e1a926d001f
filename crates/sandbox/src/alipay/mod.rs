//! Alipay's classic open-platform gateway (RSA2), as far as it concerns a merchant who sells by QR.

mod answer;
pub(crate) mod beijing;
mod buyer;
pub(crate) mod faults;
mod notice;
mod precreate;
mod refund;
mod request;
mod sign;
mod trade;

use std::fmt;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;

use self::answer::{Fault, Refusal};
pub(crate) use self::buyer::{Outcome, Refusal as BuyerRefusal};
use self::request::{Method, Request};
use self::sign::{SigningKey, VerifyingKey};
use crate::store::{FaultKind, Peer, Rail, Store};
use crate::{Sandbox, SandboxError};

/// What a merchant would copy from Alipay's console.
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

/// The gateway's own side: its identity, and the merchant's public half.
pub(crate) struct Alipay {
    app_id: String,
    seller_id: String,
    keys: Keys,
    signing: SigningKey,
    merchant: VerifyingKey,
}

/// As kept in the file. A real gateway never sees the merchant's private half; this one hands it
/// out, so that nobody has to make a key before trying something.
#[derive(Serialize, Deserialize)]
struct Keys {
    merchant_private: String,
    merchant_public: String,
    gateway_private: String,
    gateway_public: String,
}

impl Alipay {
    pub(crate) async fn open(
        store: &Store,
        clock: &Clock,
        entropy: &Entropy,
    ) -> Result<Self, SandboxError> {
        if let Some(peer) = store.find_peer(Rail::Alipay).await? {
            return Self::of(peer);
        }
        let peer = Peer {
            app_id: format!("2021{}", digits(entropy, 12)),
            merchant_id: format!("2088{}", digits(entropy, 12)),
            keys: make_keys().await?,
        };
        store.keep_peer(Rail::Alipay, &peer, clock.now()).await?;
        let kept = store.find_peer(Rail::Alipay).await?;
        Self::of(kept.unwrap_or(peer))
    }

    fn of(peer: Peer) -> Result<Self, SandboxError> {
        let keys: Keys = serde_json::from_str(&peer.keys)
            .map_err(|_| SandboxError::Key("keys cannot be read"))?;
        Ok(Self {
            app_id: peer.app_id,
            seller_id: peer.merchant_id,
            signing: SigningKey::read(&keys.gateway_private)?,
            merchant: VerifyingKey::read(&keys.merchant_public)?,
            keys,
        })
    }

    pub(crate) fn merchant(&self, gateway: String) -> AlipayMerchant {
        AlipayMerchant {
            app_id: self.app_id.clone(),
            seller_id: self.seller_id.clone(),
            private_key: self.keys.merchant_private.clone(),
            alipay_public_key: self.keys.gateway_public.clone(),
            gateway,
        }
    }
}

/// Keys for both sides, made at once, as they are kept.
async fn make_keys() -> Result<String, SandboxError> {
    let (merchant, gateway) = tokio::join!(
        spawn_blocking(sign::generate),
        spawn_blocking(sign::generate)
    );
    let broken = |_| SandboxError::Key("keys cannot be made");
    let (merchant, gateway) = (merchant.map_err(broken)??, gateway.map_err(broken)??);
    let keys = Keys {
        merchant_private: merchant.private,
        merchant_public: merchant.public,
        gateway_private: gateway.private,
        gateway_public: gateway.public,
    };
    serde_json::to_string(&keys).map_err(|_| SandboxError::Key("keys cannot be kept"))
}

/// Random decimal digits; at most 18, which fit into 64 bits.
fn digits(entropy: &Entropy, count: u32) -> String {
    let width = usize::try_from(count).unwrap_or_default();
    format!("{:0width$}", entropy.below(10_u64.pow(count)))
}

/// `gateway.do`: every method, by GET or POST.
pub(crate) async fn gateway(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let alipay = &sandbox.inner.alipay;
    let request = Request::read(query.as_deref().unwrap_or_default(), &body);
    let (root, key, result) = match request {
        Ok(request) if request.is_from(&alipay.app_id) => {
            let root = request.method().map_or(ERROR_ROOT, Method::root);
            (root, true, call(&sandbox, &request).await)
        }
        Ok(request) => (ERROR_ROOT, false, Err(request.stranger().into())),
        Err(refusal) => (ERROR_ROOT, true, Err(refusal.into())),
    };
    if let Err(Fault::Lost) = result {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    let slice = result.unwrap_or_else(|fault| {
        match &fault {
            Fault::Failed(error) => tracing::error!(%error, "the gateway failed"),
            Fault::Refused(refusal) => tracing::debug!(?refusal, "the gateway refused a call"),
            Fault::Lost => {}
        }
        answer::refused(&fault)
    });
    // Alipay does not know whose key an unknown application would check with, so it does not sign.
    answer::body(root, &slice, key.then_some(&alipay.signing)).map_or_else(
        |error| {
            tracing::error!(%error, "an answer cannot be signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        },
        |body| {
            let headers = [
                (header::CONTENT_TYPE, "application/json;charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, body).into_response()
        },
    )
}

const ERROR_ROOT: &str = "error_response";

async fn call(sandbox: &Sandbox, request: &Request) -> Result<String, Fault> {
    let method = request.require_method()?;
    request.verify(&sandbox.inner.alipay.merchant, sandbox.inner.clock.now())?;
    let name = request.get("method").unwrap_or_default();
    let fault = sandbox.inner.store.take_fault(Rail::Alipay, name).await?;
    match fault {
        None => done(sandbox, request, method).await,
        Some((FaultKind::AnswerLost, _)) => {
            done(sandbox, request, method).await?;
            Err(Fault::Lost)
        }
        Some((FaultKind::Busy, _)) => Err(Refusal::busy().into()),
        Some((FaultKind::Refused, code)) => Err(Refusal::ordered(code).into()),
    }
}

async fn done(sandbox: &Sandbox, request: &Request, method: Method) -> Result<String, Fault> {
    match method {
        Method::Precreate => precreate::precreate(sandbox, request).await,
        Method::Query => trade::query(sandbox, request).await,
        Method::Close => trade::close(sandbox, request).await,
        Method::Refund => refund::refund(sandbox, request).await,
        Method::RefundQuery => refund::query(sandbox, request).await,
    }
}
