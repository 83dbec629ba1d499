//! Which records are one person: what matching finds, and what clerks decided.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::Right;
use linli_model::author::NodeId;
use linli_model::codes::Sex;
use linli_model::document::DocumentName;
use linli_model::event::{Fact, Facts};
use linli_model::joins::{self, JoinFact, JoinsView, RecordRef};
use linli_model::matching::{Identity, matches};
use linli_model::national_id::NationalId;
use linli_model::private::Private;
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use uuid::Uuid;

use super::{Outcome, facts, not_found, now_known, spaces};
use crate::api::Done;
use crate::api::care::{JoinAnswer, JoinDecide, JoinList};
use crate::catalogue::{ElderSummary, Name};
use crate::node::{Node, world};
use crate::views;

/// Records are named by their elder's id.
const SOURCE: &str = "elder";

fn record(elder: Uuid) -> RecordRef {
    RecordRef { source: SOURCE.to_owned(), record: elder.to_string() }
}

fn identity(elder: Uuid, summary: &ElderSummary) -> Option<Identity> {
    Some(Identity {
        record: record(elder),
        name: Private::new(summary.names.first()?.clone()),
        sex: summary.sex.as_deref().and_then(Sex::of_code).filter(|sex| sex.is_known()),
        birth_date: summary.birth_date.as_deref().and_then(|d| linli_model::dates::parse(d).ok()),
        national_id: summary.national_id.as_deref().and_then(|id| NationalId::parse(id).ok()),
    })
}

/// Folds what matching proposes here together with what clerks wrote down. Proposals are computed
/// anew each time and stored nowhere: they are a function of the profiles this node may read.
pub(crate) fn view(node: &mut Node) -> JoinsView {
    super::elders::refresh(node);
    let identities: Vec<Identity> = node
        .catalogue
        .elders()
        .filter_map(|(elder, _, summary)| identity(elder, summary))
        .collect();
    let mut all = Facts::<JoinFact>::empty();
    let world = world(&node.replica, &node.store);
    if let Some(author) = node.core.own_author(world, None) {
        for found in matches(&identities) {
            let fact = Fact {
                at: Timestamp(0),
                node: NodeId([0; 32]),
                person: None,
                after: Vec::new(),
                body: found.proposal(),
            };
            if let Ok((id, _)) = fact.text() {
                all.known.push(linli_model::event::Known { id, fact, author: author.clone() });
            }
        }
    }
    let documents: Vec<_> = node
        .catalogue
        .rows()
        .filter(|(_, row)| row.name == Name::Plain(DocumentName::Joins))
        .map(|(document, _)| *document)
        .collect();
    for document in documents {
        if let Ok((opened, _)) = views::open(node, document) {
            let (doc, authors) = opened.parts();
            all.known.extend(joins::facts(doc.document(), authors).known);
        }
    }
    joins::fold(&all)
}

/// Lists for each joined elder the other records of the same person.
pub(crate) fn groups(node: &mut Node) -> BTreeMap<Uuid, Vec<String>> {
    let mut groups = BTreeMap::new();
    for cluster in view(node).clusters {
        for one in &cluster {
            let others = cluster.iter().filter(|r| *r != one).map(|r| r.record.clone()).collect();
            if let Ok(elder) = one.record.parse() {
                groups.insert(elder, others);
            }
        }
    }
    groups
}

pub(crate) fn list(node: &mut Node, _: JoinList) -> Outcome<JoinAnswer> {
    let view = view(node);
    let joined = view
        .clusters
        .iter()
        .map(|cluster| cluster.iter().map(|r| r.record.clone()).collect())
        .collect();
    let waiting = view
        .open
        .iter()
        .map(|open| {
            let [a, b] = open.pair.records();
            let reasons: BTreeSet<String> =
                open.doubts.iter().map(|doubt| format!("{doubt:?}").to_lowercase()).collect();
            (a.record.clone(), b.record.clone(), reasons.into_iter().collect())
        })
        .collect();
    now_known(JoinAnswer { joined, waiting })
}

pub(crate) fn decide(node: &mut Node, request: JoinDecide) -> Outcome<Done> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = |text: &str| text.parse::<Uuid>().map_err(|_| not_found("error-elder-id"));
    let (a, b) = (record(elder(&request.left)?), record(elder(&request.right)?));
    let space = match spaces::own(node, spaces::REGISTRY) {
        Some(space) => space,
        None => {
            let kinds = [PartyKind::Centre, PartyKind::Station];
            let grants = spaces::grants_to(node, &kinds, Right::Write, spaces::REGISTRY);
            super::elders::begin_other(node, spaces::REGISTRY, grants)?
        }
    };
    let name = Name::Plain(DocumentName::Joins);
    let fact = JoinFact::Decided { a, b, same: request.same, note: None };
    let (_, tickets) = facts::add_to(node, space, &name, Urgency::Normal, person.as_ref(), fact)?;
    Ok((Done {}, tickets))
}
