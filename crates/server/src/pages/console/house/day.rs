//! A day as a form says it.

use chrono::{Days, NaiveDate, NaiveTime};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use super::super::super::visit::Visit;
use crate::words::WORDS;

/// Not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidDay;

impl FieldError for InvalidDay {
    fn code(&self) -> &'static str {
        "invalid_date"
    }

    fn detail(&self) -> Text {
        WORDS.text("problem.day")
    }
}

/// The first moment after a day, where the house is.
pub(super) fn end_of_day(text: &str, visit: &Visit) -> Result<Timestamp, InvalidDay> {
    let day: NaiveDate = text.parse().map_err(|_| InvalidDay)?;
    let next = day.checked_add_days(Days::new(1)).ok_or(InvalidDay)?;
    Ok(begin(next, visit))
}

/// The first moment of a day, where the house is.
pub(super) fn begin_of_day(text: &str, visit: &Visit) -> Result<Timestamp, InvalidDay> {
    let day: NaiveDate = text.parse().map_err(|_| InvalidDay)?;
    Ok(begin(day, visit))
}

fn begin(day: NaiveDate, visit: &Visit) -> Timestamp {
    let midnight = day
        .and_time(NaiveTime::MIN)
        .and_local_timezone(visit.house.zone);
    // Where clocks are put forward at midnight, the day begins an hour later.
    let begins = midnight
        .earliest()
        .map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |at| at.to_utc());
    Timestamp::from_utc(begins)
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::text::Language;

    use super::super::super::super::samples;
    use super::*;

    #[test]
    fn a_day_ends_where_the_house_is() {
        let visit = samples::visit(Language::En);
        let begin = begin_of_day("2026-12-31", &visit).expect("a day");
        assert_eq!(begin.to_string(), "2026-12-30T16:00:00.000Z");
        let end = end_of_day("2026-12-31", &visit).expect("a day");
        assert_eq!(end.to_string(), "2026-12-31T16:00:00.000Z");
        for text in ["", "31.12.2026", "2026-02-30", "+999999-12-31"] {
            assert_eq!(end_of_day(text, &visit), Err(InvalidDay), "{text}");
        }
    }
}
