//! What it takes to have a plan.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_kernel::caller::SignedIn;
use tollgate_kernel::input::Body;
use tollgate_kernel::problem::Problem;
use utoipa::ToSchema;

use crate::PaymentService;
use crate::operations::checkout::PlanRef;
use crate::shapes::QuoteShape;

/// Which plan.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct QuoteBody {
    /// Id (or slug) of the plan.
    plan_id: Option<String>,
    /// Slug of the plan.
    #[schema(example = "pro")]
    plan_slug: Option<String>,
}

/// What having a plan takes, before you decide: at once or when the term ends, what is counted for the plan you have and
/// why not more, what is to be paid, and for which time. It changes nothing. An order that is placed by it keeps its
/// amount while it can be paid.
#[utoipa::path(post, path = "/quote", tag = "subscriptions", request_body = QuoteBody,
    responses(
        (status = 200, body = QuoteShape),
        (status = 404, description = "`not_found`: no such plan on sale"),
        (status = 422, description = "`validation_failed`"),
    ))]
pub(super) async fn quote(
    State(service): State<PaymentService>,
    SignedIn(user_id): SignedIn,
    Body { value: body, .. }: Body<QuoteBody>,
) -> Result<Json<QuoteShape>, Problem> {
    let plan = PlanRef {
        plan_id: body.plan_id,
        plan_slug: body.plan_slug,
    };
    Ok(Json(service.quote(user_id, &plan).await?))
}
