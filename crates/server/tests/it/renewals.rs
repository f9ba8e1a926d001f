//! From the letter that a term ends to the further term: the link, the page, the order, the money.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;

use crate::harness::{App, Buyer, each_engine, until};
use crate::month::{ENDS_SOON, advance, letters};
use crate::refunds;

const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
const DAY: Duration = Duration::from_hours(24);

async fn end(app: &App, buyer: &Buyer) -> Timestamp {
    let current = app.get("/payments/subscriptions/current", &buyer.key).await;
    let current = current.expect(StatusCode::OK);
    serde_json::from_value(current["current_period_end"].clone()).expect("a moment")
}

/// The link of the newest letter, at this server's own port.
async fn link(app: &App, buyer: &Buyer, count: usize) -> String {
    until("the letter", async || {
        letters(app, buyer, ENDS_SOON).await.len() == count
    })
    .await;
    let found = letters(app, buyer, ENDS_SOON).await;
    let link = found[0]["links"][0].as_str().expect("a link");
    let path = link.find("/portal").map(|at| &link[at..]).expect("a page");
    format!("{}{path}", app.url)
}

async fn page(app: &App, address: &str, language: &str) -> String {
    let request = app.http.get(address).header("accept-language", language);
    let answer = request.send().await.expect("answered");
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()["content-security-policy"].to_str();
    let policy = policy.expect("text");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    answer.text().await.expect("text")
}

async fn press(app: &App, token: &str) -> Response {
    let request = app.http.post(format!("{}/portal/renew?lang=en", app.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let body = format!("token={token}");
    request.body(body).send().await.expect("answered")
}

/// Somebody whose term ends in a week, and the letter's link.
async fn reminded(app: &App) -> (Buyer, Timestamp, String) {
    let buyer = app.buyer().await;
    refunds::paid(app, &buyer).await;
    let end = end(app, &buyer).await;
    advance(
        app,
        end.before(7 * DAY).since(app.clock.now()) + Duration::from_mins(1),
    )
    .await;
    let link = link(app, &buyer, 1).await;
    (buyer, end, link)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_leads_to_a_further_term() {
    each_engine(async |app| {
        let (buyer, first_end, link) = reminded(app).await;
        let letter = &letters(app, &buyer, ENDS_SOON).await[0];
        let text = letter["text"].as_str().expect("text");
        assert!(text.contains("¥99.00") && text.contains("链接在"), "{text}");
        let token = link.split_once("token=").expect("a token").1.to_owned();
        // Opening it, as mail programs do by themselves, orders nothing.
        let orders = app.count(ORDERS).await;
        for (language, words) in [("zh", ["续费", "¥99.00"]), ("en", ["Go and pay", "CN¥99.00"])] {
            let page = page(app, &link, language).await;
            assert!(words.iter().all(|word| page.contains(word)), "{page}");
        }
        assert_eq!(app.count(ORDERS).await, orders);
        // Twice is one order, which is on the hosted page.
        let mut leads = Vec::new();
        for _ in 0..2 {
            let answer = press(app, &token).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            let place = answer.headers()["location"].to_str().expect("text");
            leads.push(place.to_owned());
        }
        assert_eq!(leads[0], leads[1]);
        assert_eq!(app.count(ORDERS).await, orders + 1);
        let hosted = leads[0].strip_prefix("..").expect("beside us");
        let hosted = page(app, &format!("{}{hosted}", app.url), "en").await;
        assert!(hosted.contains("CN¥99.00"), "{hosted}");
        let renewal = "SELECT COUNT(*) FROM payment_transactions WHERE purpose = 'renewal' AND state = 'pending'";
        assert_eq!(app.count(renewal).await, 1);
        // Paid, as any order is.
        let code = hosted.split("/sandbox/pay/").nth(1).expect("the phone's page");
        let code = code.split('"').next().expect("its number");
        let phone = app.http.post(format!("{}/sandbox/pay/{code}/pay", app.url));
        let phone = phone.header("accept", "application/json").send().await;
        assert_eq!(phone.expect("paid").status(), StatusCode::OK);
        until("the further term", async || end(app, &buyer).await > first_end).await;
        // The link is for that term's end only.
        let over = page(app, &link, "en").await;
        assert!(over.contains("does not work") && !over.contains("<form"), "{over}");
        let late = press(app, &token).await;
        assert_eq!(late.status(), StatusCode::OK);
        assert_eq!(app.count(ORDERS).await, orders + 1);
        advance(app, first_end.since(app.clock.now()) + Duration::from_hours(1)).await;
        assert_eq!(letters(app, &buyer, ENDS_SOON).await.len(), 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_link_is_void_when_it_is_forged_cancelled_off_sale_or_too_late() {
    each_engine(async |app| {
        let (buyer, first_end, link) = reminded(app).await;
        let token = link.split_once("token=").expect("a token").1.to_owned();
        let orders = app.count(ORDERS).await;
        let refused = async |token: &str, word: &str| {
            let shown = page(
                app,
                &format!("{}/portal/renew?token={token}", app.url),
                "en",
            )
            .await;
            assert!(shown.contains(word) && !shown.contains("<form"), "{shown}");
            let answer = press(app, token).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(app.count(ORDERS).await, orders);
        };
        let mut forged = token.clone().into_bytes();
        forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        let long = "A".repeat(5_000);
        let bad = [forged.as_str(), "", "x", "%3Cscript%3E", &long];
        for token in bad {
            refused(token, "does not work").await;
        }
        // From another site nobody presses the button.
        let request = app.http.post(format!("{}/portal/renew", app.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let foreign = request.header("origin", "https://evil.example");
        let answer = foreign.body(format!("token={token}")).send().await;
        assert_eq!(answer.expect("answered").status(), StatusCode::FORBIDDEN);
        // Off sale, its owner hears so.
        app.damage("UPDATE subscription_plans SET is_active = (1 = 0) WHERE slug = 'pro'")
            .await;
        refused(&token, "not on sale").await;
        app.damage("UPDATE subscription_plans SET is_active = (1 = 1) WHERE slug = 'pro'")
            .await;
        let session = app.sign_in(&buyer).await;
        for (word, shows) in [("cancel", false), ("resume", true)] {
            let path = format!("/payments/subscriptions/{word}");
            app.post(&path, &session, json!({}))
                .await
                .expect(StatusCode::OK);
            if shows {
                assert!(page(app, &link, "en").await.contains("<form"));
            } else {
                refused(&token, "does not work").await;
            }
        }
        advance(
            app,
            first_end.since(app.clock.now()) + Duration::from_mins(1),
        )
        .await;
        refused(&token, "does not work").await;
    })
    .await;
}
