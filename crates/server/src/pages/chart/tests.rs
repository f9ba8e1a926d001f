//! Heights, lines and words of charts, up to the greatest numbers there are.

use tollgate_kernel::text::Language;

use super::*;
use crate::pages::samples::{self, HOSTILE, LONG, LONG_ZH};

fn frame(language: Language) -> Frame {
    Frame::plain(&samples::visit(language), "chart".to_owned())
}

fn points(values: &[&[i64]]) -> Vec<Point> {
    let points = values.iter().enumerate().map(|(at, values)| Point {
        title: format!("day {at} in full"),
        label: format!("d{at}"),
        values: values.to_vec(),
    });
    points.collect()
}

fn bars(series: &[&str], points: Vec<Point>) -> Bars {
    Bars {
        summary: "A sentence.".to_owned(),
        series: series.iter().map(|name| (*name).to_owned()).collect(),
        points,
        unit: Unit::Counted("calls".to_owned()),
        limit: None,
    }
}

/// Edge and height of each block of a column, in hundredths of a pixel.
fn blocks(column: &Column) -> Vec<(usize, i128, i128)> {
    let blocks = column.blocks.iter();
    blocks
        .map(|block| (block.series, block.y.0, block.height.0))
        .collect()
}

fn scale(greatest: i128) -> (i128, i128) {
    let Scale { step, steps } = Scale::of(greatest);
    (step, steps)
}

#[test]
fn the_axis_ends_at_a_round_number_in_few_steps() {
    for (greatest, expected) in [
        (0, (1, 2)),
        (1, (1, 2)),
        (4, (1, 4)),
        (5, (2, 3)),
        (9, (5, 2)),
        (99, (50, 2)),
        (100, (50, 2)),
        (101, (50, 3)),
        (1_000, (500, 2)),
        (1_900, (500, 4)),
    ] {
        assert_eq!(scale(greatest), expected, "{greatest}");
    }
    for greatest in (0..5_000).chain([i128::from(i64::MAX) * 4]) {
        let Scale { step, steps } = Scale::of(greatest);
        assert!((2..=4).contains(&steps) && step * steps >= greatest);
    }
}

#[test]
fn bars_are_as_high_as_their_numbers_and_stand_on_zero() {
    let chart = bars(&["a"], points(&[&[0], &[50], &[100], &[-5]])).draw(&frame(Language::En));
    let drawn: Vec<_> = chart.bars.iter().map(blocks).collect();
    assert_eq!(
        drawn,
        [
            vec![],
            vec![(1, 10_000, 10_000)],
            vec![(1, 0, 20_000)],
            vec![]
        ]
    );
    let ticks: Vec<_> = chart.ticks.iter().map(|tick| &*tick.text).collect();
    assert_eq!(ticks, ["100", "50", "0"]);
    assert_eq!(chart.bars[1].told, "day 1 in full: 50 calls");
    assert_eq!(chart.bars[3].told, "day 3 in full: -5 calls");
}

#[test]
fn what_is_little_is_seen_and_what_is_stacked_touches() {
    let stacked = points(&[&[1, 0, 99_999], &[], &[40_000, 60_000]]);
    let chart = bars(&["a", "b", "c"], stacked).draw(&frame(Language::En));
    assert_eq!(
        blocks(&chart.bars[0]),
        [(1, 19_900, 100), (3, 0, 19_900)],
        "one of a hundred thousand is a pixel"
    );
    assert_eq!(blocks(&chart.bars[1]), []);
    assert_eq!(blocks(&chart.bars[2]), [(1, 12_000, 8_000), (2, 0, 12_000)]);
    assert_eq!(
        chart.bars[2].told,
        "day 2 in full: 100,000 calls (a 40,000, b 60,000)"
    );
    assert_eq!(chart.bars[1].told, "day 1 in full: 0 calls");
}

#[test]
fn series_beyond_the_fourth_are_the_rest() {
    let chart = bars(&["a", "b", "c", "d", "e"], points(&[&[1, 2, 3, 4, 5]]));
    let chart = chart.draw(&frame(Language::En));
    assert_eq!(chart.series, ["a", "b", "c", "Other"]);
    assert_eq!(chart.bars[0].cells, ["1", "2", "3", "9"]);
    assert_eq!(chart.bars[0].total.as_deref(), Some("15"));
    let four = bars(&["a", "b", "c", "d"], points(&[&[1, 2, 3, 4]]));
    assert_eq!(four.draw(&frame(Language::En)).series, ["a", "b", "c", "d"]);
}

#[test]
fn the_limit_is_on_the_axis() {
    let mut chart = bars(&["a"], points(&[&[10]]));
    chart.limit = Some(Limit {
        name: "limit".to_owned(),
        value: 300,
    });
    let chart = chart.draw(&frame(Language::En));
    let limit = chart.limit.as_ref().expect("a limit");
    assert_eq!((limit.y, &*limit.text), (Hundredths(0), "limit: 300 calls"));
    assert_eq!(
        chart.ticks.first().map(|tick| &*tick.text),
        Some("300"),
        "three steps of a hundred"
    );
    let html = chart.render().expect("drawn");
    assert!(
        html.contains(r#"<line class="limit" x1="0" x2="100%" y1="0.00" y2="0.00">"#),
        "{html}"
    );
}

#[test]
fn the_greatest_numbers_do_not_overflow() {
    let most = i64::MAX;
    let mut chart = bars(&["a", "b"], points(&[&[most, most], &[i64::MIN, most]]));
    chart.limit = Some(Limit {
        name: "limit".to_owned(),
        value: most,
    });
    chart.unit = Unit::Money(Currency::CNY);
    let chart = chart.draw(&frame(Language::Zh));
    let column = blocks(&chart.bars[0]);
    assert_eq!(column.len(), 2);
    for (_, y, height) in column {
        assert!(y >= 0 && height > 0 && y + height <= HEIGHT);
    }
    chart.render().expect("drawn");
    let full = Ring {
        used: most,
        limit: Some(most),
    };
    assert_eq!((full.percent(), full.state()), (Some(100), "bad"));
}

#[test]
fn a_thousand_points_lie_side_by_side() {
    let values = vec![&[7_i64][..]; 1_000];
    let chart = bars(&["a"], points(&values)).draw(&frame(Language::En));
    let mut end = 0;
    for bar in &chart.bars {
        assert_eq!(bar.slot_x.0, end);
        assert!(bar.width.0 >= 1 && bar.x.0 >= bar.slot_x.0);
        end += bar.slot_width.0;
    }
    assert_eq!(end, WIDTH);
    let labels: Vec<_> = chart.labels.iter().map(|label| &*label.text).collect();
    assert_eq!(labels, ["d0", "d500", "d999"]);
    let html = chart.render().expect("drawn");
    assert_eq!(html.matches("tabindex=\"0\" role=\"img\"").count(), 1_000);
    assert_eq!(html.matches("<th scope=\"row\">").count(), 1_000);
}

#[test]
fn a_chart_of_nothing_is_drawn() {
    for chart in [bars(&[], Vec::new()), bars(&["a"], Vec::new())] {
        let html = chart.draw(&frame(Language::En)).render().expect("drawn");
        assert!(html.contains("<figcaption><bdi>A sentence.</bdi></figcaption>"));
    }
}

#[test]
fn one_bar_alone_is_no_wall() {
    let chart = bars(&["a"], points(&[&[7]])).draw(&frame(Language::En));
    let bar = &chart.bars[0];
    assert_eq!(
        (bar.x.to_string(), bar.width.to_string()),
        ("47.000%".to_owned(), "6.000%".to_owned())
    );
}

#[test]
fn what_people_write_is_text() {
    for (name, text) in [("long", LONG), ("zh", LONG_ZH), ("hostile", HOSTILE)] {
        let mut chart = bars(&[text, text], points(&[&[1, 2]]));
        chart.unit = Unit::Counted(text.to_owned());
        chart.summary = text.to_owned();
        let html = chart.draw(&frame(Language::Zh)).render().expect("drawn");
        assert!(
            !html.contains("<script>") && !html.contains("<img"),
            "{name}"
        );
    }
}

#[test]
fn a_ring_warns_before_all_is_used() {
    let of = |used, limit| {
        let ring = Ring {
            used,
            limit: Some(limit),
        };
        let drawn = ring.draw(&frame(Language::En), "calls");
        (drawn.text, drawn.state, drawn.part)
    };
    assert_eq!(of(0, 1_000), ("0%".to_owned(), "ok", 0));
    assert_eq!(of(799, 1_000), ("79%".to_owned(), "ok", 7_990));
    assert_eq!(of(800, 1_000), ("80%".to_owned(), "warn", 8_000));
    assert_eq!(of(999, 1_000), ("99%".to_owned(), "warn", 9_990));
    assert_eq!(of(1_000, 1_000), ("100%".to_owned(), "bad", 10_000));
    assert_eq!(of(1_500, 1_000), ("150%".to_owned(), "bad", 10_000));
    assert_eq!(of(0, 0), ("100%".to_owned(), "bad", 10_000));
    let free = Ring {
        used: 1_234,
        limit: None,
    };
    let free = free.draw(&frame(Language::En), "calls");
    assert_eq!((&*free.text, free.state, free.part), ("∞", "ok", 0));
    assert_eq!(
        (&*free.heading, &*free.told),
        ("1,234 calls used", "There is no limit")
    );
    let some = Ring {
        used: 820,
        limit: Some(1_000),
    };
    let some = some.draw(&frame(Language::En), "calls");
    assert_eq!(
        (&*some.heading, &*some.told),
        ("180 calls left", "820 of 1,000 used")
    );
    let html = some.render().expect("drawn");
    assert!(html.contains(r#"aria-label="820 of 1,000 used""#));
    assert!(html.contains(r#"stroke-dasharray="8200 10000""#));
}
