//! What people hear of their money and units: once, with its cause, and nothing of what is undone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::Problem;
use tollgate_storage::StorageError;
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::jobs::{self, NewJob};
use tollgate_storage::on_read;
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use crate::model::hold::{HoldTime, Owner};
use crate::model::payment::PaymentMethod;
use crate::operations::agreement::PAST_DUE;
use crate::operations::book::tests::{cny, count, damaged};
use crate::operations::renew::tests::Shop;
use crate::providers::agreement::{Agreement, AgreementNews, Dispute, DisputeState};
use crate::providers::fake::Fake;
use crate::providers::{EventContent, ProviderVerdict, RawWebhook};
use crate::quota_writer::tests::call;
use crate::{Expiring, MIGRATIONS, News, PaymentConfig, PaymentService, People, WantRefund};

const COMPLETED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'payment.completed'";
const REFUNDED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'refund.succeeded'";
const FAILED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'payment.failed'";
const REACHED: &str = "SELECT COUNT(*) FROM outbox WHERE kind = 'quota.threshold_reached'";
const USED: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM quota_counters";

/// Writes a row for each letter, inside the transaction that it is given, as a mailer does.
#[derive(Debug)]
struct Post {
    ids: Ids,
    /// How many were written, for their order: of one moment, ids say nothing of it.
    written: AtomicUsize,
    /// The next letter is written, and then said to have failed.
    fails: AtomicBool,
    /// Nobody can write to them.
    unreachable: Mutex<Option<UserId>>,
}

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
        _: &Expiring,
        _: Timestamp,
    ) -> tollgate_storage::Result<()> {
        Ok(())
    }

    async fn news(&self, tx: &mut Tx, news: &News, at: Timestamp) -> tollgate_storage::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let key = format!("{number:04}");
        let letter = NewJob {
            lane: "mail",
            kind: "letter",
            dedupe_key: &key,
            payload: json!(said(news)),
            due_at: at,
        };
        jobs::put(tx, &self.ids, letter, at).await?;
        let unreachable = *self.unreachable.lock().expect("somebody or nobody");
        if self.fails.swap(false, Ordering::Relaxed) || unreachable == Some(news.user_id()) {
            return Err(StorageError::Inconsistent {
                table: "users",
                column: "locale",
                row: key,
            });
        }
        Ok(())
    }
}

fn said(news: &News) -> String {
    match news {
        News::Paid {
            payment,
            plan,
            term,
            link,
        } => {
            let page = format!("https://pay.example/portal/payments/{}", payment.id);
            assert_eq!(*link, page);
            let days = term.map(|(from, to)| to.expect("an end").since(from).as_secs() / 86_400);
            let plan = plan.as_ref().map_or("-", |plan| plan.slug.as_str());
            format!("paid {} for {plan}, {days:?} days", payment.amount)
        }
        News::NotPaid {
            plan,
            amount,
            left_until,
            link,
            ..
        } => {
            let plan = plan.as_ref().map_or("-", |plan| plan.slug.as_str());
            let amount = amount.expect("known");
            let debit = left_until.is_some();
            format!("not paid {amount} for {plan}, debit {debit}: {link}")
        }
        News::Refunded {
            payment, refund, ..
        } => format!("back {} of {}", refund.amount, payment.amount),
        News::QuotaReached {
            percent,
            quota,
            link,
            ..
        } => {
            assert_eq!(link, "https://pay.example/portal/pricing");
            format!("{percent} % at {}", quota.used.get())
        }
    }
}

/// All letters so far, the oldest first.
async fn letters(db: &Db) -> Vec<String> {
    let statement =
        "SELECT CAST(payload AS TEXT) FROM jobs WHERE kind = 'letter' ORDER BY dedupe_key";
    let rows: Vec<(String,)> =
        on_read!(db, |e| sqlx::query_as(statement).fetch_all(e).await).expect("letters");
    let text = |(text,): (String,)| serde_json::from_str(&text).expect("a text");
    rows.into_iter().map(text).collect()
}

/// A shop that knows people.
async fn shop(db: &Db) -> (Shop, Arc<Post>) {
    let shop = Shop::open(db, "2026-01-05T04:00:00Z").await;
    let post = Arc::new(Post {
        ids: Ids::new(shop.clock.clone(), Entropy::system()),
        written: AtomicUsize::new(0),
        fails: AtomicBool::new(false),
        unreachable: Mutex::new(None),
    });
    let key = MasterKey::generate(&Entropy::system());
    let config = PaymentConfig::new("https://pay.example");
    let builder = PaymentService::builder(db.clone(), key, config).clock(shop.clock.clone());
    let builder = builder
        .provider(shop.alipay.clone())
        .provider(shop.stripe.clone())
        .people(post.clone());
    let service = builder.build().await.expect("built");
    (Shop { service, ..shop }, post)
}

async fn tell(shop: &Shop, rail: &Fake, raw: &RawWebhook) -> u16 {
    let method = crate::providers::PaymentProvider::name(rail);
    let told = shop.service.accept_webhook(method, raw.clone()).await;
    told.map_or(500, |received| received.reply.status)
}

async fn give_back(shop: &Shop, payment: PaymentId, minor: i64) {
    let wish = WantRefund {
        payment_id: payment,
        amount: None,
        amount_minor: Some(minor),
        reason: "half-hearted".to_owned(),
        end_subscription: None,
        requested_by: None,
    };
    let given = shop.service.refund(&wish, &Origin::default(), None).await;
    given.expect("given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_payment_is_told_once_with_its_money_or_not_at_all() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, post) = shop(&db).await;
        let user: UserId = shop.ids.next();
        let ordered = shop.order(user, "pro", PaymentMethod::Alipay).await;
        ordered.expect("begun").expect("an order");
        assert_eq!(letters(&db).await, [""; 0], "nobody has paid yet");
        let content = shop.alipay.paid("money 1", cny(9_900), None);
        let raw = shop.alipay.event("first", content.clone());
        // What happens after the letter undoes the letter too.
        post.fails.store(true, Ordering::Relaxed);
        assert_ne!(tell(&shop, &shop.alipay, &raw).await, 200);
        assert_eq!(letters(&db).await, [""; 0]);
        assert_eq!(count(&db, COMPLETED).await, 0);
        // Told twice at once, and again under another number.
        let other = shop.alipay.event("second", content);
        let (one, two, three) = tokio::join!(
            tell(&shop, &shop.alipay, &raw),
            tell(&shop, &shop.alipay, &raw),
            tell(&shop, &shop.alipay, &other),
        );
        assert_eq!([one, two, three], [200; 3]);
        assert_eq!(letters(&db).await, ["paid 99.00 for pro, Some(31) days"]);
        // A further term has a time of its own.
        shop.renew(user).await.expect("an order");
        shop.pay(&shop.alipay, 9_900, None).await;
        let all = letters(&db).await;
        assert_eq!(all[1..], ["paid 99.00 for pro, Some(28) days"]);
        assert_eq!(count(&db, COMPLETED).await, 2);
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_each_part_that_goes_back_is_told_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, _) = shop(&db).await;
        let user: UserId = shop.ids.next();
        let order = shop.buy(user).await;
        give_back(&shop, order, 3_000).await;
        assert_eq!(letters(&db).await[1..], ["back 30.00 of 99.00"]);
        give_back(&shop, order, 6_900).await;
        let told = ["back 30.00 of 99.00", "back 69.00 of 99.00"];
        assert_eq!(letters(&db).await[1..], told);
        assert_eq!(count(&db, REFUNDED).await, 2);
        // What fails is told to nobody: the money is where it was.
        let order = shop.buy(user).await;
        shop.alipay.refunds_are(None);
        let wish = WantRefund {
            payment_id: order,
            amount: None,
            amount_minor: None,
            reason: "in vain".to_owned(),
            end_subscription: None,
            requested_by: None,
        };
        let _ = shop.service.refund(&wish, &Origin::default(), None).await;
        assert_eq!(letters(&db).await.len(), 4);
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

/// A buyer by a rail that debits.
async fn debited(shop: &Shop) -> UserId {
    let user: UserId = shop.ids.next();
    let order = shop.order(user, "pro", PaymentMethod::Stripe).await;
    order.expect("begun");
    let agreement = Agreement {
        id: "sub_1".to_owned(),
        customer_id: "cus_1".to_owned(),
    };
    let content = shop.stripe.paid("pi_1", cny(9_900), Some(agreement));
    let raw = shop.stripe.event("first", content);
    assert_eq!(tell(shop, &shop.stripe, &raw).await, 200);
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_debit_that_fails_is_told_once_and_a_bank_speaks_for_itself() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, _) = shop(&db).await;
        let user = debited(&shop).await;
        let held = shop.service.current_subscription(user).await;
        let end = held.expect("read").expect("it is had").current_period_end;
        let end = end.expect("an end");
        let past_due = |key: &'static str| {
            let (id, news) = ("sub_1".to_owned(), AgreementNews::PastDue);
            shop.stripe.event(key, EventContent::Agreement { id, news })
        };
        shop.clock
            .advance(end.since(shop.clock.now()) + Duration::from_hours(1));
        for raw in [past_due("failed 1"), past_due("failed 2")] {
            assert_eq!(tell(&shop, &shop.stripe, &raw).await, 200);
            shop.clock.advance(Duration::from_hours(20));
        }
        assert!(shop.clock.now() < end.after(PAST_DUE));
        let told = ["not paid 99.00 for pro, debit true: https://pay.example/portal/subscription"];
        assert_eq!(letters(&db).await[1..], told);
        // What somebody had their bank take back, they know of.
        let dispute = EventContent::Disputed(Dispute {
            id: "dp_1".to_owned(),
            provider_transaction_id: "pi_1".to_owned(),
            amount: cny(9_900),
            state: DisputeState::Opened,
        });
        let raw = shop.stripe.event("disputed", dispute);
        assert_eq!(tell(&shop, &shop.stripe, &raw).await, 200);
        assert_eq!(count(&db, REFUNDED).await, 1);
        assert_eq!(letters(&db).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_who_paid_in_vain_is_told_and_who_did_not_pay_is_not() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, _) = shop(&db).await;
        let begin = async |plan| {
            let ordered = shop.order(shop.ids.next(), plan, PaymentMethod::Alipay);
            ordered.await.expect("begun").expect("an order")
        };
        // Nobody has paid: neither by its end, nor closed at the provider before.
        let (late, closed) = (begin("pro").await, begin("pro").await);
        shop.alipay.orders_are(ProviderVerdict::Closed);
        shop.service.reconcile(closed).await.expect("asked");
        shop.alipay.orders_are(ProviderVerdict::Waiting);
        shop.clock.advance(Duration::from_hours(1));
        shop.service.reconcile(late).await.expect("asked");
        assert_eq!(count(&db, FAILED).await, 2);
        assert_eq!(letters(&db).await, [""; 0]);
        let refused = begin("pro").await;
        shop.alipay.orders_are(ProviderVerdict::Declined);
        for _ in 0..2 {
            shop.service.reconcile(refused).await.expect("asked");
        }
        assert_eq!(count(&db, FAILED).await, 3);
        let link = "https://pay.example/portal/subscribe?plan=pro";
        let told = format!("not paid 99.00 for pro, debit false: {link}");
        assert_eq!(letters(&db).await, [told]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_threshold_is_told_once_and_of_two_the_higher() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, _) = shop(&db).await;
        let had = async || {
            let user: UserId = shop.ids.next();
            let free = shop.order(user, "free", PaymentMethod::Alipay).await;
            free.expect("had");
            user
        };
        // Of a thousand, one by one.
        let user = had().await;
        for (cost, told) in [(799, 0), (1, 1), (100, 1), (99, 1), (1, 2)] {
            let taken = shop.service.consume(&call(user, cost), None).await;
            taken.expect("it fits");
            assert_eq!(letters(&db).await.len(), told, "{cost}");
        }
        assert_eq!(letters(&db).await, ["80 % at 800", "100 % at 1000"]);
        // Both at once, by one call, by a hold, and by many calls that may share a commit.
        let (at_once, aside, many) = (had().await, had().await, had().await);
        let taken = shop.service.consume(&call(at_once, 1_000), None).await;
        taken.expect("it fits");
        let time = HoldTime::seconds(60).expect("a time");
        let hold = shop
            .service
            .reserve(&call(aside, 1_000), Owner::HOST, time, None)
            .await;
        let hold = hold.expect("held").value.reservation_id;
        assert_eq!(letters(&db).await.len(), 3, "set aside is not used");
        let settled = shop.service.commit_hold(hold, Owner::HOST, None).await;
        settled.expect("settled");
        assert_eq!(letters(&db).await[2..], ["100 % at 1000"; 2]);
        assert_eq!(count(&db, REACHED).await, 6);
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let service = shop.service.clone();
            calls.spawn(async move { service.consume(&call(many, 50), None).await.is_ok() });
        }
        assert!(calls.join_all().await.into_iter().all(|taken| taken));
        let told = letters(&db).await.split_off(4);
        assert_eq!(told.last().map(String::as_str), Some("100 % at 1000"));
        assert!(told.len() <= 2, "{told:?}");
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a_letter_that_cannot_be_written_loses_no_charge() {
    each_engine(&[MIGRATIONS], async |db| {
        let (shop, post) = shop(&db).await;
        let mut users = Vec::new();
        for _ in 0..4 {
            let user: UserId = shop.ids.next();
            let free = shop.order(user, "free", PaymentMethod::Alipay).await;
            free.expect("had");
            users.push(user);
        }
        *post.unreachable.lock().expect("nobody") = users.first().copied();
        let mut calls = JoinSet::new();
        for user in users {
            let service = shop.service.clone();
            calls.spawn(async move { service.consume(&call(user, 800), None).await.is_ok() });
        }
        assert_eq!(calls.join_all().await, [true; 4]);
        assert_eq!(count(&db, USED).await, 3_200);
        assert_eq!(count(&db, REACHED).await, 4);
        assert_eq!(letters(&db).await, ["80 % at 800"; 3]);
        assert_eq!(damaged(&shop.service).await, [""; 0]);
    })
    .await;
}
