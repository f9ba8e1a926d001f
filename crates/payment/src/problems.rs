//! Every error of this module, as the one body that clients know.

use axum::http::HeaderMap;
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::problem::{Code, FieldErrors, Problem};
use tollgate_kernel::text::Text;

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
    Problem::new(Code::IdempotencyKeyReused).detail(
        "此 Idempotency-Key 已用于另一个请求体，请换一个。",
        "This Idempotency-Key was used with another body; take a new one.",
    )
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
    told.detail(
        format!(
            "本周期 {limit} 次已用 {used} 次，{} 重置。",
            quota.resets_at
        ),
        format!(
            "{used} of {limit} units are used in this period; it resets at {}.",
            quota.resets_at
        ),
    )
    .with("quota", json!(quota))
    .with("upgrade_url", upgrade_url)
}

fn span(error: SpanError) -> Problem {
    match error {
        SpanError::Backwards => Problem::invalid(
            "/to",
            "not_after_from",
            "须晚于 from",
            "must be later than from",
        ),
        SpanError::OutOfTime => out_of_time("/from"),
        SpanError::TooMany => too_many_points(MOST_POINTS),
    }
}

fn too_many_points(most: usize) -> Problem {
    Problem::invalid(
        "/interval",
        "too_many_points",
        format!("一条曲线最多 {most} 个点，请缩短时间范围或加大 interval"),
        format!("a line has at most {most} points: a shorter time, or a longer interval"),
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
            "按密钥分组须指明用户",
            "keys are told apart for one person only",
        ),
        SeriesError::Internal(error) => error.into(),
    }
}

/// A moment that nobody can ask for.
pub(crate) fn out_of_time(pointer: &str) -> Problem {
    Problem::invalid(
        pointer,
        "out_of_range",
        "须在 1970 年至 9998 年之间",
        "a moment of the years 1970 to 9998",
    )
}

/// Another plan is in force.
pub(crate) fn plan_required(wanted: &[String], upgrade_url: &str) -> Problem {
    let names = wanted.join(", ");
    Problem::new(Code::PlanRequired)
        .detail(
            format!("此功能需要套餐 {names}。"),
            format!("This takes the plan {names}."),
        )
        .with("plans", json!(wanted))
        .with("upgrade_url", upgrade_url)
}

/// As `consume` refuses.
pub(crate) fn consume(error: ConsumeError, upgrade_url: &str, now: Timestamp) -> Problem {
    match error {
        ConsumeError::NoSubscription => Problem::new(Code::SubscriptionRequired)
            .detail(
                "没有有效的订阅，请先选择套餐。",
                "No subscription is in force: choose a plan first.",
            )
            .with("upgrade_url", upgrade_url),
        ConsumeError::NoPrice => Problem::invalid(
            "/resource_type",
            "no_price",
            "当前套餐没有此资源类型的价格",
            "the plan has no price for this resource type",
        ),
        ConsumeError::CostOutOfRange => Problem::invalid(
            "/cost",
            "invalid_cost",
            "须为 1 至 1000000000 的整数",
            "a whole number from 1 to 1000000000",
        ),
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
        ExplainError::NoPrice => Problem::invalid(
            "/resource_type",
            "no_price",
            "当前套餐没有此资源类型的价格",
            "the plan has no price for this resource type",
        ),
        ExplainError::NoMeter => unknown_meter(),
        ExplainError::Internal(error) => error.into(),
    }
}

/// As units are not given.
pub(crate) fn grant(error: GrantError) -> Problem {
    match error {
        GrantError::NoSubscription => Problem::new(Code::NoSubscription),
        GrantError::NoMeter => unknown_meter(),
        GrantError::Unlimited => Problem::invalid(
            "/meter",
            "unlimited_meter",
            "此计量项不限量，无需赠送",
            "the meter is unlimited: nothing can be added to it",
        ),
        GrantError::Reason => Problem::invalid(
            "/reason",
            "invalid_reason",
            "须为 1 至 500 个字符",
            "1 to 500 characters",
        ),
        GrantError::NoPlan => Problem::invalid(
            "/plan_slug",
            "unknown_plan",
            "没有此套餐",
            "no such plan is on sale",
        ),
        GrantError::Terms => Problem::invalid(
            "/terms",
            "out_of_range",
            "须为 1 至 120",
            "a whole number from 1 to 120",
        ),
        GrantError::AnotherPlan => Problem::invalid(
            "/plan_slug",
            "another_plan",
            "此人另一套餐仍有效，或此套餐永久有效",
            "another plan is in force, or this one for ever",
        ),
        GrantError::Past => Problem::invalid("/expires_at", "past", "须晚于现在", "later than now"),
        GrantError::KeyReused => key_reused(),
        GrantError::Internal(error) => error.into(),
    }
}

fn unknown_meter() -> Problem {
    Problem::invalid(
        "/meter",
        "unknown_meter",
        "当前套餐没有此计量项",
        "the plan has no such meter",
    )
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
        HoldError::Cost(_) => Problem::invalid(
            "/cost",
            "invalid_cost",
            "须为 1 至 1000000000 的整数",
            "a whole number from 1 to 1000000000",
        ),
        HoldError::AboveHold => Problem::invalid(
            "/cost",
            "above_reservation",
            "不得超过预留的数量",
            "at most what was reserved",
        ),
        HoldError::Settled => Problem::new(Code::ReservationSettled).detail(
            "此预留已结算、已释放或已过期。",
            "The reservation was settled otherwise, or its time is over.",
        ),
        HoldError::Busy => Problem::new(Code::Unavailable).retry_after(1),
        HoldError::Internal(error) => error.into(),
    }
}

/// As a refund of units is refused.
pub(crate) fn unit_refund(error: UnitRefundError, upgrade_url: &str, now: Timestamp) -> Problem {
    match error {
        UnitRefundError::NotFound => Problem::new(Code::NotFound),
        UnitRefundError::Reason => Problem::invalid(
            "/reason",
            "invalid_reason",
            "须为 1 至 500 个字符",
            "1 to 500 characters",
        ),
        UnitRefundError::Key(error) => consume(error, upgrade_url, now),
        UnitRefundError::Internal(error) => error.into(),
    }
}

/// As a change of a subscription is refused.
pub(crate) fn change(error: ChangeError) -> Problem {
    match error {
        ChangeError::NoSubscription => Problem::new(Code::NoSubscription),
        ChangeError::Endless => Problem::invalid(
            "/plan",
            "no_term",
            "免费或永久套餐没有到期日，无需取消",
            "a free or lifetime plan has no term: there is nothing to cancel",
        ),
        ChangeError::Reason => Problem::invalid(
            "/reason",
            "too_long",
            "至多 500 个字符",
            "at most 500 characters",
        ),
        ChangeError::Internal(error) => error.into(),
    }
}

/// As `subscribe` refuses.
pub(crate) fn checkout(error: CheckoutError) -> Problem {
    match error {
        CheckoutError::PlanMissing => Problem::invalid(
            "/plan_id",
            "required",
            "请给出 plan_id 或 plan_slug",
            "give plan_id or plan_slug",
        ),
        CheckoutError::PlanNotFound => {
            Problem::new(Code::NotFound).detail("没有这个在售套餐。", "No such plan is on sale.")
        }
        CheckoutError::PlansDiffer => Problem::invalid(
            "/plan_slug",
            "plans_differ",
            "plan_id 与 plan_slug 指向两个套餐",
            "plan_id and plan_slug name two plans",
        ),
        CheckoutError::AnotherPlan => Problem::invalid(
            "/plan_id",
            "another_plan",
            "当前套餐仍有效，到期后方可购买此套餐",
            "another plan is in force; this one can be bought when it ends",
        ),
        CheckoutError::NoTrial => Problem::invalid(
            "/trial",
            "no_trial",
            "此套餐不可试用，或已试用过",
            "the plan cannot be tried, or you have tried it before",
        ),
        CheckoutError::NoSubscription => Problem::new(Code::NoSubscription),
        CheckoutError::NoTerm => Problem::invalid(
            "/plan",
            "no_term",
            "免费或永久套餐没有到期日，无需续费",
            "a free or lifetime plan has no term: there is nothing to renew",
        ),
        CheckoutError::RenewsItself => Problem::invalid(
            "/payment_method",
            "renews_itself",
            "此订阅会自动续费；如需手动续费，请先取消自动续费",
            "this subscription renews by itself; cancel it first to pay further terms by hand",
        ),
        CheckoutError::AmountMismatch => Problem::new(Code::AmountMismatch).detail(
            "金额与应付价格不一致，或 amount 与 amount_minor 不一致。",
            "The amount is not the price, or amount and amount_minor differ; reload the price.",
        ),
        CheckoutError::Amount => Problem::invalid(
            "/amount",
            "invalid_amount",
            "须为正数，小数位与币种一致（如 99.00），不超过 100000000.00",
            "more than nothing, with exactly the currency's decimals (99.00), at most 100000000.00",
        ),
        CheckoutError::Description => Problem::invalid(
            "/description",
            "invalid_description",
            "须为 1 至 127 个字符",
            "1 to 127 characters",
        ),
        CheckoutError::Metadata => Problem::invalid(
            "/metadata",
            "invalid_metadata",
            "至多 50 项，键 1 至 40 个字符，值为至多 500 个字符的文本、数字或布尔值",
            "at most 50 names of 1 to 40 characters, each with a text of at most 500, a number or a truth value",
        ),
        CheckoutError::NotConfigured => Problem::new(Code::PaymentsNotConfigured),
        CheckoutError::MethodUnavailable => Problem::new(Code::MethodUnavailable),
        CheckoutError::CurrencyUnsupported => Problem::new(Code::CurrencyUnsupported),
        CheckoutError::SceneUnavailable => Problem::invalid(
            "/client",
            "client_unavailable",
            "此支付方式不支持这种终端",
            "this payment method has no way to pay there",
        ),
        CheckoutError::OpenidMissing => Problem::invalid(
            "/openid",
            "required",
            "此终端支付需要买家的 openid",
            "this way to pay takes the buyer's openid",
        ),
        CheckoutError::ReturnUrl => Problem::invalid(
            "/return_url",
            "invalid_return_url",
            "须为 PUBLIC_URL 或 CORS_ORIGINS 所列来源的完整地址，最长 256 个字符",
            "a whole address of an origin named by PUBLIC_URL or CORS_ORIGINS, at most 256 characters",
        ),
        CheckoutError::Silent(method) => silent(method),
        CheckoutError::Provider(method, error) => provider(method, &error),
        CheckoutError::KeyReused => key_reused(),
        CheckoutError::FreeOnce => Problem::new(Code::PermissionDenied).detail(
            "同一邮箱的另一个账号已领取过免费套餐。",
            "Another account with the same mailbox has had a free plan.",
        ),
        CheckoutError::Person(problem) => problem,
        CheckoutError::InProgress => Problem::new(Code::IdempotencyInProgress)
            .detail(
                "同一订单正在创建，请稍后重试。",
                "The same order is being made; try again in a moment.",
            )
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
        .detail(
            "支付渠道暂时没有应答，请稍后重试或换一种支付方式；此次没有下单。",
            "The provider has not answered for a while; try again in a moment, or another method. No order was made.",
        )
        .retry_after(CIRCUIT_REST.as_secs())
}

/// What a provider answered, or that it did not.
fn provider(method: PaymentMethod, error: &ProviderError) -> Problem {
    let problem = Problem::new(Code::ProviderError).with("provider", method.as_str());
    match error {
        ProviderError::Refused { code, .. } => problem
            .detail(
                "支付渠道拒绝了此请求，请稍后重试或换一种方式。",
                "The provider refused; try again, or another way.",
            )
            .with("provider_code", code.as_str()),
        ProviderError::Unknown { .. } => problem.detail(
            "支付渠道没有回应，请稍后重试，不会重复扣款。",
            "The provider did not answer; try again, you will not be charged twice.",
        ),
    }
}

/// As `resolve_suspense` refuses.
pub(crate) fn resolve(error: ResolveError) -> Problem {
    match error {
        ResolveError::NotFound => Problem::new(Code::NotFound),
        ResolveError::Decided => Problem::invalid(
            "/action",
            "decided",
            "此款项已处理",
            "this money is decided about already",
        ),
        ResolveError::NoOrder => Problem::invalid(
            "/transaction_id",
            "no_order",
            "没有这个订单",
            "there is no such order",
        ),
        ResolveError::NotFitting => Problem::invalid(
            "/transaction_id",
            "not_fitting",
            "订单已支付，或金额、币种、渠道与此款项不符",
            "the order is paid, or wants another amount, currency or rail",
        ),
        ResolveError::AnotherPlan => Problem::invalid(
            "/transaction_id",
            "another_plan",
            "买家另一套餐仍有效",
            "the buyer has another plan in force",
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
            "此支付没有可退金额",
            "nothing was paid, or nothing is left to refund",
        ),
        RefundError::AboveRest(left) => Problem::new(Code::RefundExceedsPayment)
            .detail(
                format!("最多可退 {left}。"),
                format!("At most {left} is left."),
            )
            .with("left", left.to_string()),
        RefundError::AnotherUnderWay => Problem::new(Code::RefundInProgress)
            .detail(
                "同一支付的另一笔退款正在处理，请待其有结果后再试。",
                "Another refund of this payment is under way; try again when it is decided.",
            )
            .retry_after(15),
        RefundError::InSuspense => Problem::invalid(
            "/transaction_id",
            "in_suspense",
            "此款项在待处理账户中，请在 /admin/suspense 处理",
            "this money is kept in suspense; decide about it at /admin/suspense",
        ),
        RefundError::Amount => Problem::invalid(
            "/amount",
            "invalid_amount",
            "须为大于零的金额，且两种写法一致",
            "an amount above zero; amount and amount_minor must agree",
        ),
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
        RetryError::NotDead => Problem::invalid(
            "/job_id",
            "not_dead",
            "只有已放弃的任务可以重试",
            "only a job that was given up can be done again",
        ),
        RetryError::Internal(error) => error.into(),
    }
}

/// As the endpoints of events refuse.
pub(crate) fn endpoint(error: EndpointError) -> Problem {
    match error {
        EndpointError::NotFound => Problem::new(Code::NotFound),
        EndpointError::Address { private: false } => Problem::invalid(
            "/url",
            "invalid_url",
            "须为不含用户名与片段的完整 https 地址",
            "a whole https address without user and fragment",
        ),
        EndpointError::Address { private: true } => Problem::invalid(
            "/url",
            "private_address",
            "不能指向本机或内网地址",
            "not an address of this machine or of a private network",
        ),
        EndpointError::Kind(kind) => Problem::invalid(
            "/event_types",
            "unknown_event_type",
            format!("没有此事件类型：{kind}"),
            format!("there is no event of type {kind}"),
        ),
        EndpointError::Description => Problem::invalid(
            "/description",
            "too_long",
            "至多 200 个字符",
            "at most 200 characters",
        ),
        EndpointError::TooMany => Problem::invalid(
            "/url",
            "too_many",
            "至多 50 个接收地址",
            "at most 50 endpoints",
        ),
        EndpointError::Open => Problem::invalid(
            "/delivery_id",
            "not_resendable",
            "正在投递中",
            "it is on its way",
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
            told.err().unwrap_or_else(|| Problem::new(Code::ValidationFailed))
        }
        PlanError::SlugTaken => Problem::invalid(
            "/slug",
            "slug_taken",
            "已有套餐使用此名称",
            "another plan is called so",
        ),
        PlanError::InUse { field, .. } => Problem::new(Code::PlanInUse)
            .detail(
                "此套餐已售出：币种不能更改，免费与收费也不能互换。请另建套餐，并将此套餐归档。",
                "The plan was sold: its currency stays, and so does whether it is free. Make another plan and archive this one.",
            )
            .field(
                format!("/{field}"),
                "plan_in_use",
                Text::new("已售出的套餐不能更改此项", "it stays on a plan that was sold"),
            ),
        PlanError::DefaultStays(_) => Problem::new(Code::PlanInUse).detail(
            "新用户注册时获得此套餐：请先指定另一个默认套餐，或取消其默认。",
            "Everybody who registers gets this plan: make another one the default first, or none.",
        ),
        PlanError::Changed => Problem::invalid(
            "/version",
            "changed_meanwhile",
            "套餐已有更新的版本，请重新读取",
            "there is a newer version of the plan: read it again",
        ),
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
