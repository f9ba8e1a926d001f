//! Plans are changed on both engines: what is counted, what is taken out of what begins, and what follows when.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::payment::PaymentMethod;
use crate::model::quota::Cost;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::edit_plan::tests::{change, make};
use crate::operations::renew::tests::Shop;
use crate::shapes::SubscriptionShape;
use crate::{Consume, ConsumeError, GrantUnits, MIGRATIONS};

const LOGGED: &str = "SELECT CAST(COALESCE(SUM(quota_cost), 0) AS BIGINT) FROM usage_logs";
const USED: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";
const CREDIT: &str =
    "SELECT CAST(SUM(credit) AS BIGINT) FROM subscription_changes WHERE kind = 'replaced'";
const BACK: &str = "SELECT COUNT(*) FROM refunds WHERE origin = 'surplus'";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";
const PAID: &str = "SELECT CAST(SUM(worth) AS BIGINT) FROM subscription_terms";
const GRACE: &str =
    "SELECT COUNT(*) FROM subscriptions WHERE state = 'grace' AND status = 'active'";
const HOUR: Duration = Duration::from_hours(1);

/// Pro (99.00, 1,000 units), team (299.00, 5,000), a year (990.00, 1,000 a month), small (49.00, 300), one without a limit,
/// and a free one; three days of grace, and two weeks to try team.
async fn shop(db: &Db) -> Shop {
    let shop = Shop::open(db, "2026-03-01T00:00:00Z").await;
    for (slug, price, cycle, limit) in [
        ("team", "299.00", "monthly", json!(5_000)),
        ("year", "990.00", "yearly", json!(1_000)),
        ("small", "49.00", "monthly", json!(300)),
        ("endless", "999.00", "monthly", json!(null)),
    ] {
        let plan = json!({
            "slug": slug, "name": slug, "price": price, "currency": "CNY", "billing_cycle": cycle,
            "meters": [{ "meter": "processing_count", "limit": limit }], "resource_costs": { "*": 1 },
            "trial_days": if slug == "team" { 14 } else { 0 }, "grace_days": if slug == "team" { 3 } else { 0 },
        });
        make(&shop.service, plan).await.expect("on sale");
    }
    shop
}

impl Shop {
    async fn quote_of(&self, user: UserId, slug: &str) -> QuoteShape {
        let plan = PlanRef {
            plan_id: None,
            plan_slug: Some(slug.to_owned()),
        };
        self.service.quote(user, &plan).await.expect("quoted")
    }

    async fn consume(&self, user: UserId, units: i64) -> Result<i64, ConsumeError> {
        let call = Consume {
            user_id: user,
            resource_type: "thing".parse().expect("a name"),
            cost: Cost::new(units).expect("a cost"),
            resource_id: None,
            metadata: json!({}),
            api_key_id: None,
        };
        let taken = self.service.consume(&call, None).await?;
        Ok(taken.value.quota.used)
    }

    async fn current(&self, user: UserId) -> Option<SubscriptionShape> {
        self.service.current_subscription(user).await.expect("read")
    }

    async fn plan_of_now(&self, user: UserId) -> String {
        let held = self.current(user).await;
        held.map_or_else(|| "-".to_owned(), |held| held.plan.slug)
    }

    fn hours(&self, hours: u64) {
        self.clock
            .advance(HOUR * u32::try_from(hours).expect("few"));
    }

    /// Q8: the steps lead to what is served.
    async fn explains(&self, user: UserId) {
        let counted = crate::operations::explain::Counted::default();
        let explained = self
            .service
            .explain(user, &counted)
            .await
            .expect("explained");
        assert!(explained.agrees, "{explained:#?}");
        let sum: i64 = explained.steps.iter().filter_map(|step| step.units).sum();
        if let Some(remaining) = explained.quota.remaining {
            assert_eq!(sum, remaining, "{explained:#?}");
        }
    }

    /// Q2, and the books.
    async fn balances(&self, db: &Db) {
        assert_eq!(
            count(db, LOGGED).await,
            count(db, USED).await,
            "log and counter"
        );
        assert_eq!(damaged(&self.service).await, [""; 0]);
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse().expect("a moment"))
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l8_an_upgrade_counts_the_smaller_of_time_and_units() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        // Half of March.
        shop.hours(372);
        shop.consume(user, 250).await.expect("taken");
        let quote = shop.quote_of(user, "team").await;
        assert_eq!(
            (quote.kind, quote.from_plan.as_deref()),
            (QuoteKind::Upgrade, Some("pro"))
        );
        assert_eq!(
            (quote.credit.as_str(), quote.amount.as_str()),
            ("49.50", "249.50")
        );
        let of = quote.credit_of.expect("counted");
        assert_eq!(
            (of.hours_left, of.hours, of.term_worth.as_str()),
            (372, 744, "99.00")
        );
        assert_eq!((of.units[0].left, of.units[0].of), (750, 1_000));
        assert_eq!(quote.period_end, Some(at("2026-04-16T12:00:00Z")));
        // Fewer units are left than time.
        shop.consume(user, 550).await.expect("taken");
        assert_eq!(shop.quote_of(user, "team").await.credit_minor, 1_980);
        shop.take(user, "team").await;
        let held = shop.current(user).await.expect("in force");
        assert_eq!(
            (held.plan.slug.as_str(), held.quota_used, held.quota_limit),
            ("team", 0, Some(5_000))
        );
        assert_eq!(held.current_period_end, Some(at("2026-04-16T12:00:00Z")));
        assert_eq!(
            shop.lived(user).await,
            ["activated", "activated", "replaced"]
        );
        // What was counted is part of what it is worth now.
        shop.hours(372);
        assert_eq!(
            shop.quote_of(user, "endless").await.credit_minor,
            29_900 * 372 / 744
        );
        shop.explains(user).await;
        shop.balances(&db).await;
        assert_eq!(count(&db, CREDIT).await, 1_980);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l8_what_is_used_while_paying_is_taken_out_of_what_begins() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        for (plan, used, until, later) in [
            // 9.90 of 299.00: 165.6 of 5,000 units.
            ("team", 166, "2026-04-02T00:00:00Z", "2026-06-01T00:00:00Z"),
            // No units: 9.90 of 999.00 of the time.
            ("endless", 0, "2026-07-01T16:51:53Z", "2026-09-01T00:00:00Z"),
        ] {
            let user: UserId = shop.ids.next();
            shop.buy(user).await;
            shop.hours(24);
            shop.consume(user, 900).await.expect("taken");
            let order = shop.order(user, plan, PaymentMethod::Alipay).await;
            order.expect("begun").expect("an order");
            let due = shop.alipay.ordered().amount.minor();
            shop.consume(user, 100).await.expect("taken");
            shop.pay(&shop.alipay, due, None).await;
            let held = shop.current(user).await.expect("in force");
            assert_eq!((held.plan.slug.as_str(), held.quota_used), (plan, used));
            assert_eq!(
                held.current_period_end.map(Timestamp::seconds),
                Some(at(until).seconds()),
                "{plan}"
            );
            shop.explains(user).await;
            shop.balances(&db).await;
            let now = shop.clock.now();
            // The next one begins then.
            shop.clock.advance(at(later).since(now));
            assert_eq!(shop.plan_of_now(user).await, "-");
        }
    })
    .await;
}

/// The order of a change is paid when what it was quoted against is another by then.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_l8_a_quote_is_honoured_once_and_never_after_what_it_counted_is_gone() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        // Two orders, for two plans, both paid: the first replaces, the second goes back.
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        shop.order(user, "team", PaymentMethod::Alipay)
            .await
            .expect("begun");
        shop.order(user, "endless", PaymentMethod::Stripe)
            .await
            .expect("begun");
        let (first, second) = (shop.alipay.ordered().amount, shop.stripe.ordered());
        // Something is counted, so that this price is debited once.
        assert_eq!(second.renews, None);
        shop.pay(&shop.alipay, first.minor(), None).await;
        shop.pay(&shop.stripe, second.amount.minor(), None).await;
        assert_eq!(shop.plan_of_now(user).await, "team");
        assert_eq!(count(&db, BACK).await, 1);
        // What was counted goes back to the buyer before the order is paid.
        let user: UserId = shop.ids.next();
        let bought = shop.buy(user).await;
        shop.order(user, "team", PaymentMethod::Alipay)
            .await
            .expect("begun");
        let due = shop.alipay.ordered().amount.minor();
        shop.give_back(bought).await;
        assert_eq!(shop.plan_of_now(user).await, "-");
        shop.pay(&shop.alipay, due, None).await;
        assert_eq!(shop.plan_of_now(user).await, "-");
        assert_eq!(count(&db, BACK).await, 2);
        // It merely lapses: nothing is left of it by then, and what was counted is taken out of the new one.
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        shop.hours(743);
        shop.order(user, "team", PaymentMethod::Alipay)
            .await
            .expect("begun");
        let due = shop.alipay.ordered().amount.minor();
        shop.hours(2);
        shop.service.expire_subscriptions().await.expect("ended");
        shop.pay(&shop.alipay, due, None).await;
        let held = shop.current(user).await.expect("in force");
        assert_eq!(
            (held.plan.slug.as_str(), held.quota_used),
            ("team", (13 * 5_000 + 29_899) / 29_900)
        );
        shop.balances(&db).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_money_that_was_counted_takes_what_it_paid_with_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let user: UserId = shop.ids.next();
        let first = shop.buy(user).await;
        shop.take(user, "team").await;
        shop.take(user, "endless").await;
        assert_eq!(shop.plan_of_now(user).await, "endless");
        // Pro is long gone, and endless was paid with it.
        shop.give_back(first).await;
        assert_eq!(shop.plan_of_now(user).await, "-");
        assert_eq!(
            shop.lived(user).await,
            [
                "activated",
                "activated",
                "activated",
                "refunded",
                "replaced",
                "replaced"
            ]
        );
        shop.balances(&db).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheaper_plan_follows_when_the_term_ends_and_is_paid_by_hand() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let user: UserId = shop.ids.next();
        shop.take(user, "team").await;
        let quote = shop.quote_of(user, "small").await;
        assert_eq!((quote.kind, quote.amount_minor), (QuoteKind::Downgrade, 0));
        assert_eq!(quote.effective_at, at("2026-04-01T00:00:00Z"));
        assert_eq!(quote.period_end, Some(at("2026-05-01T00:00:00Z")));
        assert_eq!(
            shop.order(user, "small", PaymentMethod::Alipay)
                .await
                .expect("wanted"),
            None
        );
        let held = shop.current(user).await.expect("in force");
        assert_eq!(held.next_plan_id, Some(quote.plan.id));
        assert_eq!((held.plan.slug.as_str(), held.changes_at), ("team", None));
        // Once more changes nothing; taken back, it is wanted again.
        assert_eq!(
            shop.order(user, "small", PaymentMethod::Alipay)
                .await
                .expect("wanted"),
            None
        );
        let resumed = shop
            .service
            .resume_subscription(user)
            .await
            .expect("as it was");
        assert_eq!(resumed.next_plan_id, None);
        shop.order(user, "small", PaymentMethod::Alipay)
            .await
            .expect("wanted");
        // Paid early: it begins at its moment, with its own limit, and not before.
        shop.renew(user).await.expect("begun");
        shop.pay(&shop.alipay, 4_900, None).await;
        let held = shop.current(user).await.expect("in force");
        assert_eq!(held.next_plan_id, None);
        assert_eq!(held.changes_at, Some(at("2026-04-01T00:00:00Z")));
        assert_eq!(held.current_period_end, Some(at("2026-05-01T00:00:00Z")));
        shop.consume(user, 4_000).await.expect("of team");
        shop.hours(743);
        shop.consume(user, 999).await.expect("of team");
        shop.hours(1);
        assert!(matches!(
            shop.consume(user, 301).await,
            Err(ConsumeError::QuotaExceeded(_))
        ));
        assert_eq!(shop.consume(user, 300).await.expect("of small"), 300);
        let held = shop.current(user).await.expect("in force");
        assert_eq!(
            (held.plan.slug.as_str(), held.quota_limit, held.changes_at),
            ("small", Some(300), None)
        );
        shop.explains(user).await;
        shop.balances(&db).await;
        shop.hours(24 * 30);
        assert_eq!(shop.plan_of_now(user).await, "-");
    })
    .await;
}

/// Nobody looks; the job does it. And who looks first does it once, however many look.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l6_what_follows_begins_once_however_many_look() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let users: Vec<UserId> = (0..4).map(|_| shop.ids.next()).collect();
        for user in &users {
            shop.buy(*user).await;
            shop.order(*user, "free", PaymentMethod::Alipay)
                .await
                .expect("wanted");
        }
        shop.hours(743);
        assert_eq!(shop.plan_of_now(users[0]).await, "pro");
        shop.hours(1);
        // Free is no renewal to pay.
        assert_eq!(shop.plan_of_now(users[0]).await, "free");
        let mut looks = tokio::task::JoinSet::new();
        for number in 0..40_usize {
            let service = shop.service.clone();
            let user = users[number % 4];
            looks.spawn(async move {
                if number % 5 == 0 {
                    service.expire_subscriptions().await.expect("done");
                }
                service
                    .current_subscription(user)
                    .await
                    .expect("read")
                    .expect("theirs")
                    .plan
                    .slug
            });
        }
        for slug in looks.join_all().await {
            assert_eq!(slug, "free");
        }
        for user in &users {
            assert_eq!(
                shop.lived(*user).await,
                ["activated", "changed", "activated", "expired"]
            );
        }
        assert_eq!(count(&db, LIVE).await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_plan_reaches_who_has_it_with_the_next_term_and_an_order_as_it_was() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let (early, late): (UserId, UserId) = (shop.ids.next(), shop.ids.next());
        shop.take(early, "small").await;
        shop.order(late, "small", PaymentMethod::Alipay)
            .await
            .expect("begun");
        let edit =
            json!({ "price": "59.00", "meters": [{ "meter": "processing_count", "limit": 200 }] });
        change(&shop.service, "small", edit).await.expect("edited");
        // Ordered at the old price, and paid: what was on sale then.
        shop.pay(&shop.alipay, 4_900, None).await;
        assert_eq!(
            shop.current(late).await.expect("in force").quota_limit,
            Some(300)
        );
        // A further term is the new version, after the old one.
        shop.renew(early).await.expect("begun");
        shop.pay(&shop.alipay, 5_900, None).await;
        shop.consume(early, 300).await.expect("of the old version");
        let held = shop.current(early).await.expect("in force");
        assert_eq!(
            (held.quota_limit, held.changes_at),
            (Some(300), Some(at("2026-04-01T00:00:00Z")))
        );
        shop.hours(744);
        assert!(matches!(
            shop.consume(early, 201).await,
            Err(ConsumeError::QuotaExceeded(_))
        ));
        assert_eq!(
            shop.consume(early, 200).await.expect("of the new version"),
            200
        );
        // An open order at another price is not what is wanted now.
        let third: UserId = shop.ids.next();
        shop.order(third, "team", PaymentMethod::Alipay)
            .await
            .expect("begun");
        change(&shop.service, "team", json!({ "price": "309.00" }))
            .await
            .expect("edited");
        shop.order(third, "team", PaymentMethod::Alipay)
            .await
            .expect("begun");
        assert_eq!(shop.alipay.ordered().amount, cny(30_900));
        shop.explains(early).await;
        shop.balances(&db).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p3_a_trial_is_had_once_and_the_first_money_follows_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let user: UserId = shop.ids.next();
        assert!(matches!(
            shop.trial(user, "pro").await,
            Err(CheckoutError::NoTrial)
        ));
        let tried = shop.trial(user, "team").await.expect("begun");
        assert_eq!(
            (tried.state.as_str(), tried.current_period_end),
            ("trialing", Some(at("2026-03-15T00:00:00Z")))
        );
        shop.consume(user, 4_999).await.expect("of the trial");
        assert_eq!(
            shop.quote_of(user, "team").await.effective_at,
            at("2026-03-15T00:00:00Z")
        );
        shop.take(user, "team").await;
        let held = shop.current(user).await.expect("in force");
        assert_eq!(
            (held.state.as_str(), held.changes_at),
            ("active", Some(at("2026-03-15T00:00:00Z")))
        );
        assert_eq!(held.current_period_end, Some(at("2026-04-15T00:00:00Z")));
        assert!(shop.consume(user, 2).await.is_err());
        shop.hours(14 * 24);
        assert_eq!(
            shop.consume(user, 2)
                .await
                .expect("of the first paid month"),
            2
        );
        // Another one, who does not pay: it is over, and cannot be had again.
        let other: UserId = shop.ids.next();
        shop.trial(other, "team").await.expect("begun");
        assert!(matches!(
            shop.trial(other, "team").await,
            Err(CheckoutError::AnotherPlan)
        ));
        shop.hours(14 * 24);
        assert_eq!(shop.plan_of_now(other).await, "-");
        assert!(matches!(
            shop.trial(other, "team").await,
            Err(CheckoutError::NoTrial)
        ));
        shop.service.expire_subscriptions().await.expect("ended");
        assert_eq!(shop.lived(other).await, ["activated", "expired"]);
        assert_eq!(count(&db, PAID).await, 29_900);
        shop.explains(user).await;
        shop.balances(&db).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_days_of_grace_give_a_right_and_no_new_units() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let (pays, leaves, cancels): (UserId, UserId, UserId) =
            (shop.ids.next(), shop.ids.next(), shop.ids.next());
        for user in [pays, leaves, cancels] {
            shop.take(user, "team").await;
            shop.consume(user, 4_000).await.expect("taken");
        }
        shop.service
            .cancel_subscription(cancels, None)
            .await
            .expect("cancelled");
        shop.hours(744);
        assert_eq!(shop.plan_of_now(cancels).await, "-");
        assert_eq!(shop.current(pays).await.expect("in grace").state, "grace");
        shop.service.expire_subscriptions().await.expect("done");
        assert_eq!(count(&db, GRACE).await, 2);
        assert_eq!(
            shop.consume(pays, 1_000).await.expect("of the last period"),
            5_000
        );
        assert!(shop.consume(pays, 1).await.is_err());
        shop.hours(48);
        // Paid late, it goes on from where it ended.
        shop.renew(pays).await.expect("begun");
        shop.pay(&shop.alipay, 29_900, None).await;
        let held = shop.current(pays).await.expect("in force");
        assert_eq!(
            (held.state.as_str(), held.current_period_end),
            ("active", Some(at("2026-05-01T00:00:00Z")))
        );
        assert_eq!(shop.consume(pays, 1).await.expect("of the new period"), 1);
        shop.hours(24);
        assert_eq!(shop.plan_of_now(leaves).await, "-");
        shop.service.expire_subscriptions().await.expect("ended");
        assert_eq!(count(&db, GRACE).await, 0);
        shop.explains(pays).await;
        shop.balances(&db).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_bonus_units_go_along_with_their_owner() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        let grant = |units: i64, days: Option<u64>| GrantUnits {
            user_id: user,
            meter: None,
            units: Cost::new(units).expect("units"),
            reason: "sorry".to_owned(),
            expires_at: days.map(|days| {
                shop.clock
                    .now()
                    .after(HOUR * 24 * u32::try_from(days).expect("few"))
            }),
        };
        let origin = Origin::default();
        shop.service
            .grant_units(&grant(100, Some(10)), &origin, None)
            .await
            .expect("given");
        shop.service
            .grant_units(&grant(200, None), &origin, None)
            .await
            .expect("given");
        // Of the first grant, which ends first.
        shop.consume(user, 60).await.expect("taken");
        let quote = shop.quote_of(user, "team").await;
        assert_eq!(quote.credit_of.expect("counted").units[0].left, 1_000);
        shop.take(user, "team").await;
        let held = shop.current(user).await.expect("in force");
        assert_eq!(
            (held.quota_limit, held.quota_used),
            (Some(5_000 + 40 + 200), 0)
        );
        shop.hours(24 * 11);
        assert_eq!(
            shop.current(user).await.expect("in force").quota_remaining,
            Some(5_200)
        );
        shop.explains(user).await;
        shop.balances(&db).await;
    })
    .await;
}

/// A year behind months: what begins anew with each term begins with the year, not with the month in which it was bought.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l5_terms_of_another_length_are_counted_from_their_own_beginning() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db).await;
        for (slug, price, cycle) in [
            ("months", "60.00", "monthly"),
            ("years", "50.00", "yearly"),
        ] {
            let meter = json!({ "meter": "processing_count", "limit": 100, "reset": "term" });
            let plan = json!({
                "slug": slug, "name": slug, "price": price, "currency": "CNY", "billing_cycle": cycle,
                "meters": [meter], "resource_costs": { "*": 1 },
            });
            make(&shop.service, plan).await.expect("on sale");
        }
        let user: UserId = shop.ids.next();
        shop.take(user, "months").await;
        shop.renew(user).await.expect("begun");
        shop.pay(&shop.alipay, 6_000, None).await;
        assert_eq!(
            shop.order(user, "years", PaymentMethod::Alipay)
                .await
                .expect("wanted"),
            None
        );
        shop.renew(user).await.expect("begun");
        shop.pay(&shop.alipay, 5_000, None).await;
        for (hours, left) in [(0, 100), (744, 100), (720, 100), (24 * 200, 0)] {
            shop.hours(hours);
            let held = shop.current(user).await.expect("in force");
            assert_eq!(held.quota_remaining, Some(left), "{hours} hours later");
            if left > 0 {
                shop.consume(user, left).await.expect("of the term");
            }
            shop.explains(user).await;
        }
        let held = shop.current(user).await.expect("in force");
        assert_eq!(held.plan.slug, "years");
        assert_eq!(held.current_period_end, Some(at("2027-05-01T00:00:00Z")));
        shop.balances(&db).await;
    })
    .await;
}
