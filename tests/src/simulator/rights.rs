//! What people do about who may write and read.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, HandOver, Owner, Right};
use linli_core::document::Withheld;
use linli_core::engine::{Arrival, CoreError, prove, splits, wanted};
use linli_core::recovery::{Request, Words};
use linli_replica::id::{EntryId, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::replica::Input;

use super::dice::Dice;
use super::town::{Happened, Town};
use crate::neighbourhood::{Neighbourhood, grant as granted};

impl Town {
    /// Has a node sign something in a space; `removed` is whom it takes something from.
    pub(super) fn sign(
        &mut self,
        (id, space): (NodeId, SpaceTag),
        removed: Option<PartyId>,
        act: impl FnOnce(&mut Neighbourhood) -> Result<(), CoreError>,
    ) -> Happened {
        let knew = self.known(id, space);
        let extent = removed.map(|party| self.extent(id, space, party)).unwrap_or_default();
        match act(&mut self.net) {
            Ok(()) => {
                self.learn(space, knew, &extent);
                Happened::Done
            }
            Err(_) => Happened::Refused,
        }
    }

    fn party_in(&mut self, dice: &mut Dice) -> Option<PartyId> {
        let all: Vec<NodeId> = self.honest.iter().chain(&self.crooks).copied().collect();
        let id = dice.pick(&all)?;
        self.place.push_str(&format!(" concerning {id:?}"));
        Some(self.net.party(id))
    }
}

pub(super) fn grant(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some((id, space)), Some(party)) = (town.somebody(dice), town.party_in(dice)) else {
        return Happened::Nothing;
    };
    let rights = [Right::Carry, Right::Read, Right::Write, Right::Write, Right::Steward];
    let right = dice.pick(&rights).unwrap_or(Right::Read);
    let crooked = town.crooks.iter().any(|crook| town.net.party(*crook) == party);
    let right = if crooked { right.min(Right::Write) } else { right };
    let days = u64::try_from(1 + dice.below(60)).unwrap_or(1);
    let ends = dice.once_in(5).then(|| Timestamp(town.net.now.0 + days * 24 * 3_600_000));
    let history = dice.below(3) > 0 || (town.ledger.on && dice.below(4) > 0);
    let new = Grant { ends, ..granted(party, right, history) };
    town.sign((id, space), None, |net| net.grant(id, space, new))
}

pub(super) fn revoke(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some((id, space)), Some(party)) = (town.somebody(dice), town.party_in(dice)) else {
        return Happened::Nothing;
    };
    if party == town.net.party(id) || !town.net.members(id, space).contains(&party) {
        return Happened::Nothing;
    }
    let grants = town.net.grants(id, space, party);
    let single = dice.once_in(3).then(|| grants.get(dice.below(grants.len()))).flatten();
    match single.map(|grant| BTreeSet::from([grant.id])) {
        Some(ids) => town.sign((id, space), Some(party), |net| net.revoke_grants(id, space, &ids)),
        None => town.sign((id, space), Some(party), |net| net.revoke(id, space, party)),
    }
}

/// Somebody gives up their own rights.
pub(super) fn leave(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let party = town.net.party(id);
    town.sign((id, space), None, |net| net.revoke(id, space, party))
}

pub(super) fn rotate(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    town.sign((id, space), None, |net| net.rotate(id, space))
}

/// Officers put a party out; one node learns of it first.
pub(super) fn expel(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some(party), Some(at)) = (town.party_in(dice), dice.pick(&town.honest)) else {
        return Happened::Nothing;
    };
    let own = town.net.party(at);
    if town.expelled.len() >= 2 || party == own || town.expelled.contains(&own) {
        return Happened::Nothing;
    }
    let expelled = town.net.community.expel(party);
    town.net.certify(at, vec![expelled]);
    town.expelled.insert(party);
    Happened::Done
}

/// A steward takes everything from those of whom it knows that they were expelled.
pub(super) fn take_from_expelled(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let directory = town.net.node(id).replica.directory();
    let out = |party: &&PartyId| directory.party(party).is_some_and(|known| known.expelled);
    let out: Vec<PartyId> = town.expelled.iter().filter(out).copied().collect();
    let Some(party) = dice.pick(&out).filter(|p| town.net.members(id, space).contains(p)) else {
        return Happened::Nothing;
    };
    let due = [(space, [party].into())].into();
    town.sign((id, space), Some(party), |net| {
        let failed = net.renew(id, &due)?;
        if failed.is_empty() { Ok(()) } else { Err(CoreError::Forbidden(Right::Steward)) }
    })
}

pub(super) fn admit(town: &mut Town, dice: &mut Dice) -> Happened {
    judge(town, dice, true)
}

pub(super) fn refuse(town: &mut Town, dice: &mut Dice) -> Happened {
    judge(town, dice, false)
}

/// A steward judges one entry that is held back.
fn judge(town: &mut Town, dice: &mut Dice, lets: bool) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let Ok(views) = town.net.views(id, space) else { return Happened::Nothing };
    let judged = |reason| matches!(reason, Withheld::PastCut | Withheld::Ended | Withheld::Forked);
    let withheld = views.values().flat_map(|view| &view.withheld);
    let held: Vec<EntryId> =
        withheld.filter(|held| judged(held.reason)).map(|held| held.entry).collect();
    let Some(entry) = dice.pick(&held) else { return Happened::Nothing };
    town.sign((id, space), None, |net| net.judge(id, space, &[entry], lets))
}

/// A space becomes somebody else's, once.
pub(super) fn hand_over(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some((id, space)), Some(to)) = (town.somebody(dice), dice.pick(&town.honest)) else {
        return Happened::Nothing;
    };
    let to = town.net.party(to);
    let own = Some(Owner::Party(town.net.party(id)));
    let owner = town.net.owner(id, space);
    let may = owner == own || owner == Some(Owner::Community);
    if !may || owner == Some(Owner::Party(to)) || town.expelled.contains(&to) {
        return Happened::Nothing;
    }
    if !town.handed.insert(space) {
        return Happened::Nothing;
    }
    let over = HandOver { to: Owner::Party(to), steward: None };
    town.sign((id, space), None, |net| {
        let signed = net.signed_hand_over(id, space, over)?;
        net.complete_hand_over(id, space, signed)
    })
}

/// Officers open a space for a node that holds it and has no key of it.
pub(super) fn recover(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some(space), Some(at)) = (dice.pick(&town.spaces), dice.pick(&town.honest)) else {
        return Happened::Nothing;
    };
    if !town.net.node(at).replica.index().has_space(&space) {
        town.net.input(at, Input::Want(space));
        return Happened::Nothing;
    }
    let opened = open_recovered(town, at, space, dice);
    if opened.is_some() {
        town.recovered.insert((space, town.net.party(at)));
    }
    opened.map_or(Happened::Refused, |()| Happened::Done)
}

fn open_recovered(town: &mut Town, at: NodeId, space: SpaceTag, dice: &mut Dice) -> Option<()> {
    let now = town.net.now;
    let mut request = town.net.node_mut(at).with_core(now, |core, world, _| {
        let wanted = wanted(world, space, splits(world, space).ok()?);
        let words = Words { reason: "the hub burnt".into(), ..Words::default() };
        let key = core.signing_key().clone();
        Request::new(&key, world.directory, (space, words), wanted, (world.now, false)).ok()
    })?;
    for officer in town.net.community.officers().to_vec() {
        request.answer(&mut dice.0, &officer, now).ok()?;
    }
    let node = town.net.node_mut(at);
    let clock = node.clock(now);
    let opened = request.open((at, node.core.seal_key()), node.replica.directory(), clock).ok()?;
    let proved = node.with_core(now, |_, world, _| prove(world, space, &opened)).ok()?.ok()?;
    let record = request.record();
    let act = town.net.act(at, |core, world, rng| {
        let arrival: Arrival = core.open_recovered(world, rng, proved, &record)?;
        Ok::<_, CoreError>(arrival.authored)
    });
    act.ok()
}

/// A steward has a space destroyed everywhere.
pub(super) fn erase(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice).filter(|_| town.spaces.len() > 1) else {
        return Happened::Nothing;
    };
    match town.net.order_erasure(id, space, None) {
        Ok(()) => {
            town.erased.insert(space);
            town.spaces.retain(|other| *other != space);
            Happened::Done
        }
        Err(_) => Happened::Refused,
    }
}
