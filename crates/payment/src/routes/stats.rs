//! How the business stands, for staff.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::input::Params;
use tollgate_kernel::permission::Permitted;
use tollgate_kernel::problem::Problem;
use utoipa::IntoParams;

use super::refunds::PaymentsRead;
use super::transactions::word;
use super::usage::zone;
use crate::model::usage::Interval;
use crate::operations::stats_revenue::WantRevenue;
use crate::shapes::{OverviewShape, RevenueShape};
use crate::{PaymentService, problems};

/// Within which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OverviewParams {
    /// From this moment. 30 days before `to` when left out.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// To before this moment. Now when left out, and at the latest.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
}

/// Recurring revenue, money, who came and who left, per currency; people who began and who pay; how many orders of each
/// rail were paid. Takes `payments.read`.
#[utoipa::path(get, path = "/stats/overview", tag = "admin", operation_id = "admin_stats_overview", params(OverviewParams),
    responses((status = 200, body = OverviewShape), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn overview(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<OverviewParams>,
) -> Result<Json<OverviewShape>, Problem> {
    let overview = service.stats_overview(params.from, params.to).await;
    overview.map(Json).map_err(problems::stats)
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RevenueParams {
    /// In whole points: from the beginning of the one that this moment lies in. 29 days before `to` when left out.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// To the end of the last point that begins before this moment. Now when left out.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `hour`, `day` (when left out) or `month`.
    interval: Option<String>,
    /// A time zone of the IANA list. The service's when left out.
    tz: Option<String>,
}

/// What was paid and what went back over time, a line of each rail and currency, a point for every hour, day or month.
/// Takes `payments.read`.
#[utoipa::path(get, path = "/stats/revenue", tag = "admin", operation_id = "admin_stats_revenue", params(RevenueParams),
    responses((status = 200, body = RevenueShape), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn revenue(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<RevenueParams>,
) -> Result<Json<RevenueShape>, Problem> {
    let interval = word("/interval", params.interval.as_deref())?;
    let want = WantRevenue {
        from: params.from,
        to: params.to,
        interval: interval.unwrap_or(Interval::Day),
        zone: params.tz.as_deref().map(zone).transpose()?,
    };
    let revenue = service.stats_revenue(&want).await;
    revenue.map(Json).map_err(problems::stats)
}
