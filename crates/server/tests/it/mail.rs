//! Where the letters of a whole service go.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use tokio::sync::watch;
use tollgate::Server;
use tollgate::config::Config;
use tollgate_auth::mailer::samples;
use tollgate_auth::model::user::Locale;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::testing::{ENGINES, TestDatabase};

async fn start(database: &TestDatabase, settings: &[(&str, &str)]) -> Server {
    let folder = database.folder().join("data").display().to_string();
    let variable = database.variable();
    let mut env = BTreeMap::from([
        ("DATABASE_URL", variable.as_str()),
        ("DATA_DIR", folder.as_str()),
        ("ADDR", "127.0.0.1:0"),
        ("JWT_ALGORITHM", "HS256"),
    ]);
    env.extend(settings.iter().copied());
    let env = env
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::from_layers(env.collect(), Path::new("/nonexistent/.env"));
    let config = config.expect("good settings");
    Server::start(&config, Clock::system(), Entropy::system())
        .await
        .expect("starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_sandbox_are_in_its_mailbox() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let server = start(
            &database,
            &[("SANDBOX", "on"), ("PUBLIC_URL", "https://pay.example")],
        )
        .await;
        assert!(server.has_mailbox());
        let (auth, url) = (
            server.auth().clone(),
            format!("http://127.0.0.1:{}", server.port()),
        );
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(server.run(stopping));
        let letters = samples("https://pay.example", Locale::En, Clock::system().now());
        for letter in &letters {
            auth.post_letter(letter).await.expect("posted");
        }
        let ask = async || {
            let request = Client::new().get(format!("{url}/sandbox/mail?to=ann@example.com"));
            let request = request.header(header::ACCEPT, "application/json");
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK);
            let list: Value = answer.json().await.expect("JSON");
            list["data"].as_array().cloned().expect("a list")
        };
        let arrived = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let arrived = ask().await;
                if arrived.len() == letters.len() {
                    return arrived;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let arrived = arrived.await.expect("every letter arrives by itself");
        for letter in &letters {
            let Some((link, _)) = letter.content.link() else {
                continue;
            };
            let fits = |mail: &&Value| mail["links"] == serde_json::json!([link]);
            assert!(
                arrived.iter().any(|mail| fits(&mail)),
                "{link} in {arrived:?}"
            );
        }
        assert!(arrived.iter().all(|mail| {
            mail["subject"]
                .as_str()
                .is_some_and(|text| text.ends_with(" · pay.example"))
        }));
        stop.send(true).expect("still running");
        running.await.expect("ends well");
        database.remove().await;
    }
}

/// S3: told to stop, the service ends within ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn inv_s3_a_mail_server_that_thinks_does_not_hold_up_the_end() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("smtp://{}", silent.local_addr().expect("an address"));
        let smtp = [
            ("SMTP_URL", url.as_str()),
            ("MAIL_FROM", "shop@shop.example"),
            ("SANDBOX", "on"),
        ];
        let server = start(&database, &smtp).await;
        let letters = samples("https://pay.example", Locale::En, Clock::system().now());
        server
            .auth()
            .post_letter(&letters[0])
            .await
            .expect("posted");
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(server.run(stopping));
        let (_connection, _) = silent.accept().await.expect("a hand-over begins");
        stop.send(true).expect("still running");
        let ended = tokio::time::timeout(Duration::from_secs(10), running).await;
        ended.expect("in time").expect("ends well");
        database.remove().await;
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that the log is this test's.
#[tokio::test]
async fn a_service_without_mail_says_so_once_and_one_with_mail_does_not() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    // With only one subscriber, tracing would ask for it on the threads of other tests, which have none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let told = || {
        let text = String::from_utf8(log.0.lock().expect("a log").clone()).expect("text");
        text.matches("mail is off").count()
    };
    for engine in ENGINES {
        let before = told();
        let smtp = [
            ("SMTP_URL", "smtp://localhost:1025"),
            ("MAIL_FROM", "shop@shop.example"),
        ];
        for (sandbox, settings, mailbox, times) in [
            ("off", &smtp[..], false, 0),
            ("on", &smtp, false, 0),
            ("on", &[], true, 0),
            ("off", &[], false, 1),
        ] {
            let database = TestDatabase::new(engine).await;
            let settings = [settings, &[("SANDBOX", sandbox)]].concat();
            let server = start(&database, &settings).await;
            assert_eq!(server.has_mailbox(), mailbox, "{settings:?}");
            server.auth().tick().await.expect("a tick");
            assert_eq!(told() - before, times, "{settings:?}");
            drop(server);
            database.remove().await;
        }
    }
}
