//! Facts about the steps of the ladder.

use uuid::Uuid;

use super::{Fold, may_raise};
use crate::alert::{AlertFact, AlertKind, CallEnd, Climbed, Ladder, Step, plan};
use crate::author::{PartyId, PartyKind};
use crate::event::{FactId, Known, Reason};
use crate::private::Private;
use crate::sensor::{Silence, SilentSensor};
use crate::silence::Silent;

/// Sensors of which one alert tells: eight elders of a home with as many as one may have.
const SENSORS_MAX: usize = 256;

impl Fold<'_> {
    pub(super) fn climbed(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        step: &Step,
    ) -> Result<(), Reason> {
        let author = &known.author;
        may_raise(author.kind)?;
        self.check_round(raise)?;
        // Whoever says that it calls keeps others from calling.
        if !step.does.is_of(author.party, author.kind) {
            return Err(Reason::PartyMayNot);
        }
        self.view.climbed.push(Climbed {
            fact: known.id,
            step: step.clone(),
            node: author.node,
            party: author.party,
            kind: author.kind,
            at: known.fact.at,
            decided: author.person.is_some(),
            done: None,
            call: None,
        });
        Ok(())
    }

    pub(super) fn step_ended(
        &mut self,
        known: &Known<AlertFact>,
        climbed: FactId,
        done: bool,
        call: Option<CallEnd>,
    ) -> Result<(), Reason> {
        let begun = self.view.climbed.iter_mut().find(|begun| begun.fact == climbed);
        let begun = begun.ok_or(Reason::WrongReference)?;
        if begun.node != known.author.node {
            return Err(Reason::PartyMayNot);
        }
        begun.done = Some(begun.done.unwrap_or_default() || done);
        // What was said last: a call that reached nobody is made again.
        begun.call = call.or(begun.call);
        Ok(())
    }

    /// Takes in the ladder of a raise, where its author decides who is called.
    pub(super) fn ladder_raised(&mut self, known: &Known<AlertFact>, ladder: &Ladder) {
        if plan::may_write(known.author.kind) {
            self.ladders.extend(ladder.clone().checked());
        }
    }

    /// The ladder of the alert: all that was raised, so that a raise of somebody who knows less leaves nobody out.
    pub(super) fn ladder(&mut self) -> Ladder {
        let all = std::mem::take(&mut self.ladders);
        plan::together(all.into_iter()).unwrap_or_else(|| match self.view.what {
            Some(kind) => Ladder::common(kind),
            None => Ladder { steps: Vec::new(), respond_ms: 0 },
        })
    }

    pub(super) fn silent(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        silent: &Silent,
    ) -> Result<(), Reason> {
        self.may_listen(known, raise)?;
        // A long list takes several facts.
        let said = self
            .view
            .silent
            .entry(known.author.node)
            .or_insert_with(|| Silent { parties: Vec::new(), ..silent.clone() });
        let news = silent.parties.iter().filter(|party| !said.parties.contains(party));
        let news: Vec<_> = news.copied().collect();
        said.parties.extend(news);
        Ok(())
    }

    pub(super) fn heard_again(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        party: PartyId,
    ) -> Result<(), Reason> {
        self.may_listen(known, raise)?;
        self.view.heard_again.entry(party).or_insert(known.fact.at);
        Ok(())
    }

    pub(super) fn sensors_silent(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        sensors: &[SilentSensor],
    ) -> Result<(), Reason> {
        self.may_hear_sensors(known, raise)?;
        for silent in sensors {
            let said = &mut self.view.sensors;
            let is_full = said.len() >= SENSORS_MAX;
            let is_same = |of: &&mut Silence| of.silent.is(silent.elder, &silent.sensor);
            match said.iter_mut().find(is_same) {
                // It spoke, and fell silent again.
                Some(of) if of.spoke.is_some() => *of = Silence::of(silent),
                Some(_) => {}
                None if is_full => return Err(Reason::TooMany),
                None => said.push(Silence::of(silent)),
            }
        }
        Ok(())
    }

    pub(super) fn sensor_spoke(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        elder: Uuid,
        sensor: &Private,
    ) -> Result<(), Reason> {
        self.may_hear_sensors(known, raise)?;
        let of = self.view.sensors.iter_mut().find(|of| of.silent.is(elder, sensor));
        of.ok_or(Reason::WrongReference)?.spoke.get_or_insert(known.fact.at);
        Ok(())
    }

    /// Who hears sensors is the household's hub.
    fn may_hear_sensors(&self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        if known.author.kind != PartyKind::Household {
            return Err(Reason::PartyMayNot);
        }
        self.check_round(raise)?;
        match self.view.what {
            Some(AlertKind::Sensors) => Ok(()),
            _ => Err(Reason::WrongReference),
        }
    }

    /// Who listens for heartbeats is a centre; and only a silence ends by a word.
    fn may_listen(&self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        if known.author.kind != PartyKind::Centre {
            return Err(Reason::PartyMayNot);
        }
        self.check_round(raise)?;
        match self.view.what {
            Some(AlertKind::Silence) => Ok(()),
            _ => Err(Reason::WrongReference),
        }
    }
}
