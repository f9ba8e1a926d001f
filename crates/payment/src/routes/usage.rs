//! What was used: how it stands, its lines over time.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono_tz::Tz;
use serde::Deserialize;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::{self, Named, Permitted, lacking, require};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::scope::{InScope, USAGE, Usage};
use utoipa::IntoParams;

use super::transactions::word;
use crate::model::quota::{Meter, ResourceType};
use crate::model::usage::{GroupBy, Interval};
use crate::operations::usage_series::{SeriesOf, WantSeries};
use crate::shapes::{UsageSeriesShape, UsageSummaryShape};
use crate::words::WORDS;
use crate::{PaymentService, problems};

/// Sees the usage of everybody.
pub(super) struct UsageRead;
impl Named for UsageRead {
    const NAME: &'static str = permission::USAGE_READ;
}

/// Whose usage a caller sees: everybody's with `usage.read`, otherwise their own. A key sees its holder's.
pub(super) struct Sees {
    /// Nobody: a host application.
    pub(super) own: Option<UserId>,
    pub(super) all: bool,
}

impl FromRequestParts<PaymentService> for Sees {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &PaymentService,
    ) -> Result<Self, Problem> {
        let caller = <Caller as FromRequestParts<PaymentService>>::from_request_parts(parts, state);
        let caller = caller.await?;
        match &caller {
            Caller::Service { .. } => {
                require(parts, permission::USAGE_READ).await?;
                Ok(Self {
                    own: None,
                    all: true,
                })
            }
            Caller::ApiKey { .. } => Ok(Self {
                own: Some(caller.person(Some(USAGE))?),
                all: false,
            }),
            Caller::User { user_id, .. } => {
                let all = match require(parts, permission::USAGE_READ).await {
                    Ok(_) => true,
                    Err(problem) if problem.code() == Code::PermissionDenied => false,
                    // Staff who lack their second factor are people like others here.
                    Err(problem) if problem.code() == Code::SecondFactorRequired => false,
                    Err(problem) => return Err(problem),
                };
                Ok(Self {
                    own: Some(*user_id),
                    all,
                })
            }
            _ => Err(lacking(permission::USAGE_READ)),
        }
    }
}

impl Sees {
    /// Of somebody who is named.
    pub(super) fn named(&self, user: UserId) -> Result<UserId, Problem> {
        if self.all || self.own == Some(user) {
            return Ok(user);
        }
        Err(lacking(permission::USAGE_READ))
    }

    fn everybody(&self) -> Result<SeriesOf, Problem> {
        if self.all {
            return Ok(SeriesOf::Everybody);
        }
        Err(lacking(permission::USAGE_READ))
    }
}

/// The open period by resource type, today, and the last seven days.
#[utoipa::path(get, path = "/summary", tag = "usage",
    responses((status = 200, body = UsageSummaryShape), (status = 404, description = "`no_subscription`")))]
pub(super) async fn summary(
    State(service): State<PaymentService>,
    InScope(user, ..): InScope<Usage>,
) -> Result<Json<UsageSummaryShape>, Problem> {
    let summary = service.usage_summary(user).await?;
    summary
        .map(Json)
        .ok_or_else(|| Problem::new(Code::NoSubscription))
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesParams {
    /// In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// To the end of the last point that begins before this moment. Now when left out.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `hour`, `day` (when left out) or `month`.
    interval: Option<String>,
    /// `resource_type`, `api_key`, `meter` or, with `usage.read`, `user`: of everybody. One line when left out.
    group_by: Option<String>,
    /// A time zone of the IANA list. The service's when left out.
    tz: Option<String>,
    /// Of this meter only.
    meter: Option<String>,
    /// Of this only.
    resource_type: Option<String>,
    /// With `usage.read`: of this person.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
}

/// The same, of everybody.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AdminSeriesParams {
    /// In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// To the end of the last point that begins before this moment. Now when left out.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `hour`, `day` (when left out) or `month`.
    interval: Option<String>,
    /// `resource_type` (when left out), `meter` or `user`: the 20 who used most, and the rest as `other`.
    group_by: Option<String>,
    /// A time zone of the IANA list. The service's when left out.
    tz: Option<String>,
    /// Of this meter only.
    meter: Option<String>,
    /// Of this only.
    resource_type: Option<String>,
}

/// Units and calls over time, a point for every hour, day or month, also where nothing was used: one's own; with
/// `usage.read` somebody's, or everybody's by user.
#[utoipa::path(get, path = "/timeseries", tag = "usage", params(SeriesParams),
    responses((status = 200, body = UsageSeriesShape), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn timeseries(
    State(service): State<PaymentService>,
    sees: Sees,
    Params(params): Params<SeriesParams>,
) -> Result<Json<UsageSeriesShape>, Problem> {
    let by = word("/group_by", params.group_by.as_deref())?;
    let of = match (params.user_id, by, sees.own) {
        (Some(user), _, _) => SeriesOf::Person(sees.named(user)?),
        (None, Some(GroupBy::User), _) | (None, _, None) => sees.everybody()?,
        (None, _, Some(own)) => SeriesOf::Person(own),
    };
    let params = AdminSeriesParams {
        from: params.from,
        to: params.to,
        interval: params.interval,
        group_by: None,
        tz: params.tz,
        meter: params.meter,
        resource_type: params.resource_type,
    };
    lines(&service, of, by, params).await
}

/// Units and calls of everybody over time. Takes `usage.read`.
#[utoipa::path(get, path = "/stats/usage", tag = "admin", operation_id = "admin_stats_usage", params(AdminSeriesParams),
    responses((status = 200, body = UsageSeriesShape), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn admin_timeseries(
    State(service): State<PaymentService>,
    _staff: Permitted<UsageRead>,
    Params(params): Params<AdminSeriesParams>,
) -> Result<Json<UsageSeriesShape>, Problem> {
    let by = word("/group_by", params.group_by.as_deref())?;
    let by = by.unwrap_or(GroupBy::ResourceType);
    lines(&service, SeriesOf::Everybody, Some(by), params).await
}

async fn lines(
    service: &PaymentService,
    of: SeriesOf,
    by: Option<GroupBy>,
    params: AdminSeriesParams,
) -> Result<Json<UsageSeriesShape>, Problem> {
    let mut errors = FieldErrors::new();
    let meter = params.meter.as_deref().map(str::parse::<Meter>);
    let meter = meter.and_then(|meter| errors.take("/meter", meter));
    let resource_type = params
        .resource_type
        .as_deref()
        .map(str::parse::<ResourceType>);
    let resource_type = resource_type.and_then(|name| errors.take("/resource_type", name));
    errors.finish()?;
    let interval = word("/interval", params.interval.as_deref())?;
    let want = WantSeries {
        of,
        from: params.from,
        to: params.to,
        interval: interval.unwrap_or(Interval::Day),
        by,
        zone: params.tz.as_deref().map(zone).transpose()?,
        meter,
        resource_type,
    };
    let series = service.usage_series(&want).await;
    Ok(Json(series.map_err(problems::series)?))
}

pub(super) fn zone(name: &str) -> Result<Tz, Problem> {
    name.parse()
        .map_err(|_| Problem::invalid("/tz", "unknown_zone", WORDS.text("figures.zone")))
}
