//! Which hubs are silent, and which of them fell silent together.
//!
//! A hub says once a minute that it is there. Ages are counted by a clock that is never set, so that nobody is thought
//! silent because somebody corrected a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::author::PartyId;
use crate::time::Timestamp;

/// A hub misses two heartbeats at least before it is thought to be falling silent.
const FALLING: Duration = Duration::from_secs(150);

/// Hubs that were heard last within this time of one another fell silent together: two heartbeats.
const TOGETHER: Duration = Duration::from_secs(120);

/// So many that fell silent together are one incident: a power cut, a line, a relay.
pub const INCIDENT_MIN: usize = 5;

/// Where what was heard of a hub breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// Nobody is heard here: the line of whoever listens.
    Here,
    /// The relay that brought its heartbeats is away, too.
    Relay,
    /// The hub is connected and says nothing: its program is ill.
    Node,
    /// The hub, its power or its line.
    Line,
}

/// Hubs that fell silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// Where it breaks off.
    pub broken: Broken,
    /// When the one that was silent first was heard last, by its own clock.
    pub heard: Timestamp,
    /// Whose hubs.
    pub parties: Vec<PartyId>,
}

/// What is known of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hub<K> {
    /// Which one.
    pub key: K,
    /// For how long nothing was heard of it, at most for as long as anybody listens.
    pub age: Duration,
}

/// Groups the hubs of which nothing was heard for `after`: each group fell silent together.
///
/// When the first of many passes the limit, the others are on their way there: whoever fell silent within two minutes
/// of another belongs to it, once it missed two heartbeats itself. Fewer than [`INCIDENT_MIN`] stand alone, and wait
/// for the limit each.
pub fn groups<K: Copy>(hubs: &[Hub<K>], after: Duration) -> Vec<Vec<K>> {
    let mut falling: Vec<&Hub<K>> =
        hubs.iter().filter(|hub| hub.age >= FALLING.min(after)).collect();
    falling.sort_by_key(|hub| std::cmp::Reverse(hub.age));
    let together = |a: &&Hub<K>, b: &&Hub<K>| a.age.saturating_sub(b.age) <= TOGETHER;
    let mut groups = Vec::new();
    for run in falling.chunk_by(together) {
        let silent = || run.iter().filter(|hub| hub.age >= after);
        if silent().next().is_none() {
            continue;
        }
        if run.len() >= INCIDENT_MIN {
            groups.push(run.iter().map(|hub| hub.key).collect());
        } else {
            groups.extend(silent().map(|hub| vec![hub.key]));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(600);

    fn hubs(ages: &[u64]) -> Vec<Hub<usize>> {
        let hub = |(key, age): (usize, &u64)| Hub { key, age: Duration::from_secs(*age) };
        ages.iter().enumerate().map(hub).collect()
    }

    #[test]
    fn one_hub_is_silent_after_its_time_and_not_before() {
        assert_eq!(groups(&hubs(&[599, 0]), AFTER), Vec::<Vec<usize>>::new());
        assert_eq!(groups(&hubs(&[600, 0]), AFTER), [[0]]);
    }

    #[test]
    fn many_that_fell_silent_together_are_one_incident_from_the_first_on() {
        assert_eq!(groups(&hubs(&[570, 560, 600, 510, 550, 20]), AFTER), [vec![2, 0, 1, 4, 3]]);
        // A chain of hubs, each soon after the one before.
        assert_eq!(groups(&hubs(&[600, 490, 380, 270, 160]), AFTER), [vec![0, 1, 2, 3, 4]]);
        // The last one has missed one heartbeat only.
        assert_eq!(groups(&hubs(&[600, 490, 380, 270, 149]), AFTER), [vec![0]]);
    }

    #[test]
    fn few_or_apart_stand_alone() {
        assert_eq!(groups(&hubs(&[700, 690, 600, 590]), AFTER), [[0], [1], [2]]);
        assert_eq!(groups(&hubs(&[3_000, 2_800, 2_600, 2_400, 2_200, 1]), AFTER).len(), 5);
    }

    #[test]
    fn a_limit_shorter_than_two_heartbeats_is_a_limit() {
        let soon = Duration::from_secs(30);
        assert_eq!(groups(&hubs(&[30, 29]), soon), [[0]]);
    }
}
