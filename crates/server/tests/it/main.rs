//! The whole service, over HTTP, on both engines.

mod access;
mod bad_input;
mod browser;
mod callback_input;
mod callbacks;
mod checkout;
mod command;
mod conformance;
mod crash;
mod dependencies;
mod documents;
mod durable;
mod entitlements;
mod harness;
mod histories;
mod import;
mod inputs;
mod leaks;
mod leases;
mod ledger;
mod link;
mod link_bytes;
mod mail;
mod points;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod refunds;
mod routes;
mod sandbox_faults;
mod schema;
mod service_keys;
mod signing_keys;
mod suspense;
mod transactions;
mod ways;
