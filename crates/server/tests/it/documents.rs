//! Documents that are made from the code and kept in the repository.

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
