#![doc = include_str!("../README.md")]

mod accept;
pub mod app;
pub mod client_address;
pub mod config;
mod keys;
pub mod offline;
pub mod openapi;
mod pages;
mod samples;
mod stop;

pub use crate::app::{Server, StartError};
