//! The simulator and what the tests of the whole house share.

pub mod capability;

pub use capability::{Capability, requires};
