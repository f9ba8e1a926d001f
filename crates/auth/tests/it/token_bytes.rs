//! A1 and S1: no bytes but those of our own token open anything, and none break the check.

use axum::http::{HeaderValue, Request, header};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tollgate_auth::JwtAlgorithm;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};

use crate::harness::App;
use crate::tokens::{ALGORITHMS, signed_by};

/// What once broke somebody's check, here or elsewhere; new finds are kept here.
const CORPUS: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "....",
    "a",
    "a.b",
    "a.b.c",
    "=.=.=",
    "\u{0}.\u{0}.\u{0}",
    "é.é.é",
    // {"alg":"none"} in several spellings, with and without claims.
    "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJOT05FIn0.e30.",
    "eyJhbGciOiJub25lIn0..",
    // {"alg":"HS256"} with an empty signature; {} ; [] ; null ; "" ; 1e999
    "eyJhbGciOiJIUzI1NiJ9.e30.",
    "e30.e30.",
    "W10.W10.W10",
    "bnVsbA.bnVsbA.",
    "IiI.IiI.",
    "MWU5OTk.MWU5OTk.",
    // {"alg":"HS256","kid":null} and a kid that is a number.
    "eyJhbGciOiJIUzI1NiIsImtpZCI6bnVsbH0.e30.AA",
    "eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.e30.AA",
];

/// One thing done to a good token.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Repeat(usize, usize),
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let (at, byte) = (0..4_096_usize, any::<u8>());
    prop_oneof![
        (at.clone(), byte).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at.clone(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        at.clone().prop_map(Change::Remove),
        at.clone().prop_map(Change::Cut),
        (at.clone(), at.clone()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (at.clone(), at).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

fn changed(token: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = token.as_bytes().to_vec();
    for change in changes {
        let length = bytes.len().max(1);
        let at = |index: &usize| index % length;
        if bytes.is_empty() {
            break;
        }
        match change {
            Change::Replace(index, byte) => bytes[at(index)] = *byte,
            Change::Insert(index, byte) => bytes.insert(at(index), *byte),
            Change::Remove(index) => drop(bytes.remove(at(index))),
            Change::Cut(index) => bytes.truncate(at(index)),
            Change::Repeat(from, to) => {
                let (from, to) = (at(from).min(at(to)), at(from).max(at(to)));
                let part = bytes[from..to].to_vec();
                bytes.extend(part);
            }
            Change::Swap(one, other) => bytes.swap(at(one), at(other)),
        }
    }
    bytes
}

/// Neither as a bearer token nor in an introspection.
async fn opens_nothing(app: &App, bytes: &[u8]) {
    let header = [b"Bearer ", bytes].concat();
    // What no header can hold never arrives as one.
    if let Ok(value) = HeaderValue::from_bytes(&header) {
        let request = Request::builder().header(header::AUTHORIZATION, value);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let found = app.auth.identify_request(&parts).await;
        let problem = found.expect_err("a credential that is not good");
        assert_eq!(problem.code().status(), 401, "{problem:?}");
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let told = app.auth.introspect(&text.clone().into()).await;
    assert!(told.expect("the database is there").is_none());
    app.auth
        .revoke_token(&text.into())
        .await
        .expect("does nothing");
}

fn of(engine: Engine, algorithm: JwtAlgorithm) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (database, app, access) = runtime.block_on(async {
        let database = TestDatabase::new(engine).await;
        let app = App::with(&database.open(&[]).await, signed_by(algorithm)).await;
        let access = app.person("ann").await.text("access_token");
        (database, app, access)
    });
    for text in CORPUS {
        runtime.block_on(opens_nothing(&app, text.as_bytes()));
    }
    let config = || Config {
        failure_persistence: None,
        ..Config::default()
    };
    let arbitrary = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}"
            .prop_map(String::into_bytes),
        "(rt_|sk_test_|sk_live_)[A-Za-z0-9_-]{0,60}".prop_map(String::into_bytes),
    ];
    TestRunner::new(config())
        .run(&arbitrary, |bytes| {
            runtime.block_on(opens_nothing(&app, &bytes));
            Ok(())
        })
        .expect("arbitrary bytes open nothing");
    let mutated = prop::collection::vec(change(), 1..4)
        .prop_map(|changes| changed(&access, &changes))
        .prop_filter("not the token itself", |bytes| {
            bytes.trim_ascii() != access.as_bytes()
        });
    TestRunner::new(config())
        .run(&mutated, |bytes| {
            runtime.block_on(opens_nothing(&app, &bytes));
            Ok(())
        })
        .expect("a changed token opens nothing");
    // The token itself does, all the same: the property was not kept by a check that refuses all.
    runtime.block_on(async {
        app.get("/auth/me", &access).await.ok(200);
        app.db.close().await;
        database.remove().await;
    });
}

#[test]
fn inv_a1_inv_s1_no_other_bytes_than_the_token_open_anything() {
    for engine in ENGINES {
        for algorithm in ALGORITHMS {
            of(engine, algorithm);
        }
    }
}
