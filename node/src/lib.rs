//! The node: one running device of a party. It keeps documents in its store, exchanges entries with other
//! nodes, and is asked and told through its control interface.

pub mod api;
pub mod config;
pub mod control;
pub mod home;
