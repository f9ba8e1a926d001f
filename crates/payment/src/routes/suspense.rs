//! Money that fits no payable order: seen by staff, decided by `finance`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate_kernel::ids::{PaymentId, SuspenseId};
use tollgate_kernel::input::{Params, PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{Confirmed, Permitted};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use utoipa::{IntoParams, ToSchema};

use super::refunds::{Finance, PaymentsRead, REASON_CHARS};
use super::transactions::{bounded, word};
use crate::model::suspense::Resolution;
use crate::operations::resolve_suspense::Resolve;
use crate::shapes::SuspenseShape;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which money.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SuspenseParams {
    /// `open`, `held`, `applied`, `refunding` or `refunded`.
    state: Option<String>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<SuspenseId>,
}

/// A page of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuspensePage {
    data: Vec<SuspenseShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<SuspenseId>,
}

/// Verified money that fits no payable order, newest first. Takes `payments.read`.
#[utoipa::path(get, path = "/suspense", tag = "admin", params(SuspenseParams),
    responses((status = 200, body = SuspensePage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<SuspenseParams>,
) -> Result<Json<SuspensePage>, Problem> {
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    let state = word("/state", params.state.as_deref())?;
    let page = service.suspense(state, params.starting_after, limit);
    let Some((found, has_more)) = page.await? else {
        return Err(Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
        ));
    };
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id);
    Ok(Json(SuspensePage {
        data: found.iter().map(SuspenseShape::from).collect(),
        has_more,
        next_cursor,
    }))
}

/// What becomes of it, and why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ResolveBody {
    /// `apply`: it pays an order; `refund`: it goes back; `hold`: it stays for now.
    #[schema(example = "refund")]
    action: String,
    /// With `apply`: which order; left out, the one it came for.
    #[schema(value_type = Option<String>)]
    transaction_id: Option<PaymentId>,
    /// 1 to 256 characters; who gets money back may read it.
    #[schema(example = "paid twice")]
    reason: String,
}

/// Decides about money in suspense, once. Takes `finance` and a confirmation of the last five minutes.
#[utoipa::path(post, path = "/suspense/{suspense_id}/resolve", tag = "admin", request_body = ResolveBody,
    params(("suspense_id" = String, Path)),
    responses(
        (status = 200, body = SuspenseShape),
        (status = 403, description = "`permission_denied`, `confirmation_required`"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`validation_failed`: decided already, the order wants other money, another plan is in force; `unknown_field`"),
    ))]
pub(super) async fn resolve(
    State(service): State<PaymentService>,
    staff: Permitted<Finance>,
    _confirmed: Confirmed,
    origin: Origin,
    PathId(id): PathId<SuspenseId>,
    StrictBody { value: body, .. }: StrictBody<ResolveBody>,
) -> Result<Json<SuspenseShape>, Problem> {
    let mut errors = FieldErrors::new();
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        let detail = WORDS.text("reason.length_256");
        errors.note("/reason", "invalid_reason", detail);
    }
    let resolution = body.action.parse::<Resolution>().ok();
    if resolution.is_none() {
        let detail = WORDS.text("suspense.action");
        errors.note("/action", "unknown_word", detail);
    }
    if body.transaction_id.is_some() && resolution != Some(Resolution::Apply) {
        let detail = WORDS.text("suspense.only_apply");
        errors.note("/transaction_id", "not_used", detail);
    }
    errors.finish()?;
    let wish = Resolve {
        id,
        resolution: resolution.unwrap_or(Resolution::Hold),
        payment_id: body.transaction_id,
        reason: reason.to_owned(),
        by: staff.0.user_id(),
    };
    // In a task of its own: a client that hangs up must not stop it between two steps.
    let deciding = service.clone();
    let decided =
        tokio::spawn(async move { deciding.resolve_suspense(&wish, &origin).await }).await;
    let decided = decided.map_err(|_| Problem::new(Code::Unavailable))?;
    let kept = decided.map_err(problems::resolve)?;
    Ok(Json(SuspenseShape::from(&kept)))
}
