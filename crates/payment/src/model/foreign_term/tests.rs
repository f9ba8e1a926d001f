use chrono::DateTime;

use super::*;

const NOW: &str = "2026-01-20T08:00:00Z";

fn at(text: &str) -> Timestamp {
    let at = text.parse::<DateTime<chrono::Utc>>();
    Timestamp::from_utc(at.expect("a moment"))
}

/// Midnight of a day; none for an empty text.
fn day(text: &str) -> Option<Timestamp> {
    (!text.is_empty()).then(|| at(&format!("{text}T00:00:00Z")))
}

fn term([starts, ends, anchor]: [&str; 3]) -> ForeignTerm {
    ForeignTerm {
        starts_at: day(starts),
        ends_at: day(ends),
        anchor_at: day(anchor),
    }
}

fn fit(cycle: BillingCycle, said: [&str; 3]) -> Result<Fitted, Unfit> {
    term(said).fit(cycle, false, Tz::UTC, at(NOW))
}

#[test]
fn inv_l5_a_term_goes_on_by_whole_ones_from_wherever_it_ends() {
    use BillingCycle::{Monthly, Yearly};
    // Start, end and anchor as they were said; from where months are counted; this end, and the next.
    for (cycle, said, anchor, end, next) in [
        // By the calendar: counted from its beginning.
        (
            Monthly,
            ["2026-01-05", "2026-02-05", ""],
            "2026-01-05",
            "2026-02-05",
            "2026-03-05",
        ),
        // Only a beginning: the end is that of the term which runs now.
        (
            Monthly,
            ["2025-10-31", "", ""],
            "2025-10-31",
            "2026-01-31",
            "2026-02-28",
        ),
        // An anchor keeps its day over short months.
        (
            Monthly,
            ["2026-01-01", "2026-02-28", "2025-08-31"],
            "2025-08-31",
            "2026-02-28",
            "2026-03-31",
        ),
        // Thirty days: counted back from the end, or the next term would last one.
        (
            Monthly,
            ["2026-01-01", "2026-01-31", ""],
            "2025-12-31",
            "2026-01-31",
            "2026-02-28",
        ),
        (
            Monthly,
            ["2026-01-20", "2026-02-19", ""],
            "2026-01-19",
            "2026-02-19",
            "2026-03-19",
        ),
        // No February has a 30th: three months back.
        (
            Monthly,
            ["", "2026-03-30", ""],
            "2025-12-30",
            "2026-03-30",
            "2026-04-30",
        ),
        // Paid ahead.
        (
            Monthly,
            ["2026-01-15", "2026-07-15", ""],
            "2026-01-15",
            "2026-07-15",
            "2026-08-15",
        ),
        (
            Yearly,
            ["2025-06-01", "2026-06-01", ""],
            "2025-06-01",
            "2026-06-01",
            "2027-06-01",
        ),
        // 364 days.
        (
            Yearly,
            ["2025-06-01", "2026-05-31", ""],
            "2025-05-31",
            "2026-05-31",
            "2027-05-31",
        ),
        (
            Yearly,
            ["", "2028-02-29", ""],
            "2024-02-29",
            "2028-02-29",
            "2029-02-28",
        ),
        (
            Yearly,
            ["", "", "2024-02-29"],
            "2024-02-29",
            "2026-02-28",
            "2027-02-28",
        ),
    ] {
        let fitted = fit(cycle, said).unwrap_or_else(|unfit| panic!("{said:?}: {unfit}"));
        assert_eq!(Some(fitted.anchor.at()), day(anchor), "{said:?}");
        assert_eq!(fitted.ends_at, day(end), "{said:?}");
        let ends = fitted.ends_at.expect("an end");
        assert!(
            fitted.starts_at < ends && fitted.starts_at <= at(NOW),
            "{fitted:?}"
        );
        assert_eq!(
            fitted.anchor.terms_end(ends, cycle, 1),
            day(next),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_had_for_ever_has_no_end_and_keeps_its_day() {
    for cycle in [BillingCycle::Lifetime, BillingCycle::Monthly] {
        let said = term(["2025-03-15", "2099-12-31", ""]);
        let fitted = said.fit(cycle, true, Tz::UTC, at(NOW)).expect("fits");
        assert_eq!(
            (Some(fitted.anchor.at()), fitted.ends_at),
            (day("2025-03-15"), None)
        );
    }
}

#[test]
fn what_cannot_be_a_term_is_told() {
    use BillingCycle::{Monthly, Yearly};
    for (cycle, said, unfit) in [
        (Monthly, ["", "", ""], Unfit::NoStart),
        (Monthly, ["2026-01-21", "2026-02-21", ""], Unfit::NotBegun),
        (Monthly, ["", "2026-02-21", "2026-01-21"], Unfit::NotBegun),
        (
            Monthly,
            ["2026-01-10", "2026-01-10", ""],
            Unfit::EndsBeforeStart,
        ),
        (
            Monthly,
            ["2026-01-10", "2026-01-09", ""],
            Unfit::EndsBeforeStart,
        ),
        (Monthly, ["2025-12-20", "2026-01-20", ""], Unfit::Over),
        (Monthly, ["2026-01-01", "9999-12-31", ""], Unfit::TooFar),
        (Monthly, ["", "2026-02-10", "2026-01-11"], Unfit::OffAnchor),
        (Yearly, ["", "2026-02-10", "2026-01-10"], Unfit::OffAnchor),
    ] {
        assert_eq!(fit(cycle, said), Err(unfit), "{said:?}");
    }
}
