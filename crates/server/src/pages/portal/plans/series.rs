//! Usage over time as bars.

use std::collections::BTreeMap;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::words::Said;
use tollgate_payment::model::plan::Reset;
use tollgate_payment::model::usage::Interval;
use tollgate_payment::shapes::{QuotaShape, UsageSeriesShape};

use crate::pages::chart::{Bars, Chart, Limit, Point, Unit};
use crate::pages::frame::Frame;
use crate::pages::written::Written;

/// What is drawn of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure<'a> {
    /// Units of a meter.
    Units(&'a str),
    Calls,
}

/// All of it, as it is drawn and as it is summed.
pub(super) struct Drawn {
    pub(super) chart: Chart,
    /// Calls and units by name, the largest first.
    pub(super) sums: Vec<Sum>,
    pub(super) calls: i64,
}

/// What was used under one name.
pub(super) struct Sum {
    pub(super) name: String,
    pub(super) calls: String,
    pub(super) units: String,
}

/// Draws it. `names`: what keys are called.
pub(super) fn draw(
    frame: &Frame,
    series: &UsageSeriesShape,
    by: Interval,
    names: &BTreeMap<String, String>,
    measure: Measure<'_>,
    limit: Option<Limit>,
) -> Drawn {
    let written = frame.written();
    let starts = series.series.first().map(|line| line.points.as_slice());
    let starts = starts.unwrap_or_default();
    let value = |line: usize, place: usize| {
        let line = series
            .series
            .get(line)
            .and_then(|line| line.points.get(place));
        line.map_or(0, |point| match measure {
            Measure::Units(_) => point.quota_cost,
            Measure::Calls => point.count,
        })
    };
    let points: Vec<Point> = starts
        .iter()
        .enumerate()
        .map(|(place, start)| Point {
            title: title(written, start.t, by),
            label: label(written, start.t, by),
            values: (0..series.series.len())
                .map(|line| value(line, place))
                .collect(),
        })
        .collect();
    let total = |place: usize| {
        points[place]
            .values
            .iter()
            .fold(0_i64, |sum, one| sum.saturating_add(*one))
    };
    let whole = (0..points.len()).fold(0_i64, |sum, place| sum.saturating_add(total(place)));
    let unit = match measure {
        Measure::Units(meter) => meter.to_owned(),
        Measure::Calls => frame.say("my_usage.unit_calls"),
    };
    let most = (0..points.len()).max_by_key(|place| (total(*place), std::cmp::Reverse(*place)));
    let words = frame.words();
    let count = written.count(whole);
    let summary = match (most, points.first(), points.last()) {
        (Some(most), Some(first), Some(last)) if whole > 0 => {
            let peak = written.count(total(most));
            let given: [(&str, &dyn Said); 6] = [
                ("count", &count),
                ("unit", &unit),
                ("from", &first.title),
                ("to", &last.title),
                ("peak", &peak),
                ("day", &points[most].title),
            ];
            words.with("my_usage.summary", &given)
        }
        _ => words.with("my_usage.summary_none", &[("unit", &unit)]),
    };
    let sums = series.series.iter().map(|line| {
        let sum = |of: fn(&tollgate_payment::shapes::PointShape) -> i64| {
            let points = line.points.iter();
            points.fold(0_i64, |sum, point| sum.saturating_add(of(point)))
        };
        Sum {
            name: named(frame, names, &line.key),
            calls: written.count(sum(|point| point.count)),
            units: written.count(sum(|point| point.quota_cost)),
        }
    });
    let calls = series.series.iter().flat_map(|line| &line.points);
    let calls = calls.fold(0_i64, |sum, point| sum.saturating_add(point.count));
    Drawn {
        sums: sums.collect(),
        calls,
        chart: Bars {
            summary,
            series: series
                .series
                .iter()
                .map(|line| named(frame, names, &line.key))
                .collect(),
            points,
            unit: Unit::Counted(unit),
            limit,
        }
        .draw(frame),
    }
}

/// What a line is called.
fn named(frame: &Frame, names: &BTreeMap<String, String>, key: &str) -> String {
    match key {
        "total" => frame.say("my_usage.total"),
        "none" => frame.say("my_usage.no_key"),
        "other" => frame.say("chart.other"),
        key => names.get(key).map_or(key, String::as_str).to_owned(),
    }
}

/// A quota used evenly, day by day: the line that bars of days are compared with. What never begins anew has none.
pub(super) fn daily(frame: &Frame, quota: &QuotaShape, reset: Option<Reset>) -> Option<Limit> {
    const DAY: u64 = 24 * 3_600;
    let limit = quota.limit.filter(|limit| *limit > 0)?;
    let begun = quota.period_start?;
    if reset.is_none_or(|reset| reset == Reset::Never) {
        return None;
    }
    // The clock may change within it: rounded to whole days.
    let seconds = quota.resets_at.since(begun).as_secs();
    let days = seconds.saturating_add(DAY / 2).checked_div(DAY)?;
    let days = i64::try_from(days).ok()?.max(1);
    // Rounded up, so that it is never drawn as nothing.
    let value = limit.checked_sub(1)?.checked_div(days)?.checked_add(1)?;
    Some(Limit {
        name: frame.say("overview.even"),
        value,
    })
}

fn title(written: Written, at: Timestamp, by: Interval) -> String {
    match by {
        Interval::Hour => written.time(at),
        Interval::Day => written.date(at),
        Interval::Month => written.moment(at, "date.month"),
    }
}

fn label(written: Written, at: Timestamp, by: Interval) -> String {
    let pattern = match by {
        Interval::Hour => "date.short_time",
        Interval::Day => "date.short_day",
        Interval::Month => "date.short_month",
    };
    written.moment(at, pattern)
}

#[cfg(test)]
pub(super) mod samples {
    use serde_json::json;
    use tollgate_kernel::text::Language;

    use super::super::samples::{noon, quota};
    use super::*;
    use crate::pages::samples::visit;

    /// So many days, one line for each key.
    pub(in super::super) fn series(keys: &[&str], days: usize) -> UsageSeriesShape {
        let mut at = noon();
        let mut points = Vec::new();
        for day in 0..days {
            points.push(json!({ "t": at, "quota_cost": day * 3, "count": day }));
            at = at.after(std::time::Duration::from_hours(24));
        }
        let lines: Vec<_> = keys
            .iter()
            .map(|key| json!({ "key": key, "points": points }))
            .collect();
        serde_json::from_value(json!({ "interval": "day", "tz": "Asia/Shanghai", "series": lines }))
            .expect("lines")
    }

    fn frame() -> Frame {
        Frame::plain(&visit(Language::En), String::new())
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let none = BTreeMap::new();
        let drawn = draw(
            &frame(),
            &series(&["total"], 3),
            Interval::Day,
            &none,
            Measure::Units("scans"),
            None,
        );
        assert_eq!((drawn.calls, &*drawn.sums[0].units), (3, "9"));
        let html = drawn.chart.to_string();
        assert!(
            html.contains("9 scans from 1 May 2026 to 3 May 2026; the most, 6, on 3 May 2026."),
            "{html}"
        );
        let empty = series(&["total"], 1);
        let drawn = draw(&frame(), &empty, Interval::Day, &none, Measure::Calls, None);
        assert!(drawn.chart.to_string().contains("No calls in this time."));
    }

    #[test]
    fn an_even_day_is_the_quota_by_its_days() {
        let of =
            |limit, reset| daily(&frame(), &quota("m", 0, limit), reset).map(|line| line.value);
        assert_eq!(of(Some(300), Some(Reset::Month)), Some(10));
        assert_eq!(of(Some(301), Some(Reset::Month)), Some(11));
        assert_eq!(of(Some(1), Some(Reset::Month)), Some(1));
        assert_eq!(
            of(Some(i64::MAX), Some(Reset::Term)),
            Some(i64::MAX / 30 + 1)
        );
        for (limit, reset) in [
            (None, Some(Reset::Month)),
            (Some(0), Some(Reset::Month)),
            (Some(300), Some(Reset::Never)),
            (Some(300), None),
        ] {
            assert_eq!(of(limit, reset), None);
        }
    }
}
