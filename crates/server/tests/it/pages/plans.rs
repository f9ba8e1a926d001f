//! Prices, what is bought, what is used of it, what was paid.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_payment::TransactionFilter;
use tollgate_payment::model::payment::Payment;

use super::browser::{Browser, Page};
use crate::harness::{App, Buyer, each_engine};
use crate::outbound;
use crate::refunds::{self, paid};

const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
/// What only who signed in may see.
const PAGES: [&str; 10] = [
    "/portal",
    "/portal/subscribe?plan=pro",
    "/portal/subscription",
    "/portal/subscription/cancel",
    "/portal/subscription/card",
    "/portal/usage?range=7",
    "/portal/usage.csv",
    "/portal/usage/calls",
    "/portal/usage/why",
    "/portal/payments",
];

/// What the form of the page that was read last would send, with the rail.
pub(super) fn order<'a>(
    page: &Page,
    fields: &'a mut Vec<(&'static str, String)>,
    method: &str,
) -> Vec<(&'a str, &'a str)> {
    for name in ["plan", "key", "amount_minor", "currency"] {
        if let Some(value) = page.field(name) {
            fields.push((name, value));
        }
    }
    if !method.is_empty() {
        fields.push(("method", method.to_owned()));
    }
    fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// The newest order of somebody.
pub(super) async fn newest(app: &App, buyer: &Buyer) -> Payment {
    let filter = TransactionFilter {
        user: Some(buyer.id.parse().expect("an id")),
        ..TransactionFilter::default()
    };
    let found = app.payment.transactions(&filter, 1).await;
    let (mut found, _) = found.expect("read").expect("a page");
    found.pop().expect("an order")
}

/// By the phone.
pub(super) async fn pays(app: &App, order: &Payment) {
    let code = app.payment.next_step(order).qr_content.expect("a code");
    refunds::pay(
        app,
        &json!({ "payment": { "qr_content": code }, "transaction": { "id": order.id } }),
    )
    .await;
}

async fn call(app: &App, buyer: &Buyer, times: usize) {
    for _ in 0..times {
        let body = json!({ "resource_type": "dicom_processing", "resource_id": "<b>scan</b>" });
        let call = app.post("/quota/consume", &buyer.key, body).await;
        call.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_24_from_the_prices_to_the_receipt() {
    each_engine(async |app| {
        // Somebody who looks around.
        let mut stranger = Browser::new(app);
        let prices = stranger.get("/portal/pricing?cycle=monthly").await;
        prices.expect(StatusCode::OK).says(&[
            "CN¥99.00",
            "<bdi>1,000 processed images a month</bdi>",
            "/portal/register?next=%2Fportal%2Fsubscribe%3Fplan%3Dpro",
            "Do I get money back?",
        ]);
        prices.hides(&["noindex", "CN¥9,999.00"]);
        let yearly = stranger.get("/portal/pricing?cycle=yearly").await;
        yearly.says(&["CN¥9,999.00", "Free"]);
        // Somebody new.
        let buyer = app.buyer().await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let new = browser.get("/portal").await;
        new.expect(StatusCode::OK).says(&[
            "Three steps",
            "Choose a plan.",
            "quota/consume",
            "No plan yet",
        ]);
        let preview = browser.get("/portal/subscribe?plan=pro").await;
        preview.expect(StatusCode::OK).says(&[
            "CN¥99.00 a month",
            "value=\"alipay\" required checked",
            "Go and pay CN¥99.00",
        ]);
        let mut fields = Vec::new();
        let fields = order(&preview, &mut fields, "alipay");
        browser
            .refuses_forgeries("/portal/subscribe", &fields)
            .await;
        assert_eq!(app.count(ORDERS).await, 0);
        // Twice is once.
        let first = browser.post("/portal/subscribe", &fields).await;
        assert!(
            first.location().starts_with("/checkout/"),
            "{}",
            first.location()
        );
        let again = browser.post("/portal/subscribe", &fields).await;
        assert_eq!(
            (again.location(), app.count(ORDERS).await),
            (first.location(), 1)
        );
        let hosted = browser.get(first.location()).await;
        hosted.expect(StatusCode::OK).says(&["CN¥99.00"]);
        let go_on = format!("href=\"{}\"", first.location());
        browser
            .get("/portal")
            .await
            .says(&["waits for your payment", &go_on]);
        browser
            .get("/portal/payments")
            .await
            .says(&["Waits for payment", &go_on]);
        let order = newest(app, &buyer).await;
        let receipt = format!("/portal/payments/{}", order.id);
        browser
            .get(&receipt)
            .await
            .says(&["<h1>Order</h1>", &go_on])
            .hides(&["<h1>Receipt"]);
        // Paid, and asked about: no callback need have come.
        pays(app, &order).await;
        app.clock.run_ahead(Duration::from_secs(6));
        let check = format!("{receipt}/check");
        browser.refuses_forgeries(&check, &[]).await;
        let checked = browser.post(&check, &[]).await;
        assert_eq!(checked.location(), format!("{receipt}?done=checked"));
        let number = order.order_no();
        browser.get(checked.location()).await.says(&[
            "<h1>Receipt</h1>",
            "The provider was asked",
            "CN¥99.00",
            number.as_str(),
            "1 × 1 month",
            "Sandbox: no real money was paid.",
        ]);
        browser
            .get("/portal")
            .await
            .says(&["Pro", "Active", "0 of 1,000 used"]);
        let prices = browser.get("/portal/pricing").await;
        prices.says(&["aria-current=\"true\"", "Your plan"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_is_counted_listed_and_explained() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        browser
            .get("/portal/usage")
            .await
            .says(&["No calls yet.", "quota/consume"]);
        assert_eq!(
            browser.get("/portal/usage/why").await.location(),
            "/portal/usage"
        );
        paid(app, &buyer).await;
        call(app, &buyer, 60).await;
        let usage = browser.get("/portal/usage?group=key&by=day").await;
        usage.expect(StatusCode::OK).says(&[
            "60 processed images",
            "test",
            "<figure class=\"chart\">",
        ]);
        usage.hides(&["quota/consume"]);
        browser
            .get("/portal/usage?range=custom&from=2026-02-30&to=x")
            .await
            .says(&["two days in their order"]);
        // Fifty on a page, and ten more; of people's text nothing is markup.
        let calls = browser.get("/portal/usage/calls?range=7").await;
        assert_eq!(
            calls.body.matches("&#60;b&#62;scan").count(),
            50,
            "{}",
            calls.body
        );
        calls.hides(&["<b>scan"]);
        let older = calls
            .body
            .split("href=\"")
            .find(|part| part.contains("starting_after"));
        let older = older
            .and_then(|part| part.split('"').next())
            .expect("older ones");
        let older = browser
            .get(&older.replace("&#38;", "&").replace("&amp;", "&"))
            .await;
        assert_eq!(older.body.matches("&#60;b&#62;scan").count(), 10);
        browser
            .get("/portal/usage/calls?resource_type=a%20b")
            .await
            .says(&["1 to 64 letters"]);
        let none = browser.get("/portal/usage/calls?resource_type=other").await;
        none.says(&["No calls in this time."]);
        let table = browser.get("/portal/usage.csv?range=7").await;
        table.expect(StatusCode::OK);
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(table.body.lines().count(), 61);
        browser
            .get("/portal/usage.csv?range=custom")
            .await
            .expect(StatusCode::UNPROCESSABLE_ENTITY);
        // The same chain as the call that explains it.
        let why = browser
            .get("/portal/usage/why?meter=processing_count")
            .await;
        let explained = app
            .get("/usage/explain", &buyer.key)
            .await
            .expect(StatusCode::OK);
        for step in explained["steps"].as_array().expect("steps") {
            why.says(&[step["text"]["en"].as_str().expect("text")]);
        }
        why.says(&[
            "+1,000",
            "940",
            "940 processed images left",
            "60 of 1,000 used",
        ]);
        let unknown = browser.get("/portal/usage/why?meter=nobodys").await;
        unknown.expect(StatusCode::UNPROCESSABLE_ENTITY);
        // Nobody else's.
        let other = app.buyer().await;
        let mut other = Browser::signed_in(app, &other).await;
        other
            .get("/portal/usage/calls?range=7")
            .await
            .says(&["No calls in this time."]);
        assert_eq!(other.get("/portal/usage.csv").await.body.lines().count(), 1);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_change_is_the_quotes_and_it_is_cancelled_and_resumed() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        browser
            .get("/portal/subscription")
            .await
            .says(&["You have no subscription."]);
        let nowhere = browser.get("/portal/subscription/cancel").await;
        assert_eq!(nowhere.location(), "/portal/subscription");
        paid(app, &buyer).await;
        call(app, &buyer, 100).await;
        let body = json!({ "plan_slug": "enterprise" });
        let quote = app
            .post("/payments/quote", &buyer.token, body)
            .await
            .expect(StatusCode::OK);
        let preview = browser.get("/portal/subscribe?plan=enterprise").await;
        let due = quote["amount_minor"].as_i64().expect("a number");
        assert_eq!(preview.field("amount_minor"), Some(due.to_string()));
        let credit = quote["credit"].as_str().expect("text");
        preview.says(&[
            &format!("-CN¥{credit}"),
            "900 of 1,000 processed images are left.",
            "Pro ends when Enterprise begins.",
        ]);
        // A cheaper one costs nothing now.
        let preview = browser.get("/portal/subscribe?plan=free").await;
        preview.says(&["Nothing is to be paid now.", "then Free begins by itself"]);
        preview.hides(&["name=\"method\""]);
        let mut fields = Vec::new();
        let fields = order(&preview, &mut fields, "");
        let planned = browser.post("/portal/subscribe", &fields).await;
        assert_eq!(planned.location(), "/portal/subscription?done=planned");
        let page = browser.get(planned.location()).await;
        page.says(&["Noted: the change comes", "Free, from", "Keep it after all"]);
        browser
            .refuses_forgeries("/portal/subscription/resume", &[])
            .await;
        let resumed = browser.post("/portal/subscription/resume", &[]).await;
        browser
            .get(resumed.location())
            .await
            .says(&["goes on"])
            .hides(&["Free, from"]);
        // The end is asked for twice.
        browser
            .get("/portal/subscription/cancel")
            .await
            .says(&["Everything stays as it is until"]);
        let long = "x".repeat(501);
        let refused = browser
            .post("/portal/subscription/cancel", &[("reason", &long)])
            .await;
        refused
            .expect(StatusCode::UNPROCESSABLE_ENTITY)
            .says(&["At most 500 characters", &long]);
        let fields = [("reason", "too dear")];
        browser
            .refuses_forgeries("/portal/subscription/cancel", &fields)
            .await;
        let cancelled = browser.post("/portal/subscription/cancel", &fields).await;
        assert_eq!(cancelled.location(), "/portal/subscription?done=cancelled");
        let page = browser.get(cancelled.location()).await;
        page.says(&["Ends with the term", "Cancelled", "is not debited"])
            .hides(&["/subscription/cancel\""]);
        browser.post("/portal/subscription/resume", &[]).await;
        let page = browser.get("/portal/subscription").await;
        page.says(&[
            "Active",
            "we send a link 7, 3 and 1 days before",
            "<progress",
        ]);
        let current = app.get("/payments/subscriptions/current", &buyer.key).await;
        assert_eq!(current.expect(StatusCode::OK)["state"], "active");
        // Nothing here debits by itself.
        browser
            .get("/portal/subscription/card")
            .await
            .expect(StatusCode::NOT_FOUND);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p9_a_further_term_costs_what_was_shown() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        paid(app, &buyer).await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let page = browser.get("/portal/subscription").await;
        let renew = page
            .body
            .split("href=\"")
            .find(|part| part.starts_with("/portal/subscribe?plan="));
        let renew = renew
            .and_then(|part| part.split('"').next())
            .expect("a link")
            .to_owned();
        let preview = browser.get(&renew).await;
        preview.says(&["One more term", "Pro is paid until"]);
        let mut fields = Vec::new();
        let mut fields = order(&preview, &mut fields, "wechat");
        // What one believes to pay is compared, and nothing is ordered.
        let orders = app.count(ORDERS).await;
        for (at, wrong) in [
            ("amount_minor", "1"),
            ("amount_minor", "free"),
            ("method", "cash"),
        ] {
            let mut changed = fields.clone();
            for field in &mut changed {
                if field.0 == at {
                    field.1 = wrong;
                }
            }
            let refused = browser.post("/portal/subscribe", &changed).await;
            refused
                .expect(StatusCode::UNPROCESSABLE_ENTITY)
                .says(&["role=\"alert\"", "CN¥99.00"]);
            assert_eq!(app.count(ORDERS).await, orders, "{at} {wrong}");
        }
        let begun = browser.post("/portal/subscribe", &fields).await;
        assert!(begun.location().starts_with("/checkout/"));
        let order = newest(app, &buyer).await;
        assert_eq!(
            (order.purpose.as_str(), order.method.as_str()),
            ("renewal", "wechat")
        );
        fields[0].1 = "nobodys";
        browser
            .post("/portal/subscribe", &fields)
            .await
            .expect(StatusCode::NOT_FOUND);
        for unknown in ["", "nobodys"] {
            let page = browser
                .get(&format!("/portal/subscribe?plan={unknown}"))
                .await;
            page.expect(StatusCode::NOT_FOUND);
        }
        // What no text may hold is refused before anybody looks for a plan.
        let broken = browser.get("/portal/subscribe?plan=%00").await;
        broken.expect(StatusCode::UNPROCESSABLE_ENTITY);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_what_costs_nothing_is_had_at_once_and_a_trial_once() {
    each_engine(async |app| {
        let admin = outbound::admin(app).await;
        let team = json!({
            "slug": "team", "name": "Team", "price": "199.00", "currency": "CNY", "billing_cycle": "monthly",
            "meters": [{ "meter": "calls", "limit": 5 }], "resource_costs": { "*": 1 }, "trial_days": 14,
        });
        app.post("/admin/plans", &admin.token, team).await.expect(StatusCode::CREATED);
        let buyer = app.buyer().await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        let preview = browser.get("/portal/subscribe?plan=free").await;
        let mut fields = Vec::new();
        let begun = browser.post("/portal/subscribe", &order(&preview, &mut fields, "")).await;
        assert_eq!(begun.location(), "/portal?done=begun");
        browser.get(begun.location()).await.says(&["It is yours from now on.", "0 of 10 used"]);
        let preview = browser.get("/portal/subscribe?plan=team").await;
        preview.says(&["Try it for 14 days first", "in place of what you have"]);
        let trial = [("plan", "team"), ("trial", "yes"), ("key", "a-trial")];
        // A second click is the first one's answer, not a second trial.
        for _ in 0..2 {
            let begun = browser.post("/portal/subscribe", &trial).await;
            assert_eq!(begun.location(), "/portal?done=trial");
        }
        browser.get("/portal?done=trial").await.says(&["Your trial has begun.", "On trial", "Buy it"]);
        assert_eq!(app.count(ORDERS).await, 0);
        let again = [("plan", "team"), ("trial", "yes"), ("key", "another")];
        let refused = browser.post("/portal/subscribe", &again).await;
        refused.expect(StatusCode::UNPROCESSABLE_ENTITY).says(&["role=\"alert\""]);
        for _ in 0..4 {
            let body = json!({ "resource_type": "dicom_processing" });
            app.post("/quota/consume", &buyer.key, body).await.expect(StatusCode::OK);
        }
        browser.get("/portal").await.says(&["4 of 5 used", "More than 80 % of the quota is used: 4 of 5 calls."]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_a_page_is_for_who_it_belongs_to() {
    each_engine(async |app| {
        let mut nobody = Browser::new(app);
        for page in PAGES {
            let led = nobody.get(page).await;
            let next: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
            assert_eq!(led.location(), format!("/portal/login?next={next}"));
        }
        let owner = app.buyer().await;
        let id = paid(app, &owner).await;
        let other = app.buyer().await;
        let mut other = Browser::signed_in(app, &other).await;
        other.get("/portal").await.expect(StatusCode::OK);
        for id in [&*id, "0198a000-0000-7000-8000-000000000000", "x"] {
            let page = other.get(&format!("/portal/payments/{id}")).await;
            page.expect(StatusCode::NOT_FOUND);
            let asked = other
                .post(&format!("/portal/payments/{id}/check"), &[])
                .await;
            asked.expect(StatusCode::NOT_FOUND);
        }
        let page = other
            .get(&format!("/portal/payments?starting_after={id}"))
            .await;
        page.expect(StatusCode::UNPROCESSABLE_ENTITY);
        other
            .get("/portal/payments?status=refunded")
            .await
            .says(&["None of this kind."]);
        // Who is sent away without a sign-in has done nothing.
        let mut stranger = Browser::new(app);
        stranger.get("/portal/login").await;
        for path in [
            "/portal/subscribe",
            "/portal/subscription/cancel",
            "/portal/subscription/resume",
        ] {
            let led = stranger.post(path, &[("plan", "pro")]).await;
            assert!(led.location().starts_with("/portal/login"), "{path}");
        }
        assert_eq!(app.count(ORDERS).await, 1);
        // Staff see of others' payments nothing here either: these pages are one's own.
        let admin = outbound::admin(app).await;
        let mut admin = Browser::signed_in(app, &admin).await;
        admin
            .get(&format!("/portal/payments/{id}"))
            .await
            .expect(StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_shop_says_so_and_tells_staff_why() {
    each_engine(async |app| {
        let hide = "UPDATE subscription_plans SET is_active = (1 = 0)";
        app.damage(hide).await;
        let mut nobody = Browser::new(app);
        let page = nobody.get("/portal/pricing").await;
        page.expect(StatusCode::OK)
            .says(&["Nothing is on sale yet."])
            .hides(&["/console/plans"]);
        let admin = outbound::admin(app).await;
        let mut admin = Browser::signed_in(app, &admin).await;
        admin
            .get("/portal/pricing")
            .await
            .says(&["/console/plans", "stay hidden"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_stands_on_the_receipt() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        let staff = refunds::finance(app).await;
        let body = json!({ "amount": "9.90", "reason": "<i>late</i>" });
        let refund: Value = refunds::refund(app, &staff, &id, body)
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(refund["amount"], "9.90");
        let mut browser = Browser::signed_in(app, &buyer).await;
        let receipt = browser.get(&format!("/portal/payments/{id}")).await;
        receipt.says(&["-CN¥9.90"]).hides(&["late"]);
    })
    .await;
}
