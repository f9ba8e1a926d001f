//! What becomes of events: tries that are shown, an endpoint given up, processes that are killed or race.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tollgate_kernel::origin::Origin;
use tollgate_storage::db::Db;
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};
use tollgate_storage::{in_tx, on_read};

use crate::crash::Process;
use crate::harness::{App, buyer, each_engine, until};
use crate::outbound::{DONE, ENDPOINTS, Sink, admin, endpoint, promote};

const DELIVERIES: &str = "/admin/webhook-deliveries";
const TRIES: &str = "SELECT COUNT(*) FROM webhook_tries";

/// Nobody's id.
const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

async fn tested(app: &App, token: &str, endpoint: &str) -> String {
    let path = format!("{ENDPOINTS}/{endpoint}/test");
    let begun = app.post(&path, token, json!({})).await;
    let begun = begun.expect(StatusCode::ACCEPTED);
    begun["delivery_id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_every_try_is_shown_and_each_deed_of_an_admin_is_in_the_audit_log() {
    each_engine(async |app| {
        let (staff, (sink, url)) = (admin(app).await, Sink::open().await);
        let (id, _) = endpoint(app, &staff, &url, &["payment.failed"]).await;
        sink.will_answer(&[(500, None)]);
        let delivery = tested(app, &staff.token, &id).await;
        until("a failure", async || app.count(TRIES).await == 1).await;
        let resend = format!("{DELIVERIES}/{delivery}/resend");
        let again = app.post(&resend, &staff.token, json!({})).await;
        again.refused(422, "validation_failed");
        app.clock.advance(Duration::from_secs(6));
        until("taken", async || app.count(DONE).await == 1).await;
        let again = app.post(&resend, &staff.token, json!({})).await;
        again.expect(StatusCode::ACCEPTED);
        until("taken again", async || app.count(TRIES).await == 3).await;
        let path = format!("{DELIVERIES}/{delivery}");
        let seen = app.get(&path, &staff.token).await.expect(StatusCode::OK);
        assert_eq!(seen["state"], "succeeded");
        assert_eq!(seen["event_type"], "endpoint.test");
        let tries = seen["tries"].as_array().expect("a list");
        let tries: Vec<_> = tries
            .iter()
            .map(|one| (one["attempt"].as_i64(), one["status"].as_i64()))
            .collect();
        let some = |attempt, status| (Some(attempt), Some(status));
        assert_eq!(tries, [some(3, 204), some(2, 204), some(1, 500)]);
        // What is not there is not there.
        for path in [
            format!("{DELIVERIES}/{NOBODY}"),
            format!("{ENDPOINTS}/{NOBODY}"),
        ] {
            app.get(&path, &staff.token).await.refused(404, "not_found");
        }
        let path = format!("{DELIVERIES}/{NOBODY}/resend");
        let nobody = app.post(&path, &staff.token, json!({})).await;
        nobody.refused(404, "not_found");
        let path = format!("{ENDPOINTS}/{id}");
        let shown = app.get(&path, &staff.token).await.expect(StatusCode::OK);
        assert_eq!((&shown["id"], &shown["url"]), (&json!(id), &json!(url)));
        assert_eq!(shown["secret"], Value::Null);
        let deeds = "SELECT COUNT(*) FROM audit_log WHERE subject_kind = 'webhook_endpoint' AND actor_id IS NOT NULL
            AND action IN ('webhook_endpoint.created', 'webhook_endpoint.tested', 'webhook_endpoint.delivery_resent')";
        assert_eq!(app.count(deeds).await, 3);
    })
    .await;
}

/// Two calls at once and one after them: each of what was given up is sent once, batch by batch, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_what_was_missed_in_a_time_is_sent_once_more_and_once() {
    each_engine(async |app| {
        let (staff, (_sink, url)) = (admin(app).await, Sink::open().await);
        let (id, _) = endpoint(app, &staff, &url, &["payment.failed"]).await;
        let path = format!("{ENDPOINTS}/{id}");
        // Switched off, so that what is sent once more waits to be looked at.
        let off = Some(json!({ "enabled": false }));
        let off = app.call(Method::PATCH, &path, &staff.token, off).await;
        off.expect(StatusCode::OK);
        let begin = async |count: usize| {
            for _ in 0..count {
                let id = id.parse().expect("an id");
                let begun = app.payment.test_endpoint(id, &Origin::default()).await;
                begun.expect("begun");
            }
        };
        let from = app.clock.now();
        begin(1_010).await;
        app.clock.advance(Duration::from_mins(1));
        let to = app.clock.now();
        begin(3).await;
        let waits = json!({ "from": from, "to": to.after(Duration::from_hours(1)), "failed_only": false });
        let recover = async |body: &Value| {
            let recover = format!("{path}/recover");
            app.post(&recover, &staff.token, body.clone()).await
        };
        let recovered = async |body: &Value| {
            let done = recover(body).await.expect(StatusCode::ACCEPTED);
            done["recovered"].as_i64().expect("a number")
        };
        assert_eq!(recovered(&waits).await, 0, "all of it is on its way");
        app.damage("UPDATE webhook_deliveries SET state = 'failed', attempts = 10").await;
        app.damage("UPDATE webhook_deliveries SET state = 'succeeded' WHERE id IN
            (SELECT id FROM webhook_deliveries ORDER BY id LIMIT 2)").await;
        let missed = json!({ "from": from, "to": to });
        let (one, two) = tokio::join!(recovered(&missed), recovered(&missed));
        assert_eq!(one + two, 1_008);
        assert_eq!(recovered(&missed).await, 0);
        let open = "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'open' AND fence = 1 AND attempts = 0
            AND finished_at IS NULL";
        assert_eq!(app.count(open).await, 1_008, "each of them once");
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'failed'").await, 3);
        // What arrived is sent again to who asks for that.
        let all = json!({ "from": from, "to": to, "failed_only": false });
        assert_eq!(recovered(&all).await, 2);
        let deeds = "SELECT COUNT(*) FROM audit_log WHERE action = 'webhook_endpoint.deliveries_recovered'
            AND subject_kind = 'webhook_endpoint' AND actor_id IS NOT NULL";
        let written = app.count(deeds).await;
        assert!((4..=7).contains(&written), "{written}: by batches");
        // What cannot be meant, and what is not there.
        for (body, field) in [
            (json!({ "from": to, "to": from }), "/to"),
            (json!({ "from": from, "to": from }), "/to"),
            (json!({ "to": to }), "/from"),
            (json!({ "from": "yesterday", "to": to }), "/from"),
        ] {
            let refused = recover(&body).await.refused(422, "validation_failed");
            assert_eq!(refused["errors"][0]["field"], field, "{body}");
        }
        let unknown = json!({ "from": from, "to": to, "limit": 1 });
        recover(&unknown).await.refused(422, "unknown_field");
        let nobodys = format!("{ENDPOINTS}/{NOBODY}/recover");
        let nobody = app.post(&nobodys, &staff.token, missed).await;
        nobody.refused(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_f26_who_takes_nothing_for_five_days_is_switched_off_and_not_before() {
    each_engine(async |app| {
        let (staff, (sink, url)) = (admin(app).await, Sink::open().await);
        let (id, _) = endpoint(app, &staff, &url, &[]).await;
        sink.will_answer(&[(503, None); 3]);
        tested(app, &staff.token, &id).await;
        let shown = async || {
            let staff = admin(app).await;
            let path = format!("{ENDPOINTS}/{id}");
            app.get(&path, &staff.token).await.expect(StatusCode::OK)
        };
        // Only the test event counts below: the admins who look are news too.
        app.damage("UPDATE webhook_endpoints SET kinds = '[\"payment.failed\"]'")
            .await;
        until("a failure", async || app.count(TRIES).await == 1).await;
        app.clock.advance(Duration::from_hours(5 * 24 - 1));
        until("another", async || app.count(TRIES).await == 2).await;
        let before = shown().await;
        assert_eq!(before["enabled"], true);
        assert_ne!(before["failing_since"], Value::Null);
        app.clock.advance(Duration::from_hours(1));
        until("the last", async || app.count(TRIES).await == 3).await;
        until("it is off", async || shown().await["enabled"] == false).await;
        assert_eq!(
            shown().await["disabled_reason"],
            "it took nothing for five days"
        );
        // The admins are written to.
        let letters = async || {
            let list = app.get("/sandbox/mail?lang=en", "").await;
            let list = list.expect(StatusCode::OK);
            let list = list.as_str().expect("text").to_owned();
            list.matches("An endpoint for events was switched off")
                .count()
                + list.matches("事件接收地址已停用").count()
        };
        until("a letter", async || letters().await > 0).await;
        // It is not called any more, until somebody switches it on; then what waited is taken.
        app.clock.advance(Duration::from_hours(24));
        let staff = admin(app).await;
        assert_eq!(sink.calls().len(), 3);
        let path = format!("{ENDPOINTS}/{id}");
        let on = json!({ "enabled": true });
        let on = app
            .call(reqwest::Method::PATCH, &path, &staff.token, Some(on))
            .await;
        assert_eq!(on.expect(StatusCode::OK)["failing_since"], Value::Null);
        until("it arrives", async || app.count(DONE).await == 1).await;
        assert_eq!(sink.calls().len(), 4);
    })
    .await;
}

async fn count(db: &Db, statement: &'static str) -> i64 {
    let (count,): (i64,) =
        on_read!(db, |e| sqlx::query_as(statement).fetch_one(e).await).expect("a number");
    count
}

/// Makes an endpoint at `url` for new people; gives its id and an admin's token.
async fn receiver(db: &Db, http: &Client, service: &str, url: &str) -> (String, String) {
    let staff = buyer(http, service).await;
    promote(db, &staff).await;
    let body = json!({ "url": url, "event_types": ["user.created"] });
    let made = http
        .post(format!("{service}{ENDPOINTS}"))
        .bearer_auth(&staff.token);
    let made = made.json(&body).send().await.expect("answered");
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.expect("JSON");
    (made["id"].as_str().expect("an id").to_owned(), staff.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_a_kill_between_sending_and_noting_repeats_the_event_and_loses_none() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let ((sink, url), (trap, proxy)) = (Sink::open().await, Sink::open().await);
        // A proxy of the environment would connect where we must not.
        let behind_a_proxy = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
            command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
            command
        };
        let process = Process::start_by(behind_a_proxy(), &database, "a");
        let db = Db::open(database.url(), 4).await.expect("opens");
        let http = Client::builder().no_proxy().build().expect("a client");
        let (id, token) = receiver(&db, &http, &process.url, &url).await;
        *sink.hangs.lock().expect("whole") = true;
        let test = http.post(format!("{}{ENDPOINTS}/{id}/test", process.url));
        let test = test.bearer_auth(&token).send().await.expect("answered");
        assert_eq!(test.status(), StatusCode::ACCEPTED);
        until("it is sent", async || sink.calls().len() == 1).await;
        process.kill();
        assert_eq!(count(&db, TRIES).await, 0, "nobody noted it");
        // Its lease is over.
        let over = "UPDATE webhook_deliveries SET due_at = created_at";
        let mut tx = db.begin().await.expect("begins");
        in_tx!(&mut tx, |c| sqlx::query(over).execute(c).await.map(|_| ())).expect("changed");
        tx.commit().await.expect("commits");
        *sink.hangs.lock().expect("whole") = false;
        let process = Process::start_by(behind_a_proxy(), &database, "a");
        until("it is taken", async || count(&db, DONE).await == 1).await;
        let calls = sink.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!((&calls[0].0, &calls[0].3), (&calls[1].0, &calls[1].3));
        assert!(trap.calls().is_empty(), "by way of a proxy");
        drop(process);
        db.close().await;
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l4_two_processes_bring_each_event_once() {
    const PEOPLE: usize = 30;
    // A file of SQLite belongs to one process.
    let database = TestDatabase::new(Engine::Postgres).await;
    let (sink, url) = Sink::open().await;
    let first = Process::start(&database, "a");
    let second = Process::start(&database, "b");
    let db = Db::open(database.url(), 4).await.expect("opens");
    let http = Client::new();
    receiver(&db, &http, &first.url, &url).await;
    for person in 0..PEOPLE {
        let service = if person % 2 == 0 { &first } else { &second };
        buyer(&http, &service.url).await;
    }
    let done = i64::try_from(PEOPLE).expect("few");
    until("all are taken", async || count(&db, DONE).await == done).await;
    let calls = sink.calls();
    let ids: BTreeSet<_> = calls.iter().map(|call| &call.0).collect();
    assert_eq!((calls.len(), ids.len()), (PEOPLE, PEOPLE));
    drop((first, second));
    db.close().await;
    database.remove().await;
}
