//! A threshold is told once in a period, however often it is reached.

use tollgate_kernel::ids::UsageId;

use super::*;
use crate::model::hold::Owner;
use crate::store::quota_counters::mark_told;
use crate::store::{quota_counters, subscriptions};

const TOLD: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'quota.threshold_reached'";

async fn charge(service: &PaymentService, user: UserId, units: i64) -> UsageId {
    let charged = service.consume(&call(user, units), None).await;
    charged.expect("charged").value.usage_id
}

async fn undo(service: &PaymentService, usage: UsageId) {
    let back = service.refund_usage(usage, "it failed", None, None).await;
    back.expect("given back");
}

/// Sets units aside and charges them.
async fn settle(service: &PaymentService, user: UserId, units: i64) -> UsageId {
    let wish = call(user, units);
    let hold = service.reserve(&wish, Owner::HOST, time(60), None).await;
    let hold = hold.expect("held").value.reservation_id;
    let settled = service.commit_hold(hold, Owner::HOST, None).await;
    settled.expect("settled").usage_id.expect("charged")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_q1_a_threshold_that_is_reached_again_is_told_once_in_a_period() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let told = || count(&db, TOLD);
        let eighty = charge(&service, user, 85).await;
        assert_eq!(told().await, 1);
        undo(&service, eighty).await;
        let eighty = charge(&service, user, 80).await;
        assert_eq!(told().await, 1, "80 % again");
        let rest = settle(&service, user, 20).await;
        assert_eq!(told().await, 2, "100 % is another");
        undo(&service, rest).await;
        undo(&service, eighty).await;
        let all = settle(&service, user, 100).await;
        assert_eq!(told().await, 2, "both again, by a hold");
        undo(&service, all).await;
        charge(&service, user, 100).await;
        assert_eq!(told().await, 2, "both again, by a charge");
        // The next period begins unmarked.
        clock.advance(Duration::from_hours(24 * 31));
        charge(&service, user, 80).await;
        assert_eq!(told().await, 3);
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_q1_a_threshold_is_told_once_by_two_instances_at_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        let mut calls = JoinSet::new();
        for number in 0..12_usize {
            let service = services[number % 2].clone();
            calls.spawn(async move {
                for _ in 0..4 {
                    if let Ok(charged) = service.consume(&call(user, 90), None).await {
                        undo(&service, charged.value.usage_id).await;
                    }
                }
            });
        }
        calls.join_all().await;
        assert_eq!(count(&db, TOLD).await, 1);
        balances(&db, &services[0]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_q8_a_limit_that_rose_is_told_of_anew() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let told = || count(&db, TOLD);
        charge(&service, user, 90).await;
        let more = grant(user, 100, None);
        let given = service.grant_units(&more, &Origin::default(), None).await;
        given.expect("given");
        charge(&service, user, 10).await;
        assert_eq!(told().await, 1, "half of it");
        let eighty = charge(&service, user, 60).await;
        assert_eq!(told().await, 2, "80 % of 200");
        undo(&service, eighty).await;
        charge(&service, user, 60).await;
        assert_eq!(told().await, 2, "once");
        charge(&service, user, 40).await;
        assert_eq!(told().await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_q6_a_counter_that_goes_on_under_another_plan_is_told_of_anew_if_that_gives_more() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        charge(&service, user, 90).await;
        let units = |units| Some(Units::new(units).expect("units"));
        let now = clock.now();
        let mut tx = db.begin().await.expect("a transaction");
        let held = subscriptions::read_live(&mut tx, user, true).await;
        let held = held.expect("read").expect("held");
        let counter = quota_counters::read(&mut tx, held.id, &held.meter, now).await;
        let quota = counter.expect("read").expect("open").quota;
        for (limits, is_news) in [
            ((units(100), units(95)), false),
            ((units(95), units(95)), false),
            ((units(95), units(200)), true),
            ((units(200), None), true),
            ((None, units(100)), false),
        ] {
            let adapted = quota_counters::adapt(&mut tx, held.id, &held.meter, limits, now).await;
            adapted.expect("adapted");
            let marked = mark_told(&mut tx, held.id, &quota, 80).await;
            assert_eq!(marked.expect("asked"), is_news, "{limits:?}");
        }
        tx.rollback().await.expect("undone");
    })
    .await;
}
