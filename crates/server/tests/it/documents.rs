//! Documents that are made from the code and kept in the repository.

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
