//! The whole service, over HTTP, on both engines.

mod browser;
mod checkout;
mod command;
mod crash;
mod dependencies;
mod documents;
mod harness;
mod inputs;
mod quota;
mod schema;
