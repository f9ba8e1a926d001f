//! WeChat's keys: downloaded, changed, both kinds at once, and asked for by whoever likes to.

use std::time::Duration;

use axum::http::HeaderValue;
use serde_json::json;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::providers::wechat::Wechat;
use tollgate_payment::providers::{
    OrderKey, PaymentProvider as _, ProviderError, ProviderVerdict, Warning, WebhookRefusal,
};

use super::gateway::{
    API_KEY, APP_ID, Answer, CERTIFICATES, Gateway, KEY_ID, MCH_ID, Seal, sealed,
};
use super::notices::{is_read, notice};

const FIRST: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const SECOND: &str = "00A7F09EFDC096DE15EBE81A47057A7232F1B8E2";

/// An order that is answered for under this key.
fn order(gateway: &Gateway, seal: &Seal) -> OrderKey {
    let id: PaymentId = Ids::new(gateway.clock.clone(), Entropy::seeded(7)).next();
    let order_no = OrderNo::of(id);
    let name = format!(
        "GET /v3/pay/transactions/out-trade-no/{}",
        order_no.as_str()
    );
    let body = json!({ "appid": APP_ID, "mchid": MCH_ID, "out_trade_no": order_no.as_str(), "trade_state": "NOTPAY" });
    gateway.answers(&name, Answer::new(200, &body.to_string(), seal));
    OrderKey {
        order_no,
        provider_order_id: None,
        created_at: gateway.clock.now(),
    }
}

async fn is_answered(gateway: &Gateway, wechat: &Wechat, seal: &Seal) -> bool {
    match wechat.verify_payment(&order(gateway, seal)).await {
        Ok(ProviderVerdict::Waiting) => true,
        Err(ProviderError::Unknown { .. }) => false,
        other => panic!("{other:?}"),
    }
}

fn downloads(gateway: &Gateway) -> usize {
    gateway.calls(CERTIFICATES).len()
}

#[tokio::test]
async fn the_first_download_is_opened_and_then_verified() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let (first, second) = (Seal::new(FIRST), Seal::new(SECOND));
    gateway.lists(&[&first, &second]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert_eq!(downloads(&gateway), 1);
    let call = &gateway.calls(CERTIFICATES)[0];
    assert!(gateway.is_signed(call));
    assert!(call.headers.get("wechatpay-serial").is_none());
    // Both, whichever size of letters and zeros in front.
    assert!(is_read(&wechat, &notice(&gateway, &second)).await);
    let small = Seal {
        serial: "a7f09efdc096de15ebe81a47057a7232f1b8e2".to_owned(),
        ..second.clone()
    };
    assert!(is_read(&wechat, &notice(&gateway, &small)).await);
    // Each with its own name only.
    let swapped = Seal {
        serial: FIRST.to_owned(),
        ..second
    };
    assert!(!is_read(&wechat, &notice(&gateway, &swapped)).await);
    assert_eq!(downloads(&gateway), 1);
}

#[tokio::test]
async fn inv_p3_a_download_that_does_not_verify_brings_no_key() {
    let (first, other) = (Seal::new(FIRST), Seal::new(SECOND));
    let list = |entries: serde_json::Value| json!({ "data": entries }).to_string();
    let good = list(json!([first.listed(2040, API_KEY)]));
    let wrong_key = "f".repeat(32);
    let mut named = first.listed(2040, API_KEY);
    named["serial_no"] = SECOND.into();
    for answer in [
        // Signed by nobody, by somebody whose certificate is not there, or as a probe.
        Answer {
            seal: None,
            ..Answer::new(200, &good, &first)
        },
        Answer::new(200, &good, &other),
        Answer::new(
            200,
            &good,
            &Seal {
                serial: FIRST.to_owned(),
                ..other.clone()
            },
        ),
        Answer {
            forged: vec![("wechatpay-signature", "WECHATPAY/SIGNTEST/x".to_owned())],
            ..Answer::new(200, &good, &first)
        },
        // Closed to our key; no certificate; under another serial; ended.
        Answer::new(200, &list(json!([first.listed(2040, &wrong_key)])), &first),
        Answer::new(
            200,
            &list(json!([{
                "serial_no": FIRST,
                "encrypt_certificate": sealed(b"no certificate", "certificate", API_KEY),
            }])),
            &first,
        ),
        Answer::new(200, &list(json!([named])), &first),
        Answer::new(200, &list(json!([first.listed(2026, API_KEY)])), &first),
        Answer::new(200, "{\"data\":null}", &first),
        Answer::new(200, "<html>", &first),
        Answer::new(500, &good, &first),
    ] {
        let (gateway, wechat) = Gateway::by_certificates().await;
        gateway.answers(CERTIFICATES, answer);
        assert!(!is_answered(&gateway, &wechat, &first).await);
        assert_eq!(downloads(&gateway), 1);
        // Nothing can be believed without it, so a notice is wanted again.
        let refusal = wechat.handle_webhook(&notice(&gateway, &first)).await;
        let refusal = refusal.expect_err("no key");
        assert!(matches!(refusal, WebhookRefusal::NotYet(_)), "{refusal:?}");
        // And it is tried again soon.
        gateway.lists(&[&first]);
        gateway.clock.advance(Duration::from_secs(29));
        assert!(!is_answered(&gateway, &wechat, &first).await);
        gateway.clock.advance(Duration::from_secs(1));
        assert!(is_answered(&gateway, &wechat, &first).await);
        assert_eq!(downloads(&gateway), 2);
    }
}

#[tokio::test]
async fn line_46_a_certificate_that_changes_in_the_middle_of_an_order() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let (first, second) = (Seal::new(FIRST), Seal::new(SECOND));
    gateway.lists(&[&first]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    let before = notice(&gateway, &first);
    gateway.clock.advance(Duration::from_mins(10));
    gateway.lists(&[&second]);
    // The notice names it, and so it is learned; what was signed before stays good.
    assert!(is_read(&wechat, &notice(&gateway, &second)).await);
    assert!(is_answered(&gateway, &wechat, &second).await);
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert_eq!(downloads(&gateway), 2);
    // The old notice is too old by now; sent again, it is signed anew.
    let stale = wechat.handle_webhook(&before).await;
    assert_eq!(stale.expect_err("stale"), WebhookRefusal::Stale);
    assert!(is_read(&wechat, &notice(&gateway, &first)).await);
}

#[tokio::test]
async fn line_46_a_flood_of_serials_makes_one_download_in_ten_minutes() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let first = Seal::new(FIRST);
    gateway.lists(&[&first]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    let wechat = std::sync::Arc::new(wechat);
    let chance = Entropy::seeded(9);
    for round in 2..5 {
        gateway.clock.advance(Duration::from_mins(10));
        let flood: Vec<_> = (0..200)
            .map(|_| {
                let mut raw = notice(&gateway, &first);
                let serial = hex::encode_upper(chance.bytes::<20>());
                let serial = HeaderValue::try_from(serial).expect("a value");
                raw.headers.insert("wechatpay-serial", serial);
                let wechat = wechat.clone();
                tokio::spawn(async move { wechat.handle_webhook(&raw).await })
            })
            .collect();
        for one in flood {
            let refusal = one.await.expect("no panic").expect_err("unknown");
            assert_eq!(refusal, WebhookRefusal::Forged);
        }
        assert_eq!(downloads(&gateway), round);
        // Those that are known are read all the while.
        assert!(is_read(&wechat, &notice(&gateway, &first)).await);
    }
    // What no certificate can be called leads to none at all.
    gateway.clock.advance(Duration::from_mins(10));
    for serial in ["PUB_KEY_ID_1", "x", &"A".repeat(41), "号"] {
        let mut raw = notice(&gateway, &first);
        let serial = HeaderValue::from_bytes(serial.as_bytes()).expect("a value");
        raw.headers.insert("wechatpay-serial", serial);
        let refusal = wechat.handle_webhook(&raw).await.expect_err("unknown");
        assert_eq!(refusal, WebhookRefusal::Forged);
    }
    assert_eq!(downloads(&gateway), 4);
}

#[tokio::test]
async fn certificates_are_fetched_again_after_twelve_hours() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let (first, second) = (Seal::new(FIRST), Seal::new(SECOND));
    gateway.lists(&[&first]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    gateway.lists(&[&first, &second]);
    gateway.clock.advance(Duration::from_mins(719));
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert_eq!(downloads(&gateway), 1);
    gateway.clock.advance(Duration::from_mins(1));
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert_eq!(downloads(&gateway), 2);
    // The next one is known before anything is signed with it.
    assert!(is_read(&wechat, &notice(&gateway, &second)).await);
    assert_eq!(downloads(&gateway), 2);
}

#[tokio::test]
async fn line_46_both_kinds_of_keys_are_believed_at_the_same_time() {
    let (gateway, wechat, public) = Gateway::by_key().await;
    let first = Seal::new(FIRST);
    gateway.lists(&[&first]);
    assert!(is_answered(&gateway, &wechat, &public).await);
    assert!(is_read(&wechat, &notice(&gateway, &public)).await);
    // As long as nothing names a certificate, nobody asks for one.
    gateway.clock.advance(Duration::from_hours(24));
    assert!(is_answered(&gateway, &wechat, &public).await);
    assert_eq!(downloads(&gateway), 0);
    // WeChat moves notices over one by one, to the public key and back.
    assert!(is_read(&wechat, &notice(&gateway, &first)).await);
    assert!(is_answered(&gateway, &wechat, &public).await);
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert!(is_read(&wechat, &notice(&gateway, &public)).await);
    assert_eq!(downloads(&gateway), 1);
    // Neither key under the other's name.
    for (serial, seal) in [(KEY_ID, &first), (FIRST, &public)] {
        let swapped = Seal {
            serial: serial.to_owned(),
            ..seal.clone()
        };
        assert!(!is_read(&wechat, &notice(&gateway, &swapped)).await);
        assert!(!is_answered(&gateway, &wechat, &swapped).await);
    }
}

#[tokio::test]
async fn line_46_a_merchant_with_a_public_key_may_have_no_certificates() {
    let (gateway, wechat, public) = Gateway::by_key().await;
    let body = json!({ "code": "RESOURCE_NOT_EXISTS", "message": "m" }).to_string();
    gateway.answers(CERTIFICATES, Answer::new(404, &body, &public));
    for _ in 0..3 {
        let raw = notice(&gateway, &Seal::new(FIRST));
        let refusal = wechat.handle_webhook(&raw);
        assert_eq!(refusal.await.expect_err("unknown"), WebhookRefusal::Forged);
    }
    assert_eq!(downloads(&gateway), 1);
    gateway.clock.advance(Duration::from_hours(13));
    assert!(is_answered(&gateway, &wechat, &public).await);
    assert_eq!(downloads(&gateway), 1);
}

#[tokio::test]
async fn ends_of_certificates_are_told_in_time() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let (first, second) = (Seal::new(FIRST), Seal::new(SECOND));
    let told = || -> Vec<&'static str> {
        let warnings = wechat.warnings(gateway.clock.now());
        let named = warnings.into_iter().map(|warning| match warning {
            Warning::Expires { variable, .. } => variable,
            other => panic!("{other:?}"),
        });
        named.collect()
    };
    let list = |seals: &[(&Seal, i32)]| {
        let data: Vec<_> = seals
            .iter()
            .map(|(seal, last)| seal.listed(*last, API_KEY))
            .collect();
        let body = json!({ "data": data }).to_string();
        gateway.answers(CERTIFICATES, Answer::new(200, &body, &first));
    };
    list(&[(&first, 2027)]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert!(told().is_empty());
    // In the middle of December 2027.
    gateway.clock.advance(Duration::from_hours(24 * 335));
    assert_eq!(told(), ["WeChat Pay's platform certificate"]);
    // WeChat lists the next one: nothing to do any more.
    list(&[(&first, 2027), (&second, 2032)]);
    assert!(is_answered(&gateway, &wechat, &first).await);
    assert!(told().is_empty());
    // Ended: no longer believed, whoever names it.
    gateway.clock.advance(Duration::from_hours(24 * 20));
    assert!(!is_read(&wechat, &notice(&gateway, &first)).await);
    assert!(is_read(&wechat, &notice(&gateway, &second)).await);
    // The merchant's own, in December 2030.
    gateway
        .clock
        .advance(Duration::from_hours(24 * 365 * 3 - 24 * 5));
    assert_eq!(told(), ["WECHAT_CERT_PATH"]);
}

#[tokio::test]
async fn line_46_whoever_hangs_up_does_not_stop_the_download() {
    let (gateway, wechat) = Gateway::by_certificates().await;
    let first = Seal::new(FIRST);
    gateway.lists(&[&first]);
    let held = gateway.hold().await;
    let (raw, theirs) = (notice(&gateway, &first), wechat.clone());
    let caller = tokio::spawn(async move { theirs.handle_webhook(&raw).await });
    while downloads(&gateway) == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.expect_err("gone").is_cancelled());
    drop(held);
    // It waits for the download that goes on; another one is not due yet.
    assert!(is_read(&wechat, &notice(&gateway, &first)).await);
    assert_eq!(downloads(&gateway), 1);
}
