//! One verb, one file. Whatever HTTP can do, a host can do by calling these.

pub(crate) mod api_keys;
pub(crate) mod change_password;
pub(crate) mod close_account;
pub(crate) mod confirm;
mod devices;
pub(crate) mod first_admin;
pub(crate) mod guessing;
pub(crate) mod import;
pub(crate) mod introspect;
pub(crate) mod invite;
pub(crate) mod login;
mod one_time_link;
pub(crate) mod permissions;
mod records;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod reset_password;
pub(crate) mod revoke_token;
pub(crate) mod rotate_signing_keys;
pub(crate) mod second_factor;
pub(crate) mod service_keys;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod staff;
pub(crate) mod update_profile;
pub(crate) mod verify;
pub(crate) mod verify_email;
