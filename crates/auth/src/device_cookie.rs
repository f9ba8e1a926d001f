//! What a sign-in leaves on a device, so that the next one is known to come from it. It opens nothing by
//! itself.

use axum::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::AuthService;
use crate::by_cookie::cookie;
use crate::operations::session::Tokens;

const SECURE: &str = "__Host-tollgate-device";
const PLAIN: &str = "tollgate-device";
/// A year.
const MAX_AGE_SECONDS: u32 = 31_536_000;

impl AuthService {
    /// What an earlier sign-in left on the device that sends `headers`.
    ///
    /// ```
    /// # use axum::http::HeaderMap;
    /// # use tollgate_auth::{AuthService, Login, LoginError, Tokens};
    /// # use tollgate_kernel::origin::Origin;
    /// async fn sign_in(
    ///     auth: &AuthService,
    ///     (name, password): (String, String),
    ///     headers: &HeaderMap,
    ///     origin: &Origin,
    /// ) -> Result<Tokens, LoginError> {
    ///     let wish = Login {
    ///         email: None,
    ///         username: Some(name),
    ///         password: password.into(),
    ///         device: auth.device(headers),
    ///     };
    ///     // The device is to keep `auth.device_cookie(&tokens)`.
    ///     auth.login(&wish, origin).await
    /// }
    /// ```
    pub fn device(&self, headers: &HeaderMap) -> Option<SecretString> {
        let name = if self.by_https() { SECURE } else { PLAIN };
        cookie(headers, name).map(|value| value.to_owned().into())
    }

    /// `Set-Cookie` for the device that has signed in, so that [`AuthService::device`] finds it at the next sign-in.
    /// `None`: a device sent something that is no cookie's value.
    pub fn device_cookie(&self, tokens: &Tokens) -> Option<HeaderValue> {
        let (name, secure) = if self.by_https() {
            (SECURE, "; Secure")
        } else {
            (PLAIN, "")
        };
        let value = tokens.device.as_ref()?.expose_secret();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        value
            .bytes()
            .all(plain)
            .then(|| {
                format!(
                    "{name}={value}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
                )
            })
            .and_then(|text| HeaderValue::from_str(&text).ok())
    }

    /// Whether the house is reached by https only.
    pub(crate) fn by_https(&self) -> bool {
        self.parts().config.issuer.starts_with("https:")
    }
}
