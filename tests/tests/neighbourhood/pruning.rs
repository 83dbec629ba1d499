//! Stewards agree on a checkpoint, carriers drop what it stands for, and whoever comes later reads it from there.

use std::collections::BTreeSet;

use linli_core::authority::{Act, Right};
use linli_core::checkpoint::Finding;
use linli_core::document::Withheld;
use linli_core::engine::{Authored, Core, CoreError, World};
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EntryId, NodeId, PartyId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, View, grant};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

#[path = "pruning/edges.rs"]
mod edges;

const PROFILE: &str = "profile";
const HOUR_MS: u64 = 3_600_000;
const YEAR_HOURS: u64 = 366 * 24;
const DELAY_HOURS: u64 = 90 * 24 + 2;

/// A household that owns a space, a centre that is a steward, a family that writes, somebody who comes late, and a
/// carrier.
struct Town {
    net: Neighbourhood,
    a: NodeId,
    b: NodeId,
    c: NodeId,
    late: NodeId,
    carrier: NodeId,
    space: SpaceTag,
}

impl Town {
    fn new(seed: u64) -> Self {
        let mut net = Neighbourhood::new(seed);
        net.prunes = true;
        let kinds = [
            PartyKind::Household,
            PartyKind::Centre,
            PartyKind::Family,
            PartyKind::Station,
            PartyKind::Carrier,
        ];
        let [a, b, c, late, carrier] = kinds.map(|kind| net.join(kind));
        let rights = [(b, Right::Steward), (c, Right::Write)];
        let grants = rights.map(|(id, right)| grant(net.party(id), right, true));
        let space = net.begin(a, grants.to_vec());
        let mut town = Self { net, a, b, c, late, carrier, space };
        town.net.heal();
        for round in 0..4 {
            town.write(&format!("early {round}"));
        }
        town
    }

    /// Everybody who writes notes something, one after the other.
    fn write(&mut self, what: &str) {
        for id in [self.a, self.b, self.c] {
            self.net.set(id, self.space, ProfileField::Note, &format!("{what} by {id:?}")).unwrap();
            self.net.settle();
        }
    }

    fn document(&mut self) -> DocTag {
        self.net.space(self.a, self.space, |space| space.document(PROFILE))
    }

    /// Lets a node do something about the profile; says whether it wrote anything.
    fn asks(
        &mut self,
        id: NodeId,
        act: impl FnOnce(
            &mut Core,
            World<'_>,
            &mut ChaCha8Rng,
            SpaceTag,
            DocTag,
        ) -> Result<Option<Authored>, CoreError>,
    ) -> Result<bool, CoreError> {
        let (space, document, mut wrote) = (self.space, self.document(), false);
        self.net.act(id, |core, world, rng| {
            let authored = act(core, world, rng, space, document)?;
            wrote = authored.is_some();
            Ok::<_, CoreError>(authored.unwrap_or_default())
        })?;
        self.net.settle();
        Ok(wrote)
    }

    fn makes(&mut self, id: NodeId) -> bool {
        self.asks(id, |core, world, rng, space, of| core.checkpoint(world, rng, space, of)).unwrap()
    }

    fn agrees(&mut self, id: NodeId) -> bool {
        self.asks(id, |core, world, rng, space, of| core.agree(world, rng, space, of)).unwrap()
    }

    fn orders(&mut self, id: NodeId) -> Result<bool, CoreError> {
        self.asks(id, |core, world, rng, space, of| core.order_pruning(world, rng, space, of))
    }

    fn takes_back(&mut self, id: NodeId, of: EntryId) -> bool {
        self.asks(id, |core, world, rng, space, _| core.withdraw(world, rng, space, of)).unwrap()
    }

    /// What a node wrote to the profile, in sequence.
    fn written(&mut self, id: NodeId) -> Vec<Entry> {
        let log = self.net.forger(id, self.space, PROFILE).log_id();
        let document = self.document();
        let mut entries = self.net.entries(id, self.space);
        entries.retain(|e| e.header().document == document && e.header().log == log);
        entries.sort_by_key(|entry| entry.header().sequence);
        entries
    }

    /// How many orders stand at a node.
    fn standing(&mut self, id: NodeId) -> usize {
        let mut count = 0;
        self.asks(id, |core, world, _, space, document| {
            count = core.prune_orders(world, space, document)?.len();
            Ok(None)
        })
        .unwrap();
        count
    }

    /// The checkpoint that reaches furthest, with what a node found.
    fn furthest(&mut self, id: NodeId) -> (EntryId, Finding) {
        let found = self.net.checkpoints(id, self.space, PROFILE);
        found.last().map(|found| (found.entry, found.finding)).unwrap()
    }

    /// Whether an order may be written, and whether what was pruned is shown.
    fn is_agreed(&mut self, id: NodeId) -> (bool, bool) {
        let document = self.document();
        let (entry, now) = (self.furthest(self.a).0, self.net.now);
        let directory = self.net.node(id).replica.directory().clone();
        self.net.space(id, self.space, |space| {
            let stewards = space.stewards(&directory, now);
            let mut all = space.state().agreements.iter();
            let of = all.find(|(prune, _)| prune.entry == entry && prune.document == document);
            of.map_or((false, false), |(prune, agreement)| {
                (space.state().is_agreed(prune, &stewards), agreement.stands())
            })
        })
    }

    /// Both stewards agree on a checkpoint, and the household orders it.
    fn agree(&mut self) {
        self.agree_on_one_by(self.b);
    }

    fn agree_on_one_by(&mut self, by: NodeId) {
        assert!(self.makes(by));
        assert!(self.agrees(self.b) && self.agrees(self.a));
        assert!(!self.agrees(self.a), "once is enough");
        assert_eq!(self.orders(self.a), Ok(true));
        assert_eq!(self.orders(self.a), Ok(false), "it was ordered");
    }

    fn pass(&mut self, hours: u64) {
        self.net.isolate_all();
        for _ in 0..hours {
            self.net.tick(HOUR_MS);
            self.net.drain();
        }
    }

    /// How many logs of the profile begin late at a node.
    fn bases(&mut self, id: NodeId) -> usize {
        let document = self.document();
        self.net.node(id).replica.index().bases(&document).count()
    }

    /// Everybody but the carrier is off.
    fn meets_the_carrier(&mut self, id: NodeId) {
        self.net.isolate_all();
        self.net.connect(id, self.carrier);
        self.net.settle();
        self.net.input(id, linli_replica::replica::Input::Reconcile { peer: self.carrier });
        self.net.settle();
    }

    fn view(&mut self, id: NodeId) -> View {
        self.net.view(id, self.space, PROFILE).unwrap()
    }

    /// By whom a note is shown that begins like this, and on whose word.
    fn attested(&mut self, id: NodeId) -> BTreeSet<PartyId> {
        let authors = self.net.with_document(id, self.space, PROFILE, |doc, authors| {
            use linli_model::author::Authors as _;
            let changes = doc.get_changes(&[]);
            let by = changes.iter().filter_map(|change| {
                Some(
                    authors.author(change.actor_id(), change.start_op().get())?.attested_by.clone(),
                )
            });
            by.flatten().map(|party| PartyId(party.0)).collect()
        });
        authors.unwrap()
    }

    /// The same to whoever reads it, but for the marks of what is attested.
    fn shows_the_same(&mut self, one: NodeId, other: NodeId) {
        let (one, other) = (self.view(one), self.view(other));
        assert_eq!(one.heads, other.heads);
        assert_eq!(one.changes, other.changes);
        assert_eq!(one.withheld, other.withheld);
        assert_eq!(unmarked(&one.canonical), unmarked(&other.canonical));
    }
}

fn unmarked(canonical: &[u8]) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.remove("attested_by");
                fields.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {}
        }
    }
    let mut value = serde_json::from_slice(canonical).unwrap();
    strip(&mut value);
    value
}

/// The carrier has pruned; what was written since lies after it. The family has been away since the beginning.
fn pruned(seed: u64) -> Town {
    let mut town = Town::new(seed);
    town.net.isolate(town.c);
    town.net.isolate(town.late);
    for round in 0..6 {
        for id in [town.a, town.b] {
            town.net
                .set(id, town.space, ProfileField::Health, &format!("{round} by {id:?}"))
                .unwrap();
            town.net.settle();
        }
    }
    town.agree();
    for id in [town.a, town.b] {
        town.net.set(id, town.space, ProfileField::Name, &format!("Li by {id:?}")).unwrap();
        town.net.settle();
    }
    let late = grant(town.net.party(town.late), Right::Write, true);
    town.net.grant(town.a, town.space, late).unwrap();
    town.net.settle();
    town.pass(DELAY_HOURS);
    assert_eq!(town.bases(town.carrier), 3, "it has pruned");
    town
}

#[test]
fn who_was_away_for_a_year_and_who_is_new_read_from_a_carrier_that_pruned() {
    let mut town = pruned(400);
    town.pass(YEAR_HOURS - DELAY_HOURS);
    let both = BTreeSet::from([town.a, town.b].map(|id| town.net.party(id)));
    // Whoever comes second sees what the first one wrote meanwhile.
    for (id, like) in [(town.c, town.a), (town.late, town.c)] {
        town.meets_the_carrier(id);
        assert!(town.bases(id) > 0, "it was sent the end only");
        town.shows_the_same(id, like);
        assert!(!town.view(id).heads.is_empty() && town.view(id).withheld.is_empty());
        assert_eq!(town.attested(id), both);
        let name = town.net.space(id, town.space, |space| space.documents().count());
        assert_eq!(name, 1, "it can be found by its name");
        // After a start it is the same, and what it writes next builds on it.
        town.net.crash(id);
        town.shows_the_same(id, like);
        assert_eq!(town.attested(id), both);
        town.net.connect(id, town.carrier);
        town.net.set(id, town.space, ProfileField::Note, &format!("back: {id:?}")).unwrap();
        town.net.settle();
    }
    // Who has the history shows it as its authors' own word.
    assert_eq!((town.bases(town.a), town.attested(town.a).len()), (0, 0));
    town.net.heal();
    for id in [town.b, town.c, town.late] {
        town.shows_the_same(id, town.a);
    }
}

#[test]
fn nothing_is_ordered_that_one_alone_signed_for_or_without_the_key() {
    let mut town = Town::new(401);
    assert!(town.makes(town.b) && town.agrees(town.b));
    assert_eq!(town.is_agreed(town.a), (false, false));
    assert_eq!(town.orders(town.a), Ok(false));
    assert!(town.agrees(town.a));
    assert_eq!(town.is_agreed(town.b), (true, true));
    let a = town.a;
    assert_eq!(town.orders(town.b), Err(CoreError::NoCarrierKey(a)));
    assert_eq!(
        town.asks(town.c, |core, world, rng, space, of| core.agree(world, rng, space, of)),
        Err(CoreError::Forbidden(Right::Steward))
    );
    assert_eq!(town.orders(town.a), Ok(true));
    assert_eq!(town.standing(town.b), 1, "whoever holds the space knows of it");
}

#[test]
fn nobody_signs_for_what_contradicts_or_exceeds_what_it_holds() {
    let mut town = Town::new(402);
    town.net.isolate(town.a);
    town.net.set(town.b, town.space, ProfileField::Health, "unseen").unwrap();
    town.net.settle();
    assert!(town.makes(town.b) && town.agrees(town.b));
    assert!(!town.agrees(town.a), "it has not come");
    // All of the checkpoint, and not what it stands for.
    let mut own = town.written(town.b);
    let (last, before) = (own.pop().unwrap(), own.pop().unwrap());
    town.net.inject(town.a, &[before]);
    town.net.drain();
    town.net.crash(town.a);
    assert!(!town.agrees(town.a), "there is none");
    town.net.inject(town.a, &[last]);
    town.net.drain();
    town.net.crash(town.a);
    assert!(town.agrees(town.a), "it holds all that it stands for");
}

#[test]
fn facts_are_not_pruned() {
    let mut town = Town::new(403);
    for day in 0..10 {
        let (text, name) = (format!("day {day}"), "consents");
        town.net.add_fact(town.b, town.space, name, &text, Urgency::Normal).unwrap();
    }
    town.net.settle();
    let (space, b) = (town.space, town.b);
    let document = town.net.space(b, space, |space| space.document("consents"));
    let mut wrote = Vec::new();
    town.net
        .act(b, |core, world, rng| {
            let made = core.checkpoint(world, rng, space, document)?;
            wrote.push(made.is_some());
            Ok::<_, CoreError>(made.unwrap_or_default())
        })
        .unwrap();
    town.net.settle();
    town.net
        .act(b, |core, world, rng| {
            let signed = core.agree(world, rng, space, document)?;
            wrote.push(signed.is_some());
            Ok::<_, CoreError>(signed.unwrap_or_default())
        })
        .unwrap();
    assert_eq!(wrote, [true, false]);
}

#[test]
fn a_later_agreement_follows_an_earlier_one() {
    let mut town = Town::new(404);
    town.agree();
    assert!(!town.makes(town.b), "nothing is new");
    town.write("later");
    assert!(town.makes(town.a));
    assert!(town.agrees(town.a) && town.agrees(town.b));
    assert_eq!(town.orders(town.a), Ok(true));
    assert_eq!(town.standing(town.a), 2);
    town.pass(DELAY_HOURS);
    assert_eq!(town.bases(town.carrier), 3);
    town.meets_the_carrier(town.c);
    town.shows_the_same(town.c, town.a);
}

#[test]
fn what_is_taken_back_in_time_is_not_pruned() {
    let mut town = Town::new(405);
    town.agree();
    let (entry, finding) = town.furthest(town.a);
    assert_eq!(finding, Finding::Agrees);
    // The centre has no key to give orders with: the household's node does as soon as it learns of it.
    assert!(town.takes_back(town.b, entry));
    town.net.settle();
    assert_eq!(town.is_agreed(town.a), (false, false));
    assert_eq!((town.standing(town.a), town.standing(town.b)), (0, 0));
    town.pass(DELAY_HOURS);
    assert_eq!(town.bases(town.carrier), 0);
    // Once more, by all who know of it.
    town.net.heal();
    assert!(town.agrees(town.a) && town.agrees(town.b));
    assert_eq!(town.is_agreed(town.a), (true, true));
    assert_eq!(town.orders(town.a), Ok(true));
}

#[test]
fn what_is_taken_back_late_is_held_back_and_not_lost() {
    let mut town = pruned(412);
    town.net.connect(town.a, town.carrier);
    town.net.settle();
    let (entry, _) = town.furthest(town.a);
    assert!(town.takes_back(town.a, entry));
    assert_eq!(town.standing(town.a), 1, "carriers have carried it out");
    town.meets_the_carrier(town.late);
    assert!(town.bases(town.late) > 0);
    let held_back = town.view(town.late).withheld;
    assert!(held_back.iter().any(|held| held.reason == Withheld::Unattested));
    assert_eq!(town.attested(town.late), BTreeSet::new());
    town.net.heal();
    assert!(town.agrees(town.a) && town.agrees(town.b));
    town.net.settle();
    town.shows_the_same(town.late, town.a);
    let both = BTreeSet::from([town.a, town.b].map(|id| town.net.party(id)));
    assert_eq!(town.attested(town.late), both);
}

#[test]
fn rows_are_held_back_where_a_removal_had_not_seen_the_agreement_until_it_is_made_again() {
    let mut town = Town::new(406);
    // Another steward, who is away while the others agree.
    let other = town.net.join(PartyKind::Station);
    let steward = grant(town.net.party(other), Right::Steward, true);
    town.net.grant(town.a, town.space, steward).unwrap();
    town.net.heal();
    town.net.isolate(other);
    town.net.isolate(town.late);
    let late = grant(town.net.party(town.late), Right::Write, true);
    town.net.grant(town.a, town.space, late).unwrap();
    town.net.settle();
    town.agree_on_one_by(town.a);
    town.write("after it");
    let out = town.net.party(town.b);
    town.net.revoke(other, town.space, out).unwrap();
    town.pass(DELAY_HOURS);
    assert_eq!(town.bases(town.carrier), 3);
    town.net.connect(other, town.carrier);
    town.net.settle();
    town.meets_the_carrier(town.late);
    assert!(town.bases(town.late) > 0);
    let before = town.view(town.late);
    assert!(before.withheld.iter().any(|held| held.reason == Withheld::Unattested));
    assert_eq!(town.attested(town.late), BTreeSet::new(), "nothing of it is shown");
    assert!(before.changes > 3, "what came after stands on it: {}", before.changes);
    // The owner and the other steward compare it with what they hold.
    town.net.heal();
    assert_eq!(town.is_agreed(town.a), (false, false));
    assert!(town.agrees(other));
    assert_eq!(town.is_agreed(town.a), (true, true));
    town.net.settle();
    town.shows_the_same(town.late, town.a);
    let both = BTreeSet::from([town.a, other].map(|id| town.net.party(id)));
    assert_eq!(town.attested(town.late), both);
}

#[test]
fn whoever_removed_the_other_steward_orders_nothing_and_is_not_believed() {
    let mut town = Town::new(407);
    let out = town.net.party(town.b);
    town.net.revoke(town.a, town.space, out).unwrap();
    town.net.settle();
    assert!(town.makes(town.a) && town.agrees(town.a));
    assert_eq!(town.is_agreed(town.a), (false, false));
    assert_eq!(town.orders(town.a), Ok(false));
}

#[test]
fn the_expelled_and_the_ended_do_not_count() {
    let mut town = Town::new(408);
    assert!(town.makes(town.b) && town.agrees(town.b) && town.agrees(town.a));
    assert_eq!(town.is_agreed(town.a), (true, true));
    let expelled = town.net.community.expel(town.net.party(town.b));
    town.net.certify(town.a, vec![expelled]);
    town.net.settle();
    assert_eq!(town.is_agreed(town.a), (false, true));
    assert_eq!(town.orders(town.a), Ok(false));

    let mut town = Town::new(409);
    let other = town.net.join(PartyKind::Station);
    let ends = town.net.now.plus_ms(HOUR_MS);
    let steward = grant(town.net.party(other), Right::Steward, true);
    let steward = linli_core::authority::Grant { ends: Some(ends), ..steward };
    town.net.grant(town.a, town.space, steward).unwrap();
    town.net.heal();
    assert!(town.makes(town.a) && town.agrees(town.a) && town.agrees(other));
    assert_eq!(town.is_agreed(town.a), (true, true));
    town.net.tick(2 * HOUR_MS);
    assert_eq!(town.is_agreed(town.a), (false, true));
    assert_eq!(town.orders(town.a), Ok(false));
}

#[test]
fn no_row_is_taken_without_a_base() {
    let mut town = Town::new(410);
    town.net.isolate(town.c);
    town.net.set(town.a, town.space, ProfileField::Health, "unseen").unwrap();
    town.net.settle();
    town.agree();
    // The family is given the certificates and the checkpoint, and not the entry that this stands for.
    let before = town.view(town.c);
    let part = town.written(town.b).pop().unwrap();
    town.net.inject(town.c, &[part]);
    town.net.drain();
    town.net.crash(town.c);
    let after = town.view(town.c);
    assert_eq!((after.heads, after.changes), (before.heads, before.changes));
}

#[test]
fn a_signature_is_an_act_that_names_one_checkpoint() {
    let mut town = Town::new(411);
    town.agree();
    let (entry, _) = town.furthest(town.b);
    let certificates = town.net.certificates(town.b, town.space);
    let acts = town.net.space(town.b, town.space, |space| {
        let acts = certificates.iter().filter_map(|id| space.certificates().get(id)?.act());
        acts.filter(|act| matches!(act, Act::Prune(prune) if prune.entry == entry)).count()
    });
    assert_eq!(acts, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]

    #[test]
    fn checkpoint_and_tail_make_the_document_that_all_entries_make(
        seed in 0_u64..1_000_000,
        writers in proptest::collection::vec((0_usize..3, 0_usize..3), 6..20),
        tail in proptest::collection::vec((0_usize..3, 0_usize..3), 0..6),
    ) {
        let mut town = Town::new(seed);
        let late = grant(town.net.party(town.late), Right::Read, true);
        town.net.grant(town.a, town.space, late).unwrap();
        town.net.settle();
        town.net.isolate(town.late);
        let fields = [ProfileField::Note, ProfileField::Health, ProfileField::Name];
        let edit = |town: &mut Town, edits: &[(usize, usize)]| {
            for (at, (who, field)) in edits.iter().enumerate() {
                let id = [town.a, town.b, town.c][*who];
                town.net.set(id, town.space, fields[*field], &format!("{at}")).unwrap();
                // At times two write at once.
                if at % 3 > 0 {
                    town.net.settle();
                }
            }
            town.net.settle();
        };
        edit(&mut town, &writers);
        town.agree();
        edit(&mut town, &tail);
        town.pass(DELAY_HOURS);
        prop_assert!(town.bases(town.carrier) > 0);
        town.meets_the_carrier(town.late);
        prop_assert!(town.bases(town.late) > 0);
        town.shows_the_same(town.late, town.a);
    }
}
