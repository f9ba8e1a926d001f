//! `/console/audit`: who did what, to what, from where, and what changed; and whether the log is as it was written.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::table::LONGEST_TABLE;
use tollgate_storage::audit::{Filter, Recorded};
use uuid::Uuid;

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::difference::{self, Changed};
use super::form::{Choice, Field, Shown, Typed};
use super::list::{Done, LIMIT, Pager, When, cursor, cut, some};
use super::staff::{AuditRead, Staff};

const PATH: &str = "/console/audit";
/// What deeds are done to.
const KINDS: [&str; 10] = [
    "user",
    "api_key",
    "service_key",
    "email",
    "plan",
    "payment",
    "suspense",
    "job",
    "webhook_endpoint",
    "webhook_event",
];

/// Which deeds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    actor: Option<String>,
    kind: Option<String>,
    subject: Option<String>,
    after: Option<String>,
}

/// Where the log is not as it was written.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Place {
    row: Option<String>,
}

#[derive(Template)]
#[template(path = "house_audit.html")]
struct AuditPage {
    frame: Frame,
    told: String,
    is_bad: bool,
    filters: Vec<Field>,
    is_filtered: bool,
    check: Shown,
    /// The same deeds, to download.
    table: String,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    at: When,
    action: String,
    actor: String,
    /// Of a person.
    actor_href: Option<String>,
    subject: String,
    subject_href: Option<String>,
    reason: String,
    address: String,
    request_id: String,
    changes: Vec<Changed>,
}

fn filters(frame: &Frame, query: &Query) -> Vec<Field> {
    let mut typed = Typed::default();
    for (name, text) in [("actor", &query.actor), ("subject", &query.subject)] {
        typed.put(name, some(text.as_ref()).unwrap_or_default());
    }
    let chosen = some(query.kind.as_ref()).unwrap_or_default();
    let mut kinds = vec![Choice::new("", frame.say("house.all"), chosen)];
    kinds.extend(
        KINDS.map(|kind| Choice::new(kind, frame.say(&format!("deeds.kind_{kind}")), chosen)),
    );
    vec![
        Field::line("actor", frame.say("deeds.actor_id"), &typed),
        Field::choice("kind", frame.say("deeds.kind"), kinds),
        Field::line("subject", frame.say("deeds.subject_id"), &typed),
    ]
}

fn row(frame: &Frame, names: &BTreeMap<Uuid, String>, deed: Recorded) -> Row {
    let by = frame.say(&format!("moment.by_{}", deed.actor_kind));
    let is_person = deed.actor_kind == "user";
    let name = deed
        .actor_id
        .map(|id| names.get(&id).cloned().unwrap_or_else(|| id.to_string()));
    Row {
        at: When::new(frame, deed.at),
        changes: difference::between(deed.before.as_deref(), deed.after.as_deref()),
        actor: name.unwrap_or(by),
        actor_href: deed
            .actor_id
            .filter(|_| is_person)
            .map(|id| format!("/console/users/{id}")),
        subject_href: subject_href(&deed.subject_kind, &deed.subject_id),
        subject: format!("{} {}", deed.subject_kind, deed.subject_id),
        action: deed.action,
        reason: deed.reason.unwrap_or_default(),
        address: deed.address.unwrap_or_default(),
        request_id: deed.request_id.unwrap_or_default(),
    }
}

/// Where the thing is shown, if it has a page.
fn subject_href(kind: &str, id: &str) -> Option<String> {
    let area = match kind {
        "user" => "users",
        "plan" => "plans",
        "payment" => "transactions",
        "webhook_endpoint" => "webhooks",
        "webhook_event" => "callbacks",
        _ => return None,
    };
    let is_id = id
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then(|| format!("/console/{area}/{id}"))
}

/// Who they are, as far as they still have an account.
async fn names(console: &Console, found: &[Recorded]) -> Result<BTreeMap<Uuid, String>, Problem> {
    let mut names = BTreeMap::new();
    let people = found.iter().filter(|deed| deed.actor_kind == "user");
    for id in people.filter_map(|deed| deed.actor_id) {
        if names.contains_key(&id) {
            continue;
        }
        if let Some(user) = console.auth.find_user(UserId::from(id)).await? {
            names.insert(id, user.username);
        }
    }
    Ok(names)
}

/// Which deeds are meant. What is no id is nobody's.
fn filter(query: &Query) -> Filter {
    let kind = some(query.kind.as_ref());
    let actor = some(query.actor.as_ref());
    Filter {
        subject_kind: kind.map(str::to_owned),
        subject_id: some(query.subject.as_ref())
            .filter(|_| kind.is_some())
            .map(str::to_owned),
        actor_id: actor.map(|text| text.parse().unwrap_or(Uuid::nil())),
        before: cursor(query.after.as_ref()),
    }
}

/// Where the same deeds are downloaded, from the newest on.
fn table_href(query: &Query) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("actor", &query.actor),
        ("kind", &query.kind),
        ("subject", &query.subject),
    ] {
        if let Some(value) = some(value.as_ref()) {
            pairs.append_pair(name, value);
        }
    }
    format!("{PATH}.csv?{}", pairs.finish())
}

/// `GET /console/audit.csv`: the deeds of the list, up to 10,000 lines.
pub(super) async fn table(
    State(console): State<Console>,
    _staff: Staff<AuditRead>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let filter = filter(&query);
    console.auth.audit_table(&filter, LONGEST_TABLE).await
}

/// `GET /console/audit`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<AuditRead>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
    Params(place): Params<Place>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.audit"));
    let filter = filter(&query);
    let mut found = console
        .auth
        .audit_log(&filter, LIMIT.saturating_add(1))
        .await?;
    let has_more = cut(&mut found);
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.position.to_string());
    let names = names(&console, &found).await?;
    let mut told = done.told(&frame);
    let number = place
        .row
        .filter(|row| row.bytes().all(|byte| byte.is_ascii_digit()));
    if done.is_bad()
        && let Some(number) = number
    {
        told = frame.words().with("deeds.broken_at", &[("row", &number)]);
    }
    super::super::super::page(&AuditPage {
        told,
        is_bad: done.is_bad(),
        filters: filters(&frame, &query),
        is_filtered: filter.subject_kind.is_some() || filter.actor_id.is_some(),
        table: table_href(&query),
        check: Shown::new("check", "/console/audit/check", frame.say("deeds.check")).look(" quiet"),
        rows: found
            .into_iter()
            .map(|deed| row(&frame, &names, deed))
            .collect(),
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

/// `POST /console/audit/check`: the whole log is read against its codes and its chain.
pub(super) async fn check(
    State(console): State<Console>,
    _staff: Staff<AuditRead>,
    Form(_): Form<Typed>,
) -> Result<Response, Problem> {
    let to = match console.auth.verify_audit_log().await? {
        None => format!("{PATH}?done=whole"),
        Some(broken) => format!("{PATH}?done=broken&row={}", broken.row),
    };
    Ok(Redirect::to(&to).into_response())
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;

    #[test]
    fn the_audit_log_renders_from_its_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let rows = (0..count).map(|at| {
                    let text = [LONG, LONG_ZH, HOSTILE][at % 3].to_owned();
                    let value = serde_json::json!({ "name": text, "price": "99.00" }).to_string();
                    let deed = Recorded {
                        position: 1,
                        id: Uuid::nil().into(),
                        at: Timestamp::EPOCH,
                        actor_kind: "user".to_owned(),
                        actor_id: Some(Uuid::nil()),
                        action: "plan.changed".to_owned(),
                        subject_kind: "plan".to_owned(),
                        subject_id: text.clone(),
                        before: (at % 2 == 0).then(|| "{}".to_owned()),
                        after: Some(value),
                        reason: Some(text.clone()),
                        request_id: Some(Uuid::nil().to_string()),
                        address: Some("2001:db8::1".to_owned()),
                    };
                    row(&frame, &BTreeMap::from([(Uuid::nil(), text)]), deed)
                });
                let page = AuditPage {
                    rows: rows.collect(),
                    told: frame.say("house_done.broken"),
                    is_bad: true,
                    filters: filters(
                        &frame,
                        &Query {
                            actor: Some(HOSTILE.to_owned()),
                            ..Query::default()
                        },
                    ),
                    is_filtered: true,
                    check: Shown::new("check", "", frame.say("deeds.check")),
                    table: table_href(&Query {
                        subject: Some(HOSTILE.to_owned()),
                        ..Query::default()
                    }),
                    pager: Pager::default(),
                    frame,
                };
                samples::render(&format!("console-audit-{count}-{tag}"), &page);
            }
        }
    }

    #[test]
    fn only_what_has_a_page_is_led_to() {
        assert_eq!(
            subject_href("plan", "ab-1").as_deref(),
            Some("/console/plans/ab-1")
        );
        for (kind, id) in [("plan", "../x"), ("job", "ab"), ("email", "a***@x.com")] {
            assert_eq!(subject_href(kind, id), None, "{kind} {id}");
        }
    }
}
