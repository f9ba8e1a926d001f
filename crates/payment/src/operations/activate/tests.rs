//! One wish, paid on two rails at once: it is fulfilled once, and the other money goes back.

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use crate::model::payment::{PaymentMethod, PaymentState};
use crate::model::plan::{BillingCycle, NewPlan, PlanText};
use crate::model::quota::Units;
use crate::model::scene::Scene;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::way::PayBy;
use crate::providers::Payer;
use crate::providers::fake::Fake;
use crate::store::subscriptions;
use crate::{Expected, MIGRATIONS, PaymentConfig, PaymentService, PlanRef, Subscribe};

const RAILS: [PaymentMethod; 2] = [PaymentMethod::Alipay, PaymentMethod::Wechat];
/// On each engine.
const WISHES: usize = 500;

struct TwoRails {
    service: PaymentService,
    rails: [Arc<Fake>; 2],
    clock: Clock,
    ids: Ids,
}

impl TwoRails {
    async fn open(db: &Db) -> Self {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000).expect("a moment"));
        let rails = RAILS.map(|rail| Arc::new(Fake::new(rail)));
        let key = MasterKey::generate(&Entropy::system());
        let config = PaymentConfig::new("https://pay.example");
        let builder = PaymentService::builder(db.clone(), key, config).clock(clock.clone());
        let builder = builder
            .provider(rails[0].clone())
            .provider(rails[1].clone());
        let service = builder.build().await.expect("built");
        let pro = NewPlan {
            slug: "pro".parse().expect("a slug"),
            texts: [("zh".to_owned(), PlanText::default())].into(),
            house_language: "zh",
            price: cny(9_900),
            billing_cycle: BillingCycle::Monthly,
            meter: "processing_count".parse().expect("a meter"),
            quota_limit: Units::new(1_000).ok(),
            resource_costs: std::collections::BTreeMap::new(),
            sort_order: 0,
        };
        service.seed_plans(&[pro]).await.expect("on sale");
        let ids = Ids::new(clock.clone(), Entropy::system());
        Self {
            service,
            rails,
            clock,
            ids,
        }
    }

    async fn order(&self, user: UserId, rail: usize) {
        self.order_on(user, rail, Scene::Pc).await;
    }

    async fn order_on(&self, user: UserId, rail: usize, scene: Scene) {
        let wish = Subscribe {
            user_id: user,
            plan: PlanRef {
                plan_id: None,
                plan_slug: Some("pro".to_owned()),
            },
            by: PayBy {
                method: RAILS[rail],
                client: None,
                device: scene,
                return_url: None,
                payer: Payer::default(),
            },
            expected: Expected::default(),
            trial: false,
        };
        self.service.subscribe(&wish, None).await.expect("begun");
    }

    /// The rail tells of the money for its last order, until it is taken.
    async fn pay(&self, rail: usize, money: String) {
        let paid = self.rails[rail].paid(&money, cny(9_900), None);
        let raw = self.rails[rail].event(&money, paid);
        for _ in 0..20 {
            let received = self.service.accept_webhook(RAILS[rail], raw.clone()).await;
            if received.expect("a rail").reply.status == 200 {
                return;
            }
        }
        panic!("{money} is never taken");
    }

    /// Pays one wish on both rails at once.
    async fn pay_twice(&self, user: UserId, round: &str) {
        self.order(user, 0).await;
        self.order(user, 1).await;
        tokio::join!(
            self.pay(0, format!("alipay {user} {round}")),
            self.pay(1, format!("wechat {user} {round}")),
        );
    }

    async fn settled(&self, db: &Db, returned: i64) {
        const BACK: &str =
            "SELECT COUNT(*) FROM refunds WHERE origin = 'surplus' AND status = 'succeeded'";
        for _ in 0..1_000 {
            if count(db, BACK).await == returned {
                break;
            }
            self.clock.advance(Duration::from_secs(1));
            self.service.tick().await.expect("a tick");
        }
        assert_eq!(count(db, BACK).await, returned);
        let damaged = damaged(&self.service).await;
        assert!(
            damaged.is_empty(),
            "{} {:?}",
            damaged.len(),
            damaged.first()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p6_one_wish_paid_on_two_rails_at_once_is_fulfilled_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let two = TwoRails::open(&db).await;
        for _ in 0..WISHES {
            let user = two.ids.next();
            two.pay_twice(user, "first").await;
            let held = subscriptions::find_live(&db, user, true)
                .await
                .expect("read");
            let held = held.expect("a plan");
            let month = held.anchor.month(1);
            assert_eq!(
                held.term_end,
                Some(month),
                "one month, whichever came first"
            );
        }
        let wishes = i64::try_from(WISHES).expect("few");
        two.settled(&db, wishes).await;
        let kept = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed'";
        assert_eq!(count(&db, kept).await, wishes);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_p6_a_renewal_paid_on_two_rails_extends_once_and_a_later_one_again() {
    each_engine(&[MIGRATIONS], async |db| {
        let two = TwoRails::open(&db).await;
        let user = two.ids.next();
        two.order(user, 0).await;
        two.pay(0, "first".to_owned()).await;
        for month in 2..5_u32 {
            two.clock.advance(Duration::from_mins(20));
            two.pay_twice(user, &month.to_string()).await;
            let held = subscriptions::find_live(&db, user, true)
                .await
                .expect("read");
            let held = held.expect("a plan");
            assert_eq!(held.term_end, Some(held.anchor.month(month)));
        }
        two.settled(&db, 3).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p4_an_order_that_was_given_up_and_paid_late_goes_back_if_another_was_paid() {
    each_engine(&[MIGRATIONS], async |db| {
        let two = TwoRails::open(&db).await;
        let user = two.ids.next();
        two.order(user, 0).await;
        two.clock.advance(Duration::from_mins(31));
        two.order(user, 1).await;
        two.pay(1, "second".to_owned()).await;
        two.clock.advance(Duration::from_mins(5));
        two.pay(0, "late".to_owned()).await;
        let held = subscriptions::find_live(&db, user, true)
            .await
            .expect("read");
        let held = held.expect("a plan");
        assert_eq!(held.term_end, Some(held.anchor.month(1)));
        two.settled(&db, 1).await;
    })
    .await;
}

/// On each engine.
const ENDS: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn inv_p4_money_around_the_end_of_its_order_always_counts() {
    each_engine(&[MIGRATIONS], async |db| {
        let two = TwoRails::open(&db).await;
        for round in 0..ENDS {
            let user = two.ids.next();
            two.order(user, 0).await;
            let order = two.rails[0].ordered();
            let id = uuid::Uuid::parse_str(order.order_no.as_str())
                .expect("a number")
                .into();
            // A second before its end, at it, and a second after.
            let at = order.expires_at.before(Duration::from_secs(1));
            let at = at.after(Duration::from_secs(u64::try_from(round % 3).expect("few")));
            two.clock.advance(at.since(two.clock.now()));
            let (asked, ()) = tokio::join!(
                two.service.reconcile(id),
                two.pay(0, format!("money {round}")),
            );
            asked.expect("the database is there");
            let order = crate::store::payments::find_any(&db, id)
                .await
                .expect("read");
            assert_eq!(
                order.map(|order| order.state),
                Some(PaymentState::Completed)
            );
            let held = subscriptions::find_live(&db, user, true)
                .await
                .expect("read");
            assert!(held.is_some(), "paid, and nothing happened");
        }
        two.settled(&db, 0).await;
    })
    .await;
}

/// A rail where each way has its own number: another way is another order, and whichever is paid, it is once.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p12_another_way_is_the_same_order_or_one_of_its_own() {
    const ORDERS: &str = "SELECT COUNT(*) FROM payment_transactions";
    each_engine(&[MIGRATIONS], async |db| {
        let two = TwoRails::open(&db).await;
        for (rail, orders) in [(0, 1), (1, 3)] {
            let user = two.ids.next();
            for scene in [Scene::Pc, Scene::H5, Scene::H5] {
                two.order_on(user, rail, scene).await;
            }
            assert_eq!(count(&db, ORDERS).await, orders);
        }
        let user = two.ids.next();
        two.order_on(user, 1, Scene::Pc).await;
        two.pay(1, "code".to_owned()).await;
        let held = subscriptions::find_live(&db, user, true)
            .await
            .expect("read");
        assert!(held.is_some());
    })
    .await;
}
