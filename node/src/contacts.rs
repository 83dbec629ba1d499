//! Contact with elders who live alone: the last one this node knows of, and an alert where the next is overdue.
//!
//! Contacts are looked up where they stand anyway: in what was written down, in orders and in alerts. What is kept here
//! is made from those, at a start as well, so nothing is written for it and nothing can be out of step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_model::alert::{AlertFact, AlertKind, AlertView, CauseId, Outcome, alert_id};
use linli_model::contact::{self, Contact, Due, State};
use linli_model::event::FactId;
use linli_model::order::OrderView;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use uuid::Uuid;

use crate::handle::{alerts, facts, spaces};
use crate::node::{Node, now};
use crate::views;

/// How often it is looked at who is to be asked.
const LOOK: Duration = Duration::from_secs(30);

/// After a start others tell first what they know of contacts.
const STARTED: Duration = Duration::from_secs(60);

/// After the clock was set, others show first whether it is right.
const SET: Duration = Duration::from_secs(600);

/// A wall clock that is so far from where it should be was set, in milliseconds.
const SET_MS: u64 = contact::SKEW_MS;

/// Alerts that are open at once, those first whom nobody asked for longest: a whole register that falls due in one night
/// hides no alarm. `elder due` lists all.
const OPEN_MAX: usize = 16;

/// Contacts that are kept of an elder: the latest counts, and the next where that is taken back.
const KEPT: usize = 8;

/// What is known of contacts.
#[derive(Debug)]
pub(crate) struct Contacts {
    usual: Option<u16>,
    elders: BTreeMap<Uuid, Known>,
    /// Something was learned of contacts that may end an alert.
    has_news: bool,
    /// The alerts that were looked for, so that each is raised once.
    raised: BTreeMap<Uuid, CauseId>,
    looked: Instant,
    /// No alert is raised before.
    waits: (Instant, Duration),
    /// A moment, by the clock that is never set and by the wall clock.
    clocks: (Instant, u64),
}

/// The contacts with one elder.
#[derive(Debug, Default)]
struct Known {
    /// The latest, with the document each stands in.
    latest: BTreeSet<(Contact, DocTag)>,
    taken_back: BTreeSet<FactId>,
}

impl Contacts {
    pub(crate) fn new(usual: Option<u16>) -> Self {
        let began = Instant::now();
        Self {
            usual,
            elders: BTreeMap::new(),
            has_news: false,
            raised: BTreeMap::new(),
            looked: began,
            waits: (began, STARTED),
            clocks: (began, now().0),
        }
    }

    /// Takes what an alert shows.
    pub(crate) fn alert(&mut self, document: DocTag, view: &AlertView) {
        if let Some(elder) = alerts::elder(view) {
            self.put(elder, document, contact::of_alert(view));
        }
    }

    /// Takes what an order shows.
    pub(crate) fn order(&mut self, document: DocTag, view: &OrderView) {
        if let Some(request) = &view.request {
            self.put(request.elder, document, contact::of_order(view));
        }
    }

    fn put(&mut self, elder: Uuid, document: DocTag, contacts: impl IntoIterator<Item = Contact>) {
        self.has_news = true;
        let known = self.elders.entry(elder).or_default();
        known.latest.retain(|(_, of)| *of != document);
        known.latest.extend(contacts.into_iter().map(|contact| (contact, document)));
        while known.latest.len() > KEPT {
            known.latest.pop_first();
        }
        if known.latest.is_empty() && known.taken_back.is_empty() {
            self.elders.remove(&elder);
        }
    }

    /// Forgets what stood in documents that are erased.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) {
        for known in self.elders.values_mut() {
            known.latest.retain(|(_, document)| !gone.contains(document));
        }
        self.elders.retain(|_, known| !known.latest.is_empty());
    }

    fn last(&self, elder: Uuid) -> Option<&Contact> {
        let known = self.elders.get(&elder)?;
        let mut latest = known.latest.iter().rev().map(|(contact, _)| contact);
        latest.find(|contact| !known.taken_back.contains(&contact.fact))
    }

    /// Notes that time passed; where the clock was set nothing is raised for a while.
    fn passed(&mut self, steady: Instant, wall: u64) {
        let (before, was) = std::mem::replace(&mut self.clocks, (steady, wall));
        let passed = steady.saturating_duration_since(before).as_millis();
        let due = was.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
        if wall.abs_diff(due) >= SET_MS {
            self.waits = (steady, SET);
        }
    }

    fn may_raise(&self, steady: Instant) -> bool {
        let (since, wait) = self.waits;
        steady.saturating_duration_since(since) >= wait
    }
}

/// Takes what was written down of contacts with an elder.
pub(crate) fn noted(node: &mut Node, document: DocTag, elder: Uuid) {
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let view = contact::view(doc.document(), authors);
    node.contacts.elders.entry(elder).or_default().taken_back = view.taken_back;
    node.contacts.put(elder, document, view.contacts.into_values());
}

/// Takes what plans show of contacts with an elder.
pub(crate) fn checked(node: &mut Node, document: DocTag, elder: Uuid) {
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let contacts = linli_model::plan::checks(doc.document(), authors).contacts();
    node.contacts.put(elder, document, contacts);
}

/// The days for who lives alone and has none of their own: a centre's or station's.
pub(crate) fn usual(node: &Node) -> Option<u16> {
    let asks = |kind| matches!(kind, PartyKind::Centre | PartyKind::Station);
    node.contacts.usual.filter(|_| spaces::own_kind(node).is_ok_and(asks))
}

/// An elder, when contact is due, and the last one.
pub(crate) type Row = (Uuid, Due, Option<Contact>);

/// When contact is due with each elder after whom somebody asks.
pub(crate) fn due(node: &Node) -> Vec<Row> {
    let (usual, at) = (usual(node), linli_model::time::Timestamp(now().0));
    let row = |(elder, rule): (Uuid, &contact::Rule)| {
        let last = node.contacts.last(elder);
        Some((elder, contact::due(elder, rule, usual, last, at)?, last.cloned()))
    };
    let rules = node.catalogue.elders();
    let rules = rules.filter_map(|(elder, _, summary)| Some((elder, summary.contact.as_ref()?)));
    let mut rows: Vec<Row> = rules.filter_map(row).collect();
    // Of several profiles of one elder the one that asks first.
    rows.sort_by_key(|(elder, due, _)| (*elder, due.day.clone(), due.state));
    rows.dedup_by_key(|(elder, ..)| *elder);
    rows
}

/// The open alerts that there was no contact.
pub(crate) fn open(node: &mut Node) -> Vec<(DocTag, AlertView)> {
    let documents: Vec<DocTag> = node.ladders.documents().collect();
    let views = documents
        .into_iter()
        .filter_map(|document| Some((document, alerts::read(node, document).ok()?)));
    let is_open = |view: &AlertView| view.round.is_some() && view.resolved.is_none();
    let of_kind = |view: &AlertView| view.what == Some(AlertKind::NoContact);
    views.filter(|(_, view)| is_open(view) && of_kind(view)).collect()
}

/// Ends the alerts of which contact was made since.
fn end(node: &mut Node) {
    for (document, view) in open(node) {
        let last = alerts::elder(&view).and_then(|elder| node.contacts.last(elder).cloned());
        let Some((last, raise)) = last.filter(|last| contact::ends(&view, last)).zip(view.round)
        else {
            continue;
        };
        let Contact { at: when, fact: contact, by, .. } = last;
        let fact = AlertFact::Contacted { raise, contact, by, when };
        if let Err(error) = facts::add(node, document, Urgency::Normal, None, fact) {
            tracing::warn!(%error, "that somebody was in contact could not be written down");
        }
    }
}

/// Raises an alert where contact is overdue, and ends those of which it was made.
pub(crate) fn tick(node: &mut Node) {
    let steady = Instant::now();
    node.contacts.passed(steady, now().0);
    let looks = steady.saturating_duration_since(node.contacts.looked) >= LOOK;
    if std::mem::take(&mut node.contacts.has_news) || looks {
        end(node);
    }
    if !looks {
        return;
    }
    node.contacts.looked = steady;
    // What others say of the time weighs more than this clock.
    let is_right = node.clocks.apart(now()).is_none();
    if !is_right || !node.contacts.may_raise(steady) || !node.catalogue.has_seen_all() {
        return;
    }
    let mut overdue = due(node);
    overdue.retain(|(_, due, _)| due.state == State::Overdue);
    let all: BTreeSet<Uuid> = overdue.iter().map(|(elder, ..)| *elder).collect();
    node.contacts.raised.retain(|elder, _| all.contains(elder));
    overdue.retain(|(elder, due, _)| node.contacts.raised.get(elder) != Some(&due.cause));
    overdue.sort_by_key(|(elder, due, _)| (due.from, *elder));
    let room = OPEN_MAX.saturating_sub(node.board.open_of(AlertKind::NoContact));
    for (elder, due, _) in overdue.into_iter().take(room) {
        match raise(node, elder, &due) {
            Ok(()) => drop(node.contacts.raised.insert(elder, due.cause)),
            Err(error) => {
                tracing::error!(%error, "nobody was in contact and no alert could be raised")
            }
        }
    }
}

/// Raises the alert, where this party does and none of the same was: one that a person ended without contact is over.
/// One that a contact ended which was taken back goes on.
fn raise(node: &mut Node, elder: Uuid, due: &Due) -> Result<(), crate::api::ApiError> {
    if !alerts::asks_after(node, elder) {
        return Ok(());
    }
    let known = alerts::find(node, &alert_id(&due.cause).to_string()).ok();
    if let Some(document) = known {
        let view = alerts::read(node, document)?;
        if view.resolved.is_none() || view.outcome != Some(Outcome::Contacted) {
            return Ok(());
        }
    }
    let event =
        alerts::Event { cause: due.cause.clone(), what: AlertKind::NoContact, drill: false };
    alerts::raise_cause(node, elder, event, None).map(drop)
}

#[cfg(test)]
mod tests {
    use linli_model::author::{Author, NodeId, PartyId, PartyKind as Kind};
    use linli_model::contact::Means;
    use linli_model::time::Timestamp;

    use super::*;

    const ELDER: Uuid = Uuid::from_u128(1);

    fn contact(at: u64) -> Contact {
        let id = u8::try_from(at).unwrap();
        let author = Author {
            node: NodeId([1; 32]),
            party: PartyId([1; 32]),
            kind: Kind::Centre,
            person: None,
            attested_by: Vec::new(),
        };
        Contact { at: Timestamp(at), fact: FactId([id; 32]), by: Means::Phone, author }
    }

    fn last(contacts: &Contacts) -> Option<u64> {
        contacts.last(ELDER).map(|last| last.at.0)
    }

    #[test]
    fn the_latest_of_all_documents_counts_whatever_came_first() {
        let mut contacts = Contacts::new(None);
        contacts.put(ELDER, DocTag([1; 32]), [contact(5), contact(9)]);
        contacts.put(ELDER, DocTag([2; 32]), [contact(7)]);
        assert_eq!(last(&contacts), Some(9));
        // A document says less than before: who wrote it counts no more.
        contacts.put(ELDER, DocTag([1; 32]), [contact(5)]);
        assert_eq!(last(&contacts), Some(7));
        let known = contacts.elders.get_mut(&ELDER).unwrap();
        known.taken_back.insert(contact(7).fact);
        assert_eq!(last(&contacts), Some(5));
        contacts.put(ELDER, DocTag([3; 32]), (1..40).map(contact));
        assert_eq!(contacts.elders[&ELDER].latest.len(), KEPT);
        assert_eq!(last(&contacts), Some(39));
    }

    #[test]
    fn a_clock_that_was_set_raises_nothing_for_a_while() {
        let mut contacts = Contacts::new(None);
        let (steady, wall) = contacts.clocks;
        assert!(!contacts.may_raise(steady), "others tell first what they know");
        let minute = steady + STARTED;
        contacts.passed(minute, wall + 60_000 + SET_MS - 1);
        assert!(contacts.may_raise(minute));
        let year = 365 * crate::upkeep::DAY_MS;
        contacts.passed(minute, wall + year);
        assert!(!contacts.may_raise(minute + STARTED));
        assert!(contacts.may_raise(minute + SET));
        contacts.passed(minute + SET, wall);
        assert!(!contacts.may_raise(minute + SET), "and back");
    }
}
