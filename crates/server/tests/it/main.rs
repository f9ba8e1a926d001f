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
mod entitlements;
mod harness;
mod import;
mod inputs;
mod leaks;
mod ledger;
mod link;
mod link_bytes;
mod mail;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod refunds;
mod routes;
mod sandbox_faults;
mod schema;
mod service_keys;
mod signing_keys;
mod transactions;
