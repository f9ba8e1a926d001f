//! Money that goes back: staff with `finance` only.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tollgate_kernel::ids::{PaymentId, RefundId};
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::money::AmountText;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Confirmed, Named, Permitted};
use tollgate_kernel::problem::{FieldErrors, Problem};
use utoipa::{IntoParams, ToSchema};

use super::{answer, idempotency_key};
use crate::operations::refund::WantRefund;
use crate::shapes::RefundShape;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;
/// Alipay takes 256 characters, WeChat 80 bytes.
pub(super) const REASON_CHARS: usize = 256;

pub(super) struct Finance;
impl Named for Finance {
    const NAME: &'static str = permission::FINANCE;
}

pub(super) struct PaymentsRead;
impl Named for PaymentsRead {
    const NAME: &'static str = permission::PAYMENTS_READ;
}

/// How much goes back, and why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RefundBody {
    /// Decimal text; with neither this nor `amount_minor`, all that is left.
    #[schema(value_type = Option<String>, example = "9.90")]
    amount: Option<AmountText>,
    /// The same in minor units.
    amount_minor: Option<i64>,
    /// 1 to 256 characters; the buyer may read it.
    #[schema(example = "paid twice")]
    reason: String,
    /// `true`: what was bought ends, though a part goes back; `false`: it stays, though all does. Left out:
    /// it ends when all has gone back. A renewal takes its own term off the end.
    end_subscription: Option<bool>,
}

/// Sends money of a payment back, as often as something is left. Takes `finance` and a confirmation of the
/// last five minutes. `pending` is on its way and decided by itself.
#[utoipa::path(post, path = "/refund/{transaction_id}", tag = "payments", request_body = RefundBody,
    params(("transaction_id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "the same refund again for 24 hours, as it stands then")),
    responses(
        (status = 201, body = RefundShape),
        (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`refund_in_progress`"),
        (status = 422, description = "`refund_exceeds_payment`; `validation_failed`: nothing paid, nothing left; `unknown_field`, `idempotency_key_reused`"),
        (status = 502, description = "`provider_error`: refused, the amount is free again"),
    ))]
pub(super) async fn refund(
    State(service): State<PaymentService>,
    staff: Permitted<Finance>,
    _confirmed: Confirmed,
    origin: Origin,
    headers: HeaderMap,
    PathId(payment_id): PathId<PaymentId>,
    StrictBody { value: body, bytes }: StrictBody<RefundBody>,
) -> Result<Response, Problem> {
    let bound = [payment_id.to_string().as_bytes(), &bytes].concat();
    let key = idempotency_key(&headers, &staff.0, "/payments/refund", &bound)?;
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        let mut errors = FieldErrors::new();
        let detail = WORDS.text("reason.length_256");
        errors.note("/reason", "invalid_reason", detail);
        errors.finish()?;
    }
    let wish = WantRefund {
        payment_id,
        amount: body.amount,
        amount_minor: body.amount_minor,
        reason: reason.to_owned(),
        end_subscription: body.end_subscription,
        requested_by: staff.0.user_id(),
    };
    let made = service.refund(&wish, &origin, key.as_ref()).await;
    Ok(answer(
        StatusCode::CREATED,
        &made.map_err(problems::refund)?,
    ))
}

/// Which refunds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RefundParams {
    /// Of this payment only.
    #[param(value_type = Option<String>)]
    transaction_id: Option<PaymentId>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<RefundId>,
}

/// A page of refunds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundPage {
    data: Vec<RefundShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<RefundId>,
}

/// Refunds of everybody, newest first. Takes `payments.read`.
#[utoipa::path(get, path = "/refunds", tag = "admin", params(RefundParams),
    responses((status = 200, body = RefundPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<RefundParams>,
) -> Result<Json<RefundPage>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid(
            "/limit",
            "out_of_range",
            WORDS.text("list.limit_100"),
        ));
    }
    let page = service.refunds(params.transaction_id, params.starting_after, limit);
    let Some((refunds, has_more)) = page.await? else {
        return Err(Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
        ));
    };
    let next_cursor = refunds.last().filter(|_| has_more).map(|last| last.id);
    Ok(Json(RefundPage {
        data: refunds.iter().map(RefundShape::from).collect(),
        has_more,
        next_cursor,
    }))
}
