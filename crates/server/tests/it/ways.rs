//! The ways to pay one order, and what comes back by the buyer's browser or from strangers.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{App, Buyer, Pen, each_engine, each_engine_with, until};

const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile";

fn wish(more: &Value) -> Value {
    let mut wish = json!({ "plan_slug": "pro", "payment_method": "alipay" });
    let members = wish.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    wish
}

async fn begun(app: &App, buyer: &Buyer, more: Value) -> Value {
    let answer = app.post(SUBSCRIBE, &buyer.token, wish(&more)).await;
    answer.expect(StatusCode::CREATED)
}

/// The hosted page's path.
fn page(order: &Value) -> String {
    let url = order["payment"]["checkout_url"].as_str().expect("a page");
    url[url.find("/checkout").expect("a path")..].to_owned()
}

/// What the address that a browser is sent to says.
fn query(url: &Value) -> std::collections::BTreeMap<String, String> {
    let url: url::Url = url
        .as_str()
        .expect("an address")
        .parse()
        .expect("an address");
    assert!(url.path().ends_with("/sandbox/alipay/gateway.do"), "{url}");
    url.query_pairs().into_owned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_gets_its_way_to_the_same_order() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let code = begun(app, &buyer, json!({})).await;
        assert_eq!(code["payment"]["kind"], "qr", "{code}");
        let order_no = &code["transaction"]["order_no"];
        for (client, kind, method) in [
            ("page", "redirect", "alipay.trade.page.pay"),
            ("h5", "redirect", "alipay.trade.wap.pay"),
            ("app", "app", "alipay.trade.app.pay"),
        ] {
            let order = begun(app, &buyer, json!({ "client": client })).await;
            assert_eq!(&order["transaction"]["order_no"], order_no);
            let payment = &order["payment"];
            assert_eq!(payment["kind"], kind);
            assert_eq!(payment["checkout_url"], code["payment"]["checkout_url"]);
            assert!(payment["qr_content"].is_null() && payment["expires_at"].is_string());
            let sent = match kind {
                "app" => {
                    let order = payment["order_string"].as_str().expect("an order");
                    url::form_urlencoded::parse(order.as_bytes())
                        .into_owned()
                        .collect()
                }
                _ => query(&payment["url"]),
            };
            assert_eq!(sent["method"], method);
            assert!(sent["biz_content"].contains(order_no.as_str().expect("a number")));
            if kind == "redirect" {
                let back = &sent["return_url"];
                assert!(
                    back.ends_with(&format!("{}/return", page(&order))),
                    "{back}"
                );
            }
        }
        // Nobody says it: the device does.
        let request = app
            .http
            .post(format!("{}{SUBSCRIBE}", app.url))
            .bearer_auth(&buyer.token);
        let request = request.header("user-agent", PHONE).json(&wish(&json!({})));
        let order: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(
            query(&order["payment"]["url"])["method"],
            "alipay.trade.wap.pay"
        );
        // The page offers what fits who looks at it, and signs it when it is asked for.
        for (agent, method) in [
            (PHONE, "alipay.trade.wap.pay"),
            ("", "alipay.trade.page.pay"),
        ] {
            let client = if agent.is_empty() { "page" } else { "h5" };
            let link = format!("{}/pay?client={client}", page(&code));
            let request = app.http.get(format!("{}{}", app.url, page(&code)));
            let html = request
                .header("user-agent", agent)
                .send()
                .await
                .expect("a page");
            assert!(html.text().await.expect("text").contains(&link), "{link}");
            let sent = app.get(&link, "").await;
            assert_eq!(sent.status, 303);
            let url = sent.headers["location"].to_str().expect("text");
            assert_eq!(query(&json!(url))["method"], method);
            // And the gateway takes it, though it knows the order by its code.
            let there = app.http.get(url).send().await.expect("the gateway's page");
            assert!(there.status().as_u16() < 400, "{}", there.status());
            let there = there.text().await.expect("text");
            assert!(!there.contains("ACQ."), "{there}");
        }
        for unknown in ["client=app", "client=x", "client="] {
            let link = format!("{}/pay?{unknown}", page(&code));
            app.get(&link, "").await.shows_page_of(404, "未找到");
        }
        for (client, code) in [("jsapi", "client_unavailable"), ("desk", "unknown_client")] {
            let answer = app
                .post(SUBSCRIBE, &buyer.token, wish(&json!({ "client": client })))
                .await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["code"], code);
            assert_eq!(problem["errors"][0]["field"], "/client");
        }
        assert_eq!(app.count(ORDERS).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_38_clicks_by_all_ways_at_once_are_one_order_and_its_first_code_is_paid_once() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let first = begun(app, &buyer, json!({})).await;
        let mut clicks = JoinSet::new();
        for click in 0..50 {
            let (http, url, token) = (app.http.clone(), app.url.clone(), buyer.token.clone());
            clicks.spawn(async move {
                let client = ["pc", "page", "h5", "app"][click % 4];
                let request = http.post(format!("{url}{SUBSCRIBE}")).bearer_auth(token);
                let request = request.json(&wish(&json!({ "client": client })));
                let answer = request.send().await.expect("answered");
                assert_eq!(answer.status(), StatusCode::CREATED);
                let order: Value = answer.json().await.expect("JSON");
                order["transaction"]["order_no"].clone()
            });
        }
        let numbers = clicks.join_all().await;
        let order_no = &first["transaction"]["order_no"];
        assert!(
            numbers.iter().all(|number| number == order_no),
            "{numbers:?}"
        );
        assert_eq!(app.count(ORDERS).await, 1);
        let code = first["payment"]["qr_content"].as_str().expect("a code");
        let code = code.rsplit('/').next().expect("its end");
        let phone = app.http.post(format!("{}/sandbox/pay/{code}/pay", app.url));
        let paid = phone.header("accept", "application/json").send().await;
        assert_eq!(paid.expect("paid").status(), StatusCode::OK);
        until("the subscription", async || app.count(LIVE).await == 1).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM suspense").await, 0);
        // What is asked for now is another order: this one is over.
        let link = format!("{}/pay?client=page", page(&first));
        let sent = app.get(&link, "").await;
        assert_eq!(sent.status, 303);
        let to = sent.headers["location"].to_str().expect("text");
        assert!(to.starts_with("../"), "{to}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_36_browsers_are_sent_back_to_listed_origins_only() {
    let settings = [("CORS_ORIGINS", "https://shop.example")];
    each_engine_with(&settings, async |app| {
        let buyer = app.buyer().await;
        for bad in [
            "javascript:alert(1)",
            "//evil.example",
            "/paid",
            "",
            "https://evil.example/",
            "https://shop.example@evil.example/",
            "https://user@shop.example/",
            "https://shop.exam\tple/",
            "http://shop.example/",
        ] {
            for plan in ["pro", "free"] {
                let body = wish(&json!({ "plan_slug": plan, "client": "page", "return_url": bad }));
                let answer = app.post(SUBSCRIBE, &buyer.token, body).await;
                let problem = answer.refused(422, "validation_failed");
                assert_eq!(problem["errors"][0]["field"], "/return_url", "{bad}");
            }
        }
        assert_eq!(app.count(ORDERS).await, 0);
        for good in [
            "https://shop.example/paid?x=1",
            &format!("{}/portal", app.url.replace("127.0.0.1", "localhost")),
        ] {
            let order = begun(app, &buyer, json!({ "client": "page", "return_url": good })).await;
            assert_eq!(query(&order["payment"]["url"])["return_url"], good);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_coming_back_is_checking_and_nothing_more() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = begun(app, &buyer, json!({ "client": "page" })).await;
        let pen = Pen::of(app).await;
        // As Alipay signs it, and sent to both doors by a buyer who has paid nothing.
        let mut back = pen.paid(&order);
        back.remove("trade_status");
        back.remove("notify_id");
        back.insert("method", "alipay.trade.page.pay.return".to_owned());
        let signed = pen.sign(&back);
        let came = app
            .get(&format!("{}/return?{signed}", page(&order)), "")
            .await;
        assert_eq!(came.status, 303);
        let to = came.headers["location"].to_str().expect("text");
        assert!(to.ends_with("?returned=1") && !to.contains("sign"), "{to}");
        let html = app
            .get(&format!("{}?returned=1&lang=en", page(&order)), "")
            .await;
        let html = html.expect(StatusCode::OK);
        assert!(
            html.as_str()
                .expect("text")
                .contains("Asking whether it is paid"),
            "{html}"
        );
        assert_eq!(app.notify(signed).await, (200, "success".to_owned()));
        let status = app.get(&format!("{}/status", page(&order)), "").await;
        assert_eq!(status.expect(StatusCode::OK)["status"], "pending");
        assert_eq!(app.count(LIVE).await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM suspense").await, 0);
        app.get("/checkout/nobodys/return", "")
            .await
            .shows_page_of(404, "未找到");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_coming_back_asks_the_provider() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = begun(app, &buyer, json!({})).await;
        let code = order["payment"]["qr_content"].as_str().expect("a code");
        let code = code.rsplit('/').next().expect("its end");
        app.clock.advance(Duration::from_secs(6));
        let phone = app.http.post(format!("{}/sandbox/pay/{code}/pay", app.url));
        let paid = phone.header("accept", "application/json").send().await;
        assert_eq!(paid.expect("paid").status(), StatusCode::OK);
        let came = app.get(&format!("{}/return", page(&order)), "").await;
        assert_eq!(came.status, 303);
        until("the end of the question", async || {
            let status = app.get(&format!("{}/status", page(&order)), "").await;
            status.expect(StatusCode::OK)["status"] == "completed"
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_44_genuine_money_of_no_order_is_kept_whatever_its_number_is() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        let numbers = [
            "0198c0de0198c0de0198c0de0198c0de",
            "' OR 1=1; DROP TABLE payment_transactions; --",
            "../../admin",
            "专业\u{202e}",
            "a=b;c",
            &"9".repeat(2_000),
        ];
        for (index, order_no) in numbers.iter().enumerate() {
            let mut fields = pen.paid(&order);
            fields.insert("out_trade_no", (*order_no).to_owned());
            fields.insert("trade_no", format!("2026{index}"));
            fields.insert("notify_id", format!("n{index}"));
            let told = app.notify(pen.sign(&fields)).await;
            assert_eq!(told, (200, "success".to_owned()), "{order_no}");
        }
        let kept = "SELECT COUNT(*) FROM suspense WHERE cause = 'unknown_order'";
        assert_eq!(
            app.count(kept).await,
            i64::try_from(numbers.len()).expect("a few")
        );
        let mut fields = pen.paid(&order);
        fields.insert("out_trade_no", "a\0b".to_owned());
        assert_eq!(
            app.notify(pen.sign(&fields)).await,
            (400, "failure".to_owned())
        );
        assert_eq!((app.count(ORDERS).await, app.count(LIVE).await), (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_41_what_is_not_genuine_is_refused_in_alipays_words_and_kept() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        let genuine = pen.sign(&pen.paid(&order));
        let forged = [
            genuine.replace("sign_type=RSA2", "sign_type=RSA"),
            genuine.replace("sign_type=RSA2", "sign_type=MD5"),
            genuine.split("&sign=").next().expect("a part").to_owned(),
            format!("{}&sign=", genuine.split("&sign=").next().expect("a part")),
            genuine.replace("TRADE_SUCCESS", "TRADE_FINISHED"),
            genuine.replace("total_amount=99.00", "total_amount=99.0"),
        ];
        let count = i64::try_from(forged.len()).expect("a few");
        for notice in forged {
            assert_eq!(app.notify(notice).await, (401, "failure".to_owned()));
        }
        let kept = "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'forged'";
        assert_eq!(app.count(kept).await, count);
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_inbox").await, 0);
        assert_eq!(app.count(LIVE).await, 0);
        assert_eq!(app.notify(genuine).await, (200, "success".to_owned()));
        assert_eq!(app.count(LIVE).await, 1);
    })
    .await;
}
