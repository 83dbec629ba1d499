//! Certificates whose signatures hold and whose content may be anything: who decides follows from the set alone.

use linli_core::authority::{
    Act as SpaceAct, Community, CutPoint, Epoch, Genesis, Grant, HandOver, Owner, Parent, Revoked,
    Right, SpaceCertificate, SpaceCertificates, SpaceState, Under,
};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::directory::Directory;
use linli_replica::id::{
    CertificateId, CommunityId, DocTag, EntryId, EpochId, LogKey, NodeId, OfficerId, PartyId,
    Timestamp,
};

use super::words;
use crate::heal::key;
use crate::moves::Moves;

/// Certificates in one input.
const CERTIFICATES_MAX: usize = 20;

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn officers(mask: u8, threshold: u8) -> OfficerSet {
    let mut officers: Vec<OfficerId> = signers(mask).map(|seed| OfficerId(public(seed))).collect();
    officers.sort();
    OfficerSet { officers, threshold }
}

fn signers(mask: u8) -> impl Iterator<Item = u8> {
    (0..5).filter(move |bit| mask & 1 << bit != 0).map(|bit| bit + 1)
}

/// Moves of four bytes, each a certificate of the community: what it does, and three bytes of how.
pub(super) fn directory(bytes: &[u8]) {
    let act =
        Act::Genesis { name: "North".into(), officers: officers(7, 2), nonce: [0; 32].into() };
    let genesis = Certificate::new(CommunityId::default(), Timestamp(1), act);
    let genesis = genesis.signed(&key(1)).signed(&key(2));
    let mut all = vec![genesis.clone()];
    let mut moves = Moves(bytes);
    while let Some(how) = moves.bytes().filter(|_| all.len() < CERTIFICATES_MAX) {
        all.push(made(&all, how));
    }
    let begun = || Directory::new(genesis.clone()).ok();
    let (Some(mut forward), Some(mut back), Some(mut at_once)) = (begun(), begun(), begun()) else {
        return;
    };
    all.iter().for_each(|certificate| drop(forward.add([certificate.clone()])));
    all.iter().rev().for_each(|certificate| drop(back.add([certificate.clone()])));
    at_once.add(all.iter().cloned());
    assert_eq!(shown(&forward), shown(&back), "the order of arrival decides");
    assert_eq!(shown(&forward), shown(&at_once), "it decides what came together");
    for (id, node) in forward.nodes() {
        let out = forward.party(&node.party).is_none_or(|party| party.expelled) || node.expelled;
        assert!(
            !(out && forward.admits(id, Timestamp(0)).is_ok()),
            "somebody who is out is admitted"
        );
    }
    forward.refused().values().for_each(|refusal| words(refusal));
}

fn shown(directory: &Directory) -> String {
    let officers = directory.officers();
    let topics = ["relay", "erase", ""].map(|topic| directory.notices(topic));
    let (nodes, parties) = (directory.nodes(), directory.parties());
    format!(
        "{officers:?} {:?} {:?} {:?} {topics:?} {:?} {:?}",
        directory.line(),
        nodes.collect::<Vec<_>>(),
        parties.collect::<Vec<_>>(),
        directory.refused(),
        directory.digests(true),
    )
}

fn made(all: &[Certificate], [what, a, b, c]: [u8; 4]) -> Certificate {
    let id = |at: u8| all[usize::from(at) % all.len()].id();
    let last = |at: u8| {
        let sets = all.iter().rev().filter(|certificate| {
            matches!(certificate.body().act, Act::Genesis { .. } | Act::Officers { .. })
        });
        sets.map(Certificate::id).nth(usize::from(at >> 6)).unwrap_or_else(|| id(0))
    };
    let (node, party) = (NodeId(public(20 + a % 6)), PartyId(public(10 + b % 6)));
    let ends = Timestamp(u64::from(c) * 1_000);
    let (act, by): (Act, Vec<u8>) = match what % 8 {
        0 => {
            let kinds = [PartyKind::Household, PartyKind::Centre, PartyKind::Carrier];
            let kind = kinds[usize::from(a) % 3];
            let act = Act::Enrol { under: last(c), party, kind, name: None };
            (act, signers(c).collect())
        }
        1 => {
            let (seal_key, label, carrier) = ([4; 32].into(), "hub".into(), c & 1 == 1);
            let act = Act::Node { party, node, seal_key, ends, label, carrier };
            (act, vec![if c % 8 == 7 { 30 } else { 10 + b % 6 }])
        }
        2 => (Act::Extend { node, ends }, vec![20 + a % 6]),
        3 => {
            let subject = if b & 0x80 == 0 { Subject::Party(party) } else { Subject::Node(node) };
            (Act::Expel { under: last(c), subject }, signers(c).collect())
        }
        4 | 5 => {
            let kept = (a & 0x40 != 0).then(|| {
                let mut kept: Vec<CertificateId> =
                    all.iter().map(Certificate::id).filter(|id| id.0[0] & 3 != a & 3).collect();
                kept.sort();
                kept
            });
            let set = officers(b, 1 + (b >> 5) % 4);
            (Act::Officers { previous: last(a), officers: set, kept }, signers(c).collect())
        }
        6 => {
            let topic = ["relay", "erase", ""][usize::from(b) % 3].to_owned();
            (Act::Notice { node, topic, body: vec![b; usize::from(c)].into() }, vec![20 + a % 6])
        }
        // One that is there, with other signatures.
        _ => {
            let mut again = all[usize::from(a) % all.len()].clone();
            signers(c).for_each(|officer| again.sign(&key(officer)));
            return again;
        }
    };
    let at = Timestamp(u64::from(a));
    let made = Certificate::new(CommunityId(all[0].id().0), at, act);
    by.into_iter().fold(made, |made, by| made.signed(&key(by)))
}

/// Five parties, each with one node; the last is expelled.
struct Town(OfficerSet);

const OFFICERS: CertificateId = CertificateId([7; 32]);
const PARTIES: u8 = 6;

fn party(index: u8) -> PartyId {
    PartyId([100 + index % PARTIES; 32])
}

impl Community for Town {
    fn party_of(&self, node: &NodeId) -> Option<PartyId> {
        (0..PARTIES).find(|index| public(10 + index) == node.0).map(party)
    }

    fn officers(&self, set: &CertificateId) -> Option<&OfficerSet> {
        (*set == OFFICERS).then_some(&self.0)
    }

    fn is_expelled(&self, of: &PartyId) -> bool {
        *of == party(PARTIES - 1)
    }
}

/// Moves of six bytes, each a certificate of the space: what, by whom, under what, on which heads, and two of how.
pub(super) fn space_set(bytes: &[u8]) {
    let mut moves = Moves(bytes);
    let Some(first) = moves.byte() else { return };
    let owner = if first & 1 == 0 { Owner::Party(party(0)) } else { Owner::Community };
    let genesis = Genesis {
        community: CommunityId([9; 32]),
        owner,
        steward: (first & 2 != 0 || first & 1 == 1).then(|| party(first >> 2)),
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    let by = if owner == Owner::Community { first >> 2 } else { 0 };
    let begun = SpaceCertificate::begin(&key(10 + by % PARTIES), party(by), Timestamp(1), genesis);
    let Ok(begun) = begun else { return };
    let (space, mut all) = (begun.space(), vec![begun]);
    while let Some(how) = moves.bytes().filter(|_| all.len() < CERTIFICATES_MAX) {
        match next(&all, how) {
            Ok(certificate) => all.push(certificate),
            Err(error) => words(&error),
        }
    }
    let town = Town(officers(7, 2));
    let judge = |all: &SpaceCertificates| SpaceState::evaluate(space, all, &town);
    let set: SpaceCertificates = all.iter().cloned().collect();
    // The other way round, and each at first as only its node has signed it.
    let mut back = SpaceCertificates::default();
    for certificate in all.iter().rev() {
        back.add(certificate.clone());
    }
    let state = judge(&set);
    assert_eq!(format!("{state:?}"), format!("{:?}", judge(&back)), "the order of arrival decides");
    sound(&state, &all, owner);
    // A certificate that nobody cites changes nothing for those before it but by what it removes.
    state.refused.values().for_each(|refusal| words(refusal));
}

fn sound(state: &SpaceState, all: &[SpaceCertificate], owner: Owner) {
    let now = Timestamp(1_000);
    for (party, member) in &state.members {
        for grant in &member.grants {
            let known = all.iter().find(|certificate| certificate.id() == grant.id);
            assert!(known.is_some(), "a right without a certificate");
            let gives = known.is_some_and(|c| c.holder() == Some(*party) || c.title().is_some());
            assert!(gives, "a right of somebody to whom it was not given");
            assert!(!state.refused.contains_key(&grant.id), "a refused grant counts");
            let title = known.is_some_and(|certificate| certificate.title().is_some());
            assert!(title || !state.dead.contains_key(&grant.id), "a dead grant counts");
        }
    }
    let handed = !state.hand_overs.is_empty();
    if let (Owner::Party(owner), false) = (owner, handed) {
        assert_eq!(state.right(&owner, now), Some(Right::Steward), "the owner is out");
    }
    for id in state.epochs.keys() {
        let known = all.iter().any(|certificate| certificate.id().0 == id.0);
        assert!(known, "an epoch without a certificate");
    }
}

fn next(
    all: &[SpaceCertificate],
    [what, by, under, heads, a, b]: [u8; 6],
) -> Result<SpaceCertificate, linli_core::authority::SpaceCertificateError> {
    let id = |at: u8| all[usize::from(at) % all.len()].id();
    let under = match under >> 6 {
        0 => Under::Genesis,
        1 => Under::Grant(id(under & 63)),
        2 => Under::HandOver(id(under & 63)),
        _ => {
            let title = (under & 32 != 0).then(|| id(under & 31));
            Under::Officers { set: OFFICERS, title }
        }
    };
    // The newest, and as many before it as there are bits.
    let recent = all.iter().rev().take(8).enumerate();
    let chosen = recent.filter(|(bit, _)| heads & 1 << bit != 0);
    let mut heads: Vec<CertificateId> = chosen.map(|(_, certificate)| certificate.id()).collect();
    if heads.is_empty() {
        heads.push(all[all.len() - 1].id());
    }
    let (space, at) = (all[0].space(), Timestamp(u64::from(b)));
    let signer = key(10 + by % PARTIES);
    let act = act(&id, what, a, b);
    let mut made = SpaceCertificate::sign(&signer, space, party(by), under, heads, at, &act)?;
    signers(by >> 3).for_each(|officer| made.countersign(&key(officer)));
    Ok(made)
}

fn act(id: &impl Fn(u8) -> CertificateId, what: u8, a: u8, b: u8) -> SpaceAct {
    let rights = [Right::Carry, Right::Read, Right::Write, Right::Steward];
    let entry = |of: u8| EntryId([of; 32]);
    match what % 9 {
        0..=2 => SpaceAct::Grant(Grant {
            party: party(a),
            right: rights[usize::from(b) % 4],
            purpose: "care".to_owned(),
            ends: (b & 16 != 0).then(|| Timestamp(u64::from(b) * 10)),
            consent: None,
            history: b & 32 != 0,
        }),
        3 => SpaceAct::Revoke(Revoked::Party(party(a))),
        4 => SpaceAct::Revoke(Revoked::Grant(id(a))),
        5 => {
            let parents = vec![Parent { epoch: EpochId(id(a).0), sealed: vec![b; 72].into() }];
            let excludes = (b & 1 != 0).then(|| party(b >> 1)).into_iter().collect();
            SpaceAct::Epoch(Epoch { parents, commitment: [a; 32].into(), excludes })
        }
        6 => {
            let (log, document) = (LogKey([a; 32]), DocTag([1; 32]));
            let point = CutPoint { log, document, sequence: u64::from(b), entry: entry(b) };
            SpaceAct::Cut { party: party(a), logs: vec![point] }
        }
        7 if b & 1 == 0 => SpaceAct::Admit { entries: vec![entry(a)] },
        7 => SpaceAct::Refuse { entries: vec![entry(a)] },
        _ => {
            let to = if a & 64 == 0 { Owner::Party(party(a)) } else { Owner::Community };
            SpaceAct::HandOver(HandOver { to, steward: (b & 1 != 0).then(|| party(b >> 1)) })
        }
    }
}
