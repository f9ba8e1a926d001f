//! The gateways' own books: every movement of money and its sums, for comparing with the merchant's.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tollgate_kernel::money::Money;

use crate::store::{Movement, MovementSum, Rail};
use crate::{Sandbox, SandboxError};

/// So many movements are given at once.
const PAGE: i64 = 1_000;

/// Money that came from a buyer or went back to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookMovement {
    /// Counts up.
    pub id: i64,
    /// The application.
    pub app_id: String,
    /// The merchant's order number.
    pub out_trade_no: String,
    /// The gateway's number of the trade.
    pub trade_no: String,
    /// Of money that went back: its number, the merchant's or the console's.
    pub out_request_no: Option<String>,
    /// `in`, from a buyer, or `out`, back to one.
    pub direction: &'static str,
    /// `payment`, `refund`, `cancel` or `console`.
    pub cause: &'static str,
    /// In major units, as text.
    pub amount: String,
    /// In minor units, above zero.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What an application's movements come to, in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookSum {
    /// The application.
    pub app_id: String,
    /// ISO 4217.
    pub currency: String,
    /// How many movements.
    pub movements: i64,
    /// What came from buyers.
    pub in_minor: i64,
    /// What went back.
    pub out_minor: i64,
    /// What is left with the merchant.
    pub net_minor: i64,
}

/// The books, or a page of them; the sums are always over everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Books {
    /// In the order they came about.
    pub data: Vec<BookMovement>,
    /// Whether there are more after these.
    pub has_more: bool,
    /// By application.
    pub sums: Vec<BookSum>,
}

impl From<Movement> for BookMovement {
    fn from(movement: Movement) -> Self {
        let amount: Money = movement.amount;
        Self {
            id: movement.id,
            app_id: movement.app_id,
            out_trade_no: movement.out_trade_no,
            trade_no: movement.provider_no,
            direction: if movement.out_refund_no.is_some() {
                "out"
            } else {
                "in"
            },
            out_request_no: movement.out_refund_no,
            cause: movement.cause.as_str(),
            amount: amount.to_string(),
            amount_minor: amount.minor(),
            currency: amount.currency().code().to_owned(),
            at: movement.at.utc().to_rfc3339(),
        }
    }
}

impl From<MovementSum> for BookSum {
    fn from(sum: MovementSum) -> Self {
        Self {
            app_id: sum.app_id,
            currency: sum.currency.code().to_owned(),
            movements: sum.count,
            in_minor: sum.paid,
            out_minor: sum.refunded,
            net_minor: sum.paid.saturating_sub(sum.refunded),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// The `id` after which to go on.
    after: Option<i64>,
}

/// `GET /sandbox/{rail}/books`
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path(rail): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(rail) = Rail::read(&rail) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match sandbox.books_after(rail, asked.after.unwrap_or(0)).await {
        Ok(books) => Json(books).into_response(),
        Err(error) => {
            tracing::error!(%error, "the books cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Sandbox {
    /// A gateway's own books: every movement of money, and what they come to by application.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn books(&self, rail: Rail) -> Result<Books, SandboxError> {
        let mut books = self.books_after(rail, 0).await?;
        while books.has_more {
            let last = books.data.last().map_or(0, |movement| movement.id);
            let more = self.books_after(rail, last).await?;
            books.data.extend(more.data);
            (books.has_more, books.sums) = (more.has_more, more.sums);
        }
        Ok(books)
    }

    async fn books_after(&self, rail: Rail, after: i64) -> Result<Books, SandboxError> {
        // What is due by now has moved.
        self.settle_refunds().await?;
        let store = &self.inner.store;
        let mut rows = store.movements(rail, after, PAGE + 1).await?;
        let has_more = rows.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
        if has_more {
            rows.pop();
        }
        let sums = store.movement_sums(rail).await?;
        Ok(Books {
            data: rows.into_iter().map(Into::into).collect(),
            has_more,
            sums: sums.into_iter().map(Into::into).collect(),
        })
    }
}
