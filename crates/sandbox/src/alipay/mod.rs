//! Alipay's classic open-platform gateway (RSA2), as far as it concerns a merchant who sells.

mod answer;
pub(crate) mod beijing;
mod cancel;
mod cashier;
pub(crate) mod certificates;
mod identity;
mod misbehave;
pub(crate) mod notice;
pub(crate) mod order;
mod precreate;
mod refund;
mod request;
mod sign;
pub(crate) mod trade;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;

use self::answer::{Answer, Fault, Refusal};
pub(crate) use self::identity::Alipay;
pub use self::identity::{AlipayCertificates, AlipayMerchant};
use self::request::{Method, Request};
use crate::Sandbox;

/// The one buyer there is, masked as Alipay shows buyers to merchants.
const BUYER_LOGON_ID: &str = "san***@sandbox.example";
const BUYER_USER_ID: &str = "2088000000000001";

/// Under which name a fault may ask for the refund's call.
pub(crate) const REFUND: &str = "alipay.trade.refund";

/// Whether there is a call of this name.
pub(crate) fn is_call(name: &str) -> bool {
    Method::is_call(name)
}

/// The gateway's number of a refund: 26 digits, beginning with the day.
pub(crate) fn refund_no(entropy: &Entropy, now: Timestamp) -> String {
    format!("{}{}", beijing::date_digits(now), digits(entropy, 18))
}

/// Random decimal digits; at most 18, which fit into 64 bits.
pub(crate) fn digits(entropy: &Entropy, count: u32) -> String {
    let width = usize::try_from(count).unwrap_or_default();
    format!("{:0width$}", entropy.below(10_u64.pow(count)))
}

/// `GET /sandbox/alipay/merchant`: the public half of what a merchant's settings name, in both modes.
/// The private key lies in a file.
pub(crate) async fn merchant(State(sandbox): State<Sandbox>) -> Json<Value> {
    let (plain, certified) = (
        sandbox.alipay_merchant(),
        sandbox.alipay_certificate_merchant(),
    );
    let names = [
        certificates::APP_FILE,
        certificates::ALIPAY_FILE,
        certificates::ROOT_FILE,
    ];
    let files = names.map(|name| sandbox.address(&format!("/sandbox/alipay/certificates/{name}")));
    Json(json!({
        "gateway": plain.gateway,
        "seller_id": plain.seller_id,
        "public_key_mode": { "app_id": plain.app_id, "alipay_public_key": plain.alipay_public_key },
        "certificate_mode": {
            "app_id": certified.app_id,
            "certificates": files,
        },
    }))
}

const ERROR_ROOT: &str = "error_response";

/// `gateway.do`: every method, by GET or POST.
pub(crate) async fn gateway(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let read = Request::read(query.as_deref().unwrap_or_default(), &body);
    if let Ok(request) = &read
        && request.method().is_some_and(Method::is_page)
    {
        return cashier::open(&sandbox, request).await;
    }
    let (fault, root, stranger, result) = match &read {
        Ok(request) if request.is_from(&sandbox.inner.alipay.identity()) => {
            let root = request.method().map_or(ERROR_ROOT, Method::root);
            let (fault, result) = misbehave::call(&sandbox, request).await;
            (fault, root, false, result)
        }
        Ok(request) => (None, ERROR_ROOT, true, Err(request.stranger().into())),
        Err(refusal) => (None, ERROR_ROOT, false, Err(refusal.clone().into())),
    };
    let slice = result.unwrap_or_else(|fault| {
        match &fault {
            Fault::Failed(error) => tracing::error!(%error, "the gateway failed"),
            Fault::Refused(refusal) => tracing::debug!(?refusal, "the gateway refused a call"),
        }
        answer::refused(&fault)
    });
    // As it is after the call: the key may have changed.
    let identity = sandbox.inner.alipay.identity();
    let app_id = read.as_ref().ok().and_then(Request::app_id);
    let answer = Answer {
        root,
        slice,
        // Alipay does not know whose key an unknown application would check with, so it does not sign.
        key: (!stranger).then_some(&identity.signing),
        certificate: app_id
            .and_then(|app_id| identity.chain_of(app_id))
            .map(certificates::Chain::alipay_sn),
    };
    misbehave::answer(fault, &answer)
}

/// What a call of a verified merchant does.
async fn done(sandbox: &Sandbox, request: &Request, method: Method) -> Result<String, Fault> {
    match method {
        Method::Precreate => precreate::precreate(sandbox, request).await,
        Method::Query => trade::query(sandbox, request).await,
        Method::Close => trade::close(sandbox, request).await,
        Method::Cancel => cancel::cancel(sandbox, request).await,
        Method::Refund => refund::refund(sandbox, request).await,
        Method::RefundQuery => refund::query(sandbox, request).await,
        Method::CertificateDownload => {
            certificates::download(sandbox.inner.alipay.identity().chain(), request)
        }
        Method::PagePay | Method::WapPay | Method::AppPay => {
            Err(Refusal::invalid("isv.invalid-method", "只能由浏览器打开").into())
        }
    }
}
