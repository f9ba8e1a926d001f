//! Takes over people and keys from another application: people with the hashes of their passwords, keys by the SHA-256
//! of their text. Doing it again changes nothing. All of it inside the caller's transaction, so that a whole run
//! happens or does not, and can be tried: whoever finds a fault in the answer rolls back.

use std::collections::BTreeSet;

use serde_json::json;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::Actor;
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, settings};

use super::api_keys::MOST;
use super::records::{Deed, Subject, record, tell, tell_key};
use crate::brought_keys::MARK;
use crate::hashing::Hasher;
use crate::model::api_key::KeyName;
use crate::model::key_terms::KeyTerms;
use crate::model::user::{Email, Locale, Username};
use crate::store::api_keys;
use crate::store::users::{self, NewUser};
use crate::{AuthService, Parts};

/// A person with an account elsewhere.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{BroughtKey, BroughtUser, LineFault};
/// # use tollgate_auth::model::user::Locale;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("a.db")), 1).await?;
/// # let mut config = AuthConfig::new("https://shop.example");
/// # config.jwt = JwtKey::Generated(JwtAlgorithm::EdDsa);
/// # let builder = AuthService::builder(db.clone(), MasterKey::generate(&Entropy::system()), config);
/// # let auth = builder.weak_hashing_for_tests().build().await?;
/// let ann = BroughtUser {
///     email: "ann@example.com".parse()?,
///     username: "ann".parse()?,
///     hashed_password: None, // or `$2b$12$…`, `$argon2id$…`
///     email_verified: true,
///     is_active: true,
///     locale: Locale::En,
/// };
/// let stranger = BroughtUser {
///     email: "bob@example.com".parse()?,
///     username: "bob".parse()?,
///     hashed_password: Some("md5:0123".to_owned()),
///     ..ann.clone()
/// };
/// let mut tx = db.begin().await?;
/// let people = auth.import_users(&mut tx, &[ann.clone(), stranger]).await?;
/// assert_eq!((people.made, people.known), (1, 0));
/// assert_eq!(people.faults, [(1, LineFault::UnknownHash)]);
/// assert_eq!(auth.import_users(&mut tx, &[ann.clone()]).await?.known, 1);
///
/// let key = BroughtKey {
///     email: ann.email.clone(),
///     sha256: [7; 32], // of the key's text
///     shown: "old_abc...".to_owned(),
///     name: "old key".parse()?,
///     expires_at: None,
/// };
/// assert_eq!(auth.import_api_keys(&mut tx, &[key]).await?.made, 1);
/// assert!(auth.holder(&mut tx, &ann.email).await?.is_some());
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BroughtUser {
    /// Of the account.
    pub email: Email,
    /// Of the account.
    pub username: Username,
    /// bcrypt, passlib's `bcrypt_sha256` and `pbkdf2_sha256`, Argon2, Django's and Werkzeug's PBKDF2;
    /// `None`: the person sets a password by the letter for forgotten ones.
    pub hashed_password: Option<String>,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
    /// Whoever was locked out there is here too.
    pub is_active: bool,
    /// Of letters and pages.
    pub locale: Locale,
}

/// A key that opened something elsewhere.
///
/// ```
/// # use tollgate_auth::{AuthService, BroughtKey, Imported};
/// # use tollgate_storage::{Result, db::Db};
/// /// What would become of them.
/// async fn try_out(auth: &AuthService, db: &Db, keys: &[BroughtKey]) -> Result<Imported> {
///     let mut tx = db.begin().await?;
///     let imported = auth.import_api_keys(&mut tx, keys).await?;
///     tx.rollback().await?;
///     Ok(imported)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BroughtKey {
    /// Whose.
    pub email: Email,
    /// SHA-256 of the key's text.
    pub sha256: [u8; 32],
    /// What lists show of it.
    pub shown: String,
    /// What its owner calls it.
    pub name: KeyName,
    /// `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// What became of entries.
///
/// ```
/// # use tollgate_auth::{Imported, LineFault};
/// let imported = Imported {
///     made: 2,
///     known: 1,
///     faults: vec![(3, LineFault::Twice)],
/// };
/// let told: Vec<String> = imported.faults.iter().map(|(at, fault)| format!("{at}: {fault}")).collect();
/// assert_eq!(told, ["3: an earlier entry is about the same"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Written down now.
    pub made: usize,
    /// There before.
    pub known: usize,
    /// By position from 0.
    pub faults: Vec<(usize, LineFault)>,
}

impl Imported {
    fn note(&mut self, position: usize, made: std::result::Result<bool, LineFault>) {
        match made {
            Ok(true) => self.made = self.made.saturating_add(1),
            Ok(false) => self.known = self.known.saturating_add(1),
            Err(fault) => self.faults.push((position, fault)),
        }
    }
}

/// What is wrong with an entry.
///
/// ```
/// # use tollgate_auth::LineFault;
/// /// Those that a second run, with more people in it, may put right.
/// fn is_order(fault: LineFault) -> bool {
///     matches!(fault, LineFault::NoUser)
/// }
/// assert!(is_order(LineFault::NoUser) && !is_order(LineFault::Expired));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// Another account has the name.
    #[error("the user name belongs to another account")]
    UsernameTaken,
    /// No scheme of ours, or its costs are not borne.
    #[error("the password hash is of no scheme known here")]
    UnknownHash,
    /// No account has the address.
    #[error("no account has this e-mail address")]
    NoUser,
    /// Another person's key has the same hash.
    #[error("the key belongs to another account")]
    AnotherOwner,
    /// A hundred live keys already.
    #[error("the account has 100 keys")]
    TooManyKeys,
    /// In the past.
    #[error("the key has expired")]
    Expired,
    /// The same address, or the same key.
    #[error("an earlier entry is about the same")]
    Twice,
}

impl AuthService {
    /// Opens accounts. Whoever has the address already stays as they are.
    ///
    /// # Errors
    /// The database.
    pub async fn import_users(&self, tx: &mut Tx, people: &[BroughtUser]) -> Result<Imported> {
        let parts = self.parts();
        let now = parts.clock.now();
        let (mut imported, mut seen) = (Imported::default(), BTreeSet::new());
        for (position, person) in people.iter().enumerate() {
            let hashed = person.hashed_password.as_deref();
            let made = if !seen.insert(person.email.as_str()) {
                Err(LineFault::Twice)
            } else if !hashed.is_none_or(Hasher::knows) {
                Err(LineFault::UnknownHash)
            } else if users::holder(tx, &person.email).await?.is_some() {
                Ok(false)
            } else if open(parts, tx, person, now).await? {
                Ok(true)
            } else {
                Err(LineFault::UsernameTaken)
            };
            imported.note(position, made);
        }
        Ok(imported)
    }

    /// Writes keys down by their hashes.
    ///
    /// # Errors
    /// The database.
    pub async fn import_api_keys(&self, tx: &mut Tx, keys: &[BroughtKey]) -> Result<Imported> {
        let parts = self.parts();
        let now = parts.clock.now();
        let (mut imported, mut seen) = (Imported::default(), BTreeSet::new());
        for (position, key) in keys.iter().enumerate() {
            let made = if seen.insert(key.sha256) {
                bring(parts, tx, key, now).await?
            } else {
                Err(LineFault::Twice)
            };
            imported.note(position, made);
        }
        if imported.made > 0 {
            settings::put_once(tx, MARK, &json!(true), now).await?;
        }
        Ok(imported)
    }

    /// Whose account has an address.
    ///
    /// # Errors
    /// The database.
    pub async fn holder(&self, tx: &mut Tx, email: &Email) -> Result<Option<UserId>> {
        users::holder(tx, email).await
    }
}

async fn open(parts: &Parts, tx: &mut Tx, person: &BroughtUser, now: Timestamp) -> Result<bool> {
    let id: UserId = parts.ids.at(now);
    let new = NewUser {
        id,
        email: &person.email,
        username: &person.username,
        hashed_password: person.hashed_password.as_deref(),
        is_superuser: false,
        locale: person.locale,
    };
    if users::insert(tx, &new, now).await?.is_none() {
        return Ok(false);
    }
    if person.email_verified {
        users::verify_email(tx, id, person.email.as_str(), now).await?;
    }
    if !person.is_active {
        users::deactivate(tx, id, now).await?;
    }
    let origin = Origin::default();
    let deed = Deed {
        actor: Actor::Operator,
        action: "user.imported",
        subject: id.into(),
        before: None,
        after: None,
        reason: None,
        origin: &origin,
    };
    record(parts, tx, deed, now).await?;
    tell(parts, tx, "user.created", id, now).await?;
    Ok(true)
}

/// `false`: it was there.
async fn bring(
    parts: &Parts,
    tx: &mut Tx,
    key: &BroughtKey,
    now: Timestamp,
) -> Result<std::result::Result<bool, LineFault>> {
    let Some(user_id) = users::holder(tx, &key.email).await? else {
        return Ok(Err(LineFault::NoUser));
    };
    if key.expires_at.is_some_and(|end| end <= now) {
        return Ok(Err(LineFault::Expired));
    }
    users::lock(tx, user_id).await?;
    let new = api_keys::NewKey {
        id: parts.ids.at(now),
        user_id,
        shown: &key.shown,
        hash: key.sha256,
        name: &key.name,
        expires_at: key.expires_at,
        livemode: parts.config.livemode,
        terms: &KeyTerms::unlimited(),
        rotated_from: None,
    };
    let Some(made) = api_keys::insert(tx, &new, MOST, now).await? else {
        let owner = api_keys::owner(tx, &key.sha256).await?;
        return Ok(match owner {
            Some(owner) if owner == user_id => Ok(false),
            Some(_) => Err(LineFault::AnotherOwner),
            None => Err(LineFault::TooManyKeys),
        });
    };
    let origin = Origin::default();
    let deed = Deed {
        actor: Actor::Operator,
        action: "api_key.imported",
        subject: Subject::ApiKey(made.id),
        before: None,
        after: Some(json!({ "user_id": user_id, "name": made.name })),
        reason: None,
        origin: &origin,
    };
    record(parts, tx, deed, now).await?;
    tell_key(parts, tx, "api_key.created", user_id, &made, now).await?;
    Ok(Ok(true))
}
