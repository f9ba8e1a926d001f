//! The module on both engines, through its own router.

mod accounts;
mod harness;
mod keys;
mod login;
mod oauth;
mod refresh;
mod rotation;
mod setup;
mod token_bytes;
mod tokens;
