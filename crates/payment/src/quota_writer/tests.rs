mod told;

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{HoldId, Ids, UserId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::idempotency::Request as Key;
use tollgate_storage::on_read;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::payment::PaymentMethod;
use crate::model::plan::{BillingCycle, NewPlan, PlanText};
use crate::model::scene::Scene;
use crate::operations::book::tests::{count, damaged};
use crate::operations::consume::ConsumeError;
use crate::operations::grant_units::GrantUnits;
use crate::operations::settle_hold::HoldError;
use crate::operations::way::PayBy;
use crate::providers::Payer;
use crate::{Expected, MIGRATIONS, PaymentConfig, PaymentService, PlanRef, Subscribe};
use tollgate_kernel::clock::Timestamp;

const LOGGED: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs";
const USED: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";
const HELD: &str = "SELECT CAST(COALESCE(SUM(held), 0) AS BIGINT) FROM quota_counters";
const SHOWN: &str = "SELECT CAST(COALESCE(SUM(quota_used), 0) AS BIGINT) FROM user_subscriptions";
const ROWS: &str = "SELECT COUNT(*) FROM usage_logs";

fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a moment")
}

/// One instance, on sale a free plan of a hundred units a month; one call of `thing` takes one.
async fn service(db: &Db, clock: &Clock) -> PaymentService {
    let service = PaymentService::builder(
        db.clone(),
        MasterKey::generate(&Entropy::system()),
        PaymentConfig::new("https://pay.example"),
    )
    .clock(clock.clone())
    .build()
    .await
    .expect("built");
    let free = NewPlan {
        slug: "free".parse().expect("a slug"),
        texts: [("zh".to_owned(), PlanText::default())].into(),
        house_language: "zh",
        price: Money::new(0, Currency::CNY),
        billing_cycle: BillingCycle::Monthly,
        meter: "processing_count".parse().expect("a meter"),
        quota_limit: Units::new(100).ok(),
        resource_costs: [("*".to_owned(), Units::new(1).expect("one"))].into(),
        sort_order: 0,
    };
    service.seed_plans(&[free]).await.expect("on sale");
    service
}

async fn somebody(service: &PaymentService) -> UserId {
    let user = Ids::new(service.0.clock.clone(), Entropy::system()).next();
    let wish = Subscribe {
        user_id: user,
        plan: PlanRef {
            plan_id: None,
            plan_slug: Some("free".to_owned()),
        },
        by: PayBy {
            method: PaymentMethod::Alipay,
            client: None,
            device: Scene::Pc,
            return_url: None,
            payer: Payer::default(),
        },
        expected: Expected::default(),
        trial: false,
    };
    service.subscribe(&wish, None).await.expect("theirs");
    user
}

/// A call to charge.
pub(crate) fn call(user: UserId, cost: i64) -> Consume {
    Consume {
        user_id: user,
        resource_type: "thing".parse().expect("a name"),
        cost: Cost::new(cost).expect("a cost"),
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    }
}

fn key(word: &str) -> Key {
    let word = word.parse().expect("a key");
    Key::new("user:1".to_owned(), "POST", "/quota/consume", word, b"{}")
}

fn time(seconds: i64) -> HoldTime {
    HoldTime::seconds(seconds).expect("a time")
}

/// Q2: the log is the counter, and nothing is held.
async fn balances(db: &Db, service: &PaymentService) {
    let (logged, used) = (count(db, LOGGED).await, count(db, USED).await);
    assert_eq!(logged, used, "log and counter");
    assert_eq!(damaged(service).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q3_a_limit_grants_itself_through_two_instances() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        let mut calls = JoinSet::new();
        for number in 0..300_i64 {
            let service = services[usize::try_from(number % 2).expect("two")].clone();
            calls.spawn(async move {
                let cost = number % 7 + 1;
                match service.consume(&call(user, cost), None).await {
                    Ok(_) => cost,
                    Err(ConsumeError::QuotaExceeded(quota)) => {
                        let left = quota.remaining().expect("limited").get();
                        assert!(left < cost, "{left} left of {cost}");
                        0
                    }
                    Err(other) => panic!("{other}"),
                }
            });
        }
        let granted: i64 = calls.join_all().await.into_iter().sum();
        assert!(granted <= 100, "{granted}");
        for _ in granted..100 {
            services[0]
                .consume(&call(user, 1), None)
                .await
                .expect("the rest");
        }
        let over = services[1].consume(&call(user, 1), None).await;
        assert!(
            matches!(over, Err(ConsumeError::QuotaExceeded(_))),
            "{over:?}"
        );
        assert_eq!(count(&db, LOGGED).await, 100);
        assert_eq!(count(&db, SHOWN).await, 100);
        balances(&db, &services[0]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q3_of_many_counters_at_once_each_gives_what_it_has() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let mut people = Vec::new();
        for number in 0..120_i64 {
            let (user, left) = (somebody(&service).await, number % 3);
            let first = service.consume(&call(user, 100 - left), None).await;
            assert_eq!(first.expect("charged").value.quota.remaining, Some(left));
            people.push((user, left));
        }
        // Two for each, in few batches: one has none left, another one, the next two.
        let mut calls = JoinSet::new();
        for (user, _) in people.iter().chain(&people).copied() {
            let service = service.clone();
            calls.spawn(async move {
                match service.consume(&call(user, 1), None).await {
                    Ok(charged) => (user, charged.value.quota.remaining),
                    Err(ConsumeError::QuotaExceeded(_)) => (user, None),
                    Err(other) => panic!("{other}"),
                }
            });
        }
        let told = calls.join_all().await;
        for (user, left) in people {
            let of = told.iter().filter(|(whose, _)| *whose == user);
            let mut of: Vec<Option<i64>> = of.map(|(_, remaining)| *remaining).collect();
            of.sort_unstable();
            let expected = match left {
                0 => [None, None],
                1 => [None, Some(0)],
                _ => [Some(0), Some(1)],
            };
            assert_eq!(of, expected, "{left} were left");
        }
        assert_eq!(count(&db, SHOWN).await, 120 * 100);
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_a_key_is_charged_once_however_it_is_repeated() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        let mut calls = JoinSet::new();
        for number in 0..120_usize {
            let service = services[number % 2].clone();
            calls.spawn(async move {
                let key = key(&format!("key {}", number % 10).replace(' ', "-"));
                let answer = service.consume(&call(user, 1), Some(&key)).await;
                let answer = answer.expect("answered");
                (number % 10, answer.value.usage_id, answer.replayed)
            });
        }
        let answers = calls.join_all().await;
        for key in 0..10 {
            let of: Vec<_> = answers.iter().filter(|answer| answer.0 == key).collect();
            assert!(
                of.iter().all(|answer| answer.1 == of[0].1),
                "one charge each"
            );
            assert_eq!(of.iter().filter(|answer| !answer.2).count(), 1);
        }
        assert_eq!(count(&db, ROWS).await, 10);
        balances(&db, &services[0]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a_call_that_cannot_be_written_fails_alone() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let mut calls = JoinSet::new();
        for number in 0..40 {
            let service = service.clone();
            calls.spawn(async move {
                let mut call = call(user, 1);
                if number % 8 == 3 {
                    // More than a column of time can hold is nothing that a caller could send; a text that PostgreSQL
                    // cannot keep is.
                    call.metadata = json!({ "a": "\u{0}" });
                }
                (number % 8 == 3, service.consume(&call, None).await.is_ok())
            });
        }
        let fates = calls.join_all().await;
        assert!(fates.iter().all(|(bad, ok)| *bad || *ok), "{fates:?}");
        let passed = fates.iter().filter(|(_, ok)| *ok).count();
        assert_eq!(count(&db, ROWS).await, i64::try_from(passed).expect("few"));
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_a_hold_ends_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        let mut all = Vec::new();
        for _ in 0..50 {
            let hold = services[0]
                .reserve(&call(user, 2), Owner::HOST, time(60), None)
                .await;
            all.push(hold.expect("held").value.reservation_id);
        }
        assert_eq!((count(&db, HELD).await, count(&db, USED).await), (100, 0));
        let full = services[0].consume(&call(user, 1), None).await;
        assert!(
            matches!(full, Err(ConsumeError::QuotaExceeded(_))),
            "{full:?}"
        );
        let mut ends = JoinSet::new();
        for (number, hold) in all.iter().copied().enumerate() {
            for way in 0..3 {
                let (service, clock) = (services[(number + way) % 2].clone(), clock.clone());
                ends.spawn(async move {
                    let one = Cost::new(1).ok();
                    match way {
                        0 => service.commit_hold(hold, Owner::HOST, one).await.is_ok(),
                        1 if number % 2 == 0 => {
                            service.release_hold(hold, Owner::HOST).await.is_ok()
                        }
                        _ => {
                            clock.advance(Duration::from_secs(1));
                            service.expire_holds().await.expect("expired") > 100
                        }
                    }
                });
            }
        }
        ends.join_all().await;
        clock.advance(Duration::from_hours(1));
        services[0].expire_holds().await.expect("expired");
        assert_eq!(count(&db, HELD).await, 0);
        let charged = "SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM quota_holds";
        assert_eq!(count(&db, USED).await, count(&db, charged).await);
        let open = "SELECT COUNT(*) FROM quota_holds WHERE state = 'held'";
        assert_eq!(count(&db, open).await, 0);
        balances(&db, &services[0]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_line_53_a_settling_is_repeated_or_refused() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let hold = async |seconds| {
            let hold = service
                .reserve(&call(user, 5), Owner::HOST, time(seconds), None)
                .await;
            hold.expect("held").value.reservation_id
        };
        let cost = |cost| Cost::new(cost).ok();
        let (first, second, third) = (hold(60).await, hold(60).await, hold(60).await);
        let above = service.commit_hold(first, Owner::HOST, cost(6)).await;
        assert!(matches!(above, Err(HoldError::AboveHold)), "{above:?}");
        let other = Owner {
            kind: crate::model::hold::OwnerKind::Service,
            id: uuid::Uuid::from_u128(7),
        };
        let foreign = service.commit_hold(first, other, None).await;
        assert!(matches!(foreign, Err(HoldError::NotFound)), "{foreign:?}");
        let settled = service
            .commit_hold(first, Owner::HOST, cost(3))
            .await
            .expect("charged");
        assert_eq!(
            (settled.charged, settled.quota.used, settled.quota.reserved),
            (3, 3, 10)
        );
        let again = service
            .commit_hold(first, Owner::HOST, cost(3))
            .await
            .expect("again");
        assert_eq!(again.usage_id, settled.usage_id);
        for refused in [
            service.commit_hold(first, Owner::HOST, cost(2)).await,
            service.release_hold(first, Owner::HOST).await,
        ] {
            assert!(matches!(refused, Err(HoldError::Settled)), "{refused:?}");
        }
        service
            .release_hold(second, Owner::HOST)
            .await
            .expect("back");
        service
            .release_hold(second, Owner::HOST)
            .await
            .expect("again");
        let late = service.commit_hold(second, Owner::HOST, None).await;
        assert!(matches!(late, Err(HoldError::Settled)), "{late:?}");
        // Moved on, it lives longer; then its time is over, whether anybody has noticed or not.
        clock.advance(Duration::from_secs(59));
        service
            .extend_hold(third, Owner::HOST, time(60))
            .await
            .expect("moved");
        clock.advance(Duration::from_secs(59));
        assert_eq!(service.expire_holds().await.expect("none"), 0);
        clock.advance(Duration::from_secs(1));
        let late = service.commit_hold(third, Owner::HOST, None).await;
        assert!(matches!(late, Err(HoldError::Settled)), "{late:?}");
        assert_eq!(service.expire_holds().await.expect("one"), 1);
        assert_eq!((count(&db, HELD).await, count(&db, USED).await), (0, 3));
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_a_period_begins_once_and_a_hold_belongs_to_its_own() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        services[0]
            .consume(&call(user, 30), None)
            .await
            .expect("charged");
        let month = Duration::from_hours(31 * 24);
        clock.advance(month.checked_sub(Duration::from_secs(10)).expect("later"));
        let hold = services[0]
            .reserve(&call(user, 7), Owner::HOST, time(3_600), None)
            .await;
        let hold = hold.expect("held").value.reservation_id;
        clock.advance(Duration::from_hours(24));
        let mut calls = JoinSet::new();
        for number in 0..100_usize {
            let service = services[number % 2].clone();
            calls.spawn(async move { service.consume(&call(user, 1), None).await.is_ok() });
        }
        // All of the new period, whatever the old one was charged.
        assert!(calls.join_all().await.into_iter().all(|ok| ok));
        assert_eq!(count(&db, "SELECT COUNT(*) FROM quota_counters").await, 2);
        let late = services[1].commit_hold(hold, Owner::HOST, None).await;
        assert!(
            matches!(late, Err(HoldError::Settled)),
            "its hour is over: {late:?}"
        );
        services[1].expire_holds().await.expect("back");
        balances(&db, &services[0]).await;
        let of = "SELECT used FROM quota_counters ORDER BY period_start";
        let charged: Vec<(i64,)> =
            on_read!(&db, |e| sqlx::query_as(of).fetch_all(e).await).expect("read");
        assert_eq!(charged, [(30,), (100,)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_a_hold_that_is_committed_in_the_next_period_is_charged_to_its_own() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        clock.advance(Duration::from_hours(31 * 24 - 1));
        let hold = service
            .reserve(&call(user, 7), Owner::HOST, time(86_400), None)
            .await;
        let hold = hold.expect("held").value.reservation_id;
        clock.advance(Duration::from_hours(23));
        service
            .consume(&call(user, 100), None)
            .await
            .expect("all of the new period");
        let settled = service
            .commit_hold(hold, Owner::HOST, None)
            .await
            .expect("charged");
        assert_eq!(settled.quota.used, 7);
        balances(&db, &service).await;
        assert_eq!(count(&db, SHOWN).await, 100);
    })
    .await;
}

fn grant(user: UserId, units: i64, expires_at: Option<Timestamp>) -> GrantUnits {
    GrantUnits {
        user_id: user,
        meter: None,
        units: Cost::new(units).expect("units"),
        reason: "sorry".to_owned(),
        expires_at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_bonus_units_are_burned_by_their_end_and_carried_over() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let day = |days: u64| start().after(Duration::from_hours(24 * days));
        let left = async || {
            let thing = "thing".parse().expect("a name");
            let checked = service.check(user, &thing, Cost::ONE).await.expect("read");
            checked.quota.expect("a meter").remaining.expect("limited")
        };
        // Ten until the tenth day, twenty for ever.
        service
            .grant_units(&grant(user, 10, Some(day(10))), &Origin::default(), None)
            .await
            .expect("given");
        service
            .grant_units(&grant(user, 20, None), &Origin::default(), None)
            .await
            .expect("given");
        assert_eq!(left().await, 130);
        service
            .consume(&call(user, 4), None)
            .await
            .expect("of the ten");
        clock.advance(Duration::from_hours(24 * 10));
        // Six of them are gone.
        service
            .consume(&call(user, 1), None)
            .await
            .expect("of the plan");
        assert_eq!(left().await, 119);
        service
            .consume(&call(user, 104), None)
            .await
            .expect("the plan, and five of the twenty");
        assert_eq!(left().await, 15);
        clock.advance(Duration::from_hours(24 * 22));
        // A new month, with what is left of the twenty.
        assert_eq!(left().await, 115);
        service
            .consume(&call(user, 115), None)
            .await
            .expect("all of it");
        let over = service.consume(&call(user, 1), None).await;
        assert!(
            matches!(over, Err(ConsumeError::QuotaExceeded(_))),
            "{over:?}"
        );
        clock.advance(Duration::from_hours(24 * 31));
        assert_eq!(left().await, 100);
        balances(&db, &service).await;
        let late = service
            .grant_units(&grant(user, 1, Some(start())), &Origin::default(), None)
            .await;
        assert!(late.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_a_hold_of_a_past_period_gives_back_to_its_grant() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        service
            .grant_units(&grant(user, 20, None), &Origin::default(), None)
            .await
            .expect("given");
        clock.advance(Duration::from_hours(31 * 24 - 1));
        let hold = service
            .reserve(&call(user, 110), Owner::HOST, time(86_400), None)
            .await;
        let hold = hold.expect("held").value.reservation_id;
        clock.advance(Duration::from_hours(2));
        // Ten of the twenty are set aside in the month that is over; ten came along.
        service
            .consume(&call(user, 105), None)
            .await
            .expect("charged");
        service.release_hold(hold, Owner::HOST).await.expect("back");
        service
            .consume(&call(user, 15), None)
            .await
            .expect("the ten that came back, and five");
        let over = service.consume(&call(user, 1), None).await;
        assert!(
            matches!(over, Err(ConsumeError::QuotaExceeded(_))),
            "{over:?}"
        );
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q1_q3_q5_what_bonus_units_that_are_over_were_set_aside_for_is_gone_with_them() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let hour = Duration::from_hours(1);
        for (how, left) in [
            (How::Released, 100),
            (How::Expired, 100),
            (How::Committed(4), 100),
            (How::Committed(40), 68),
            (How::Committed(12), 96),
            (How::CommittedAndGivenBack, 100),
        ] {
            let user = somebody(&service).await;
            let end = Some(clock.now().after(hour));
            let bonus = grant(user, 10, end);
            let given = service.grant_units(&bonus, &Origin::default(), None).await;
            given.expect("given");
            // Of the bonus, two.
            service.consume(&call(user, 2), None).await.expect("two");
            // The other eight, and of the plan 32.
            let hold = service
                .reserve(&call(user, 40), Owner::HOST, time(7_200), None)
                .await;
            let hold = hold.expect("held").value.reservation_id;
            clock.advance(hour);
            let now = clock.now();
            let last = service.consume(&call(user, 68), None).await;
            let last = last.expect("all that the plan has left");
            let last = last.value.usage_id;
            let back = service.refund_usage(last, "it failed", None, None).await;
            let back = back.expect("taken of the plan, it is had again");
            assert_eq!(back.value.quota.remaining, Some(68));
            let settled = how.settle(&service, &clock, hold).await;
            assert!(settled.is_none_or(|settled| settled == left), "{how:?}");
            let thing = "thing".parse().expect("a name");
            let checked = service.check(user, &thing, Cost::ONE).await.expect("read");
            let quota = checked.quota.expect("a meter");
            assert_eq!(quota.remaining, Some(left), "{how:?} at {now}");
            service
                .consume(&call(user, left), None)
                .await
                .expect("all of it");
            let over = service.consume(&call(user, 1), None).await;
            assert!(
                matches!(over, Err(ConsumeError::QuotaExceeded(_))),
                "{how:?}: {over:?}"
            );
        }
        balances(&db, &service).await;
    })
    .await;
}

/// How a hold ends.
#[derive(Clone, Copy, Debug)]
enum How {
    Released,
    Expired,
    Committed(i64),
    CommittedAndGivenBack,
}

impl How {
    /// What is told to be left, if anybody is told.
    async fn settle(self, service: &PaymentService, clock: &Clock, hold: HoldId) -> Option<i64> {
        match self {
            Self::Released => {
                let ended = service.release_hold(hold, Owner::HOST).await;
                ended.expect("back").quota.remaining
            }
            Self::Expired => {
                clock.advance(Duration::from_hours(1));
                assert_eq!(service.expire_holds().await.expect("expired"), 1);
                None
            }
            Self::Committed(cost) => {
                let cost = Some(Cost::new(cost).expect("a cost"));
                let ended = service.commit_hold(hold, Owner::HOST, cost).await;
                ended.expect("charged").quota.remaining
            }
            Self::CommittedAndGivenBack => {
                let ended = service.commit_hold(hold, Owner::HOST, None).await;
                let usage = ended.expect("charged").usage_id.expect("a row");
                let back = service.refund_usage(usage, "it failed", None, None).await;
                back.expect("back").value.quota.remaining
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_the_table_of_the_design_shows_what_the_counter_says() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let service = service(&db, &clock).await;
        let user = somebody(&service).await;
        let shown = async || -> (i64, i64) {
            let of = "SELECT quota_used, quota_limit FROM user_subscriptions";
            on_read!(&db, |e| sqlx::query_as(of).fetch_one(e).await).expect("a row")
        };
        assert_eq!(shown().await, (0, 100));
        let bonus = grant(user, 10, None);
        let given = service.grant_units(&bonus, &Origin::default(), None).await;
        given.expect("given");
        service.consume(&call(user, 3), None).await.expect("three");
        assert_eq!(shown().await, (3, 110));
        // A period that nobody has opened yet is the last one still; then it is the new one.
        clock.advance(Duration::from_hours(31 * 24));
        assert_eq!(shown().await, (3, 110));
        service.consume(&call(user, 1), None).await.expect("one");
        assert_eq!(shown().await, (1, 110));
        balances(&db, &service).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a_charge_is_given_back_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(start());
        let services = [service(&db, &clock).await, service(&db, &clock).await];
        let user = somebody(&services[0]).await;
        let charged = services[0]
            .consume(&call(user, 40), None)
            .await
            .expect("charged");
        let usage = charged.value.usage_id;
        let mut refunds = JoinSet::new();
        for number in 0..20_usize {
            let service = services[number % 2].clone();
            refunds.spawn(async move {
                let given = service.refund_usage(usage, "it failed", None, None).await;
                given.expect("given").value.refund_usage_id
            });
        }
        let refunds = refunds.join_all().await;
        assert!(
            refunds.iter().all(|one| *one == refunds[0]),
            "one row gives it back"
        );
        assert_eq!((count(&db, USED).await, count(&db, ROWS).await), (0, 2));
        let of_refund = services[0]
            .refund_usage(refunds[0], "again", None, None)
            .await;
        assert!(of_refund.is_err());
        services[0]
            .consume(&call(user, 100), None)
            .await
            .expect("all of it again");
        balances(&db, &services[0]).await;
    })
    .await;
}
