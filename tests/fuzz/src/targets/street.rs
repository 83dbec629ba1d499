//! A street in memory with somebody hostile in it, who is enrolled and holds keys: whatever they send, the others hold what
//! they say they hold, show what they may, and go on.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use linli_core::authority::Right;
use linli_core::checkpoint::{Finding, Manifest};
use linli_core::engine::CoreError;
use linli_core::payload::Content;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Entry;
use linli_replica::frame::{Cell, Frame, Frontiers, Held, Offer, Pages, Receipt, Want, WantLog};
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::held::Held as _;
use linli_replica::id::{DocTag, EntryId, NodeId, SpaceTag};
use linli_replica::index::Index;
use linli_replica::limits::{CURSORS_MAX, OFFERS_MAX, PENDING_BYTES_MAX, WANTS_MAX};
use linli_replica::replica::Input;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};

use crate::moves::Moves;
use crate::mutate::{Chance, mutate};
use crate::neighbourhood::forge::Forger;
use crate::neighbourhood::wire::LANES;
use crate::neighbourhood::{Neighbourhood, View, grant};

/// Moves in one input.
const MOVES_MAX: usize = 40;

/// A hub and a centre, and a provider who means ill and may write.
struct Street {
    net: Neighbourhood,
    hub: NodeId,
    centre: NodeId,
    hostile: NodeId,
    space: SpaceTag,
    /// Frames that were looked at.
    looked: usize,
}

impl Street {
    fn new(right: Right) -> Self {
        let mut net = Neighbourhood::new(7);
        let [hub, centre, hostile] = [PartyKind::Household, PartyKind::Centre, PartyKind::Provider]
            .map(|kind| net.join(kind));
        let rights = [(centre, Right::Steward), (hostile, right)];
        let grants = rights.map(|(id, right)| grant(net.party(id), right, true)).to_vec();
        let space = net.begin(hub, grants);
        assert!(net.set(hub, space, ProfileField::Name, "Wang").is_ok());
        net.heal();
        net.cut(hub, centre);
        net.cut(centre, hostile);
        net.wire.watch(hub);
        net.wire.watch(hostile);
        Self { net, hub, centre, hostile, space, looked: 0 }
    }

    fn frame(&mut self, lane: u8, bytes: Vec<u8>) {
        let (peer, lane) = (self.hostile, LANES[usize::from(lane) % LANES.len()]);
        self.net.input(self.hub, Input::Frame { peer, lane, bytes });
    }

    /// Sends entries, each as a page of its own.
    fn pages(&mut self, entries: &[Entry]) {
        let pages = entries.iter().map(|entry| vec![entry.encode().into()]).collect();
        self.frame(1, Frame::Pages(Pages { pages }).encode());
        self.net.drain();
        self.check();
    }

    /// Checks what must hold after everything that happens.
    fn check(&mut self) {
        let node = self.net.node(self.hub);
        let replica = &node.replica;
        assert!(replica.pending_bytes(&self.hostile) <= PENDING_BYTES_MAX, "too much waits");
        if let Some(status) = replica.status(&self.hostile) {
            assert!(status.asked <= WANTS_MAX, "too much is asked for");
            assert!(status.offered <= OFFERS_MAX, "too much is remembered");
            assert!(status.sending <= CURSORS_MAX, "too much is to be sent");
        }
        let durable = node.disk.index();
        let index = replica.index();
        for space in durable.spaces() {
            for (document, digest) in durable.documents(&space) {
                assert_eq!(
                    index.digest(&document),
                    Some(digest),
                    "the index is not what is durable"
                );
                assert_eq!(index.frontier(&document), durable.frontier(&document));
            }
        }
        assert_eq!(held(index), held(&durable), "the index tells of more than is durable");
        self.check_receipts();
    }

    /// What the hub says that it holds is on its disk.
    fn check_receipts(&mut self) {
        let seen = self.net.wire.seen.get(self.looked..).unwrap_or_default();
        let store = &self.net.node(self.hub).disk.store;
        for seen in seen.iter().filter(|seen| seen.from == self.hub) {
            let Ok(Frame::Receipt(receipt)) = Frame::decode(&seen.bytes) else { continue };
            for Held { document, frontier } in receipt.documents {
                for (log, tips) in frontier.0 {
                    for tip in tips {
                        let at = tip.sequence.saturating_sub(1);
                        let found = store.entries(document, log, at, 1).unwrap_or_default();
                        let is = |entry: &Entry| entry.id() == tip.id;
                        assert!(found.iter().any(is), "a receipt for what is not held");
                    }
                }
            }
        }
        self.looked = self.net.wire.seen.len();
    }

    /// Everybody meets: what the honest wrote is there, and both show the same.
    fn end(mut self) {
        let note = "still here";
        assert!(self.net.set(self.hub, self.space, ProfileField::Housing, note).is_ok());
        self.net.isolate(self.hostile);
        self.net.connect(self.hub, self.centre);
        self.net.heal();
        self.net.isolate(self.hostile);
        self.check();
        for id in [self.hub, self.centre] {
            let values = self.net.values(id, self.space, "housing");
            assert!(values.iter().any(|(value, by)| value == note && by.contains(&self.hub)));
        }
        self.net.check_same(&[self.hub, self.centre], self.space);
    }
}

fn held(index: &Index) -> BTreeMap<SpaceTag, usize> {
    index.spaces().map(|space| (space, index.documents(&space).count())).collect()
}

/// A conversation with somebody hostile, move by move.
pub(super) fn session(bytes: &[u8]) {
    let mut street = Street::new(Right::Write);
    let mut forger = street.net.forger(street.hostile, street.space, "profile");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut moves = Moves(bytes);
    for _ in 0..MOVES_MAX {
        let Some([what, how, more]) = moves.bytes() else { break };
        step(&mut street, &mut forger, &mut rng, (what, how, more), &mut moves);
        street.check();
    }
    street.net.drain();
    street.check();
    street.end();
}

fn step(
    street: &mut Street,
    forger: &mut Forger,
    rng: &mut ChaCha8Rng,
    (what, how, more): (u8, u8, u8),
    moves: &mut Moves<'_>,
) {
    let (hub, hostile) = (street.hub, street.hostile);
    match what % 12 {
        0 => (0..how).take_while(|_| street.net.step()).for_each(drop),
        1 => street.frame(how, moves.string().to_vec()),
        2 => {
            // One that went over the wire before, changed.
            let seen = &street.net.wire.seen;
            let frame =
                seen.get(usize::from(how) % seen.len().max(1)).map(|seen| seen.bytes.clone());
            let mut frame = frame.unwrap_or_default();
            mutate(&mut frame, 1 << 20, &mut Chance(u64::from(more)));
            street.frame(what / 12, frame);
        }
        3 => {
            let entry = forger.write(rng, vec![moves.string().to_vec()]);
            let page = vec![entry.encode().into()];
            street.frame(how, Frame::Pages(Pages { pages: vec![page] }).encode());
        }
        4 => {
            // A fork, or a gap.
            forger.sequence = u64::from(how % 4) + 1;
            forger.previous = EntryId([if forger.sequence == 1 { 0 } else { more | 1 }; 32]);
        }
        5 => street.frame(what / 12, lie(street, forger, how, more).encode()),
        6 => street.net.tick(1 << (how % 24)),
        7 => {
            street.net.cut(hub, hostile);
            street.net.connect(
                if how % 2 == 0 { hub } else { hostile },
                if how % 2 == 0 { hostile } else { hub },
            );
        }
        8 => {
            street.net.failures = u64::from(how % 3);
            street.net.persist(hub);
            street.net.failures = 0;
        }
        9 => street.net.crash(hub),
        10 => drop(street.net.set(hub, street.space, ProfileField::Note, &format!("note {how}"))),
        _ => drop(street.net.set(hostile, street.space, ProfileField::Health, "so far honest")),
    }
}

/// Something well formed that is not so.
fn lie(street: &Street, forger: &Forger, how: u8, more: u8) -> Frame {
    let index = street.net.node(street.hub).replica.index();
    let documents: Vec<DocTag> = index.documents(&street.space).map(|(tag, _)| tag).collect();
    let known = documents.get(usize::from(more) % documents.len().max(1)).copied();
    let document = known.filter(|_| more < 200).unwrap_or(DocTag([more; 32]));
    let mut frontier = index.frontier(&document).unwrap_or_default();
    let tip = Tip { sequence: 1 + (u64::from(more) << (how % 40)), id: EntryId([more; 32]) };
    frontier.0.insert(forger.log_id(), vec![tip]);
    let space = street.space;
    match how % 5 {
        0 => {
            let offer = Offer { document, frontier, urgent: more.is_multiple_of(2) };
            Frame::Frontiers(Frontiers { documents: vec![offer] })
        }
        1 => Frame::Receipt(Receipt { documents: vec![Held { document, frontier }] }),
        2 => {
            let logs = frontier.0.into_iter().map(|(log, after)| WantLog { document, log, after });
            Frame::Want(Want { logs: logs.collect() })
        }
        3 => Frame::Cell(Cell::new(space, u64::from(more), vec![how; 200], &forger.log)),
        _ => Frame::Receipt(Receipt {
            documents: vec![Held { document, frontier: Frontier::default() }],
        }),
    }
}

/// Changes to a document by somebody who may write there, or who may only read: one byte says which. Each change is one of
/// theirs with bytes changed, or any bytes.
pub(super) fn document(bytes: &[u8]) {
    let mut moves = Moves(bytes);
    let Some(first) = moves.byte() else { return };
    let writes = first % 2 == 0;
    let mut street = Street::new(if writes { Right::Write } else { Right::Read });
    let mut forger = street.net.forger(street.hostile, street.space, "profile");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut doc = street.net.copy(street.hostile, street.space, "profile");
    let mut entries = Vec::new();
    while let Some([what, how]) = moves.bytes().filter(|_| entries.len() < 12) {
        let own = forger.change(&mut doc, |doc| scribble(doc, what, how));
        let mut change = own.raw_bytes().to_vec();
        match what >> 6 {
            0 => {}
            1 => change = moves.string().to_vec(),
            2 => hashed(&mut change, moves.string()),
            _ => {
                let changes = vec![change.clone(), change.clone()];
                entries.push(forger.write(&mut rng, changes));
            }
        }
        entries.push(forger.write(&mut rng, vec![change]));
    }
    street.pages(&entries);
    let Ok(view) = street.net.profile(street.hub, street.space) else {
        panic!("a document is not shown any more");
    };
    let authors: Vec<NodeId> = view
        .fields
        .values()
        .flat_map(|field| &field.values)
        .flat_map(|stated| &stated.by)
        .map(|statement| NodeId(statement.author.node.0))
        .collect();
    let may = |node: &NodeId| {
        *node == street.hub || *node == street.centre || writes && *node == street.hostile
    };
    assert!(authors.iter().all(may), "an unauthorised fact is shown");
    let name = street.net.values(street.hub, street.space, "name");
    let own = (0..name.len()).any(|at| name[at].1.contains(&street.hub));
    assert!(own || writes, "a fact is hidden by somebody who may not write");
    street.end();
}

/// Changes bytes of a change, each where (2 bytes) and to what, and hashes it anew.
fn hashed(change: &mut [u8], to: &[u8]) {
    for at in to.chunks_exact(3) {
        let place = usize::from(at[0]) << 8 | usize::from(at[1]);
        if let Some(byte) = change.get_mut(place) {
            *byte = at[2];
        }
    }
    if change.len() > 8 {
        let hash = Sha256::digest(&change[8..]);
        change[4..8].copy_from_slice(&hash[..4]);
    }
}

/// Writes something into a document, past every rule.
fn scribble(doc: &mut automerge::AutoCommit, what: u8, how: u8) {
    use automerge::transaction::Transactable as _;
    use automerge::{ObjType, ROOT, ScalarValue};
    let keys = ["name", "note", "housing", "schema", "", "fact/00", "name/station"];
    let key = keys[usize::from(how) % keys.len()];
    let done = match what % 7 {
        0 => doc.put(ROOT, key, format!("{how}")),
        1 => doc.put(ROOT, key, ScalarValue::Counter(i64::from(how).into())),
        2 => doc.put(ROOT, key, ScalarValue::Bytes(vec![how; 4])),
        3 => doc
            .put_object(ROOT, key, ObjType::Text)
            .and_then(|text| doc.splice_text(text, 0, 0, "x")),
        4 => doc.put_object(ROOT, key, ObjType::Map).and_then(|map| doc.put(map, "name", 1)),
        5 => doc.delete(ROOT, "name"),
        _ => doc.put(ROOT, key, f64::from(how)),
    };
    // A change there must be.
    if done.is_err() || doc.pending_ops() == 0 {
        let note = format!("{what} {how} {:?}", doc.get_heads());
        let _ = doc.put(ROOT, "note", note);
    }
}

/// A checkpoint by a steward who means ill: an honest one, whose table and manifest four bytes at a time change by chance.
pub(super) fn checkpoint(bytes: &[u8]) {
    let mut street = Street::new(Right::Steward);
    assert!(street.net.set(street.hostile, street.space, ProfileField::Note, "a note").is_ok());
    street.net.drain();
    let (hostile, space) = (street.hostile, street.space);
    let made = street.net.act(hostile, |core, world, rng| {
        let document = core.space(world, space)?.document("profile");
        let made = core.checkpoint(world, rng, space, document)?;
        Ok::<_, CoreError>(made.unwrap_or_default())
    });
    assert!(made.is_ok());
    street.net.drain();
    let mut forger = street.net.forger(hostile, space, "profile");
    let honest = own_checkpoint(&street, &forger);
    let Some([manifest, table]) = honest else { panic!("a steward makes a checkpoint") };
    let forged = forged(&manifest, &table, bytes);
    let same = forged.as_ref().is_none_or(|(_, _, table_is_same)| *table_is_same);
    let Some((manifest, table, _)) = forged else { return };
    let content = Content::Checkpoint(vec![manifest.into(), table.into()]);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let entry = forger.write_content(&mut rng, content, None);
    let before = street.net.view(street.hub, space, "profile");
    street.pages(std::slice::from_ref(&entry));
    let found = street.net.checkpoints(street.hub, space, "profile");
    let of_it = found.iter().filter(|checkpoint| checkpoint.entry == entry.id());
    let believed = of_it.filter(|checkpoint| checkpoint.finding == Finding::Agrees).count();
    assert!(believed == 0 || same, "another table agrees with what is held");
    let after = street.net.view(street.hub, space, "profile");
    let shown = |view: &View| (view.canonical.clone(), view.heads.clone());
    assert_eq!(
        after.ok().as_ref().map(shown),
        before.ok().as_ref().map(shown),
        "it changes what is shown"
    );
    street.end();
}

/// The manifest and the table of a checkpoint that its writer made, the table inflated.
fn own_checkpoint(street: &Street, forger: &Forger) -> Option<[Vec<u8>; 2]> {
    let entries = street.net.entries(street.hostile, street.space);
    let own = entries.iter().filter(|entry| entry.header().log == forger.log_id());
    let mut content = own.filter_map(|entry| forger.open(entry)).map(|payload| payload.content);
    let parts = content.rfind(|content| matches!(content, Content::Checkpoint(_)))?;
    let [manifest, deflated] = parts.items() else { return None };
    let mut table = Vec::new();
    flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_end(&mut table).ok()?;
    Some([manifest.to_vec(), table])
}

/// Changes a table and announces what it has become; says whether it is the same. None where it does not fit one entry.
fn forged(manifest: &[u8], honest: &[u8], changes: &[u8]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
    let (mut table, mut moves) = (honest.to_vec(), Moves(changes));
    let mut manifest: Manifest = minicbor::decode(manifest).ok()?;
    while let Some(seed) = moves.bytes().map(u32::from_be_bytes) {
        match seed % 16 {
            0 => manifest.parts = seed >> 8,
            1 => {
                manifest.frontier = manifest
                    .frontier
                    .iter()
                    .copied()
                    .chain(manifest.frontier.first().copied())
                    .collect()
            }
            2 => manifest.frontier.iter_mut().for_each(|upto| upto.sequence = u64::from(seed >> 8)),
            3 => drop(manifest.frontier.pop()),
            _ => mutate(&mut table, 60 << 10, &mut Chance(u64::from(seed))),
        }
    }
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(&table).ok()?;
    let deflated = deflate.finish().ok()?;
    manifest.bytes = u32::try_from(deflated.len()).ok()?;
    manifest.inflated = u32::try_from(table.len()).ok()?;
    manifest.hash = (*blake3::hash(&deflated).as_bytes()).into();
    let same = table == honest;
    Some((linli_replica::codec::encode(&manifest), deflated, same))
}
