//! The node, its peers, its documents and its store.

use std::collections::BTreeSet;
use std::sync::Arc;

use linli_core::engine::Outline;
use linli_net::PeerPath;
use linli_replica::directory::Node as Member;
use linli_replica::id::{DocTag, LogKey, NodeId, PartyId, Timestamp};

use super::{Outcome, now_known};
use crate::api::Done;
use crate::api::network::{
    BlobsHeld, DocumentStatus, Documents, PartyList, PartyRow, Path, PeerRow, Status, StatusAnswer,
    Stop, WentBack,
};
use crate::node::{Node, Peer, endpoint, now, world};
use crate::reach::{self, Around};
use crate::views;

pub(crate) fn kind(kind: linli_replica::certificate::PartyKind) -> String {
    format!("{kind:?}").to_lowercase()
}

pub(crate) fn status(node: &mut Node, _: Status) -> Outcome<StatusAnswer> {
    crate::reactions::react(node);
    let at = now();
    let me = node.core.node();
    let counts = count(node);
    let written = own_documents(node);
    let directory = node.replica.directory();
    let own = directory.node(&me);
    let statuses = node.net.peers();
    let around = Around::of(node);
    let mut peers: Vec<PeerRow> = Vec::new();
    for (id, member) in directory.nodes().filter(|(id, member)| **id != me && !member.expelled) {
        let status = endpoint(id).and_then(|e| statuses.iter().find(|status| status.peer == e));
        let connected = status.and_then(|status| status.connected.as_ref());
        let (path, address) = match connected.map(|connection| &connection.path) {
            Some(PeerPath::Direct(address)) => (Path::Direct, Some(address.to_string())),
            Some(PeerPath::Relayed(url)) => (Path::Relayed, Some(url.clone())),
            Some(PeerPath::None) | None => (Path::Away, None),
        };
        let seen = node.peers.get(id).cloned().unwrap_or_default();
        let party = directory.party(&member.party);
        peers.push(PeerRow {
            node: id.to_string(),
            label: member.label.clone(),
            party_name: party.and_then(|party| party.name.clone()),
            kind: kind(member.kind),
            path,
            lan: status.is_some_and(|status| status.on_lan),
            why: around.why(status),
            words: reach::words(status),
            address,
            since_ms: seen.since_ms,
            last_seen_ms: last_seen(node, id, &seen, at),
            heartbeat_ms: node.heartbeats.of_node(id),
            waiting_entries: waiting(node, &written, id, member),
            synced: seen.synced && connected.is_some(),
            sent_bytes: connected.map_or(0, |connection| connection.bytes_sent),
            received_bytes: connected.map_or(0, |connection| connection.bytes_received),
        });
    }
    let store_bytes = node.store.stats().map_or(0, |stats| stats.entry_bytes);
    let answer = StatusAnswer {
        node: me.to_string(),
        party: node.core.party().to_string(),
        kind: own.map(|own| kind(own.kind)),
        label: node.label.clone(),
        community: Some((directory.name().to_owned(), directory.community().to_string())),
        now_ms: at.0,
        ends_ms: own.map(|own| own.ends.0),
        peers,
        documents_held: counts.documents,
        documents_readable: counts.readable,
        entries_held: counts.entries,
        entries_carried: counts.carried,
        entries_withheld: node.core.withheld(),
        logs_late: u64::try_from(node.replica.index().late_logs()).unwrap_or(u64::MAX),
        prunes_unfounded: super::checkpoints::unfounded(node),
        requests_waiting: requests_waiting(node),
        alerts_open: node.ladders.open(),
        plans: node.board.plans(),
        monitoring: node.board.monitoring().to_vec(),
        addresses: node.net.bound_addresses().iter().map(ToString::to_string).collect(),
        relays: node.relays.urls(),
        reach: around.reach(node),
        store_bytes,
        blobs: blobs_held(node),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        went_back: went_back(node),
        warnings: warnings(node),
    };
    now_known(answer)
}

fn blobs_held(node: &Node) -> BlobsHeld {
    let (held, missing) = (node.replica.blobs_held(), node.replica.blobs_missing());
    BlobsHeld {
        held: held.blobs,
        bytes: held.bytes,
        missing: missing.blobs,
        missing_bytes: missing.bytes,
    }
}

pub(crate) fn requests_waiting(node: &Node) -> u64 {
    let waiting = node.requests.waiting().count() + node.requests.hand_overs().count();
    u64::try_from(waiting).unwrap_or(u64::MAX)
}

fn last_seen(node: &Node, id: &NodeId, seen: &Peer, at: Timestamp) -> Option<u64> {
    match seen.connected {
        true => Some(at.0),
        false => seen.last_seen_ms.or(node.heard.at(id).map(|at| at.0)),
    }
}

#[derive(Default)]
struct Counts {
    documents: u64,
    readable: u64,
    entries: u64,
    carried: u64,
}

fn count(node: &Node) -> Counts {
    let member_of: BTreeSet<_> = node.core.spaces().collect();
    let inbox = linli_replica::id::inbox_tag(&node.core.node());
    let index = node.replica.index();
    let mut counts = Counts::default();
    for space in index.spaces() {
        for (document, _) in index.documents(&space) {
            let entries = index.frontier(&document).map_or(0, |frontier| frontier.entries());
            counts.documents += 1;
            counts.entries += entries;
            if member_of.contains(&space) {
                counts.readable += 1;
            } else if space != inbox {
                counts.carried += entries;
            }
        }
    }
    counts
}

fn went_back(node: &Node) -> Vec<WentBack> {
    let directory = node.replica.directory();
    let row = |(id, found): (&NodeId, &crate::receipts::WentBack)| WentBack {
        node: id.to_string(),
        label: directory.node(id).map(|member| member.label.clone()).unwrap_or_default(),
        at_ms: found.at.0,
        documents: found.documents,
        missing: found.missing(),
    };
    node.receipts.went_back(now()).map(row).collect()
}

pub(crate) fn warnings(node: &Node) -> Vec<String> {
    let mut warnings: Vec<String> = node.warnings.values().cloned().collect();
    let me = node.core.node();
    if let Err(reason) = node.replica.directory().admits(&me, now()) {
        warnings.push(format!("this node is not served by others: {reason}"));
    }
    let held_back: u64 = node.own_held_back.values().sum();
    if held_back > 0 {
        warnings.push(format!(
            "{held_back} entries written here are held back, because this party was removed; `linli keys held list` says which"
        ));
    }
    let wrong = node.core.wrong_checkpoints().count();
    if wrong > 0 {
        warnings.push(format!(
            "checkpoints that contradict what is held here: {wrong}; `linli keys checkpoints` says which"
        ));
    }
    if let Some((elders, why)) = node.contacts.unraised() {
        warnings.push(format!(
            "contact is overdue with {elders} elders for whom no alert was raised: {why}; `linli elder due` lists them"
        ));
    }
    if node.store.stats().is_ok_and(|stats| stats.full) {
        warnings.push("the disk is full: free some space; alerts still go out".to_owned());
    }
    warnings
}

/// A document this node has written to: its log there, and how far.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) document: DocTag,
    pub(super) log: LogKey,
    pub(super) sequence: u64,
    /// The parties that share the space.
    members: Arc<BTreeSet<PartyId>>,
}

/// Lists the documents this node has written to.
pub(super) fn own_documents(node: &mut Node) -> Vec<Own> {
    let mut own = Vec::new();
    for space in node.core.spaces().collect::<Vec<_>>() {
        let world = world(&node.replica, &node.store);
        let Ok(Outline { log, members, .. }) = node.core.outline(world, space) else { continue };
        for (document, _) in world.index.documents(&space) {
            if let Some(tip) = world.index.tips(&document, &log).first() {
                let (sequence, members) = (tip.sequence, Arc::clone(&members));
                own.push(Own { document, log, sequence, members });
            }
        }
    }
    own
}

/// Lists the documents this node wrote to in logs that it left: before it was restored, or seen twice.
pub(super) fn own_former(node: &mut Node) -> Vec<Own> {
    let me = node.core.node();
    let mut former = Vec::new();
    for space in node.core.spaces().collect::<Vec<_>>() {
        let world = world(&node.replica, &node.store);
        let Ok(Outline { log: present, members, .. }) = node.core.outline(world, space) else {
            continue;
        };
        let mut others = Vec::new();
        for (document, _) in world.index.documents(&space) {
            let logs = world.index.frontier(&document).unwrap_or_default().0.into_iter();
            others.extend(logs.filter(|(log, _)| *log != present).filter_map(|(log, tips)| {
                let sequence = tips.last()?.sequence;
                Some(Own { document, log, sequence, members: Arc::clone(&members) })
            }));
        }
        let mine = node.core.glance(world, space, |space| {
            others.retain(|own| space.writer(&own.log) == Some(me));
            others
        });
        former.extend(mine.unwrap_or_default());
    }
    former
}

impl Own {
    /// How far a peer has said it holds this.
    pub(super) fn held_by(&self, node: &Node, peer: &NodeId) -> u64 {
        node.receipts.furthest(&self.document, peer, &self.log)
    }
}

/// Counts the entries this node wrote, in spaces a peer shares or carries, that it has not said to hold.
fn waiting(node: &Node, own: &[Own], peer: &NodeId, member: &Member) -> u64 {
    let shared = own.iter().filter(|own| member.carrier || own.members.contains(&member.party));
    shared.map(|own| own.sequence.saturating_sub(own.held_by(node, peer))).sum()
}

pub(crate) fn documents(node: &mut Node, request: Documents) -> Outcome<Vec<DocumentStatus>> {
    super::elders::refresh(node);
    let index = node.replica.index();
    let mut all = Vec::new();
    for space in index.spaces() {
        all.extend(index.documents(&space).map(|(document, _)| (space, document)));
    }
    let mut rows = Vec::new();
    for (space, document) in all {
        let name = node.catalogue.get(&document).map(|row| row.name.to_string());
        if request.readable && name.is_none() {
            continue;
        }
        let frontier = node.replica.index().frontier(&document).unwrap_or_default();
        let holders = node.receipts.holders(&document, &frontier);
        let (mut heads, mut withheld, mut authority_ms) = (None, Vec::new(), None);
        if name.is_some() {
            let (own, at) = (node.core.party(), now());
            let state = node.core.space(world(&node.replica, &node.store), space)?.state();
            let directory = node.replica.directory();
            authority_ms = node.heard.authority_at(directory, state, own, at).map(|at| at.0);
            let opened = node.core.open(world(&node.replica, &node.store), space, document)?;
            heads = Some(opened.heads().iter().map(ToString::to_string).collect());
            withheld = opened.withheld().iter().map(|entry| entry.reason.to_string()).collect();
        }
        rows.push(DocumentStatus {
            space: space.to_string(),
            document: document.to_string(),
            view: if name.is_some() { views::digest(node, document) } else { None },
            name,
            heads,
            frontier: hex::encode(frontier.digest()),
            entries: frontier.entries(),
            withheld,
            as_of_ms: None,
            authority_ms,
            held_by: holders.iter().map(ToString::to_string).collect(),
        });
    }
    now_known(rows)
}

pub(crate) fn parties(node: &mut Node, _: PartyList) -> Outcome<Vec<PartyRow>> {
    let directory = node.replica.directory();
    let rows = directory.parties().map(|(id, party)| PartyRow {
        party: id.to_string(),
        kind: kind(party.kind),
        name: party.name.clone(),
        nodes: directory
            .nodes()
            .filter(|(_, n)| n.party == *id)
            .map(|(n, _)| n.to_string())
            .collect(),
        expelled: party.expelled,
    });
    now_known(rows.collect())
}

pub(crate) fn stop(_: &mut Node, _: Stop) -> Outcome<Done> {
    now_known(Done {})
}
