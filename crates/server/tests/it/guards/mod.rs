//! What a host mounts in front of its own routes: calls that pay, plans that are needed, limits that are told.

mod away;
mod jobs;
mod limits;
mod outcomes;
mod plans;
mod stand;
mod whole;
