//! Devices that a person has signed in from before: by what an earlier sign-in left on them, or, for
//! programs that keep nothing, by how they call themselves and from where.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::origin::Origin;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::Parts;
use crate::mailer::{Content, Letter, post};
use crate::model::user::User;
use crate::store::{known_devices, users};

/// What rests of a device's token.
pub(super) fn hash(parts: &Parts, device: &SecretString) -> [u8; 32] {
    let bytes = device.expose_secret().as_bytes();
    parts.master_key.keyed_hash("device token", bytes)
}

/// Notes a sign-in from a device, and writes to its owner when it is a new one (but not at the very
/// first sign-in of an account). Gives what the device is to keep.
pub(super) async fn welcome(
    parts: &Parts,
    tx: &mut Tx,
    user: &User,
    device: Option<&SecretString>,
    origin: &Origin,
    now: Timestamp,
) -> Result<SecretString> {
    let sent = device.filter(|device| device.expose_secret().len() <= 64);
    let kept = sent.cloned().unwrap_or_else(|| {
        let bytes: [u8; 32] = parts.entropy.bytes();
        BASE64_URL_SAFE_NO_PAD.encode(bytes).into()
    });
    let first = !users::has_signed_in(tx, user.id).await?;
    let new_token = known_devices::seen(tx, user.id, &hash(parts, &kept), now).await?;
    let place = place(parts, user, origin);
    let new_place = known_devices::seen(tx, user.id, &place, now).await?;
    if new_token && new_place && !first {
        let content = Content::NewSignIn {
            at: now,
            device: origin.device.clone(),
            address: origin.address.map(|address| address.to_string()),
        };
        post(parts, tx, &Letter::to(user, content), now).await?;
    }
    Ok(kept)
}

/// How it calls itself, and its block of addresses.
fn place(parts: &Parts, user: &User, origin: &Origin) -> [u8; 32] {
    let device = origin.device.as_deref().unwrap_or_default();
    let text = format!("{} {} {device}", user.id, origin.address_block());
    parts.master_key.keyed_hash("device place", text.as_bytes())
}
