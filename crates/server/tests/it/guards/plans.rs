//! Nobody beyond this point without a plan (§3, line 52).

use std::time::Duration;

use serde_json::json;
use tollgate_storage::in_tx;

use super::stand::{Stand, on_each};

async fn change(stand: &Stand, statement: &'static str) {
    let mut tx = stand.db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("changed");
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_52_no_plan_and_another_plan_are_told_apart() {
    on_each(async |stand| {
        let poor = stand.nobody();
        for path in ["/pro", "/paid", "/any", "/none"] {
            let problem = stand.get(path, poor).await;
            let problem = problem.refused(402, "subscription_required");
            assert_eq!(
                problem["upgrade_url"], "https://pay.example/payments/plans",
                "{path}"
            );
        }
        let (free, pro) = (stand.somebody("free").await, stand.somebody("pro").await);
        let enterprise = stand.somebody("enterprise").await;
        for (user, path, passes) in [
            (free, "/pro", false),
            (free, "/paid", false),
            (free, "/any", true),
            (free, "/none", false),
            (pro, "/pro", true),
            (pro, "/paid", true),
            (enterprise, "/pro", false),
            (enterprise, "/paid", true),
        ] {
            // Read, and from memory.
            for _ in 0..2 {
                let answer = stand.get(path, user).await;
                if passes {
                    assert_eq!(answer.status, 200, "{path}");
                } else {
                    let problem = answer.refused(402, "plan_required");
                    assert!(problem["upgrade_url"].is_string() && problem["plans"].is_array());
                }
            }
        }
        assert_eq!(stand.ran(), 8);
        let nobody = stand.http.get(format!("http://{}/pro", stand.address));
        assert_eq!(nobody.send().await.expect("an answer").status(), 401);
        assert_eq!(stand.stands().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_instance_ended_is_over_within_two_seconds() {
    on_each(async |stand| {
        let (user, other) = (stand.somebody("pro").await, stand.somebody("pro").await);
        stand.clock.advance(Duration::from_secs(10));
        for user in [user, other] {
            assert_eq!(stand.get("/pro", user).await.status, 200);
        }
        change(
            stand,
            "UPDATE subscriptions SET status = 'expired', state = 'refunded', ended_at = updated_at,
             entitled_until = updated_at, version = version + 1",
        )
        .await;
        stand.clock.advance(Duration::from_millis(1_999));
        for user in [user, other] {
            let answer = stand.get("/pro", user).await;
            assert_eq!(answer.status, 200, "as a key is believed");
        }
        stand.clock.advance(Duration::from_millis(1));
        stand
            .get("/pro", user)
            .await
            .refused(402, "subscription_required");
        // A clock that is set back makes nothing young again.
        stand.clock.set_by(-3_600_000_000);
        stand
            .get("/pro", other)
            .await
            .refused(402, "subscription_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_ends_by_the_clock_whatever_is_remembered() {
    on_each(async |stand| {
        let user = stand.somebody("pro").await;
        // Cancelled: usable to the end, a second and a half from what is read next.
        let cancel = "UPDATE subscriptions SET status = 'cancelled', state = 'cancelling',
             entitled_until = $1, current_period_end = $1, version = version + 1";
        stand.clock.advance(Duration::from_secs(10));
        let end = stand.clock.now().after(Duration::from_millis(1_500));
        let mut tx = stand.db.begin().await.expect("begins");
        in_tx!(&mut tx, |c| sqlx::query(cancel)
            .bind(end.utc())
            .execute(c)
            .await
            .map(|_| ()))
        .expect("changed");
        tx.commit().await.expect("commits");
        assert_eq!(stand.get("/pro", user).await.status, 200);
        assert_eq!(
            stand.get("/plan", user).await.body,
            json!("pro"),
            "what was cancelled gives its right"
        );
        stand.clock.advance(Duration::from_millis(1_499));
        assert_eq!(stand.get("/pro", user).await.status, 200);
        stand.clock.advance(Duration::from_millis(1));
        for path in ["/pro", "/any", "/plan"] {
            let answer = stand.get(path, user).await;
            answer.refused(402, "subscription_required");
        }
        stand
            .post("/one", user)
            .await
            .refused(402, "subscription_required");
        assert_eq!(stand.get("/plan-if-any", user).await.body, json!(null));
    })
    .await;
}

/// Another plan may follow at a moment. Whoever looks first writes down what has begun; a yes from memory would be of the
/// plan before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_looked_at_again() {
    on_each(async |stand| {
        let user = stand.somebody("pro").await;
        stand.clock.advance(Duration::from_secs(10));
        let turn = stand.clock.now().after(Duration::from_secs(1));
        let mut tx = stand.db.begin().await.expect("begins");
        let statement = "UPDATE subscriptions SET turns_at = $1";
        in_tx!(&mut tx, |c| sqlx::query(statement)
            .bind(turn.utc())
            .execute(c)
            .await
            .map(|_| ()))
        .expect("changed");
        tx.commit().await.expect("commits");
        let due = "SELECT COUNT(*) FROM subscriptions WHERE turns_at IS NOT NULL";
        for (wait, is_due) in [(0, 1), (999, 1), (1, 0)] {
            stand.clock.advance(Duration::from_millis(wait));
            assert_eq!(stand.get("/pro", user).await.status, 200);
            assert_eq!(stand.count(due).await, is_due, "after {wait} ms more");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_is_told_the_plan() {
    on_each(async |stand| {
        let (user, poor) = (stand.somebody("pro").await, stand.nobody());
        assert_eq!(stand.get("/plan", user).await.body, json!("pro"));
        assert_eq!(stand.get("/plan-if-any", user).await.body, json!("pro"));
        assert_eq!(stand.get("/plan-if-any", poor).await.body, json!(null));
        stand
            .get("/plan", poor)
            .await
            .refused(402, "subscription_required");
        let nobody = async |path: &str| {
            let request = stand.http.get(format!("http://{}{path}", stand.address));
            crate::harness::Answer::read(request.send().await.expect("an answer")).await
        };
        nobody("/plan").await.refused(401, "unauthenticated");
        assert_eq!(nobody("/plan-if-any").await.body, json!(null));
    })
    .await;
}
