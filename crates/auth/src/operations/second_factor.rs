//! A second factor: set up, used at a sign-in, taken away.
//!
//! What can happen at once: one code in two hands, one challenge used twice, a password changed between
//! the two halves of a sign-in. A step of the app and a code on paper are each used by one statement; a
//! challenge is counted in the transaction that makes the sign-in, and is bound to the password it
//! followed.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SecondFactorId, SessionId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Actor;
use tollgate_storage::db::Tx;
use tollgate_storage::throttle::{self, Limit};
use tollgate_storage::{Result, StorageError};

use super::current_password::current_password;
use super::devices;
use super::guessing::{TooMany, count, subject};
use super::records::{Deed, record};
use super::session::{Tokens, begin};
use crate::hashing::Busy;
use crate::model::second_factor::{RECOVERY_CODES, TotpSecret, recovery_code, typed_recovery_code};
use crate::model::user::User;
use crate::store::{second_factors, sessions, users};
use crate::{AuthService, Parts};

const SECRET: &str = "second factor";
const CHALLENGE: &str = "login challenge";
const CHALLENGE_PREFIX: &str = "ch_";
const CHALLENGE_TTL: Duration = Duration::from_mins(5);
/// Wrong codes of one person; whoever guesses knows the password already.
const CODES: Limit = Limit {
    kind: "second_factor",
    most: 5,
    window: Duration::from_mins(5),
};
/// A challenge makes one sign-in.
const USED: Limit = Limit {
    kind: "login.challenge",
    most: 1,
    window: Duration::from_mins(10),
};

/// What went wrong with a second factor.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::SecondFactorError;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// # let wish = Register {
/// #     email: "ann@example.com".parse()?,
/// #     username: "ann".parse()?,
/// #     password: "plum orchard lantern 7".into(),
/// #     locale: Locale::En,
/// #     invite: None,
/// # };
/// # let user = auth.register(&wish, &Origin::default()).await?;
///
/// let origin = Origin::default();
/// let absent = auth.confirm_second_factor(user.id, None, &"000000".into(), &origin).await;
/// assert!(matches!(absent, Err(SecondFactorError::Absent)));
/// auth.enrol(&user).await?;
/// let guessed = auth.confirm_second_factor(user.id, None, &"not it".into(), &origin).await;
/// assert!(matches!(guessed, Err(SecondFactorError::Code)));
/// let challenge = auth.login_second_factor(&"ch_AAAA".into(), &"000000".into(), None, &origin).await;
/// assert!(matches!(challenge, Err(SecondFactorError::Challenge)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecondFactorError {
    /// Not a challenge of ours, too old, used, or of another password.
    #[error("the challenge does not work")]
    Challenge,
    /// Not the code, or it was used.
    #[error("not the code")]
    Code,
    /// Not the present password.
    #[error("not the present password")]
    WrongPassword,
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// There is one already.
    #[error("a second factor is set up already")]
    Present,
    /// There is none.
    #[error("no second factor is set up")]
    Absent,
    /// The account is deactivated.
    #[error("the account is deactivated")]
    Inactive,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// What somebody types into their app.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use secrecy::ExposeSecret as _;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// # let wish = Register {
/// #     email: "ann@example.com".parse()?,
/// #     username: "ann".parse()?,
/// #     password: "plum orchard lantern 7".into(),
/// #     locale: Locale::En,
/// #     invite: None,
/// # };
/// # let user = auth.register(&wish, &Origin::default()).await?;
///
/// let enrolment = auth.enrol(&user).await?;
/// let url = enrolment.otpauth_url.expose_secret();
/// assert!(url.starts_with("otpauth://totp/") && url.contains(enrolment.secret.expose_secret()));
/// assert_eq!(enrolment.secret.expose_secret().len(), 32);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Enrolment {
    /// In base32.
    pub secret: SecretString,
    /// For the camera.
    pub otpauth_url: SecretString,
}

/// What stands in a challenge: sealed, so that nobody else makes or reads one.
#[derive(Serialize, Deserialize)]
struct Challenge {
    id: String,
    user: UserId,
    /// In microseconds, as the database compares it: as text it would be cut to milliseconds.
    password_changed_at: Option<i64>,
    expires_at: Timestamp,
}

/// The first half of a sign-in, for who has a second factor.
pub(super) fn challenge(parts: &Parts, login: &users::Login, now: Timestamp) -> SecretString {
    let id: SecondFactorId = parts.ids.at(now);
    let challenge = Challenge {
        id: id.to_string(),
        user: login.id,
        password_changed_at: login.password_changed_at.map(Timestamp::micros),
        expires_at: now.after(CHALLENGE_TTL),
    };
    let text = serde_json::to_vec(&challenge).expect("a challenge of texts is JSON");
    let sealed = parts.master_key.seal(CHALLENGE, &text, &parts.entropy);
    format!(
        "{CHALLENGE_PREFIX}{}",
        BASE64_URL_SAFE_NO_PAD.encode(sealed)
    )
    .into()
}

fn opened(parts: &Parts, text: &SecretString, now: Timestamp) -> Option<Challenge> {
    let sealed = text.expose_secret().strip_prefix(CHALLENGE_PREFIX)?;
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let text = parts.master_key.open(CHALLENGE, &sealed).ok()?;
    let challenge: Challenge = serde_json::from_slice(&text).ok()?;
    (challenge.expires_at > now).then_some(challenge)
}

/// A code that fits, to be used up in the transaction of what it is for.
pub(crate) enum Fitting {
    Step(SecondFactorId, i64),
    Recovery([u8; 32]),
}

/// Whether `code` can be one of the person's, counted as a guess.
pub(crate) async fn fits(
    parts: &Parts,
    user: UserId,
    code: &SecretString,
) -> Result<Fitting, SecondFactorError> {
    count(parts, &CODES, &subject(parts, &user.to_string())).await??;
    let factor = second_factors::find_confirmed(&parts.db, user).await?;
    let factor = factor.ok_or(SecondFactorError::Absent)?;
    let code = code.expose_secret().trim();
    let secret = secret_of(parts, &factor)?;
    if let Some(step) = secret.step_of(code, parts.clock.now()) {
        return Ok(Fitting::Step(factor.id, step));
    }
    let typed = typed_recovery_code(code).ok_or(SecondFactorError::Code)?;
    Ok(Fitting::Recovery(code_hash(parts, user, &typed)))
}

impl Fitting {
    /// Uses the code, once: a second use, at the same moment or later, is refused.
    pub(crate) async fn spend(
        &self,
        parts: &Parts,
        tx: &mut Tx,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), SecondFactorError> {
        let taken = match self {
            Self::Step(factor, step) => second_factors::use_step(tx, *factor, *step, now).await?,
            Self::Recovery(hash) => second_factors::use_code(tx, user, hash, now).await?,
        };
        if !taken {
            return Err(SecondFactorError::Code);
        }
        throttle::take_back(tx, CODES.kind, &subject(parts, &user.to_string())).await?;
        Ok(())
    }
}

fn secret_of(parts: &Parts, factor: &second_factors::Factor) -> Result<TotpSecret> {
    let bytes = parts.master_key.open(SECRET, &factor.secret_sealed)?;
    Ok(TotpSecret::from_bytes(&bytes))
}

fn code_hash(parts: &Parts, user: UserId, code: &str) -> [u8; 32] {
    let text = format!("{user} {code}");
    parts
        .master_key
        .keyed_hash("recovery code", text.as_bytes())
}

impl AuthService {
    /// The second half of a sign-in.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, SecondFactorError, Tokens};
    /// # use tollgate_kernel::origin::Origin;
    /// async fn other_half(
    ///     auth: &AuthService,
    ///     challenge: &SecretString, // of `LoginError::SecondFactor`; five minutes, once
    ///     typed: &SecretString,     // `123456`, or a code on paper
    ///     origin: &Origin,
    /// ) -> Result<Tokens, SecondFactorError> {
    ///     auth.login_second_factor(challenge, typed, None, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SecondFactorError`].
    pub async fn login_second_factor(
        &self,
        challenge: &SecretString,
        code: &SecretString,
        device: Option<&SecretString>,
        origin: &Origin,
    ) -> Result<Tokens, SecondFactorError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let challenge = opened(parts, challenge, now).ok_or(SecondFactorError::Challenge)?;
        let user = self.find_user(challenge.user).await?;
        let user = user.ok_or(SecondFactorError::Challenge)?;
        if !user.is_active {
            return Err(SecondFactorError::Inactive);
        }
        let fitting = fits(parts, user.id, code).await?;
        let login = users::Login {
            id: user.id,
            hashed_password: None,
            password_changed_at: challenge
                .password_changed_at
                .and_then(Timestamp::from_micros),
        };
        let id = subject(parts, &challenge.id);
        let mut tx = parts.db.begin().await?;
        if throttle::hit(&mut tx, &USED, &id, now).await?.is_some() {
            return Err(SecondFactorError::Challenge);
        }
        fitting.spend(parts, &mut tx, user.id, now).await?;
        // The statement compares the password's date: another password voids the challenge.
        if !users::signed_in(&mut tx, &login, now).await? {
            return Err(SecondFactorError::Challenge);
        }
        let kept = devices::welcome(parts, &mut tx, &user, device, origin, now).await?;
        let mut tokens = begin(parts, &mut tx, user, origin, now).await?;
        tokens.device = Some(kept);
        tx.commit().await?;
        Ok(tokens)
    }

    /// Whether somebody signs in by a code too.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_auth::model::user::User;
    /// # use tollgate_storage::StorageError;
    /// async fn advice(auth: &AuthService, user: &User) -> Result<&'static str, StorageError> {
    ///     let has_one = auth.has_second_factor(user.id).await?;
    ///     Ok(if has_one { "" } else { "Set up a second factor." })
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn has_second_factor(&self, user: UserId) -> Result<bool> {
        let found = second_factors::find_confirmed(&self.parts().db, user).await?;
        Ok(found.is_some())
    }

    /// Begins to set one up; it counts once its first code was shown.
    ///
    /// # Errors
    /// [`SecondFactorError`].
    pub async fn enrol(&self, user: &User) -> Result<Enrolment, SecondFactorError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let secret = TotpSecret::random(&parts.entropy);
        let sealed = parts
            .master_key
            .seal(SECRET, secret.bytes(), &parts.entropy);
        let mut tx = parts.db.begin().await?;
        users::lock(&mut tx, user.id).await?;
        let id = parts.ids.at(now);
        if !second_factors::put_new(&mut tx, id, user.id, &sealed, now).await? {
            return Err(SecondFactorError::Present);
        }
        tx.commit().await?;
        let issuer = parts.config.issuer.split("//").last().unwrap_or_default();
        Ok(Enrolment {
            secret: secret.base32().as_str().into(),
            otpauth_url: secret.otpauth_url(issuer, &user.email).as_str().into(),
        })
    }

    /// Sets it up by its first code. Gives the recovery codes, this once; every other sign-in ends.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, SecondFactorError};
    /// # use tollgate_kernel::{ids::UserId, origin::Origin};
    /// /// The ten codes on paper, for somebody who typed the first code of their app.
    /// async fn codes(
    ///     auth: &AuthService,
    ///     user: UserId,
    ///     typed: &SecretString,
    /// ) -> Result<Vec<SecretString>, SecondFactorError> {
    ///     auth.confirm_second_factor(user, None, typed, &Origin::default()).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SecondFactorError`].
    pub async fn confirm_second_factor(
        &self,
        user: UserId,
        kept: Option<SessionId>,
        code: &SecretString,
        origin: &Origin,
    ) -> Result<Vec<SecretString>, SecondFactorError> {
        let parts = self.parts();
        count(parts, &CODES, &subject(parts, &user.to_string())).await??;
        let factor = second_factors::find_new(&parts.db, user).await?;
        let factor = factor.ok_or(SecondFactorError::Absent)?;
        let now = parts.clock.now();
        let step = secret_of(parts, &factor)?.step_of(code.expose_secret().trim(), now);
        let step = step.ok_or(SecondFactorError::Code)?;
        let mut tx = parts.db.begin().await?;
        users::lock(&mut tx, user).await?;
        if !second_factors::confirm(&mut tx, factor.id, step, now).await? {
            return Err(SecondFactorError::Absent);
        }
        let mut codes = Vec::new();
        for _ in 0..RECOVERY_CODES {
            let code = recovery_code(&parts.entropy);
            let plain = code.replace('-', "");
            let hash = code_hash(parts, user, &plain);
            second_factors::put_code(&mut tx, user, &hash, now).await?;
            codes.push(SecretString::from(code.as_str()));
        }
        sessions::revoke_others(&mut tx, user, kept, "second factor set up", now).await?;
        throttle::take_back(&mut tx, CODES.kind, &subject(parts, &user.to_string())).await?;
        let deed = deed("user.second_factor_added", user, origin);
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(codes)
    }

    /// Takes it away, by the password and a code.
    ///
    /// ```
    /// # use secrecy::SecretString;
    /// # use tollgate_auth::{AuthService, SecondFactorError};
    /// # use tollgate_kernel::{ids::UserId, origin::Origin};
    /// async fn off(
    ///     auth: &AuthService,
    ///     user: UserId,
    ///     (password, code): (&SecretString, &SecretString),
    /// ) -> Result<(), SecondFactorError> {
    ///     auth.disable_second_factor(user, password, code, &Origin::default()).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SecondFactorError`].
    pub async fn disable_second_factor(
        &self,
        user: UserId,
        current: &SecretString,
        code: &SecretString,
        origin: &Origin,
    ) -> Result<(), SecondFactorError> {
        let parts = self.parts();
        current_password(parts, user, current).await?;
        let fitting = fits(parts, user, code).await?;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        fitting.spend(parts, &mut tx, user, now).await?;
        second_factors::remove(&mut tx, user, now).await?;
        let deed = deed("user.second_factor_removed", user, origin);
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes it away for somebody who has lost everything. `false`: there was none.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::{ids::UserId, origin::Origin};
    /// use tollgate_storage::audit::Actor;
    /// async fn lost_phone(auth: &AuthService, user: UserId) -> tollgate_storage::Result<bool> {
    ///     let why = Some("passport shown at the desk");
    ///     auth.remove_second_factors(user, Actor::Operator, why, &Origin::default()).await
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn remove_second_factors(
        &self,
        user: UserId,
        actor: Actor,
        reason: Option<&str>,
        origin: &Origin,
    ) -> Result<bool> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        let removed = second_factors::remove(&mut tx, user, now).await? > 0;
        if removed {
            let deed = Deed {
                actor,
                reason,
                ..deed("user.second_factor_removed", user, origin)
            };
            record(parts, &mut tx, deed, now).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }
}

fn deed<'a>(action: &'static str, user: UserId, origin: &'a Origin) -> Deed<'a> {
    Deed {
        actor: Actor::of(origin),
        action,
        subject: user.into(),
        before: None,
        after: None,
        reason: None,
        origin,
    }
}
