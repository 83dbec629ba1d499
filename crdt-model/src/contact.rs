//! When somebody was last in contact with an elder who lives alone, and when that is due again.
//!
//! Contact is what a person wrote down (document `<elder>/contacts`, in the care space), a service that was done at the
//! elder's home, a call-back, and an alert in which somebody saw or spoke to the elder. The latest of what a node knows
//! counts, so that two nodes that know the same name the same contact, and raise one alert where the next is overdue.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alert::{AlertFact, AlertKind, AlertView, CauseId, Outcome};
use crate::author::{Author, Authors, PartyId, PartyKind, Role};
use crate::catalogue::{self, Form};
use crate::codes::LivingSituation;
use crate::dates;
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::field::{FieldName as _, FieldView, FieldsView};
use crate::order::{OrderFact, OrderView};
use crate::private::Private;
use crate::profile::ProfileField;
use crate::time::{DAY_MS, Date, HOUR_MS, MINUTE_MS, Offset, Timestamp};

/// The most days that may pass without contact: a season.
pub const DAYS_MAX: u16 = 90;

/// Clocks may differ by so much, in milliseconds; what lies further ahead is of a clock that was wrong.
pub const SKEW_MS: u64 = 10 * MINUTE_MS;

/// What the causes of alerts begin with that nobody was in contact.
const CAUSE: &str = "contact/";

/// The hours of the day, by the clock of China, in which somebody is called who is not in need.
const DAYTIME: std::ops::Range<u64> = 8..20;

/// How somebody was in contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// They spoke on the telephone, or over a picture.
    Phone,
    /// Somebody was there.
    Visit,
    /// A message that was answered.
    Message,
    /// Somebody answered an alert; never written down by hand.
    Alert,
    /// Somebody looked after the elder as a plan says; never written down by hand.
    Check,
}

impl Means {
    /// Whether it is known from elsewhere, and not written down by hand.
    pub fn is_shown_elsewhere(self) -> bool {
        matches!(self, Self::Alert | Self::Check)
    }
}

/// A fact of the contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ContactFact {
    /// Somebody was in contact.
    Noted {
        /// How.
        by: Means,
        /// When, as the person says.
        when: Timestamp,
        /// What was said.
        note: Option<Private>,
    },
    /// That was a mistake: there was no such contact.
    TakenBack {
        /// The note.
        noted: FactId,
    },
}

impl Body for ContactFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Noted { .. } => Vec::new(),
            Self::TakenBack { noted } => vec![*noted],
        }
    }
}

/// A contact: the later one is greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Contact {
    /// When.
    pub at: Timestamp,
    /// The fact that says so, of whichever document.
    pub fact: FactId,
    /// How.
    pub by: Means,
    /// Who wrote it down.
    pub author: Author,
}

/// The canonical view of the contacts that were written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactsView {
    /// The document's schema.
    pub schema: Schema,
    /// The contacts that were noted and not taken back, by their facts.
    pub contacts: BTreeMap<FactId, Contact>,
    /// Those that were taken back.
    pub taken_back: BTreeSet<FactId>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<ContactFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the contacts of an elder.
pub fn view(doc: &Automerge, authors: &impl Authors) -> ContactsView {
    fold(&Facts::read(doc, authors))
}

/// Folds facts that were read before.
pub fn fold(facts: &Facts<ContactFact>) -> ContactsView {
    let mut view = ContactsView {
        schema: facts.schema,
        contacts: BTreeMap::new(),
        taken_back: BTreeSet::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let verdict = apply(facts, &mut view, known);
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

fn apply(
    facts: &Facts<ContactFact>,
    view: &mut ContactsView,
    known: &Known<ContactFact>,
) -> Result<(), Reason> {
    let author = &known.author;
    may_note(author)?;
    match &known.fact.body {
        ContactFact::Noted { by, when, .. } => {
            // Nobody knows of a contact before there was one.
            if by.is_shown_elsewhere() || is_ahead(*when, known.fact.at) {
                return Err(Reason::OutOfRange);
            }
            let (at, fact, by, author) = (*when, known.id, *by, author.clone());
            view.contacts.insert(fact, Contact { at, fact, by, author });
        }
        ContactFact::TakenBack { noted } => {
            let of = facts.get(*noted).ok_or(Reason::WrongReference)?;
            if of.author.party != author.party && author.kind != PartyKind::Centre {
                return Err(Reason::PartyMayNot);
            }
            view.contacts.remove(noted).ok_or(Reason::AlreadyDone)?;
            view.taken_back.insert(*noted);
        }
    }
    Ok(())
}

/// Says whether an author may write down that somebody was in contact.
///
/// # Errors
/// The reason why it would not stand.
pub fn may_note(author: &Author) -> Result<(), Reason> {
    use PartyKind as K;
    let kinds = [K::Household, K::Family, K::Centre, K::Station, K::Provider];
    if !kinds.contains(&author.kind) {
        return Err(Reason::PartyMayNot);
    }
    let person = author.person.as_ref().ok_or(Reason::PersonNeeded)?;
    if person.role == Role::Elder { Err(Reason::RoleMayNot) } else { Ok(()) }
}

/// The contacts that an alert shows: somebody ended it having seen or spoken to the elder, or it ended with a contact that
/// somebody knew of, and it was not opened again. None in a drill. That somebody arrived at the door, that a line was mended
/// or a battery changed is no contact.
pub fn of_alert(view: &AlertView) -> Vec<Contact> {
    use AlertKind as K;
    let spoken = view.what.is_some_and(|what| matches!(what, K::Button | K::Call | K::NoContact));
    let of_things = view.what.is_some_and(|what| {
        matches!(what, K::Silence | K::Power | K::CardOpened | K::Sensors | K::MonitoringOff)
    });
    let ended = |outcome: Outcome| match outcome {
        Outcome::Hospital => true,
        Outcome::Helped => !of_things,
        Outcome::FalseAlarm => spoken,
        Outcome::Drill | Outcome::Died | Outcome::Contacted => false,
    };
    let known = |entry: &Entry<AlertFact>| {
        if let AlertFact::Contacted { contact, by, when, .. } = &entry.body {
            let author = entry.author.clone();
            return Some(Contact { at: *when, fact: *contact, by: *by, author });
        }
        let is_contact =
            matches!(&entry.body, AlertFact::Resolved { outcome, .. } if ended(*outcome));
        is_contact.then(|| contact(entry, Means::Alert))
    };
    let reopened: BTreeSet<FactId> = standing(view)
        .filter_map(|entry| {
            if let AlertFact::Reopened { resolved, .. } = &entry.body {
                Some(*resolved)
            } else {
                None
            }
        })
        .collect();
    let stand = standing(view).filter(|entry| !view.drill && !reopened.contains(&entry.id));
    stand.filter_map(known).collect()
}

fn standing(view: &AlertView) -> impl Iterator<Item = &Entry<AlertFact>> {
    view.timeline.iter().filter(|entry| entry.not_standing.is_none())
}

/// Whether an alert that there was no contact is open.
pub fn is_open(view: &AlertView) -> bool {
    view.what == Some(AlertKind::NoContact) && view.round.is_some() && view.resolved.is_none()
}

/// Whether the last contact ends an alert that there was none: it is later than what the alert counts from, and known of by
/// now. Where a person opened the alert again only what was later than that does: they had their reason.
pub fn ends(view: &AlertView, last: &Contact, now: Timestamp) -> bool {
    let by_hand = standing(view).any(|entry| {
        Some(entry.id) == view.round
            && matches!(entry.body, AlertFact::Reopened { .. })
            && entry.author.person.is_some()
    });
    let cause = view.cause.as_ref().filter(|_| !by_hand).and_then(counts_from);
    let is_later = cause.or(view.since).is_some_and(|from| last.at > from);
    is_open(view) && is_later && !is_ahead(last.at, now)
}

/// Whether an alert that there was no contact waits for somebody to take it, in earnest, and this party raised it.
pub fn is_waiting(view: &AlertView, party: PartyId) -> bool {
    let raised = |entry: &Entry<AlertFact>| {
        matches!(entry.body, AlertFact::Raised { .. } | AlertFact::Reopened { .. })
            && entry.author.party == party
    };
    is_open(view) && !view.drill && view.owner.is_none() && standing(view).any(raised)
}

/// Whether an alert ended with the elder's death, as a centre says.
pub fn died(view: &AlertView) -> bool {
    let by_centre = |entry: &Entry<AlertFact>| {
        Some(entry.id) == view.resolved && entry.author.kind == PartyKind::Centre
    };
    !view.drill && view.outcome == Some(Outcome::Died) && standing(view).any(by_centre)
}

/// Whether a time lies further ahead than clocks may differ.
pub fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now.plus_ms(SKEW_MS)
}

/// The contacts that an order shows: a service that was done at the elder's, or the call-back.
pub fn of_order(view: &OrderView) -> Vec<Contact> {
    let service = view.request.as_ref().and_then(|request| catalogue::service(&request.service));
    let at_home = service.is_some_and(|service| service.form != Form::Online);
    let means = |fact: &OrderFact| {
        let visit = at_home && matches!(fact, OrderFact::Done { .. });
        let phone = matches!(fact, OrderFact::CalledBack { .. });
        if visit { Some(Means::Visit) } else { phone.then_some(Means::Phone) }
    };
    let standing = view.timeline.iter().filter(|entry| entry.not_standing.is_none());
    standing.filter_map(|entry| Some(contact(entry, means(&entry.body)?))).collect()
}

fn contact<B>(entry: &Entry<B>, by: Means) -> Contact {
    Contact { at: entry.at, fact: entry.id, by, author: entry.author.clone() }
}

/// What the profile says of contact.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rule {
    /// The elder lives alone, or the children have left.
    pub lives_alone: bool,
    /// After how many days without contact somebody is to ask, 0 for never; none: what is usual where somebody lives alone.
    pub days: Option<u16>,
    /// Since when that is stated.
    pub since: Timestamp,
    /// Until which day nobody is at home, `2024-02-17`.
    pub away_until: Option<String>,
}

/// Reads the rule of a profile. Of days that differ the fewest count, and 0 only where nobody wants contact.
pub fn rule(profile: &FieldsView) -> Rule {
    let field = |of: ProfileField| profile.fields.get(of.key());
    let stated = |field: Option<&FieldView>, counts: &dyn Fn(&str) -> bool| {
        let values = field.into_iter().flat_map(|field| &field.values);
        let values = values.filter(|stated| counts(stated.value.as_str()));
        values.flat_map(|stated| &stated.by).map(|by| by.at).min()
    };
    let days = field(ProfileField::ContactDays);
    let all = days.into_iter().flat_map(|days| &days.values);
    let all: Vec<u16> = all.filter_map(|stated| self::days(stated.value.as_str())).collect();
    let fewest = all.iter().filter(|days| **days > 0).min().or(all.first()).copied();
    let alone = stated(field(ProfileField::LivingSituation), &is_alone);
    let asked = stated(days, &|text| self::days(text) == fewest);
    let away = field(ProfileField::AwayUntil).and_then(FieldView::single).map(str::to_owned);
    Rule {
        lives_alone: alone.is_some(),
        days: fewest,
        since: asked.or(alone).unwrap_or_default(),
        away_until: away,
    }
}

fn is_alone(code: &str) -> bool {
    use LivingSituation as L;
    matches!(L::of_code(code), Some(L::Alone | L::EmptyNest | L::WithoutFamily))
}

/// Reads a number of days, 0 to [`DAYS_MAX`], in its one spelling.
pub fn days(text: &str) -> Option<u16> {
    let days: u16 = text.parse().ok()?;
    (days <= DAYS_MAX && days.to_string() == text).then_some(days)
}

/// How it stands with the next contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The days count from the future: some clock was wrong, and nobody knows when that was.
    Ahead,
    /// The day on which it was due is over.
    Overdue,
    /// It is due today.
    Today,
    /// It is due later.
    Later,
    /// Nobody is at home.
    Away,
}

/// The next contact with an elder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// After how many days without one it is due.
    pub days: u16,
    /// From when they count: the last contact, or else when that was begun to be looked at.
    pub from: Timestamp,
    /// The day it is due, by the clock of China.
    pub day: String,
    /// How it stands.
    pub state: State,
    /// What the alert about it is of: the same for whoever knows the same last contact.
    #[serde(skip)]
    pub cause: CauseId,
}

/// When the next contact with an elder is due; none where nobody looks. `usual` are the days for who lives alone and has
/// none of their own.
pub fn due(
    elder: Uuid,
    rule: &Rule,
    usual: Option<u16>,
    last: Option<&Contact>,
    now: Timestamp,
) -> Option<Due> {
    let days = rule.days.or(usual.filter(|_| rule.lives_alone)).filter(|days| *days > 0)?;
    let (from, of) = match last {
        Some(last) => (last.at, last.fact.to_string()),
        None => (rule.since, String::new()),
    };
    let cause = CauseId(format!("{CAUSE}{elder}/{}/{of}", from.0));
    let today = now.date(Offset::CHINA).ok()?;
    let mut day = from.plus_ms(u64::from(days) * DAY_MS).date(Offset::CHINA).ok()?;
    let away = rule.away_until.as_ref().and_then(|until| dates::parse(until).ok());
    // Who comes home is asked on the next day.
    if let Some(home) = away.and_then(|until| until.tomorrow().ok()) {
        day = day.max(home);
    }
    let state = state(from, day, away, today, now);
    Some(Due { days, from, day: day.to_string(), state, cause })
}

/// From when the days of an alert's cause count; none where a person raised it.
pub(crate) fn counts_from(cause: &CauseId) -> Option<Timestamp> {
    let (_, rest) = cause.0.strip_prefix(CAUSE)?.split_once('/')?;
    rest.split_once('/')?.0.parse().ok().map(Timestamp)
}

fn state(from: Timestamp, day: Date, away: Option<Date>, today: Date, now: Timestamp) -> State {
    if away.is_some_and(|until| today <= until) {
        State::Away
    } else if is_ahead(from, now) {
        State::Ahead
    } else {
        match today.cmp(&day) {
            std::cmp::Ordering::Greater => State::Overdue,
            std::cmp::Ordering::Equal => State::Today,
            std::cmp::Ordering::Less => State::Later,
        }
    }
}

/// The hour of the day by the clock of China.
fn hour_of(time: Timestamp) -> u64 {
    (time.0 / HOUR_MS + 8) % 24
}

/// For how long, in milliseconds, it has been day; none at night.
pub(crate) fn day_ms(now: Timestamp) -> Option<u64> {
    let hours = hour_of(now).checked_sub(DAYTIME.start)?;
    DAYTIME.contains(&hour_of(now)).then(|| hours * HOUR_MS + now.0 % HOUR_MS)
}

/// Until when somebody is left in peace who is not in need; none by day.
pub fn morning(now: Timestamp) -> Option<Timestamp> {
    if DAYTIME.contains(&hour_of(now)) {
        return None;
    }
    let hours = (24 + DAYTIME.start - hour_of(now)) % 24;
    Some(Timestamp((now.0 / HOUR_MS).saturating_add(hours).saturating_mul(HOUR_MS)))
}
