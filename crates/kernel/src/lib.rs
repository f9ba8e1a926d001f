#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]

pub mod caller;
pub mod clock;
pub mod entropy;
pub mod exchange;
pub mod ids;
pub mod input;
pub mod limits;
pub mod money;
pub mod networks;
pub mod origin;
pub mod permission;
pub mod problem;
pub mod scope;
pub mod table;
pub mod text;
pub mod words;
