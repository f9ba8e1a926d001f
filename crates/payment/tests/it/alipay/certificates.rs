//! Certificate mode: how both sides are recognised, and what happens when Alipay changes its own.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use form_urlencoded::Serializer;
use serde_json::json;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::providers::alipay::{Alipay, AlipayKeys, CertificateFiles};
use tollgate_payment::providers::{
    OrderKey, PaymentProvider as _, ProviderError, ProviderVerdict, RawWebhook, Warning,
    WebhookRefusal,
};

use super::gateway::{APP_ID, Gateway, SELLER, clock, files, sign, signed, vector_key, word};

const QUERY: &str = "alipay.trade.query";
const DOWNLOAD: &str = "alipay.open.app.alipaycert.download";
/// The number of the vectors' next certificate, as another program worked it out.
const NEXT: &str = "268100971583d20a32cf7ede04be5a93";
const APP_NUMBER: &str = "2d92e4ea600a9b10891d75a302dfa51c";
const ROOT_NUMBER: &str = "22ff899818f4654a8163948e453d7ee3";

fn order() -> OrderKey {
    OrderKey {
        order_no: order_no(),
        provider_order_id: None,
        created_at: clock().now(),
    }
}

fn order_no() -> OrderNo {
    let id: PaymentId = Ids::new(clock(), Entropy::seeded(7)).next();
    OrderNo::of(id)
}

/// A gateway whose certificate is the next one, and a client that has the one before.
async fn changed(clock: &Clock) -> (Gateway, Alipay) {
    let gateway = Gateway::open(vector_key()).await;
    let alipay = gateway
        .client(files("/alipay_pem"), clock)
        .expect("good settings");
    answers(&gateway, NEXT);
    (gateway, alipay)
}

/// An order that waits, under a signature by the certificate of this number.
fn answers(gateway: &Gateway, number: &str) {
    let waiting = json!({ "code": "10000", "msg": "Success", "out_trade_no": order_no().as_str(),
        "trade_no": "1", "trade_status": "WAIT_BUYER_PAY", "total_amount": "99.00" });
    gateway.forget(QUERY);
    gateway.will_answer(
        QUERY,
        signed(QUERY, &waiting.to_string(), &vector_key(), Some(number)),
    );
}

fn offers(gateway: &Gateway, pem: &str) {
    let content = json!({ "code": "10000", "msg": "Success",
        "alipay_cert_content": BASE64_STANDARD.encode(pem) });
    gateway.forget(DOWNLOAD);
    let body = signed(DOWNLOAD, &content.to_string(), &vector_key(), Some(NEXT));
    gateway.will_answer(DOWNLOAD, body);
}

fn notice() -> RawWebhook {
    let fields = [
        ("app_id", APP_ID),
        ("notify_id", "n1"),
        ("out_trade_no", "1"),
        ("seller_id", SELLER),
        ("total_amount", "99.00"),
        ("trade_no", "2"),
        ("trade_status", "TRADE_SUCCESS"),
    ];
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let signature = sign(&vector_key(), lines.join("&").as_bytes());
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields)
        .append_pair("sign_type", "RSA2")
        .append_pair("sign", &signature);
    RawWebhook {
        headers: HeaderMap::new(),
        body: Bytes::from(form.finish()),
    }
}

#[tokio::test]
async fn a_newer_certificate_is_fetched_believed_and_told_of() {
    let clock = clock();
    let (gateway, alipay) = changed(&clock).await;
    offers(&gateway, &word("certificates", "/alipay_next_pem"));
    assert_eq!(alipay.warnings(clock.now()), []);
    assert_eq!(
        alipay
            .handle_webhook(&notice())
            .await
            .expect_err("unknown key"),
        WebhookRefusal::Forged
    );
    for _ in 0..2 {
        let verdict = alipay.verify_payment(&order()).await.expect("believed");
        assert!(matches!(verdict, ProviderVerdict::Waiting), "{verdict:?}");
    }
    let asked = gateway.calls(DOWNLOAD);
    assert_eq!(asked.len(), 1);
    assert!(gateway.is_signed(&asked[0]));
    assert_eq!(
        asked[0]["biz_content"],
        json!({ "alipay_cert_sn": NEXT }).to_string()
    );
    // Notices name no certificate; they are signed with the new key from now on.
    alipay.handle_webhook(&notice()).await.expect("genuine");
    let replaced = Warning::Replaced {
        variable: "ALIPAY_ALIPAY_CERT_PATH",
        number: NEXT.to_owned(),
    };
    assert_eq!(alipay.warnings(clock.now()), [replaced]);
    for call in gateway.calls(QUERY) {
        assert_eq!(call["app_cert_sn"], APP_NUMBER);
        assert_eq!(call["alipay_root_cert_sn"], ROOT_NUMBER);
    }
}

#[tokio::test]
async fn inv_p3_a_certificate_that_does_not_lead_up_to_the_root_is_never_believed() {
    let next = word("certificates", "/alipay_next_pem");
    let leaf = next
        .split_inclusive("-----END CERTIFICATE-----")
        .next()
        .expect("the first");
    let clock = clock();
    let (gateway, alipay) = changed(&clock).await;
    for (number, offered) in [
        // Signed by another root of the same name, and by one that may not sign: each with a key that
        // signed the answer, or says so, under the number it really has.
        (
            "30da0604da7725739571852c544eb733",
            word("certificates", "/forged_pem"),
        ),
        (
            "a2450363e59d90d4bd7415c80632c93a",
            word("certificates", "/below_a_leaf_pem"),
        ),
        // Another merchant's: it leads up to the same root, as they all do.
        (
            "fa8d376d21ff5978167056b2ed7e57cb",
            word("certificates", "/merchant_pem"),
        ),
        // A good one that is not the one asked for.
        (NEXT, word("certificates", "/app_pem")),
        (NEXT, String::new()),
        (
            NEXT,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        ),
    ] {
        answers(&gateway, number);
        offers(&gateway, &offered);
        let told = alipay.verify_payment(&order()).await;
        assert!(
            matches!(told, Err(ProviderError::Unknown { .. })),
            "{told:?}"
        );
        let refusal = alipay.handle_webhook(&notice()).await.expect_err("unknown");
        assert_eq!(refusal, WebhookRefusal::Forged);
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!(gateway.calls(DOWNLOAD).len(), 6);
    answers(&gateway, NEXT);
    // The one between may be left out: it stands in our own file.
    offers(&gateway, leaf);
    alipay.verify_payment(&order()).await.expect("believed");
}

#[tokio::test]
async fn an_unknown_number_leads_to_one_question_a_minute() {
    let clock = clock();
    let (gateway, alipay) = changed(&clock).await;
    gateway.will_answer(DOWNLOAD, "<html>".to_owned());
    for (minute, asked) in [(0, 1), (0, 1), (59, 1), (1, 2), (30, 2), (30, 3)] {
        clock.advance(Duration::from_secs(minute));
        let told = alipay.verify_payment(&order()).await;
        assert!(
            matches!(told, Err(ProviderError::Unknown { .. })),
            "{told:?}"
        );
        assert_eq!(gateway.calls(DOWNLOAD).len(), asked);
    }
}

#[tokio::test]
async fn files_of_the_wrong_kind_are_named_all_at_once() {
    let gateway = Gateway::open(vector_key()).await;
    let pem = |name: &str| word("certificates", name);
    let faults = |app: &str, alipay: &str, root: &str, clock: &Clock| -> Vec<String> {
        let keys = AlipayKeys::Certificates(CertificateFiles {
            app: app.to_owned(),
            alipay: alipay.to_owned(),
            root: root.to_owned(),
        });
        let faults = gateway.client(keys, clock).err().unwrap_or_default();
        faults
            .iter()
            .map(|fault| fault.variable.to_owned())
            .collect()
    };
    let (app, alipay, root) = (pem("/app_pem"), pem("/alipay_pem"), pem("/root_pem"));
    let now = clock();
    assert!(faults(&app, &alipay, &root, &now).is_empty());
    let none = faults("/nowhere/a.crt", "nonsense", "", &now);
    assert_eq!(
        none,
        [
            "ALIPAY_APP_CERT_PATH",
            "ALIPAY_ALIPAY_CERT_PATH",
            "ALIPAY_ROOT_CERT_PATH"
        ]
    );
    // Taken for one another: Alipay's where ours belongs, ours where Alipay's belongs.
    assert_eq!(
        faults(&alipay, &app, &root, &now),
        ["ALIPAY_APP_CERT_PATH", "ALIPAY_ALIPAY_CERT_PATH"]
    );
    for seconds in [1_600_000_000, 3_600_000_000] {
        let then = Clock::fixed(Timestamp::from_seconds(seconds).expect("a moment"));
        let outside = faults(&app, &alipay, &root, &then);
        assert_eq!(
            outside,
            ["ALIPAY_APP_CERT_PATH", "ALIPAY_ALIPAY_CERT_PATH"],
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn an_end_is_warned_of_in_time_and_a_file_of_another_root_too() {
    let gateway = Gateway::open(vector_key()).await;
    let alipay = gateway
        .client(files("/alipay_pem"), &clock())
        .expect("good settings");
    // The vectors end on 15 July 2051, 18:15:20 UTC.
    let end = Timestamp::from_seconds(2_573_057_720).expect("a moment");
    for (days, within) in [
        (31, None),
        (30, Some(30)),
        (8, Some(30)),
        (7, Some(7)),
        (1, Some(1)),
    ] {
        let warnings = alipay.warnings(end.before(Duration::from_hours(24 * days)));
        let all = [
            "ALIPAY_APP_CERT_PATH",
            "ALIPAY_ALIPAY_CERT_PATH",
            "ALIPAY_ROOT_CERT_PATH",
        ];
        let expected: Vec<_> = within.map_or_else(Vec::new, |within_days| {
            all.map(|variable| Warning::Expires {
                variable,
                at: end,
                within_days,
            })
            .to_vec()
        });
        assert_eq!(warnings, expected, "{days} days before");
    }
    let mixed = AlipayKeys::Certificates(CertificateFiles {
        app: word("certificates", "/app_pem"),
        alipay: word("certificates", "/alipay_pem"),
        root: word("alipay", "/alipay_cert_sn/root_pem"),
    });
    let alipay = gateway.client(mixed, &clock()).expect("used as given");
    let unrooted = Warning::Unrooted {
        variable: "ALIPAY_ALIPAY_CERT_PATH",
    };
    assert_eq!(alipay.warnings(clock().now()), [unrooted]);
}
