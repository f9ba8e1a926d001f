//! The whole life of subscriptions that are paid by hand, against a second model of it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Months, TimeZone as _};
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use crate::model::payment::PaymentMethod;
use crate::model::plan::{BillingCycle, NewPlan, PlanText};
use crate::model::quota::Units;
use crate::model::scene::Scene;
use crate::model::subscription::SubscriptionStatus;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::cancel_subscription::ChangeError;
use crate::operations::checkout::CheckoutError;
use crate::operations::way::PayBy;
use crate::providers::Payer;
use crate::providers::agreement::Agreement;
use crate::providers::fake::Fake;
use crate::shapes::SubscriptionShape;
use crate::{
    Expected, HistoryPage, MIGRATIONS, PaymentConfig, PaymentService, PlanRef, Renew, Subscribe,
    WantRefund,
};

/// Lives on each engine, and what happens in each.
const LIVES: usize = 40;
const STEPS: usize = 25;

/// A service that sells pro (99.00 a month), a free plan and one for ever, paid by hand or by a rail that renews.
pub(crate) struct Shop {
    pub(crate) service: PaymentService,
    pub(crate) alipay: Arc<Fake>,
    pub(crate) stripe: Arc<Fake>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
}

fn on_sale(slug: &str, minor: i64, billing_cycle: BillingCycle) -> NewPlan {
    NewPlan {
        slug: slug.parse().expect("a slug"),
        texts: [("zh".to_owned(), PlanText::default())].into(),
        house_language: "zh",
        price: cny(minor),
        billing_cycle,
        meter: "processing_count".parse().expect("a meter"),
        quota_limit: Units::new(1_000).ok(),
        resource_costs: [("*".to_owned(), Units::new(1).expect("one"))].into(),
        sort_order: 0,
    }
}

impl Shop {
    pub(crate) async fn open(db: &Db, at: &str) -> Self {
        let at = at.parse::<DateTime<chrono::Utc>>().expect("a moment");
        let clock = Clock::fixed(Timestamp::from_utc(at));
        let alipay = Arc::new(Fake::new(PaymentMethod::Alipay));
        let stripe = Arc::new(Fake::new(PaymentMethod::Stripe));
        let key = MasterKey::generate(&Entropy::system());
        let config = PaymentConfig::new("https://pay.example");
        let builder = PaymentService::builder(db.clone(), key, config).clock(clock.clone());
        let builder = builder.provider(alipay.clone()).provider(stripe.clone());
        let service = builder.build().await.expect("built");
        let plans = [
            on_sale("pro", 9_900, BillingCycle::Monthly),
            on_sale("free", 0, BillingCycle::Monthly),
            on_sale("for-ever", 99_900, BillingCycle::Lifetime),
        ];
        service.seed_plans(&plans).await.expect("on sale");
        let ids = Ids::new(clock.clone(), Entropy::system());
        Self {
            service,
            alipay,
            stripe,
            clock,
            ids,
        }
    }

    pub(crate) fn by(method: PaymentMethod) -> PayBy {
        PayBy {
            method,
            client: None,
            device: Scene::Pc,
            return_url: None,
            payer: Payer::default(),
        }
    }

    fn wish(user: UserId, plan: &str, method: PaymentMethod) -> Subscribe {
        Subscribe {
            user_id: user,
            plan: PlanRef {
                plan_id: None,
                plan_slug: Some(plan.to_owned()),
            },
            by: Self::by(method),
            expected: Expected::default(),
            trial: false,
        }
    }

    pub(crate) async fn order(
        &self,
        user: UserId,
        plan: &str,
        method: PaymentMethod,
    ) -> Result<Option<PaymentId>, CheckoutError> {
        let wish = Self::wish(user, plan, method);
        let begun = self.service.subscribe(&wish, None).await?;
        Ok(begun.value.transaction.map(|order| order.id))
    }

    /// Orders by Alipay and pays what the order says.
    pub(crate) async fn take(&self, user: UserId, plan: &str) -> PaymentId {
        let order = self.order(user, plan, PaymentMethod::Alipay).await;
        let order = order.expect("begun").expect("an order");
        self.pay(&self.alipay, self.alipay.ordered().amount.minor(), None)
            .await;
        order
    }

    pub(crate) async fn trial(
        &self,
        user: UserId,
        plan: &str,
    ) -> Result<SubscriptionShape, CheckoutError> {
        let wish = Subscribe {
            trial: true,
            ..Self::wish(user, plan, PaymentMethod::Alipay)
        };
        let begun = self.service.subscribe(&wish, None).await?;
        Ok(begun.value.subscription.expect("at once"))
    }

    pub(crate) async fn renew(&self, user: UserId) -> Result<PaymentId, CheckoutError> {
        let wish = Renew {
            user_id: user,
            by: Self::by(PaymentMethod::Alipay),
            expected: Expected::default(),
        };
        let begun = self.service.renew(&wish, None).await?;
        Ok(begun.value.transaction.expect("an order").id)
    }

    /// The money of the last order of the rail.
    pub(crate) async fn pay(&self, rail: &Fake, minor: i64, agreement: Option<Agreement>) {
        let money = self.ids.next::<PaymentId>().to_string();
        let raw = rail.event(&money, rail.paid(&money, cny(minor), agreement));
        let method = crate::providers::PaymentProvider::name(rail);
        let received = self.service.accept_webhook(method, raw).await;
        assert_eq!(received.expect("a rail").reply.status, 200);
    }

    pub(crate) async fn buy(&self, user: UserId) -> PaymentId {
        let order = self.order(user, "pro", PaymentMethod::Alipay).await;
        let order = order.expect("begun").expect("an order");
        self.pay(&self.alipay, 9_900, None).await;
        order
    }

    pub(crate) async fn give_back(&self, payment: PaymentId) {
        let wish = WantRefund {
            payment_id: payment,
            amount: None,
            amount_minor: None,
            reason: "given back".to_owned(),
            end_subscription: None,
            requested_by: None,
        };
        let refund = self.service.refund(&wish, &Origin::default(), None).await;
        refund.expect("given back");
    }

    /// Kinds of all changes, in the order of their time; of one moment, by their names.
    pub(crate) async fn lived(&self, user: UserId) -> Vec<&'static str> {
        let page = HistoryPage::default();
        let found = self.service.subscription_history(user, page, 1_000).await;
        let (changes, more) = found.expect("read").expect("a list");
        assert!(!more);
        let mut kinds: Vec<_> = changes
            .iter()
            .map(|change| (change.created_at, change.kind.as_str()))
            .collect();
        kinds.sort_unstable();
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }
}

/// The second model: what one would say on paper. Terms are counted from where the first began.
#[derive(Debug, Default)]
struct OnPaper {
    held: Option<Held>,
    lived: Vec<(Timestamp, &'static str)>,
}

#[derive(Debug)]
struct Held {
    begun: Timestamp,
    paid: Vec<PaymentId>,
    cancelled: bool,
}

impl Held {
    fn end(&self) -> Timestamp {
        let zone = chrono_tz::Asia::Shanghai;
        let local = self.begun.utc().with_timezone(&zone).naive_local();
        let months = u32::try_from(self.paid.len()).expect("few");
        let end = local.checked_add_months(Months::new(months)).expect("near");
        let end = zone.from_local_datetime(&end).single();
        Timestamp::from_utc(end.expect("a zone without changes of the clock").to_utc())
    }
}

impl OnPaper {
    fn in_force(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.end())
    }

    fn note(&mut self, now: Timestamp, kind: &'static str) {
        self.lived.push((now, kind));
    }

    /// It is written down that it is over, by the job or by whoever buys anew.
    fn lapse(&mut self, now: Timestamp) {
        if !self.in_force(now) && self.held.take().is_some() {
            self.note(now, "expired");
        }
    }

    fn pay(&mut self, now: Timestamp, order: PaymentId) {
        self.lapse(now);
        if let Some(held) = &mut self.held {
            held.paid.push(order);
            self.note(now, "renewed");
        } else {
            self.held = Some(Held {
                begun: now,
                paid: vec![order],
                cancelled: false,
            });
            self.note(now, "activated");
        }
    }

    /// The last term goes back; gives which payment.
    fn give_back(&mut self, now: Timestamp) -> Option<PaymentId> {
        let held = self.held.as_mut()?;
        let last = held.paid.pop()?;
        if now < held.end() && !held.paid.is_empty() {
            self.note(now, "changed");
        } else {
            self.held = None;
            self.note(now, "refunded");
        }
        Some(last)
    }

    fn turn(&mut self, now: Timestamp, cancel: bool) {
        let Some(held) = self.held.as_mut() else {
            return;
        };
        if held.cancelled != cancel {
            held.cancelled = cancel;
            self.note(now, if cancel { "cancelled" } else { "resumed" });
        }
    }

    fn lived(&self) -> Vec<&'static str> {
        let mut lived = self.lived.clone();
        lived.sort_unstable();
        lived.into_iter().map(|(_, kind)| kind).collect()
    }
}

async fn step(shop: &Shop, user: UserId, paper: &mut OnPaper, chance: &Entropy) {
    shop.clock.advance(Duration::from_secs(1));
    let now = shop.clock.now();
    let is_in_force = paper.in_force(now);
    match chance.below(8) {
        0 => {
            let order = shop.buy(user).await;
            paper.pay(now, order);
        }
        1 => match shop.renew(user).await {
            Ok(order) => {
                assert!(is_in_force);
                shop.pay(&shop.alipay, 9_900, None).await;
                paper.pay(now, order);
            }
            Err(CheckoutError::NoSubscription) => assert!(!is_in_force),
            Err(error) => panic!("{error}"),
        },
        2 | 3 => {
            let cancel = chance.below(2) == 0;
            let turned = if cancel {
                shop.service.cancel_subscription(user, None).await
            } else {
                shop.service.resume_subscription(user).await
            };
            match turned {
                Ok(_) => paper.turn(now, cancel),
                Err(ChangeError::NoSubscription) => assert!(!is_in_force),
                Err(error) => panic!("{error}"),
            }
        }
        4 if is_in_force => {
            let last = paper.give_back(now).expect("paid for");
            shop.give_back(last).await;
        }
        5 => {
            shop.service.tick().await.expect("a tick");
            paper.lapse(now);
        }
        _ => shop
            .clock
            .advance(Duration::from_hours(chance.below(24 * 40))),
    }
}

async fn compare(shop: &Shop, user: UserId, paper: &OnPaper) {
    let now = shop.clock.now();
    let shown = shop.service.current_subscription(user).await.expect("read");
    let Some(held) = paper.held.as_ref().filter(|_| paper.in_force(now)) else {
        assert!(shown.is_none(), "{shown:?} {paper:?}");
        return;
    };
    let shown = shown.expect("in force");
    let status = if held.cancelled {
        SubscriptionStatus::Cancelled
    } else {
        SubscriptionStatus::Active
    };
    assert_eq!(
        (shown.status, shown.current_period_end),
        (status, Some(held.end())),
        "{paper:?}"
    );
    assert_eq!(shown.cancel_at_period_end, held.cancelled);
    assert!(shown.is_entitled && !shown.auto_renew);
}

/// The first moments are month ends, a leap day and a year's end.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l5_p11_every_life_is_as_it_is_on_paper() {
    each_engine(&[MIGRATIONS], async |db| {
        for (seed, begins) in [
            "2026-01-31T02:00:00Z",
            "2028-02-29T15:59:59Z",
            "2026-12-31T15:59:59Z",
            "2027-08-31T16:00:00Z",
        ]
        .into_iter()
        .enumerate()
        {
            let shop = Shop::open(&db, begins).await;
            let chance = Entropy::seeded(u64::try_from(seed).expect("small"));
            for _ in 0..LIVES / 4 {
                let user = shop.ids.next();
                let mut paper = OnPaper::default();
                for _ in 0..STEPS {
                    step(&shop, user, &mut paper, &chance).await;
                    compare(&shop, user, &paper).await;
                }
                assert_eq!(shop.lived(user).await, paper.lived());
            }
            assert_eq!(damaged(&shop.service).await, [""; 0]);
        }
        assert_eq!(count(&db, "SELECT COUNT(*) FROM suspense").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_39_what_has_no_term_or_renews_itself_is_not_renewed_by_hand() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T02:00:00Z").await;
        let nobody = shop.ids.next();
        let refused = shop.renew(nobody).await;
        assert!(matches!(refused, Err(CheckoutError::NoSubscription)));

        let free = shop.ids.next();
        let order = shop.order(free, "free", PaymentMethod::Alipay).await;
        assert_eq!(order.expect("had at once"), None);
        assert!(matches!(shop.renew(free).await, Err(CheckoutError::NoTerm)));

        let for_ever = shop.ids.next();
        let order = shop.order(for_ever, "for-ever", PaymentMethod::Alipay);
        order.await.expect("begun");
        shop.pay(&shop.alipay, 99_900, None).await;
        let refused = shop.renew(for_ever).await;
        assert!(matches!(refused, Err(CheckoutError::NoTerm)));

        let debited = shop.ids.next();
        let order = shop.order(debited, "pro", PaymentMethod::Stripe).await;
        order.expect("begun");
        let agreement = Agreement {
            id: "sub_1".to_owned(),
            customer_id: "cus_1".to_owned(),
        };
        shop.pay(&shop.stripe, 9_900, Some(agreement)).await;
        let refused = shop.renew(debited).await;
        assert!(matches!(refused, Err(CheckoutError::RenewsItself)));
        // Who has ended that pays by hand.
        let cancelled = shop.service.cancel_subscription(debited, None).await;
        let end = cancelled.expect("cancelled").current_period_end;
        shop.renew(debited).await.expect("begun");
        shop.pay(&shop.alipay, 9_900, None).await;
        let shown = shop.service.current_subscription(debited).await;
        let shown = shown.expect("read").expect("in force");
        assert!(shown.current_period_end > end);
        assert_eq!(
            (shown.renewal.as_str(), shown.cancel_at_period_end),
            ("manual", true)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_38_renewed_twice_is_one_open_order_and_paid_it_extends_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T02:00:00Z").await;
        let user = shop.ids.next();
        shop.buy(user).await;
        let first = shop.renew(user).await.expect("begun");
        assert_eq!(shop.renew(user).await.expect("the same"), first);
        shop.pay(&shop.alipay, 9_900, None).await;
        let shown = shop.service.current_subscription(user).await;
        let end = shown.expect("read").expect("in force").current_period_end;
        assert_eq!(end.expect("an end").to_string(), "2026-03-31T02:00:00.000Z");
        assert_eq!(shop.lived(user).await, ["activated", "renewed"]);
        // Its history is its owner's, page by page in both directions.
        let page = |page| shop.service.subscription_history(user, page, 1);
        let (newest, more) = page(HistoryPage::default())
            .await
            .expect("read")
            .expect("a list");
        assert!(more);
        let older = HistoryPage {
            starting_after: Some(newest[0].id),
            ending_before: None,
        };
        let (oldest, more) = page(older).await.expect("read").expect("a list");
        assert!(!more);
        let newer = HistoryPage {
            starting_after: None,
            ending_before: Some(oldest[0].id),
        };
        let (back, more) = page(newer).await.expect("read").expect("a list");
        assert_eq!((back[0].id, more), (newest[0].id, false));
        let stranger = shop.ids.next();
        let foreign = shop.service.subscription_history(stranger, older, 1).await;
        assert!(foreign.expect("read").is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_written_down_stays_as_it_is() {
    use tollgate_storage::in_tx;
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T02:00:00Z").await;
        shop.buy(shop.ids.next()).await;
        for statement in [
            "UPDATE subscription_changes SET kind = 'expired'",
            "DELETE FROM subscription_changes",
        ] {
            let mut tx = db.begin().await.expect("begins");
            let done = in_tx!(&mut tx, |c| sqlx::query(statement)
                .execute(c)
                .await
                .map(|_| ()));
            assert!(done.is_err(), "{statement}");
        }
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM subscription_changes").await,
            1
        );
    })
    .await;
}
