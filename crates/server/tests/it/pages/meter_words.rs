//! What buyers read behind a number of units.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::browser::Browser;
use super::plans::{newest, order, pays};
use crate::harness::{App, Buyer, each_engine};
use crate::outbound;

/// Puts texts into the plan, in each language.
async fn say(app: &App, admin: &Buyer, zh: Value, en: Value) -> Value {
    let body = json!({ "i18n": { "zh": zh, "en": en } });
    let said = app.call(Method::PATCH, "/admin/plans/pro", &admin.token, Some(body));
    said.await.expect(StatusCode::OK)
}

#[tokio::test(flavor = "multi_thread")]
async fn line_24_a_meter_is_called_by_its_word_and_a_word_is_text() {
    each_engine(async |app| {
        let admin = outbound::admin(app).await;
        let words = |word: &str| json!({ "meters": { "processing_count": word } });
        let said = say(app, &admin, words("张影像"), words("scans read")).await;
        assert_eq!(
            said["meters"][0]["name"], "张影像",
            "in the language of the house"
        );
        let mut stranger = Browser::new(app);
        for (language, told) in [
            ("en", "<bdi>1,000 scans read a month</bdi>"),
            ("zh", "<bdi>每月 1,000 张影像</bdi>"),
        ] {
            let prices = stranger
                .get(&format!("/portal/pricing?lang={language}"))
                .await;
            prices.expect(StatusCode::OK).says(&[told]);
        }
        let buyer = app.buyer().await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let preview = browser.get("/portal/subscribe?plan=pro").await;
        preview.says(&["1,000 scans read a month"]);
        let mut fields = Vec::new();
        let ordered = browser
            .post("/portal/subscribe", &order(&preview, &mut fields, "alipay"))
            .await;
        let hosted = ordered.location().to_owned();
        for (language, told) in [
            ("zh", "每月 1,000 张影像"),
            ("en", "1,000 scans read a month"),
        ] {
            browser
                .get(&format!("{hosted}?lang={language}"))
                .await
                .says(&[told]);
        }
        let order = newest(app, &buyer).await;
        pays(app, &order).await;
        // The rail is asked, as the buyer would have it asked.
        app.clock.run_ahead(Duration::from_secs(6));
        let check = format!("/portal/payments/{}/check", order.id);
        browser.post(&check, &[]).await;
        let body = json!({ "resource_type": "dicom_processing", "cost": 900 });
        app.post("/quota/consume", &buyer.key, body)
            .await
            .expect(StatusCode::OK);
        let pages = [
            ("/portal", "<h3><bdi>100 scans read left</bdi></h3>"),
            (
                "/portal",
                "More than 80 % of the quota is used: 900 of 1,000 scans read.",
            ),
            ("/portal/usage", "900 scans read from"),
            ("/portal/usage", "Units (scans read)"),
            ("/portal/usage/calls", "<bdi>scans read</bdi>"),
            (
                "/portal/usage/why",
                "<h2><bdi>100 scans read left</bdi></h2>",
            ),
            ("/portal/subscription", "1,000 scans read a month"),
        ];
        for (page, told) in pages {
            browser
                .get(page)
                .await
                .expect(StatusCode::OK)
                .says(&[told])
                .hides(&["<bdi>processing_count", "processing_count left"]);
        }
        browser.get("/portal?lang=zh").await.says(&[
            "<h3><bdi>剩余 100 张影像</bdi></h3>",
            "配额已用超过 80%（900 / 1,000 张影像）",
        ]);
        browser.get("/portal?lang=en").await;

        any_word_is_text(app, &admin, &mut browser, &hosted).await;
        // Without a word, and without the meter, the name in code is left.
        let none = json!({ "meters": {} });
        say(app, &admin, none.clone(), none).await;
        stranger
            .get("/portal/pricing?lang=en")
            .await
            .says(&["1,000 processing_count a month"]);
        browser
            .get("/portal")
            .await
            .says(&["<h3><bdi>100 processing_count left</bdi></h3>"]);
    })
    .await;
}

/// Whatever it says, it is text and nothing else.
async fn any_word_is_text(app: &App, admin: &Buyer, browser: &mut Browser<'_>, hosted: &str) {
    for word in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=y>\u{202e}",
        &"长".repeat(40),
    ] {
        let words = json!({ "meters": { "processing_count": word } });
        say(app, admin, words.clone(), words).await;
        let escaped = word
            .replace('<', "&#60;")
            .replace('>', "&#62;")
            .replace('"', "&#34;");
        for page in [
            "/portal/pricing",
            "/portal",
            "/portal/usage",
            "/portal/usage/calls",
            "/portal/usage/why",
            hosted,
        ] {
            let shown = browser.get(page).await;
            shown
                .expect(StatusCode::OK)
                .says(&[&escaped])
                .hides(&["<script>alert", "<img src=x"]);
        }
    }
}
