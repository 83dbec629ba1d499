use ed25519_dalek::SigningKey;
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::certificate::{Act as CommunityAct, Certificate, OfficerSet, PartyKind};
use linli_replica::directory::Directory;
use linli_replica::id::{CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::export::ExportReader;
use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn me() -> NodeId {
    NodeId(key(1).verifying_key().to_bytes())
}

fn reading(rng: &mut ChaCha20Rng, n: u64) -> AuditRecord {
    let person = ActedBy {
        key: [7; 32].into(),
        name: "王秀英".to_owned(),
        certificate: CertificateId([8; 32]),
    };
    AuditRecord {
        person: n.is_multiple_of(3).then_some(person),
        elder: Some([u8::try_from(n % 5).unwrap(); 16].into()),
        of: Some("elder.show".to_owned()),
        ..AuditRecord::new(rng, Timestamp(1_700_000_000_000 + n), What::Read)
    }
}

/// A chain as a store makes it; after each of `signed` records the node signs.
fn chain(count: u64, signed: &[u64]) -> Vec<Linked> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut chain = Chain::default();
    for n in 1..=count {
        chain.push(reading(&mut rng, n).encode());
        if signed.contains(&n) {
            chain.sign(&key(1));
        }
    }
    chain.0
}

#[derive(Default)]
struct Chain(Vec<Linked>);

impl Chain {
    fn head(&self) -> Head {
        self.0.last().map_or(Head::default(), |last| last.head)
    }

    fn push(&mut self, record: Vec<u8>) {
        let linker = Linker::default();
        let head = linker.next(&self.head(), &linker.digest(&record)).unwrap();
        self.0.push(Linked { head, record });
    }

    fn sign(&mut self, key: &SigningKey) {
        let mut rng = ChaCha20Rng::seed_from_u64(self.head().sequence);
        let head = self.head();
        self.push(AuditRecord::signature(&mut rng, Timestamp(2), key, &head).encode());
    }
}

fn verify(chain: &[Linked]) -> Result<Summary, Broken> {
    let mut verifier = Verifier::new(me(), Head::default());
    chain.iter().try_for_each(|linked| verifier.take(linked))?;
    Ok(verifier.finish())
}

/// The records after this one, linked anew: what somebody without the node's key can do.
fn relinked(mut chain: Vec<Linked>, from: usize) -> Vec<Linked> {
    let linker = Linker::default();
    let mut head = from.checked_sub(1).map_or(Head::default(), |before| chain[before].head);
    for linked in &mut chain[from..] {
        head = linker.next(&head, &linker.digest(&linked.record)).unwrap();
        linked.head = head;
    }
    chain
}

#[test]
fn a_chain_that_holds_is_verified_up_to_the_last_signature() {
    let whole = chain(10, &[4, 8]);
    let summary = verify(&whole).unwrap();
    let expected = Summary { first: 1, last: 12, verified: 9, unsigned: 2, withheld: 0 };
    assert_eq!(summary, expected);
    assert_eq!(verify(&chain(3, &[])).unwrap().verified, 0, "unsigned records prove nothing");
    assert_eq!(verify(&[]).unwrap(), Summary { first: 1, ..Summary::default() });
}

#[test]
fn a_record_made_anew_with_all_hashes_is_found_by_the_signature() {
    let good = chain(10, &[4, 8]);
    for at in 0..good.len() - 3 {
        let mut bad = good.clone();
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        bad[at].record = reading(&mut rng, 99).encode();
        let broken = verify(&relinked(bad, at)).unwrap_err();
        // At 4 and 9 a signature itself was replaced: the next one does not cover the new chain.
        let signature = if at < 4 { 4 } else { 9 };
        assert_eq!(
            broken,
            Broken { sequence: signature, why: Why::Signature },
            "record {}",
            at + 1
        );
    }
}

#[test]
fn every_record_that_is_removed_swapped_or_repeated_is_named() {
    let good = chain(10, &[4, 8]);
    for at in 0..good.len() - 1 {
        let sequence = u64::try_from(at + 1).unwrap();
        let mut bad = good.clone();
        bad.remove(at);
        assert_eq!(verify(&bad).unwrap_err(), Broken { sequence: sequence + 1, why: Why::Gap });
        let mut bad = good.clone();
        bad.swap(at, at + 1);
        assert_eq!(verify(&bad).unwrap_err(), Broken { sequence: sequence + 1, why: Why::Gap });
        let mut bad = good.clone();
        bad.insert(at, good[at].clone());
        assert_eq!(verify(&bad).unwrap_err(), Broken { sequence, why: Why::Order });
        let mut bad = good.clone();
        bad.insert(at, Linked { head: good[at].head, record: good[at + 1].record.clone() });
        assert_eq!(verify(&bad).unwrap_err(), Broken { sequence, why: Why::Hash });
    }
}

#[test]
fn another_nodes_signature_is_named() {
    let mut chain = Chain(chain(3, &[]));
    chain.sign(&key(2));
    assert_eq!(verify(&chain.0).unwrap_err(), Broken { sequence: 3, why: Why::Signer });
    let mut chain = Chain(self::chain(3, &[]));
    let head = Head { sequence: 2, ..chain.head() };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    chain.push(AuditRecord::signature(&mut rng, Timestamp(2), &key(1), &head).encode());
    assert_eq!(verify(&chain.0).unwrap_err(), Broken { sequence: 2, why: Why::Signature });
}

#[test]
fn kinds_of_a_later_version_keep_their_place() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut chain = Chain::default();
    let later = AuditRecord { what: What::Unknown(777), ..reading(&mut rng, 1) };
    chain.push(later.encode());
    chain.sign(&key(1));
    assert_eq!(verify(&chain.0).unwrap().verified, 1);
    let read = AuditRecord::decode(&chain.0[0].record).unwrap();
    assert_eq!((read.what, read.what.word()), (What::Unknown(777), "unknown"));
    for what in What::ALL {
        assert_eq!(What::of_number(what.number()), *what);
    }
}

#[test]
fn texts_are_kept_within_their_limit() {
    let long = "王".repeat(CODE_BYTES_MAX);
    assert!(clip(&long).len() <= CODE_BYTES_MAX && clip(&long).starts_with("王王"));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let record = AuditRecord { detail: Some(long), ..reading(&mut rng, 1) };
    assert_eq!(AuditRecord::decode(&record.encode()), Err(BadAuditRecord::Malformed));
    let huge = vec![0; AUDIT_RECORD_BYTES_MAX + 1];
    assert_eq!(AuditRecord::decode(&huge), Err(BadAuditRecord::TooLarge));
}

fn directory() -> Directory {
    let (officer, party) = (key(3), key(4));
    let set =
        OfficerSet { officers: vec![OfficerId(officer.verifying_key().to_bytes())], threshold: 1 };
    let act =
        CommunityAct::Genesis { name: "桃园".to_owned(), officers: set, nonce: [1; 32].into() };
    let genesis = Certificate::new(CommunityId::default(), Timestamp(1), act).signed(&officer);
    let community = CommunityId(genesis.id().0);
    let party_id = PartyId(party.verifying_key().to_bytes());
    let enrol = CommunityAct::Enrol {
        under: genesis.id(),
        party: party_id,
        kind: PartyKind::Centre,
        name: None,
    };
    let node = CommunityAct::Node {
        party: party_id,
        node: me(),
        seal_key: [9; 32].into(),
        ends: Timestamp(u64::MAX),
        label: "desk".to_owned(),
        carrier: false,
    };
    let enrol = Certificate::new(community, Timestamp(1), enrol).signed(&officer);
    let node = Certificate::new(community, Timestamp(1), node).signed(&party);
    let mut directory = Directory::new(genesis).unwrap();
    directory.add(vec![enrol, node]);
    directory
}

/// An export of a chain behind `before` records, every third withheld, as its items.
fn export(chain: &[Linked], before: usize) -> Vec<Vec<u8>> {
    let start = before.checked_sub(1).map_or(Head::default(), |at| chain[at].head);
    let header = Header::new(me(), Timestamp(3), start, &directory()).item();
    let mut items = vec![header.clone()];
    for linked in &chain[before..] {
        let signature = AuditRecord::decode(&linked.record).unwrap().what == What::Signed;
        items.push(match linked.head.sequence.is_multiple_of(3) && !signature {
            true => withheld_item(linked, &Linker::default()),
            false => record_item(linked),
        });
    }
    items.push(closing(&key(1), &header, &chain.last().map_or(start, |last| last.head)));
    items
}

fn read_export(items: &[Vec<u8>]) -> Result<Summary, Broken> {
    let unfinished = Broken { sequence: 0, why: Why::Unfinished };
    let (first, rest) = items.split_first().ok_or(unfinished)?;
    let mut reader = ExportReader::begin(first)?;
    rest.iter().try_for_each(|item| reader.item(item).map(drop))?;
    reader.finish()
}

#[test]
fn an_export_is_verified_by_somebody_without_a_node() {
    let chain = chain(10, &[4, 8]);
    for before in [0, 3, 11, 12] {
        let items = export(&chain, before);
        let summary = read_export(&items).unwrap();
        let shown = u64::try_from(chain.len() - before).unwrap();
        assert_eq!((summary.verified, summary.unsigned), (shown, 0), "behind {before}");
        let reader = ExportReader::begin(&items[0]).unwrap();
        let community = reader.header().community().unwrap();
        assert_eq!(community.name(), "桃园");
        assert!(community.admits(&me(), Timestamp(5)).is_ok());
    }
    assert_eq!(read_export(&export(&chain, 0)).unwrap().withheld, 4);
}

#[test]
fn every_changed_byte_of_an_export_is_named() {
    let items = export(&chain(6, &[2, 4]), 0);
    for at in 0..items.len() {
        for byte in 0..items[at].len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut bad = items.clone();
                bad[at][byte] ^= mask;
                let broken = read_export(&bad).unwrap_err();
                let last = u64::try_from(items.len() - 2).unwrap();
                let at = u64::try_from(at).unwrap();
                // What is changed in the beginning may show only at the end, else it is named at once:
                // at the record, or at the one a changed number takes it for.
                let named = broken.sequence == at || matches!(broken.why, Why::Gap | Why::Order);
                let closing = at == 0 || at > last;
                assert!(named || closing, "item {at} byte {byte}: {broken}");
            }
        }
    }
}

#[test]
fn an_export_cut_short_or_longer_is_named() {
    let items = export(&chain(6, &[2, 4]), 0);
    for end in 0..items.len() {
        let broken = read_export(&items[..end]).unwrap_err();
        let last = u64::try_from(end.saturating_sub(1)).unwrap();
        assert_eq!(broken, Broken { sequence: last, why: Why::Unfinished });
        let closed = [&items[..end.max(1)], &items[items.len() - 1..]].concat();
        if end < items.len() - 1 {
            assert_eq!(read_export(&closed).unwrap_err().why, Why::Gap, "closed after {end}");
        }
    }
    for extra in &items {
        let longer = [&items[..], std::slice::from_ref(extra)].concat();
        assert!(read_export(&longer).is_err());
    }
    for at in 1..items.len() - 1 {
        let mut bad = items.clone();
        bad.remove(at);
        assert!(read_export(&bad).is_err(), "item {at} was removed");
    }
}

#[test]
fn the_end_of_another_export_does_not_close_this_one() {
    let chain = chain(6, &[2, 4]);
    let mut items = export(&chain, 0);
    let other = export(&chain, 2);
    *items.last_mut().unwrap() = other.last().unwrap().clone();
    assert_eq!(read_export(&items).unwrap_err(), Broken { sequence: 8, why: Why::Closing });
}

proptest! {
    #[test]
    fn no_tampering_goes_unnoticed(
        count in 1_u64..20,
        edits in prop::collection::vec((0_usize..40, 0_u8..5, any::<u8>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let good = export(&chain(count, &[count / 2, count]), 0);
        let mut bad = good.clone();
        for (at, how, with, byte) in edits {
            let at = at % bad.len();
            let to = usize::from(with) % bad.len();
            match how {
                0 => drop(bad.remove(at)),
                1 => bad.swap(at, to),
                2 => { let copy = bad[to].clone(); bad.insert(at, copy); }
                3 => { let byte = byte.index(bad[at].len()); bad[at][byte] ^= with; }
                _ => bad.truncate(at),
            }
            if bad.is_empty() { break; }
        }
        prop_assert_eq!(read_export(&bad).is_ok(), bad == good);
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = AuditRecord::decode(&bytes);
        prop_assert!(ExportReader::begin(&bytes).is_err());
        let items = export(&chain(2, &[1]), 0);
        let mut reader = ExportReader::begin(&items[0]).unwrap();
        prop_assert!(reader.item(&bytes).is_err());
    }
}
