//! When an entry was signed, and by whom.

use linli_replica::entry::Entry;
use linli_replica::id::{NodeId, Timestamp};

use super::open::payload;
use super::{Core, World};

impl Core {
    /// Returns the node that wrote an entry and the time it signed; none where this node cannot open it or does not
    /// know yet whose log it is in.
    pub fn signed(&mut self, world: World<'_>, entry: &Entry) -> Option<(NodeId, Timestamp)> {
        let header = entry.header();
        if !self.is_member(&header.space) {
            return None;
        }
        let space = self.space_mut(world.directory, header.space).ok()?;
        let writer = space.writer(&header.log)?;
        Some((writer, payload(space, entry).ok()?.at))
    }
}
