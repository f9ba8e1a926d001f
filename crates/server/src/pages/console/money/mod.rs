//! Money: what came in, what went back, who pays for what, and what is used.

mod cells;
mod home;
mod people;
mod refund;
mod refunds;
#[cfg(test)]
mod samples;
mod subscriptions;
mod suspense;
mod transaction;
mod transactions;
mod usage;

use axum::Router;
use axum::routing::{get, post};

use super::Console;

/// Every page of it.
pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/console", get(home::page))
        .route("/console/transactions", get(transactions::page))
        .route("/console/transactions.csv", get(transactions::table))
        .route("/console/transactions/{id}", get(transaction::page))
        .route("/console/transactions/{id}/sync", post(transaction::sync))
        .route(
            "/console/transactions/{id}/refund",
            get(refund::page).post(refund::refund),
        )
        .route("/console/refunds", get(refunds::page))
        .route("/console/suspense", get(suspense::page))
        .route(
            "/console/suspense/{id}",
            get(suspense::detail).post(suspense::resolve),
        )
        .route("/console/subscriptions", get(subscriptions::page))
        .route("/console/usage", get(usage::page))
        .route("/console/usage.csv", get(usage::table))
}
