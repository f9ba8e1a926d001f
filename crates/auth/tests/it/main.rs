//! The module on both engines, through its own router.

mod accounts;
mod harness;
mod keys;
mod login;
mod refresh;
mod setup;
mod tokens;
