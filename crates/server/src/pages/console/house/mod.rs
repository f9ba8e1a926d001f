//! The house: people, plans, keys, what goes out and comes in, jobs, settings.

mod audit;
mod callbacks;
mod day;
mod difference;
mod jobs;
mod keys;
mod new_user;
mod plan;
mod plan_card;
mod plan_form;
mod plan_parts;
mod plans;
mod recover;
mod settings;
mod timeline;
mod user;
mod user_deeds;
mod user_forms;
mod users;
mod webhook;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};

use super::{Console, form, list, staff};

/// Every page of it.
pub(super) fn router() -> Router<Console> {
    Router::new()
        .merge(people())
        .merge(selling())
        .merge(machines())
}

/// Who has an account, and who did what.
fn people() -> Router<Console> {
    Router::new()
        .route("/console/users", get(users::page).post(new_user::open))
        .route("/console/users/new", get(new_user::page))
        .route("/console/users/invite", post(new_user::invite))
        .route("/console/users/{id}", get(user::page))
        .route("/console/users/{id}/active", post(user_deeds::set_active))
        .route("/console/users/{id}/roles", post(user_deeds::set_roles))
        .route("/console/users/{id}/sign-out", post(user_deeds::sign_out))
        .route(
            "/console/users/{id}/second-factor",
            post(user_deeds::remove_factor),
        )
        .route(
            "/console/users/{id}/grant-plan",
            post(user_deeds::grant_plan),
        )
        .route(
            "/console/users/{id}/grant-units",
            post(user_deeds::grant_units),
        )
        .route("/console/audit", get(audit::page))
        .route("/console/audit.csv", get(audit::table))
        .route("/console/audit/check", post(audit::check))
}

/// What is for sale, and what providers say of it.
fn selling() -> Router<Console> {
    Router::new()
        .route("/console/plans", get(plans::page).post(plan::create))
        .route("/console/plans/new", get(plan::new_page))
        .route("/console/plans/preview", post(plan_card::fragment))
        .route("/console/plans/samples", post(plans::use_samples))
        .route("/console/plans/{id}", get(plan::page).post(plan::change))
        .route("/console/plans/{id}/remove", post(plan::remove))
        .route("/console/callbacks", get(callbacks::page))
        .route("/console/callbacks/{id}", get(callbacks::one))
        .route("/console/callbacks/{id}/replay", post(callbacks::replay))
}

/// Applications that are told and that ask, and the service itself.
fn machines() -> Router<Console> {
    Router::new()
        .route(
            "/console/webhooks",
            get(webhooks::page).post(webhooks::create),
        )
        .route("/console/webhooks/{id}", get(webhook::page))
        .route("/console/webhooks/{id}/change", post(webhook::change))
        .route("/console/webhooks/{id}/rotate", post(webhook::rotate))
        .route("/console/webhooks/{id}/delete", post(webhook::delete))
        .route("/console/webhooks/{id}/test", post(webhook::test))
        .route("/console/webhooks/{id}/recover", post(recover::send))
        .route("/console/webhooks/deliveries/{id}", get(webhook::delivery))
        .route(
            "/console/webhooks/deliveries/{id}/resend",
            post(webhook::resend),
        )
        .route("/console/keys", get(keys::page).post(keys::create))
        .route("/console/keys/{id}/rotate", post(keys::rotate))
        .route("/console/keys/{id}/delete", post(keys::delete))
        .route("/console/jobs", get(jobs::page))
        .route("/console/jobs/{id}/retry", post(jobs::retry))
        .route("/console/settings", get(settings::page))
        .route("/console/settings/letters/{name}", get(settings::letter))
        .route("/console/doctor", get(settings::doctor))
}
