//! Usage of everybody: of nothing, one call, and many lines of many people.

use serde_json::json;
use tollgate_payment::shapes::PointShape;

use super::super::super::super::samples::{HOSTILE, ROWS, languages, render};
use super::super::samples::{self, id, names, time, word};
use super::*;

fn row(at: usize) -> UsageLogShape {
    UsageLogShape {
        id: id(at).into(),
        user_id: id(at % 3).into(),
        subscription_id: id(at).into(),
        resource_type: word(at).to_owned(),
        resource_id: at.is_multiple_of(2).then(|| word(at + 1).to_owned()),
        meter: word(at + 2).to_owned(),
        quota_cost: if at.is_multiple_of(5) {
            -1
        } else {
            1_000_000_000
        },
        requested_cost: 1,
        created_at: time(at),
        metadata: json!({}),
        api_key_id: None,
        reservation_id: None,
        refund_of: None,
    }
}

fn series(lines: usize) -> UsageSeriesShape {
    let line = |at: usize| SeriesShape {
        key: match at {
            0 => id(1).to_string(),
            1 => "other".to_owned(),
            _ => word(at).to_owned(),
        },
        points: (0..30_usize)
            .map(|day| PointShape {
                t: time(24 * day),
                quota_cost: i64::try_from(day * at % 7).expect("few"),
                count: 1,
            })
            .collect(),
    };
    UsageSeriesShape {
        interval: "day".to_owned(),
        tz: "Asia/Shanghai".to_owned(),
        series: (0..lines).map(line).collect(),
    }
}

#[test]
fn usage_of_all_renders_from_its_samples() {
    for (tag, language) in languages() {
        for (count, group) in
            ROWS.into_iter()
                .zip([GroupBy::ResourceType, GroupBy::ApiKey, GroupBy::User])
        {
            let frame = samples::frame(language, "console.usage");
            let asked = Asked {
                resource_type: HOSTILE.to_owned(),
                ..Asked::default()
            };
            let mut faults = Faults::default();
            if count == 1 {
                faults.note("group", frame.say("everyones_usage.keys_of_one"));
            }
            let wanted = Wanted {
                meant: Meant::Everybody,
                filter: UsageFilter::default(),
                page: UsagePage::default(),
                from: time(0),
                to: Some(time(24 * 30)),
                group,
                faults,
            };
            let view = View {
                asked: &asked,
                wanted: &wanted,
                names: &names(),
                now: time(24 * 30),
            };
            let series = series(count.min(21));
            let rows: Vec<_> = (0..count).map(row).collect();
            let page = view.page(frame, Some(&series), &rows, samples::pager(count));
            assert_eq!(page.chart.is_some(), count > 0);
            render(&format!("console-usage-{count}-{tag}"), &page);
        }
    }
}
