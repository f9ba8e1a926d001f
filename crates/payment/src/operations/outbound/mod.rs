//! Events on their way to host applications: who is told, what was told, and telling it.
//!
//! A fact is written into the outbox by the transaction that makes it true. `fan_out` makes a delivery of it for each
//! endpoint; `send` brings it there, at least once, in order per object, under the id that the fact has for ever.

mod address;
mod deliveries;
pub(crate) mod endpoints;
mod fan_out;
pub(crate) mod listen;
pub(crate) mod recover;
mod send;

pub(crate) use self::send::Outbound;
