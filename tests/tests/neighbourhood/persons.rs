//! Persons: who acted is shown where it is proved, and only there.

use ed25519_dalek::SigningKey;
use linli_core::authority::Right;
use linli_core::document::Withheld;
use linli_core::engine::{Acting, CoreError, EditError};
use linli_core::identity::draw_signing_key;
use linli_core::payload::{Content, PersonStamp};
use linli_core::person::{PersonCertificate, PersonDetails, end};
use linli_model::profile::ProfileField;
use linli_replica::certificate::{Certificate, PartyKind};
use linli_replica::id::{CommunityId, NodeId, PartyId, SpaceTag, Timestamp};
use linli_tests::neighbourhood::{BEGIN, ENDS, Neighbourhood, grant};

pub(crate) fn person(
    net: &mut Neighbourhood,
    signer: &SigningKey,
    party: PartyId,
    ends: Timestamp,
) -> Acting {
    let key = draw_signing_key(&mut net.rng);
    let details = PersonDetails {
        key: key.verifying_key().to_bytes(),
        party,
        name: "Zhang".into(),
        role: "carer".into(),
        qualification: None,
        ends,
    };
    Acting { certificate: PersonCertificate::sign(signer, details).unwrap(), key }
}

fn shared(seed: u64) -> (Neighbourhood, NodeId, NodeId, SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    (net, a, b, space)
}

/// Writes past the core's rules with a stamp, and returns what the other node makes of it.
fn forged(
    net: &mut Neighbourhood,
    [from, to]: [NodeId; 2],
    space: SpaceTag,
    stamp: &dyn Fn(&linli_core::payload::StampPlace, &Content) -> PersonStamp,
) -> Vec<Withheld> {
    let mut forger = net.forger(from, space, "profile");
    let mut doc = net.copy(from, space, "profile");
    let change = forger.change(&mut doc, |doc| {
        linli_model::profile::set(doc, ProfileField::Health, "in another's name").unwrap();
    });
    let mut rng = net.rng.clone();
    let content = Content::Changes(vec![change.raw_bytes().to_vec().into()]);
    let entry = forger.write_content(&mut rng, content, Some(stamp));
    net.inject(from, &[entry]);
    net.settle();
    // Its own core knows of it from the disk only.
    net.crash(from);
    net.heal();
    let view = net.view(to, space, "profile").unwrap();
    view.withheld.iter().map(|entry| entry.reason).collect()
}

#[test]
fn the_person_who_acted_is_shown_at_every_node() {
    let (mut net, a, b, space) = shared(20);
    let signer = net.node(b).keys.signing().clone();
    let party = net.party(b);
    let carer = person(&mut net, &signer, party, ENDS);
    net.set_as(b, space, ProfileField::Health, "visited", Some(&carer)).unwrap();
    net.settle();
    for id in [a, b] {
        let profile = net.profile(id, space).unwrap();
        let author = &profile.fields["health"].values[0].by[0].author;
        let person = author.person.as_ref().unwrap();
        assert_eq!(person.name.as_str(), "Zhang");
        assert_eq!(person.id, hex(carer.key.verifying_key().as_bytes()));
        assert_eq!(author.node.0, b.0);
        assert!(profile.fields["name"].values[0].by[0].author.person.is_none());
    }
    assert!(net.check_same(&[a, b], space) >= 4);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_person_that_does_not_stand_is_refused_where_it_acts() {
    let (mut net, a, b, space) = shared(21);
    let (own, other) = (net.node(b).keys.signing().clone(), net.node(a).keys.signing().clone());
    let party = net.party(b);
    let ended = person(&mut net, &own, party, BEGIN);
    let by_another = person(&mut net, &other, party, ENDS);
    for acting in [ended, by_another] {
        let refused = net.set_as(b, space, ProfileField::Health, "x", Some(&acting));
        assert!(matches!(refused, Err(EditError::Core(CoreError::Person(_)))), "{refused:?}");
    }
    assert!(net.values(a, space, "health").is_empty());
}

#[test]
fn forged_copied_and_ended_stamps_are_withheld() {
    type Make = fn(&mut Neighbourhood, NodeId) -> (Acting, SigningKey, bool);
    let cases: [Make; 4] = [
        // Another key than the certificate's signed.
        |net, b| {
            let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
            (person(net, &signer, party, ENDS), draw_signing_key(&mut net.rng), false)
        },
        // The certificate has ended.
        |net, b| {
            let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
            let acting = person(net, &signer, party, BEGIN);
            let key = acting.key.clone();
            (acting, key, false)
        },
        // A node of another party certified the person.
        |net, b| {
            let stranger = *net.nodes.keys().find(|id| **id != b).unwrap();
            let (signer, party) = (net.node(stranger).keys.signing().clone(), net.party(b));
            let acting = person(net, &signer, party, ENDS);
            let key = acting.key.clone();
            (acting, key, false)
        },
        // The stamp was set at another place.
        |net, b| {
            let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
            let acting = person(net, &signer, party, ENDS);
            let key = acting.key.clone();
            (acting, key, true)
        },
    ];
    for (case, make) in cases.into_iter().enumerate() {
        let (mut net, a, b, space) = shared(22);
        net.tick(1_000);
        let (acting, key, elsewhere) = make(&mut net, b);
        let stamp = |place: &linli_core::payload::StampPlace, content: &Content| {
            let mut place = *place;
            place.sequence += u64::from(elsewhere);
            PersonStamp::new(&acting.certificate, &key, &place, content)
        };
        let withheld = forged(&mut net, [b, a], space, &stamp);
        let expected = if case == 1 { Withheld::PersonEnded } else { Withheld::BadStamp };
        assert_eq!(withheld, [expected], "case {case}");
        assert!(net.values(a, space, "health").is_empty());
        // The node goes on, and what it writes is shown.
        net.set(b, space, ProfileField::Housing, "lift").unwrap();
        net.settle();
        assert_eq!(net.values(a, space, "housing"), [("lift".to_owned(), vec![b])], "case {case}");
        assert!(net.check_same(&[a, b], space) >= 4);
    }
    let (mut net, a, b, space) = shared(23);
    let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
    let acting = person(&mut net, &signer, party, ENDS);
    let good = |place: &linli_core::payload::StampPlace, content: &Content| {
        PersonStamp::new(&acting.certificate, &acting.key, place, content)
    };
    assert_eq!(forged(&mut net, [b, a], space, &good), [], "the same way, but right");
}

/// What a node publishes to end a person.
fn ending(net: &Neighbourhood, by: NodeId, person: &Acting, ends: Timestamp) -> Certificate {
    let act = end::act(by, &person.certificate.person().key, ends);
    let community = CommunityId(net.community.genesis().id().0);
    Certificate::new(community, ends, act).signed(net.node(by).keys.signing())
}

/// A person of `b` who wrote once, and whose key signed once more after the party had ended them.
fn ended(seed: u64, told_first: bool) -> (Neighbourhood, [NodeId; 2], SpaceTag, Acting) {
    let (mut net, a, b, space) = shared(seed);
    let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
    let carer = person(&mut net, &signer, party, ENDS);
    net.set_as(b, space, ProfileField::Housing, "before", Some(&carer)).unwrap();
    net.heal();
    net.tick(1_000);
    let notice = ending(&net, b, &carer, net.now);
    net.tick(1_000);
    if told_first {
        net.certify(b, vec![notice.clone()]);
        net.heal();
        let refused = net.set_as(b, space, ProfileField::Health, "x", Some(&carer));
        assert!(matches!(refused, Err(EditError::Core(CoreError::Person(_)))), "{refused:?}");
    }
    let stamp = |place: &linli_core::payload::StampPlace, content: &Content| {
        PersonStamp::new(&carer.certificate, &carer.key, place, content)
    };
    let withheld = forged(&mut net, [b, a], space, &stamp);
    if told_first {
        assert_eq!(withheld, [Withheld::PersonEnded]);
    } else {
        assert_eq!((withheld, net.values(a, space, "health").len()), (vec![], 1));
        net.certify(b, vec![notice]);
        net.heal();
    }
    (net, [a, b], space, carer)
}

#[test]
fn what_a_person_signed_before_the_end_stays_and_what_came_after_is_held_back() {
    for told_first in [true, false] {
        let (mut net, [a, b], space, carer) = ended(24, told_first);
        for id in [a, b] {
            let view = net.view(id, space, "profile").unwrap();
            let held: Vec<_> = view.withheld.iter().map(|e| (e.node, e.reason)).collect();
            assert_eq!(held, [(Some(b), Withheld::PersonEnded)], "told first: {told_first}");
            assert!(net.values(id, space, "health").is_empty());
            assert_eq!(net.values(id, space, "housing"), [("before".to_owned(), vec![b])]);
        }
        let profile = net.profile(a, space).unwrap();
        let author = &profile.fields["housing"].values[0].by[0].author;
        assert_eq!(author.person.as_ref().unwrap().name.as_str(), "Zhang");
        // A steward looks at it and lets it count.
        let entry = net.view(a, space, "profile").unwrap().withheld[0].entry;
        net.judge(a, space, &[entry], true).unwrap();
        net.heal();
        for id in [a, b] {
            assert_eq!(net.values(id, space, "health").len(), 1);
            let profile = net.profile(id, space).unwrap();
            let author = &profile.fields["health"].values[0].by[0].author;
            let key = hex(carer.key.verifying_key().as_bytes());
            assert_eq!(author.person.as_ref().unwrap().id, key);
        }
        assert!(net.check_same(&[a, b], space) >= 4);
    }
}

#[test]
fn only_the_persons_own_party_ends_them_and_not_by_a_node_that_was_expelled() {
    let (mut net, a, b, space) = shared(25);
    let (signer, party) = (net.node(b).keys.signing().clone(), net.party(b));
    let second = net.join_node(party, ENDS);
    let carer = person(&mut net, &signer, party, ENDS);
    net.tick(1_000);
    net.set_as(b, space, ProfileField::Health, "visited", Some(&carer)).unwrap();
    net.heal();
    let by_another_party = ending(&net, a, &carer, BEGIN);
    net.certify(a, vec![by_another_party]);
    net.heal();
    assert_eq!(net.values(a, space, "health").len(), 1, "another party's word");
    // Of several ends the earliest stands, whichever came first.
    let late = ending(&net, second, &carer, ENDS);
    net.certify(b, vec![late]);
    net.heal();
    assert_eq!(net.values(a, space, "health").len(), 1);
    let back_dated = ending(&net, second, &carer, BEGIN);
    net.certify(b, vec![back_dated]);
    net.heal();
    assert!(net.values(a, space, "health").is_empty());
    let expelled = net.community.expel_node(second);
    net.certify(a, vec![expelled]);
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health").len(), 1, "what a thief back-dated is void");
    }
}
