//! What a sign-in leaves on a device, so that the next one is known to come from it. It opens nothing by
//! itself.

use axum::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

const SECURE: &str = "__Host-tollgate-device";
const PLAIN: &str = "tollgate-device";
/// A year.
const MAX_AGE_SECONDS: u32 = 31_536_000;

/// What an earlier sign-in left.
pub(super) fn device(headers: &HeaderMap, secure: bool) -> Option<SecretString> {
    let name = if secure { SECURE } else { PLAIN };
    crate::by_cookie::cookie(headers, name).map(|value| value.to_owned().into())
}

/// What this one leaves. `None`: a device sent something that is no cookie's value.
pub(super) fn keep(device: &SecretString, secure: bool) -> Option<HeaderValue> {
    let (name, secure) = if secure {
        (SECURE, "; Secure")
    } else {
        (PLAIN, "")
    };
    let value = device.expose_secret();
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
