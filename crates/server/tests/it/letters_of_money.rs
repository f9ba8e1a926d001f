//! What the mailbox has of somebody's money and units, in words.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine, until};
use crate::month::letters;
use crate::refunds;

/// The letters of a subject, once there are so many, each a text and the page that it leads to.
async fn arrived(app: &App, buyer: &Buyer, subject: &str, count: usize) -> Vec<(String, String)> {
    until(subject, async || {
        letters(app, buyer, subject).await.len() >= count
    })
    .await;
    let all = letters(app, buyer, subject).await;
    assert_eq!(all.len(), count, "{subject}");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let read = |letter: &Value| {
        let link = text(&letter["links"][0]);
        let at = link.find("/portal").expect("a page");
        (text(&letter["text"]), link[at..].to_owned())
    };
    all.iter().map(read).collect()
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_buyer_reads_of_payment_refunds_and_quota_once_each() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, refunds::finance(app).await);
        let id = refunds::paid(app, &buyer).await;
        let receipts = arrived(app, &buyer, "付款成功", 1).await;
        let (text, page) = &receipts[0];
        assert_eq!(*page, format!("/portal/payments/{id}"));
        let number = id.replace('-', "");
        says(text, &["¥99.00", "支付宝", &number, "到期时间", "沙箱环境"]);
        for amount in ["30.00", "69.00"] {
            let part = json!({ "amount": amount, "reason": "half-hearted" });
            refunds::refund(app, &staff, &id, part)
                .await
                .expect(StatusCode::CREATED);
        }
        let back = arrived(app, &buyer, "退款已完成", 2).await;
        let texts: String = back.iter().map(|(text, _)| text.as_str()).collect();
        says(
            &texts,
            &[
                "¥30.00（部分退款，原付款 ¥99.00）",
                "¥69.00（部分退款，原付款 ¥99.00）",
                "沙箱环境",
            ],
        );
        assert!(back.iter().all(|(_, link)| link == page));

        let free = app.buyer().await;
        let wish = json!({ "plan_slug": "free" });
        app.post("/payments/subscriptions/subscribe", &free.token, wish)
            .await
            .expect(StatusCode::CREATED);
        for (cost, subject) in [(8, "配额即将用完"), (2, "配额已用完")] {
            let call = json!({ "resource_type": "dicom_processing", "cost": cost });
            app.post("/quota/consume", &free.key, call)
                .await
                .expect(StatusCode::OK);
            let told = arrived(app, &free, subject, 1).await;
            assert_eq!(told[0].1, "/portal/pricing");
            says(&told[0].0, &[" / 10 (", "%)", "重置时间", "次处理"]);
        }
        assert_eq!(letters(app, &free, "付款成功").await.len(), 0);
    })
    .await;
}
