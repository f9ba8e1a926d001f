//! Standing duties, with several instances on one database, outages, and clocks that lie.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::Problem;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::duties::{self, Done, Instance, Standing};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;
use tollgate_storage::{in_tx, on_read};

use super::{AUDIT_BOOKS, DUTIES, EXPIRE_HOLDS, EXPIRE_SUBSCRIPTIONS, FORGET_TRIES};
use crate::model::hold::{HoldTime, Owner};
use crate::model::payment::PaymentMethod;
use crate::model::period::Anchor;
use crate::model::quota::Cost;
use crate::model::reminder::days;
use crate::model::scene::Scene;
use crate::operations::book::tests::count;
use crate::operations::edit_plan::tests::make;
use crate::operations::renew::tests::Shop;
use crate::providers::Payer;
use crate::providers::agreement::Agreement;
use crate::{Consume, Expiring, MIGRATIONS, News, PaymentConfig, PaymentService, People};

const HOUR: Duration = Duration::from_hours(1);
const HOUR_MICROS: i64 = 3_600_000_000;
const EXPIRED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.expired'";
const EXPIRING: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'subscription.expiring'";
const RESET: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'quota.reset'";

/// Who would write letters: it keeps what they are to say.
#[derive(Debug, Default)]
struct Post(Mutex<Vec<Expiring>>);

#[async_trait]
impl People for Post {
    async fn person(&self, _: UserId) -> Result<Option<String>, Problem> {
        Ok(None)
    }

    async fn endpoint_disabled(
        &self,
        _: &mut Tx,
        _: &str,
        _: Timestamp,
    ) -> tollgate_storage::Result<()> {
        Ok(())
    }

    async fn subscription_expiring(
        &self,
        _: &mut Tx,
        expiring: &Expiring,
        _: Timestamp,
    ) -> tollgate_storage::Result<()> {
        self.0.lock().expect("a list").push(expiring.clone());
        Ok(())
    }

    async fn news(&self, _: &mut Tx, _: &News, _: Timestamp) -> tollgate_storage::Result<()> {
        Ok(())
    }
}

impl Post {
    fn days(&self) -> Vec<u64> {
        let letters = self.0.lock().expect("a list");
        letters.iter().map(|letter| letter.days_left).collect()
    }
}

/// A further instance on the shop's database, at the shop's time.
async fn instance(db: &Db, shop: &Shop, post: &Arc<Post>) -> PaymentService {
    let key = MasterKey::generate(&Entropy::system());
    let config = PaymentConfig::new("https://pay.example");
    let builder = PaymentService::builder(db.clone(), key, config).clock(shop.clock.clone());
    let builder = builder.provider(shop.alipay.clone()).people(post.clone());
    builder.build().await.expect("built")
}

async fn several(db: &Db, shop: &Shop, post: &Arc<Post>) -> Vec<PaymentService> {
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(instance(db, shop, post).await);
    }
    all
}

/// All of them at once, each twice.
async fn all_tick(services: &[PaymentService]) {
    let mut ticks = JoinSet::new();
    for service in services.iter().chain(services) {
        let service = service.clone();
        ticks.spawn(async move { service.do_duties().await });
    }
    for done in ticks.join_all().await {
        done.expect("a round");
    }
}

async fn standing(db: &Db, name: &str) -> Standing {
    let all = duties::list(db).await.expect("read");
    let found = all.into_iter().find(|duty| duty.name == name);
    found.expect("it stands")
}

async fn execute(db: &Db, statement: &'static str) {
    let mut tx = db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()))
    .expect("done");
    tx.commit().await.expect("commits");
}

/// The body of the newest event of a kind.
async fn newest(db: &Db, kind: &'static str) -> Value {
    let statement = "SELECT body FROM outbox WHERE kind = $1 ORDER BY position DESC LIMIT 1";
    let (body,): (String,) = on_read!(db, |e| sqlx::query_as(statement)
        .bind(kind)
        .fetch_one(e)
        .await)
    .expect("an event");
    serde_json::from_str(&body).expect("JSON")
}

fn one(user: UserId) -> Consume {
    Consume {
        user_id: user,
        api_key_id: None,
        resource_type: "dicom_processing".parse().expect("a type"),
        cost: Cost::ONE,
        resource_id: None,
        metadata: json!({}),
    }
}

/// To this long before (or, below zero, after) a moment.
fn to(shop: &Shop, moment: Timestamp, before: Duration) {
    shop.clock
        .advance(moment.before(before).since(shop.clock.now()));
}

async fn end(shop: &Shop, user: UserId) -> Timestamp {
    let held = shop.service.current_subscription(user).await;
    let held = held.expect("read").expect("it is had");
    held.current_period_end.expect("a term")
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_a_duty_is_one_instances_and_who_was_paused_writes_nothing() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let post = Arc::new(Post::default());
        let services = several(&db, &shop, &post).await;
        all_tick(&services).await;
        // Of all that came at once, one did each.
        for duty in DUTIES {
            let known = standing(&db, duty.name).await;
            assert_eq!((known.fence, known.runs), (1, 1), "{}", duty.name);
            assert!(known.turn.is_none() && known.last.is_some_and(|last| last.succeeded));
        }
        // Somebody takes one, and is stopped at it.
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        to(&shop, end(&shop, user).await, Duration::ZERO);
        let duty = DUTIES.iter().find(|duty| duty.name == EXPIRE_SUBSCRIPTIONS);
        let duty = duty.expect("in the table");
        let known = standing(&db, duty.name).await;
        let paused = Instance::new(&Entropy::system());
        let now = shop.clock.now();
        let taken = duties::take(&db, duty, &known, &paused, now).await;
        let taken = taken.expect("asked").expect("it is free");
        // As it was read it is gone.
        let late = duties::take(&db, duty, &known, &paused, now).await;
        assert!(late.expect("asked").is_none());
        let almost = duty.lease.saturating_sub(Duration::from_millis(1));
        shop.clock.advance(almost);
        all_tick(&services).await;
        assert_eq!(count(&db, EXPIRED).await, 0, "it is somebody's");
        let seen = standing(&db, duty.name).await.turn.expect("a turn");
        assert_eq!((seen.by.as_str(), seen.since), (paused.as_str(), now));
        shop.clock.advance(Duration::from_millis(1));
        all_tick(&services).await;
        assert_eq!(count(&db, EXPIRED).await, 1, "the lease is over");
        let after = standing(&db, duty.name).await;
        // He wakes: what he does finds nothing, and what he writes is not taken.
        assert_eq!(services[0].expire_subscriptions().await.expect("done"), 0);
        let rested = duties::rest(&db, &taken, &Ok(Done::All), shop.clock.now()).await;
        assert!(!rested.expect("asked"));
        let same = standing(&db, duty.name).await;
        assert_eq!((same.fence, &same.last), (after.fence, &after.last));
        assert!(same.last.is_some_and(|last| last.by != paused.as_str()));
        assert_eq!(count(&db, EXPIRED).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_service_writes_a_sign_of_life_now_and_then_and_nothing_else() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        shop.buy(shop.ids.next()).await;
        shop.service.tick().await.expect("a tick");
        let claims = "SELECT CAST(SUM(fence) AS BIGINT) FROM jobs WHERE lane = 'duty'";
        let before = count(&db, claims).await;
        for _ in 0..110 {
            shop.clock.advance(Duration::from_millis(500));
            shop.service.tick().await.expect("a tick");
        }
        assert_eq!(count(&db, claims).await, before);
        let minutes = 30;
        for _ in 0..minutes * 2 {
            shop.clock.advance(Duration::from_secs(30));
            shop.service.tick().await.expect("a tick");
        }
        // One duty a minute, some every five or ten.
        let claimed = count(&db, claims).await - before;
        assert!((30..=110).contains(&claimed), "{claimed} in half an hour");
        let audited = standing(&db, AUDIT_BOOKS).await;
        assert!((29..=32).contains(&audited.runs), "{}", audited.runs);
        for duty in DUTIES {
            let last = standing(&db, duty.name).await.last.expect("a run");
            let longest = duty.every.max(Duration::from_mins(6));
            assert!(
                shop.clock.now().since(last.ended_at) <= longest,
                "{}",
                duty.name
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_that_fails_is_shown_tried_again_and_keeps_no_other_waiting() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        shop.service.tick().await.expect("a tick");
        execute(&db, "ALTER TABLE webhook_tries RENAME TO elsewhere").await;
        for (minutes, failures) in [(10, 1), (5, 2), (4, 2), (1, 3)] {
            shop.clock.advance(Duration::from_mins(minutes));
            let outcome = shop.service.do_duties().await;
            let known = standing(&db, FORGET_TRIES).await;
            assert_eq!(known.failures, failures);
            let error = known.last_error.expect("a reason");
            assert_eq!(error, "the database refused a statement");
            assert!(!known.last.expect("a run").succeeded);
            assert_eq!(outcome.is_err(), minutes != 4, "the first failure is told");
            let other = standing(&db, AUDIT_BOOKS).await.last.expect("a run");
            assert!(other.succeeded && shop.clock.now() == other.ended_at);
        }
        execute(&db, "ALTER TABLE elsewhere RENAME TO webhook_tries").await;
        shop.clock.advance(Duration::from_mins(5));
        shop.service.do_duties().await.expect("a round");
        let known = standing(&db, FORGET_TRIES).await;
        assert_eq!((known.failures, known.last_error), (0, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_term_that_ends_is_told_of_7_3_and_1_days_before_each_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let post = Arc::new(Post::default());
        let mut services = several(&db, &shop, &post).await;
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        // What is free has no term, and what is debited needs no reminder.
        let free = shop.order(shop.ids.next(), "free", PaymentMethod::Alipay);
        free.await.expect("had");
        let debited: UserId = shop.ids.next();
        let order = shop.order(debited, "pro", PaymentMethod::Stripe).await;
        order.expect("begun");
        let agreement = Agreement {
            id: "sub_1".to_owned(),
            customer_id: "cus_1".to_owned(),
        };
        shop.pay(&shop.stripe, 9_900, Some(agreement)).await;

        let last = end(&shop, user).await;
        let second = Duration::from_secs(1);
        to(&shop, last, days(7) + second);
        all_tick(&services).await;
        assert_eq!(post.days(), [0_u64; 0], "too early");
        for (told, before) in [
            (1, days(7)),
            (1, days(5)),
            (2, days(3)),
            (3, days(1)),
            (3, HOUR),
        ] {
            to(&shop, last, before);
            // Also without the lease of the duty, all at once: the row itself says what was told.
            let mut rivals = JoinSet::new();
            for service in services.clone() {
                rivals.spawn(async move { service.remind().await });
            }
            for done in rivals.join_all().await {
                done.expect("reminded");
            }
            all_tick(&services).await;
            shop.clock.advance(Duration::from_mins(2));
            // A start anew changes nothing.
            services[0] = instance(&db, &shop, &post).await;
            all_tick(&services).await;
            assert_eq!(count(&db, EXPIRING).await, told, "{before:?}");
            assert_eq!(post.days().len(), usize::try_from(told).expect("few"));
        }
        assert_eq!(post.days(), [7, 3, 1]);
        let told = newest(&db, "subscription.expiring").await;
        assert_eq!(
            (
                &told["days_left"],
                &told["user_id"],
                &told["amount"],
                &told["plan"]["slug"]
            ),
            (&json!(1), &json!(user), &json!("99.00"), &json!("pro"))
        );
        let link = told["renew_url"].as_str().expect("a link");
        assert!(
            link.starts_with("https://pay.example/portal/renew?token="),
            "{link}"
        );
        to(&shop, last, Duration::ZERO);
        all_tick(&services).await;
        assert_eq!(
            (count(&db, EXPIRING).await, count(&db, EXPIRED).await),
            (3, 1)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_who_tries_is_told_that_it_ends_and_pays_by_the_link() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let plan = json!({
            "slug": "team", "name": "team", "price": "299.00", "currency": "CNY", "billing_cycle": "monthly",
            "meters": [{ "meter": "processing_count", "limit": 5_000 }], "resource_costs": { "*": 1 },
            "trial_days": 14,
        });
        make(&shop.service, plan).await.expect("on sale");
        let post = Arc::new(Post::default());
        let services = several(&db, &shop, &post).await;
        let user: UserId = shop.ids.next();
        shop.trial(user, "team").await.expect("tried");
        let last = end(&shop, user).await;
        for (before, told) in [(days(7), vec![7]), (days(3), vec![7, 3])] {
            to(&shop, last, before);
            all_tick(&services).await;
            assert_eq!(post.days(), told);
        }
        let link = post.0.lock().expect("a list")[1].link.clone();
        let (_, token) = link.split_once("token=").expect("a token");
        // Whose key signed it, he alone knows: the instances of this test have each their own.
        let mut offers = 0;
        for service in &services {
            if let Some(offer) = service.renewal_offer(token).await.expect("read") {
                let payer = Payer::default();
                let begun = service.renew_by_link(&offer, Scene::Pc, &payer).await;
                begun.expect("begun");
                offers += 1;
            }
        }
        assert_eq!(offers, 1);
        assert_eq!(shop.alipay.ordered().amount.minor(), 29_900);
        shop.pay(&shop.alipay, 29_900, None).await;
        // Its first paid term follows the trial to the moment.
        let paid = end(&shop, user).await;
        assert_eq!(paid, Anchor::new(last, chrono_tz::Asia::Shanghai).month(1));
        to(&shop, last, HOUR);
        all_tick(&services).await;
        assert_eq!(post.days(), [7, 3], "there is nothing to pay");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_after_an_outage_the_nearest_reminder_is_given_and_no_other() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let post = Arc::new(Post::default());
        let services = several(&db, &shop, &post).await;
        let user: UserId = shop.ids.next();
        shop.buy(user).await;
        let last = end(&shop, user).await;
        // Away from the beginning to two days before the end.
        to(&shop, last, days(2) + HOUR);
        all_tick(&services).await;
        assert_eq!(post.days(), [3]);
        to(&shop, last, HOUR);
        all_tick(&services).await;
        assert_eq!(post.days(), [3, 1]);
        // Renewed: what was told of the old term counts for nothing, and of the new one it is told anew.
        shop.renew(user).await.expect("begun");
        shop.pay(&shop.alipay, 9_900, None).await;
        let next = end(&shop, user).await;
        assert!(next > last);
        to(&shop, last, Duration::ZERO);
        all_tick(&services).await;
        assert_eq!(post.days(), [3, 1]);
        to(&shop, next, days(7));
        all_tick(&services).await;
        assert_eq!(post.days(), [3, 1, 7]);
        // Whoever wants no further term is not asked for one.
        let cancelled = shop.service.cancel_subscription(user, None).await;
        cancelled.expect("cancelled");
        to(&shop, next, days(1));
        all_tick(&services).await;
        assert_eq!(post.days(), [3, 1, 7]);
        let back = shop.service.resume_subscription(user).await;
        back.expect("resumed");
        all_tick(&services).await;
        shop.clock.advance(Duration::from_mins(1));
        all_tick(&services).await;
        assert_eq!(post.days(), [3, 1, 7, 1]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q6_a_reset_is_told_once_and_a_late_duty_changes_nothing() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-31T16:30:00Z").await;
        let post = Arc::new(Post::default());
        let services = several(&db, &shop, &post).await;
        let (busy, quiet): (UserId, UserId) = (shop.ids.next(), shop.ids.next());
        for user in [busy, quiet] {
            shop.order(user, "free", PaymentMethod::Alipay)
                .await
                .expect("had");
            shop.service.consume(&one(user), None).await.expect("taken");
        }
        all_tick(&services).await;
        assert_eq!(count(&db, RESET).await, 0, "a first period is no reset");
        let resets = async |user| {
            let held = shop.service.entitlements(user).await.expect("read");
            let quota = &held["quota"];
            (quota["used"].clone(), quota["resets_at"].clone())
        };
        let (_, first) = resets(quiet).await;
        let first: Timestamp = serde_json::from_value(first).expect("a moment");
        to(&shop, first, Duration::ZERO);
        // Nobody has done the duty yet, and both have all of the new period.
        let mut calls = JoinSet::new();
        for service in services.clone() {
            calls.spawn(async move { service.consume(&one(busy), None).await.map(drop) });
        }
        assert!(calls.join_all().await.iter().all(Result::is_ok));
        assert_eq!(count(&db, RESET).await, 1, "the first call tells");
        let told = newest(&db, "quota.reset").await;
        assert_eq!(
            (
                &told["user_id"],
                &told["quota"]["used"],
                &told["quota"]["remaining"]
            ),
            (&json!(busy), &json!(0), &json!(1_000))
        );
        let before = resets(busy).await;
        assert_eq!(before.0, 4);
        all_tick(&services).await;
        assert_eq!(count(&db, RESET).await, 2, "the duty tells of who is quiet");
        assert_eq!(newest(&db, "quota.reset").await["user_id"], json!(quiet));
        assert_eq!(resets(busy).await, before, "it changes nothing");
        assert_eq!(resets(quiet).await.0, 0);
        for _ in 0..3 {
            shop.clock.advance(Duration::from_secs(5));
            all_tick(&services).await;
        }
        assert_eq!(count(&db, RESET).await, 2);
        // Away for three months: one period has begun, and one is told of.
        shop.clock.advance(days(95));
        all_tick(&services).await;
        shop.clock.advance(Duration::from_secs(5));
        all_tick(&services).await;
        assert_eq!(count(&db, RESET).await, 4);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM quota_counters").await, 6);
    })
    .await;
}

/// Midnight of the first, for everybody: a run begins a part of the periods, and no customer waits for the rest.
#[tokio::test(flavor = "multi_thread")]
async fn what_begins_for_everybody_at_once_is_spread_over_many_runs() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let mut last: UserId = shop.ids.next();
        for _ in 0..130 {
            last = shop.ids.next();
            shop.order(last, "free", PaymentMethod::Alipay)
                .await
                .expect("had");
        }
        shop.clock.advance(days(31));
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, RESET).await, 100);
        let full = shop.service.entitlements(last).await.expect("read");
        assert_eq!(full["quota"]["remaining"], 1_000);
        shop.clock.advance(Duration::from_secs(5));
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, RESET).await, 130);
    })
    .await;
}

/// A machine's clock is set forward and back by an hour around everything that happens at a time: nothing of it happens
/// twice. A leap second that is repeated, the end of a month and the day of a clock change are among the moments.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l6_f18_a_clock_that_jumps_grants_expires_resets_and_reminds_once() {
    for at in [
        "2026-01-31T16:00:00Z",
        "2024-02-29T15:59:59Z",
        "2026-03-29T00:59:59Z",
        "2016-12-31T23:59:59Z",
    ] {
        each_engine(&[MIGRATIONS], async |db| {
            let shop = Shop::open(&db, at).await;
            let post = Arc::new(Post::default());
            let services = several(&db, &shop, &post).await;
            let (user, free): (UserId, UserId) = (shop.ids.next(), shop.ids.next());
            shop.buy(user).await;
            shop.order(free, "free", PaymentMethod::Alipay)
                .await
                .expect("had");
            shop.service.consume(&one(free), None).await.expect("taken");
            let jump = async |moment: Timestamp| {
                to(&shop, moment, Duration::from_secs(30));
                // By an hour, by a second as a leap second is repeated, and never forward for good.
                for micros in [
                    HOUR_MICROS,
                    -HOUR_MICROS,
                    -HOUR_MICROS,
                    HOUR_MICROS,
                    -1_000_000,
                    1_000_000,
                ] {
                    shop.clock.set_by(micros);
                    all_tick(&services[..2]).await;
                    shop.service.entitlements(free).await.expect("read");
                }
                shop.clock.advance(Duration::from_secs(31));
                all_tick(&services).await;
            };
            let last = end(&shop, user).await;
            for (moment, told) in [(days(7), 1), (days(3), 2), (days(1), 3)] {
                jump(last.before(moment)).await;
                assert_eq!(count(&db, EXPIRING).await, told, "{at}");
            }
            jump(last).await;
            assert_eq!(
                (count(&db, EXPIRED).await, count(&db, EXPIRING).await),
                (1, 3)
            );
            // The free plan's month began at the same moment: it was reset once, and what was used stays used.
            assert_eq!(count(&db, RESET).await, 1, "{at}");
            let counters = "SELECT COUNT(*) FROM quota_counters WHERE used = 1";
            assert_eq!(count(&db, counters).await, 1);
            let now = shop.service.entitlements(free).await.expect("read");
            assert_eq!(now["quota"]["used"], 0);
            // Nobody is granted anything by it: the one whose term is over has nothing.
            let held = shop.service.current_subscription(user).await;
            assert!(held.expect("read").is_none());
        })
        .await;
    }
}

/// A duty that was put off by a clock that was ahead does not wait until the others are there; nor does anybody wait for
/// an instance that died at it.
#[tokio::test(flavor = "multi_thread")]
async fn inv_q5_f18_units_of_holds_come_back_in_time_after_a_jump_and_after_a_death() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        let user: UserId = shop.ids.next();
        shop.order(user, "free", PaymentMethod::Alipay)
            .await
            .expect("had");
        shop.clock.set_by(HOUR_MICROS);
        shop.service.do_duties().await.expect("a round");
        shop.clock.set_by(-HOUR_MICROS);
        let held = "SELECT CAST(SUM(held) AS BIGINT) FROM quota_counters";
        let set_aside = async || {
            let time = HoldTime::seconds(10).expect("ten seconds");
            let call = one(user);
            let wish = shop.service.reserve(&call, Owner::HOST, time, None);
            wish.await.expect("held");
            assert_eq!(count(&db, held).await, 1);
            shop.clock.advance(Duration::from_secs(9));
            shop.service.do_duties().await.expect("a round");
            assert_eq!(count(&db, held).await, 1);
            shop.clock.advance(Duration::from_secs(1));
        };
        set_aside().await;
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, held).await, 0, "after the jump");
        set_aside().await;
        let duty = DUTIES.iter().find(|duty| duty.name == EXPIRE_HOLDS);
        let duty = duty.expect("in the table");
        let known = standing(&db, duty.name).await;
        let dead = Instance::new(&Entropy::system());
        let taken = duties::take(&db, duty, &known, &dead, shop.clock.now()).await;
        assert!(taken.expect("asked").is_some());
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, held).await, 1, "it is somebody's");
        // The lease, and a tick: within five seconds in any case.
        shop.clock.advance(Duration::from_millis(3_500));
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, held).await, 0, "after the death");
    })
    .await;
}

/// A question that was lost is asked again, and one that is open stays one.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p5_an_order_that_nobody_asks_about_is_found() {
    each_engine(&[MIGRATIONS], async |db| {
        let shop = Shop::open(&db, "2026-01-05T04:00:00Z").await;
        for _ in 0..3 {
            let order = shop.order(shop.ids.next(), "pro", PaymentMethod::Alipay);
            order.await.expect("begun");
        }
        let open = "SELECT COUNT(*) FROM jobs WHERE state = 'open' AND kind = 'reconcile'";
        assert_eq!(count(&db, open).await, 3);
        shop.clock.advance(HOUR);
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, open).await, 3);
        execute(
            &db,
            "UPDATE jobs SET state = 'dead' WHERE kind = 'reconcile'",
        )
        .await;
        shop.clock.advance(Duration::from_mins(10));
        shop.service.do_duties().await.expect("a round");
        assert_eq!(count(&db, open).await, 3);
    })
    .await;
}
