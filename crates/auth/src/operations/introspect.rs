//! Says of a credential what it is good for now (RFC 7662). Asks the database, so that whoever was signed
//! out or deactivated is seen at once; uses nothing up.

use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{ApiKeyId, ServiceKeyId, SessionId};
use tollgate_storage::Result;

use super::verify::StandingError;
use crate::AuthService;
use crate::methods::{api_key, bearer};
use crate::model::api_key::PlainKey;
use crate::model::key_terms::KeyTerms;
use crate::model::live_key::{Holder, LiveKey};
use crate::model::token::RefreshToken;
use crate::model::user::User;
use crate::store::{refresh_tokens, sessions};

/// Which credential it is.
///
/// ```
/// # use tollgate_auth::Credential;
/// fn kind(credential: &Credential) -> &'static str {
///     match credential {
///         Credential::Access(_) => "access_token",
///         Credential::Refresh(_) => "refresh_token",
///         Credential::ApiKey(..) => "api_key",
///         Credential::Service(..) => "service_key",
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token, of a sign-in.
    Access(SessionId),
    /// A refresh token, of a sign-in. It opens nothing by itself.
    Refresh(SessionId),
    /// An API key, and what limits it.
    ApiKey(ApiKeyId, KeyTerms),
    /// A key of a host application, and what limits it.
    Service(ServiceKeyId, KeyTerms),
}

/// A credential that is good.
///
/// ```
/// # use tollgate_auth::{AuthConfig, AuthService, JwtAlgorithm, JwtKey};
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_storage::{db::Db, seal::MasterKey, url::DatabaseUrl};
/// # use tollgate_auth::{Login, Register, model::user::Locale};
/// # use tollgate_kernel::origin::Origin;
/// # use tollgate_auth::Credential;
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
/// let login = Login {
///     email: None,
///     username: Some("ann".to_owned()),
///     password: "plum orchard lantern 7".into(),
///     device: None,
/// };
/// let tokens = auth.login(&login, &Origin::default()).await?;
/// let found = auth.introspect(&tokens.access_token).await?.expect("good");
/// assert!(matches!(found.credential, Credential::Access(_)));
/// assert_eq!(found.user.map(|user| user.id), Some(user.id));
///
/// auth.revoke_token(&tokens.refresh_token).await?;
/// assert!(auth.introspect(&tokens.access_token).await?.is_none(), "signed out");
/// assert!(auth.introspect(&"nonsense".into()).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Which.
    pub credential: Credential,
    /// Whose; `None`: a host application's, which is nobody.
    pub user: Option<User>,
    /// Since when; not told of an API key.
    pub issued_at: Option<Timestamp>,
    /// Until when; `None`: without end.
    pub expires_at: Option<Timestamp>,
}

impl AuthService {
    /// `None`: not a credential of ours, or good no longer; why is not told.
    ///
    /// # Errors
    /// The database.
    pub async fn introspect(&self, token: &SecretString) -> Result<Option<Introspection>> {
        let text = token.expose_secret();
        match self.standing_credential(text).await {
            Ok(found) => Ok(found),
            Err(StandingError::Internal(error)) => Err(error),
            Err(
                StandingError::Unknown
                | StandingError::Revoked
                | StandingError::Inactive
                | StandingError::NoUser,
            ) => Ok(None),
        }
    }

    async fn standing_credential(
        &self,
        text: &str,
    ) -> Result<Option<Introspection>, StandingError> {
        if let Some(token) = RefreshToken::parse(text) {
            return self.standing_refresh(&token).await;
        }
        if let Some(key) = api_key::plausible(self, text).await
            && let Some(found) = self.standing_key(&key).await?
        {
            return Ok(Some(found));
        }
        let Ok(presented) = bearer::identify(self, text.as_bytes()).await else {
            return Ok(None);
        };
        let Caller::User {
            session_id: Some(session),
            ..
        } = presented.caller
        else {
            return Ok(None);
        };
        let user = self.standing(&presented.caller, presented.issued_at);
        Ok(Some(Introspection {
            user: Some(user.await?),
            credential: Credential::Access(session),
            issued_at: presented.issued_at,
            expires_at: presented.expires_at,
        }))
    }

    async fn standing_refresh(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<Introspection>, StandingError> {
        let db = &self.parts().db;
        let found = refresh_tokens::find(db, &token.hash()).await?;
        let now = self.parts().clock.now();
        let unused =
            |found: &refresh_tokens::Token| found.used_at.is_none() && found.expires_at > now;
        let Some(found) = found.filter(unused) else {
            return Ok(None);
        };
        let session = sessions::find(db, found.session_id).await?;
        let session = session.ok_or(StandingError::Revoked)?;
        let caller = Caller::User {
            user_id: session.user_id,
            session_id: Some(found.session_id),
        };
        Ok(Some(Introspection {
            user: Some(self.standing(&caller, None).await?),
            credential: Credential::Refresh(found.session_id),
            issued_at: Some(found.created_at),
            expires_at: Some(found.expires_at),
        }))
    }

    async fn standing_key(&self, key: &PlainKey) -> Result<Option<Introspection>, StandingError> {
        let found = api_key::find_live(self, &key.hash()).await?;
        let now = self.parts().clock.now();
        let live = |key: &LiveKey| key.expires_at.is_none_or(|end| now < end);
        let Some(found) = found.filter(live) else {
            return Ok(None);
        };
        let (user, credential) = match found.holder {
            Holder::Person(_, id) => {
                let user = self.standing(&found.caller(), None).await?;
                (Some(user), Credential::ApiKey(id, found.terms))
            }
            Holder::Service(id) => (None, Credential::Service(id, found.terms)),
        };
        Ok(Some(Introspection {
            credential,
            user,
            issued_at: None,
            expires_at: found.expires_at,
        }))
    }
}
