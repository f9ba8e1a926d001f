//! How payments stand.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::scope::{InScope, Payments};
use utoipa::IntoParams;

use crate::PaymentService;
use crate::shapes::TransactionShape;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
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
