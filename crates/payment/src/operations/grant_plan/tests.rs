//! What staff give without money, on both engines.

use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_kernel::ids::UserId;
use tollgate_storage::idempotency::IdempotencyKey;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::payment::PaymentMethod;
use crate::operations::book::tests::{count, damaged};
use crate::operations::renew::tests::Shop;
use crate::{MIGRATIONS, PlanRef};

const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const WORTH: &str = "SELECT CAST(COALESCE(SUM(worth), 0) AS BIGINT) FROM subscription_terms";
const AUDITED: &str = "SELECT COUNT(*) FROM audit_log WHERE action = 'user.plan_granted'";

fn wish(user: UserId, plan: &str, terms: u32) -> GrantPlan {
    GrantPlan {
        user_id: user,
        plan_slug: plan.to_owned(),
        terms,
        reason: "the outage of 3 May".to_owned(),
    }
}

async fn given(shop: &Shop, wish: &GrantPlan) -> Result<GivenPlanShape, GrantError> {
    let origin = Origin::default();
    let given = shop.service.grant_plan(wish, &origin, None);
    Ok(given.await?.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l8_a_plan_that_is_given_is_had_and_is_worth_nothing() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        let free = shop.order(user, "free", PaymentMethod::Alipay);
        free.await.expect("at once");
        // In place of the free plan: two months from today.
        let first = given(&shop, &wish(user, "pro", 2)).await.expect("given");
        let at = |text: &str| Some(Timestamp::from_utc(text.parse().expect("a moment")));
        assert_eq!(first.current_period_end, at("2026-03-31T04:00:00Z"));
        // Behind them: to the day.
        shop.clock.advance(Duration::from_hours(24 * 40));
        let second = given(&shop, &wish(user, "pro", 1)).await.expect("given");
        assert_eq!(second.subscription_id, first.subscription_id);
        assert_eq!(second.current_period_end, at("2026-04-30T04:00:00Z"));
        assert_eq!((count(&db, LIVE).await, count(&db, WORTH).await), (1, 0));
        assert_eq!(count(&db, AUDITED).await, 2);
        // Nothing is counted for it when another plan is bought, nor does anybody pay for it.
        let plan = PlanRef {
            plan_id: None,
            plan_slug: Some("for-ever".to_owned()),
        };
        let quote = shop.service.quote(user, &plan).await.expect("quoted");
        assert_eq!(quote.credit_minor, 0, "{quote:?}");
        let all = shop.service.stats_overview(None, None).await.expect("read");
        assert!(all.currencies.is_empty(), "{all:?}");
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_is_refused_and_changes_nothing() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let (user, other): (UserId, UserId) = (shop.ids.next(), shop.ids.next());
        shop.buy(user).await;
        let end = given(&shop, &wish(other, "for-ever", 1))
            .await
            .expect("given");
        assert_eq!((end.current_period_end, end.entitled_until), (None, None));
        let silent = GrantPlan {
            reason: String::new(),
            ..wish(user, "pro", 1)
        };
        for (wish, expected) in [
            (wish(user, "none", 1), "no such plan is on sale"),
            (wish(user, "pro", 0), "terms are 1 to 120"),
            (wish(user, "pro", 121), "terms are 1 to 120"),
            (silent, "a reason has 1 to 500 characters"),
            (wish(user, "for-ever", 1), "another plan is in force"),
            (wish(other, "for-ever", 1), "another plan is in force"),
            (wish(other, "pro", 1), "another plan is in force"),
        ] {
            let refused = given(&shop, &wish).await.expect_err("refused");
            assert_eq!(refused.to_string(), expected, "{wish:?}");
        }
        assert_eq!((count(&db, LIVE).await, count(&db, AUDITED).await), (2, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_one_key_gives_one_term_however_often_it_is_sent() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        let wish = wish(user, "pro", 1);
        let key: IdempotencyKey = "a-key-of-staff".parse().expect("a key");
        let key = Request::new("staff".to_owned(), "POST", "/grant", key, b"one body");
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let (service, wish, key) = (shop.service.clone(), wish.clone(), key.clone());
            calls.spawn(async move {
                let origin = Origin::default();
                let given = service.grant_plan(&wish, &origin, Some(&key));
                given.await.expect("given")
            });
        }
        let answers = calls.join_all().await;
        let firsts = answers.iter().filter(|answer| !answer.replayed).count();
        assert_eq!(firsts, 1);
        assert!(
            answers
                .iter()
                .all(|answer| answer.value == answers[0].value)
        );
        assert_eq!((count(&db, LIVE).await, count(&db, AUDITED).await), (1, 1));
        let terms = "SELECT COUNT(*) FROM subscription_terms";
        assert_eq!(count(&db, terms).await, 1);
    })
    .await;
}
