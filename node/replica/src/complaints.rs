//! What is said of a member in the log, and how often: a member that does one thing wrong over and over must not
//! fill the disk with it.

use std::collections::BTreeMap;

use crate::id::{NodeId, Timestamp};
use crate::limits::COMPLAIN_EVERY_MS;
use crate::replica::Refused;

/// Something that is said of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// It came.
    Connected,
    /// It went.
    Disconnected,
    /// Something of it was not taken.
    Refused(Refused),
    /// Its session was ended.
    Ended,
}

/// When what was last said of whom. Only members have sessions, so there are as many as the community has nodes, times the
/// few things there are to say.
#[derive(Debug, Default)]
pub struct Complaints(BTreeMap<(Option<NodeId>, Of), Said>);

#[derive(Debug)]
struct Said {
    at: Timestamp,
    /// How often it has happened since.
    since: u64,
}

impl Complaints {
    /// Notes that something happened, of whom where that is known; returns how often it has since it was last said, where it is to be said.
    pub fn note(
        &mut self,
        node: impl Into<Option<NodeId>>,
        what: Of,
        now: Timestamp,
    ) -> Option<u64> {
        let said = self.0.entry((node.into(), what)).or_insert(Said { at: Timestamp(0), since: 0 });
        said.since = said.since.saturating_add(1);
        if now.0.abs_diff(said.at.0) < COMPLAIN_EVERY_MS {
            return None;
        }
        said.at = now;
        Some(std::mem::take(&mut said.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn what_happens_over_and_over_is_said_now_and_then_with_its_count() {
        let mut complaints = Complaints::default();
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let mut note = |node, what, after| complaints.note(node, what, Timestamp(NOW + after));
        assert_eq!(note(one, Of::Ended, 0), Some(1));
        assert_eq!(note(one, Of::Ended, 1), None);
        assert_eq!(note(one, Of::Refused(Refused::Quota), 1), Some(1), "another thing");
        assert_eq!(note(other, Of::Ended, 1), Some(1), "another member");
        assert_eq!(note(one, Of::Ended, COMPLAIN_EVERY_MS - 1), None);
        assert_eq!(note(one, Of::Ended, COMPLAIN_EVERY_MS), Some(3));
        assert_eq!(note(one, Of::Ended, COMPLAIN_EVERY_MS + 1), None);
    }
}
