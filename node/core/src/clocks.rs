//! Whether this machine's clock is wrong, by the times that others sign.
//!
//! What an author sends over its own connection, after all was compared, was signed a moment ago: its time is that of the
//! author's clock. What comes from elsewhere may be old, but not from the future: if it seems so, a clock is wrong too.

use std::collections::BTreeMap;

use linli_replica::id::{PartyId, Timestamp};

/// Milliseconds by which clocks may differ before anybody is told: end dates and ladders go by minutes.
const APART_MS: i64 = 5 * 60 * 1_000;

/// What was signed longer ago, in milliseconds, says nothing of today's clock.
const LATELY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Milliseconds between two looks: to open an entry costs something, and a first sync brings thousands.
const LOOK_EVERY_MS: u64 = 1_000;

/// How far the clocks of other parties are from this machine's, by what they signed last.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    /// When it was noted, and milliseconds by which the other clock is ahead.
    last: BTreeMap<PartyId, (Timestamp, i64)>,
    looked: Timestamp,
}

impl Clocks {
    /// Says whether it is time to look at what somebody signed: once a second is enough.
    pub fn due(&mut self, now: Timestamp) -> bool {
        let due = now.0.abs_diff(self.looked.0) >= LOOK_EVERY_MS;
        if due {
            self.looked = now;
        }
        due
    }

    /// Notes when a party signed something that came `now`; `fresh` where it came from the author itself, who had
    /// nothing older to send.
    pub fn note(&mut self, party: PartyId, signed: Timestamp, now: Timestamp, fresh: bool) {
        let of = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
        let ahead = of(signed).saturating_sub(of(now));
        if fresh || ahead > APART_MS {
            self.last.insert(party, (now, ahead));
        }
    }

    /// Returns by how many milliseconds most others' clocks are ahead (negative: behind), and how many parties say
    /// so; none where at least as many agree with this machine's.
    #[must_use]
    pub fn apart(&self, now: Timestamp) -> Option<(i64, u64)> {
        let lately = |at: &Timestamp| at.0.abs_diff(now.0) <= LATELY_MS;
        let mut aheads: Vec<i64> =
            self.last.values().filter(|(at, _)| lately(at)).map(|(_, ahead)| *ahead).collect();
        aheads.sort_unstable();
        let far = |ahead: &&i64| ahead.unsigned_abs() > APART_MS.unsigned_abs();
        // Of clocks that are ahead and such that are behind, one of the two lots is right at most.
        let ahead: Vec<i64> = aheads.iter().filter(far).filter(|of| **of > 0).copied().collect();
        let behind: Vec<i64> = aheads.iter().filter(far).filter(|of| **of < 0).copied().collect();
        let most = if ahead.len() > behind.len() { ahead } else { behind };
        let median = most.get(most.len() / 2).copied()?;
        let parties = u64::try_from(most.len()).ok()?;
        (most.len() * 2 > aheads.len()).then_some((median, parties))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const HOUR: u64 = 3_600_000;

    fn clocks(aheads: &[i64]) -> Clocks {
        let mut clocks = Clocks::default();
        for (number, ahead) in (0_u8..).zip(aheads) {
            let signed = Timestamp(NOW.0.checked_add_signed(*ahead).unwrap());
            clocks.note(PartyId([number; 32]), signed, NOW, true);
        }
        clocks
    }

    #[test]
    fn most_others_are_right() {
        let hour = i64::try_from(HOUR).unwrap();
        assert_eq!(clocks(&[]).apart(NOW), None);
        assert_eq!(clocks(&[APART_MS, -APART_MS, 20]).apart(NOW), None, "that is nothing");
        assert_eq!(clocks(&[hour]).apart(NOW), Some((hour, 1)));
        assert_eq!(clocks(&[hour, 0]).apart(NOW), None, "one agrees with this machine");
        assert_eq!(clocks(&[hour, hour + 9, 0, 2 * hour]).apart(NOW), Some((hour + 9, 3)));
        assert_eq!(clocks(&[-hour, -hour - 9, 0]).apart(NOW), Some((-hour, 2)));
        assert_eq!(clocks(&[-hour, hour, 0]).apart(NOW), None, "they do not agree either");
    }

    #[test]
    fn what_was_carried_here_may_be_old_but_not_from_the_future() {
        let mut clocks = Clocks::default();
        let party = PartyId([1; 32]);
        clocks.note(party, Timestamp(NOW.0 - HOUR), NOW, false);
        assert_eq!(clocks.apart(NOW), None);
        clocks.note(party, Timestamp(NOW.0 + HOUR), NOW, false);
        assert_eq!(clocks.apart(NOW), Some((3_600_000, 1)));
        // The clock was set right.
        clocks.note(party, Timestamp(NOW.0 + 10), NOW, true);
        assert_eq!(clocks.apart(NOW), None);
    }

    #[test]
    fn it_is_looked_at_once_a_second_whichever_way_the_clock_is_set() {
        let mut clocks = Clocks::default();
        assert!(clocks.due(NOW));
        assert!(!clocks.due(Timestamp(NOW.0 + LOOK_EVERY_MS - 1)));
        assert!(clocks.due(Timestamp(NOW.0 - HOUR)) && !clocks.due(Timestamp(NOW.0 - HOUR)));
    }

    #[test]
    fn what_was_heard_long_ago_is_forgotten() {
        let clocks = clocks(&[3_600_000]);
        assert!(clocks.apart(Timestamp(NOW.0 + LATELY_MS)).is_some());
        assert_eq!(clocks.apart(Timestamp(NOW.0 + LATELY_MS + 1)), None);
    }
}
