//! Pages, as a browser without script meets them.

mod accounts;
mod assets;
pub(crate) mod browser;
mod checkout;
mod checkout_events;
mod house;
mod house_machines;
mod meter_words;
mod money;
mod plans;
mod sandbox;
mod seller;
