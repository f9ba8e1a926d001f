//! `/console/keys`: keys of host applications, made, renewed and ended; each is shown once.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_auth::model::api_key::{KeyName, PlainKey};
use tollgate_auth::model::key_terms::{self, OF_SERVICE_KEYS};
use tollgate_auth::model::service_key::ServiceKey;
use tollgate_auth::{
    CreateKeyError, CreateServiceKey, Initiator, ListKeysError, RotateKey, ServiceKeyList,
};
use tollgate_kernel::ids::ServiceKeyId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::day::end_of_day;
use super::form::{Choice, Faults, Field, Shown, Typed};
use super::list::{Done, LIMIT, Pager, When, cursor};
use super::staff::{Admin, Staff, Sure};
use crate::words::WORDS;

const PATH: &str = "/console/keys";
/// How long an old key may go on, in seconds, and the words for it.
const OVERLAPS: [(&str, &str); 4] = [
    ("86400", "hostkeys.overlap_day"),
    ("604800", "hostkeys.overlap_week"),
    ("2592000", "hostkeys.overlap_month"),
    ("0", "hostkeys.overlap_none"),
];

/// Which page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_keys.html")]
struct KeysPage {
    frame: Frame,
    told: String,
    create: Shown,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    name: String,
    prefix: String,
    scopes: String,
    networks: String,
    used: Option<When>,
    expires: Option<When>,
    is_active: bool,
    forms: Vec<Shown>,
}

/// A secret, this once.
#[derive(Template)]
#[template(path = "house_secret.html")]
pub(super) struct SecretPage {
    pub(super) frame: Frame,
    pub(super) label: String,
    pub(super) secret: String,
    pub(super) back: String,
}

/// The answer that shows a secret; nobody keeps it.
pub(super) fn secret(page: &SecretPage) -> Result<Response, Problem> {
    let mut response = super::super::super::page(page)?;
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

fn create_form(frame: &Frame, typed: &Typed, faults: &Faults, confirm: Option<String>) -> Shown {
    let scopes = OF_SERVICE_KEYS.iter().map(|scope| {
        let name = scope_field(scope);
        let field = Field::check(&name, (*scope).to_owned(), typed.is(&name));
        // A fault of the scopes stands beside the first of them.
        if *scope == OF_SERVICE_KEYS[0] {
            field.also(&["scopes"])
        } else {
            field
        }
    });
    Shown::new("create", PATH, frame.say("hostkeys.create"))
        .folded(frame.say("hostkeys.create"))
        .fields([Field::line("name", frame.say("hostkeys.name"), typed).required()])
        .fields(scopes)
        .fields([
            Field::area("allowed_addresses", frame.say("hostkeys.networks"), typed)
                .hint(frame.say("hostkeys.networks_hint")),
            Field::line("expires_at", frame.say("hostkeys.expires"), typed)
                .of("date")
                .hint(frame.say("hostkeys.expires_hint")),
        ])
        .confirm(confirm)
        .faults(faults)
}

/// A box for each scope; dots are for JSON.
fn scope_field(scope: &str) -> String {
    format!("scope_{}", scope.replace('.', "_"))
}

fn row(frame: &Frame, key: ServiceKey, confirm: Option<&String>) -> Row {
    let choices = OVERLAPS.map(|(seconds, word)| Choice::new(seconds, frame.say(word), "86400"));
    let rotate = Shown::new(
        format!("rotate-{}", key.id),
        format!("{PATH}/{}/rotate", key.id),
        frame.say("hostkeys.rotate"),
    )
    .look(" quiet small")
    .folded(frame.say("hostkeys.rotate"))
    .fields([Field::choice(
        "overlap",
        frame.say("hostkeys.overlap"),
        choices.into(),
    )])
    .confirm(confirm.cloned());
    let delete = Shown::new(
        format!("delete-{}", key.id),
        format!("{PATH}/{}/delete", key.id),
        frame.say("hostkeys.delete"),
    )
    .look(" danger small")
    .folded(frame.say("hostkeys.delete"))
    .confirm(confirm.cloned());
    Row {
        scopes: key.scopes.names().unwrap_or_default().join(", "),
        networks: key.addresses.texts().join(", "),
        used: key.last_used_at.map(|at| When::new(frame, at)),
        expires: key.expires_at.map(|at| When::new(frame, at)),
        is_active: key.is_active,
        name: key.name,
        prefix: key.key_prefix,
        forms: vec![rotate, delete],
    }
}

async fn shown(
    console: &Console,
    staff: &Staff<Admin>,
    (query, done): (&Query, &Done),
    typed: &Typed,
    faults: &Faults,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.keys"));
    let confirm = staff.confirm(console).await;
    let after: Option<ServiceKeyId> = cursor(query.after.as_ref());
    let list = match console.auth.list_service_keys(after, LIMIT).await {
        // A key that was the last of a page may be gone since.
        Err(ListKeysError::Cursor) => ServiceKeyList {
            keys: Vec::new(),
            has_more: false,
        },
        list => list?,
    };
    let older = list
        .keys
        .last()
        .filter(|_| list.has_more)
        .map(|last| last.id.to_string());
    super::super::super::page(&KeysPage {
        told: done.told(&frame),
        create: create_form(&frame, typed, faults, confirm.clone()),
        rows: list
            .keys
            .into_iter()
            .map(|key| row(&frame, key, confirm.as_ref()))
            .collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

/// `GET /console/keys`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<Admin>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let (typed, faults) = (Typed::default(), Faults::default());
    shown(&console, &staff, (&query, &done), &typed, &faults).await
}

fn shown_once(staff: &Staff<Admin>, plain: &PlainKey) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("hostkeys.made"));
    secret(&SecretPage {
        label: frame.say("hostkeys.key"),
        secret: plain.text().to_owned(),
        back: PATH.to_owned(),
        frame,
    })
}

fn wish(staff: &Staff<Admin>, typed: &Typed) -> Result<CreateServiceKey, Problem> {
    let mut errors = FieldErrors::new();
    let name = errors.take("/name", typed.get("name").parse::<KeyName>());
    let asked = OF_SERVICE_KEYS
        .iter()
        .filter(|scope| typed.is(&scope_field(scope)));
    let asked: Vec<String> = asked.map(|scope| (*scope).to_owned()).collect();
    let scopes = key_terms::scopes(&asked, OF_SERVICE_KEYS, &mut errors);
    let addresses = typed.get("allowed_addresses").split([',', '\n', ' ']);
    let addresses: Vec<String> = addresses
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    let addresses = key_terms::addresses(&addresses, &mut errors);
    let expires_at = typed.some("expires_at");
    let expires_at =
        expires_at.and_then(|text| errors.take("/expires_at", end_of_day(text, staff.visit())));
    errors.finish()?;
    let required =
        |pointer: &str| Problem::invalid(pointer, "required", WORDS.text("problem.required"));
    Ok(CreateServiceKey {
        name: name.ok_or_else(|| required("/name"))?,
        scopes: scopes.ok_or_else(|| required("/scopes"))?,
        addresses,
        expires_at,
    })
}

/// `POST /console/keys`
pub(super) async fn create(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let made = match wish(&staff, &typed) {
        Ok(wish) => {
            let by = Initiator::caller(&staff.origin);
            let made = console.auth.create_service_key(&wish, &by).await;
            made.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match made {
        Ok((_, plain)) => shown_once(&staff, &plain),
        Err(problem) => {
            let faults = Faults::of(problem, staff.language())?;
            let at = (&Query::default(), &Done::default());
            shown(&console, &staff, at, &typed, &faults).await
        }
    }
}

/// `POST /console/keys/{id}/rotate`
pub(super) async fn rotate(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<ServiceKeyId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    // What is none of the choices is longer than any key goes on.
    let overlap = typed
        .some("overlap")
        .map_or(Some(86_400), |text| text.parse::<u32>().ok());
    let wish = RotateKey {
        overlap: overlap.map_or(Duration::MAX, |seconds| {
            Duration::from_secs(u64::from(seconds))
        }),
        expires_at: None,
    };
    let by = Initiator::caller(&staff.origin);
    let made: Result<_, CreateKeyError> = console.auth.rotate_service_key(id, wish, &by).await;
    let (_, plain) = made?;
    shown_once(&staff, &plain)
}

/// `POST /console/keys/{id}/delete`
pub(super) async fn delete(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<ServiceKeyId>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let by = Initiator::caller(&staff.origin);
    if !console.auth.delete_service_key(id, &by).await? {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(Redirect::to("/console/keys?done=ended").into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;

    #[test]
    fn keys_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let (mut typed, mut faults) = (Typed::default(), Faults::default());
                for name in ["name", "allowed_addresses", "expires_at"] {
                    typed.put(name, HOSTILE);
                    faults.note(name, HOSTILE.to_owned());
                }
                let rows = (0..count).map(|at| Row {
                    name: [LONG, LONG_ZH, HOSTILE][at % 3].to_owned(),
                    prefix: "sk_test_abc...".to_owned(),
                    scopes: OF_SERVICE_KEYS.join(", "),
                    networks: "2001:db8::/32, 192.0.2.0/24".to_owned(),
                    used: (at % 2 == 0).then(|| When::new(&frame, Timestamp::EPOCH)),
                    expires: (at % 3 == 0).then(|| When::new(&frame, Timestamp::EPOCH)),
                    is_active: at % 4 > 0,
                    forms: vec![Shown::new("delete", "", frame.say("hostkeys.delete"))],
                });
                let page = KeysPage {
                    told: frame.say("house_done.ended"),
                    create: create_form(&frame, &typed, &faults, None),
                    rows: rows.collect(),
                    pager: Pager::default(),
                    frame,
                };
                samples::render(&format!("console-keys-{count}-{tag}"), &page);
            }
            let visit = samples::visit(language);
            let frame = Frame::plain(&visit, "x".to_owned());
            let page = SecretPage {
                label: frame.say("hostkeys.key"),
                secret: "x".repeat(60),
                back: PATH.to_owned(),
                frame,
            };
            samples::render(&format!("console-secret-{tag}"), &page);
        }
    }
}
