//! Charts, drawn here from numbers: bars over time, and a ring that says how much of a quota is used.
//!
//! Both tell in words what they show, and are whole without script. Whole numbers only: lengths are counted in hundredths
//! of a pixel, places from left to right in thousandths of a hundredth part of the width.

use std::fmt;

use askama::Template;
use tollgate_kernel::money::{Currency, Money};

use super::frame::Frame;
use super::written::Written;

/// The plot's height, in hundredths of a pixel.
const HEIGHT: i128 = 20_000;
/// What is not nothing is seen.
const LEAST: i128 = 100;
/// The plot's width, in thousandths of a hundredth part.
const WIDTH: i128 = 100_000;
/// One bar alone is no wall.
const WIDEST: i128 = 6_000;
/// More bars than these touch.
const DENSE: i128 = 200;
/// So many series are told apart; the rest is one more.
const MOST: usize = 4;
/// So many labels stand under the bars side by side.
const LABELS: usize = 4;

/// What numbers of a chart count.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    /// Things, by the word for them.
    Counted(String),
    /// Money, in the smallest unit.
    Money(Currency),
}

impl Unit {
    /// On the axis.
    fn short(&self, number: i128, written: Written) -> String {
        match self {
            Self::Counted(_) => written.count(number),
            Self::Money(currency) => {
                let minor = i64::try_from(number).unwrap_or(i64::MAX);
                written.price(Money::new(minor, *currency))
            }
        }
    }

    fn told(&self, number: i128, written: Written) -> String {
        match self {
            Self::Counted(word) => format!("{} {word}", written.count(number)),
            Self::Money(_) => self.short(number, written),
        }
    }
}

/// What stands over one place of the axis.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// In full: `1 May 2026`.
    pub(super) title: String,
    /// Under the bar: `1 May`.
    pub(super) label: String,
    /// One for each series; what is missing is zero.
    pub(super) values: Vec<i64>,
}

/// What must not be passed.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) value: i64,
}

/// Bars over time, one series or several on top of each other.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    /// The chart in one sentence.
    pub(super) summary: String,
    /// The names, the greatest first: from the fourth on they are one, if they are more than four.
    pub(super) series: Vec<String>,
    pub(super) points: Vec<Point>,
    pub(super) unit: Unit,
    pub(super) limit: Option<Limit>,
}

impl Bars {
    pub(super) fn draw(self, frame: &Frame) -> Chart {
        let written = frame.written();
        let Self {
            summary,
            mut series,
            mut points,
            unit,
            limit,
        } = self;
        let rest = (series.len() > MOST).then(|| series.split_off(MOST - 1).len());
        if rest.is_some() {
            series.push(frame.say("chart.other"));
        }
        let count = i128::try_from(points.len()).unwrap_or(i128::MAX).max(1);
        let columns: Vec<Vec<i128>> = points
            .iter_mut()
            .map(|point| stacked(&std::mem::take(&mut point.values), series.len()))
            .collect();
        let greatest = columns.iter().map(|values| drawn(values).sum()).max();
        let above = limit.as_ref().map_or(0, |limit| i128::from(limit.value));
        let scale = Scale::of(greatest.unwrap_or(0).max(above));
        let slot = Slot { count };
        let labelled = labelled(points.len());
        let labels = labelled.iter().map(|at| slot.label(*at, &points[*at]));
        let labels = labels.collect();
        let bars = points.into_iter().zip(&columns).enumerate();
        let bars = bars.map(|(at, (point, values))| {
            let told = told(&point.title, values, &series, &unit, written);
            slot.column(at, &scale, point.title, told, values, |number| {
                unit.short(number, written)
            })
        });
        Chart {
            bars: bars.collect(),
            labels,
            ticks: scale.ticks(&unit, written),
            limit: limit.map(|limit| Line {
                y: Hundredths(HEIGHT - scale.height(i128::from(limit.value))),
                text: format!(
                    "{}: {}",
                    limit.name,
                    unit.told(i128::from(limit.value), written)
                ),
            }),
            words: [
                frame.say("chart.table"),
                frame.say("chart.when"),
                frame.say("chart.total"),
            ],
            unit: match &unit {
                Unit::Counted(word) => word.clone(),
                Unit::Money(currency) => currency.code().to_owned(),
            },
            summary,
            series,
        }
    }
}

/// One value for each series that is shown; what is beyond them belongs to the last.
fn stacked(values: &[i64], series: usize) -> Vec<i128> {
    let mut shown = vec![0; series];
    let last = series.saturating_sub(1);
    for (at, value) in values.iter().enumerate() {
        if let Some(sum) = shown.get_mut(at.min(last)) {
            *sum += i128::from(*value);
        }
    }
    shown
}

/// Nothing is drawn below zero.
fn drawn(values: &[i128]) -> impl Iterator<Item = i128> {
    values.iter().map(|value| (*value).max(0))
}

/// `1 May 2026: 12 calls (chat 8, search 4)`
fn told(title: &str, values: &[i128], series: &[String], unit: &Unit, written: Written) -> String {
    let sum = unit.told(values.iter().sum(), written);
    if series.len() < 2 {
        return format!("{title}: {sum}");
    }
    let parts = series.iter().zip(values).filter(|(_, value)| **value != 0);
    let parts: Vec<String> = parts
        .map(|(name, value)| format!("{name} {}", unit.short(*value, written)))
        .collect();
    if parts.is_empty() {
        return format!("{title}: {sum}");
    }
    format!("{title}: {sum} ({})", parts.join(", "))
}

/// Which places of the axis have a label.
fn labelled(count: usize) -> Vec<usize> {
    match count {
        0..=LABELS => (0..count).collect(),
        _ => vec![0, count / 2, count - 1],
    }
}

/// From zero to a round number, in two to four equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scale {
    step: i128,
    steps: i128,
}

impl Scale {
    fn of(greatest: i128) -> Self {
        let mut power = 1;
        loop {
            for round in [1, 2, 5] {
                let step = round * power;
                if greatest <= step * 4 {
                    let steps = (greatest + step - 1) / step;
                    return Self {
                        step,
                        steps: steps.max(2),
                    };
                }
            }
            power *= 10;
        }
    }

    fn height(&self, value: i128) -> i128 {
        value.max(0) * HEIGHT / (self.step * self.steps)
    }

    /// The highest first.
    fn ticks(&self, unit: &Unit, written: Written) -> Vec<Line> {
        (0..=self.steps)
            .rev()
            .map(|at| Line {
                y: Hundredths(HEIGHT - at * HEIGHT / self.steps),
                text: unit.short(at * self.step, written),
            })
            .collect()
    }
}

/// Equal shares of the width.
struct Slot {
    count: i128,
}

impl Slot {
    fn left(&self, at: usize) -> i128 {
        i128::try_from(at).unwrap_or(i128::MAX) * WIDTH / self.count
    }

    fn column(
        &self,
        at: usize,
        scale: &Scale,
        title: String,
        told: String,
        values: &[i128],
        short: impl Fn(i128) -> String,
    ) -> Column {
        let left = self.left(at);
        let slot = self.left(at + 1) - left;
        // What is thinner than a few pixels has no gaps: they would only make it pale.
        let wide = if self.count > DENSE {
            slot
        } else {
            slot * 4 / 5
        };
        let wide = wide.clamp(1, WIDEST);
        let (mut sum, mut below) = (0, 0);
        let mut blocks = Vec::with_capacity(values.len());
        for (series, value) in drawn(values).enumerate() {
            if value == 0 {
                continue;
            }
            sum += value;
            let top = scale.height(sum).max(below + LEAST).min(HEIGHT);
            blocks.push(Block {
                series: series + 1,
                y: Hundredths(HEIGHT - top),
                height: Hundredths(top - below),
            });
            below = top;
        }
        let total: i128 = values.iter().sum();
        Column {
            title,
            told,
            slot_x: Thousandths(left),
            slot_width: Thousandths(slot.max(1)),
            x: Thousandths(left + (slot - wide) / 2),
            width: Thousandths(wide),
            blocks,
            cells: values.iter().map(|value| short(*value)).collect(),
            total: (values.len() > 1).then(|| short(total)),
        }
    }

    fn label(&self, at: usize, point: &Point) -> Label {
        let middle = i128::midpoint(self.left(at), self.left(at + 1));
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let is_edge = count > LABELS;
        let (x, anchor) = match at {
            0 if is_edge => (0, "start"),
            _ if is_edge && at + 1 == count => (WIDTH, "end"),
            _ => (middle, "middle"),
        };
        Label {
            x: Thousandths(x),
            anchor,
            text: point.label.clone(),
        }
    }
}

/// Pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hundredths(i128);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Hundredth parts of the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thousandths(i128);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}%", self.0 / 1_000, self.0 % 1_000)
    }
}

#[derive(Debug)]
struct Line {
    y: Hundredths,
    text: String,
}

#[derive(Debug)]
struct Label {
    x: Thousandths,
    anchor: &'static str,
    text: String,
}

#[derive(Debug)]
struct Block {
    series: usize,
    y: Hundredths,
    height: Hundredths,
}

#[derive(Debug)]
struct Column {
    title: String,
    told: String,
    slot_x: Thousandths,
    slot_width: Thousandths,
    x: Thousandths,
    width: Thousandths,
    blocks: Vec<Block>,
    cells: Vec<String>,
    total: Option<String>,
}

/// Bars that are drawn: `{{ chart }}` in a template.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(super) struct Chart {
    summary: String,
    series: Vec<String>,
    unit: String,
    bars: Vec<Column>,
    labels: Vec<Label>,
    ticks: Vec<Line>,
    limit: Option<Line>,
    words: [String; 3],
}

/// Its own template has escaped what it holds.
impl askama::filters::HtmlSafe for Chart {}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    pub(super) used: i64,
    /// `None`: as much as one likes.
    pub(super) limit: Option<i64>,
}

impl Ring {
    /// Whole hundredth parts; all is said only when all is used.
    fn percent(self) -> Option<i128> {
        let used = i128::from(self.used.max(0));
        self.limit.map(|limit| match i128::from(limit) {
            ..=0 => 100,
            limit => used * 100 / limit,
        })
    }

    /// As a class: from 80 % on it warns.
    pub(super) fn state(self) -> &'static str {
        match self.percent() {
            None | Some(..80) => "ok",
            Some(80..100) => "warn",
            Some(_) => "bad",
        }
    }

    /// Of what, as its reader calls it: a word alone can be half of one (次处理), so it stands beside its number.
    pub(super) fn draw(self, frame: &Frame, meter: &str) -> DrawnRing {
        let (words, written) = (frame.words(), frame.written());
        let used = written.count(self.used);
        let part = match self.limit {
            None => 0,
            Some(..=0) => HEIGHT / 2,
            Some(limit) => {
                (i128::from(self.used.max(0)) * HEIGHT / 2 / i128::from(limit)).min(HEIGHT / 2)
            }
        };
        DrawnRing {
            part,
            state: self.state(),
            text: self
                .percent()
                .map_or_else(|| "∞".to_owned(), |percent| format!("{percent}%")),
            heading: match self.limit {
                None => words.with("chart.so_far", &[("used", &used), ("meter", &meter)]),
                Some(limit) => {
                    let left = written.count(limit.saturating_sub(self.used).max(0));
                    words.with("chart.left", &[("left", &left), ("meter", &meter)])
                }
            },
            told: match self.limit {
                None => frame.say("chart.unlimited"),
                Some(limit) => {
                    let limit = written.count(limit);
                    words.with("chart.used", &[("used", &used), ("limit", &limit)])
                }
            },
        }
    }
}

/// A ring that is drawn: `{{ ring }}` in a template. What it says in words stands beside it.
#[derive(Debug, Template)]
#[template(path = "ring.html")]
pub(super) struct DrawnRing {
    /// Of ten thousand.
    part: i128,
    state: &'static str,
    text: String,
    /// How much is left; without a limit, how much was used.
    pub(super) heading: String,
    pub(super) told: String,
}

/// Its own template has escaped what it holds.
impl askama::filters::HtmlSafe for DrawnRing {}

#[cfg(test)]
mod tests;
