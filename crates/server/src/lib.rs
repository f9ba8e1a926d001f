#![doc = include_str!("../README.md")]

mod accept;
mod admission;
mod alone;
mod beside;
pub mod browser;
pub mod client_address;
pub mod config;
pub mod doctor;
mod events;
pub mod gate;
mod ground;
mod keys;
mod lingering;
mod mail;
pub mod metrics;
mod modules;
pub mod moving_in;
pub mod offline;
pub mod openapi;
mod pages;
pub mod plan_file;
mod proxied;
mod rails;
mod routes;
mod samples;
mod sandbox_clock;
mod seen;
mod server;
#[cfg(feature = "otel")]
mod spans;
mod start;
mod stop;
mod timing;
mod tollgate;
#[cfg(feature = "otel")]
pub mod traces;
mod unread;
mod whole;
mod words;

pub use crate::alone::{Alone, Module};
pub use crate::events::Event;
pub use crate::server::Server;
pub use crate::start::StartError;
pub use crate::tollgate::{Tollgate, TollgateBuilder, TollgateLayer};
