//! The replica, the core and the store's rules together, in a neighbourhood in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first thing that cannot be"
)]

#[path = "neighbourhood/chance.rs"]
mod chance;
#[path = "neighbourhood/erasure.rs"]
mod erasure;
#[path = "neighbourhood/hostile.rs"]
mod hostile;
#[path = "neighbourhood/membership.rs"]
mod membership;
#[path = "neighbourhood/persons.rs"]
mod persons;
#[path = "neighbourhood/power.rs"]
mod power;
#[path = "neighbourhood/sharing.rs"]
mod sharing;
