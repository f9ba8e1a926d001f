#![doc = include_str!("../README.md")]

mod accept;
mod admission;
pub mod app;
mod beside;
pub mod browser;
pub mod client_address;
pub mod config;
pub mod doctor;
pub mod gate;
mod keys;
mod lingering;
mod mail;
mod modules;
pub mod offline;
pub mod openapi;
mod pages;
pub mod plan_file;
mod proxied;
mod rails;
mod samples;
mod sandbox_clock;
mod stop;

pub use crate::app::{Server, StartError};
