//! Money that goes back.

use serde_json::json;
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::providers::stripe::Stripe;
use tollgate_payment::providers::{
    NewRefund, PaymentProvider as _, ProviderError, RefundKey, RefundVerdict,
};

use super::gateway::{Answer, Gateway, REFUNDS, TAG, order};

fn create() -> String {
    format!("POST {REFUNDS}")
}

/// An order of 99.00 that is paid, and a refund of 10.00.
async fn paid() -> (Gateway, Stripe, NewRefund) {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = order(&gateway.clock, 1);
    stripe.create_payment(&order).await.expect("a page");
    let refund = NewRefund {
        key: RefundKey {
            order_no: order.order_no.as_str().to_owned(),
            transaction_id: gateway.pay(&order.order_no),
            refund_no: RefundNo::foreign("0198c0de0198c0de0198c0de0198c0de"),
        },
        amount: Money::new(1_000, Currency::USD),
        paid: order.amount,
        reason: "too late".to_owned(),
    };
    (gateway, stripe, refund)
}

fn amount(verdict: Result<RefundVerdict, ProviderError>) -> (i64, Option<String>) {
    match verdict {
        Ok(RefundVerdict::Succeeded(proof)) => {
            let id = proof.provider_refund_id().map(str::to_owned);
            (proof.amount().minor(), id)
        }
        other => panic!("{other:?}"),
    }
}

fn code(verdict: Result<RefundVerdict, ProviderError>) -> String {
    match verdict {
        Err(ProviderError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn inv_p10_a_refund_carries_our_number_and_moves_once() {
    let (gateway, stripe, refund) = paid().await;
    let (minor, id) = amount(stripe.refund_payment(&refund).await);
    assert_eq!(minor, 1_000);
    let call = gateway.calls(&create()).pop().expect("a call");
    let number = refund.key.refund_no.as_str();
    assert_eq!(call.key, Some(format!("refund:{number}:1")));
    let form: Vec<_> = call
        .form
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        form,
        [
            ("amount", "1000"),
            ("metadata[app]", TAG),
            ("metadata[order_no]", refund.key.order_no.as_str()),
            ("metadata[reason]", "too late"),
            ("metadata[refund_no]", number),
            ("payment_intent", refund.key.transaction_id.as_str()),
            ("reason", "requested_by_customer"),
        ]
    );
    assert_eq!(
        amount(stripe.refund_payment(&refund).await),
        (minor, id.clone())
    );
    assert_eq!(
        amount(stripe.verify_refund(&refund.key).await),
        (minor, id.clone())
    );
    assert_eq!(gateway.went_back(&refund.key.transaction_id), 1_000);
    // One that was made in the dashboard is asked about by its own number.
    let foreign = RefundKey {
        refund_no: RefundNo::foreign(id.as_deref().expect("a number")),
        ..refund.key.clone()
    };
    assert_eq!(amount(stripe.verify_refund(&foreign).await), (minor, id));
}

#[tokio::test]
async fn inv_p10_a_key_of_trouble_is_left_only_when_nothing_is_found() {
    let (gateway, stripe, refund) = paid().await;
    let replayed = Answer::error(500, "api_error", "").with("idempotent-replayed", "true");
    gateway.will_answer(&create(), Answer::error(500, "api_error", ""));
    let lost = stripe.refund_payment(&refund).await;
    assert!(
        matches!(lost, Err(ProviderError::Unknown { .. })),
        "{lost:?}"
    );
    gateway.will_answer(&create(), replayed.clone());
    amount(stripe.refund_payment(&refund).await);
    assert_eq!(gateway.went_back(&refund.key.transaction_id), 1_000);
    let keys: Vec<_> = gateway
        .calls(&create())
        .into_iter()
        .filter_map(|call| call.key)
        .collect();
    let key = |turn| format!("refund:{}:{turn}", refund.key.refund_no.as_str());
    assert_eq!(keys, [key(1), key(1), key(2)]);
    // The same trouble again: it is there, and is not made again.
    gateway.will_answer(&create(), replayed.clone());
    amount(stripe.refund_payment(&refund).await);
    assert_eq!(gateway.calls(&create()).len(), 4);
    assert_eq!(gateway.went_back(&refund.key.transaction_id), 1_000);
    // A look that fails is no look.
    gateway.will_answer(&create(), replayed);
    gateway.will_answer(&format!("GET {REFUNDS}"), Answer::new(500, ""));
    let blind = stripe.refund_payment(&refund).await;
    assert!(
        matches!(blind, Err(ProviderError::Unknown { .. })),
        "{blind:?}"
    );
    assert_eq!(gateway.calls(&create()).len(), 5);
}

#[tokio::test]
async fn inv_p10_only_succeeded_means_that_money_went_back() {
    let (gateway, stripe, refund) = paid().await;
    let (_, id) = amount(stripe.refund_payment(&refund).await);
    let id = id.expect("a number");
    for (status, reason, told) in [
        ("pending", None, "pending"),
        ("requires_action", None, "pending"),
        ("failed", Some("lost_or_stolen_card"), "lost_or_stolen_card"),
        ("failed", None, "failed"),
        ("canceled", None, "canceled"),
        ("vanished", None, "unknown"),
    ] {
        gateway.change(&id, |refund| {
            refund["status"] = status.into();
            refund["failure_reason"] = reason.into();
        });
        let said = match stripe.verify_refund(&refund.key).await {
            Ok(RefundVerdict::Pending) => "pending".to_owned(),
            Ok(RefundVerdict::Failed { code }) => code,
            Err(ProviderError::Unknown { .. }) => "unknown".to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said, told);
    }
    for (member, value) in [
        ("amount", json!(0)),
        ("amount", json!("1000")),
        ("amount", json!(null)),
        ("currency", json!("xxx")),
        ("status", json!(null)),
    ] {
        let good = gateway.object(&id);
        gateway.change(&id, |refund| {
            refund["status"] = "succeeded".into();
            refund[member] = value.clone();
        });
        let asked = stripe.verify_refund(&refund.key).await;
        assert!(
            matches!(asked, Err(ProviderError::Unknown { .. })),
            "{member}: {asked:?}"
        );
        gateway.put(good);
    }
    // Another application's refund with our number is not ours.
    gateway.change(&id, |refund| refund["metadata"]["app"] = "another".into());
    let asked = stripe.verify_refund(&refund.key).await;
    assert!(matches!(asked, Ok(RefundVerdict::Unheard)), "{asked:?}");
}

#[tokio::test]
async fn inv_p10_what_stripe_refuses_is_refused() {
    let (gateway, stripe, refund) = paid().await;
    let above = NewRefund {
        amount: Money::new(9_901, Currency::USD),
        ..refund.clone()
    };
    assert_eq!(
        code(stripe.refund_payment(&above).await),
        "amount_too_large"
    );
    let mut all = NewRefund {
        amount: refund.paid,
        ..refund.clone()
    };
    all.key.refund_no = RefundNo::foreign("1198c0de0198c0de0198c0de0198c0de");
    amount(stripe.refund_payment(&all).await);
    assert_eq!(
        code(stripe.refund_payment(&refund).await),
        "charge_already_refunded"
    );
    let mut gone = refund.clone();
    gone.key.transaction_id = "pi_gone".to_owned();
    gone.key.refund_no = RefundNo::foreign("2198c0de0198c0de0198c0de0198c0de");
    assert_eq!(code(stripe.refund_payment(&gone).await), "resource_missing");
    // Nothing that Stripe has moved: it is not even asked.
    let before = gateway.count();
    let mut bill = refund.clone();
    bill.key.transaction_id = "in_0001".to_owned();
    assert_eq!(code(stripe.refund_payment(&bill).await), "not_refundable");
    let asked = stripe.verify_refund(&bill.key).await;
    assert!(matches!(asked, Ok(RefundVerdict::Unheard)), "{asked:?}");
    let none = NewRefund {
        amount: Money::new(0, Currency::USD),
        ..refund.clone()
    };
    assert_eq!(code(stripe.refund_payment(&none).await), "not_refundable");
    assert_eq!(gateway.count(), before);
    // There is money later, under the same number of ours.
    let mut poor = refund;
    poor.key.refund_no = RefundNo::foreign("3198c0de0198c0de0198c0de0198c0de");
    gateway.will_answer(
        &create(),
        Answer::error(400, "invalid_request_error", "balance_insufficient"),
    );
    let later = stripe.refund_payment(&poor).await;
    assert!(
        matches!(later, Err(ProviderError::Unknown { .. })),
        "{later:?}"
    );
}
