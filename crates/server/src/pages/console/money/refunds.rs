//! Refunds of everybody: what is on its way, what is in doubt, what went through.

use askama::Template;
use axum::extract::State as Held;
use axum::response::Response;
use serde::Deserialize;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_payment::RefundFilter;
use tollgate_payment::model::refund::{Refund, RefundOrigin, RefundState};

use super::super::super::frame::Frame;
use super::super::Console;
use super::super::form::{Faults, Field, Typed};
use super::super::list::{LIMIT, Pager};
use super::super::staff::{PaymentsRead, Staff};
use super::cells::{self, At, Person, State};
use super::people::Names;
use super::transactions::{moment, unknown_cursor, with_faults, word};

const HERE: &str = "/console/refunds";

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    origin: String,
    from: String,
    to: String,
    starting_after: String,
}

#[derive(Template)]
#[template(path = "money_refunds.html")]
struct RefundsPage {
    frame: Frame,
    filters: Vec<Field>,
    is_filtered: bool,
    is_faulty: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    at: At,
    amount: String,
    state: State,
    is_in_doubt: bool,
    reason: String,
    origin: String,
    by: Option<Person>,
    settled: Option<At>,
    failure: Option<String>,
    /// The payment that it takes from, or the money in suspense.
    href: Option<String>,
}

/// `GET /console/refunds`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let frame = staff.frame(HERE, staff.visit().say("console.refunds"));
    let mut faults = Faults::default();
    let filter = RefundFilter {
        state: word(&frame, &mut faults, "state", &asked.state),
        origin: word(&frame, &mut faults, "origin", &asked.origin),
        from: moment(&frame, &mut faults, "from", &asked.from, cells::begin_of),
        to: moment(&frame, &mut faults, "to", &asked.to, cells::end_of),
        starting_after: word(&frame, &mut faults, "starting_after", &asked.starting_after),
        ..RefundFilter::default()
    };
    let (mut found, mut has_more) = (Vec::new(), false);
    if faults.is_empty() {
        let listed = console.payment.refunds_where(&filter, LIMIT).await?;
        (found, has_more) = listed.ok_or_else(unknown_cursor)?;
    }
    let people = found.iter().filter_map(|refund| refund.requested_by);
    let names = Names::of(&console, &staff, people).await?;
    let cursor = found.last().filter(|_| has_more);
    let cursor = cursor.map(|refund| refund.id.to_string());
    let pager = Pager::new(staff.visit(), "starting_after", cursor);
    super::super::super::page(&shown(frame, &asked, &faults, &names, &found, pager))
}

fn shown(
    frame: Frame,
    asked: &Asked,
    faults: &Faults,
    names: &Names,
    found: &[Refund],
    pager: Pager,
) -> RefundsPage {
    let mut typed = Typed::default();
    typed.put("from", &asked.from);
    typed.put("to", &asked.to);
    let states: Vec<_> = RefundState::ALL.iter().map(|one| one.as_str()).collect();
    let origins: Vec<_> = RefundOrigin::ALL.iter().map(|one| one.as_str()).collect();
    let states = cells::choices(&frame, "gone_back.{word}", &states, &asked.state);
    let origins = cells::choices(&frame, "wanted_by.{word}", &origins, &asked.origin);
    let fields = [
        Field::choice("state", frame.say("money.status"), states),
        Field::choice("origin", frame.say("refunds.origin"), origins),
        Field::line("from", frame.say("money.from"), &typed).of("date"),
        Field::line("to", frame.say("money.to"), &typed).of("date"),
    ];
    let given = [&asked.state, &asked.origin, &asked.from, &asked.to];
    RefundsPage {
        filters: with_faults(fields, faults),
        is_filtered: given.iter().any(|text| !text.is_empty()),
        is_faulty: !faults.is_empty(),
        rows: found
            .iter()
            .map(|refund| row(&frame, names, refund))
            .collect(),
        pager,
        frame,
    }
}

fn row(frame: &Frame, names: &Names, refund: &Refund) -> Row {
    let of_payment = refund
        .payment_id
        .map(|id| format!("/console/transactions/{id}"));
    let of_suspense = refund
        .suspense_id
        .map(|id| format!("/console/suspense/{id}"));
    Row {
        at: At::new(frame, refund.created_at),
        amount: frame.written().price(refund.amount),
        state: State::of_refund(frame, refund.state),
        is_in_doubt: refund.state == RefundState::Unknown,
        reason: refund.reason.clone(),
        origin: frame.say(&format!("wanted_by.{}", refund.origin.as_str())),
        by: refund.requested_by.map(|user| names.person(user)),
        settled: refund.settled_at.map(|at| At::new(frame, at)),
        failure: refund.failure_code.clone(),
        href: of_payment.or(of_suspense),
    }
}

#[cfg(test)]
mod samples;
