//! The service is cut off before every statement of money, and before and after every commit: whatever the
//! place, the books are whole afterwards, and what was wanted comes about once (L3, P1, P10, P12, F2, F8).
//!
//! The places are of the whole process, so each test starts itself again in a process of its own.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tollgate_storage::failpoint::{self, Cut};

use crate::harness::{Answer, App, Buyer, Pen, each_engine, until};
use crate::refunds::{at_the_gateway, finance, has_plan, paid, pay, status};
use crate::suspense::set_aside;

/// More places than anything here passes.
const MOST: u64 = 400;
const ALONE: &str = "TOLLGATE_TEST_ALONE";

/// Whether this is the process of its own; otherwise runs it.
pub(crate) async fn is_alone(test: &'static str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1");
    // Its summary is not the summary of this run.
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let ran = ran.expect("joined").expect("runs");
    let (said, told) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(
        ran.status.success(),
        "{test} failed in a process of its own\n{said}\n{told}"
    );
    false
}

/// Cuts `deed` off behind no place, behind one, behind two, and so on until it ends before the cut; then at
/// every place that was missed because the worker did something in between. `mend` is what happens afterwards
/// anyway. Gives the places at which it was cut off: all there are.
pub(crate) async fn at_every_place<T>(
    mut prepare: impl AsyncFnMut() -> T,
    mut deed: impl AsyncFnMut(&T),
    mut mend: impl AsyncFnMut(&T),
) -> BTreeSet<&'static str> {
    let mut known = BTreeSet::new();
    let mut counting = true;
    for places in 0..MOST {
        let subject = prepare().await;
        failpoint::arm(if counting {
            Cut::Behind(places)
        } else {
            Cut::Beside(known.clone())
        });
        deed(&subject).await;
        let cut_at = failpoint::disarm();
        mend(&subject).await;
        match cut_at {
            Some(place) => known.insert(place),
            None if counting => {
                counting = false;
                true
            }
            None => return known,
        };
    }
    panic!("it passes more than {MOST} places");
}

/// Every place that matters was a place of the cut.
pub(crate) fn covers(cut: &BTreeSet<&'static str>, files: &[&str]) {
    for file in files {
        assert!(
            cut.iter().any(|place| place.contains(file)),
            "never cut off in {file}: {cut:?}"
        );
    }
    for commit in ["before a commit", "after a commit"] {
        assert!(cut.contains(commit), "never cut off {commit}");
    }
}

/// One payment per order, one posting per payment, and nothing half done.
async fn whole(app: &App) {
    app.balance().await;
    let halves = app
        .count(
            "SELECT COUNT(*) FROM payment_transactions p WHERE (p.state IN ('completed', 'refunded'))
             <> EXISTS (SELECT 1 FROM ledger_postings l WHERE l.cause_kind = 'payment' AND l.cause_id = p.id)",
        )
        .await;
    assert_eq!(halves, 0, "paid and not booked, or booked and not paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_p1_a_callback_cut_off_anywhere_settles_once() {
    if !is_alone("points::inv_l3_p1_a_callback_cut_off_anywhere_settles_once").await {
        return;
    }
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let cut = at_every_place(
            async || app.order(&buyer).await,
            async |order| {
                app.notify(pen.sign(&pen.paid(order))).await;
            },
            async |order| {
                // The provider sends it again until it hears its word.
                assert_eq!(app.notify(pen.sign(&pen.paid(order))).await.1, "success");
                let id = order["transaction"]["id"].as_str().expect("an id");
                assert_eq!(status(app, &buyer, id).await["status"], "completed");
                whole(app).await;
            },
        )
        .await;
        covers(&cut, &["store/inbox.rs", "store/payments.rs", "store/subscriptions.rs", "store/ledger.rs", "store/calls.rs"]);
        let terms = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed' AND subscription_id IS NULL";
        assert_eq!(app.count(terms).await, 0, "paid and not given");
        // As many months as were paid for: no term was given twice.
        let paid = app.count("SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed'").await;
        let held = app.get("/payments/subscriptions/current", &buyer.token).await;
        let end = held.expect(StatusCode::OK)["current_period_end"].clone();
        let end: tollgate_kernel::clock::Timestamp = serde_json::from_value(end).expect("a time");
        let months = end.since(app.clock.now()).as_secs() / (27 * 86_400);
        assert!(months <= u64::try_from(paid).expect("some") * 31 / 27 + 1, "{months} months for {paid}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_p10_a_refund_cut_off_anywhere_moves_its_money_once() {
    if !is_alone("points::inv_l3_p10_a_refund_cut_off_anywhere_moves_its_money_once").await {
        return;
    }
    each_engine(async |app| {
        let send = async |who: &Buyer, id: &str| {
            let sent = app.http.post(format!("{}/payments/refund/{id}", app.url));
            let sent = sent.header("idempotency-key", id).bearer_auth(&who.token);
            let body = json!({ "reason": "cut off" });
            Answer::read(sent.json(&body).send().await.expect("an answer")).await
        };
        let mut moved = 0;
        let cut = at_every_place(
            async || {
                // Somebody of finance who buys; new each time, since the clock runs on.
                let who = finance(app).await;
                let id = paid(app, &who).await;
                (who, id)
            },
            async |(who, id)| {
                send(who, id).await;
            },
            async |(who, id)| {
                // The operator clicks again, with the same key.
                let again = send(who, id).await;
                assert_eq!(again.status, 201, "{again:?}");
                app.clock.advance(Duration::from_secs(10));
                until("the refund", async || {
                    app.clock.advance(Duration::from_secs(5));
                    status(app, who, id).await["status"] == "refunded"
                })
                .await;
                moved += 1;
                assert_eq!(at_the_gateway(app).await, (moved, moved * 9_900));
                assert!(!has_plan(app, who).await);
                whole(app).await;
            },
        )
        .await;
        let files = [
            "store/refunds.rs",
            "store/attempts.rs",
            "store/ledger.rs",
            "store/subscriptions.rs",
            "store/quota_counters.rs",
            "storage/src/jobs.rs",
            "storage/src/audit.rs",
            "storage/src/idempotency.rs",
        ];
        covers(&cut, &files);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p12_a_purchase_cut_off_anywhere_is_one_order_that_can_be_paid() {
    if !is_alone("points::inv_p12_a_purchase_cut_off_anywhere_is_one_order_that_can_be_paid").await
    {
        return;
    }
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let body = json!({ "plan_slug": "pro", "payment_method": "alipay" });
        let path = "/payments/subscriptions/subscribe";
        let cut = at_every_place(
            async || {},
            async |()| {
                app.post(path, &buyer.token, body.clone()).await;
            },
            async |()| {
                // Cut off before the answer of the provider: nobody knows, so it is sent again, the same.
                app.clock.advance(Duration::from_secs(13));
                let order = app.post(path, &buyer.token, body.clone()).await;
                let order = order.expect(StatusCode::CREATED);
                let open = "SELECT COUNT(*) FROM payment_transactions WHERE state IN ('created', 'pending')";
                assert_eq!(app.count(open).await, 1);
                let id = pay(app, &order).await;
                until("the payment", async || status(app, &buyer, &id).await["status"] == "completed").await;
                whole(app).await;
            },
        )
        .await;
        covers(&cut, &["store/payments.rs", "store/attempts.rs", "storage/src/jobs.rs"]);
        // No call stays without a result for ever.
        app.clock.advance(Duration::from_mins(6));
        until("the results", async || {
            let open = "SELECT COUNT(*) FROM payment_attempts WHERE state = 'intent'";
            app.count(open).await == 0
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_l3_money_of_suspense_cut_off_anywhere_goes_back_once() {
    if !is_alone("points::inv_p6_l3_money_of_suspense_cut_off_anywhere_goes_back_once").await {
        return;
    }
    each_engine(async |app| {
        let (mut moved, mut amount) = (0, 0);
        let cut = at_every_place(
            async || {
                // New each time, since the clock runs on.
                let (buyer, staff) = (app.buyer().await, finance(app).await);
                let (_, _, kept) = set_aside(app, &buyer, &staff).await;
                (staff, kept)
            },
            async |(staff, kept)| {
                let path = format!(
                    "/admin/suspense/{}/resolve",
                    kept["id"].as_str().expect("an id")
                );
                let body = json!({ "action": "refund", "reason": "cut off" });
                app.post(&path, &staff.token, body).await;
            },
            async |(staff, kept)| {
                let path = format!(
                    "/admin/suspense/{}/resolve",
                    kept["id"].as_str().expect("an id")
                );
                let body = json!({ "action": "refund", "reason": "again" });
                let again = app.post(&path, &staff.token, body).await.status;
                assert!(again == 200 || again == 422, "{again}");
                until("the money back", async || {
                    app.clock.advance(Duration::from_secs(5));
                    app.get("/admin/suspense?state=refunded", &staff.token)
                        .await
                        .expect(StatusCode::OK)["data"][0]["id"]
                        == kept["id"]
                })
                .await;
                moved += 1;
                amount += kept["amount_minor"].as_i64().expect("an amount");
                assert_eq!(at_the_gateway(app).await, (moved, amount));
                whole(app).await;
            },
        )
        .await;
        covers(
            &cut,
            &[
                "store/suspense.rs",
                "store/refunds.rs",
                "storage/src/audit.rs",
            ],
        );
    })
    .await;
}
