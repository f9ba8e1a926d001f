//! Lines over time against a second way to work them out: every row of the log by the name that its hour, day or month
//! has on the zone's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{ApiKeyId, Id, Ids, SubscriptionId, UsageId, UserId};
use tollgate_payment::model::usage::{GroupBy, Interval};
use tollgate_payment::{SeriesOf, WantSeries};
use tollgate_storage::in_tx;

use crate::usage_stand::{Stand, at, each_stand};

const ZONES: [&str; 8] = [
    "Asia/Shanghai",
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Chatham",
];
const ROWS: u64 = 1_200;
const CASES: u64 = 60;

struct Row {
    at: Timestamp,
    user: UserId,
    meter: &'static str,
    resource_type: String,
    key: Option<ApiKeyId>,
    units: i64,
    is_refund: bool,
}

/// Rows of a few hundred days, over more people and resource types than there are lines.
async fn scatter(stand: &Stand, chance: &Entropy) -> Vec<Row> {
    let ids = Ids::new(stand.clock.clone(), Entropy::system());
    let people: Vec<UserId> = (0..30).map(|_| ids.next()).collect();
    let keys: Vec<ApiKeyId> = (0..3).map(|_| ids.next()).collect();
    let begin = at("2025-12-20T00:00:00Z");
    let mut rows = Vec::new();
    let mut tx = stand.db.begin().await.expect("begins");
    for _ in 0..ROWS {
        let back = chance.below(300 * 24 * 60 * 60);
        // Half of it is of one person, and some of it of this hour.
        let back = if chance.below(20) == 0 {
            300 * 24 * 60 * 60 - chance.below(3_600)
        } else {
            back
        };
        let person = if chance.below(2) == 0 {
            0
        } else {
            chance.below(30)
        };
        let is_refund = chance.below(10) == 0;
        let units = i64::try_from(1 + chance.below(9)).expect("small");
        let key = usize::try_from(chance.below(4)).expect("few");
        let row = Row {
            at: begin.after(Duration::from_secs(back)),
            user: people[usize::try_from(person).expect("few")],
            meter: if chance.below(3) == 0 {
                "bytes"
            } else {
                "calls"
            },
            // One of them is called as the rest is.
            resource_type: match chance.below(25) {
                0 => "other".to_owned(),
                number => format!("type{number}"),
            },
            key: keys.get(key).copied(),
            units: if is_refund { -units } else { units },
            is_refund,
        };
        let id: UsageId = ids.at(row.at);
        let refund_of = row.is_refund.then(|| id.uuid());
        in_tx!(&mut tx, |c| sqlx::query(
            "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start,
             requested_cost, key_id, refund_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $6, 1, $8, $9)"
        )
        .bind(id.uuid())
        .bind(row.user.uuid())
        .bind(SubscriptionId::from(uuid::Uuid::nil()).uuid())
        .bind(&row.resource_type)
        .bind(row.units)
        .bind(row.at.utc())
        .bind(row.meter)
        .bind(row.key.map(Id::uuid))
        .bind(refund_of)
        .execute(c)
        .await
        .map(|_| ()))
        .expect("written");
        rows.push(row);
    }
    tx.commit().await.expect("commits");
    rows
}

/// What the clock calls the point that a moment lies in.
fn called(at: Timestamp, interval: Interval, zone: Tz) -> String {
    let name = match interval {
        Interval::Hour => "%F %H %z",
        Interval::Day => "%F",
        Interval::Month => "%Y-%m",
    };
    at.utc().with_timezone(&zone).format(name).to_string()
}

/// By line and point, without those that have nothing.
fn naive(
    rows: &[Row],
    want: &WantSeries,
    zone: Tz,
    points: &[String],
) -> BTreeMap<(String, String), (i64, i64)> {
    let mut lines: BTreeMap<String, BTreeMap<String, (i64, i64)>> = BTreeMap::new();
    for row in rows {
        let of = match want.of {
            SeriesOf::Person(user) => user == row.user,
            SeriesOf::Everybody => true,
        };
        let meter = want
            .meter
            .as_ref()
            .is_none_or(|meter| meter.as_str() == row.meter);
        let kind = want
            .resource_type
            .as_ref()
            .is_none_or(|kind| kind.as_str() == row.resource_type);
        let point = called(row.at, want.interval, zone);
        if !of || !meter || !kind || !points.contains(&point) {
            continue;
        }
        let key = match want.by {
            None => "total".to_owned(),
            Some(GroupBy::ResourceType) => row.resource_type.clone(),
            Some(GroupBy::ApiKey) => row.key.map_or("none".to_owned(), |key| key.to_string()),
            Some(GroupBy::Meter) => row.meter.to_owned(),
            Some(GroupBy::User) => row.user.to_string(),
        };
        let sums = lines.entry(key).or_default().entry(point).or_default();
        *sums = (sums.0 + row.units, sums.1 + i64::from(!row.is_refund));
    }
    let total =
        |line: &BTreeMap<String, (i64, i64)>| line.values().map(|(units, _)| *units).sum::<i64>();
    let is_many = lines.len() > 20;
    let mut ranked: Vec<_> = lines.into_iter().collect();
    ranked.sort_by(|a, b| total(&b.1).cmp(&total(&a.1)).then(a.0.cmp(&b.0)));
    if is_many {
        // A line that is called so is a part of the rest.
        ranked.sort_by_key(|(key, _)| key == "other");
    }
    let mut told = BTreeMap::new();
    for (rank, (key, line)) in ranked.into_iter().enumerate() {
        for (point, sums) in line {
            let key = if rank < 20 {
                key.clone()
            } else {
                "other".to_owned()
            };
            let all: &mut (i64, i64) = told.entry((key, point)).or_default();
            *all = (all.0 + sums.0, all.1 + sums.1);
        }
    }
    told.retain(|_, sums| *sums != (0, 0));
    told
}

fn one_of<T: Copy>(chance: &Entropy, all: &[T]) -> T {
    let many = u64::try_from(all.len()).expect("few");
    all[usize::try_from(chance.below(many)).expect("one of them")]
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_what_the_log_says() {
    each_stand(1, 0, None, async |stand| {
        let seed = Entropy::system().below(u64::MAX);
        println!("seed {seed}");
        let chance = Entropy::seeded(seed);
        let rows = scatter(stand, &chance).await;
        let now = at("2026-10-16T00:20:00Z");
        stand.clock.advance(now.since(stand.clock.now()));
        for case in 0..CASES {
            // First nothing is folded, then more and more of it, at last all that is closed.
            if case >= 10 {
                stand.services[0].fold_usage().await.expect("folds");
            }
            let zone: Tz = one_of(&chance, &ZONES).parse().expect("a zone");
            let interval = one_of(&chance, &[Interval::Hour, Interval::Day, Interval::Month]);
            let days = if interval == Interval::Hour { 40 } else { 320 };
            let from =
                at("2025-12-10T00:00:00Z").after(Duration::from_secs(chance.below(300 * 86_400)));
            let to = from.after(Duration::from_secs(1 + chance.below(days * 86_400)));
            let of = one_of(
                &chance,
                &[SeriesOf::Person(rows[0].user), SeriesOf::Everybody],
            );
            let mut by = one_of(
                &chance,
                &[
                    None,
                    Some(GroupBy::ResourceType),
                    Some(GroupBy::Meter),
                    Some(GroupBy::User),
                    Some(GroupBy::ApiKey),
                ],
            );
            if (of, by) == (SeriesOf::Everybody, Some(GroupBy::ApiKey)) {
                by = Some(GroupBy::User);
            }
            let some = |word: &'static str| (chance.below(3) == 0).then_some(word);
            let want = WantSeries {
                of,
                from: Some(from),
                to: Some(to),
                interval,
                by,
                zone: Some(zone),
                meter: some("calls").map(|meter| meter.parse().expect("a name")),
                resource_type: some("type3").map(|kind| kind.parse().expect("a name")),
            };
            let told = stand.services[0].usage_series(&want).await.expect("lines");
            let mut points: Vec<String> = Vec::new();
            let mut quarter = at("2025-11-01T00:00:00Z");
            // Every point that the span touches, by its name, in its order.
            while quarter < to {
                let name = called(quarter, interval, zone);
                let end = quarter.after(Duration::from_mins(15));
                if end > from && points.last() != Some(&name) {
                    points.push(name);
                }
                quarter = end;
            }
            let mut found = BTreeMap::new();
            for line in &told.series {
                let names: Vec<String> = line
                    .points
                    .iter()
                    .map(|point| called(point.t, interval, zone))
                    .collect();
                assert_eq!(names, points, "case {case} of seed {seed}: {want:?}");
                for (name, point) in names.into_iter().zip(&line.points) {
                    if (point.quota_cost, point.count) != (0, 0) {
                        found.insert((line.key.clone(), name), (point.quota_cost, point.count));
                    }
                }
            }
            assert!(told.series.len() <= 21, "20 and the rest");
            let expected = naive(&rows, &want, zone, &points);
            assert_eq!(found, expected, "case {case} of seed {seed}: {want:?}");
        }
        assert!(
            stand.mark("folded").await > at("2026-05-01T00:00:00Z"),
            "much of it was folded"
        );
    })
    .await;
}
