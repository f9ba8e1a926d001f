//! L2 for accounts: what somebody was told is done is there after the process is killed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tollgate_storage::db::Db;
use tollgate_storage::on_read;
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::crash::Process;
use crate::harness::{Answer, Buyer, buyer};

/// Long enough for each client to be told of several deeds: a password costs a good part of a second.
const LOAD: Duration = Duration::from_secs(3);
const ROUNDS: u32 = 2;
/// Far above what an answer takes; a killed server's connections end at once.
const AN_END: Duration = Duration::from_secs(30);

/// A deed whose 2xx a client has read.
#[derive(Clone, Debug)]
enum Deed {
    Registered { username: String },
    KeyMade { key: String },
    KeyDeleted { key: String },
    LoggedOut { access: String, refresh: String },
    PasswordChanged { username: String, new: String },
}

/// What was read, and what was sent and is not known to be done.
#[derive(Clone, Debug, Default)]
struct Diary {
    done: Arc<Mutex<Vec<Deed>>>,
    unknown: Arc<Mutex<Vec<Deed>>>,
}

/// Somebody who acts until the server is gone.
#[derive(Clone, Debug)]
struct Actor {
    http: Client,
    url: String,
    diary: Diary,
}

impl Actor {
    /// `None`: the server is gone, and nobody knows whether it was done.
    async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        // The head alone is an answer too, but not one that was read.
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Answer {
            status,
            headers,
            body,
        })
    }

    /// Notes a deed. `false`: the server is gone.
    fn note(&self, deed: Deed, answer: Option<&Answer>) -> bool {
        match answer {
            Some(answer) if (200..300).contains(&answer.status) => {
                self.diary.done.lock().expect("whole").push(deed);
                true
            }
            // Too many passwords at once, say: it was refused.
            Some(answer) => {
                assert!(
                    matches!(answer.status, 429 | 503),
                    "{deed:?} {}",
                    answer.body
                );
                true
            }
            None => {
                self.diary.unknown.lock().expect("whole").push(deed);
                false
            }
        }
    }

    async fn registers(self, round: u32) {
        for number in 0..1_000_u32 {
            let username = format!("new{round}x{number}");
            let body = json!({ "email": format!("{username}@example.com"), "username": username,
                "password": "walnut glacier thimble 4" });
            let answer = self
                .call(Method::POST, "/auth/register", "", Some(body))
                .await;
            if !self.note(Deed::Registered { username }, answer.as_ref()) {
                return;
            }
        }
    }

    /// Makes keys, and deletes every other one.
    async fn makes_keys(self, owner: Buyer, most: u32) {
        for number in 0..most {
            let body = Some(json!({ "name": format!("k{number}") }));
            let made = self
                .call(Method::POST, "/auth/api-keys", &owner.token, body)
                .await;
            let Some(made) = made.filter(|made| made.status == 201) else {
                return;
            };
            let key = made.body["key"].as_str().expect("a key").to_owned();
            if number % 2 == 0 {
                self.note(Deed::KeyMade { key }, Some(&made));
                continue;
            }
            let path = format!("/auth/api-keys/{}", made.body["id"].as_str().expect("id"));
            let gone = self.call(Method::DELETE, &path, &owner.token, None).await;
            if !self.note(Deed::KeyDeleted { key }, gone.as_ref()) {
                return;
            }
        }
    }

    async fn leaves(self, username: String, password: String) {
        loop {
            let body = json!({ "username": username, "password": password });
            let Some(entered) = self.call(Method::POST, "/auth/login", "", Some(body)).await else {
                return;
            };
            let Some(access) = entered.body["access_token"].as_str().map(str::to_owned) else {
                continue;
            };
            let refresh = entered.body["refresh_token"]
                .as_str()
                .expect("a token")
                .to_owned();
            let out = self
                .call(Method::POST, "/auth/logout", &access, Some(json!({})))
                .await;
            if !self.note(Deed::LoggedOut { access, refresh }, out.as_ref()) {
                return;
            }
        }
    }

    async fn changes(self, username: String, token: String, first: String) {
        let mut current = first;
        for number in 0..1_000_u32 {
            let new = format!("{username} walnut glacier {number} thimble");
            let body = json!({ "current_password": current, "new_password": new });
            let changed = self
                .call(Method::POST, "/auth/change-password", &token, Some(body))
                .await;
            let is_changed = changed.as_ref().is_some_and(|answer| answer.status == 204);
            let deed = Deed::PasswordChanged {
                username: username.clone(),
                new: new.clone(),
            };
            if !self.note(deed, changed.as_ref()) {
                return;
            }
            if is_changed {
                current = new;
            }
        }
    }

    /// A person who has signed in, with the password.
    async fn person(&self, username: &str) -> (String, String) {
        let password = format!("{username} plum orchard lantern");
        let body = json!({ "email": format!("{username}@example.com"), "username": username, "password": password });
        let made = self
            .call(Method::POST, "/auth/register", "", Some(body))
            .await;
        made.expect("answered").expect(StatusCode::CREATED);
        let body = json!({ "username": username, "password": password });
        let entered = self.call(Method::POST, "/auth/login", "", Some(body)).await;
        let entered = entered.expect("answered").expect(StatusCode::OK);
        let token = entered["access_token"].as_str().expect("a token");
        (token.to_owned(), password)
    }

    async fn status(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> u16 {
        let answer = self.call(method, path, token, body).await;
        answer.expect("answered").status
    }
}

/// Everything that was told is so; asked of the new process, and of the database where a question would
/// cost a hash each.
async fn all_is_there(actor: &Actor, db: &Db) {
    let people: Vec<(String,)> = on_read!(db, |e| sqlx::query_as("SELECT username FROM users")
        .fetch_all(e)
        .await)
    .expect("people");
    let done = actor.diary.done.lock().expect("whole").clone();
    let unknown = actor.diary.unknown.lock().expect("whole").clone();
    let mut passwords: Vec<(&str, &str)> = Vec::new();
    for deed in &done {
        match deed {
            Deed::Registered { username } => {
                assert!(
                    people.iter().any(|(name,)| name == username),
                    "{username} is lost"
                );
            }
            Deed::KeyMade { key } => {
                let me = actor.status(Method::GET, "/auth/me", key, None).await;
                assert_eq!(me, 200, "a key is lost");
            }
            Deed::KeyDeleted { key } => {
                let me = actor.status(Method::GET, "/auth/me", key, None).await;
                assert_eq!(me, 401, "a deleted key is back");
            }
            Deed::LoggedOut { access, refresh } => {
                let me = actor.status(Method::GET, "/auth/me", access, None).await;
                assert_eq!(me, 401, "a sign-in that ended is back");
                let body = Some(json!({ "refresh_token": refresh }));
                let pair = actor.status(Method::POST, "/auth/refresh", "", body).await;
                assert_eq!(pair, 401, "a refresh token that ended is back");
            }
            Deed::PasswordChanged { username, new } => {
                passwords.retain(|(name, _)| name != username);
                passwords.push((username, new));
            }
        }
    }
    for (name, last) in passwords {
        let in_doubt = unknown.iter().find_map(|deed| match deed {
            Deed::PasswordChanged { username, new } if username == name => Some(new.as_str()),
            _ => None,
        });
        let mut opens = false;
        for password in [Some(last), in_doubt].into_iter().flatten() {
            let body = Some(json!({ "username": name, "password": password }));
            opens |= actor.status(Method::POST, "/auth/login", "", body).await == 200;
        }
        assert!(opens, "a changed password is lost");
        let body = json!({ "username": name, "password": format!("{name} plum orchard lantern") });
        let old = actor
            .status(Method::POST, "/auth/login", "", Some(body))
            .await;
        assert_eq!(old, 401, "the first password is back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l2_what_people_were_told_survives_kill() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let http = Client::builder().timeout(AN_END).build().expect("a client");
        let mut process = Process::start(&database, "a");
        let db = Db::open(database.url(), 2).await.expect("opens");
        let mut told = [0_usize; 5];
        for round in 0..ROUNDS {
            let actor = Actor {
                http: http.clone(),
                url: process.url.clone(),
                diary: Diary::default(),
            };
            let owner = buyer(&http, &process.url).await;
            let (_, password) = actor.person(&format!("leaver{round}")).await;
            let changer = format!("changer{round}");
            let (token, first) = actor.person(&changer).await;
            let acting = [
                tokio::spawn(actor.clone().registers(round)),
                tokio::spawn(actor.clone().makes_keys(owner, 90)),
                tokio::spawn(actor.clone().leaves(format!("leaver{round}"), password)),
                tokio::spawn(actor.clone().changes(changer, token, first)),
            ];
            tokio::time::sleep(LOAD).await;
            process.kill();
            for one in acting {
                one.await.expect("the client saw nothing but answers");
            }
            process = Process::start(&database, "a");
            let again = Actor {
                url: process.url.clone(),
                ..actor
            };
            all_is_there(&again, &db).await;
            for deed in again.diary.done.lock().expect("whole").iter() {
                let kind = match deed {
                    Deed::Registered { .. } => 0,
                    Deed::KeyMade { .. } => 1,
                    Deed::KeyDeleted { .. } => 2,
                    Deed::LoggedOut { .. } => 3,
                    Deed::PasswordChanged { .. } => 4,
                };
                told[kind] += 1;
            }
        }
        println!("{engine:?}: {told:?} registered, keys made, keys deleted, left, changed");
        assert!(told.iter().all(|count| *count > 0), "{told:?}");
        db.close().await;
        drop(process);
        database.remove().await;
    }
}
