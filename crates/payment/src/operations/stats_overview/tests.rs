//! Figures of the business on both engines: of a story that was counted by hand, and of many lives against what was
//! noted while they went on.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::UserId;
use tollgate_storage::db::Db;
use tollgate_storage::testing::each_engine;

use crate::model::payment::PaymentMethod;
use crate::model::usage::Interval;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::edit_plan::tests::make;
use crate::operations::renew::tests::Shop;
use crate::shapes::{CurrencyOverviewShape, OverviewShape, SumShape};
use crate::{MIGRATIONS, WantRevenue};

const INCOME: &str = "SELECT CAST(COALESCE(-SUM(l.amount), 0) AS BIGINT) FROM ledger_lines l
    JOIN ledger_accounts a ON a.id = l.account_id WHERE a.kind IN ('income', 'expense')";

/// Pro (99.00) and a year (990.00), one to try (299.00), a free one, and pro for ever.
async fn shop(db: &Db, at: &str) -> Shop {
    let shop = Shop::open(db, at).await;
    for (slug, price, cycle, trial) in [
        ("year", "990.00", "yearly", 0),
        ("team", "299.00", "monthly", 14),
    ] {
        let plan = json!({
            "slug": slug, "name": slug, "price": price, "currency": "CNY", "billing_cycle": cycle,
            "meters": [{ "meter": "processing_count", "limit": 1_000 }], "resource_costs": { "*": 1 },
            "trial_days": trial,
        });
        make(&shop.service, plan).await.expect("on sale");
    }
    shop
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_utc(text.parse().expect("a moment"))
}

fn sum(minor: i64) -> SumShape {
    cny(minor).into()
}

impl Shop {
    fn until(&self, text: &str) {
        self.clock.advance(at(text).since(self.clock.now()));
    }

    async fn overview(&self, from: Timestamp, to: Timestamp) -> OverviewShape {
        let overview = self.service.stats_overview(Some(from), Some(to)).await;
        overview.expect("counted")
    }
}

/// Day by day, and all of it together.
async fn lines_are_as_counted(shop: &Shop, db: &Db) {
    let want = WantRevenue {
        from: Some(at("2026-03-01T00:00:00Z")),
        to: None,
        interval: Interval::Day,
        zone: Some(chrono_tz::UTC),
    };
    let revenue = shop.service.stats_revenue(&want).await.expect("counted");
    assert_eq!(revenue.series.len(), 1);
    let line = &revenue.series[0];
    assert_eq!(line.points.len(), 36);
    let days = line
        .points
        .iter()
        .filter(|point| point.turnover.payments + point.turnover.refunds > 0);
    let days: Vec<_> = days
        .map(|day| (day.t, day.turnover.net.amount_minor))
        .collect();
    assert_eq!(
        days,
        [
            (at("2026-03-01T00:00:00Z"), 9_900 + 99_000 + 99_900),
            (at("2026-03-20T00:00:00Z"), 19_800),
            (at("2026-03-22T00:00:00Z"), -9_900),
        ]
    );
    // What the figures say is what the books say.
    assert_eq!(line.total.net.amount_minor, count(db, INCOME).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_l7_a_month_of_a_shop_is_as_counted_by_hand() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db, "2026-03-01T00:00:00Z").await;
        shop.take(shop.ids.next(), "pro").await;
        shop.take(shop.ids.next(), "year").await;
        let free = shop.order(shop.ids.next(), "free", PaymentMethod::Alipay);
        free.await.expect("at once");
        shop.take(shop.ids.next(), "for-ever").await;
        // From here on it is counted: one comes, one comes and goes, one tries, one orders and does not pay.
        shop.until("2026-03-20T00:00:00Z");
        shop.take(shop.ids.next(), "pro").await;
        let fickle: UserId = shop.ids.next();
        let bought = shop.buy(fickle).await;
        shop.until("2026-03-22T00:00:00Z");
        shop.give_back(bought).await;
        shop.until("2026-03-25T00:00:00Z");
        shop.trial(shop.ids.next(), "team").await.expect("tried");
        shop.until("2026-04-05T00:00:00Z");
        let waits = shop.order(shop.ids.next(), "pro", PaymentMethod::Stripe);
        waits.await.expect("begun");
        let span = (at("2026-03-15T00:00:00Z"), at("2026-04-05T00:00:01Z"));
        shop.until("2026-04-05T00:00:02Z");
        // Whoever has lapsed has lapsed, whether or not somebody has written it down.
        for _ in 0..2 {
            let all = shop.overview(span.0, span.1).await;
            assert_eq!(
                all.currencies,
                [CurrencyOverviewShape {
                    currency: "CNY".to_owned(),
                    mrr: sum(9_900 + 8_250),
                    mrr_before: sum(9_900 + 8_250),
                    revenue: crate::shapes::TurnoverShape {
                        gross: sum(19_800),
                        refunded: sum(9_900),
                        net: sum(9_900),
                        payments: 2,
                        refunds: 1,
                    },
                    paying: 2,
                    lifetime: 1,
                    paying_before: 2,
                    churned: 1,
                    new: 1,
                    churn_rate: Some("0.5000".to_owned()),
                }]
            );
            let people = &all.people;
            assert_eq!((people.entitled, people.trialing), (5, 1));
            assert_eq!((people.began, people.converted), (3, 1));
            assert_eq!(people.conversion_rate.as_deref(), Some("0.3333"));
            let rails = all.rails.iter().map(|of| {
                let orders = (of.completed, of.failed, of.expired, of.open);
                (of.payment_method, orders, of.success_rate.as_deref())
            });
            assert_eq!(
                rails.collect::<Vec<_>>(),
                [
                    (PaymentMethod::Alipay, (2, 0, 0, 0), Some("1.0000")),
                    (PaymentMethod::Stripe, (0, 0, 0, 1), None),
                ]
            );
            shop.service.tick().await.expect("a round");
        }
        lines_are_as_counted(&shop, &db).await;
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

/// Who pays is noted while it happens; long after it, the rows say the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_force_is_told_long_after_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db, "2026-01-10T03:00:00Z").await;
        let chance = Entropy::seeded(7);
        let users: Vec<UserId> = (0..12).map(|_| shop.ids.next()).collect();
        let mut noted: Vec<(Timestamp, BTreeSet<UserId>, i64)> = Vec::new();
        for _ in 0..40 {
            for _ in 0..3 {
                let user = users[usize::try_from(chance.below(12)).expect("few")];
                let held = shop.service.current_subscription(user).await.expect("read");
                let held = held.filter(|held| held.is_entitled);
                let plan = match held.as_ref().map(|held| held.plan.slug.as_str()) {
                    // With what is left, which goes along.
                    Some("pro") if chance.below(3) == 0 => "year",
                    Some(same) => same,
                    None if chance.below(2) == 0 => "pro",
                    None => "year",
                };
                shop.take(user, plan).await;
            }
            let days = 1 + chance.below(39);
            shop.clock.advance(Duration::from_hours(24 * days));
            if chance.below(2) == 0 {
                shop.service.tick().await.expect("a round");
            }
            let (mut paying, mut mrr) = (BTreeSet::new(), 0);
            for user in &users {
                let held = shop
                    .service
                    .current_subscription(*user)
                    .await
                    .expect("read");
                if let Some(held) = held.filter(|held| held.is_entitled) {
                    paying.insert(*user);
                    mrr += if held.plan.slug == "pro" {
                        9_900
                    } else {
                        8_250
                    };
                }
            }
            noted.push((shop.clock.now(), paying, mrr));
            shop.clock.advance(Duration::from_secs(1));
        }
        let mut compared = 0;
        for pair in noted.windows(2) {
            let [(from, before, mrr_before), (to, after, mrr)] = pair else {
                panic!("two");
            };
            let all = shop.overview(*from, *to).await;
            let Some(of) = all.currencies.first() else {
                assert!(before.is_empty() && after.is_empty());
                continue;
            };
            let number = |set: BTreeSet<UserId>| i64::try_from(set.len()).expect("few");
            assert_eq!(of.mrr, sum(*mrr));
            assert_eq!(of.mrr_before, sum(*mrr_before));
            assert_eq!(of.paying, number(after.clone()));
            assert_eq!(of.paying_before, number(before.clone()));
            assert_eq!(of.churned, number(before - after));
            assert_eq!(of.new, number(after - before));
            compared += of.churned + of.new;
        }
        assert!(compared > 10, "{compared} came and went");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_none_is_refused() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = shop(&db, "2026-03-01T00:00:00Z").await;
        let now = shop.clock.now();
        let backwards = shop.service.stats_overview(Some(now), Some(now)).await;
        assert!(backwards.is_err());
        let ahead = shop
            .service
            .stats_overview(Some(now.after(Duration::from_secs(1))), None);
        assert!(ahead.await.is_err());
        let long = WantRevenue {
            from: Some(now.before(Duration::from_hours(24 * 401))),
            to: None,
            interval: Interval::Day,
            zone: None,
        };
        assert!(shop.service.stats_revenue(&long).await.is_err());
        let nothing = shop.service.stats_overview(None, None).await.expect("read");
        assert!(nothing.currencies.is_empty() && nothing.rails.is_empty());
        assert_eq!(nothing.people.conversion_rate, None);
    })
    .await;
}
