//! The card page and the customer portal, as a browser without script sees them.

use reqwest::header;
use serde_json::{Value, json};

use super::{Answer, PAYS, Shop, monthly, once, text};

impl Shop {
    async fn look(&self, path: &str) -> Answer {
        let request = self.bench.client.get(self.url(path));
        self.send(request.header(header::ACCEPT_LANGUAGE, "en"))
            .await
    }

    /// A browser's form; gives where it is led.
    async fn press(&self, path: &str, form: &str) -> String {
        let request = self.bench.client.post(self.url(path));
        let kind = "application/x-www-form-urlencoded";
        let request = request
            .header(header::CONTENT_TYPE, kind)
            .body(form.to_owned());
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 303, "{path} {form}");
        response.headers()[header::LOCATION]
            .to_str()
            .expect("a text")
            .to_owned()
    }

    async fn portal(&self, customer: &Value) -> String {
        let form = format!(
            "customer={}&return_url=http://127.0.0.1:1/me",
            text(customer)
        );
        let made = self.post("billing_portal/sessions", &form).await;
        assert_eq!(made.status, 200, "{}", made.text);
        format!("portal/{}", made.id())
    }
}

#[tokio::test]
async fn a_browser_pays_on_a_page_that_says_it_is_no_money() {
    let shop = Shop::open().await;
    let id = shop.page(&once("o")).await;
    let url = text(&shop.session(&id).await["url"]);
    assert_eq!(url, shop.url(&format!("pay/{id}")));
    let path = format!("pay/{id}");
    let page = shop.look(&path).await.text;
    for shown in [
        "SANDBOX · no real money",
        "9.90 USD",
        "Pro",
        "4000 0027 6000 3184",
        "width=device-width",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("style="));
    let chinese = shop.look(&format!("{path}?lang=zh-CN")).await.text;
    assert!(chinese.contains("沙箱，不产生真实扣款") && chinese.contains("银行卡号"));
    let led = shop.press(&path, "number=4000000000000002").await;
    assert_eq!(led, format!("{id}?lang=en&declined=1"));
    assert!(
        shop.look(&format!("pay/{led}"))
            .await
            .text
            .contains("The card was declined")
    );
    shop.press(&path, "number=4000002760003184").await;
    let page = shop.look(&path).await.text;
    assert!(page.contains("Your bank asks you") && page.contains("value=\"approve\""));
    shop.press(&path, "answer=approve").await;
    let page = shop.look(&path).await.text;
    assert!(page.contains("Paid ✓") && page.contains(&format!("http://127.0.0.1:1/ok?s={id}")));
    assert!(!page.contains("name=\"number\""));
    shop.arrived().await;
    let by_order = shop.look("pay/o").await.text;
    assert!(by_order.contains("checkout.session.completed") && by_order.contains("HTTP 200"));
}

#[tokio::test]
async fn what_stands_on_the_page_is_escaped() {
    let shop = Shop::open().await;
    let form = once("o").replace("[name]=Pro", "[name]=%3Cb%3E%22x");
    let id = shop.page(&form).await;
    let page = shop.look(&format!("pay/{id}")).await.text;
    assert!(
        page.contains("&#60;b&#62;") && !page.contains("<b>"),
        "{page}"
    );
    assert_eq!(shop.look("pay/cs_none").await.status, 404);
    assert_eq!(shop.hand("nobody", json!({ "number": PAYS })).await.0, 404);
    assert_eq!(shop.hand(&id, json!({})).await.0, 422);
    let foreign = shop.bench.client.post(shop.url(&format!("pay/{id}")));
    let foreign = foreign
        .header("origin", "https://evil.example")
        .body(format!("number={PAYS}"));
    assert_eq!(shop.send(foreign).await.status, 403);
    assert_eq!(shop.session(&id).await["status"], "open");
}

#[tokio::test]
async fn a_program_pays_by_the_order_number() {
    let shop = Shop::open().await;
    shop.page(&once("0198c0de")).await;
    let told = shop.card("0198c0de", PAYS).await;
    assert_eq!(
        (&told["status"], &told["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
}

#[tokio::test]
async fn a_button_orders_a_fault_for_this_order() {
    let shop = Shop::open().await;
    let id = shop.page(&once("o")).await;
    let led = shop
        .press(&format!("pay/{id}/fault"), "kind=callback_lost")
        .await;
    assert_eq!(led, format!("../{id}?lang=en"));
    assert!(shop.look(&format!("pay/{id}")).await.text.contains("×1"));
    let list = shop.get_json("faults").await;
    assert_eq!(list["data"][0]["order"], "o");
    let wrong = shop
        .bench
        .client
        .post(shop.url(&format!("pay/{id}/fault")))
        .body("kind=none");
    assert_eq!(shop.send(wrong).await.status, 422);
    shop.card(&id, PAYS).await;
    assert!(shop.arrived().await.is_empty());
}

#[tokio::test]
async fn an_expired_page_is_paid_only_by_order() {
    let shop = Shop::open().await;
    let id = shop.page(&once("o")).await;
    shop.days(1);
    let path = format!("pay/{id}");
    assert!(!shop.look(&path).await.text.contains("name=\"number\""));
    shop.press(&format!("{path}/fault"), "kind=pay_after_close")
        .await;
    assert!(shop.look(&path).await.text.contains("name=\"number\""));
}

#[tokio::test]
async fn a_buyer_cancels_goes_on_and_changes_the_card_in_the_portal() {
    let shop = Shop::open().await;
    let sold = shop.sold(&monthly("o")).await;
    let subscription = text(&sold["subscription"]);
    let of = || async { shop.get(&format!("subscriptions/{subscription}")).await };
    let path = shop.portal(&sold["customer"]).await;
    let page = shop.look(&path).await;
    assert_eq!(page.status, 200);
    for shown in [
        "SANDBOX · no real money",
        "9.90 USD / month",
        "…4242",
        "http://127.0.0.1:1/me",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    shop.arrived().await;
    shop.press(&path, &format!("subscription={subscription}&action=cancel"))
        .await;
    assert_eq!(of().await["cancel_at_period_end"], true);
    assert_eq!(shop.told().await, ["customer.subscription.updated"]);
    assert!(
        shop.look(&path)
            .await
            .text
            .contains("Keep the subscription")
    );
    shop.press(&path, &format!("subscription={subscription}&action=resume"))
        .await;
    assert_eq!(of().await["cancel_at_period_end"], false);
    shop.press(
        &path,
        &format!("subscription={subscription}&number=4000000000000341"),
    )
    .await;
    assert!(shop.look(&path).await.text.contains("…0341"));
    shop.days(31);
    shop.wait(3_600);
    assert_eq!(of().await["status"], "past_due");
    assert_eq!(shop.look(&path).await.status, 404, "the page is over");
    let path = shop.portal(&sold["customer"]).await;
    let bill = text(&of().await["latest_invoice"]);
    assert!(
        shop.look(&path)
            .await
            .text
            .contains(&format!("../pay/{bill}"))
    );
    assert!(
        shop.look(&format!("pay/{bill}"))
            .await
            .text
            .contains("9.90 USD")
    );
    shop.card(&bill, PAYS).await;
    assert_eq!(of().await["status"], "active");
}

#[tokio::test]
async fn nobody_changes_another_buyers_subscription() {
    let shop = Shop::open().await;
    let (own, other) = (
        shop.sold(&monthly("a")).await,
        shop.sold(&monthly("b")).await,
    );
    let path = shop.portal(&own["customer"]).await;
    let form = format!(
        "subscription={}&action=cancel",
        text(&other["subscription"])
    );
    let request = shop.bench.client.post(shop.url(&path)).body(form);
    assert_eq!(shop.send(request).await.status, 404);
    let none = shop
        .post("billing_portal/sessions", "customer=cus_none")
        .await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn the_two_secrets_lie_in_files_and_not_on_the_page() {
    let shop = Shop::open().await;
    let merchant = shop.bench.sandbox.stripe_merchant();
    let page = shop.look("merchant").await;
    assert_eq!(page.value["api_base"], merchant.api_base.as_str());
    for (name, secret) in [
        ("secretKey", &merchant.secret_key),
        ("webhookSecret", &merchant.webhook_secret),
    ] {
        assert!(!page.text.contains(secret.as_str()));
        let file = shop.bench.folder.path().join("sandbox.stripe").join(name);
        assert_eq!(&std::fs::read_to_string(file).expect("a file"), secret);
    }
    assert!(!format!("{merchant:?}").contains(&merchant.secret_key));
}
