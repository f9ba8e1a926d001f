//! Subscriptions: ending them, letting them go on, and Stripe's own page for buyers.

use serde_json::json;
use tollgate_payment::providers::agreement::{AgreementChange, Interval};
use tollgate_payment::providers::stripe::Stripe;
use tollgate_payment::providers::{NewOrder, PaymentProvider as _, ProviderError};

use super::gateway::{Answer, Gateway, order};

/// A paid order that began an agreement; gives its number.
async fn agreed() -> (Gateway, Stripe, String) {
    let (gateway, stripe) = Gateway::with_client().await;
    let order = NewOrder {
        renews: Some(Interval::Month),
        ..order(&gateway.clock, 1)
    };
    stripe.create_payment(&order).await.expect("a page");
    gateway.pay(&order.order_no);
    let session = gateway.session_of(&order.order_no);
    let id = session["subscription"]
        .as_str()
        .expect("a number")
        .to_owned();
    (gateway, stripe, id)
}

#[tokio::test]
async fn an_agreement_ends_with_its_term_goes_on_or_ends_now() {
    let (gateway, stripe, id) = agreed().await;
    let stands = |name: &str| gateway.object(&id)[name].clone();
    for (change, ends) in [
        (AgreementChange::Cancel, true),
        (AgreementChange::Resume, false),
        // The first wish again, within a day: no old answer stands for it.
        (AgreementChange::Cancel, true),
        (AgreementChange::Cancel, true),
    ] {
        gateway.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(stripe.change_agreement(&id, change).await, Ok(()));
        assert_eq!(stands("cancel_at_period_end"), json!(ends), "{change:?}");
    }
    assert_eq!(
        stripe.change_agreement(&id, AgreementChange::End).await,
        Ok(())
    );
    assert_eq!(stands("status"), "canceled");
    // Done is done.
    assert_eq!(
        stripe.change_agreement(&id, AgreementChange::End).await,
        Ok(())
    );
    assert_eq!(
        stripe.change_agreement(&id, AgreementChange::Cancel).await,
        Ok(())
    );
    let resumed = stripe.change_agreement(&id, AgreementChange::Resume).await;
    assert!(
        matches!(resumed, Err(ProviderError::Refused { .. })),
        "{resumed:?}"
    );
    let gone = stripe
        .change_agreement("sub_gone", AgreementChange::End)
        .await;
    assert!(
        matches!(gone, Err(ProviderError::Refused { .. })),
        "{gone:?}"
    );
    let nonsense = stripe
        .change_agreement("../refunds", AgreementChange::End)
        .await;
    assert!(
        matches!(nonsense, Err(ProviderError::Unknown { .. })),
        "{nonsense:?}"
    );
}

#[tokio::test]
async fn inv_p8_a_change_without_an_answer_is_unknown() {
    let (gateway, stripe, id) = agreed().await;
    let change = format!("POST /v1/subscriptions/{id}");
    gateway.will_answer(&change, Answer::new(502, "<html>"));
    let lost = stripe.change_agreement(&id, AgreementChange::Cancel).await;
    assert!(
        matches!(lost, Err(ProviderError::Unknown { .. })),
        "{lost:?}"
    );
}

#[tokio::test]
async fn every_click_gets_a_page_of_its_own() {
    let (gateway, stripe, _) = agreed().await;
    for _ in 0..2 {
        gateway.clock.advance(std::time::Duration::from_millis(1));
        let url = stripe.portal("cus_1", "https://shop.example/me").await;
        assert_eq!(url, Ok("https://billing.example/cus_1".to_owned()));
    }
    let calls = gateway.calls("POST /v1/billing_portal/sessions");
    assert_eq!(calls[0].form["return_url"], "https://shop.example/me");
    assert_ne!(calls[0].key, calls[1].key);
    gateway.will_answer(
        "POST /v1/billing_portal/sessions",
        Answer::error(400, "invalid_request_error", "no_configuration"),
    );
    let refused = stripe.portal("cus_1", "https://shop.example/me").await;
    assert!(
        matches!(refused, Err(ProviderError::Refused { .. })),
        "{refused:?}"
    );
}
