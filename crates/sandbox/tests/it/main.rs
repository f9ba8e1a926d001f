//! The look-alike over real loopback HTTP, against a merchant that signs and verifies on its own.

mod callbacks;
mod faults;
mod gateway;
mod harness;
mod mail;
mod modes;
mod pages;
mod phone;
mod stripe;
mod trades;
mod wechat;
