//! A whole installation through a month, by the sandbox's clock: reminders, debits, resets and ends, each in its time.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_storage::on_read;

use crate::command::tollgate;
use crate::conformance_stripe::Account;
use crate::harness::{App, Buyer, each_engine, until};
use crate::refunds;

const CLOCK: &str = "/sandbox/clock";
const SUBSCRIBE: &str = "/payments/subscriptions/subscribe";
const PAYS: &str = "4242424242424242";
const DAY_SECONDS: u64 = 86_400;

/// Moves the clock of the whole installation.
pub(crate) async fn advance(app: &App, by: Duration) -> Timestamp {
    let mut left = by.as_secs();
    let mut now = app.clock.now();
    while left > 0 {
        let step = left.min(DAY_SECONDS);
        left -= step;
        let moved = app
            .post(CLOCK, "", json!({ "advance_seconds": step }))
            .await;
        let moved = moved.expect(StatusCode::OK);
        now = serde_json::from_value(moved["now"].clone()).expect("a moment");
    }
    now
}

/// To this long before a moment, and two minutes on: duties have been at it by then.
async fn to(app: &App, moment: Timestamp, before: Duration) {
    let by = moment.before(before).since(app.clock.now());
    advance(app, by + Duration::from_mins(2)).await;
}

/// Letters to somebody, by subject.
pub(crate) async fn letters(app: &App, buyer: &Buyer, subject: &str) -> Vec<Value> {
    let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
    let to = me["email"].as_str().expect("an address");
    let fits = |mail: &Value| {
        mail["subject"]
            .as_str()
            .is_some_and(|text| text.contains(subject))
    };
    app.letters(to).await.into_iter().filter(fits).collect()
}

pub(crate) const ENDS_SOON: &str = "你的套餐即将到期";

/// What was told of somebody's things: how often each.
async fn told(app: &App, buyer: &Buyer) -> BTreeMap<String, usize> {
    let id: uuid::Uuid = buyer.id.parse().expect("an id");
    let statement = "SELECT kind FROM outbox WHERE user_id = $1
        AND (kind LIKE 'subscription.%' OR kind = 'quota.reset')";
    let kinds: Vec<(String,)> = on_read!(&app.db, |e| sqlx::query_as(statement)
        .bind(id)
        .fetch_all(e)
        .await)
    .expect("read");
    let mut counts = BTreeMap::new();
    for (kind,) in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

async fn state(app: &App, buyer: &Buyer) -> String {
    let id: uuid::Uuid = buyer.id.parse().expect("an id");
    let statement = "SELECT state FROM subscriptions WHERE user_id = $1 ORDER BY id DESC LIMIT 1";
    let (state,): (String,) = on_read!(&app.db, |e| sqlx::query_as(statement)
        .bind(id)
        .fetch_one(e)
        .await)
    .expect("a subscription");
    state
}

/// Somebody, and what they pay by.
struct Life {
    name: &'static str,
    buyer: Buyer,
}

async fn begin(app: &App) -> Vec<Life> {
    let (by_hand, free, debited) = (app.buyer().await, app.buyer().await, app.buyer().await);
    refunds::paid(app, &by_hand).await;
    app.post(SUBSCRIBE, &free.token, json!({ "plan_slug": "free" }))
        .await
        .expect(StatusCode::CREATED);
    let wish = json!({ "plan_slug": "pro", "payment_method": "stripe" });
    let order = app.post(SUBSCRIBE, &debited.token, wish).await;
    let order = order.expect(StatusCode::CREATED);
    let number = order["transaction"]["order_no"].as_str().expect("a number");
    let paid = Account::of(app).card(number, PAYS).await;
    assert_eq!(paid["status"], "complete", "{paid}");
    let had = "SELECT COUNT(*) FROM subscriptions WHERE auto_renew AND ended_at IS NULL";
    until("it is had", async || app.count(had).await == 1).await;
    let lives = [("by hand", by_hand), ("free", free), ("debited", debited)];
    for (_, buyer) in &lives {
        let call = json!({ "resource_type": "dicom_processing" });
        app.post("/quota/consume", &buyer.key, call)
            .await
            .expect(StatusCode::OK);
    }
    lives
        .into_iter()
        .map(|(name, buyer)| Life { name, buyer })
        .collect()
}

const EXPIRING: &str = "subscription.expiring";

/// A kind of life, how it stands, what was told of it and how often, and how many letters were written.
type Stand<'a> = (&'a str, &'a str, &'a [(&'a str, usize)], usize);

/// As each stands, and what was told of it; a row for each kind of life.
async fn stands(app: &App, lives: &[Life], rows: &[Stand<'_>]) {
    for (name, expected, counts, written) in rows {
        let life = lives.iter().find(|life| life.name == *name);
        let buyer = &life.expect("a life").buyer;
        until("the letters", async || {
            letters(app, buyer, ENDS_SOON).await.len() >= *written
        })
        .await;
        let mut wanted: BTreeMap<String, usize> = counts
            .iter()
            .map(|(kind, count)| ((*kind).to_owned(), *count))
            .collect();
        wanted.insert("subscription.activated".to_owned(), 1);
        assert_eq!(told(app, buyer).await, wanted, "{name}");
        assert_eq!(state(app, buyer).await, *expected, "{name}");
        assert_eq!(
            letters(app, buyer, ENDS_SOON).await.len(),
            *written,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_l4_a_month_passes_for_who_pays_by_hand_by_card_and_not_at_all() {
    each_engine(async |app| {
        let lives = begin(app).await;
        let current = app
            .get("/payments/subscriptions/current", &lives[0].buyer.key)
            .await
            .expect(StatusCode::OK);
        let end = serde_json::from_value(current["current_period_end"].clone());
        let end: Timestamp = end.expect("a moment");
        let day = Duration::from_secs(DAY_SECONDS);
        to(app, end, 7 * day + Duration::from_hours(1)).await;
        let nothing: &[(&str, usize)] = &[];
        let quiet = [
            ("by hand", "active", nothing, 0),
            ("free", "active", nothing, 0),
            ("debited", "active", nothing, 0),
        ];
        stands(app, &lives, &quiet).await;
        for (before, times) in [(7, 1), (6, 1), (3, 2), (2, 2), (1, 3)] {
            to(app, end, before * day).await;
            let told: &[(&str, usize)] = &[(EXPIRING, times)];
            let rows = [("by hand", "active", told, times), quiet[1], quiet[2]];
            stands(app, &lives, &rows).await;
        }
        // The term is over: who pays by hand has nothing, the card is debited, and everybody else's month begins anew.
        to(app, end, Duration::ZERO).await;
        advance(app, Duration::from_hours(12)).await;
        let over: &[(&str, usize)] = &[(EXPIRING, 3), ("subscription.expired", 1)];
        let reset: &[(&str, usize)] = &[("quota.reset", 1)];
        let debited: &[(&str, usize)] = &[("quota.reset", 1), ("subscription.renewed", 1)];
        until("the debit and the resets", async || {
            let told =
                "SELECT COUNT(*) FROM outbox WHERE kind IN ('quota.reset', 'subscription.renewed')";
            app.count(told).await == 3
        })
        .await;
        let rows = [
            ("by hand", "expired", over, 3),
            ("free", "active", reset, 0),
            ("debited", "active", debited, 0),
        ];
        stands(app, &lives, &rows).await;
        for (life, used) in lives.iter().zip([None, Some(0), Some(0)]) {
            let check = app
                .get(
                    "/quota/check?resource_type=dicom_processing",
                    &life.buyer.key,
                )
                .await;
            let check = check.expect(StatusCode::OK);
            assert_eq!(
                check["quota"]["used"].as_i64(),
                used,
                "{}: {check}",
                life.name
            );
        }
        let paid = "SELECT COUNT(*) FROM payment_transactions WHERE paid_at IS NOT NULL";
        assert_eq!(app.count(paid).await, 3);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_moves_the_clock_and_a_start_anew_keeps_it() {
    each_engine(async |app| {
        let before = app.clock.now();
        let moved = tollgate(
            app.database(),
            &["sandbox", "advance", "3d", "--url", &app.url],
            "",
        );
        assert!(moved.status.success(), "{moved:?}");
        let now = String::from_utf8(moved.stdout).expect("text");
        let now: Timestamp = serde_json::from_value(json!(now.trim())).expect("a moment");
        let three = Duration::from_secs(3 * DAY_SECONDS);
        assert!(now.since(before) >= three && now.since(before) < three + Duration::from_mins(2));
        let shown = app.get(CLOCK, "").await.expect(StatusCode::OK);
        assert_eq!(shown["ahead_seconds"], 3 * DAY_SECONDS);
        let kept = "SELECT COUNT(*) FROM settings WHERE name = 'sandbox.clock_ahead_seconds'";
        assert_eq!(app.count(kept).await, 1);
        let wrong = tollgate(
            app.database(),
            &["sandbox", "advance", "3w", "--url", &app.url],
            "",
        );
        assert_eq!(wrong.status.code(), Some(2));
        for body in [
            json!({}),
            json!({ "advance_seconds": 0 }),
            json!({ "advance_seconds": -1 }),
            json!({ "advance_seconds": 31 * DAY_SECONDS + 1 }),
            json!({ "advance_seconds": "1" }),
            json!({ "advance_seconds": 1, "back": true }),
        ] {
            let answer = app.post(CLOCK, "", body.clone()).await;
            assert_eq!(answer.status, 422, "{body}: {}", answer.body);
        }
        let shown = app.get(CLOCK, "").await.expect(StatusCode::OK);
        assert_eq!(shown["ahead_seconds"], 3 * DAY_SECONDS);
    })
    .await;
}
