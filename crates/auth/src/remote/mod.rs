//! Accounts that another Tollgate keeps. Whoever sells with plans of their own lets in whom that one lets in: access
//! tokens are checked here by its public keys (RFC 7517), keys are asked about (RFC 7662) and believed for two seconds,
//! and what staff may do is asked at every call.
//!
//! A sign-in that was ended is seen here when its access token ends, at most [`AuthConfig::access_token_ttl`] later: that
//! is the price of checking without a call. Nothing that only staff may do is open so long.
//!
//! [`AuthConfig::access_token_ttl`]: crate::AuthConfig::access_token_ttl

mod authority;
mod holders;
mod house;
mod keys;

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request;
use secrecy::SecretString;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::ids::ApiKeyId;
use tollgate_kernel::origin::ClientAddress;
use tollgate_kernel::permission::Authorised;
use tollgate_kernel::problem::Problem;
use url::Url;

use self::authority::Asking;
use self::holders::Holders;
use self::house::House;
use self::keys::KeySet;
use crate::call_limits::CallLimits;
use crate::layers::{Identifies, IdentifyLayer};
use crate::limit_calls::{CallCounts, LimitCallsLayer};
use crate::methods::{Credential, Presented, credential};

/// Where the accounts are, and how they are asked.
///
/// ```
/// use tollgate_auth::{RemoteAuth, RemoteConfig};
/// use tollgate_kernel::clock::Clock;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let service_key = ["sk", "live", "sample"].join("_");
/// let config = RemoteConfig {
///     url: "https://accounts.internal".parse()?,
///     service_key: service_key.into(), // with the scope `introspect`, made there
///     api_key_prefix: "sk".to_owned(),
///     secret: None, // there are public keys
///     livemode: true,
///     calls_per_minute: None,
/// };
/// // Nothing is asked before somebody calls.
/// let auth = RemoteAuth::new(config, Clock::system())?;
/// let _layers = (auth.identify(), auth.limit_calls());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// Where that service is reached from here.
    pub url: Url,
    /// Of this application, there; with the scope `introspect`.
    pub service_key: SecretString,
    /// What API keys there begin with.
    pub api_key_prefix: String,
    /// The secret that it signs by, where it signs by HS256 and has no public keys to show.
    pub secret: Option<SecretString>,
    /// Whether real money moves; credentials of the other kind are worth nothing here.
    pub livemode: bool,
    /// How often one caller may call in a minute, where [`RemoteAuth::limit_calls`] counts.
    pub calls_per_minute: Option<NonZeroU32>,
}

/// The HTTP client cannot be made.
///
/// ```
/// # use tollgate_auth::RemoteSetupError;
/// fn told(error: &RemoteSetupError) -> String {
///     let source = std::error::Error::source(error);
///     source.map_or(String::new(), |source| format!("{error}: {source}"))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the accounts cannot be asked")]
pub struct RemoteSetupError(#[source] pub(crate) reqwest::Error);

/// Accounts elsewhere. A clone is cheap and shares everything.
///
/// ```
/// use axum::{Router, routing::get};
/// use tollgate_auth::RemoteAuth;
/// use tollgate_kernel::caller::CurrentUserId;
///
/// async fn mine(CurrentUserId(user): CurrentUserId) -> String {
///     user.to_string()
/// }
///
/// fn routes(auth: &RemoteAuth) -> Router {
///     Router::new().route("/mine", get(mine)).layer(auth.identify())
/// }
/// ```
#[derive(Clone)]
pub struct RemoteAuth(Arc<Parts>);

struct Parts {
    api_key_prefix: String,
    livemode: bool,
    clock: Clock,
    house: House,
    keys: KeySet,
    holders: Holders,
    key_limits: CallLimits<ApiKeyId>,
    calls: Arc<CallCounts>,
}

impl fmt::Debug for RemoteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteAuth").field(&self.0.house).finish()
    }
}

impl RemoteAuth {
    /// Asks nothing yet: the accounts may come up later than who asks them.
    ///
    /// # Errors
    /// [`RemoteSetupError`].
    pub fn new(config: RemoteConfig, clock: Clock) -> Result<Self, RemoteSetupError> {
        let house = House::at(&config.url, config.service_key)?;
        Ok(Self(Arc::new(Parts {
            keys: KeySet::new(config.secret.as_ref(), config.livemode),
            holders: Holders::default(),
            key_limits: CallLimits::default(),
            calls: Arc::new(CallCounts::up_to(config.calls_per_minute)),
            api_key_prefix: config.api_key_prefix,
            livemode: config.livemode,
            clock,
            house,
        })))
    }

    /// A layer that finds out who asks and tells every handler inside it, as
    /// [`AuthService::identify`](crate::AuthService::identify) does.
    pub fn identify(&self) -> IdentifyLayer<Self> {
        IdentifyLayer::of(self.clone())
    }

    /// A layer that counts the calls of each caller, as
    /// [`AuthService::limit_calls`](crate::AuthService::limit_calls) does.
    pub fn limit_calls(&self) -> LimitCallsLayer {
        LimitCallsLayer(Arc::clone(&self.0.calls))
    }
}

impl Identifies for RemoteAuth {
    fn presented(
        &self,
        request: &request::Parts,
    ) -> impl Future<Output = Result<Option<Presented>, Problem>> + Send {
        let parts = Arc::clone(&self.0);
        let from = request.extensions.get();
        let from = from.map(|ClientAddress(address)| *address);
        let shown = credential(&request.headers, &parts.api_key_prefix).map(|shown| {
            shown.map(|shown| match shown {
                Credential::ApiKey(key) => (true, key.to_vec()),
                Credential::Token(token) => (false, token.to_vec()),
            })
        });
        async move {
            let presented = match shown? {
                None => return Ok(None),
                Some((true, key)) => holders::identify(&parts, &key, from).await,
                Some((false, token)) => keys::identify(&parts, &token).await,
            };
            presented.map(Some)
        }
    }

    fn stand_beside(&self, request: &mut Request) {
        let shown = credential(request.headers(), &self.0.api_key_prefix);
        let token = match shown {
            Ok(Some(Credential::Token(token))) => std::str::from_utf8(token).ok(),
            _ => None,
        };
        let asking = Asking {
            parts: Arc::clone(&self.0),
            token: token.map(SecretString::from),
        };
        request
            .extensions_mut()
            .insert(Authorised(Arc::new(asking)));
    }
}
