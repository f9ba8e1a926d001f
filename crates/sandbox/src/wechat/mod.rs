//! WeChat Pay `APIv3` for direct merchants, as far as it concerns one who sells. There is no sandbox of WeChat's own.

mod aead;
mod answer;
mod certificates;
mod identity;
mod misbehave;
pub(crate) mod notice;
pub(crate) mod order;
mod refund;
mod request;
mod wire;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;

use self::answer::{Done, Fault};
pub(crate) use self::identity::Wechat;
pub use self::identity::WechatMerchant;
use self::request::{Call, Request};
use crate::Sandbox;
use crate::alipay::{beijing, digits};
use crate::store::Product;

/// Under which name a fault may ask for the refund's call.
pub(crate) const REFUND: &str = "refund";
/// The buyer's account takes nothing; the money is back with the merchant.
pub(crate) const ABNORMAL: &str = "ABNORMAL";
/// The refund did not happen.
pub(crate) const CLOSED: &str = "CLOSED";
/// Where clients with a base address of ours have us.
const PREFIX: &str = "/sandbox/wechat";

/// Whether there is a call of this name.
pub(crate) fn is_call(name: &str) -> bool {
    Call::NAMES.contains(&name)
}

/// The gateway's number of a refund: 29 digits, as the real one's.
pub(crate) fn refund_id(entropy: &Entropy, now: Timestamp) -> String {
    format!("503{}{}", beijing::date_digits(now), digits(entropy, 18))
}

/// `GET /sandbox/wechat/merchant`: the public half of what a merchant's settings name. The secrets lie in files.
pub(crate) async fn merchant(State(sandbox): State<Sandbox>) -> Json<Value> {
    let merchant = sandbox.wechat_merchant();
    Json(json!({
        "gateway": merchant.gateway,
        "app_id": merchant.app_id,
        "mch_id": merchant.mch_id,
        "certificate": merchant.certificate,
        "public_key_id": merchant.public_key_id,
        "public_key": merchant.public_key,
    }))
}

/// `/sandbox/wechat/v3/…`: every call, whatever its method.
pub(crate) async fn gateway(
    State(sandbox): State<Sandbox>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request::new(&method, &uri, &headers, &body);
    let (fault, result) = misbehave::call(&sandbox, &request).await;
    let result = result.unwrap_or_else(|fault| match fault {
        Fault::Refused(refusal) => {
            tracing::debug!(?refusal, "the gateway refused a call");
            refusal.written()
        }
        Fault::Failed(error) => {
            tracing::error!(%error, "the gateway failed");
            answer::Refusal::system_error().written()
        }
    });
    misbehave::answer(&sandbox, fault, request.wanted_serial(), &result)
}

/// What a call of a verified merchant does.
async fn done(sandbox: &Sandbox, request: &Request<'_>, call: &Call) -> Result<Done, Fault> {
    match call {
        Call::Native => order::place(sandbox, request, Product::Native).await,
        Call::Jsapi => order::place(sandbox, request, Product::Jsapi).await,
        Call::H5 => order::place(sandbox, request, Product::H5).await,
        Call::App => order::place(sandbox, request, Product::App).await,
        Call::Query(number) => order::query(sandbox, request, number).await,
        Call::QueryPaid(number) => order::query_paid(sandbox, request, number).await,
        Call::Close(number) => order::close(sandbox, request, number).await,
        Call::Refund => refund::refund(sandbox, request).await,
        Call::RefundQuery(number) => refund::query(sandbox, number).await,
        Call::Certificates => certificates::list(sandbox),
    }
}
