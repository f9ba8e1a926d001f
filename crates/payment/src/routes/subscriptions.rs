//! Buying, and what one has.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::input::Body;
use tollgate_kernel::money::AmountText;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::{InScope, Payments};
use utoipa::ToSchema;

use super::{answer, idempotency_key, pay_by};
use crate::model::payment::PaymentMethod;
use crate::operations::checkout::{Expected, PlanRef, Subscribe};
use crate::operations::renew::Renew;
use crate::operations::way::PayBy;
use crate::shapes::{CheckoutShape, SubscriptionShape};
use crate::{PaymentService, problems};

/// A purchase to begin.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SubscribeBody {
    /// Id (or slug) of the plan.
    plan_id: Option<String>,
    /// Slug of the plan.
    #[schema(example = "pro")]
    plan_slug: Option<String>,
    /// `alipay`. Free plans need none.
    #[schema(example = "alipay")]
    payment_method: Option<String>,
    /// What you believe it costs; refused when it does not, never used.
    #[schema(value_type = Option<String>, example = "99.00")]
    amount: Option<AmountText>,
    /// The same in minor units.
    amount_minor: Option<i64>,
    /// The same by another name.
    #[schema(value_type = Option<String>)]
    price: Option<AmountText>,
    /// The same in minor units.
    price_minor: Option<i64>,
    /// ISO 4217.
    currency: Option<String>,
    /// On what the buyer pays: `pc` (a code to scan), `page` (the provider's page at a desk), `h5` (a
    /// phone's browser), `app` or `jsapi`. Without it, told by the `User-Agent`.
    client: Option<String>,
    /// Where the buyer's browser comes back to, on an origin of `PUBLIC_URL` or `CORS_ORIGINS`.
    /// Coming back proves nothing: ask for the status.
    #[schema(example = "https://shop.example/paid")]
    return_url: Option<String>,
    /// The buyer in your WeChat application; `jsapi` takes it.
    openid: Option<String>,
    /// To try it first, without money, where the plan has `trial_days`: once per person, and over by itself.
    trial: Option<bool>,
}

/// Begins a purchase. A dearer plan than the one in force begins once it is paid, and what is left of the old one is
/// counted; a cheaper one follows when the paid term ends (`POST /payments/quote` says which, with every number). A free plan is yours at once; for a paid one you get what to pay with, and it
/// is yours when the provider has confirmed the money. An open order for the same plan is returned
/// again instead of a second one.
#[utoipa::path(post, path = "/subscriptions/subscribe", tag = "subscriptions", request_body = SubscribeBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours")),
    responses(
        (status = 201, body = CheckoutShape),
        (status = 404, description = "`not_found`: no such plan on sale"),
        (status = 409, description = "`idempotency_in_progress`"),
        (status = 422, description = "`validation_failed`, `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `idempotency_key_reused`"),
        (status = 502, description = "`provider_error`"),
        (status = 503, description = "`payments_not_configured`"),
    ))]
pub(super) async fn subscribe(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    caller: Caller,
    origin: Origin,
    headers: HeaderMap,
    Body { value: body, bytes }: Body<SubscribeBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(
        &headers,
        &caller,
        "/payments/subscriptions/subscribe",
        &bytes,
    )?;
    let wish = Subscribe {
        user_id,
        by: PayBy {
            // A free plan is paid by no method; the first stands for it.
            method: match &body.payment_method {
                None => PaymentMethod::Alipay,
                Some(word) => pay_by::method(word)?,
            },
            client: pay_by::client(body.client.as_deref())?,
            device: pay_by::device(&headers),
            return_url: body.return_url,
            payer: pay_by::payer(&origin, body.openid),
        },
        expected: expected(
            body.amount,
            body.amount_minor,
            body.price,
            body.price_minor,
            body.currency,
        )?,
        plan: PlanRef {
            plan_id: body.plan_id,
            plan_slug: body.plan_slug,
        },
        trial: body.trial.unwrap_or(false),
    };
    let begun = service
        .subscribe(&wish, key.as_ref())
        .await
        .map_err(problems::checkout)?;
    Ok(answer(StatusCode::CREATED, &begun))
}

/// A further term to pay.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RenewBody {
    /// `alipay`.
    #[schema(example = "alipay")]
    payment_method: String,
    /// What you believe it costs; refused when it does not, never used.
    #[schema(value_type = Option<String>, example = "99.00")]
    amount: Option<AmountText>,
    /// The same in minor units.
    amount_minor: Option<i64>,
    /// ISO 4217.
    currency: Option<String>,
    /// On what the buyer pays, as for `subscribe`.
    client: Option<String>,
    /// Where the buyer's browser comes back to, as for `subscribe`.
    #[schema(example = "https://shop.example/paid")]
    return_url: Option<String>,
    /// The buyer in your WeChat application; `jsapi` takes it.
    openid: Option<String>,
}

/// Begins the purchase of a further term of the plan that is in force. It is added to the end of what is paid, however
/// early it is bought. An open order for it is returned again instead of a second one.
#[utoipa::path(post, path = "/subscriptions/renew", tag = "subscriptions", request_body = RenewBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours")),
    responses(
        (status = 201, body = CheckoutShape),
        (status = 404, description = "`no_subscription`; `not_found`: the plan is not on sale any more"),
        (status = 409, description = "`idempotency_in_progress`"),
        (status = 422, description = "`validation_failed`: a free or lifetime plan has no term, or it renews by itself; `amount_mismatch`, `method_unavailable`, `currency_unsupported`, `idempotency_key_reused`"),
        (status = 502, description = "`provider_error`"),
        (status = 503, description = "`payments_not_configured`"),
    ))]
pub(super) async fn renew(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    caller: Caller,
    origin: Origin,
    headers: HeaderMap,
    Body { value: body, bytes }: Body<RenewBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &caller, "/payments/subscriptions/renew", &bytes)?;
    let wish = Renew {
        user_id,
        by: PayBy {
            method: pay_by::method(&body.payment_method)?,
            client: pay_by::client(body.client.as_deref())?,
            device: pay_by::device(&headers),
            return_url: body.return_url,
            payer: pay_by::payer(&origin, body.openid),
        },
        expected: Expected {
            amount: body.amount,
            amount_minor: body.amount_minor,
            currency: body.currency,
        },
    };
    let begun = service
        .renew(&wish, key.as_ref())
        .await
        .map_err(problems::checkout)?;
    Ok(answer(StatusCode::CREATED, &begun))
}

/// Two names for one thing may both be used, if they say the same.
fn expected(
    amount: Option<AmountText>,
    amount_minor: Option<i64>,
    price: Option<AmountText>,
    price_minor: Option<i64>,
    currency: Option<String>,
) -> Result<Expected, Problem> {
    let differ = amount.is_some() && price.is_some() && amount != price;
    let minor_differ =
        amount_minor.is_some() && price_minor.is_some() && amount_minor != price_minor;
    if differ || minor_differ {
        return Err(Problem::new(Code::AmountMismatch));
    }
    Ok(Expected {
        amount: amount.or(price),
        amount_minor: amount_minor.or(price_minor),
        currency,
    })
}

/// The subscription in force.
#[utoipa::path(get, path = "/subscriptions/current", tag = "subscriptions",
    responses((status = 200, body = SubscriptionShape), (status = 404, description = "`no_subscription`")))]
pub(super) async fn current(
    State(service): State<PaymentService>,
    InScope(user, ..): InScope<Payments>,
) -> Result<Json<SubscriptionShape>, Problem> {
    let held = service.current_subscription(user).await?;
    held.map(Json)
        .ok_or_else(|| Problem::new(Code::NoSubscription))
}

/// Where the provider's page leads back to.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PortalBody {
    /// On an origin of `PUBLIC_URL` or `CORS_ORIGINS`; the service itself, if left out.
    return_url: Option<String>,
}

/// The way to the provider's page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortalShape {
    /// Short-lived, for this buyer only: go there at once, never store or mail it.
    url: String,
}

/// A link to the provider's own page, where a buyer changes a card or ends what debits by itself. For those who have
/// paid by a rail that has one (Stripe).
#[utoipa::path(post, path = "/subscriptions/portal", tag = "subscriptions", request_body = PortalBody,
    responses(
        (status = 200, body = PortalShape),
        (status = 404, description = "`no_subscription`: nothing here debits by itself"),
        (status = 422, description = "`validation_failed`"),
        (status = 502, description = "`provider_error`"),
    ))]
pub(super) async fn portal(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    Body { value: body, .. }: Body<PortalBody>,
) -> Result<Json<PortalShape>, Problem> {
    let url = service.portal(user_id, body.return_url.as_deref()).await?;
    url.map(|url| Json(PortalShape { url }))
        .ok_or_else(|| Problem::new(Code::NoSubscription))
}

/// Why it ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct CancelBody {
    /// For the operator, in at most 500 characters.
    reason: Option<String>,
}

/// Nothing to say.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct ResumeBody {}

/// No further term, and no further debit: what is paid stays usable to its end. Where a debit has failed and is being
/// tried again, it ends at once.
#[utoipa::path(post, path = "/subscriptions/cancel", tag = "subscriptions", request_body = CancelBody,
    responses(
        (status = 200, body = SubscriptionShape),
        (status = 404, description = "`no_subscription`"),
        (status = 422, description = "`validation_failed`: a free or lifetime plan has no end to cancel to"),
    ))]
pub(super) async fn cancel(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    Body { value: body, .. }: Body<CancelBody>,
) -> Result<Json<SubscriptionShape>, Problem> {
    let cancelled = service
        .cancel_subscription(user_id, body.reason.as_deref())
        .await;
    cancelled.map(Json).map_err(problems::change)
}

/// Takes a cancellation back, before the term is over; it renews as it did before.
#[utoipa::path(post, path = "/subscriptions/resume", tag = "subscriptions", request_body = ResumeBody,
    responses((status = 200, body = SubscriptionShape), (status = 404, description = "`no_subscription`")))]
pub(super) async fn resume(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    _: Body<ResumeBody>,
) -> Result<Json<SubscriptionShape>, Problem> {
    let resumed = service.resume_subscription(user_id).await;
    resumed.map(Json).map_err(problems::change)
}
