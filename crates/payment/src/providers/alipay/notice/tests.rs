mod lines;

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::providers::keys::{Signer, Verifier};

fn key() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/rsa_key.json")).expect("vectors")
}

fn verifier() -> Verifier {
    Verifier::load(key()["rsa_public_spki_base64"].as_str().expect("a text")).expect("a key")
}

fn genuine() -> String {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/alipay.json"))
            .expect("vectors");
    vectors["alipay_notify"]["form_body"]
        .as_str()
        .expect("a text")
        .to_owned()
}

fn read(body: &str) -> Result<VerifiedEvent, WebhookRefusal> {
    let fields = verified(body.as_bytes(), &verifier())?;
    event(&fields, "2021000000000001", "2088000000000001", |seller| {
        MerchantAccount {
            app_id: "2021000000000001".to_owned(),
            merchant_id: seller.unwrap_or_default().to_owned(),
        }
    })
}

/// As the most kits do: empty values stay in the signed text.
fn signed(fields: &[(&str, &str)], charset: &'static Encoding) -> Vec<u8> {
    signed_so(fields, charset, true)
}

/// Signs as Alipay does, in the charset the notice names.
fn signed_so(fields: &[(&str, &str)], charset: &'static Encoding, keep_empty: bool) -> Vec<u8> {
    let signer = Signer::load(
        &key()["rsa_private_pkcs8_base64"]
            .as_str()
            .expect("a text")
            .to_owned()
            .into(),
    )
    .expect("a key");
    let owned: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let text = sign::notice_text(&owned, keep_empty);
    let signature = signer.sign(&charset.encode(&text).0);
    let mut all = fields.to_vec();
    all.extend([("sign_type", "RSA2"), ("sign", signature.as_str())]);
    encoded(&all, charset)
}

fn encoded(fields: &[(&str, &str)], charset: &'static Encoding) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        let bytes = charset.encode(value).0;
        let encoded: String = form_urlencoded::byte_serialize(&bytes).collect();
        write!(body, "{name}={encoded}&").expect("a String grows");
    }
    body.trim_end_matches('&').as_bytes().to_vec()
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).expect("text")
}

/// `PAID`, with one field in place of the one of its name, or beside them.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = PAID.to_vec();
    fields.retain(|(known, _)| *known != name);
    fields.push((name, value));
    fields
}

const PAID: [(&str, &str); 7] = [
    ("app_id", "2021000000000001"),
    ("seller_id", "2088000000000001"),
    ("notify_id", "n1"),
    ("out_trade_no", "0198c0de0198c0de0198c0de0198c0de"),
    ("trade_no", "2026010222001000000000000001"),
    ("total_amount", "9.9"),
    ("trade_status", "TRADE_SUCCESS"),
];

#[test]
fn the_official_kits_notice_verifies() {
    let event = read(&genuine()).expect("genuine");
    assert_eq!(event.key(), "2026010200222030405000000000000001");
    let EventContent::Paid(money) = event.content() else {
        panic!("{event:?}")
    };
    assert_eq!(money.amount().to_string(), "9.90");
    assert_eq!(
        money.provider_transaction_id(),
        "2026010222001000000000000001"
    );
}

#[test]
fn inv_p3_what_was_changed_is_forged() {
    let body = genuine();
    for changed in [
        body.replace("total_amount=9.90", "total_amount=0.01"),
        body.replace("TRADE_SUCCESS", "TRADE_FINISHED"),
        body.replace("sign_type=RSA2", "sign_type=RSA"),
        body.replace("&sign=b6f", "&sign=a6f"),
        format!("{body}&extra=1"),
        body.split("&sign=").next().expect("a part").to_owned(),
        body.replace("&sign=", "&signature="),
    ] {
        assert_eq!(
            read(&changed).expect_err("forged"),
            WebhookRefusal::Forged,
            "{changed}"
        );
    }
    assert_eq!(
        read(&format!("{body}&app_id=1")).expect_err("twice"),
        WebhookRefusal::Unreadable
    );
    assert_eq!(
        read("%zz=1").expect_err("no text"),
        WebhookRefusal::Unreadable
    );
}

#[test]
fn inv_p2_another_application_or_seller_is_foreign() {
    for (name, value) in [
        ("app_id", "2021000000000002"),
        ("seller_id", "2088000000000002"),
    ] {
        let fields = PAID.map(|(known, old)| {
            if known == name {
                (known, value)
            } else {
                (known, old)
            }
        });
        let body = signed(&fields, UTF_8);
        assert_eq!(
            read(std::str::from_utf8(&body).expect("text")).expect_err("foreign"),
            WebhookRefusal::Foreign
        );
    }
}

#[test]
fn a_refund_notice_never_grants() {
    for field in [
        ("refund_fee", "1.00"),
        ("gmt_refund", "2026-01-02 03:04:05.123"),
        ("out_biz_no", "r1"),
    ] {
        let mut fields = PAID.to_vec();
        fields.push(field);
        let body = signed(&fields, UTF_8);
        let event = read(std::str::from_utf8(&body).expect("text")).expect("genuine");
        assert!(
            matches!(event.content(), EventContent::Refunded { .. }),
            "{event:?}"
        );
    }
}

#[test]
fn gbk_and_unknown_and_empty_fields_are_part_of_the_signed_text() {
    let mut fields = PAID.to_vec();
    fields.extend([
        ("charset", "GBK"),
        ("subject", "专业版"),
        ("brand_new", "x"),
        ("empty", ""),
    ]);
    let body = signed(&fields, encoding_rs::GBK);
    let fields = verified(&body, &verifier()).expect("genuine");
    assert_eq!(fields.get("subject"), Some("专业版"));
    assert_eq!(fields.get("empty"), None);
}

#[test]
fn inv_p3_what_the_browser_brings_back_is_signed_and_is_no_money() {
    // The buyer sees the signed return, and may send it wherever he likes.
    let returned = [
        ("app_id", PAID[0].1),
        ("auth_app_id", PAID[0].1),
        ("charset", "utf-8"),
        ("method", "alipay.trade.page.pay.return"),
        ("out_trade_no", PAID[3].1),
        ("seller_id", PAID[1].1),
        ("timestamp", "2026-01-02 03:04:05"),
        ("total_amount", "9.90"),
        ("trade_no", PAID[4].1),
        ("version", "1.0"),
    ];
    let event = read(&text(signed(&returned, UTF_8))).expect("genuine");
    assert!(
        matches!(event.content(), EventContent::Notice("other")),
        "{event:?}"
    );
}

#[test]
fn inv_p3_a_field_cannot_be_hidden_in_the_value_before_it() {
    let mut fields = PAID.to_vec();
    fields.extend([("point_amount", "0.00"), ("refund_fee", "9.90")]);
    let body = text(signed(&fields, UTF_8));
    let event = read(&body).expect("genuine");
    assert!(matches!(event.content(), EventContent::Refunded { .. }));
    // The signed text is the same to the byte.
    let hidden = body
        .replace("&refund_fee=9.90", "")
        .replace("point_amount=0.00", "point_amount=0.00%26refund_fee%3D9.90");
    assert_eq!(read(&hidden).expect_err("hidden"), WebhookRefusal::Forged);
    // The same, hidden in a name; and a number that takes its neighbour in.
    let hidden = body.replace("&refund_fee=", "&x%3D1%26refund_fee=");
    let named = body.replace(
        "&point_amount=0.00&refund_fee=",
        "&point_amount%3D0.00%26refund_fee=",
    );
    for changed in [hidden, named] {
        assert_eq!(read(&changed).expect_err("hidden"), WebhookRefusal::Forged);
    }
    let plain = text(signed(&with("notify_time", "1"), UTF_8));
    let taken = plain
        .replace("&notify_time=1", "")
        .replace("notify_id=", "notify_id=x%26y=");
    assert_eq!(read(&taken).expect_err("taken in"), WebhookRefusal::Forged);
    for order_no in ["a&b=c", "1&point_amount=0.00"] {
        let body = text(signed(&with("out_trade_no", order_no), UTF_8));
        assert_eq!(read(&body).expect_err(order_no), WebhookRefusal::Forged);
    }
    // Signs in a value that hide nothing stay what they are.
    let body = text(signed(&with("subject", "a&b=c & refund_fee=1"), UTF_8));
    assert!(read(&body).is_ok());
}

/// Empty fields are left out of one of the two texts, so anybody can add some.
#[test]
fn inv_p1_empty_fields_make_no_other_event_of_it() {
    let without_id: Vec<_> = PAID
        .iter()
        .copied()
        .filter(|(name, _)| *name != "notify_id")
        .collect();
    let body = text(signed(&without_id, UTF_8));
    let first = read(&body).expect("genuine");
    for more in ["&zzz=", "&a=&b=&c="] {
        let again = read(&format!("{body}{more}")).expect("genuine");
        assert_eq!(first.key(), again.key(), "{more}");
    }
    for more in ["&%26=", "&a%20b=", "&=", "&%E4%B8%93="] {
        let refused = read(&format!("{body}{more}")).expect_err(more);
        assert_eq!(refused, WebhookRefusal::Forged);
    }
}

proptest! {
    #[test]
    fn inv_s1_any_bytes_are_refused_and_nothing_breaks(body in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(verified(&body, &verifier()).is_err());
    }

    #[test]
    fn inv_s1_any_form_is_refused_and_nothing_breaks(body in "([a-z_]{1,8}=[a-zA-Z0-9%+]{0,8}&?){0,20}") {
        prop_assert!(verified(body.as_bytes(), &verifier()).is_err());
    }
}
