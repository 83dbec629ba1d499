//! A hub that was away for long, and what it learns while everybody else is switched off.

use linli_core::authority::Right;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_tests::neighbourhood::grant;

use crate::removal::shared;

const DAY_MS: u64 = 24 * 3_600_000;
const DAYS: u64 = 30;

#[test]
fn a_hub_away_for_a_month_catches_up_from_the_carrier_alone() {
    let (mut net, [hub, centre, provider], space) = shared(90);
    let carrier = net.join(PartyKind::Carrier);
    net.heal();
    net.isolate_all();
    let (of_hub, of_provider) = (net.party(hub), net.party(provider));
    let mut later = None;
    for day in 1..=DAYS {
        let fact = format!("day {day}");
        // Each comes to the carrier at another time of the day: no two members ever meet.
        net.connect(provider, carrier);
        net.settle();
        assert_eq!(net.wire.is_connected(provider, carrier), day <= DAYS / 2);
        if day <= DAYS / 2 {
            net.add_fact(provider, space, "order/1", &fact, Urgency::Normal).unwrap();
            net.settle();
            net.cut(provider, carrier);
        }
        net.connect(centre, carrier);
        net.settle();
        net.add_fact(centre, space, "order/1", &fact, Urgency::Normal).unwrap();
        match day {
            5 => net.rotate(centre, space).unwrap(),
            10 => {
                let begun = net.begin(centre, vec![grant(of_hub, Right::Write, true)]);
                net.set(centre, begun, ProfileField::Name, "Li").unwrap();
                later = Some(begun);
            }
            15 => {
                let expelled = net.community.expel(of_provider);
                net.certify(centre, vec![expelled]);
                net.revoke(centre, space, of_provider).unwrap();
            }
            _ => {}
        }
        net.settle();
        net.cut(centre, carrier);
        net.add_fact(hub, space, "order/2", &fact, Urgency::Normal).unwrap();
        net.tick(DAY_MS);
    }
    let later = later.unwrap();
    assert_eq!(net.spaces(hub), [space], "it has heard nothing");

    // A month's facts, a new epoch, a new space, and who is out: from the carrier alone.
    net.connect(hub, carrier);
    net.settle();
    assert_eq!(net.wire.links().collect::<Vec<_>>().len(), 1);
    let read = net.view(hub, space, "order/1").unwrap();
    assert_eq!(u64::try_from(read.changes).unwrap(), DAYS + DAYS / 2);
    assert_eq!(read, net.view(centre, space, "order/1").unwrap());
    assert_eq!(net.values(hub, later, "name"), [("Li".to_owned(), vec![centre])]);
    assert!(net.node(hub).replica.directory().node(&provider).unwrap().expelled);
    assert!(!net.members(hub, space).contains(&of_provider));
    net.set(hub, later, ProfileField::Health, "written when back").unwrap();
    net.settle();
    net.cut(hub, carrier);

    // And what the hub wrote meanwhile goes the same way.
    net.connect(centre, carrier);
    net.settle();
    for space in [space, later] {
        assert!(net.check_same(&[hub, centre], space) >= 1);
    }
    assert_eq!(u64::try_from(net.view(centre, space, "order/2").unwrap().changes).unwrap(), DAYS);
    let health = net.values(centre, later, "health");
    assert_eq!(health, [("written when back".to_owned(), vec![hub])]);
    assert_eq!(net.finds(carrier, b"written when back"), 0);
}
