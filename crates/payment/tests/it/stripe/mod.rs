//! Stripe against a small one of the tests' own.

mod agreements;
mod checkout;
#[cfg(feature = "testing")]
mod conformance;
mod events;
mod gateway;
mod refunds;
mod settings;
