//! A10: what people entrust to the service is in nothing it writes but the database.

use std::fs::File;
use std::process::{Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::crash::Process;
use crate::harness::until;

const EMAIL: &str = "canary.seven@example.com";
const PASSWORD: &str = "canary-orchard-lantern-77";
const WRONG: &str = "canary-walnut-glacier-88";
const NEW: &str = "canary-thimble-harbour-99";

/// Everything that a walk through the service entrusts to it, and everything it gives back.
async fn walk(http: &Client, url: &str) -> Vec<String> {
    let mut secrets: Vec<String> = [EMAIL, PASSWORD, WRONG, NEW].map(str::to_owned).to_vec();
    let call = async |method: &str, path: &str, token: &str, body: Value| -> Value {
        let method = method.parse().expect("a method");
        let mut request = http.request(method, format!("{url}{path}")).json(&body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("answered");
        serde_json::from_str(&answer.text().await.expect("text")).unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let account = json!({ "email": EMAIL, "username": "canary", "password": PASSWORD });
    call("POST", "/auth/register", "", account.clone()).await;
    call("POST", "/auth/register", "", account).await;
    let login = |password: &str| json!({ "email": EMAIL, "password": password });
    call("POST", "/auth/login", "", login(WRONG)).await;
    let pair = call("POST", "/auth/login", "", login(PASSWORD)).await;
    let access = text(&pair["access_token"]);
    let refresh = text(&pair["refresh_token"]);
    let renewed = call(
        "POST",
        "/auth/refresh",
        "",
        json!({ "refresh_token": refresh }),
    )
    .await;
    let made = call("POST", "/auth/api-keys", &access, json!({ "name": "k" })).await;
    let key = text(&made["key"]);
    assert!(key.len() > 40 && access.len() > 100, "the walk walks");
    secrets.extend([
        access.clone(),
        refresh.clone(),
        text(&renewed["refresh_token"]),
        key.clone(),
    ]);
    // Bad ones are secrets of somebody too.
    for credential in [&format!("{key}x"), &format!("{access}x"), &refresh] {
        call("GET", "/auth/me", credential, Value::Null).await;
    }
    call(
        "GET",
        &format!("/auth/me?access_token={access}&api_key={key}"),
        "",
        Value::Null,
    )
    .await;
    let enrolled = call("POST", "/auth/totp/enroll", &access, Value::Null).await;
    secrets.push(text(&enrolled["secret"]));
    call(
        "POST",
        "/auth/reset-password",
        "",
        json!({ "email": EMAIL }),
    )
    .await;
    call(
        "POST",
        "/auth/reset-password",
        "",
        json!({ "token": "ot_canary-token-1234", "new_password": NEW }),
    )
    .await;
    secrets.push("canary-token-1234".to_owned());
    let change = json!({ "current_password": WRONG, "new_password": NEW });
    call("POST", "/auth/change-password", &access, change).await;
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    call("POST", "/auth/change-password", &access, change).await;
    let order = json!({ "plan_slug": "pro", "payment_method": "alipay" });
    call("POST", "/payments/subscriptions/subscribe", &access, order).await;
    call(
        "POST",
        "/quota/consume",
        &key,
        json!({ "resource_type": "x" }),
    )
    .await;
    call(
        "POST",
        "/auth/login",
        "",
        json!({ "email": EMAIL, "password": 7 }),
    )
    .await;
    // A token's signature and a key's random part tell as much as the whole.
    secrets.extend(access.rsplit('.').next().map(str::to_owned));
    secrets.push(key[12..].to_owned());
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a10_nothing_that_is_written_holds_what_people_entrust() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let folder = database.folder();
        let (out, log) = (folder.join("out"), folder.join("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .envs(Process::settings(&database, "data"))
            .env("LOG_LEVEL", "trace")
            .stdout(Stdio::from(File::create(&out).expect("a file")))
            .stderr(Stdio::from(File::create(&log).expect("a file")))
            .spawn()
            .expect("the binary starts");
        let read =
            |path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
        let address = || {
            let text = read(&out);
            let line = text
                .lines()
                .find_map(|line| line.trim().strip_prefix("Health"))?;
            Some(
                line.trim()
                    .trim_end_matches("/health")
                    .replace("localhost", "127.0.0.1"),
            )
        };
        until("an address", async || address().is_some()).await;
        let secrets = walk(&Client::new(), &address().expect("an address")).await;
        let admin = std::fs::read_to_string(folder.join("data/first-admin.txt")).expect("a file");
        child.kill().expect("killed");
        child.wait().expect("gone");

        let written = format!("{}{}", read(&out), read(&log));
        assert!(
            written.contains("/auth/login") && written.len() > 10_000,
            "the log logs"
        );
        let first = admin.lines().nth(1).expect("a password").to_owned();
        for secret in secrets.iter().chain([&first]) {
            assert!(secret.len() > 8, "{secret:?}");
            let at = written.find(secret.as_str());
            let line = at.and_then(|at| written[..at].lines().last());
            assert!(at.is_none(), "{secret} after {}", line.unwrap_or_default());
        }
    }
}
