//! The command line, as a process.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tollgate_storage::testing::{ENGINES, Engine, TestDatabase};

use crate::crash::Process;

pub(crate) fn tollgate(database: &TestDatabase, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .envs(Process::settings(database, "data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("ends")
}

async fn login(http: &Client, url: &str, email: &str, password: &str) -> (u16, Value) {
    let body = json!({ "email": email, "password": password });
    let answer = http
        .post(format!("{url}/auth/login"))
        .json(&body)
        .send()
        .await;
    let answer = answer.expect("answered");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn the_first_admin_gets_in_and_the_command_line_lets_others_in() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let process = Process::start(&database, "data");
        let http = Client::new();
        // Not on a terminal: in a file that only its owner reads, and in no log.
        let path = database.folder().join("data/first-admin.txt");
        crate::harness::until("the first admin's file", async || written_now(&path)).await;
        let text = std::fs::read_to_string(&path).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "admin@localhost");
        let (status, tokens) = login(&http, &process.url, lines[0], lines[1]).await;
        assert_eq!(
            (status, &tokens["user"]["is_superuser"]),
            (200, &json!(true))
        );

        let password = "plum-lantern-orchard-9";
        let made = tollgate(
            &database,
            &[
                "admin",
                "create",
                "chief@example.com",
                "--username",
                "chief",
            ],
            password,
        );
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let (status, tokens) = login(&http, &process.url, "chief@example.com", password).await;
        assert_eq!(
            (status, &tokens["user"]["permissions"]),
            (200, &json!(["admin"]))
        );
        let reset = tollgate(
            &database,
            &["admin", "reset-password", "chief@example.com"],
            "",
        );
        let new = String::from_utf8(reset.stdout).expect("text");
        assert_eq!(
            login(&http, &process.url, "chief@example.com", password)
                .await
                .0,
            401
        );
        assert_eq!(
            login(&http, &process.url, "chief@example.com", new.trim())
                .await
                .0,
            200
        );
        for (arguments, input) in [
            (
                &[
                    "admin",
                    "create",
                    "weak@example.com",
                    "--username",
                    "weakling",
                ][..],
                "password1",
            ),
            (&["admin", "create", "not an address"][..], password),
            (&["admin", "reset-password", "nobody@example.com"][..], ""),
        ] {
            let refused = tollgate(&database, arguments, input);
            assert!(
                !refused.status.success() && !refused.stderr.is_empty(),
                "{arguments:?}"
            );
        }
        process.kill();
    }
}

fn written_now(path: &std::path::Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().count() == 3)
}

/// The keys of the look-alike's merchant.
async fn sandbox_keys(file: &std::path::Path) -> Value {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut file = options.connect().await.expect("the sandbox's file");
    let row = sqlx::query("SELECT keys FROM peers WHERE rail = 'alipay'");
    let row = row.fetch_one(&mut file).await.expect("a merchant");
    serde_json::from_str(row.get("keys")).expect("keys")
}

/// What `tollgate doctor` says, and its exit code.
fn doctor(database: &TestDatabase, settings: &[(&str, &str)]) -> (i32, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("doctor")
        .envs(Process::settings(database, "data"))
        .env("SANDBOX", "off")
        .envs(settings.iter().copied())
        .output()
        .expect("the binary runs");
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    (run.status.code().expect("a code"), said)
}

#[tokio::test]
async fn the_doctor_finds_mixed_up_keys_and_ways_that_lead_nowhere() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let process = Process::start(&database, "data");
    let url = process.url.clone();
    let folder = database.folder().join("data");
    // What a merchant of the look-alike would set.
    let merchant = reqwest::get(format!("{url}/sandbox/alipay/merchant")).await;
    let merchant: Value = merchant.expect("answered").json().await.expect("JSON");
    let mode = &merchant["public_key_mode"];
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let app_id = word(&mode["app_id"]);
    let theirs = word(&mode["alipay_public_key"]);
    let gateway = format!("{url}/sandbox/alipay/gateway.do");
    let keys = sandbox_keys(&folder.join("sandbox.db")).await;
    let (own, own_public) = (
        word(&keys["merchant_private"]),
        word(&keys["merchant_public"]),
    );
    let good = [
        ("ALIPAY_APP_ID", app_id.as_str()),
        ("ALIPAY_PRIVATE_KEY", own.as_str()),
        ("ALIPAY_PUBLIC_KEY", theirs.as_str()),
        ("ALIPAY_GATEWAY", gateway.as_str()),
        ("PUBLIC_URL", url.as_str()),
    ];
    let but = |name: &'static str, value: &str| {
        let mut settings: Vec<_> = good.to_vec();
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value));
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        settings
    };
    let look = |settings: &[(String, String)]| {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        doctor(&database, &settings)
    };
    let (code, said) = look(&but("LANG", "C"));
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("ok    alipay         answers, and believes us"),
        "{said}"
    );
    assert!(said.contains("/payments/webhooks/alipay answers"), "{said}");
    assert!(!said.contains(&own), "a key is told");
    for (settings, exit, words) in [
        (
            but("ALIPAY_PUBLIC_KEY", &own_public),
            1,
            "the application's own public key",
        ),
        (but("ALIPAY_APP_ID", "2021999999999999"), 1, "BAD   alipay"),
        (
            but("ALIPAY_GATEWAY", "http://127.0.0.1:1/gateway.do"),
            1,
            "cannot be reached",
        ),
        (
            but("PUBLIC_URL", "http://127.0.0.1:1"),
            1,
            "BAD   PUBLIC_URL",
        ),
        (
            but("PUBLIC_URL", &format!("{url}/elsewhere")),
            1,
            "does not lead to this service",
        ),
        (
            but("ALIPAY_PRIVATE_KEY", "nonsense"),
            1,
            "ALIPAY_PRIVATE_KEY",
        ),
        (
            but("DATABASE_URL", "sqlite:///nowhere/at.db"),
            1,
            "BAD   DATABASE_URL",
        ),
        (but("MASTER_KEY", "short"), 3, "MASTER_KEY"),
    ] {
        let (code, said) = look(&settings);
        assert_eq!(code, exit, "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    drop(process);
    database.remove().await;
}

#[tokio::test]
async fn the_doctor_says_by_what_buyers_pay_where_no_rail_is_set_up() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let process = Process::start(&database, "data");
    for (settings, says, not) in [
        (
            &[("SANDBOX", "off")][..],
            "nobody can pay",
            "pay in the sandbox",
        ),
        // Not on a desk, so there is none either.
        (
            &[("SANDBOX", "auto"), ("ADDR", "0.0.0.0:0")],
            "nobody can pay",
            "pay in the sandbox",
        ),
        (
            &[("SANDBOX", "auto")],
            "pay in the sandbox",
            "nobody can pay",
        ),
        (&[("SANDBOX", "on")], "pay in the sandbox", "nobody can pay"),
    ] {
        let (code, said) = doctor(&database, settings);
        let line = said.lines().find(|line| line.contains("payments"));
        let line = line.expect("a line about payments");
        assert!(line.starts_with("warn") && line.contains(says), "{said}");
        assert!(code == 0 && !said.contains(not), "{said}");
    }
    drop(process);
    database.remove().await;
}

#[tokio::test]
async fn the_tables_are_in_a_schema_of_their_own_where_one_is_set() {
    let database = TestDatabase::new(Engine::Postgres).await;
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env("DATABASE_SCHEMA", "shop");
        Process::start_by(command, &database, "data")
    };
    start().kill();
    let process = start();
    let someone = crate::harness::buyer(&Client::new(), &process.url).await;
    let db = tollgate_storage::db::Db::open(database.url(), 2)
        .await
        .expect("opens");
    let tables = async |statement: &'static str| {
        let (count,): (i64,) =
            tollgate_storage::on_read!(&db, |e| sqlx::query_as(statement).fetch_one(e).await)
                .expect("a number");
        count
    };
    let theirs = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(tables(theirs).await, 0, "the database is somebody else's");
    let ours = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'";
    assert!(tables(ours).await > 40);
    assert_eq!(
        tables("SELECT COUNT(*) FROM shop.api_keys").await,
        1,
        "{}",
        someone.id
    );
    db.close().await;
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["ledger", "verify"])
        .envs(Process::settings(&database, "data"))
        .env("DATABASE_SCHEMA", "shop")
        .output();
    assert!(output.expect("the binary runs").status.success());
    drop(process);
    database.remove().await;
}

#[tokio::test]
async fn a_name_that_is_no_setting_is_told_at_the_start_and_by_the_doctor() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let log = database.folder().join("log");
    let file = std::fs::File::create(&log).expect("a file");
    command.env("ALIPAY_APPID", "1").stderr(file);
    let mut settings = Process::settings(&database, "data");
    settings.retain(|(name, _)| *name != "LOG_LEVEL");
    drop(Process::start_by_settings(command, settings));
    let says = "ALIPAY_APPID is no setting: is ALIPAY_APP_ID meant?";
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(said.contains("WARN") && said.contains(says), "{said}");
    let (code, said) = doctor(&database, &[("ALIPAY_APPID", "1")]);
    assert!(
        code == 0 && said.contains(&format!("warn  settings       {says}")),
        "{said}"
    );
    database.remove().await;
}

/// `tollgate service-keys …`: its exit code, the data and the talk.
fn service_keys(database: &TestDatabase, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [&["service-keys"], arguments].concat();
    let output = tollgate(database, &arguments, "");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn a_service_key_that_cannot_be_is_refused_with_the_reason() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let (code, _, talk) = service_keys(&database, &["list"]);
    assert!(code == Some(3) && talk.contains("DATABASE_URL"), "{talk}");
    drop(Process::start(&database, "data"));
    for (arguments, exit, says) in [
        (&["create", "--name", "x"][..], 2, "--scopes"),
        (
            &["create", "--name", "x", "--scopes", "everything"],
            2,
            "audit.read",
        ),
        (
            &["create", "--name", "", "--scopes", "quota"],
            2,
            "1 to 100 visible characters",
        ),
        (
            &[
                "create",
                "--name",
                "x",
                "--scopes",
                "quota",
                "--allowed-addresses",
                "home",
            ],
            2,
            "not an address",
        ),
        (
            &[
                "create",
                "--name",
                "x",
                "--scopes",
                "quota",
                "--expires-at",
                "2020-01-01T00:00:00Z",
            ],
            1,
            "expires in the past",
        ),
        (&["revoke", "nobody"], 2, "nobody"),
        (
            &["revoke", "0198a000-0000-7000-8000-000000000000"],
            4,
            "no such key",
        ),
    ] {
        let (code, said, talk) = service_keys(&database, arguments);
        assert_eq!(code, Some(exit), "{arguments:?}: {talk}");
        assert!(
            said.is_empty() && talk.contains(says),
            "{arguments:?}: {talk}"
        );
    }
    assert_eq!(service_keys(&database, &["list"]).1, "", "none was made");
    database.remove().await;
}

#[tokio::test]
async fn a_service_key_is_made_listed_and_revoked_on_the_command_line() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let process = Process::start(&database, "data");
        let http = Client::new();
        let introspect = async |key: &str| {
            let call = http.post(format!("{}/auth/introspect", process.url));
            let call = call.bearer_auth(key).form(&[("token", "x")]);
            call.send().await.expect("answered").status().as_u16()
        };
        let run = |arguments: &[&str]| service_keys(&database, arguments);
        let create = [
            "create",
            "--name",
            "viewer",
            "--scopes",
            "quota,introspect,quota",
        ];
        let (code, key, talk) = run(&create);
        assert_eq!(code, Some(0), "{talk}");
        let key = key.trim_end_matches('\n');
        let prefix = ["sk", "test", ""].join("_");
        assert!(
            key.starts_with(&prefix) && !key.contains(char::is_whitespace),
            "one line"
        );
        assert!(!talk.contains(key), "the talk does not repeat it");
        assert_eq!(introspect(key).await, 200);

        let (code, list, _) = run(&["list"]);
        let id = list.split_whitespace().next().expect("an id");
        assert_eq!((code, list.lines().count()), (Some(0), 1), "{list}");
        assert!(
            list.contains("active  introspect,quota  \"viewer\"") && !list.contains(key),
            "{list}"
        );
        let db = tollgate_storage::db::Db::open(database.url(), 2)
            .await
            .expect("opens");
        let by_operator = "SELECT COUNT(*) FROM audit_log WHERE actor_kind = 'operator' AND action = 'service_key.created'";
        let (noted,): (i64,) =
            tollgate_storage::on_read!(&db, |e| sqlx::query_as(by_operator).fetch_one(e).await)
                .expect("a number");
        assert_eq!(noted, 1);
        db.close().await;

        let (code, _, talk) = run(&["revoke", id]);
        assert_eq!(code, Some(0), "{talk}");
        crate::harness::until("it opens nothing", async || introspect(key).await == 401).await;
        assert_eq!(run(&["revoke", id]).0, Some(4), "it is over");
        assert_eq!(run(&["list"]).1, "");
        drop(process);
        database.remove().await;
    }
}

type Settings = Vec<(&'static str, String)>;

/// Settings, and one of them another.
fn but(good: &Settings, name: &'static str, value: &str) -> Settings {
    let mut settings = good.clone();
    settings.retain(|(known, _)| *known != name);
    settings.push((name, value.to_owned()));
    settings
}

/// Of each settings the exit code and a part of what is said; and what is never said.
fn examined(database: &TestDatabase, cases: Vec<(Settings, i32, &str)>, secrets: &[&str]) {
    for (settings, exit, words) in cases {
        let named: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let (code, said) = doctor(database, &named);
        assert_eq!(code, exit, "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
        for secret in secrets {
            assert!(!said.contains(secret), "a secret is told: {words}");
        }
    }
}

#[tokio::test]
async fn the_doctor_tells_wechats_keys_apart() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let process = Process::start(&database, "data");
    let (url, folder) = (process.url.clone(), database.folder().join("data"));
    let file = |name: &str| folder.join(name).display().to_string();
    let merchant = reqwest::get(format!("{url}/sandbox/wechat/merchant")).await;
    let merchant: Value = merchant.expect("answered").json().await.expect("JSON");
    let word = |name: &str| merchant[name].as_str().expect("a text").to_owned();
    let api_key = folder.join("sandbox.wechat/api_v3_key");
    let api_key = std::fs::read_to_string(api_key).expect("a file");
    let both = vec![
        ("WECHAT_APP_ID", word("app_id")),
        ("WECHAT_MCH_ID", word("mch_id")),
        ("WECHAT_API_KEY", api_key.clone()),
        (
            "WECHAT_CERT_PATH",
            file("sandbox.wechat/apiclient_cert.pem"),
        ),
        ("WECHAT_KEY_PATH", file("sandbox.wechat/apiclient_key.pem")),
        ("WECHAT_PUBLIC_KEY_ID", word("public_key_id")),
        ("WECHAT_PUBLIC_KEY_PATH", file("sandbox.wechat/pub_key.pem")),
        ("WECHAT_GATEWAY", format!("{url}/sandbox/wechat")),
        ("PUBLIC_URL", url.clone()),
    ];
    let mut certificates = both.clone();
    certificates.retain(|(name, _)| !name.starts_with("WECHAT_PUBLIC"));
    let known = "ok    wechat         answers";
    let another = "does not belong to WECHAT_KEY_PATH";
    let alipay = |name: &str| file(&format!("sandbox.alipay/{name}"));
    let (app, key) = (alipay("appCertPublicKey.crt"), alipay("appPrivateKey.pem"));
    let theirs = alipay("alipayPublicKey.pem");
    let cases = vec![
        (both.clone(), 0, known),
        (certificates.clone(), 0, known),
        (
            but(&certificates, "WECHAT_API_KEY", &"0".repeat(32)),
            1,
            "BAD   wechat",
        ),
        (but(&both, "WECHAT_API_KEY", "short"), 1, "WECHAT_API_KEY"),
        (but(&both, "WECHAT_CERT_PATH", &app), 1, another),
        (but(&both, "WECHAT_KEY_PATH", &key), 1, another),
        (
            but(&both, "WECHAT_PUBLIC_KEY_PATH", &theirs),
            1,
            "BAD   wechat",
        ),
        (
            but(&both, "WECHAT_PUBLIC_KEY_ID", "12345"),
            1,
            "PUB_KEY_ID_",
        ),
        (but(&both, "WECHAT_MCH_ID", "1900000000"), 1, "BAD   wechat"),
    ];
    examined(&database, cases, &[&api_key]);
    drop(process);
    database.remove().await;
}

#[tokio::test]
async fn the_doctor_tells_stripes_keys_apart() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let process = Process::start(&database, "data");
    let (url, folder) = (process.url.clone(), database.folder().join("data"));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let (key, secret) = (
        read("sandbox.stripe/secretKey"),
        read("sandbox.stripe/webhookSecret"),
    );
    let good = vec![
        ("STRIPE_SECRET_KEY", key.clone()),
        ("STRIPE_WEBHOOK_SECRET", secret.clone()),
        ("STRIPE_GATEWAY", format!("{url}/sandbox/stripe")),
        ("PUBLIC_URL", url.clone()),
    ];
    let other_key = ["sk", "test", "0123456789abcdef0123"].join("_");
    let nowhere = "http://127.0.0.1:1";
    let cases = vec![
        (good.clone(), 0, "ok    stripe         answers"),
        (
            but(&good, "STRIPE_SECRET_KEY", &other_key),
            1,
            "BAD   stripe",
        ),
        (
            but(&good, "STRIPE_SECRET_KEY", &secret),
            1,
            "belongs into STRIPE_WEBHOOK_SECRET",
        ),
        (
            but(&good, "STRIPE_WEBHOOK_SECRET", &key),
            1,
            "is an API key",
        ),
        (
            but(&good, "STRIPE_GATEWAY", nowhere),
            1,
            "cannot be reached",
        ),
    ];
    examined(&database, cases, &[&key, &secret]);
    drop(process);
    database.remove().await;
}
