//! How a number of units came about: one's own, and for staff anybody's.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Deserialize;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::{self, require};
use tollgate_kernel::problem::{FieldErrors, Problem};
use tollgate_kernel::scope;
use utoipa::IntoParams;

use crate::model::quota::{Meter, ResourceType};
use crate::operations::explain::Counted;
use crate::shapes::ExplainShape;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Which number.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplainParams {
    /// The meter that calls of this type take from; with neither this nor `meter`, the first of the plan.
    resource_type: Option<String>,
    /// This meter.
    meter: Option<String>,
    /// Whose: takes `usage.read`. Left out: one's own.
    user_id: Option<String>,
}

/// Whose number a caller asks about: their own, or, with `usage.read`, that of whom they name.
pub(super) struct About(UserId);

impl FromRequestParts<PaymentService> for About {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &PaymentService,
    ) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
        let named = Params::<ExplainParams>::from_request_parts(parts, state).await?;
        let Some(named) = named.0.user_id else {
            return caller.person(Some(scope::USAGE)).map(Self);
        };
        let user = named.parse::<UserId>();
        if user.is_ok_and(|user| caller.user_id() == Some(user)) {
            return caller.person(Some(scope::USAGE)).map(Self);
        }
        require(parts, permission::USAGE_READ).await?;
        user.map(Self).map_err(|_| {
            Problem::invalid("/user_id", "invalid_id", WORDS.text("person.not_a_user"))
        })
    }
}

/// What leads to the number that `GET /quota/check` serves at this moment: the rules, and every step with what is left
/// after it. The steps are worked out from the plan, the grants, the log and the holds, not from the counter; their sum
/// is the number.
#[utoipa::path(get, path = "/explain", tag = "usage", params(ExplainParams),
    responses(
        (status = 200, body = ExplainShape),
        (status = 403, description = "`permission_denied`: somebody else's, without `usage.read`"),
        (status = 404, description = "`no_subscription`"),
        (status = 422, description = "`validation_failed`: no such meter, no price for the resource type"),
    ))]
pub(super) async fn explain(
    State(service): State<PaymentService>,
    About(user): About,
    Params(params): Params<ExplainParams>,
) -> Result<Json<ExplainShape>, Problem> {
    let mut errors = FieldErrors::new();
    let resource_type = params
        .resource_type
        .and_then(|text| errors.take("/resource_type", text.parse::<ResourceType>()));
    let meter = params
        .meter
        .and_then(|text| errors.take("/meter", text.parse::<Meter>()));
    if resource_type.is_some() && meter.is_some() {
        errors.note("/meter", "two_meters", WORDS.text("explain.two_meters"));
    }
    errors.finish()?;
    let counted = match (resource_type, meter) {
        (Some(resource_type), _) => Counted::ResourceType(resource_type),
        (None, Some(meter)) => Counted::Meter(meter),
        (None, None) => Counted::First,
    };
    let explained = service.explain(user, &counted).await;
    explained.map(Json).map_err(problems::explain)
}
