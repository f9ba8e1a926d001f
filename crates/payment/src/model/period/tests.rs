//! Periods against the calendar, and against a second way to find them.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse::<DateTime<Utc>>().expect("a moment"))
}

fn anchor(text: &str, zone: &str) -> Anchor {
    Anchor::new(at(text), zone.parse().expect("a zone"))
}

#[test]
fn inv_l5_the_31st_comes_back() {
    let anchor = anchor("2026-01-31T02:00:00Z", "Asia/Shanghai");
    let starts: Vec<String> = (0..5).map(|n| anchor.month(n).to_string()).collect();
    assert_eq!(
        starts,
        [
            "2026-01-31T02:00:00.000Z",
            "2026-02-28T02:00:00.000Z",
            "2026-03-31T02:00:00.000Z",
            "2026-04-30T02:00:00.000Z",
            "2026-05-31T02:00:00.000Z",
        ]
    );
    assert_eq!(anchor.month(25).to_string(), "2028-02-29T02:00:00.000Z");
}

#[test]
fn inv_l5_a_year_from_the_29th_of_february() {
    let anchor = anchor("2028-02-29T00:00:00Z", "UTC");
    let end = anchor
        .term_end(anchor.at(), BillingCycle::Yearly)
        .expect("ends");
    assert_eq!(end.to_string(), "2029-02-28T00:00:00.000Z");
    let next = anchor.term_end(end, BillingCycle::Yearly).expect("ends");
    let third = anchor.term_end(next, BillingCycle::Yearly).expect("ends");
    let fourth = anchor.term_end(third, BillingCycle::Yearly).expect("ends");
    assert_eq!(fourth.to_string(), "2032-02-29T00:00:00.000Z");
    assert_eq!(anchor.term_end(anchor.at(), BillingCycle::Lifetime), None);
}

#[test]
fn inv_l5_a_missing_and_a_doubled_hour() {
    let spring = anchor("2026-02-28T07:30:00Z", "America/New_York"); // 02:30 local
    assert_eq!(spring.month(0).to_string(), "2026-02-28T07:30:00.000Z");
    let gap = anchor("2026-02-08T07:30:00Z", "America/New_York"); // 8 March has no 02:30
    assert_eq!(gap.month(1).to_string(), "2026-03-08T07:00:00.000Z");
    let twice = anchor("2026-10-01T05:30:00Z", "America/New_York"); // 01:30 local
    assert_eq!(twice.month(1).to_string(), "2026-11-01T05:30:00.000Z");
}

proptest! {
    #[test]
    fn inv_l5_periods_leave_no_gap_and_no_overlap(
        seconds in 1_700_000_000_i64..2_000_000_000,
        zone in prop::sample::select(vec!["Asia/Shanghai", "UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        later in 0_i64..1_000_000_000,
    ) {
        let zone: Tz = zone.parse().expect("a zone");
        let anchor = Anchor::new(Timestamp::from_seconds(seconds).expect("a moment"), zone);
        let now = Timestamp::from_seconds(seconds + later).expect("a moment");
        let period = anchor.quota_period(now);
        prop_assert!(period.contains(now), "{period:?} {now:?}");
        prop_assert_eq!(anchor.quota_period(period.start), period);
        let next = anchor.quota_period(period.end);
        prop_assert_eq!(next.start, period.end);
        prop_assert!(next.end > next.start);
    }
}

#[test]
fn inv_l5_a_leap_of_the_clocks_is_one_moment_for_all_it_leaps_over() {
    // New York has nothing between 02:00 and 03:00 on 8 March 2026.
    for minute in ["00", "15", "30", "45", "59"] {
        let gap = anchor(&format!("2026-02-08T07:{minute}:00Z"), "America/New_York");
        assert_eq!(gap.month(1), at("2026-03-08T07:00:00Z"), "02:{minute}");
        // It is over with the month after.
        let next = at(&format!("2026-04-08T06:{minute}:00Z"));
        assert_eq!(gap.month(2), next);
    }
    // Apia had no 30 December 2011 at all.
    let apia = anchor("2011-11-30T20:20:00Z", "Pacific/Apia");
    assert_eq!(apia.day(), 30);
    assert_eq!(apia.month(1), at("2011-12-30T10:00:00Z"));
}

#[test]
fn inv_l5_months_of_the_calendar_begin_at_midnight_though_one_has_none() {
    // Asunción began 1 October 2023 at one o'clock.
    let asuncion = anchor("2023-10-20T12:00:00Z", "America/Asuncion");
    let of = |now: &str| asuncion.period(Reset::Calendar, BillingCycle::Monthly, at(now));
    let october = of("2023-10-20T12:00:00Z");
    assert_eq!(october.start, at("2023-10-01T04:00:00Z"));
    assert_eq!(october.end, at("2023-11-01T03:00:00Z"));
    assert_eq!(of("2023-11-01T03:00:00Z").start, october.end);
}

/// A second way to find periods: dates counted by hand, and the clocks of a zone only ever asked what they show.
mod by_hand {
    use chrono::Offset as _;

    use super::*;

    /// Year, month, day, and the second of the day.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Local {
        pub(super) year: i64,
        pub(super) month: i64,
        pub(super) day: i64,
        pub(super) second: i64,
    }

    fn days_of(year: i64, month: i64) -> i64 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Seconds from 1 January 1970 to `local`, as if no clock were ever set.
    fn count(local: Local) -> i64 {
        let years: i64 = (1970..local.year).map(|year| 337 + days_of(year, 2)).sum();
        let months: i64 = (1..local.month)
            .map(|month| days_of(local.year, month))
            .sum();
        (years + months + local.day - 1) * 86_400 + local.second
    }

    /// `number` months later, on the last day where the month is too short.
    pub(super) fn later(local: Local, number: i64) -> Local {
        let (mut year, mut month) = (local.year, local.month + number);
        while month > 12 {
            month -= 12;
            year += 1;
        }
        let day = local.day.min(days_of(year, month));
        Local {
            year,
            month,
            day,
            ..local
        }
    }

    fn ahead(zone: Tz, moment: i64) -> i64 {
        let utc = Utc.timestamp_opt(moment, 0).unwrap().naive_utc();
        i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    }

    /// The first second at which the clocks show `local` or, where they never do, something later.
    pub(super) fn first(zone: Tz, local: Local) -> i64 {
        let shown = count(local);
        let mut leads: Vec<i64> = (-8..=8)
            .map(|step| ahead(zone, shown + step * 14_400))
            .collect();
        leads.sort_unstable();
        leads.dedup();
        let is_so = |lead: &i64| ahead(zone, shown - lead) == *lead;
        // The largest lead is the earliest moment.
        if let Some(lead) = leads.iter().rev().find(|lead| is_so(lead)) {
            return shown - lead;
        }
        let mut minute = (shown - leads[leads.len() - 1]).div_euclid(60);
        while minute * 60 + ahead(zone, minute * 60) < shown {
            minute += 1;
        }
        minute * 60
    }
}

const ZONES: [&str; 15] = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "UTC",
    "America/Asuncion",
    "Asia/Amman",
    "Antarctica/Troll",
];

/// Month ends, leap days, and times of day that some zone leaps over or has twice: its second Sunday in March, its first
/// in October, the nights before the new year in Iran, the days that Apia and Kiritimati left out.
const ANCHORS: [(i64, i64, i64, &str); 18] = [
    (2008, 1, 31, "10:00:00"),
    (2007, 1, 30, "23:59:59"),
    (2009, 1, 29, "00:00:00"),
    (2008, 2, 29, "12:00:00"),
    (2008, 2, 29, "02:30:00"),
    (2009, 2, 10, "02:15:00"),
    (2009, 5, 12, "02:45:10"),
    (2009, 9, 1, "01:30:00"),
    (2009, 9, 5, "01:59:59"),
    (2010, 8, 27, "01:30:00"),
    (2009, 8, 29, "02:15:00"),
    (2010, 7, 4, "02:15:00"),
    (2011, 11, 30, "10:10:00"),
    (2009, 6, 21, "00:30:00"),
    (2009, 6, 17, "00:00:00"),
    (2007, 6, 10, "00:30:00"),
    (1994, 10, 31, "05:00:00"),
    (2024, 2, 29, "23:30:00"),
];

fn second(text: &str) -> i64 {
    let parts = text
        .split(':')
        .map(|part| part.parse::<i64>().expect("a number"));
    parts.fold(0, |sum, part| sum * 60 + part)
}

#[test]
fn inv_l5_400_periods_are_those_that_are_found_by_hand() {
    let mut leaps = 0;
    for name in ZONES {
        let zone: Tz = name.parse().expect("a zone");
        for (year, month, day, time) in ANCHORS {
            let local = by_hand::Local {
                year,
                month,
                day,
                second: second(time),
            };
            let at = Timestamp::from_seconds(by_hand::first(zone, local)).expect("a moment");
            let anchor = Anchor::new(at, zone);
            let calendar = by_hand::Local {
                day: 1,
                second: 0,
                ..local
            };
            for (reset, months, from) in [
                (Reset::Month, 1, local),
                (Reset::Calendar, 1, calendar),
                (Reset::Term, 12, local),
            ] {
                let begins = |number: i64| {
                    let wanted = by_hand::later(from, number * months);
                    let found = by_hand::first(zone, wanted);
                    Timestamp::from_seconds(found).expect("a moment")
                };
                let mut start = begins(0);
                for number in 0..400 {
                    let end = begins(number + 1);
                    let period = Period { start, end };
                    let what = format!("{name} {year}-{month}-{day} {time} {reset:?} {number}");
                    assert!(start < end, "{what}");
                    let of = |now| anchor.period(reset, BillingCycle::Yearly, now);
                    assert_eq!(of(start), period, "{what}");
                    let last = end.before(std::time::Duration::from_micros(1));
                    assert_eq!(of(last), period, "{what}");
                    let shown = end.utc().with_timezone(&zone).time();
                    let wanted = NaiveTime::from_num_seconds_from_midnight_opt(
                        u32::try_from(from.second).expect("a day"),
                        0,
                    );
                    leaps += u32::from(Some(shown) != wanted);
                    start = end;
                }
            }
        }
    }
    // The list is of use only if some of them fall into leaps.
    assert!(leaps > 100, "{leaps}");
}
