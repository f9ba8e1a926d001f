//! What staff give to a person.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::{PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Named, Permitted};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use utoipa::ToSchema;

use super::quota::cost;
use super::{answer, idempotency_key};
use crate::model::quota::Meter;
use crate::operations::grant_plan::GrantPlan;
use crate::operations::grant_units::GrantUnits;
use crate::shapes::{GivenPlanShape, GivenShape};
use crate::words::WORDS;
use crate::{PaymentService, problems};

pub(super) struct UsersWrite;
impl Named for UsersWrite {
    const NAME: &'static str = permission::USERS_WRITE;
}

/// What is given, and why: units, or terms of a plan.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct GrantBody {
    /// Terms of this plan.
    #[schema(example = "pro")]
    plan_slug: Option<String>,
    /// How many of them: 1 to 120; 1 when left out.
    terms: Option<u32>,
    /// Bonus units: 1 to 1000000000.
    #[schema(value_type = Option<i64>, example = 100)]
    units: Option<Box<RawValue>>,
    /// Of which meter; the first of the plan when left out.
    meter: Option<String>,
    /// When what is left of the units is gone; null or left out = never.
    #[schema(value_type = Option<String>, format = "date-time")]
    expires_at: Option<Timestamp>,
    /// 1 to 500 characters; the person reads it in `GET /usage/explain`.
    #[schema(example = "the outage of 3 May")]
    reason: String,
}

/// What was given.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Given {
    /// Units.
    Units(GivenShape),
    /// Terms.
    Plan(GivenPlanShape),
}

/// What is asked for, once every field is good.
enum Wish {
    Units(GrantUnits),
    Plan(GrantPlan),
}

/// Gives a person bonus units, on top of the plan they have, or terms of a plan without money. Units are there at once;
/// what is left of them when the period ends goes into the next one. Terms begin at once, in place of a free plan or a
/// trial, or behind what is there of the same plan. Takes `users.write`.
#[utoipa::path(post, path = "/users/{user_id}/grant", tag = "admin", operation_id = "admin_users_grant", request_body = GrantBody,
    params(("user_id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours, given once")),
    responses(
        (status = 201, body = Given),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`no_subscription`: nothing in force that they could be added to"),
        (status = 422, description = "`validation_failed`: no such plan, another paid one in force, no such meter, an unlimited one, an end that has passed; `unknown_field`, `idempotency_key_reused`"),
    ))]
pub(super) async fn give(
    State(service): State<PaymentService>,
    staff: Permitted<UsersWrite>,
    origin: Origin,
    headers: HeaderMap,
    PathId(user_id): PathId<UserId>,
    StrictBody { value: body, bytes }: StrictBody<GrantBody>,
) -> Result<Response, Problem> {
    let bound = [user_id.to_string().as_bytes(), &bytes].concat();
    let key = idempotency_key(&headers, &staff.0, "/admin/users/grant", &bound)?;
    let given = match body.wish_for(user_id)? {
        Wish::Units(wish) => {
            let given = service.grant_units(&wish, &origin, key.as_ref()).await;
            given.map(|given| given.map(Given::Units))
        }
        Wish::Plan(wish) => {
            let given = service.grant_plan(&wish, &origin, key.as_ref()).await;
            given.map(|given| given.map(Given::Plan))
        }
    };
    Ok(answer(
        StatusCode::CREATED,
        &given.map_err(problems::grant)?,
    ))
}

impl GrantBody {
    fn wish_for(self, user_id: UserId) -> Result<Wish, Problem> {
        let mut errors = FieldErrors::new();
        let Self {
            plan_slug,
            terms,
            units,
            meter,
            expires_at,
            reason,
        } = self;
        let reason = reason.trim().to_owned();
        if let Some(plan_slug) = plan_slug {
            let others = [
                ("/units", units.is_some()),
                ("/meter", meter.is_some()),
                ("/expires_at", expires_at.is_some()),
            ];
            for (pointer, _) in others.iter().filter(|(_, is_given)| *is_given) {
                let detail = WORDS.text("grant.not_beside_plan");
                errors.note(pointer, "not_together", detail);
            }
            errors.finish()?;
            return Ok(Wish::Plan(GrantPlan {
                user_id,
                plan_slug,
                terms: terms.unwrap_or(1),
                reason,
            }));
        }
        if units.is_none() {
            let detail = WORDS.text("grant.nothing");
            errors.note("/units", "required", detail);
        }
        if terms.is_some() {
            let detail = WORDS.text("grant.only_beside_plan");
            errors.note("/terms", "not_together", detail);
        }
        let units = units.and_then(|raw| errors.take("/units", cost(Some(&raw))));
        let meter = meter.and_then(|text| errors.take("/meter", text.parse::<Meter>()));
        errors.finish()?;
        let units = units.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
        Ok(Wish::Units(GrantUnits {
            user_id,
            meter,
            units,
            reason,
            expires_at,
        }))
    }
}
