//! What only a caller with an old reading can get wrong.

use std::time::Duration;

use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::Ids;
use tollgate_kernel::money::{Currency, Money};

use super::{
    CallbackKind, CallbackState, NewCallback, NewPayment, NewTrade, Product, Rail, Store, Trade,
    TradeState,
};

fn now() -> Timestamp {
    Timestamp::from_seconds(1_767_323_045).expect("a moment")
}

fn later(seconds: u64) -> Timestamp {
    now().after(Duration::from_secs(seconds))
}

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("sandbox.db")).await;
    (folder, store.expect("a store"))
}

/// A scanned trade that ends in a minute, as it was read then.
async fn waiting(store: &Store) -> Trade {
    let issued = store
        .issue(&NewTrade {
            rail: Rail::Alipay,
            app_id: "app",
            out_trade_no: "a",
            provider_no: "1",
            product: Product::Precreate,
            amount: Money::new(990, Currency::CNY),
            state: TradeState::Issued,
            request: "{}",
            notify_url: None,
            return_url: None,
            created_at: now(),
            expires_at: later(60),
        })
        .await;
    assert!(issued.expect("issued"));
    let trade = found(store).await;
    let stale = now().before(Duration::from_secs(1));
    assert!(store.scan(&trade, "b", stale, now()).await.expect("a scan"));
    found(store).await
}

async fn found(store: &Store) -> Trade {
    let found = store.find_by_merchant(Rail::Alipay, "app", "a").await;
    found.expect("a reading").expect("a trade")
}

fn payment(at: Timestamp) -> NewPayment<'static> {
    NewPayment {
        amount: Money::new(990, Currency::CNY),
        late: false,
        second: None,
        at,
    }
}

fn notice(ids: &Ids) -> NewCallback<'_> {
    NewCallback {
        id: ids.at(now()),
        rail: Rail::Alipay,
        provider_no: "1",
        kind: CallbackKind::Genuine,
        url: "http://127.0.0.1/",
        body: b"x",
        headers: "{}",
        due_at: now(),
        attempts: 0,
        at: now(),
    }
}

fn ids() -> Ids {
    Ids::new(Clock::fixed(now()), Entropy::seeded(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_old_readings_pay_once_and_owe_one_notice() {
    let (_folder, store) = store().await;
    let trade = waiting(&store).await;
    let mut payments = tokio::task::JoinSet::new();
    let ids = ids();
    for _ in 0..20 {
        let (store, trade, ids) = (store.clone(), trade.clone(), ids.clone());
        payments.spawn(async move { store.pay(&trade, &payment(now()), &[notice(&ids)]).await });
    }
    let paid = payments.join_all().await;
    let paid = paid
        .into_iter()
        .filter(|paid| *paid.as_ref().expect("done"));
    assert_eq!(paid.count(), 1);
    let due = store.claim_callbacks(now(), later(30), 100).await;
    assert_eq!(due.expect("claimed").len(), 1);
    assert!(!store.close(&trade, &[], now()).await.expect("done"));
}

#[tokio::test]
async fn an_old_reading_pays_nothing_once_the_time_is_over() {
    let (_folder, store) = store().await;
    let trade = waiting(&store).await;
    assert!(
        !store
            .pay(&trade, &payment(later(60)), &[])
            .await
            .expect("done")
    );
    assert!(!store.close_overdue(&trade, later(59)).await.expect("done"));
    assert!(
        store
            .pay(&trade, &payment(later(59)), &[])
            .await
            .expect("done")
    );
    assert!(!store.close_overdue(&trade, later(60)).await.expect("done"));
}

#[tokio::test]
async fn an_attempt_overtaken_by_a_later_one_writes_nothing() {
    let (_folder, store) = store().await;
    let trade = waiting(&store).await;
    let ids = ids();
    assert!(
        store
            .pay(&trade, &payment(now()), &[notice(&ids)])
            .await
            .expect("paid")
    );
    let claim = async |at: Timestamp| {
        let lease = at.after(Duration::from_secs(30));
        let mut due = store.claim_callbacks(at, lease, 1).await.expect("claimed");
        due.pop()
    };
    let slow = claim(now()).await.expect("due");
    assert!(claim(later(29)).await.is_none());
    let quick = claim(later(30)).await.expect("due again");
    assert_eq!((slow.attempts, quick.attempts), (1, 2));
    let finish = async |callback, state| {
        let done = store.finish_callback(callback, state, later(99), Some(200), "success");
        done.await.expect("done");
        let last = store.last_callback(Rail::Alipay, "1").await;
        last.expect("read").expect("a callback").state
    };
    assert_eq!(
        finish(&slow, CallbackState::GivenUp).await,
        CallbackState::Open
    );
    assert_eq!(
        finish(&quick, CallbackState::Accepted).await,
        CallbackState::Accepted
    );
    assert_eq!(
        finish(&quick, CallbackState::Open).await,
        CallbackState::Accepted
    );
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone() {
    let (folder, store) = store().await;
    sqlx::query("PRAGMA user_version = 9")
        .execute(&store.writer)
        .await
        .expect("written");
    let again = Store::open(&folder.path().join("sandbox.db")).await;
    assert!(
        matches!(again, Err(crate::SandboxError::NewerFile { version: 9 })),
        "{again:?}"
    );
}

/// As version 3 has left it: a payment of 9.90, of which 1.00 went back, and a closed trade.
const BEFORE: &str = "
    INSERT INTO trades (rail, app_id, out_trade_no, provider_no, amount, currency, state, request, created_at, paid_at)
    VALUES ('alipay', 'app', 'a', '1', 990, 'CNY', 'paid', '{}', '2026-01-02 03:04:05+00:00', '2026-01-02 03:05:05+00:00'),
           ('alipay', 'app', 'b', '2', 990, 'CNY', 'closed', '{}', '2026-01-02 03:04:05+00:00', NULL);
    INSERT INTO trade_refunds (rail, provider_no, out_refund_no, provider_refund_no, amount, state, created_at, settled_at)
    VALUES ('alipay', '1', 'r', 'p', 100, 'done', '2026-01-02 03:06:05+00:00', '2026-01-02 03:06:05+00:00');";

#[tokio::test]
async fn a_file_of_the_version_before_keeps_its_money_and_gains_books() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sandbox.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true);
    let old = super::pool(1).connect_with(options).await.expect("a file");
    for step in super::STEPS.iter().take(3).chain([&BEFORE]) {
        sqlx::raw_sql(*step).execute(&old).await.expect("done");
    }
    old.close().await;
    let store = Store::open(&file).await.expect("a store");
    let trade = found(&store).await;
    assert_eq!(
        (trade.product, trade.refunded.minor()),
        (Product::Precreate, 100)
    );
    let moved = store.movements(Rail::Alipay, 0, 10).await.expect("read");
    let moved: Vec<_> = moved
        .iter()
        .map(|row| (row.out_refund_no.as_deref(), row.amount.minor()))
        .collect();
    assert_eq!(moved, [(None, 990), (Some("r"), 100)]);
    let sums = store.movement_sums(Rail::Alipay).await.expect("read");
    assert_eq!((sums[0].paid, sums[0].refunded), (990, 100));
    for change in ["UPDATE movements SET amount = 1", "DELETE FROM movements"] {
        let changed = sqlx::raw_sql(change).execute(&store.writer).await;
        assert!(changed.is_err(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_refunds_at_once_stay_within_what_was_paid() {
    let (_folder, store) = store().await;
    let trade = waiting(&store).await;
    assert!(store.pay(&trade, &payment(now()), &[]).await.expect("paid"));
    let mut refunds = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = store.clone();
        refunds.spawn(async move {
            let number = number.to_string();
            loop {
                let trade = found(&store).await;
                let wanted = super::NewRefund {
                    out_refund_no: &number,
                    provider_refund_no: &number,
                    cause: super::MovementCause::Refund,
                    amount: Money::new(300, Currency::CNY),
                    pending: None,
                    at: now(),
                };
                let refunded = store.refund(&trade, &wanted, &[]).await.expect("done");
                if refunded != super::Refunded::Raced {
                    return refunded;
                }
            }
        });
    }
    let refunded = refunds.join_all().await;
    let done = refunded
        .iter()
        .filter(|refunded| **refunded == super::Refunded::Now);
    assert_eq!(done.count(), 3, "{refunded:?}");
    let sums = store.movement_sums(Rail::Alipay).await.expect("read");
    assert_eq!((sums[0].paid, sums[0].refunded), (990, 900));
}
