//! The desk of the sandbox: its clock.

use reqwest::StatusCode;
use tollgate_storage::testing::Engine;

use super::browser::Browser;
use crate::harness::{App, until};

/// A page that shows a clock that stands is not loaded anew by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_going_is_seen_moving_and_stops_when_told() {
    let app = App::start(Engine::Sqlite, &[]).await;
    let mut browser = Browser::new(&app);
    browser.get("/sandbox?lang=en").await.hides(&["<progress"]);
    let set = browser.post("/sandbox/advance", &[("days", "31")]).await;
    assert_eq!(set.expect(StatusCode::SEE_OTHER).location(), "/sandbox");
    browser
        .get("/sandbox")
        .await
        .says(&["<progress", "Stop here"]);
    let stopped = browser.post("/sandbox/stop", &[]).await;
    stopped.expect(StatusCode::SEE_OTHER);
    let plain = app.http.get(format!("{}/sandbox", app.url));
    until("the end of its way", async || {
        let page = plain.try_clone().expect("no body").send().await;
        let page = page.expect("an answer").text().await.expect("a page");
        !page.contains("<progress")
    })
    .await;
    app.stop().await;
}
