//! The module on both engines, through its own router.

mod account;
mod accounts;
mod away;
mod corpus;
mod guessing;
mod harness;
mod introspection;
mod keys;
mod letters;
mod login;
mod mail;
mod mail_server;
mod own_keys;
mod pen;
mod refresh;
mod request_bytes;
mod reset;
mod rotation;
mod second_factor;
mod sessions;
mod setup;
mod smtp;
mod staff;
mod token_bytes;
mod tokens;
mod well_known;
