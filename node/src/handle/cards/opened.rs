//! What a node does about cards by itself: a hub answers alerts, and reads and closes follow from the alerts' facts.

use std::collections::BTreeMap;

use linli_core::authority::Owner;
use linli_core::opening::Opening;
use linli_model::alert::{AlertFact, AlertView, CardKey};
use linli_model::card::SheetId;
use linli_model::document::DocumentName;
use linli_replica::batch::Erase;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use linli_replica::replica::Input;
use uuid::Uuid;

use super::{answers_for, facts, keeps, key, match_family, position, seen, spaces, write_whole};
use crate::catalogue::{Name, Row};
use crate::handle::alerts;
use crate::node::{Node, now, world};

/// The keys of one alert that are looked at, the latest first: each time another alert about the
/// elder is closed there is one more.
const KEYS_MAX: usize = 16;

/// Takes in what an alert says of the card.
pub(crate) fn noted(node: &mut Node, document: DocTag, view: &AlertView, keys: &[CardKey]) {
    let Some(elder) = alerts::elder(view) else { return };
    let mut seen = seen(node, document, elder, view);
    let open = seen.open;
    if let Some(former) = node.cards.alerts.remove(&document) {
        (seen.opened, seen.told) = (former.opened, former.told);
    }
    node.cards.untidy |= !open;
    node.cards.alerts.insert(document, seen);
    write_whole(node, elder);
    if open && spaces::own_kind(node).is_ok_and(|kind| !keeps(kind)) {
        take_up(node, document, keys);
    }
}

/// Opens what the keys of an alert open.
fn take_up(node: &mut Node, document: DocTag, keys: &[CardKey]) {
    for key in keys.iter().take(KEYS_MAX) {
        let seen = node.cards.alerts.get(&document);
        if seen.is_some_and(|seen| seen.opened.contains_key(&key.epoch)) {
            continue;
        }
        let Some(opening) = opening(node, key) else {
            tracing::warn!("what an alert brings opens no card");
            continue;
        };
        let world = world(&node.replica, &node.store);
        match node.core.open_with(world, &mut node.rng, &opening) {
            Ok(arrival) => {
                for input in node.arrived(arrival) {
                    node.feed(input);
                }
                if let Some(seen) = node.cards.alerts.get_mut(&document) {
                    seen.opened.insert(key.epoch, opening.space());
                }
            }
            Err(error) => tracing::error!(%error, "a card could not be opened"),
        }
    }
}

/// Reads a key; none unless it opens a card. Whether the alert's household keeps it is for the certificates
/// to say that come with it, since a card may have been handed over: it is asked when the card is read.
fn opening(node: &Node, key: &CardKey) -> Option<Opening> {
    let world = world(&node.replica, &node.store);
    let opening = Opening::decode(&hex::decode(key.opening.as_str()).ok()?).ok()?;
    let genesis = opening.genesis()?;
    let fits = genesis.kind == spaces::EMERGENCY
        && genesis.community == world.directory.community()
        && SheetId(opening.epoch().0) == key.epoch;
    fits.then_some(opening)
}

/// What is due each second: a hub answers alerts that wait for the card, and what no open alert
/// opens any more is forgotten.
pub(crate) fn tick(node: &mut Node) {
    if spaces::own_kind(node).is_ok_and(keeps) {
        own(node);
        answer(node);
    } else if node.cards.untidy && !node.catalogue.has_stale() {
        node.cards.untidy = false;
        forget(node);
    }
}

/// How often a household or family looks for cards that became its own.
const LOOK_MS: u64 = 5_000;

/// Looks whose the cards are that this party has a right in. Where that has changed, makes the place for
/// alerts about an elder whose card became this party's, and matches who of the family hears of them.
fn own(node: &mut Node) {
    let at = now();
    if at.since_ms(node.cards.looked_at) < LOOK_MS {
        return;
    }
    node.cards.looked_at = at;
    let mut known = BTreeMap::new();
    for tag in node.core.spaces().collect::<Vec<_>>() {
        let at = world(&node.replica, &node.store);
        let Ok(outline) = node.core.outline(at, tag) else { continue };
        if let (spaces::EMERGENCY, Some((owner, _))) = (outline.kind.as_str(), outline.owner) {
            known.insert(tag, (owner, outline.members));
        }
    }
    if known == node.cards.known {
        return;
    }
    let own = Owner::Party(node.core.party());
    let owned = |(tag, (owner, _)): (&SpaceTag, &(Owner, _))| (*owner == own).then_some(*tag);
    let owned: Vec<SpaceTag> = known.iter().filter_map(owned).collect();
    node.cards.known = known;
    if !owned.is_empty()
        && let Err(error) = alerts::space(node)
    {
        tracing::warn!(%error, "there is no place for alerts about an elder yet");
    }
    match_family(node);
    let of = |(_, row): (&DocTag, &Row)| {
        let Name::Elder(elder, DocumentName::EmergencyCard) = row.name else { return None };
        owned.contains(&row.space).then_some(elder)
    };
    let elders: Vec<Uuid> = node.catalogue.rows().filter_map(of).collect();
    elders.into_iter().for_each(|elder| write_whole(node, elder));
}

fn answer(node: &mut Node) {
    let at = now().0;
    let due = node.cards.alerts.iter().filter(|(_, seen)| seen.open);
    let due: Vec<_> = due
        .filter(|(_, seen)| seen.answer_at_ms.is_some_and(|answer_at| answer_at <= at))
        .filter_map(|(document, seen)| Some((*document, seen.elder, seen.round?)))
        .collect();
    for (document, elder, raise) in due {
        if !answers_for(node, elder) {
            continue;
        }
        position::tell(node, document, elder, raise);
        let space = node.catalogue.get(&document).map(|row| row.space);
        let Some(card) = space.and_then(|space| key(node, elder, space)) else { continue };
        let epoch = card.epoch;
        let Some(seen) = node.cards.alerts.get_mut(&document) else { continue };
        let known = seen.card.given.iter().any(|given| given.epoch == epoch);
        if known || !seen.sent.insert(epoch) {
            continue;
        }
        let fact = AlertFact::CardGiven { raise, card: Some(card) };
        if let Err(error) = facts::add(node, document, Urgency::Urgent, None, fact) {
            tracing::warn!(%error, "the card could not be opened to an alert");
        }
    }
}

/// Forgets cards that were opened to this node and that no open alert opens.
fn forget(node: &mut Node) {
    let own = node.core.party();
    let open = node.cards.alerts.values().filter(|seen| seen.open);
    let open: Vec<SpaceTag> = open.flat_map(|seen| seen.opened.values().copied()).collect();
    for tag in node.core.spaces().collect::<Vec<_>>() {
        let at = world(&node.replica, &node.store);
        let opened = node.core.outline(at, tag).is_ok_and(|outline| {
            outline.kind == spaces::EMERGENCY && !outline.members.contains(&own)
        });
        if !opened || open.contains(&tag) {
            continue;
        }
        if let Ok(Some(mut authored)) = node.core.forget(at, tag) {
            authored.records.extend(node.catalogue.erase(&Erase { space: tag, documents: None }));
            node.author(authored);
            node.feed(Input::Forget(tag));
            for seen in node.cards.alerts.values_mut() {
                seen.opened.retain(|_, space| *space != tag);
            }
        }
    }
}
