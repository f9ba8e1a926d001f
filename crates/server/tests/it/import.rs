//! `tollgate users import`, `tollgate api-keys import`, as processes beside a server.

use std::process::Command;

use reqwest::Client;
use serde_json::json;
use tollgate_storage::testing::{ENGINES, TestDatabase};

use crate::crash::Process;

fn import(database: &TestDatabase, what: &str, text: &str) -> (bool, String) {
    let file = database.folder().join("import.csv");
    std::fs::write(&file, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([what, "import"])
        .arg(&file)
        .envs(Process::settings(database, "data"))
        .output()
        .expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(said).expect("text"),
    )
}

#[tokio::test]
async fn inv_a6_a7_customers_of_another_application_come_along() {
    for engine in ENGINES {
        let database = TestDatabase::new(engine).await;
        let process = Process::start(&database, "data");
        let http = Client::new();
        let hash = "$argon2id$v=19$m=8192,t=2,p=2$ofI0KxyvrngES/FvsytnCA$FoUHoZHdS9w0Mxew1mlSKCELckAmu8ZAm1SVIaqn/Cg";
        let people = format!(
            "email,username,hashed_password,locale\nann@example.com,ann,\"{hash}\",en\nbob@example.com, bob ,,\n"
        );
        let (done, said) = import(&database, "users", &people);
        assert!(done && said.contains("2 imported, 0 known"), "{said}");
        let (done, said) = import(&database, "users", &people);
        assert!(done && said.contains("0 imported, 2 known"), "{said}");
        let login = json!({ "email": "ann@example.com", "password": "plum orchard lantern 7" });
        let answer = http
            .post(format!("{}/auth/login", process.url))
            .json(&login);
        assert_eq!(answer.send().await.expect("answered").status(), 200);

        // SHA-256 of a text that another application gave out.
        let sha256 = "5e4b8ac4a7bff1f9a2ef5a5e7a3bfc1cd9aa28ab29c9de27e95f1a5a5ac9cb1b";
        let keys = format!("email,sha256,name\nann@example.com,{sha256},server\n");
        let (done, said) = import(&database, "api-keys", &keys);
        assert!(done && said.contains("1 imported"), "{said}");

        for (what, text, wanted) in [
            (
                "users",
                "email,username\nnot an address,x1y\n",
                "line 2: email",
            ),
            (
                "users",
                "email,username\ncarl@example.com,ann\n",
                "line 2: the user name",
            ),
            (
                "users",
                "email,username,hashed_password\nc@example.com,carl,md5$x\n",
                "line 2: the password hash",
            ),
            ("users", "username\ncarl\n", "missing field `email`"),
            (
                "api-keys",
                "email,sha256,name\nann@example.com,abc,k\n",
                "line 2: sha256",
            ),
            (
                "api-keys",
                &format!("email,sha256,name\nbob@example.com,{sha256},k\n"),
                "line 2: the key belongs",
            ),
            (
                "api-keys",
                &format!("email,sha256,name\nx@example.com,{},k\n", "0".repeat(64)),
                "line 2: no account",
            ),
        ] {
            let (done, said) = import(&database, what, text);
            assert!(!done && said.contains(wanted), "{text}: {said}");
            assert!(said.contains("nothing was imported"), "{said}");
        }
        process.kill();
    }
}
