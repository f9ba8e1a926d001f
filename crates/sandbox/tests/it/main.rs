//! The look-alike over real loopback HTTP, against a merchant that signs and verifies on its own.

mod callbacks;
mod gateway;
mod harness;
mod mail;
mod phone;
mod trades;
