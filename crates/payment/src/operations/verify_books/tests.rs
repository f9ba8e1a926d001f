//! Books that were touched by hand, books that were opened late, and books that are long.

use std::time::Duration;

use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Id as _, Ids, PaymentId, RefundId, SuspenseId};
use tollgate_storage::seal::MasterKey;
use tollgate_storage::testing::each_engine;

use crate::model::ledger::Fact;
use crate::model::payment::PaymentMethod;
use crate::operations::book::book;
use crate::operations::book::tests::{
    ON_PAYMENT, REFUND, SENT_BACK, SURPLUS_REFUND, SUSPENDED, cny, count, damaged, pay, service,
    touch, write,
};
use crate::{MIGRATIONS, PaymentConfig, PaymentService};

/// Whatever says how much went back, or where money is, is held against the rest.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_refunds_and_suspense_that_were_touched_by_hand_are_named() {
    each_engine(&[MIGRATIONS], async |db| {
        let service = service(&db).await;
        let ids = &service.0.ids;
        let (payment, suspense): (PaymentId, SuspenseId) = (ids.next(), ids.next());
        let (half, all): (RefundId, RefundId) = (ids.next(), ids.next());
        let rail = PaymentMethod::Alipay;
        let mut tx = db.begin().await.expect("begins");
        pay(&mut tx, payment, 100).await;
        let pair = (half.uuid(), payment.uuid());
        write(&mut tx, REFUND, pair, 50, true).await;
        write(&mut tx, ON_PAYMENT, pair, 50, true).await;
        write(&mut tx, SUSPENDED, (suspense.uuid(), suspense.uuid()), 70, true).await;
        let pair = (all.uuid(), suspense.uuid());
        write(&mut tx, SURPLUS_REFUND, pair, 70, true).await;
        write(&mut tx, SENT_BACK, pair, 70, true).await;
        let facts = [
            Fact::PaymentReceived { payment, rail, amount: cny(100) },
            Fact::Refunded { refund: half, rail, amount: cny(50) },
            Fact::SuspenseReceived { suspense, rail, amount: cny(70) },
            Fact::SuspenseRefunded { refund: all, rail, amount: cny(70) },
        ];
        let now = service.0.clock.now();
        assert_eq!(book(&service.0, &mut tx, true, &facts, now).await.expect("booked"), 4);
        tx.commit().await.expect("commits");
        assert_eq!(damaged(&service).await, [""; 0]);
        let pending = "UPDATE refunds SET status = 'pending', state = 'unknown', settled_at = NULL WHERE amount = 50";
        let settled = "UPDATE refunds SET status = 'succeeded', state = 'succeeded', settled_at = created_at WHERE amount = 50";
        for (touched, put_right, faults) in [
            ("UPDATE payment_transactions SET refunded = 49", "UPDATE payment_transactions SET refunded = 50",
                &["refunded is 49, and its refunds make 50"][..]),
            ("UPDATE payment_transactions SET refunding = 1", "UPDATE payment_transactions SET refunding = 0",
                &["refunding is 1, and its refunds make 0"]),
            (pending, settled, &["refunded is 50, and its refunds make 0", "refunding is 0, and its refunds make 50",
                "has a posting \"succeeded\" for something that did not happen"]),
            ("UPDATE refunds SET amount = 51 WHERE amount = 50", "UPDATE refunds SET amount = 50 WHERE amount = 51",
                &["refunded is 50, and its refunds make 51", "and should move 51 CNY from provider.alipay to refunds"]),
            ("UPDATE suspense SET state = 'open'", "UPDATE suspense SET state = 'refunded'",
                &["by its state is 0, and its refunds make 70"]),
            ("UPDATE suspense SET state = 'applied'", "UPDATE suspense SET state = 'refunded'",
                &["has no posting \"applied\"", "by its state is 0"]),
            ("UPDATE suspense SET amount = 71", "UPDATE suspense SET amount = 70",
                &["should move 71 CNY from suspense to provider.alipay", "by its state is 71"]),
            ("UPDATE suspense SET provider = 'wechat'", "UPDATE suspense SET provider = 'alipay'",
                &["to provider.wechat", "from provider.wechat"]),
            ("UPDATE suspense SET provider_transaction_id = (SELECT payment_provider_id FROM payment_transactions)",
                "UPDATE suspense SET provider_transaction_id = 'other'", &["its money is also in suspense"]),
            ("UPDATE payment_transactions SET livemode = (1 = 0)", "UPDATE payment_transactions SET livemode = (1 = 1)",
                &["should move 100 CNY from revenue to provider.alipay (sandbox)", "should move 50 CNY"]),
            ("UPDATE payment_transactions SET currency = 'cny'", "UPDATE payment_transactions SET currency = 'CNY'",
                &["holds an impossible value in currency"]),
            ("UPDATE ledger_accounts SET kind = 'income' WHERE code = 'suspense'",
                "UPDATE ledger_accounts SET kind = 'liability' WHERE code = 'suspense'",
                &["suspense CNY is not an account of the chart: income"]),
        ] {
            touch(&db, touched).await;
            let damaged = damaged(&service).await;
            for fault in faults {
                assert!(damaged.iter().any(|damage| damage.contains(fault)), "{touched}: {damaged:?}");
            }
            touch(&db, put_right).await;
            assert_eq!(self::damaged(&service).await, [""; 0], "{put_right}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_what_was_paid_before_there_were_books_is_booked_once() {
    each_engine(&[MIGRATIONS], async |db| {
        let ids = Ids::new(Clock::system(), Entropy::system());
        let mut tx = db.begin().await.expect("begins");
        for _ in 0..250 {
            pay(&mut tx, ids.next(), 9_900).await;
        }
        let (suspense, refund): (SuspenseId, RefundId) = (ids.next(), ids.next());
        let pair = (refund.uuid(), suspense.uuid());
        write(
            &mut tx,
            SUSPENDED,
            (suspense.uuid(), suspense.uuid()),
            70,
            false,
        )
        .await;
        write(&mut tx, SURPLUS_REFUND, pair, 70, false).await;
        write(&mut tx, SENT_BACK, pair, 70, false).await;
        tx.commit().await.expect("commits");
        let (one, other) = tokio::join!(service(&db), service(&db));
        for service in [one, other] {
            assert_eq!(damaged(&service).await, [""; 0]);
        }
        assert_eq!(
            count(&db, "SELECT COUNT(*) FROM ledger_postings").await,
            252
        );
        // Later starts book nothing: what was taken out stays missed.
        let mut tx = db.begin().await.expect("begins");
        pay(&mut tx, ids.next(), 9_900).await;
        tx.commit().await.expect("commits");
        let damaged = damaged(&service(&db).await).await;
        assert_eq!(damaged.len(), 1, "{damaged:?}");
        assert!(damaged[0].contains("has no posting"), "{damaged:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_the_self_audit_goes_on_from_where_it_stopped() {
    each_engine(&[MIGRATIONS], async |db| {
        let clock = Clock::fixed(Clock::system().now());
        let key = MasterKey::generate(&Entropy::system());
        let builder =
            PaymentService::builder(db.clone(), key, PaymentConfig::new("http://localhost"));
        let service = builder.clock(clock.clone()).build().await.expect("built");
        // More than one run looks at.
        let mut tx = db.begin().await.expect("begins");
        for number in 0..1_500 {
            clock.advance(Duration::from_micros(1));
            let payment: PaymentId = service.0.ids.next();
            pay(&mut tx, payment, 9_900).await;
            if number == 10 {
                continue;
            }
            // The last is about nothing.
            let payment = if number == 1_499 {
                service.0.ids.next()
            } else {
                payment
            };
            let fact = Fact::PaymentReceived {
                payment,
                rail: PaymentMethod::Alipay,
                amount: cny(9_900),
            };
            book(&service.0, &mut tx, true, &[fact], clock.now())
                .await
                .expect("booked");
        }
        tx.commit().await.expect("commits");
        let tables = || {
            service
                .damaged()
                .iter()
                .map(|damage| damage.table)
                .collect::<Vec<_>>()
        };
        let (payments, postings) = ("payment_transactions", "ledger_postings");
        for (minutes, known) in [
            (0, &[payments, payments][..]),
            (1, &[payments, payments]),
            (2, &[postings, payments, payments]),
        ] {
            service.audit_books().await.expect("looked");
            assert_eq!(tables(), known, "{minutes}");
            // Too early: nothing is looked at.
            service.audit_books().await.expect("not due");
            assert_eq!(tables(), known, "{minutes}");
            clock.advance(Duration::from_mins(1));
        }
    })
    .await;
}
