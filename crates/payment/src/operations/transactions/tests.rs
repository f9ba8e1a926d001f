//! What staff look through, on both engines: by every filter, by number, and what it comes to.

use std::time::Duration;

use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Currency;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::refund::{RefundOrigin, RefundState, RefundStatus};
use crate::model::stats::Turnover;
use crate::model::subscription::SubscriptionStatus;
use crate::operations::book::tests::cny;
use crate::operations::renew::tests::Shop;
use crate::{Attention, MIGRATIONS, RefundFilter, SubscriptionFilter};

const DAY: Duration = Duration::from_hours(24);

/// One who pays and gets it back, one who pays a day later, one who orders only.
struct Story {
    shop: Shop,
    people: [UserId; 3],
    orders: [PaymentId; 3],
    begun: Timestamp,
}

async fn story(db: &tollgate_storage::db::Db) -> Story {
    let shop = Shop::open(db, "2026-03-01T00:00:00Z").await;
    let people: [UserId; 3] = std::array::from_fn(|_| shop.ids.next());
    let begun = shop.clock.now();
    let first = shop.buy(people[0]).await;
    shop.give_back(first).await;
    shop.clock.advance(DAY);
    let second = shop.take(people[1], "for-ever").await;
    // Of one moment they would stand in either order.
    shop.clock.advance(Duration::from_secs(1));
    let third = shop.order(people[2], "pro", PaymentMethod::Stripe).await;
    let third = third.expect("begun").expect("an order");
    Story {
        shop,
        people,
        orders: [first, second, third],
        begun,
    }
}

impl Story {
    async fn ids(&self, filter: TransactionFilter) -> Vec<PaymentId> {
        let page = self.shop.service.transactions(&filter, 10).await;
        let (found, has_more) = page.expect("read").expect("a list");
        assert!(!has_more);
        found.iter().map(|payment| payment.id).collect()
    }

    async fn total(&self, filter: TransactionFilter) -> Option<(i64, Turnover)> {
        let totals = self.shop.service.transaction_totals(&filter).await;
        let totals = totals.expect("read");
        assert!(totals.len() < 2, "{totals:?}");
        totals.first().map(|total| (total.orders, total.paid))
    }
}

fn paid(minor: i64, orders: i64, back: i64, refunds: i64) -> Turnover {
    Turnover::paid(cny(minor), orders).and(&Turnover::gone_back(cny(back), refunds))
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_found_by_currency_and_number_and_summed_as_they_are_listed() {
    each_engine(&[MIGRATIONS], async |db| {
        let story = story(&db).await;
        let [first, second, third] = story.orders;
        let all = TransactionFilter::default;
        let cny_only = TransactionFilter {
            currency: Some(Currency::CNY),
            ..all()
        };
        assert_eq!(story.ids(cny_only).await, [third, second, first]);
        let usd = TransactionFilter {
            currency: Some(Currency::USD),
            ..all()
        };
        assert_eq!(story.ids(usd.clone()).await, []);
        assert_eq!(story.total(usd).await, None);
        let sum = story.total(all()).await;
        assert_eq!(sum, Some((3, paid(109_800, 2, 9_900, 1))));
        let later = TransactionFilter {
            from: Some(story.begun.after(DAY)),
            ..all()
        };
        let sum = story.total(later).await;
        assert_eq!(sum, Some((2, paid(99_900, 1, 0, 0))));
        let before = TransactionFilter {
            to: Some(story.begun.after(DAY)),
            starting_after: Some(first),
            ..all()
        };
        let sum = story.total(before).await;
        assert_eq!(sum, Some((1, paid(9_900, 1, 9_900, 1))), "no cursor counts");
        for (filter, orders) in [
            (
                TransactionFilter {
                    user: Some(story.people[2]),
                    ..all()
                },
                1,
            ),
            (
                TransactionFilter {
                    status: Some(PaymentStatus::Refunded),
                    ..all()
                },
                1,
            ),
            (
                TransactionFilter {
                    method: Some(PaymentMethod::Alipay),
                    ..all()
                },
                2,
            ),
        ] {
            let sum = story.total(filter.clone()).await.expect("some");
            assert_eq!(sum.0, orders, "{filter:?}");
        }

        let service = &story.shop.service;
        let order = service
            .transaction(second, None)
            .await
            .expect("read")
            .expect("there");
        let theirs = order.provider_transaction_id.clone().expect("paid");
        let ours = order.order_no().as_str().to_owned();
        for number in [
            &theirs,
            &ours,
            &ours.to_uppercase(),
            &second.to_string(),
            &format!(" {ours} "),
        ] {
            let found = service.transactions_numbered(number).await.expect("read");
            let found: Vec<_> = found.iter().map(|payment| payment.id).collect();
            assert_eq!(found, [second], "{number}");
        }
        for number in ["", "'", "%", &ours[..31]] {
            let found = service.transactions_numbered(number).await.expect("read");
            assert!(found.is_empty(), "{number}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one walk, told as it is walked")]
async fn refunds_and_subscriptions_are_found_by_every_filter() {
    each_engine(&[MIGRATIONS], async |db| {
        let story = story(&db).await;
        let service = &story.shop.service;
        let refunds = async |filter: RefundFilter| {
            let page = service.refunds_where(&filter, 10).await;
            page.expect("read").expect("a list").0.len()
        };
        let all = RefundFilter::default;
        let tomorrow = Some(story.begun.after(DAY));
        for (filter, expected) in [
            (all(), 1),
            (
                RefundFilter {
                    payment: Some(story.orders[0]),
                    ..all()
                },
                1,
            ),
            (
                RefundFilter {
                    payment: Some(story.orders[1]),
                    ..all()
                },
                0,
            ),
            (
                RefundFilter {
                    state: Some(RefundState::Succeeded),
                    ..all()
                },
                1,
            ),
            (
                RefundFilter {
                    state: Some(RefundState::Unknown),
                    ..all()
                },
                0,
            ),
            (
                RefundFilter {
                    status: Some(RefundStatus::Pending),
                    ..all()
                },
                0,
            ),
            (
                RefundFilter {
                    origin: Some(RefundOrigin::Dispute),
                    ..all()
                },
                0,
            ),
            (
                RefundFilter {
                    from: tomorrow,
                    ..all()
                },
                0,
            ),
            (
                RefundFilter {
                    from: Some(story.begun),
                    to: tomorrow,
                    ..all()
                },
                1,
            ),
            (
                RefundFilter {
                    to: Some(story.begun),
                    ..all()
                },
                0,
            ),
        ] {
            assert_eq!(refunds(filter).await, expected, "{filter:?}");
        }

        let found = async |filter: SubscriptionFilter| {
            let page = service.subscriptions(&filter, 10).await.expect("read");
            let (found, _) = page.expect("a list");
            found.iter().map(|held| held.user_id).collect::<Vec<_>>()
        };
        let all = SubscriptionFilter::default;
        let [first, second, _] = story.people;
        let pro = service
            .any_plan("pro")
            .await
            .expect("read")
            .expect("a plan")
            .id;
        assert_eq!(found(all()).await, [second, first]);
        let ended = SubscriptionFilter {
            status: Some(SubscriptionStatus::Expired),
            ..all()
        };
        assert_eq!(found(ended).await, [first]);
        let live = SubscriptionFilter {
            status: Some(SubscriptionStatus::Active),
            ..all()
        };
        assert_eq!(found(live).await, [second]);
        let of_pro = SubscriptionFilter {
            plan: Some(pro),
            ..all()
        };
        assert_eq!(found(of_pro).await, [first]);
        let own = SubscriptionFilter {
            user: Some(second),
            ..all()
        };
        assert_eq!(found(own).await, [second]);
        let one = service
            .subscriptions(&all(), 1)
            .await
            .expect("read")
            .expect("a list");
        assert!(one.1, "there is another");
        let next = SubscriptionFilter {
            starting_after: Some(one.0[0].id),
            ..all()
        };
        assert_eq!(found(next).await, [first]);
        let of_another = SubscriptionFilter {
            user: Some(first),
            ..next
        };
        let strange = service.subscriptions(&of_another, 1).await.expect("read");
        assert!(strange.is_none(), "a cursor of another list");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_waits_for_somebody() {
    each_engine(&[MIGRATIONS], async |db| {
        let story = story(&db).await;
        let service = &story.shop.service;
        let nothing = service.attention().await.expect("read");
        assert_eq!(nothing, Attention::default());
        story.shop.clock.advance(Duration::from_secs(601));
        let late = service.attention().await.expect("read");
        let one = Attention {
            late_orders: 1,
            ..Attention::default()
        };
        assert_eq!(late, one);
    })
    .await;
}
