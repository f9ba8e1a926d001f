//! Booking on both engines, with rows as settlements and refunds write them.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, PaymentId, RefundId, SuspenseId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_storage::db::{Db, Tx};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;
use tollgate_storage::{in_tx, on_read};

use super::book;
use crate::model::ledger::Fact;
use crate::model::payment::PaymentMethod;
use crate::{MIGRATIONS, PaymentConfig, PaymentService};

pub(crate) async fn service(db: &Db) -> PaymentService {
    let key = MasterKey::generate(&Entropy::system());
    let config = PaymentConfig::new("http://localhost");
    let builder = PaymentService::builder(db.clone(), key, config);
    builder.build().await.expect("built")
}

pub(crate) async fn count(db: &Db, statement: &'static str) -> i64 {
    let (count,): (i64,) =
        on_read!(db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
    count
}

pub(crate) async fn damaged(service: &PaymentService) -> Vec<String> {
    let books = service.verify_books().await.expect("read");
    books.damage.iter().map(ToString::to_string).collect()
}

/// Writes rows: $1 id, $2 another, $3 amount, $4 mode, $5 now, $6 the id as a number, $7 a hash. A statement
/// takes of them what it needs.
pub(crate) async fn write(
    tx: &mut Tx,
    statement: &'static str,
    ids: (uuid::Uuid, uuid::Uuid),
    minor: i64,
    livemode: bool,
) {
    let at = Clock::system().now().utc();
    let number = ids.0.simple().to_string();
    in_tx!(tx, |c| sqlx::query(statement)
        .bind(ids.0)
        .bind(ids.1)
        .bind(minor)
        .bind(livemode)
        .bind(at)
        .bind(&number)
        .bind([ids.0.as_bytes().as_slice(); 2].concat())
        .execute(c)
        .await
        .map(|_| ()))
    .expect("written");
}

/// Changes something by hand.
pub(crate) async fn touch(db: &Db, statement: &'static str) {
    let mut tx = db.begin().await.expect("begins");
    let done = in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()));
    done.expect("touched");
    tx.commit().await.expect("commits");
}

/// A paid order.
const PAID: &str = "INSERT INTO payment_transactions (id, user_id, amount, currency, payment_method, status, state,
    created_at, updated_at, order_no, purpose, livemode, provider_app_id, provider_merchant_id, link_hash, description,
    expires_at, paid_at, payment_provider_id)
    VALUES ($1, $2, $3, 'CNY', 'alipay', 'completed', 'completed', $5, $5, $6,
    'one_off', $4, '', '', $7, '', $5, $5, $6)";
pub(crate) const SUSPENDED: &str = "INSERT INTO suspense (id, provider, livemode, provider_transaction_id, amount, currency, cause, created_at)
    VALUES ($1, 'alipay', $4, $6, $3, 'CNY', 'unknown_order', $5)";
pub(crate) const REFUND: &str = "INSERT INTO refunds (id, payment_id, amount, currency, status, state, refund_no, origin, reason,
    end_subscription, created_at, updated_at, settled_at)
    VALUES ($1, $2, $3, 'CNY', 'succeeded', 'succeeded', $6, 'admin', '', (1 = 0), $5, $5, $5)";
const REFUND_BEGUN: &str = "INSERT INTO refunds (id, payment_id, amount, currency, status, state, refund_no, origin, reason,
    end_subscription, created_at, updated_at)
    VALUES ($1, $2, $3, 'CNY', 'pending', 'unknown', $6, 'admin', '', (1 = 0), $5, $5)";
pub(crate) const SURPLUS_REFUND: &str = "INSERT INTO refunds (id, suspense_id, amount, currency, status, state, refund_no, origin, reason,
    end_subscription, created_at, updated_at, settled_at)
    VALUES ($1, $2, $3, 'CNY', 'succeeded', 'succeeded', $6, 'surplus', '', (1 = 0), $5, $5, $5)";
pub(crate) const ON_PAYMENT: &str = "UPDATE payment_transactions SET refunded = refunded + $3,
    status = CASE WHEN refunded + $3 = amount THEN 'refunded' ELSE status END,
    state = CASE WHEN refunded + $3 = amount THEN 'refunded' ELSE state END
    WHERE id = $2";
const BEGUN_ON_PAYMENT: &str = "UPDATE payment_transactions SET refunding = refunding + $3
    WHERE id = $2";
const APPLIED: &str = "UPDATE suspense SET state = 'applied'
    WHERE id = $2";
pub(crate) const SENT_BACK: &str = "UPDATE suspense SET state = 'refunded'
    WHERE id = $2";

pub(crate) async fn pay(tx: &mut Tx, payment: PaymentId, minor: i64) {
    write(tx, PAID, (payment.uuid(), payment.uuid()), minor, true).await;
}

pub(crate) fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_two_instances_book_a_fact_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let instances = [service(&db).await, service(&db).await];
        let payment: PaymentId = instances[0].0.ids.next();
        let mut booking = JoinSet::new();
        for number in 0..24 {
            let service = instances[number % 2].clone();
            booking.spawn(async move {
                let fact = Fact::PaymentReceived {
                    payment,
                    rail: PaymentMethod::Alipay,
                    amount: cny(9_900),
                };
                let mut tx = service.0.db.begin().await.expect("begins");
                let now = service.0.clock.now();
                let booked = book(&service.0, &mut tx, true, &[fact], now).await;
                tx.commit().await.expect("commits");
                booked.expect("booked")
            });
        }
        assert_eq!(booking.join_all().await.iter().sum::<usize>(), 1);
        for table in [
            "SELECT COUNT(*) FROM ledger_postings",
            "SELECT COUNT(*) FROM ledger_entries",
        ] {
            assert_eq!(count(&db, table).await, 1);
        }
    })
    .await;
}

/// Everybody is the first to need an account, in every order.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_accounts_that_many_need_at_once_are_made_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = service(&db).await;
        for code in ["CNY", "USD", "EUR", "JPY", "KWD", "GBP", "SEK", "CHF"] {
            let currency: Currency = code.parse().expect("a currency");
            let (amount, rail) = (Money::new(1, currency), PaymentMethod::Alipay);
            let mut booking = JoinSet::new();
            for number in 0..24_u8 {
                let service = service.clone();
                booking.spawn(async move {
                    let ids = &service.0.ids;
                    let fact = match number % 4 {
                        0 => Fact::Refunded {
                            refund: ids.next(),
                            rail,
                            amount,
                        },
                        1 => Fact::RefundTakenBack {
                            refund: ids.next(),
                            rail,
                            amount,
                        },
                        2 => Fact::SuspenseReceived {
                            suspense: ids.next(),
                            rail,
                            amount,
                        },
                        _ => Fact::SuspenseRefunded {
                            refund: ids.next(),
                            rail,
                            amount,
                        },
                    };
                    let mut tx = service.0.db.begin().await?;
                    let now = service.0.clock.now();
                    book(&service.0, &mut tx, true, &[fact], now).await?;
                    tx.commit().await
                });
            }
            for booked in booking.join_all().await {
                booked.expect("booked");
            }
        }
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM ledger_accounts").await,
            8 * 3
        );
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM ledger_entries").await,
            8 * 24
        );
        let sum = "SELECT CAST(SUM(amount) AS BIGINT) FROM ledger_lines";
        assert_eq!(count(&db, sum).await, 0);
    })
    .await;
}

/// What a cashier knows: what lies in the drawer, and whose it is.
#[derive(Default)]
struct Cashier {
    drawer: i64,
    earned: i64,
    kept: i64,
}

/// A row that money can leave again.
enum Open {
    Order(PaymentId, i64),
    Kept(SuspenseId, i64),
}

const ALIPAY: PaymentMethod = PaymentMethod::Alipay;

/// Money comes in, for an order or not.
async fn comes(
    tx: &mut Tx,
    ids: &Ids,
    minor: i64,
    fits: bool,
    cashier: &mut Cashier,
) -> (Open, Fact) {
    let (rail, amount) = (ALIPAY, cny(minor));
    cashier.drawer += minor;
    if fits {
        let payment: PaymentId = ids.next();
        pay(tx, payment, minor).await;
        cashier.earned += minor;
        return (
            Open::Order(payment, minor),
            Fact::PaymentReceived {
                payment,
                rail,
                amount,
            },
        );
    }
    let suspense: SuspenseId = ids.next();
    write(
        tx,
        SUSPENDED,
        (suspense.uuid(), suspense.uuid()),
        minor,
        true,
    )
    .await;
    cashier.kept += minor;
    (
        Open::Kept(suspense, minor),
        Fact::SuspenseReceived {
            suspense,
            rail,
            amount,
        },
    )
}

/// Money of an order goes back: a part, the rest, or nobody knows yet.
async fn goes_back(
    tx: &mut Tx,
    refund: RefundId,
    (payment, rest): (PaymentId, i64),
    way: u64,
    cashier: &mut Cashier,
) -> (Option<Open>, Option<Fact>) {
    let pair = (refund.uuid(), payment.uuid());
    if way == 0 {
        write(tx, REFUND_BEGUN, pair, rest, true).await;
        write(tx, BEGUN_ON_PAYMENT, pair, rest, true).await;
        return (None, None);
    }
    let part = if way == 1 { rest } else { 1 + rest / 2 };
    write(tx, REFUND, pair, part, true).await;
    write(tx, ON_PAYMENT, pair, part, true).await;
    cashier.drawer -= part;
    cashier.earned -= part;
    let open = (part < rest).then_some(Open::Order(payment, rest - part));
    let (rail, amount) = (ALIPAY, cny(part));
    (
        open,
        Some(Fact::Refunded {
            refund,
            rail,
            amount,
        }),
    )
}

/// Money in suspense is taken for something after all, or goes back.
async fn leaves(
    tx: &mut Tx,
    refund: RefundId,
    (suspense, all): (SuspenseId, i64),
    applied: bool,
    cashier: &mut Cashier,
) -> Fact {
    let (rail, amount) = (ALIPAY, cny(all));
    let pair = (refund.uuid(), suspense.uuid());
    cashier.kept -= all;
    if applied {
        write(tx, APPLIED, pair, all, true).await;
        cashier.earned += all;
        return Fact::SuspenseApplied { suspense, amount };
    }
    write(tx, SURPLUS_REFUND, pair, all, true).await;
    write(tx, SENT_BACK, pair, all, true).await;
    cashier.drawer -= all;
    Fact::SuspenseRefunded {
        refund,
        rail,
        amount,
    }
}

/// One random step: its rows and its facts in one commit, as an operation does it, booked twice.
async fn step(
    service: &PaymentService,
    entropy: &Entropy,
    open: &mut Vec<Open>,
    cashier: &mut Cashier,
) {
    let parts = &service.0;
    let mut tx = parts.db.begin().await.expect("begins");
    let minor = 1 + i64::try_from(entropy.below(10_000)).expect("small");
    let chosen = usize::try_from(entropy.below(open.len().max(1) as u64)).expect("small");
    let way = entropy.below(3);
    let fact = if open.is_empty() || entropy.below(2) == 0 {
        let (row, fact) = comes(&mut tx, &parts.ids, minor, way > 0, cashier).await;
        open.push(row);
        Some(fact)
    } else {
        let refund: RefundId = parts.ids.next();
        match open.swap_remove(chosen) {
            Open::Order(payment, rest) => {
                let (row, fact) = goes_back(&mut tx, refund, (payment, rest), way, cashier).await;
                open.extend(row);
                fact
            }
            Open::Kept(suspense, all) => {
                Some(leaves(&mut tx, refund, (suspense, all), way == 0, cashier).await)
            }
        }
    };
    let (now, facts) = (parts.clock.now(), Vec::from_iter(fact));
    for new in [facts.len(), 0] {
        let booked = book(parts, &mut tx, true, &facts, now)
            .await
            .expect("booked");
        assert_eq!(booked, new, "{facts:?}");
    }
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_random_lives_of_money_leave_what_a_cashier_counts() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = service(&db).await;
        let seed = Entropy::system().below(u64::MAX);
        println!("seed {seed}");
        let entropy = Entropy::seeded(seed);
        let (mut open, mut cashier) = (Vec::new(), Cashier::default());
        for _ in 0..300 {
            step(&service, &entropy, &mut open, &mut cashier).await;
        }
        assert_eq!(damaged(&service).await, [""; 0], "seed {seed}");
        let books = service.verify_books().await.expect("read");
        let balances: BTreeMap<_, _> = books
            .accounts
            .iter()
            .map(|a| (a.code.as_str(), a.minor))
            .collect();
        let balance = |code| balances.get(code).copied().unwrap_or(0);
        assert_eq!(balances.values().sum::<i64>(), 0, "seed {seed}");
        assert_eq!(balance("provider.alipay"), cashier.drawer, "seed {seed}");
        assert_eq!(-balance("suspense"), cashier.kept, "seed {seed}");
        assert_eq!(
            -balance("revenue") - balance("refunds"),
            cashier.earned,
            "seed {seed}"
        );
    })
    .await;
}
