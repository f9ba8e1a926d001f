//! The books, as real purchases leave them, and what happens to who touches them.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_storage::in_tx;
use tollgate_storage::testing::Engine;

use crate::harness::{App, Pen, each_engine, until};

const POSTINGS: &str = "SELECT COUNT(*) FROM ledger_postings";

/// Changes something by hand, or says that the database refused.
async fn touch(app: &App, statement: String) -> Result<(), String> {
    let mut tx = app.db.begin().await.expect("begins");
    let statement = sqlx::AssertSqlSafe(statement);
    let touched = in_tx!(&mut tx, |c| sqlx::query(statement)
        .execute(c)
        .await
        .map(|_| ()));
    touched.map_err(|error| format!("{error:?}"))?;
    tx.commit().await.map_err(|error| format!("{error:?}"))
}

/// An id as the engine writes it.
fn literal(app: &App, order: &Value) -> String {
    let id = id(order);
    match app.engine {
        Engine::Postgres => format!("'{id}'"),
        Engine::Sqlite => format!("X'{}'", id.replace('-', "")),
    }
}

fn id(order: &Value) -> &str {
    order["transaction"]["id"].as_str().expect("an id")
}

/// Runs the command with the settings of the server.
async fn verify(app: &App) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(["ledger", "verify"])
        .current_dir(app.database().folder())
        .env("DATABASE_URL", app.database().variable())
        .env("DATA_DIR", app.database().folder().join("data"));
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let output: Output = ran.expect("joined").expect("the binary starts");
    let text = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), text)
}

/// Accounts that are not empty, in minor units.
async fn balances(app: &App) -> BTreeMap<String, i64> {
    let books = app.payment.verify_books().await.expect("read");
    assert_eq!(books.damage, []);
    let accounts = books.accounts.into_iter();
    let accounts = accounts.map(|account| {
        assert_eq!(
            (account.currency.as_str(), account.livemode),
            ("CNY", false)
        );
        (account.code, account.minor)
    });
    accounts.filter(|(_, minor)| *minor != 0).collect()
}

fn expected(accounts: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let accounts = accounts.iter();
    accounts
        .map(|(code, minor)| ((*code).to_owned(), *minor))
        .collect()
}

async fn order_of(app: &App, token: &str, plan: &str) -> Value {
    let body = json!({ "plan_slug": plan, "payment_method": "alipay" });
    let begun = app
        .post("/payments/subscriptions/subscribe", token, body)
        .await;
    begun.expect(StatusCode::CREATED)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_whatever_is_paid_leaves_books_that_sum_to_zero() {
    each_engine(async |app| {
        assert_eq!(balances(app).await, expected(&[]));
        assert_eq!(verify(app).await, (Some(0), String::new()));
        let pen = Pen::of(app).await;
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let dear = order_of(app, &buyer.token, "enterprise").await;
        // The same notice many times, and the same money under other notices.
        let mut deliveries = JoinSet::new();
        for number in 0..16 {
            let mut fields = pen.paid(&order);
            fields.insert("notify_id", format!("n{}", number % 4));
            let (http, url, notice) = (app.http.clone(), app.url.clone(), pen.sign(&fields));
            deliveries.spawn(async move {
                let request = http.post(format!("{url}/payments/webhooks/alipay"));
                let answer = request.body(notice).send().await.expect("answered");
                assert_eq!(answer.text().await.expect("text"), "success");
            });
        }
        deliveries.join_all().await;
        let paid = expected(&[("provider.alipay", 9_900), ("revenue", -9_900)]);
        assert_eq!(balances(app).await, paid);
        assert_eq!(app.count(POSTINGS).await, 1);

        // Other money for the same order, too little money, and money for nobody, each told twice.
        for (id, field, value) in [
            ("surplus", "trade_no", "2026000000000000000000000002"),
            ("nobody", "out_trade_no", "0198c0de0198c0de0198c0de0198c0de"),
        ] {
            for time in 0..2 {
                let mut fields = pen.paid(&order);
                fields.insert("trade_no", format!("2026{id}"));
                fields.insert(field, value.to_owned());
                fields.insert("notify_id", format!("{id}{time}"));
                assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
            }
        }
        let other = app.buyer().await;
        let little = app.order(&other).await;
        let mut fields = pen.paid(&little);
        fields.insert("total_amount", "0.01".to_owned());
        assert_eq!(app.notify(pen.sign(&fields)).await.1, "success");
        let kept = expected(&[
            ("provider.alipay", 9_900 * 3 + 1),
            ("revenue", -9_900),
            ("suspense", -9_900 * 2 - 1),
        ]);
        assert_eq!(balances(app).await, kept);
        // Refused: another merchant's money is not in our books.
        let mut fields = pen.paid(&order);
        fields.insert("seller_id", "2088999999999999".to_owned());
        assert_eq!(app.notify(pen.sign(&fields)).await.0, 403);
        assert_eq!(balances(app).await, kept);

        // A plan that cannot be given beside the first: the money came in once, and is not earned.
        let price = dear["transaction"]["amount_minor"]
            .as_i64()
            .expect("an amount");
        assert_eq!(app.notify(pen.sign(&pen.paid(&dear))).await.1, "success");
        assert_eq!(
            app.count("SELECT COUNT(*) FROM suspense WHERE cause = 'ended_order'")
                .await,
            1
        );
        let kept = expected(&[
            ("provider.alipay", 9_900 * 3 + 1 + price),
            ("revenue", -9_900),
            ("suspense", -9_900 * 2 - 1 - price),
        ]);
        assert_eq!(balances(app).await, kept);
        assert_eq!(app.count(POSTINGS).await, 6);
        app.balance().await;

        let (status, said) = verify(app).await;
        assert_eq!((status, said.lines().count()), (Some(0), 3), "{said}");
        let revenue = said
            .lines()
            .find(|line| line.contains("revenue"))
            .expect("a line");
        assert_eq!(
            revenue.split_whitespace().collect::<Vec<_>>(),
            ["sandbox", "CNY", "revenue", "-99.00"]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_the_database_refuses_what_would_make_the_books_untrue() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let order = app.order(&buyer).await;
        let pen = Pen::of(app).await;
        assert_eq!(app.notify(pen.sign(&pen.paid(&order))).await.1, "success");
        let entry = |debit: &str, credit: &str, currency: &str, amount: i64| {
            format!(
                "INSERT INTO ledger_entries (posting_id, line, debit_account_id, credit_account_id, currency, amount)
                 SELECT posting_id, 2, {debit}, {credit}, '{currency}', {amount} FROM ledger_entries"
            )
        };
        let (debit, credit) = ("debit_account_id", "credit_account_id");
        for statement in [
            "UPDATE ledger_postings SET memo = 'x'".to_owned(),
            "UPDATE ledger_entries SET amount = amount + 1".to_owned(),
            "DELETE FROM ledger_entries".to_owned(),
            "DELETE FROM ledger_postings".to_owned(),
            "DELETE FROM ledger_accounts".to_owned(),
            "UPDATE ledger_accounts SET currency = 'USD'".to_owned(),
            "INSERT INTO ledger_postings (id, cause_kind, cause_id, step, memo, created_at)
             SELECT cause_id, cause_kind, cause_id, step, memo, created_at FROM ledger_postings".to_owned(),
            entry(debit, credit, "USD", 1),
            entry(debit, credit, "CNY", 0),
            entry(debit, credit, "CNY", -1),
            entry(debit, debit, "CNY", 1),
            entry("posting_id", credit, "CNY", 1),
        ] {
            let refused = touch(app, statement.clone()).await;
            assert!(refused.is_err(), "{:?} took: {statement}", app.engine);
        }
        if app.engine == Engine::Postgres {
            assert!(touch(app, "TRUNCATE ledger_entries".to_owned()).await.is_err());
        }
        // What is refused above is refused for its fault, and not for its form.
        assert_eq!(touch(app, entry(debit, credit, "CNY", 1)).await, Ok(()));
        let books = app.payment.verify_books().await.expect("read");
        assert_eq!(books.damage.len(), 1, "{:?}", books.damage);
        assert_eq!(books.damage[0].row, id(&order));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_what_cannot_be_booked_did_not_happen() {
    each_engine(async |app| {
        let pen = Pen::of(app).await;
        if app.engine == Engine::Postgres {
            let function = "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stop'; END $$";
            touch(app, function.to_owned()).await.expect("made");
        }
        // Accounts are made once, so that table comes first; the raw call is written last of all.
        for table in ["ledger_accounts", "ledger_postings", "ledger_entries", "webhook_calls"] {
            let buyer = app.buyer().await;
            let order = app.order(&buyer).await;
            let before = app.count(POSTINGS).await;
            let (make, drop) = match app.engine {
                Engine::Postgres => (
                    format!("CREATE TRIGGER stop BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION stop()"),
                    format!("DROP TRIGGER stop ON {table}"),
                ),
                Engine::Sqlite => (
                    format!("CREATE TRIGGER stop BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'stop'); END"),
                    "DROP TRIGGER stop".to_owned(),
                ),
            };
            touch(app, make).await.expect("made");
            let notice = pen.sign(&pen.paid(&order));
            assert_ne!(app.notify(notice.clone()).await.1, "success", "{table}");
            let status = app.get(&format!("/payments/status/{}", id(&order)), &buyer.token).await;
            assert_eq!(status.expect(StatusCode::OK)["status"], "pending", "{table}");
            app.get("/payments/subscriptions/current", &buyer.token).await.refused(404, "no_subscription");
            assert_eq!(app.count(POSTINGS).await, before, "{table}");
            assert_eq!(app.count("SELECT COUNT(*) FROM webhook_inbox").await, before, "{table}");
            touch(app, drop).await.expect("dropped");
            assert_eq!(app.notify(notice).await.1, "success", "{table}");
            app.get("/payments/subscriptions/current", &buyer.token).await.expect(StatusCode::OK);
            assert_eq!(app.count(POSTINGS).await, before + 1, "{table}");
            app.balance().await;
        }
    })
    .await;
}

/// Takes the guards of the books away, as somebody with the machine can.
async fn unguard(app: &App) {
    for (table, trigger) in [
        ("ledger_postings", "append_only_update"),
        ("ledger_postings", "append_only_delete"),
        ("ledger_entries", "append_only_update"),
        ("ledger_entries", "append_only_delete"),
    ] {
        let on = match app.engine {
            Engine::Postgres => format!(" ON {table}"),
            Engine::Sqlite => String::new(),
        };
        let statement = format!("DROP TRIGGER {table}_{trigger}{on}");
        touch(app, statement).await.expect("dropped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l1_a_row_that_was_touched_by_hand_is_named() {
    each_engine(async |app| {
        let pen = Pen::of(app).await;
        unguard(app).await;
        let of = |order: &Value| {
            format!("(SELECT id FROM ledger_postings WHERE cause_id = {})", literal(app, order))
        };
        let row = |order: &Value| format!("WHERE id = {}", literal(app, order));
        let flip = "UPDATE payment_transactions SET state = 'completed', status = 'completed', paid_at = created_at, payment_provider_id = 'x'";
        let none: &[String] = &[];
        let mut orders = Vec::new();
        for number in 0..7 {
            let buyer = app.buyer().await;
            let order = app.order(&buyer).await;
            // The third is never paid.
            if number != 2 {
                assert_eq!(app.notify(pen.sign(&pen.paid(&order))).await.1, "success");
            }
            orders.push(order);
        }
        app.balance().await;
        let cases = [
            (&orders[0], vec![format!("UPDATE ledger_entries SET amount = 9800 WHERE posting_id = {}", of(&orders[0]))],
                "its posting \"received\" moves 9800 CNY from revenue to provider.alipay (sandbox), and should move 9900 CNY"),
            (&orders[1], vec![
                format!("DELETE FROM ledger_entries WHERE posting_id = {}", of(&orders[1])),
                format!("DELETE FROM ledger_postings WHERE id = {}", of(&orders[1])),
            ], "has no posting \"received\": 9900 CNY"),
            (&orders[2], vec![format!("{flip} {}", row(&orders[2]))], "has no posting \"received\": 9900 CNY"),
            (&orders[3], vec![format!("UPDATE payment_transactions SET amount = 1 {}", row(&orders[3]))], "should move 1 CNY"),
            (&orders[4], vec![format!("UPDATE payment_transactions SET refunded = 100 {}", row(&orders[4]))],
                "refunded is 100, and its refunds make 0"),
            (&orders[5], vec![format!("DELETE FROM ledger_entries WHERE posting_id = {}", of(&orders[5]))],
                "its posting \"received\" moves nothing"),
            (&orders[6], none.to_vec(), ""),
        ];
        for (order, statements, _) in &cases {
            for statement in statements {
                touch(app, statement.clone()).await.expect(statement);
            }
            assert!(!id(order).is_empty());
        }
        // A posting about nothing: known by its own name.
        let orphan = "INSERT INTO ledger_postings (id, cause_kind, cause_id, step, memo, created_at)
            SELECT plan_id, 'payment', user_id, 'received', '', created_at FROM payment_transactions";
        touch(app, format!("{orphan} {}", row(&orders[6]))).await.expect("inserted");

        let (status, said) = verify(app).await;
        assert_eq!(status, Some(1), "{said}");
        for (order, statements, fault) in &cases {
            let named = format!("payment_transactions {}", id(order));
            let line = said.lines().find(|line| line.contains(&named));
            assert_eq!(line.is_some(), !statements.is_empty(), "{named}: {said}");
            assert!(line.is_none_or(|line| line.contains(fault)), "{fault}: {said}");
        }
        assert_eq!(said.matches("that does not exist").count(), 1, "{said}");
        assert_eq!(said.matches("has no entry").count(), 2, "{said}");
        assert_eq!(said.lines().count(), 9, "{said}");

        // The server finds the same by itself, and forgets what is put right.
        let by_hand = app.payment.verify_books().await.expect("read").damage;
        app.clock.advance(Duration::from_secs(61));
        until("the self-audit", async || app.payment.damaged().len() == by_hand.len()).await;
        assert!(by_hand.iter().all(|damage| app.payment.damaged().contains(damage)));
        touch(app, format!("UPDATE payment_transactions SET refunded = 0 {}", row(&orders[4]))).await.expect("put right");
        app.clock.advance(Duration::from_secs(61));
        until("the next round", async || app.payment.damaged().len() == by_hand.len() - 1).await;
    })
    .await;
}
