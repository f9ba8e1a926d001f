//! Documents that are made from the code and kept in the repository, and sentences, which stand in catalogues.

use std::collections::HashSet;
use std::path::Path;

use reqwest::StatusCode;
use tollgate_kernel::problem::Code;

use crate::harness::each_engine;

/// `docs/openapi.json` is what clients are made from. After a change of the interface:
/// `UPDATE_DOCUMENTS=1 cargo test -p tollgate documents`.
#[tokio::test(flavor = "multi_thread")]
async fn the_kept_openapi_document_is_the_served_one() {
    each_engine(async |app| {
        let served = app.get("/openapi.json", "").await.expect(StatusCode::OK);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&served).expect("JSON"));
        if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
            std::fs::write(&file, &text).expect("written");
        }
        let kept = std::fs::read_to_string(&file).expect("docs/openapi.json");
        assert!(kept == text, "docs/openapi.json is not what is served: UPDATE_DOCUMENTS=1 cargo test -p tollgate documents");
        for path in ["/auth/register", "/payments/subscriptions/subscribe", "/quota/consume", "/usage/summary"] {
            assert!(served["paths"][path].is_object(), "{path}");
        }
        let page = app.get("/docs/", "").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.headers["content-type"], "text/html");
    })
    .await;
}

/// Clients are generated from it: what a generator cannot use is a fault.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_name_of_its_own_and_says_where_its_parameters_are() {
    each_engine(async |app| {
        let served = app.get("/openapi.json", "").await.expect(StatusCode::OK);
        let mut names = HashSet::new();
        for (path, item) in served["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("an item") {
                let name = operation["operationId"].as_str().expect("a name");
                assert!(names.insert(name.to_owned()), "{name} twice");
                let parameters = operation["parameters"].as_array();
                for parameter in parameters.into_iter().flatten() {
                    let name = parameter["name"].as_str().expect("a name");
                    let is_in_path = path.contains(&format!("{{{name}}}"));
                    let said = parameter["in"].as_str().expect("a place");
                    assert_eq!(
                        said == "path",
                        is_in_path,
                        "{method} {path} {name} is said to be in {said}"
                    );
                }
            }
        }
        // Bodies of different modules are not one.
        let body = &served["paths"]["/payments/create"]["post"]["requestBody"]["content"];
        let reference = body["application/json"]["schema"]["$ref"]
            .as_str()
            .expect("a schema");
        let schema = reference.rsplit('/').next().expect("its name");
        assert!(
            served["components"]["schemas"][schema]["properties"]["payment_method"].is_object(),
            "{schema}"
        );
    })
    .await;
}

#[test]
fn every_code_is_explained() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md"))
            .expect("docs/errors.md");
    for code in Code::ALL {
        assert!(
            text.contains(&format!("| {} | `{}` |", code.status(), code.as_str())),
            "{code:?} is not in docs/errors.md"
        );
    }
}

/// Where Chinese may stand in code: what providers say in their own name, and names of plans.
const SPOKEN_BY_OTHERS: [&str; 6] = [
    // What the gateways answer: protocol, not our words.
    "crates/sandbox/src/alipay/",
    "crates/sandbox/src/wechat/",
    // Plans that a first start puts on sale, in both languages.
    "crates/server/src/samples.rs",
    // A plan in the letters that the console shows.
    "crates/auth/src/mailer/samples.rs",
    // A plan in an example of the command line.
    "crates/server/src/cli/import.rs",
    // A name that is too long for a page.
    "crates/server/src/pages/samples.rs",
];

/// Every source below a folder, by its path from `root`.
fn sources(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .strip_prefix(root)
            .expect("below")
            .display()
            .to_string();
        if path.is_dir() {
            if !name.ends_with("/tests") {
                sources(root, &path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") && !name.ends_with("/tests.rs")
        {
            found.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
}

/// The lines of a source that compile into the service and hold a Chinese character. Tests stand at the end of a file.
fn chinese(source: &str) -> impl Iterator<Item = &str> {
    let module = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub"];
    let tests = module.iter().filter_map(|module| source.find(module)).min();
    let code = source.split_at(tests.unwrap_or(source.len())).0;
    let is_han = |char: char| ('\u{4e00}'..='\u{9fff}').contains(&char);
    code.lines()
        .filter(move |line| !line.trim_start().starts_with("//") && line.contains(is_han))
}

/// What people read stands in the catalogues of the crates.
#[test]
fn no_sentence_stands_in_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the repository");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).expect("crates") {
        let folder = entry.expect("an entry").path().join("src");
        sources(&root, &folder, &mut found);
    }
    assert!(found.len() > 400, "only {} sources", found.len());
    let mut others = SPOKEN_BY_OTHERS.to_vec();
    for (path, source) in &found {
        let mut lines = chinese(source).peekable();
        let other = SPOKEN_BY_OTHERS
            .iter()
            .find(|other| path.starts_with(*other));
        match other {
            None => assert_eq!(
                lines.next(),
                None,
                "{path}: a sentence belongs into locales/"
            ),
            Some(other) if lines.peek().is_some() => others.retain(|left| left != other),
            Some(_) => {}
        }
    }
    assert_eq!(others, [""; 0], "no Chinese stands there any more");
}

#[test]
fn a_sentence_in_code_is_found() {
    let source = "//! 说明\nlet a = \"说明\";\n#[cfg(test)]\nmod tests { \"说明\" }";
    assert_eq!(chinese(source).collect::<Vec<_>>(), ["let a = \"说明\";"]);
}
