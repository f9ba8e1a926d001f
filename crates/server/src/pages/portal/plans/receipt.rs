//! One payment, plain, on one sheet of paper.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::money::Money;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::Purchase;
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::model::refund::{Refund, RefundState};

use super::super::Portal;
use super::payments::{status_class, way_on};
use super::{Moment, done};
use crate::pages::frame::{Frame, Tab};
use crate::pages::visit::Visitor;

/// So many refunds stand on it.
const REFUNDS: u32 = 100;

struct Back {
    at: Moment,
    amount: String,
    state: &'static str,
    status: String,
}

#[derive(Template)]
#[template(path = "plans_receipt.html")]
struct ReceiptPage {
    frame: Frame,
    done: Option<String>,
    is_paid: bool,
    /// Nothing real was paid.
    is_play: bool,
    seller: String,
    seller_details: Vec<String>,
    buyer: String,
    item: String,
    terms: Option<String>,
    from: Option<Moment>,
    until: Option<Moment>,
    has_period: bool,
    ordered: Moment,
    paid: Option<Moment>,
    method: String,
    state: &'static str,
    status: String,
    failure: Option<String>,
    /// What was counted for the plan before.
    credit: Option<String>,
    amount: String,
    backs: Vec<Back>,
    /// What is left of it.
    rest: Option<String>,
    order_no: String,
    number: Option<String>,
    on: Option<String>,
    check: Option<String>,
}

/// `GET /portal/payments/{id}`: one's own; of others there is none.
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    PathId(id): PathId<PaymentId>,
) -> Result<Response, Problem> {
    let service = &portal.payment;
    let found = service.transaction(id, Some(visitor.user.id)).await?;
    let payment = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let bought = service.purchase(&payment).await?;
    let refunds = service.refunds(Some(id), None, REFUNDS).await?;
    let refunds = refunds.map(|(refunds, _)| refunds).unwrap_or_default();
    let on = way_on(service, &payment);
    crate::pages::page(&shown(&visitor, &payment, bought.as_ref(), &refunds, on))
}

fn shown(
    visitor: &Visitor,
    payment: &Payment,
    bought: Option<&Purchase>,
    refunds: &[Refund],
    on: Option<String>,
) -> ReceiptPage {
    let is_paid = payment.paid_at.is_some();
    let title = if is_paid {
        "receipt.title"
    } else {
        "receipt.order"
    };
    let title = visitor.visit.say(title);
    let frame = Frame::of(visitor, Tab::Payments, title);
    let written = frame.written();
    let house = &visitor.visit.house;
    let seller = &house.seller;
    let status = payment.state.status();
    let holds = bought.and_then(|bought| bought.holds);
    let credit = bought.and_then(|bought| bought.credit);
    let credit = credit.filter(|credit| credit.minor() > 0);
    // Newest first; on paper time runs down.
    let backs = refunds.iter().rev().map(|refund| back(&frame, refund));
    let rest = payment
        .amount
        .minor()
        .saturating_sub(payment.refunded_minor);
    let rest = Money::new(rest, payment.amount.currency());
    ReceiptPage {
        done: done(&frame, &visitor.visit),
        is_paid,
        is_play: !payment.livemode,
        seller: seller.name.as_ref().unwrap_or(&house.public_url).clone(),
        seller_details: seller.details.clone(),
        buyer: visitor.user.username.clone(),
        item: bought.map_or_else(
            || payment.description.clone(),
            |bought| written.plan(&bought.plan),
        ),
        terms: bought.map(|bought| {
            let terms = frame.say(&format!(
                "receipt.term_{}",
                bought.plan.billing_cycle.as_str()
            ));
            format!("{} × {terms}", written.count(bought.terms))
        }),
        from: holds.map(|(from, _)| Moment::of(written, from)),
        until: holds.and_then(|(_, until)| Some(Moment::of(written, until?))),
        has_period: holds.is_some(),
        ordered: Moment::of(written, payment.created_at),
        paid: payment.paid_at.map(|at| Moment::of(written, at)),
        method: frame.say(&format!("my_payments.by_{}", payment.method.as_str())),
        state: status_class(status),
        status: frame.say(&format!("my_payments.status_{}", status.as_str())),
        failure: (status == PaymentStatus::Failed).then(|| frame.say("receipt.failed")),
        credit: credit.map(|credit| written.price(credit)),
        amount: written.price(payment.amount),
        rest: (payment.refunded_minor > 0).then(|| written.price(rest)),
        backs: backs.collect(),
        order_no: payment.order_no().as_str().to_owned(),
        number: payment.provider_transaction_id.clone(),
        check: payment
            .is_open()
            .then(|| format!("/portal/payments/{}/check", payment.id)),
        on,
        frame,
    }
}

fn back(frame: &Frame, refund: &Refund) -> Back {
    let (state, name) = match refund.state {
        RefundState::Succeeded => ("ok", "receipt.back_done"),
        RefundState::Failed => ("bad", "receipt.back_failed"),
        RefundState::Reserved | RefundState::Submitted | RefundState::Unknown => {
            ("warn", "receipt.back_pending")
        }
    };
    Back {
        at: Moment::of(
            frame.written(),
            refund.settled_at.unwrap_or(refund.created_at),
        ),
        amount: frame.written().price(refund.amount),
        state,
        status: frame.say(name),
    }
}

#[cfg(test)]
mod samples {
    use tollgate_kernel::money::Currency;
    use tollgate_payment::model::payment::PaymentState;
    use tollgate_payment::model::refund::RefundOrigin;

    use super::super::payments::samples::payment;
    use super::super::samples::{id, noon, visitor};
    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    fn refund(text: &str) -> Refund {
        Refund {
            id: id(6).parse().expect("an id"),
            payment_id: None,
            suspense_id: None,
            amount: Money::new(1, Currency::CNY),
            state: RefundState::Succeeded,
            origin: RefundOrigin::Admin,
            reason: text.to_owned(),
            requested_by: None,
            end_subscription: false,
            keep_subscription: false,
            failure_code: None,
            created_at: noon(),
            settled_at: None,
        }
    }

    #[test]
    fn receipt_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visitor = visitor(language).0;
            let page = |text: &str, state, rows: usize| {
                let payment = payment(1, text, state);
                let refunds: Vec<_> = (0..rows).map(|_| refund(text)).collect();
                shown(&visitor, &payment, None, &refunds, None)
            };
            for rows in ROWS {
                let page = page("Pro", PaymentState::Completed, rows);
                let html = render(&format!("portal-receipt-{rows}-{tag}"), &page);
                assert_eq!(html.matches("class=\"back\"").count(), rows);
                assert!(html.contains("¥89.10"), "what is left: {html}");
            }
            for (name, text) in [("long", LONG), ("long-zh", LONG_ZH), ("hostile", HOSTILE)] {
                let page = page(text, PaymentState::Pending, 1);
                render(&format!("portal-receipt-{name}-{tag}"), &page);
            }
        }
    }
}
