//! What samples of these pages are made of.

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::text::Language;
use tollgate_payment::model::payment::{
    MerchantAccount, Payment, PaymentMethod, PaymentState, Purpose,
};
use tollgate_payment::model::refund::{Refund, RefundOrigin, RefundState};
use tollgate_payment::model::scene::Scene;
use tollgate_payment::model::suspense::{Kept, SuspenseState};
use uuid::Uuid;

use super::super::super::frame::Frame;
use super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH};
use super::super::list::Pager;
use super::people::Names;

/// What people write, by turns.
pub(super) fn word(at: usize) -> &'static str {
    [HOSTILE, LONG, LONG_ZH][at % 3]
}

pub(super) fn id(at: usize) -> Uuid {
    Uuid::from_u128(0x0197_f3a0_0000_7000_8000_0000_0000_0000 + at as u128)
}

pub(super) fn time(at: usize) -> Timestamp {
    let seconds = 1_798_734_600 + i64::try_from(at).expect("few") * 3_600;
    Timestamp::from_seconds(seconds).expect("a time")
}

pub(super) fn frame(language: Language, title: &str) -> Frame {
    let visit = samples::visit(language);
    let mut frame = Frame::plain(&visit, title.to_owned());
    frame.title = frame.say(title);
    frame
}

/// Somebody of a long name.
pub(super) fn names() -> Names {
    let user = UserId::from(id(1));
    Names::sample(user, &format!("{LONG}@{LONG}.example"))
}

pub(super) fn pager(rows: usize) -> Pager {
    Pager {
        newest: (rows > 1).then(|| "?".to_owned()),
        older: (rows > 1).then(|| "?starting_after=x".to_owned()),
    }
}

pub(super) fn money(at: usize) -> Money {
    let minor = 9_900 + i64::try_from(at).expect("few") * 100;
    match at % 7 {
        6 => Money::new(minor * 1_000_000_000, Currency::USD),
        _ => Money::new(minor, Currency::CNY),
    }
}

pub(super) fn payment(at: usize) -> Payment {
    let states = PaymentState::ALL;
    let state = states[at % states.len()];
    let is_paid = matches!(state, PaymentState::Completed | PaymentState::Refunded);
    let amount = money(at);
    Payment {
        id: id(at).into(),
        user_id: id(at % 5).into(),
        subscription_id: is_paid.then(|| id(at).into()),
        amount,
        method: PaymentMethod::ALL[at % 3],
        account: MerchantAccount {
            app_id: word(at).to_owned(),
            merchant_id: LONG.to_owned(),
        },
        livemode: false,
        provider_order_id: Some(word(at + 1).to_owned()),
        provider_transaction_id: is_paid.then(|| word(at + 2).to_owned()),
        state,
        purpose: Purpose::ALL[at % 4],
        plan: Some((id(at).into(), 1)),
        action: None,
        scene: Scene::Pc,
        return_url: None,
        description: word(at).to_owned(),
        metadata: json!({ word(at): [word(at + 1), 1] }),
        failure_code: (state == PaymentState::Failed).then(|| word(at).to_owned()),
        superseded_at: None,
        created_at: time(at),
        expires_at: time(at + 1),
        paid_at: is_paid.then(|| time(at)),
        refunded_minor: if state == PaymentState::Refunded {
            amount.minor()
        } else {
            i64::from(is_paid) * 990
        },
        refunding_minor: i64::from(state == PaymentState::Completed) * 100,
    }
}

pub(super) fn refund(at: usize) -> Refund {
    let states = RefundState::ALL;
    let state = states[at % states.len()];
    Refund {
        id: id(at).into(),
        payment_id: (!at.is_multiple_of(4)).then(|| id(at).into()),
        suspense_id: at.is_multiple_of(4).then(|| id(at).into()),
        amount: money(at),
        state,
        origin: RefundOrigin::ALL[at % 4],
        reason: word(at).to_owned(),
        requested_by: at.is_multiple_of(2).then(|| id(1).into()),
        end_subscription: false,
        keep_subscription: false,
        failure_code: (state == RefundState::Failed).then(|| word(at + 1).to_owned()),
        created_at: time(at),
        settled_at: state.is_over().then(|| time(at + 1)),
    }
}

pub(super) fn kept(at: usize, state: SuspenseState) -> Kept {
    use tollgate_payment::model::payment::SuspenseCause;
    let causes = SuspenseCause::ALL;
    let is_decided = !state.is_undecided();
    Kept {
        id: id(at).into(),
        rail: PaymentMethod::ALL[at % 3],
        livemode: false,
        transaction_id: word(at).to_owned(),
        order_no: word(at + 1).to_owned(),
        payment_id: at.is_multiple_of(2).then(|| id(at).into()),
        amount: money(at),
        cause: causes[at % causes.len()],
        state,
        note: is_decided.then(|| word(at).to_owned()),
        resolved_by: is_decided.then(|| id(1).into()),
        resolved_at: is_decided.then(|| time(at)),
        created_at: time(at),
    }
}
