//! Every error of this module, as the one body that clients know.

use axum::http::HeaderMap;
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};

use crate::limits;
use crate::model::payment::PaymentMethod;
use crate::model::stats::MOST_POINTS as MOST_STATS_POINTS;
use crate::model::usage::{MOST_POINTS, SpanError};
use crate::operations::cancel_subscription::ChangeError;
use crate::operations::checkout::CheckoutError;
use crate::operations::consume::ConsumeError;
use crate::operations::edit_plan::PlanError;
use crate::operations::explain::ExplainError;
use crate::operations::grant_units::GrantError;
use crate::operations::jobs::RetryError;
use crate::operations::outbound::endpoints::EndpointError;
use crate::operations::refund::{ProviderErrorOf, RefundError};
use crate::operations::refund_usage::UnitRefundError;
use crate::operations::replay_webhook::ReplayError;
use crate::operations::resolve_suspense::ResolveError;
use crate::operations::settle_hold::HoldError;
use crate::operations::stats_revenue::StatsError;
use crate::operations::usage_series::SeriesError;
use crate::providers::{CIRCUIT_REST, ProviderError};
use crate::shapes::QuotaShape;
use crate::words::WORDS;

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        refund(error)
    }
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        resolve(error)
    }
}

impl From<StatsError> for Problem {
    fn from(error: StatsError) -> Self {
        stats(error)
    }
}

impl From<SeriesError> for Problem {
    fn from(error: SeriesError) -> Self {
        series(error)
    }
}

fn key_reused() -> Problem {
    Problem::new(Code::IdempotencyKeyReused).detail(WORDS.text("idempotency.key_reused"))
}

/// Too few units are left.
pub(crate) fn quota_exceeded(quota: &QuotaShape, upgrade_url: &str, now: Timestamp) -> Problem {
    let (limit, used) = (quota.limit.unwrap_or(0), quota.used);
    let mut headers = HeaderMap::new();
    limits::announce(&mut headers, quota, now);
    let refused = Problem::new(Code::QuotaExceeded).retry_after(limits::wait_seconds(quota, now));
    let told = headers.iter().fold(refused, |refused, (name, value)| {
        refused.header(name.clone(), value.clone())
    });
    told.detail(WORDS.text_with(
        "units.used_up",
        &[
            ("used", &used),
            ("limit", &limit),
            ("resets_at", &quota.resets_at),
        ],
    ))
    .with("quota", json!(quota))
    .with("upgrade_url", upgrade_url)
}

fn span(error: SpanError) -> Problem {
    match error {
        SpanError::Backwards => {
            Problem::invalid("/to", "not_after_from", WORDS.text("figures.backwards"))
        }
        SpanError::OutOfTime => out_of_time("/from"),
        SpanError::TooMany => too_many_points(MOST_POINTS),
    }
}

fn too_many_points(most: usize) -> Problem {
    Problem::invalid(
        "/interval",
        "too_many_points",
        WORDS.text_with("figures.too_many_points", &[("most", &most)]),
    )
}

/// As figures of the business are refused.
pub(crate) fn stats(error: StatsError) -> Problem {
    match error {
        StatsError::Span(error) => span(error),
        StatsError::TooMany => too_many_points(MOST_STATS_POINTS),
        StatsError::Internal(error) => error.into(),
    }
}

/// As lines over time are refused.
pub(crate) fn series(error: SeriesError) -> Problem {
    match error {
        SeriesError::Span(error) => span(error),
        SeriesError::KeysOfAll => Problem::invalid(
            "/group_by",
            "of_one_person",
            WORDS.text("figures.keys_of_all"),
        ),
        SeriesError::Internal(error) => error.into(),
    }
}

/// A moment that nobody can ask for.
pub(crate) fn out_of_time(pointer: &str) -> Problem {
    Problem::invalid(pointer, "out_of_range", WORDS.text("moment.out_of_range"))
}

/// Another plan is in force.
pub(crate) fn plan_required(wanted: &[String], upgrade_url: &str) -> Problem {
    let names = wanted.join(", ");
    Problem::new(Code::PlanRequired)
        .detail(WORDS.text_with("plans.needed", &[("names", &names)]))
        .with("plans", json!(wanted))
        .with("upgrade_url", upgrade_url)
}

/// As `consume` refuses.
pub(crate) fn consume(error: ConsumeError, upgrade_url: &str, now: Timestamp) -> Problem {
    match error {
        ConsumeError::NoSubscription => Problem::new(Code::SubscriptionRequired)
            .detail(WORDS.text("subscriptions.missing"))
            .with("upgrade_url", upgrade_url),
        ConsumeError::NoPrice => {
            Problem::invalid("/resource_type", "no_price", WORDS.text("cost.no_price"))
        }
        ConsumeError::CostOutOfRange => {
            Problem::invalid("/cost", "invalid_cost", WORDS.text("cost.invalid"))
        }
        ConsumeError::QuotaExceeded(quota) => {
            quota_exceeded(&QuotaShape::from(&quota), upgrade_url, now)
        }
        ConsumeError::KeyReused => key_reused(),
        ConsumeError::KeyInProgress => Problem::new(Code::IdempotencyInProgress).retry_after(1),
        ConsumeError::Busy => Problem::new(Code::Unavailable).retry_after(1),
        ConsumeError::Internal(error) => error.into(),
    }
}

/// As an explanation is refused.
pub(crate) fn explain(error: ExplainError) -> Problem {
    match error {
        ExplainError::NoSubscription => Problem::new(Code::NoSubscription),
        ExplainError::NoPrice => {
            Problem::invalid("/resource_type", "no_price", WORDS.text("cost.no_price"))
        }
        ExplainError::NoMeter => unknown_meter(),
        ExplainError::Internal(error) => error.into(),
    }
}

/// As units are not given.
pub(crate) fn grant(error: GrantError) -> Problem {
    match error {
        GrantError::NoSubscription => Problem::new(Code::NoSubscription),
        GrantError::NoMeter => unknown_meter(),
        GrantError::Unlimited => {
            Problem::invalid("/meter", "unlimited_meter", WORDS.text("grant.unlimited"))
        }
        GrantError::Reason => {
            Problem::invalid("/reason", "invalid_reason", WORDS.text("reason.length_500"))
        }
        GrantError::NoPlan => {
            Problem::invalid("/plan_slug", "unknown_plan", WORDS.text("grant.no_plan"))
        }
        GrantError::Terms => Problem::invalid("/terms", "out_of_range", WORDS.text("grant.terms")),
        GrantError::AnotherPlan => Problem::invalid(
            "/plan_slug",
            "another_plan",
            WORDS.text("grant.another_plan"),
        ),
        GrantError::Past => Problem::invalid("/expires_at", "past", WORDS.text("grant.past")),
        GrantError::KeyReused => key_reused(),
        GrantError::Internal(error) => error.into(),
    }
}

fn unknown_meter() -> Problem {
    Problem::invalid("/meter", "unknown_meter", WORDS.text("meter.unknown"))
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        hold(error)
    }
}

/// As a settling of a hold is refused.
pub(crate) fn hold(error: HoldError) -> Problem {
    match error {
        HoldError::NotFound => Problem::new(Code::NotFound),
        HoldError::Cost(_) => Problem::invalid("/cost", "invalid_cost", WORDS.text("cost.invalid")),
        HoldError::AboveHold => {
            Problem::invalid("/cost", "above_reservation", WORDS.text("hold.above"))
        }
        HoldError::Settled => {
            Problem::new(Code::ReservationSettled).detail(WORDS.text("hold.over"))
        }
        HoldError::Busy => Problem::new(Code::Unavailable).retry_after(1),
        HoldError::Internal(error) => error.into(),
    }
}

/// As a refund of units is refused.
pub(crate) fn unit_refund(error: UnitRefundError, upgrade_url: &str, now: Timestamp) -> Problem {
    match error {
        UnitRefundError::NotFound => Problem::new(Code::NotFound),
        UnitRefundError::Reason => {
            Problem::invalid("/reason", "invalid_reason", WORDS.text("reason.length_500"))
        }
        UnitRefundError::Key(error) => consume(error, upgrade_url, now),
        UnitRefundError::Internal(error) => error.into(),
    }
}

/// As a change of a subscription is refused.
pub(crate) fn change(error: ChangeError) -> Problem {
    match error {
        ChangeError::NoSubscription => Problem::new(Code::NoSubscription),
        ChangeError::Endless => Problem::invalid("/plan", "no_term", WORDS.text("cancel.endless")),
        ChangeError::Reason => {
            Problem::invalid("/reason", "too_long", WORDS.text("reason.most_500"))
        }
        ChangeError::Internal(error) => error.into(),
    }
}

/// As `subscribe` refuses.
pub(crate) fn checkout(error: CheckoutError) -> Problem {
    match error {
        CheckoutError::PlanMissing => {
            Problem::invalid("/plan_id", "required", WORDS.text("buying.plan_missing"))
        }
        CheckoutError::PlanNotFound => {
            Problem::new(Code::NotFound).detail(WORDS.text("buying.no_plan"))
        }
        CheckoutError::PlansDiffer => Problem::invalid(
            "/plan_slug",
            "plans_differ",
            WORDS.text("buying.plans_differ"),
        ),
        CheckoutError::AnotherPlan => Problem::invalid(
            "/plan_id",
            "another_plan",
            WORDS.text("buying.another_plan"),
        ),
        CheckoutError::NoTrial => {
            Problem::invalid("/trial", "no_trial", WORDS.text("buying.no_trial"))
        }
        CheckoutError::NoSubscription => Problem::new(Code::NoSubscription),
        CheckoutError::NoTerm => Problem::invalid("/plan", "no_term", WORDS.text("buying.no_term")),
        CheckoutError::RenewsItself => Problem::invalid(
            "/payment_method",
            "renews_itself",
            WORDS.text("buying.renews_itself"),
        ),
        CheckoutError::AmountMismatch => {
            Problem::new(Code::AmountMismatch).detail(WORDS.text("buying.another_amount"))
        }
        CheckoutError::Amount => {
            Problem::invalid("/amount", "invalid_amount", WORDS.text("buying.amount"))
        }
        CheckoutError::Description => Problem::invalid(
            "/description",
            "invalid_description",
            WORDS.text("buying.description"),
        ),
        CheckoutError::Metadata => Problem::invalid(
            "/metadata",
            "invalid_metadata",
            WORDS.text("buying.metadata"),
        ),
        CheckoutError::NotConfigured => Problem::new(Code::PaymentsNotConfigured),
        CheckoutError::MethodUnavailable => Problem::new(Code::MethodUnavailable),
        CheckoutError::CurrencyUnsupported => Problem::new(Code::CurrencyUnsupported),
        CheckoutError::SceneUnavailable => {
            Problem::invalid("/client", "client_unavailable", WORDS.text("buying.client"))
        }
        CheckoutError::OpenidMissing => {
            Problem::invalid("/openid", "required", WORDS.text("buying.openid"))
        }
        CheckoutError::ReturnUrl => Problem::invalid(
            "/return_url",
            "invalid_return_url",
            WORDS.text("buying.return_url"),
        ),
        CheckoutError::Silent(method) => silent(method),
        CheckoutError::Provider(method, error) => provider(method, &error),
        CheckoutError::KeyReused => key_reused(),
        CheckoutError::FreeOnce => {
            Problem::new(Code::PermissionDenied).detail(WORDS.text("buying.free_once"))
        }
        CheckoutError::Person(problem) => problem,
        CheckoutError::InProgress => Problem::new(Code::IdempotencyInProgress)
            .detail(WORDS.text("buying.in_progress"))
            .retry_after(1),
        CheckoutError::Internal(error) => error.into(),
    }
}

impl From<CheckoutError> for Problem {
    fn from(error: CheckoutError) -> Self {
        checkout(error)
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        change(error)
    }
}

impl From<ExplainError> for Problem {
    fn from(error: ExplainError) -> Self {
        explain(error)
    }
}

/// The rail is not asked for anything new for a while.
fn silent(method: PaymentMethod) -> Problem {
    Problem::new(Code::ProviderError)
        .with("provider", method.as_str())
        .detail(WORDS.text("rail.silent"))
        .retry_after(CIRCUIT_REST.as_secs())
}

/// What a provider answered, or that it did not.
fn provider(method: PaymentMethod, error: &ProviderError) -> Problem {
    let problem = Problem::new(Code::ProviderError).with("provider", method.as_str());
    match error {
        ProviderError::Refused { code, .. } => problem
            .detail(WORDS.text("rail.refused"))
            .with("provider_code", code.as_str()),
        ProviderError::Unknown { .. } => problem.detail(WORDS.text("rail.unknown")),
    }
}

/// As `resolve_suspense` refuses.
pub(crate) fn resolve(error: ResolveError) -> Problem {
    match error {
        ResolveError::NotFound => Problem::new(Code::NotFound),
        ResolveError::Decided => {
            Problem::invalid("/action", "decided", WORDS.text("suspense.decided"))
        }
        ResolveError::NoOrder => Problem::invalid(
            "/transaction_id",
            "no_order",
            WORDS.text("suspense.no_order"),
        ),
        ResolveError::NotFitting => Problem::invalid(
            "/transaction_id",
            "not_fitting",
            WORDS.text("suspense.not_fitting"),
        ),
        ResolveError::AnotherPlan => Problem::invalid(
            "/transaction_id",
            "another_plan",
            WORDS.text("suspense.another_plan"),
        ),
        ResolveError::Internal(error) => error.into(),
    }
}

/// As `refund` refuses.
pub(crate) fn refund(error: RefundError) -> Problem {
    match error {
        RefundError::NotFound => Problem::new(Code::NotFound),
        RefundError::NothingLeft => Problem::invalid(
            "/amount",
            "nothing_left",
            WORDS.text("refunds.nothing_left"),
        ),
        RefundError::AboveRest(left) => Problem::new(Code::RefundExceedsPayment)
            .detail(WORDS.text_with("refunds.at_most", &[("left", &left)]))
            .with("left", left.to_string()),
        RefundError::AnotherUnderWay => Problem::new(Code::RefundInProgress)
            .detail(WORDS.text("refunds.another"))
            .retry_after(15),
        RefundError::InSuspense => Problem::invalid(
            "/transaction_id",
            "in_suspense",
            WORDS.text("refunds.in_suspense"),
        ),
        RefundError::Amount => {
            Problem::invalid("/amount", "invalid_amount", WORDS.text("refunds.amount"))
        }
        RefundError::MethodUnavailable => Problem::new(Code::MethodUnavailable),
        RefundError::Provider(ProviderErrorOf(method, error)) => provider(method, &error),
        RefundError::KeyReused => key_reused(),
        RefundError::InProgress => Problem::new(Code::IdempotencyInProgress).retry_after(1),
        RefundError::Internal(error) => error.into(),
    }
}

/// As a replay refuses.
pub(crate) fn replay(error: ReplayError) -> Problem {
    match error {
        ReplayError::NotFound => Problem::new(Code::NotFound),
        ReplayError::MethodUnavailable => Problem::new(Code::MethodUnavailable),
        ReplayError::Internal(error) => error.into(),
    }
}

pub(crate) fn retry(error: RetryError) -> Problem {
    match error {
        RetryError::NotFound => Problem::new(Code::NotFound),
        RetryError::NotDead => Problem::invalid("/job_id", "not_dead", WORDS.text("jobs.not_dead")),
        RetryError::Internal(error) => error.into(),
    }
}

/// As the endpoints of events refuse.
pub(crate) fn endpoint(error: EndpointError) -> Problem {
    match error {
        EndpointError::NotFound => Problem::new(Code::NotFound),
        EndpointError::Address { private: false } => {
            Problem::invalid("/url", "invalid_url", WORDS.text("endpoints.address"))
        }
        EndpointError::Address { private: true } => {
            Problem::invalid("/url", "private_address", WORDS.text("endpoints.private"))
        }
        EndpointError::Kind(kind) => Problem::invalid(
            "/event_types",
            "unknown_event_type",
            WORDS.text_with("endpoints.kind", &[("kind", &kind)]),
        ),
        EndpointError::Description => Problem::invalid(
            "/description",
            "too_long",
            WORDS.text("endpoints.description"),
        ),
        EndpointError::TooMany => {
            Problem::invalid("/url", "too_many", WORDS.text("endpoints.too_many"))
        }
        EndpointError::Open => Problem::invalid(
            "/delivery_id",
            "not_resendable",
            WORDS.text("endpoints.open"),
        ),
        EndpointError::Span => span(SpanError::Backwards),
        EndpointError::Internal(error) => error.into(),
    }
}

/// As plans are refused.
pub(crate) fn plan(error: PlanError) -> Problem {
    match error {
        PlanError::NotFound => Problem::new(Code::NotFound),
        PlanError::Invalid { faults, .. } => {
            let mut errors = FieldErrors::new();
            for fault in faults {
                errors.note(&fault.field, fault.code, fault.detail);
            }
            // Without a fault there is none to tell.
            let told = errors.finish();
            told.err()
                .unwrap_or_else(|| Problem::new(Code::ValidationFailed))
        }
        PlanError::SlugTaken => {
            Problem::invalid("/slug", "slug_taken", WORDS.text("plans.slug_taken"))
        }
        PlanError::InUse { field, .. } => Problem::new(Code::PlanInUse)
            .detail(WORDS.text("plans.sold"))
            .field(
                format!("/{field}"),
                "plan_in_use",
                WORDS.text("plans.stays"),
            ),
        PlanError::DefaultStays(_) => {
            Problem::new(Code::PlanInUse).detail(WORDS.text("plans.default_stays"))
        }
        PlanError::Changed => {
            Problem::invalid("/version", "changed_meanwhile", WORDS.text("plans.changed"))
        }
        PlanError::KeyReused => key_reused(),
        PlanError::Internal(error) => error.into(),
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        plan(error)
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        endpoint(error)
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        replay(error)
    }
}

impl From<RetryError> for Problem {
    fn from(error: RetryError) -> Self {
        retry(error)
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        grant(error)
    }
}
