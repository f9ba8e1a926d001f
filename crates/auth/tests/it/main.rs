//! The module on both engines, through its own router.

mod accounts;
mod harness;
mod introspection;
mod keys;
mod login;
mod own_keys;
mod pen;
mod refresh;
mod rotation;
mod setup;
mod token_bytes;
mod tokens;
mod well_known;
