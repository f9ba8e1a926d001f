//! Usage over time: lines of hours, days or months, of one person or of everybody.
//!
//! The mark is read first. What lies before it is taken from the roll-ups and does not change any more; what lies behind
//! it is in the log. So a line is whole also while the log is folded beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_storage::StorageError;

use crate::PaymentService;
use crate::model::quota::{Meter, ResourceType};
use crate::model::usage::{GroupBy, Interval, MOST_SERIES, Points, SpanError};
use crate::shapes::{PointShape, SeriesShape, UsageSeriesShape};
use crate::store::usage_marks;
use crate::store::usage_series::{self, Source, Used, Wanted};

/// Where no beginning is asked for: this day and 29 before it.
const USUAL: Duration = Duration::from_hours(29 * 24);
/// Roll-ups in one statement.
const SLICE: Duration = Duration::from_hours(31 * 24);
/// Nothing is looked for in what has not been: beyond every clock that is a little ahead.
const AHEAD: Duration = Duration::from_hours(24);
/// The line of what is not told apart.
const TOTAL: &str = "total";
/// The line of what was charged without a key.
const NO_KEY: &str = "none";
/// The line of the rest.
const OTHER: &str = "other";

/// Whose usage.
///
/// ```
/// # use tollgate_payment::SeriesOf;
/// fn scope(of: SeriesOf) -> &'static str {
///     match of {
///         SeriesOf::Person(_) => "mine",
///         SeriesOf::Everybody => "all",
///     }
/// }
/// assert_eq!(scope(SeriesOf::Everybody), "all");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesOf {
    /// One person's.
    Person(UserId),
    /// Of all.
    Everybody,
}

/// Which lines.
///
/// ```
/// # use tollgate_payment::{SeriesOf, WantSeries};
/// # use tollgate_payment::model::usage::Interval;
/// let by_hour = WantSeries {
///     of: SeriesOf::Everybody,
///     from: None,
///     to: None,
///     interval: Interval::Hour,
///     by: None,
///     zone: None,
///     meter: Some("calls".parse()?),
///     resource_type: None,
/// };
/// assert_eq!(by_hour.interval.as_str(), "hour");
/// # Ok::<(), tollgate_payment::model::quota::InvalidName>(())
/// ```
#[derive(Clone, Debug)]
pub struct WantSeries {
    /// Whose.
    pub of: SeriesOf,
    /// In whole points: from the beginning of the one that this lies in. `None`: 29 days before the end.
    pub from: Option<Timestamp>,
    /// To the end of the last that begins before this. `None`: now.
    pub to: Option<Timestamp>,
    /// How long a point lasts.
    pub interval: Interval,
    /// What a line is of; `None`: one line.
    pub by: Option<GroupBy>,
    /// By whose clock; `None`: the service's.
    pub zone: Option<Tz>,
    /// Of this meter only.
    pub meter: Option<Meter>,
    /// Of this only.
    pub resource_type: Option<ResourceType>,
}

/// Why there are no such lines.
///
/// ```
/// # use tollgate_payment::SeriesError;
/// # use tollgate_payment::model::usage::SpanError;
/// let error = SeriesError::from(SpanError::TooMany);
/// assert!(matches!(error, SeriesError::Span(SpanError::TooMany)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// No such points.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// Keys are told apart for one person only.
    #[error("keys are of one person")]
    KeysOfAll,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// Units and calls in the points that have any.
#[derive(Debug, Default)]
struct Line(BTreeMap<usize, (i64, i64)>);

impl Line {
    fn add(&mut self, place: usize, units: i64, calls: i64) {
        let sums = self.0.entry(place).or_default();
        *sums = (sums.0.saturating_add(units), sums.1.saturating_add(calls));
    }

    fn merge(&mut self, other: &Self) {
        for (place, (units, calls)) in &other.0 {
            self.add(*place, *units, *calls);
        }
    }

    fn units(&self) -> i64 {
        let units = self.0.values().map(|(units, _)| *units);
        units.fold(0, i64::saturating_add)
    }

    fn shape(&self, key: &str, points: &Points) -> SeriesShape {
        let points = points.starts().iter().enumerate().map(|(place, t)| {
            let (quota_cost, count) = self.0.get(&place).copied().unwrap_or_default();
            PointShape {
                t: *t,
                quota_cost,
                count,
            }
        });
        SeriesShape {
            key: key.to_owned(),
            points: points.collect(),
        }
    }
}

impl PaymentService {
    /// Lines over time, with a point for every hour, day or month.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::{PaymentService, SeriesError, SeriesOf, WantSeries};
    /// # use tollgate_payment::model::usage::{GroupBy, Interval};
    /// # use tollgate_payment::shapes::SeriesShape;
    /// async fn by_type(payment: &PaymentService, user: UserId) -> Result<Vec<(String, i64)>, SeriesError> {
    ///     let want = WantSeries {
    ///         of: SeriesOf::Person(user),
    ///         from: None,
    ///         to: None,
    ///         interval: Interval::Day,
    ///         by: Some(GroupBy::ResourceType),
    ///         zone: None,
    ///         meter: None,
    ///         resource_type: None,
    ///     };
    ///     let lines = payment.usage_series(&want).await?.series;
    ///     let sum = |line: &SeriesShape| line.points.iter().map(|point| point.quota_cost).sum();
    ///     Ok(lines.iter().map(|line| (line.key.clone(), sum(line))).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SeriesError`].
    pub async fn usage_series(&self, want: &WantSeries) -> Result<UsageSeriesShape, SeriesError> {
        let parts = &self.0;
        if want.of == SeriesOf::Everybody && want.by == Some(GroupBy::ApiKey) {
            return Err(SeriesError::KeysOfAll);
        }
        let now = parts.clock.now();
        let zone = want.zone.unwrap_or(parts.config.zone);
        let to = want.to.unwrap_or(now);
        let from = want.from.unwrap_or_else(|| to.before(USUAL));
        let points = Points::of(from, to, want.interval, zone)?;
        let folded = usage_marks::folded(&parts.db).await?;
        let border = folded.clamp(points.begin(), points.end());
        let end = points.end().min(now.max(folded).after(AHEAD)).max(border);
        let users = self
            .told_apart(want, (points.begin(), border), (border, end))
            .await?;
        let mut lines: BTreeMap<String, Line> = BTreeMap::new();
        let mut begin = points.begin();
        while begin < border {
            let until = begin.after(SLICE).min(border);
            for used in self
                .used(want, &users, Source::Rolled((begin, until)))
                .await?
            {
                if let Some(place) = points.place(used.at) {
                    let line = lines.entry(key(want, &used)).or_default();
                    line.add(place, used.units, used.calls);
                }
            }
            begin = until;
        }
        for (place, begin, until) in points.from(border).take_while(|(_, begin, _)| *begin < end) {
            for used in self
                .used(want, &users, Source::Logged((begin, until)))
                .await?
            {
                let line = lines.entry(key(want, &used)).or_default();
                line.add(place, used.units, used.calls);
            }
        }
        Ok(UsageSeriesShape {
            interval: want.interval.as_str().to_owned(),
            tz: zone.name().to_owned(),
            series: shown(want, lines, &points),
        })
    }

    /// By person, those who used most.
    async fn told_apart(
        &self,
        want: &WantSeries,
        rolled: (Timestamp, Timestamp),
        logged: (Timestamp, Timestamp),
    ) -> Result<Vec<UserId>, StorageError> {
        if (want.of, want.by) != (SeriesOf::Everybody, Some(GroupBy::User)) {
            return Ok(Vec::new());
        }
        usage_series::top_users(&self.0.db, &wanted(want), rolled, logged).await
    }

    async fn used(
        &self,
        want: &WantSeries,
        users: &[UserId],
        source: Source,
    ) -> Result<Vec<Used>, StorageError> {
        let (db, wanted) = (&self.0.db, wanted(want));
        match (want.of, want.by) {
            (SeriesOf::Person(user), _) => usage_series::of_user(db, user, &wanted, source).await,
            (SeriesOf::Everybody, Some(GroupBy::User)) => {
                usage_series::by_user(db, users, &wanted, source).await
            }
            (SeriesOf::Everybody, _) => usage_series::of_all(db, &wanted, source).await,
        }
    }
}

fn wanted(want: &WantSeries) -> Wanted {
    Wanted {
        meter: want.meter.clone(),
        resource_type: want.resource_type.clone(),
    }
}

/// Which line.
fn key(want: &WantSeries, used: &Used) -> String {
    let id = |nobody: &str| {
        if used.id.is_nil() {
            nobody.to_owned()
        } else {
            used.id.to_string()
        }
    };
    match (want.by, want.of) {
        (None, _) => TOTAL.to_owned(),
        (Some(GroupBy::ResourceType), _) => used.resource_type.clone(),
        (Some(GroupBy::Meter), _) => used.meter.clone(),
        (Some(GroupBy::ApiKey), _) => id(NO_KEY),
        (Some(GroupBy::User), SeriesOf::Person(person)) => person.to_string(),
        (Some(GroupBy::User), SeriesOf::Everybody) => id(OTHER),
    }
}

/// The largest first, at most so many, and the rest as one more. A name that is itself `other` is counted with the
/// rest, where there is one.
fn shown(
    want: &WantSeries,
    mut lines: BTreeMap<String, Line>,
    points: &Points,
) -> Vec<SeriesShape> {
    if want.by.is_none() {
        let total = lines.remove(TOTAL).unwrap_or_default();
        return vec![total.shape(TOTAL, points)];
    }
    let has_rest = want.by == Some(GroupBy::User) || lines.len() > MOST_SERIES;
    let mut rest = has_rest.then(|| lines.remove(OTHER)).flatten();
    let mut ranked: Vec<(String, Line)> = lines.into_iter().collect();
    // Among equals the order of their names, which they are in.
    ranked.sort_by_key(|(_, line)| std::cmp::Reverse(line.units()));
    for (_, line) in ranked.drain(MOST_SERIES.min(ranked.len())..) {
        rest.get_or_insert_default().merge(&line);
    }
    let named = ranked.iter().map(|(key, line)| line.shape(key, points));
    let rest = rest.iter().map(|line| line.shape(OTHER, points));
    named.chain(rest).collect()
}
