//! Stewards sign for checkpoints, and what both signed for orders carriers to prune.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use linli_model::document::{DocumentName, Kind};
use linli_replica::entry::{Urgency, VerifiedPage};
use linli_replica::id::{DocTag, EntryId, LogKey, PruneId, SpaceTag};
use linli_replica::limits::{PRUNE_DELAY_MS, PRUNE_WITHDRAWN_MAX};
use linli_replica::prune::{Cut, Order, Terms, document_tag};
use rand_core::CryptoRng;

use super::checkpoint::is_open_to_all;
use super::draft::Draft;
use super::unfounded::flaw;
use super::{Authored, Core, CoreError, World};
use crate::authority::{Act, Agreement, Prune, Right};
use crate::checkpoint::{Checkpoint, Finding};
use crate::seal::{Place, order_page};
use crate::space::Space;

/// What one withdrawal takes back at most: junk that names a checkpoint costs its writer as much.
const WITHDRAWN_AT_ONCE_MAX: usize = 64;

impl Checkpoint {
    /// Returns what a signature for it names.
    #[must_use]
    pub fn terms(&self, document: DocTag) -> Prune {
        let Self { log, first, last, entry, .. } = *self;
        Prune { document, log, first, last, entry, hash: self.manifest.hash }
    }
}

impl Core {
    /// Signs for the checkpoint of a document that reaches furthest of those that agree with all that is held
    /// here. None where there is none, it is signed for already, or the document is one that is not pruned.
    ///
    /// # Errors
    /// As [`Core::checkpoint`].
    pub fn agree(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Option<Authored>, CoreError> {
        if !self.may_be_pruned(world, tag, document)? {
            return Ok(None);
        }
        let found = self.checkpoints(world, tag, document)?;
        let sound = found.iter().rfind(|found| found.finding == Finding::Agrees);
        let Some(prune) = sound.map(|found| found.terms(document)) else { return Ok(None) };
        let party = self.party;
        let signed = self.space_mut(world.directory, tag)?.state().agreements.get(&prune);
        if signed.is_some_and(|signed| signed.parties.contains(&party)) {
            return Ok(None);
        }
        self.sign_alone(world, rng, tag, vec![Act::Prune(prune)]).map(Some)
    }

    /// Takes back all that was signed for a checkpoint, and the orders that rest on it where this node keeps the key
    /// that gives them. None where nobody has signed for it.
    ///
    /// What was signed names the document, the log and the bytes beside the checkpoint's last part: of several that
    /// name this part those go first for which an agreement stands, then those that most have signed for.
    ///
    /// # Errors
    /// This party is no steward there.
    pub fn withdraw(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        checkpoint: EntryId,
    ) -> Result<Option<Authored>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let agreements = space.state().agreements.iter();
        let mut signed: Vec<(&Prune, &Agreement)> =
            agreements.filter(|(prune, of)| prune.entry == checkpoint && of.is_signed()).collect();
        signed.sort_by_key(|(_, of)| Reverse((of.stands(), of.parties.len())));
        let acts = signed.into_iter().take(WITHDRAWN_AT_ONCE_MAX);
        let acts: Vec<Act> = acts.map(|(prune, _)| Act::Withdraw(*prune)).collect();
        if acts.is_empty() {
            return Ok(None);
        }
        self.sign_alone(world, rng, tag, acts).map(Some)
    }

    fn sign_alone(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        acts: Vec<Act>,
    ) -> Result<Authored, CoreError> {
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            for act in acts {
                let certificate = core.act(world, tag, act)?;
                core.publish(&mut draft, rng, tag, vec![certificate])?;
            }
            core.withdraw_orders(&mut draft, tag)?;
            core.open.clear();
            core.published(draft, rng, tag)
        })
    }

    /// Orders carriers to prune a document by the checkpoint that reaches furthest of those that agree with what is
    /// held here and that stewards of this time have agreed on. None where there is none, or it was ordered.
    ///
    /// # Errors
    /// As [`Core::checkpoint`]; the key that orders it is kept at another node, or the order is not one that
    /// receivers would take.
    pub fn order_pruning(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Option<Authored>, CoreError> {
        if !self.may_be_pruned(world, tag, document)? {
            return Ok(None);
        }
        let found = self.checkpoints(world, tag, document)?;
        let standing = self.prune_orders(world, tag, document)?;
        let space = self.space_mut(world.directory, tag)?;
        let stewards = space.stewards(world.directory, world.now);
        let agreed = |found: &&Checkpoint| {
            found.finding == Finding::Agrees
                && space.state().is_agreed(&found.terms(document), &stewards)
        };
        let Some(found) = found.iter().rfind(agreed) else { return Ok(None) };
        let terms = found.terms(document);
        if standing.iter().any(|order| is_by(order, &terms)) {
            return Ok(None);
        }
        let began = space.began_by().ok_or(CoreError::NoSuchSpace)?;
        space.carrier_key().ok_or(CoreError::NoCarrierKey(began))?;
        let mut draft = Draft::new(world);
        self.order(&mut draft, tag, document, |order| {
            order.cuts = cuts(found);
            let Prune { log, first, last, entry, .. } = terms;
            order.checkpoint = Some(linli_replica::prune::Checkpoint { log, first, last, entry });
        })?;
        let mut authored = Authored::default();
        self.finish(draft, rng, &mut authored)?;
        Ok(Some(authored))
    }

    /// Lists the documents of a space about which stewards of this time have agreed on checkpoints that were not ordered, with
    /// these, where this node keeps the key that orders it. Whether they agree with what is held here is not looked at, nor
    /// whether one that reaches further was ordered.
    ///
    /// # Errors
    /// There is no such space; the store cannot be read.
    pub fn agreed_unordered(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<BTreeMap<DocTag, BTreeSet<Prune>>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let mut unordered: BTreeMap<DocTag, BTreeSet<Prune>> = BTreeMap::new();
        if space.carrier_key().is_none() {
            return Ok(unordered);
        }
        let (state, stewards) = (space.state(), space.stewards(world.directory, world.now));
        for prune in state.agreements.keys() {
            if state.is_agreed(prune, &stewards) && is_prunable(space, &prune.document) {
                unordered.entry(prune.document).or_default().insert(*prune);
            }
        }
        for (document, agreed) in &mut unordered {
            let orders = self.prune_orders(world, tag, *document)?;
            agreed.retain(|prune| !orders.iter().any(|order| is_by(order, prune)));
        }
        unordered.retain(|_, agreed| !agreed.is_empty());
        Ok(unordered)
    }

    /// Lists the orders to prune a document that are held and that none which is held withdraws.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn prune_orders(
        &self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Vec<Order>, CoreError> {
        let mut orders = Vec::new();
        for id in world.index.orders(&tag, &document).collect::<Vec<_>>() {
            orders.extend(world.index.order(&tag, &document, &id, world.held)?);
        }
        orders.retain(|order| {
            order.terms().checkpoint.is_some()
                && !world.index.is_withdrawn(&tag, &document, &order.id())
        });
        Ok(orders)
    }

    /// Finds what stands for the beginning of a log of which carriers may drop it: the checkpoint that reaches furthest there, of
    /// those that stewards agree on, that are here whole and that contradict nothing held here, and up to which entry of the
    /// log. Work, as [`Core::checkpoints`] is.
    ///
    /// # Errors
    /// As [`Core::checkpoints`].
    pub fn stands_for(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
        log: &LogKey,
    ) -> Result<Option<(Prune, u64)>, CoreError> {
        let found = self.checkpoints(world, tag, document)?;
        let agreements = &self.space_mut(world.directory, tag)?.state().agreements;
        // Of one that is not whole here nothing was compared.
        let sound =
            found.iter().filter(|of| matches!(of.finding, Finding::Agrees | Finding::Unknown(_)));
        let standing = sound.filter_map(|found| {
            let prune = found.terms(document);
            agreements.get(&prune).filter(|agreement| agreement.stands())?;
            let upto = found.manifest.frontier.iter().find(|upto| upto.log == *log)?;
            Some((prune, upto.sequence))
        });
        Ok(standing.max_by_key(|(_, upto)| *upto))
    }

    /// Withdraws the orders to prune in a space that rest on nothing, where this node keeps the key that gives them. Who ended or was expelled since leaves them as they are, and so does everybody once they
    /// are due: carriers have carried them out, and hand on what is left by them.
    pub(super) fn withdraw_orders(
        &mut self,
        draft: &mut Draft<'_>,
        tag: SpaceTag,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let space = self.space_mut(world.directory, tag)?;
        if space.carrier_key().is_none() {
            return Ok(());
        }
        for document in world.index.ordered(&tag) {
            let orders = self.prune_orders(world, tag, document)?;
            let space = self.space_mut(world.directory, tag)?;
            let undue = |order: &&Order| world.now < order.terms().at.plus_ms(PRUNE_DELAY_MS);
            let mut fallen: Vec<PruneId> = Vec::new();
            for order in orders.iter().filter(undue) {
                fallen.extend(flaw(world, space, order)?.map(|_| order.id()));
            }
            fallen.sort();
            for some in fallen.chunks(PRUNE_WITHDRAWN_MAX) {
                self.order(draft, tag, document, |order| order.withdraws = some.to_vec())?;
            }
        }
        Ok(())
    }

    /// Writes an order about a document into the space's prune document, once it is one by what receivers ask.
    fn order(
        &mut self,
        draft: &mut Draft<'_>,
        tag: SpaceTag,
        document: DocTag,
        say: impl FnOnce(&mut Terms),
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let community = world.directory.community();
        let space = self.space_mut(world.directory, tag)?;
        let Some(key) = space.carrier_key() else { return Ok(()) };
        let mut terms = Terms {
            community,
            space: space.id().0.into(),
            carrier_key: key.verifying_key().to_bytes().into(),
            document,
            cuts: Vec::new(),
            checkpoint: None,
            withdraws: Vec::new(),
            at: world.now,
        };
        say(&mut terms);
        let (stands_in, log_key) = (document_tag(&tag), space.log_key());
        let written = self.written(stands_in, &log_key);
        let (sequence, previous) = draft.place(stands_in, &log_key, written)?;
        let place = Place {
            space: tag,
            document: stands_in,
            log_key: &log_key,
            sequence,
            previous,
            urgency: Urgency::Normal,
        };
        let page: VerifiedPage = order_page(&place, &terms.sign(&key))?;
        for entry in page.entries() {
            Order::of_entry(entry, community)?;
        }
        draft.push(page);
        Ok(())
    }

    /// Says whether a document may be pruned: those of facts never are, for what is to be done rests on them for
    /// years.
    fn may_be_pruned(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<bool, CoreError> {
        let party = self.party;
        let space = self.space_mut(world.directory, tag)?;
        if space.state().right(&party, world.now) < Some(Right::Steward) {
            return Err(CoreError::Forbidden(Right::Steward));
        }
        if !is_open_to_all(world, space) {
            return Err(CoreError::NotForAll);
        }
        Ok(is_prunable(space, &document))
    }
}

/// Says whether a document is one that may be pruned: those of facts are not, nor those whose name is not known.
pub(super) fn is_prunable(space: &Space, document: &DocTag) -> bool {
    is_of_facts(space, document) == Some(false)
}

/// Says whether a document is one of facts, as certificates are; none where its name is not known, or is of no kind that is.
pub(super) fn is_of_facts(space: &Space, document: &DocTag) -> Option<bool> {
    names_facts(space.name_of(document)?)
}

fn names_facts(name: &str) -> Option<bool> {
    let kind = DocumentName::of_elder(name).ok()?.kind();
    Some(kind.is_event() || kind == Kind::Authority)
}

/// Where each log is cut: the last entry that a checkpoint stands for stays, so that every log keeps one.
fn cuts(found: &Checkpoint) -> Vec<Cut> {
    let frontier = found.manifest.frontier.iter().filter(|upto| upto.sequence > 1);
    frontier.map(|upto| Cut { log: upto.log, sequence: upto.sequence, entry: upto.entry }).collect()
}

/// Says whether an order rests on a checkpoint.
pub(super) fn is_by(order: &Order, prune: &Prune) -> bool {
    order.terms().document == prune.document
        && order.terms().checkpoint.is_some_and(|checkpoint| {
            let of = (checkpoint.log, checkpoint.first, checkpoint.last, checkpoint.entry);
            of == (prune.log, prune.first, prune.last, prune.entry)
        })
}

#[cfg(test)]
mod tests {
    use linli_model::card::SheetId;

    use super::*;

    const ID: &str = "018f3d3e-0000-7000-8000-000000000001";

    /// Whether a document is one of facts, and which comes next: whoever adds one decides here.
    fn decided(name: &DocumentName) -> (bool, Option<DocumentName>) {
        use DocumentName as Name;
        let (facts, next) = match name {
            Name::Profile => (false, Name::EmergencyCard),
            Name::EmergencyCard => (false, Name::CardSheet(SheetId([7; 32]))),
            Name::CardSheet(_) => (false, Name::Readings("2024-01".parse().unwrap())),
            Name::Readings(_) => (false, Name::Ladders),
            Name::Ladders => (false, Name::Order(ID.parse().unwrap())),
            Name::Order(_) => (true, Name::Alert(ID.parse().unwrap())),
            Name::Alert(_) => (true, Name::Joins),
            Name::Joins => (true, Name::Offers),
            Name::Offers => (true, Name::Consents),
            Name::Consents => (true, Name::Contacts),
            Name::Contacts => (true, Name::Checks),
            Name::Checks => (true, Name::Files),
            Name::Files => (true, Name::Sensors),
            Name::Sensors => (true, Name::Rules),
            Name::Rules => (true, Name::Plan(ID.parse().unwrap())),
            Name::Plan(_) => (true, Name::Authority),
            Name::Authority => return (true, None),
        };
        (facts, Some(next))
    }

    #[test]
    fn what_may_be_pruned_is_decided_for_every_name_as_it_is_written() {
        let elder = ID;
        let (mut next, mut looked_at) = (Some(DocumentName::Profile), 0);
        while let Some(name) = next {
            let facts;
            (facts, next) = decided(&name);
            for written in [name.to_string(), format!("{elder}/{name}")] {
                assert_eq!(names_facts(&written), Some(facts), "{written}");
            }
            looked_at += 1;
        }
        assert_eq!(looked_at, 17);
        for unknown in [format!("{elder}/photo/1"), "later".to_owned(), String::new()] {
            assert_eq!(names_facts(&unknown), None, "{unknown}");
        }
    }
}
