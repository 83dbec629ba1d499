//! Which records are one person (document `joins`).
//!
//! A join is a fact that links two records; nothing is copied, and every decision can be undone. What is certain is
//! joined by itself; for the rest a clerk is asked. A clerk's "no" is never overruled by an automatic join, not even by
//! way of third records.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};

use crate::author::{Authors, PartyKind, Role};
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::matching::Doubt;
use crate::private::Private;

/// A record: where it was taken in, and its number there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordRef {
    /// The register or node the record came from.
    pub source: String,
    /// Its number there.
    pub record: String,
}

/// Two different records, the lower first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair(RecordRef, RecordRef);

impl Pair {
    /// The pair, or `None` for a record with itself.
    pub fn new(a: RecordRef, b: RecordRef) -> Option<Self> {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => Some(Self(a, b)),
            std::cmp::Ordering::Greater => Some(Self(b, a)),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Both records.
    pub fn records(&self) -> [&RecordRef; 2] {
        [&self.0, &self.1]
    }
}

/// A fact about records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum JoinFact {
    /// A node proposes that two records are one person; `doubts` is empty where it is certain, which joins them.
    Proposed {
        /// A record.
        a: RecordRef,
        /// The other.
        b: RecordRef,
        /// From 0 to 100.
        score: u8,
        /// What speaks against it.
        doubts: Vec<Doubt>,
    },
    /// A clerk decides.
    Decided {
        /// A record.
        a: RecordRef,
        /// The other.
        b: RecordRef,
        /// They are one person.
        same: bool,
        /// Why.
        note: Option<Private>,
    },
    /// A clerk takes a proposal or a decision back.
    Undone {
        /// The proposal or decision.
        fact: FactId,
    },
}

impl Body for JoinFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Proposed { .. } | Self::Decided { .. } => Vec::new(),
            Self::Undone { fact } => vec![*fact],
        }
    }
}

/// Why a pair waits for a clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something speaks against it.
    Doubt,
    /// Clerks decided differently without knowing of one another.
    ClerksDisagree,
    /// Joining would link two records that a clerk said are two people.
    AgainstRefusal,
}

/// A pair that waits for a clerk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The records.
    pub pair: Pair,
    /// Why a clerk is asked.
    pub why: Why,
    /// The highest score proposed, from 0 to 100.
    pub score: u8,
    /// What speaks against it, of all proposals.
    pub doubts: Vec<Doubt>,
}

/// The canonical view of the joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JoinsView {
    /// The document's schema.
    pub schema: Schema,
    /// The records that are one person, in groups of two and more.
    pub clusters: Vec<BTreeSet<RecordRef>>,
    /// The pairs that wait for a clerk.
    pub open: Vec<Open>,
    /// The pairs a clerk said are two people.
    pub refused_pairs: BTreeSet<Pair>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<JoinFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// What is known of a pair.
#[derive(Default)]
struct State {
    proposals: BTreeMap<FactId, (u8, Vec<Doubt>)>,
    decisions: BTreeMap<FactId, bool>,
}

impl State {
    fn clerk(&self) -> Option<Result<bool, ()>> {
        let words: BTreeSet<bool> = self.decisions.values().copied().collect();
        let mut words = words.into_iter();
        match (words.next(), words.next()) {
            (None, _) => None,
            (Some(word), None) => Some(Ok(word)),
            (Some(_), Some(_)) => Some(Err(())),
        }
    }

    fn is_certain(&self) -> bool {
        !self.proposals.is_empty() && self.proposals.values().all(|(_, doubts)| doubts.is_empty())
    }

    fn open(&self, pair: &Pair, why: Why) -> Open {
        let score = self.proposals.values().map(|(score, _)| *score).max().unwrap_or(0);
        let doubts: BTreeSet<Doubt> =
            self.proposals.values().flat_map(|(_, doubts)| doubts.iter().copied()).collect();
        Open { pair: pair.clone(), why, score, doubts: doubts.into_iter().collect() }
    }
}

/// Reads the facts of a joins document, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<JoinFact> {
    Facts::read(doc, authors)
}

/// Reads the joins.
pub fn view(doc: &Automerge, authors: &impl Authors) -> JoinsView {
    fold(&facts(doc, authors))
}

/// Folds facts that were read before.
pub fn fold(facts: &Facts<JoinFact>) -> JoinsView {
    let mut pairs: BTreeMap<Pair, State> = BTreeMap::new();
    let mut of_fact: BTreeMap<FactId, Pair> = BTreeMap::new();
    let mut replaced: BTreeMap<FactId, FactId> = BTreeMap::new();
    let mut timeline = Vec::new();
    for known in &facts.known {
        let verdict = apply(facts, &mut pairs, &mut of_fact, &mut replaced, known);
        timeline.push(Entry::new(known, verdict));
    }
    for entry in &mut timeline {
        if let Some(by) = replaced.get(&entry.id) {
            entry.not_standing.get_or_insert(Reason::Replaced { by: *by });
        }
    }
    let (clusters, open, refused_pairs) = group(&pairs);
    JoinsView {
        schema: facts.schema,
        clusters,
        open,
        refused_pairs,
        timeline,
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    }
}

fn apply(
    facts: &Facts<JoinFact>,
    pairs: &mut BTreeMap<Pair, State>,
    of_fact: &mut BTreeMap<FactId, Pair>,
    replaced: &mut BTreeMap<FactId, FactId>,
    known: &Known<JoinFact>,
) -> Result<(), Reason> {
    if !matches!(known.author.kind, PartyKind::Centre | PartyKind::Station) {
        return Err(Reason::PartyMayNot);
    }
    match &known.fact.body {
        JoinFact::Proposed { a, b, score, doubts } => {
            let pair = Pair::new(a.clone(), b.clone()).ok_or(Reason::SameRecord)?;
            if *score > 100 {
                return Err(Reason::OutOfRange);
            }
            let state = pairs.entry(pair.clone()).or_default();
            state.proposals.insert(known.id, (*score, doubts.clone()));
            of_fact.insert(known.id, pair);
        }
        JoinFact::Decided { a, b, same, .. } => {
            is_clerk(known)?;
            let pair = Pair::new(a.clone(), b.clone()).ok_or(Reason::SameRecord)?;
            let state = pairs.entry(pair.clone()).or_default();
            let seen: Vec<FactId> = state
                .decisions
                .keys()
                .filter(|earlier| facts.had_seen(known.id, **earlier))
                .copied()
                .collect();
            for earlier in seen {
                state.decisions.remove(&earlier);
                replaced.insert(earlier, known.id);
            }
            state.decisions.insert(known.id, *same);
            of_fact.insert(known.id, pair);
        }
        JoinFact::Undone { fact } => {
            is_clerk(known)?;
            let pair = of_fact.get(fact).ok_or(Reason::WrongReference)?;
            let state = pairs.entry(pair.clone()).or_default();
            let was =
                state.decisions.remove(fact).is_some() || state.proposals.remove(fact).is_some();
            if !was {
                return Err(Reason::AlreadyDone);
            }
            replaced.insert(*fact, known.id);
        }
    }
    Ok(())
}

fn is_clerk(known: &Known<JoinFact>) -> Result<(), Reason> {
    let person = known.author.person.as_ref().ok_or(Reason::PersonNeeded)?;
    if matches!(person.role, Role::Clerk | Role::Operator | Role::SocialWorker | Role::Steward) {
        Ok(())
    } else {
        Err(Reason::RoleMayNot)
    }
}

/// Groups the records, holding back every automatic join of a group in which a refused pair would come together.
fn group(pairs: &BTreeMap<Pair, State>) -> (Vec<BTreeSet<RecordRef>>, Vec<Open>, BTreeSet<Pair>) {
    let mut by_clerk = Vec::new();
    let mut automatic = Vec::new();
    let mut refused = BTreeSet::new();
    let mut open = Vec::new();
    for (pair, state) in pairs {
        match state.clerk() {
            Some(Ok(true)) => by_clerk.push(pair),
            Some(Ok(false)) => {
                refused.insert(pair.clone());
            }
            Some(Err(())) => open.push(state.open(pair, Why::ClerksDisagree)),
            None if state.is_certain() => automatic.push(pair),
            None if state.proposals.is_empty() => {}
            None => open.push(state.open(pair, Why::Doubt)),
        }
    }
    // A disputed pair is not joined automatically by way of others either.
    let apart: BTreeSet<&Pair> = refused.iter().chain(open.iter().filter_map(disputed)).collect();
    let all: Vec<&Pair> = by_clerk.iter().chain(&automatic).copied().collect();
    let groups = components(&all);
    let clashes: BTreeSet<usize> = apart
        .iter()
        .filter_map(|pair| {
            let [a, b] = pair.records();
            let group = groups.get(a)?;
            (groups.get(b) == Some(group)).then_some(*group)
        })
        .collect();
    let mut kept = by_clerk;
    let mut held = Vec::new();
    for pair in automatic {
        let group = groups.get(&pair.0);
        if group.is_some_and(|g| clashes.contains(g)) {
            held.extend(pairs.get(pair).map(|state| state.open(pair, Why::AgainstRefusal)));
        } else {
            kept.push(pair);
        }
    }
    open.extend(held);
    open.sort_by(|a, b| a.pair.cmp(&b.pair));
    let mut clusters: BTreeMap<usize, BTreeSet<RecordRef>> = BTreeMap::new();
    for (record, group) in components(&kept) {
        clusters.entry(group).or_default().insert(record.clone());
    }
    let mut clusters: Vec<_> = clusters.into_values().collect();
    clusters.sort();
    (clusters, open, refused)
}

fn disputed(open: &Open) -> Option<&Pair> {
    (open.why == Why::ClerksDisagree).then_some(&open.pair)
}

/// The connected groups of records: a number for each record.
fn components<'a>(pairs: &[&'a Pair]) -> BTreeMap<&'a RecordRef, usize> {
    let mut near: BTreeMap<&RecordRef, Vec<&RecordRef>> = BTreeMap::new();
    for pair in pairs {
        near.entry(&pair.0).or_default().push(&pair.1);
        near.entry(&pair.1).or_default().push(&pair.0);
    }
    let mut groups = BTreeMap::new();
    for (number, start) in near.keys().enumerate() {
        let mut path = vec![*start];
        while let Some(record) = path.pop() {
            if !groups.contains_key(record) {
                groups.insert(record, number);
                path.extend(near.get(record).into_iter().flatten());
            }
        }
    }
    groups
}
