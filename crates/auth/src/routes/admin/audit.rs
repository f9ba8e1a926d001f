//! Who did what.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::AuditId;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::table::{LONGEST_TABLE, csv_answer};
use tollgate_storage::audit::{Filter, Recorded};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::AuditRead;
use crate::{AuthService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which deeds; every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// To which kind of thing: `user` …
    subject_kind: Option<String>,
    /// To which; only with its kind.
    subject_id: Option<String>,
    /// By whom.
    #[param(value_type = Option<String>)]
    actor_id: Option<Uuid>,
    /// `csv`: a table of up to 10,000 rows instead of a page.
    format: Option<String>,
    /// 1 to 100; of a table up to 10,000.
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

/// Who did what, newest first, as a page or as a table. Takes `audit.read`.
#[utoipa::path(get, path = "/audit-log", tag = "admin", params(AuditParams),
    responses((status = 200, body = AuditPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<AuthService>,
    _staff: Permitted<AuditRead>,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    let (is_table, most, usual) = match params.format.as_deref() {
        None | Some("json") => (false, LONGEST_PAGE, LIMIT),
        Some("csv") => (true, LONGEST_TABLE, LONGEST_TABLE),
        Some(_) => return Err(problems::format()),
    };
    let limit = params.limit.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(problems::limit(most));
    }
    let filter = Filter {
        subject_kind: params.subject_kind,
        subject_id: params.subject_id,
        actor_id: params.actor_id,
        before: params.starting_after,
    };
    if is_table {
        return service.audit_table(&filter, limit).await;
    }
    let mut found = service.audit_log(&filter, limit.saturating_add(1)).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.position);
    let page = AuditPage {
        data: found.into_iter().map(AuditShape::from).collect(),
        has_more,
        next_cursor,
    };
    Ok(Json(page).into_response())
}

impl AuthService {
    /// The answer that downloads the audit log as a table: one line a deed, newest first, at most `limit`.
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_storage::audit::Filter;
    /// async fn download(auth: &AuthService) -> Result<Response, Problem> {
    ///     auth.audit_table(&Filter::default(), 10_000).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn audit_table(&self, filter: &Filter, limit: u32) -> Result<Response, Problem> {
        table(self.audit_log(filter, limit).await?)
    }
}

/// One line a deed; what people typed is in it.
fn table(found: Vec<Recorded>) -> Result<Response, Problem> {
    let head = [
        "position",
        "id",
        "at",
        "actor_kind",
        "actor_id",
        "action",
        "subject_kind",
        "subject_id",
        "before",
        "after",
        "reason",
        "request_id",
        "address",
    ];
    let rows = found.into_iter().map(|entry| {
        [
            entry.position.to_string(),
            entry.id.to_string(),
            entry.at.to_string(),
            entry.actor_kind,
            entry.actor_id.map(|id| id.to_string()).unwrap_or_default(),
            entry.action,
            entry.subject_kind,
            entry.subject_id,
            entry.before.unwrap_or_default(),
            entry.after.unwrap_or_default(),
            entry.reason.unwrap_or_default(),
            entry.request_id.unwrap_or_default(),
            entry.address.unwrap_or_default(),
        ]
    });
    csv_answer("audit-log.csv", &head, rows)
}
