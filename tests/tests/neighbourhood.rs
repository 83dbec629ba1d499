//! The replica, the core and the store's rules together, in a neighbourhood in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first thing that cannot be"
)]

#[path = "neighbourhood/audit.rs"]
mod audit;
#[path = "neighbourhood/authority.rs"]
mod authority;
#[path = "neighbourhood/away.rs"]
mod away;
#[path = "neighbourhood/chance.rs"]
mod chance;
#[path = "neighbourhood/checkpoints.rs"]
mod checkpoints;
#[path = "neighbourhood/crooked.rs"]
mod crooked;
#[path = "neighbourhood/crowded.rs"]
mod crowded;
#[path = "neighbourhood/cuts.rs"]
mod cuts;
#[path = "neighbourhood/emergency.rs"]
mod emergency;
#[path = "neighbourhood/erasure.rs"]
mod erasure;
#[path = "neighbourhood/giving.rs"]
mod giving;
#[path = "neighbourhood/hand_over.rs"]
mod hand_over;
#[path = "neighbourhood/heartbeats.rs"]
mod heartbeats;
#[path = "neighbourhood/hostile.rs"]
mod hostile;
#[path = "neighbourhood/membership.rs"]
mod membership;
#[path = "neighbourhood/offline.rs"]
mod offline;
#[path = "neighbourhood/persons.rs"]
mod persons;
#[path = "neighbourhood/power.rs"]
mod power;
#[path = "neighbourhood/pruning.rs"]
mod pruning;
#[path = "neighbourhood/recovery.rs"]
mod recovery;
#[path = "neighbourhood/removal.rs"]
mod removal;
#[path = "neighbourhood/sharing.rs"]
mod sharing;
