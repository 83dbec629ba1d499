//! What is done on a data directory while no node runs there: making it, beginning a community,
//! joining one, and bringing a backup back.

use std::net::SocketAddr;

use ed25519_dalek::SigningKey;
use linli_core::audit::AuditRecord;
use linli_core::identity::{
    KeyFileError, KeyKind, NodeKeys, Stretch, draw_signing_key, officer_id, open_key_file,
    party_id, seal_key_file,
};
use linli_core::secret::Secret;
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind};
use linli_replica::directory::{Directory, NotGenesis};
use linli_replica::id::{CommunityId, NodeId, OfficerId, PartyId};
use linli_replica::relays::RelayTold;
use linli_store::keyring::{self, Cost, KeyringError, SealedKey};
use linli_store::{StorageKey, Store, StoreError};
use rand::rngs::{StdRng, SysRng};
use rand_core::SeedableRng as _;

use crate::home::{Home, HomeError, OFFICERS_DIR, PARTY_KEY_FILE};
use crate::node::now;
use crate::upkeep::NODE_TERM_MS;

pub(crate) mod backup;
mod found;
mod join;
mod officer;

pub use backup::{Restored, restore};
pub use found::{Founded, NewFounding, begin_founding, finish_founding};
pub use join::{Inviter, JoinError, finish, join};
pub(crate) use join::{ask_again, is_joining};
pub use officer::{open_officer_key, seal_officer_key};

const NODE_KEYS: &[u8] = b"node keys";
const PARTY: &[u8] = b"party";
const LABEL: &[u8] = b"label";
const PEPPER: &[u8] = b"pin pepper";
const DISCOVERY: &[u8] = b"discovery";
const RELAYS: &[u8] = b"relays";

/// Why a data directory cannot be set up or used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The passphrase or its file.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// There is a node here already.
    #[error("{0} holds a node already; choose another directory with --data DIR")]
    AlreadyInitialised(String),
    /// There is no node here.
    #[error(
        "there is no node here: make one with `linli init`, or name its directory with --data DIR"
    )]
    NotInitialised,
    /// The node belongs to a community already.
    #[error("this node belongs to a community already")]
    AlreadyMember,
    /// The node has no community yet.
    #[error(
        "this node belongs to no community yet: `linli community create NAME`, or `linli join CODE`"
    )]
    NoCommunity,
    /// Officers and threshold do not fit.
    #[error(
        "{officers} officers with a threshold of {threshold}: the threshold must be more than half of the officers and no more than all of them, at most 64"
    )]
    Officers {
        /// How many officers.
        officers: u8,
        /// How many must sign.
        threshold: u8,
    },
    /// Another kind of key.
    #[error("this file holds another kind of key: look for the officer's")]
    NotOfficerKey,
    /// A request.
    #[error(transparent)]
    Request(#[from] linli_replica::request::RequestError),
    /// A community is being founded here.
    #[error(
        "a community is being founded here and waits for its officers: bring the signed files with `linli community finish`, or begin another with --again"
    )]
    AlreadyFounding,
    /// No community is being founded here.
    #[error("no community is being founded here: `linli community create NAME --officer KEY…`")]
    NotFounding,
    /// The party's root key is not in its file.
    #[error("{PARTY_KEY_FILE} is not in the data directory: bring it back for this step")]
    NoPartyKey,
    /// What the store keeps of the node cannot be read.
    #[error("what the store keeps of this node cannot be read: restore the latest backup")]
    Damaged,
    /// The certificates hold no genesis.
    #[error(transparent)]
    NotGenesis(#[from] NotGenesis),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: restart the machine")]
    NoRandomness,
}

/// Seeds this process's generator from the operating system.
pub(crate) fn generator() -> Result<StdRng, SetupError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|_| SetupError::NoRandomness)
}

fn own(key: &[u8], value: Vec<u8>) -> Record {
    Record { shelf: Shelf::Own, key: key.to_vec(), value: Some(value) }
}

/// Makes a node in an empty data directory: its keys, its store, and its party's root key in a file
/// of its own under the same passphrase. Interrupted at any instant it leaves no node, and is done
/// again from the beginning.
///
/// # Errors
/// There is a node already, or the directory cannot be used.
pub fn init(home: &Home, label: &str, passphrase: &str) -> Result<NodeId, SetupError> {
    if home.is_initialised() {
        return Err(SetupError::AlreadyInitialised(home.path().display().to_string()));
    }
    let mut rng = generator()?;
    let key = StorageKey::generate(&mut rng);
    let sealed_key = SealedKey::seal(&key, passphrase, Cost::RECOMMENDED, &mut rng)?;
    home.begin(&sealed_key.encode())?;
    let store = Store::create(&home.store(), &key)?;
    let keys = NodeKeys::draw(&mut rng);
    let party = draw_signing_key(&mut rng);
    let sealed = seal_key_file(&mut rng, KeyKind::Party, &party, passphrase, Stretch::RECOMMENDED)?;
    home.write_private(PARTY_KEY_FILE, &sealed)?;
    let (signing, seal) = keys.to_secrets();
    let both = [*signing.expose(), *seal.expose()].concat();
    let records = vec![
        own(NODE_KEYS, both),
        own(PARTY, party_id(&party).0.to_vec()),
        own(LABEL, label.as_bytes().to_vec()),
        own(PEPPER, Secret::draw(&mut rng).expose().to_vec()),
    ];
    store.commit(Batch { records, ..Batch::default() })?;
    drop(store);
    home.finish()?;
    Ok(keys.id())
}

/// Seals the keys of a data directory under another passphrase: the storage key, and the party's root
/// key where its file is there and had the same one. Says whether that file was sealed anew.
///
/// Interrupted at any instant the node opens with the former passphrase or with the latter, and doing
/// it again finishes it. The former file may still stand on the medium's unused blocks, and backups
/// keep the passphrase they were made with.
///
/// # Errors
/// `from` is not the passphrase, then nothing is changed; or a file cannot be written.
pub fn change_passphrase(home: &Home, from: &str, to: &str) -> Result<bool, SetupError> {
    if !home.is_initialised() {
        return Err(SetupError::NotInitialised);
    }
    let mut rng = generator()?;
    keyring::unlock(home.path(), from)?;
    let mut party = false;
    if let Some(bytes) = home.read_private(PARTY_KEY_FILE)? {
        match open_key_file(&bytes, from) {
            Ok(file) => {
                let (kind, stretch) = (file.kind, Stretch::RECOMMENDED);
                let sealed = seal_key_file(&mut rng, kind, &file.key, to, stretch)?;
                home.write_private(PARTY_KEY_FILE, &sealed)?;
                party = true;
            }
            // Sealed anew before an interruption, or its holder gave it a passphrase of its own.
            Err(KeyFileError::WrongPassphrase) => party = open_key_file(&bytes, to).is_ok(),
            Err(error) => return Err(error.into()),
        }
    }
    // Last: only now does the former passphrase no longer open the node.
    keyring::change_passphrase(home.path(), from, to, Cost::RECOMMENDED, &mut rng)?;
    Ok(party)
}

/// What a node is, as its store keeps it.
pub(crate) struct Identity {
    pub(crate) keys: NodeKeys,
    pub(crate) party: PartyId,
    pub(crate) label: String,
    pub(crate) pepper: Secret,
    pub(crate) discovery: Option<[u8; 32]>,
    pub(crate) relays: Vec<RelayTold>,
}

/// Opens the store of a data directory and reads what its node is.
pub(crate) fn open(home: &Home, passphrase: &str) -> Result<(Store, Identity), SetupError> {
    if !home.is_initialised() {
        return Err(SetupError::NotInitialised);
    }
    let key = keyring::unlock(home.path(), passphrase)?;
    let store = Store::open(&home.store(), &key)?;
    let identity = identity(&store)?;
    Ok((store, identity))
}

/// Reads what a node is from its open store.
pub(crate) fn identity(store: &Store) -> Result<Identity, SetupError> {
    let record = |key: &[u8]| store.record(Shelf::Own, key);
    let thirty_two = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| SetupError::Damaged);
    let both = record(NODE_KEYS)?.ok_or(SetupError::NotInitialised)?;
    let (signing, seal) = both.split_at_checked(32).ok_or(SetupError::Damaged)?;
    let (signing, seal) = (Secret::new(thirty_two(signing)?), Secret::new(thirty_two(seal)?));
    let keys = NodeKeys::from_secrets(&signing, &seal).ok_or(SetupError::Damaged)?;
    let party = PartyId(thirty_two(&record(PARTY)?.ok_or(SetupError::Damaged)?)?);
    let label =
        String::from_utf8(record(LABEL)?.unwrap_or_default()).map_err(|_| SetupError::Damaged)?;
    let pepper = Secret::new(thirty_two(&record(PEPPER)?.ok_or(SetupError::Damaged)?)?);
    let discovery = record(DISCOVERY)?.map(|bytes| thirty_two(&bytes)).transpose()?;
    let relays = match record(RELAYS)? {
        None => Vec::new(),
        Some(bytes) => relays(&bytes).ok_or(SetupError::Damaged)?,
    };
    Ok(Identity { keys, party, label, pepper, discovery, relays })
}

/// Reads the relays that the inviter told of; older records hold their URLs alone.
fn relays(bytes: &[u8]) -> Option<Vec<RelayTold>> {
    let urls = || -> Option<Vec<String>> { linli_replica::codec::decode(bytes).ok() };
    let bare = |url| RelayTold { url, quic_port: None, pin: None };
    linli_replica::codec::decode(bytes)
        .ok()
        .or_else(|| Some(urls()?.into_iter().map(bare).collect()))
}

/// Reads the community from the store's certificates.
pub(crate) fn directory(store: &Store) -> Result<Directory, SetupError> {
    let certificates = store.certificates()?;
    let genesis = certificates
        .iter()
        .find(|certificate| matches!(certificate.body().act, Act::Genesis { .. }))
        .ok_or(SetupError::NoCommunity)?;
    let mut directory = Directory::new(genesis.clone())?;
    directory.add(certificates);
    Ok(directory)
}

fn party_key(home: &Home, passphrase: &str) -> Result<SigningKey, SetupError> {
    let bytes = home.read_private(PARTY_KEY_FILE)?.ok_or(SetupError::NoPartyKey)?;
    Ok(open_key_file(&bytes, passphrase)?.key)
}

/// Reads what a party is, from its word: `household`, `centre`, `station`, `provider`, `family`,
/// `regulator`, `evaluator` or `carrier`.
#[must_use]
pub fn party_kind(word: &str) -> Option<PartyKind> {
    Some(match word {
        "household" => PartyKind::Household,
        "centre" => PartyKind::Centre,
        "station" => PartyKind::Station,
        "provider" => PartyKind::Provider,
        "family" => PartyKind::Family,
        "regulator" => PartyKind::Regulator,
        "evaluator" => PartyKind::Evaluator,
        "carrier" | "relay" => PartyKind::Carrier,
        _ => return None,
    })
}

/// A community to begin.
#[derive(Clone)]
pub struct NewCommunity<'a> {
    /// Its name, public.
    pub name: &'a str,
    /// How many officers.
    pub officers: u8,
    /// How many of them must sign.
    pub threshold: u8,
    /// What this node's party is.
    pub kind: PartyKind,
    /// The party's public name.
    pub party_name: Option<&'a str>,
    /// Seals the officers' key files.
    pub officer_passphrase: &'a str,
}

impl std::fmt::Debug for NewCommunity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewCommunity").field("officers", &self.officers).finish_non_exhaustive()
    }
}

/// Begins a community with this node's party as its first member. The officers' keys are written to
/// files of their own, which belong to the officers and apart from the node. Officers' keys that lie
/// there, of an attempt that was interrupted or brought by hand, are set aside, never overwritten.
///
/// # Errors
/// The node is a member already, the threshold does not fit, or a file cannot be written.
pub fn create_community(
    home: &Home,
    passphrase: &str,
    new: &NewCommunity<'_>,
) -> Result<CommunityId, SetupError> {
    let (store, identity) = open(home, passphrase)?;
    if !store.certificates()?.is_empty() {
        return Err(SetupError::AlreadyMember);
    }
    let mut rng = generator()?;
    let keys: Vec<SigningKey> = (0..new.officers).map(|_| draw_signing_key(&mut rng)).collect();
    let mut ids: Vec<OfficerId> = keys.iter().map(officer_id).collect();
    ids.sort();
    let set = OfficerSet { officers: ids, threshold: new.threshold };
    if !set.is_sound() || new.officers == 0 || new.officers > 64 {
        let (officers, threshold) = (new.officers, new.threshold);
        return Err(SetupError::Officers { officers, threshold });
    }
    let party = party_key(home, passphrase)?;
    home.set_aside(OFFICERS_DIR)?;
    home.make_dir(OFFICERS_DIR)?;
    for (number, key) in keys.iter().enumerate() {
        let (passphrase, stretch) = (new.officer_passphrase, Stretch::RECOMMENDED);
        let sealed = seal_key_file(&mut rng, KeyKind::Officer, key, passphrase, stretch)?;
        let name = format!("{OFFICERS_DIR}/officer-{}.key", number + 1);
        home.write_private(&name, &sealed)?;
    }
    let nonce = (*Secret::draw(&mut rng).expose()).into();
    let act = Act::Genesis { name: new.name.to_owned(), officers: set, nonce };
    let sign = |mut certificate: Certificate| {
        keys.iter().for_each(|key| certificate.sign(key));
        certificate
    };
    let genesis = sign(Certificate::new(CommunityId::default(), now(), act));
    let community = CommunityId(genesis.id().0);
    let enrol = Act::Enrol {
        under: genesis.id(),
        party: party_id(&party),
        kind: new.kind,
        name: new.party_name.map(str::to_owned),
    };
    let enrol = sign(Certificate::new(community, now(), enrol));
    let node = node_certificate(community, &party, &identity, new.kind == PartyKind::Carrier);
    let certificates = vec![genesis, enrol, node];
    let audit = certificates
        .iter()
        .map(|certificate| AuditRecord::of_certificate(&mut rng, now(), certificate).for_store());
    let mut records: Vec<Record> = audit.collect();
    records.push(own(DISCOVERY, Secret::draw(&mut rng).expose().to_vec()));
    store.commit(Batch { certificates, records, ..Batch::default() })?;
    Ok(community)
}

/// Certifies a node with its party's root key.
fn node_certificate(
    community: CommunityId,
    party: &SigningKey,
    identity: &Identity,
    carrier: bool,
) -> Certificate {
    let act = Act::Node {
        party: party_id(party),
        node: identity.keys.id(),
        seal_key: (*identity.keys.seal().public()).into(),
        ends: now().plus_ms(NODE_TERM_MS),
        label: identity.label.clone(),
        carrier,
    };
    Certificate::new(community, now(), act).signed(party)
}

/// Where a static address of the inviter is kept for the first start after joining.
pub(crate) const INVITER: &[u8] = b"inviter";

/// Reads where the inviter was when this node joined.
pub(crate) fn inviter(store: &Store) -> Result<Option<(NodeId, Vec<SocketAddr>)>, SetupError> {
    let Some(bytes) = store.record(Shelf::Own, INVITER)? else { return Ok(None) };
    let (node, addresses): (NodeId, Vec<String>) =
        linli_replica::codec::decode(&bytes).map_err(|_| SetupError::Damaged)?;
    Ok(Some((node, addresses.iter().filter_map(|address| address.parse().ok()).collect())))
}
