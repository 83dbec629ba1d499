//! A prepared collision: two different sets of entries, of as many each, whose hashes have one exclusive or.
//!
//! Somebody who knows the secret of a connection can find such sets by elimination, and give one to each of its two
//! ends. They must notice all the same that they hold different things.

use std::collections::BTreeMap;

use linli_core::authority::Right;
use linli_core::identity::draw_signing_key;
use linli_replica::entry::Entry;
use linli_replica::fingerprint::Salt;
use linli_replica::frontier::Frontier;
use linli_replica::id::{DocTag, NodeId, SpaceTag};
use linli_replica::replica::Input;

use super::dice::Dice;
use super::town::Town;
use super::{Checked, broken};
use crate::neighbourhood::forge::Forger;
use crate::neighbourhood::grant;

/// One pair of entries more than a hash has bits: among so many some cancel out.
const PAIRS: usize = 257;

type Bits = [u64; 4];

/// An entry of a document that nobody reads, as a crooked member makes it.
fn entry_of(forger: &mut Forger, dice: &mut Dice) -> Entry {
    forger.log = draw_signing_key(&mut dice.0);
    (forger.sequence, forger.previous) = (1, Default::default());
    forger.write_raw(&mut dice.0, b"nothing")
}

fn hash(salt: &Salt, entry: &Entry) -> Bits {
    let header = entry.header();
    let digest = Frontier([(header.log, vec![entry.tip()])].into()).digest();
    let hash = salt.item(header.document.as_bytes(), &digest);
    let mut bits = [0; 4];
    for (limb, bytes) in bits.iter_mut().zip(hash.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    bits
}

fn join(one: Bits, other: Bits) -> Bits {
    let mut joined = one;
    joined.iter_mut().zip(other).for_each(|(limb, other)| *limb ^= other);
    joined
}

fn highest(bits: Bits) -> Option<usize> {
    (0..256).rev().find(|at| bits.get(at / 64).is_some_and(|limb| limb >> (at % 64) & 1 == 1))
}

/// Finds some of the rows that cancel out, by elimination over the field of two elements.
fn cancelling(rows: &[Bits]) -> Vec<usize> {
    let mut basis: BTreeMap<usize, (Bits, Vec<usize>)> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let (mut row, mut of) = (*row, vec![at]);
        while let Some(bit) = highest(row) {
            let Some((other, others)) = basis.get(&bit) else {
                basis.insert(bit, (row, std::mem::take(&mut of)));
                break;
            };
            row = join(row, *other);
            for index in others {
                match of.iter().position(|known| known == index) {
                    Some(known) => drop(of.remove(known)),
                    None => of.push(*index),
                }
            }
        }
        if highest(row).is_none() {
            return of;
        }
    }
    Vec::new()
}

/// Two members hold the same, are parted, and get a set each whose hashes cancel out under the secret of the next
/// connection between them.
pub(super) fn check(town: &mut Town, dice: &mut Dice) -> Checked {
    let inside: Vec<NodeId> = town
        .honest
        .iter()
        .copied()
        .filter(|id| !town.expelled.contains(&town.net.party(*id)))
        .collect();
    let [one, other, ..] = inside.as_slice() else { return Ok(()) };
    let (one, other) = (*one, *other);
    let party = town.net.party(other);
    let space = town.net.begin(one, vec![grant(party, Right::Write, true)]);
    town.net.isolate_all();
    town.net.connect(one, other);
    town.drain()?;
    if !town.net.node(other).core.is_member(&space) {
        return Ok(());
    }
    town.net.isolate_all();
    let secret = town.net.wire.next_secret();
    let [first, second] = sets(town, (one, space), &Salt::new(&secret), dice);
    for (id, entries) in [(one, &first), (other, &second)] {
        for entry in entries {
            town.net.inject(id, std::slice::from_ref(entry));
        }
        town.drain()?;
    }
    town.net.connect(one, other);
    town.drain()?;
    let documents = |town: &Town, id: NodeId| -> Vec<(DocTag, [u8; 32])> {
        town.net.node(id).replica.index().documents(&space).collect()
    };
    town.net.input(one, Input::Reconcile { peer: other });
    town.drain()?;
    town.counts.check("a prepared collision is seen", first.len() + second.len());
    let met = town.net.wire.is_connected(one, other);
    if !met || documents(town, one) == documents(town, other) {
        return Ok(());
    }
    let what = format!("{one:?} and {other:?} do not notice that {} entries differ", first.len());
    broken("a prepared collision is seen", what)
}

/// Makes the two sets.
fn sets(
    town: &mut Town,
    (one, space): (NodeId, SpaceTag),
    salt: &Salt,
    dice: &mut Dice,
) -> [Vec<Entry>; 2] {
    let mut pairs = Vec::with_capacity(PAIRS);
    for number in 0..PAIRS {
        let mut forger = town.net.forger(one, space, &format!("collision/{number}/a"));
        let first = entry_of(&mut forger, dice);
        let mut forger = town.net.forger(one, space, &format!("collision/{number}/b"));
        pairs.push((first, entry_of(&mut forger, dice)));
    }
    let rows: Vec<Bits> = pairs.iter().map(|(a, b)| join(hash(salt, a), hash(salt, b))).collect();
    let chosen = cancelling(&rows);
    debug_assert!(!chosen.is_empty());
    let taken = pairs.into_iter().enumerate().filter(|(at, _)| chosen.contains(at));
    let (first, second) = taken.map(|(_, pair)| pair).unzip();
    [first, second]
}
