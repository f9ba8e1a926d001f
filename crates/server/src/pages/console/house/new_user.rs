//! `/console/users/new`: an account is opened for somebody, or they are asked to open one.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_auth::By;
use tollgate_auth::model::user::{Email, Locale, Username};
use tollgate_kernel::problem::{FieldErrors, Problem};
use tollgate_kernel::text::Language;

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Faults, Field, Shown, Typed};
use super::staff::{Staff, UsersWrite};
use super::users::PATH;
use crate::words::WORDS;

#[derive(Template)]
#[template(path = "house_new_user.html")]
struct NewUserPage {
    frame: Frame,
    parts: Vec<Part>,
}

struct Part {
    title: String,
    hint: String,
    form: Shown,
}

/// Which of the two forms was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Open,
    Invite,
}

fn parts(frame: &Frame, sent: Sent, typed: &Typed, faults: &Faults) -> Vec<Part> {
    let (nothing, none) = (Typed::default(), Faults::default());
    let of = |which: Sent| {
        if sent == which {
            (typed, faults)
        } else {
            (&nothing, &none)
        }
    };
    let locale = |typed: &Typed| {
        let chosen = typed.get("locale");
        let choices = [("zh", Language::Zh), ("en", Language::En)].map(|(value, language)| {
            Choice::new(value, WORDS.say(language, "language.name"), chosen)
        });
        Field::choice("locale", frame.say("people.locale"), choices.into())
    };
    let (typed, faults) = of(Sent::Open);
    let open = Shown::new("open", PATH, frame.say("people.open")).fields([
        Field::line("email", frame.say("people.email"), typed)
            .of("email")
            .required(),
        Field::line("username", frame.say("people.username"), typed).required(),
        locale(typed),
        Field::line("reason", frame.say("house.reason"), typed),
    ]);
    let open = open.faults(faults);
    let (typed, faults) = of(Sent::Invite);
    let invite = Shown::new(
        "invite",
        "/console/users/invite",
        frame.say("people.invite"),
    )
    .look(" quiet")
    .fields([
        Field::line("email", frame.say("people.email"), typed)
            .of("email")
            .required(),
        locale(typed),
    ])
    .faults(faults);
    vec![
        Part {
            title: frame.say("people.open"),
            hint: frame.say("people.open_hint"),
            form: open,
        },
        Part {
            title: frame.say("people.invite"),
            hint: frame.say("people.invite_hint"),
            form: invite,
        },
    ]
}

fn shown(
    staff: &Staff<UsersWrite>,
    sent: Sent,
    typed: &Typed,
    faults: &Faults,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("people.new"));
    super::super::super::page(&NewUserPage {
        parts: parts(&frame, sent, typed, faults),
        frame,
    })
}

/// `GET /console/users/new`
pub(super) async fn page(staff: Staff<UsersWrite>) -> Result<Response, Problem> {
    shown(&staff, Sent::Nothing, &Typed::default(), &Faults::default())
}

/// What both forms have.
fn read(typed: &Typed, errors: &mut FieldErrors) -> (Option<Email>, Option<Locale>) {
    let email = errors.take("/email", typed.get("email").parse());
    let locale = typed
        .some("locale")
        .map_or(Ok(Locale::default()), str::parse);
    (email, errors.take("/locale", locale))
}

/// `POST /console/users`
pub(super) async fn open(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    match try_open(&console, &staff, &typed).await {
        Ok(to) => Ok(Redirect::to(&to).into_response()),
        Err(problem) => {
            let faults = Faults::of(problem, staff.language())?;
            shown(&staff, Sent::Open, &typed, &faults)
        }
    }
}

async fn try_open(
    console: &Console,
    staff: &Staff<UsersWrite>,
    typed: &Typed,
) -> Result<String, Problem> {
    let mut errors = FieldErrors::new();
    let (email, locale) = read(typed, &mut errors);
    let username = errors.take("/username", typed.get("username").parse::<Username>());
    errors.finish()?;
    let (Some(email), Some(username), Some(locale)) = (email, username, locale) else {
        return Ok(PATH.to_owned());
    };
    let by = By {
        permissions: &staff.permissions,
        origin: &staff.origin,
        reason: typed.some("reason"),
    };
    let user = console
        .auth
        .open_account(&email, &username, locale, &by)
        .await;
    let user = user.map_err(|error| beside(error.into()))?;
    Ok(format!("{PATH}/{}?done=opened", user.id))
}

/// What is taken is said beside its field.
fn beside(problem: Problem) -> Problem {
    use tollgate_kernel::problem::Code;
    let field = match problem.code() {
        Code::EmailTaken => "/email",
        Code::UsernameTaken => "/username",
        _ => return problem,
    };
    let code = problem.code();
    let [zh, en] = [
        tollgate_kernel::text::Language::Zh,
        tollgate_kernel::text::Language::En,
    ]
    .map(|language| code.title(language));
    problem.field(
        field,
        code.as_str(),
        tollgate_kernel::text::Text::new(zh, en),
    )
}

/// `POST /console/users/invite`
pub(super) async fn invite(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let mut errors = FieldErrors::new();
    let read = read(&typed, &mut errors);
    if let Err(problem) = errors.finish() {
        let faults = Faults::of(problem, staff.language())?;
        return shown(&staff, Sent::Invite, &typed, &faults);
    }
    if let (Some(email), Some(locale)) = read {
        console.auth.invite(&email, locale, &staff.origin).await?;
    }
    Ok(Redirect::to("/console/users?done=invited").into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE};
    use super::*;

    #[test]
    fn a_new_user_renders_from_its_samples() {
        for (tag, language) in samples::languages() {
            let visit = samples::visit(language);
            let frame = Frame::plain(&visit, "x".to_owned());
            let mut typed = Typed::default();
            for name in ["email", "username", "reason", "locale"] {
                typed.put(name, HOSTILE);
            }
            let mut faults = Faults::default();
            faults.note("email", HOSTILE.to_owned());
            let page = NewUserPage {
                parts: parts(&frame, Sent::Open, &typed, &faults),
                frame,
            };
            samples::render(&format!("console-new-user-{tag}"), &page);
        }
    }
}
