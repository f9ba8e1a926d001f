//! `/console/users/{id}`: one person, what staff may do for them, and everything that happened to them.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_auth::model::role::Role;
use tollgate_auth::model::user::User;
use tollgate_auth::{By, Initiator};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::permission::{ADMIN, AUDIT_READ, PAYMENTS_READ, USERS_WRITE};
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::Text;
use tollgate_payment::model::quota::{Cost, Meter};
use tollgate_payment::shapes::SubscriptionShape;
use tollgate_payment::{GrantPlan, GrantUnits};

use super::super::super::form::Form;
use super::super::super::frame::Frame;
use super::super::Console;
use super::day::end_of_day;
use super::form::{Choice, Faults, Field, Shown, Typed, new_key};
use super::list::{Done, Pager, When, cursor};
use super::staff::{Admin, Staff, Sure, UsersRead, UsersWrite};
use super::timeline::{self, Moment, Timeline};
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

/// Which form was sent, and came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Active,
    Roles,
    SignOut,
    Factor,
    Plan,
    Units,
}

/// What came back with it.
struct Back<'a> {
    sent: Sent,
    typed: &'a Typed,
    faults: Faults,
}

/// What forms are made from.
struct About<'a> {
    user: &'a User,
    has_factor: bool,
    plans: Vec<(String, String)>,
    confirm: Option<String>,
    /// Of the form that gives a plan, and of the one that gives units.
    keys: [String; 2],
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
            format!("{} ({})", held.plan.name, held.plan.slug),
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
                held.plan.quota_type
            ),
        ),
        moment(frame, "people.resets", When::new(frame, held.resets_at)),
    ];
    if let Some(end) = held.current_period_end {
        facts.push(moment(frame, "people.until", When::new(frame, end)));
    }
    facts
}

fn forms<P>(frame: &Frame, staff: &Staff<P>, about: &About<'_>, back: &Back<'_>) -> Vec<Shown> {
    let may_touch = staff.holds(USERS_WRITE)
        && (staff.holds(ADMIN) || !(about.user.is_superuser || !about.user.roles.is_empty()));
    let mut forms = Vec::new();
    if may_touch {
        forms.push(active_form(frame, about, back));
        forms.push(sign_out_form(frame, about, back));
    }
    if staff.holds(USERS_WRITE) {
        forms.push(plan_form(frame, about, back));
        forms.push(units_form(frame, about, back));
    }
    if staff.holds(ADMIN) {
        forms.push(roles_form(frame, about, back));
        if about.has_factor {
            let form = form(about, back, Sent::Factor, frame.say("people.remove_factor"));
            forms.push(form.look(" danger").confirm(about.confirm.clone()));
        }
    }
    forms.into_iter().map(|form| finished(form, back)).collect()
}

impl Sent {
    /// Of the form, and the end of its address.
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Active => "active",
            Self::Roles => "roles",
            Self::SignOut => "sign-out",
            Self::Factor => "second-factor",
            Self::Plan => "grant-plan",
            Self::Units => "grant-units",
        }
    }
}

fn form(about: &About<'_>, _: &Back<'_>, which: Sent, word: String) -> Shown {
    let action = format!("{PATH}/{}/{}", about.user.id, which.name());
    Shown::new(which.name(), action, word.clone()).folded(word)
}

/// With what is to be mended, where it is the one that came back.
fn finished(form: Shown, back: &Back<'_>) -> Shown {
    if form.id == back.sent.name() {
        form.faults(&back.faults)
    } else {
        form
    }
}

fn typed<'a>(back: &'a Back<'_>, which: Sent, nothing: &'a Typed) -> &'a Typed {
    if back.sent == which {
        back.typed
    } else {
        nothing
    }
}

fn reason(frame: &Frame, typed: &Typed) -> Field {
    Field::line("reason", frame.say("house.reason"), typed)
}

fn active_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let (word, value, look) = if about.user.is_active {
        ("people.deactivate", "no", " danger")
    } else {
        ("people.activate", "yes", "")
    };
    form(about, back, Sent::Active, frame.say(word))
        .look(look)
        .hidden("active", value)
        .fields([reason(frame, typed(back, Sent::Active, &nothing))
            .hint(frame.say("people.deactivate_hint"))])
}

fn sign_out_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::SignOut, &nothing);
    form(about, back, Sent::SignOut, frame.say("people.sign_out"))
        .look(" danger")
        .fields([
            Field::check("keys", frame.say("people.end_keys"), typed.is("keys")),
            reason(frame, typed),
        ])
}

fn plan_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::Plan, &nothing);
    let choices = about.plans.iter();
    let choices = choices.map(|(slug, name)| Choice::new(slug, name, typed.get("plan_slug")));
    form(about, back, Sent::Plan, frame.say("people.give_plan"))
        .hidden("key", &about.keys[0])
        .fields([
            Field::choice("plan_slug", frame.say("people.plan"), choices.collect()),
            Field::line("terms", frame.say("people.terms"), typed)
                .of("number")
                .hint(frame.say("people.terms_hint")),
            reason(frame, typed).required(),
        ])
}

fn units_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let typed = typed(back, Sent::Units, &nothing);
    form(about, back, Sent::Units, frame.say("people.give_units"))
        .hidden("key", &about.keys[1])
        .fields([
            Field::line("units", frame.say("people.units"), typed)
                .of("number")
                .required(),
            Field::line("meter", frame.say("people.meter"), typed)
                .hint(frame.say("people.meter_hint")),
            Field::line("expires_at", frame.say("people.until"), typed)
                .of("date")
                .hint(frame.say("people.until_hint")),
            reason(frame, typed)
                .required()
                .hint(frame.say("people.reason_hint")),
        ])
}

fn roles_form(frame: &Frame, about: &About<'_>, back: &Back<'_>) -> Shown {
    let nothing = Typed::default();
    let is_back = back.sent == Sent::Roles;
    let typed = typed(back, Sent::Roles, &nothing);
    let boxes = Role::ALL.map(|role| {
        let name = format!("role_{}", role.as_str());
        let is_on = if is_back {
            typed.is(&name)
        } else {
            about.user.roles.contains(&role)
        };
        Field::check(
            &name,
            frame.say(&format!("people.role_{}", role.as_str())),
            is_on,
        )
    });
    form(about, back, Sent::Roles, frame.say("people.set_roles"))
        .fields(boxes)
        .fields([reason(frame, typed)])
        .confirm(about.confirm.clone())
}

async fn shown<P>(
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

/// On to the page, or the form once more with what is to be mended.
async fn answer<P>(
    console: &Console,
    staff: &Staff<P>,
    id: UserId,
    (sent, typed): (Sent, &Typed),
    outcome: Result<&'static str, Problem>,
) -> Result<Response, Problem> {
    match outcome {
        Ok(done) => Ok(Redirect::to(&format!("{PATH}/{id}?done={done}")).into_response()),
        Err(problem) => {
            let faults = Faults::of(problem, staff.language())?;
            let back = Back {
                sent,
                typed,
                faults,
            };
            shown(
                console,
                staff,
                id,
                &Query::default(),
                &Done::default(),
                &back,
            )
            .await
        }
    }
}

fn by<'a, P>(staff: &'a Staff<P>, typed: &'a Typed) -> By<'a> {
    By {
        permissions: &staff.permissions,
        origin: &staff.origin,
        reason: typed.some("reason"),
    }
}

/// `POST /console/users/{id}/active`
pub(super) async fn set_active(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let active = typed.get("active") == "yes";
    let set = console
        .auth
        .set_active(id, active, &by(&staff, &typed))
        .await;
    let done = if active { "activated" } else { "deactivated" };
    let outcome = set.map(|_| done).map_err(Problem::from);
    answer(&console, &staff, id, (Sent::Active, &typed), outcome).await
}

/// `POST /console/users/{id}/sign-out`
pub(super) async fn sign_out(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let ended = console
        .auth
        .sign_out(id, typed.is("keys"), &by(&staff, &typed))
        .await;
    let outcome = ended.map(|()| "signed_out").map_err(Problem::from);
    answer(&console, &staff, id, (Sent::SignOut, &typed), outcome).await
}

/// `POST /console/users/{id}/roles`
pub(super) async fn set_roles(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let is_on = |role: &Role| typed.is(&format!("role_{}", role.as_str()));
    let roles: Vec<Role> = Role::ALL.into_iter().filter(is_on).collect();
    let set = console
        .auth
        .set_roles(id, &roles, &by(&staff, &typed))
        .await;
    let outcome = set.map(|_| "roles").map_err(Problem::from);
    answer(&console, &staff, id, (Sent::Roles, &typed), outcome).await
}

/// `POST /console/users/{id}/second-factor`: it is taken away.
pub(super) async fn remove_factor(
    State(console): State<Console>,
    Sure(staff): Sure<Admin>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let actor = Initiator::caller(&staff.origin).actor;
    let removed = console
        .auth
        .remove_second_factors(id, actor, None, &staff.origin)
        .await?;
    let outcome = removed
        .then_some("factor")
        .ok_or_else(|| Problem::new(Code::NotFound));
    answer(&console, &staff, id, (Sent::Factor, &typed), outcome).await
}

/// `POST /console/users/{id}/grant-plan`
pub(super) async fn grant_plan(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let outcome = try_grant_plan(&console, &staff, id, &typed).await;
    answer(&console, &staff, id, (Sent::Plan, &typed), outcome).await
}

async fn known(console: &Console, id: UserId) -> Result<(), Problem> {
    let known = console.auth.find_user(id).await?;
    known.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn try_grant_plan(
    console: &Console,
    staff: &Staff<UsersWrite>,
    id: UserId,
    typed: &Typed,
) -> Result<&'static str, Problem> {
    known(console, id).await?;
    // What is no number is out of the range.
    let terms = typed
        .some("terms")
        .map_or(Some(1), |text| text.parse().ok());
    let wish = GrantPlan {
        user_id: id,
        plan_slug: typed.get("plan_slug").to_owned(),
        terms: terms.unwrap_or(0),
        reason: typed.get("reason").to_owned(),
    };
    let key = typed.once(&staff.caller, "/admin/users/grant", &id.to_string());
    console
        .payment
        .grant_plan(&wish, &staff.origin, key.as_ref())
        .await?;
    Ok("plan_given")
}

/// `POST /console/users/{id}/grant-units`
pub(super) async fn grant_units(
    State(console): State<Console>,
    staff: Staff<UsersWrite>,
    PathId(id): PathId<UserId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let outcome = try_grant_units(&console, &staff, id, &typed).await;
    let outcome = outcome.map_err(|problem| match problem.code() {
        // Here it is no missing page: there is nothing that the units could be added to.
        Code::NoSubscription => {
            let text = Text::new(
                Code::NoSubscription.title(tollgate_kernel::text::Language::Zh),
                Code::NoSubscription.title(tollgate_kernel::text::Language::En),
            );
            Problem::new(Code::ValidationFailed).field("/units", "no_subscription", text)
        }
        _ => problem,
    });
    answer(&console, &staff, id, (Sent::Units, &typed), outcome).await
}

async fn try_grant_units(
    console: &Console,
    staff: &Staff<UsersWrite>,
    id: UserId,
    typed: &Typed,
) -> Result<&'static str, Problem> {
    known(console, id).await?;
    let mut errors = FieldErrors::new();
    // What is no number is out of the range too.
    let units = Cost::new(typed.get("units").parse().unwrap_or(0));
    let units = errors.take("/units", units);
    let meter = typed
        .some("meter")
        .and_then(|text| errors.take("/meter", text.parse::<Meter>()));
    let until = typed.some("expires_at");
    let until = until.and_then(|text| errors.take("/expires_at", end_of_day(text, staff.visit())));
    errors.finish()?;
    let Some(units) = units else {
        return Ok("unchanged");
    };
    let wish = GrantUnits {
        user_id: id,
        meter,
        units,
        reason: typed.get("reason").to_owned(),
        expires_at: until,
    };
    let key = typed.once(&staff.caller, "/admin/users/grant", &id.to_string());
    console
        .payment
        .grant_units(&wish, &staff.origin, key.as_ref())
        .await?;
    Ok("units_given")
}

#[cfg(test)]
mod samples {
    use tollgate_auth::model::user::Locale;
    use tollgate_kernel::clock::Timestamp;
    use uuid::Uuid;

    use super::super::super::super::samples::{self, HOSTILE, LONG, LONG_ZH, ROWS};
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
