//! The page a buyer sees.

use axum::Router;
use reqwest::header;
use serde_json::json;

use crate::harness::{Bench, Receiver, order};

#[tokio::test]
async fn the_page_speaks_both_languages_and_runs_nothing() {
    let bench = Bench::start().await;
    let mut wanted = order("a");
    wanted["subject"] = "<script>alert(1)<\"b\">".into();
    // A slash would be refused, so the tag stays open; it must be text all the same.
    let code = bench.precreate(wanted, "").await.value["qr_code"].clone();
    let code = code.as_str().expect("a code");
    for (query, accept, lang, words) in [
        (
            "",
            "zh-CN,zh;q=0.9,en;q=0.8",
            "zh-CN",
            ["沙箱，不产生真实扣款", "¥9.90", "确认付款"],
        ),
        (
            "?lang=en",
            "zh-CN",
            "en",
            ["SANDBOX · no real money", "CN¥9.90", ">Pay<"],
        ),
        (
            "",
            "de",
            "en",
            ["Waiting for you to pay", "CN¥9.90", ">Close<"],
        ),
        (
            "?lang=zh-CN",
            "en",
            "zh-CN",
            ["等待付款", "商户订单号", "模拟付款失败"],
        ),
        ("?lang=xx", "en", "en", ["Order", "Item", ">Fail<"]),
    ] {
        let response = bench
            .client
            .get(format!("{code}{query}"))
            .header(header::ACCEPT_LANGUAGE, accept)
            .send()
            .await
            .expect("a page");
        assert_eq!(response.headers()[header::CONTENT_LANGUAGE], lang);
        assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].clone();
        let policy = policy.to_str().expect("text");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let page = response.text().await.expect("a text");
        assert!(page.contains(&format!("<html lang=\"{lang}\">")), "{page}");
        for word in words {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(
            !page.contains("<script") && !page.contains("style="),
            "{page}"
        );
    }
    let css = bench
        .client
        .get(format!("{}/sandbox/static/phone.css", bench.base));
    let css = css.send().await.expect("a stylesheet");
    assert_eq!(
        css.headers()[header::CONTENT_TYPE],
        "text/css; charset=utf-8"
    );
}

#[tokio::test]
async fn the_forms_lead_through_a_purchase() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&[(200, "success")]).await;
    let code = bench.code("a", &receiver.url).await;
    let page = bench.scan(&code).await;
    let number = code.rsplit('/').next().expect("a number");
    assert!(
        page.contains(&format!("action=\"{number}/pay?lang=en\"")),
        "{page}"
    );
    let press = async |action: &str| {
        let url = reqwest::Url::parse(&format!("{code}/{action}?lang=en")).expect("a URL");
        let post = bench
            .client
            .post(url.clone())
            .header(header::ORIGIN, &bench.base);
        let answer = post.send().await.expect("an answer");
        assert_eq!(answer.status(), 303);
        let next = answer.headers()[header::LOCATION].to_str().expect("text");
        let next = url.join(next).expect("a URL");
        assert_eq!(next.path(), format!("/sandbox/pay/{number}"));
        bench.scan(next.as_str()).await
    };
    let page = press("fail").await;
    assert!(
        page.contains("Payment failed") && page.contains(">Pay<"),
        "{page}"
    );
    let page = press("pay").await;
    assert!(
        page.contains("Paid ✓") && page.contains("being sent"),
        "{page}"
    );
    assert!(
        page.contains("http-equiv=\"refresh\"") && !page.contains("/pay?lang="),
        "{page}"
    );
    bench.deliver().await;
    let page = press("close").await;
    assert!(
        page.contains("Paid ✓") && page.contains("accepted by the merchant"),
        "{page}"
    );
    assert!(!page.contains("http-equiv=\"refresh\""), "{page}");
}

#[tokio::test]
async fn other_sites_cannot_press_the_buttons() {
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    bench.scan(&code).await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let post = bench.client.post(format!("{code}/pay")).header(name, value);
        let answer = post.send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{name}: {value}");
    }
    assert_eq!(bench.status("a").await, "WAIT_BUYER_PAY");
    let frame = bench
        .client
        .get(format!("{code}/pay"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(frame.status(), 405);
}

#[tokio::test]
async fn an_order_number_leads_to_its_phone_and_an_unknown_code_nowhere() {
    let bench = Bench::start().await;
    bench.code("0198c0de", "").await;
    let by_order = format!("{}/sandbox/pay/0198c0de", bench.base);
    assert_eq!(
        bench.press(&by_order, "pay").await.1["trade_status"],
        "TRADE_SUCCESS"
    );
    assert!(bench.scan(&by_order).await.contains("Paid ✓"));
    let unknown = format!("{}/sandbox/pay/nothing", bench.base);
    let page = bench.client.get(&unknown).send().await.expect("a page");
    assert_eq!(page.status(), 404);
    assert!(page.text().await.expect("a text").contains("No such code"));
    assert_eq!(bench.press(&unknown, "pay").await.0, 404);
    assert_eq!(bench.press(&by_order, "steal").await.0, 404);
}

#[tokio::test]
async fn the_routes_fit_under_a_host_of_any_state_and_prefix() {
    #[derive(Clone)]
    struct Host;
    let bench = Bench::start().await;
    let code = bench.code("a", "").await;
    let path = code.strip_prefix(&bench.base).expect("ours").to_owned();
    let app: Router = Router::new()
        .nest("/shop", bench.sandbox.router::<Host>())
        .with_state(Host);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (status, answer) = bench.press(&format!("{base}/shop{path}"), "pay").await;
    assert_eq!(
        (status, &answer["trade_status"]),
        (200, &json!("TRADE_SUCCESS"))
    );
}
