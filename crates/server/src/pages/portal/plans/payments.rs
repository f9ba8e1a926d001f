//! What one has paid, and what is still to be paid.

use askama::Template;
use axum::extract::State;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use std::time::Duration;
use tollgate_kernel::caller::SignedIn;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::{PaymentService, TransactionFilter};

use super::super::Portal;
use super::cancel::Nothing;
use super::span::link;
use super::subscription::unknown_page;
use super::{Moment, Pager, done};
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::plan_names::PlanNames;
use crate::pages::visit::Visitor;

/// Payments on one page.
const ROWS: u32 = 20;
const STATUSES: [PaymentStatus; 4] = [
    PaymentStatus::Pending,
    PaymentStatus::Completed,
    PaymentStatus::Failed,
    PaymentStatus::Refunded,
];

#[derive(Debug, Deserialize)]
pub(super) struct ListParams {
    /// A status; other words are none.
    #[serde(default)]
    status: String,
    starting_after: Option<PaymentId>,
}

/// An order as it is listed.
struct Open {
    order: Payment,
    /// What it is for.
    item: String,
    /// Where it can be paid, while it can.
    on: Option<String>,
}

struct Row {
    id: String,
    at: Moment,
    item: String,
    method: String,
    amount: String,
    /// In part.
    refunded: Option<String>,
    state: &'static str,
    status: String,
    /// It waits for its money.
    is_open: bool,
    on: Option<String>,
}

#[derive(Template)]
#[template(path = "plans_payments.html")]
struct PaymentsPage {
    frame: Frame,
    done: Option<String>,
    filters: Vec<Link>,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// Where an order goes on: its hosted page, while it can be paid.
pub(super) fn way_on(service: &PaymentService, order: &Payment) -> Option<String> {
    service.time_left(order)?;
    let url = service.next_step(order).checkout_url?;
    let link = url.rsplit('/').next()?;
    Some(format!("/checkout/{link}"))
}

/// `GET /portal/payments`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let payment = &portal.payment;
    let status = params.status.parse::<PaymentStatus>().ok();
    let filter = TransactionFilter {
        user: Some(visitor.user.id),
        status,
        starting_after: params.starting_after,
        ..TransactionFilter::default()
    };
    let found = payment.transactions(&filter, ROWS).await?;
    let (found, has_more) = found.ok_or_else(unknown_page)?;
    let title = visitor.visit.say("my_payments.title");
    let frame = Frame::of(&visitor, Tab::Payments, title);
    let plans = PlanNames::read(payment, frame.written()).await?;
    let rows = found.into_iter().map(|order| Open {
        item: plans.of(&order),
        on: way_on(payment, &order),
        order,
    });
    let rows: Vec<Open> = rows.collect();
    let is_first = params.starting_after.is_none();
    crate::pages::page(&shown(frame, &visitor, &rows, status, has_more, is_first))
}

fn shown(
    frame: Frame,
    visitor: &Visitor,
    rows: &[Open],
    status: Option<PaymentStatus>,
    has_more: bool,
    is_first: bool,
) -> PaymentsPage {
    let path = "/portal/payments";
    let kept: Vec<(&str, String)> = status
        .into_iter()
        .map(|status| ("status", status.as_str().to_owned()))
        .collect();
    let all = Link {
        href: path.to_owned(),
        text: frame.say("my_payments.all"),
        is_here: status.is_none(),
    };
    let filters = STATUSES.map(|one| Link {
        href: format!("{path}?status={}", one.as_str()),
        text: frame.say(&format!("my_payments.status_{}", one.as_str())),
        is_here: Some(one) == status,
    });
    let older = rows
        .last()
        .filter(|_| has_more)
        .map(|Open { order: last, .. }| {
            let mut pairs = kept.clone();
            pairs.push(("starting_after", last.id.to_string()));
            link(path, &pairs)
        });
    let rows: Vec<Row> = rows.iter().map(|open| row(&frame, open)).collect();
    PaymentsPage {
        done: done(&frame, &visitor.visit),
        filters: std::iter::once(all).chain(filters).collect(),
        is_filtered: status.is_some(),
        pager: Pager {
            newest: (!is_first).then(|| link(path, &kept)),
            older,
        },
        rows,
        frame,
    }
}

/// The class of a status.
pub(super) fn status_class(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "warn",
        PaymentStatus::Completed => "ok",
        PaymentStatus::Failed => "bad",
        PaymentStatus::Refunded => "info",
    }
}

fn row(frame: &Frame, open: &Open) -> Row {
    let payment = &open.order;
    let written = frame.written();
    let status = payment.state.status();
    let back =
        tollgate_kernel::money::Money::new(payment.refunded_minor, payment.amount.currency());
    let is_part = payment.refunded_minor > 0 && status != PaymentStatus::Refunded;
    Row {
        id: payment.id.to_string(),
        at: Moment::of(written, payment.created_at),
        item: open.item.clone(),
        method: frame.say(&format!("my_payments.by_{}", payment.method.as_str())),
        amount: written.price(payment.amount),
        refunded: is_part.then(|| {
            let amount = written.price(back);
            frame
                .words()
                .with("my_payments.refunded_part", &[("amount", &amount)])
        }),
        state: status_class(status),
        status: frame.say(&format!("my_payments.status_{}", status.as_str())),
        is_open: payment.is_open(),
        on: open.on.clone(),
    }
}

/// `POST /portal/payments/{id}/check`: asks the provider now.
pub(super) async fn check(
    State(portal): State<Portal>,
    SignedIn(user): SignedIn,
    PathId(id): PathId<PaymentId>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Redirect, Problem> {
    let found = portal.payment.payment_status(user, id, Duration::ZERO);
    let found = found.await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Redirect::to(&format!(
        "/portal/payments/{}?done=checked",
        found.id
    )))
}

#[cfg(test)]
pub(super) mod samples {
    use super::super::samples::{id, noon, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};
    use tollgate_kernel::money::{Currency, Money};
    use tollgate_payment::model::payment::{MerchantAccount, PaymentMethod, PaymentState, Purpose};
    use tollgate_payment::model::scene::Scene;

    /// One that stands so, of which a little went back.
    pub(in super::super) fn payment(at: usize, text: &str, state: PaymentState) -> Payment {
        Payment {
            id: id(at).parse().expect("an id"),
            user_id: id(1).parse().expect("an id"),
            subscription_id: None,
            amount: Money::new(9_900, Currency::CNY),
            method: PaymentMethod::Alipay,
            account: MerchantAccount {
                app_id: String::new(),
                merchant_id: String::new(),
            },
            livemode: false,
            provider_order_id: None,
            provider_transaction_id: Some("20260501".repeat(5)),
            state,
            purpose: Purpose::Subscription,
            plan: None,
            action: None,
            scene: Scene::Pc,
            return_url: None,
            description: text.to_owned(),
            metadata: serde_json::json!({}),
            failure_code: None,
            refunded_minor: 990,
            refunding_minor: 0,
            superseded_at: None,
            created_at: noon(),
            expires_at: noon(),
            paid_at: Some(noon()),
        }
    }

    #[test]
    fn payments_render_from_their_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            let page = |text: &str, rows: usize| {
                let states = [
                    PaymentState::Pending,
                    PaymentState::Completed,
                    PaymentState::Failed,
                ];
                let one = |at: usize| {
                    let on = (at.is_multiple_of(3)).then(|| "/checkout/x".to_owned());
                    let order = payment(at, text, states[at % 3]);
                    let item = order.description.clone();
                    Open { order, item, on }
                };
                let rows: Vec<Open> = (0..rows).map(one).collect();
                let frame = Frame::of(&visitor, Tab::Payments, text.to_owned());
                shown(frame, &visitor, &rows, None, rows.len() > 1, rows.len() < 2)
            };
            for rows in ROWS {
                let html = render(&format!("portal-payments-{rows}-{tag}"), &page("Pro", rows));
                assert_eq!(html.contains("/check\""), rows > 0);
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                render(&format!("portal-payments-{name}-{tag}"), &page(text, 3));
            }
        }
    }
}
