//! What a data directory says of the relay: its keys, its community, what it holds.
//!
//! The directory has the layout of a node's, so that pairing and enrolment are the same for both.

use std::net::SocketAddr;
use std::path::Path;

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::Act;
use linli_replica::directory::{Directory, NotMember};
use linli_replica::id::NodeId;
use linli_replica::index::Index;
use linli_replica::replica::{Policy, Replica};
use linli_store::{Blobs, Store, StoreError, keyring};
use zeroize::Zeroizing;

use crate::error::RelayError;

/// The folder of the store in the data directory.
const STORE_DIR: &str = "store";
/// The folder of blobs in it.
const BLOBS_DIR: &str = "blobs";
/// Ed25519 seed and X25519 private key, 32 bytes each.
const NODE_KEYS: &[u8] = b"node keys";
/// The secret from which the members' daily mDNS names come, 32 bytes.
const DISCOVERY: &[u8] = b"discovery";
/// Where the inviter was: node id and addresses.
const INVITER: &[u8] = b"inviter";

/// A relay's own part, read from its store.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) discovery: [u8; 32],
    pub(crate) inviter: Option<(NodeId, Vec<SocketAddr>)>,
}

impl Identity {
    pub(crate) fn node(&self) -> NodeId {
        NodeId(self.key.verifying_key().to_bytes())
    }
}

/// Opens the store of a data directory.
pub(crate) fn open(data: &Path, passphrase: &str) -> Result<Store, RelayError> {
    let key = keyring::unlock(data, passphrase)?;
    Ok(Store::open(&data.join(STORE_DIR), &key)?)
}

/// Opens the folder of blobs in the store's, and tells the replica what is in it.
pub(crate) fn blobs(data: &Path, replica: &mut Replica) -> Result<Blobs, RelayError> {
    let (blobs, found) = Blobs::open(&data.join(STORE_DIR).join(BLOBS_DIR))?;
    blobs.remove_now(replica.restore_blobs(&found.whole, found.parts))?;
    Ok(blobs)
}

/// Reads who the relay is.
pub(crate) fn identity(store: &Store) -> Result<Identity, RelayError> {
    let keys = store.record(Shelf::Own, NODE_KEYS)?.ok_or(RelayError::NotEnrolled)?;
    let keys = Zeroizing::new(keys);
    let (seed, rest) = keys.split_first_chunk::<32>().ok_or(RelayError::Damaged)?;
    if rest.len() != 32 {
        return Err(RelayError::Damaged);
    }
    let discovery = store.record(Shelf::Own, DISCOVERY)?.ok_or(RelayError::NotEnrolled)?;
    let discovery = discovery.try_into().map_err(|_| RelayError::Damaged)?;
    let inviter = store.record(Shelf::Own, INVITER)?.map(|bytes| inviter(&bytes)).transpose()?;
    Ok(Identity { key: SigningKey::from_bytes(seed), discovery, inviter })
}

fn inviter(bytes: &[u8]) -> Result<(NodeId, Vec<SocketAddr>), RelayError> {
    let (node, addresses): (NodeId, Vec<String>) =
        linli_replica::codec::decode(bytes).map_err(|_| RelayError::Damaged)?;
    Ok((node, addresses.iter().filter_map(|address| address.parse().ok()).collect()))
}

/// Puts the carrier's replica together from what the store holds.
///
/// A relay whose certificate has ended may still start: it extends it by itself.
pub(crate) fn replica(store: &Store, me: NodeId, policy: Policy) -> Result<Replica, RelayError> {
    let directory = directory(store)?;
    match directory.admits(&me, crate::clock::now()) {
        Ok(_) | Err(NotMember::Ended) => {}
        Err(reason @ (NotMember::Unknown | NotMember::Expelled)) => {
            return Err(RelayError::NotMember(reason));
        }
    }
    let index = Index::load(store.branches()?.collect::<Result<Vec<_>, StoreError>>()?);
    let mut replica = Replica::new(me, directory, index, policy);
    let records = store.records(Shelf::Own)?;
    replica.restore(records.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
    Ok(replica)
}

fn directory(store: &Store) -> Result<Directory, RelayError> {
    let certificates = store.certificates()?;
    let is_genesis = |act: &Act| matches!(act, Act::Genesis { .. });
    let genesis = certificates.iter().find(|certificate| is_genesis(&certificate.body().act));
    let genesis = genesis.ok_or(RelayError::NotEnrolled)?.clone();
    let mut directory = Directory::new(genesis).map_err(|_| RelayError::Damaged)?;
    directory.add(certificates);
    Ok(directory)
}

/// Keeps one of the relay's own records.
pub(crate) fn keep(store: &Store, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
    let record = Record { shelf: Shelf::Own, key: key.to_vec(), value: Some(value) };
    store.commit(Batch { records: vec![record], ..Batch::default() })
}
