//! Revenue over time: what was paid and what went back in every hour, day or month, by rail and currency.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_storage::StorageError;

use crate::PaymentService;
use crate::model::payment::PaymentMethod;
use crate::model::stats::{MOST_POINTS, Turnover};
use crate::model::usage::{Interval, Points, SpanError};
use crate::shapes::{RevenuePointShape, RevenueSeriesShape, RevenueShape};
use crate::store::stats;

/// Where no beginning is asked for: this day and 29 before it.
const USUAL: Duration = Duration::from_hours(29 * 24);

/// Which lines.
///
/// ```
/// # use tollgate_payment::WantRevenue;
/// # use tollgate_payment::model::usage::Interval;
/// let by_month = WantRevenue {
///     from: None,
///     to: None,
///     interval: Interval::Month,
///     zone: Some(chrono_tz::Asia::Shanghai),
/// };
/// assert_eq!(by_month.interval.as_str(), "month");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WantRevenue {
    /// In whole points: from the beginning of the one that this lies in. `None`: 29 days before the end.
    pub from: Option<Timestamp>,
    /// To the end of the last that begins before this. `None`: now.
    pub to: Option<Timestamp>,
    /// How long a point lasts.
    pub interval: Interval,
    /// By whose clock; `None`: the service's.
    pub zone: Option<Tz>,
}

/// Why there are no such figures.
///
/// ```
/// # use tollgate_payment::StatsError;
/// # use tollgate_payment::model::usage::SpanError;
/// let error = StatsError::from(SpanError::Backwards);
/// assert!(matches!(error, StatsError::Span(SpanError::Backwards)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// No such time.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// More than [`MOST_POINTS`].
    #[error("too many points")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// What a line has in the points that have any.
type Line = BTreeMap<usize, Turnover>;

impl PaymentService {
    /// Lines over time, with a point for every hour, day or month.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, StatsError, WantRevenue};
    /// # use tollgate_payment::model::usage::Interval;
    /// async fn by_day(payment: &PaymentService) -> Result<Vec<i64>, StatsError> {
    ///     let want = WantRevenue {
    ///         from: None,
    ///         to: None,
    ///         interval: Interval::Day,
    ///         zone: None,
    ///     };
    ///     let revenue = payment.stats_revenue(&want).await?;
    ///     let points = revenue.series.iter().flat_map(|line| &line.points);
    ///     Ok(points.map(|point| point.turnover.net.amount_minor).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StatsError`].
    pub async fn stats_revenue(&self, want: &WantRevenue) -> Result<RevenueShape, StatsError> {
        let parts = &self.0;
        let zone = want.zone.unwrap_or(parts.config.zone);
        let to = want.to.unwrap_or_else(|| parts.clock.now());
        let from = want.from.unwrap_or_else(|| to.before(USUAL));
        let points = Points::of(from, to, want.interval, zone)?;
        if points.starts().len() > MOST_POINTS {
            return Err(StatsError::TooMany);
        }
        let mut lines: BTreeMap<(PaymentMethod, &'static str), Line> = BTreeMap::new();
        for (place, begin, end) in points.from(points.begin()) {
            let span = (begin, end);
            for (method, more) in stats::turnover(&parts.db, parts.config.livemode, span).await? {
                let line = (method, more.gross.currency().code());
                let line = lines.entry(line).or_default();
                let sum = line.get(&place).map_or(more, |sum| sum.and(&more));
                line.insert(place, sum);
            }
        }
        let series = lines
            .into_iter()
            .filter_map(|((method, _), line)| shown(method, &line, &points));
        Ok(RevenueShape {
            interval: want.interval.as_str().to_owned(),
            tz: zone.name().to_owned(),
            series: series.collect(),
        })
    }
}

fn shown(method: PaymentMethod, line: &Line, points: &Points) -> Option<RevenueSeriesShape> {
    let total = line.values().copied().reduce(|sum, more| sum.and(&more))?;
    let empty = Turnover::none(total.gross.currency());
    let points = points.starts().iter().enumerate().map(|(place, t)| {
        let turnover = line.get(&place).unwrap_or(&empty);
        RevenuePointShape {
            t: *t,
            turnover: turnover.into(),
        }
    });
    Some(RevenueSeriesShape {
        payment_method: method,
        currency: total.gross.currency().code().to_owned(),
        total: (&total).into(),
        points: points.collect(),
    })
}
