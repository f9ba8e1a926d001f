use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::providers::keys::Verifier;

fn vectors() -> (Value, Verifier) {
    let vectors = serde_json::from_str(include_str!("../../../../tests/vectors/alipay.json"))
        .expect("vectors");
    let key: Value = serde_json::from_str(include_str!("../../../../tests/vectors/rsa_key.json"))
        .expect("vectors");
    let verifier =
        Verifier::load(key["rsa_public_spki_base64"].as_str().expect("a text")).expect("a key");
    (vectors, verifier)
}

#[test]
fn an_answer_is_checked_on_its_raw_slice() {
    let (vectors, verifier) = vectors();
    let body = vectors["alipay_response"]["body"].as_str().expect("a text");
    let slice = vectors["alipay_response"]["signed_substring"]
        .as_str()
        .expect("a text");
    let answer = open("alipay.trade.precreate", body.as_bytes(), &verifier).expect("genuine");
    assert_eq!(answer.0.get(), slice);
    let created: Precreated = answer.succeeded().expect("created");
    assert_eq!(created.qr_code, "https://qr.alipay.com/bax1");

    for changed in [
        body.replace("bax1", "bax2"),
        body.replace("\\/", "/"),
        body.replace("\"sign\":\"Y", "\"sign\":\"Z"),
        body.replace("\"sign\":", "\"signed\":"),
        body.replace("_precreate_", "_query_"),
        body.replacen('{', "{\"alipay_trade_precreate_response\":{},", 1),
        body[..body.len() - 1].to_owned(),
        String::new(),
        "<html>".to_owned(),
    ] {
        assert!(
            open("alipay.trade.precreate", changed.as_bytes(), &verifier).is_err(),
            "{changed}"
        );
    }
}

#[test]
fn yuan_are_compared_as_numbers() {
    for (text, minor) in [
        ("9.9", 990),
        ("9.90", 990),
        ("9.900", 990),
        ("9", 900),
        ("0.01", 1),
        ("100000000", 10_000_000_000),
    ] {
        assert_eq!(yuan(text).map(Money::minor), Ok(minor), "{text}");
    }
    for text in [
        "", "9.", ".9", "9.901", "-9.90", "+9.90", "9e1", " 9.90", "9,90", "９.90", "09.90", "NaN",
    ] {
        assert!(yuan(text).is_err(), "{text:?}");
    }
}

#[test]
fn times_are_those_of_beijing() {
    let at = Timestamp::from_seconds(1_767_323_045).expect("a moment");
    assert_eq!(beijing(at), "2026-01-02 11:04:05");
    assert_eq!(from_beijing("2026-01-02 11:04:05"), Some(at));
    assert_eq!(from_beijing("2026-01-02T11:04:05"), None);
}

#[test]
fn a_subject_cannot_break_the_signed_text() {
    assert_eq!(subject("a/b=c&d\ne"), "a b c d e");
    assert_eq!(subject(&"专".repeat(300)).chars().count(), 64);
}

#[test]
fn only_a_certificate_that_is_offered_in_base64_is_taken_out() {
    const METHOD: &str = "alipay.open.app.alipaycert.download";
    let body =
        |content: &str| format!("{{\"alipay_open_app_alipaycert_download_response\":{content}}}");
    let offered = |body: &str| offered_certificate(METHOD, body.as_bytes());
    let good = body(r#"{"code":"10000","alipay_cert_content":"cGVt"}"#);
    assert_eq!(offered(&good), Some(b"pem".to_vec()));
    for bad in [
        body(r#"{"code":"40004"}"#),
        body(r#"{"alipay_cert_content":"c"}"#),
        body(r#"{"alipay_cert_content":7}"#),
        body("[]"),
        good.replacen(
            '{',
            r#"{"alipay_open_app_alipaycert_download_response":{},"#,
            1,
        ),
        "[]".to_owned(),
        String::new(),
    ] {
        assert_eq!(offered(&bad), None, "{bad}");
    }
}

#[test]
fn whatever_no_rule_names_is_unknown_or_refused_and_never_done() {
    let tried = |text: &str| {
        let answer = Answer(serde_json::from_str(text).expect("JSON"));
        match answer.tried::<Precreated>() {
            Ok(Tried::Done(_)) => "done",
            Ok(Tried::Failed(failure)) if failure.unknown => "unknown",
            Ok(Tried::Failed(_)) => "refused",
            Err(ProviderError::Unknown { .. }) => "unknown",
            Err(ProviderError::Refused { .. }) => "refused",
        }
    };
    for (text, outcome) in [
        (
            r#"{"code":"10000","out_trade_no":"1","qr_code":"q","brand_new":{}}"#,
            "done",
        ),
        (r#"{"code":"10000","out_trade_no":"1"}"#, "unknown"),
        (
            r#"{"code":"10000","out_trade_no":1,"qr_code":"q"}"#,
            "unknown",
        ),
        (
            r#"{"code":10000,"out_trade_no":"1","qr_code":"q"}"#,
            "unknown",
        ),
        (r#"{"out_trade_no":"1","qr_code":"q"}"#, "unknown"),
        (r#"{"code":"10003"}"#, "unknown"),
        (
            r#"{"code":"20000","sub_code":"isp.unknow-error"}"#,
            "unknown",
        ),
        (
            r#"{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}"#,
            "unknown",
        ),
        (
            r#"{"code":"40004","sub_code":"AQC.SYSTEM_ERROR"}"#,
            "unknown",
        ),
        (
            r#"{"code":"40004","sub_code":"ACQ.TRADE_HAS_SUCCESS"}"#,
            "unknown",
        ),
        (
            r#"{"code":"40004","sub_code":"ACQ.INVALID_PARAMETER"}"#,
            "refused",
        ),
        (
            r#"{"code":"40006","sub_code":"isv.insufficient-isv-permissions"}"#,
            "refused",
        ),
        ("[]", "unknown"),
        ("7", "unknown"),
    ] {
        assert_eq!(tried(text), outcome, "{text}");
    }
}

proptest! {
    #[test]
    fn inv_s1_any_bytes_are_no_answer_and_nothing_breaks(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let (_, verifier) = vectors();
        prop_assert!(open("alipay.trade.query", &body, &verifier).is_err());
        let _ = (certificate_number(&body), offered_certificate("alipay.trade.query", &body));
    }

    /// Close to a genuine answer: one stretch of it overwritten.
    #[test]
    fn inv_s1_a_damaged_answer_is_not_believed(at in 0_usize..800, stretch in prop::collection::vec(any::<u8>(), 1..20)) {
        let (vectors, verifier) = vectors();
        let genuine = vectors["alipay_response"]["body"].as_str().expect("a text");
        let mut body = genuine.as_bytes().to_vec();
        let at = at % body.len();
        let end = (at + stretch.len()).min(body.len());
        body.splice(at..end, stretch);
        let slice = vectors["alipay_response"]["signed_substring"].as_str().expect("a text");
        if let Ok(answer) = open("alipay.trade.precreate", &body, &verifier) {
            // What still verifies says the same.
            prop_assert_eq!(answer.0.get(), slice);
        }
        let _ = (certificate_number(&body), offered_certificate("alipay.trade.precreate", &body));
    }
}
