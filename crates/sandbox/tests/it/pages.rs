//! Pages, apps, cancelling, and refunds by hand.

use serde_json::{Value, json};
use tollgate_sandbox::Rail;

use crate::harness::{Bench, Receiver, order, verified};

/// What a browser opens: the address of the phone, or the status and the text of the refusal.
async fn open(
    bench: &Bench,
    method: &str,
    content: &Value,
    urls: [&str; 2],
) -> Result<String, (u16, String)> {
    let mut parameters = bench.common(method, content);
    for (name, url) in ["notify_url", "return_url"].into_iter().zip(urls) {
        parameters.insert(name.to_owned(), url.to_owned());
    }
    bench.sign(&mut parameters);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&parameters)
        .finish();
    let sent = bench
        .client
        .get(format!("{}?{query}", bench.merchant.gateway));
    let answer = sent.send().await.expect("an answer");
    if answer.status() == 303 {
        let to = answer.headers()["location"].to_str().expect("text");
        return Ok(to.to_owned());
    }
    let status = answer.status().as_u16();
    Err((status, answer.text().await.expect("a text")))
}

fn wanted(number: &str, product: &str) -> Value {
    let mut wanted = order(number);
    wanted["product_code"] = product.into();
    wanted
}

const PRODUCTS: [(&str, &str); 3] = [
    ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
];

#[tokio::test]
async fn a_page_leads_to_the_phone_and_back_to_the_shop() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    for (method, product) in PRODUCTS {
        let urls = [receiver.url.as_str(), "https://shop.example/back?a=1"];
        let phone = open(&bench, method, &wanted(product, product), urls).await;
        let phone = phone.expect("the phone");
        assert!(
            phone.starts_with(&format!("{}/sandbox/pay/", bench.base)),
            "{phone}"
        );
        assert_eq!(
            bench.status(product).await,
            "ACQ.TRADE_NOT_EXIST",
            "nobody has looked"
        );
        let page = bench.scan(&phone).await;
        assert!(!page.contains("shop.example"), "no way back before paying");
        assert_eq!(bench.press(&phone, "pay").await.0, 200);
        assert_eq!(bench.status(product).await, "TRADE_SUCCESS");
        let page = bench.scan(&phone).await;
        if method == "alipay.trade.app.pay" {
            assert!(!page.contains("shop.example"));
            continue;
        }
        let way = page
            .split("href=\"")
            .find(|part| part.starts_with("https://shop.example"));
        let way = way
            .and_then(|part| part.split('"').next())
            .expect("a way back");
        let way = way.replace("&#38;", "&").replace("&amp;", "&");
        let query = way.split_once('?').expect("a query").1;
        let signed = query.strip_prefix("a=1&").expect("what was there stays");
        let fields = verified(&bench, signed);
        assert_eq!(
            (
                fields["out_trade_no"].as_str(),
                fields["total_amount"].as_str()
            ),
            (product, "9.90")
        );
        assert_eq!(
            fields.get("trade_status"),
            None,
            "it proves nothing about money"
        );
    }
    assert_eq!(bench.deliver().await, 3);
}

#[tokio::test]
async fn what_a_browser_brings_is_checked_as_a_call_is() {
    let bench = Bench::start().await;
    let page = wanted("a", "FAST_INSTANT_TRADE_PAY");
    for (content, urls, says) in [
        (wanted("a", "QUICK_WAP_WAY"), ["", ""], "product_code"),
        (order("a"), ["", ""], "product_code"),
        (page.clone(), ["", "javascript:alert(1)"], "return_url"),
        (page.clone(), ["https://shop.example/cb", ""], "notify_url"),
    ] {
        let (status, text) = open(&bench, "alipay.trade.page.pay", &content, urls)
            .await
            .expect_err(says);
        assert!(status == 400 && text.contains(says), "{status} {text}");
    }
    let mut parameters = bench.common("alipay.trade.page.pay", &page);
    bench.sign(&mut parameters);
    parameters.insert(
        "biz_content".to_owned(),
        page.to_string().replace("9.90", "0.01"),
    );
    let sent = bench
        .client
        .post(&bench.merchant.gateway)
        .form(&parameters)
        .send()
        .await;
    let answer = sent.expect("an answer");
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.expect("a text");
    assert!(text.contains("isv.invalid-signature"), "{text}");
    assert_eq!(bench.status("a").await, "ACQ.TRADE_NOT_EXIST");
}

#[tokio::test]
async fn only_pages_of_phones_and_apps_are_told_of_a_closing() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    for (method, product) in PRODUCTS {
        let phone = open(
            &bench,
            method,
            &wanted(product, product),
            [&receiver.url, ""],
        )
        .await;
        bench.press(&phone.expect("the phone"), "close").await;
    }
    assert_eq!(bench.deliver().await, 2);
    for body in receiver.bodies() {
        assert_eq!(verified(&bench, &body)["trade_status"], "TRADE_CLOSED");
    }
}

#[tokio::test]
async fn cancelling_closes_or_gives_back_and_knows_no_stranger() {
    let bench = Bench::start().await;
    let cancel = async |number: &str| {
        let asked = json!({ "out_trade_no": number });
        let answer = bench.call("alipay.trade.cancel", asked).await;
        assert_eq!(
            (answer.code(), answer.value["retry_flag"].as_str()),
            ("10000", Some("N"))
        );
        answer.value["action"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(cancel("nobody").await, "");
    let code = bench.code("a", "").await;
    assert_eq!(cancel("a").await, "", "an unscanned code is no trade");
    bench.scan(&code).await;
    assert_eq!(cancel("a").await, "close");
    assert_eq!(bench.status("a").await, "TRADE_CLOSED");
    let code = bench.code("b", "").await;
    bench.press(&code, "pay").await;
    for _ in 0..2 {
        assert_eq!(cancel("b").await, "refund");
    }
    assert_eq!(bench.status("b").await, "TRADE_CLOSED");
    let books = bench.sandbox.books(Rail::Alipay).await.expect("books");
    let moved: Vec<_> = books
        .data
        .iter()
        .map(|row| (row.direction, row.cause, row.amount_minor))
        .collect();
    assert_eq!(moved, [("in", "payment", 990), ("out", "cancel", 990)]);
}

#[tokio::test]
async fn a_refund_by_hand_is_told_without_a_number_of_the_merchants() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let by_hand = async |number: &str, amount: &str| {
        let sent = bench
            .client
            .post(format!("{}/sandbox/alipay/console-refund", bench.base));
        let sent = sent
            .json(&json!({ "out_trade_no": number, "amount": amount }))
            .send()
            .await;
        let answer = sent.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        (
            status,
            serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text)),
        )
    };
    assert_eq!(by_hand("a", "1.00").await.0, 422, "no such trade");
    let code = bench.code("a", &receiver.url).await;
    bench.press(&code, "pay").await;
    bench.deliver().await;
    let own = json!({ "out_trade_no": "a", "out_request_no": "r", "refund_amount": "1.00" });
    assert_eq!(bench.call("alipay.trade.refund", own).await.code(), "10000");
    for amount in ["0", "-1", "8.91", "1.001", "x"] {
        assert_eq!(by_hand("a", amount).await.0, 422, "{amount}");
    }
    let (status, made) = by_hand("a", "2.00").await;
    assert_eq!(
        (status, made["refund_fee"].as_str()),
        (201, Some("3.00")),
        "{made}"
    );
    bench.deliver().await;
    let notice = verified(&bench, receiver.bodies().last().expect("a notice"));
    assert_eq!(
        notice["out_biz_no"],
        made["out_biz_no"].as_str().expect("a number")
    );
    assert_eq!(
        (
            notice["refund_fee"].as_str(),
            notice["trade_status"].as_str()
        ),
        ("3.00", "TRADE_SUCCESS")
    );
    let url = format!("{}/sandbox/alipay/books?after=1", bench.base);
    let books: Value = bench
        .client
        .get(url)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let causes: Vec<_> = books["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["cause"].clone())
        .collect();
    assert_eq!(causes, ["refund", "console"]);
    assert_eq!(books["sums"][0]["net_minor"], 690);
}
