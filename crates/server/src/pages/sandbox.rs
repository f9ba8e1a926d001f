//! The desk of a sandbox: its clock, and the ways to what plays the outside.

use askama::Template;
use axum::extract::State;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::Problem;

use super::form::Form;
use super::frame::Frame;
use super::visit::Visit;
use crate::sandbox_clock::SandboxClock;

const DAY_SECONDS: u64 = 86_400;
/// What the buttons move the clock by.
const DAYS: [u64; 3] = [1, 7, 31];

#[derive(Template)]
#[template(path = "sandbox.html")]
struct SandboxPage {
    frame: Frame,
    now_at: String,
    now: String,
    ahead: String,
    /// While it moves: hours that are done, of those that are wanted.
    moving: Option<(u64, u64)>,
    buttons: Vec<(u64, String)>,
}

impl SandboxPage {
    fn of(visit: &Visit, now: Timestamp, ahead_seconds: u64, moving: Option<(u64, u64)>) -> Self {
        let words = visit.words();
        let days = |days: u64| words.with("sandbox.days", &[("days", &days)]);
        let frame = Frame::plain(visit, words.say("sandbox.title"));
        Self {
            now_at: now.to_string(),
            now: frame.written().time(now),
            ahead: days(ahead_seconds / DAY_SECONDS),
            moving: moving.map(|(done, of)| (done / 3_600, of / 3_600)),
            buttons: DAYS.map(|count| (count, days(count))).into(),
            frame,
        }
    }
}

/// `GET /sandbox`
pub(super) async fn page(
    visit: Visit,
    State(sandbox): State<SandboxClock>,
) -> Result<Response, Problem> {
    let (clock, moving) = (&sandbox.clock, sandbox.walk.progress());
    super::page(&SandboxPage::of(
        &visit,
        clock.now(),
        clock.ahead().as_secs(),
        moving,
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Days {
    days: String,
}

/// `POST /sandbox/advance`: sets the clock going. The page shows how far it is.
pub(super) async fn advance(
    State(sandbox): State<SandboxClock>,
    Form(Days { days }): Form<Days>,
) -> Result<Redirect, Problem> {
    let days: i64 = days.trim().parse().unwrap_or(0);
    let day = i64::try_from(DAY_SECONDS).unwrap_or(0);
    // Its end is not waited for: whoever wants to, asks for the JSON.
    drop(sandbox.advance(days.saturating_mul(day)).await?);
    Ok(Redirect::to("/sandbox"))
}

/// A button without fields.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

/// `POST /sandbox/stop`
pub(super) async fn stop(
    State(sandbox): State<SandboxClock>,
    Form(Nothing {}): Form<Nothing>,
) -> Redirect {
    sandbox.walk.stop();
    Redirect::to("/sandbox")
}

#[cfg(test)]
mod samples {
    use super::super::samples::{languages, render, visit};
    use super::*;

    #[test]
    fn the_sandbox_renders_from_its_samples() {
        let now = Timestamp::from_seconds(1_780_000_000).expect("a time");
        for (tag, language) in languages() {
            let visit = visit(language);
            for (name, ahead, moving) in [
                ("standing", 0, None),
                (
                    "moving",
                    8 * DAY_SECONDS,
                    Some((7 * DAY_SECONDS, 31 * DAY_SECONDS)),
                ),
            ] {
                let page = SandboxPage::of(&visit, now, ahead, moving);
                render(&format!("sandbox-{name}-{tag}"), &page);
            }
        }
    }
}
