//! What has happened to one's subscriptions.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::SignedIn;
use tollgate_kernel::ids::ChangeId;
use tollgate_kernel::input::Params;
use tollgate_kernel::problem::Problem;
use utoipa::{IntoParams, ToSchema};

use super::transactions::bounded;
use crate::PaymentService;
use crate::operations::subscription_history::HistoryPage;
use crate::shapes::ChangeShape;
use crate::words::WORDS;

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<ChangeId>,
    /// The first id of the page after.
    #[param(value_type = Option<String>)]
    ending_before: Option<ChangeId>,
}

/// A page of changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangePage {
    data: Vec<ChangeShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<ChangeId>,
}

/// What has happened to one's subscriptions, the present one and those before it, newest first.
#[utoipa::path(get, path = "/subscriptions/history", tag = "subscriptions", params(HistoryParams),
    responses((status = 200, body = ChangePage), (status = 422, description = "`validation_failed`")))]
pub(super) async fn history(
    State(service): State<PaymentService>,
    SignedIn(user): SignedIn,
    Params(params): Params<HistoryParams>,
) -> Result<Json<ChangePage>, Problem> {
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    if params.starting_after.is_some() && params.ending_before.is_some() {
        return Err(Problem::invalid(
            "/ending_before",
            "two_cursors",
            WORDS.text("list.two_cursors"),
        ));
    }
    let page = HistoryPage {
        starting_after: params.starting_after,
        ending_before: params.ending_before,
    };
    let found = service.subscription_history(user, page, limit).await?;
    let (found, has_more) = found.ok_or_else(|| {
        let pointer = match params.starting_after {
            Some(_) => "/starting_after",
            None => "/ending_before",
        };
        Problem::invalid(pointer, "unknown_cursor", WORDS.text("list.no_such_row"))
    })?;
    // Of a page that was read backwards, the next one lies before its first.
    let end = match params.ending_before {
        Some(_) => found.first(),
        None => found.last(),
    };
    Ok(Json(ChangePage {
        next_cursor: end.filter(|_| has_more).map(|change| change.id),
        data: found.iter().map(ChangeShape::from).collect(),
        has_more,
    }))
}
