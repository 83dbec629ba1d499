//! What goes wrong: one function each, in one table; and how it is mended.

use linli_replica::entry::Urgency;
use linli_replica::id::NodeId;
use linli_replica::replica::Input;

use super::crooks;
use super::dice::Dice;
use super::town::{Deed, Happened, Town};
use crate::neighbourhood::crooked::{Crooked, Trick};
use crate::neighbourhood::wire::LANES;

/// What goes wrong, and how often.
pub(super) const FAULTS: &[Deed] = &[
    Deed { name: "connection lost", weight: 12, act: lose_connection },
    Deed { name: "partition", weight: 6, act: part },
    Deed { name: "lane stalled", weight: 8, act: stall },
    Deed { name: "lane saturated", weight: 4, act: saturate },
    Deed { name: "power cut before the commit", weight: 8, act: crash },
    Deed { name: "power cut after the commit", weight: 8, act: crash_after },
    Deed { name: "failing disks", weight: 3, act: fail_disks },
    Deed { name: "full disk", weight: 4, act: fill_disk },
    Deed { name: "slow disk", weight: 4, act: slow_disk },
    Deed { name: "alert sent before it is stored", weight: 3, act: send_ahead },
    Deed { name: "clock wrong", weight: 6, act: skew },
    Deed { name: "clock jumps", weight: 3, act: jump },
    Deed { name: "backup restored", weight: 2, act: restore },
    Deed { name: "relay wiped", weight: 2, act: wipe },
    Deed { name: "relay lies", weight: 4, act: lie },
    Deed { name: "crooked member writes", weight: 12, act: crooks::write },
    Deed { name: "crooked member dates back", weight: 4, act: crooks::date_back },
    Deed { name: "crooked member forks its log", weight: 6, act: crooks::fork },
    Deed { name: "crooked member writes as another", weight: 4, act: crooks::impersonate },
    Deed { name: "forged grant", weight: 4, act: crooks::forge_grant },
    Deed { name: "forged removal", weight: 4, act: crooks::forge_removal },
    Deed { name: "flood of entries", weight: 1, act: crooks::flood },
    Deed { name: "flood of demands", weight: 2, act: crooks::demand },
    Deed { name: "giant frame", weight: 2, act: crooks::giant },
    Deed { name: "bytes that are no frame", weight: 3, act: crooks::garbage },
];

const HOUR_MS: i64 = 3_600_000;

impl Town {
    /// What went wrong is mended by and by.
    pub(super) fn mend(&mut self, dice: &mut Dice) {
        if dice.once_in(8) {
            self.parts.clear();
        }
        if dice.once_in(3) {
            self.net.wire.stalled.clear();
        }
        if dice.once_in(10) {
            self.net.failures = 0;
        }
        for node in self.net.nodes.values_mut() {
            node.disk.full &= !dice.once_in(12);
            node.disk.slow &= !dice.once_in(8);
            if dice.once_in(30) {
                node.ahead_ms = 0;
            }
        }
        if dice.once_in(12) {
            self.net.crooked.clear();
        }
        if self.ledger.on && dice.once_in(30) {
            self.ledger.away.clear();
        }
    }

    fn link(&self, dice: &mut Dice) -> Option<(NodeId, NodeId)> {
        let links: Vec<(NodeId, NodeId)> = self.net.wire.links().collect();
        let (a, b) = dice.pick(&links)?;
        Some(if dice.once_in(2) { (a, b) } else { (b, a) })
    }

    fn anybody(&self, dice: &mut Dice) -> Option<NodeId> {
        dice.pick(&self.everybody())
    }
}

fn lose_connection(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((a, b)) = town.link(dice) else { return Happened::Nothing };
    town.net.cut(a, b);
    Happened::Done
}

/// Everybody is in one of two or three parts, and nothing goes from one to another.
fn part(town: &mut Town, dice: &mut Dice) -> Happened {
    let parts = 2 + dice.below(2);
    town.parts = town.everybody().into_iter().map(|id| (id, dice.below(parts))).collect();
    let links: Vec<(NodeId, NodeId)> = town.net.wire.links().collect();
    for (a, b) in links {
        if town.parts.get(&a) != town.parts.get(&b) {
            town.net.cut(a, b);
        }
    }
    Happened::Done
}

fn stall(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some((a, b)), Some(lane)) = (town.link(dice), dice.pick(&LANES)) else {
        return Happened::Nothing;
    };
    town.net.wire.stalled.insert((a, b, lane));
    Happened::Done
}

/// Nothing but what is urgent gets through.
fn saturate(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((a, b)) = town.link(dice) else { return Happened::Nothing };
    for lane in [Urgency::Normal, Urgency::Bulk] {
        town.net.wire.stalled.insert((a, b, lane));
    }
    Happened::Done
}

fn crash(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = town.anybody(dice) else { return Happened::Nothing };
    town.net.crash(id);
    Happened::Done
}

fn crash_after(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = town.anybody(dice) else { return Happened::Nothing };
    town.net.crash_after(id, 1 + dice.below(3));
    Happened::Done
}

fn fail_disks(town: &mut Town, dice: &mut Dice) -> Happened {
    town.net.failures = u64::try_from(3 + dice.below(12)).unwrap_or(3);
    Happened::Done
}

fn fill_disk(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = town.anybody(dice) else { return Happened::Nothing };
    town.net.node_mut(id).disk.full = true;
    Happened::Done
}

fn slow_disk(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = town.anybody(dice) else { return Happened::Nothing };
    town.net.node_mut(id).disk.slow = true;
    Happened::Done
}

/// A disk takes longer than a second over an alert, which then does not wait for it.
fn send_ahead(town: &mut Town, dice: &mut Dice) -> Happened {
    let late = |id: &NodeId| town.net.node(*id).disk.urgent_under_way().map(|ticket| (*id, ticket));
    let late: Vec<_> = town.honest.iter().filter_map(late).collect();
    let Some((id, ticket)) = dice.pick(&late) else { return Happened::Nothing };
    town.net.input(id, Input::Overdue { ticket });
    // Where the power fails now, the log is written again from the same place.
    town.may_fork(id);
    Happened::Done
}

fn skew(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = town.anybody(dice) else { return Happened::Nothing };
    let hours = i64::try_from(dice.below(100)).unwrap_or(0) - 50;
    town.net.node_mut(id).ahead_ms = hours * HOUR_MS;
    Happened::Done
}

/// A clock that was wrong is set, forwards or back.
fn jump(town: &mut Town, dice: &mut Dice) -> Happened {
    let wrong: Vec<NodeId> =
        town.everybody().into_iter().filter(|id| town.net.node(*id).ahead_ms != 0).collect();
    let Some(id) = dice.pick(&wrong) else { return Happened::Nothing };
    town.net.node_mut(id).ahead_ms = 0;
    Happened::Done
}

/// An earlier image of a disk is put back: what it had promised since is forgotten.
fn restore(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = dice.pick(&town.honest) else { return Happened::Nothing };
    let commits = town.net.node(id).disk.commits();
    let back = 1 + dice.below(commits.min(40));
    if commits <= back {
        return Happened::Nothing;
    }
    town.may_fork(id);
    town.put_back(id, commits - back);
    if dice.once_in(2) {
        town.net.tell_restored(id);
    } else {
        let noticed = town.net.node(id).told.own_log_elsewhere;
        town.unnoticed.insert(id, noticed);
    }
    Happened::Done
}

/// A relay begins again with an empty disk.
fn wipe(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = dice.pick(&town.carriers) else { return Happened::Nothing };
    town.put_back(id, 1);
    Happened::Done
}

fn lie(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some(id), Some(trick)) = (dice.pick(&town.carriers), dice.pick(&Trick::ALL)) else {
        return Happened::Nothing;
    };
    town.liars.insert(id);
    town.went_wrong(named(trick));
    let seed = u64::try_from(dice.below(1 << 30)).unwrap_or(0);
    town.net.crooked.insert(id, Crooked::new(trick, seed));
    Happened::Done
}

const fn named(trick: Trick) -> &'static str {
    match trick {
        Trick::Withhold => "relay withholds",
        Trick::Reorder => "relay reorders",
        Trick::Duplicate => "relay duplicates",
        Trick::Truncate => "relay truncates",
        Trick::Replay => "relay replays",
        Trick::FalseReceipt => "relay receipts falsely",
    }
}

impl Town {
    /// Puts a disk back to what it was after its first commits: what the node promised since is not expected of it.
    pub(super) fn put_back(&mut self, id: NodeId, commits: usize) {
        if let Err(failure) = self.check_receipts() {
            self.broken = Some(failure);
        }
        self.net.restore(id, commits);
        self.read_again(id);
        // Who knows nobody lets nobody in: it is told whom there is, as at its pairing.
        if self.net.node(id).replica.directory().nodes().count() == 1 {
            let directories = self.net.nodes.values().map(|node| node.replica.directory());
            let all = directories.max_by_key(|directory| directory.certificates().count());
            let all = all.map(|directory| directory.certificates().cloned().collect());
            self.net.certify(id, all.unwrap_or_default());
        }
        self.saved.remove(&id);
        self.promised.remove(&id);
        self.net.node_mut(id).told.acknowledged.clear();
    }

    /// Notes that a node may come to write a second time where it wrote before.
    fn may_fork(&mut self, id: NodeId) {
        let logs = self.writers.iter().filter(|(_, writer)| **writer == id).map(|(log, _)| *log);
        self.forked.extend(logs.collect::<Vec<_>>());
    }
}
