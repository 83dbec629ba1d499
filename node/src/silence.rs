//! Silence is an alarm: a centre raises an alert for a hub of which nothing is heard any more. Many that
//! fall silent together are one incident.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_core::authority::{Owner, Right};
use linli_model::alert::{AlertFact, CauseId, Stage};
use linli_model::author::PartyId;
use linli_model::document::DocumentName;
use linli_model::field::FieldName as _;
use linli_model::profile::{self, ProfileField};
use linli_model::silence::{self, Broken, Hub, Silent};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, NodeId, SpaceTag};
use linli_replica::replica::Input;
use uuid::Uuid;

use crate::api::ApiError;
use crate::catalogue::Name;
use crate::handle::{alerts, facts, spaces};
use crate::node::{Node, now, world};
use crate::views;

/// How often it is looked at who is silent.
const LOOK: Duration = Duration::from_secs(5);

/// How long a household is taken to be away still before it is looked at again: its profiles are opened for it.
const AWAY: Duration = Duration::from_secs(600);

/// Parties that an urgent entry has room for, beside what else is in a fact.
const PARTIES_URGENT_MAX: usize = 16;

/// Parties of one fact; of more there are several.
const PARTIES_MAX: usize = 128;

/// When this node looks next.
#[derive(Debug)]
pub(crate) struct Silence {
    /// After how long a hub is silent; none: nobody listens.
    after: Option<Duration>,
    looked: Instant,
    /// Hubs that are silent and whose household is away, since when that is known.
    away: BTreeMap<Key, Instant>,
}

impl Silence {
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self { after, looked: Instant::now(), away: BTreeMap::new() }
    }
}

/// A hub and where it speaks.
type Key = (SpaceTag, NodeId);

/// Raises an alert where hubs fell silent.
pub(crate) fn tick(node: &mut Node) {
    let Some(after) = node.silence.after.filter(|_| node.silence.looked.elapsed() >= LOOK) else {
        return;
    };
    node.silence.looked = Instant::now();
    if !spaces::own_kind(node).is_ok_and(|kind| kind == PartyKind::Centre) {
        return;
    }
    node.silence.away.retain(|_, since| since.elapsed() < AWAY);
    let away = &node.silence.away;
    let heard = node.heartbeats.heard.iter();
    let heard = heard.filter(|(key, heard)| !heard.told && !away.contains_key(*key));
    let hubs: Vec<Hub<Key>> =
        heard.map(|(key, heard)| Hub { key: *key, age: heard.arrived.elapsed() }).collect();
    let groups = silence::groups(&hubs, after);
    if groups.is_empty() {
        return;
    }
    let elders = elders(node);
    for group in groups {
        let group = present(node, &elders, group);
        if group.is_empty() {
            continue;
        }
        match raise(node, &elders, &group) {
            Ok(()) => told(node, &group),
            Err(error) => {
                tracing::error!(%error, hubs = group.len(), "hubs are silent and no alert could be raised")
            }
        }
    }
}

/// The hubs of a group for which somebody is to come: enrolled, of a household, where somebody is at home.
fn present(node: &mut Node, elders: &Elders, group: Vec<Key>) -> Vec<Key> {
    let at = now();
    let is_enrolled = |node: &Node, hub: &NodeId| {
        node.replica.directory().admits(hub, at).is_ok_and(|known| {
            let party = node.replica.directory().party(&known.party);
            party.is_some_and(|party| party.kind == PartyKind::Household)
        })
    };
    let mut present = Vec::new();
    for key in group {
        if is_enrolled(node, &key.1) && !is_away(node, elders, key.0) {
            present.push(key);
        } else {
            node.silence.away.insert(key, Instant::now());
        }
    }
    present
}

/// The elders of whom this node has the profile, by who owns their records.
type Elders = BTreeMap<Owner, Vec<(Uuid, DocTag)>>;

fn elders(node: &mut Node) -> Elders {
    let profiles = node.catalogue.rows().filter_map(|(document, row)| match row.name {
        Name::Elder(elder, DocumentName::Profile) => Some((elder, *document, row.space)),
        Name::Elder(..) | Name::Plain(_) => None,
    });
    let profiles: Vec<_> = profiles.collect();
    let mut elders = Elders::new();
    for (elder, document, care) in profiles {
        if let Some(owner) = owner(node, care) {
            elders.entry(owner).or_default().push((elder, document));
        }
    }
    elders
}

fn owner(node: &mut Node, space: SpaceTag) -> Option<Owner> {
    let world = world(&node.replica, &node.store);
    Some(node.core.outline(world, space).ok()?.owner?.0)
}

/// The elders of the household whose alert space it is.
fn household(node: &mut Node, elders: &Elders, space: SpaceTag) -> Vec<(Uuid, DocTag)> {
    owner(node, space).and_then(|owner| elders.get(&owner)).cloned().unwrap_or_default()
}

/// Whether everybody of a household is said to be away today.
fn is_away(node: &mut Node, elders: &Elders, space: SpaceTag) -> bool {
    let elders = household(node, elders, space);
    let today = linli_model::time::Timestamp(now().0).date(linli_model::time::Offset::CHINA);
    let Ok(today) = today.map(|date| date.to_string()) else { return false };
    let away = |(_, document): &(Uuid, DocTag)| {
        let Ok((opened, _)) = views::open(node, *document) else { return false };
        let (doc, authors) = opened.parts();
        let view = profile::view(doc.document(), authors);
        let until = view.fields.get(ProfileField::AwayUntil.key()).and_then(|field| field.single());
        // Dates of this form are in order as texts are.
        until.is_some_and(|until| *today <= *until)
    };
    !elders.is_empty() && elders.iter().all(away)
}

fn raise(node: &mut Node, elders: &Elders, group: &[Key]) -> Result<(), ApiError> {
    let (space, elder) = match group {
        [(space, _)] if may_write(node, *space) => {
            (*space, household(node, elders, *space).first().map(|(elder, _)| *elder))
        }
        _ => (alerts::space(node)?.0, None),
    };
    let since = group.iter().filter_map(|hub| node.heartbeats.heard.get(hub)).map(|hub| hub.at);
    let heard = linli_model::time::Timestamp(since.min().unwrap_or_default().0);
    let first = group.iter().map(|(space, _)| space).min().copied().unwrap_or(space);
    let cause = CauseId(format!("silence/{first}/{}", heard.0));
    let broken = broken(node, group);
    let parties = parties(node, group);
    let of = |parties: &[PartyId]| Silent { broken, heard, parties: parties.to_vec() };
    let (some, rest) = parties.split_at(parties.len().min(PARTIES_URGENT_MAX));
    let Some(document) = alerts::raise_silence(node, space, elder, cause, of(some))? else {
        return Ok(());
    };
    tracing::warn!(hubs = group.len(), ?broken, "hubs are silent");
    let Some(raise) = alerts::read(node, document)?.round else { return Ok(()) };
    for parties in rest.chunks(PARTIES_MAX) {
        let fact = AlertFact::Silent { raise, silent: of(parties) };
        facts::add(node, document, Urgency::Normal, None, fact)?;
    }
    Ok(())
}

fn may_write(node: &mut Node, space: SpaceTag) -> bool {
    let own = node.core.party();
    let world = world(&node.replica, &node.store);
    let space = node.core.space(world, space);
    space.is_ok_and(|space| space.state().right(&own, world.now) >= Some(Right::Write))
}

fn parties(node: &Node, group: &[Key]) -> Vec<PartyId> {
    let of = |(_, hub): &Key| Some(PartyId(node.replica.directory().node(hub)?.party.0));
    group.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Where it breaks off, as far as it can be seen from here.
fn broken(node: &Node, group: &[Key]) -> Broken {
    let connected = |peer: &NodeId| node.peers.get(peer).is_some_and(|peer| peer.connected);
    if !node.peers.values().any(|peer| peer.connected) {
        return Broken::Here;
    }
    if group.iter().any(|(_, hub)| connected(hub)) {
        return Broken::Node;
    }
    let through = |key: &Key| node.heartbeats.heard.get(key).and_then(|heard| heard.through);
    let is_relay = |peer: &NodeId| {
        node.replica.directory().node(peer).is_some_and(|node| node.carrier) && !connected(peer)
    };
    match group.iter().all(|key| through(key).as_ref().is_some_and(is_relay)) {
        true => Broken::Relay,
        false => Broken::Line,
    }
}

/// Notes that what is silent has been told, so that it is told once.
fn told(node: &mut Node, group: &[Key]) {
    for hub in group {
        if let Some(heard) = node.heartbeats.heard.get_mut(hub) {
            heard.told = true;
        }
    }
    let records = group.iter().filter_map(|hub| node.heartbeats.record(hub)).collect();
    node.feed(Input::Learned { pages: Vec::new(), records });
}

/// Writes into open alerts about a hub's silence that it was heard again.
pub(crate) fn ended(node: &mut Node, hub: NodeId) {
    let Some(known) = node.replica.directory().node(&hub) else { return };
    let party = PartyId(known.party.0);
    let open: Vec<DocTag> = node.ladders.documents().collect();
    for document in open {
        let Ok(view) = alerts::read(node, document) else { continue };
        let names = view.silent.values().any(|silent| silent.parties.contains(&party));
        let (Some(raise), true) = (view.round, names && view.stage != Stage::Resolved) else {
            continue;
        };
        if view.heard_again.contains_key(&party) {
            continue;
        }
        let fact = AlertFact::HeardAgain { raise, party };
        if let Err(error) = facts::add(node, document, Urgency::Urgent, None, fact) {
            tracing::warn!(%error, "that a hub is heard again could not be written down");
        }
    }
}
