//! Where somebody is signed in, and how to end it.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_auth::model::session::SignIn;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::SessionId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::{Code, Problem};

use super::device::name_of;
use super::{Done, Told, done, sections};
use crate::pages::AccountPages;
use crate::pages::form::Form;
use crate::pages::frame::{Frame, Link, Tab};
use crate::pages::visit::Visitor;

const PATH: &str = "/portal/settings/sessions";
const DONE: Done<2> = [
    ("ended", "sessions.done_ended"),
    ("ended_others", "sessions.done_ended_others"),
];

/// Which one is to end; none: all but this one.
#[derive(Debug, Deserialize)]
pub(super) struct EndForm {
    session: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts_sessions.html")]
struct SessionsPage {
    frame: Frame,
    sections: Vec<Link>,
    done: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    device: String,
    /// The whole of what it calls itself.
    calls_itself: String,
    address: String,
    seen_at: String,
    seen: String,
    began_at: String,
    began: String,
    is_here: bool,
}

/// `GET /portal/settings/sessions`
pub(super) async fn page(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    Params(told): Params<Told>,
) -> Result<Response, Problem> {
    let listed = portal.auth.list_sessions(visitor.user.id).await?;
    let own = caller.session_id();
    let page = filled(&visitor, &listed, own, told.done.as_deref());
    crate::pages::page(&page)
}

fn filled(
    visitor: &Visitor,
    listed: &[SignIn],
    own: Option<SessionId>,
    told: Option<&str>,
) -> SessionsPage {
    let title = visitor.visit.say("sessions.title");
    let frame = Frame::of(visitor, Tab::Settings, title);
    let written = frame.written();
    let row = |session: &SignIn| {
        let calls_itself = session.device.clone().unwrap_or_default();
        Row {
            id: session.id.to_string(),
            device: name_of(&calls_itself).unwrap_or_else(|| frame.say("sessions.unnamed")),
            calls_itself,
            address: session.address.clone().unwrap_or_default(),
            seen_at: session.last_seen_at.to_string(),
            seen: written.time(session.last_seen_at),
            began_at: session.created_at.to_string(),
            began: written.time(session.created_at),
            is_here: own == Some(session.id),
        }
    };
    SessionsPage {
        rows: listed.iter().map(row).collect(),
        sections: sections(&frame, PATH),
        done: done(&frame, &DONE, told),
        frame,
    }
}

/// `POST /portal/settings/sessions`
pub(super) async fn end(
    State(portal): State<AccountPages>,
    visitor: Visitor,
    caller: Caller,
    Form(form): Form<EndForm>,
) -> Result<Response, Problem> {
    let (auth, user) = (&portal.auth, visitor.user.id);
    let Some(session) = form.session else {
        auth.end_other_sessions(user, caller.session_id()).await?;
        return Ok(Redirect::to(&format!("{PATH}?done=ended_others")).into_response());
    };
    // What is no id names nothing.
    let session = session.parse().map_err(|_| Problem::new(Code::NotFound))?;
    if auth.end_session(user, session).await? {
        Ok(Redirect::to(&format!("{PATH}?done=ended")).into_response())
    } else {
        Err(Problem::new(Code::NotFound))
    }
}

#[cfg(test)]
mod samples {
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::ids::Ids;

    use super::*;
    use crate::pages::portal::accounts::samples::{people, visitor};
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, ROWS, languages, render};

    #[test]
    fn sessions_renders_from_its_samples() {
        let clock = Clock::system();
        let ids = Ids::new(clock.clone(), Entropy::seeded(1));
        let [(_, user), ..] = people();
        for (tag, language) in languages() {
            for rows in ROWS {
                let session = |at: usize| SignIn {
                    id: ids.next(),
                    device: [None, Some(HOSTILE), Some(LONG), Some(LONG_ZH)][at % 4]
                        .map(str::to_owned),
                    address: (!at.is_multiple_of(3)).then(|| HOSTILE.to_owned()),
                    created_at: clock.now(),
                    last_seen_at: clock.now(),
                    expires_at: clock.now(),
                };
                let listed: Vec<SignIn> = (0..rows).map(session).collect();
                let own = listed.first().map(|session| session.id);
                let page = filled(&visitor(language, user.clone()), &listed, own, None);
                let html = render(&format!("portal-sessions-{rows}-{tag}"), &page);
                assert_eq!(html.matches("<td data-label").count() > 0, rows > 0);
            }
        }
    }
}
