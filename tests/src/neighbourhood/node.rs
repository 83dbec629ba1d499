//! One node: the real replica and core over a modelled disk.

use std::collections::BTreeMap;

use linli_core::apart::Heard;
use linli_core::engine::{Arrival, Authored, Core, CoreError, World};
use linli_core::identity::NodeKeys;
use linli_replica::batch::{Batch, Shelf};
use linli_replica::blob::{self, Blob};
use linli_replica::certificate::Certificate;
use linli_replica::directory::Directory;
use linli_replica::entry::Entry;
use linli_replica::frame::Cell;
use linli_replica::frontier::Frontier;
use linli_replica::id::{BlobId, DocTag, NodeId, PartyId, Timestamp};
use linli_replica::replica::{Input, Output, Policy, Refused, Replica, Written};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::disk::Disk;

/// What a node has been told.
#[derive(Debug, Default)]
pub struct Told {
    /// Own entries that became durable: each was acknowledged to whoever wrote it.
    pub acknowledged: Vec<Entry>,
    /// Letters that could not be taken.
    pub refused_items: Vec<String>,
    /// Pages of peers that were not taken, and own ones.
    pub refused_pages: Vec<(Option<NodeId>, Refused)>,
    /// How often an entry of the own log came back from elsewhere.
    pub own_log_elsewhere: usize,
    /// How many own batches were lost.
    pub lost: usize,
    /// Heartbeats that arrived, whoever sealed them.
    pub cells: Vec<Cell>,
    /// What peers said that they hold durably.
    pub receipts: Vec<(NodeId, DocTag, Frontier)>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its keys.
    pub keys: NodeKeys,
    /// Whose it is.
    pub party: PartyId,
    /// The half that needs no key.
    pub replica: Replica,
    /// The keyed half.
    pub core: Core,
    /// What is durable.
    pub disk: Disk,
    /// Its blobs, whole and in part; they stay when the power fails.
    pub blobs: BTreeMap<BlobId, Vec<u8>>,
    parts: BTreeMap<BlobId, Vec<u8>>,
    /// What it was told.
    pub told: Told,
    /// Whom it has heard, and when.
    pub heard: Heard,
    /// How far its clock runs ahead of the neighbourhood's, in milliseconds.
    pub ahead_ms: i64,
    /// How often time passed at it.
    pub ticks: u64,
    policy: Policy,
    pub(crate) rng: ChaCha8Rng,
}

impl Node {
    /// Sets a node up with the certificates of its community.
    pub(crate) fn new(
        keys: NodeKeys,
        party: PartyId,
        policy: Policy,
        seed: u64,
        certificates: impl IntoIterator<Item = Certificate>,
    ) -> Self {
        let mut disk = Disk::default();
        let certificates = certificates.into_iter().collect();
        disk.set_up(Batch { certificates, ..Batch::default() });
        let replica = replica(keys.id(), &disk, policy);
        let core = Core::load(keys.clone(), party, Vec::new()).expect("no record to be read");
        let (told, rng) = (Told::default(), ChaCha8Rng::seed_from_u64(seed));
        Self {
            keys,
            party,
            replica,
            core,
            disk,
            blobs: BTreeMap::new(),
            parts: BTreeMap::new(),
            told,
            heard: Heard::default(),
            ahead_ms: 0,
            ticks: 0,
            policy,
            rng,
        }
    }

    /// Returns what its clock shows at a time of the neighbourhood's.
    #[must_use]
    pub const fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.ahead_ms))
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.keys.id()
    }

    /// Runs something with the core and everything it reads.
    pub fn with_core<T>(
        &mut self,
        now: Timestamp,
        act: impl FnOnce(&mut Core, World<'_>, &mut ChaCha8Rng) -> T,
    ) -> T {
        let now = self.clock(now);
        let (directory, index) = (self.replica.directory(), self.replica.index());
        let world = World { now, directory, index, held: &self.disk.store };
        act(&mut self.core, world, &mut self.rng)
    }

    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        if let Input::Disconnected { peer } = &input {
            self.heard.closed(*peer, self.clock(now));
        }
        self.ticks += u64::from(matches!(input, Input::Tick));
        self.replica.handle(self.clock(now), &self.disk.store, input)
    }

    /// Does what an output asks for that stays within the node; says what follows from it.
    pub(crate) fn follow(&mut self, now: Timestamp, output: Output) -> Vec<Input> {
        match output {
            Output::Commit { ticket, batch } => self.disk.submit(ticket, batch),
            Output::Held { from, entries, .. } => return self.held(now, from, &entries),
            Output::Lost { from: None, entries, .. } => self.lost(&entries),
            Output::Erase { order, erase, .. } => {
                let directory = self.replica.directory();
                let records = self.core.erase(directory, &erase).expect("own records");
                return vec![Input::Erase { order, records }];
            }
            Output::Directory { .. } => {
                self.core.directory_changed(self.replica.directory());
                let authored = self
                    .with_core(now, |core, world, rng| core.pass_keys_on(world, rng))
                    .expect("own records can be read");
                return inputs(authored);
            }
            Output::Refused { peer, reason } => self.told.refused_pages.push((peer, reason)),
            Output::Synced { peer, alike } => {
                self.heard.compared(peer, self.clock(now));
                let index = self.replica.index();
                let held =
                    alike.into_iter().filter_map(|doc| Some((peer, doc, index.frontier(&doc)?)));
                self.told.receipts.extend(held);
            }
            Output::Receipt { peer, document, frontier } => {
                self.told.receipts.push((peer, document, frontier));
            }
            Output::Send { .. }
            | Output::Disconnect { .. }
            | Output::Lost { .. }
            | Output::Forked { .. }
            | Output::Carried { .. }
            | Output::Lacks { .. } => {}
            Output::ReadPart { peer, blob, offset } => {
                let slice = self.read_part(&blob, offset);
                return vec![Input::PartRead { peer, blob: blob.id, offset, slice }];
            }
            Output::WritePart { blob, offset, bytes } => {
                let written = self.write_part(&blob, offset, &bytes);
                return vec![Input::PartWritten { blob: blob.id, written }];
            }
            Output::RemoveBlobs { blobs } => {
                self.blobs.retain(|blob, _| !blobs.contains(blob));
                self.parts.retain(|blob, _| !blobs.contains(blob));
            }
            Output::Heartbeat { cell, .. } => self.told.cells.push(cell),
        }
        Vec::new()
    }

    fn read_part(&self, blob: &Blob, offset: u64) -> Option<Vec<u8>> {
        let bytes = self.blobs.get(&blob.id)?.as_slice();
        let (_, hashes) = blob::hash(bytes, blob.size).ok()?;
        blob::slice(&blob.id, blob.size, offset, bytes, hashes.as_slice()).ok()
    }

    fn write_part(&mut self, blob: &Blob, offset: u64, bytes: &[u8]) -> Written {
        let part = self.parts.entry(blob.id).or_default();
        part.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
        part.extend_from_slice(bytes);
        let to = part.len() as u64;
        if to < blob.size {
            return Written::Part { to };
        }
        self.blobs.extend(self.parts.remove(&blob.id).map(|whole| (blob.id, whole)));
        Written::Whole
    }

    fn held(&mut self, now: Timestamp, from: Option<NodeId>, entries: &[Entry]) -> Vec<Input> {
        if from.is_none() {
            self.told.acknowledged.extend_from_slice(entries);
        }
        let arrival = self
            .with_core(now, |core, world, rng| core.receive(world, rng, from, entries))
            .expect("the store can be read");
        self.arrived(now, arrival)
    }

    fn arrived(&mut self, now: Timestamp, arrival: Arrival) -> Vec<Input> {
        self.told.refused_items.extend(arrival.refused);
        let mut inputs = inputs(arrival.authored);
        inputs.extend(arrival.declined.into_iter().map(Input::Declined));
        if !arrival.judged.is_empty() {
            inputs.push(Input::Judged(arrival.judged));
        }
        if arrival.own_log_elsewhere {
            self.told.own_log_elsewhere += 1;
            inputs.push(self.renew_logs(now));
        }
        inputs
    }

    /// Starts fresh logs, and tells everybody that it was restored.
    pub(crate) fn renew_logs(&mut self, now: Timestamp) -> Input {
        self.with_core(now, |core, world, rng| {
            let Authored { pages, records, urgent, .. } = core.renew_logs(world, rng)?;
            let certificates = core.restoration(world).into_iter().collect();
            Ok::<_, CoreError>(Input::Authored { pages, certificates, records, urgent })
        })
        .expect("own records can be read")
    }

    fn lost(&mut self, entries: &[Entry]) {
        self.told.lost += 1;
        let store = &self.disk.store;
        self.core.lost(entries, |space| store.record(Shelf::Space, space.as_bytes()));
    }

    /// Begins again from what is durable.
    pub(crate) fn restart(&mut self, now: Timestamp) -> Vec<Input> {
        self.replica = replica(self.id(), &self.disk, self.policy);
        let parts = self.parts.iter().map(|(blob, part)| (*blob, part.len() as u64)).collect();
        for blob in self.replica.restore_blobs(&self.blobs.keys().copied().collect(), parts) {
            self.blobs.remove(&blob);
        }
        let records = Shelf::ALL.into_iter().flat_map(|shelf| {
            let records = self.disk.store.records(shelf);
            records.into_iter().map(move |(key, value)| (shelf, key, value))
        });
        self.core = Core::load(self.keys.clone(), self.party, records).expect("own records");
        let mut inputs: Vec<Input> = Vec::new();
        for output in self.replica.handle(now, &self.disk.store, Input::Tick) {
            inputs.extend(self.follow(now, output));
        }
        for space in self.core.spaces().collect::<Vec<_>>() {
            inputs.push(Input::Want(space));
            let judged =
                self.with_core(now, |core, world, _| core.judge_orders(world, space, None));
            inputs.push(Input::Judged(judged.expect("the store can be read")));
        }
        let arrival = self
            .with_core(now, |core, world, rng| core.recover(world, rng))
            .expect("the store can be read");
        inputs.extend(self.arrived(now, arrival));
        inputs
    }
}

fn replica(id: NodeId, disk: &Disk, policy: Policy) -> Replica {
    let certificates = disk.store.certificates();
    let directory = certificates
        .iter()
        .find_map(|certificate| Directory::new(certificate.clone()).ok())
        .map(|mut directory| {
            directory.add(certificates.iter().cloned());
            directory
        })
        .expect("a node is set up with its community's genesis");
    let mut replica = Replica::new(id, directory, disk.index(), policy);
    let own = disk.store.records(Shelf::Own);
    replica.restore(own.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
    replica
}

/// What is to be given to the replica for what the core wrote.
pub(crate) fn inputs(authored: Authored) -> Vec<Input> {
    let Authored { pages, records, urgent, wants, .. } = authored;
    let mut inputs: Vec<Input> = wants.into_iter().map(Input::Want).collect();
    if !pages.is_empty() || !records.is_empty() {
        inputs.push(Input::Authored { pages, certificates: Vec::new(), records, urgent });
    }
    inputs
}
