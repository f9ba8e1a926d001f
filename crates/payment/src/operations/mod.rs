//! One verb, one file. Whatever HTTP can do, a host can do by calling these.

pub(crate) mod accept_webhook;
pub(crate) mod activate;
pub(crate) mod admin_plans;
pub(crate) mod admit;
pub(crate) mod agreement;
pub(crate) mod apply_event;
pub(crate) mod apply_plans;
pub(crate) mod attention;
pub(crate) mod audit_books;
pub(crate) mod backlog;
pub(crate) mod begin_order;
mod begin_trial;
pub(crate) mod book;
pub(crate) mod cancel_subscription;
pub(crate) mod check;
pub(crate) mod checkout;
pub(crate) mod checkout_link;
pub(crate) mod console_refund;
pub(crate) mod consume;
pub(crate) mod create_payment;
mod current_plans;
pub(crate) mod current_subscription;
mod default_plan;
mod deliver;
pub(crate) mod demand;
mod dispute;
mod drop_usage;
pub(crate) mod edit_plan;
pub(crate) mod expire;
pub(crate) mod expire_holds;
pub(crate) mod explain;
pub(crate) mod fold_usage;
mod foreign_refund;
pub(crate) mod give_back;
pub(crate) mod grant_plan;
pub(crate) mod grant_units;
mod happenings;
pub(crate) mod holding;
pub(crate) mod jobs;
pub(crate) mod keep_call;
mod left;
pub(crate) mod letters;
pub(crate) mod missed_events;
mod note_use;
pub(crate) mod open_books;
pub(crate) mod outbound;
pub(crate) mod payment_status;
pub(crate) mod place_order;
pub(crate) mod plans;
mod portal;
mod preview_plan;
pub(crate) mod purchase;
pub(crate) mod quote;
mod rails;
pub(crate) mod reconcile;
pub(crate) mod reconcile_refund;
pub(crate) mod refund;
mod refund_source;
pub(crate) mod refund_usage;
pub(crate) mod refunds;
pub(crate) mod remind;
pub(crate) mod renew;
pub(crate) mod renewal_link;
pub(crate) mod replay_webhook;
mod reserve;
mod reset_quota;
pub(crate) mod resolve_suspense;
pub(crate) mod roll;
pub(crate) mod settle_hold;
mod settle_refund;
pub(crate) mod settle_surely;
mod spent;
mod stats_overview;
pub(crate) mod stats_revenue;
pub(crate) mod submit_order;
pub(crate) mod subscription_history;
pub(crate) mod subscriptions;
mod suspense;
mod sweep_orders;
mod take;
pub(crate) mod take_over;
pub(crate) mod tell;
pub(crate) mod told_early;
pub(crate) mod transactions;
mod turn;
pub(crate) mod usage_logs;
pub(crate) mod usage_series;
pub(crate) mod usage_summary;
pub(crate) mod verify_books;
mod want_next;
pub(crate) mod way;
pub(crate) mod webhook_events;

use tollgate_kernel::ids::UserId;
use tollgate_storage::StorageError;

/// How often something is read again when a rival was faster. Each time somebody gets on, so the
/// end is near; more than this means a row that no rule explains.
const TRIES: u32 = 8;

/// What somebody has was another each time that it was read.
fn moved_on(user: UserId) -> StorageError {
    StorageError::Inconsistent {
        table: "subscriptions",
        column: "version",
        row: user.to_string(),
    }
}

/// An answer, and whether it is the first one said again.
///
/// ```
/// # use tollgate_payment::Answered;
/// let first = Answered { value: 7, replayed: false };
/// // What was done is in `value` either way; a repeat of the key did nothing more.
/// assert_eq!((first.value, first.replayed), (7, false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// What was answered.
    pub value: T,
    /// An `Idempotency-Key` brought the first answer back; nothing was done.
    pub replayed: bool,
}

impl<T> Answered<T> {
    /// The same, said otherwise.
    pub(crate) fn map<U>(self, say: impl FnOnce(T) -> U) -> Answered<U> {
        Answered {
            value: say(self.value),
            replayed: self.replayed,
        }
    }

    pub(crate) fn first(value: T) -> Self {
        Self {
            value,
            replayed: false,
        }
    }

    pub(crate) fn again(value: T) -> Self {
        Self {
            value,
            replayed: true,
        }
    }
}
