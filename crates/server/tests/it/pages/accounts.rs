//! Coming in, and one's account, by a browser without script.

mod coming_in;
mod ends;
mod keys;
mod second_factor;
mod settings;

use std::time::Duration;

use serde_json::Value;

use crate::harness::{App, until};

const PASSWORD: &str = "plum orchard lantern 7";
const OTHER: &str = "walnut-glacier-thimble-4";

/// The link of the newest of `count` letters to somebody.
async fn link(app: &App, to: &str, count: usize) -> String {
    let mut found: Vec<Value> = Vec::new();
    until("a letter", async || {
        let address = format!("{}/sandbox/mail?to={to}", app.url);
        let asked = app.http.get(address).header("accept", "application/json");
        let page: Value = asked
            .send()
            .await
            .expect("answered")
            .json()
            .await
            .expect("JSON");
        found.clone_from(page["data"].as_array().expect("letters"));
        found.len() == count
    })
    .await;
    let link = found[0]["links"][0].as_str().expect("a link");
    let path = link.find("/portal").map(|at| &link[at..]);
    path.expect("a page").to_owned()
}

/// A confirmation is too old then.
fn wait_for_doubt(app: &App) {
    app.clock.advance(Duration::from_mins(6));
}
