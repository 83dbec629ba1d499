//! Whom this node dials by itself: carriers, those it exchanges something with, and its inviter.
//! Whoever is near is dialled besides ([`DialPolicy::Related`]).

use std::collections::BTreeSet;
use std::ops::Bound;

use linli_core::engine::Outline;
use linli_net::{DialPolicy, EndpointId};
use linli_replica::certificate::PartyKind;
use linli_replica::directory::Node as Member;
use linli_replica::id::{NodeId, PartyId, SpaceTag};

use crate::node::{Node, endpoint, world};

/// Spaces looked at in one turn: a centre has thousands, and an alert waits for no longer turn of the driver.
const SPACES_AT_ONCE: usize = 64;

/// With whom this node has to do.
#[derive(Debug, Default)]
pub(crate) struct Related {
    /// Whose invitation brought this node in.
    inviter: Option<NodeId>,
    /// Who was found in all spaces when they were looked through last.
    parties: BTreeSet<PartyId>,
    /// Who was found so far this time.
    found: BTreeSet<PartyId>,
    /// The last space that was looked at this time.
    at: Option<SpaceTag>,
    told: Option<DialPolicy>,
}

impl Related {
    pub(crate) fn new(inviter: Option<NodeId>) -> Self {
        Self { inviter, ..Self::default() }
    }

    fn has(&self, id: &NodeId, member: &Member, own: PartyId) -> bool {
        let party = &member.party;
        let shares = self.parties.contains(party) || self.found.contains(party);
        shares || *party == own || self.inviter == Some(*id)
    }
}

/// The parties that `own` exchanges something with in a space. Two who only read there have nothing for each other:
/// else all who read what a centre publishes would dial all.
fn partners(outline: &Outline, own: PartyId) -> &BTreeSet<PartyId> {
    if outline.writers.contains(&own) { &outline.members } else { &outline.writers }
}

/// Everybody's node that carries. A provider's carries too, and goes from home to home: it is met there.
fn is_carrier(member: &Member) -> bool {
    member.carrier && member.kind != PartyKind::Provider
}

/// Looks through some more spaces, and tells the network whom to dial of the members.
pub(crate) fn tell(node: &mut Node, members: &BTreeSet<EndpointId>) {
    look_on(node);
    let (own, directory) = (node.core.party(), node.replica.directory());
    let nodes = directory.nodes().filter_map(|(id, member)| {
        let at = endpoint(id).filter(|at| members.contains(at))?;
        Some((at, is_carrier(member), node.related.has(id, member, own)))
    });
    let (mut carriers, mut related) = (BTreeSet::new(), BTreeSet::new());
    for (at, carries, has_to_do) in nodes {
        if carries {
            carriers.insert(at);
        } else if has_to_do {
            related.insert(at);
        }
    }
    let policy = DialPolicy::Related { related, carriers };
    if node.related.told.as_ref() != Some(&policy) {
        node.net.set_dial_policy(policy.clone());
        node.related.told = Some(policy);
    }
}

fn look_on(node: &mut Node) {
    let own = node.core.party();
    let after = node.related.at.map_or(Bound::Unbounded, Bound::Excluded);
    let spaces: Vec<SpaceTag> = node.core.spaces_from(after).take(SPACES_AT_ONCE).collect();
    for space in &spaces {
        // One that cannot be read shows itself where it is asked for.
        if let Ok(outline) = node.core.outline(world(&node.replica, &node.store), *space) {
            node.related.found.extend(partners(&outline, own));
        }
    }
    node.related.at = spaces.last().copied();
    if spaces.len() < SPACES_AT_ONCE {
        node.related.parties = std::mem::take(&mut node.related.found);
        node.related.at = None;
    }
}
