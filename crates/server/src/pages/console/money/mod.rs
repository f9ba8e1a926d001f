//! Money: what came in, what went back, who pays for what, and what is used.

use axum::Router;

use super::Console;

/// Every page of it.
pub(super) fn router() -> Router<Console> {
    Router::new()
}
