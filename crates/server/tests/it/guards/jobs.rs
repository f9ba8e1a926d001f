//! Holds that a background job settles (Q5), and quota without a request.

use std::time::Duration;

use tollgate_kernel::problem::Code;
use tollgate_payment::model::hold::HoldTime;
use tollgate_payment::{DeferredHold, HoldError};

use super::stand::{Stand, on_each, start};

/// The job of a call that was answered.
async fn job(stand: &Stand, path: &str, user: tollgate_kernel::ids::UserId) -> DeferredHold {
    let answer = stand.post(path, user).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let job = stand.host.jobs.lock().expect("whole").pop();
    job.expect("handed over")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_a_job_settles_once_after_the_answer() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        let path = "/five?then=defer&say=202";
        let whole = job(stand, path, user).await;
        assert_eq!(
            stand.stands().await,
            (0, 5, 0),
            "the answer settles nothing"
        );
        let usage = whole.commit().await.expect("charged");
        assert!(usage.is_some());
        assert_eq!(whole.commit().await.expect("again"), usage);
        assert!(matches!(whole.release().await, Err(HoldError::Settled)));
        drop(whole);
        assert_eq!(stand.stands().await, (5, 0, 1));

        let part = job(stand, path, user).await;
        for (cost, is_above) in [(6, true), (0, false), (-1, false)] {
            let refused = part.commit_cost(cost).await;
            let is_expected = match refused {
                Err(HoldError::AboveHold) => is_above,
                Err(HoldError::Cost(_)) => !is_above,
                _ => false,
            };
            assert!(is_expected, "{cost}");
        }
        assert_eq!(stand.stands().await, (5, 5, 1), "a mistake ends nothing");
        part.commit_cost(2).await.expect("charged");
        assert_eq!(stand.stands().await, (7, 0, 2));

        // What the handler said before it handed over.
        let said = job(stand, "/five?then=defer&say=202&cost=3", user).await;
        said.commit().await.expect("charged");
        assert_eq!(stand.stands().await, (10, 0, 3));

        let given = job(stand, path, user).await;
        given.release().await.expect("given back");
        assert!(matches!(given.commit().await, Err(HoldError::Settled)));
        assert_eq!(stand.stands().await, (10, 0, 3));

        // A job that fails in silence.
        drop(job(stand, path, user).await);
        stand.nothing_is_held().await;
        assert_eq!(stand.stands().await, (10, 0, 3));
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_a_job_that_is_late_charges_nothing_and_one_that_asks_has_time() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        let path = "/minute?then=defer&say=202";
        let (late, asks) = (job(stand, path, user).await, job(stand, path, user).await);
        stand.clock.advance(Duration::from_secs(30));
        let minute = HoldTime::seconds(60).expect("a time");
        asks.extend(minute).await.expect("moved");
        stand.clock.advance(Duration::from_secs(31));
        assert!(matches!(late.commit().await, Err(HoldError::Settled)));
        assert!(matches!(late.extend(minute).await, Err(HoldError::Settled)));
        asks.commit().await.expect("in time");
        stand.payment.tick().await.expect("due work");
        assert_eq!(stand.stands().await, (5, 0, 1));
        // Deferred on a route that charges before: the job gives it back.
        let path = "/admitted?then=defer&say=202";
        let charged = job(stand, path, user).await;
        assert_eq!(stand.stands().await.0, 10);
        assert!(matches!(
            charged.commit_cost(2).await,
            Err(HoldError::Settled)
        ));
        let usage = charged.commit().await.expect("it is");
        assert!(usage.is_some());
        let failed = job(stand, path, user).await;
        failed.release().await.expect("given back");
        assert_eq!(stand.stands().await.0, 10);
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_quota_by_plain_arguments() {
    on_each(async |stand| {
        let user = stand.somebody("free").await;
        let quota = stand.payment.quota();
        let taken = quota.consume(user, "thing", 3).await.expect("taken");
        assert_eq!((taken.quota.used, taken.quota.remaining), (3, Some(97)));
        assert_eq!(taken.quota.period_start, Some(start()));
        let checked = quota.check(user, "thing", 97).await.expect("a verdict");
        assert!(checked.allowed);
        let hold = quota.reserve(user, "thing", 10).await.expect("set aside");
        let id = hold.reservation_id;
        let above = quota.commit(id, Some(11)).await.expect_err("too much");
        assert_eq!(above.code(), Code::ValidationFailed);
        let settled = quota.commit(id, Some(4)).await.expect("charged");
        assert_eq!((settled.charged, settled.quota.used), (4, 7));
        let ended = quota.release(id).await.expect_err("charged before");
        assert_eq!(ended.code(), Code::ReservationSettled);
        let hold = quota.reserve(user, "thing", 10).await.expect("set aside");
        quota
            .release(hold.reservation_id)
            .await
            .expect("given back");
        for (resource_type, cost, code) in [
            ("thing", 94, Code::QuotaExceeded),
            ("thing", 0, Code::ValidationFailed),
            ("a thing", 1, Code::ValidationFailed),
            ("unheard", 1, Code::ValidationFailed),
        ] {
            let refused = quota.consume(user, resource_type, cost).await;
            assert_eq!(
                refused.expect_err("refused").code(),
                code,
                "{resource_type} {cost}"
            );
        }
        let poor = quota.reserve(stand.nobody(), "thing", 1).await;
        assert_eq!(
            poor.expect_err("no plan").code(),
            Code::SubscriptionRequired
        );
        assert_eq!(stand.stands().await, (7, 0, 2));
        stand.balances().await;
    })
    .await;
}
