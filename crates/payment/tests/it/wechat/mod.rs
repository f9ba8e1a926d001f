//! WeChat Pay against a gateway that checks how it is called.

mod gateway;
mod keys;
mod money;
mod notices;
mod settings;
mod ways;
