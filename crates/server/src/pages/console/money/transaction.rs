//! One payment: the order, the provider's numbers, and everything that was said about it in the order of time.

use askama::Template;
use axum::extract::State as Held;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::money::Money;
use tollgate_kernel::permission::{ADMIN, FINANCE, PAYMENTS_READ};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::Payment;
use tollgate_payment::model::refund::{Refund, RefundState};
use tollgate_payment::model::suspense::SuspenseState;
use tollgate_payment::model::timeline::{CallIn, CallOut, History};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::super::form::Typed;
use super::super::staff::{PaymentsRead, Staff};
use super::cells::{self, At, Person, State};
use super::people::Names;
use super::transactions::{HERE, is_late};

/// What is told on this page.
const TOLD: [&str; 4] = ["asked", "refunded", "refund_sent", "refund_failed"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    done: String,
}

#[derive(Template)]
#[template(path = "money_transaction.html")]
struct TransactionPage {
    frame: Frame,
    told: String,
    is_bad: bool,
    id: String,
    amount: String,
    state: State,
    is_late: bool,
    facts: Vec<Fact>,
    buyer: Person,
    /// The buyer's subscriptions.
    subscriptions: Option<String>,
    plan: Option<(String, String)>,
    order_no: String,
    /// What the provider calls it, each under its name.
    numbers: Vec<(String, String)>,
    metadata: Option<String>,
    /// Where money is sent back, while there is some.
    refund: Option<String>,
    in_suspense: Vec<Suspended>,
    refunds: Vec<RefundRow>,
    in_doubt: bool,
    events: Vec<Event>,
}

struct Fact {
    name: String,
    value: String,
}

struct Suspended {
    href: String,
    amount: String,
    cause: String,
    state: State,
}

struct RefundRow {
    at: At,
    amount: String,
    state: State,
    reason: String,
    by: Option<Person>,
}

/// Something that was said or done.
struct Event {
    moment: Timestamp,
    at: At,
    text: String,
    /// In the provider's words.
    detail: String,
    href: Option<String>,
    state: Option<State>,
}

/// `GET /console/transactions/{id}`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<PaymentsRead>,
    PathId(id): PathId<PaymentId>,
    Params(told): Params<Told>,
) -> Result<Response, Problem> {
    let history = console.payment.history(id).await?;
    let history = history.ok_or_else(|| Problem::new(Code::NotFound))?;
    let payment = &history.payment;
    let plan = match payment.plan {
        Some((plan, _)) => console.payment.any_plan(&plan.to_string()).await?,
        None => None,
    };
    let people = history
        .refunds
        .iter()
        .filter_map(|refund| refund.requested_by);
    let names = Names::of(&console, &staff, people.chain([payment.user_id])).await?;
    let title = staff.visit().say("transaction.title");
    let frame = staff.frame(HERE, title);
    let plan = plan.map(|plan| {
        let name = frame.written().plan(&plan);
        let is_shown = staff.holds(ADMIN);
        let href = is_shown.then(|| format!("/console/plans/{}", plan.id));
        (href.unwrap_or_default(), name)
    });
    let view = View {
        names: &names,
        now: console.payment.now(),
        may_refund: staff.holds(FINANCE),
        sees_calls: staff.holds(PAYMENTS_READ),
    };
    super::super::super::page(&view.page(frame, &history, plan, &told.done))
}

/// `POST /console/transactions/{id}/sync`: the provider is asked now, and what it says is done.
pub(super) async fn sync(
    Held(console): Held<Console>,
    _staff: Staff<PaymentsRead>,
    PathId(id): PathId<PaymentId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let known = console.payment.transaction(id, None).await?;
    known.ok_or_else(|| Problem::new(Code::NotFound))?;
    let asking = console.payment.clone();
    // In a task of its own: a browser that goes away must not stop it between two steps.
    let asked = tokio::spawn(async move { asking.reconcile(id).await }).await;
    asked.map_err(|_| Problem::new(Code::Unavailable))??;
    Ok(Redirect::to(&format!("{HERE}/{id}?done=asked")).into_response())
}

/// What a page is made from.
struct View<'a> {
    names: &'a Names,
    now: Timestamp,
    may_refund: bool,
    sees_calls: bool,
}

/// What is neither back nor on its way, of money that arrived.
pub(super) fn left(payment: &Payment) -> Money {
    let gone = payment
        .refunded_minor
        .saturating_add(payment.refunding_minor);
    let paid = payment.paid_at.map_or(0, |_| payment.amount.minor());
    Money::new(paid.saturating_sub(gone).max(0), payment.amount.currency())
}

impl View<'_> {
    fn page(
        &self,
        frame: Frame,
        history: &History,
        plan: Option<(String, String)>,
        done: &str,
    ) -> TransactionPage {
        let payment = &history.payment;
        // Its own money, which goes back from the desk for suspense and from nowhere else.
        let is_kept = history.suspense.iter().any(|kept| {
            kept.state != SuspenseState::Applied
                && payment.provider_transaction_id.as_ref() == Some(&kept.transaction_id)
        });
        let may_refund = self.may_refund && left(payment).minor() > 0 && !is_kept;
        let waits = history.suspense.iter();
        let waits = waits.filter(|kept| kept.state.is_undecided());
        let suspended = waits.map(|kept| Suspended {
            href: format!("/console/suspense/{}", kept.id),
            amount: frame.written().price(kept.amount),
            cause: frame.say(&format!("kept_cause.{}", kept.cause.as_str())),
            state: State::of_suspense(&frame, kept.state),
        });
        let in_doubt = |refund: &Refund| refund.state == RefundState::Unknown;
        let has_metadata = payment
            .metadata
            .as_object()
            .is_some_and(|map| !map.is_empty());
        TransactionPage {
            told: cells::done(&frame, &TOLD, done),
            is_bad: done == "refund_failed",
            id: payment.id.to_string(),
            amount: frame.written().price(payment.amount),
            state: State::of_payment(&frame, payment),
            is_late: is_late(payment, self.now),
            facts: facts(&frame, payment),
            buyer: self.names.person(payment.user_id),
            subscriptions: payment
                .subscription_id
                .map(|_| format!("/console/subscriptions?user={}", payment.user_id)),
            plan,
            order_no: payment.order_no().as_str().to_owned(),
            numbers: numbers(&frame, payment),
            metadata: has_metadata
                .then(|| serde_json::to_string_pretty(&payment.metadata).unwrap_or_default()),
            refund: may_refund.then(|| format!("{HERE}/{}/refund", payment.id)),
            in_suspense: suspended.collect(),
            in_doubt: history.refunds.iter().any(in_doubt),
            refunds: history
                .refunds
                .iter()
                .map(|one| self.refund(&frame, one))
                .collect(),
            events: self.events(&frame, history),
            frame,
        }
    }

    fn refund(&self, frame: &Frame, refund: &Refund) -> RefundRow {
        RefundRow {
            at: At::new(frame, refund.created_at),
            amount: frame.written().price(refund.amount),
            state: State::of_refund(frame, refund.state),
            reason: refund.reason.clone(),
            by: refund.requested_by.map(|user| self.names.person(user)),
        }
    }

    /// Oldest first.
    fn events(&self, frame: &Frame, history: &History) -> Vec<Event> {
        let payment = &history.payment;
        let plain = |at: Timestamp, name: &str, detail: String| Event {
            moment: at,
            at: At::new(frame, at),
            text: frame.say(name),
            detail,
            href: None,
            state: None,
        };
        let mut events = vec![plain(
            payment.created_at,
            "money_happened.ordered",
            String::new(),
        )];
        for call in &history.calls_out {
            events.push(call_out(frame, call));
        }
        if let Some(at) = payment.paid_at {
            let amount = frame.written().price(payment.amount);
            let mut paid = plain(at, "money_happened.paid", amount);
            // Providers tell whole seconds; nobody pays before the provider was asked.
            let asked = history.calls_out.iter().map(|call| call.started_at).min();
            paid.moment = at.max(asked.unwrap_or(payment.created_at));
            events.push(paid);
        }
        for call in &history.calls_in {
            events.push(self.call_in(frame, call));
        }
        for refund in &history.refunds {
            let amount = frame.written().price(refund.amount);
            let begun = "money_happened.refund_begun";
            events.push(plain(refund.created_at, begun, amount.clone()));
            if let Some(at) = refund.settled_at {
                let mut event = plain(at, "money_happened.refund_settled", amount);
                event.state = Some(State::of_refund(frame, refund.state));
                if let Some(code) = &refund.failure_code {
                    event.detail = format!("{} {code}", event.detail);
                }
                events.push(event);
            }
        }
        for kept in &history.suspense {
            let amount = frame.written().price(kept.amount);
            let mut event = plain(kept.created_at, "money_happened.kept", amount);
            event.href = Some(format!("/console/suspense/{}", kept.id));
            event.state = Some(State::of_suspense(frame, kept.state));
            events.push(event);
        }
        events.sort_by_key(|event| event.moment);
        events
    }

    fn call_in(&self, frame: &Frame, call: &CallIn) -> Event {
        let look = if call.verdict == "verified" {
            "ok"
        } else {
            "bad"
        };
        let verdict = frame.say(&format!("money_verdict.{}", call.verdict));
        let status = call.reply_status;
        Event {
            moment: call.received_at,
            at: At::new(frame, call.received_at),
            text: frame
                .words()
                .with("money_happened.called", &[("status", &status)]),
            detail: call.event_key.clone().unwrap_or_default(),
            href: self
                .sees_calls
                .then(|| format!("/console/callbacks/{}", call.id)),
            state: Some(State::new(look, verdict)),
        }
    }
}

fn call_out(frame: &Frame, call: &CallOut) -> Event {
    let look = match call.state.as_str() {
        "succeeded" => "ok",
        "refused" => "bad",
        "unknown" => "warn",
        _ => "info",
    };
    let took = call
        .finished_at
        .map(|end| end.since(call.started_at).as_millis());
    let took = took.map(|ms| frame.words().with("money_happened.took", &[("ms", &ms)]));
    let code = call.provider_code.clone().unwrap_or_default();
    Event {
        moment: call.started_at,
        at: At::new(frame, call.started_at),
        text: frame.say(&format!("money_asked.{}", call.operation)),
        detail: [code, took.unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · "),
        href: None,
        state: Some(State::new(
            look,
            frame.say(&format!("money_answered.{}", call.state)),
        )),
    }
}

fn facts(frame: &Frame, payment: &Payment) -> Vec<Fact> {
    let written = frame.written();
    let currency = payment.amount.currency();
    let back = Money::new(payment.refunded_minor, currency);
    let on_its_way = Money::new(payment.refunding_minor, currency);
    let fact = |name: &str, value: String| Fact {
        name: frame.say(name),
        value,
    };
    let mut facts = vec![
        fact("transaction.what", payment.description.clone()),
        fact("money.rail", cells::rail(frame, payment.method.as_str())),
        fact(
            "transaction.purpose",
            frame.say(&format!("money_purpose.{}", payment.purpose.as_str())),
        ),
    ];
    if back.minor() > 0 {
        facts.push(fact("transaction.refunded", written.price(back)));
    }
    if on_its_way.minor() > 0 {
        facts.push(fact("transaction.refunding", written.price(on_its_way)));
    }
    if payment.paid_at.is_some() && back.minor() + on_its_way.minor() > 0 {
        facts.push(fact("transaction.left", written.price(left(payment))));
    }
    if let Some(code) = &payment.failure_code {
        facts.push(fact("transaction.failure", code.clone()));
    }
    facts
}

fn numbers(frame: &Frame, payment: &Payment) -> Vec<(String, String)> {
    let named = |name: &str, value: &Option<String>| {
        let value = value.clone().filter(|value| !value.is_empty());
        value.map(|value| (frame.say(name), value))
    };
    let account = &payment.account;
    [
        named(
            "transaction.provider_money",
            &payment.provider_transaction_id,
        ),
        named("transaction.provider_order", &payment.provider_order_id),
        named("transaction.application", &Some(account.app_id.clone())),
        named("transaction.merchant", &Some(account.merchant_id.clone())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod samples;
