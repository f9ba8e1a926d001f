//! How a payment stands; one that waits is asked about.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{PaymentId, UserId};
use tollgate_storage::Result;

use crate::PaymentService;
use crate::model::payment::Payment;
use crate::store::{attempts, payments};

/// Younger than this nobody has had time to pay.
const ASK_AFTER: Duration = Duration::from_secs(5);
/// A buyer who reloads does not make us ask each time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Between two looks of a caller who waits.
const LOOK_AGAIN: Duration = Duration::from_millis(400);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What was last asked about a payment.
///
/// ```
/// # use tollgate_payment::Question;
/// fn told(question: Option<Question>) -> String {
///     match question {
///         Some(Question { asked_at, is_answered: true }) => format!("not paid at {asked_at}"),
///         Some(_) => "the provider gives no answer".to_owned(),
///         None => "nobody has asked yet".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// When.
    pub asked_at: Timestamp,
    /// The provider said how it stands.
    pub is_answered: bool,
}

/// What is being asked about here: whoever presses meanwhile waits for that answer like everybody else.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<HashSet<PaymentId>>);

impl Asking {
    /// `None`: it is being asked about.
    fn begin(&self, id: PaymentId) -> Option<Asked<'_>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not `then_some`: what is made for nothing would be dropped under the lock that it takes.
        under_way.insert(id).then(|| Asked { asking: self, id })
    }
}

/// Until it is dropped, nobody else asks.
struct Asked<'a> {
    asking: &'a Asking,
    id: PaymentId,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut under_way = self.asking.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.id);
    }
}

impl PaymentService {
    /// One of a person's payments. While it is open, waits up to `wait` (at most 25 s) for it to
    /// change, holding no connection. `None`: it is not theirs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_kernel::ids::{PaymentId, UserId};
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::PaymentState;
    /// # use tollgate_storage::StorageError;
    /// async fn poll(payment: &PaymentService, user: UserId, id: PaymentId) -> Result<bool, StorageError> {
    ///     // Answers as soon as it is decided, after ten seconds at the latest.
    ///     let order = payment.payment_status(user, id, Duration::from_secs(10)).await?;
    ///     Ok(order.is_some_and(|order| order.state == PaymentState::Completed))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn payment_status(
        &self,
        user: UserId,
        id: PaymentId,
        wait: Duration,
    ) -> Result<Option<Payment>> {
        let deadline = tokio::time::Instant::now() + wait.min(LONGEST_WAIT);
        loop {
            let Some(payment) = payments::find_own(&self.0.db, user, id).await? else {
                return Ok(None);
            };
            if !payment.is_open() {
                return Ok(Some(payment));
            }
            let payment = self.asked(payment).await?;
            let over = tokio::time::Instant::now() + LOOK_AGAIN > deadline;
            if over || !payment.is_open() {
                return Ok(Some(payment));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Asks the provider about an open payment that is old enough and was not asked about just
    /// now, and gives it as it stands afterwards.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::{Payment, PaymentState};
    /// # use tollgate_storage::StorageError;
    /// async fn look(payment: &PaymentService, order: Payment) -> Result<PaymentState, StorageError> {
    ///     let order = payment.asked(order).await?;
    ///     Ok(order.state)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database; a provider that does not answer changes nothing.
    pub async fn asked(&self, payment: Payment) -> Result<Payment> {
        let now = self.0.clock.now();
        if !payment.is_open() || now.since(payment.created_at) < ASK_AFTER {
            return Ok(payment);
        }
        let Some(_asked) = self.0.asking.begin(payment.id) else {
            return Ok(payment);
        };
        let last = attempts::last_asked(&self.0.db, payment.id).await?;
        if last.is_some_and(|last| now.since(last) < ASK_AGAIN_AFTER) {
            return Ok(payment);
        }
        self.reconcile(payment.id).await?;
        Ok(payments::find_any(&self.0.db, payment.id)
            .await?
            .unwrap_or(payment))
    }
    /// When the provider was last asked how a payment stands. `None`: nobody has asked yet.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// # use tollgate_storage::StorageError;
    /// async fn has_answer(payment: &PaymentService, order: &Payment) -> Result<bool, StorageError> {
    ///     let question = payment.last_question(order).await?;
    ///     Ok(question.is_some_and(|question| question.is_answered))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn last_question(&self, payment: &Payment) -> Result<Option<Question>> {
        let last = attempts::last_question(&self.0.db, payment.id).await?;
        Ok(last.map(|(asked_at, is_answered)| Question {
            asked_at,
            is_answered,
        }))
    }

    /// How long a payment may still be paid. `None`: no longer; money that comes all the same is seen and kept.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::payment::Payment;
    /// fn countdown(payment: &PaymentService, order: &Payment) -> Option<u64> {
    ///     payment.time_left(order).map(|left| left.as_secs())
    /// }
    /// ```
    pub fn time_left(&self, payment: &Payment) -> Option<Duration> {
        let now = self.0.clock.now();
        (payment.is_open() && now < payment.expires_at).then(|| payment.expires_at.since(now))
    }
}
