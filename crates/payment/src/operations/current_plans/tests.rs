use std::time::Duration;

use tollgate_kernel::ids::UserId;
use tollgate_storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::model::payment::PaymentMethod;
use crate::operations::renew::tests::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_people_each_has_the_plan_that_is_said_of_them_alone() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let people: Vec<UserId> = (0..6).map(|_| shop.ids.next()).collect();
        let [paid, free, forever, falls, lapses, _nothing] = people[..] else {
            panic!("six");
        };
        for person in [paid, falls, lapses] {
            shop.buy(person).await;
        }
        shop.take(forever, "for-ever").await;
        // Wanted beside pro, the free plan follows it.
        for person in [free, falls] {
            let had = shop.order(person, "free", PaymentMethod::Alipay).await;
            assert_eq!(had.expect("had"), None);
        }
        let held = async || {
            let plans = shop.service.current_plans(people.iter().copied()).await;
            let mut plans = plans.expect("read");
            let list = people.iter().map(|person| plans.remove(person));
            let list: Vec<Option<String>> = list.collect();
            for (person, plan) in people.iter().zip(&list) {
                let alone = shop.service.current_plan(*person).await;
                assert_eq!(alone.expect("read"), *plan);
            }
            let list = list.into_iter().map(Option::unwrap_or_default);
            list.collect::<Vec<_>>()
        };
        assert_eq!(held().await, ["pro", "free", "for-ever", "pro", "pro", ""]);
        shop.clock.advance(Duration::from_hours(24 * 20));
        let renewed = shop.renew(paid).await;
        renewed.expect("begun");
        shop.pay(&shop.alipay, 9_900, None).await;
        // Terms are over, and nobody has written it down.
        shop.clock.advance(Duration::from_hours(24 * 20));
        assert_eq!(held().await, ["pro", "free", "for-ever", "free", "", ""]);
        let none = shop.service.current_plans([]).await;
        assert!(none.expect("read").is_empty());
    })
    .await;
}
