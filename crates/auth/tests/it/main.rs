//! The module on both engines, through its own router.

mod account;
mod accounts;
mod away;
mod bad_input;
#[cfg(feature = "redis")]
mod blacklist;
mod corpus;
#[cfg(feature = "redis")]
mod fates;
mod guessing;
mod harness;
mod import;
mod introspection;
mod key_terms;
mod keys;
mod letters;
mod login;
mod mail;
mod mail_server;
mod no_oracle;
mod own_keys;
mod pen;
#[cfg(feature = "redis")]
mod redis_server;
mod refresh;
mod request_bytes;
mod reset;
mod rotation;
mod second_factor;
mod service_keys;
mod sessions;
mod setup;
mod smtp;
mod staff;
mod stand;
mod token_bytes;
mod tokens;
mod well_known;
