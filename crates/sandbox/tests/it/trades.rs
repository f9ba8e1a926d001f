//! A trade from its code to its end.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Bench, Receiver, order, verified};

#[tokio::test]
async fn a_purchase_from_code_to_notice() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let mut wanted = order("0198c0de");
    wanted["body"] = "一年".into();
    wanted["passback_params"] = "a%3D1%26b%3D2".into();
    let code = bench.precreate(wanted, &receiver.url).await.value["qr_code"]
        .as_str()
        .expect("a code")
        .to_owned();
    assert!(
        code.starts_with(&format!("{}/sandbox/pay/", bench.base)),
        "{code}"
    );
    assert_eq!(bench.status("0198c0de").await, "ACQ.TRADE_NOT_EXIST");

    bench.clock.advance(Duration::from_mins(1));
    bench.scan(&code).await;
    let waiting = bench.query("0198c0de").await;
    assert_eq!(waiting.value["trade_status"], "WAIT_BUYER_PAY");
    assert_eq!(waiting.value["total_amount"], "9.90");
    assert_eq!(waiting.value["receipt_amount"], "0.00");
    assert_eq!(waiting.value.get("send_pay_date"), None);
    let trade_no = waiting.value["trade_no"]
        .as_str()
        .expect("a number")
        .to_owned();
    assert_eq!(trade_no.len(), 28);
    assert!(
        trade_no.bytes().all(|byte| byte.is_ascii_digit()),
        "{trade_no}"
    );

    bench.clock.advance(Duration::from_mins(1));
    let paid = (
        200,
        json!({"trade_status": "TRADE_SUCCESS", "trade_no": trade_no}),
    );
    assert_eq!(bench.press(&code, "pay").await, paid);
    let by_number = json!({"trade_no": trade_no, "out_trade_no": "ignored"});
    let answer = bench.call("alipay.trade.query", by_number).await;
    for (member, value) in [
        ("trade_status", json!("TRADE_SUCCESS")),
        ("out_trade_no", json!("0198c0de")),
        ("total_amount", json!("9.90")),
        ("receipt_amount", json!("9.90")),
        ("buyer_pay_amount", json!("9.90")),
        ("send_pay_date", json!("2026-01-02 11:06:05")),
        (
            "fund_bill_list",
            json!([{"amount": "9.90", "fund_channel": "ALIPAYACCOUNT"}]),
        ),
    ] {
        assert_eq!(answer.value[member], value, "{member}");
    }
    assert!(
        answer.value["buyer_logon_id"]
            .as_str()
            .expect("masked")
            .contains("***")
    );

    assert_eq!(bench.deliver().await, 1);
    let [body] = &receiver.bodies()[..] else {
        panic!("one notice")
    };
    let notice = verified(&bench, body);
    for (field, value) in [
        ("notify_type", "trade_status_sync"),
        ("notify_time", "2026-01-02 11:06:05"),
        ("app_id", &bench.merchant.app_id),
        ("auth_app_id", &bench.merchant.app_id),
        ("seller_id", &bench.merchant.seller_id),
        ("out_trade_no", "0198c0de"),
        ("trade_no", &trade_no),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "9.90"),
        ("receipt_amount", "9.90"),
        ("buyer_pay_amount", "9.90"),
        ("subject", "专业版 A+B 100%"),
        ("body", "一年"),
        ("passback_params", "a%3D1%26b%3D2"),
        ("gmt_create", "2026-01-02 11:05:05"),
        ("gmt_payment", "2026-01-02 11:06:05"),
        (
            "fund_bill_list",
            r#"[{"amount":"9.90","fundChannel":"ALIPAYACCOUNT"}]"#,
        ),
        ("charset", "utf-8"),
        ("version", "1.0"),
    ] {
        assert_eq!(
            notice.get(field).map(String::as_str),
            Some(value),
            "{field}"
        );
    }
    for field in ["refund_fee", "gmt_refund", "out_biz_no"] {
        assert_eq!(notice.get(field), None);
    }
}

#[tokio::test]
async fn the_same_number_stands_for_one_content_only() {
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    assert_eq!(bench.code("a", "").await, code);
    let mut same = order("a");
    same["total_amount"] = "9.9".into();
    assert_eq!(
        bench.precreate(same, "").await.value["qr_code"],
        code.as_str()
    );
    for (member, value) in [("total_amount", "9.91"), ("subject", "别的"), ("body", "x")] {
        let mut other = order("a");
        other[member] = value.into();
        let answer = bench.precreate(other, "").await;
        assert_eq!(
            (answer.code(), answer.sub_code()),
            ("40004", "ACQ.CONTEXT_INCONSISTENT")
        );
    }
    bench.scan(&code).await;
    assert_eq!(bench.code("a", "").await, code);
    bench.press(&code, "pay").await;
    let answer = bench.precreate(order("a"), "").await;
    assert_eq!(answer.sub_code(), "ACQ.TRADE_HAS_SUCCESS");
    let other = bench.code("b", "").await;
    bench.press(&other, "close").await;
    let answer = bench.precreate(order("b"), "").await;
    assert_eq!(answer.sub_code(), "ACQ.TRADE_HAS_CLOSE");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_are_issued_one_code() {
    let bench = Bench::start().await;
    let asked = (0..20).map(|_| bench.code("a", ""));
    let codes: std::collections::BTreeSet<_> = join_all(asked).await.into_iter().collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
}

#[tokio::test]
async fn content_that_does_not_fit_is_refused() {
    let bench = Bench::start().await;
    let long = "x".repeat(257);
    for (member, value) in [
        ("out_trade_no", json!("")),
        ("out_trade_no", json!("0198c0de-0000")),
        ("out_trade_no", json!("x".repeat(65))),
        ("out_trade_no", json!("订单")),
        ("total_amount", json!("0.00")),
        ("total_amount", json!("9.901")),
        ("total_amount", json!("1e2")),
        ("total_amount", json!("-9.90")),
        ("total_amount", json!("100000000.01")),
        ("subject", json!("")),
        ("subject", json!("a/b")),
        ("subject", json!("a=b")),
        ("subject", json!("a&b")),
        ("subject", json!(long)),
        ("body", json!(long)),
        ("product_code", json!("FAST_INSTANT_TRADE_PAY")),
        ("seller_id", json!("2088000000000000")),
        ("timeout_express", json!("16d")),
        ("time_expire", json!("2026-01-02 11:04:05")),
        ("time_expire", json!("tomorrow")),
    ] {
        let mut content = order("a");
        content[member] = value.clone();
        let answer = bench.precreate(content, "").await;
        assert_eq!(
            answer.sub_code(),
            "ACQ.INVALID_PARAMETER",
            "{member}={value}"
        );
        assert!(
            answer.value["sub_msg"]
                .as_str()
                .expect("why")
                .contains(member),
            "{answer:?}"
        );
    }
    let mut number = order("a");
    number["total_amount"] = json!(9.90);
    let answer = bench.precreate(number, "").await;
    assert_eq!(answer.sub_code(), "isv.invalid-parameter");
    assert_eq!(bench.query("").await.sub_code(), "ACQ.INVALID_PARAMETER");
}

#[tokio::test]
async fn a_code_can_be_scanned_for_two_hours_and_asked_for_again() {
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    bench.clock.advance(Duration::from_hours(2));
    assert!(bench.scan(&code).await.contains("This code has expired"));
    let refused = json!({"trade_status": null, "trade_no": null, "reason": "code_expired"});
    assert_eq!(bench.press(&code, "pay").await, (409, refused));
    assert_eq!(bench.status("a").await, "ACQ.TRADE_NOT_EXIST");
    assert_eq!(bench.code("a", "").await, code);
    bench.clock.advance(Duration::from_secs(2 * 3_600 - 1));
    assert_eq!(
        bench.press(&code, "pay").await.1["trade_status"],
        "TRADE_SUCCESS"
    );
}

#[tokio::test]
async fn a_late_scan_makes_no_trade_and_a_late_payment_closes_it() {
    let bench = Bench::start().await;
    let mut until = order("a");
    until["time_expire"] = "2026-01-02 11:34:05".into();
    let unscanned = bench.precreate(until.clone(), "").await.value["qr_code"].clone();
    let mut within = order("b");
    within["timeout_express"] = "30m".into();
    let scanned = bench.precreate(within.clone(), "").await.value["qr_code"].clone();
    let (unscanned, scanned) = (
        unscanned.as_str().expect("a code"),
        scanned.as_str().expect("a code"),
    );
    bench.scan(scanned).await;
    bench.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert_eq!(bench.status("b").await, "WAIT_BUYER_PAY");
    bench.clock.advance(Duration::from_secs(1));

    assert!(
        bench
            .scan(unscanned)
            .await
            .contains("This code has expired")
    );
    assert_eq!(bench.press(unscanned, "pay").await.0, 409);
    assert_eq!(bench.status("a").await, "ACQ.TRADE_NOT_EXIST");
    assert_eq!(
        bench.precreate(until, "").await.sub_code(),
        "ACQ.INVALID_PARAMETER"
    );

    let (status, answer) = bench.press(scanned, "pay").await;
    assert_eq!((status, &answer["reason"]), (409, &json!("trade_closed")));
    assert_eq!(answer["trade_status"], "TRADE_CLOSED");
    assert_eq!(bench.status("b").await, "TRADE_CLOSED");
    assert_eq!(
        bench.precreate(within, "").await.sub_code(),
        "ACQ.TRADE_HAS_CLOSE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_twenty_times_at_once_pays_once() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let code = bench.code("a", &receiver.url).await;
    bench.scan(&code).await;
    let presses = join_all((0..20).map(|_| bench.press(&code, "pay"))).await;
    for (status, answer) in presses {
        assert_eq!(
            (status, &answer["trade_status"]),
            (200, &json!("TRADE_SUCCESS"))
        );
    }
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(bench.deliver().await, 0);
    assert_eq!(receiver.bodies().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_and_closing_at_once_ends_in_one_of_both() {
    let bench = Bench::start().await;
    for round in 0..10 {
        let number = format!("a{round}");
        let code = bench.code(&number, "http://127.0.0.1:1/").await;
        bench.scan(&code).await;
        let content = json!({"out_trade_no": number});
        let (paid, closed) = tokio::join!(
            bench.press(&code, "pay"),
            bench.call("alipay.trade.close", content)
        );
        let (won, other) = (paid.0 == 200, closed.code() == "10000");
        assert!(won != other, "{paid:?} {closed:?}");
        let ended = if won { "TRADE_SUCCESS" } else { "TRADE_CLOSED" };
        assert_eq!(bench.status(&number).await, ended);
    }
}

#[tokio::test]
async fn only_an_unpaid_trade_is_closed() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let close = |number: &str| bench.call("alipay.trade.close", json!({"out_trade_no": number}));
    let paid = bench.code("a", &receiver.url).await;
    assert_eq!(close("a").await.sub_code(), "ACQ.TRADE_NOT_EXIST");
    bench.press(&paid, "pay").await;
    let answer = close("a").await;
    assert_eq!(
        (answer.code(), answer.sub_code()),
        ("40004", "ACQ.REASON_TRADE_STATUS_INVALID")
    );
    assert_eq!(bench.status("a").await, "TRADE_SUCCESS");
    let (status, answer) = bench.press(&paid, "close").await;
    assert_eq!((status, &answer["reason"]), (409, &json!("trade_paid")));

    let unpaid = bench.code("b", &receiver.url).await;
    bench.scan(&unpaid).await;
    let answer = close("b").await;
    assert_eq!(
        (answer.code(), &answer.value["out_trade_no"]),
        ("10000", &json!("b"))
    );
    assert_eq!(bench.status("b").await, "TRADE_CLOSED");
    assert_eq!(
        close("b").await.sub_code(),
        "ACQ.REASON_TRADE_STATUS_INVALID"
    );
    assert_eq!(bench.press(&unpaid, "pay").await.0, 409);
    assert_eq!(bench.deliver().await, 1, "only the payment is notified");
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_trade_open() {
    let bench = Bench::start().await;
    let code = bench.code("a", "http://127.0.0.1:1/").await;
    let (status, answer) = bench.press(&code, "fail").await;
    assert_eq!(
        (status, &answer["trade_status"]),
        (200, &json!("WAIT_BUYER_PAY"))
    );
    assert_eq!(bench.deliver().await, 0);
    assert_eq!(
        bench.press(&code, "pay").await.1["trade_status"],
        "TRADE_SUCCESS"
    );
    assert_eq!(bench.press(&code, "fail").await.0, 409);
    assert_eq!(bench.status("a").await, "TRADE_SUCCESS");
}

/// All of them, begun together.
async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
