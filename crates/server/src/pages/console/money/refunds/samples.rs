//! The list of refunds, of nothing, one and many.

use super::super::super::super::samples::{HOSTILE, ROWS, languages, render};
use super::super::samples::{self, names, refund};
use super::*;

#[test]
fn refunds_render_from_their_samples() {
    for (tag, language) in languages() {
        for count in ROWS {
            let frame = samples::frame(language, "console.refunds");
            let found: Vec<_> = (0..count).map(refund).collect();
            let asked = Asked {
                from: HOSTILE.to_owned(),
                ..Asked::default()
            };
            let (asked, faults) = if count == 1 {
                let mut faults = Faults::default();
                faults.note("from", frame.say("money.bad_day"));
                (asked, faults)
            } else {
                (Asked::default(), Faults::default())
            };
            let pager = samples::pager(count);
            let page = shown(frame, &asked, &faults, &names(), &found, pager);
            render(&format!("console-refunds-{count}-{tag}"), &page);
        }
    }
}
