//! Joining a community with a code.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use linli_core::audit::AuditRecord;
use linli_core::pairing::{Code, Message, NotACode};
use linli_net::{
    NetConfig, NetError, PairError, PairStream, PairTarget, SecretKey, pairing_key_hash,
};
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::directory::Directory;
use linli_replica::id::NodeId;
use linli_replica::limits::RELAYS_MAX;
use linli_replica::relays::RelayTold;
use linli_store::Store;
use minicbor::bytes::ByteVec;

use super::{
    DISCOVERY, INVITER, Identity, RELAYS, SetupError, node_certificate, open, own, party_key,
};
use crate::config::Config;
use crate::home::Home;
use crate::node::{endpoint, node_id, now};
use crate::relays::Relays;

/// How long to look for the inviter on the local network.
const LOOK: Duration = Duration::from_secs(20);
/// How long to look for it when asking again, where an address is known.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long people take to compare two numbers.
const CONFIRM: Duration = Duration::from_secs(15 * 60);
const WORD: Duration = Duration::from_secs(30);
/// Certificates a community may send: a district's thousand nodes and what they publish.
const CERTIFICATES_MAX: usize = 100_000;

/// Where the inviting node is, where mDNS does not show it.
#[derive(Debug, Clone)]
pub struct Inviter {
    /// Its id.
    pub node: NodeId,
    /// Its UDP addresses.
    pub addresses: Vec<SocketAddr>,
}

/// Why joining did not come about.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The data directory.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The code.
    #[error(transparent)]
    Code(#[from] NotACode),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The network cannot be started.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The other node cannot be reached, or broke off.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The address given is not that of the node that made the code.
    #[error("the code was made by another node than the one named: ask for its id again")]
    OtherNode,
    /// The other side could not prove the code.
    #[error(
        "the other side does not know the code; somebody else may be answering: make another code"
    )]
    NotProved,
    /// The other side said no.
    #[error("the other side refused: {0}")]
    Refused(String),
    /// The other side spoke out of turn or sent certificates that do not hold.
    #[error("the other side did not keep to the protocol; update the older of the two nodes")]
    Protocol,
    /// Nothing was begun that could be finished.
    #[error("this node waits for no officers: join with the code of an invitation")]
    NotJoining,
    /// More officers must sign; what finishing needs was kept.
    #[error(
        "confirmed, but {signed} of {needed} officers have signed: ask the others, then run `linli join --finish`, or start the node, which asks by itself"
    )]
    AwaitingOfficers {
        /// How many have signed.
        signed: u64,
        /// How many must.
        needed: u64,
    },
}

/// Where this node was confirmed and waits for officers: the inviter, its addresses, and the genesis.
const JOINING: &[u8] = b"joining";

type Joining = (NodeId, Vec<String>, ByteVec);

/// Joins the community of whoever made the code. `number` is called with the six digits that both
/// screens show, while the other side's person compares them.
///
/// # Errors
/// See [`JoinError`]; nothing is kept then, unless it waits for officers: [`finish`] asks again.
pub async fn join(
    home: &Home,
    config: &Config,
    passphrase: &str,
    code: &str,
    inviter: Option<Inviter>,
    mut number: impl FnMut(&str),
) -> Result<Directory, JoinError> {
    let code = Code::parse(code)?;
    let (store, identity) = open(home, passphrase)?;
    if !store.certificates().map_err(SetupError::from)?.is_empty() {
        return Err(SetupError::AlreadyMember.into());
    }
    let (signing, _) = identity.keys.to_secrets();
    let relays = Relays::new(config, &identity.relays, None)?;
    let net_config = crate::network(config, SecretKey::from_bytes(signing.expose()), &relays)?;
    let (net, events) =
        linli_net::start(NetConfig { discovery_secret: None, ..net_config }).await?;
    let result = async {
        let target = match inviter {
            Some(inviter) => named(&inviter, &code)?,
            None => net.find_inviter(code.inviter, LOOK).await?,
        };
        let mut stream = net.pair_dial(&target).await?;
        let begun = converse(&mut stream, home, passphrase, &identity, &code, &mut number).await?;
        let settled = settle(&mut stream, begun.clone(), &identity, CONFIRM).await;
        // The other side has all it needs; it does not matter who hangs up first.
        drop(stream.finish().await);
        if let Err(JoinError::AwaitingOfficers { .. }) = settled {
            await_officers(&store, &begun, &target)?;
        }
        keep(&store, &identity.keys.id(), settled?, &target)
    }
    .await;
    net.shutdown().await;
    drop(events);
    result
}

/// Keeps what asking again needs.
fn await_officers(
    store: &Store,
    genesis: &Certificate,
    target: &PairTarget,
) -> Result<(), SetupError> {
    let addresses = target.addresses.iter().map(ToString::to_string).collect();
    let joining: Joining = (node_id(&target.id), addresses, genesis.encode().into());
    let records = vec![own(JOINING, linli_replica::codec::encode(&joining))];
    Ok(store.commit(Batch { records, ..Batch::default() })?)
}

/// Reads where this node waits for officers, if it does.
fn joining(store: &Store) -> Result<Option<Joining>, SetupError> {
    let Some(bytes) = store.record(Shelf::Own, JOINING)? else { return Ok(None) };
    linli_replica::codec::decode(&bytes).map(Some).map_err(|_| SetupError::Damaged)
}

/// Whether this node was confirmed and waits for officers.
pub(crate) fn is_joining(store: &Store) -> Result<bool, SetupError> {
    Ok(joining(store)?.is_some())
}

/// Asks the inviter of a node that waits for officers whether enough have signed, and if so completes
/// the joining.
///
/// # Errors
/// See [`JoinError`]; [`JoinError::AwaitingOfficers`] while it waits on.
pub async fn finish(
    home: &Home,
    config: &Config,
    passphrase: &str,
) -> Result<Directory, JoinError> {
    let (store, identity) = open(home, passphrase)?;
    ask_again(&store, &identity, config).await
}

/// As [`finish`], with the store open.
pub(crate) async fn ask_again(
    store: &Store,
    identity: &Identity,
    config: &Config,
) -> Result<Directory, JoinError> {
    if !store.certificates().map_err(SetupError::from)?.is_empty() {
        return Err(SetupError::AlreadyMember.into());
    }
    let (inviter, addresses, genesis) = joining(store)?.ok_or(JoinError::NotJoining)?;
    let genesis = Certificate::decode(&genesis).map_err(|_| SetupError::Damaged)?;
    let id = endpoint(&inviter).ok_or(SetupError::Damaged)?;
    let (signing, _) = identity.keys.to_secrets();
    let relays = Relays::new(config, &identity.relays, None)?;
    let net_config = crate::network(config, SecretKey::from_bytes(signing.expose()), &relays)?;
    let (net, events) =
        linli_net::start(NetConfig { discovery_secret: None, ..net_config }).await?;
    let result = async {
        // Its address may be another one since.
        let known = addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let known = PairTarget { id, addresses: known, relays: Vec::new() };
        let target = match net.find_inviter(pairing_key_hash(&id), LOOK_AGAIN).await {
            Ok(found) if found.id == id => found,
            Ok(_) | Err(_) => known,
        };
        let mut stream = net.pair_dial(&target).await?;
        stream.send(&Message::Resume.encode()).await?;
        let joined = settle(&mut stream, genesis, identity, WORD).await?;
        drop(stream.finish().await);
        keep(store, &identity.keys.id(), joined, &target)
    }
    .await;
    net.shutdown().await;
    drop(events);
    result
}

fn named(inviter: &Inviter, code: &Code) -> Result<PairTarget, JoinError> {
    let id = endpoint(&inviter.node).ok_or(JoinError::OtherNode)?;
    if pairing_key_hash(&id) != code.inviter {
        return Err(JoinError::OtherNode);
    }
    Ok(PairTarget {
        id,
        addresses: inviter.addresses.iter().copied().collect(),
        relays: Vec::new(),
    })
}

struct Joined {
    directory: Directory,
    certificates: Vec<Certificate>,
    discovery: [u8; 32],
    relays: Vec<RelayTold>,
}

async fn hear(stream: &mut PairStream, within: Duration) -> Result<Message, JoinError> {
    let bytes = stream.receive(within).await?.ok_or(JoinError::Protocol)?;
    let message = Message::decode(&bytes).map_err(|_| JoinError::Protocol)?;
    if let Message::Refused(reason) = message {
        return Err(JoinError::Refused(reason.chars().take(200).collect()));
    }
    Ok(message)
}

async fn converse(
    stream: &mut PairStream,
    home: &Home,
    passphrase: &str,
    identity: &Identity,
    code: &Code,
    number: &mut impl FnMut(&str),
) -> Result<Certificate, JoinError> {
    let bound = code.bind(&stream.secret().0);
    stream.send(&Message::Hello(bound.joiner_proof()).encode()).await?;
    let Message::Welcome { proof, genesis } = hear(stream, WORD).await? else {
        return Err(JoinError::Protocol);
    };
    if !bound.checks_inviter(&proof) {
        return Err(JoinError::NotProved);
    }
    let genesis = Certificate::decode(&genesis).map_err(|_| JoinError::Protocol)?;
    let directory = Directory::new(genesis.clone()).map_err(|_| JoinError::Protocol)?;
    let party = party_key(home, passphrase)?;
    let own = node_certificate(directory.community(), &party, identity, false);
    stream.send(&Message::Apply(own.encode().into()).encode()).await?;
    number(&bound.number());
    Ok(genesis)
}

/// Hears the community out, which counts only if it makes this node a member.
async fn settle(
    stream: &mut PairStream,
    genesis: Certificate,
    identity: &Identity,
    within: Duration,
) -> Result<Joined, JoinError> {
    let mut directory = Directory::new(genesis).map_err(|_| JoinError::Protocol)?;
    let mut certificates = Vec::new();
    loop {
        match hear(stream, within).await? {
            Message::Certificates(part) => {
                for bytes in &part {
                    certificates.push(Certificate::decode(bytes).map_err(|_| JoinError::Protocol)?);
                }
                if certificates.len() > CERTIFICATES_MAX {
                    return Err(JoinError::Protocol);
                }
            }
            Message::Enrolled { discovery, relays, told } => {
                directory.add(certificates.clone());
                directory.admits(&identity.keys.id(), now()).map_err(|_| JoinError::Protocol)?;
                let (relays, discovery) = (sound(relays, told), discovery.into());
                return Ok(Joined { directory, certificates, discovery, relays });
            }
            Message::AwaitingOfficers { signed, needed } => {
                return Err(JoinError::AwaitingOfficers { signed, needed });
            }
            Message::Hello(_)
            | Message::Welcome { .. }
            | Message::Apply(_)
            | Message::Refused(_)
            | Message::Resume => {
                return Err(JoinError::Protocol);
            }
        }
    }
}

/// The relays that make sense; an older inviter knows only their URLs.
fn sound(urls: Vec<String>, told: Option<Vec<RelayTold>>) -> Vec<RelayTold> {
    let bare = |url| RelayTold { url, quic_port: None, pin: None };
    let all = told.unwrap_or_else(|| urls.into_iter().map(bare).collect());
    all.into_iter().filter(RelayTold::is_sound).take(RELAYS_MAX).collect()
}

/// Keeps the community, and where the inviter was: the first start after joining dials it.
fn keep(
    store: &Store,
    me: &NodeId,
    joined: Joined,
    target: &PairTarget,
) -> Result<Directory, JoinError> {
    let addresses: BTreeSet<String> = target.addresses.iter().map(ToString::to_string).collect();
    let inviter = (node_id(&target.id), addresses.into_iter().collect::<Vec<_>>());
    let mut rng = super::generator()?;
    let is_own = |certificate: &&Certificate| matches!(&certificate.body().act, Act::Node { node, .. } if node == me);
    let audit =
        joined.certificates.iter().filter(is_own).map(|certificate| {
            AuditRecord::of_certificate(&mut rng, now(), certificate).for_store()
        });
    let audit: Vec<_> = audit.collect();
    let mut records = vec![
        own(DISCOVERY, joined.discovery.to_vec()),
        own(RELAYS, linli_replica::codec::encode(&joined.relays)),
        own(INVITER, linli_replica::codec::encode(&inviter)),
        Record { shelf: Shelf::Own, key: JOINING.to_vec(), value: None },
    ];
    records.extend(audit);
    store
        .commit(Batch { certificates: joined.certificates, records, ..Batch::default() })
        .map_err(SetupError::from)?;
    Ok(joined.directory)
}
