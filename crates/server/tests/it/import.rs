//! `tollgate import`: by its operations in a running service, and as a process beside a server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use serde_json::{Value, json};
use tollgate::moving_in::{self, Fate, FromDatabase, Kind, Move, MoveError, Report, Totals};
use tollgate::offline::Both;
use tollgate_kernel::clock::Clock;
use tollgate_payment::Counted;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read, settings};

use crate::crash::Process;
use crate::harness::{App, each_engine};

/// SHA-256 of a text that another application gave out.
const SHA256: &str = "5e4b8ac4a7bff1f9a2ef5a5e7a3bfc1cd9aa28ab29c9de27e95f1a5a5ac9cb1b";
const ARGON: &str = "$argon2id$v=19$m=8192,t=2,p=2$ofI0KxyvrngES/FvsytnCA$FoUHoZHdS9w0Mxew1mlSKCELckAmu8ZAm1SVIaqn/Cg";
const PASSWORD: &str = "plum orchard lantern 7";
/// Whatever an import writes.
const EVERYTHING: &str = "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM api_keys) + (SELECT COUNT(*) FROM subscriptions)
    + (SELECT COUNT(*) FROM usage_logs) + (SELECT COUNT(*) FROM quota_grants) + (SELECT COUNT(*) FROM taken_over)
    + (SELECT COUNT(*) FROM audit_log) + (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM ledger_postings)";

fn both(app: &App) -> Both {
    Both {
        db: app.db.clone(),
        auth: app.auth.clone(),
        payment: app.payment.clone(),
        clock: app.clock.clone(),
    }
}

/// So many days from then.
fn day(now: DateTime<Utc>, days: i64) -> String {
    (now + TimeDelta::days(days)).to_rfc3339()
}

/// Of a person with pro, one with a free plan, and their keys.
fn files(now: DateTime<Utc>) -> [(Kind, &'static str, String); 4] {
    let (began, ends, paused) = (day(now, -3), day(now, 27), day(now, -40));
    let people = format!(
        "\u{feff}email,username,hashed_password,locale\r\nann@example.com,ann,\"{ARGON}\",en\r\nbob@example.com, bob ,,\r\n"
    );
    let keys = format!("email,sha256,name\nann@example.com,{SHA256},server\n");
    let subscriptions = json!([
        { "email": "Ann@example.com", "plan_slug": "pro", "status": "active", "current_period_start": began,
          "current_period_end": ends, "paid": "99.00" },
        { "email": "bob@example.com", "plan_slug": "free", "current_period_start": paused },
        { "email": "bob@example.com", "plan_slug": "pro", "status": "expired" },
    ]);
    let balances = "email,quota_type,quota_used,bonus_units,reason,expires_at\n\
        ann@example.com,processing_count,412,,,\n\
        ann@example.com,processing_count,,50,came with the account,\n\
        bob@example.com,processing_count,10,5,for the wait,\n";
    [
        (Kind::Users, "users.csv", people),
        (Kind::ApiKeys, "keys.CSV", keys),
        (
            Kind::Subscriptions,
            "subscriptions.json",
            subscriptions.to_string(),
        ),
        (Kind::Balances, "balances.csv", balances.to_owned()),
    ]
}

fn read(folder: &Path, files: &[(Kind, &'static str, String)]) -> Move {
    let mut what = Move::default();
    for (kind, name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("written");
        what.add_file(*kind, &file).expect("read");
    }
    what
}

/// New, known, over, refused, and the sums.
type Row = (usize, usize, usize, usize, Vec<(String, i64)>);

fn table(report: &Report) -> BTreeMap<&'static str, Row> {
    let row = |totals: &Totals| {
        let sums = totals.sums.clone().into_iter().collect();
        (totals.made, totals.known, totals.over, totals.refused, sums)
    };
    let rows = report.totals.iter();
    rows.map(|(name, totals)| (*name, row(totals))).collect()
}

fn row(made: usize, over: usize, sums: &[(&str, i64)]) -> Row {
    let sums = sums.iter().map(|(of, units)| ((*of).to_owned(), *units));
    (made, 0, over, 0, sums.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_q2_q8_a_dry_run_says_what_a_run_does_and_a_second_does_nothing() {
    each_engine(async |app| {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(app.clock.now().utc());
        let nothing = app.count(EVERYTHING).await;
        let tried = moving_in::run(&both(app), read(folder.path(), &files), true)
            .await
            .expect("tried");
        assert_eq!((tried.fate, &tried.refused), (Fate::Tried, &Vec::new()));
        assert_eq!(
            app.count(EVERYTHING).await,
            nothing,
            "a dry run writes nothing"
        );
        let done = moving_in::run(&both(app), read(folder.path(), &files), false)
            .await
            .expect("done");
        assert_eq!(done.fate, Fate::Written);
        assert_eq!(table(&tried), table(&done));
        let expected = [
            ("users", row(2, 0, &[])),
            ("api-keys", row(1, 0, &[])),
            ("subscriptions", row(2, 1, &[("free", 1), ("pro", 1)])),
            ("quota_used", row(2, 0, &[("processing_count", 422)])),
            ("bonus_units", row(2, 0, &[("processing_count", 55)])),
        ];
        assert_eq!(table(&done), expected.into());
        assert_eq!(
            app.count("SELECT COUNT(*) FROM ledger_postings").await,
            0,
            "no money came"
        );
        let written = app.count(EVERYTHING).await;
        assert!(written > nothing);
        let again = moving_in::run(&both(app), read(folder.path(), &files), false)
            .await
            .expect("done");
        let counts: Vec<_> = again
            .totals
            .iter()
            .map(|(_, of)| (of.made, of.known, of.differing))
            .collect();
        assert_eq!(
            counts,
            [(0, 2, 0), (0, 1, 0), (0, 2, 0), (0, 2, 0), (0, 2, 0)]
        );
        assert_eq!(
            app.count(EVERYTHING).await,
            written,
            "a second run writes nothing"
        );
        app.balance().await;

        // Whoever came signs in, has what they had, and is told where the number comes from.
        let login = json!({ "email": "ann@example.com", "password": PASSWORD });
        let signed_in = app
            .http
            .post(format!("{}/auth/login", app.url))
            .json(&login)
            .send()
            .await;
        let signed_in: Value = signed_in.expect("answered").json().await.expect("JSON");
        let token = signed_in["access_token"].as_str().expect("signed in");
        let explained = app
            .get("/usage/explain", token)
            .await
            .expect(reqwest::StatusCode::OK);
        assert_eq!(
            (&explained["quota"]["remaining"], &explained["agrees"]),
            (&json!(638), &json!(true)),
            "{explained}"
        );
        let steps = explained["steps"].as_array().expect("steps").iter();
        let kinds: Vec<_> = steps
            .map(|step| step["kind"].as_str().expect("a kind"))
            .collect();
        assert_eq!(kinds, ["plan", "bonus", "opening"]);
        let bob = signed_in["user"]["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("an id");
        let explained = app
            .payment
            .explain(bob, &Counted::First)
            .await
            .expect("explained");
        assert!(explained.agrees);
        let operators = app
            .count("SELECT COUNT(*) FROM audit_log WHERE actor_kind = 'operator'")
            .await;
        assert_eq!(operators, 2 + 1 + 2 + 2 + 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q4_of_runs_at_once_one_writes_and_the_others_find_it() {
    each_engine(async |app| {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(app.clock.now().utc());
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (both, what) = (both(app), read(folder.path(), &files));
            runs.spawn(async move { moving_in::run(&both, what, false).await });
        }
        let mut made: Vec<usize> = Vec::new();
        for report in runs.join_all().await {
            let report = report.expect("done");
            assert_eq!((report.fate, report.refused), (Fate::Written, Vec::new()));
            made.push(report.totals.iter().map(|(_, of)| of.made).sum());
        }
        made.sort_unstable();
        assert_eq!(made, [0, 0, 0, 9]);
        assert_eq!(
            app.count("SELECT CAST(SUM(quota_cost) AS BIGINT) FROM usage_logs")
                .await,
            422
        );
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_one_bad_line_of_any_file_and_nothing_is_taken_over() {
    each_engine(async |app| {
        let folder = tempfile::tempdir().expect("a folder");
        let now = app.clock.now().utc();
        let (began, ends) = (day(now, -3), day(now, 27));
        let people = format!(
            "email,username,hashed_password\nnot an address,x1y,\nann@example.com,ann,\n\
             bob@example.com,ann,\ncarl@example.com,carl,md5$x\nann@example.com,ann2,\n\"dora@example.com\",dora,\"{ARGON}\"\n"
        );
        let keys = format!(
            "email,sha256,name\nann@example.com,abc,k\nann@example.com,{SHA256},k\nann@example.com,{SHA256},again\n\
             x@example.com,{},k\n",
            "0".repeat(64)
        );
        let subscriptions = format!(
            "email,plan_slug,current_period_start,current_period_end\nann@example.com,pro,{began},{ends}\n\
             ann@example.com,pro,{began},{ends}\ndora@example.com,none,{began},{ends}\nx@example.com,pro,{began},{ends}\n\
             dora@example.com,pro,{ends},{began}\ndora@example.com,pro,{began},{}\n",
            day(now, -4)
        );
        let balances = "email,quota_type,quota_used\nann@example.com,minutes,1\nann@example.com,processing_count,-1\n\
            ann@example.com,processing_count,1001\ndora@example.com,processing_count,1\n";
        let files = [
            (Kind::Users, "users.csv", people),
            (Kind::ApiKeys, "keys.csv", keys),
            (Kind::Subscriptions, "subscriptions.csv", subscriptions),
            (Kind::Balances, "balances.csv", balances.to_owned()),
        ];
        let before = app.count(EVERYTHING).await;
        let report = moving_in::run(&both(app), read(folder.path(), &files), false).await.expect("looked at");
        assert_eq!(report.fate, Fate::Refused);
        let said: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
        let expected = [
            "users.csv line 2: email: not an e-mail address",
            "users.csv line 4: the user name belongs to another account",
            "users.csv line 5: the password hash is of no scheme known here",
            "users.csv line 6: an earlier entry is about the same",
            "keys.csv line 2: sha256 must be 64 hexadecimal digits",
            "keys.csv line 4: an earlier entry is about the same",
            "keys.csv line 5: no account has this e-mail address",
            "subscriptions.csv line 3: an earlier entry is about the same",
            "subscriptions.csv line 4: no plan is called \"none\" here",
            "subscriptions.csv line 5: no account has this e-mail address",
            "subscriptions.csv line 6: it begins in the future",
            "subscriptions.csv line 7: an earlier entry is about the same",
            "balances.csv line 2: the plan has no quota_type \"minutes\"",
            "balances.csv line 3: quota_used must be 0 to 1000000000",
            "balances.csv line 4: 1001 units are used, and 1000 are there: give bonus units for the difference",
            "balances.csv line 5: no subscription of this person is in force",
        ];
        assert_eq!(said, expected);
        let counts: Vec<_> = report.totals.iter().map(|(_, of)| (of.made, of.refused)).collect();
        assert_eq!(counts, [(2, 4), (1, 3), (1, 5), (0, 4)]);
        assert_eq!(app.count(EVERYTHING).await, before, "nothing was written");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a_run_that_waits_longer_than_the_log_is_left_open_writes_nothing() {
    each_engine(async |app| {
        let folder = tempfile::tempdir().expect("a folder");
        let what = read(folder.path(), &files(app.clock.now().utc()));
        let before = app.count(EVERYTHING).await;
        // Another run is under way.
        let mut other = app.db.begin().await.expect("begins");
        settings::put(&mut other, "import", &json!({}), app.clock.now())
            .await
            .expect("first");
        let both = both(app);
        let mut run = std::pin::pin!(moving_in::run(&both, what, false));
        tokio::select! {
            biased;
            _ = &mut run => panic!("it did not wait"),
            () = std::future::ready(()) => {}
        }
        app.clock.advance(Duration::from_secs(91));
        other.rollback().await.expect("over");
        let outcome = run.await;
        assert!(matches!(outcome, Err(MoveError::TooLong)), "{outcome:?}");
        assert_eq!(app.count(EVERYTHING).await, before);
    })
    .await;
}

/// The tables as SQLAlchemy makes them of the design, on either engine.
const SQLITE: &str = "
    CREATE TABLE users (id CHAR(32) PRIMARY KEY, email VARCHAR NOT NULL, username VARCHAR NOT NULL, hashed_password VARCHAR,
        is_active BOOLEAN, is_superuser BOOLEAN, created_at DATETIME, updated_at DATETIME, locale VARCHAR);
    CREATE TABLE api_keys (id CHAR(32) PRIMARY KEY, user_id CHAR(32), key_prefix VARCHAR, key_hash VARCHAR, name VARCHAR,
        last_used_at DATETIME, is_active BOOLEAN, created_at DATETIME, expires_at DATETIME);
    CREATE TABLE subscription_plans (id CHAR(32) PRIMARY KEY, name VARCHAR, price NUMERIC(10, 2), currency VARCHAR,
        billing_cycle VARCHAR, quota_type VARCHAR, quota_limit INTEGER, features JSON, is_active BOOLEAN);
    CREATE TABLE user_subscriptions (id CHAR(32) PRIMARY KEY, user_id CHAR(32), plan_id CHAR(32), status VARCHAR,
        current_period_start DATETIME, current_period_end DATETIME, quota_used INTEGER, quota_limit INTEGER, auto_renew BOOLEAN);";
const POSTGRES: &str = "
    CREATE TYPE subscription_status AS ENUM ('active', 'cancelled', 'expired');
    CREATE TABLE users (id UUID PRIMARY KEY, email VARCHAR NOT NULL, username VARCHAR NOT NULL, hashed_password VARCHAR,
        is_active BOOLEAN, is_superuser BOOLEAN, created_at TIMESTAMP, updated_at TIMESTAMP, locale VARCHAR);
    CREATE TABLE api_keys (id UUID PRIMARY KEY, user_id UUID, key_prefix VARCHAR, key_hash VARCHAR, name VARCHAR,
        last_used_at TIMESTAMP, is_active BOOLEAN, created_at TIMESTAMP, expires_at TIMESTAMP);
    CREATE TABLE subscription_plans (id UUID PRIMARY KEY, name VARCHAR, price NUMERIC(10, 2), currency VARCHAR,
        billing_cycle VARCHAR, quota_type VARCHAR, quota_limit INTEGER, features JSON, is_active BOOLEAN);
    CREATE TABLE user_subscriptions (id UUID PRIMARY KEY, user_id UUID, plan_id UUID, status subscription_status,
        current_period_start TIMESTAMP, current_period_end TIMESTAMPTZ, quota_used INTEGER, quota_limit INTEGER, auto_renew BOOLEAN);";

/// Another application with four people: one of them locked out, one whose free plan nobody has counted for months, one
/// whose plan is over.
async fn application(engine: Engine, now: DateTime<Utc>) -> TestDatabase {
    let there = TestDatabase::new(engine).await;
    let db = Db::open(there.url(), 2).await.expect("opens");
    let id = |number: u32| match engine {
        Engine::Sqlite => format!("'{number:032x}'"),
        Engine::Postgres => format!("'00000000-0000-0000-0000-{number:012x}'"),
    };
    let (yes, no) = match engine {
        Engine::Sqlite => ("1", "0"),
        Engine::Postgres => ("true", "false"),
    };
    let moment = |days: i64| {
        let at = now + TimeDelta::days(days);
        format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.6f"))
    };
    let [ann, bob, cat, dan, free, pro, old] = [1, 2, 3, 4, 11, 12, 13].map(id);
    let one: Vec<String> = (21..31).map(id).collect();
    let tables = match engine {
        Engine::Sqlite => SQLITE,
        Engine::Postgres => POSTGRES,
    };
    let (began, ends, long_ago, last_month) = (moment(-3), moment(27), moment(-90), moment(-60));
    let fill = format!(
        "{tables}
        INSERT INTO users (id, email, username, hashed_password, is_active, is_superuser, locale) VALUES
            ({ann}, 'Ann@Example.com', 'ann', '{ARGON}', {yes}, {yes}, 'en_US'), ({bob}, 'bob@example.com', 'bob', NULL, {yes}, {no}, 'fr'),
            ({cat}, 'cat@example.com', 'cat', NULL, {no}, {no}, NULL), ({dan}, 'dan@example.com', 'dan', NULL, {yes}, {no}, NULL);
        INSERT INTO api_keys (id, user_id, key_prefix, key_hash, name, is_active, expires_at) VALUES
            ({k0}, {ann}, 'sk_live_abc...', '{SHA256}', 'server', {yes}, NULL), ({k1}, {ann}, 'x', 'y', 'revoked', {no}, NULL),
            ({k2}, {bob}, 'x', 'y', 'over', {yes}, {began});
        INSERT INTO subscription_plans (id, name, price, currency, quota_limit) VALUES
            ({free}, '免费版', 0, 'CNY', 10), ({pro}, 'pro', 99, 'CNY', 1000), ({old}, '老套餐', 49, 'CNY', 500);
        INSERT INTO user_subscriptions (id, user_id, plan_id, status, current_period_start, current_period_end, quota_used, auto_renew) VALUES
            ({s0}, {ann}, {pro}, 'active', {began}, {ends}, 412, {yes}), ({s1}, {ann}, {old}, 'expired', {long_ago}, {last_month}, 7, {no}),
            ({s2}, {bob}, {free}, 'active', {long_ago}, {last_month}, 9, {no}), ({s3}, {cat}, {old}, 'cancelled', {began}, {ends}, 5, {no}),
            ({s4}, {dan}, {old}, 'active', {long_ago}, {last_month}, 5, {no});",
        k0 = one[0], k1 = one[1], k2 = one[2], s0 = one[3], s1 = one[4], s2 = one[5], s3 = one[6], s4 = one[7],
    );
    let mut tx = db.begin().await.expect("begins");
    in_tx!(&mut tx, |c| sqlx::raw_sql(sqlx::AssertSqlSafe(fill))
        .execute(c)
        .await
        .map(|_| ()))
    .expect("filled");
    tx.commit().await.expect("commits");
    db.close().await;
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_q2_a3_the_tables_of_an_application_are_read_and_left_alone() {
    each_engine(async |app| {
        let now = app.clock.now();
        for engine in ENGINES {
            let there = application(engine, now.utc()).await;
            let mut from = FromDatabase {
                url: there.url().clone(),
                only: Vec::new(),
                plans: Vec::new(),
            };
            let here = app.payment.all_plans().await.expect("read");
            let mut what = Move::default();
            what.add_database(&from, &here, now).await.expect("read");
            let refused = moving_in::run(&both(app), what, false)
                .await
                .expect("looked at")
                .refused;
            assert_eq!(refused.len(), 1, "{refused:?}");
            let why =
                "no plan here is called \"老套餐\": say which it is with --plan '老套餐=SLUG'";
            assert_eq!(refused[0].why, why);
            from.plans.push("老套餐=pro".parse().expect("a name"));
            let mut what = Move::default();
            what.add_database(&from, &here, now).await.expect("read");
            let report = moving_in::run(&both(app), what, false).await.expect("done");
            assert_eq!((report.fate, &report.refused), (Fate::Written, &Vec::new()));
            // The second engine holds the same people: all of it came before.
            if engine == ENGINES[0] {
                let expected = [
                    ("users", row(4, 0, &[])),
                    ("api-keys", row(1, 2, &[])),
                    ("subscriptions", row(3, 2, &[("free", 1), ("pro", 2)])),
                    // What was used of a free plan's month that is over is not of this one.
                    ("quota_used", row(3, 0, &[("processing_count", 417)])),
                ];
                assert_eq!(table(&report), expected.into());
            } else {
                let counts: Vec<_> = report
                    .totals
                    .iter()
                    .map(|(_, of)| (of.made, of.known, of.differing))
                    .collect();
                assert_eq!(counts, [(0, 4, 0), (0, 1, 0), (0, 3, 0), (0, 3, 0)]);
            }
            let rows =
                "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM user_subscriptions)";
            let db = Db::open(there.url(), 1).await.expect("opens");
            let (kept,): (i64,) =
                on_read!(&db, |e| sqlx::query_as(rows).fetch_one(e).await).expect("a number");
            assert_eq!(kept, 9);
            db.close().await;
            there.remove().await;
        }
        let locked_out = app
            .count("SELECT COUNT(*) FROM users WHERE NOT is_active")
            .await;
        let admins = app
            .count("SELECT COUNT(*) FROM users WHERE is_superuser AND email LIKE '%@example.com'")
            .await;
        assert_eq!(
            (locked_out, admins),
            (1, 0),
            "nobody is staff here by having been it there"
        );
        assert_eq!(
            app.count("SELECT COUNT(*) FROM subscriptions WHERE state = 'cancelling'")
                .await,
            1
        );
        app.balance().await;
    })
    .await;
}

/// Whether it ended well, and what it said.
fn import(database: &TestDatabase, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("import")
        .args(arguments)
        .current_dir(database.folder())
        .envs(Process::settings(database, "data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a6_a7_customers_of_another_application_come_along() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let process = Process::start(&database, "data");
        let http = Client::new();
        let now = Clock::system().now().utc();
        for (_, name, text) in files(now) {
            std::fs::write(database.folder().join(name), text).expect("written");
        }
        let all = [
            "--users",
            "users.csv",
            "--api-keys",
            "keys.CSV",
            "--subscriptions",
            "subscriptions.json",
            "--balances",
            "balances.csv",
        ];
        let (code, said) = import(&database, &[&all[..], &["--dry-run"]].concat(), "");
        assert!(
            code == Some(0) && said.contains("a dry run: nothing was imported"),
            "{said}"
        );
        let tried = said.replace("a dry run: nothing was imported", "imported");
        let (code, said) = import(&database, &all, "");
        assert_eq!((code, &said), (Some(0), &tried));
        let expected = "                    new    known     over  refused
users                 2        0        0        0
api-keys              1        0        0        0
subscriptions         2        0        1        0   free 1, pro 1
quota_used            2        0        0        0   processing_count 422
bonus_units           2        0        0        0   processing_count 55
imported\n";
        assert_eq!(said, expected);
        let (code, said) = import(&database, &all, "");
        assert!(
            code == Some(0) && said.contains("users                 0        2        0        0"),
            "{said}"
        );
        let login = json!({ "email": "ann@example.com", "password": PASSWORD });
        let answer = http
            .post(format!("{}/auth/login", process.url))
            .json(&login);
        let signed_in: Value = answer
            .send()
            .await
            .expect("answered")
            .json()
            .await
            .expect("JSON");
        let check = http.get(format!(
            "{}/quota/check?resource_type=scan&cost=1",
            process.url
        ));
        let check = check
            .bearer_auth(signed_in["access_token"].as_str().expect("signed in"))
            .send();
        let check: Value = check.await.expect("answered").json().await.expect("JSON");
        assert_eq!(check["quota"]["remaining"], 638, "{check}");

        std::fs::write(
            database.folder().join("bad.csv"),
            "email,plan_slug\nann@example.com,none\n",
        )
        .expect("written");
        let (code, said) = import(&database, &["--subscriptions", "bad.csv"], "");
        assert_eq!(code, Some(1));
        assert!(
            said.contains("nothing was imported\nerror: bad.csv line 2: no plan is called"),
            "{said}"
        );
        assert_eq!(import(&database, &[], "").0, Some(2));
        assert_eq!(
            import(&database, &["--users", "users.csv", "--database", "x"], "").0,
            Some(2)
        );
        let (code, said) = import(&database, &["--users", "none.csv"], "");
        assert!(
            code == Some(1) && said.contains("none.csv: nothing was imported"),
            "{said}"
        );
        // Of a database: its address from standard input, since it may hold a password.
        let (code, said) = import(&database, &["--database", "-"], "mysql://x/y");
        assert!(
            code == Some(1) && said.contains("not a database address"),
            "{said}"
        );
        let there = application(engine, now).await;
        let (code, said) = import(
            &database,
            &["--database", "-", "--only", "api-keys", "--only", "users"],
            &there.variable(),
        );
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("users                 2        2        0        0\napi-keys              0        1        2"), "{said}");
        there.remove().await;
        process.kill();
    }
}
