//! What the tests of nodes, relays and couriers share.

pub mod capability;
pub mod neighbourhood;
pub mod sight;
pub mod simulator;

pub use capability::{Capability, requires};
