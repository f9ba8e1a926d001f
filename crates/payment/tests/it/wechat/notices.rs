//! Notices: what is believed of them, and how they are answered.

use axum::http::HeaderValue;
use serde_json::{Value, json};
use tollgate_payment::providers::wechat::Wechat;
use tollgate_payment::providers::{
    Acknowledgement, EventContent, PaymentProvider as _, RawWebhook, WebhookRefusal,
};

use super::gateway::{API_KEY, APP_ID, Gateway, MCH_ID, Seal, sealed};

const PAID: &str = "TRANSACTION.SUCCESS";
const NUMBER: &str = "0f5c0e6c2b7d4e0a9a5d5d0d4f1a2b3c";

/// What WeChat says of a paid order.
fn paid() -> Value {
    json!({
        "appid": APP_ID, "mchid": MCH_ID, "out_trade_no": NUMBER, "transaction_id": "42",
        "trade_state": "SUCCESS", "amount": { "total": 990, "currency": "CNY" },
    })
}

/// A notice of this kind, encrypted under this key.
fn notice_of(
    gateway: &Gateway,
    seal: &Seal,
    kind: &str,
    plain: &Value,
    api_key: &str,
) -> RawWebhook {
    let body = json!({
        "id": "EV-1", "create_time": "2027-01-15T16:00:00+08:00", "resource_type": "encrypt-resource",
        "event_type": kind, "summary": "支付成功",
        "resource": sealed(plain.to_string().as_bytes(), "transaction", api_key),
    });
    seal.notice(body.to_string(), gateway.clock.now())
}

/// Of a paid order.
pub(super) fn notice(gateway: &Gateway, seal: &Seal) -> RawWebhook {
    notice_of(gateway, seal, PAID, &paid(), API_KEY)
}

/// Whether it is believed, and read as what it says.
pub(super) async fn is_read(wechat: &Wechat, raw: &RawWebhook) -> bool {
    match wechat.handle_webhook(raw).await {
        Ok(event) => {
            let EventContent::Paid(paid) = event.content() else {
                panic!("{event:?}")
            };
            assert_eq!(
                (event.key(), paid.order_no(), paid.amount().minor()),
                ("EV-1", NUMBER, 990)
            );
            true
        }
        Err(_) => false,
    }
}

#[tokio::test]
async fn line_46_a_notice_that_is_not_genuine_is_refused_in_wechats_words() {
    let (gateway, wechat, public) = Gateway::by_key().await;
    let good = notice(&gateway, &public);
    let with = |name: &'static str, value: &'static str| {
        let mut raw = good.clone();
        raw.headers.insert(name, HeaderValue::from_static(value));
        raw
    };
    let mut changed = good.clone();
    changed.body = changed.body.iter().rev().copied().collect();
    for (raw, refusal, status) in [
        (changed, WebhookRefusal::Forged, 401),
        (
            with("wechatpay-signature", "WECHATPAY/SIGNTEST/x=="),
            WebhookRefusal::Probe,
            401,
        ),
        (
            with("wechatpay-serial", "PUB_KEY_ID_2"),
            WebhookRefusal::Forged,
            401,
        ),
        (
            with("wechatpay-timestamp", "1799999699"),
            WebhookRefusal::Stale,
            401,
        ),
        (
            with("wechatpay-timestamp", "1800000301"),
            WebhookRefusal::Stale,
            401,
        ),
        (
            public.notice("\u{0}".to_owned(), gateway.clock.now()),
            WebhookRefusal::Unreadable,
            400,
        ),
    ] {
        let told = wechat.handle_webhook(&raw).await.expect_err("refused");
        assert_eq!(told, refusal);
        let reply = wechat.acknowledge(told.into());
        assert_eq!(reply.status, status);
        assert!(reply.body.starts_with("{\"code\":\"FAIL\""), "{reply:?}");
    }
    // Genuine, and closed to our key: it is wanted again, once the setting is mended.
    let closed = notice_of(&gateway, &public, PAID, &paid(), &"f".repeat(32));
    let told = wechat.handle_webhook(&closed).await.expect_err("closed");
    assert_eq!(told, WebhookRefusal::Forged);
    assert_eq!(wechat.acknowledge(told.into()).status, 401);
    let reply = wechat.acknowledge(Acknowledgement::Accepted);
    assert_eq!((reply.status, reply.body), (204, ""));
    assert!(is_read(&wechat, &good).await);
}

#[tokio::test]
async fn inv_p2_a_notice_for_another_merchant_or_application_is_foreign() {
    let (gateway, wechat, public) = Gateway::by_key().await;
    let refund = json!({ "mchid": MCH_ID, "out_trade_no": NUMBER, "out_refund_no": "1", "refund_status": "SUCCESS" });
    for (kind, plain, name, value) in [
        (PAID, paid(), "mchid", "1900000002"),
        (PAID, paid(), "appid", "wx0000000000000002"),
        ("REFUND.SUCCESS", refund, "mchid", "1900000002"),
    ] {
        let good = notice_of(&gateway, &public, kind, &plain, API_KEY);
        assert!(wechat.handle_webhook(&good).await.is_ok(), "{kind}");
        let mut other = plain;
        other[name] = value.into();
        let raw = notice_of(&gateway, &public, kind, &other, API_KEY);
        let told = wechat.handle_webhook(&raw).await.expect_err("foreign");
        assert_eq!(told, WebhookRefusal::Foreign);
        assert_eq!(wechat.acknowledge(told.into()).status, 403);
    }
}

#[tokio::test]
async fn inv_p1_a_notice_sent_again_is_signed_anew_and_keeps_its_key() {
    let (gateway, wechat, public) = Gateway::by_key().await;
    let first = wechat.handle_webhook(&notice(&gateway, &public)).await;
    gateway.clock.advance(std::time::Duration::from_hours(6));
    let again = wechat.handle_webhook(&notice(&gateway, &public)).await;
    let (first, again) = (first.expect("an event"), again.expect("an event"));
    assert_eq!(first.key(), again.key());
}
