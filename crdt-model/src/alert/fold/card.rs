//! Facts about the emergency card.

use super::{Fold, may_raise, person};
use crate::alert::{AlertFact, CardKey, Given, Located, Position, Read};
use crate::author::PartyKind;
use crate::event::{FactId, Known, Reason};
use crate::private::Private;

impl Fold<'_> {
    /// Counts the key that a raise carries, where its author may give one.
    pub(super) fn card_raised(&mut self, known: &Known<AlertFact>, card: Option<&CardKey>) {
        if keeps(known) {
            self.give(known, card);
        }
    }

    /// Notes a key that lies in the alert, also where the fact that carries it does not stand.
    pub(super) fn card_disclosed(&mut self, known: &Known<AlertFact>) {
        if let AlertFact::Raised { card: Some(card), .. }
        | AlertFact::CardGiven { card: Some(card), .. } = &known.fact.body
            && keeps(known)
        {
            self.view.card.disclosed.insert(card.epoch);
        }
    }

    /// Notes that household or family raised this round.
    pub(super) fn card_asked(&mut self, known: &Known<AlertFact>) {
        self.view.card.asked |= keeps(known);
    }

    pub(super) fn card_given(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        card: Option<&CardKey>,
    ) -> Result<(), Reason> {
        self.by_keeper(known, raise)?;
        if card.is_none() {
            return Err(Reason::OutOfRange);
        }
        self.give(known, card);
        Ok(())
    }

    pub(super) fn card_refused(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
    ) -> Result<(), Reason> {
        if !keeps(known) {
            return Err(Reason::PartyMayNot);
        }
        self.check_round(raise)?;
        self.view.card.refused.get_or_insert(known.id);
        Ok(())
    }

    pub(super) fn located(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        position: Option<&Position>,
    ) -> Result<(), Reason> {
        self.by_keeper(known, raise)?;
        if !position.is_some_and(Position::is_on_earth) {
            return Err(Reason::OutOfRange);
        }
        let (fact, at, author) = (known.id, known.fact.at, known.author.clone());
        self.view.card.located.push(Located { fact, at, author });
        Ok(())
    }

    /// A reading stands whenever it was: also after the resolution, also of an earlier round.
    pub(super) fn card_read(
        &mut self,
        known: &Known<AlertFact>,
        raise: FactId,
        reason: Option<&Private>,
    ) -> Result<(), Reason> {
        may_raise(known.author.kind)?;
        person(&known.author)?;
        if !self.openings.contains(&raise) {
            return Err(Reason::WrongReference);
        }
        let (fact, at, author) = (known.id, known.fact.at, known.author.clone());
        self.view.card.read_by.push(Read { fact, at, author, reason: reason.cloned() });
        Ok(())
    }

    /// Allows what only household and family tell an open alert.
    fn by_keeper(&self, known: &Known<AlertFact>, raise: FactId) -> Result<(), Reason> {
        if !keeps(known) {
            return Err(Reason::PartyMayNot);
        }
        self.check_round(raise)?;
        match self.view.resolved {
            Some(_) => Err(Reason::AlreadyResolved),
            None => Ok(()),
        }
    }

    fn give(&mut self, known: &Known<AlertFact>, card: Option<&CardKey>) {
        let (fact, at, author) = (known.id, known.fact.at, known.author.clone());
        self.view.card.given.extend(card.map(|card| Given { fact, epoch: card.epoch, at, author }));
    }
}

/// Whether the author is of those to whom the card is sealed.
fn keeps(known: &Known<AlertFact>) -> bool {
    matches!(known.author.kind, PartyKind::Household | PartyKind::Family)
}
