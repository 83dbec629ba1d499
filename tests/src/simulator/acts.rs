//! What people do: one function each, in one table.

use automerge::ROOT;
use automerge::transaction::Transactable as _;
use linli_core::engine::Edit;
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag};

use super::courier;
use super::dice::Dice;
use super::model::View;
use super::rights;
use super::town::{Deed, Happened, Town, urgency_of};
use crate::neighbourhood::ENDS;

/// What people do, and how often.
pub(super) const ACTS: &[Deed] = &[
    Deed { name: "edit", weight: 24, act: edit },
    Deed { name: "edit by two at once", weight: 8, act: edit_apart },
    Deed { name: "order", weight: 18, act: order },
    Deed { name: "alert", weight: 8, act: alert },
    Deed { name: "acknowledgement", weight: 8, act: acknowledge },
    Deed { name: "bulk", weight: 4, act: bulk },
    Deed { name: "alert behind bulk", weight: 5, act: alert_behind_bulk },
    Deed { name: "grant", weight: 9, act: rights::grant },
    Deed { name: "revoke", weight: 8, act: rights::revoke },
    Deed { name: "leave", weight: 2, act: rights::leave },
    Deed { name: "rotate", weight: 4, act: rights::rotate },
    Deed { name: "expel", weight: 2, act: rights::expel },
    Deed { name: "take from the expelled", weight: 4, act: rights::take_from_expelled },
    Deed { name: "admit", weight: 4, act: rights::admit },
    Deed { name: "refuse", weight: 2, act: rights::refuse },
    Deed { name: "hand over", weight: 2, act: rights::hand_over },
    Deed { name: "recover", weight: 2, act: rights::recover },
    Deed { name: "erase", weight: 1, act: rights::erase },
    Deed { name: "begin a space", weight: 2, act: begin },
    Deed { name: "newcomer", weight: 1, act: newcomer },
    Deed { name: "another device", weight: 1, act: device },
    Deed { name: "courier", weight: 8, act: courier::carry },
    Deed { name: "look", weight: 4, act: look },
];

const FIELDS: [ProfileField; 4] =
    [ProfileField::Note, ProfileField::Address, ProfileField::Health, ProfileField::Interests];

impl Town {
    /// Has a node write a field.
    pub(super) fn write_field(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        name: &'static str,
        field: ProfileField,
    ) -> Happened {
        let knew = self.known(id, space);
        let value = self.value();
        let (urgency, isolated, person) = (Urgency::Normal, false, None);
        let what = Edit { space, name, urgency, isolated, person };
        let done = self.net.edit(id, what, |doc| profile::set(doc, field, &value));
        self.wrote(done.is_ok(), (id, space, name), value, (false, knew))
    }

    /// Has a node add a fact to an event document.
    pub(super) fn write_fact(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        name: &str,
        (urgency, padding): (Urgency, usize),
    ) -> Happened {
        let knew = self.known(id, space);
        let value = self.value();
        let (isolated, person) = (true, None);
        let what = Edit { space, name, urgency, isolated, person };
        let text = format!("{value}{}", " ".repeat(padding));
        let done = self.net.edit(id, what, |doc| doc.put(ROOT, value.clone(), text.as_str()));
        self.wrote(done.is_ok(), (id, space, name), text, (true, knew))
    }

    fn wrote(
        &mut self,
        done: bool,
        place: (NodeId, SpaceTag, &str),
        value: String,
        how: (bool, View),
    ) -> Happened {
        if !done {
            return Happened::Refused;
        }
        self.keep_fact(place, value, how);
        Happened::Done
    }
}

fn edit(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let name = if dice.once_in(4) { "card" } else { "profile" };
    let field = dice.pick(&FIELDS).unwrap_or(ProfileField::Note);
    town.write_field(id, space, name, field)
}

fn edit_apart(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(space) = dice.pick(&town.spaces) else { return Happened::Nothing };
    let field = dice.pick(&FIELDS).unwrap_or(ProfileField::Note);
    let members = town.members(space);
    let both = [dice.pick(&members), dice.pick(&members)];
    let done = both.into_iter().flatten().map(|id| town.write_field(id, space, "profile", field));
    done.last().unwrap_or(Happened::Nothing)
}

fn order(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let name = format!("order/{}", dice.below(3));
    town.write_fact(id, space, &name, (urgency_of(&name), 0))
}

fn alert(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let name = format!("alert/{}", dice.below(100));
    town.write_fact(id, space, &name, (urgency_of(&name), 0))
}

fn acknowledge(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let names: Vec<String> = town.net.space(id, space, |space| {
        let names = space.documents().map(|(_, name)| name.to_owned());
        names.filter(|name| name.starts_with("alert")).collect()
    });
    let Some(name) = names.get(dice.below(names.len())) else { return Happened::Nothing };
    town.write_fact(id, space, name, (urgency_of(name), 0))
}

fn bulk(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let bytes = 1_000 * (1 + dice.below(60));
    town.write_fact(id, space, "readings", (Urgency::Bulk, bytes))
}

/// One end of a connection writes much, then an alert; only the urgent lane still brings anything. The alert must
/// arrive.
fn alert_behind_bulk(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((from, space)) = town.somebody(dice) else { return Happened::Nothing };
    let members = town.members(space);
    let others: Vec<NodeId> = members.into_iter().filter(|id| *id != from).collect();
    let Some(to) = dice.pick(&others) else { return Happened::Nothing };
    town.net.connect(from, to);
    for _ in 0..600 {
        if !town.net.step() {
            break;
        }
    }
    let shares = town.net.node(from).replica.shared_with(&to).contains(&space);
    let ready = shares
        && town.net.wire.is_connected(from, to)
        && !town.net.wire.stalled.contains(&(from, to, Urgency::Urgent))
        && [from, to].map(|id| &town.net.node(id).disk).iter().all(|disk| !disk.is_busy());
    if !ready || town.net.failures > 0 {
        return Happened::Nothing;
    }
    for lane in [Urgency::Normal, Urgency::Bulk] {
        town.net.wire.stalled.insert((from, to, lane));
    }
    for _ in 0..6 {
        if town.write_fact(from, space, "readings", (Urgency::Bulk, 60_000)) != Happened::Done {
            return Happened::Refused;
        }
    }
    let name = format!("alert/behind-{}", town.facts.len());
    if town.write_fact(from, space, &name, (Urgency::Urgent, 0)) != Happened::Done {
        return Happened::Refused;
    }
    town.expect_alert(from, to, &name, space);
    Happened::Done
}

fn begin(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = dice.pick(&town.honest).filter(|_| town.spaces.len() < 6) else {
        return Happened::Nothing;
    };
    if town.expelled.contains(&town.net.party(id)) {
        return Happened::Nothing;
    }
    town.begin_space(id, dice);
    Happened::Done
}

fn newcomer(town: &mut Town, dice: &mut Dice) -> Happened {
    if town.honest.len() >= 8 {
        return Happened::Nothing;
    }
    let kinds = [PartyKind::Family, PartyKind::Provider, PartyKind::Household];
    let id = town.net.join(dice.pick(&kinds).unwrap_or(PartyKind::Family));
    town.honest.push(id);
    Happened::Done
}

fn device(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(of) = dice.pick(&town.honest).filter(|_| town.honest.len() < 8) else {
        return Happened::Nothing;
    };
    let party = town.net.party(of);
    if town.expelled.contains(&party) {
        return Happened::Nothing;
    }
    let id = town.net.join_node(party, ENDS);
    town.honest.push(id);
    Happened::Done
}

/// Somebody looks at all that they may read.
fn look(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    match town.net.views(id, space) {
        Ok(_) => Happened::Done,
        Err(_) => Happened::Refused,
    }
}
