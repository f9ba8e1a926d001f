//! Terms that renew by themselves, told in any order and any number of times.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, UserId};
use tollgate_kernel::money::Money;
use tollgate_storage::db::Db;
use tollgate_storage::in_tx;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use super::*;
use crate::model::plan::{BillingCycle, NewPlan, PlanText};
use crate::model::quota::{Cost, Units};
use crate::model::refund::RefundNo;
use crate::model::scene::Scene;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::way::PayBy;
use crate::providers::agreement::AgreementChange;
use crate::providers::agreement::{Dispute, DisputeState, Interval};
use crate::providers::fake::Fake;
use crate::providers::{EventContent, Payer, ProviderError};
use crate::{Consume, Expected, MIGRATIONS, PaymentConfig, PaymentService, PlanRef, Subscribe};

const SUSPENDED: &str = "SELECT COUNT(*) FROM suspense";
const PAID: &str = "SELECT COUNT(*) FROM payment_transactions WHERE state = 'completed'";
const LIVE: &str = "SELECT COUNT(*) FROM subscriptions WHERE ended_at IS NULL";

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
        Self::bought_at(db, start()).await
    }

    async fn bought_at(db: &Db, start: Timestamp) -> Self {
        let clock = Clock::fixed(start);
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
            resource_costs: Units::new(1)
                .map(|one| ("*".to_owned(), one))
                .into_iter()
                .collect(),
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
            trial: false,
        };
        self.service.subscribe(&wish, None).await.expect("begun");
    }

    /// The order that was paid first.
    async fn order(&self) -> Payment {
        let mut tx = self.service.0.db.begin().await.expect("begins");
        let order = payments::read_by_money(&mut tx, PaymentMethod::Stripe, true, "pi_1").await;
        tx.rollback().await.expect("ends");
        order.expect("read").expect("paid")
    }

    /// Gives so much of it back; the number. Refused by the provider or not: the fake says which.
    async fn refund(&self, minor: i64) -> RefundNo {
        let order = self.order().await;
        let wish = crate::WantRefund {
            payment_id: order.id,
            amount: None,
            amount_minor: Some(minor),
            reason: "half-hearted".to_owned(),
            end_subscription: None,
            requested_by: None,
        };
        let origin = tollgate_kernel::origin::Origin::default();
        let _ = self.service.refund(&wish, &origin, None).await;
        let listed = self.service.refunds(Some(order.id), None, 9).await;
        let (list, _) = listed.expect("read").expect("known");
        RefundNo::of(list[0].id)
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
        let orders = "SELECT COUNT(*) FROM payment_transactions";
        assert_eq!(count(&db, orders).await, 2);
        assert_eq!(
            (count(&db, PAID).await, count(&db, SUSPENDED).await),
            (2, 0)
        );
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

/// The 30th at half past one in Shanghai is the 29th in UTC, by which the rail counts: in February its month is a day
/// longer than ours.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l5_l6_a_debit_by_another_zones_months_is_waited_for() {
    each_engine(&[MIGRATIONS], async |db| {
        let at = |text: &str| Timestamp::from_utc(text.parse().expect("a moment"));
        let hour = Duration::from_hours(1);
        let scenery = Scenery::bought_at(&db, at("2026-11-29T17:30:00Z")).await;
        let (clock, service) = (&scenery.clock, &scenery.service);
        let to = |moment: Timestamp| clock.advance(moment.since(clock.now()));
        for (money, debited) in [
            ("pi_2", "2026-12-29T18:30:00Z"),
            ("pi_3", "2027-01-29T18:30:00Z"),
        ] {
            to(at(debited));
            scenery.tell(money, scenery.debit(money, 9_900)).await;
        }
        let ours = at("2027-02-27T17:30:00Z");
        let theirs = at("2027-02-28T17:30:00Z");
        assert_eq!(
            scenery.until(&db).await,
            (ours, theirs.after(AWAITING_DEBIT))
        );
        // It is told again, and nothing is shorter by it; nor by a cancellation that is taken back.
        scenery.news("current", AgreementNews::Current).await;
        let user = scenery.user;
        let cancelled = service.cancel_subscription(user, None).await;
        cancelled.expect("cancelled");
        assert_eq!(scenery.until(&db).await, (ours, ours));
        service.resume_subscription(user).await.expect("resumed");
        assert_eq!(
            scenery.until(&db).await,
            (ours, theirs.after(AWAITING_DEBIT))
        );
        // While it is tried again, that long after the rail's own end.
        scenery.news("failed", AgreementNews::PastDue).await;
        assert_eq!(scenery.until(&db).await, (ours, theirs.after(PAST_DUE)));
        // Waited for, with what is left of the term that is over; the next begins with its money.
        let charged = async || {
            let call = Consume {
                user_id: user,
                api_key_id: None,
                resource_type: "dicom_processing".parse().expect("a type"),
                cost: Cost::ONE,
                resource_id: None,
                metadata: serde_json::json!({}),
            };
            let taken = service.consume(&call, None).await.expect("served");
            taken.value.quota.used
        };
        to(ours.before(hour));
        assert_eq!(charged().await, 1);
        to(theirs.after(hour));
        service.tick().await.expect("a round");
        assert_eq!(charged().await, 2);
        scenery.tell("pi_4", scenery.debit("pi_4", 9_900)).await;
        assert_eq!(charged().await, 1);
        assert_eq!(scenery.until(&db).await.0, at("2027-03-29T17:30:00Z"));
        let begun = "SELECT COUNT(*) FROM subscriptions";
        assert_eq!(count(&db, begun).await, 1);
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
        let waits = "SELECT COUNT(*) FROM payment_transactions WHERE status = 'pending'";
        assert_eq!(count(&db, waits).await, 0);
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
        // Said again it has happened once.
        for key in ["resumed", "resumed again"] {
            scenery.news(key, AgreementNews::Current).await;
            assert_eq!(scenery.until(&db).await, (end, end.after(AWAITING_DEBIT)));
            let told = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.resumed'";
            assert_eq!(count(&db, told).await, 1, "{key}");
        }
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

fn dispute(id: &str, money: &str, state: DisputeState) -> EventContent {
    EventContent::Disputed(Dispute {
        id: id.to_owned(),
        provider_transaction_id: money.to_owned(),
        amount: cny(9_900),
        state,
    })
}

const DISPUTED: &str =
    "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds WHERE origin = 'dispute'";

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_dispute_that_is_told_before_its_money_waits_for_it() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let opened = |id| dispute(id, "pi_2", DisputeState::Opened);
        scenery.tell("opened", opened("dp_1")).await;
        scenery.tell("opened again", opened("dp_1")).await;
        // Over before anybody found what it was about: nothing is to be taken.
        let other = dispute("dp_2", "pi_2", DisputeState::Opened);
        scenery.tell("another", other).await;
        let won = dispute("dp_2", "pi_2", DisputeState::Won);
        scenery.tell("another won", won).await;
        let open = "SELECT COUNT(*) FROM jobs WHERE kind = 'told_early' AND state = 'open'";
        assert_eq!(count(&db, open).await, 1);
        scenery.clock.advance(Duration::from_mins(1));
        scenery.service.tick().await.expect("a tick");
        assert_eq!((count(&db, open).await, count(&db, LIVE).await), (1, 1));
        scenery.tell("paid", scenery.debit("pi_2", 9_900)).await;
        assert_eq!(count(&db, DISPUTED).await, 0);
        scenery.clock.advance(Duration::from_hours(1));
        scenery.service.tick().await.expect("a tick");
        assert_eq!(count(&db, DISPUTED).await, 9_900);
        assert_eq!(count(&db, open).await, 0);
        // The term that it paid for is gone, and the first goes on.
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(1));
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_dispute_above_the_rest_takes_the_rest_and_ends_the_plan() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        scenery.fake.refunds_are(Some(cny(3_000)));
        let part = scenery.refund(3_000).await;
        assert_eq!(part.as_str().len(), 32);
        let opened = dispute("dp_1", "pi_1", DisputeState::Opened);
        scenery.tell("opened", opened).await;
        assert_eq!(count(&db, DISPUTED).await, 0);
        // What is ours and under way may still free its part: it is looked at again for two days.
        for _ in 0..60 {
            scenery.clock.advance(Duration::from_hours(1));
            scenery.service.tick().await.expect("a tick");
        }
        assert_eq!(count(&db, DISPUTED).await, 6_900);
        assert_eq!(count(&db, LIVE).await, 0);
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_refund_that_is_told_before_its_money_is_asked_about_later() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        scenery.fake.refunds_are(Some(cny(2_000)));
        let early = EventContent::Refunded {
            order_no: String::new(),
            refund_no: Some("re_1".to_owned()),
            transaction_id: Some("pi_2".to_owned()),
            undone: false,
        };
        scenery.tell("early", early).await;
        let gone = "SELECT CAST(COALESCE(SUM(refunded), 0) AS BIGINT) FROM payment_transactions";
        scenery.tell("paid", scenery.debit("pi_2", 9_900)).await;
        for _ in 0..2 {
            scenery.clock.advance(Duration::from_mins(1));
            scenery.service.tick().await.expect("a tick");
        }
        assert_eq!(count(&db, gone).await, 2_000);
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

impl Scenery {
    /// What the worker has asked of agreements.
    async fn asked(&self) -> Vec<(String, AgreementChange)> {
        self.service.tick().await.expect("a tick");
        self.fake.changes()
    }

    async fn shown(&self) -> crate::shapes::SubscriptionShape {
        let shown = self.service.current_subscription(self.user).await;
        shown.expect("read").expect("a subscription")
    }
}

fn of_first(change: AgreementChange) -> Vec<(String, AgreementChange)> {
    vec![("sub_1".to_owned(), change)]
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_a_cancellation_is_told_until_it_is_heard_and_can_be_taken_back() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let end = Scenery::in_months(1);
        assert_eq!(scenery.asked().await, []);
        let unknown = || ProviderError::Unknown {
            reason: "no answer".to_owned(),
        };
        let no = || ProviderError::Refused {
            code: "api_key_expired".to_owned(),
            message: String::new(),
        };
        scenery.fake.refuse_change(no());
        scenery.fake.refuse_change(unknown());
        let cancelled = scenery
            .service
            .cancel_subscription(scenery.user, Some("too dear"))
            .await;
        let cancelled = cancelled.expect("cancelled");
        assert!(cancelled.cancel_at_period_end && !cancelled.auto_renew && cancelled.is_entitled);
        assert_eq!(scenery.until(&db).await, (end, end));
        // What was looked up before our wish got there takes nothing back.
        scenery.news("stale", AgreementNews::Current).await;
        assert!(!scenery.shown().await.auto_renew);
        // Neither silence nor a no ends it.
        for _ in 0..3 {
            let asked = scenery.asked().await;
            assert_eq!(asked, of_first(AgreementChange::Cancel));
            assert_eq!(scenery.asked().await, []);
            scenery.clock.advance(Duration::from_hours(1));
        }
        assert_eq!(scenery.asked().await, []);
        scenery.news("mirrored", AgreementNews::Cancelling).await;
        let again = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        assert!(again.expect("as it was").cancel_at_period_end);
        assert_eq!(scenery.asked().await, []);

        let resumed = scenery.service.resume_subscription(scenery.user).await;
        assert!(resumed.expect("resumed").auto_renew);
        assert_eq!(scenery.until(&db).await, (end, end.after(AWAITING_DEBIT)));
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Resume));
        // It has ended there meanwhile: nobody is to wait for a debit.
        let again = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        again.expect("cancelled");
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Cancel));
        scenery.fake.refuse_change(no());
        let resumed = scenery.service.resume_subscription(scenery.user).await;
        resumed.expect("resumed");
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Resume));
        let shown = scenery.shown().await;
        assert!(shown.cancel_at_period_end && !shown.auto_renew);
        assert_eq!(scenery.until(&db).await, (end, end));
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_who_changes_his_mind_meanwhile_is_told_of_last() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let (service, user) = (&scenery.service, scenery.user);
        service
            .cancel_subscription(user, None)
            .await
            .expect("cancelled");
        // Resumed while somebody is on his way with the cancellation: his job is not over with it.
        let gate = scenery.fake.hold_change();
        let worker = service.clone();
        let on_the_way = tokio::spawn(async move { worker.tick().await });
        gate.arrived.notified().await;
        service.resume_subscription(user).await.expect("resumed");
        gate.go.notify_one();
        on_the_way.await.expect("no panic").expect("a tick");
        assert_eq!(scenery.fake.changes(), of_first(AgreementChange::Cancel));
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Resume));
        assert_eq!(scenery.asked().await, []);
        let open = "SELECT COUNT(*) FROM jobs WHERE kind = 'keep_agreement' AND state = 'open'";
        assert_eq!(count(&db, open).await, 0);
        assert!(scenery.shown().await.auto_renew);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_an_agreement_that_nobody_holds_is_ended() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let second = |id: &str| Agreement {
            id: id.to_owned(),
            customer_id: "cus_1".to_owned(),
        };
        // Another one takes its place.
        scenery.subscribe().await;
        let paid = scenery.fake.paid("pi_2", cny(9_900), Some(second("sub_2")));
        scenery.tell("another", paid).await;
        assert_eq!(scenery.asked().await, of_first(AgreementChange::End));
        // Its money fits no order: more of it is not wanted.
        scenery.subscribe().await;
        let paid = scenery.fake.paid("pi_3", cny(9_901), Some(second("sub_3")));
        scenery.tell("too much", paid).await;
        let ended = |id: &str| vec![(id.to_owned(), AgreementChange::End)];
        assert_eq!(scenery.asked().await, ended("sub_3"));
        // A debit under an agreement that nobody here knows.
        let EventContent::Renewed(stranger) = scenery.debit("pi_9", 9_900) else {
            panic!("a renewal");
        };
        let stranger = VerifiedRenewal {
            agreement_id: "sub_9".to_owned(),
            ..stranger
        };
        scenery
            .tell("stranger", EventContent::Renewed(stranger))
            .await;
        assert_eq!(scenery.asked().await, ended("sub_9"));
        // Who has left is debited no more.
        let event = tollgate_storage::outbox::Event {
            id: scenery.service.0.ids.next(),
            kind: "user.deleted",
            object_kind: "user",
            object_id: tollgate_kernel::ids::Id::uuid(scenery.user),
            user_id: Some(scenery.user),
            livemode: scenery.service.0.config.livemode,
            body: &serde_json::json!({}),
        };
        let mut tx = db.begin().await.expect("begins");
        tollgate_storage::outbox::append(&mut tx, &event, scenery.clock.now())
            .await
            .expect("told");
        tx.commit().await.expect("commits");
        let mut asked = scenery.asked().await;
        asked.extend(scenery.asked().await);
        assert_eq!(asked, ended("sub_2"));
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_a_further_term_costs_what_was_agreed() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let mut tx = db.begin().await.expect("begins");
        let dearer = "UPDATE subscription_plans SET price = 19900";
        in_tx!(&mut tx, |c| sqlx::query(dearer)
            .execute(c)
            .await
            .map(|_| ()))
        .expect("dearer");
        tx.commit().await.expect("commits");
        scenery.tell("renewed", scenery.debit("pi_2", 9_900)).await;
        scenery
            .tell("renewed too", scenery.debit("pi_3", 9_900))
            .await;
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(3));
        scenery.tell("dearer", scenery.debit("pi_4", 19_900)).await;
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(3));
        assert_eq!(
            (count(&db, PAID).await, count(&db, SUSPENDED).await),
            (3, 1)
        );
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_while_a_debit_is_tried_again_is_not_debited_any_more() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let end = Scenery::in_months(1);
        scenery
            .clock
            .advance(end.since(start()) + Duration::from_hours(1));
        scenery.news("failed", AgreementNews::PastDue).await;
        let ended = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        assert!(!ended.expect("ended").is_entitled);
        assert_eq!(count(&db, LIVE).await, 0);
        assert_eq!(scenery.asked().await, of_first(AgreementChange::End));
        let gone = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        assert!(matches!(gone, Err(crate::ChangeError::NoSubscription)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_35_a_rail_that_is_not_configured_says_so_and_leaves_no_order() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let orders = "SELECT COUNT(*) FROM payment_transactions";
        let before = count(&db, orders).await;
        for method in [PaymentMethod::Alipay, PaymentMethod::Wechat] {
            let wish = Subscribe {
                user_id: scenery.service.0.ids.next(),
                plan: PlanRef {
                    plan_id: None,
                    plan_slug: Some("pro".to_owned()),
                },
                by: PayBy {
                    method,
                    client: None,
                    device: Scene::Pc,
                    return_url: None,
                    payer: Payer::default(),
                },
                expected: Expected::default(),
                trial: false,
            };
            let refused = scenery.service.subscribe(&wish, None).await;
            assert!(
                matches!(refused, Err(crate::CheckoutError::MethodUnavailable)),
                "{refused:?}"
            );
        }
        assert_eq!(count(&db, orders).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_a_long_list_is_worked_through_in_parts_and_what_is_known_is_not_read_again() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let looked = || scenery.fake.read.load(std::sync::atomic::Ordering::Relaxed);
        scenery.service.tick().await.expect("a tick");
        assert_eq!(looked(), 0, "what was told is known");
        for at in 0..40 {
            let id = "sub_1".to_owned();
            let news = AgreementNews::Current;
            let _ = scenery.fake.event(
                &format!("missed {at}"),
                EventContent::Agreement { id, news },
            );
        }
        scenery.clock.advance(Duration::from_mins(11));
        for read in [16, 32, 40, 40] {
            scenery.service.tick().await.expect("a tick");
            assert_eq!(looked(), read);
        }
        scenery.clock.advance(Duration::from_mins(11));
        scenery.service.tick().await.expect("a tick");
        assert_eq!(looked(), 40);
        let applied = "SELECT COUNT(*) FROM webhook_inbox WHERE event_key LIKE 'missed %'";
        assert_eq!(count(&db, applied).await, 40);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_a_debit_that_was_under_way_undoes_no_cancellation() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let cancelled = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        cancelled.expect("cancelled");
        scenery.tell("debit", scenery.debit("pi_2", 9_900)).await;
        let end = Scenery::in_months(2);
        assert_eq!(scenery.until(&db).await, (end, end));
        let shown = scenery.shown().await;
        assert!(shown.cancel_at_period_end && !shown.auto_renew);
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Cancel));
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_what_was_looked_up_before_a_cancellation_was_heard_undoes_it_not() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let asked = scenery.clock.now();
        scenery.clock.advance(Duration::from_secs(1));
        let cancelled = scenery
            .service
            .cancel_subscription(scenery.user, None)
            .await;
        cancelled.expect("cancelled");
        assert_eq!(scenery.asked().await, of_first(AgreementChange::Cancel));
        scenery.clock.advance(Duration::from_secs(1));
        let (parts, now) = (&scenery.service.0, scenery.clock.now());
        for (asked, word, cancelling) in [
            (asked, "agreement_is_being_changed", true),
            (now, "agreement_current", false),
        ] {
            let mut tx = db.begin().await.expect("begins");
            let (method, news) = (PaymentMethod::Stripe, AgreementNews::Current);
            let told = told(parts, &mut tx, method, "sub_1", news, (asked, now)).await;
            assert_eq!(told.expect("applied"), word);
            tx.commit().await.expect("commits");
            let shown = scenery.shown().await;
            assert_eq!(shown.cancel_at_period_end, cancelling, "{word}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_what_has_lapsed_while_its_debit_is_tried_can_still_be_ended() {
    for way in ["cancel", "another", "leave"] {
        each_engine(&[MIGRATIONS], async |db| {
            let scenery = Scenery::bought(&db).await;
            let end = scenery.until(&db).await.0;
            let by = end.since(scenery.clock.now()) + Duration::from_hours(1);
            scenery.clock.advance(by);
            scenery
                .news(&format!("failed {way}"), AgreementNews::PastDue)
                .await;
            scenery.clock.advance(PAST_DUE);
            scenery.service.tick().await.expect("a tick");
            scenery.fake.changes();
            match way {
                "cancel" => {
                    let gone = scenery
                        .service
                        .cancel_subscription(scenery.user, None)
                        .await;
                    assert!(matches!(gone, Err(crate::ChangeError::NoSubscription)));
                }
                "another" => {
                    scenery.subscribe().await;
                    let money = format!("pi_{way}");
                    let paid = scenery.fake.paid(&money, cny(9_900), None);
                    scenery.tell("bought again", paid).await;
                }
                _ => {
                    let mut tx = db.begin().await.expect("begins");
                    let now = scenery.clock.now();
                    let parts = &scenery.service.0;
                    let left = calls::end_of_user(parts, &mut tx, scenery.user, now).await;
                    left.expect("ended");
                    tx.commit().await.expect("commits");
                }
            }
            assert_eq!(
                scenery.asked().await,
                of_first(AgreementChange::End),
                "{way}"
            );
            assert_eq!(scenery.asked().await, [], "{way}");
            assert_eq!(damaged(&scenery.service).await, [""; 0]);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p7_a_word_that_comes_before_its_money_takes_no_right_away() {
    each_engine(&[MIGRATIONS], async |db| {
        let scenery = Scenery::bought(&db).await;
        let end = Scenery::in_months(1);
        scenery
            .clock
            .advance(end.since(start()) + Duration::from_hours(1));
        scenery.news("failed", AgreementNews::PastDue).await;
        scenery.clock.advance(Duration::from_hours(40));
        scenery.news("current", AgreementNews::Current).await;
        assert_eq!(scenery.until(&db).await, (end, end.after(PAST_DUE)));
        scenery.service.tick().await.expect("a tick");
        scenery.tell("paid", scenery.debit("pi_2", 9_900)).await;
        assert_eq!(scenery.until(&db).await.0, Scenery::in_months(2));
        let all = "SELECT COUNT(*) FROM subscriptions";
        assert_eq!(count(&db, all).await, 1);
        assert_eq!(damaged(&scenery.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_refund_that_is_undone_after_all_is_asked_about_and_booked_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let told = second_word(&db, (Some(cny(3_000)), None), true).await;
        assert_eq!(told, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p10_a_refund_that_goes_through_after_all_is_asked_about_and_booked_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let told = second_word(&db, (None, Some(cny(3_000))), false).await;
        assert_eq!(told, 0);
    })
    .await;
}

/// A refund whose first fate is the one, and whose second, by hand in the provider's console or days later, is the
/// other. It is told twice. How often the books say that it was taken back; the money that went is the 30.00.
async fn second_word(db: &Db, fates: (Option<Money>, Option<Money>), undone: bool) -> i64 {
    let scenery = Scenery::bought(db).await;
    scenery.fake.refunds_are(fates.0);
    let number = scenery.refund(3_000).await;
    let order = scenery.order().await;
    scenery.fake.refunds_are(fates.1);
    for key in ["changed", "changed again"] {
        let content = EventContent::Refunded {
            order_no: order.order_no().as_str().to_owned(),
            refund_no: Some(number.as_str().to_owned()),
            transaction_id: None,
            undone,
        };
        scenery.tell(key, content).await;
        scenery.service.tick().await.expect("a tick");
    }
    let gone = "SELECT CAST(SUM(refunded) AS BIGINT) FROM payment_transactions";
    assert_eq!(count(db, gone).await, 3_000);
    assert_eq!(damaged(&scenery.service).await, [""; 0]);
    let back = "SELECT COUNT(*) FROM ledger_postings WHERE step = 'taken_back'";
    count(db, back).await
}
