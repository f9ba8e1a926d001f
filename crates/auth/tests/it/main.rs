//! The module on both engines, through its own router.

mod accounts;
mod harness;
mod keys;
mod letters;
mod login;
mod mail;
mod mail_server;
mod refresh;
mod setup;
mod smtp;
mod tokens;
