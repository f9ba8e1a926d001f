//! Alipay against a gateway that checks how it is called.

mod certificates;
mod gateway;
mod ways;
