//! The list of subscriptions, of nothing, one and many.

use tollgate_payment::model::subscription::SubscriptionState;

use super::super::super::super::samples::{HOSTILE, LONG_ZH, ROWS, languages, render};
use super::super::samples::{self, id, names, time, word};
use super::*;

fn held(at: usize) -> ListedSubscription {
    let states = SubscriptionState::ALL;
    let state = states[at % states.len()];
    let is_over = state.status() == SubscriptionStatus::Expired;
    let is_endless = at.is_multiple_of(6);
    ListedSubscription {
        id: id(at).into(),
        user_id: id(at % 3).into(),
        plan_id: id(at % 2).into(),
        state,
        term_start: time(at),
        term_end: (!is_endless).then(|| time(at + 1)),
        entitled_until: (!is_endless).then(|| time(at + 2)),
        auto_renew: at.is_multiple_of(2),
        next_plan: at.is_multiple_of(3).then(|| id(1).into()),
        created_at: time(at),
        ended_at: is_over.then(|| time(at + 3)),
        end_reason: is_over.then(|| word(at).to_owned()),
    }
}

#[test]
fn subscriptions_render_from_their_samples() {
    for (tag, language) in languages() {
        for count in ROWS {
            let frame = samples::frame(language, "console.subscriptions");
            let found: Vec<_> = (0..count).map(held).collect();
            let plans = PlanNames::sample([
                (id(0).into(), HOSTILE.to_owned()),
                (id(1).into(), LONG_ZH.to_owned()),
            ]);
            let asked = Asked {
                q: if count == 1 { HOSTILE } else { "" }.to_owned(),
                ..Asked::default()
            };
            let view = View {
                asked: &asked,
                meant: &if count == 0 {
                    Meant::Nobody
                } else {
                    Meant::Everybody
                },
                faults: &Faults::default(),
                names: &names(),
                plans: &plans,
            };
            let page = view.page(frame, &found, samples::pager(count));
            render(&format!("console-subscriptions-{count}-{tag}"), &page);
        }
    }
}
