//! The hosted checkout: what it shows of an order, where it leads from every device, and what it says at the end.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tollgate_storage::in_tx;

use crate::conformance_stripe::Account;
use crate::harness::{Answer, App, Buyer, each_engine, each_engine_with, until};
use crate::refunds::{finance, refund};

const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
const OPEN: &str =
    "SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending')";
const PAID: &str = "SELECT COUNT(*) FROM payment_transactions WHERE paid_at IS NOT NULL";
const QUESTIONS: &str = "SELECT COUNT(*) FROM payment_attempts WHERE operation = 'query'";
const DESK: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile";
const WECHAT: &str =
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/134.0 Mobile MicroMessenger/8.0.60";

/// An order of a plan by a rail.
pub(super) async fn order(app: &App, buyer: &Buyer, more: Value) -> Value {
    let mut wish = json!({ "plan_slug": "pro", "payment_method": "alipay" });
    let members = wish.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let begun = app.post(SUBSCRIBE, &buyer.token, wish).await;
    begun.expect(StatusCode::CREATED)
}

/// The hosted page's path.
pub(super) fn path(order: &Value) -> String {
    let url = order["payment"]["checkout_url"].as_str().expect("a page");
    url[url.find("/checkout").expect("a path")..].to_owned()
}

fn number(order: &Value) -> &str {
    order["transaction"]["order_no"].as_str().expect("a number")
}

/// What the buyer's phone does with an order, by its number.
pub(super) async fn press(app: &App, order: &Value, action: &str) {
    let code = order["payment"]["qr_content"].as_str();
    let code = code.and_then(|code| code.rsplit('/').next());
    let code = code.unwrap_or_else(|| number(order));
    let phone = app
        .http
        .post(format!("{}/sandbox/pay/{code}/{action}", app.url));
    let done = phone.header("accept", "application/json").send().await;
    assert_eq!(done.expect("an answer").status(), StatusCode::OK, "{code}");
}

/// A page as a device reads it.
async fn seen(
    app: &App,
    path: &str,
    agent: &str,
    language: &str,
) -> (StatusCode, HeaderMap, String) {
    let request = app.http.get(format!("{}{path}", app.url));
    let request = request.header("accept", "text/html");
    let request = request.header("user-agent", agent);
    let answer = request.header("accept-language", language).send().await;
    let answer = answer.expect("a page");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.text().await.expect("text"))
}

async fn html(app: &App, path: &str, agent: &str) -> String {
    let (status, _, text) = seen(app, path, agent, "en").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    text
}

#[track_caller]
fn says(html: &str, texts: &[&str]) {
    for text in texts {
        assert!(html.contains(text), "not said: {text}\n{html}");
    }
}

#[track_caller]
fn hides(html: &str, texts: &[&str]) {
    for text in texts {
        assert!(!html.contains(text), "said: {text}\n{html}");
    }
}

/// "I have paid, check now", as the page's own button sends it.
async fn check(app: &App, page: &str) -> String {
    let request = app.http.post(format!("{}{page}/check", app.url));
    let pressed = request.header("origin", &app.url).send().await;
    let pressed = pressed.expect("an answer");
    assert_eq!(pressed.status(), StatusCode::SEE_OTHER);
    let to = pressed.headers()["location"].to_str().expect("text");
    to.strip_prefix("../")
        .expect("the page beside it")
        .to_owned()
}

async fn change(app: &App, statement: &'static str, text: &str) {
    let mut tx = app.db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(text)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_shown_from_the_order_to_the_receipt_on_each_rail() {
    each_engine(async |app| {
        let card = Account::of(app);
        for (method, way) in [
            ("alipay", "qr.svg"),
            ("wechat", "qr.svg"),
            ("stripe", "Pay by card"),
        ] {
            let buyer = app.buyer().await;
            let begun = order(app, &buyer, json!({ "payment_method": method })).await;
            let page = path(&begun);
            let shown = html(app, &page, DESK).await;
            says(
                &shown,
                &[
                    "Pro",
                    "1 month",
                    "1,000 processed images a month",
                    "CN¥99.00",
                    number(&begun),
                    way,
                ],
            );
            says(
                &shown,
                &[
                    "id=\"left\"",
                    "aria-live=\"off\"",
                    "role=\"status\"",
                    "http-equiv=\"refresh\"",
                ],
            );
            hides(&shown, &["/portal/payments/", "Receipt"]);
            // Of the person nothing is shown, to whoever has the link.
            let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
            for text in ["email", "username", "id"] {
                hides(&shown, &[me[text].as_str().expect("text")]);
            }
            let (_, _, zh) = seen(app, &page, DESK, "zh-CN").await;
            says(
                &zh,
                &[
                    "开通套餐",
                    "专业版",
                    "¥99.00",
                    "我已支付，立即查询",
                    "等待支付",
                ],
            );
            hides(&zh, &["CN¥", ">checkout."]);
            if method == "stripe" {
                card.card(number(&begun), "4242424242424242").await;
            } else {
                press(app, &begun, "pay").await;
            }
            until("it is paid", async || {
                html(app, &page, DESK).await.contains("Paid ✓")
            })
            .await;
            let shown = html(app, &page, DESK).await;
            let receipt = format!(
                "/portal/payments/{}",
                begun["transaction"]["id"].as_str().expect("an id")
            );
            says(
                &shown,
                &[
                    "Pro",
                    "1 month",
                    "CN¥99.00",
                    "Valid",
                    "Paid on",
                    &receipt,
                    "href=\"/portal\"",
                ],
            );
            hides(
                &shown,
                &[
                    "qr.svg",
                    "/pay?client",
                    "id=\"left\"",
                    "http-equiv",
                    "<form",
                ],
            );
            // Nothing is left to scan.
            app.get(&format!("{page}/qr.svg"), "")
                .await
                .shows_page_of(404, "未找到");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_shows_what_is_counted_for_the_plan_before() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        crate::refunds::paid(app, &buyer).await;
        let begun = order(app, &buyer, json!({ "plan_slug": "enterprise" })).await;
        let amount = begun["transaction"]["amount_minor"].as_i64().expect("a number");
        assert!(amount < 999_900, "{begun}");
        let credit = 999_900 - amount;
        let credit = format!("−CN¥{}.{:02}", credit / 100, credit % 100);
        let shown = html(app, &path(&begun), DESK).await;
        says(&shown, &["Change of plan", "Enterprise", "1 year", "CN¥9,999.00", &credit, "Unlimited"]);
        // A later price is not this order's.
        app.damage("UPDATE subscription_plans SET price = 1, version = version + 1 WHERE slug = 'enterprise'").await;
        let shown = html(app, &path(&begun), DESK).await;
        says(&shown, &["CN¥9,999.00", &credit]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_device_is_led_where_it_can_pay() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let page = path(&begun);
        let desk = html(app, &page, DESK).await;
        says(&desk, &["class=\"qr\"", "/pay?client=page\"", "method=wechat"]);
        hides(&desk, &["Scan with another device", "client=h5"]);
        let phone = html(app, &page, PHONE).await;
        says(&phone, &["class=\"button pay-by alipay\"", "/pay?client=h5\"", "Scan with another device"]);
        says(&phone, &["client=h5&amp;method=wechat", "client=h5&amp;method=stripe"]);
        // WeChat opens nothing of Alipay's, and its own page for phones works outside of it only.
        let inside = html(app, &page, WECHAT).await;
        says(&inside, &["in the browser", &format!("{page}</code>"), "client=pc&amp;method=wechat"]);
        hides(&inside, &["pay-by alipay", "client=h5&amp;method=wechat"]);
        let there = app.get(&format!("{page}/pay?client=pc&method=wechat"), "").await;
        assert_eq!(there.status, 303);
        let to = there.headers["location"].to_str().expect("text");
        let code = html(app, &to[to.find("/checkout").expect("a page")..], WECHAT).await;
        says(&code, &["Press and hold the code", "class=\"qr\"", "in the browser"]);
        hides(&code, &["Scan with another device", "pay-by wechat"]);
        // The host has said who the buyer is in WeChat: its bridge pays, and nothing elsewhere.
        let buyer = app.buyer().await;
        let wish = json!({ "payment_method": "wechat", "client": "jsapi", "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" });
        let bridged = order(app, &buyer, wish).await;
        let inside = html(app, &path(&bridged), WECHAT).await;
        says(&inside, &["id=\"bridge\"", "paySign", "prepay_id="]);
        hides(&html(app, &path(&bridged), PHONE).await, &["id=\"bridge\"", "paySign"]);
        says(&html(app, &path(&bridged), DESK).await, &["/pay?client=pc\""]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rails_page_sees_the_house_that_a_buyer_comes_from_and_not_the_link() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let page = path(&order(app, &buyer, json!({})).await);
        let shown = seen(app, &page, PHONE, "en").await;
        assert_eq!(shown.1["referrer-policy"], "same-origin");
        // WeChat refuses who comes from nowhere.
        let way = shown
            .2
            .split("<a ")
            .find(|tag| tag.contains("/pay?client=h5\""));
        assert!(
            !way.expect("a button").contains("noreferrer"),
            "{}",
            shown.2
        );
        let there = app.get(&format!("{page}/pay?client=h5"), "").await;
        assert_eq!(
            (there.status, &there.headers["referrer-policy"]),
            (303, &"origin".parse().expect("a word"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_paid_in_time_is_ordered_anew_or_by_another_rail() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let page = path(&begun);
        app.clock.advance(Duration::from_mins(31));
        // Its rail may not have said so yet: what nobody can pay is not offered.
        let shown = html(app, &page, DESK).await;
        says(&shown, &["Get a new code", "client=pc&amp;method=alipay", "client=pc&amp;method=wechat"]);
        hides(&shown, &["class=\"qr\"", "id=\"left\"", "client=page"]);
        let there = app.get(&format!("{page}/pay?client=pc&method=alipay"), "").await;
        let to = there.headers["location"].to_str().expect("text");
        let second = to[to.find("/checkout").expect("a page")..].to_owned();
        assert_ne!(second, page);
        says(&html(app, &second, DESK).await, &["class=\"qr\"", "id=\"left\""]);
        until("the end of the first", async || app.count(OPEN).await == 1).await;
        let shown = html(app, &page, PHONE).await;
        says(&shown, &["The order is closed", "It was not paid in time", "Pay again", "client=h5&amp;method=alipay"]);
        hides(&shown, &["http-equiv"]);
        // A payment of the host's own cannot be ordered here.
        let wish = json!({ "amount": "9.90", "currency": "CNY", "payment_method": "alipay", "description": "A report" });
        let session = app.sign_in(&buyer).await;
        let own = app.post("/payments/create", &session, wish).await;
        let own = own.expect(StatusCode::CREATED);
        says(&html(app, &path(&own), DESK).await, &["A report", "CN¥9.90", "class=\"qr\""]);
        app.clock.advance(Duration::from_mins(31));
        let shown = html(app, &path(&own), DESK).await;
        says(&shown, &["Order again where you came from"]);
        hides(&shown, &["/pay?client"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_is_paid_by_another_rail() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let page = path(&begun);
        press(app, &begun, "close").await;
        app.clock.advance(Duration::from_secs(6));
        let after = check(app, &page).await;
        until("it is closed", async || {
            html(app, &format!("/checkout/{after}"), DESK)
                .await
                .contains("declined or closed")
        })
        .await;
        let shown = html(app, &page, DESK).await;
        says(
            &shown,
            &[
                "client=pc&amp;method=alipay",
                "client=pc&amp;method=wechat",
                "client=pc&amp;method=stripe",
            ],
        );
        let there = app
            .get(&format!("{page}/pay?client=pc&method=wechat"), "")
            .await;
        let to = there.headers["location"].to_str().expect("text");
        let second = html(app, &to[to.find("/checkout").expect("a page")..], DESK).await;
        let code = second.split("/sandbox/pay/").nth(1);
        // WeChat's codes open no page.
        assert!(code.is_none_or(|code| code.contains('"')));
        let list = app
            .get("/payments/transactions", &buyer.token)
            .await
            .expect(StatusCode::OK);
        let newest = &list["data"][0];
        assert_eq!(newest["payment_method"], "wechat", "{list}");
        let number = newest["order_no"].as_str().expect("a number");
        let phone = app
            .http
            .post(format!("{}/sandbox/pay/{number}/pay", app.url));
        let paid = phone.header("accept", "application/json").send().await;
        assert_eq!(paid.expect("paid").status(), StatusCode::OK);
        until("it is paid", async || app.count(PAID).await == 1).await;
        assert_eq!(app.count(ORDERS).await, 2);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rail_that_is_away_is_told_on_the_page_and_another_one_serves() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let page = path(&order(app, &buyer, json!({})).await);
        let fault = json!({ "kind": "server_error", "times": 9 });
        let put = app.post("/sandbox/wechat/faults", "", fault).await;
        assert_eq!(put.status, 201, "{}", put.body);
        let there = app
            .get(&format!("{page}/pay?client=pc&method=wechat"), "")
            .await;
        assert_eq!(there.status, 303, "{}", there.body);
        let to = there.headers["location"].to_str().expect("text");
        assert!(to.ends_with("?told=busy"), "{to}");
        let shown = html(app, &format!("{page}?told=busy"), DESK).await;
        says(
            &shown,
            &["role=\"alert\"", "or choose another", "class=\"qr\""],
        );
        for word in ["x", "", "%3Cscript%3E", "OffSale"] {
            hides(
                &html(app, &format!("{page}?told={word}"), DESK).await,
                &["role=\"alert\""],
            );
        }
        app.damage("UPDATE subscription_plans SET is_active = (1 = 0) WHERE slug = 'pro'")
            .await;
        let there = app
            .get(&format!("{page}/pay?client=pc&method=stripe"), "")
            .await;
        assert!(
            there.headers["location"]
                .to_str()
                .expect("text")
                .ends_with("?told=off_sale")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_often_makes_us_ask_once() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let page = path(&order(app, &buyer, json!({})).await);
        // Younger than that nobody has had time to pay.
        let after = check(app, &page).await;
        says(
            &html(app, &format!("/checkout/{after}"), DESK).await,
            &["only seconds old"],
        );
        assert_eq!(app.count(QUESTIONS).await, 0);
        app.clock.advance(Duration::from_secs(6));
        let presses = (0..20).map(|_| check(app, &page));
        futures_util::future::join_all(presses).await;
        let asked = app.count(QUESTIONS).await;
        // One of ours, one of the standing duty.
        assert!((1..=3).contains(&asked), "{asked} questions");
        let after = check(app, &page).await;
        let shown = html(app, &format!("/checkout/{after}"), DESK).await;
        says(
            &shown,
            &[
                "Not paid yet; we have just asked",
                "Waiting for the payment",
            ],
        );
        // From another site nobody presses it.
        let request = app.http.post(format!("{}{page}/check", app.url));
        let foreign = request
            .header("origin", "https://evil.example")
            .send()
            .await;
        let refused = Answer::read(foreign.expect("an answer")).await;
        refused.shows_page_of(403, "<h1>");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_nobody_is_a_page_that_says_so() {
    each_engine(async |app| {
        for link in [
            "nobodys",
            "%3Cscript%3E",
            &"A".repeat(43),
            "..%2Fportal",
            &"a".repeat(3_000),
        ] {
            for below in [
                "",
                "/qr.svg",
                "/status",
                "/events",
                "/pay?client=pc",
                "/return",
            ] {
                let answer = app.get(&format!("/checkout/{link}{below}"), "").await;
                answer.shows_page_of(404, "未找到");
            }
            let answer = app
                .call(
                    reqwest::Method::POST,
                    &format!("/checkout/{link}/check"),
                    "",
                    None,
                )
                .await;
            answer.shows_page_of(404, "未找到");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_text_on_the_page_of_an_order() {
    const HOSTILE: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>\u{202e}x";
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let wish = json!({ "amount": "9.90", "currency": "CNY", "payment_method": "alipay", "description": HOSTILE });
        let own = app.post("/payments/create", &buyer.token, wish).await;
        let own = own.expect(StatusCode::CREATED);
        change(app, "UPDATE subscription_plans SET name = $1, texts = '{}' WHERE slug = 'pro'", HOSTILE).await;
        let plan = order(app, &buyer, json!({})).await;
        for begun in [own, plan] {
            for agent in [DESK, PHONE, WECHAT] {
                let shown = html(app, &path(&begun), agent).await;
                says(&shown, &["<h1><bdi>&#60;script&#62;alert(1)"]);
                hides(&shown, &["<script>", "<img src=x"]);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_leads_back_to_its_shop_and_says_what_went_back() {
    let settings = [("CORS_ORIGINS", "https://shop.example")];
    each_engine_with(&settings, async |app| {
        let buyer = app.buyer().await;
        let back = "https://shop.example/thanks?order=1&x=2";
        let begun = order(app, &buyer, json!({ "return_url": back })).await;
        let page = path(&begun);
        hides(&html(app, &page, DESK).await, &["shop.example"]);
        press(app, &begun, "pay").await;
        until("it is paid", async || app.count(PAID).await == 1).await;
        says(
            &html(app, &page, DESK).await,
            &["href=\"https://shop.example/thanks?order=1&#38;x=2\""],
        );
        let staff = finance(app).await;
        let id = begun["transaction"]["id"].as_str().expect("an id");
        let body = json!({ "amount": "9.00", "reason": "a part" });
        refund(app, &staff, id, body)
            .await
            .expect(StatusCode::CREATED);
        until("the part is back", async || {
            html(app, &page, DESK).await.contains("CN¥9.00")
        })
        .await;
        says(
            &html(app, &page, DESK).await,
            &["Paid ✓", "Refunded", "CN¥99.00"],
        );
        let body = json!({ "reason": "all" });
        refund(app, &staff, id, body)
            .await
            .expect(StatusCode::CREATED);
        until("all is back", async || {
            html(app, &page, DESK)
                .await
                .contains("data-status=\"refunded\"")
        })
        .await;
        let shown = html(app, &page, DESK).await;
        says(&shown, &["Refunded", "/portal/payments/"]);
        hides(&shown, &["Valid", "/pay?client", "Paid ✓"]);
    })
    .await;
}
