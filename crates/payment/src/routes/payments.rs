//! Payments that are no plan, and how payments stand.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::money::AmountText;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::{InScope, Payments};
use utoipa::{IntoParams, ToSchema};

use super::{answer, idempotency_key, pay_by};
use crate::PaymentService;
use crate::operations::create_payment::CreatePayment;
use crate::operations::way::PayBy;
use crate::shapes::{CheckoutShape, TransactionShape};

/// A payment to begin.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreatePaymentBody {
    /// Decimal text with exactly the currency's places; this or `amount_minor`.
    #[schema(value_type = Option<String>, example = "9.90")]
    amount: Option<AmountText>,
    /// The same in minor units.
    amount_minor: Option<i64>,
    /// ISO 4217; `DEFAULT_CURRENCY` when left out.
    #[schema(example = "CNY")]
    currency: Option<String>,
    /// `alipay`.
    #[schema(example = "alipay")]
    payment_method: String,
    /// What the buyer reads: 1 to 127 characters.
    #[schema(example = "A printed report")]
    description: String,
    /// What you keep with it: at most 50 names of 1 to 40 characters, each with a text of at most 500
    /// characters, a number or a truth value.
    metadata: Option<Map<String, Value>>,
    /// On what the buyer pays, as at subscribe.
    client: Option<String>,
    /// Where the buyer's browser comes back to, as at subscribe.
    return_url: Option<String>,
    /// The buyer in your WeChat application; `jsapi` takes it.
    openid: Option<String>,
}

/// Begins a payment for something of your own: no plan is had by it. Each call is an order; with an
/// `Idempotency-Key`, repeats are one.
#[utoipa::path(post, path = "/create", tag = "payments", request_body = CreatePaymentBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours")),
    responses(
        (status = 201, body = CheckoutShape),
        (status = 409, description = "`idempotency_in_progress`"),
        (status = 422, description = "`validation_failed`, `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `unknown_field`, `idempotency_key_reused`"),
        (status = 502, description = "`provider_error`"),
        (status = 503, description = "`payments_not_configured`"),
    ))]
pub(super) async fn create(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    caller: Caller,
    origin: Origin,
    headers: HeaderMap,
    StrictBody { value: body, bytes }: StrictBody<CreatePaymentBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &caller, "/payments/create", &bytes)?;
    let wish = CreatePayment {
        user_id,
        amount: body.amount,
        amount_minor: body.amount_minor,
        currency: body.currency,
        by: PayBy {
            method: pay_by::method(&body.payment_method)?,
            client: pay_by::client(body.client.as_deref())?,
            device: pay_by::device(&headers),
            return_url: body.return_url,
            payer: pay_by::payer(&origin, body.openid),
        },
        description: body.description,
        metadata: body.metadata.unwrap_or_default(),
    };
    let begun = service.create_payment(&wish, key.as_ref()).await?;
    Ok(answer(StatusCode::CREATED, &begun))
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusParams {
    /// Seconds to wait for a change; at most 25.
    wait: Option<u64>,
}

/// How a payment stands. One that waits for more than five seconds is asked about at the provider.
#[utoipa::path(get, path = "/status/{transaction_id}", tag = "payments",
    params(("transaction_id" = String, Path), StatusParams),
    responses((status = 200, body = TransactionShape), (status = 404, description = "`not_found`")))]
pub(super) async fn status(
    State(service): State<PaymentService>,
    InScope(user, ..): InScope<Payments>,
    PathId(id): PathId<PaymentId>,
    Params(params): Params<StatusParams>,
) -> Result<Json<TransactionShape>, Problem> {
    let wait = Duration::from_secs(params.wait.unwrap_or(0));
    let payment = service.payment_status(user, id, wait).await?;
    payment
        .map(|payment| Json(TransactionShape::from(&payment)))
        .ok_or_else(|| Problem::new(Code::NotFound))
}
