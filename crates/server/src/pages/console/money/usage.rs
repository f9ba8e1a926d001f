//! What everybody uses: over time, by what, by whom, and call by call.

use std::time::Duration;

use askama::Template;
use axum::extract::State as Held;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::table::LONGEST_TABLE;
use tollgate_kernel::words::Said;
use tollgate_payment::model::usage::{GroupBy, Interval};
use tollgate_payment::shapes::{SeriesShape, UsageLogShape, UsageSeriesShape};
use tollgate_payment::{SeriesOf, UsageFilter, UsagePage, WantSeries};

use super::super::super::chart::{Bars, Chart, Point, Unit};
use super::super::super::frame::Frame;
use super::super::Console;
use super::super::form::{Choice, Faults, Field, Typed};
use super::super::list::{LIMIT, Pager};
use super::super::staff::{Staff, UsageRead};
use super::cells::{self, At, Person};
use super::people::{Meant, Names};
use super::transactions::{moment, notes, some, unknown_cursor, with_faults, word};
use crate::words::WORDS;

const HERE: &str = "/console/usage";
/// Where no beginning is asked for: this day and 29 before it.
const USUAL: Duration = Duration::from_hours(29 * 24);
/// Hours are told apart within so much time, days within the next.
const BY_HOUR: Duration = Duration::from_hours(3 * 24);
const BY_DAY: Duration = Duration::from_hours(186 * 24);

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    user: String,
    from: String,
    to: String,
    group: String,
    resource_type: String,
    meter: String,
    starting_after: String,
}

/// The same, read.
struct Wanted {
    meant: Meant,
    filter: UsageFilter,
    page: UsagePage,
    from: Timestamp,
    to: Option<Timestamp>,
    group: GroupBy,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "money_usage.html")]
struct UsagePageOfAll {
    frame: Frame,
    filters: Vec<Field>,
    notes: Vec<String>,
    several: Vec<(String, String)>,
    is_listed: bool,
    chart: Option<Chart>,
    group: String,
    sums: Vec<Sum>,
    rows: Vec<Row>,
    table: String,
    pager: Pager,
}

/// A line of the chart, all of it together.
struct Sum {
    name: String,
    units: String,
    calls: String,
    share: String,
}

/// A charge, or units that were given back.
struct Row {
    at: At,
    who: Person,
    what: String,
    about: Option<String>,
    meter: String,
    units: String,
}

/// `GET /console/usage`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<UsageRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, staff.visit().say("console.usage"));
    let wanted = wanted(&console, &staff, &frame, &asked).await?;
    let is_listed = wanted.faults.is_empty() && wanted.meant.is_clear();
    let (mut series, mut rows, mut has_more) = (None, Vec::new(), false);
    if is_listed {
        let want = wanted.series(console.payment.now());
        series = Some(console.payment.usage_series(&want).await?);
        let found = console
            .payment
            .usage_logs(&wanted.filter, wanted.page, LIMIT);
        (rows, has_more) = found.await?.ok_or_else(unknown_cursor)?;
    }
    let lines = series.iter().flat_map(|series| &series.series);
    let lines = lines.filter_map(|line| line.key.parse::<UserId>().ok());
    let lines: Vec<UserId> = match wanted.group {
        GroupBy::User => lines.collect(),
        GroupBy::ResourceType | GroupBy::ApiKey | GroupBy::Meter => Vec::new(),
    };
    let people = rows.iter().map(|row| row.user_id).chain(lines);
    let names = Names::of(&console, &staff, people.chain(wanted.meant.one())).await?;
    let cursor = rows.last().filter(|_| has_more);
    let cursor = cursor.map(|row| row.id.to_string());
    let view = View {
        asked: &asked,
        wanted: &wanted,
        names: &names,
        now: console.payment.now(),
    };
    let pager = Pager::new(staff.visit(), "starting_after", cursor);
    let mut page = view.page(frame, series.as_ref(), &rows, pager);
    if let Meant::Several(people) = &wanted.meant {
        let link = |email: &String| staff.visit().here_with("q", email);
        let several = people.iter().map(|(_, email)| (link(email), email.clone()));
        page.several = several.collect();
    }
    super::super::super::page(&page)
}

/// `GET /console/usage.csv`: the calls of the list, up to 10,000 lines.
pub(super) async fn table(
    Held(console): Held<Console>,
    staff: Staff<UsageRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, String::new());
    let wanted = wanted(&console, &staff, &frame, &asked).await?;
    if !wanted.faults.is_empty() || !wanted.meant.is_clear() {
        return Err(Problem::invalid(
            "/q",
            "unclear",
            WORDS.text("problem.filters"),
        ));
    }
    let page = UsagePage::default();
    let listed = console
        .payment
        .usage_table(wanted.filter, page, LONGEST_TABLE);
    listed.await
}

async fn wanted(
    console: &Console,
    staff: &Staff<UsageRead>,
    frame: &Frame,
    asked: &Asked,
) -> Result<Wanted, Problem> {
    let mut faults = Faults::default();
    let now = console.payment.now();
    let from = moment(frame, &mut faults, "from", &asked.from, cells::begin_of);
    let to = moment(frame, &mut faults, "to", &asked.to, cells::end_of);
    let from = from.unwrap_or_else(|| {
        let begin = to.unwrap_or(now).before(USUAL);
        let zone = frame.written().zone;
        let day = cells::day(&cells::day_of(begin, zone));
        day.and_then(|day| cells::begin_of(day, zone))
            .unwrap_or(begin)
    });
    if to.unwrap_or(now) <= from {
        faults.note("to", frame.say("money.backwards"));
    }
    let meant = Meant::by(console, staff, some(&asked.user), some(&asked.q)).await?;
    let group = word(frame, &mut faults, "group", &asked.group);
    let group = group.unwrap_or(GroupBy::ResourceType);
    if group == GroupBy::ApiKey && meant.one().is_none() {
        faults.note("group", frame.say("everyones_usage.keys_of_one"));
    }
    let meter = word(frame, &mut faults, "meter", &asked.meter);
    let resource_type = word(frame, &mut faults, "resource_type", &asked.resource_type);
    let filter = UsageFilter {
        user: meant.one(),
        resource_types: resource_type.into_iter().collect(),
        meter,
        from: Some(from),
        to,
        ..UsageFilter::default()
    };
    let page = UsagePage {
        starting_after: word(frame, &mut faults, "starting_after", &asked.starting_after),
        ending_before: None,
    };
    Ok(Wanted {
        meant,
        filter,
        page,
        from,
        to,
        group,
        faults,
    })
}

impl Wanted {
    fn interval(&self, now: Timestamp) -> Interval {
        match self.to.unwrap_or(now).since(self.from) {
            time if time <= BY_HOUR => Interval::Hour,
            time if time <= BY_DAY => Interval::Day,
            _ => Interval::Month,
        }
    }

    fn series(&self, now: Timestamp) -> WantSeries {
        WantSeries {
            of: self
                .meant
                .one()
                .map_or(SeriesOf::Everybody, SeriesOf::Person),
            from: Some(self.from),
            to: self.to,
            interval: self.interval(now),
            by: Some(self.group),
            zone: None,
            meter: self.filter.meter.clone(),
            resource_type: self.filter.resource_types.first().cloned(),
        }
    }
}

/// What a page is made from.
struct View<'a> {
    asked: &'a Asked,
    wanted: &'a Wanted,
    names: &'a Names,
    now: Timestamp,
}

/// Units and calls of a line.
fn sums(line: &SeriesShape) -> (i64, i64) {
    let points = line.points.iter();
    points.fold((0, 0), |(units, calls), point| {
        (
            units.saturating_add(point.quota_cost),
            calls.saturating_add(point.count),
        )
    })
}

impl View<'_> {
    fn page(
        &self,
        frame: Frame,
        series: Option<&UsageSeriesShape>,
        rows: &[UsageLogShape],
        pager: Pager,
    ) -> UsagePageOfAll {
        let lines = series.map_or(&[][..], |series| &series.series);
        let total = lines.iter().map(|line| sums(line).0);
        let total = total.fold(0, i64::saturating_add);
        let has_any = lines.iter().any(|line| sums(line) != (0, 0));
        UsagePageOfAll {
            filters: self.filters(&frame),
            notes: notes(&frame, &self.wanted.meant),
            several: Vec::new(),
            is_listed: series.is_some(),
            chart: has_any.then(|| self.chart(&frame, lines)),
            group: frame.say(&format!("money_usage_by.{}", self.wanted.group.as_str())),
            sums: lines
                .iter()
                .filter(|line| sums(line) != (0, 0))
                .map(|line| self.sum(&frame, line, total))
                .collect(),
            rows: rows.iter().map(|row| self.row(&frame, row)).collect(),
            table: self.table(&frame),
            pager,
            frame,
        }
    }

    fn filters(&self, frame: &Frame) -> Vec<Field> {
        let (asked, wanted) = (self.asked, self.wanted);
        let zone = frame.written().zone;
        let mut typed = Typed::default();
        match wanted.meant.one().filter(|_| asked.q.is_empty()) {
            Some(user) => typed.put("q", self.names.person(user).text),
            None => typed.put("q", &asked.q),
        }
        match asked.from.as_str() {
            "" => typed.put("from", cells::day_of(wanted.from, zone)),
            from => typed.put("from", from),
        }
        match asked.to.as_str() {
            "" => typed.put("to", cells::day_of(self.now, zone)),
            to => typed.put("to", to),
        }
        typed.put("resource_type", &asked.resource_type);
        typed.put("meter", &asked.meter);
        let groups = GroupBy::ALL.iter().map(|one| {
            let word = one.as_str();
            let name = frame.say(&format!("money_usage_by.{word}"));
            Choice::new(word, name, wanted.group.as_str())
        });
        let fields = [
            Field::line("from", frame.say("money.from"), &typed).of("date"),
            Field::line("to", frame.say("money.to"), &typed).of("date"),
            Field::choice(
                "group",
                frame.say("everyones_usage.group"),
                groups.collect(),
            ),
            Field::line("q", frame.say("money.person"), &typed).of("search"),
            Field::line(
                "resource_type",
                frame.say("money_usage_by.resource_type"),
                &typed,
            ),
            Field::line("meter", frame.say("money_usage_by.meter"), &typed),
        ];
        with_faults(fields, &wanted.faults)
    }

    /// How a line is called.
    fn name(&self, frame: &Frame, key: &str) -> String {
        match (self.wanted.group, key) {
            (GroupBy::ApiKey, "none") => frame.say("everyones_usage.no_key"),
            (_, "other") => frame.say("chart.other"),
            (GroupBy::User, id) => id
                .parse()
                .map_or_else(|_| id.to_owned(), |user| self.names.person(user).text),
            (GroupBy::ApiKey, id) => cells::short(id),
            (GroupBy::ResourceType | GroupBy::Meter, name) => name.to_owned(),
        }
    }

    fn chart(&self, frame: &Frame, lines: &[SeriesShape]) -> Chart {
        let written = frame.written();
        let interval = self.wanted.interval(self.now);
        let (units, calls) = lines.iter().map(sums).fold((0, 0), |sum, more| {
            (
                i64::saturating_add(sum.0, more.0),
                i64::saturating_add(sum.1, more.1),
            )
        });
        let starts = lines.first().map_or(&[][..], |line| &line.points);
        let points = starts.iter().enumerate().map(|(place, first)| {
            let (title, label) = cells::point(written, first.t, interval);
            let values = lines.iter().map(|line| line.points.get(place));
            Point {
                title,
                label,
                values: values
                    .map(|point| point.map_or(0, |point| point.quota_cost))
                    .collect(),
            }
        });
        let (units, calls) = (written.count(units), written.count(calls));
        let given: [(&str, &dyn Said); 2] = [("units", &units), ("calls", &calls)];
        let bars = Bars {
            summary: frame.words().with("everyones_usage.summary", &given),
            series: lines
                .iter()
                .map(|line| self.name(frame, &line.key))
                .collect(),
            points: points.collect(),
            unit: Unit::Counted(frame.say("everyones_usage.unit")),
            limit: None,
        };
        bars.draw(frame)
    }

    fn sum(&self, frame: &Frame, line: &SeriesShape, total: i64) -> Sum {
        let written = frame.written();
        let (units, calls) = sums(line);
        let share = tollgate_payment::model::stats::rate(units, total);
        Sum {
            name: self.name(frame, &line.key),
            units: written.count(units),
            calls: written.count(calls),
            share: share.as_deref().map(cells::percent).unwrap_or_default(),
        }
    }

    fn row(&self, frame: &Frame, row: &UsageLogShape) -> Row {
        Row {
            at: At::new(frame, row.created_at),
            who: self.names.person(row.user_id),
            what: row.resource_type.clone(),
            about: row.resource_id.clone(),
            meter: row.meter.clone(),
            units: frame.written().count(row.quota_cost),
        }
    }

    /// The same calls, as a table.
    fn table(&self, frame: &Frame) -> String {
        let (asked, wanted) = (self.asked, self.wanted);
        let user = wanted.meant.one().map(|user| user.to_string());
        let from = cells::day_of(wanted.from, frame.written().zone);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("user", user.as_deref().unwrap_or_default()),
            ("from", &from),
            ("to", &asked.to),
            ("resource_type", &asked.resource_type),
            ("meter", &asked.meter),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{HERE}.csv?{}", query.finish())
    }
}

#[cfg(test)]
mod samples;
