//! Terms that renew by themselves, told in any order and any number of times.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, UserId};
use tollgate_storage::db::Db;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::plan::{BillingCycle, NewPlan, PlanText};
use crate::model::quota::Units;
use crate::model::scene::Scene;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::way::PayBy;
use crate::providers::agreement::{Dispute, DisputeState, Interval};
use crate::providers::fake::Fake;
use crate::providers::{EventContent, Payer};
use crate::{Expected, MIGRATIONS, PaymentConfig, PaymentService, PlanRef, Subscribe};

const SUSPENDED: &str = "SELECT COUNT(*) FROM suspense";
const PAID: &str = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed'";
const LIVE: &str = "SELECT COUNT(*) FROM user_subscriptions WHERE ended_at IS NULL";

/// A buyer of the plan pro (99.00 a month) by a rail that renews.
struct Scenery {
    service: PaymentService,
    fake: Arc<Fake>,
    clock: Clock,
    user: UserId,
}

fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).expect("a moment")
}

fn agreement() -> Agreement {
    Agreement {
        id: "sub_1".to_owned(),
        customer_id: "cus_1".to_owned(),
    }
}

impl Scenery {
    async fn bought(db: &Db) -> Self {
        let clock = Clock::fixed(start());
        let fake = Arc::new(Fake::new(PaymentMethod::Stripe));
        let service = PaymentService::builder(
            db.clone(),
            MasterKey::generate(&Entropy::system()),
            PaymentConfig::new("https://pay.example"),
        )
        .clock(clock.clone())
        .provider(fake.clone())
        .build()
        .await
        .expect("built");
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
        let user = Ids::new(clock.clone(), Entropy::system()).next();
        let scenery = Self {
            service,
            fake,
            clock,
            user,
        };
        scenery.subscribe().await;
        scenery
            .tell(
                "first",
                scenery.fake.paid("pi_1", cny(9_900), Some(agreement())),
            )
            .await;
        scenery
    }

    async fn subscribe(&self) {
        let wish = Subscribe {
            user_id: self.user,
            plan: PlanRef {
                plan_id: None,
                plan_slug: Some("pro".to_owned()),
            },
            by: PayBy {
                method: PaymentMethod::Stripe,
                client: None,
                device: Scene::Pc,
                return_url: None,
                payer: Payer::default(),
            },
            expected: Expected::default(),
        };
        self.service.subscribe(&wish, None).await.expect("begun");
    }

    async fn tell(&self, key: &str, content: EventContent) {
        let raw = self.fake.event(key, content);
        let method = PaymentMethod::Stripe;
        let received = self.service.accept_webhook(method, raw).await;
        assert_eq!(received.expect("a rail").reply.status, 200, "{key}");
    }

    fn debit(&self, money: &str, minor: i64) -> EventContent {
        EventContent::Renewed(VerifiedRenewal {
            agreement_id: "sub_1".to_owned(),
            method: PaymentMethod::Stripe,
            provider_transaction_id: money.to_owned(),
            amount: cny(minor),
            account: Fake::account_of(),
            paid_at: None,
            paid_until: self.clock.now().after(Duration::from_hours(24 * 31)),
        })
    }

    async fn news(&self, key: &str, news: AgreementNews) {
        let id = "sub_1".to_owned();
        self.tell(key, EventContent::Agreement { id, news }).await;
    }

    /// Until when the person has the plan: the end of the term, and of the right.
    async fn until(&self, db: &Db) -> (Timestamp, Timestamp) {
        let held = subscriptions::find_live(db, self.user, true)
            .await
            .expect("read");
        let held = held.expect("a subscription");
        (
            held.term_end.expect("an end"),
            held.entitled_until.expect("an end"),
        )
    }

    fn in_months(months: u32) -> Timestamp {
        crate::model::period::Anchor::new(start(), chrono_tz::Asia::Shanghai).month(months)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p1_a_debit_extends_the_term_once_however_often_it_is_told() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        assert_eq!(scenery.fake.ordered().renews, Some(Interval::Month));
        let (end, right) = scenery.until(&db).await;
        assert_eq!(end, Scenery::in_months(1));
        assert_eq!(right, end.after(AWAITING_DEBIT));
        // Drafted at the end, paid an hour later; told by many events at once.
        scenery
            .clock
            .advance(end.since(start()) + Duration::from_hours(1));
        let mut calls = JoinSet::new();
        for at in 0..20 {
            let raw = scenery
                .fake
                .event(&format!("renewal {at}"), scenery.debit("pi_2", 9_900));
            let service = scenery.service.clone();
            calls.spawn(async move { service.accept_webhook(PaymentMethod::Stripe, raw).await });
        }
        while let Some(received) = calls.join_next().await {
            let received = received.expect("no panic").expect("a rail");
            if received.reply.status != 200 {
                // A rival was faster on PostgreSQL: the provider tells again.
                scenery.tell("again", scenery.debit("pi_2", 9_900)).await;
            }
        }
        let (end, right) = scenery.until(&db).await;
        assert_eq!(end, Scenery::in_months(2));
        assert_eq!(right, end.after(AWAITING_DEBIT));
        assert_eq!(
            (count(&db, PAID).await, count(&db, SUSPENDED).await),
            (2, 0)
        );
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_a_debit_of_another_amount_or_of_nobody_is_set_aside() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        scenery.tell("less", scenery.debit("pi_2", 9_899)).await;
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(1));
        assert_eq!(count(&db, SUSPENDED).await, 1);
        let EventContent::Renewed(stranger) = scenery.debit("pi_3", 9_900) else {
            panic!("a renewal");
        };
        let stranger = VerifiedRenewal {
            agreement_id: "sub_9".to_owned(),
            ..stranger
        };
        scenery
            .tell("stranger", EventContent::Renewed(stranger))
            .await;
        assert_eq!(count(&db, SUSPENDED).await, 2);
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(1));
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_fails_twice_and_then_succeeds_keeps_the_right_for_so_long() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let end = Scenery::in_months(1);
        scenery
            .clock
            .advance(end.since(start()) + Duration::from_hours(1));
        scenery.news("failed 1", AgreementNews::PastDue).await;
        assert_eq!(scenery.until(&db).await, (end, end.after(PAST_DUE)));
        scenery.clock.advance(Duration::from_hours(40));
        scenery.news("failed 2", AgreementNews::PastDue).await;
        // What only says that it debits gives no term.
        scenery.news("current", AgreementNews::Current).await;
        assert_eq!(scenery.until(&db).await.0, end);
        scenery.tell("paid", scenery.debit("pi_2", 9_900)).await;
        // Its right had lapsed after a day: a new term begins with the money, under the same agreement.
        let held = subscriptions::find_live(&db, scenery.user, true)
            .await
            .expect("read");
        assert!(held.is_some_and(|held| held.is_entitled(scenery.clock.now()) && held.auto_renew));
        assert_eq!(count(&db, LIVE).await, 1);
        scenery
            .tell("paid once more", scenery.debit("pi_3", 9_900))
            .await;
        assert_eq!(
            (count(&db, PAID).await, count(&db, SUSPENDED).await),
            (3, 0)
        );
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ends_leaves_the_term_that_was_paid() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let end = Scenery::in_months(1);
        scenery.news("cancel", AgreementNews::Cancelling).await;
        assert_eq!(scenery.until(&db).await, (end, end));
        let shown = scenery.service.current_subscription(scenery.user).await;
        let shown = shown.expect("read").expect("usable to its end");
        assert!(!shown.auto_renew);
        assert_eq!(shown.renewal, "manual");
        scenery.news("resumed", AgreementNews::Current).await;
        assert_eq!(scenery.until(&db).await, (end, end.after(AWAITING_DEBIT)));
        scenery.news("ended", AgreementNews::Ended).await;
        assert_eq!(scenery.until(&db).await, (end, end));
        scenery.clock.advance(end.since(start()));
        let shown = scenery.service.current_subscription(scenery.user).await;
        assert!(shown.expect("read").is_none());
        // Nobody is told anything about an agreement that is not ours.
        let id = "sub_9".to_owned();
        let news = AgreementNews::Ended;
        scenery
            .tell("foreign", EventContent::Agreement { id, news })
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_l3_a_dispute_takes_its_money_once_and_the_plan_with_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let dispute = |state| {
            EventContent::Disputed(Dispute {
                id: "dp_1".to_owned(),
                provider_transaction_id: "pi_1".to_owned(),
                amount: cny(9_900),
                state,
            })
        };
        for (key, state) in [
            ("opened", DisputeState::Opened),
            ("opened again", DisputeState::Opened),
            ("lost", DisputeState::Lost),
        ] {
            scenery.tell(key, dispute(state)).await;
        }
        assert_eq!(count(&db, LIVE).await, 0);
        let disputed = "SELECT COUNT(*) FROM refunds WHERE origin = 'dispute' AND status = 'succeeded' AND amount = 9900";
        assert_eq!(count(&db, disputed).await, 1);
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
        for key in ["won", "won again"] {
            scenery.tell(key, dispute(DisputeState::Won)).await;
        }
        let put_right = "SELECT COUNT(*) FROM ledger_postings WHERE step = 'taken_back'";
        assert_eq!(count(&db, put_right).await, 1);
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_the_providers_page_is_for_who_is_known_there() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let back = Some("https://pay.example/account");
        let url = scenery.service.portal(scenery.user, back).await;
        let url = url.expect("answered").expect("an address");
        assert_eq!(
            url,
            "https://pay.example/cus_1?back=https://pay.example/account"
        );
        let elsewhere = Some("https://evil.example/");
        let refused = scenery.service.portal(scenery.user, elsewhere).await;
        assert!(refused.is_err());
        let stranger = scenery.service.0.ids.next();
        let none = scenery.service.portal(stranger, None).await;
        assert!(none.expect("answered").is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_what_was_never_told_is_read_from_the_providers_list() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        // Put into the list, and no call comes: the service was away.
        let _ = scenery.fake.event("missed", scenery.debit("pi_2", 9_900));
        scenery.clock.advance(Duration::from_mins(11));
        scenery.service.tick().await.expect("a tick");
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(2));
        // Told after all, and read again: it is known.
        scenery.tell("missed", scenery.debit("pi_2", 9_900)).await;
        scenery.clock.advance(Duration::from_mins(11));
        scenery.service.tick().await.expect("a tick");
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(2));
        assert_eq!(
            (count(&db, PAID).await, count(&db, SUSPENDED).await),
            (2, 0)
        );
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_l3_what_happens_is_written_for_those_who_listen() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        scenery.tell("renewed", scenery.debit("pi_2", 9_900)).await;
        scenery.tell("again", scenery.debit("pi_2", 9_900)).await;
        scenery.news("cancel", AgreementNews::Cancelling).await;
        scenery.clock.advance(Scenery::in_months(2).since(start()));
        scenery.service.tick().await.expect("a tick");
        let mut told = Vec::new();
        for kind in [
            "SELECT COUNT(*) FROM outbox WHERE kind = 'payment.completed' AND object_kind = 'payment'",
            "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.activated'",
            "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.renewed'",
            "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.cancelled'",
            "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.expired'",
            "SELECT COUNT(*) FROM outbox",
        ] {
            told.push(count(&db, kind).await);
        }
        assert_eq!(told, [2, 1, 1, 1, 1, 6]);
    })
    .await;
}
