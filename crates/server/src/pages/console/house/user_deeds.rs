//! What the forms of one person's page do.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_auth::model::role::Role;
use tollgate_auth::{By, Initiator};
use tollgate_kernel::ids::UserId;
use tollgate_kernel::input::PathId;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::{Language, Text};
use tollgate_payment::model::quota::{Cost, Meter};
use tollgate_payment::{GrantPlan, GrantUnits};

use super::super::super::form::Form;
use super::super::Console;
use super::day::end_of_day;
use super::form::{Faults, Typed};
use super::list::Done;
use super::staff::{Admin, Staff, Sure, UsersWrite};
use super::user::{Query, shown};
use super::user_forms::{Back, Sent};
use super::users::PATH;

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
                Code::NoSubscription.title(Language::Zh),
                Code::NoSubscription.title(Language::En),
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
