//! What is taken over from another application, on both engines.

use std::time::Duration;

use chrono::DateTime;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_storage::db::Db;
use tollgate_storage::testing::each_engine;

use super::balances::{BroughtBalance, BroughtBonus, TakenBalances};
use super::subscriptions::BroughtSubscription;
use super::*;
use crate::model::explain::StepKind;
use crate::model::foreign_term::ForeignTerm;
use crate::model::payment::PaymentMethod;
use crate::model::quota::{Cost, Units};
use crate::operations::book::tests::{count, damaged};
use crate::operations::renew::tests::Shop;
use crate::shapes::SubscriptionShape;
use crate::{Consume, Counted, MIGRATIONS, PaymentService, PlanRef};

const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const TAKEN: &str = "SELECT COUNT(*) FROM taken_over";
/// Whatever an import writes.
const EVERYTHING: &str = "SELECT (SELECT COUNT(*) FROM subscriptions) + (SELECT COUNT(*) FROM subscription_terms)
    + (SELECT COUNT(*) FROM subscription_changes) + (SELECT COUNT(*) FROM usage_logs) + (SELECT COUNT(*) FROM quota_grants)
    + (SELECT COUNT(*) FROM quota_counters) + (SELECT COUNT(*) FROM quota_pots) + (SELECT COUNT(*) FROM taken_over)
    + (SELECT COUNT(*) FROM audit_log) + (SELECT COUNT(*) FROM outbox)";
/// Counters that are not the sum of their log.
const APART: &str = "SELECT COUNT(*) FROM quota_counters c WHERE c.used <>
    (SELECT CAST(COALESCE(SUM(l.quota_cost), 0) AS BIGINT) FROM usage_logs l
     WHERE l.subscription_id = c.subscription_id AND l.meter = c.meter AND l.period_start = c.period_start)";
const MONEY: &str =
    "SELECT (SELECT COUNT(*) FROM payment_transactions) + (SELECT COUNT(*) FROM ledger_postings)
    + (SELECT COUNT(*) FROM suspense)";

fn at(text: &str) -> Timestamp {
    let at = text.parse::<DateTime<chrono::Utc>>();
    Timestamp::from_utc(at.expect("a moment"))
}

fn subscription(user: UserId, plan: &str, starts: &str, ends: &str) -> BroughtSubscription {
    BroughtSubscription {
        user_id: user,
        plan_slug: plan.to_owned(),
        term: ForeignTerm {
            starts_at: Some(at(starts)),
            ends_at: Some(ends).filter(|ends| !ends.is_empty()).map(at),
            anchor_at: None,
        },
        cancelled: false,
        paid: None,
    }
}

/// From the middle of a month that has begun to the middle of the next.
fn pro(user: UserId) -> BroughtSubscription {
    subscription(user, "pro", "2026-01-16T04:00:00Z", "2026-02-16T04:00:00Z")
}

fn used(user: UserId, units: i64) -> BroughtBalance {
    BroughtBalance {
        user_id: user,
        meter: "processing_count".parse().expect("a meter"),
        used: Some(Units::new(units).expect("units")),
        bonus: None,
    }
}

fn bonus(user: UserId, units: i64, reason: &str) -> BroughtBalance {
    BroughtBalance {
        used: None,
        bonus: Some(BroughtBonus {
            units: Cost::new(units).expect("units"),
            reason: reason.to_owned(),
            expires_at: None,
        }),
        ..used(user, 0)
    }
}

async fn taken(service: &PaymentService, brought: &[BroughtSubscription]) -> TakenOver {
    let mut tx = service.0.db.begin().await.expect("begins");
    let taken = service.take_over_subscriptions(&mut tx, brought).await;
    let taken = taken.expect("taken over");
    if taken.faults.is_empty() {
        tx.commit().await.expect("commits");
    }
    taken
}

async fn balanced(service: &PaymentService, brought: &[BroughtBalance]) -> TakenBalances {
    let mut tx = service.0.db.begin().await.expect("begins");
    let taken = service.take_over_balances(&mut tx, brought).await;
    let taken = taken.expect("taken over");
    if taken.used.faults.is_empty() && taken.bonus.faults.is_empty() {
        tx.commit().await.expect("commits");
    }
    taken
}

async fn current(shop: &Shop, user: UserId) -> SubscriptionShape {
    let current = shop.service.current_subscription(user).await;
    current.expect("read").expect("in force")
}

fn made(made: usize, sums: &[(&str, i64)]) -> TakenOver {
    let sums = sums
        .iter()
        .map(|(name, units)| ((*name).to_owned(), *units));
    TakenOver {
        made,
        sums: sums.collect(),
        ..TakenOver::default()
    }
}

fn known(known: usize, differing: usize) -> TakenOver {
    TakenOver {
        known,
        differing,
        ..TakenOver::default()
    }
}

/// Nothing is as it must not be.
async fn is_whole(db: &Db, shop: &Shop) {
    assert_eq!(count(db, APART).await, 0, "a counter is not its log");
    assert_eq!(damaged(&shop.service).await, [""; 0]);
    shop.service.is_sealed_whole(db).await;
}

impl PaymentService {
    /// What is in the audit log was written by whoever has the machine, and is as it was written.
    async fn is_sealed_whole(&self, db: &Db) {
        audit::verify(db, &self.0.master_key).await.expect("whole");
        let others = "SELECT COUNT(*) FROM audit_log WHERE actor_kind <> 'operator'";
        assert_eq!(count(db, others).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_l8_what_was_paid_elsewhere_is_had_here_and_is_no_money_of_ours() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let (ann, bob, cat): (UserId, UserId, UserId) =
            (shop.ids.next(), shop.ids.next(), shop.ids.next());
        let mut paid = pro(ann);
        paid.paid = Some("99.00".to_owned());
        let lifetime = subscription(
            cat,
            "for-ever",
            "2024-02-29T04:00:00Z",
            "2099-12-31T00:00:00Z",
        );
        let taken_over = taken(&shop.service, &[paid, pro(bob), lifetime]).await;
        assert_eq!(taken_over, made(3, &[("pro", 2), ("for-ever", 1)]));
        assert_eq!(count(&db, MONEY).await, 0, "no money came");
        let held = current(&shop, ann).await;
        assert_eq!(held.current_period_end, Some(at("2026-02-16T04:00:00Z")));
        assert_eq!(
            (held.status.as_str(), held.quota_remaining),
            ("active", Some(1_000))
        );
        assert_eq!(current(&shop, cat).await.current_period_end, None);
        // What is left of what was paid counts, never more than that; what was not said to be paid counts for nothing.
        let plan = PlanRef {
            plan_id: None,
            plan_slug: Some("for-ever".to_owned()),
        };
        let quote = shop.service.quote(ann, &plan).await.expect("quoted");
        assert!(
            (1..=9_900 * 17 / 31).contains(&quote.credit_minor),
            "{quote:?}"
        );
        let quote = shop.service.quote(bob, &plan).await.expect("quoted");
        assert_eq!(quote.credit_minor, 0);
        // The next term is bought here, and follows to the day.
        shop.buy(ann).await;
        let held = current(&shop, ann).await;
        assert_eq!(held.current_period_end, Some(at("2026-03-16T04:00:00Z")));
        is_whole(&db, &shop).await;
        shop.clock.advance(Duration::from_hours(24 * 17));
        shop.service.tick().await.expect("done");
        assert!(
            shop.service
                .current_subscription(bob)
                .await
                .expect("read")
                .is_none(),
            "it ends with its term"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l5_a_term_of_thirty_days_goes_on_by_whole_months() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-20T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        let thirty = subscription(user, "pro", "2026-01-01T04:00:00Z", "2026-01-31T04:00:00Z");
        assert_eq!(
            taken(&shop.service, &[thirty]).await,
            made(1, &[("pro", 1)])
        );
        assert_eq!(
            balanced(&shop.service, &[used(user, 7)]).await.used,
            made(1, &[("processing_count", 7)])
        );
        shop.buy(user).await;
        let held = current(&shop, user).await;
        assert_eq!(held.current_period_end, Some(at("2026-02-28T04:00:00Z")));
        assert_eq!(held.resets_at, at("2026-01-31T04:00:00Z"));
        is_whole(&db, &shop).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_q8_what_was_used_and_given_elsewhere_is_in_the_log_and_explained() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        taken(&shop.service, &[pro(user)]).await;
        // More than the plan gives: the bonus units make room, wherever they stand.
        let brought = [used(user, 1_020), bonus(user, 50, "came with the account")];
        let balances = balanced(&shop.service, &brought).await;
        assert_eq!(balances.used, made(1, &[("processing_count", 1_020)]));
        assert_eq!(balances.bonus, made(1, &[("processing_count", 50)]));
        let call = Consume {
            user_id: user,
            resource_type: "scan".parse().expect("a type"),
            resource_id: None,
            cost: Cost::new(3).expect("a cost"),
            metadata: json!({}),
            api_key_id: None,
        };
        shop.service.consume(&call, None).await.expect("charged");
        let explained = shop
            .service
            .explain(user, &Counted::First)
            .await
            .expect("explained");
        assert!(explained.agrees, "{explained:?}");
        let steps: Vec<_> = explained
            .steps
            .iter()
            .map(|step| (step.kind, step.units))
            .collect();
        assert_eq!(
            steps,
            [
                (StepKind::Plan, Some(1_000)),
                (StepKind::Bonus, Some(50)),
                (StepKind::Opening, Some(-1_020)),
                (StepKind::Use, Some(-3)),
            ]
        );
        assert_eq!(current(&shop, user).await.quota_remaining, Some(27));
        is_whole(&db, &shop).await;
        // The next period begins anew, with what is left of the bonus units.
        shop.buy(user).await;
        shop.clock.advance(Duration::from_hours(24 * 20));
        assert_eq!(current(&shop, user).await.quota_remaining, Some(1_027));
        let explained = shop
            .service
            .explain(user, &Counted::First)
            .await
            .expect("explained");
        assert!(explained.agrees, "{explained:?}");
        assert_eq!(count(&db, APART).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_what_came_before_does_not_come_again_whatever_is_said_of_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let (ann, bob): (UserId, UserId) = (shop.ids.next(), shop.ids.next());
        let people = [
            pro(ann),
            subscription(bob, "free", "2026-01-16T04:00:00Z", ""),
        ];
        let stand = [
            used(ann, 0),
            used(bob, 9),
            bonus(bob, 5, "a"),
            bonus(bob, 5, "b"),
        ];
        taken(&shop.service, &people).await;
        let first = balanced(&shop.service, &stand).await;
        assert_eq!((first.used.made, first.bonus.made), (2, 2));
        let before = count(&db, EVERYTHING).await;
        assert_eq!(taken(&shop.service, &people).await, known(2, 0));
        let again = balanced(&shop.service, &stand).await;
        assert_eq!((again.used, again.bonus), (known(2, 0), known(2, 0)));
        // Said otherwise, it stays as it was, and that is told.
        let mut other = pro(ann);
        other.cancelled = true;
        assert_eq!(taken(&shop.service, &[other]).await, known(1, 1));
        let other = balanced(&shop.service, &[used(ann, 40), bonus(bob, 6, "a")]).await;
        assert_eq!((other.used, other.bonus), (known(1, 1), known(1, 1)));
        assert_eq!(count(&db, EVERYTHING).await, before);
        // Nor in a later period, nor when what came is over.
        shop.clock.advance(Duration::from_hours(24 * 60));
        shop.service.tick().await.expect("done");
        let before = count(&db, EVERYTHING).await;
        let gone = TakenOver {
            over: 1,
            ..known(1, 0)
        };
        assert_eq!(taken(&shop.service, &people).await, gone);
        let again = balanced(&shop.service, &stand).await;
        assert_eq!((again.used, again.bonus), (known(2, 0), known(2, 0)));
        assert_eq!(count(&db, EVERYTHING).await, before);
        is_whole(&db, &shop).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_of_two_runs_at_once_one_takes_over() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let users: Vec<UserId> = (0..5).map(|_| shop.ids.next()).collect();
        let mut runs = JoinSet::new();
        for _ in 0..4 {
            let (service, users) = (shop.service.clone(), users.clone());
            runs.spawn(async move {
                let mut tx = service.0.db.begin().await?;
                let people: Vec<_> = users.iter().map(|user| pro(*user)).collect();
                let mut taken = service.take_over_subscriptions(&mut tx, &people).await?;
                let stand: Vec<_> = users.iter().map(|user| used(*user, 10)).collect();
                let stands = service.take_over_balances(&mut tx, &stand).await?;
                taken.faults.extend(stands.used.faults);
                if taken.faults.is_empty() {
                    tx.commit().await?;
                }
                Ok::<_, tollgate_storage::StorageError>(taken)
            });
        }
        let runs = runs.join_all().await;
        let done = runs
            .iter()
            .flatten()
            .filter(|taken| taken.made == 5 && taken.faults.is_empty());
        assert_eq!(done.count(), 1, "{runs:?}");
        assert_eq!((count(&db, LIVE).await, count(&db, TAKEN).await), (5, 10));
        let charged = "SELECT CAST(SUM(quota_cost) AS BIGINT) FROM usage_logs";
        assert_eq!(count(&db, charged).await, 50);
        is_whole(&db, &shop).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cancelled_elsewhere_ends_with_its_term_and_a_free_plan_gives_way() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        let free = shop.order(user, "free", PaymentMethod::Alipay);
        free.await.expect("at once");
        let mut cancelled = pro(user);
        cancelled.cancelled = true;
        assert_eq!(
            taken(&shop.service, &[cancelled]).await,
            made(1, &[("pro", 1)])
        );
        let held = current(&shop, user).await;
        assert_eq!(
            (held.status.as_str(), held.is_entitled),
            ("cancelled", true)
        );
        assert_eq!(count(&db, LIVE).await, 1);
        shop.clock.advance(Duration::from_hours(24 * 16));
        assert!(
            shop.service
                .current_subscription(user)
                .await
                .expect("read")
                .is_none()
        );
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_what_cannot_be_taken_over_is_told_and_nothing_is() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T04:00:00Z").await;
        let buyer: UserId = shop.ids.next();
        shop.buy(buyer).await;
        let nobody: UserId = shop.ids.next();
        let before = count(&db, EVERYTHING).await;
        let good: UserId = shop.ids.next();
        let new = || shop.ids.next::<UserId>();
        let free = || subscription(new(), "free", "2026-01-16T04:00:00Z", "");
        let paying = |paid: &str, entry: BroughtSubscription| BroughtSubscription {
            paid: Some(paid.to_owned()),
            ..entry
        };
        let brought = [
            pro(good),
            pro(good),
            subscription(new(), "none", "2026-01-16T04:00:00Z", ""),
            pro(buyer),
            subscription(new(), "pro", "2026-01-16T04:00:00Z", "2026-01-15T04:00:00Z"),
            paying("1.234", pro(new())),
            paying("1.00", free()),
            BroughtSubscription {
                cancelled: true,
                ..free()
            },
            subscription(new(), "pro", "2025-01-16T04:00:00Z", "2025-02-16T04:00:00Z"),
        ];
        let refused = taken(&shop.service, &brought).await;
        let faults = [
            (1, TakeOverFault::Twice),
            (2, TakeOverFault::NoPlan("none".to_owned())),
            (3, TakeOverFault::InForce),
            (4, TakeOverFault::Term(Unfit::EndsBeforeStart)),
            (5, TakeOverFault::Paid { currency: "CNY" }),
            (6, TakeOverFault::PaidForFree),
            (7, TakeOverFault::Endless),
        ];
        assert_eq!(refused.faults, faults);
        assert_eq!((refused.made, refused.over), (1, 1));
        let other = BroughtBalance {
            meter: "other".parse().expect("a meter"),
            ..used(buyer, 1)
        };
        let mut past = bonus(buyer, 1, "late");
        past.bonus.as_mut().expect("one").expires_at = Some(shop.clock.now());
        let brought = [
            used(buyer, 1_002),
            used(buyer, 1),
            used(nobody, 1),
            other,
            bonus(buyer, 1, ""),
            past,
            bonus(buyer, 1, "x"),
            bonus(buyer, 2, "x"),
        ];
        let refused = balanced(&shop.service, &brought).await;
        assert_eq!(
            refused.used.faults,
            [
                (
                    0,
                    TakeOverFault::MoreThanThereIs {
                        used: 1_002,
                        left: 1_001
                    }
                ),
                (1, TakeOverFault::Twice),
                (2, TakeOverFault::NoSubscription),
                (3, TakeOverFault::NoMeter("other".to_owned())),
            ]
        );
        assert_eq!(
            refused.bonus.faults,
            [
                (4, TakeOverFault::Reason),
                (5, TakeOverFault::Past),
                (7, TakeOverFault::Twice),
            ]
        );
        assert_eq!(count(&db, EVERYTHING).await, before, "nothing stayed");
    })
    .await;
}
