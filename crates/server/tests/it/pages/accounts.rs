//! Coming in, and one's account, by a browser without script.

mod coming_in;
mod ends;
mod keys;
mod second_factor;
mod settings;

use std::time::Duration;

use crate::harness::App;

const PASSWORD: &str = "plum orchard lantern 7";
const OTHER: &str = "walnut-glacier-thimble-4";

/// A confirmation is too old then.
fn wait_for_doubt(app: &App) {
    app.clock.advance(Duration::from_mins(6));
}
