//! The command line, as a process.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::crash::Process;

fn tollgate(database: &TestDatabase, arguments: &[&str], input: &str) -> Output {
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
