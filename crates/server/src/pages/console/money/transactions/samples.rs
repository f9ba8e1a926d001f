//! The list of payments, of nothing, one and many.

use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::stats::Turnover;

use super::super::super::super::samples::{HOSTILE, ROWS, languages, render};
use super::super::samples::{self, id, names, payment, time};
use super::*;

#[test]
fn transactions_render_from_their_samples() {
    for (tag, language) in languages() {
        for count in ROWS {
            let frame = samples::frame(language, "console.transactions");
            let found: Vec<_> = (0..count).map(payment).collect();
            let turnover = Turnover::paid(Money::new(i64::MAX, Currency::CNY), 7);
            let total = TransactionTotal {
                orders: 9,
                paid: turnover.and(&Turnover::gone_back(Money::new(990, Currency::CNY), 1)),
            };
            let asked = Asked {
                q: HOSTILE.to_owned(),
                currency: HOSTILE.to_owned(),
                from: HOSTILE.to_owned(),
                ..Asked::default()
            };
            let is_one = count == 1;
            let mut faults = Faults::default();
            if is_one {
                faults.note("from", frame.say("money.bad_day"));
            }
            let wanted = Wanted {
                filter: TransactionFilter::default(),
                meant: if is_one {
                    Meant::Several(vec![(id(1).into(), HOSTILE.to_owned())])
                } else {
                    Meant::One(id(1).into())
                },
                numbered: Vec::new(),
                faults,
            };
            let names = names();
            let view = View {
                asked: &asked,
                wanted: &wanted,
                names: &names,
                plans: &PlanNames::default(),
                now: time(count),
                is_summed: count > 0,
            };
            let totals = if count > 1 { vec![total] } else { Vec::new() };
            let page = view.page(frame, &found, &totals, samples::pager(count));
            render(&format!("console-transactions-{count}-{tag}"), &page);
        }
    }
}
