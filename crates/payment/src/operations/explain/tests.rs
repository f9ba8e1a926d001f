//! The steps against what is served, and both against a second way to the same numbers.

mod life;
mod shadow;

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{HoldId, Ids, UsageId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Initiator;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use self::shadow::Terms as Meterage;
use super::*;
use crate::model::explain::StepKind::{self, self as Is};
use crate::model::hold::{HoldTime, Owner};
use crate::model::plan::Reset;
use crate::model::quota::Cost;
use crate::operations::activate::activate;
use crate::operations::book::tests::touch;
use crate::operations::consume::{Consume, ConsumeError};
use crate::operations::grant_units::GrantUnits;
use crate::shapes::PlanBody;
use crate::{MIGRATIONS, PaymentConfig};

/// Meters of the plan; a call is counted as what its meter is called.
const METERS: [(&str, Meterage); 5] = [
    ("month", meterage(Some(100), Reset::Month, 1)),
    ("calendar", meterage(Some(90), Reset::Calendar, 3)),
    ("term", meterage(Some(300), Reset::Term, 2)),
    ("never", meterage(Some(2_000), Reset::Never, 5)),
    ("unlimited", meterage(None, Reset::Month, 2)),
];

const fn meterage(limit: Option<i64>, reset: Reset, price: i64) -> Meterage {
    Meterage {
        limit,
        reset,
        price,
    }
}

struct House {
    service: PaymentService,
    clock: Clock,
    db: Db,
}

fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a moment")
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse().expect("a moment"))
}

fn days(count: u64) -> Duration {
    Duration::from_hours(24 * count)
}

impl House {
    /// A plan with all kinds of meters, for nothing.
    async fn open(db: &Db) -> Self {
        let clock = Clock::fixed(start());
        let mut config = PaymentConfig::new("https://pay.example");
        config.zone = chrono_tz::America::New_York;
        let key = MasterKey::generate(&Entropy::system());
        let builder = PaymentService::builder(db.clone(), key, config);
        let service = builder.clock(clock.clone()).build().await.expect("built");
        let house = Self {
            service,
            clock,
            db: db.clone(),
        };
        let meters = METERS.map(|(meter, terms)| {
            json!({ "meter": meter, "limit": terms.limit, "reset": terms.reset.as_str() })
        });
        let costs: serde_json::Map<String, serde_json::Value> = METERS
            .iter()
            .map(|(meter, terms)| {
                let cost = json!({ "meter": meter, "units": terms.price });
                ((*meter).to_owned(), cost)
            })
            .collect();
        let plan = json!({
            "slug": "many", "name": "多项", "i18n": { "en": { "name": "Many" } }, "price": "0.00", "currency": "CNY",
            "billing_cycle": "yearly", "meters": meters, "resource_costs": costs,
        });
        house.sell(&plan).await;
        let pro = json!({
            "slug": "pro", "name": "专业版", "price": "99.00", "currency": "CNY", "billing_cycle": "monthly",
            "meters": [{ "meter": "calls", "limit": 100 }], "resource_costs": { "*": 1 },
        });
        house.sell(&pro).await;
        house
    }

    async fn sell(&self, plan: &serde_json::Value) {
        let origin = Origin::default();
        let body: PlanBody = serde_json::from_str(&plan.to_string()).expect("a body");
        let editor = Initiator::caller(&origin);
        let made = self.service.create_plan(&body, &editor, None).await;
        made.expect("made");
    }

    /// Somebody who has the plan.
    async fn somebody(&self, plan: &str) -> UserId {
        let user = Ids::new(self.clock.clone(), Entropy::system()).next();
        self.give(user, plan).await;
        user
    }

    async fn give(&self, user: UserId, plan: &str) {
        let parts = &self.service.0;
        let plan = self.service.any_plan(plan).await.expect("read");
        let plan = plan.expect("a plan");
        let mut tx = self.db.begin().await.expect("begins");
        let given = activate(parts, &mut tx, user, &plan, None, self.clock.now()).await;
        given.expect("given");
        tx.commit().await.expect("commits");
    }

    async fn grant(&self, user: UserId, meter: &str, units: i64, end: Option<Timestamp>) {
        let wish = GrantUnits {
            user_id: user,
            meter: Some(meter.parse().expect("a meter")),
            units: Cost::new(units).expect("units"),
            reason: "sorry".to_owned(),
            expires_at: end,
        };
        let origin = Origin::default();
        let given = self.service.grant_units(&wish, &origin, None);
        given.await.expect("given");
    }

    async fn consume(&self, user: UserId, kind: &str, cost: i64) -> Option<UsageId> {
        match self.service.consume(&call(user, kind, cost), None).await {
            Ok(charged) => Some(charged.value.usage_id),
            Err(ConsumeError::QuotaExceeded(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    async fn reserve(&self, user: UserId, kind: &str, cost: i64, seconds: i64) -> Option<HoldId> {
        let (call, time) = (call(user, kind, cost), HoldTime::seconds(seconds));
        let time = time.expect("a time");
        match self.service.reserve(&call, Owner::HOST, time, None).await {
            Ok(held) => Some(held.value.reservation_id),
            Err(ConsumeError::QuotaExceeded(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    /// Explains a meter, and holds it against what is served at the same moment.
    async fn explained(&self, user: UserId, meter: &str) -> ExplainShape {
        let kind: ResourceType = meter.parse().expect("a name");
        let checked = self.service.check(user, &kind, Cost::ONE).await;
        let served = checked.expect("read").quota.expect("a meter");
        let explained = self
            .service
            .explain(user, &Counted::ResourceType(kind))
            .await;
        let explained = explained.expect("explained");
        assert_eq!(explained.quota, served);
        let sum_of = |kinds: &[StepKind]| -> i64 {
            let of = explained
                .steps
                .iter()
                .filter(|step| kinds.contains(&step.kind));
            of.map(|step| step.units.unwrap_or(0)).sum()
        };
        let charged = -sum_of(&[Is::Use, Is::Refund, Is::Earlier]);
        assert!(explained.agrees, "{explained:#?}");
        assert_eq!(charged, served.used, "{explained:#?}");
        assert_eq!(-sum_of(&[Is::Hold]), served.reserved, "{explained:#?}");
        if let Some(remaining) = served.remaining {
            assert_eq!(sum_of(StepKind::ALL), remaining, "{explained:#?}");
            let last = explained.steps.last().expect("a step");
            assert_eq!(last.balance, Some(remaining), "{explained:#?}");
        }
        let mut balance = served.limit.map(|_| 0);
        for step in &explained.steps {
            balance = balance.map(|left| left + step.units.unwrap_or(0));
            assert_eq!(step.balance, balance, "{explained:#?}");
            assert!(balance.is_none_or(|left| left >= 0), "{explained:#?}");
            if let Some(grant) = &step.grant {
                assert!((0..=grant.units).contains(&grant.burned), "{explained:#?}");
            }
        }
        let is_sorted = explained.steps.is_sorted_by_key(|step| step.at);
        assert!(is_sorted && explained.steps.len() <= 1_000);
        explained
    }
}

fn call(user: UserId, kind: &str, cost: i64) -> Consume {
    Consume {
        user_id: user,
        resource_type: kind.parse().expect("a name"),
        cost: Cost::new(cost).expect("a cost"),
        resource_id: None,
        metadata: json!({}),
        api_key_id: None,
    }
}

fn kinds(explained: &ExplainShape) -> Vec<StepKind> {
    explained.steps.iter().map(|step| step.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_many_calls_are_told_in_sums_that_add_up() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        let mut usages = Vec::new();
        for day in 0..3 {
            for number in 0..70 {
                let usage = house.consume(user, "never", 1).await.expect("charged");
                if number % 10 == 0 {
                    usages.push(usage);
                }
                if day == 2 && number == 9 {
                    // 150 rows are told one by one.
                    let explained = house.explained(user, "never").await;
                    assert_eq!(explained.steps.len(), 151);
                }
            }
            house.clock.advance(days(1));
        }
        for usage in usages {
            let given = house.service.refund_usage(usage, "no", None, None).await;
            given.expect("given back");
        }
        house.grant(user, "never", 7, None).await;
        for _ in 0..205 {
            let held = house.reserve(user, "never", 1, 3_600).await;
            held.expect("set aside");
        }
        let explained = house.explained(user, "never").await;
        // By the days of New York: the first call was at three in the morning.
        let told: Vec<(StepKind, Option<i64>, Option<i64>)> = explained
            .steps
            .iter()
            .map(|step| (step.kind, step.count, step.units))
            .collect();
        assert_eq!(
            told,
            [
                (Is::Plan, None, Some(2_000)),
                (Is::Use, Some(70), Some(-350)),
                (Is::Use, Some(70), Some(-350)),
                (Is::Use, Some(70), Some(-350)),
                (Is::Bonus, Some(1), Some(7)),
                (Is::Refund, Some(21), Some(105)),
                (Is::Hold, Some(205), Some(-1_025)),
            ]
        );
        let day = &explained.steps[2];
        assert_eq!(
            (day.since, day.at),
            (Some(at("2027-01-16T05:00:00Z")), at("2027-01-17T05:00:00Z"))
        );
        assert_eq!(day.resource_type.as_deref(), Some("never"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_calls_of_more_types_than_can_be_told_are_one_sum_a_day() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("pro").await;
        house.grant(user, "calls", 1_000, None).await;
        for kind in 0..410 {
            let kind = format!("kind-{kind}");
            house.consume(user, &kind, 1).await.expect("charged");
        }
        house.clock.advance(days(1));
        let explained = house.explained(user, "anything").await;
        let sums: Vec<_> = explained
            .steps
            .iter()
            .filter(|step| step.kind == StepKind::Use)
            .map(|step| (step.resource_type.as_deref(), step.count, step.units))
            .collect();
        assert_eq!(sums, [(None, Some(410), Some(-410))]);
        assert_eq!(explained.quota.remaining, Some(690));
        assert_eq!(explained.rules.resource_type.as_deref(), Some("anything"));
        assert_eq!(explained.rules.price, Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_q8_what_is_not_kept_any_more_is_told_from_the_counter() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        let mut first = None;
        for _ in 0..4 {
            for meter in ["month", "unlimited"] {
                let usage = house.consume(user, meter, 2).await;
                first = first.or(usage);
            }
            house.clock.advance(days(1));
        }
        touch(
            &db,
            "INSERT INTO usage_marks (name, upto, updated_at)
            VALUES ('dropped', '2027-01-17T08:00:00+00:00', '2027-01-17T08:00:00+00:00')",
        )
        .await;
        let earlier = async |meter| {
            let explained = house.explained(user, meter).await;
            let earlier = explained
                .steps
                .iter()
                .find(|step| step.kind == StepKind::Earlier);
            let earlier = earlier.expect("told").clone();
            let rows = kinds(&explained)
                .iter()
                .filter(|kind| **kind == StepKind::Use)
                .count();
            (earlier.since, earlier.at, earlier.units, rows)
        };
        let (from, upto) = (start(), at("2027-01-17T08:00:00Z"));
        // Whether they are gone already or not yet.
        for _ in 0..2 {
            assert_eq!(earlier("month").await, (Some(from), upto, Some(-4), 2));
            assert_eq!(earlier("unlimited").await, (Some(from), upto, Some(-8), 2));
            touch(
                &db,
                "DELETE FROM usage_logs WHERE created_at < '2027-01-17T08:00:00+00:00'",
            )
            .await;
        }
        // A period that begins behind the mark has all its rows.
        house.clock.advance(days(40));
        assert_eq!(
            kinds(&house.explained(user, "month").await),
            [StepKind::Reset, StepKind::Plan]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_the_end_of_a_period_says_what_was_used_and_what_was_dropped() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        house.grant(user, "month", 20, None).await;
        house
            .grant(user, "month", 10, Some(start().after(days(3))))
            .await;
        house.consume(user, "month", 4).await.expect("of the ten");
        house.clock.advance(days(4));
        let explained = house.explained(user, "month").await;
        assert_eq!(
            kinds(&explained),
            [Is::Plan, Is::Bonus, Is::Bonus, Is::Use, Is::Expired]
        );
        let balances: Vec<_> = explained.steps.iter().map(|step| step.balance).collect();
        assert_eq!(balances.last(), Some(&Some(120)));
        assert_eq!(explained.steps[4].units, Some(-6));
        house
            .consume(user, "month", 106)
            .await
            .expect("the plan, and six of the twenty");
        house.clock.advance(days(30));
        let explained = house.explained(user, "month").await;
        assert_eq!(kinds(&explained), [Is::Reset, Is::Plan, Is::Carried]);
        let past = explained.steps[0].before.clone().expect("a period");
        assert_eq!((past.used, past.dropped, past.reserved), (110, Some(0), 0));
        let grant = explained.steps[2].grant.clone().expect("a grant");
        assert_eq!(
            (grant.units, grant.burned, explained.steps[2].units),
            (20, 6, Some(14))
        );
        let rules = &explained.rules;
        assert_eq!(
            (
                rules.anchor_day,
                rules.anchor_zone.as_str(),
                rules.limit,
                rules.plan_slug.as_str()
            ),
            (15, "America/New_York", Some(100), "many")
        );
        assert_eq!(rules.period.start, at("2027-02-15T08:00:00Z"));
        assert!(rules.text.en.contains("day 15") && rules.text.zh.contains("15 日"));
        // Nothing was used, and all of it is dropped.
        house.clock.advance(days(30));
        let explained = house.explained(user, "month").await;
        let past = explained.steps[0].before.clone().expect("a period");
        assert_eq!((past.used, past.dropped), (0, Some(100)));
        assert_eq!(explained.quota.remaining, Some(114));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_what_comes_back_of_bonus_units_that_are_over_is_gone_when_it_comes_back() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        let end = Some(start().after(days(3)));
        house.grant(user, "month", 10, end).await;
        let first = house.consume(user, "month", 9).await.expect("of the ten");
        house.clock.advance(days(4));
        let rest = house.consume(user, "month", 100).await;
        rest.expect("all that the plan has");
        assert_eq!(house.consume(user, "month", 1).await, None);
        house.clock.advance(days(1));
        let back = house
            .service
            .refund_usage(first, "it failed", None, None)
            .await;
        assert_eq!(back.expect("back").value.quota.remaining, Some(0));
        assert_eq!(house.consume(user, "month", 1).await, None);
        let explained = house.explained(user, "month").await;
        let told: Vec<_> = explained
            .steps
            .iter()
            .map(|step| (step.kind, step.units, step.balance))
            .collect();
        assert_eq!(
            told,
            [
                (Is::Plan, Some(100), Some(100)),
                (Is::Bonus, Some(10), Some(110)),
                (Is::Use, Some(-9), Some(101)),
                (Is::Expired, Some(-1), Some(100)),
                (Is::Use, Some(-100), Some(0)),
                (Is::Refund, Some(9), Some(9)),
                (Is::Expired, Some(-9), Some(0)),
            ]
        );
        let text = &explained.steps[6].text;
        assert!(text.en.contains("9 units") && text.zh.contains("9 个单位"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_a_term_that_ends_and_days_that_are_added_are_explained() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("pro").await;
        house.consume(user, "scan", 30).await.expect("charged");
        // It ends before its month does, then goes on for days that are not paid for.
        touch(
            &db,
            "UPDATE subscriptions SET version = version + 1, current_period_end = '2027-02-10T08:00:00+00:00',
            entitled_until = '2027-02-10T08:00:00+00:00'",
        )
        .await;
        touch(&db, "UPDATE quota_counters SET open_until = '2027-02-10T08:00:00+00:00'").await;
        let explained = house.explained(user, "scan").await;
        assert!(explained.rules.text.en.contains("ends before that"), "{explained:?}");
        touch(
            &db,
            "UPDATE subscriptions SET version = version + 1, entitled_until = '2027-02-20T08:00:00+00:00'",
        )
        .await;
        house.clock.advance(days(30));
        let explained = house.explained(user, "scan").await;
        assert_eq!(explained.rules.period.start, start());
        assert_eq!(explained.quota.resets_at, at("2027-02-20T08:00:00Z"));
        assert!(explained.rules.text.en.contains("nothing begins anew"), "{explained:?}");
        assert_eq!(explained.quota.remaining, Some(70));
        house.clock.advance(days(10));
        let over = house.service.explain(user, &Counted::First).await;
        assert!(matches!(over, Err(ExplainError::NoSubscription)), "{over:?}");
        // What is bought anew begins anew.
        house.give(user, "pro").await;
        let explained = house.explained(user, "scan").await;
        assert_eq!(kinds(&explained), [StepKind::Plan]);
        assert_eq!(explained.quota.remaining, Some(100));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_a_further_term_does_not_keep_bonus_units_that_are_over() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("pro").await;
        house
            .grant(user, "calls", 10, Some(start().after(days(5))))
            .await;
        house.give(user, "pro").await;
        house.clock.advance(days(6));
        let explained = house.explained(user, "scan").await;
        assert_eq!(explained.quota.remaining, Some(100));
        assert_eq!(
            kinds(&explained),
            [StepKind::Plan, StepKind::Bonus, StepKind::Expired]
        );
        assert!(house.consume(user, "scan", 101).await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_a_counter_that_was_touched_is_not_explained_away() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        house.consume(user, "month", 10).await.expect("charged");
        touch(
            &db,
            "UPDATE quota_counters SET used = used - 3 WHERE meter = 'month'",
        )
        .await;
        let explained = house
            .service
            .explain(user, &Counted::First)
            .await
            .expect("told");
        let last = explained.steps.last().expect("a step");
        assert!(!explained.agrees);
        assert_eq!(
            (last.kind, last.units, last.balance),
            (StepKind::Unexplained, Some(3), Some(93))
        );
        assert_eq!(explained.quota.remaining, Some(93));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_an_edit_of_the_plan_does_not_change_what_is_explained() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("pro").await;
        house.consume(user, "scan", 60).await.expect("charged");
        let origin = Origin::default();
        let editor = Initiator::caller(&origin);
        // Below what is used.
        let edit =
            json!({ "meters": [{ "meter": "calls", "limit": 50 }], "resource_costs": { "*": 2 } });
        let body: PlanBody = serde_json::from_str(&edit.to_string()).expect("a body");
        let edited = house.service.change_plan("pro", &body, &editor).await;
        edited.expect("edited");
        let explained = house.explained(user, "scan").await;
        let rules = &explained.rules;
        assert_eq!(
            (rules.limit, rules.price, rules.plan_version),
            (Some(100), Some(1), 1)
        );
        assert_eq!(explained.quota.remaining, Some(40));
        // Should the version change under an open counter, the counter keeps what it was opened with.
        touch(
            &db,
            "UPDATE subscriptions SET plan_version = 2, version = version + 1",
        )
        .await;
        let explained = house.explained(user, "scan").await;
        assert_eq!(
            (explained.rules.limit, explained.quota.remaining),
            (Some(100), Some(40))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q8_what_takes_over_at_its_moment_is_explained() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let plan = |calls: i64, stock: i64, fair: i64| {
            json!({
                "slug": "grow", "name": "成长", "price": "99.00", "currency": "CNY", "billing_cycle": "monthly",
                "meters": [
                    { "meter": "calls", "limit": calls },
                    { "meter": "stock", "limit": stock, "reset": "never" },
                    { "meter": "fair", "limit": fair, "reset": "calendar" },
                ],
                "resource_costs": {
                    "calls": 1, "stock": { "meter": "stock", "units": 1 }, "fair": { "meter": "fair", "units": 1 },
                },
            })
        };
        house.sell(&plan(100, 100, 30)).await;
        let user = house.somebody("grow").await;
        house.consume(user, "stock", 80).await.expect("charged");
        house.consume(user, "calls", 10).await.expect("charged");
        // Less of everything, from the next term on.
        let origin = Origin::default();
        let editor = Initiator::caller(&origin);
        let less: PlanBody = serde_json::from_str(&plan(50, 40, 10).to_string()).expect("a body");
        let edited = house.service.change_plan("grow", &less, &editor).await;
        edited.expect("edited");
        house.give(user, "grow").await;
        let stock = house.explained(user, "stock").await;
        assert_eq!(stock.rules.turns_at, Some(at("2027-02-15T08:00:00Z")));
        assert!(stock.rules.text.en.contains("what is paid for next"));
        house.clock.advance(days(18));
        house.consume(user, "fair", 5).await.expect("charged");
        house.clock.advance(days(13));
        let calls = house.explained(user, "calls").await;
        assert_eq!(kinds(&calls), [Is::Reset, Is::Plan]);
        let rules = &calls.rules;
        assert_eq!((rules.limit, rules.plan_version, rules.turns_at), (Some(50), 2, None));
        // What is used of what never begins anew stays used, and is not taken back.
        let stock = house.explained(user, "stock").await;
        assert_eq!(kinds(&stock), [Is::Plan, Is::Kept, Is::Use]);
        assert_eq!((stock.steps[1].units, stock.quota.remaining), (Some(40), Some(0)));
        // The month of the calendar was begun under the version before.
        let fair = house.explained(user, "fair").await;
        assert_eq!((fair.rules.limit, fair.quota.remaining), (Some(30), Some(25)));
        house.clock.advance(days(20));
        let fair = house.explained(user, "fair").await;
        assert_eq!((fair.rules.limit, fair.quota.remaining), (Some(10), Some(10)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_55_what_cannot_be_explained_is_refused() {
    each_engine(&[MIGRATIONS], async |db| {
        let house = House::open(&db).await;
        let user = house.somebody("many").await;
        let explain = async |counted: Counted| house.service.explain(user, &counted).await;
        let unknown = explain(Counted::Meter("storage".parse().expect("a name"))).await;
        assert!(matches!(unknown, Err(ExplainError::NoMeter)), "{unknown:?}");
        let unpriced = explain(Counted::ResourceType("scan".parse().expect("a name"))).await;
        assert!(
            matches!(unpriced, Err(ExplainError::NoPrice)),
            "{unpriced:?}"
        );
        let meter = explain(Counted::Meter("never".parse().expect("a name"))).await;
        let meter = meter.expect("told");
        assert_eq!(
            (meter.quota.quota_type.as_str(), meter.rules.price),
            ("never", None)
        );
        let first = explain(Counted::First).await.expect("told");
        assert_eq!(first.quota.quota_type, "month");
        let nobody = Ids::new(house.clock.clone(), Entropy::system()).next();
        let none = house.service.explain(nobody, &Counted::First).await;
        assert!(
            matches!(none, Err(ExplainError::NoSubscription)),
            "{none:?}"
        );
    })
    .await;
}
