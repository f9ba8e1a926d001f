//! One verb, one file. Whatever HTTP can do, a host can do by calling these.

pub(crate) mod api_keys;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod permissions;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod revoke_token;
pub(crate) mod rotate_signing_keys;
pub(crate) mod session;
pub(crate) mod verify;
