//! Another rail for the same wish: from the hosted page, by whoever has its link.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, each_engine, until};

const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
const OPEN: &str =
    "SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending')";
const TERMS: &str =
    "SELECT COUNT(*) FROM outbox WHERE kind IN ('subscription.activated', 'subscription.renewed')";
const RETURNED: &str =
    "SELECT COUNT(*) FROM refunds WHERE origin = 'surplus' AND state = 'succeeded'";
const PHONE: &str = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile";

/// The hosted page's path.
fn page(order: &Value) -> String {
    let url = order["payment"]["checkout_url"].as_str().expect("a page");
    url[url.find("/checkout").expect("a path")..].to_owned()
}

async fn html(app: &App, path: &str, agent: &str) -> String {
    let request = app.http.get(format!("{}{path}", app.url));
    let answer = request.header("user-agent", agent).send().await;
    let answer = answer.expect("a page");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.expect("text")
}

/// Where a click leads.
async fn click(app: &App, path: &str) -> String {
    let answer = app.get(path, "").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.headers["location"]
        .to_str()
        .expect("text")
        .to_owned()
}

fn path_of(url: &str) -> &str {
    url.find("/checkout").map_or(url, |at| &url[at..])
}

/// The buyer's phone, by the order's number or a code.
async fn pays(app: &App, code: &str) {
    let number = code.rsplit('/').next().unwrap_or(code);
    let number = number.split('?').next().unwrap_or(number);
    let phone = app
        .http
        .post(format!("{}/sandbox/pay/{number}/pay", app.url));
    let paid = phone.header("accept", "application/json").send().await;
    assert_eq!(
        paid.expect("an answer").status(),
        StatusCode::OK,
        "{number}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p6_an_order_that_moves_to_another_rail_is_neither_lost_nor_doubled() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let first = app.order(&buyer).await;
        let shown = html(app, &page(&first), "").await;
        let link = format!("{}/pay?client=pc&amp;method=wechat", page(&first));
        assert!(shown.contains(&link), "{shown}");
        assert!(
            shown.contains("qr.svg") && shown.contains("client=page\""),
            "{shown}"
        );
        // A click, and another by somebody impatient: one order more.
        let mut pages = Vec::new();
        for _ in 0..2 {
            let link = format!("{}/pay?client=pc&method=wechat", page(&first));
            pages.push(click(app, &link).await);
        }
        assert_eq!(pages[0], pages[1]);
        assert_eq!((app.count(ORDERS).await, app.count(OPEN).await), (2, 2));
        let second = path_of(&pages[0]).to_owned();
        assert_ne!(second, page(&first));
        let shown = html(app, &second, "").await;
        assert!(
            shown.contains("method=alipay") && !shown.contains("method=wechat"),
            "{shown}"
        );
        let drawing = app.get(&format!("{second}/qr.svg"), "").await;
        assert_eq!(drawing.headers["content-type"], "image/svg+xml");

        // Both are paid: the second, and then the first, whose code was still on the desk.
        let at = shown.find("/sandbox/pay/").expect("a code");
        let code: String = shown[at + 13..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        pays(app, &code).await;
        until("it is paid", async || app.count(TERMS).await == 1).await;
        pays(
            app,
            first["payment"]["qr_content"].as_str().expect("a code"),
        )
        .await;
        until("the other money is back", async || {
            app.count(RETURNED).await == 1
        })
        .await;
        assert_eq!((app.count(TERMS).await, app.count(OPEN).await), (1, 0));
        let books = app.payment.verify_books().await.expect("read");
        assert!(books.damage.is_empty(), "{:?}", books.damage);
        // What is paid offers nothing more.
        for page in [page(&first), second] {
            let shown = html(app, &page, "").await;
            assert!(!shown.contains("/pay?client"), "{shown}");
            assert_eq!(
                click(app, &format!("{page}/pay?client=pc&method=alipay")).await,
                format!("..{}", &page[9..])
            );
        }
        assert_eq!(app.count(ORDERS).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_led_to_the_other_rails_page_for_phones() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let wish = json!({ "plan_slug": "pro", "payment_method": "wechat", "client": "h5" });
        let order = app
            .post("/payments/subscriptions/subscribe", &buyer.token, wish)
            .await;
        let order = order.expect(StatusCode::CREATED);
        let url = order["payment"]["url"].as_str().expect("a page");
        assert!(url.contains("/sandbox/pay/") && url.contains("redirect_url="), "{url}");
        let shown = html(app, &page(&order), PHONE).await;
        let link = format!("{}/pay?client=h5", page(&order));
        assert!(shown.contains(&format!("{link}\"")), "{shown}");
        assert!(shown.contains(&format!("{link}&amp;method=alipay")), "{shown}");
        // Its own rail's page again; and the other's.
        assert!(click(app, &link).await.contains("/sandbox/pay/"));
        let there = click(app, &format!("{link}&method=alipay")).await;
        assert!(there.contains("alipay.trade.wap.pay"), "{there}");
        assert_eq!(app.count(ORDERS).await, 2);
        // A payment of the host's own stays with its rail: nothing says that two of them mean the same.
        let wish = json!({ "amount": "9.90", "currency": "CNY", "payment_method": "alipay", "description": "A report" });
        let own = app.post("/payments/create", &buyer.token, wish).await;
        let own = own.expect(StatusCode::CREATED);
        let shown = html(app, &page(&own), "").await;
        assert!(!shown.contains("&amp;method="), "{shown}");
        let same = click(app, &format!("{}/pay?client=pc&method=wechat", page(&own))).await;
        assert_eq!(path_of(&same), page(&own));
        assert_eq!(app.count(ORDERS).await, 3);
        for nowhere in ["client=pc&method=cash", "client=pc&method=", "client=app&method=wechat"] {
            let answer = app.get(&format!("{}/pay?{nowhere}", page(&order)), "").await;
            answer.shows_page_of(404, "未找到");
        }
        let answer = app.get(&format!("{}/pay?client=page&method=wechat", page(&order)), "").await;
        answer.shows_page_of(422, "此支付方式不支持这种终端");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p9_what_is_ordered_again_costs_what_it_costs_today() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let first = app.order(&buyer).await;
        app.clock.advance(Duration::from_mins(31));
        until("the end of the order", async || app.count(OPEN).await == 0).await;
        app.damage(
            "UPDATE subscription_plans SET price = 19900, version = version + 1 WHERE slug = 'pro'",
        )
        .await;
        let shown = html(app, &page(&first), "").await;
        for method in ["alipay", "wechat"] {
            let link = format!("{}/pay?client=pc&amp;method={method}", page(&first));
            assert!(shown.contains(&link), "{shown}");
            let there = click(app, &link.replace("&amp;", "&")).await;
            assert_ne!(path_of(&there), page(&first));
            let shown = html(app, path_of(&there), "").await;
            assert!(shown.contains("199.00"), "{shown}");
        }
        assert_eq!((app.count(ORDERS).await, app.count(OPEN).await), (3, 2));
    })
    .await;
}
