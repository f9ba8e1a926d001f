//! `/console/users/{id}`: one person, what staff may do for them, and everything that happened to them.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_auth::model::user::User;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::permission::{AUDIT_READ, PAYMENTS_READ};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::shapes::SubscriptionShape;

use super::super::super::frame::Frame;
use super::super::Console;
use super::form::{Faults, Shown, Typed, new_key};
use super::list::{Done, Pager, When, cursor};
use super::staff::{Staff, UsersRead};
use super::timeline::{self, Moment, Timeline};
use super::user_forms::{About, Back, Sent, forms};
use super::users::PATH;

/// More than anybody looks through.
const KEYS: u32 = 100;

/// Which page of the timeline.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "house_user.html")]
struct UserPage {
    frame: Frame,
    told: String,
    is_active: bool,
    facts: Vec<Fact>,
    holds: Vec<Fact>,
    forms: Vec<Shown>,
    sessions: Vec<Session>,
    keys: Vec<Key>,
    /// Something of the timeline is not for this reader.
    hidden_parts: bool,
    moments: Vec<Moment>,
    pager: Pager,
}

struct Fact {
    name: String,
    text: String,
    at: Option<When>,
}

struct Session {
    device: String,
    address: String,
    since: When,
    seen: When,
}

struct Key {
    name: String,
    prefix: String,
    used: Option<When>,
    expires: Option<When>,
}

fn fact(frame: &Frame, name: &str, text: impl Into<String>) -> Fact {
    Fact {
        name: frame.say(name),
        text: text.into(),
        at: None,
    }
}

fn moment(frame: &Frame, name: &str, at: When) -> Fact {
    Fact {
        at: Some(at),
        ..fact(frame, name, "")
    }
}

fn facts(frame: &Frame, user: &User, has_factor: bool) -> Vec<Fact> {
    let yes = |is: bool| frame.say(if is { "house.yes" } else { "house.no" });
    let mut roles: Vec<&str> = user.roles.iter().map(|role| role.as_str()).collect();
    if user.is_superuser {
        roles.insert(0, "superuser");
    }
    let mut facts = vec![
        fact(frame, "people.id", user.id.to_string()),
        fact(frame, "people.email", &user.email),
        fact(
            frame,
            "people.verified",
            yes(user.email_verified_at.is_some()),
        ),
        fact(frame, "people.factor", yes(has_factor)),
        fact(frame, "people.locale", user.locale.as_str()),
        moment(frame, "people.since", When::new(frame, user.created_at)),
    ];
    if !roles.is_empty() {
        facts.push(fact(frame, "people.roles", roles.join(", ")));
    }
    facts
}

fn holds(frame: &Frame, held: Option<&SubscriptionShape>) -> Vec<Fact> {
    let Some(held) = held else {
        return Vec::new();
    };
    let written = frame.written();
    let limit = held.quota_limit.map_or_else(
        || frame.say("house.unlimited"),
        |limit| written.count(limit),
    );
    let mut facts = vec![
        fact(
            frame,
            "people.plan",
            format!("{} ({})", written.plan_shape(&held.plan), held.plan.slug),
        ),
        fact(
            frame,
            "house.state",
            frame.say(&format!("standing.{}", held.state)),
        ),
        fact(
            frame,
            "people.quota",
            format!(
                "{} / {limit} {}",
                written.count(held.quota_used),
                written.meter(Some(&held.plan.i18n), &held.plan.quota_type)
            ),
        ),
        moment(frame, "people.resets", When::new(frame, held.resets_at)),
    ];
    if let Some(end) = held.current_period_end {
        facts.push(moment(frame, "people.until", When::new(frame, end)));
    }
    facts
}

pub(super) async fn shown<P>(
    console: &Console,
    staff: &Staff<P>,
    id: UserId,
    query: &Query,
    done: &Done,
    back: &Back<'_>,
) -> Result<Response, Problem> {
    let user = console.auth.find_user(id).await?;
    let user = user.ok_or_else(|| Problem::new(Code::NotFound))?;
    let frame = staff.frame(PATH, user.username.clone());
    let on_sale = console.payment.plans().await?;
    let plans = on_sale
        .iter()
        .map(|plan| (plan.slug.as_str().to_owned(), frame.written().plan(plan)));
    let about = About {
        user: &user,
        has_factor: console.auth.has_second_factor(id).await?,
        plans: plans.collect(),
        confirm: staff.confirm(console).await,
        keys: [new_key(staff.visit()), new_key(staff.visit())],
    };
    let held = console.payment.current_subscription(id).await?;
    let from = cursor(query.before.as_ref());
    let Timeline { moments, next } = timeline::read(console, staff, &frame, id, from).await?;
    let keys = console.auth.list_api_keys(id, None, KEYS).await?;
    let sessions = console.auth.list_sessions(id).await?;
    let next = next.map(|next| next.to_string());
    super::super::super::page(&UserPage {
        told: done.told(&frame),
        is_active: user.is_active,
        facts: facts(&frame, &user, about.has_factor),
        holds: holds(&frame, held.as_ref()),
        forms: forms(&frame, staff, &about, back),
        sessions: sessions
            .into_iter()
            .map(|row| Session {
                device: row.device.unwrap_or_default(),
                address: row.address.unwrap_or_default(),
                since: When::new(&frame, row.created_at),
                seen: When::new(&frame, row.last_seen_at),
            })
            .collect(),
        keys: keys
            .keys
            .into_iter()
            .map(|key| Key {
                name: key.name,
                prefix: key.key_prefix,
                used: key.last_used_at.map(|at| When::new(&frame, at)),
                expires: key.expires_at.map(|at| When::new(&frame, at)),
            })
            .collect(),
        hidden_parts: !staff.holds(PAYMENTS_READ) || !staff.holds(AUDIT_READ),
        moments,
        pager: Pager::new(staff.visit(), "before", next),
        frame,
    })
}

/// `GET /console/users/{id}`
pub(super) async fn page(
    State(console): State<Console>,
    staff: Staff<UsersRead>,
    PathId(id): PathId<UserId>,
    Params(query): Params<Query>,
    Params(done): Params<Done>,
) -> Result<Response, Problem> {
    let back = Back {
        sent: Sent::Nothing,
        typed: &Typed::default(),
        faults: Faults::default(),
    };
    shown(&console, &staff, id, &query, &done, &back).await
}

#[cfg(test)]
mod samples {
    use tollgate_auth::model::role::Role;
    use tollgate_auth::model::user::Locale;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
    use super::super::user_forms::{
        active_form, finished, plan_form, roles_form, sign_out_form, units_form,
    };
    use super::*;

    fn user() -> User {
        User {
            id: Uuid::nil().into(),
            email: format!("{LONG}@example.com"),
            username: HOSTILE.to_owned(),
            is_active: true,
            is_superuser: true,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            email_verified_at: None,
            locale: Locale::Zh,
            tokens_after: None,
            roles: Role::ALL.into(),
        }
    }

    #[test]
    fn a_user_renders_from_its_samples() {
        for (tag, language) in samples::languages() {
            for count in ROWS {
                let visit = samples::visit(language);
                let user = user();
                let frame = Frame::plain(&visit, user.username.clone());
                let words = [LONG, LONG_ZH, HOSTILE];
                let word = |at: usize| words[at % 3].to_owned();
                let now = || When::new(&frame, Timestamp::EPOCH);
                let about = About {
                    user: &user,
                    has_factor: true,
                    plans: vec![("pro".to_owned(), HOSTILE.to_owned())],
                    confirm: None,
                    keys: Default::default(),
                };
                let mut typed = Typed::default();
                for name in ["reason", "units", "meter", "expires_at"] {
                    typed.put(name, HOSTILE);
                }
                let mut faults = Faults::default();
                faults.note("units", HOSTILE.to_owned());
                let back = Back {
                    sent: Sent::Units,
                    typed: &typed,
                    faults,
                };
                let forms = [
                    active_form,
                    sign_out_form,
                    plan_form,
                    units_form,
                    roles_form,
                ];
                let page = UserPage {
                    told: frame.say("house_done.units_given"),
                    is_active: true,
                    facts: facts(&frame, &user, true),
                    holds: Vec::new(),
                    forms: forms
                        .into_iter()
                        .map(|form| finished(form(&frame, &about, &back), &back))
                        .collect(),
                    sessions: (0..count.min(100))
                        .map(|at| Session {
                            device: word(at),
                            address: "2001:db8::1".to_owned(),
                            since: now(),
                            seen: now(),
                        })
                        .collect(),
                    keys: (0..count.min(100))
                        .map(|at| Key {
                            name: word(at),
                            prefix: "sk_test_abc...".to_owned(),
                            used: (at % 2 == 0).then(now),
                            expires: (at % 3 == 0).then(now),
                        })
                        .collect(),
                    hidden_parts: true,
                    moments: (0..count)
                        .map(|at| Moment::sample(&frame, &word(at)))
                        .collect(),
                    pager: Pager::default(),
                    frame: frame.clone(),
                };
                samples::render(&format!("console-user-{count}-{tag}"), &page);
            }
        }
    }
}
