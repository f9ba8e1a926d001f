//! One payment, with nothing around it, and with everything that can be.

use tollgate_payment::model::suspense::SuspenseState;

use super::super::super::super::samples::{HOSTILE, LONG, ROWS, languages, render};
use super::super::samples::{self, id, kept, names, payment, refund, time, word};
use super::*;

fn call_out(at: usize) -> CallOut {
    let operations = [
        "create",
        "query",
        "close",
        "cancel",
        "refund",
        "refund_query",
    ];
    let states = ["intent", "succeeded", "refused", "unknown"];
    CallOut {
        operation: operations[at % 6].to_owned(),
        request_no: LONG.to_owned(),
        state: states[at % 4].to_owned(),
        provider_code: Some(word(at).to_owned()),
        started_at: time(at),
        finished_at: at.is_multiple_of(2).then(|| time(at + 1)),
    }
}

fn call_in(at: usize) -> CallIn {
    let verdicts = [
        "verified",
        "forged",
        "stale",
        "foreign",
        "unreadable",
        "probe",
    ];
    CallIn {
        id: id(at).into(),
        verdict: verdicts[at % 6].to_owned(),
        event_key: Some(word(at).to_owned()),
        reply_status: 401,
        received_at: time(at),
    }
}

#[test]
fn a_transaction_renders_from_its_samples() {
    for (tag, language) in languages() {
        for count in ROWS {
            let frame = samples::frame(language, "transaction.title");
            let states = SuspenseState::ALL;
            let suspense = (0..count.min(5)).map(|at| kept(at, states[at]));
            let history = History {
                // What waits, and what was paid.
                payment: payment(if count == 0 { 1 } else { 2 }),
                refunds: (0..count).map(refund).collect(),
                suspense: suspense.collect(),
                calls_out: (0..count).map(call_out).collect(),
                calls_in: (0..count).map(call_in).collect(),
            };
            let names = names();
            let view = View {
                names: &names,
                now: time(count + 5),
                may_refund: true,
                sees_calls: true,
            };
            let plan = ("/console/plans/x".to_owned(), HOSTILE.to_owned());
            let page = view.page(frame, &history, Some(plan), "refund_sent");
            assert_eq!(page.is_late, count == 0);
            assert_eq!(page.in_doubt, count > 2);
            let html = render(&format!("console-transaction-{count}-{tag}"), &page);
            assert!(!html.contains("money_") && !html.contains("gone_back."));
        }
    }
}
