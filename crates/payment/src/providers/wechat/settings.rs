//! The settings of the rail, checked at the start; all faults are told together.

use secrecy::SecretString;
use tollgate_kernel::clock::Timestamp;

use super::aead::Api3Key;
use super::certificate::Certificate;
use super::sign::Merchant;
use super::trust::PublicKey;
use super::ways;
use crate::providers::keys::{Signer, Verifier};

const CERTIFICATE: &str = "WECHAT_CERT_PATH";
const PUBLIC_KEY: &str = "WECHAT_PUBLIC_KEY_PATH";
const PUBLIC_KEY_ID: &str = "WECHAT_PUBLIC_KEY_ID";
const ID_PREFIX: &str = "PUB_KEY_ID_";
/// Longer ids go into no header of WeChat's.
const LONGEST_ID: usize = 64;
const OWN_KEY: &str =
    "is the merchant's own key; download WeChat Pay's public key from the merchant console instead";

/// The settings of the design, under their own names.
#[derive(Clone, Debug)]
pub struct WechatConfig {
    /// `WECHAT_APP_ID`: `wx…`, bound to the merchant.
    pub app_id: String,
    /// `WECHAT_MCH_ID`: the merchant's number.
    pub mch_id: String,
    /// `WECHAT_API_KEY`: the `APIv3` key, 32 bytes.
    pub api_key: SecretString,
    /// `WECHAT_CERT_PATH`: `apiclient_cert.pem`, as path or PEM text; its serial signs with us.
    pub certificate: String,
    /// `WECHAT_KEY_PATH`: `apiclient_key.pem`, as path, PEM or bare base64.
    pub private_key: SecretString,
    /// Public-key mode, beside platform certificates.
    pub public_key: Option<WechatPublicKey>,
    /// `WECHAT_GATEWAY`: the address before `/v3/…`.
    pub gateway: url::Url,
    /// Where notices of refunds go; `None`: refunds are only asked about.
    pub refund_notify_url: Option<String>,
}

/// WeChat Pay's public key, as the merchant console shows it.
#[derive(Clone, Debug)]
pub struct WechatPublicKey {
    /// `WECHAT_PUBLIC_KEY_ID`: `PUB_KEY_ID_…`
    pub id: String,
    /// `WECHAT_PUBLIC_KEY_PATH`: as path, PEM or bare base64.
    pub key: String,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct WechatSettingError {
    /// Which variable.
    pub variable: &'static str,
    /// Why.
    pub reason: String,
}

/// What the settings hold, loaded.
pub(super) struct Checked {
    pub(super) merchant: Merchant,
    pub(super) certificate_expires_at: Timestamp,
    pub(super) api_key: Api3Key,
    pub(super) public_key: Option<PublicKey>,
}

type Faults = Vec<WechatSettingError>;

fn fault(faults: &mut Faults, variable: &'static str, reason: impl Into<String>) {
    let reason = reason.into();
    faults.push(WechatSettingError { variable, reason });
}

/// Loads and checks all of it.
///
/// # Errors
/// Every setting that cannot work.
pub(super) fn check(config: &WechatConfig, now: Timestamp) -> Result<Checked, Faults> {
    let mut faults = Faults::new();
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !plain(&config.app_id) {
        let reason = "is not the id of an application: wx and 16 letters and digits";
        fault(&mut faults, "WECHAT_APP_ID", reason);
    }
    if config.mch_id.is_empty() || !config.mch_id.bytes().all(|byte| byte.is_ascii_digit()) {
        let reason = "is not a merchant's number: digits";
        fault(&mut faults, "WECHAT_MCH_ID", reason);
    }
    let url = config.refund_notify_url.as_deref();
    if url.is_some_and(|url| url.len() > ways::NOTIFY_URL) {
        fault(
            &mut faults,
            "PUBLIC_URL",
            "is too long for WeChat's notify_url",
        );
    }
    let api_key = Api3Key::new(&config.api_key)
        .map_err(|reason| fault(&mut faults, "WECHAT_API_KEY", reason))
        .ok();
    let signer = Signer::load(&config.private_key)
        .map_err(|error| fault(&mut faults, "WECHAT_KEY_PATH", error.to_string()))
        .ok();
    let certificate = certificate(config, signer.as_ref(), now, &mut faults);
    let given = config.public_key.as_ref();
    let public_key = given.and_then(|given| public_key(given, signer.as_ref(), &mut faults));
    match (signer, certificate, api_key) {
        (Some(signer), Some(certificate), Some(api_key)) if faults.is_empty() => Ok(Checked {
            merchant: Merchant {
                mch_id: config.mch_id.clone(),
                serial: certificate.serial,
                signer,
            },
            certificate_expires_at: certificate.not_after,
            api_key,
            public_key,
        }),
        _ => Err(faults),
    }
}

fn certificate(
    config: &WechatConfig,
    signer: Option<&Signer>,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<Certificate> {
    let read = Certificate::load(&config.certificate);
    let certificate = read
        .map_err(|error| fault(faults, CERTIFICATE, error.to_string()))
        .ok()?;
    if certificate.not_after <= now {
        let reason = format!("has expired at {}", certificate.not_after);
        fault(faults, CERTIFICATE, reason);
    }
    if certificate.not_before > now {
        let from = certificate.not_before;
        let reason = format!("begins only at {from}: is the clock right?");
        fault(faults, CERTIFICATE, reason);
    }
    if signer.is_some_and(|signer| !signer.is_half_of(&certificate.key)) {
        let reason = "does not belong to WECHAT_KEY_PATH: the key in it is another. \
            It is the merchant's apiclient_cert.pem, not a certificate of WeChat's platform";
        fault(faults, CERTIFICATE, reason);
    }
    Some(certificate)
}

fn public_key(
    given: &WechatPublicKey,
    signer: Option<&Signer>,
    faults: &mut Faults,
) -> Option<PublicKey> {
    let number = given.id.strip_prefix(ID_PREFIX).unwrap_or_default();
    let is_id = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_id || given.id.len() > LONGEST_ID {
        let reason = "is not the id of WeChat Pay's public key: PUB_KEY_ID_ and its number";
        fault(faults, PUBLIC_KEY_ID, reason);
    }
    let key = Verifier::load(&given.key)
        .map_err(|error| fault(faults, PUBLIC_KEY, error.to_string()))
        .ok()?;
    if signer.is_some_and(|signer| signer.is_half_of(&key)) {
        fault(faults, PUBLIC_KEY, OWN_KEY);
    }
    Some(PublicKey {
        id: given.id.clone(),
        key,
    })
}
