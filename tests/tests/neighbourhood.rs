//! The replica, the core and the store's rules together, in a neighbourhood in memory.

#[path = "neighbourhood/sharing.rs"]
mod sharing;
