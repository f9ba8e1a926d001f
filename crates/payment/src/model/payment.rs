//! A payment transaction and the one table of its states.
//!
//! ```
//! use tollgate_kernel::ids::PaymentId;
//! use tollgate_payment::model::payment::{OrderNo, PaymentEvent, PaymentState, PaymentStatus};
//!
//! // Money moves an order forward.
//! let paid = PaymentState::Pending.next(PaymentEvent::Succeeded);
//! assert_eq!(paid, Ok(PaymentState::Completed));
//! // `Created` is a finer state than clients are told.
//! assert_eq!(PaymentState::Created.status(), PaymentStatus::Pending);
//!
//! // The number that providers know an order by is its id without the hyphens.
//! let id: PaymentId = "0197f3a0-0000-7000-8000-000000000001".parse()?;
//! let number = OrderNo::of(id);
//! assert_eq!(number.as_str(), "0197f3a0000070008000000000000001");
//! assert_eq!(OrderNo::sent("not one of ours"), None);
//! # Ok::<(), tollgate_kernel::ids::InvalidId>(())
//! ```

use serde_json::Value;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{Id as _, PaymentId, PlanId, SubscriptionId, UserId};
use tollgate_kernel::money::Money;

use super::scene::Scene;
use super::words;
use crate::providers::OrderKey;

words! {
    /// Where a payment stands.
    pub enum PaymentState {
        /// Ours; the provider may or may not have heard of it.
        Created = "created",
        /// The provider has it and waits for the buyer.
        Pending = "pending",
        /// Verified money.
        Completed = "completed",
        /// Declined, closed or expired; verified money can still arrive.
        Failed = "failed",
        /// All of it went back.
        Refunded = "refunded",
    }
}

words! {
    /// What anybody outside is told.
    pub enum PaymentStatus {
        /// The buyer may still pay.
        Pending = "pending",
        /// Paid.
        Completed = "completed",
        /// Not paid, and no longer payable.
        Failed = "failed",
        /// Paid back.
        Refunded = "refunded",
    }
}

words! {
    /// What moves a payment.
    pub enum PaymentEvent {
        /// The provider took the order.
        Submitted = "submitted",
        /// Verified money for it.
        Succeeded = "succeeded",
        /// The provider says it will not be paid.
        Declined = "declined",
        /// Its time is over, and the provider agrees.
        Expired = "expired",
        /// All of it went back.
        Refunded = "refunded",
    }
}

words! {
    /// What is paid for.
    pub enum Purpose {
        /// A first term of a plan.
        Subscription = "subscription",
        /// A further term of the same plan.
        Renewal = "renewal",
        /// Another plan.
        Change = "change",
        /// Nothing of ours.
        OneOff = "one_off",
    }
}

words! {
    /// By which rail.
    pub enum PaymentMethod {
        /// 支付宝
        Alipay = "alipay",
        /// 微信支付
        Wechat = "wechat",
        /// Cards.
        Stripe = "stripe",
    }
}

words! {
    /// Why money fits no payable order.
    pub enum SuspenseCause {
        /// No order has this number.
        UnknownOrder = "unknown_order",
        /// Not the price.
        Amount = "amount",
        /// Not the order's currency.
        Currency = "currency",
        /// The order was to be paid on another rail.
        Rail = "rail",
        /// A sandbox order, or a live one in the sandbox.
        Environment = "environment",
        /// The order is paid already, by other money.
        Surplus = "surplus",
        /// What it was for can no longer be given.
        EndedOrder = "ended_order",
    }
}

/// A move that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} does not move a payment that is {from:?}")]
pub struct IllegalMove {
    /// The state it was in.
    pub from: PaymentState,
    /// What was to move it.
    pub event: PaymentEvent,
}

impl PaymentState {
    /// The table of moves. A database trigger repeats what it allows.
    ///
    /// # Errors
    /// A move it does not have.
    pub fn next(self, event: PaymentEvent) -> Result<Self, IllegalMove> {
        use PaymentEvent::{Declined, Expired, Refunded as GoneBack, Submitted, Succeeded};
        use PaymentState::{Completed, Created, Failed, Pending, Refunded};
        match (self, event) {
            (Created, Submitted) => Ok(Pending),
            // Paid after we gave up is still paid: the money is real. Webhook and query may both
            // have seen it.
            (Created | Pending | Failed | Completed, Succeeded) => Ok(Completed),
            (Created | Pending | Failed, Declined | Expired) => Ok(Failed),
            // Verified money stays, whatever is said later.
            (Completed, Declined | Expired) => Ok(Completed),
            (Completed, GoneBack) => Ok(Refunded),
            // Late and repeated events.
            (Refunded, Succeeded | GoneBack) => Ok(Refunded),
            (from, event) => Err(IllegalMove { from, event }),
        }
    }

    /// What anybody outside is told.
    pub fn status(self) -> PaymentStatus {
        match self {
            Self::Created | Self::Pending => PaymentStatus::Pending,
            Self::Completed => PaymentStatus::Completed,
            Self::Failed => PaymentStatus::Failed,
            Self::Refunded => PaymentStatus::Refunded,
        }
    }
}

/// The number of an order at every provider: the payment's id as 32 hexadecimal digits, the one
/// form that fits them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderNo(String);

impl OrderNo {
    /// Of this payment.
    pub fn of(id: PaymentId) -> Self {
        Self(id.uuid().simple().to_string())
    }

    /// What a provider sent back. `None` when no order of ours can have this number.
    pub fn sent(text: &str) -> Option<Self> {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(hexadecimal)).then(|| Self(text.to_owned()))
    }

    /// As the provider knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose money it is to become, as the provider names us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantAccount {
    /// The application at the provider.
    pub app_id: String,
    /// The merchant at the provider; empty when the settings do not name one.
    pub merchant_id: String,
}

/// A payment as it stands.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Ours, and the order number.
    pub id: PaymentId,
    /// Who pays.
    pub user_id: UserId,
    /// What it paid for, once it has.
    pub subscription_id: Option<SubscriptionId>,
    /// How much.
    pub amount: Money,
    /// By which rail.
    pub method: PaymentMethod,
    /// To which account.
    pub account: MerchantAccount,
    /// Whether real money moves.
    pub livemode: bool,
    /// The provider's number of the order, where it gave one.
    pub provider_order_id: Option<String>,
    /// The provider's number of the money.
    pub provider_transaction_id: Option<String>,
    /// Where it stands.
    pub state: PaymentState,
    /// What for.
    pub purpose: Purpose,
    /// Which plan, in which version.
    pub plan: Option<(PlanId, i64)>,
    /// What the buyer does next, as the provider answered.
    pub action: Option<Value>,
    /// On what the buyer pays.
    pub scene: Scene,
    /// Where the buyer's browser comes back to, if a host named a place.
    pub return_url: Option<String>,
    /// What the buyer reads.
    pub description: String,
    /// What the host keeps with it.
    pub metadata: Value,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// Set aside for a newer order of the same plan.
    pub superseded_at: Option<Timestamp>,
    /// Of the order.
    pub created_at: Timestamp,
    /// When the buyer can no longer pay.
    pub expires_at: Timestamp,
    /// When the money was seen.
    pub paid_at: Option<Timestamp>,
    /// How much went back, in minor units.
    pub refunded_minor: i64,
    /// How much is on its way back, in minor units.
    pub refunding_minor: i64,
}

impl Payment {
    /// Which order is meant, at its provider.
    pub fn key(&self) -> OrderKey {
        OrderKey {
            order_no: self.order_no(),
            provider_order_id: self.provider_order_id.clone(),
            created_at: self.created_at,
        }
    }

    /// Its number at the provider.
    pub fn order_no(&self) -> OrderNo {
        OrderNo::of(self.id)
    }

    /// From when on time that passes is counted, by what was quoted with it: while it can be paid, from when it was placed.
    pub fn counted_at(&self, now: Timestamp) -> Timestamp {
        if now <= self.expires_at {
            self.created_at
        } else {
            now
        }
    }

    /// Whether the buyer may still pay, as far as we know.
    pub fn is_open(&self) -> bool {
        matches!(self.state, PaymentState::Created | PaymentState::Pending)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn inv_p7_every_pair_of_state_and_event() {
        let mut table = String::new();
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let to = state.next(*event).map_or("-", PaymentState::as_str);
                writeln!(
                    table,
                    "{:>9} + {:<9} = {to}",
                    state.as_str(),
                    event.as_str()
                )
                .expect("a String grows");
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn an_order_number_is_32_lower_case_digits() {
        assert!(OrderNo::sent("0198c0de0198c0de0198c0de0198c0de").is_some());
        for text in [
            "",
            "0198C0DE0198c0de0198c0de0198c0de",
            "0198c0de",
            "' OR 1=1 --",
            "0198c0de0198c0de0198c0de0198c0dg",
        ] {
            assert_eq!(OrderNo::sent(text), None, "{text}");
        }
    }
}
