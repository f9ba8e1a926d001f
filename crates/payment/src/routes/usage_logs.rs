//! The log of usage, as pages and as a table.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, Id, UsageId, UserId};
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::{FieldErrors, Problem};
use tollgate_kernel::table::{LONGEST_TABLE, csv_stream};
use tollgate_storage::StorageError;
use utoipa::{IntoParams, ToSchema};

use super::transactions::bounded;
use super::usage::Sees;
use crate::model::quota::{Meter, ResourceId, ResourceType};
use crate::model::usage::is_within_time;
use crate::operations::usage_logs::{MOST_TYPES, UsageFilter, UsagePage};
use crate::shapes::UsageLogShape;
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;
/// Rows of a table that are held at once.
const PART: u32 = 500;

/// Every `resource_type` of the query: of one of these.
pub(super) struct Types(Vec<ResourceType>);

impl<S: Sync> FromRequestParts<S> for Types {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let mut errors = FieldErrors::new();
        let mut types = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "resource_type" {
                types.extend(errors.take("/resource_type", value.parse::<ResourceType>()));
            }
        }
        types.sort();
        types.dedup();
        if types.len() > MOST_TYPES {
            let detail = WORDS.text_with("list.too_many", &[("most", &MOST_TYPES)]);
            errors.note("/resource_type", "too_many", detail);
        }
        errors.finish()?;
        Ok(Self(types))
    }
}

/// Which rows; every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// With `usage.read`: of this person only.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// With `usage.read`: `true` for one's own only.
    mine: Option<bool>,
    /// About this only.
    resource_id: Option<String>,
    /// By this key only.
    #[param(value_type = Option<String>)]
    api_key_id: Option<ApiKeyId>,
    /// Charged to this meter only.
    meter: Option<String>,
    /// At this moment or later.
    #[param(value_type = Option<String>)]
    created_after: Option<Timestamp>,
    /// Before this moment.
    #[param(value_type = Option<String>)]
    created_before: Option<Timestamp>,
    /// `total`: how many rows there are, if `created_after` is given and no more than 31 days are meant.
    include: Option<String>,
    /// `csv`: a table of up to 10,000 rows instead of a page.
    format: Option<String>,
    /// 1 to 100; of a table up to 10,000.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<UsageId>,
    /// The first id of the page after.
    #[param(value_type = Option<String>)]
    ending_before: Option<UsageId>,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageLogPage {
    data: Vec<UsageLogShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<UsageId>,
    /// Where it is asked for; null when there are more than 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    total: Option<Total>,
}

/// How many rows there are, or null.
#[derive(Clone, Copy, Debug, Serialize)]
struct Total(Option<i64>);

/// The log of usage, newest first, as a page or as a table: one's own; with `usage.read` everybody's, unless `mine=true`.
#[utoipa::path(get, path = "/logs", tag = "usage",
    params(LogParams, ("resource_type" = Option<Vec<String>>, Query, description = "of this only; of one of these, where it is given up to 8 times")),
    responses((status = 200, body = UsageLogPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    sees: Sees,
    Types(resource_types): Types,
    Params(params): Params<LogParams>,
) -> Result<Response, Problem> {
    let filter = filter(&sees, resource_types, &params)?;
    if params.starting_after.is_some() && params.ending_before.is_some() {
        return Err(Problem::invalid(
            "/ending_before",
            "two_cursors",
            WORDS.text("list.two_cursors"),
        ));
    }
    let page = UsagePage {
        starting_after: params.starting_after,
        ending_before: params.ending_before,
    };
    match params.format.as_deref() {
        None | Some("json") => {
            let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
            let counted = is_counted(&service, &filter, params.include.as_deref())?;
            let (data, has_more) = read(&service, &filter, page, limit).await?;
            let total = if counted {
                Some(Total(service.count_usage(&filter).await?))
            } else {
                None
            };
            Ok(Json(shown(data, has_more, page, total)).into_response())
        }
        Some("csv") => {
            let limit = bounded(params.limit.unwrap_or(LONGEST_TABLE), LONGEST_TABLE)?;
            service.usage_table(filter, page, limit).await
        }
        Some(_) => Err(Problem::invalid(
            "/format",
            "unknown_format",
            WORDS.text("list.format"),
        )),
    }
}

fn filter(
    sees: &Sees,
    resource_types: Vec<ResourceType>,
    params: &LogParams,
) -> Result<UsageFilter, Problem> {
    let user = match params.user_id {
        Some(user) => Some(sees.named(user)?),
        None if sees.all && params.mine != Some(true) => None,
        None => sees.own,
    };
    let mut errors = FieldErrors::new();
    let resource_id = params.resource_id.as_deref().map(str::parse::<ResourceId>);
    let resource_id = resource_id.and_then(|id| errors.take("/resource_id", id));
    let meter = params.meter.as_deref().map(str::parse::<Meter>);
    let meter = meter.and_then(|meter| errors.take("/meter", meter));
    errors.finish()?;
    for (pointer, at) in [
        ("/created_after", params.created_after),
        ("/created_before", params.created_before),
    ] {
        if at.is_some_and(|at| !is_within_time(at)) {
            return Err(problems::out_of_time(pointer));
        }
    }
    Ok(UsageFilter {
        user,
        resource_types,
        resource_id,
        api_key: params.api_key_id,
        meter,
        from: params.created_after,
        to: params.created_before,
    })
}

/// Whether the rows are to be counted.
fn is_counted(
    service: &PaymentService,
    filter: &UsageFilter,
    include: Option<&str>,
) -> Result<bool, Problem> {
    match include {
        None => Ok(false),
        Some("total") if service.is_countable(filter) => Ok(true),
        Some("total") => Err(Problem::invalid(
            "/include",
            "unbounded",
            WORDS.text("list.total_needs"),
        )),
        Some(_) => Err(Problem::invalid(
            "/include",
            "unknown_word",
            WORDS.text("list.total"),
        )),
    }
}

async fn read(
    service: &PaymentService,
    filter: &UsageFilter,
    page: UsagePage,
    limit: u32,
) -> Result<(Vec<UsageLogShape>, bool), Problem> {
    let found = service.usage_logs(filter, page, limit).await?;
    found.ok_or_else(|| {
        let pointer = match page.starting_after {
            Some(_) => "/starting_after",
            None => "/ending_before",
        };
        Problem::invalid(pointer, "unknown_cursor", WORDS.text("list.no_such_row"))
    })
}

fn shown(
    data: Vec<UsageLogShape>,
    has_more: bool,
    page: UsagePage,
    total: Option<Total>,
) -> UsageLogPage {
    // Of a page that was read backwards, the next one lies before its first.
    let end = match page.ending_before {
        Some(_) => data.first(),
        None => data.last(),
    };
    UsageLogPage {
        next_cursor: end.filter(|_| has_more).map(|row| row.id),
        data,
        has_more,
        total,
    }
}

impl PaymentService {
    /// The answer that downloads the log of usage as a table: one line a row, newest first, at most `limit`, read while it
    /// is sent.
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::{PaymentService, UsageFilter, UsagePage};
    /// async fn download(payment: &PaymentService, user: UserId) -> Result<Response, Problem> {
    ///     let own = UsageFilter {
    ///         user: Some(user),
    ///         ..UsageFilter::default()
    ///     };
    ///     payment.usage_table(own, UsagePage::default(), 10_000).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The cursor is of another list, or goes backwards; the database.
    pub async fn usage_table(
        &self,
        filter: UsageFilter,
        page: UsagePage,
        limit: u32,
    ) -> Result<Response, Problem> {
        table(self.clone(), filter, page, limit).await
    }
}

/// Where a table goes on.
struct Rest {
    service: PaymentService,
    filter: UsageFilter,
    page: UsagePage,
    left: u32,
}

/// One line a row. What can be wrong is found with the first part, before anything is sent.
async fn table(
    service: PaymentService,
    filter: UsageFilter,
    page: UsagePage,
    limit: u32,
) -> Result<Response, Problem> {
    if page.ending_before.is_some() {
        return Err(Problem::invalid(
            "/ending_before",
            "unknown_cursor",
            WORDS.text("list.forward"),
        ));
    }
    let (first, has_more) = read(&service, &filter, page, limit.min(PART)).await?;
    let rest = Rest {
        left: if has_more {
            limit.saturating_sub(PART)
        } else {
            0
        },
        page: after(&first),
        service,
        filter,
    };
    let first = first.into_iter().map(line).collect();
    let parts = stream::try_unfold(
        (Some(first), rest),
        async |(first, mut rest): (Option<Vec<_>>, Rest)| {
            if let Some(first) = first {
                return Ok::<_, StorageError>(Some((first, (None, rest))));
            }
            if rest.left == 0 {
                return Ok(None);
            }
            let limit = rest.left.min(PART);
            let found = rest
                .service
                .usage_logs(&rest.filter, rest.page, limit)
                .await?;
            // A row that retention took meanwhile has nothing behind it.
            let (rows, has_more) = found.unwrap_or_default();
            rest.left = if has_more {
                rest.left.saturating_sub(limit)
            } else {
                0
            };
            rest.page = after(&rows);
            let lines = rows.into_iter().map(line).collect();
            Ok(Some((lines, (None, rest))))
        },
    );
    csv_stream("usage.csv", &HEAD, parts)
}

fn after(rows: &[UsageLogShape]) -> UsagePage {
    UsagePage {
        starting_after: rows.last().map(|row| row.id),
        ending_before: None,
    }
}

const HEAD: [&str; 13] = [
    "id",
    "user_id",
    "subscription_id",
    "resource_type",
    "resource_id",
    "quota_cost",
    "created_at",
    "metadata",
    "meter",
    "requested_cost",
    "api_key_id",
    "reservation_id",
    "refund_of",
];

fn line(row: UsageLogShape) -> [String; 13] {
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    [
        row.id.to_string(),
        row.user_id.to_string(),
        row.subscription_id.to_string(),
        row.resource_type,
        row.resource_id.unwrap_or_default(),
        row.quota_cost.to_string(),
        row.created_at.to_string(),
        row.metadata.to_string(),
        row.meter,
        row.requested_cost.to_string(),
        id(row.api_key_id.map(Id::uuid)),
        id(row.reservation_id.map(Id::uuid)),
        id(row.refund_of.map(Id::uuid)),
    ]
}
