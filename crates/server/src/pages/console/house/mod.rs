//! The house: people, plans, keys, what goes out and comes in, jobs, settings.

use axum::Router;

use super::Console;

/// Every page of it.
pub(super) fn router() -> Router<Console> {
    Router::new()
}
