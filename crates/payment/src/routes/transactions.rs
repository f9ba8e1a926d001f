//! Payments: one's own, and for staff everybody's.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tollgate_kernel::caller::SignedIn;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{CallId, PaymentId, UserId};
use tollgate_kernel::input::{Params, PathId};
use tollgate_kernel::permission::{self, Permitted, require};
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::table::{LONGEST_TABLE, csv_answer};
use utoipa::{IntoParams, ToSchema};

use super::refunds::PaymentsRead;
use crate::PaymentService;
use crate::model::payment::Payment;
use crate::model::timeline::History;
use crate::operations::transactions::TransactionFilter;
use crate::shapes::{RefundShape, SuspenseShape, TransactionShape};
use crate::words::WORDS;

/// Where none is asked for.
const LIMIT: u32 = 20;
const LONGEST_PAGE: u32 = 100;

/// Whose payments a caller sees: everybody's with `finance`, otherwise their own.
pub(super) struct Sees {
    user: UserId,
    all: bool,
}

impl FromRequestParts<PaymentService> for Sees {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &PaymentService,
    ) -> Result<Self, Problem> {
        let SignedIn(user) = SignedIn::from_request_parts(parts, state).await?;
        let all = match require(parts, permission::FINANCE).await {
            Ok(_) => true,
            Err(problem) if problem.code() == Code::PermissionDenied => false,
            // Staff who lack their second factor are people like others here.
            Err(problem) if problem.code() == Code::SecondFactorRequired => false,
            Err(problem) => return Err(problem),
        };
        Ok(Self { user, all })
    }
}

/// Which payments; every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// `pending`, `completed`, `failed` or `refunded`.
    status: Option<String>,
    /// `alipay`, `wechat` or `stripe`.
    payment_method: Option<String>,
    /// Ordered at this moment or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Ordered before this moment.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// With `finance`: `true` for one's own only.
    mine: Option<bool>,
    /// 1 to 100.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<PaymentId>,
}

/// The same, for staff.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AdminParams {
    /// Of this person only.
    #[param(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// `pending`, `completed`, `failed` or `refunded`.
    status: Option<String>,
    /// `alipay`, `wechat` or `stripe`.
    payment_method: Option<String>,
    /// Ordered at this moment or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Ordered before this moment.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `csv`: a table of up to 10,000 rows instead of a page.
    format: Option<String>,
    /// 1 to 100; of a table up to 10,000.
    limit: Option<u32>,
    /// The last id of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<PaymentId>,
}

/// A page of payments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionPage {
    data: Vec<TransactionShape>,
    has_more: bool,
    #[schema(value_type = Option<String>)]
    next_cursor: Option<PaymentId>,
}

/// Payments, newest first: one's own; with `finance` everybody's, unless `mine=true`.
#[utoipa::path(get, path = "/transactions", tag = "payments", params(ListParams),
    responses((status = 200, body = TransactionPage), (status = 422, description = "`validation_failed`")))]
pub(super) async fn list(
    State(service): State<PaymentService>,
    sees: Sees,
    Params(params): Params<ListParams>,
) -> Result<Json<TransactionPage>, Problem> {
    let everybody = sees.all && params.mine != Some(true);
    let filter = TransactionFilter {
        user: (!everybody).then_some(sees.user),
        status: word("/status", params.status.as_deref())?,
        method: word("/payment_method", params.payment_method.as_deref())?,
        currency: None,
        from: params.from,
        to: params.to,
        starting_after: params.starting_after,
    };
    let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
    let (found, has_more) = page(&service, &filter, limit).await?;
    Ok(Json(shape(&found, has_more)))
}

/// One payment: one's own; with `finance` anybody's.
#[utoipa::path(get, path = "/transactions/{transaction_id}", tag = "payments", params(("transaction_id" = String, Path)),
    responses((status = 200, body = TransactionShape), (status = 404, description = "`not_found`")))]
pub(super) async fn detail(
    State(service): State<PaymentService>,
    sees: Sees,
    PathId(id): PathId<PaymentId>,
) -> Result<Json<TransactionShape>, Problem> {
    let user = (!sees.all).then_some(sees.user);
    let found = service.transaction(id, user).await?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(TransactionShape::from(&found)))
}

/// Payments of everybody, newest first, as a page or as a table. Takes `payments.read`.
#[utoipa::path(get, path = "/transactions", tag = "admin", params(AdminParams),
    responses((status = 200, body = TransactionPage), (status = 403, description = "`permission_denied`"), (status = 422, description = "`validation_failed`")))]
pub(super) async fn admin_list(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    Params(params): Params<AdminParams>,
) -> Result<Response, Problem> {
    let filter = TransactionFilter {
        user: params.user_id,
        status: word("/status", params.status.as_deref())?,
        method: word("/payment_method", params.payment_method.as_deref())?,
        currency: None,
        from: params.from,
        to: params.to,
        starting_after: params.starting_after,
    };
    match params.format.as_deref() {
        None | Some("json") => {
            let limit = bounded(params.limit.unwrap_or(LIMIT), LONGEST_PAGE)?;
            let (found, has_more) = page(&service, &filter, limit).await?;
            Ok(Json(shape(&found, has_more)).into_response())
        }
        Some("csv") => {
            let limit = bounded(params.limit.unwrap_or(LONGEST_TABLE), LONGEST_TABLE)?;
            service.transactions_table(&filter, limit).await
        }
        Some(_) => Err(Problem::invalid(
            "/format",
            "unknown_format",
            WORDS.text("list.format"),
        )),
    }
}

/// A call to the provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallOutShape {
    /// `create`, `query`, `close`, `refund`, `refund_query` …
    operation: String,
    /// Our number in it.
    request_no: String,
    /// `intent`, `succeeded`, `refused` or `unknown`.
    state: String,
    provider_code: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = "date-time")]
    finished_at: Option<Timestamp>,
}

/// A call of the provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallInShape {
    #[schema(value_type = String, format = "uuid")]
    id: CallId,
    /// `verified`, `forged`, `foreign` or `unreadable`.
    verdict: String,
    event_key: Option<String>,
    /// What we answered.
    reply_status: i64,
    #[schema(value_type = String, format = "date-time")]
    received_at: Timestamp,
}

/// A payment, and what was said about it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryShape {
    transaction: TransactionShape,
    /// Newest first.
    refunds: Vec<RefundShape>,
    /// Money that came under its number and is kept apart; oldest first.
    suspense: Vec<SuspenseShape>,
    /// Oldest first.
    calls_out: Vec<CallOutShape>,
    /// Oldest first.
    calls_in: Vec<CallInShape>,
}

impl From<History> for HistoryShape {
    fn from(history: History) -> Self {
        let calls_out = history.calls_out.into_iter().map(|call| CallOutShape {
            operation: call.operation,
            request_no: call.request_no,
            state: call.state,
            provider_code: call.provider_code,
            started_at: call.started_at,
            finished_at: call.finished_at,
        });
        let calls_in = history.calls_in.into_iter().map(|call| CallInShape {
            id: call.id,
            verdict: call.verdict,
            event_key: call.event_key,
            reply_status: call.reply_status,
            received_at: call.received_at,
        });
        Self {
            transaction: TransactionShape::from(&history.payment),
            refunds: history.refunds.iter().map(RefundShape::from).collect(),
            suspense: history.suspense.iter().map(SuspenseShape::from).collect(),
            calls_out: calls_out.collect(),
            calls_in: calls_in.collect(),
        }
    }
}

/// A payment with its refunds and every call about it. Takes `payments.read`.
#[utoipa::path(get, path = "/transactions/{transaction_id}", tag = "admin", params(("transaction_id" = String, Path)),
    responses((status = 200, body = HistoryShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn admin_detail(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    PathId(id): PathId<PaymentId>,
) -> Result<Json<HistoryShape>, Problem> {
    let history = service.history(id).await?;
    let history = history.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(history.into()))
}

/// Asks the provider about a payment now, and does what the answer says. Takes `payments.read`.
#[utoipa::path(post, path = "/transactions/{transaction_id}/sync", tag = "admin", params(("transaction_id" = String, Path)),
    responses((status = 200, body = HistoryShape), (status = 403, description = "`permission_denied`"), (status = 404, description = "`not_found`")))]
pub(super) async fn sync(
    State(service): State<PaymentService>,
    _staff: Permitted<PaymentsRead>,
    PathId(id): PathId<PaymentId>,
) -> Result<Json<HistoryShape>, Problem> {
    let asking = service.clone();
    // In a task of its own: a client that hangs up must not stop it between two steps.
    let asked = tokio::spawn(async move { asking.reconcile(id).await }).await;
    asked.map_err(|_| Problem::new(Code::Unavailable))??;
    let history = service.history(id).await?;
    let history = history.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(history.into()))
}

async fn page(
    service: &PaymentService,
    filter: &TransactionFilter,
    limit: u32,
) -> Result<(Vec<Payment>, bool), Problem> {
    let found = service.transactions(filter, limit).await?;
    found.ok_or_else(|| {
        Problem::invalid(
            "/starting_after",
            "unknown_cursor",
            WORDS.text("list.no_such_row"),
        )
    })
}

fn shape(found: &[Payment], has_more: bool) -> TransactionPage {
    TransactionPage {
        data: found.iter().map(TransactionShape::from).collect(),
        has_more,
        next_cursor: found.last().filter(|_| has_more).map(|last| last.id),
    }
}

pub(super) fn bounded(limit: u32, most: u32) -> Result<u32, Problem> {
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid(
        "/limit",
        "out_of_range",
        WORDS.text_with("list.limit", &[("most", &most)]),
    ))
}

pub(super) fn word<T: std::str::FromStr>(
    pointer: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    let unknown = |_| Problem::invalid(pointer, "unknown_word", WORDS.text("list.not_a_value"));
    text.map(|text| text.parse().map_err(unknown)).transpose()
}

impl PaymentService {
    /// The answer that downloads payments as a table: one line a payment, newest first, at most `limit`.
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use tollgate_kernel::problem::Problem;
    /// # use tollgate_payment::{PaymentService, TransactionFilter};
    /// async fn download(payment: &PaymentService) -> Result<Response, Problem> {
    ///     payment.transactions_table(&TransactionFilter::default(), 10_000).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The cursor is of another list; the database.
    pub async fn transactions_table(
        &self,
        filter: &TransactionFilter,
        limit: u32,
    ) -> Result<Response, Problem> {
        let (found, _) = page(self, filter, limit).await?;
        table(&found)
    }
}

/// One line a payment.
fn table(found: &[Payment]) -> Result<Response, Problem> {
    let head = [
        "id",
        "order_no",
        "user_id",
        "created_at",
        "paid_at",
        "amount",
        "currency",
        "refunded_amount",
        "status",
        "purpose",
        "payment_method",
        "payment_provider_id",
        "failure_code",
    ];
    let rows = found.iter().map(|payment| {
        let shape = TransactionShape::from(payment);
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        [
            shape.id.to_string(),
            shape.order_no,
            shape.user_id.to_string(),
            at(Some(shape.created_at)),
            at(shape.paid_at),
            shape.amount,
            shape.currency,
            shape.refunded_amount,
            shape.status.as_str().to_owned(),
            shape.purpose.as_str().to_owned(),
            shape.payment_method.as_str().to_owned(),
            shape.payment_provider_id.unwrap_or_default(),
            shape.failure_code.unwrap_or_default(),
        ]
    });
    csv_answer("transactions.csv", &head, rows)
}
