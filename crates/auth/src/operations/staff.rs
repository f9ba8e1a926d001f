//! What staff do with people: look, let act or not, give roles, end sign-ins, open accounts.
//!
//! What can happen at once: two admins take the role from each other, one is deactivated while the other
//! loses the role or closes the account. Whoever changes who is admin locks the rows of all admins first and counts them last:
//! one is always left. Whoever is staff is touched by admins only.

use serde_json::json;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::permission::{ADMIN, Permissions};
use tollgate_storage::audit::Actor;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::one_time_link::{MINUTES, make};
use super::records::{Deed, record, tell, tell_key};
use super::register::welcome;
use crate::hashing::Busy;
use crate::mailer::{Content, Letter, post};
use crate::model::one_time::Purpose;
use crate::model::role::Role;
use crate::model::user::{Email, Locale, User, Username};
use crate::store::users::{self, NewUser};
use crate::store::{api_keys, roles, sessions, staff};
use crate::{AuthService, Parts};

/// Why staff could not do it.
///
/// ```
/// # use tollgate_auth::StaffError;
/// fn status(error: &StaffError) -> u16 {
///     match error {
///         StaffError::NotFound => 404,
///         StaffError::NeedsAdmin => 403,
///         StaffError::LastAdmin | StaffError::EmailTaken | StaffError::UsernameTaken => 409,
///         _ => 503,
///     }
/// }
/// assert_eq!(status(&StaffError::LastAdmin), 409);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaffError {
    /// No such person.
    #[error("there is no such person")]
    NotFound,
    /// Only an admin touches staff.
    #[error("only an admin may do this to a member of staff")]
    NeedsAdmin,
    /// Somebody must be able to let the others in.
    #[error("the last admin stays")]
    LastAdmin,
    /// Somebody has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Somebody has the name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// Who acts, from where, why.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::{By, Search, StaffError};
/// # use tollgate_auth::model::role::{Role, held};
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
/// # auth.put_admin(&"ops@example.com".parse()?, &"operator".parse()?, &"copper violet harbour 3".into()).await?;
/// let origin = Origin::default();
/// let (admin, support) = (held(true, &[]), held(false, &[Role::Support]));
/// let by_admin = By { permissions: &admin, origin: &origin, reason: Some("joins the desk") };
/// let by_support = By { permissions: &support, origin: &origin, reason: None };
///
/// let staff = auth.set_roles(user.id, &[Role::Support], &by_admin).await?;
/// assert_eq!(staff.roles, [Role::Support]);
/// let refused = auth.set_active(user.id, false, &by_support).await;
/// assert!(matches!(refused, Err(StaffError::NeedsAdmin)), "staff are for admins");
/// assert!(!auth.set_active(user.id, false, &by_admin).await?.is_active);
///
/// let search = Search { text: Some("ANN".to_owned()), is_active: Some(false), ..Search::default() };
/// let found = auth.search_users(&search, 10).await?;
/// assert_eq!(found.len(), 1);
/// assert_eq!((found[0].user.id, found[0].last_login_at), (user.id, None));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct By<'a> {
    /// What the actor holds.
    pub permissions: &'a Permissions,
    /// Who and from where.
    pub origin: &'a Origin,
    /// In the actor's words.
    pub reason: Option<&'a str>,
}

/// A person as a list of staff shows them.
///
/// ```
/// # use tollgate_auth::Listed;
/// fn never_came(listed: &[Listed]) -> Vec<&str> {
///     let absent = listed.iter().filter(|person| person.last_login_at.is_none());
///     absent.map(|person| person.user.email.as_str()).collect()
/// }
/// assert!(never_came(&[]).is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Listed {
    /// Without roles.
    pub user: User,
    /// When they last signed in.
    pub last_login_at: Option<Timestamp>,
    /// When one of their live sign-ins was last used; true to the hour.
    pub last_seen_at: Option<Timestamp>,
}

/// Which people.
///
/// ```
/// # use tollgate_auth::{AuthService, Search};
/// /// Everybody who may sign in, a page at a time.
/// async fn count(auth: &AuthService) -> tollgate_storage::Result<usize> {
///     let (mut search, mut count) = (Search { is_active: Some(true), ..Search::default() }, 0);
///     loop {
///         let page = auth.search_users(&search, 100).await?;
///         let Some(last) = page.last() else { return Ok(count) };
///         search.before = Some(last.user.id);
///         count += page.len();
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Part of the address or the name, or the whole id.
    pub text: Option<String>,
    /// Only these.
    pub is_active: Option<bool>,
    /// Members of staff, or nobody of them.
    pub is_staff: Option<bool>,
    /// Opened before this one.
    pub before: Option<UserId>,
}

impl AuthService {
    /// At most `limit` people, newest first.
    ///
    /// # Errors
    /// The database.
    pub async fn search_users(&self, search: &Search, limit: u32) -> Result<Vec<Listed>> {
        let folded = search.text.as_deref().map(str::to_lowercase);
        let wanted = staff::Search {
            text: folded.as_deref(),
            is_active: search.is_active,
            is_staff: search.is_staff,
            before: search.before,
        };
        let found = staff::search(&self.parts().db, &wanted, i64::from(limit)).await?;
        let listed = found.into_iter().map(|found| Listed {
            user: found.user,
            last_login_at: found.last_login_at,
            last_seen_at: found.last_seen_at,
        });
        Ok(listed.collect())
    }

    /// Lets a person act, or not: then their sign-ins end at once. Being so already is fine.
    ///
    /// # Errors
    /// [`StaffError`].
    pub async fn set_active(
        &self,
        id: UserId,
        active: bool,
        by: &By<'_>,
    ) -> Result<User, StaffError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        staff::lock_admins(&mut tx).await?;
        let user = touchable(&mut tx, id, by).await?;
        if staff::set_active(&mut tx, id, active, now).await? {
            if !active {
                if !an_admin_is_left(&mut tx).await? {
                    return Err(StaffError::LastAdmin);
                }
                sessions::revoke_others(&mut tx, id, None, "deactivated", now).await?;
            }
            let action = if active {
                "user.activated"
            } else {
                "user.deactivated"
            };
            let deed = Deed {
                actor: Actor::of(by.origin),
                action,
                subject: id.into(),
                before: Some(json!({ "is_active": user.is_active })),
                after: Some(json!({ "is_active": active })),
                reason: by.reason,
                origin: by.origin,
            };
            record(parts, &mut tx, deed, now).await?;
            let event = if active {
                "user.updated"
            } else {
                "user.deactivated"
            };
            tell(parts, &mut tx, event, id, now).await?;
        }
        tx.commit().await?;
        self.ended_here().await;
        self.find_user(id).await?.ok_or(StaffError::NotFound)
    }

    /// Gives a person exactly these roles.
    ///
    /// # Errors
    /// [`StaffError`].
    pub async fn set_roles(
        &self,
        id: UserId,
        wanted: &[Role],
        by: &By<'_>,
    ) -> Result<User, StaffError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        staff::lock_admins(&mut tx).await?;
        users::lock(&mut tx, id).await?;
        let user = touchable(&mut tx, id, by).await?;
        for role in Role::ALL {
            match (user.roles.contains(&role), wanted.contains(&role)) {
                (false, true) => {
                    let giver = by.origin.caller.as_ref().and_then(Caller::user_id);
                    roles::give(&mut tx, id, role, giver, now).await?;
                }
                (true, false) => roles::take(&mut tx, id, role).await?,
                _ => {}
            }
        }
        if !an_admin_is_left(&mut tx).await? {
            return Err(StaffError::LastAdmin);
        }
        let names = |roles: &[Role]| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>();
        let deed = Deed {
            actor: Actor::of(by.origin),
            action: "user.roles_changed",
            subject: id.into(),
            before: Some(json!({ "roles": names(&user.roles) })),
            after: Some(json!({ "roles": names(wanted) })),
            reason: by.reason,
            origin: by.origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.updated", id, now).await?;
        tx.commit().await?;
        self.find_user(id).await?.ok_or(StaffError::NotFound)
    }

    /// Ends every sign-in of a person, and with `keys` their keys.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, By, StaffError};
    /// # use tollgate_kernel::ids::UserId;
    /// /// A laptop was stolen: its sign-in and its keys are over.
    /// async fn stolen(auth: &AuthService, user: UserId, by: &By<'_>) -> Result<(), StaffError> {
    ///     auth.sign_out(user, true, by).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StaffError`].
    pub async fn sign_out(&self, id: UserId, keys: bool, by: &By<'_>) -> Result<(), StaffError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        touchable(&mut tx, id, by).await?;
        let ended = sessions::revoke_others(&mut tx, id, None, "ended by staff", now).await?;
        if keys {
            for key in api_keys::revoke_all(&mut tx, id, now).await? {
                tell_key(parts, &mut tx, "api_key.revoked", id, &key, now).await?;
            }
        }
        let deed = Deed {
            actor: Actor::of(by.origin),
            action: "user.signed_out",
            subject: id.into(),
            before: None,
            after: Some(json!({ "sessions": ended, "keys": keys })),
            reason: by.reason,
            origin: by.origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tx.commit().await?;
        self.ended_here().await;
        Ok(())
    }

    /// Opens an account for somebody, who is sent a link to choose a password.
    ///
    /// ```
    /// # use tollgate_auth::{AuthService, By, StaffError, model::user::{Email, Locale, User, Username}};
    /// async fn colleague(
    ///     auth: &AuthService,
    ///     email: &Email,
    ///     username: &Username,
    ///     by: &By<'_>,
    /// ) -> Result<User, StaffError> {
    ///     auth.open_account(email, username, Locale::En, by).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StaffError`].
    pub async fn open_account(
        &self,
        email: &Email,
        username: &Username,
        locale: Locale,
        by: &By<'_>,
    ) -> Result<User, StaffError> {
        let parts = self.parts();
        let now = parts.clock.now();
        let id: UserId = parts.ids.at(now);
        let mut tx = parts.db.begin().await?;
        let new = NewUser {
            id,
            email,
            username,
            hashed_password: None,
            is_superuser: false,
            locale,
        };
        let Some(user) = users::insert(&mut tx, &new, now).await? else {
            drop(tx);
            return Err(taken(parts, email).await?);
        };
        let purpose = Purpose::ResetPassword;
        let link = make(parts, &mut tx, purpose, Some(id), email.as_str(), now).await?;
        if let Some(link) = link {
            let minutes = MINUTES;
            let content = Content::ResetPassword { link, minutes };
            post(parts, &mut tx, &Letter::to(&user, content), now).await?;
        }
        let deed = Deed {
            actor: Actor::of(by.origin),
            action: "user.created",
            subject: id.into(),
            before: None,
            after: None,
            reason: by.reason,
            origin: by.origin,
        };
        record(parts, &mut tx, deed, now).await?;
        tell(parts, &mut tx, "user.created", id, now).await?;
        welcome(parts, &mut tx, id, email, now).await?;
        tx.commit().await?;
        Ok(user)
    }
}

/// A person, if the actor may touch them.
async fn touchable(tx: &mut Tx, id: UserId, by: &By<'_>) -> Result<User, StaffError> {
    let user = users::read(tx, id).await?.ok_or(StaffError::NotFound)?;
    let is_staff = user.is_superuser || !user.roles.is_empty();
    if is_staff && !by.permissions.hold(ADMIN) {
        return Err(StaffError::NeedsAdmin);
    }
    Ok(user)
}

/// Whether somebody who may act is admin still. Asked behind [`staff::lock_admins`], after what takes one away.
pub(super) async fn an_admin_is_left(tx: &mut Tx) -> Result<bool> {
    let (left, _) = staff::admins(tx).await?;
    Ok(left > 0)
}

async fn taken(parts: &Parts, email: &Email) -> Result<StaffError, StorageError> {
    let known = users::is_email_known(&parts.db, email).await?;
    Ok(if known {
        StaffError::EmailTaken
    } else {
        StaffError::UsernameTaken
    })
}
