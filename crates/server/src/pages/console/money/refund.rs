//! Money of a payment goes back: a part or all that is left, with the reason, and the amount typed twice.

use askama::Template;
use axum::extract::State as Held;
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::money::Money;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::Payment;
use tollgate_payment::model::refund::RefundStatus;
use tollgate_payment::{RefundError, WantRefund};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::super::form::{Choice, Faults, Field, Shown, Typed, new_key};
use super::super::staff::{Finance, Staff, Sure};
use super::transaction::left;
use super::transactions::HERE;

/// As the call of programs takes it; the buyer may read it.
pub(super) const REASON_CHARS: usize = 256;

#[derive(Template)]
#[template(path = "money_refund.html")]
struct RefundPage {
    frame: Frame,
    back: String,
    what: String,
    paid: String,
    left: String,
    form: Option<Shown>,
}

/// `GET /console/transactions/{id}/refund`
pub(super) async fn page(
    Held(console): Held<Console>,
    staff: Staff<Finance>,
    PathId(id): PathId<PaymentId>,
) -> Result<Response, Problem> {
    let payment = find(&console, id).await?;
    let mut typed = Typed::default();
    typed.put("amount", left(&payment));
    typed.put("key", new_key(staff.visit()));
    let confirm = staff.confirm(&console).await;
    let frame = frame(&staff);
    super::super::super::page(&shown(frame, &payment, &typed, &Faults::default(), confirm))
}

/// `POST /console/transactions/{id}/refund`
pub(super) async fn refund(
    Held(console): Held<Console>,
    Sure(staff): Sure<Finance>,
    PathId(id): PathId<PaymentId>,
    Form(mut typed): Form<Typed>,
) -> Result<Response, Problem> {
    let payment = find(&console, id).await?;
    let frame = frame(&staff);
    let wish = match read(&frame, &payment, &typed) {
        Ok(mut wish) => {
            wish.requested_by = staff.caller.user_id();
            wish
        }
        Err(faults) => {
            let page = shown(frame, &payment, &typed, &faults, None);
            return super::super::super::page(&page);
        }
    };
    let key = typed.once(&staff.caller, "/payments/refund", &id.to_string());
    let key = key.ok_or_else(|| Problem::new(Code::BadRequest))?;
    let done = match console
        .payment
        .refund(&wish, &staff.origin, Some(&key))
        .await
    {
        Ok(made) => match made.value.status {
            RefundStatus::Succeeded => "refunded",
            RefundStatus::Pending => "refund_sent",
            RefundStatus::Failed => "refund_failed",
        },
        // The first click is not answered yet: its page shows what comes of it.
        Err(RefundError::InProgress) => "refund_sent",
        Err(error) => {
            // Refused by the provider, its key names that refusal for ever.
            typed.put("key", new_key(staff.visit()));
            let faults = faults(&frame, error)?;
            let payment = find(&console, id).await?;
            return super::super::super::page(&shown(frame, &payment, &typed, &faults, None));
        }
    };
    Ok(Redirect::to(&format!("{HERE}/{id}?done={done}")).into_response())
}

async fn find(console: &Console, id: PaymentId) -> Result<Payment, Problem> {
    let payment = console.payment.transaction(id, None).await?;
    payment.ok_or_else(|| Problem::new(Code::NotFound))
}

fn frame(staff: &Staff<Finance>) -> Frame {
    staff.frame(HERE, staff.visit().say("refund.title"))
}

/// What can be mended is told on the page; so is what the provider refused, since nothing has moved.
fn faults(frame: &Frame, error: RefundError) -> Result<Faults, Problem> {
    let mut faults = Faults::default();
    match &error {
        RefundError::Provider(refused) => {
            let said = refused.to_string();
            faults.note("", frame.words().with("refund.refused", &[("said", &said)]));
        }
        RefundError::KeyReused => faults.note("", frame.say("refund.sent_before")),
        RefundError::AboveRest(left) => {
            let left = frame.written().price(*left);
            faults.note(
                "amount",
                frame.words().with("refund.above_rest", &[("left", &left)]),
            );
        }
        _ => return Faults::of(error.into(), frame.language),
    }
    Ok(faults)
}

/// The wish of the form, or what is to be mended in it.
fn read(frame: &Frame, payment: &Payment, typed: &Typed) -> Result<WantRefund, Faults> {
    let mut faults = Faults::default();
    let currency = payment.amount.currency();
    let amount = Money::parse(typed.get("amount"), currency).ok();
    let amount = amount.filter(|amount| amount.minor() > 0);
    if amount.is_none() {
        faults.note("amount", frame.say("refund.bad_amount"));
    }
    // Whether so much is left is for the operation to say: a form that is sent twice finds it gone.
    if amount.is_some_and(|amount| Money::parse(typed.get("again"), currency) != Ok(amount)) {
        faults.note("again", frame.say("refund.not_the_same"));
    }
    let reason = typed.get("reason");
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        faults.note("reason", frame.say("money.bad_reason"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(WantRefund {
        payment_id: payment.id,
        amount: None,
        amount_minor: amount.map(Money::minor),
        reason: reason.to_owned(),
        end_subscription: match typed.get("end") {
            "ends" => Some(true),
            "stays" => Some(false),
            _ => None,
        },
        requested_by: None,
    })
}

fn shown(
    frame: Frame,
    payment: &Payment,
    typed: &Typed,
    faults: &Faults,
    confirm: Option<String>,
) -> RefundPage {
    let written = frame.written();
    let rest = left(payment);
    let form = (rest.minor() > 0).then(|| {
        let end = typed.get("end");
        let ends = ["", "ends", "stays"].map(|word| {
            let name = if word.is_empty() { "by_rule" } else { word };
            Choice::new(word, frame.say(&format!("refund_end.{name}")), end)
        });
        let code = rest.currency().code();
        let with_code = |name: &str| frame.words().with(name, &[("currency", &code)]);
        let mut fields = vec![
            Field::line("amount", with_code("refund.amount"), typed).required(),
            Field::area("reason", frame.say("money.reason"), typed)
                .hint(frame.say("refund.reason_hint"))
                .required(),
        ];
        if payment.subscription_id.is_some() {
            fields.push(Field::choice("end", frame.say("refund.end"), ends.into()));
        }
        fields.push(
            Field::line("again", with_code("refund.again"), typed)
                .hint(frame.say("refund.again_hint"))
                .required(),
        );
        Shown::new("refund", "", frame.say("refund.button"))
            .fields(fields)
            .hidden("key", typed.get("key"))
            .confirm(confirm)
            .faults(faults)
    });
    RefundPage {
        back: format!("{HERE}/{}", payment.id),
        what: payment.description.clone(),
        paid: written.price(payment.amount),
        left: written.price(rest),
        form,
        frame,
    }
}

#[cfg(test)]
mod samples;
