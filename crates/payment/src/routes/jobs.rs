//! Work to do later and standing duties, for admins.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::JobId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::duties::Standing;
use tollgate_storage::job_records::{JobFilter, JobRecord};
use utoipa::{IntoParams, ToSchema};

use super::transactions::{bounded, word};
use super::webhook_endpoints::Admin;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobParams {
    /// `open`, `dead` or `done`; else open and dead ones.
    state: Option<String>,
    /// `mail`, `accounts`, or a rail.
    lane: Option<String>,
    /// `letter`, `reconcile` …
    kind: Option<String>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<JobId>,
}

/// What a lane or a kind may be called.
struct Plain(String);

/// Not a name.
struct NotPlain;

impl FromStr for Plain {
    type Err = NotPlain;

    fn from_str(text: &str) -> Result<Self, NotPlain> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotPlain)
        }
    }
}

/// What is done again and again, by one instance at a time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DutyShape {
    /// Of its job.
    #[schema(value_type = String, format = "uuid")]
    id: JobId,
    #[schema(example = "expire_holds")]
    name: String,
    /// What it does.
    says: String,
    /// From the end of one run to the next.
    every_seconds: u64,
    /// `waiting`, `running`, or `failing` while its last run failed.
    #[schema(example = "waiting")]
    state: &'static str,
    /// The next run. While one is under way, the end of its lease: then somebody else takes it.
    #[schema(value_type = String, format = "date-time")]
    due_at: Timestamp,
    /// Which instance is at it, or was cut off.
    lease_holder: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = "date-time")]
    lease_since: Option<Timestamp>,
    /// How often it changed hands: who holds an older number writes nothing.
    fence: i64,
    /// Runs that were begun.
    runs: i64,
    /// Of the last run that ended.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_started_at: Option<Timestamp>,
    /// Of the last run that ended.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_ended_at: Option<Timestamp>,
    /// Whose it was.
    last_by: Option<String>,
    /// `succeeded` or `failed`.
    last_outcome: Option<&'static str>,
    /// Runs that failed in a row.
    failures: u32,
    last_error: Option<String>,
}

impl From<Standing> for DutyShape {
    fn from(duty: Standing) -> Self {
        let outcome = |succeeded| if succeeded { "succeeded" } else { "failed" };
        let (holder, since) = duty.turn.map(|turn| (turn.by, turn.since)).unzip();
        let last = duty.last;
        Self {
            id: duty.id,
            state: match (&holder, duty.failures) {
                (Some(_), _) => "running",
                (None, 0) => "waiting",
                (None, _) => "failing",
            },
            name: duty.name,
            says: duty.says,
            every_seconds: duty.every.as_secs(),
            due_at: duty.due_at,
            lease_holder: holder,
            lease_since: since,
            fence: duty.fence,
            runs: duty.runs,
            last_started_at: last.as_ref().map(|last| last.started_at),
            last_ended_at: last.as_ref().map(|last| last.ended_at),
            last_outcome: last.as_ref().map(|last| outcome(last.succeeded)),
            last_by: last.map(|last| last.by),
            failures: duty.failures,
            last_error: duty.last_error,
        }
    }
}

/// Work to do later. What it carries is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobShape {
    /// Of the job.
    #[schema(value_type = String, format = "uuid")]
    id: JobId,
    /// Who does it.
    #[schema(example = "mail")]
    lane: String,
    /// What is done.
    #[schema(example = "letter")]
    kind: String,
    /// What it is about, where an id names that: of `reconcile` the transaction, of `refund` the refund.
    subject_id: Option<String>,
    /// `open`, `dead` or `done`.
    #[schema(example = "open")]
    state: &'static str,
    /// When it is done; while somebody is at it, the end of the lease. Null when it is over.
    #[schema(value_type = Option<String>, format = "date-time")]
    due_at: Option<Timestamp>,
    /// Tries since it was last asked for.
    attempts: i64,
    /// How often it changed hands.
    fence: i64,
    /// Why it was put off or given up.
    last_error: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = "date-time")]
    finished_at: Option<Timestamp>,
}

impl From<&JobRecord> for JobShape {
    fn from(job: &JobRecord) -> Self {
        Self {
            id: job.id,
            lane: job.lane.clone(),
            kind: job.kind.clone(),
            subject_id: job.subject.map(|id| id.to_string()),
            state: job.state.as_str(),
            due_at: job.finished_at.is_none().then_some(job.due_at),
            attempts: job.attempts,
            fence: job.fence,
            last_error: job.last_error.clone(),
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// The standing duties, and a page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobPage {
    /// All of them, on every page.
    duties: Vec<DutyShape>,
    data: Vec<JobShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<JobId>,
}

/// The standing duties with their last and next runs, and what is to be done or was given up, newest first. Takes `admin`.
#[utoipa::path(get, path = "/jobs", tag = "admin", params(JobParams),
    responses((status = 200, body = JobPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    Params(params): Params<JobParams>,
) -> Result<Json<JobPage>, Problem> {
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    let filter = JobFilter {
        state: word("/state", params.state.as_deref())?,
        lane: word("/lane", params.lane.as_deref())?.map(|Plain(lane)| lane),
        kind: word("/kind", params.kind.as_deref())?.map(|Plain(kind)| kind),
        starting_after: params.starting_after,
    };
    let duties = service.duties().await?;
    let Some((found, has_more)) = service.jobs(&filter, limit).await? else {
        return Err(Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
        ));
    };
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id);
    Ok(Json(JobPage {
        duties: duties.into_iter().map(DutyShape::from).collect(),
        data: found.iter().map(JobShape::from).collect(),
        has_more,
        next_cursor,
    }))
}

/// One job, or the job of a duty. Takes `admin`.
#[utoipa::path(get, path = "/jobs/{job_id}", tag = "admin", params(("job_id" = String, Path)),
    responses((status = 200, body = JobShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    PathId(id): PathId<JobId>,
) -> Result<Json<JobShape>, Problem> {
    let found = service.job(id).await?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(JobShape::from(&found)))
}

/// Lets a job that was given up be done after all, from its first try on. Takes `admin`.
#[utoipa::path(post, path = "/jobs/{job_id}/retry", tag = "admin", params(("job_id" = String, Path)),
    responses((status = 202, body = JobShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`"), (status = 422, description = "`validation_failed`: it was not given up")))]
pub(super) async fn retry(
    State(service): State<PaymentService>,
    _staff: Permitted<Admin>,
    origin: Origin,
    PathId(id): PathId<JobId>,
) -> Result<(StatusCode, Json<JobShape>), Problem> {
    let again = service.retry_job(id, &origin).await;
    let again = again.map_err(problems::retry)?;
    Ok((StatusCode::ACCEPTED, Json(JobShape::from(&again))))
}
