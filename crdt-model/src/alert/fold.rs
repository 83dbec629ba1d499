//! The fold of an alert's facts.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    AlertFact, AlertKind, AlertView, Ladder, Outcome, Owner, Stage, WITHIN_MS_MAX, alert_id,
};
use crate::author::{Author, PartyKind, Person, Role};
use crate::contact;
use crate::event::{Entry, FactId, Facts, Known, Reason};
use crate::time::Timestamp;

mod card;
mod ladder;

/// What the fold knows besides the view.
struct Fold<'a> {
    facts: &'a Facts<AlertFact>,
    view: AlertView,
    /// Raises and reopenings that stand.
    openings: BTreeSet<FactId>,
    /// Raises and reopenings of this round.
    round: BTreeSet<FactId>,
    /// Acknowledgements and takeovers of this round, owners or not, by who made them.
    claims: BTreeMap<FactId, Owner>,
    /// Resolutions that were opened again.
    reopened: BTreeSet<FactId>,
    /// The ladders of the raises, of whoever decides who is called.
    ladders: Vec<Ladder>,
}

pub(super) fn fold(id: Uuid, facts: &Facts<AlertFact>) -> AlertView {
    let view = AlertView {
        id,
        schema: facts.schema,
        stage: Stage::Nothing,
        cause: None,
        what: None,
        ladder: Ladder { steps: Vec::new(), respond_ms: 0 },
        round: None,
        since: None,
        raises: Vec::new(),
        drill: false,
        climbed: Vec::new(),
        silent: BTreeMap::new(),
        heard_again: BTreeMap::new(),
        sensors: Vec::new(),
        delivered: BTreeMap::new(),
        owner: None,
        happened: None,
        responding: None,
        expected: None,
        arrived: None,
        handed_to: Vec::new(),
        called_off: false,
        card: super::CardView::default(),
        resolved: None,
        outcome: None,
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    let mut fold = Fold {
        facts,
        view,
        openings: BTreeSet::new(),
        round: BTreeSet::new(),
        claims: BTreeMap::new(),
        reopened: BTreeSet::new(),
        ladders: Vec::new(),
    };
    for known in &facts.known {
        fold.card_disclosed(known);
        let verdict = fold.apply(known);
        fold.view.timeline.push(Entry::new(known, verdict));
    }
    fold.view.ladder = fold.ladder();
    fold.view.stage = fold.stage();
    fold.view
}

impl Fold<'_> {
    fn apply(&mut self, known: &Known<AlertFact>) -> Result<(), Reason> {
        match &known.fact.body {
            AlertFact::Raised { .. } => self.raised(known),
            AlertFact::Delivered { raise } => self.delivered(known, *raise),
            AlertFact::Climbed { raise, step } => self.climbed(known, *raise, step),
            AlertFact::StepEnded { climbed, done, call } => {
                self.step_ended(known, *climbed, *done, *call)
            }
            AlertFact::Silent { raise, silent } => self.silent(known, *raise, silent),
            AlertFact::HeardAgain { raise, party } => self.heard_again(known, *raise, *party),
            AlertFact::SensorsSilent { raise, sensors } => {
                self.sensors_silent(known, *raise, sensors)
            }
            AlertFact::SensorSpoke { raise, elder, sensor } => {
                self.sensor_spoke(known, *raise, *elder, sensor)
            }
            AlertFact::Contacted { raise, when, .. } => self.contacted(known, *raise, *when),
            AlertFact::Acknowledged { raise } => self.acknowledged(known, *raise),
            AlertFact::TookOver { from } => self.took_over(known, *from),
            AlertFact::Responding { ack, within_ms } => self.on_the_way(known, *ack, *within_ms),
            AlertFact::Arrived { ack } => {
                self.as_owner(known, *ack)?;
                self.view.responding.get_or_insert(known.fact.at);
                self.view.arrived.get_or_insert(known.fact.at);
                Ok(())
            }
            AlertFact::HandedTo { ack, service } => {
                self.as_owner(known, *ack)?;
                self.view.handed_to.push(*service);
                Ok(())
            }
            AlertFact::CalledOff { raise } => self.called_off(known, *raise),
            AlertFact::Resolved { ack, outcome, .. } => {
                self.as_owner(known, *ack)?;
                if *outcome == Outcome::Contacted {
                    return Err(Reason::OutOfRange);
                }
                self.view.resolved = Some(known.id);
                self.view.outcome = Some(*outcome);
                Ok(())
            }
            AlertFact::Reopened { resolved, .. } => self.reopened(known, *resolved),
            AlertFact::CardGiven { raise, card } => self.card_given(known, *raise, card.as_ref()),
            AlertFact::CardRefused { raise } => self.card_refused(known, *raise),
            AlertFact::Located { raise, position } => {
                self.located(known, *raise, position.as_ref())
            }
            AlertFact::CardRead { raise, reason } => self.card_read(known, *raise, reason.as_ref()),
        }
    }

    fn stage(&self) -> Stage {
        let view = &self.view;
        if view.resolved.is_some() {
            Stage::Resolved
        } else if view.responding.is_some() {
            Stage::Responding
        } else if view.owner.is_some() {
            Stage::Acknowledged
        } else if !view.delivered.is_empty() {
            Stage::Delivered
        } else if view.round.is_some() {
            Stage::Raised
        } else {
            Stage::Nothing
        }
    }

    fn raised(&mut self, known: &Known<AlertFact>) -> Result<(), Reason> {
        let AlertFact::Raised { cause, what, ladder, card, drill, happened, .. } = &known.fact.body
        else {
            return Err(Reason::WrongReference);
        };
        may_raise(known.author.kind)?;
        if alert_id(cause) != self.view.id {
            return Err(Reason::OtherDocument);
        }
        if let Some(resolved) = self.view.resolved
            && self.facts.had_seen(known.id, resolved)
        {
            return Err(Reason::AlreadyResolved);
        }
        if self.view.cause.is_none() {
            self.view.cause = Some(cause.clone());
            self.view.what = Some(*what);
            self.view.drill = *drill;
        }
        // Whoever raises the same in earnest makes it one.
        self.view.drill &= *drill;
        self.ladder_raised(known, ladder);
        self.view.raises.push(known.id);
        self.card_raised(known, card.as_ref());
        let happened = happened.filter(|happened| *happened < known.fact.at);
        self.view.happened = self.view.happened.into_iter().chain(happened).min();
        self.openings.insert(known.id);
        self.round.insert(known.id);
        if self.reopened.is_empty() {
            self.open(known);
        }
        Ok(())
    }

    fn open(&mut self, known: &Known<AlertFact>) {
        self.round.insert(known.id);
        self.view.round.get_or_insert(known.id);
        self.card_asked(known);
        let at = known.fact.at;
        self.view.since = Some(self.view.since.map_or(at, |since| since.min(at)));
    }

    fn delivered(&mut self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        self.check_round(raise)?;
        let raiser = self.facts.get(raise).map(|k| k.author.node);
        if raiser != Some(known.author.node) {
            self.view.delivered.entry(known.author.node).or_insert(known.fact.at);
        }
        Ok(())
    }

    fn acknowledged(&mut self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        let owner = responder(known)?;
        self.check_round(raise)?;
        self.claims.insert(known.id, owner.clone());
        if self.view.resolved.is_some() {
            return Err(Reason::AlreadyResolved);
        }
        match &self.view.owner {
            Some(standing) => Err(Reason::OwnedByOther { by: standing.fact }),
            None => {
                self.view.owner = Some(owner);
                Ok(())
            }
        }
    }

    fn check_round(&self, opening: FactId) -> Result<(), Reason> {
        if self.round.contains(&opening) {
            Ok(())
        } else if self.openings.contains(&opening) {
            Err(Reason::EarlierRound)
        } else {
            Err(Reason::WrongReference)
        }
    }

    fn took_over(&mut self, known: &Known<AlertFact>, from: FactId) -> Result<(), Reason> {
        let owner = responder(known)?;
        if !self.claims.contains_key(&from) {
            return Err(self.not_a_claim(from));
        }
        self.claims.insert(known.id, owner.clone());
        if self.view.resolved.is_some() {
            return Err(Reason::AlreadyResolved);
        }
        match &self.view.owner {
            Some(standing) if !self.facts.had_seen(known.id, standing.fact) => {
                Err(Reason::OwnedByOther { by: standing.fact })
            }
            Some(_) | None => {
                self.view.owner = Some(owner);
                let view = &mut self.view;
                (view.responding, view.expected, view.arrived) = (None, None, None);
                Ok(())
            }
        }
    }

    /// Somebody is on the way; said again, the time that was said last counts.
    fn on_the_way(
        &mut self,
        known: &Known<AlertFact>,
        ack: FactId,
        within_ms: Option<u64>,
    ) -> Result<(), Reason> {
        self.as_owner(known, ack)?;
        if within_ms.is_some_and(|within_ms| within_ms > WITHIN_MS_MAX) {
            return Err(Reason::OutOfRange);
        }
        let at = known.fact.at;
        self.view.responding.get_or_insert(at);
        // Whoever lost the alert to somebody else does not say when that one comes.
        if self.view.owner.as_ref().is_some_and(|owner| owner.fact != ack) {
            return Ok(());
        }
        self.view.expected = within_ms.map(|within_ms| at.plus_ms(within_ms));
        Ok(())
    }

    /// Allows what the owner may do. Who acknowledged without knowing of the owner, and acted in good faith, counts too;
    /// who knew that somebody else had taken over does not.
    fn as_owner(&self, known: &Known<AlertFact>, ack: FactId) -> Result<(), Reason> {
        let claim = self.claims.get(&ack).ok_or_else(|| self.not_a_claim(ack))?;
        let person = person(&known.author)?;
        if claim.party != known.author.party || claim.person.id != person.id {
            return Err(Reason::NotOwner);
        }
        if self.view.resolved.is_some() {
            return Err(Reason::AlreadyResolved);
        }
        match &self.view.owner {
            Some(owner) if owner.fact != ack && self.facts.had_seen(known.id, owner.fact) => {
                Err(Reason::OwnedByOther { by: owner.fact })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Contact is all that such an alert asks for, whoever made it, after what the alert counts from and before it is told.
    fn contacted(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        when: Timestamp,
    ) -> Result<(), Reason> {
        may_raise(known.author.kind)?;
        self.check_round(raise)?;
        if self.view.what != Some(AlertKind::NoContact) {
            return Err(Reason::WrongReference);
        }
        let from = self.view.cause.as_ref().and_then(contact::counts_from);
        if contact::is_ahead(when, known.fact.at) || from.is_some_and(|from| when <= from) {
            return Err(Reason::OutOfRange);
        }
        if self.view.resolved.is_some() {
            return Err(Reason::AlreadyResolved);
        }
        self.view.resolved = Some(known.id);
        self.view.outcome = Some(Outcome::Contacted);
        Ok(())
    }

    fn not_a_claim(&self, id: FactId) -> Reason {
        let acks = self.view.timeline.iter().find(|e| e.id == id).map(|e| &e.body);
        let is_ack =
            matches!(acks, Some(AlertFact::Acknowledged { .. } | AlertFact::TookOver { .. }));
        if is_ack && !self.reopened.is_empty() {
            Reason::EarlierRound
        } else {
            Reason::WrongReference
        }
    }

    fn called_off(&mut self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        if !matches!(known.author.kind, PartyKind::Household | PartyKind::Family) {
            return Err(Reason::PartyMayNot);
        }
        self.check_round(raise)?;
        self.view.called_off = true;
        Ok(())
    }

    fn reopened(&mut self, known: &Known<AlertFact>, resolved: FactId) -> Result<(), Reason> {
        may_raise(known.author.kind)?;
        if self.reopened.contains(&resolved) {
            return Err(Reason::AlreadyDone);
        }
        if self.view.resolved != Some(resolved) {
            return Err(Reason::WrongReference);
        }
        self.reopened.insert(resolved);
        self.openings.insert(known.id);
        self.round.clear();
        self.claims.clear();
        let view = &mut self.view;
        (view.round, view.since, view.owner, view.responding) = (None, None, None, None);
        (view.resolved, view.outcome, view.called_off) = (None, None, false);
        (view.expected, view.arrived) = (None, None);
        view.delivered.clear();
        view.climbed.clear();
        view.silent.clear();
        view.heard_again.clear();
        view.sensors.clear();
        (view.card.asked, view.card.refused) = (false, None);
        view.handed_to.clear();
        self.open(known);
        Ok(())
    }
}

fn may_raise(kind: PartyKind) -> Result<(), Reason> {
    match kind {
        PartyKind::Household
        | PartyKind::Family
        | PartyKind::Centre
        | PartyKind::Station
        | PartyKind::Provider => Ok(()),
        PartyKind::Regulator | PartyKind::Evaluator => Err(Reason::PartyMayNot),
    }
}

fn person(author: &Author) -> Result<&Person, Reason> {
    author.person.as_ref().ok_or(Reason::PersonNeeded)
}

/// Who may take care of an alert: a named person other than the elder, of a party that serves.
fn responder(known: &Known<AlertFact>) -> Result<Owner, Reason> {
    may_raise(known.author.kind)?;
    let person = person(&known.author)?.clone();
    if person.role == Role::Elder {
        return Err(Reason::RoleMayNot);
    }
    let Author { node, party, kind, .. } = known.author;
    Ok(Owner { fact: known.id, person, party, kind, node, since: known.fact.at })
}
