//! The desk, of nothing, one and many; a sum that waits, with everything to mend, and one that is decided.

use super::super::super::super::samples::{HOSTILE, ROWS, languages, render};
use super::super::samples::{self, kept, names, payment};
use super::*;

#[test]
fn suspense_renders_from_its_samples() {
    for (tag, language) in languages() {
        for count in ROWS {
            let frame = samples::frame(language, "console.suspense");
            let states = SuspenseState::ALL;
            let found: Vec<_> = (0..count).map(|at| kept(at, states[at % 5])).collect();
            let page = listing(frame, None, &found, samples::pager(count));
            render(&format!("console-suspense-{count}-{tag}"), &page);
        }
    }
}

#[test]
fn a_sum_renders_from_its_samples() {
    for (tag, language) in languages() {
        for (at, state) in SuspenseState::ALL.iter().enumerate() {
            let kept = kept(at, *state);
            let view = View {
                frame: samples::frame(language, "suspense.title"),
                kept: &kept,
                order: at.is_multiple_of(2).then(|| payment(at)),
                names: names(),
                may_decide: true,
                confirm: (at == 1).then(|| "/portal/confirm?next=x".to_owned()),
            };
            let mut typed = Typed::default();
            let mut faults = Faults::default();
            for name in ["order", "reason", "action"] {
                typed.put(name, HOSTILE);
            }
            for name in ["", "action", "transaction_id", "reason", "sure"] {
                faults.note(name, HOSTILE.to_owned());
            }
            let page = view.page(&typed, &faults, "held");
            assert_eq!(page.desk.is_some(), state.is_undecided());
            render(&format!("console-kept-{}-{tag}", state.as_str()), &page);
        }
    }
}
