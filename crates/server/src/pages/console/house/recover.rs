//! `/console/webhooks/{id}/recover`: what a receiver missed on some days, sent once more.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::EndpointId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::problem::{FieldError as _, Problem};
use tollgate_payment::Recover;

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::day::{InvalidDay, begin_of_day, end_of_day};
use super::form::{Faults, Field, Shown, Typed};
use super::list::Done;
use super::staff::{Admin, Staff};
use super::webhook::{Sent, shown};
use super::webhooks::PATH;

/// How many were sent, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Recovered {
    recovered: Option<u64>,
}

impl Recovered {
    /// In words; nothing, where nothing was sent.
    pub(super) fn told(&self, frame: &Frame) -> Option<String> {
        let count = frame.written().count(self.recovered?);
        Some(frame.words().with("hooks.recovered", &[("count", &count)]))
    }
}

/// The form, with what was typed.
pub(super) fn form(frame: &Frame, id: EndpointId, (typed, faults): (&Typed, &Faults)) -> Shown {
    let day = |name: &str, word: &str| {
        Field::line(name, frame.say(word), typed)
            .of("date")
            .required()
    };
    let action = format!("{PATH}/{id}/recover");
    Shown::new("recover", action, frame.say("hooks.recover_button"))
        .folded(frame.say("hooks.recover"))
        .fields([
            day("from", "hooks.from").hint(frame.say("hooks.days_hint")),
            day("to", "hooks.until"),
            Field::check(
                "arrived_too",
                frame.say("hooks.arrived_too"),
                typed.is("arrived_too"),
            ),
        ])
        .faults(faults)
}

/// `POST /console/webhooks/{id}/recover`
pub(super) async fn send(
    State(console): State<Console>,
    staff: Staff<Admin>,
    PathId(id): PathId<EndpointId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let mut moment = |name: &str, read: Result<Timestamp, InvalidDay>| {
        let fault = |error: InvalidDay| error.detail().get(staff.language()).to_owned();
        read.map_err(|error| faults.note(name, fault(error))).ok()
    };
    let from = moment("from", begin_of_day(typed.get("from"), staff.visit()));
    let to = moment("to", end_of_day(typed.get("to"), staff.visit()));
    if let Some((from, to)) = from.zip(to) {
        let wanted = Recover {
            from,
            to,
            failed_only: !typed.is("arrived_too"),
        };
        let sent = console
            .payment
            .recover_deliveries(id, &wanted, &staff.origin);
        match sent.await {
            Ok(sent) => {
                let told = format!("{PATH}/{id}?recovered={sent}");
                return Ok(Redirect::to(&told).into_response());
            }
            Err(error) => faults = Faults::of(error.into(), staff.language())?,
        }
    }
    let sent = Sent::Recover(&typed, &faults);
    shown(&console, &staff, id, &Done::default(), None, sent).await
}
