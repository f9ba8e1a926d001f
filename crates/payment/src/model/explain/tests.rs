use std::time::Duration;

use chrono_tz::Tz;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::text::Language;

use super::StepKind as Is;
use super::*;
use crate::model::quota::{QuotaState, Units};

fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a moment")
}

fn day(days: u64) -> Timestamp {
    start().after(Duration::from_hours(24 * days))
}

fn units(count: i64) -> Units {
    Units::new(count).expect("units")
}

fn calls(kind: &str, units: i64, at: Timestamp) -> Calls {
    Calls {
        resource_type: Some(kind.to_owned()),
        count: 1,
        units,
        since: None,
        at,
        usage: None,
        refund_of: None,
    }
}

fn grants(count: u64, at: Timestamp) -> Vec<Filled> {
    let ids = Ids::new(Clock::fixed(at), Entropy::seeded(count));
    let grant = |_| Filled {
        pot: Pot {
            grant: ids.next(),
            units: 1,
            expires_at: None,
        },
        closed: None,
        returned: 0,
        returned_at: None,
        given: 1,
        spent: 0,
        reason: "sorry".to_owned(),
        given_at: at,
    };
    (0..count).map(grant).collect()
}

fn given(limit: Option<i64>) -> Given {
    let name = PlanName::new("pro".to_owned(), "Pro".to_owned(), &PlanTexts::default());
    Given {
        plan: name,
        version: 1,
        limit,
        kept: 0,
    }
}

fn facts() -> Facts {
    let period = Period {
        start: start(),
        end: day(30),
    };
    let past = Past {
        period: Period {
            start: start().before(Duration::from_hours(24 * 30)),
            end: start(),
        },
        limit: Some(100),
        used: 70,
        held: 5,
    };
    Facts {
        period,
        before: Some(past),
        plan: given(Some(100)),
        grants: Vec::new(),
        used: vec![calls("scan", 7, day(2)), calls("scan", 3, day(3))],
        returned: vec![calls("scan", 3, day(4))],
        earlier: None,
        held: Vec::new(),
    }
}

fn served(limit: Option<i64>, used: i64, held: i64) -> QuotaState {
    QuotaState {
        meter: "m".parse().expect("a meter"),
        limit: limit.map(units),
        used: units(used),
        held: units(held),
        began_at: day(1),
        resets_at: day(30),
    }
}

fn balance(explained: &Explanation) -> Option<i64> {
    explained.steps.last().and_then(|step| step.balance)
}

#[test]
fn inv_q8_the_steps_lead_to_what_is_served_in_their_order() {
    let explained = explain(&facts(), &served(Some(100), 7, 0), day(5));
    assert!(explained.agrees);
    let kinds: Vec<_> = explained.steps.iter().map(Step::kind).collect();
    assert_eq!(kinds, [Is::Reset, Is::Plan, Is::Use, Is::Use, Is::Refund]);
    let balances: Vec<_> = explained.steps.iter().map(|step| step.balance).collect();
    assert_eq!(balances, [Some(0), Some(100), Some(93), Some(90), Some(93)]);
    assert_eq!(facts().before.and_then(|past| past.dropped()), Some(25));
}

#[test]
fn inv_q8_what_nothing_explains_is_told() {
    // The numbers that are served, and what the steps miss of what is left.
    for (limit, used, held, missing) in [
        (Some(90), 7, 0, -10),
        (Some(100), 8, 0, -1),
        (Some(100), 6, 1, 0),
        (Some(100), 0, 0, 7),
        (None, 7, 0, 0),
    ] {
        let served = served(limit, used, held);
        let explained = explain(&facts(), &served, day(5));
        let last = explained.steps.last().expect("a step");
        assert!(!explained.agrees, "{served:?}");
        assert_eq!(
            (last.kind(), last.units),
            (StepKind::Unexplained, Some(missing)),
            "{served:?}"
        );
        assert_eq!(balance(&explained), served.remaining().map(Units::get));
    }
}

#[test]
fn without_a_limit_nothing_is_left_and_the_uses_add_up() {
    let facts = Facts {
        plan: given(None),
        before: None,
        ..facts()
    };
    let explained = explain(&facts, &served(None, 7, 0), day(5));
    assert!(explained.agrees);
    assert!(explained.steps.iter().all(|step| step.balance.is_none()));
    assert_eq!(explained.steps[0].units, None);
    assert!(!explain(&facts, &served(None, 6, 0), day(5)).agrees);
    assert!(!explain(&facts, &served(Some(100), 7, 0), day(5)).agrees);
}

#[test]
fn many_grants_are_told_as_one_and_still_add_up() {
    let facts = Facts {
        grants: [
            grants(300, start().before(Duration::from_hours(1))),
            grants(250, day(1)),
        ]
        .concat(),
        ..facts()
    };
    let explained = explain(&facts, &served(Some(650), 7, 0), day(5));
    assert!(explained.agrees);
    assert_eq!(balance(&explained), Some(643));
    assert_eq!(explained.steps.len(), 2 + 101 + 101 + 3);
    let folded: Vec<usize> = explained
        .steps
        .iter()
        .filter_map(|step| match &step.cause {
            Cause::Carried(bonus) | Cause::Bonus(bonus) if bonus.grant.is_none() => {
                Some(bonus.count)
            }
            _ => None,
        })
        .collect();
    assert_eq!(folded, [200, 150]);
}

#[test]
fn every_step_is_said_in_both_languages() {
    let bonus = grants(1, start());
    let facts = Facts {
        grants: [
            bonus.clone(),
            vec![Filled {
                closed: Some(0),
                ..bonus[0].clone()
            }],
            grants(300, day(1)),
            grants(200, start().before(Duration::from_hours(9))),
        ]
        .concat(),
        plan: Given {
            kept: 3,
            ..given(Some(100))
        },
        used: vec![calls("scan", 7, day(2)), calls(OPENING, 2, day(2))],
        earlier: Some((day(1), 4)),
        held: vec![Aside {
            hold: None,
            resource_type: None,
            count: 3,
            units: 9,
            at: day(2),
            expires_at: day(3),
        }],
        ..facts()
    };
    let explained = explain(&facts, &served(Some(1), 1, 0), day(5));
    let mut kinds: Vec<StepKind> = explained.steps.iter().map(Step::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, StepKind::ALL);
    for step in &explained.steps {
        let text = step.text(Tz::Asia__Shanghai);
        let (zh, en) = (text.get(Language::Zh), text.get(Language::En));
        assert!(zh.ends_with('。') && en.ends_with('.'), "{zh} {en}");
        assert!(!zh.contains('{') && !en.contains('{'), "{zh} {en}");
    }
}

#[test]
fn inv_q8_what_was_used_elsewhere_is_a_step_of_its_own() {
    let facts = Facts {
        used: vec![calls(OPENING, 40, day(1)), calls("scan", 3, day(2))],
        returned: Vec::new(),
        before: None,
        ..facts()
    };
    let explained = explain(&facts, &served(Some(100), 43, 0), day(5));
    assert!(explained.agrees);
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|step| (step.kind(), step.balance))
        .collect();
    assert_eq!(
        steps,
        [
            (Is::Plan, Some(100)),
            (Is::Opening, Some(60)),
            (Is::Use, Some(57))
        ]
    );
    let text = explained.steps[1].text(Tz::Asia__Shanghai);
    let said = "40 units had been used in this period before the account was taken over from another system.";
    assert_eq!(text.get(Language::En), said);
}
