//! A relay that lies hurts nobody who has another way, and nothing forged is shown.

use std::collections::BTreeSet;

use linli_core::authority::Right;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{EntryId, NodeId, SpaceTag};
use linli_replica::replica::Refused;
use linli_tests::neighbourhood::crooked::{Crooked, Trick};
use linli_tests::neighbourhood::{Neighbourhood, grant};

const SEEDS: u64 = 20;

struct Street {
    net: Neighbourhood,
    homes: [NodeId; 3],
    carrier: NodeId,
    spaces: [SpaceTag; 2],
}

/// Three homes that share two spaces and know of them, and a carrier that is about to lie.
fn street(seed: u64, trick: Trick) -> Street {
    let mut net = Neighbourhood::new(seed);
    let homes = [PartyKind::Household, PartyKind::Centre, PartyKind::Family].map(|k| net.join(k));
    let carrier = net.join(PartyKind::Carrier);
    let grants: Vec<_> =
        homes[1..].iter().map(|id| grant(net.party(*id), Right::Write, true)).collect();
    let spaces = [(); 2].map(|()| net.begin(homes[0], grants.clone()));
    net.heal();
    net.isolate_all();
    net.crooked.insert(carrier, Crooked::new(trick, seed));
    Street { net, homes, carrier, spaces }
}

/// Everybody writes, and is connected to the carrier and to nobody else; again and again.
fn days(street: &mut Street, trick: Trick) {
    let Street { net, homes, carrier, spaces } = street;
    for day in 0..4 {
        for (number, home) in homes.iter().enumerate() {
            net.connect(*home, *carrier);
            for space in spaces.iter() {
                let note = format!("{day} {number}");
                net.set(*home, *space, ProfileField::Note, &note).unwrap();
                let name = format!("alert/{day}-{number}");
                net.add_fact(*home, *space, &name, "raised", Urgency::Urgent).unwrap();
                net.add_fact(*home, *space, &name, "again", Urgency::Normal).unwrap();
            }
        }
        net.settle();
        if trick == Trick::Replay && day > 0 {
            // All that it holds is that of an earlier day.
            let commits = net.node(*carrier).disk.commits();
            net.restore(*carrier, commits - commits / 3);
        } else if day % 2 == 1 {
            net.isolate(*carrier);
        }
    }
}

/// What the homes wrote, and what they hold.
fn written(net: &Neighbourhood, homes: &[NodeId], space: SpaceTag) -> (BTreeSet<EntryId>, usize) {
    let own =
        |id: &NodeId| net.node(*id).told.acknowledged.iter().map(|e| e.id()).collect::<Vec<_>>();
    let written: BTreeSet<EntryId> = homes.iter().flat_map(own).collect();
    let held: Vec<EntryId> =
        homes.iter().flat_map(|id| net.entries(*id, space)).map(|entry| entry.id()).collect();
    for id in &held {
        assert!(written.contains(id), "something that nobody wrote is held");
    }
    (written, held.len())
}

#[test]
fn whatever_a_relay_does_its_members_converge_as_soon_as_another_way_exists() {
    for trick in Trick::ALL {
        let (mut lies, mut compared, mut refused, mut ended) = (0, 0, 0, 0);
        for seed in 0..SEEDS {
            let mut street = street(seed, trick);
            days(&mut street, trick);
            let Street { mut net, homes, carrier, spaces } = street;
            for space in spaces {
                assert!(written(&net, &homes, space).1 > 0);
            }
            // What a liar makes its members remember and wait for has bounds.
            for home in homes {
                if let Some(status) = net.node(home).replica.status(&carrier) {
                    let waits = status.asked + status.offered + status.sending;
                    assert!(waits <= 500, "{trick:?}, seed {seed}: {waits} logs wait");
                }
            }
            for (at, home) in homes.iter().enumerate() {
                net.connect(*home, homes[(at + 1) % 3]);
            }
            net.heal();
            for space in spaces {
                compared += net.check_same(&homes, space);
                let expected = 3 * 4 * 2;
                let held = written(&net, &homes, space).1;
                assert!(held >= 3 * expected, "{trick:?}, seed {seed}: {held}");
            }
            lies += net.crooked[&carrier].lies;
            for home in homes {
                let told = &net.node(home).told;
                let of_it = told.refused_pages.iter().filter(|(from, _)| *from == Some(carrier));
                refused += of_it.filter(|(_, reason)| *reason == Refused::BadPage).count();
                ended += usize::from(!net.wire.is_connected(home, carrier));
                assert_eq!(told.lost, 0);
            }
        }
        println!(
            "{trick:?}: {lies} lies; {compared} compared, {refused} pages refused, {ended} sessions ended"
        );
        assert!(lies > 100, "{trick:?} told {lies} lies");
        assert!(compared > 1_000, "{trick:?}: {compared} compared");
        if trick == Trick::Truncate {
            assert!(refused > 20, "what is cut is noticed: {refused}");
        }
    }
}

/// A relay that holds documents back, and is the only way, is not noticed by who does not know of them;
/// all that it gives counts, and the rest comes by another relay.
#[test]
fn what_one_relay_withholds_another_brings() {
    let mut brought = 0;
    for seed in 0..SEEDS {
        let mut street = street(seed, Trick::Withhold);
        let honest = street.net.join(PartyKind::Carrier);
        street.net.settle();
        days(&mut street, Trick::Withhold);
        let Street { mut net, homes, carrier, spaces } = street;
        let before: usize = spaces.iter().map(|space| written(&net, &homes, *space).1).sum();
        net.isolate_all();
        for home in homes {
            net.connect(home, carrier);
            net.connect(home, honest);
        }
        net.settle();
        for space in spaces {
            assert!(net.check_same(&homes, space) > 0);
        }
        let after: usize = spaces.iter().map(|space| written(&net, &homes, *space).1).sum();
        brought += after - before;
    }
    println!("{brought} entries came by the honest relay");
    assert!(brought > 500, "{brought}");
}
