//! Pages, as a browser without script meets them.

mod checkout;
mod checkout_events;
