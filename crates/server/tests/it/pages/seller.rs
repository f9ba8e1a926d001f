//! Who is paid, as buyers read it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser::Browser;
use super::checkout::{order, path};
use crate::harness::{App, Buyer, each_engine, each_engine_with, until};
use crate::month::letters;
use crate::refunds;

const NAME: &str = "<b>Example</b> & Co.";
const SHOWN: &str = "&#60;b&#62;Example&#60;/b&#62; &#38; Co.";
const DETAILS: &str = "1 Example Road\nTax number <123>";

async fn letter(app: &App, buyer: &Buyer, subject: &str) -> String {
    until(subject, async || {
        !letters(app, buyer, subject).await.is_empty()
    })
    .await;
    let letter: Value = letters(app, buyer, subject).await.swap_remove(0);
    letter["text"].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn line_24_the_seller_is_named_where_money_is_paid_on_the_receipt_and_in_letters() {
    let settings = [("SELLER_NAME", NAME), ("SELLER_DETAILS", DETAILS)];
    each_engine_with(&settings, async |app| {
        let (buyer, staff) = (app.buyer().await, refunds::finance(app).await);
        let begun = order(app, &buyer, json!({})).await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let page = browser.get(&path(&begun)).await;
        page.says(&["Paid to", SHOWN])
            .hides(&["<b>Example", "1 Example Road"]);
        let id = refunds::pay(app, &begun).await;
        let text = letter(app, &buyer, "付款成功").await;
        assert!(text.contains(&format!("收款方：{NAME}")), "{text}");
        assert!(!text.contains("Example Road"), "{text}");
        let page = browser.get(&format!("/portal/payments/{id}")).await;
        page.says(&[SHOWN, "1 Example Road", "Tax number &#60;123&#62;"])
            .hides(&["<b>Example", "<123>"]);
        let whole = json!({ "reason": "half-hearted" });
        let back = refunds::refund(app, &staff, &id, whole).await;
        back.expect(StatusCode::CREATED);
        let text = letter(app, &buyer, "退款已完成").await;
        assert!(text.contains(&format!("收款方：{NAME}")), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_the_address_of_the_service_stands_on_receipts() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let begun = order(app, &buyer, json!({})).await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let page = browser.get(&path(&begun)).await;
        page.hides(&["Paid to"]);
        let id = refunds::pay(app, &begun).await;
        let text = letter(app, &buyer, "付款成功").await;
        assert!(!text.contains("收款方"), "{text}");
        let page = browser.get(&format!("/portal/payments/{id}")).await;
        page.says(&["Seller", "http://localhost:"]);
    })
    .await;
}
