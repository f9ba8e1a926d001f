//! Query, close, refund: what is believed, and what it means.

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId, RefundId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::providers::wechat::Wechat;
use tollgate_payment::providers::{
    Cancelled, NewRefund, OrderKey, PaymentProvider as _, ProviderError, ProviderVerdict,
    RefundKey, RefundVerdict,
};

use super::gateway::{APP_ID, Answer, Gateway, MCH_ID, Seal};

const REFUNDS: &str = "POST /v3/refund/domestic/refunds";
const MONEY: &str = "4200000000202601020000000001";

fn key(gateway: &Gateway) -> OrderKey {
    let id: PaymentId = Ids::new(gateway.clock.clone(), Entropy::seeded(7)).next();
    OrderKey {
        order_no: OrderNo::of(id),
        provider_order_id: None,
        created_at: gateway.clock.now(),
    }
}

fn query_of(key: &OrderKey) -> String {
    let number = key.order_no.as_str();
    format!("GET /v3/pay/transactions/out-trade-no/{number}")
}

fn close_of(key: &OrderKey) -> String {
    let number = key.order_no.as_str();
    format!("POST /v3/pay/transactions/out-trade-no/{number}/close")
}

fn paid(key: &OrderKey) -> Value {
    json!({
        "appid": APP_ID, "mchid": MCH_ID, "out_trade_no": key.order_no.as_str(), "transaction_id": MONEY,
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "success_time": "2027-01-15T16:00:00+08:00",
        "amount": { "total": 9_900, "payer_total": 9_800, "currency": "CNY", "payer_currency": "CNY" },
    })
}

fn is_unknown<T: std::fmt::Debug>(result: &Result<T, ProviderError>) -> bool {
    matches!(result, Err(ProviderError::Unknown { .. }))
}

#[tokio::test]
async fn a_query_tells_how_an_order_stands() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let key = key(&gateway);
    let name = query_of(&key);
    for state in ["SUCCESS", "REFUND"] {
        let mut answer = paid(&key);
        answer["trade_state"] = state.into();
        gateway.answers(&name, Answer::new(200, &answer.to_string(), &seal));
        let verdict = wechat.verify_payment(&key).await.expect("an answer");
        let ProviderVerdict::Paid(paid) = verdict else {
            panic!("{verdict:?}")
        };
        // The price, whatever of it a coupon paid.
        assert_eq!(paid.amount(), Money::new(9_900, Currency::CNY));
        assert_eq!(paid.provider_transaction_id(), MONEY);
        assert_eq!(paid.paid_at(), Timestamp::from_seconds(1_800_000_000));
        assert_eq!(*paid.account(), wechat.account());
    }
    let calls = gateway.calls(&name);
    assert!(calls[0].target.ends_with(&format!("?mchid={MCH_ID}")));
    assert!(gateway.is_signed(&calls[0]));
    for (state, said) in [
        ("NOTPAY", "Waiting"),
        ("USERPAYING", "Waiting"),
        ("ACCEPT", "Waiting"),
        ("CLOSED", "Closed"),
        ("REVOKED", "Closed"),
        ("PAYERROR", "Declined"),
    ] {
        let answer = json!({ "appid": APP_ID, "mchid": MCH_ID, "out_trade_no": key.order_no.as_str(), "trade_state": state });
        gateway.answers(&name, Answer::new(200, &answer.to_string(), &seal));
        let verdict = wechat.verify_payment(&key).await.expect("an answer");
        assert_eq!(format!("{verdict:?}"), said, "{state}");
    }
    for code in ["ORDER_NOT_EXIST", "ORDERNOTEXIST"] {
        let body = json!({ "code": code, "message": "m" }).to_string();
        gateway.answers(&name, Answer::new(404, &body, &seal));
        let verdict = wechat.verify_payment(&key).await;
        assert!(matches!(verdict, Ok(ProviderVerdict::Waiting)));
    }
}

#[tokio::test]
async fn inv_p2_an_answer_about_something_else_is_unknown() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let key = key(&gateway);
    for (pointer, value) in [
        ("/appid", json!("wx0000000000000002")),
        ("/mchid", json!("1900000002")),
        ("/out_trade_no", json!("0f5c0e6c2b7d4e0a9a5d5d0d4f1a2b3c")),
        ("/trade_state", json!("NEW")),
        ("/trade_state", json!(null)),
        ("/transaction_id", json!(null)),
        ("/amount", json!(null)),
        ("/amount/total", json!("9900")),
        ("/amount/total", json!(0)),
        ("/amount/currency", json!("cny")),
    ] {
        let mut answer = paid(&key);
        *answer.pointer_mut(pointer).expect("a member") = value;
        let answer = Answer::new(200, &answer.to_string(), &seal);
        gateway.answers(&query_of(&key), answer);
        let verdict = wechat.verify_payment(&key).await;
        assert!(is_unknown(&verdict), "{pointer} {verdict:?}");
    }
}

/// Every answer that must decide nothing, over this good body.
fn doubtful(gateway: &Gateway, status: u16, body: &str, seal: &Seal) -> Vec<Answer> {
    let good = Answer::new(status, body, seal);
    let with = |name: &'static str, value: String| Answer {
        forged: vec![(name, value)],
        ..good.clone()
    };
    let at = |seconds: i64| (gateway.clock.now().seconds() + seconds).to_string();
    let other = Seal {
        serial: seal.serial.clone(),
        ..Seal::new("x")
    };
    vec![
        Answer {
            seal: None,
            ..good.clone()
        },
        Answer {
            seal: Some(other),
            ..good.clone()
        },
        with(
            "wechatpay-signature",
            "WECHATPAY/SIGNTEST/bm90aGluZw==".to_owned(),
        ),
        with("wechatpay-signature", String::new()),
        with("wechatpay-serial", "PUB_KEY_ID_other".to_owned()),
        with("wechatpay-timestamp", at(-301)),
        with("wechatpay-timestamp", at(301)),
        with("wechatpay-nonce", "x".to_owned()),
        Answer {
            body: vec![b' '; 256 * 1024 + 1],
            ..good.clone()
        },
    ]
}

#[tokio::test]
async fn inv_p8_an_answer_that_does_not_verify_decides_nothing() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let key = key(&gateway);
    let refund = refund(&gateway, &key, 9_900);
    let no = json!({ "code": "PARAM_ERROR", "message": "m" }).to_string();
    let gone = json!({ "code": "ORDER_NOT_EXIST", "message": "m" }).to_string();
    for (status, body) in [
        (200, paid(&key).to_string()),
        (204, String::new()),
        (404, gone),
        (400, no),
        (302, String::new()),
    ] {
        for answer in doubtful(&gateway, status, &body, &seal) {
            if status == 204 && !answer.body.is_empty() {
                continue;
            }
            for name in [query_of(&key), close_of(&key), REFUNDS.to_owned()] {
                gateway.answers(&name, answer.clone());
            }
            let asked = wechat.verify_payment(&key).await;
            assert!(is_unknown(&asked), "{status} {asked:?}");
            let closed = wechat.close_payment(&key).await;
            assert!(is_unknown(&closed), "{status} {closed:?}");
            let cancelled = wechat.cancel_payment(&key).await;
            assert!(is_unknown(&cancelled), "{status} {cancelled:?}");
            let refunded = wechat.refund_payment(&refund).await;
            assert!(is_unknown(&refunded), "{status} {refunded:?}");
        }
    }
}

#[tokio::test]
async fn inv_p8_nobody_is_followed_elsewhere() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let key = key(&gateway);
    let elsewhere = Answer {
        forged: vec![("location", format!("{}/elsewhere", gateway.url))],
        ..Answer::new(307, "", &seal)
    };
    gateway.answers(&query_of(&key), elsewhere);
    gateway.answers(
        "GET /elsewhere",
        Answer::new(200, &paid(&key).to_string(), &seal),
    );
    assert!(is_unknown(&wechat.verify_payment(&key).await));
    assert!(gateway.calls("GET /elsewhere").is_empty());
}

#[tokio::test]
async fn closing_is_done_or_asks_again_and_a_paid_order_is_not_taken_back() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let key = key(&gateway);
    let name = close_of(&key);
    gateway.answers(&name, Answer::new(204, "", &seal));
    assert_eq!(wechat.close_payment(&key).await, Ok(()));
    assert_eq!(wechat.cancel_payment(&key).await, Ok(Cancelled::Closed));
    assert_eq!(
        gateway.calls(&name)[0].content(),
        json!({ "mchid": MCH_ID })
    );
    assert!(gateway.is_signed(&gateway.calls(&name)[0]));
    for code in ["ORDERPAID", "ORDER_PAID"] {
        let body = json!({ "code": code, "message": "paid" }).to_string();
        gateway.answers(&name, Answer::new(400, &body, &seal));
        assert!(is_unknown(&wechat.close_payment(&key).await));
        let cancelled = wechat.cancel_payment(&key).await;
        assert!(
            matches!(&cancelled, Err(ProviderError::Refused { code: told, .. }) if told == code),
            "{cancelled:?}"
        );
    }
}

fn refund(gateway: &Gateway, order: &OrderKey, minor: i64) -> NewRefund {
    let id: RefundId = Ids::new(gateway.clock.clone(), Entropy::seeded(8)).next();
    NewRefund {
        key: RefundKey {
            order_no: order.order_no.as_str().to_owned(),
            transaction_id: MONEY.to_owned(),
            refund_no: RefundNo::of(id),
        },
        amount: Money::new(minor, Currency::CNY),
        paid: Money::new(9_900, Currency::CNY),
        reason: "退".repeat(60),
    }
}

fn refund_answer(refund: &NewRefund, status: &str) -> Value {
    json!({
        "refund_id": "50000000382019052709732678859", "out_refund_no": refund.key.refund_no.as_str(),
        "transaction_id": MONEY, "out_trade_no": refund.key.order_no, "channel": "ORIGINAL",
        "status": status, "create_time": "2027-01-15T16:00:00+08:00",
        "amount": { "total": 9_900, "refund": refund.amount.minor(), "payer_total": 9_800,
            "payer_refund": 3_200, "currency": "CNY" },
    })
}

async fn both(wechat: &Wechat, refund: &NewRefund) -> [Result<RefundVerdict, ProviderError>; 2] {
    [
        wechat.refund_payment(refund).await,
        wechat.verify_refund(&refund.key).await,
    ]
}

#[tokio::test]
async fn inv_p10_taken_is_not_done_and_only_success_is() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let refund = refund(&gateway, &key(&gateway), 3_300);
    let query = format!(
        "GET /v3/refund/domestic/refunds/{}",
        refund.key.refund_no.as_str()
    );
    for status in ["PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL", "NEW"] {
        let body = refund_answer(&refund, status).to_string();
        for name in [REFUNDS, &query] {
            gateway.answers(name, Answer::new(200, &body, &seal));
        }
        for verdict in both(&wechat, &refund).await {
            match (status, verdict) {
                ("PROCESSING", Ok(RefundVerdict::Pending))
                | ("NEW", Err(ProviderError::Unknown { .. })) => {}
                ("SUCCESS", Ok(RefundVerdict::Succeeded(done))) => {
                    assert_eq!(done.amount(), refund.amount);
                    assert_eq!(
                        done.provider_refund_id(),
                        Some("50000000382019052709732678859")
                    );
                }
                ("CLOSED" | "ABNORMAL", Ok(RefundVerdict::Failed { code })) => {
                    assert_eq!(code, status);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let call = &gateway.calls(REFUNDS)[0];
    assert!(gateway.is_signed(call));
    assert_eq!(
        call.content(),
        json!({
            "transaction_id": MONEY, "out_refund_no": refund.key.refund_no.as_str(),
            "reason": "退".repeat(26), "notify_url": "https://pay.example/payments/webhooks/wechat",
            "amount": { "refund": 3_300, "total": 9_900, "currency": "CNY" },
        })
    );
    // Another refund than the one that is meant.
    for name in ["out_refund_no", "transaction_id", "out_trade_no"] {
        let mut other = refund_answer(&refund, "SUCCESS");
        other[name] = "other".into();
        for path in [REFUNDS, &query] {
            gateway.answers(path, Answer::new(200, &other.to_string(), &seal));
        }
        for verdict in both(&wechat, &refund).await {
            assert!(is_unknown(&verdict), "{name} {verdict:?}");
        }
    }
}

#[tokio::test]
async fn inv_p10_an_empty_balance_keeps_the_number_and_a_repeat_is_asked_about() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let refund = refund(&gateway, &key(&gateway), 9_900);
    let query = format!(
        "GET /v3/refund/domestic/refunds/{}",
        refund.key.refund_no.as_str()
    );
    let no = |code: &str| json!({ "code": code, "message": "m" }).to_string();
    // No money today: the same number tomorrow.
    gateway.will_answer(REFUNDS, Answer::new(403, &no("NOT_ENOUGH"), &seal));
    let taken = refund_answer(&refund, "PROCESSING").to_string();
    gateway.will_answer(REFUNDS, Answer::new(200, &taken, &seal));
    gateway.answers(&query, Answer::new(404, &no("RESOURCE_NOT_EXISTS"), &seal));
    assert!(is_unknown(&wechat.refund_payment(&refund).await));
    let asked = wechat.verify_refund(&refund.key).await;
    assert!(matches!(asked, Ok(RefundVerdict::Unheard)), "{asked:?}");
    let again = wechat.refund_payment(&refund).await;
    assert!(matches!(again, Ok(RefundVerdict::Pending)), "{again:?}");
    let calls = gateway.calls(REFUNDS);
    assert_eq!(calls[0].content(), calls[1].content());

    // Above the rest, and never begun.
    gateway.answers(REFUNDS, Answer::new(400, &no("INVALID_REQUEST"), &seal));
    let refused = wechat.refund_payment(&refund).await;
    assert!(
        matches!(refused, Err(ProviderError::Refused { .. })),
        "{refused:?}"
    );
    // The same no, to the repeat of one that is under way.
    gateway.answers(&query, Answer::new(200, &taken, &seal));
    let known = wechat.refund_payment(&refund).await;
    assert!(matches!(known, Ok(RefundVerdict::Pending)), "{known:?}");
    for (status, code) in [
        (500, "SYSTEM_ERROR"),
        (429, "FREQUENCY_LIMITED"),
        (502, "BANK_ERROR"),
    ] {
        gateway.answers(REFUNDS, Answer::new(status, &no(code), &seal));
        assert!(is_unknown(&wechat.refund_payment(&refund).await), "{code}");
    }
}

#[tokio::test]
async fn a_refund_numbered_at_wechats_desk_is_asked_about_under_its_number() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let mut refund = refund(&gateway, &key(&gateway), 100);
    refund.key.refund_no = RefundNo::foreign("a|b@c*d-1");
    let name = "GET /v3/refund/domestic/refunds/a%7Cb%40c*d-1";
    let body = refund_answer(&refund, "SUCCESS").to_string();
    gateway.answers(name, Answer::new(200, &body, &seal));
    let verdict = wechat.verify_refund(&refund.key).await;
    assert!(
        matches!(verdict, Ok(RefundVerdict::Succeeded(_))),
        "{verdict:?}"
    );
    // The path is signed as it was sent.
    assert!(gateway.is_signed(&gateway.calls(name)[0]));
}
