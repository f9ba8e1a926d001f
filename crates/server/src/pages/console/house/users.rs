//! `/console/users`: everybody who has an account, found by address, name or id.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_auth::Search;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::Params;
use tollgate_kernel::money::Money;
use tollgate_kernel::permission::{PAYMENTS_READ, USERS_WRITE};
use tollgate_kernel::problem::Problem;

use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Choice, Field, Typed};
use super::list::{Done, LIMIT, Pager, When, cursor, cut, some};
use super::staff::{Staff, UsersRead};

pub(super) const PATH: &str = "/console/users";

/// Whom somebody looks for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    q: Option<String>,
    active: Option<String>,
    staff: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "house_users.html")]
struct UsersPage {
    frame: Frame,
    told: String,
    /// To where an account is opened, for who may.
    open: Option<&'static str>,
    filters: Vec<Field>,
    is_filtered: bool,
    /// For who may see what people pay.
    has_spent: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: UserId,
    username: String,
    email: String,
    plan: String,
    /// By currency.
    spent: Vec<String>,
    seen: Option<When>,
    is_active: bool,
}

/// `yes` or `no`.
fn told(word: Option<&String>) -> Option<bool> {
    match some(word) {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => None,
    }
}

fn filters(frame: &Frame, query: &Query) -> Vec<Field> {
    let mut typed = Typed::default();
    typed.put("q", some(query.q.as_ref()).unwrap_or_default());
    let choice = |name: &str, words: [&str; 2], chosen: Option<&String>| {
        let chosen = some(chosen).unwrap_or_default();
        let choices = [("", "house.all"), ("yes", words[0]), ("no", words[1])];
        let choices = choices.map(|(value, word)| Choice::new(value, frame.say(word), chosen));
        (name.to_owned(), choices.into())
    };
    let field = |(name, choices): (String, Vec<Choice>), label: &str| {
        Field::choice(&name, frame.say(label), choices)
    };
    vec![
        Field::line("q", frame.say("people.search"), &typed).of("search"),
        field(
            choice(
                "active",
                ["people.active", "people.inactive"],
                query.active.as_ref(),
            ),
            "house.state",
        ),
        field(
            choice(
                "staff",
                ["people.staff", "people.not_staff"],
                query.staff.as_ref(),
            ),
            "people.kind",
        ),
    ]
}

/// Each currency for itself.
fn sums(frame: &Frame, spent: Option<Vec<Money>>) -> Vec<String> {
    let spent = spent.unwrap_or_default().into_iter();
    spent.map(|sum| frame.written().price(sum)).collect()
}

/// `GET /console/users`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<UsersRead>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let frame = staff.frame(PATH, staff.visit().say("console.users"));
    let search = Search {
        text: some(query.q.as_ref()).map(str::to_owned),
        is_active: told(query.active.as_ref()),
        is_staff: told(query.staff.as_ref()),
        before: cursor(query.after.as_ref()),
    };
    let mut found = console
        .auth
        .search_users(&search, LIMIT.saturating_add(1))
        .await?;
    let has_more = cut(&mut found);
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| last.user.id.to_string());
    let has_spent = staff.holds(PAYMENTS_READ);
    let people = found.iter().map(|listed| listed.user.id);
    let mut plans = console.payment.current_plans(people.clone()).await?;
    let mut spent = if has_spent {
        console.payment.spent(people).await?
    } else {
        BTreeMap::new()
    };
    let rows = found.into_iter().map(|listed| {
        let seen = listed.last_seen_at.or(listed.last_login_at);
        Row {
            id: listed.user.id,
            username: listed.user.username,
            email: listed.user.email,
            plan: plans.remove(&listed.user.id).unwrap_or_default(),
            spent: sums(&frame, spent.remove(&listed.user.id)),
            seen: seen.map(|at| When::new(&frame, at)),
            is_active: listed.user.is_active,
        }
    });
    let rows = rows.collect();
    super::super::super::page(&UsersPage {
        told: done.told(&frame),
        open: staff.holds(USERS_WRITE).then_some("/console/users/new"),
        filters: filters(&frame, &query),
        is_filtered: staff.visit().here.query().is_some(),
        has_spent,
        rows,
        pager: Pager::new(staff.visit(), "after", older),
        frame,
    })
}

#[cfg(test)]
mod samples {
    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::*;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    #[test]
    fn users_render_from_their_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let frame = Frame::plain(&visit, "x".to_owned());
                let words = [LONG, LONG_ZH, HOSTILE];
                let rows = (0..count).map(|at| Row {
                    id: Uuid::from_u128(at as u128).into(),
                    username: words[at % 3].to_owned(),
                    email: format!("{}@example.com", words[at % 3]),
                    plan: words[(at + 1) % 3].to_owned(),
                    spent: (0..at % 4).map(|_| "CN¥1,234,567.89".to_owned()).collect(),
                    seen: (at % 2 == 0).then(|| When::new(&frame, Timestamp::EPOCH)),
                    is_active: at % 5 > 0,
                });
                let page = UsersPage {
                    told: frame.say("house_done.opened"),
                    open: Some("/console/users/new"),
                    filters: filters(
                        &frame,
                        &Query {
                            q: Some(HOSTILE.to_owned()),
                            ..Query::default()
                        },
                    ),
                    is_filtered: true,
                    has_spent: true,
                    rows: rows.collect(),
                    pager: Pager {
                        newest: Some("?".to_owned()),
                        older: Some("?after=x".to_owned()),
                    },
                    frame,
                };
                samples::render(&format!("console-users-{count}-{tag}"), &page);
            }
        }
    }
}
