//! Stripe's own books: every movement of money and its sums, for comparing with the merchant's.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use crate::store::{StripeMovementRow, StripeSumRow};
use crate::{Sandbox, SandboxError};

/// So many movements are given at once.
const PAGE: i64 = 1_000;

/// Money that came from a buyer or went back to one. Amounts are in Stripe's own unit of the currency.
///
/// ```
/// use tollgate_sandbox::StripeMovement;
///
/// let movement = StripeMovement {
///     id: 1,
///     order_no: Some("T20260102110405".to_owned()),
///     payment_intent: "pi_1".to_owned(),
///     number: "ch_1".to_owned(),
///     direction: "in".to_owned(),
///     cause: "payment".to_owned(),
///     amount: 2_900, // cents
///     currency: "usd".to_owned(),
///     at: 1_767_323_045,
/// };
/// assert_eq!(serde_json::to_value(&movement).unwrap()["amount"], 2_900);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StripeMovement {
    /// Counts up.
    pub id: i64,
    /// The merchant's order number: of a renewal that of the order it began with. `None`: of nobody's order.
    pub order_no: Option<String>,
    /// `pi_…`
    pub payment_intent: String,
    /// The charge, refund or dispute that moved it.
    pub number: String,
    /// `in`, from a buyer, or `out`, back to one.
    pub direction: String,
    /// `payment`, `refund`, `console`, `dispute`, `dispute_won` or `refund_failed`.
    pub cause: String,
    /// Above zero.
    pub amount: i64,
    /// Lower-case ISO 4217.
    pub currency: String,
    /// When, in Unix seconds.
    pub at: i64,
}

/// What the movements of a currency come to.
///
/// ```
/// # use tollgate_sandbox::{StripeMovement, StripeSum};
/// /// Sums say what the movements say.
/// fn agrees(sum: &StripeSum, movements: &[StripeMovement]) -> bool {
///     let of_it = || movements.iter().filter(|movement| movement.currency == sum.currency);
///     let total = |way| of_it().filter(|movement| movement.direction == way).map(|movement| movement.amount).sum();
///     (sum.came_in, sum.went_out) == (total("in"), total("out")) && sum.net == sum.came_in - sum.went_out
/// }
/// let sum = StripeSum {
///     currency: "usd".to_owned(),
///     movements: 0,
///     came_in: 0,
///     went_out: 0,
///     net: 0,
/// };
/// assert!(agrees(&sum, &[]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StripeSum {
    /// Lower-case ISO 4217.
    pub currency: String,
    /// How many movements.
    pub movements: i64,
    /// What came in.
    pub came_in: i64,
    /// What went out.
    pub went_out: i64,
    /// What is left with the merchant.
    pub net: i64,
}

/// The books, or a page of them; the sums are always over everything.
///
/// ```
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
/// let books = sandbox.stripe_books().await?;
/// assert!(books.data.is_empty() && books.sums.is_empty() && !books.has_more);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StripeBooks {
    /// In the order they came about.
    pub data: Vec<StripeMovement>,
    /// Whether there are more after these.
    pub has_more: bool,
    /// By currency.
    pub sums: Vec<StripeSum>,
}

impl From<StripeMovementRow> for StripeMovement {
    fn from(row: StripeMovementRow) -> Self {
        Self {
            id: row.id,
            order_no: row.order_no,
            payment_intent: row.payment_intent,
            number: row.number,
            direction: row.direction,
            cause: row.cause,
            amount: row.amount,
            currency: row.currency,
            at: row.moved,
        }
    }
}

impl From<StripeSumRow> for StripeSum {
    fn from(row: StripeSumRow) -> Self {
        Self {
            currency: row.currency,
            movements: row.count,
            came_in: row.came_in,
            went_out: row.went_out,
            net: row.came_in.saturating_sub(row.went_out),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// The `id` after which to go on.
    after: Option<i64>,
}

/// `GET /sandbox/stripe/books`
pub(crate) async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    match sandbox.stripe_books_after(asked.after.unwrap_or(0)).await {
        Ok(books) => Json(books).into_response(),
        Err(error) => {
            tracing::error!(%error, "the books cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Sandbox {
    /// Stripe's own books: every movement of money, and what they come to by currency.
    ///
    /// ```
    /// # use tollgate_sandbox::{Sandbox, SandboxError};
    /// /// What came in by an order, in Stripe's unit.
    /// async fn paid(sandbox: &Sandbox, order: &str) -> Result<i64, SandboxError> {
    ///     let books = sandbox.stripe_books().await?;
    ///     let moved = books.data.iter().filter(|moved| moved.order_no.as_deref() == Some(order));
    ///     Ok(moved.filter(|moved| moved.direction == "in").map(|moved| moved.amount).sum())
    /// }
    /// ```
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stripe_books(&self) -> Result<StripeBooks, SandboxError> {
        let mut books = self.stripe_books_after(0).await?;
        while books.has_more {
            let last = books.data.last().map_or(0, |movement| movement.id);
            let more = self.stripe_books_after(last).await?;
            books.data.extend(more.data);
            (books.has_more, books.sums) = (more.has_more, more.sums);
        }
        Ok(books)
    }

    async fn stripe_books_after(&self, after: i64) -> Result<StripeBooks, SandboxError> {
        // What is due by now has moved.
        self.stripe_up_to_now().await?;
        let store = &self.inner.store;
        let mut rows = store.stripe_movements(after, PAGE + 1).await?;
        let has_more = rows.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
        if has_more {
            rows.pop();
        }
        let sums = store.stripe_sums().await?;
        Ok(StripeBooks {
            data: rows.into_iter().map(Into::into).collect(),
            has_more,
            sums: sums.into_iter().map(Into::into).collect(),
        })
    }
}
