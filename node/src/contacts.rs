//! Contact with elders who live alone: the last one this node knows of, and an alert where the next is overdue.
//!
//! Contacts are looked up where they stand anyway: in what was written down, in orders and in alerts. What is kept here
//! is made from those, at a start as well, so nothing is written for it and nothing can be out of step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_model::alert::{AlertFact, AlertKind, AlertView, CauseId, Outcome, alert_id};
use linli_model::author::PartyId;
use linli_model::contact::{self, Contact, Due, State};
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::order::OrderView;
use linli_model::plan::{Checked, ChecksView};
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use uuid::Uuid;

use crate::catalogue::Name;
use crate::handle::{alerts, elders, facts, spaces};
use crate::node::{Node, now, world};
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

/// Elders whom one look asks after: each is looked up where their records stand, and meanwhile nothing else is done.
const SEEN_AT_ONCE: usize = 256;

/// What is known of contacts.
#[derive(Debug)]
pub(crate) struct Contacts {
    usual: Option<u16>,
    elders: BTreeMap<Uuid, Known>,
    /// Something was learned of contacts that may end an alert.
    has_news: bool,
    /// The alerts that were looked for, so that each is raised once.
    raised: BTreeMap<Uuid, CauseId>,
    /// With how many contact is overdue while no alert is raised, and why.
    unraised: Option<(usize, &'static str)>,
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
    /// What was taken back, by the document that says so.
    taken_back: BTreeMap<DocTag, BTreeSet<FactId>>,
    /// What plans found.
    checks: BTreeMap<DocTag, ChecksView>,
    /// The alerts that ended with the elder's death.
    died: BTreeSet<DocTag>,
}

impl Known {
    fn is_empty(&self) -> bool {
        self.latest.is_empty()
            && self.taken_back.is_empty()
            && self.checks.is_empty()
            && self.died.is_empty()
    }

    /// Keeps the latest, and half the places for what a clock that was wrong cannot push out.
    fn trim(&mut self, now: Timestamp) {
        while self.latest.len() > KEPT {
            let ahead =
                self.latest.iter().rev().take_while(|(of, _)| contact::is_ahead(of.at, now));
            match ahead.count() > KEPT / 2 {
                true => self.latest.pop_last(),
                false => self.latest.pop_first(),
            };
        }
    }

    fn is_taken_back(&self, contact: &Contact) -> bool {
        self.taken_back.values().any(|back| back.contains(&contact.fact))
    }
}

impl Contacts {
    pub(crate) fn new(usual: Option<u16>) -> Self {
        let began = Instant::now();
        Self {
            usual,
            elders: BTreeMap::new(),
            has_news: false,
            raised: BTreeMap::new(),
            unraised: None,
            looked: began,
            waits: (began, STARTED),
            clocks: (began, now().0),
        }
    }

    /// Takes what an alert shows.
    pub(crate) fn alert(&mut self, document: DocTag, view: &AlertView) {
        let Some(elder) = alerts::elder(view) else { return };
        if view.outcome == Some(Outcome::Contacted) {
            // It goes on where that contact is taken back.
            self.raised.remove(&elder);
        }
        let known = self.elders.entry(elder).or_default();
        match contact::died(view) {
            true => known.died.insert(document),
            false => known.died.remove(&document),
        };
        self.put(elder, document, contact::of_alert(view));
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
        known.trim(Timestamp(self.clocks.1));
        if known.is_empty() {
            self.elders.remove(&elder);
        }
    }

    /// Forgets what stood in documents that are erased.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) {
        for known in self.elders.values_mut() {
            known.latest.retain(|(_, document)| !gone.contains(document));
            known.taken_back.retain(|document, _| !gone.contains(document));
            known.checks.retain(|document, _| !gone.contains(document));
            known.died.retain(|document| !gone.contains(document));
        }
        self.elders.retain(|_, known| !known.is_empty());
    }

    /// The last contact that is not ahead of the time.
    fn last(&self, elder: Uuid, now: Timestamp) -> Option<&Contact> {
        let known = self.elders.get(&elder)?;
        let mut latest = known.latest.iter().rev().map(|(contact, _)| contact);
        latest.find(|contact| !contact::is_ahead(contact.at, now) && !known.is_taken_back(contact))
    }

    /// How an elder was found in a step of a plan.
    pub(crate) fn found(
        &self,
        elder: Uuid,
        plan: Uuid,
        is_run: impl Fn(FactId) -> bool + Copy,
        step: &str,
    ) -> Option<&Checked> {
        let views = self.elders.get(&elder)?.checks.values();
        views.filter_map(|view| view.of(plan, is_run, step)).min_by_key(|found| found.found)
    }

    /// With how many contact is overdue while no alert is raised, and why.
    pub(crate) const fn unraised(&self) -> Option<(usize, &'static str)> {
        self.unraised
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

/// Takes what stands of contacts and sensors in the space in which an elder's profile came to stand.
pub(crate) fn kept(node: &mut Node, space: SpaceTag, elder: Uuid) {
    for (name, take) in [
        (DocumentName::Contacts, noted as fn(&mut Node, DocTag, Uuid)),
        (DocumentName::Checks, checked),
        (DocumentName::Sensors, crate::sensors::changed),
    ] {
        let world = world(&node.replica, &node.store);
        let Ok(space) = node.core.space(world, space) else { return };
        let document = space.document(&Name::Elder(elder, name).to_string());
        if node.catalogue.get(&document).is_some() {
            take(node, document, elder);
        }
    }
}

/// Whether a document stands where the elder's records do. Elsewhere whoever likes could write that somebody was in contact.
pub(crate) fn is_of_record(node: &mut Node, document: DocTag, elder: Uuid) -> bool {
    let space = node.catalogue.get(&document).map(|row| row.space);
    space.is_some() && space == elders::care_of(node, elder)
}

/// Takes what was written down of contacts with an elder.
pub(crate) fn noted(node: &mut Node, document: DocTag, elder: Uuid) {
    if !is_of_record(node, document, elder) {
        return;
    }
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let view = contact::view(doc.document(), authors);
    node.contacts.elders.entry(elder).or_default().taken_back.insert(document, view.taken_back);
    node.contacts.put(elder, document, view.contacts.into_values());
}

/// Takes what plans show of contacts with an elder.
pub(crate) fn checked(node: &mut Node, document: DocTag, elder: Uuid) {
    if !is_of_record(node, document, elder) {
        return;
    }
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let view = linli_model::plan::checks(doc.document(), authors);
    let contacts = view.contacts();
    // Only what stands is asked for.
    let view = ChecksView { timeline: Vec::new(), ..view };
    node.contacts.elders.entry(elder).or_default().checks.insert(document, view);
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
    let (usual, at) = (usual(node), Timestamp(now().0));
    let row = |(elder, rule): (Uuid, &contact::Rule)| {
        if node.contacts.elders.get(&elder).is_some_and(|known| !known.died.is_empty()) {
            return None;
        }
        let last = node.contacts.last(elder, at);
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
    views.filter(|(_, view)| contact::is_open(view)).collect()
}

/// Ends the alerts of which contact was made since.
fn end(node: &mut Node) {
    let at = Timestamp(now().0);
    for (document, view) in open(node) {
        let last = alerts::elder(&view).and_then(|elder| node.contacts.last(elder, at).cloned());
        let Some((last, raise)) =
            last.filter(|last| contact::ends(&view, last, at)).zip(view.round)
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
    let mut overdue = due(node);
    overdue.retain(|(_, due, _)| due.state == State::Overdue);
    let all: BTreeSet<Uuid> = overdue.iter().map(|(elder, ..)| *elder).collect();
    node.contacts.raised.retain(|elder, _| all.contains(elder));
    overdue.retain(|(elder, due, _)| node.contacts.raised.get(elder) != Some(&due.cause));
    overdue.sort_by_key(|(elder, due, _)| (due.from, *elder));
    let waits = match waits(node, steady) {
        Some(why) => Some(why),
        None => raise_some(node, &mut overdue),
    };
    node.contacts.unraised = waits.filter(|_| !overdue.is_empty()).map(|why| (overdue.len(), why));
}

/// Why no alert is raised yet.
fn waits(node: &Node, steady: Instant) -> Option<&'static str> {
    // What others say of the time weighs more than this clock.
    if node.clocks.apart(now()).is_some() {
        Some("others say that this clock is wrong")
    } else if !node.contacts.may_raise(steady) {
        Some("this node was started or its clock set a moment ago")
    } else if !node.catalogue.has_seen_all() {
        Some("not everything was read since the start")
    } else {
        None
    }
}

/// Raises as many alerts as there is room for, and leaves who has none. What needs no alert of this party takes no room.
fn raise_some(node: &mut Node, overdue: &mut Vec<Row>) -> Option<&'static str> {
    let own = PartyId(node.core.party().0);
    let waiting = open(node).iter().filter(|(_, view)| contact::is_waiting(view, own)).count();
    let mut room = OPEN_MAX.saturating_sub(waiting);
    let mut seen = 0;
    for (elder, due, _) in overdue.iter().take(SEEN_AT_ONCE) {
        if room == 0 {
            break;
        }
        seen += 1;
        match raise(node, *elder, due) {
            Ok(is_raised) => {
                room -= usize::from(is_raised);
                node.contacts.raised.insert(*elder, due.cause.clone());
            }
            Err(error) => {
                room -= 1;
                tracing::error!(%error, "nobody was in contact and no alert could be raised");
            }
        }
    }
    overdue.drain(..seen);
    Some(if room == 0 {
        "as many as one desk has in sight wait for somebody"
    } else {
        "they are looked at one by one"
    })
}

/// Raises the alert, where this party does and none of the same was: one that a person ended without contact is over.
/// One that a contact ended which was taken back goes on. Says whether it raised one.
fn raise(node: &mut Node, elder: Uuid, due: &Due) -> Result<bool, crate::api::ApiError> {
    if !alerts::asks_after(node, elder) {
        return Ok(false);
    }
    let known = alerts::find(node, &alert_id(&due.cause).to_string()).ok();
    if let Some(document) = known {
        let view = alerts::read(node, document)?;
        if view.resolved.is_none() || view.outcome != Some(Outcome::Contacted) {
            return Ok(false);
        }
    }
    let event = alerts::Event::now(due.cause.clone(), AlertKind::NoContact);
    alerts::raise_cause(node, elder, event, None).map(|_| true)
}

#[cfg(test)]
mod tests {
    use linli_model::author::{Author, NodeId, PartyId, PartyKind as Kind};
    use linli_model::contact::Means;
    use linli_model::event::Entry;
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
        contacts.last(ELDER, Timestamp(1_000)).map(|last| last.at.0)
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
        known.taken_back.insert(DocTag([1; 32]), [contact(7).fact].into());
        assert_eq!(last(&contacts), Some(5));
        contacts.put(ELDER, DocTag([3; 32]), (1..40).map(contact));
        assert_eq!(contacts.elders[&ELDER].latest.len(), KEPT);
        assert_eq!(last(&contacts), Some(39));
    }

    #[test]
    fn what_a_wrong_clock_wrote_hides_no_contact_and_pushes_none_out() {
        let mut contacts = Contacts::new(None);
        contacts.clocks.1 = 1_000;
        let ahead = |number: u8| Contact {
            at: Timestamp(1_001 + SET_MS + u64::from(number)),
            ..contact(u64::from(number))
        };
        contacts.put(ELDER, DocTag([1; 32]), [contact(5)]);
        contacts.put(ELDER, DocTag([2; 32]), (10..90).map(ahead));
        assert_eq!(last(&contacts), Some(5));
        contacts.put(ELDER, DocTag([3; 32]), (10..90).map(contact));
        assert_eq!(last(&contacts), Some(89));
        assert_eq!(contacts.elders[&ELDER].latest.len(), KEPT);
        let known = Timestamp(1_001 + 10);
        assert_eq!(contacts.last(ELDER, known).unwrap().at, ahead(10).at, "it is later by now");
    }

    /// An alert about the elder that ended so.
    fn ended(outcome: Outcome) -> AlertView {
        let id = alert_id(&CauseId("x".to_owned()));
        let doc = automerge::Automerge::new();
        let mut view = linli_model::alert::view(id, &doc, &BTreeMap::new());
        let Contact { author, fact: id, at, .. } = contact(1);
        let body = AlertFact::Raised {
            cause: CauseId("x".to_owned()),
            what: AlertKind::NoContact,
            ladder: linli_model::alert::Ladder::common(AlertKind::NoContact),
            place: None,
            note: Some(ELDER.to_string().into()),
            card: None,
            drill: false,
            happened: None,
        };
        view.timeline.push(Entry { id, at, author, body, not_standing: None });
        (view.outcome, view.resolved) = (Some(outcome), Some(id));
        view
    }

    #[test]
    fn an_alert_that_a_contact_ended_is_looked_for_again() {
        let mut contacts = Contacts::new(None);
        contacts.raised.insert(ELDER, CauseId("x".to_owned()));
        contacts.alert(DocTag([1; 32]), &ended(Outcome::FalseAlarm));
        assert!(contacts.raised.contains_key(&ELDER), "a person ended it");
        contacts.alert(DocTag([1; 32]), &ended(Outcome::Contacted));
        assert!(contacts.raised.is_empty(), "the contact may be taken back");
        assert!(contacts.elders.is_empty());
        contacts.alert(DocTag([1; 32]), &ended(Outcome::Died));
        assert!(!contacts.elders[&ELDER].died.is_empty());
        contacts.alert(DocTag([1; 32]), &ended(Outcome::FalseAlarm));
        assert!(contacts.elders.is_empty(), "it was opened again");
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
