//! The map of data: who holds which kind for what purpose and for how long. It counts and names no
//! elder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use linli_core::authority::Right;
use linli_core::engine::CoreError;
use linli_model::consent;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{DocTag, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::replica::Save;
use serde_json::Value;
use uuid::Uuid;

use super::grants::{Told, state_of, told};
use super::{Work, alerts, elders, json, orders, spaces};
use crate::api::ApiError;
use crate::api::datamap::{Datamap, DatamapAnswer, DatamapCarrier, DatamapHolder, DatamapRow};
use crate::api::grants::NodeRef;
use crate::catalogue::Name;
use crate::node::{Node, now, world};
use crate::views;

/// The kinds of spaces that hold data about elders.
const KINDS: [&str; 6] = [
    spaces::CARE,
    spaces::HEALTH,
    spaces::EMERGENCY,
    spaces::ALERT,
    spaces::ORDER,
    spaces::REGISTRY,
];

/// Spaces looked at before the driver looks for other inputs: some ten milliseconds.
const SPACES_AT_ONCE: usize = 8;

/// Rows of one answer: purposes are the granters' words, and there is no end of them.
const ROWS_MAX: usize = 4_096;

/// Wordings of a necessity that a row shows.
const NECESSITY_MAX: usize = 5;

pub(super) fn begin(node: &mut Node, request: &Datamap) -> Box<dyn Work> {
    elders::refresh(node);
    let mut documents: BTreeMap<SpaceTag, Vec<DocTag>> = BTreeMap::new();
    for (document, row) in node.catalogue.rows() {
        documents.entry(row.space).or_default().push(*document);
    }
    let spaces: VecDeque<SpaceTag> = node.core.spaces().collect();
    Box::new(Map { all: request.all, spaces, documents, ..Map::default() })
}

/// What a row is about: party, state, category, right, purpose, ground, days kept.
type Key = (PartyId, &'static str, &'static str, &'static str, String, &'static str, Option<u32>);

#[derive(Default)]
struct Count {
    elders: BTreeSet<Uuid>,
    spaces: BTreeSet<SpaceTag>,
    since: Option<Timestamp>,
    /// The latest end; none inside where one has none.
    until: Option<Option<Timestamp>>,
    necessity: BTreeSet<String>,
}

/// What a consent says of a grant that rests on it.
#[derive(Clone, Default)]
struct Explained {
    keep_days: Option<u32>,
    necessity: Option<String>,
}

#[derive(Default)]
struct Map {
    all: bool,
    spaces: VecDeque<SpaceTag>,
    documents: BTreeMap<SpaceTag, Vec<DocTag>>,
    /// Grants that were seen, by space, before the consents of all spaces were.
    seen: Vec<(SpaceTag, &'static str, BTreeSet<Uuid>, Vec<Told>)>,
    explained: BTreeMap<FactId, Explained>,
    elders: BTreeSet<Uuid>,
    carried: BTreeMap<NodeId, u64>,
}

impl Work for Map {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        for _ in 0..SPACES_AT_ONCE {
            let Some(space) = self.spaces.pop_front() else {
                let answer = json(&self.answer(node));
                return Some(answer.map(|answer| (answer, BTreeSet::new())));
            };
            if let Err(error) = self.look(node, space) {
                return Some(Err(error.into()));
            }
        }
        None
    }
}

impl Map {
    fn look(&mut self, node: &mut Node, space: SpaceTag) -> Result<(), CoreError> {
        let own = world(&node.replica, &node.store);
        let found = node.core.glance(own, space, |space| (space.kind().to_owned(), told(space)));
        let (kind, told) = match found {
            // It was left while the work went on.
            Err(CoreError::NoSuchSpace) => return Ok(()),
            found => found?,
        };
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else { return Ok(()) };
        let documents = self.documents.remove(&space).unwrap_or_default();
        let reads = told.iter().filter(|told| told.grant.right != Right::Carry);
        let readers: BTreeSet<PartyId> = reads.map(|told| told.party).collect();
        let mut about = BTreeSet::new();
        for document in documents {
            self.carried(node, &document, &readers);
            about.extend(self.document(node, document));
        }
        self.elders.extend(&about);
        self.seen.push((space, kind, about, told));
        Ok(())
    }

    /// Counts who has said to hold a document that their party was never given.
    fn carried(&mut self, node: &Node, document: &DocTag, readers: &BTreeSet<PartyId>) {
        for (id, member) in node.replica.directory().nodes() {
            let carries = member.carrier && !readers.contains(&member.party);
            if carries && node.receipts.of(document, id).is_some() {
                *self.carried.entry(*id).or_default() += 1;
            }
        }
    }

    /// Looks at one document: whom it is about, and what its consents explain.
    fn document(&mut self, node: &mut Node, document: DocTag) -> Option<Uuid> {
        let name = node.catalogue.get(&document)?.name.clone();
        match name {
            Name::Elder(elder, DocumentName::Consents) => {
                self.explain(node, document, elder);
                Some(elder)
            }
            Name::Elder(elder, _) => Some(elder),
            Name::Plain(DocumentName::Order(_)) => orders::elder(node, document),
            Name::Plain(DocumentName::Alert(_)) => {
                alerts::elder(&alerts::read(node, document).ok()?)
            }
            Name::Plain(_) => None,
        }
    }

    fn explain(&mut self, node: &mut Node, document: DocTag, elder: Uuid) {
        let names = elders::names(node, &[elder].into()).remove(&elder).unwrap_or_default();
        let Ok((opened, _)) = views::open(node, document) else { return };
        let (doc, authors) = opened.parts();
        for (id, standing) in consent::view(doc.document(), authors).consents {
            let given = standing.consent;
            let named = |text: &&str| {
                let mut names = names.iter();
                names.any(|name| !name.is_empty() && text.contains(name.as_str()))
            };
            let text = given.necessity.as_ref().map(linli_model::private::Private::as_str);
            let necessity = text.filter(|text| !named(text)).map(str::to_owned);
            self.explained.insert(id, Explained { keep_days: given.keep_days, necessity });
        }
    }

    fn answer(&mut self, node: &Node) -> DatamapAnswer {
        let (mut counts, mut left_out) = (BTreeMap::<Key, Count>::new(), 0);
        let spaces = self.seen.len();
        for (space, kind, about, told) in std::mem::take(&mut self.seen) {
            for told in told {
                let Some((key, explained)) = self.key(node, kind, &told) else { continue };
                if counts.len() >= ROWS_MAX && !counts.contains_key(&key) {
                    left_out += 1;
                    continue;
                }
                let count = counts.entry(key).or_default();
                count.add(space, &about, &told, explained);
            }
        }
        let parties: BTreeSet<PartyId> = counts.keys().map(|key| key.0).collect();
        let me = node.core.node();
        DatamapAnswer {
            at_ms: now().0,
            node: node_ref(node, me),
            spaces: u64::try_from(spaces).unwrap_or(u64::MAX),
            elders: u64::try_from(self.elders.len()).unwrap_or(u64::MAX),
            rows: counts.into_iter().map(|(key, count)| row(node, key, count)).collect(),
            left_out,
            holders: parties.into_iter().map(|party| holder(node, party)).collect(),
            carriers: carriers(node, &self.carried),
        }
    }

    /// Where a grant belongs, and what was explained of it; none for what is not asked for.
    fn key(&self, node: &Node, kind: &'static str, told: &Told) -> Option<(Key, Explained)> {
        let state = state_of(node, told);
        // Who carries holds nothing that it can open.
        if (state != "standing" && !self.all) || told.grant.right == Right::Carry {
            return None;
        }
        let consent: Option<FactId> = told.grant.consent.as_ref().and_then(|id| id.parse().ok());
        let explained = consent.and_then(|id| self.explained.get(&id)).cloned().unwrap_or_default();
        let ground = ground(node, kind, told);
        let purpose = told.grant.purpose.clone();
        let key = (told.party, state, kind, told.right, purpose, ground, explained.keep_days);
        Some((key, explained))
    }
}

impl Count {
    fn add(&mut self, space: SpaceTag, about: &BTreeSet<Uuid>, told: &Told, of: Explained) {
        self.elders.extend(about);
        self.spaces.insert(space);
        self.since = Some(self.since.map_or(told.since, |since| since.min(told.since)));
        let ends = told.grant.ends;
        self.until = Some(match self.until {
            None => ends,
            Some(until) => until.zip(ends).map(|(until, ends)| until.max(ends)),
        });
        if self.necessity.len() < NECESSITY_MAX {
            self.necessity.extend(of.necessity);
        }
    }
}

/// On which ground a party holds what a grant gives it.
fn ground(node: &Node, kind: &str, told: &Told) -> &'static str {
    if told.grant.consent.is_some() {
        return "consent";
    }
    match node.replica.directory().party(&told.party).map(|party| party.kind) {
        Some(PartyKind::Household | PartyKind::Family) => "household",
        Some(PartyKind::Centre | PartyKind::Station) => "care",
        Some(PartyKind::Provider) if kind == spaces::ORDER => "order",
        Some(
            PartyKind::Provider | PartyKind::Regulator | PartyKind::Evaluator | PartyKind::Carrier,
        )
        | None => "none",
    }
}

fn row(node: &Node, key: Key, count: Count) -> DatamapRow {
    let (party, state, category, right, purpose, ground, keep_days) = key;
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    DatamapRow {
        party: spaces::party_ref(node, party),
        state: state.to_owned(),
        category: category.to_owned(),
        right: right.to_owned(),
        purpose,
        ground: ground.to_owned(),
        elders: number(count.elders.len()),
        spaces: number(count.spaces.len()),
        since_ms: count.since.unwrap_or_default().0,
        until_ms: count.until.flatten().map(|until| until.0),
        keep_days,
        necessity: count.necessity.into_iter().collect(),
    }
}

fn holder(node: &Node, party: PartyId) -> DatamapHolder {
    let nodes = node.replica.directory().nodes_of(party, now());
    let nodes = nodes.filter(|(_, member)| member.kind != PartyKind::Carrier);
    let nodes = nodes.map(|(id, _)| node_ref(node, *id)).collect();
    DatamapHolder { party: spaces::party_ref(node, party), nodes }
}

fn carriers(node: &Node, carried: &BTreeMap<NodeId, u64>) -> Vec<DatamapCarrier> {
    let directory = node.replica.directory();
    let carriers = directory.nodes().filter(|(_, member)| member.carrier && !member.expelled);
    let row = |(id, _): (&NodeId, _)| DatamapCarrier {
        node: node_ref(node, *id),
        documents: carried.get(id).copied().unwrap_or(0),
    };
    carriers.map(row).collect()
}

fn node_ref(node: &Node, id: NodeId) -> NodeRef {
    let member = node.replica.directory().node(&id);
    NodeRef {
        node: id.to_string(),
        label: member.map(|member| member.label.clone()).unwrap_or_default(),
        party: member.map(|member| spaces::party_ref(node, member.party)).unwrap_or_default(),
    }
}
