//! What goes into a file for somebody.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::courier::{Load, Packer};
use linli_replica::custody::{Custody, Terms};
use linli_replica::frame::Held;
use linli_replica::frontier::Frontier;
use linli_replica::id::{DocTag, NodeId, PartyId, SpaceTag, Timestamp, inbox_tag};
use linli_replica::limits::{CUSTODY_DOCUMENTS_MAX, FRAME_BYTES_FULL};

use crate::node::{Node, now, world};

/// Receipts in a file for all are about what came within this long: 30 days.
const ALL_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Who a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    One(NodeId),
    All,
}

/// Chooses what a file brings; returns it with how many receipts it takes along.
pub(super) fn packer(node: &mut Node, to: For, secret: &[u8; 32], whole: bool) -> (Packer, u64) {
    let me = node.core.node();
    let (spaces, carrier, inbox) = match to {
        For::One(peer) => {
            let carrier = node.replica.directory().node(&peer).is_some_and(|n| n.carrier);
            (spaces_for(node, &peer, carrier), carrier, Some(inbox_tag(&peer)))
        }
        For::All => {
            let own = inbox_tag(&me);
            let spaces = node.replica.index().spaces().filter(|space| *space != own).collect();
            (spaces, true, None)
        }
    };
    let custody = custody(node, to, &spaces);
    let receipts = u64::try_from(custody.len()).unwrap_or(u64::MAX);
    let known = match to {
        _ if whole => None,
        For::One(peer) => node.courier.known_at(&peer, &node.heard),
        For::All => {
            others(node).map(|peer| node.courier.known_at(&peer, &node.heard)).min().flatten()
        }
    };
    let names = match to {
        // What a carrier keeps for others it does not name.
        For::One(peer) if carrier && !node.replica.carries() => {
            let theirs = inbox_tag(&peer);
            node.replica.nameable(&peer).into_iter().filter(|space| *space != theirs).collect()
        }
        For::One(_) | For::All => Vec::new(),
    };
    let certificates = node.courier.since(node.replica.directory(), known);
    let load = Load { certificates, names, adopt: carrier, custody };
    let entitled = entitled(node, to, &spaces);
    let index = node.replica.index();
    let mut documents = Vec::new();
    for space in &spaces {
        for (document, _) in index.documents(space) {
            let known = match (to, entitled.get(space)) {
                _ if whole => Frontier::default(),
                (For::One(peer), _) => {
                    node.receipts.of(&document, &peer).cloned().unwrap_or_default()
                }
                (For::All, None) => Frontier::default(),
                (For::All, Some(nodes)) => match least(node, &document, nodes) {
                    Some(least) => least,
                    None => continue,
                },
            };
            documents.push((document, known));
        }
    }
    (Packer::new(index, secret, inbox, load, documents), receipts)
}

/// The other nodes that stand.
fn others(node: &Node) -> impl Iterator<Item = NodeId> {
    let (directory, me, at) = (node.replica.directory(), node.core.node(), now());
    directory
        .nodes()
        .map(|(id, _)| *id)
        .filter(move |id| *id != me && directory.admits(id, at).is_ok())
}

/// The members of a space, where this node is one.
fn members(node: &mut Node, space: SpaceTag) -> Option<BTreeSet<PartyId>> {
    if !node.core.is_member(&space) {
        return None;
    }
    let outline = node.core.outline(world(&node.replica, &node.store), space).ok()?;
    Some(outline.members.as_ref().clone())
}

/// The spaces of which something may be given to one node.
fn spaces_for(node: &mut Node, peer: &NodeId, carrier: bool) -> BTreeSet<SpaceTag> {
    let mut spaces = BTreeSet::from([inbox_tag(peer)]);
    if carrier {
        spaces.extend(node.replica.nameable(peer));
    } else if let Some(party) = node.replica.directory().node(peer).map(|member| member.party) {
        for space in node.core.spaces().collect::<Vec<_>>() {
            if members(node, space).is_some_and(|members| members.contains(&party)) {
                spaces.insert(space);
            }
        }
    }
    if node.replica.carries() {
        let index = node.replica.index();
        let inboxes: BTreeSet<SpaceTag> = others(node).map(|other| inbox_tag(&other)).collect();
        let mut named: BTreeSet<SpaceTag> =
            node.courier.trip(peer).named(index.spaces()).into_iter().collect();
        named.extend(node.replica.shared_with(peer));
        named.extend(
            node.receipts.documents_of(peer).filter_map(|document| index.space_of(&document)),
        );
        // An inbox goes to its owner, and to carriers.
        spaces.extend(named.into_iter().filter(|space| carrier || !inboxes.contains(space)));
    }
    spaces
}

/// The nodes that are to hold each space, where this node knows: for a file for all.
fn entitled(
    node: &mut Node,
    to: For,
    spaces: &BTreeSet<SpaceTag>,
) -> BTreeMap<SpaceTag, Vec<NodeId>> {
    if to != For::All {
        return BTreeMap::new();
    }
    let others: Vec<NodeId> = others(node).collect();
    let mut entitled: BTreeMap<SpaceTag, Vec<NodeId>> =
        others.iter().map(|other| (inbox_tag(other), vec![*other])).collect();
    for space in spaces {
        let Some(members) = members(node, *space) else { continue };
        let directory = node.replica.directory();
        let is_member =
            |id: &NodeId| directory.node(id).is_some_and(|n| members.contains(&n.party));
        entitled.insert(*space, others.iter().copied().filter(is_member).collect());
    }
    entitled
}

/// How far all of some nodes are known to hold a document; none where there is no such node.
fn least(node: &Node, document: &DocTag, nodes: &[NodeId]) -> Option<Frontier> {
    let mut held =
        nodes.iter().map(|id| node.receipts.of(document, id).cloned().unwrap_or_default());
    let first = held.next()?;
    Some(held.fold(first, |least, other| least.meet(&other)))
}

/// Receipts to take along: of what files made grow here, and those of others.
fn custody(node: &Node, to: For, spaces: &BTreeSet<SpaceTag>) -> Vec<Custody> {
    let at = now();
    let (known, peer) = match to {
        For::One(peer) => (node.courier.known_at(&peer, &node.heard), Some(peer)),
        For::All => (Some(Timestamp(at.0.saturating_sub(ALL_MS))), None),
    };
    let index = node.replica.index();
    let mut grown: BTreeMap<SpaceTag, Vec<Held>> = BTreeMap::new();
    for document in node.courier.grown_since(known) {
        let Some(space) = index.space_of(&document).filter(|space| spaces.contains(space)) else {
            continue;
        };
        let Some(frontier) = index.frontier(&document) else { continue };
        grown.entry(space).or_default().push(Held { document, frontier });
    }
    let (community, by) = (node.replica.directory().community(), node.core.node());
    let mut custody = Vec::new();
    for (space, documents) in grown {
        for documents in filled(documents) {
            let terms = Terms { community, by, at, space, documents };
            custody.push(terms.sign(node.core.signing_key()));
        }
    }
    let others = node.courier.kept_since(known).filter(|custody| {
        custody
            .verify(community)
            .is_ok_and(|terms| spaces.contains(&terms.space) && Some(terms.by) != peer)
    });
    custody.extend(others.cloned());
    custody
}

/// Puts documents into as few receipts as hold them.
fn filled(documents: Vec<Held>) -> Vec<Vec<Held>> {
    let mut filled: Vec<Vec<Held>> = Vec::new();
    let mut bytes = 0;
    for held in documents {
        let size: usize =
            40 + held.frontier.0.values().map(|tips| 36 + tips.len() * 46).sum::<usize>();
        match filled.last_mut() {
            Some(last)
                if last.len() < CUSTODY_DOCUMENTS_MAX && bytes + size <= FRAME_BYTES_FULL =>
            {
                last.push(held);
                bytes += size;
            }
            Some(_) | None => {
                filled.push(vec![held]);
                bytes = size;
            }
        }
    }
    filled
}
