//! Whether a caller is still who the credential says. Asks the database, so that whoever was
//! deactivated or signed out fails at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{SessionId, UserId};
use tollgate_kernel::permission::Permissions;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::{Result, StorageError};

use crate::methods::Presented;
use crate::model::user::User;
use crate::store::{sessions, users};
use crate::{AuthService, problems};

/// Somebody whose credential is good now.
///
/// ```
/// # use tollgate_auth::Verified;
/// use tollgate_kernel::permission::USERS_READ;
/// fn line(verified: &Verified) -> String {
///     let staff = if verified.permissions.hold(USERS_READ) { ", staff" } else { "" };
///     format!("{} by {}{staff}", verified.user.email, verified.subject_type())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verified {
    /// The person behind it, as they are now.
    pub user: User,
    /// By which credential they ask.
    pub caller: Caller,
    /// What it lets them do beyond their own things: a key of a member of staff is not the member of staff.
    pub permissions: Permissions,
    /// Of the credential; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl Verified {
    /// `user` or `api_key`.
    pub fn subject_type(&self) -> &'static str {
        match self.caller {
            Caller::ApiKey { .. } => "api_key",
            _ => "user",
        }
    }
}

/// Why a credential that was good when it was given out is good no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandingError {
    /// There is no such person.
    #[error("there is no such person")]
    Unknown,
    /// The sign-in is over.
    #[error("the sign-in is over")]
    Revoked,
    /// The account is deactivated.
    #[error("the account is deactivated")]
    Inactive,
    /// No person: a service.
    #[error("a service key has no user")]
    NoUser,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl AuthService {
    /// Whether what was presented still stands. Asks the database, so that whoever was deactivated or signed out fails
    /// at once.
    ///
    /// ```
    /// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
    /// # use tollgate_kernel::entropy::Entropy;
    /// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
    /// # use tollgate_auth::{Login, Register, model::user::Locale};
    /// # use tollgate_kernel::origin::Origin;
    /// # use axum::{body::Body, http::Request};
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
    /// # let login = Login {
    /// #     email: None,
    /// #     username: Some("ann".to_owned()),
    /// #     password: "plum orchard lantern 7".into(),
    /// #     device: None,
    /// # };
    /// let tokens = auth.login(&login, &Origin::default()).await?;
    /// let bearer = format!("Bearer {}", tokens.access_token.expose_secret());
    /// let (request, _) = Request::get("/").header("Authorization", bearer).body(Body::empty())?.into_parts();
    /// let presented = auth.presented(&request).await.ok().flatten().expect("a credential");
    /// let verified = auth.verify(&presented).await.ok().expect("it stands");
    /// assert_eq!((verified.user.id, verified.subject_type()), (user.id, "user"));
    ///
    /// auth.logout(&verified.caller, None).await?;
    /// let problem = auth.verify(&presented).await.unwrap_err();
    /// assert_eq!(problem.code().status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// 401 when it does not, 403 for a service, which is nobody; 503.
    pub async fn verify(&self, presented: &Presented) -> std::result::Result<Verified, Problem> {
        let user = self.standing(&presented.caller, presented.issued_at).await;
        let user = user.map_err(problems::standing)?;
        Ok(Verified {
            permissions: match &presented.caller {
                Caller::User { .. } => self.held(&user).await?.unwrap_or_default(),
                _ => Permissions::default(),
            },
            user,
            caller: presented.caller.clone(),
            expires_at: presented.expires_at,
        })
    }

    /// The person behind a caller, as they are now.
    ///
    /// # Errors
    /// [`StandingError`].
    pub(crate) async fn standing(
        &self,
        caller: &Caller,
        issued_at: Option<Timestamp>,
    ) -> Result<User, StandingError> {
        let user_id = caller.user_id().ok_or(StandingError::NoUser)?;
        if let Caller::User {
            session_id: Some(session),
            ..
        } = caller
        {
            self.session_stands(*session, user_id).await?;
        }
        let user = users::find(&self.parts().db, user_id).await?;
        let user = user.ok_or(StandingError::Unknown)?;
        if !user.is_active {
            return Err(StandingError::Inactive);
        }
        // Tokens carry whole seconds: one of the same second may be the one issued just after.
        let is_void = |issued: Timestamp, after: Timestamp| issued.seconds() < after.seconds();
        if issued_at
            .zip(user.tokens_after)
            .is_some_and(|(issued, after)| is_void(issued, after))
        {
            return Err(StandingError::Revoked);
        }
        Ok(user)
    }

    async fn session_stands(&self, id: SessionId, user: UserId) -> Result<(), StandingError> {
        let parts = self.parts();
        let found = sessions::find(&parts.db, id).await?;
        let stands = found.is_some_and(|session| {
            session.user_id == user && !session.is_revoked && session.expires_at > parts.clock.now()
        });
        if stands {
            Ok(())
        } else {
            Err(StandingError::Revoked)
        }
    }

    /// What a person may use: `plan`, `subscription` and `quota`, each null where nobody knows.
    pub(crate) async fn entitled(&self, user: UserId) -> Result<Map<String, Value>, Problem> {
        let mut members = Map::new();
        for name in ["plan", "subscription", "quota"] {
            members.insert(name.to_owned(), Value::Null);
        }
        if let Some(entitlements) = &self.parts().entitlements {
            members.extend(entitlements.entitlements(user).await?);
        }
        Ok(members)
    }

    /// Whether a person has what is asked for. What nobody knows of, nobody has.
    pub(crate) async fn meets(
        &self,
        user: UserId,
        demand: &BTreeMap<String, String>,
    ) -> Result<(), Problem> {
        match &self.parts().entitlements {
            _ if demand.is_empty() => Ok(()),
            Some(entitlements) => entitlements.meets(user, demand).await,
            None => Err(Problem::new(Code::SubscriptionRequired)),
        }
    }

    /// What is the same for all accounts of one mailbox, however it is spelt: the address in small letters,
    /// without what aliases add. `None`: no such person.
    ///
    /// ```
    /// # use tollgate_auth::AuthService;
    /// # use tollgate_kernel::ids::UserId;
    /// /// `a.nn+shop@gmail.com` and `ann@gmail.com` are one.
    /// async fn same(auth: &AuthService, one: UserId, other: UserId) -> tollgate_storage::Result<bool> {
    ///     Ok(auth.mailbox(one).await? == auth.mailbox(other).await?)
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn mailbox(&self, user: UserId) -> Result<Option<String>> {
        users::mailbox(&self.parts().db, user).await
    }
}
