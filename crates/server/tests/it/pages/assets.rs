//! Style and script.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use tollgate_storage::testing::Engine;

use crate::harness::App;

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_load_is_sent_compressed_and_only_once() {
    let app = App::start(Engine::Sqlite, &[]).await;
    let style = format!("{}/static/tollgate.css", app.url);
    let whole = app.http.get(&style).send().await.expect("an answer");
    assert_eq!(whole.headers().get(CONTENT_ENCODING), None);
    let tag = whole.headers()[ETAG].clone();
    let whole = whole.bytes().await.expect("a style");

    let asked = app.http.get(&style).header(ACCEPT_ENCODING, "gzip");
    let packed = asked.send().await.expect("an answer");
    assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(packed.headers()[VARY], "accept-encoding");
    assert_eq!(packed.headers()[ETAG], tag);
    let packed = packed.bytes().await.expect("a style");
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() * 2 < whole.len());

    let known = app.http.get(&style).header(IF_NONE_MATCH, &tag);
    let known = known.send().await.expect("an answer");
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert!(known.bytes().await.expect("nothing").is_empty());
    let other = app.http.get(&style).header(IF_NONE_MATCH, "W/\"0\"");
    assert_eq!(
        other.send().await.expect("an answer").status(),
        StatusCode::OK
    );

    // A page holds the word of its forms: compressed beside what an address says, its length would tell of it.
    let page = app.http.get(format!("{}/portal/login", app.url));
    let page = page.header(ACCEPT_ENCODING, "gzip").send().await;
    assert_eq!(page.expect("a page").headers().get(CONTENT_ENCODING), None);
    app.stop().await;
}
