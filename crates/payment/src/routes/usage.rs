//! What was used.

use axum::Json;
use axum::extract::State;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::{InScope, Usage};

use crate::PaymentService;
use crate::shapes::UsageSummaryShape;

/// The open period by resource type, today, and the last seven days.
#[utoipa::path(get, path = "/summary", tag = "usage",
    responses((status = 200, body = UsageSummaryShape), (status = 404, description = "`no_subscription`")))]
pub(super) async fn summary(
    State(service): State<PaymentService>,
    InScope(user, ..): InScope<Usage>,
) -> Result<Json<UsageSummaryShape>, Problem> {
    let summary = service.usage_summary(user).await?;
    summary
        .map(Json)
        .ok_or_else(|| Problem::new(Code::NoSubscription))
}
