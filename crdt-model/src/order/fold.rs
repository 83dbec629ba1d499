//! The fold of an order's facts.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    Arbiter, Callback, Claim, Holder, OrderFact, OrderView, Request, Stage, WaitsFor, order_id,
};
use crate::attachment::{self, ATTACHMENTS_MAX, Attachment};
use crate::author::{Author, PartyId, PartyKind};
use crate::event::{Entry, FactId, Facts, Known, Reason};
use crate::standing::Offers;
use crate::{catalogue, private::Private};

/// What the fold knows besides the view.
struct Fold<'a> {
    view: OrderView,
    standing: &'a Offers,
    /// The offers that stand: to whom and under which standing offer.
    offers: BTreeMap<FactId, (PartyId, Option<FactId>)>,
    /// Parties whose offer was declined.
    declined: BTreeSet<FactId>,
    cancelled: bool,
}

pub(super) fn fold(id: Uuid, facts: &Facts<OrderFact>, standing: &Offers) -> OrderView {
    let view = OrderView {
        id,
        schema: facts.schema,
        stage: Stage::NotOpen,
        waits_for: WaitsFor::Nothing,
        opened: None,
        opened_at: None,
        request: None,
        arbiter: None,
        offers: Vec::new(),
        claims: Vec::new(),
        holder: None,
        lost: Vec::new(),
        started: None,
        done: None,
        done_at: None,
        callbacks: Vec::new(),
        attached: Vec::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    let mut fold = Fold {
        view,
        standing,
        offers: BTreeMap::new(),
        declined: BTreeSet::new(),
        cancelled: false,
    };
    for known in &facts.known {
        let verdict = fold.apply(known);
        fold.view.timeline.push(Entry::new(known, verdict));
    }
    fold.finish()
}

impl Fold<'_> {
    fn apply(&mut self, known: &Known<OrderFact>) -> Result<(), Reason> {
        match &known.fact.body {
            OrderFact::Opened { nonce, request, arbiter } => {
                self.opened(known, *nonce, request, *arbiter)
            }
            OrderFact::Offered { opened, to, under } => {
                self.arbiter_acts(known, *opened)?;
                self.offered(known, *to, *under)
            }
            OrderFact::Accepted { offer, price_fen } => self.accepted(known, *offer, *price_fen),
            OrderFact::Declined { offer, .. } => self.declined(known, *offer),
            OrderFact::Confirmed { claim } => self.confirmed(known, *claim),
            OrderFact::Withdrawn { confirmed, .. } => self.withdrawn(known, *confirmed),
            OrderFact::HandedOver { opened, to } => {
                self.arbiter_acts(known, *opened)?;
                self.handed_over(*to)
            }
            OrderFact::Started { confirmed } => self.started(known, *confirmed),
            OrderFact::Done { started, .. } => self.done(known, *started),
            OrderFact::CalledBack { done, rating, improvements } => {
                self.called_back(known, *done, *rating, improvements.as_ref())
            }
            OrderFact::Attached { opened, file } => self.attached(known, *opened, file),
            OrderFact::Detached { attached } => self.detached(known, *attached),
            OrderFact::Cancelled { opened, .. } => self.cancelled(known, *opened),
        }
    }

    fn opened(
        &mut self,
        known: &Known<OrderFact>,
        nonce: Uuid,
        request: &Request,
        arbiter: Arbiter,
    ) -> Result<(), Reason> {
        let author = &known.author;
        match author.kind {
            PartyKind::Centre | PartyKind::Station | PartyKind::Family => {}
            PartyKind::Household if request.household == author.party => {}
            PartyKind::Household
            | PartyKind::Provider
            | PartyKind::Regulator
            | PartyKind::Evaluator => return Err(Reason::PartyMayNot),
        }
        if order_id(author.node, nonce) != self.view.id {
            return Err(Reason::OtherDocument);
        }
        if self.view.opened.is_some() {
            return Err(Reason::AlreadyOpened);
        }
        if catalogue::service(&request.service).is_none() {
            return Err(Reason::OutOfRange);
        }
        may_arbitrate(&arbiter, request.household)?;
        self.view.opened = Some(known.id);
        self.view.opened_at = Some(known.fact.at);
        self.view.request = Some(request.clone());
        self.view.arbiter = Some(arbiter);
        Ok(())
    }

    /// Allows what only the arbiter may do, while the order is neither done nor cancelled.
    fn arbiter_acts(&self, known: &Known<OrderFact>, opened: FactId) -> Result<(), Reason> {
        self.open_at(opened)?;
        self.is_arbiter(&known.author)
    }

    fn is_arbiter(&self, author: &Author) -> Result<(), Reason> {
        if self.view.arbiter == Some(Arbiter::of(author)) {
            Ok(())
        } else {
            Err(Reason::NotArbiter)
        }
    }

    fn open_at(&self, opened: FactId) -> Result<(), Reason> {
        if self.view.opened != Some(opened) {
            return Err(Reason::WrongReference);
        }
        self.running()
    }

    fn running(&self) -> Result<(), Reason> {
        if self.view.opened.is_none() {
            Err(Reason::NotOpen)
        } else if self.cancelled {
            Err(Reason::Cancelled)
        } else if self.view.done.is_some() {
            Err(Reason::AlreadyDone)
        } else {
            Ok(())
        }
    }

    fn offered(
        &mut self,
        known: &Known<OrderFact>,
        to: PartyId,
        under: Option<FactId>,
    ) -> Result<(), Reason> {
        if self.by_household() {
            self.covered(known, to, under, 0)?;
        }
        self.offers.insert(known.id, (to, under));
        self.view.offers.push((known.id, to));
        Ok(())
    }

    fn by_household(&self) -> bool {
        self.view.arbiter.is_some_and(|a| a.kind == PartyKind::Household)
    }

    /// Checks that a standing offer covers what a hub does at the fact's time.
    fn covered(
        &self,
        known: &Known<OrderFact>,
        provider: PartyId,
        under: Option<FactId>,
        price_fen: u64,
    ) -> Result<(), Reason> {
        let request = self.view.request.as_ref().ok_or(Reason::NotOpen)?;
        let offer = under.and_then(|id| self.standing.get(id)).ok_or(Reason::NoStandingOffer)?;
        if !offer.covers(provider, &request.service, &request.addresses) {
            return Err(Reason::NoStandingOffer);
        }
        if known.fact.at > offer.ends || known.fact.at < offer.begins {
            return Err(Reason::OfferEnded);
        }
        if price_fen > offer.ceiling_fen { Err(Reason::OverCeiling) } else { Ok(()) }
    }

    fn accepted(
        &mut self,
        known: &Known<OrderFact>,
        offer: FactId,
        price_fen: u64,
    ) -> Result<(), Reason> {
        self.running()?;
        let provider = self.offer_to(&known.author, offer)?;
        let claim = Claim { fact: known.id, provider, price_fen, at: known.fact.at, offer };
        if self.declined.contains(&offer) || self.view.claims.iter().any(|c| c.offer == offer) {
            return Err(Reason::AlreadyDone);
        }
        self.view.claims.push(claim);
        match &self.view.holder {
            Some(holder) => {
                Err(Reason::HeldByOther { holder: holder.provider, by: holder.confirmed })
            }
            None => Ok(()),
        }
    }

    fn offer_to(&self, author: &Author, offer: FactId) -> Result<PartyId, Reason> {
        match author.kind {
            PartyKind::Provider | PartyKind::Station | PartyKind::Centre => {}
            PartyKind::Household
            | PartyKind::Family
            | PartyKind::Regulator
            | PartyKind::Evaluator => return Err(Reason::PartyMayNot),
        }
        let (to, _) = self.offers.get(&offer).ok_or(Reason::WrongReference)?;
        if *to == author.party { Ok(*to) } else { Err(Reason::PartyMayNot) }
    }

    fn declined(&mut self, known: &Known<OrderFact>, offer: FactId) -> Result<(), Reason> {
        self.running()?;
        let provider = self.offer_to(&known.author, offer)?;
        if self.view.holder.as_ref().is_some_and(|h| h.provider == provider) {
            return Err(Reason::AlreadyDone);
        }
        self.declined.insert(offer);
        self.view.claims.retain(|c| c.offer != offer);
        self.view.offers.retain(|(id, _)| *id != offer);
        Ok(())
    }

    fn confirmed(&mut self, known: &Known<OrderFact>, claim: FactId) -> Result<(), Reason> {
        self.running()?;
        self.is_arbiter(&known.author)?;
        let found = self.view.claims.iter().find(|c| c.fact == claim).cloned();
        let claim = found.ok_or(Reason::WrongReference)?;
        if let Some(holder) = &self.view.holder {
            return Err(Reason::HeldByOther { holder: holder.provider, by: holder.confirmed });
        }
        if self.by_household() {
            let under = self.offers.get(&claim.offer).and_then(|(_, under)| *under);
            self.covered(known, claim.provider, under, claim.price_fen)?;
        }
        self.view.holder = Some(Holder {
            confirmed: known.id,
            provider: claim.provider,
            price_fen: claim.price_fen,
            since: known.fact.at,
        });
        Ok(())
    }

    fn withdrawn(&mut self, known: &Known<OrderFact>, confirmed: FactId) -> Result<(), Reason> {
        self.running()?;
        self.is_arbiter(&known.author)?;
        let holder = self.view.holder.take_if(|h| h.confirmed == confirmed);
        let holder = holder.ok_or(Reason::WrongReference)?;
        self.view.claims.retain(|c| c.provider != holder.provider);
        self.view.offers.retain(|(_, to)| *to != holder.provider);
        self.offers.retain(|_, (to, _)| *to != holder.provider);
        self.view.started = None;
        Ok(())
    }

    fn handed_over(&mut self, to: Arbiter) -> Result<(), Reason> {
        let household = self.view.request.as_ref().ok_or(Reason::NotOpen)?.household;
        may_arbitrate(&to, household)?;
        self.view.arbiter = Some(to);
        Ok(())
    }

    fn holds(&self, author: &Author) -> Result<(), Reason> {
        match &self.view.holder {
            Some(holder) if holder.provider == author.party => Ok(()),
            Some(holder) => {
                Err(Reason::HeldByOther { holder: holder.provider, by: holder.confirmed })
            }
            None => Err(Reason::NotHolder),
        }
    }

    fn started(&mut self, known: &Known<OrderFact>, confirmed: FactId) -> Result<(), Reason> {
        self.running()?;
        self.holds(&known.author)?;
        if self.view.holder.as_ref().is_some_and(|h| h.confirmed != confirmed) {
            return Err(Reason::WrongReference);
        }
        if self.view.started.is_some() {
            return Err(Reason::AlreadyDone);
        }
        self.view.started = Some(known.id);
        Ok(())
    }

    fn done(&mut self, known: &Known<OrderFact>, started: FactId) -> Result<(), Reason> {
        self.running()?;
        self.holds(&known.author)?;
        if self.view.started != Some(started) {
            return Err(Reason::WrongReference);
        }
        self.view.done = Some(known.id);
        self.view.done_at = Some(known.fact.at);
        Ok(())
    }

    fn called_back(
        &mut self,
        known: &Known<OrderFact>,
        done: FactId,
        rating: u8,
        improvements: Option<&Private>,
    ) -> Result<(), Reason> {
        let author = &known.author;
        match author.kind {
            PartyKind::Provider => return Err(Reason::SatisfactionByProvider),
            PartyKind::Centre
            | PartyKind::Station
            | PartyKind::Household
            | PartyKind::Family
            | PartyKind::Evaluator => {}
            PartyKind::Regulator => return Err(Reason::PartyMayNot),
        }
        if self.view.holder.as_ref().is_some_and(|h| h.provider == author.party) {
            return Err(Reason::SatisfactionByProvider);
        }
        if author.person.is_none() {
            return Err(Reason::PersonNeeded);
        }
        if self.view.done != Some(done) {
            return Err(Reason::WrongReference);
        }
        if !(1..=5).contains(&rating) {
            return Err(Reason::OutOfRange);
        }
        self.view.callbacks.push(Callback {
            fact: known.id,
            at: known.fact.at,
            by: author.clone(),
            rating,
            improvements: improvements.cloned(),
        });
        Ok(())
    }

    /// Takes a file from the holder, whose proof it is, at any time after the confirmation; and from whoever may open
    /// an order.
    fn attached(
        &mut self,
        known: &Known<OrderFact>,
        opened: FactId,
        file: &Attachment,
    ) -> Result<(), Reason> {
        if self.view.opened != Some(opened) {
            return Err(Reason::WrongReference);
        }
        let author = &known.author;
        let proof = self.holds(author).is_ok();
        match author.kind {
            PartyKind::Centre | PartyKind::Station | PartyKind::Household | PartyKind::Family => {}
            PartyKind::Provider => self.holds(author)?,
            PartyKind::Regulator | PartyKind::Evaluator => return Err(Reason::PartyMayNot),
        }
        attachment::attach(&mut self.view.attached, known, file, proof, ATTACHMENTS_MAX)
    }

    /// Takes a file away for the party that attached it, and for the arbiter.
    fn detached(&mut self, known: &Known<OrderFact>, attached: FactId) -> Result<(), Reason> {
        let others = self.is_arbiter(&known.author);
        attachment::detach(&mut self.view.attached, known, attached, others)
    }

    fn cancelled(&mut self, known: &Known<OrderFact>, opened: FactId) -> Result<(), Reason> {
        self.open_at(opened)?;
        let request = self.view.request.as_ref().ok_or(Reason::NotOpen)?;
        let author = &known.author;
        let for_elder = match author.kind {
            PartyKind::Household => request.household == author.party,
            PartyKind::Family | PartyKind::Centre => true,
            PartyKind::Station
            | PartyKind::Provider
            | PartyKind::Regulator
            | PartyKind::Evaluator => false,
        };
        if !for_elder && self.is_arbiter(author).is_err() {
            return Err(Reason::PartyMayNot);
        }
        self.cancelled = true;
        Ok(())
    }

    fn finish(mut self) -> OrderView {
        if let Some(holder) = &self.view.holder {
            let holder = holder.provider;
            let lost: BTreeSet<PartyId> =
                self.view.claims.iter().map(|c| c.provider).filter(|p| *p != holder).collect();
            self.view.lost = lost.into_iter().collect();
        }
        self.view.stage = self.stage();
        self.view.waits_for = self.waits_for();
        self.view
    }

    fn stage(&self) -> Stage {
        let view = &self.view;
        if view.opened.is_none() {
            Stage::NotOpen
        } else if self.cancelled {
            Stage::Cancelled
        } else if !view.callbacks.is_empty() {
            Stage::CalledBack
        } else if view.done.is_some() {
            Stage::Done
        } else if view.started.is_some() {
            Stage::Started
        } else if view.holder.is_some() {
            Stage::Confirmed
        } else if !view.claims.is_empty() {
            Stage::Claimed
        } else if !view.offers.is_empty() {
            Stage::Offered
        } else {
            Stage::Open
        }
    }

    fn waits_for(&self) -> WaitsFor {
        match self.view.stage {
            Stage::Open if self.by_household() => {
                let request = self.view.request.as_ref();
                let covered =
                    request.is_some_and(|r| self.standing.any_for(&r.service, &r.addresses));
                if covered { WaitsFor::ArbiterToOffer } else { WaitsFor::StandingOffer }
            }
            Stage::Open => WaitsFor::ArbiterToOffer,
            Stage::Offered => WaitsFor::ProviderToAnswer,
            Stage::Claimed => WaitsFor::ArbiterToConfirm,
            Stage::Confirmed => WaitsFor::HolderToStart,
            Stage::Started => WaitsFor::HolderToFinish,
            Stage::Done => WaitsFor::Callback,
            Stage::NotOpen | Stage::CalledBack | Stage::Cancelled => WaitsFor::Nothing,
        }
    }
}

/// The centre arbitrates, or the hub of the household that the order is for.
fn may_arbitrate(arbiter: &Arbiter, household: PartyId) -> Result<(), Reason> {
    match arbiter.kind {
        PartyKind::Centre => Ok(()),
        PartyKind::Household if arbiter.party == household => Ok(()),
        PartyKind::Household
        | PartyKind::Station
        | PartyKind::Provider
        | PartyKind::Family
        | PartyKind::Regulator
        | PartyKind::Evaluator => Err(Reason::PartyMayNot),
    }
}
