//! What is for sale, made and changed by admins.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tollgate_kernel::ids::PlanId;
use tollgate_kernel::input::{Params, PathText, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::audit::Initiator;
use utoipa::{IntoParams, ToSchema};

use super::transactions::bounded;
use super::webhook_endpoints::Admin;
use super::{answer, idempotency_key};
use crate::operations::admin_plans::PlanFilter;
use crate::operations::edit_plan::Removed;
use crate::shapes::{AdminPlanShape, PlanBody};
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which plans.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanParams {
    /// `true`: archived ones only; `false`: none of them.
    archived: Option<bool>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<PlanId>,
    /// The first id of the page behind.
    #[param(value_type = Option<String>)]
    ending_before: Option<PlanId>,
}

/// A page of plans.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdminPlanPage {
    data: Vec<AdminPlanShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<PlanId>,
}

/// All plans, archived ones too, newest first, with how many have them. Takes `admin`.
#[utoipa::path(get, path = "/plans", tag = "admin", operation_id = "admin_plans_list", params(PlanParams),
    responses((status = 200, body = AdminPlanPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    Params(params): Params<PlanParams>,
) -> Result<Json<AdminPlanPage>, Problem> {
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    if params.starting_after.is_some() && params.ending_before.is_some() {
        return Err(Problem::invalid(
            "/ending_before",
            "two_cursors",
            WORDS.text("list.two_cursors"),
        ));
    }
    let filter = PlanFilter {
        archived: params.archived,
        starting_after: params.starting_after,
        ending_before: params.ending_before,
    };
    let Some((data, has_more)) = service.admin_plans(&filter, limit).await? else {
        return Err(Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_plan"),
        ));
    };
    let next_cursor = data.last().filter(|_| has_more).map(|last| last.plan.id);
    Ok(Json(AdminPlanPage {
        data,
        has_more,
        next_cursor,
    }))
}

/// One plan, by id or slug, with all its versions. Takes `admin`.
#[utoipa::path(get, path = "/plans/{plan_id}", tag = "admin", operation_id = "admin_plans_detail",
    params(("plan_id" = String, Path, description = "id or slug")),
    responses((status = 200, body = AdminPlanShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathText(id): PathText,
) -> Result<Json<AdminPlanShape>, Problem> {
    let found = service.admin_plan(&id).await?;
    found.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}

/// A new plan. Takes `admin`.
#[utoipa::path(post, path = "/plans", tag = "admin", operation_id = "admin_plans_create", request_body = PlanBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours")),
    responses(
        (status = 201, body = AdminPlanShape),
        (status = 403, description = "`permission_denied`"),
        (status = 422, description = "`validation_failed`, `unknown_field`, `idempotency_key_reused`"),
    ))]
pub(super) async fn create(
    State(service): State<PaymentService>,
    staff: Permitted<Admin>,
    origin: Origin,
    headers: HeaderMap,
    StrictBody { value: body, bytes }: StrictBody<PlanBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &staff.0, "/admin/plans", &bytes)?;
    let editor = Initiator::caller(&origin);
    let made = service.create_plan(&body, &editor, key.as_ref()).await;
    Ok(answer(StatusCode::CREATED, &made.map_err(problems::plan)?))
}

/// Other terms; what is left out stays. Those who have the plan keep what they bought. Takes `admin`.
#[utoipa::path(patch, path = "/plans/{plan_id}", tag = "admin", operation_id = "admin_plans_change", request_body = PlanBody,
    params(("plan_id" = String, Path, description = "id or slug")),
    responses(
        (status = 200, body = AdminPlanShape),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`plan_in_use`: another currency, free or no longer free, though it was sold; the default plan off sale"),
        (status = 422, description = "`validation_failed`, `unknown_field`"),
    ))]
pub(super) async fn change(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathText(id): PathText,
    StrictBody { value: body, .. }: StrictBody<PlanBody>,
) -> Result<Json<AdminPlanShape>, Problem> {
    let editor = Initiator::caller(&origin);
    let changed = service.change_plan(&id, &body, &editor).await;
    Ok(Json(changed.map_err(problems::plan)?))
}

/// Takes a plan away: archived when anybody has, had or ordered it, otherwise gone. Takes `admin`.
#[utoipa::path(delete, path = "/plans/{plan_id}", tag = "admin", operation_id = "admin_plans_delete",
    params(("plan_id" = String, Path, description = "id or slug")),
    responses(
        (status = 200, body = AdminPlanShape, description = "archived"),
        (status = 204, description = "nobody ever had it: gone"),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`plan_in_use`: the default plan"),
    ))]
pub(super) async fn delete(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathText(id): PathText,
) -> Result<Response, Problem> {
    let editor = Initiator::caller(&origin);
    let removed = service.remove_plan(&id, &editor).await;
    Ok(match removed.map_err(problems::plan)? {
        Removed::Deleted => StatusCode::NO_CONTENT.into_response(),
        Removed::Archived(kept) => Json(kept).into_response(),
    })
}
