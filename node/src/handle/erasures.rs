//! Ordering erasures, and who has confirmed them.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::engine::CoreError;
use linli_replica::batch::{Record, Shelf};
use linli_replica::erasure::{self, Order};
use linli_replica::id::{NodeId, OrderId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Save};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Outcome, cards, elders, invalid, not_found, now_known, spaces};
use crate::api::erasure::{
    ErasedSpace, ErasureAnswer, ErasureDetails, ErasureList, ErasureNode, ErasureOrder, ErasureRow,
    KeptElsewhere,
};
use crate::api::officers::DeskItem;
use crate::api::{ApiError, Code, Detail};
use crate::node::{Node, now, world};

/// What the names of the records of orders that were given here begin with, on the own shelf.
const PREFIX: &[u8] = b"erasure/";

/// Characters a reason may have.
const REASON_CHARS_MAX: usize = 500;

/// What the node that gives an order keeps of it: without it nobody would know who must confirm.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Given {
    elder: String,
    kind: String,
    reason: String,
    by: String,
    nodes: BTreeSet<String>,
}

/// A space to be erased.
struct Target {
    kind: &'static str,
    space: SpaceTag,
    nodes: BTreeSet<NodeId>,
    body: Vec<u8>,
}

pub(crate) fn order(node: &mut Node, request: ErasureOrder) -> Outcome<ErasureAnswer> {
    let elder = elders::find(node, &request.elder)?;
    let kinds = kinds(&request.scope)?;
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(invalid("error-erasure-reason").with("max", REASON_CHARS_MAX));
    }
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let Some(person) = person else {
        return Err(invalid("error-erasure-person"));
    };
    let by = hex::encode(*person.certificate.person().key);
    let (targets, elsewhere) = targets(node, elder, &kinds)?;
    if targets.is_empty() {
        return Err(nothing_to_order(&elsewhere));
    }
    let mut answer = ErasureAnswer { elder: elder.to_string(), spaces: Vec::new(), elsewhere };
    let mut saves = BTreeSet::new();
    for target in targets {
        let documents = node.replica.index().documents(&target.space).count();
        let mut row = ErasedSpace {
            kind: target.kind.to_owned(),
            order: None,
            documents: u64::try_from(documents).unwrap_or(u64::MAX),
            nodes: u64::try_from(target.nodes.len()).unwrap_or(u64::MAX),
        };
        if !request.dry_run {
            let given = Given {
                elder: elder.to_string(),
                kind: target.kind.to_owned(),
                reason: reason.to_owned(),
                by: by.clone(),
                nodes: target.nodes.iter().map(ToString::to_string).collect(),
            };
            let (order, save) = publish(node, target.body, &given)?;
            row.order = Some(order.to_string());
            saves.insert(save);
        }
        answer.spaces.push(row);
    }
    Ok((answer, saves))
}

fn kinds(scope: &str) -> Result<Vec<&'static str>, ApiError> {
    let all = [spaces::CARE, spaces::HEALTH, spaces::EMERGENCY];
    let kinds: Vec<_> = all.into_iter().filter(|kind| scope == "all" || scope == *kind).collect();
    if kinds.is_empty() {
        return Err(invalid("error-scope-or-all"));
    }
    Ok(kinds)
}

/// Finds the spaces of an elder, and signs the orders where this node keeps their key.
fn targets(
    node: &mut Node,
    elder: Uuid,
    kinds: &[&'static str],
) -> Result<(Vec<Target>, Vec<KeptElsewhere>), ApiError> {
    let tags: BTreeSet<SpaceTag> =
        node.catalogue.of_elder(elder).map(|(_, row)| row.space).collect();
    let (mut targets, mut elsewhere) = (Vec::new(), Vec::new());
    for space in tags {
        let world = world(&node.replica, &node.store);
        let of = node.core.space(world, space)?.kind().to_owned();
        let Some(kind) = kinds.iter().copied().find(|kind| *kind == of) else { continue };
        let members = node.core.ever_members(world, space)?;
        match node.core.order_erasure(world, space, None) {
            Ok(body) => {
                // Whoever carries may hold it, too, and whoever read the card in an alert.
                let nodes = world.directory.nodes();
                let nodes = nodes.filter(|(_, n)| n.carrier || members.contains(&n.party));
                let mut nodes: BTreeSet<NodeId> = nodes.map(|(id, _)| *id).collect();
                // Nor is a node that officers opened it to a member.
                let recovered = node.core.recoveries(world, space)?;
                nodes.extend(recovered.iter().map(|record| record.statement().node));
                if kind == spaces::EMERGENCY {
                    nodes.extend(cards::read_at(node, elder));
                }
                targets.push(Target { kind, space, nodes, body });
            }
            Err(CoreError::NoCarrierKey(began)) => {
                let label = world.directory.node(&began).map(|node| node.label.clone());
                let (node, label) = (began.to_string(), label.unwrap_or_default());
                elsewhere.push(KeptElsewhere { kind: kind.to_owned(), node, label });
            }
            Err(CoreError::Forbidden(_)) => {
                let began = node.core.space(world, space)?.began_by();
                let label = began.and_then(|began| world.directory.node(&began));
                elsewhere.push(KeptElsewhere {
                    kind: kind.to_owned(),
                    node: began.map(|began| began.to_string()).unwrap_or_default(),
                    label: label.map(|node| node.label.clone()).unwrap_or_default(),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((targets, elsewhere))
}

fn nothing_to_order(elsewhere: &[KeptElsewhere]) -> ApiError {
    if elsewhere.is_empty() {
        return not_found("error-nothing-of-kind");
    }
    let at: Vec<String> =
        elsewhere.iter().map(|kept| format!("{}: {}", kept.kind, kept.label)).collect();
    ApiError::new(Code::Forbidden, "error-erasure-elsewhere").with("at", at.join(", "))
}

fn publish(node: &mut Node, body: Vec<u8>, given: &Given) -> Result<(OrderId, Save), ApiError> {
    let community = node.replica.directory().community();
    let order = Order::decode(&body, community).map_err(ApiError::internal)?.id();
    let value = serde_json::to_vec(given).map_err(ApiError::internal)?;
    let key = [PREFIX, order.as_bytes()].concat();
    let record = Record { shelf: Shelf::Own, key, value: Some(value) };
    let notice = erasure::publish(body, community, now(), node.core.signing_key());
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates: vec![notice],
        records: vec![record],
        urgent: false,
    });
    Ok((order, node.replica.last_save()))
}

pub(crate) fn list(node: &mut Node, _: ErasureList) -> Outcome<Vec<ErasureRow>> {
    let mut orders: Vec<(Timestamp, Order)> =
        node.replica.erasures().orders().map(|order| (order.at(), order.clone())).collect();
    orders.sort_by_key(|(at, order)| (*at, order.id()));
    let rows = orders.into_iter().map(|(_, order)| row(node, &order));
    now_known(rows.collect::<Result<_, ApiError>>()?)
}

/// Orders that were given here and that nodes have yet to confirm. One that was put out is not waited
/// for: it may never learn of the order, and stands in the list of orders for good.
pub(crate) fn waiting(node: &mut Node) -> Vec<DeskItem> {
    let rows = match list(node, ErasureList {}) {
        Ok((rows, _)) => rows,
        Err(error) => {
            tracing::error!(%error, "the orders to erase cannot be listed");
            return Vec::new();
        }
    };
    let item = |row: ErasureRow| {
        let missing = row.unconfirmed.unwrap_or_default();
        let waited = missing.iter().filter(|node| !node.expelled).count();
        let all = missing.len() + row.confirmed.len();
        let arguments = [
            ("since_ms", row.at_ms.to_string()),
            ("waiting", waited.to_string()),
            ("nodes", all.to_string()),
        ];
        let detail = Detail::new("inbox-erasure", &arguments);
        let section = "erasure".to_owned();
        (waited > 0).then_some(DeskItem { section, id: row.order, due_ms: None, detail })
    };
    rows.into_iter().filter_map(item).collect()
}

fn row(node: &Node, order: &Order) -> Result<ErasureRow, ApiError> {
    let key = [PREFIX, order.id().as_bytes()].concat();
    let stored = node.store.record(Shelf::Own, &key);
    let stored = stored.map_err(ApiError::internal)?;
    let given = stored.and_then(|value| serde_json::from_slice::<Given>(&value).ok());
    let by: BTreeMap<NodeId, Timestamp> = node.replica.erasures().confirmed(&order.id()).collect();
    let unconfirmed = given.as_ref().map(|given| {
        let ids = given.nodes.iter().filter_map(|id| id.parse().ok());
        let missing = ids.filter(|id| !by.contains_key(id));
        missing.map(|id| standing(node, id, None)).collect()
    });
    let erase = order.erase();
    let count = |documents: &BTreeSet<_>| u64::try_from(documents.len()).unwrap_or(u64::MAX);
    Ok(ErasureRow {
        order: order.id().to_string(),
        at_ms: order.at().0,
        space: erase.space.to_string(),
        documents: erase.documents.as_ref().map(count),
        details: given.map(|given| {
            let Given { elder, kind, reason, by, .. } = given;
            ErasureDetails { elder, kind, reason, by }
        }),
        done_here: node.replica.has_erased(&order.id()),
        confirmed: by.iter().map(|(id, at)| standing(node, *id, Some(*at))).collect(),
        unconfirmed,
    })
}

fn standing(node: &Node, id: NodeId, confirmed: Option<Timestamp>) -> ErasureNode {
    let directory = node.replica.directory();
    let member = directory.node(&id);
    let party = member.and_then(|member| directory.party(&member.party));
    let seen = node.peers.get(&id);
    let here = seen.filter(|peer| peer.connected).map(|_| now().0);
    ErasureNode {
        node: id.to_string(),
        label: member.map(|member| member.label.clone()).unwrap_or_default(),
        party_name: party.and_then(|party| party.name.clone()),
        confirmed_ms: confirmed.map(|at| at.0),
        last_seen_ms: here.or_else(|| seen.and_then(|peer| peer.last_seen_ms)),
        expelled: member.is_none_or(|member| member.expelled),
    }
}
