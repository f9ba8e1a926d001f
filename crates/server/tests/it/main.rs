//! The whole service, over HTTP, on both engines.

mod checkout;
mod crash;
mod dependencies;
mod documents;
mod harness;
mod inputs;
mod quota;
mod schema;
mod signing_keys;
