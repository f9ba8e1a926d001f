//! The twin schemas: the same tables, columns, kinds, keys and checks on both engines.

use std::collections::BTreeMap;

use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::testing::{Engine, TestDatabase, prepare};

/// What one engine has: per table its columns, and the names of keys, indexes, checks and triggers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    tables: BTreeMap<String, Vec<(String, &'static str, bool)>>,
    constraints: Vec<String>,
    indexes: Vec<String>,
}

/// The alphabet of the data model: a pair that is not in it fails.
fn kind(engine: Engine, declared: &str) -> &'static str {
    match (engine, declared) {
        (Engine::Postgres, "uuid") => "id or bytes",
        (Engine::Postgres, "bytea") => "id or bytes",
        (Engine::Sqlite, "BLOB") => "id or bytes",
        (Engine::Postgres, "bigint" | "boolean") => "number",
        // What a view works out has the short name.
        (Engine::Sqlite, "INTEGER" | "INT") => "number",
        (Engine::Postgres, "text" | "timestamp with time zone" | "jsonb") => "text",
        (Engine::Sqlite, "TEXT") => "text",
        (_, other) => panic!("{engine:?} has a column of type {other}"),
    }
}

async fn rows(db: &Db, statement: &'static str) -> Vec<(String, String, String, i64)> {
    on_read!(db, |e| sqlx::query_as(statement).fetch_all(e).await).expect("the catalogue answers")
}

async fn sqlite(db: &Db) -> Schema {
    let mut schema = Schema::default();
    let columns = "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema m JOIN pragma_table_info(m.name) c
        WHERE m.type IN ('table', 'view') AND m.name NOT LIKE '%migrations' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid";
    for (table, column, declared, not_null) in rows(db, columns).await {
        schema.tables.entry(table).or_default().push((
            column,
            kind(Engine::Sqlite, &declared),
            not_null == 1,
        ));
    }
    let sources = "SELECT name, COALESCE(sql, ''), type, 0 FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE '%migrations'";
    for (name, sql, kind, _) in rows(db, sources).await {
        if kind == "index" {
            schema.indexes.push(name);
            continue;
        }
        for part in sql.split("CONSTRAINT ").skip(1) {
            schema
                .constraints
                .push(part.split_whitespace().next().expect("a name").to_owned());
        }
    }
    schema
}

async fn postgres(db: &Db) -> Schema {
    let mut schema = Schema::default();
    let columns = "SELECT table_name::text, column_name::text, data_type::text,
        CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END::bigint FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT LIKE '%migrations' AND table_name NOT LIKE 'usage\\_logs\\_%'
        ORDER BY table_name, ordinal_position";
    for (table, column, declared, not_null) in rows(db, columns).await {
        schema.tables.entry(table).or_default().push((
            column,
            kind(Engine::Postgres, &declared),
            not_null == 1,
        ));
    }
    let constraints = "SELECT conname::text, '', '', 0::bigint FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = 'public' AND t.relname NOT LIKE '%migrations' AND t.relname NOT LIKE 'usage\\_logs\\_%'
        AND contype IN ('p', 'u', 'f', 'c')";
    schema.constraints = rows(db, constraints)
        .await
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    let indexes =
        "SELECT indexname::text, '', '', 0::bigint FROM pg_indexes WHERE schemaname = 'public'
        AND tablename NOT LIKE '%migrations' AND tablename NOT LIKE 'usage\\_logs\\_%'";
    let names = rows(db, indexes).await.into_iter().map(|(name, ..)| name);
    schema.indexes = names
        .filter(|name| !schema.constraints.contains(name))
        .collect();
    schema
}

#[tokio::test]
async fn the_twins_are_alike() {
    let modules = [tollgate_auth::MIGRATIONS, tollgate_payment::MIGRATIONS];
    let file = TestDatabase::new(Engine::Sqlite).await;
    let server = TestDatabase::new(Engine::Postgres).await;
    let (sqlite_db, postgres_db) = (file.open(&modules).await, server.open(&modules).await);
    let (mut left, mut right) = (sqlite(&sqlite_db).await, postgres(&postgres_db).await);
    assert_eq!(left.tables, right.tables);
    for table in DESIGN {
        for column in table.1 {
            assert!(
                left.tables[table.0].iter().any(|(name, ..)| name == column),
                "{}.{column}",
                table.0
            );
        }
    }
    left.indexes.sort();
    right.indexes.sort();
    assert_eq!(left.indexes, right.indexes);
    // SQLite has a check more for each id, time, flag and JSON, since its types are wider.
    left.constraints.sort();
    right.constraints.sort();
    for name in &right.constraints {
        assert!(
            left.constraints.contains(name),
            "{name} is missing on SQLite"
        );
    }
    for name in &left.constraints {
        let column_check = name.ends_with("_check");
        assert!(
            column_check || right.constraints.contains(name),
            "{name} is missing on PostgreSQL"
        );
    }
    sqlite_db.close().await;
    postgres_db.close().await;
    server.remove().await;
}

#[tokio::test]
async fn every_statement_of_every_module_is_understood() {
    tollgate_storage::testing::each_engine(
        &[tollgate_auth::MIGRATIONS, tollgate_payment::MIGRATIONS],
        async |db| {
            let all = tollgate_storage::STATEMENTS
                .iter()
                .chain(tollgate_auth::STATEMENTS)
                .chain(tollgate_payment::STATEMENTS);
            for statements in all {
                prepare(&db, statements).await;
            }
            let over_rows = tollgate_storage::OVER_ROWS.iter();
            let of_modules = tollgate_payment::OVER_ROWS.iter().copied().flatten();
            for over_rows in over_rows.chain(of_modules) {
                let [sqlite, postgres] = over_rows.texts();
                let text = match &db {
                    Db::Sqlite { .. } => sqlite,
                    Db::Postgres(_) => postgres,
                };
                prepare(&db, &[text]).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn inv_p7_q2_the_database_refuses_what_the_code_must_not_do() {
    let modules = [tollgate_payment::MIGRATIONS];
    tollgate_storage::testing::each_engine(&modules, async |db| {
        let id = uuid::Uuid::from_u128(1);
        let at = chrono::DateTime::UNIX_EPOCH;
        let mut tx = db.begin().await.expect("begins");
        tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(
            "INSERT INTO usage_logs (id, user_id, subscription_id, resource_type, quota_cost, created_at, meter, period_start, requested_cost)
             VALUES ($1, $1, $1, 'x', 1, $2, 'm', $2, 1)"
        ).bind(id).bind(at).execute(c).await.map(|_| ())).expect("appended");
        tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(
            "INSERT INTO payment_transactions (id, user_id, amount, currency, payment_method, status, state, created_at, updated_at,
             order_no, purpose, livemode, provider_app_id, provider_merchant_id, link_hash, description, expires_at, paid_at)
             VALUES ($1, $1, 1, 'CNY', 'alipay', 'completed', 'completed', $2, $2, 'x', 'one_off', (1 = 0), '', '', $3, '', $2, $2)"
        ).bind(id).bind(at).bind(vec![0_u8; 32]).execute(c).await.map(|_| ())).expect("written");
        tx.commit().await.expect("commits");
        for statement in [
            "UPDATE usage_logs SET quota_cost = 2",
            "DELETE FROM usage_logs",
            "UPDATE payment_transactions SET state = 'pending', status = 'pending'",
            "UPDATE payment_transactions SET state = 'failed', status = 'failed'",
            "UPDATE payment_transactions SET refunded = 2",
            "UPDATE payment_transactions SET amount = 0",
        ] {
            let mut tx = db.begin().await.expect("begins");
            let refused = tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(statement).execute(c).await.map(|_| ()));
            assert!(refused.is_err(), "{} took: {statement}", db.engine());
        }
    })
    .await;
}

/// The six tables of the original design, with all their columns.
const DESIGN: [(&str, &[&str]); 6] = [
    (
        "users",
        &[
            "id",
            "email",
            "username",
            "hashed_password",
            "is_active",
            "is_superuser",
            "created_at",
            "updated_at",
        ],
    ),
    (
        "subscription_plans",
        &[
            "id",
            "name",
            "price",
            "currency",
            "billing_cycle",
            "quota_type",
            "quota_limit",
            "features",
            "is_active",
            "created_at",
        ],
    ),
    (
        "user_subscriptions",
        &[
            "id",
            "user_id",
            "plan_id",
            "status",
            "current_period_start",
            "current_period_end",
            "quota_used",
            "quota_limit",
            "auto_renew",
            "created_at",
            "updated_at",
        ],
    ),
    (
        "payment_transactions",
        &[
            "id",
            "user_id",
            "subscription_id",
            "amount",
            "currency",
            "payment_method",
            "payment_provider_id",
            "status",
            "metadata",
            "created_at",
            "updated_at",
        ],
    ),
    (
        "api_keys",
        &[
            "id",
            "user_id",
            "key_prefix",
            "key_hash",
            "name",
            "last_used_at",
            "is_active",
            "created_at",
            "expires_at",
        ],
    ),
    (
        "usage_logs",
        &[
            "id",
            "user_id",
            "subscription_id",
            "resource_type",
            "resource_id",
            "quota_cost",
            "created_at",
            "metadata",
        ],
    ),
];
