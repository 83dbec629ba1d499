//! Facts about the steps of the ladder.

use super::{Fold, may_raise};
use crate::alert::{AlertFact, Climbed, LadderAct, Step};
use crate::author::PartyKind;
use crate::event::{FactId, Known, Reason};

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
        let may = match &step.does {
            LadderAct::Siren => author.kind == PartyKind::Household,
            LadderAct::Party { party } => *party == author.party,
            LadderAct::DutyDesk => author.kind == PartyKind::Centre,
            LadderAct::Contact { .. } | LadderAct::Neighbour | LadderAct::DialOut { .. } => {
                author.kind != PartyKind::Provider
            }
        };
        if !may {
            return Err(Reason::PartyMayNot);
        }
        self.view.climbed.push(Climbed {
            fact: known.id,
            step: step.clone(),
            node: author.node,
            party: author.party,
            kind: author.kind,
            at: known.fact.at,
            done: None,
        });
        Ok(())
    }

    pub(super) fn step_ended(
        &mut self,
        known: &Known<AlertFact>,
        climbed: FactId,
        done: bool,
    ) -> Result<(), Reason> {
        let begun = self.view.climbed.iter_mut().find(|begun| begun.fact == climbed);
        let begun = begun.ok_or(Reason::WrongReference)?;
        if begun.node != known.author.node {
            return Err(Reason::PartyMayNot);
        }
        begun.done = Some(begun.done.unwrap_or_default() || done);
        Ok(())
    }
}
