//! The opening: who speaks, and which spaces both share.
//!
//! Where both remember the same spaces of each other, only what has come since is named. Otherwise
//! one side names all it wants and the other says which of them it shares: the side with fewer
//! names, never a carrier, unless both are. A carrier remembers what it was asked about in vain, and
//! says so when somebody else brings it.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use crate::fingerprint::{NAME_BYTES, SpaceName};
use crate::frame::{Adopt, Frame, Hello, Naming, Spaces};
use crate::id::{SpaceTag, inbox_tag};
use crate::limits::{DEMANDS_MAX, FRAME_NAMES_MAX, FRAME_TAGS_MAX};
use crate::replica::api::{Ending, Output, Refused};
use crate::replica::world::{Agreement, World};

const NOTHING: SpaceName = [0; NAME_BYTES];

impl Session {
    pub(super) fn hello(&self, world: &World) -> Hello {
        let agreement = world.agreements.get(&self.peer).filter(|a| !a.shared.is_empty());
        let agreed = agreement.map_or(NOTHING, |a| self.salt.agreement(&a.shared));
        let names = world.nameable(&self.peer, 0).len();
        Hello {
            version: Frame::VERSION,
            community: world.directory.community(),
            agreed: agreed.into(),
            spaces: u32::try_from(names).unwrap_or(u32::MAX),
            carrier: world.policy.carrier,
        }
    }

    pub(super) fn on_hello(&mut self, world: &mut World, theirs: Hello) -> Result<(), Ending> {
        if self.hello.is_some() {
            return Err(Ending::OutOfTurn);
        }
        if theirs.version != Frame::VERSION {
            return Err(Ending::Version(theirs.version));
        }
        if theirs.community != world.directory.community() {
            return Err(Ending::OtherCommunity);
        }
        self.hello = Some(theirs);
        let ours = self.own;
        let remembered = world.agreements.remove(&self.peer);
        if *ours.agreed != NOTHING
            && ours.agreed == theirs.agreed
            && let Some(Agreement { shared, delivered, named_through }) = remembered
        {
            self.owe_cells_of(world, shared.iter().copied());
            self.owe_sums_of(shared.iter().copied());
            self.shared = shared;
            self.delivered = delivered;
            self.named_through = named_through;
            self.ask_again = theirs.carrier;
            self.compare.due = self.initiator;
            return Ok(());
        }
        let lists = match (ours.carrier, theirs.carrier) {
            (_, true) => true,
            (true, false) => false,
            (false, false) => match ours.spaces.cmp(&theirs.spaces) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => self.initiator,
                std::cmp::Ordering::Greater => false,
            },
        };
        self.named_through = if lists { 0 } else { world.revision };
        Ok(())
    }

    /// Names what has come since the last list, one list at a time.
    pub(super) fn pump_naming(&mut self, world: &World) {
        let news = self.named_through < world.nameable_through(&self.peer);
        if self.asks > 0 || !(news || self.ask_again) || self.asked_lists >= LISTS_MAX {
            return;
        }
        let mut spaces = world.nameable(&self.peer, self.named_through);
        if std::mem::take(&mut self.ask_again) {
            spaces.extend(world.nameable(&self.peer, 0).difference(&self.shared));
        }
        self.named_through = world.revision;
        if spaces.is_empty() {
            return;
        }
        self.asked_lists += 1;
        if world.is_carrier(&self.peer) {
            // What is shared is kept, but for this node's inbox, which is shared in any case.
            let own = inbox_tag(&world.me);
            let new = |space: &SpaceTag| *space == own || !self.shared.contains(space);
            let brought = spaces.iter().copied().filter(|space| new(space) && world.brings(space));
            for tags in brought.collect::<Vec<_>>().chunks(FRAME_TAGS_MAX) {
                self.say(&Frame::Adopt(Adopt { tags: tags.to_vec() }));
            }
            spaces.retain(|space| *space == own || !self.shared.contains(space));
        }
        for names in self.salt.names(&spaces).chunks(FRAME_NAMES_MAX) {
            self.asks += 1;
            let names = names.as_flattened().to_vec().into();
            self.say(&Frame::Spaces(Spaces { naming: Naming::Ask, names }));
        }
    }

    /// Finds those of some spaces that a list names, in the order of the names. A carrier has many more of them than
    /// are named: of the others nothing is kept.
    pub(super) fn look_up(
        &self,
        spaces: impl IntoIterator<Item = SpaceTag>,
        names: impl Iterator<Item = SpaceName>,
    ) -> BTreeMap<SpaceName, SpaceTag> {
        let named: BTreeSet<SpaceName> = names.collect();
        let all = spaces.into_iter().map(|tag| (self.salt.name(&tag), tag));
        all.filter(|(name, _)| named.contains(name)).collect()
    }

    pub(super) fn on_spaces(&mut self, world: &World, spaces: &Spaces) -> Result<(), Ending> {
        match spaces.naming {
            Naming::Ask => {
                self.demand()?;
                let found = self.look_up(world.served(&self.peer), names_in(spaces));
                let names: Vec<u8> = found.keys().flatten().copied().collect();
                if world.policy.carrier {
                    self.note_unmet(world, spaces, &found);
                }
                self.share(world, found);
                self.say(&Frame::Spaces(Spaces { naming: Naming::Answer, names: names.into() }));
            }
            Naming::Answer => {
                self.asks = self.asks.checked_sub(1).ok_or(Ending::OutOfTurn)?;
                let found = self.look_up(world.nameable(&self.peer, 0), names_in(spaces));
                self.share(world, found);
                self.compare.due |= self.asks == 0;
            }
            Naming::Kept => {
                self.demand()?;
                let found = self.look_up(world.nameable(&self.peer, 0), names_in(spaces));
                let gone: BTreeSet<SpaceName> =
                    names_in(spaces).filter(|name| !found.contains_key(name)).collect();
                if !gone.is_empty() {
                    let names = gone.into_iter().flatten().collect::<Vec<u8>>().into();
                    self.say(&Frame::Spaces(Spaces { naming: Naming::Gone, names }));
                }
                self.compare.due |= !found.is_empty();
                self.share(world, found);
            }
            Naming::Gone => {
                for tag in self.look_up(self.shared.clone(), names_in(spaces)).values() {
                    self.shared.remove(tag);
                }
            }
        }
        Ok(())
    }

    /// Remembers what the peer asked about in vain.
    fn note_unmet(&mut self, world: &World, asked: &Spaces, found: &BTreeMap<SpaceName, SpaceTag>) {
        if self.unmet.is_empty() {
            self.met_through = world.kept_in_order.len();
        }
        let room = FRAME_NAMES_MAX.saturating_sub(self.unmet.len());
        self.unmet.extend(names_in(asked).filter(|name| !found.contains_key(name)).take(room));
        self.unmet.retain(|name| !found.contains_key(name));
    }

    /// Says to the peer which of the spaces that it asked about have come to be kept here.
    pub(super) fn pump_kept(&mut self, world: &World) {
        if self.unmet.is_empty() || self.asked_lists >= LISTS_MAX {
            return;
        }
        let new = world.kept_in_order.iter().skip(self.met_through).take(LOOKUPS_MAX);
        let new: BTreeSet<SpaceTag> = new.copied().filter(|space| world.keeps(space)).collect();
        self.met_through = world.kept_in_order.len().min(self.met_through + LOOKUPS_MAX);
        let named = new.into_iter().map(|tag| (self.salt.name(&tag), tag));
        let found: BTreeMap<SpaceName, SpaceTag> =
            named.filter(|(name, _)| self.unmet.remove(name)).collect();
        if !found.is_empty() {
            let names: Vec<u8> = found.keys().flatten().copied().collect();
            self.asked_lists += 1;
            self.share(world, found);
            self.say(&Frame::Spaces(Spaces { naming: Naming::Kept, names: names.into() }));
        }
    }

    /// Says whether the peer waits for a space that somebody may bring.
    pub(crate) fn awaits(&self) -> bool {
        !self.unmet.is_empty()
    }

    fn share(&mut self, world: &World, found: BTreeMap<SpaceName, SpaceTag>) {
        let tags: Vec<SpaceTag> = found.into_values().collect();
        self.owe_cells_of(world, tags.iter().copied());
        self.owe_sums_of(tags.iter().copied());
        self.shared.extend(tags);
    }

    fn owe_cells_of(&mut self, world: &World, spaces: impl Iterator<Item = SpaceTag>) {
        if !world.cells.is_empty() {
            let spaces: BTreeSet<SpaceTag> = spaces.collect();
            self.cells.extend(world.cells.keys().filter(|(space, _)| spaces.contains(space)));
        }
    }

    /// Counts what costs this side work each time the peer asks for it.
    pub(super) fn demand(&mut self) -> Result<(), Ending> {
        self.demands += 1;
        if self.demands > DEMANDS_MAX { Err(Ending::TooMuch) } else { Ok(()) }
    }

    pub(super) fn on_adopt(&mut self, world: &mut World, adopt: Adopt, outputs: &mut Vec<Output>) {
        let mut full = false;
        for space in adopt.tags {
            full |= !world.adopt(space, &self.peer);
            // Who brings it asks about it itself.
            if !self.unmet.is_empty() {
                self.unmet.remove(&self.salt.name(&space));
            }
        }
        if full {
            self.refuse(Refused::Quota, outputs);
        }
    }

    /// Stops sharing a space.
    pub(crate) fn forget(&mut self, space: &SpaceTag) {
        if self.shared.remove(space) {
            let names = self.salt.name(space).to_vec().into();
            self.say(&Frame::Spaces(Spaces { naming: Naming::Gone, names }));
        }
    }

    /// What is to be remembered of the peer once the connection is gone.
    pub(crate) fn agreement(self) -> Option<Agreement> {
        let settled = self.hello.is_some() && self.asks == 0;
        let Self { shared, delivered, named_through, .. } = self;
        settled.then_some(Agreement { shared, delivered, named_through })
    }
}

fn names_in(spaces: &Spaces) -> impl Iterator<Item = SpaceName> {
    spaces.names.as_chunks().0.iter().copied()
}

/// Lists sent between two ticks: well below what a peer takes, whose ticks fall otherwise.
pub(super) const LISTS_MAX: usize = DEMANDS_MAX / 8;

/// Spaces looked up at once among the names that a peer asked about in vain.
const LOOKUPS_MAX: usize = 1_024;
