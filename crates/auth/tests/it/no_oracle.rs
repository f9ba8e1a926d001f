//! A4: whoever asks about somebody and about nobody makes the service do the same work. Times are compared
//! by a program, `bench/src/bin/timing.rs`; here it is the statements, one by one, and the answers.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tollgate_storage::testing::{Engine, TestDatabase, each_engine};
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::harness::{Answer, App, PASSWORD};

const WRONG: &str = "walnut-glacier-thimble-4";

/// The statements of this thread, as the driver tells them.
#[derive(Clone, Debug, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().expect("whole").push(text.0);
        }
    }
}

#[derive(Default)]
struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "summary" {
            value.clone_into(&mut self.0);
        }
    }
}

/// All that an answer says, but for its own number.
fn shape(mut answer: Answer) -> (u16, Value, Vec<String>) {
    answer.headers.remove("x-request-id");
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("request_id");
    }
    let headers = answer.headers.iter();
    let mut headers: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort_unstable();
    (answer.status.as_u16(), answer.body, headers)
}

/// Somebody, somebody who is deactivated, and nobody; by the path, in groups that must be alike.
fn questions() -> Vec<(&'static str, Vec<Value>)> {
    let addresses = ["ann@example.com", "bob@example.com", "eve@example.com"];
    let by_email = addresses.map(|email| json!({ "email": email, "password": WRONG }));
    let names = ["ann", "bob", "eve"];
    let by_name = names.map(|name| json!({ "username": name, "password": WRONG }));
    let resets = addresses.map(|email| json!({ "email": email }));
    vec![
        ("/auth/login", by_email.to_vec()),
        ("/auth/login", by_name.to_vec()),
        ("/auth/reset-password", resets.to_vec()),
    ]
}

async fn with_people(app: &App) {
    app.register("ann").await.ok(201);
    app.register("bob").await.ok(201);
    app.execute("UPDATE users SET is_active = (1 = 0) WHERE username = 'bob'")
        .await;
    // What the driver learns at a first use is learnt.
    for (path, bodies) in questions() {
        for body in bodies {
            app.post_from("198.51.100.1", path, &[], body).await;
        }
    }
}

#[tokio::test]
async fn inv_a4_the_answers_are_alike_in_everything() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        with_people(&app).await;
        for (path, bodies) in questions() {
            let mut shapes = Vec::new();
            for body in bodies {
                shapes.push(shape(app.post_from("198.51.100.2", path, &[], body).await));
            }
            assert!(
                shapes.windows(2).all(|pair| pair[0] == pair[1]),
                "{path}: {shapes:#?}"
            );
        }
        // Something was there to be told.
        app.login("bob", PASSWORD)
            .await
            .refused(401, "user_inactive");
    })
    .await;
}

// On PostgreSQL only: the statements are the same on both engines, but those of SQLite run on threads
// of its driver, where one test cannot tell its own from another's.
#[tokio::test]
async fn inv_a4_the_same_statements_whoever_is_asked_for() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let app = App::new(&database.open(&[]).await).await;
    with_people(&app).await;
    let seen = Statements::default();
    let subscriber = tracing_subscriber::registry().with(seen.clone());
    // This thread's: the runtime of this test has no other.
    let guard = tracing::subscriber::set_default(subscriber);
    for (path, bodies) in questions() {
        let mut all = Vec::new();
        for body in bodies {
            seen.0.lock().expect("whole").clear();
            app.post_from("198.51.100.3", path, &[], body).await;
            all.push(std::mem::take(&mut *seen.0.lock().expect("whole")));
        }
        assert!(all[0].len() >= 3, "{path}: {all:#?}");
        assert!(
            all.windows(2).all(|pair| pair[0] == pair[1]),
            "{path}: {all:#?}"
        );
    }
    drop(guard);
    app.db.close().await;
    database.remove().await;
}
