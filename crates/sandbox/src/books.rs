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
///
/// ```
/// use tollgate_sandbox::BookMovement;
///
/// let refund = BookMovement {
///     id: 2,
///     app_id: "2021000000000001".to_owned(),
///     out_trade_no: "T20260102110405".to_owned(),
///     trade_no: "2026010222001".to_owned(),
///     out_request_no: Some("R1".to_owned()),
///     direction: "out",
///     cause: "refund",
///     amount: "9.90".to_owned(),
///     amount_minor: 990,
///     currency: "CNY".to_owned(),
///     at: "2026-01-02T03:04:05+00:00".to_owned(),
/// };
/// assert_eq!(serde_json::to_value(&refund).unwrap()["direction"], "out");
/// ```
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
///
/// ```
/// use tollgate_sandbox::BookSum;
///
/// let sum = BookSum {
///     app_id: "2021000000000001".to_owned(),
///     currency: "CNY".to_owned(),
///     movements: 2,
///     in_minor: 9_900,
///     out_minor: 990,
///     net_minor: 8_910,
/// };
/// assert_eq!(sum.net_minor, sum.in_minor - sum.out_minor);
/// ```
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
///
/// ```
/// # use tollgate_sandbox::Rail;
/// # use tollgate_kernel::{clock::{Clock, Timestamp}, entropy::Entropy, text::Language};
/// # use tollgate_sandbox::{Sandbox, SandboxConfig};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let clock = Clock::fixed(Timestamp::from_seconds(1_767_323_045).expect("a moment"));
/// # let sandbox = Sandbox::open(SandboxConfig {
/// #     data_file: folder.path().join("sandbox.db"),
/// #     base_url: "http://127.0.0.1:8080".to_owned(),
/// #     clock: clock.clone(),
/// #     entropy: Entropy::seeded(7),
/// #     default_language: Language::En,
/// # })
/// # .await?;
/// for rail in Rail::ALL {
///     let books = sandbox.books(rail).await?;
///     assert!(books.data.is_empty() && books.sums.is_empty() && !books.has_more);
/// }
/// # Ok(())
/// # }
/// ```
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
    /// ```
    /// # use tollgate_sandbox::{Rail, Sandbox, SandboxError};
    /// /// What is left with the merchant by the gateway's account, for comparing with one's own.
    /// async fn left(sandbox: &Sandbox, rail: Rail) -> Result<i64, SandboxError> {
    ///     let books = sandbox.books(rail).await?;
    ///     Ok(books.sums.iter().map(|sum| sum.net_minor).sum())
    /// }
    /// ```
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
