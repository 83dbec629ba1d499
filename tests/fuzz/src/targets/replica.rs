//! What needs no key: frames, entries, certificates, orders, courier files, parts of blobs.

use std::sync::OnceLock;

use ed25519_dalek::Signer as _;
use linli_replica::blob;
use linli_replica::certificate::{Act, Certificate};
use linli_replica::codec;
use linli_replica::courier::{self, Part, Preamble, Reader};
use linli_replica::custody::Custody;
use linli_replica::entry::{Entry, Page};
use linli_replica::erasure;
use linli_replica::frame::{Frame, Pages};
use linli_replica::id::{BlobId, CommunityId, NodeId};
use linli_replica::limits::PAGE_ENTRIES_MAX;
use linli_replica::prune;
use linli_replica::relays;
use linli_replica::request::Request;
use linli_replica::signed::Envelope;

use super::{again, words};
use crate::cbor::Value;
use crate::heal::key;

/// The community of the vectors of orders and receipts.
const COMMUNITY: CommunityId = CommunityId([1; 32]);

pub(super) fn frame(bytes: &[u8]) {
    match again(bytes, Frame::decode, Frame::encode) {
        Some(Frame::Pages(Pages { pages })) => {
            for entries in &pages {
                let entries: Vec<&[u8]> = entries.iter().map(|bytes| bytes.as_slice()).collect();
                page(&entries);
            }
        }
        Some(Frame::Certificates(list)) => {
            list.certificates.iter().for_each(|bytes| read_certificate(bytes));
        }
        Some(Frame::Custody(receipt)) => read_custody(&receipt),
        Some(Frame::Cell(cell)) => {
            let _ = cell.verify();
        }
        Some(_) | None => {}
    }
}

/// Reads the entries of a page and checks the page.
fn page(entries: &[&[u8]]) {
    let entries: Option<Vec<Entry>> = entries.iter().map(|bytes| read_entry(bytes)).collect();
    let Some(entries) = entries else { return };
    match Page(entries.clone()).verify() {
        Ok(page) => {
            assert!((1..=PAGE_ENTRIES_MAX).contains(&page.entries().len()));
            assert!(page.entries().last().is_some_and(Entry::is_signed));
            let ids = |entries: &[Entry]| entries.iter().map(Entry::id).collect::<Vec<_>>();
            assert_eq!(ids(page.entries()), ids(&entries));
            assert!(Page(page.into_entries()).verify().is_ok(), "it does not hold twice");
        }
        Err(error) => words(&error),
    }
}

fn read_entry(bytes: &[u8]) -> Option<Entry> {
    let entry = again(bytes, Entry::decode, Entry::encode)?;
    assert_eq!(usize::try_from(entry.header().length), Ok(entry.ciphertext().len()));
    let unsigned = Entry::decode(&entry.encode_unsigned());
    assert_eq!(
        unsigned.map(|unsigned| unsigned.id()),
        Ok(entry.id()),
        "a signature is no part of it"
    );
    Some(entry)
}

pub(super) fn entry(bytes: &[u8]) {
    if let Some(entry) = read_entry(bytes) {
        page(&[&entry.encode()]);
        if let Err(error) = order_of(&entry) {
            words(&error);
        }
    }
}

fn order_of(entry: &Entry) -> Result<(), prune::PruneError> {
    prune::Order::of_entry(entry, COMMUNITY).map(drop)
}

fn read_certificate(bytes: &[u8]) {
    if let Some(certificate) = again(bytes, Certificate::decode, Certificate::encode) {
        let mut copy = certificate.clone();
        assert!(!copy.merge(&certificate), "a copy brings nothing");
    }
}

pub(super) fn certificate(bytes: &[u8]) {
    read_certificate(bytes);
    // A body by itself: nothing is signed, and it is read all the same.
    read_certificate(&Envelope::new(bytes.to_vec()).encode());
}

pub(super) fn request(bytes: &[u8]) {
    if let Some(mut request) = again(bytes, Request::decode, Request::encode) {
        assert_eq!(request.deeds().len(), request.acts().len());
        let signed = request.signed().len();
        assert!(!request.is_signed() || signed >= usize::from(request.officers().threshold));
        let copy = request.clone();
        assert!(request.merge(&copy).is_ok_and(|news| !news));
    }
}

/// Reads a courier file as a node does.
pub(super) fn courier(bytes: &[u8]) {
    read_courier(bytes);
    if let Some(signed) = signed_courier(bytes) {
        read_courier(&signed);
    }
}

fn read_courier(bytes: &[u8]) {
    let Some((preamble, mut rest)) = bytes.split_first_chunk() else { return };
    let preamble = match Preamble::decode(preamble) {
        Ok(read) => {
            assert_eq!(read.encode(), *preamble, "a preamble is written in one way");
            read
        }
        Err(error) => return words(&error),
    };
    let mut reader = Reader::new(&preamble);
    while let Some((prefix, after)) = rest.split_first_chunk() {
        let part = courier::chunk_bytes(*prefix).and_then(|count| after.split_at_checked(count));
        let Some((part, after)) = part else { return };
        let parts = reader.parts();
        match reader.part(part) {
            Ok(Part::Head(head)) => {
                assert_eq!(parts, 0);
                assert_eq!(head.to.is_some(), preamble.encapped.is_some());
            }
            Ok(Part::Frame(_) | Part::End) => assert!(parts > 0),
            Err(error) => return words(&error),
        }
        rest = after;
    }
}

/// Signs the parts of a file as their packer, where its key is one of one byte.
fn signed_courier(bytes: &[u8]) -> Option<Vec<u8>> {
    let (preamble, mut rest) = bytes.split_at_checked(courier::PREAMBLE_BYTES)?;
    let (mut file, mut whole) = (preamble.to_vec(), preamble.to_vec());
    let mut packer = None;
    let mut parts = 0_u64;
    while let Some((prefix, after)) = rest.split_first_chunk() {
        let count = courier::chunk_bytes(*prefix)?;
        let (part, after) = after.split_at_checked(count)?;
        let (_, body) = part.split_at_checked(64)?;
        if packer.is_none() {
            let head = Value::read(body)?;
            let from = head.as_list()?.get(1)?.as_bytes()?;
            packer = (0..=255).map(key).find(|key| *key.verifying_key().as_bytes() == *from);
        }
        let mut hasher = blake3::Hasher::new_derive_key("linli 1 courier part");
        hasher.update(&file).update(&parts.to_le_bytes()).update(body);
        let message = [b"linli 1 courier".as_slice(), hasher.finalize().as_bytes()].concat();
        let signature = packer.as_ref()?.sign(&message).to_bytes();
        whole.extend(courier::chunk(&[signature.as_slice(), body].concat()));
        if parts == 0 {
            file.extend_from_slice(&blake3::derive_key("linli 1 courier head", body));
        }
        parts += 1;
        rest = after;
    }
    Some(whole)
}

pub(super) fn custody(bytes: &[u8]) {
    if let Some(receipt) = again(bytes, |bytes| codec::decode::<Custody>(bytes), codec::encode) {
        read_custody(&receipt);
    }
}

fn read_custody(receipt: &Custody) {
    if let Err(error) = receipt.verify(COMMUNITY) {
        words(&error);
    }
}

pub(super) fn erasure(bytes: &[u8]) {
    if let Err(error) = erasure::Order::decode(bytes, COMMUNITY) {
        words(&error);
    }
}

pub(super) fn prune(bytes: &[u8]) {
    match prune::Order::decode(bytes, COMMUNITY) {
        Ok(order) => {
            let again = order.terms().cuts.is_sorted_by(|a, b| a.log < b.log);
            assert!(again, "the cuts are not in order");
        }
        Err(error) => words(&error),
    }
}

pub(super) fn relay(bytes: &[u8]) {
    let write = |relays: &Vec<relays::RelayTold>| {
        let act = relays::notice(NodeId::default(), relays.clone());
        if let Act::Notice { body, .. } = act { body.into() } else { Vec::new() }
    };
    if let Some(relays) = again(bytes, relays::decode, write) {
        assert!(relays.iter().all(relays::RelayTold::is_sound));
    }
}

/// Offers a part of a blob. The first byte says which blob, and whether the rest is the part or changes to the true one.
pub(super) fn blob_slice(bytes: &[u8]) {
    let Some((&[which], rest)) = bytes.split_first_chunk() else { return };
    let Some((size, rest)) = rest.split_first_chunk() else { return };
    let Some((offset, rest)) = rest.split_first_chunk() else { return };
    let (size, offset) = (u64::from_le_bytes(*size), u64::from_le_bytes(*offset));
    let known = blobs();
    let (id, whole, true_slice) = &known[usize::from(which) % known.len()];
    let slice = if which < 128 { rest.to_vec() } else { patched(true_slice, rest) };
    if let Some(part) = blob::open_slice(id, size, offset, &slice) {
        // Only the last part proves the size: those before are the same in a longer blob.
        let last = offset + part.len() as u64 >= size;
        assert!(!last || size == whole.len() as u64, "another size is believed");
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        assert_eq!(
            whole.get(at..at + part.len()),
            Some(part.as_slice()),
            "other bytes are believed"
        );
    }
}

/// Changes a copy of `base`: each change is where (4 bytes) and to what (1 byte).
pub(super) fn patched(base: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for change in changes.chunks_exact(5) {
        let at = change.iter().take(4).fold(0, |at, byte| at << 8 | usize::from(*byte));
        if let (Some(byte), Some(to)) = (bytes.get_mut(at), change.last()) {
            *byte = *to;
        }
    }
    bytes
}

type Known = (BlobId, Vec<u8>, Vec<u8>);

fn blobs() -> &'static [Known] {
    static BLOBS: OnceLock<Vec<Known>> = OnceLock::new();
    BLOBS.get_or_init(|| {
        let blob = |size: usize| {
            let mut bytes = vec![0; size];
            blake3::Hasher::new().update(b"blob").finalize_xof().fill(&mut bytes);
            let size = size as u64;
            let (id, hashes) = blob::hash(bytes.as_slice(), size).unwrap_or_default();
            let slice = blob::slice(&id, size, 0, bytes.as_slice(), hashes.as_slice());
            (id, bytes, slice.unwrap_or_default())
        };
        vec![blob(272), blob(20_000), blob(200_000)]
    })
}
