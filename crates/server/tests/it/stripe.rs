//! Stripe from end to end: the service, its database, and the sandbox's look-alike on the wire.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;

use crate::conformance_stripe::Account;
use crate::harness::{App, Buyer, each_engine, until};

const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
const CURRENT: &str = "/payments/subscriptions/current";
const PAYS: &str = "4242424242424242";
const ASKS: &str = "4000002760003184";
const PAYS_ONCE: &str = "4000000000000341";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const PAID: &str = "SELECT COUNT(*) FROM payment_transactions WHERE paid_at IS NOT NULL";
const SUSPENDED: &str = "SELECT COUNT(*) FROM suspense";
const PAST_DUE: &str =
    "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL AND state = 'past_due'";
const OPEN_JOBS: &str =
    "SELECT COUNT(*) FROM jobs WHERE state = 'open' AND kind LIKE '%_agreement'";
const DAY: Duration = Duration::from_hours(24);

/// An order for the plan pro, and its number.
async fn order(app: &App, buyer: &Buyer) -> (Value, String) {
    let wish = json!({ "plan_slug": "pro", "payment_method": "stripe" });
    let order = app.post(SUBSCRIBE, &buyer.token, wish).await;
    let order = order.expect(StatusCode::CREATED);
    let number = order["transaction"]["order_no"].as_str().expect("a number");
    (order.clone(), number.to_owned())
}

/// A buyer who has the plan by this card.
async fn bought(app: &App, card: &str) -> (Account, Buyer, String) {
    let (account, buyer) = (Account::of(app), app.buyer().await);
    let (_, number) = order(app, &buyer).await;
    let paid = account.card(&number, card).await;
    assert_eq!(paid["status"], "complete", "{paid}");
    until("it is had", async || app.count(LIVE).await == 1).await;
    (account, buyer, number)
}

async fn current(app: &App, buyer: &Buyer) -> Value {
    app.get(CURRENT, &buyer.key).await.expect(StatusCode::OK)
}

/// To this long after the end of the term that is paid: here, and at the rail, whose months are counted in UTC.
async fn past_the_term(app: &App, account: &Account, buyer: &Buyer, by: Duration) -> Value {
    let end = current(app, buyer).await["current_period_end"].clone();
    let text = end.as_str().expect("a moment");
    let at = chrono::DateTime::parse_from_rfc3339(text).expect("a moment");
    let theirs = agreement(account).await["items"]["data"][0]["current_period_end"].clone();
    let theirs = Timestamp::from_seconds(theirs.as_i64().expect("seconds"));
    let at = Timestamp::from_utc(at.to_utc()).max(theirs.expect("a moment"));
    app.clock.advance(at.after(by).since(app.clock.now()));
    end
}

async fn agreement(account: &Account) -> Value {
    let list = account.get("subscriptions?status=all").await;
    list["data"][0].clone()
}

async fn balances(app: &App) {
    let books = app.payment.verify_books().await.expect("read");
    assert!(books.damage.is_empty(), "{:?}", books.damage);
    app.balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_a_page_of_checkout_is_paid_by_the_second_card_and_renews_month_by_month() {
    each_engine(async |app| {
        let (account, buyer) = (Account::of(app), app.buyer().await);
        let (begun, number) = order(app, &buyer).await;
        assert_eq!(begun["payment"]["kind"], "redirect", "{begun}");
        let url = begun["payment"]["url"].as_str().expect("a page");
        assert!(url.contains("/sandbox/stripe/pay/"), "{url}");
        // Asked again, it is the same page.
        assert_eq!(order(app, &buyer).await.0["payment"]["url"], url);
        for declined in ["4000000000000002", "4000000000009995", "4111111111111111"] {
            let answer = account.card(&number, declined).await;
            assert_eq!(answer["status"], "open", "{answer}");
        }
        assert_eq!(app.count(LIVE).await, 0);
        account.card(&number, PAYS).await;
        until("it is had", async || app.count(LIVE).await == 1).await;
        let held = current(app, &buyer).await;
        assert_eq!(
            (&held["renewal"], &held["auto_renew"]),
            (&json!("automatic"), &json!(true))
        );
        // A quarter of a year: each month is debited after its end, and none twice.
        for month in 2..=4 {
            let end = past_the_term(app, &account, &buyer, Duration::from_hours(2)).await;
            until("the debit", async || app.count(PAID).await == month).await;
            until("the next term", async || {
                let answer = app.get(CURRENT, &buyer.key).await;
                answer.status == 200 && answer.expect(StatusCode::OK)["current_period_end"] != end
            })
            .await;
        }
        // One subscription all the time: a day is given for the debit.
        let begun = "SELECT COUNT(*) FROM subscriptions";
        assert_eq!((app.count(begun).await, app.count(SUSPENDED).await), (1, 0));
        let mine = agreement(&account).await;
        assert_eq!(mine["status"], "active", "{mine}");
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_asks_is_answered_on_the_page() {
    each_engine(async |app| {
        let (account, buyer) = (Account::of(app), app.buyer().await);
        let (_, number) = order(app, &buyer).await;
        let asked = account.card(&number, ASKS).await;
        assert_eq!(
            (&asked["status"], &asked["asks"]),
            (&json!("open"), &json!(true)),
            "{asked}"
        );
        assert_eq!(app.count(LIVE).await, 0);
        let refused = account.answer(&number, "refuse").await;
        assert_eq!(refused["status"], "open", "{refused}");
        account.card(&number, ASKS).await;
        let approved = account.answer(&number, "approve").await;
        assert_eq!(approved["status"], "complete", "{approved}");
        until("it is had", async || app.count(LIVE).await == 1).await;
        assert!(
            current(app, &buyer).await["is_entitled"]
                .as_bool()
                .expect("a word")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_a_renewal_that_fails_twice_and_then_succeeds() {
    each_engine(async |app| {
        let (account, buyer, _) = bought(app, PAYS).await;
        account
            .fault(json!({ "kind": "renewal_fails", "times": 2 }))
            .await;
        past_the_term(app, &account, &buyer, Duration::from_hours(2)).await;
        until("it is late", async || app.count(PAST_DUE).await == 1).await;
        // Usable while it is tried again, for three days.
        assert!(
            current(app, &buyer).await["is_entitled"]
                .as_bool()
                .expect("a word")
        );
        app.clock.advance(3 * DAY + Duration::from_hours(1));
        until("it has lapsed", async || {
            app.get(CURRENT, &buyer.key).await.status == 404
        })
        .await;
        assert_eq!(app.count(PAID).await, 1);
        app.clock.advance(5 * DAY);
        until("the debit", async || app.count(PAID).await == 2).await;
        let held = current(app, &buyer).await;
        assert_eq!(
            (&held["renewal"], &held["is_entitled"]),
            (&json!("automatic"), &json!(true))
        );
        assert_eq!((app.count(LIVE).await, app.count(SUSPENDED).await), (1, 0));
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_what_is_cancelled_is_not_debited_and_can_be_resumed() {
    each_engine(async |app| {
        let (account, buyer, _) = bought(app, PAYS).await;
        let change = async |word: &str| {
            let path = format!("/payments/subscriptions/{word}");
            let answer = app.post(&path, &buyer.token, json!({})).await;
            let answer = answer.expect(StatusCode::OK);
            until("Stripe has heard", async || app.count(OPEN_JOBS).await == 0).await;
            answer
        };
        let cancelled = change("cancel").await;
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(cancelled["is_entitled"], true);
        assert_eq!(agreement(&account).await["cancel_at_period_end"], true);
        assert_eq!(change("resume").await["renewal"], "automatic");
        assert_eq!(agreement(&account).await["cancel_at_period_end"], false);
        change("cancel").await;
        past_the_term(app, &account, &buyer, Duration::from_hours(2)).await;
        until("it is over", async || app.count(LIVE).await == 0).await;
        until("there too", async || {
            agreement(&account).await["status"] == "canceled"
        })
        .await;
        app.clock.advance(31 * DAY);
        until("quiet", async || app.count(OPEN_JOBS).await == 0).await;
        assert_eq!(app.count(PAID).await, 1);
        let gone = app
            .post("/payments/subscriptions/cancel", "", json!({}))
            .await;
        gone.refused(401, "unauthenticated");
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_what_is_given_back_ends_the_agreement_too() {
    each_engine(async |app| {
        let (account, _, number) = bought(app, PAYS).await;
        let wish = json!({ "order": number });
        let back = app.post("/sandbox/stripe/console-refund", "", wish).await;
        back.expect(StatusCode::CREATED);
        until("the plan is gone", async || app.count(LIVE).await == 0).await;
        until("so is the agreement", async || {
            agreement(&account).await["status"] == "canceled"
        })
        .await;
        let console =
            "SELECT COUNT(*) FROM refunds WHERE origin = 'console' AND state = 'succeeded'";
        assert_eq!(app.count(console).await, 1);
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_l3_a_bank_that_takes_money_back_takes_the_plan_along() {
    each_engine(async |app| {
        let (account, _, number) = bought(app, PAYS).await;
        let wish = json!({ "order": number });
        let dispute = app.post("/sandbox/stripe/console-dispute", "", wish).await;
        let dispute = dispute.expect(StatusCode::CREATED);
        until("the plan is gone", async || app.count(LIVE).await == 0).await;
        until("so is the agreement", async || {
            agreement(&account).await["status"] == "canceled"
        })
        .await;
        balances(app).await;
        let wish = json!({ "dispute": dispute["id"], "outcome": "won" });
        let won = app
            .post("/sandbox/stripe/console-dispute-close", "", wish)
            .await;
        won.expect(StatusCode::CREATED);
        let put_right = "SELECT COUNT(*) FROM ledger_postings WHERE step = 'taken_back'";
        until("the money is back", async || {
            app.count(put_right).await == 1
        })
        .await;
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_47_completed_and_unpaid_waits_for_the_money_and_a_no_of_the_bank_is_one() {
    each_engine(async |app| {
        let (account, buyer) = (Account::of(app), app.buyer().await);
        for (kind, had) in [("completed_failed", 0), ("completed_unpaid", 1)] {
            account
                .fault(json!({ "kind": kind, "argument": "600" }))
                .await;
            let (_, number) = order(app, &buyer).await;
            let answer = account.card(&number, PAYS).await;
            assert_eq!(answer["status"], "complete", "{answer}");
            let session = account.session(&number).await;
            assert_eq!(session["payment_status"], "unpaid", "{session}");
            assert_eq!(app.count(LIVE).await, 0);
            app.clock.advance(Duration::from_secs(700));
            if had == 1 {
                until("it is had", async || app.count(LIVE).await == 1).await;
            } else {
                let failed = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'failed'";
                until("it is given up", async || app.count(failed).await == 1).await;
            }
        }
        assert_eq!((app.count(PAID).await, app.count(SUSPENDED).await), (1, 0));
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p2_however_it_is_told_a_purchase_is_one() {
    each_engine(async |app| {
        let account = Account::of(app);
        for (at, kind) in [
            "callback_twice",
            "callback_x50",
            "callback_reordered",
            "callback_forged",
            "stale_callback",
            "several_signatures",
            "other_version",
            "thin_event",
            "foreign_object",
            "callback_lost",
        ]
        .into_iter()
        .enumerate()
        {
            let buyer = app.buyer().await;
            let (_, number) = order(app, &buyer).await;
            account
                .fault(json!({ "kind": kind, "order": number, "times": 3 }))
                .await;
            account.card(&number, PAYS).await;
            // Nobody tells of it: somebody asks.
            app.clock.advance(Duration::from_secs(30));
            let had = i64::try_from(at).expect("small") + 1;
            until(kind, async || app.count(LIVE).await == had).await;
        }
        assert_eq!((app.count(PAID).await, app.count(SUSPENDED).await), (10, 0));
        for (kind, cause) in [("wrong_amount", "amount"), ("pay_twice", "surplus")] {
            let buyer = app.buyer().await;
            let (_, number) = order(app, &buyer).await;
            account
                .fault(json!({ "kind": kind, "order": number }))
                .await;
            account.card(&number, PAYS).await;
            app.clock.advance(Duration::from_secs(30));
            let kept = match cause {
                "amount" => "SELECT COUNT(*) FROM suspense WHERE cause = 'amount'",
                _ => "SELECT COUNT(*) FROM suspense WHERE cause = 'surplus'",
            };
            until(kind, async || app.count(kept).await == 1).await;
        }
        // Whatever was paid for nothing debits no more.
        until("agreements end", async || {
            app.clock.advance(Duration::from_secs(5));
            app.count(OPEN_JOBS).await == 0
        })
        .await;
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_a_renewal_that_nobody_was_told_of_is_read_from_stripes_list() {
    each_engine(async |app| {
        let (account, buyer, _) = bought(app, PAYS).await;
        account
            .fault(json!({ "kind": "callback_lost", "times": 100 }))
            .await;
        app.clock.advance(31 * DAY + Duration::from_hours(2));
        until("the debit", async || app.count(PAID).await == 2).await;
        assert_eq!(current(app, &buyer).await["renewal"], "automatic");
        balances(app).await;
    })
    .await;
}

/// F17: the webhook's secret is rolled in the middle of an order.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_f17_a_secret_that_is_rolled_mid_order_loses_nothing() {
    each_engine(async |app| {
        let (account, buyer) = (Account::of(app), app.buyer().await);
        let (_, number) = order(app, &buyer).await;
        account
            .fault(json!({ "kind": "key_changed", "order": number }))
            .await;
        account.card(&number, PAYS).await;
        // For a day both sign.
        until("it is had", async || app.count(LIVE).await == 1).await;
        // Then only the new one does, which nobody here knows: what is told is refused, and asked for.
        app.clock.advance(31 * DAY + Duration::from_hours(2));
        until("the debit", async || app.count(PAID).await == 2).await;
        balances(app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_leads_to_stripes_own_page_and_what_is_done_there_arrives() {
    each_engine(async |app| {
        let (account, buyer, _) = bought(app, PAYS_ONCE).await;
        let portal = app
            .post("/payments/subscriptions/portal", &buyer.token, json!({}))
            .await;
        let portal = portal.expect(StatusCode::OK);
        let url = portal["url"].as_str().expect("a page");
        let page = app.http.get(url).send().await.expect("a page");
        assert_eq!(page.status(), StatusCode::OK);
        let id = agreement(&account).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let form = [("subscription", id.as_str()), ("action", "cancel")];
        let done = app
            .http
            .post(url)
            .form(&form)
            .send()
            .await
            .expect("an answer");
        assert!(done.status().as_u16() < 400, "{}", done.status());
        until("it arrives", async || {
            current(app, &buyer).await["cancel_at_period_end"] == true
        })
        .await;
        let stranger = app.buyer().await;
        let none = app
            .post("/payments/subscriptions/portal", &stranger.token, json!({}))
            .await;
        none.refused(404, "no_subscription");
    })
    .await;
}
