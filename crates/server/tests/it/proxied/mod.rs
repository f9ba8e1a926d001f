//! Applications behind a proxy: what `/auth/forward` answers one that asks, and the gate, which is one itself.

mod forward;
mod gate;
mod gate_outcomes;
mod upstream;
