//! What is for sale.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tollgate_kernel::input::PathText;
use tollgate_kernel::problem::{Code, Problem};
use utoipa::ToSchema;

use crate::PaymentService;
use crate::shapes::PlanShape;

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanList {
    data: Vec<PlanShape>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// The plans on sale, cheapest shelf first.
#[utoipa::path(get, path = "/plans", tag = "plans", security(()), responses((status = 200, body = PlanList)))]
pub(super) async fn list(State(service): State<PaymentService>) -> Result<Response, Problem> {
    let plans = service.plans().await?;
    let house = service.house_language();
    let data = plans.into_iter().map(|plan| PlanShape::new(plan, house));
    Ok(cached(PlanList {
        data: data.collect(),
        has_more: false,
        next_cursor: None,
    }))
}

/// One plan, by id or slug.
#[utoipa::path(get, path = "/plans/{plan_id}", tag = "plans", security(()),
    params(("plan_id" = String, Path, description = "id or slug")),
    responses((status = 200, body = PlanShape), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    PathText(id): PathText,
) -> Result<Response, Problem> {
    let plan = service.find_plan(&id).await?;
    plan.map(|plan| cached(PlanShape::new(plan, service.house_language())))
        .ok_or_else(|| Problem::new(Code::NotFound))
}

/// Prices are public and change seldom.
fn cached(body: impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=60"),
    );
    response
}
