//! Against the vectors of the official kits, and against what is almost like them.

mod any;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;

use super::aead::{Api3Key, OpenError, Sealed};
use super::notice;
use super::seal::{Distrust, Seal};
use super::sign::{self, Merchant};
use super::trust::{PublicKey, Trust};
use crate::providers::keys::{Signer, Verifier};
use crate::providers::{EventContent, WebhookRefusal};

const MCH_ID: &str = "1900000001";
const APP_ID: &str = "wx0000000000000001";
const KEY_ID: &str = "PUB_KEY_ID_0119000000012026010200000000000001";
const SIGNED_AT: i64 = 1_767_323_045;

fn read(text: &str, pointer: &str) -> String {
    let vectors: Value = serde_json::from_str(text).expect("vectors");
    let text = vectors.pointer(pointer).and_then(Value::as_str);
    text.expect("a text").to_owned()
}

fn vector(pointer: &str) -> String {
    read(include_str!("../../../tests/vectors/wechat.json"), pointer)
}

fn key(name: &str) -> String {
    read(include_str!("../../../tests/vectors/rsa_key.json"), name)
}

fn signer() -> Signer {
    Signer::load(&key("/rsa_private_pkcs8_base64").into()).expect("a key")
}

fn api_key() -> Api3Key {
    Api3Key::new(&vector("/wechat_notify/apiv3_key").into()).expect("a key")
}

fn now() -> Timestamp {
    Timestamp::from_seconds(SIGNED_AT).expect("a moment")
}

fn trust() -> Trust {
    let key = Verifier::load(&key("/rsa_public_spki_base64")).expect("a key");
    let id = KEY_ID.to_owned();
    Trust::new(Some(PublicKey { id, key }))
}

fn headers(of: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Wechatpay-Serial", HeaderValue::from_static(KEY_ID));
    for name in [
        "Wechatpay-Timestamp",
        "Wechatpay-Nonce",
        "Wechatpay-Signature",
    ] {
        let value = vector(&format!("/{of}/{name}"));
        headers.insert(name, value.parse().expect("a value"));
    }
    headers
}

fn checked(headers: &HeaderMap, body: &[u8], at: Timestamp) -> Result<(), Distrust> {
    trust().check(&Seal::read(headers, at)?, body, at)
}

#[test]
fn requests_are_signed_as_the_official_kits_do() {
    for name in ["wechat_request_post", "wechat_request_get"] {
        let word = |part: &str| vector(&format!("/{name}/{part}"));
        let merchant = Merchant {
            mch_id: MCH_ID.to_owned(),
            serial: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1".to_owned(),
            signer: signer(),
        };
        let (method, target, body) = (word("method"), word("url"), word("body"));
        let timestamp = SIGNED_AT.to_string();
        let nonce = vector("/wechat_request_post/nonce_str");
        let made = merchant.authorization(&method, &target, &timestamp, &nonce, &body);
        assert_eq!(made, word("authorization"));
    }
}

#[test]
fn bridge_and_kit_are_signed_as_the_official_kits_do() {
    let word = |part: &str| vector(&format!("/wechat_jsapi_paySign/{part}"));
    let parts = ["appId", "timeStamp", "nonceStr", "package"].map(word);
    let text = sign::lines(&parts.each_ref().map(String::as_str));
    assert_eq!(signer().sign(text.as_bytes()), word("paySign"));
    let word = |part: &str| vector(&format!("/wechat_app_sign/{part}"));
    let parts = ["appid", "timestamp", "noncestr", "prepayid"].map(word);
    let text = sign::lines(&parts.each_ref().map(String::as_str));
    assert_eq!(signer().sign(text.as_bytes()), word("sign"));
}

#[test]
fn a_notice_and_an_empty_answer_of_the_official_kits_verify() {
    let body = vector("/wechat_notify/body");
    assert_eq!(
        checked(&headers("wechat_notify"), body.as_bytes(), now()),
        Ok(())
    );
    assert_eq!(checked(&headers("wechat_empty_answer"), b"", now()), Ok(()));
    let event = notice::event(body.as_bytes(), &api_key(), MCH_ID, APP_ID).expect("an event");
    assert_eq!(event.key(), "EV-1");
    let EventContent::Paid(paid) = event.content() else {
        panic!("{event:?}")
    };
    assert_eq!(paid.order_no(), "0f5c0e6c2b7d4e0a9a5d5d0d4f1a2b3c");
    assert_eq!(
        paid.provider_transaction_id(),
        "4200000000202601020000000001"
    );
    assert_eq!(paid.amount().minor(), 990);
    assert_eq!(paid.account().merchant_id, MCH_ID);
}

#[test]
fn inv_p3_a_changed_byte_header_or_serial_is_not_believed() {
    let body = vector("/wechat_notify/body");
    let good = headers("wechat_notify");
    for index in (0..body.len()).step_by(37) {
        let mut other = body.clone().into_bytes();
        other[index] ^= 1;
        assert_eq!(checked(&good, &other, now()), Err(Distrust::Forged));
    }
    // Written anew, with the same meaning.
    let value: Value = serde_json::from_str(&body).expect("JSON");
    let again = serde_json::to_vec_pretty(&value).expect("JSON");
    assert_eq!(checked(&good, &again, now()), Err(Distrust::Forged));
    for name in ["serial", "timestamp", "nonce", "signature"] {
        let name = format!("wechatpay-{name}");
        let name = axum::http::HeaderName::try_from(name).expect("a name");
        let mut without = good.clone();
        let value = without.remove(&name).expect("a value");
        assert_eq!(
            checked(&without, body.as_bytes(), now()),
            Err(Distrust::Unsigned)
        );
        without.insert(&name, HeaderValue::from_static(""));
        assert_eq!(
            checked(&without, body.as_bytes(), now()),
            Err(Distrust::Unsigned)
        );
        let mut twice = good.clone();
        twice.append(&name, value);
        assert_eq!(
            checked(&twice, body.as_bytes(), now()),
            Err(Distrust::Unsigned)
        );
    }
    for serial in [
        "PUB_KEY_ID_other",
        "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
    ] {
        let mut other = good.clone();
        other.insert("wechatpay-serial", HeaderValue::from_static(serial));
        // Never is one key tried for another.
        assert_eq!(
            checked(&other, body.as_bytes(), now()),
            Err(Distrust::Serial)
        );
    }
}

#[test]
fn line_46_the_window_is_five_minutes_in_both_directions() {
    let body = vector("/wechat_notify/body");
    let good = headers("wechat_notify");
    for (seconds, believed) in [
        (-300, true),
        (-240, true),
        (240, true),
        (300, true),
        (-301, false),
        (301, false),
        (-360, false),
        (360, false),
    ] {
        let at = Timestamp::from_seconds(SIGNED_AT + seconds).expect("a moment");
        let checked = checked(&good, body.as_bytes(), at);
        assert_eq!(checked.is_ok(), believed, "{seconds}");
        if let Err(distrust) = checked {
            assert!(distrust.to_string().contains("clock"), "{distrust}");
            assert_eq!(WebhookRefusal::from(distrust), WebhookRefusal::Stale);
        }
    }
    for timestamp in [
        "",
        "x",
        "+1767323045",
        "-1",
        "1767323045.0",
        "99999999999999999999",
    ] {
        let mut other = good.clone();
        other.insert("wechatpay-timestamp", HeaderValue::from_static(timestamp));
        assert_eq!(
            checked(&other, body.as_bytes(), now()),
            Err(Distrust::Unsigned)
        );
    }
}

#[test]
fn line_46_a_probe_is_told_and_not_believed() {
    let mut probe = headers("wechat_notify");
    for rest in ["", "not base64 at all", "Q15xdMdVEmENYuwY96g9Fg=="] {
        let signature = format!("WECHATPAY/SIGNTEST/{rest}");
        probe.insert("wechatpay-signature", signature.parse().expect("a value"));
        let body = vector("/wechat_notify/body");
        let distrust = checked(&probe, body.as_bytes(), now()).expect_err("a probe");
        assert_eq!(WebhookRefusal::from(distrust), WebhookRefusal::Probe);
    }
}

/// Encrypted as WeChat would, with a nonce of any length.
fn sealed(plain: &[u8], beside: Option<&str>) -> Value {
    let key = vector("/wechat_notify/apiv3_key");
    let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("a key");
    let nonce = Nonce::try_assume_unique_for_key(b"fdasflkja484").expect("a nonce");
    let mut bytes = plain.to_vec();
    let aad = Aad::from(beside.unwrap_or_default());
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aad, &mut bytes)
        .expect("encrypts");
    json!({
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": "fdasflkja484",
        "associated_data": beside,
        "ciphertext": BASE64_STANDARD.encode(bytes),
    })
}

fn opened(sealed: &Value) -> Result<Vec<u8>, OpenError> {
    let sealed: Sealed = serde_json::from_value(sealed.clone()).expect("a resource");
    api_key().open(&sealed)
}

#[test]
fn associated_data_may_be_empty_null_or_missing() {
    let mut none = sealed(b"text", None);
    assert_eq!(opened(&none), Ok(b"text".to_vec()));
    none["associated_data"] = "".into();
    assert_eq!(opened(&none), Ok(b"text".to_vec()));
    none.as_object_mut()
        .expect("an object")
        .remove("associated_data");
    assert_eq!(opened(&none), Ok(b"text".to_vec()));
    assert_eq!(opened(&sealed(b"", Some("x"))), Ok(Vec::new()));
}

#[test]
fn line_46_what_does_not_open_is_refused_and_breaks_nothing() {
    let good = sealed(b"{}", Some("transaction"));
    let with = |name: &str, value: Value| {
        let mut other = good.clone();
        other[name] = value;
        other
    };
    for nonce in ["", "fdasflkja48", "fdasflkja4844", "号", "\0"] {
        let other = with("nonce", nonce.into());
        assert_eq!(opened(&other), Err(OpenError::Closed), "{nonce:?}");
    }
    for ciphertext in ["", "AA==", "AAAAAAAAAAAAAAAAAAAA", "not base64", "===="] {
        let other = with("ciphertext", ciphertext.into());
        assert_eq!(opened(&other), Err(OpenError::Closed), "{ciphertext:?}");
    }
    assert_eq!(
        opened(&with("associated_data", "other".into())),
        Err(OpenError::Closed)
    );
    assert_eq!(
        opened(&with("algorithm", "AEAD_AES_128_GCM".into())),
        Err(OpenError::Algorithm)
    );
    let wrong = Api3Key::new(&"0".repeat(32).into()).expect("a key");
    let resource: Sealed = serde_json::from_value(good).expect("a resource");
    assert_eq!(wrong.open(&resource), Err(OpenError::Closed));
}

fn said(kind: &str, plain: &Value) -> Result<EventContent, WebhookRefusal> {
    let resource = sealed(plain.to_string().as_bytes(), Some("x"));
    let body = json!({ "id": "EV-2", "event_type": kind, "resource": resource });
    let event = notice::event(body.to_string().as_bytes(), &api_key(), MCH_ID, APP_ID);
    event.map(|event| event.content().clone())
}

fn plain() -> Value {
    serde_json::from_str(&vector("/wechat_notify/plaintext")).expect("JSON")
}

#[test]
fn inv_p2_a_notice_for_somebody_else_is_foreign() {
    for (name, value) in [("mchid", "1900000002"), ("appid", "wx0000000000000002")] {
        let mut other = plain();
        other[name] = value.into();
        let refusal = said("TRANSACTION.SUCCESS", &other).expect_err("foreign");
        assert_eq!(refusal, WebhookRefusal::Foreign);
    }
    let refund = json!({ "mchid": "1900000002", "out_trade_no": "a", "out_refund_no": "b" });
    let refusal = said("REFUND.SUCCESS", &refund).expect_err("foreign");
    assert_eq!(refusal, WebhookRefusal::Foreign);
}

#[test]
fn line_46_a_notice_says_what_it_says_and_no_more() {
    let paid = |other: &Value| said("TRANSACTION.SUCCESS", other);
    // A coupon of WeChat's: the price stays ours.
    let mut coupon = plain();
    coupon["amount"]["payer_total"] = 1.into();
    let content = paid(&coupon).expect("paid");
    assert!(matches!(content, EventContent::Paid(paid) if paid.amount().minor() == 990));
    for state in ["NOTPAY", "CLOSED", "PAYERROR", "REFUND", "success", "NEW"] {
        let mut other = plain();
        other["trade_state"] = state.into();
        assert!(
            matches!(paid(&other), Ok(EventContent::Notice(_))),
            "{state}"
        );
    }
    for (pointer, value) in [
        ("/amount/total", json!("990")),
        ("/amount/total", json!(0)),
        ("/amount/total", json!(-990)),
        ("/amount/total", json!(9.9)),
        ("/amount/total", json!(null)),
        ("/amount/currency", json!("cny")),
        ("/amount", json!(null)),
        ("/transaction_id", json!(null)),
        ("/transaction_id", json!("a\u{0}")),
        ("/out_trade_no", json!("")),
        ("/mchid", json!(1_900_000_001)),
    ] {
        let mut other = plain();
        *other.pointer_mut(pointer).expect("a member") = value;
        let refusal = paid(&other).expect_err("unreadable");
        assert_eq!(refusal, WebhookRefusal::Unreadable, "{pointer}");
    }
    let refund =
        json!({ "mchid": MCH_ID, "out_trade_no": "a", "out_refund_no": "b", "refund_status": "?" });
    for kind in ["REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"] {
        let content = said(kind, &refund).expect("a refund");
        let EventContent::Refunded {
            order_no,
            refund_no,
            ..
        } = content
        else {
            panic!("{content:?}")
        };
        assert_eq!((order_no.as_str(), refund_no.as_deref()), ("a", Some("b")));
    }
    for kind in ["", "TRANSACTION.FAIL", "PAYSCORE.USER_PAID"] {
        assert!(matches!(said(kind, &plain()), Ok(EventContent::Notice(_))));
    }
    // No resource, no id, and another key than ours.
    for (body, refusal) in [
        (
            json!({ "id": "EV", "event_type": "TRANSACTION.SUCCESS" }),
            WebhookRefusal::Forged,
        ),
        (
            json!({ "event_type": "TRANSACTION.SUCCESS", "resource": sealed(b"{}", None) }),
            WebhookRefusal::Unreadable,
        ),
        (
            json!({ "id": "E\u{0}V", "event_type": "x" }),
            WebhookRefusal::Unreadable,
        ),
    ] {
        let event = notice::event(body.to_string().as_bytes(), &api_key(), MCH_ID, APP_ID);
        assert_eq!(event.expect_err("refused"), refusal);
    }
    let wrong = Api3Key::new(&"0".repeat(32).into()).expect("a key");
    let event = notice::event(
        vector("/wechat_notify/body").as_bytes(),
        &wrong,
        MCH_ID,
        APP_ID,
    );
    assert_eq!(event.expect_err("closed"), WebhookRefusal::Forged);
}
