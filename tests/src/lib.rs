//! What the tests of nodes, relays and couriers share.

pub mod capability;

pub use capability::{Capability, requires};
