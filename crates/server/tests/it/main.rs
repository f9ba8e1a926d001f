//! The whole service, over HTTP, on both engines.

mod access;
mod bad_input;
mod browser;
mod checkout;
mod command;
mod crash;
mod dependencies;
mod documents;
mod durable;
mod harness;
mod inputs;
mod leaks;
mod link;
mod link_bytes;
mod mail;
mod quota;
mod routes;
mod schema;
mod signing_keys;
