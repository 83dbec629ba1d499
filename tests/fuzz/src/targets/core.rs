//! What is opened or judged with keys: certificates of spaces, people, letters, recoveries, audits, changes.

use std::io;
use std::sync::OnceLock;

use automerge::{ActorId, AutoCommit, Automerge, ReadDoc as _};
use linli_core::audit::{AuditRecord, ExportReader, Verifier};
use linli_core::authority::SpaceCertificate;
use linli_core::blob;
use linli_core::courier::Opener;
use linli_core::document::read_change;
use linli_core::hand_over::HandOverRequest;
use linli_core::identity::{
    SealKey, key_file_of, officer_word, printed_key, read_officer, read_printed,
};
use linli_core::inbox::Letter;
use linli_core::opening::Opening;
use linli_core::pairing::{Code, Message};
use linli_core::payload::{Payload, StampPlace};
use linli_core::person::PersonCertificate;
use linli_core::recovery::{Record, RecoveryNotice, Request, Share, Split};
use linli_core::seal::{Place, open_entry, open_from_inbox, read_clear, seal_entry};
use linli_core::secret::{Plaintext, Secret};
use linli_replica::audit::{Head, Linker};
use linli_replica::codec;
use linli_replica::courier::{PREAMBLE_BYTES, Preamble};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EntryId, EpochId, LogKey, NodeId, SpaceTag, Timestamp};
use linli_replica::signed::Envelope;
use linli_store::keyring::SealedKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};

use super::{again, words};
use crate::cbor::Value;
use crate::heal::key;

pub(super) fn space_certificate(bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        if let Some(certificate) = again(bytes, SpaceCertificate::decode, SpaceCertificate::encode)
        {
            let by = certificate.body().by;
            assert!(certificate.envelope().signed_by(by.as_bytes()));
            assert_eq!(certificate.tags().is_some(), certificate.genesis().is_some());
        }
    };
    read(bytes);
    if let Some(signed) = signed_body(bytes, 1) {
        read(&signed);
    }
}

/// Takes an input as the body of a certificate, and signs it with the key that stands in it.
fn signed_body(bytes: &[u8], key_at: usize) -> Option<Vec<u8>> {
    let body = Value::read(bytes)?;
    let public = body.as_list()?.get(key_at)?.as_bytes()?;
    let key = (0..=8).map(key).find(|key| *key.verifying_key().as_bytes() == *public)?;
    let mut envelope = Envelope::new(bytes.to_vec());
    envelope.sign(&key);
    Some(envelope.encode())
}

pub(super) fn person(bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        if let Some(person) = again(bytes, PersonCertificate::decode, PersonCertificate::encode) {
            let checked = person.check(Timestamp(1_700_000_000_000), |_, _| true);
            if let Err(error) = checked {
                words(&error);
            }
        }
    };
    read(bytes);
    if let Some(signed) = signed_body(bytes, 3).or_else(|| signed_body(bytes, 2)) {
        read(&signed);
    }
}

pub(super) fn payload(bytes: &[u8]) {
    let Some(payload) = again(bytes, Payload::decode, |payload| payload.encode().to_vec()) else {
        return;
    };
    let (space, document, log) = (SpaceTag([1; 32]), DocTag([2; 32]), LogKey([3; 32]));
    if let Some(Err(error)) = payload.binding.as_ref().map(|bound| bound.verify(log, space)) {
        words(&error);
    }
    let (sequence, previous, at) = (1, EntryId::default(), payload.at);
    let place = StampPlace { space, document, log, sequence, previous, at };
    let stamp = payload.stamp.as_ref();
    if let Some(Err(error)) = stamp.map(|stamp| stamp.verify(&place, &payload.content)) {
        words(&error);
    }
}

pub(super) fn letter(bytes: &[u8]) {
    let own = NodeId(key(1).verifying_key().to_bytes());
    match Letter::decode(bytes, own) {
        Ok(letter) => {
            let certificates = letter.items.iter().flat_map(|item| item.certificates());
            for bytes in certificates {
                if let Err(error) = SpaceCertificate::decode(bytes) {
                    words(&error);
                }
            }
            let other = Letter::decode(bytes, NodeId([9; 32]));
            assert!(other.is_err(), "a letter is read by another node");
        }
        Err(error) => words(&error),
    }
}

pub(super) fn opening(bytes: &[u8]) {
    let write = |opening: &Opening| opening.encode().map(|bytes| bytes.to_vec());
    again(bytes, Opening::decode, |opening| write(opening).unwrap_or_default());
}

pub(super) fn hand_over(bytes: &[u8]) {
    if let Some(request) = again(bytes, HandOverRequest::decode, HandOverRequest::encode) {
        assert!(HandOverRequest::is_one(bytes));
        assert!(!request.is_signed() || !request.signed().is_empty());
    }
}

pub(super) fn recovery_request(bytes: &[u8]) {
    match Request::decode(bytes) {
        Ok(request) => {
            let written = request.encode();
            let read = Request::decode(&written).map(|read| read.encode());
            assert_eq!(read, Ok(written), "what is written is read as something else");
            let (now, record) = (request.statement().at, request.record());
            assert_eq!(Record::read(&record.encode()), Ok(record));
            if let Err(error) = request.directory(now) {
                words(&error);
            }
        }
        Err(error) => words(&error),
    }
    again(bytes, Record::read, Record::encode);
}

pub(super) fn recovery_split(bytes: &[u8]) {
    again(bytes, Split::decode, Split::encode);
    let share = Share::decode(Plaintext::new(bytes.to_vec()));
    assert!(share.is_none_or(|share| share.expose() == bytes));
}

pub(super) fn recovery_notice(bytes: &[u8]) {
    if let Some(notice) = RecoveryNotice::decode(bytes) {
        assert_eq!(RecoveryNotice::decode(&notice.encode()), Some(notice));
    }
}

/// What a key file says of itself. It is not opened: stretching a passphrase takes a second by design.
pub(super) fn key_file(bytes: &[u8]) {
    if let Err(error) = key_file_of(bytes) {
        words(&error);
    }
}

pub(super) fn storage_key(bytes: &[u8]) {
    again(bytes, SealedKey::decode, SealedKey::encode);
}

/// What people type or copy: pairing codes, officers' keys.
pub(super) fn words_typed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Code::parse(text) {
        Ok(code) => {
            let written = code.text();
            let same = written.as_deref().map(Code::parse).is_ok_and(|read| read == Ok(code));
            assert!(same, "a code is written as another");
        }
        Err(error) => words(&error),
    }
    match read_officer(text) {
        Ok(officer) => assert_eq!(read_officer(&officer_word(&officer)), Ok(officer)),
        Err(error) => words(&error),
    }
    match read_printed(text) {
        Ok(secret) => {
            let same = read_printed(&printed_key(&secret)).map(|key| key.to_bytes());
            assert_eq!(same.ok(), Some(secret.to_bytes()));
        }
        Err(error) => words(&error),
    }
}

pub(super) fn pairing(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let written = message.encode();
        let read = Message::decode(&written).map(|read| read.encode());
        assert_eq!(read.ok(), Some(written), "what is written is read as something else");
    }
}

pub(super) fn audit_record(bytes: &[u8]) {
    again(bytes, AuditRecord::decode, AuditRecord::encode);
}

/// Items of an exported audit, as a list of byte strings.
pub(super) fn audit_export(bytes: &[u8]) {
    let Ok(items) = codec::decode::<Vec<minicbor::bytes::ByteVec>>(bytes) else { return };
    let Some((first, rest)) = items.split_first() else { return };
    let mut reader = match ExportReader::begin(first) {
        Ok(reader) => reader,
        Err(error) => return words(&error),
    };
    for item in rest {
        if let Err(error) = reader.item(item) {
            return words(&error);
        }
    }
    match reader.finish() {
        Ok(found) => {
            let records = (found.last + 1).saturating_sub(found.first);
            assert_eq!(found.unsigned, 0, "the closing signature covers all");
            assert!(found.withheld <= records);
        }
        Err(error) => words(&error),
    }
}

/// Records, as a list of byte strings, linked as they should be.
pub(super) fn audit_chain(bytes: &[u8]) {
    let Ok(records) = codec::decode::<Vec<minicbor::bytes::ByteVec>>(bytes) else { return };
    let linker = Linker::default();
    let mut verifier = Verifier::new(NodeId(key(1).verifying_key().to_bytes()), Head::default());
    for record in &records {
        let Some(head) = linker.next(&verifier.head(), &linker.digest(record)) else { return };
        if let Err(error) = verifier.record(&head, record) {
            return words(&error);
        }
        assert_eq!(verifier.head(), head);
    }
    let found = verifier.finish();
    assert_eq!(found.last, records.len() as u64);
    assert!(found.verified + found.unsigned <= found.last);
}

fn seal_key() -> &'static SealKey {
    static KEY: OnceLock<SealKey> = OnceLock::new();
    KEY.get_or_init(|| SealKey::draw(&mut ChaCha8Rng::seed_from_u64(5)))
}

/// Opens an entry in every way, and seals an input and opens it.
pub(super) fn sealed_entry(bytes: &[u8]) {
    let secret = Secret::new([4; 32]);
    if let Ok(entry) = Entry::decode(bytes) {
        let opened = [
            open_entry(&entry, |_| Some(secret.clone())),
            open_entry(&entry, |_| None),
            open_from_inbox(&entry, seal_key()),
            read_clear(&entry),
        ];
        for error in opened.into_iter().filter_map(Result::err) {
            words(&error);
        }
        return;
    }
    let (space, document, log_key) = (SpaceTag([1; 32]), DocTag([2; 32]), &key(6));
    let (sequence, previous, urgency) = (1, EntryId::default(), Urgency::Normal);
    let place = Place { space, document, log_key, sequence, previous, urgency };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    match seal_entry(&mut rng, &place, EpochId([3; 32]), &secret, bytes) {
        Ok(entry) => {
            let opened = open_entry(&entry, |_| Some(secret)).map(|opened| opened.to_vec());
            assert_eq!(opened, Ok(bytes.to_vec()));
        }
        Err(error) => words(&error),
    }
}

pub(super) fn sealed_blob(bytes: &[u8]) {
    let secret = Secret::new([1; 32]);
    let size = bytes.len() as u64;
    if let Err(error) = blob::open(&secret, bytes, size, io::sink()) {
        words(&error);
    }
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    match blob::seal(&secret, bytes, size, &mut sealed) {
        Ok(()) => {
            assert_eq!(sealed.len() as u64, blob::sealed_bytes(size));
            let read = blob::open(&secret, sealed.as_slice(), sealed.len() as u64, &mut opened);
            assert!(read.is_ok_and(|count| count == size) && opened == bytes);
        }
        Err(error) => words(&error),
    }
}

/// Parts of a sealed courier file: none opens but those that its packer sealed.
pub(super) fn sealed_courier(bytes: &[u8]) {
    let Some((preamble, part)) = bytes.split_first_chunk::<PREAMBLE_BYTES>() else { return };
    let Ok(preamble) = Preamble::decode(preamble) else { return };
    match Opener::new(seal_key(), preamble) {
        Ok(Some(mut opener)) => {
            if let Err(error) = opener.open(part) {
                words(&error);
            }
        }
        Ok(None) => assert!(preamble.encapped.is_none()),
        Err(error) => words(&error),
    }
}

/// An Automerge change from an author: what is let through is applied, and written again as the same bytes.
pub(super) fn change(bytes: &[u8]) {
    read(bytes);
    // The first four bytes after the mark are the beginning of the hash of the rest.
    if let Some((mark, rest)) = bytes.split_first_chunk::<4>()
        && let Some(hashed) = rest.get(4..)
    {
        let hash = Sha256::digest(hashed);
        read(&[mark.as_slice(), &hash[..4], hashed].concat());
    }
}

fn read(bytes: &[u8]) {
    let change = match read_change(bytes) {
        Ok(change) => change,
        Err(why) => return words(&why),
    };
    assert_eq!(change.raw_bytes(), bytes, "it is written otherwise");
    // More is asked of the first change of a log before it is applied.
    let first =
        change.deps().is_empty() && change.seq() == 1 && change.other_actor_ids().is_empty();
    if !first || *change.actor_id() != ActorId::from([7; 16].as_slice()) {
        return;
    }
    let mut doc = Automerge::new();
    if doc.apply_changes([change.clone()]).is_ok() {
        let kept = doc.get_change_by_hash(&change.hash());
        assert_eq!(kept.map(|kept| kept.raw_bytes().to_vec()), Some(bytes.to_vec()));
        let _ = linli_model::history::writes(&doc);
        let again = AutoCommit::load(&doc.save());
        assert!(again.is_ok(), "a document with it cannot be saved and loaded");
    }
}
