//! Heartbeats: who hears one hears whose it is, and carriers hear none.

use linli_replica::id::{NodeId, SpaceTag, Timestamp};

use super::dice::Dice;
use super::town::{Happened, Town};
use super::{Checked, broken};

const HEARD: &str = "heartbeats are their writers'";

/// Whose heart beat, in which space and when.
pub(super) type Beat = (SpaceTag, NodeId, Timestamp);

/// Somebody says that they are there.
pub(super) fn beat(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    match town.net.heartbeat(id, space) {
        Err(_) => Happened::Refused,
        Ok(None) => Happened::Nothing,
        Ok(Some(_)) => {
            let at = town.net.node(id).clock(town.net.now);
            town.ledger.beats.insert((space, id, at));
            town.run(40);
            Happened::Done
        }
    }
}

impl Town {
    /// Whatever anybody hears was said, by this node at this time.
    pub(super) fn check_beats(&mut self) -> Checked {
        for id in self.everybody() {
            for cell in std::mem::take(&mut self.net.node_mut(id).told.cells) {
                let heard = self.net.hear(id, &cell).map(|beat| (beat.space, beat.node, beat.at));
                self.counts.check(HEARD, 1);
                let carries = self.carriers.contains(&id);
                if heard.is_some_and(|beat| carries || !self.ledger.beats.contains(&beat)) {
                    return broken(HEARD, format!("{id:?} hears {heard:?}, which nobody said"));
                }
            }
        }
        Ok(())
    }
}
