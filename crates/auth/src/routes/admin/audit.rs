//! Who did what.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::AuditId;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::Problem;
use tollgate_storage::audit::{self, Filter, Recorded};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::AuditRead;
use crate::{AuthService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which deeds; every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct AuditParams {
    /// To which kind of thing: `user` …
    subject_kind: Option<String>,
    /// To which; only with its kind.
    subject_id: Option<String>,
    /// By whom.
    #[param(value_type = Option<String>)]
    actor_id: Option<Uuid>,
    /// 1 to 100.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    starting_after: Option<i64>,
}

/// A deed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditShape {
    #[schema(value_type = String, format = "uuid")]
    id: AuditId,
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// `user`, `api_key`, `service`, `operator`, `system`.
    actor_kind: String,
    #[schema(value_type = Option<String>, format = "uuid")]
    actor_id: Option<Uuid>,
    /// `user.deactivated` …
    action: String,
    subject_kind: String,
    subject_id: String,
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    reason: Option<String>,
    request_id: Option<String>,
    address: Option<String>,
}

impl From<Recorded> for AuditShape {
    fn from(entry: Recorded) -> Self {
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: entry.id,
            at: entry.at,
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject_id: entry.subject_id,
            before: json(entry.before),
            after: json(entry.after),
            reason: entry.reason,
            request_id: entry.request_id,
            address: entry.address,
        }
    }
}

/// A page of deeds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    data: Vec<AuditShape>,
    has_more: bool,
    next_cursor: Option<i64>,
}

/// Who did what, newest first. Takes `audit.read`.
#[utoipa::path(get, path = "/audit-log", tag = "admin", params(AuditParams),
    responses((status = 200, body = AuditPage), (status = 403, description = "`permission_denied`")))]
pub(super) async fn list(
    State(service): State<AuthService>,
    _staff: Permitted<AuditRead>,
    Params(params): Params<AuditParams>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(problems::limit());
    }
    let filter = Filter {
        subject_kind: params.subject_kind,
        subject_id: params.subject_id,
        actor_id: params.actor_id,
        before: params.starting_after,
    };
    let reach = i64::from(limit).saturating_add(1);
    let mut found = audit::list(&service.parts().db, &filter, reach).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.position);
    Ok(Json(AuditPage {
        data: found.into_iter().map(AuditShape::from).collect(),
        has_more,
        next_cursor,
    }))
}
