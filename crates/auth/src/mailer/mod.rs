//! Letters to people. What a letter says is settled in the transaction that causes it; it leaves after
//! the answer, by a job that survives a crash. Its links hold secrets, so the job's payload is sealed.
//!
//! A letter leaves **at least once**. It is claimed under a lease, handed over outside any transaction,
//! and marked as sent after that: a process that ends in between leaves the lease behind, and when it is
//! over somebody sends the letter again, with the same `Message-ID`. Between instances that do not
//! crash it leaves once: a hand-over is given up long before its lease ends.

mod samples;
mod send;
mod smtp;
mod smtp_url;
mod write;

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{JobId, UserId};
use tollgate_storage::Result;
use tollgate_storage::db::Tx;
use tollgate_storage::jobs::{self, NewJob};

pub use self::samples::samples;
pub use self::smtp::{Smtp, SmtpError};
pub use self::smtp_url::{InvalidMailFrom, InvalidSmtpUrl, MailFrom, SmtpUrl};
pub use self::write::{House, Written};
use crate::model::user::{Locale, User};
use crate::store::users;
use crate::{AuthService, Parts};

const LANE: &str = "mail";
const KIND: &str = "letter";
const PURPOSE: &str = "letter";
/// So many of them are written to.
const MOST_ADMINS: i64 = 20;

/// A letter before it is put into words.
///
/// ```
/// use tollgate_auth::mailer::{Content, Letter};
/// use tollgate_auth::model::user::Locale;
///
/// let letter = Letter {
///     to: "ann@example.com".to_owned(),
///     name: "Ann".to_owned(),
///     locale: Locale::En,
///     content: Content::ResetPassword {
///         link: "https://shop.example/reset#token=sample".to_owned(),
///         minutes: 60,
///     },
/// };
/// // Neither the address nor the link gets into a log.
/// assert_eq!(format!("{letter:?}"), "Letter(reset_password)");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// How the person is called.
    pub name: String,
    /// In which language.
    pub locale: Locale,
    /// What it is about.
    pub content: Content,
}

impl Letter {
    /// To the address that the account has.
    ///
    /// ```
    /// # use tollgate_auth::mailer::{Content, Letter};
    /// # use tollgate_auth::model::user::User;
    /// fn warning(user: &User) -> Letter {
    ///     Letter::to(user, Content::SessionsEnded { at: user.updated_at })
    /// }
    /// ```
    pub fn to(user: &User, content: Content) -> Self {
        Self {
            to: user.email.clone(),
            name: user.username.clone(),
            locale: user.locale,
            content,
        }
    }
}

impl fmt::Debug for Letter {
    /// Without the address and the links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.content.kind())
    }
}

/// What letters are about. Links are whole, made from `PUBLIC_URL`.
///
/// ```
/// use tollgate_auth::mailer::{Content, Due};
/// use tollgate_kernel::clock::Timestamp;
///
/// let content = Content::SubscriptionExpiring {
///     plan: "Pro".to_owned(),
///     ends_at: Timestamp::EPOCH,
///     amount: Some(Due {
///         amount: "99.00".to_owned(),
///         currency: "CNY".to_owned(),
///     }),
///     link: "https://shop.example/renew".to_owned(),
///     minutes: 4_320,
///     until: Timestamp::EPOCH,
/// };
/// assert_eq!(content.kind(), "subscription_expiring");
/// assert_eq!(content.link(), Some(("https://shop.example/renew", Some(4_320))));
/// assert_eq!(Content::SessionsEnded { at: Timestamp::EPOCH }.link(), None);
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Confirm that this address is yours.
    VerifyEmail {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// Choose a new password.
    ResetPassword {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// Confirm that this address is to be the account's.
    ConfirmNewEmail {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// To the old address: another one was asked for, and counts once it is confirmed.
    EmailChangeAsked {
        /// The new one, masked.
        new_email: String,
    },
    /// To the old address: it is not the account's any more.
    EmailChanged {
        /// The new one, masked.
        new_email: String,
    },
    /// Somebody signed in from a device not seen before.
    NewSignIn {
        /// When.
        at: Timestamp,
        /// As it calls itself.
        device: Option<String>,
        /// From where.
        address: Option<String>,
    },
    /// The password is another one now.
    PasswordChanged {
        /// When.
        at: Timestamp,
        /// From where.
        address: Option<String>,
    },
    /// Sign-ins were ended because a used token came back.
    SessionsEnded {
        /// When.
        at: Timestamp,
    },
    /// Come and open an account.
    Invite {
        /// Works once.
        link: String,
        /// How long.
        minutes: u64,
    },
    /// To admins: an application that was told of events is not told any more.
    EndpointDisabled {
        /// When.
        at: Timestamp,
        /// Where it was told.
        url: String,
    },
    /// A term that was paid by hand ends soon.
    SubscriptionExpiring {
        /// Its plan's name, in the letter's language.
        plan: String,
        /// When.
        ends_at: Timestamp,
        /// What a further term costs; `None`: there is none to buy any more.
        amount: Option<Due>,
        /// Where it is paid.
        link: String,
        /// How long from now on the link works.
        minutes: u64,
        /// The same as a moment.
        until: Timestamp,
    },
    /// A payment was received, and what it was for was given.
    Receipt {
        /// What was paid for, in the letter's language.
        item: String,
        /// How much.
        amount: Due,
        /// By which means, in the letter's language.
        method: String,
        /// The order's.
        number: String,
        /// The first moment of what was bought; `None`: it has no time.
        starts_at: Option<Timestamp>,
        /// Its end; `None`: it has none.
        ends_at: Option<Timestamp>,
        /// Where it is shown.
        link: String,
        /// No real money moved.
        sandbox: bool,
    },
    /// A debit for a further term failed, or what somebody had paid with was refused.
    PaymentFailed {
        /// What it was for, in the letter's language.
        item: String,
        /// How much; `None`: nobody knows any more.
        amount: Option<Due>,
        /// So long the plan stays, and the debit is tried again; `None`: it was no debit.
        left_until: Option<Timestamp>,
        /// Where it can be paid.
        link: String,
        /// No real money would have moved.
        sandbox: bool,
    },
    /// Money went back.
    Refund {
        /// What was paid for, in the letter's language.
        item: String,
        /// How much went back.
        amount: Due,
        /// How much was paid.
        paid: Due,
        /// By which means, in the letter's language.
        method: String,
        /// The order's.
        number: String,
        /// Where it is shown.
        link: String,
        /// No real money moved.
        sandbox: bool,
    },
    /// So much of a limit is used.
    QuotaReached {
        /// From 100 on it is used up.
        percent: u8,
        /// What is counted.
        meter: String,
        /// In this period.
        used: i64,
        /// For this period.
        limit: i64,
        /// The next period begins.
        resets_at: Timestamp,
        /// Where there is more.
        link: String,
    },
}

/// Money, paid or to be paid.
///
/// ```
/// # use tollgate_auth::mailer::Due;
/// let due = Due {
///     amount: "99.00".to_owned(), // not 9900
///     currency: "CNY".to_owned(),
/// };
/// assert_eq!(serde_json::to_value(&due).unwrap()["amount"], "99.00");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// As decimal text.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl Content {
    /// For logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::ConfirmNewEmail { .. } => "confirm_new_email",
            Self::EmailChangeAsked { .. } => "email_change_asked",
            Self::EmailChanged { .. } => "email_changed",
            Self::NewSignIn { .. } => "new_sign_in",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SessionsEnded { .. } => "sessions_ended",
            Self::Invite { .. } => "invite",
            Self::EndpointDisabled { .. } => "endpoint_disabled",
            Self::SubscriptionExpiring { .. } => "subscription_expiring",
            Self::Receipt { .. } => "receipt",
            Self::PaymentFailed {
                left_until: Some(_),
                ..
            } => "renewal_failed",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::Refund { .. } => "refund",
            Self::QuotaReached { percent: 100.., .. } => "quota_used_up",
            Self::QuotaReached { .. } => "quota_running_low",
        }
    }

    /// The link, and for how many minutes it works; `None`: it opens nothing by itself, and always works.
    pub fn link(&self) -> Option<(&str, Option<u64>)> {
        match self {
            Self::VerifyEmail { link, minutes }
            | Self::ResetPassword { link, minutes }
            | Self::ConfirmNewEmail { link, minutes }
            | Self::Invite { link, minutes }
            | Self::SubscriptionExpiring { link, minutes, .. } => Some((link, Some(*minutes))),
            Self::Receipt { link, .. }
            | Self::PaymentFailed { link, .. }
            | Self::Refund { link, .. }
            | Self::QuotaReached { link, .. } => Some((link, None)),
            Self::EmailChangeAsked { .. }
            | Self::EmailChanged { .. }
            | Self::NewSignIn { .. }
            | Self::PasswordChanged { .. }
            | Self::SessionsEnded { .. }
            | Self::EndpointDisabled { .. } => None,
        }
    }

    /// Whether it tells of money that is none.
    fn is_of_sandbox(&self) -> bool {
        matches!(
            self,
            Self::Receipt { sandbox: true, .. }
                | Self::PaymentFailed { sandbox: true, .. }
                | Self::Refund { sandbox: true, .. }
        )
    }

    /// Whether the address may belong to somebody who has nothing to do with the account. Its name is
    /// then kept out of the letter: it could be an advertisement.
    fn goes_to_a_stranger(&self) -> bool {
        matches!(
            self,
            Self::VerifyEmail { .. } | Self::ConfirmNewEmail { .. } | Self::Invite { .. }
        )
    }
}

/// A letter was not taken.
///
/// ```
/// # use tollgate_auth::mailer::SendError;
/// fn of_status(status: u16) -> Result<(), SendError> {
///     match status {
///         200..=299 => Ok(()),
///         400 | 422 => Err(SendError::Never(format!("the service answered {status}"))),
///         _ => Err(SendError::Later(format!("the service answered {status}"))),
///     }
/// }
/// assert!(matches!(of_status(503), Err(SendError::Later(_))));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Worth another try later.
    #[error("the letter was not taken this time: {0}")]
    Later(String),
    /// No such address, or nothing will help.
    #[error("the letter will never be taken: {0}")]
    Never(String),
}

/// Puts letters into words and sends them.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// use std::sync::{Arc, Mutex};
/// use tollgate_auth::mailer::{Content, Letter, Mailer, SendError, samples};
/// # use tollgate_auth::model::user::Locale;
/// use tollgate_kernel::ids::JobId;
/// # use tollgate_kernel::clock::Timestamp;
///
/// /// Keeps the letters, for a test.
/// #[derive(Clone, Debug, Default)]
/// struct Kept(Arc<Mutex<Vec<&'static str>>>);
///
/// #[async_trait::async_trait]
/// impl Mailer for Kept {
///     async fn send(&self, letter: &Letter, _id: JobId) -> Result<(), SendError> {
///         let kept = self.0.lock();
///         kept.map_err(|_| SendError::Later("no room".to_owned()))?.push(letter.content.kind());
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let kept = Kept::default();
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().mailer(Arc::new(kept.clone())).build().await?;
/// let letter = samples("https://shop.example", Locale::En, Timestamp::EPOCH).swap_remove(7);
/// auth.post_letter(&letter).await?;
/// assert!(kept.0.lock().unwrap().is_empty(), "it leaves with the next tick");
/// assert_eq!(auth.tick().await?, 1);
/// assert_eq!(*kept.0.lock().unwrap(), ["sessions_ended"]);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// Hands a letter over. The same `id` comes again when it is not known whether the letter left;
    /// [`tollgate_kernel::ids::Id::made_at`] says when it was asked for. The future may be dropped.
    ///
    /// # Errors
    /// [`SendError`]; its text goes to logs and tables, so it holds no link and no address.
    async fn send(&self, letter: &Letter, id: JobId) -> Result<(), SendError>;
}

/// Asks for a letter, inside the transaction of what it tells of. Without a mailer nothing is kept.
pub(crate) async fn post(
    parts: &Parts,
    tx: &mut Tx,
    letter: &Letter,
    now: Timestamp,
) -> Result<()> {
    if parts.mailer.is_none() {
        tracing::debug!(letter = letter.content.kind(), "no mail is set up");
        return Ok(());
    }
    let text = serde_json::to_vec(letter).expect("a letter of texts is JSON");
    let sealed = parts.master_key.seal(PURPOSE, &text, &parts.entropy);
    let id: JobId = parts.ids.at(now);
    let job = NewJob {
        lane: LANE,
        kind: KIND,
        dedupe_key: &id.to_string(),
        payload: json!({ "sealed": BASE64_STANDARD.encode(sealed) }),
        due_at: now,
    };
    jobs::put(tx, &parts.ids, job, now).await
}

impl AuthService {
    /// Writes to every admin, inside the transaction of what it tells of.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, mailer::Content};
    /// # use tollgate_kernel::clock::Timestamp;
    /// # use tollgate_storage::{Result, db::Tx};
    /// async fn tell(auth: &AuthService, tx: &mut Tx, url: String, at: Timestamp) -> Result<()> {
    ///     auth.write_to_admins(tx, &Content::EndpointDisabled { at, url }).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn write_to_admins(&self, tx: &mut Tx, content: &Content) -> Result<()> {
        let parts = self.parts();
        for admin in users::read_admins(tx, MOST_ADMINS).await? {
            if let Some(user) = users::read(tx, admin).await? {
                let letter = Letter::to(&user, content.clone());
                post(parts, tx, &letter, parts.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Writes to one person, in their language, inside the transaction of what it tells of. Whoever has no account any
    /// more gets none.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, mailer::Content, model::user::Locale};
    /// # use tollgate_kernel::{clock::Timestamp, ids::UserId};
    /// # use tollgate_storage::{Result, db::Tx};
    /// async fn remind(auth: &AuthService, tx: &mut Tx, user: UserId, ends_at: Timestamp) -> Result<()> {
    ///     auth.write_to(tx, user, |locale| Content::SubscriptionExpiring {
    ///         plan: if locale == Locale::Zh { "专业版" } else { "Pro" }.to_owned(),
    ///         ends_at,
    ///         amount: None,
    ///         link: "https://shop.example/plans".to_owned(),
    ///         minutes: 1_440,
    ///         until: ends_at,
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn write_to(
        &self,
        tx: &mut Tx,
        user: UserId,
        content: impl FnOnce(Locale) -> Content + Send,
    ) -> Result<()> {
        let parts = self.parts();
        let Some(user) = users::read(tx, user).await? else {
            return Ok(());
        };
        if !user.is_active {
            return Ok(());
        }
        let letter = Letter::to(&user, content(user.locale));
        post(parts, tx, &letter, parts.clock.now()).await
    }

    /// Writes a letter that no other change causes: a trial of the settings, a host's own occasion. It
    /// leaves like all others, within the next tick.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, mailer::Letter};
    /// async fn try_settings(auth: &AuthService, letter: &Letter) -> tollgate_storage::Result<usize> {
    ///     auth.post_letter(letter).await?;
    ///     auth.tick().await // how many letters left: one, if the mail server took it
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn post_letter(&self, letter: &Letter) -> Result<()> {
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        post(parts, &mut tx, letter, parts.clock.now()).await?;
        tx.commit().await
    }
}
