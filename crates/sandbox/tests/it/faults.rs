//! What goes wrong to order, and only that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_sandbox::Rail;

use crate::harness::{Answer, Bench, Receiver, verified};

const FAULTS: &str = "/sandbox/alipay/faults";

async fn put(bench: &Bench, wanted: Value) -> (u16, String) {
    let sent = bench.client.post(format!("{}{FAULTS}", bench.base));
    let answer = sent.json(&wanted).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a text"))
}

async fn fault(bench: &Bench, kind: &str) {
    let put = put(bench, json!({ "kind": kind })).await;
    assert_eq!(put.0, 201, "{kind}: {}", put.1);
}

async fn listed(bench: &Bench) -> Value {
    let answer = bench.client.get(format!("{}{FAULTS}", bench.base));
    let answer = answer.send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// A paid order of 9.90, with a fault ordered before the payment; what was called within two seconds.
async fn paid(bench: &Bench, receiver: &Receiver, kind: &str) -> Vec<String> {
    let before = receiver.bodies().len();
    let code = bench.code(kind, &receiver.url).await;
    fault(bench, kind).await;
    assert_eq!(bench.press(&code, "pay").await.0, 200, "{kind}");
    bench.deliver().await;
    bench.clock.advance(Duration::from_secs(2));
    bench.deliver().await;
    receiver.bodies().split_off(before)
}

/// The raw bytes of an answer to a signed query.
async fn raw(bench: &Bench, number: &str) -> reqwest::Response {
    let mut parameters = bench.common("alipay.trade.query", &json!({ "out_trade_no": number }));
    bench.sign(&mut parameters);
    let sent = bench.client.post(&bench.merchant.gateway).form(&parameters);
    sent.send().await.expect("an answer")
}

#[tokio::test]
async fn callbacks_are_lost_doubled_and_out_of_order() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    assert_eq!(paid(&bench, &receiver, "callback_lost").await, [""; 0]);
    for (kind, count) in [("callback_twice", 2), ("callback_x50", 50)] {
        let bodies = paid(&bench, &receiver, kind).await;
        assert_eq!(bodies.len(), count, "{kind}");
        assert!(
            bodies.iter().all(|body| *body == bodies[0]),
            "the same bytes"
        );
        assert_eq!(verified(&bench, &bodies[0])["out_trade_no"], kind);
    }
    let bodies = paid(&bench, &receiver, "callback_reordered").await;
    let told: Vec<_> = bodies.iter().map(|body| verified(&bench, body)).collect();
    let states: Vec<_> = told
        .iter()
        .map(|notice| notice["trade_status"].as_str())
        .collect();
    assert_eq!(states, ["TRADE_SUCCESS", "WAIT_BUYER_PAY"]);
    assert_eq!(paid(&bench, &receiver, "callback_late").await, [""; 0]);
    bench.clock.advance(Duration::from_hours(25));
    assert_eq!(bench.deliver().await, 1);
    // Each acted once.
    assert_eq!(listed(&bench).await["data"], json!([]));
}

#[tokio::test]
async fn a_forged_callback_comes_once_before_the_real_one() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(401, "failure"), (200, "success")]).await;
    let bodies = paid(&bench, &receiver, "callback_forged").await;
    let [forged, real] = &bodies[..] else {
        panic!("two calls: {bodies:?}")
    };
    let fields: BTreeMap<_, _> = form_urlencoded::parse(forged.as_bytes())
        .into_owned()
        .collect();
    let content = fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "sign" | "sign_type"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&");
    assert!(!bench.is_genuine(&content, &fields["sign"]));
    assert_ne!(fields["trade_no"], verified(&bench, real)["trade_no"]);
    bench.clock.advance(Duration::from_hours(30));
    assert_eq!(bench.deliver().await, 0, "a forger does not try again");
}

#[tokio::test]
async fn money_is_false_late_or_double_and_the_books_know() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let [body] = &paid(&bench, &receiver, "wrong_amount").await[..] else {
        panic!("one notice")
    };
    assert_eq!(verified(&bench, body)["total_amount"], "0.01");
    let asked = bench.query("wrong_amount").await;
    assert_eq!(
        asked.value["total_amount"], "0.01",
        "the query says the same"
    );

    let [body] = &paid(&bench, &receiver, "wrong_merchant").await[..] else {
        panic!("one notice")
    };
    let notice = verified(&bench, body);
    assert_ne!(notice["app_id"], bench.merchant.app_id);
    assert_ne!(notice["seller_id"], bench.merchant.seller_id);

    let bodies = paid(&bench, &receiver, "pay_twice").await;
    let told: Vec<_> = bodies.iter().map(|body| verified(&bench, body)).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["out_trade_no"], told[1]["out_trade_no"]);
    assert_ne!(told[0]["trade_no"], told[1]["trade_no"]);
    for notice in &told {
        let asked = json!({ "trade_no": notice["trade_no"] });
        let found = bench.call("alipay.trade.query", asked).await;
        assert_eq!(found.value["trade_status"], "TRADE_SUCCESS");
    }

    let code = bench.code("closed", &receiver.url).await;
    assert_eq!(bench.press(&code, "close").await.0, 200);
    assert_eq!(bench.press(&code, "pay").await.0, 409);
    fault(&bench, "pay_after_close").await;
    assert_eq!(bench.press(&code, "pay").await.0, 200);
    assert_eq!(bench.status("closed").await, "TRADE_SUCCESS");

    let books = bench.sandbox.books(Rail::Alipay).await.expect("books");
    let amounts: Vec<_> = books.data.iter().map(|row| row.amount_minor).collect();
    assert_eq!(amounts, [1, 990, 990, 990, 990]);
    assert_eq!(books.sums.len(), 1);
    assert_eq!((books.sums[0].in_minor, books.sums[0].out_minor), (3961, 0));
}

#[tokio::test]
async fn answers_are_lost_broken_huge_or_none() {
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    bench.scan(&code).await;
    fault(&bench, "server_error").await;
    assert_eq!(raw(&bench, "a").await.status(), 502);
    fault(&bench, "answer_lost").await;
    assert_eq!(raw(&bench, "a").await.status(), 504);
    fault(&bench, "huge_body").await;
    let huge = raw(&bench, "a").await;
    let huge = bench.read(huge).await;
    assert!(
        huge.signed && huge.slice.len() > 12 * 1024 * 1024,
        "well signed, and huge"
    );
    assert_eq!(huge.value["trade_status"], "WAIT_BUYER_PAY");
    fault(&bench, "broken_signature").await;
    let broken = raw(&bench, "a").await.text().await.expect("a text");
    let (slice, sign) = broken.split_once(",\"sign\":\"").expect("signed");
    let slice = slice.strip_prefix("{\"alipay_trade_query_response\":");
    let slice = slice.expect("the root");
    assert!(slice.contains("WAIT_BUYER_PAY"), "{slice}");
    assert!(!bench.is_genuine(slice, sign.trim_end_matches("\"}")));
    fault(&bench, "slow_drip").await;
    let mut slow = raw(&bench, "a").await;
    let first = slow.chunk().await.expect("a byte").expect("more");
    assert!(first.len() < 10, "byte by byte");
    fault(&bench, "busy").await;
    assert_eq!(bench.query("a").await.code(), "20000");
    let wanted = json!({ "kind": "refused", "argument": "ACQ.X", "method": "alipay.trade.close" });
    assert_eq!(put(&bench, wanted).await.0, 201);
    assert_eq!(
        bench.status("a").await,
        "WAIT_BUYER_PAY",
        "of another method"
    );
    let closed = bench
        .call("alipay.trade.close", json!({ "out_trade_no": "a" }))
        .await;
    assert_eq!(closed.sub_code(), "ACQ.X");
    assert_eq!(bench.status("a").await, "WAIT_BUYER_PAY");
}

async fn refund(bench: &Bench, number: &str, amount: &str) -> Answer {
    let wanted = json!({ "out_trade_no": "a", "out_request_no": number, "refund_amount": amount });
    bench.call("alipay.trade.refund", wanted).await
}

async fn refund_status(bench: &Bench, number: &str) -> Option<String> {
    let asked = json!({ "out_trade_no": "a", "out_request_no": number });
    let answer = bench.call("alipay.trade.fastpay.refund.query", asked).await;
    assert_eq!(answer.code(), "10000");
    answer.value["refund_status"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_refund_takes_its_time_and_comes_to_either_end() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let code = bench.code("a", &receiver.url).await;
    bench.press(&code, "pay").await;
    bench.deliver().await;
    fault(&bench, "refund_pending_failed").await;
    let made = refund(&bench, "f", "5.00").await;
    assert_eq!(
        (made.code(), &made.value["fund_change"]),
        ("10000", &json!("N"))
    );
    assert_eq!(made.value["refund_fee"], "0.00");
    // What is on its way is not left.
    assert_eq!(
        refund(&bench, "x", "5.00").await.sub_code(),
        "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    );
    bench.clock.advance(Duration::from_secs(29));
    assert_eq!(refund_status(&bench, "f").await, None);
    assert_eq!(refund(&bench, "f", "5.00").await.value["fund_change"], "N");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(refund_status(&bench, "f").await, None);
    assert_eq!(
        refund(&bench, "f", "5.00").await.sub_code(),
        "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    );

    fault(&bench, "refund_pending_succeeded").await;
    assert_eq!(refund(&bench, "s", "9.90").await.value["fund_change"], "N");
    assert_eq!(bench.deliver().await, 0);
    assert_eq!(
        bench.sandbox.books(Rail::Alipay).await.expect("books").sums[0].out_minor,
        0
    );
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.deliver().await, 1);
    let bodies = receiver.bodies();
    let notice = verified(&bench, bodies.last().expect("a notice"));
    assert_eq!(
        (notice["out_biz_no"].as_str(), notice["refund_fee"].as_str()),
        ("s", "9.90")
    );
    assert_eq!(
        refund_status(&bench, "s").await.as_deref(),
        Some("REFUND_SUCCESS")
    );
    assert_eq!(
        bench.sandbox.books(Rail::Alipay).await.expect("books").sums[0].out_minor,
        990
    );
}

#[tokio::test]
async fn a_fault_acts_as_often_as_it_shall_and_on_its_order_only() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let [first, second] = [
        bench.code("a", &receiver.url).await,
        bench.code("b", &receiver.url).await,
    ];
    let lost = json!({ "kind": "callback_lost", "order": "b" });
    assert_eq!(put(&bench, lost).await.0, 201);
    bench.press(&first, "pay").await;
    assert_eq!(bench.deliver().await, 1);
    bench.press(&second, "pay").await;
    assert_eq!(bench.deliver().await, 0);

    let busy = json!({ "kind": "busy", "times": 2, "method": "alipay.trade.query" });
    assert_eq!(put(&bench, busy).await.0, 201);
    let open = listed(&bench).await;
    assert_eq!(
        (&open["data"][0]["kind"], &open["data"][0]["remaining"]),
        (&json!("busy"), &json!(2))
    );
    assert_eq!(open["kinds"].as_array().map(Vec::len), Some(20));
    for code in ["20000", "20000", "10000"] {
        assert_eq!(bench.query("a").await.code(), code);
    }
    fault(&bench, "busy").await;
    let cleared = bench
        .client
        .delete(format!("{}{FAULTS}", bench.base))
        .send()
        .await;
    assert_eq!(cleared.expect("an answer").status(), 204);
    assert_eq!(bench.query("a").await.code(), "10000");
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_with_a_reason() {
    let bench = Bench::start().await;
    for (wanted, says) in [
        (json!({ "kind": "rain" }), "kind is one of callback_lost"),
        (json!({ "kind": "busy", "times": 0 }), "times is 1-10000"),
        (
            json!({ "kind": "busy", "times": 10_001 }),
            "times is 1-10000",
        ),
        (
            json!({ "kind": "busy", "method": "alipay.trade.page.pay" }),
            "method is none",
        ),
        (
            json!({ "kind": "pay_twice", "method": "alipay.trade.query" }),
            "takes no method",
        ),
        (
            json!({ "kind": "busy", "argument": "ACQ.X" }),
            "takes no such argument",
        ),
        (
            json!({ "kind": "callback_late", "argument": "-1" }),
            "takes no such argument",
        ),
        (
            json!({ "kind": "wrong_amount", "argument": "free" }),
            "takes no such argument",
        ),
        (
            json!({ "kind": "busy", "order": "x".repeat(65) }),
            "1-64 plain characters",
        ),
        (
            json!({ "kind": "busy", "order": "a\u{0}" }),
            "1-64 plain characters",
        ),
    ] {
        let (status, text) = put(&bench, wanted.clone()).await;
        assert_eq!(status, 422, "{wanted}");
        assert!(text.contains(says), "{wanted}: {text}");
    }
    assert_eq!(
        put(&bench, json!({ "kind": "busy", "times": -1 })).await.0,
        422
    );
    assert_eq!(listed(&bench).await["data"], json!([]));
}

#[tokio::test]
async fn the_phone_has_a_button_for_each_fault() {
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    let press = async |kind: &str, origin: &str| {
        let sent = bench.client.post(format!("{code}/fault?lang=en"));
        let sent = sent.header("origin", origin).form(&[("kind", kind)]);
        sent.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(press("pay_twice", "https://evil.example").await, 403);
    assert_eq!(press("rain", &bench.base).await, 404);
    assert_eq!(press("pay_after_close", &bench.base).await, 303);
    let page = bench.scan(&code).await;
    assert_eq!(page.matches("name=\"kind\"").count(), 20);
    assert!(page.contains("all the same. ×1"), "{page}");
    let open = listed(&bench).await;
    assert_eq!(open["data"][0]["order"], "a");
    bench.press(&code, "close").await;
    let page = bench.scan(&code).await;
    assert!(
        page.contains("/pay?lang=en"),
        "a closed trade that can be paid: {page}"
    );
}
