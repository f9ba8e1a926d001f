//! Who is one person, as far as somebody else knows.

use std::fmt;

use async_trait::async_trait;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::money::Money;
use tollgate_kernel::problem::Problem;
use tollgate_storage::db::Tx;

use crate::model::payment::Payment;
use crate::model::plan::Plan;
use crate::model::quota::QuotaState;
use crate::model::refund::Refund;

/// A term that ends and does not go on by itself.
///
/// ```
/// # use tollgate_payment::Expiring;
/// fn letter(expiring: &Expiring) -> String {
///     let Expiring { plan, days_left, link, .. } = expiring;
///     format!("{} ends in {days_left} days; another term: {link}", plan.name)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Expiring {
    /// Whose.
    pub user_id: UserId,
    /// Of what.
    pub plan: Plan,
    /// What a further term would be of, at its price; `None`: it is not on sale any more.
    pub next: Option<Plan>,
    /// When.
    pub term_end: Timestamp,
    /// Until then, a part of a day counted whole.
    pub days_left: u64,
    /// Where a further term is paid.
    pub link: String,
    /// So long the link works.
    pub link_until: Timestamp,
}

/// What somebody is to hear of their money and their units. Links begin with the public address and hold no secret.
///
/// ```
/// # use tollgate_payment::News;
/// fn letter(news: &News) -> Option<String> {
///     match news {
///         News::Paid { payment, link, .. } => Some(format!("{} was paid: {link}", payment.amount)),
///         News::Refunded { refund, .. } => Some(format!("{} went back", refund.amount)),
///         News::QuotaReached { percent, .. } => Some(format!("{percent} % of your units are used")),
///         _ => None, // of nothing else does this host write
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub enum News {
    /// An order was paid, and what it was for is theirs.
    Paid {
        /// As it stands now.
        payment: Box<Payment>,
        /// As it was ordered; `None`: it was for no plan.
        plan: Option<Box<Plan>>,
        /// What was bought begins then, and ends then; `None` for the end: never.
        term: Option<(Timestamp, Option<Timestamp>)>,
        /// Where the payment is shown.
        link: String,
    },
    /// A debit for a further term failed, or what somebody had paid with was refused later. Of an order that nobody paid
    /// in time nothing is told.
    NotPaid {
        /// Whose.
        user_id: UserId,
        /// Whether real money would have moved.
        livemode: bool,
        /// What it was for; `None`: no plan.
        plan: Option<Box<Plan>>,
        /// The same in the words of the order.
        description: String,
        /// How much; `None`: nobody knows any more.
        amount: Option<Money>,
        /// So long a plan in force is left to them, and the debit is tried again; `None`: it was no debit.
        left_until: Option<Timestamp>,
        /// Where it can be paid.
        link: String,
    },
    /// Money went back.
    Refunded {
        /// What was paid, as it stood before.
        payment: Box<Payment>,
        /// What it was for; `None`: no plan.
        plan: Option<Box<Plan>>,
        /// What went back, whole or part.
        refund: Box<Refund>,
        /// Where the payment is shown.
        link: String,
    },
    /// So much of a meter's limit is used: once in a period for each percentage, and the highest if several are reached at
    /// once.
    QuotaReached {
        /// Whose.
        user_id: UserId,
        /// 80 or 100.
        percent: u8,
        /// How the meter stands.
        quota: QuotaState,
        /// As they have it, with the words for its meters; `None`: there is none any more.
        plan: Option<Box<Plan>>,
        /// Where there is more.
        link: String,
    },
}

impl News {
    /// Who is to hear of it.
    ///
    /// ```
    /// # use tollgate_kernel::ids::UserId;
    /// # use tollgate_payment::News;
    /// fn is_for(news: &News, user: UserId) -> bool {
    ///     news.user_id() == user
    /// }
    /// ```
    pub fn user_id(&self) -> UserId {
        match self {
            Self::Paid { payment, .. } | Self::Refunded { payment, .. } => payment.user_id,
            Self::NotPaid { user_id, .. } | Self::QuotaReached { user_id, .. } => *user_id,
        }
    }
}

/// Knows accounts. Without it every account is a person.
///
/// ```
/// use async_trait::async_trait;
/// use tollgate_kernel::clock::Timestamp;
/// use tollgate_kernel::ids::UserId;
/// use tollgate_kernel::problem::Problem;
/// use tollgate_payment::{Expiring, News, People};
/// use tollgate_storage::StorageError;
/// use tollgate_storage::db::Tx;
///
/// /// One account for each badge of the house.
/// #[derive(Debug)]
/// struct Badges;
///
/// #[async_trait]
/// impl People for Badges {
///     async fn person(&self, user: UserId) -> Result<Option<String>, Problem> {
///         Ok(Some(user.to_string()))
///     }
///
///     async fn endpoint_disabled(&self, _: &mut Tx, url: &str, at: Timestamp) -> Result<(), StorageError> {
///         println!("{url} hears nothing since {at}");
///         Ok(())
///     }
///
///     async fn subscription_expiring(&self, _: &mut Tx, expiring: &Expiring, _: Timestamp) -> Result<(), StorageError> {
///         println!("{} ends in {} days", expiring.plan.name, expiring.days_left);
///         Ok(())
///     }
///
///     async fn news(&self, _: &mut Tx, news: &News, _: Timestamp) -> Result<(), StorageError> {
///         println!("{} hears of {news:?}", news.user_id());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait People: Send + Sync + fmt::Debug {
    /// What is the same for all accounts of one person: their mailbox, however it is spelt. `None`: not
    /// known.
    ///
    /// # Errors
    /// Nobody can say: then nothing is given away.
    async fn person(&self, user: UserId) -> Result<Option<String>, Problem>;

    /// An endpoint for events was switched off, in this very transaction: those who run the service hear of it.
    ///
    /// # Errors
    /// The database: then it is not switched off yet.
    async fn endpoint_disabled(
        &self,
        tx: &mut Tx,
        url: &str,
        at: Timestamp,
    ) -> tollgate_storage::Result<()>;

    /// A term ends soon, and its buyer is to hear of it, by this very transaction or not at all.
    ///
    /// # Errors
    /// The database: then it is told at the next try.
    async fn subscription_expiring(
        &self,
        tx: &mut Tx,
        expiring: &Expiring,
        at: Timestamp,
    ) -> tollgate_storage::Result<()>;

    /// Something happened to somebody's money or units, and they are to hear of it, by this very transaction or not at
    /// all. Others wait for it: nobody outside the database is asked meanwhile.
    ///
    /// # Errors
    /// The database: then it has not happened, and is told when it does. Only units are charged all the same, without a
    /// letter, unless the database is away.
    async fn news(&self, tx: &mut Tx, news: &News, at: Timestamp) -> tollgate_storage::Result<()>;
}
