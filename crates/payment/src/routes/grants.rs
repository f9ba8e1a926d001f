//! What staff give to a person.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::{PathId, StrictBody};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{self, Named, Permitted};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::Text;
use utoipa::ToSchema;

use super::quota::cost;
use super::{answer, idempotency_key};
use crate::model::quota::Meter;
use crate::operations::grant_units::GrantUnits;
use crate::shapes::GivenShape;
use crate::{PaymentService, problems};

pub(super) struct UsersWrite;
impl Named for UsersWrite {
    const NAME: &'static str = permission::USERS_WRITE;
}

/// What is given, and why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct GrantBody {
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

/// Gives a person bonus units, on top of the plan they have. They are there at once; what is left of them when the period
/// ends goes into the next one. Takes `users.write`.
#[utoipa::path(post, path = "/users/{user_id}/grant", tag = "admin", operation_id = "admin_users_grant", request_body = GrantBody,
    params(("user_id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "the same answer again for 24 hours, given once")),
    responses(
        (status = 201, body = GivenShape),
        (status = 403, description = "`permission_denied`"),
        (status = 404, description = "`no_subscription`: nothing in force that they could be added to"),
        (status = 422, description = "`validation_failed`: no such meter, an unlimited one, an end that has passed; `unknown_field`, `idempotency_key_reused`"),
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
    let wish = body.units_for(user_id)?;
    let given = service.grant_units(&wish, &origin, key.as_ref()).await;
    Ok(answer(
        StatusCode::CREATED,
        &given.map_err(problems::grant)?,
    ))
}

impl GrantBody {
    /// The units that are meant, once every field is good.
    fn units_for(self, user_id: UserId) -> Result<GrantUnits, Problem> {
        let mut errors = FieldErrors::new();
        if self.units.is_none() {
            let detail = Text::new("请给出 units", "give units");
            errors.note("/units", "required", detail);
        }
        let units = self
            .units
            .and_then(|raw| errors.take("/units", cost(Some(&raw))));
        let meter = self
            .meter
            .and_then(|text| errors.take("/meter", text.parse::<Meter>()));
        errors.finish()?;
        let units = units.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
        Ok(GrantUnits {
            user_id,
            meter,
            units,
            reason: self.reason.trim().to_owned(),
            expires_at: self.expires_at,
        })
    }
}
