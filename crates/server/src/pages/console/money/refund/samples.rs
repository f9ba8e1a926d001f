//! The form of a refund: as it is first seen, with everything to mend, after all has gone.

use super::super::super::super::samples::{HOSTILE, languages, render};
use super::super::samples::{self, payment};
use super::*;

#[test]
fn a_refund_renders_from_its_samples() {
    for (tag, language) in languages() {
        let frame = || samples::frame(language, "refund.title");
        let paid = payment(2);
        let mut typed = Typed::default();
        typed.put("amount", left(&paid));
        let fresh = shown(frame(), &paid, &typed, &Faults::default(), None);
        render(&format!("console-refund-0-{tag}"), &fresh);
        for name in ["amount", "again", "reason"] {
            typed.put(name, HOSTILE);
        }
        let mut found = read(&frame(), &paid, &typed).expect_err("nothing fits");
        assert!(!found.at("amount").is_empty());
        found.note("again", frame().say("refund.not_the_same"));
        found.note("", HOSTILE.to_owned());
        let refused = shown(frame(), &paid, &typed, &found, None);
        render(&format!("console-refund-faults-{tag}"), &refused);
        let lead = Some("/portal/confirm?next=x".to_owned());
        let unsure = shown(frame(), &paid, &typed, &Faults::default(), lead);
        let html = render(&format!("console-refund-unsure-{tag}"), &unsure);
        assert!(!html.contains("name=\"again\""));
        let gone = shown(frame(), &payment(4), &typed, &Faults::default(), None);
        assert!(gone.form.is_none());
        render(&format!("console-refund-gone-{tag}"), &gone);
    }
}

#[test]
fn what_is_typed_is_read_or_told_beside_its_field() {
    let frame = samples::frame(tollgate_kernel::text::Language::En, "refund.title");
    let paid = payment(2);
    let typed = |amount: &str, again: &str, reason: &str, end: &str| {
        let mut typed = Typed::default();
        typed.put("amount", amount);
        typed.put("again", again);
        typed.put("reason", reason);
        typed.put("end", end);
        typed
    };
    let wish = read(&frame, &paid, &typed("9.90", "9.90", " late ", "ends"));
    let wish = wish.expect("whole");
    assert_eq!(
        (
            wish.amount_minor,
            wish.reason.as_str(),
            wish.end_subscription
        ),
        (Some(990), "late", Some(true))
    );
    for (amount, again, reason, beside) in [
        ("", "", "late", "amount"),
        ("0.00", "0.00", "late", "amount"),
        ("-1.00", "-1.00", "late", "amount"),
        ("1", "1", "late", "amount"),
        ("9.90", "9.9", "late", "again"),
        ("9.90", "9.91", "late", "again"),
        ("9.90", "", "late", "again"),
        ("9.90", "9.90", " ", "reason"),
        ("9.90", "9.90", &"x".repeat(257), "reason"),
    ] {
        let faults = read(&frame, &paid, &typed(amount, again, reason, ""));
        let faults = faults.expect_err("not whole");
        assert!(!faults.at(beside).is_empty(), "{amount} {again} {reason}");
    }
}
