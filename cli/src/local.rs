//! What is done without a running node: the one place where the command line meets the node's and the
//! relay's own start.

use std::{net::SocketAddr, path::Path};

use linli_node::{
    config::{Config, Mdns},
    home::{Home, HomeLock},
    setup,
};
use linli_replica::{certificate::PartyKind, id::NodeId};
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::{page, prompt::Secret};

mod error;
pub(crate) mod officers;

pub(crate) use error::LocalError;

/// A node that was made.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    /// Its id.
    pub(crate) node: String,
}

/// The community to make.
pub(crate) struct NewCommunity {
    pub(crate) name: String,
    pub(crate) officers: u8,
    pub(crate) threshold: u8,
    pub(crate) kind: PartyKind,
    pub(crate) party_name: Option<String>,
    pub(crate) officer_passphrase: Secret,
}

/// A community that was made.
#[derive(Debug, Serialize)]
pub(crate) struct MadeCommunity {
    /// Its id.
    pub(crate) community: String,
}

/// Where the inviting node is.
pub(crate) struct Inviter {
    pub(crate) node: NodeId,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// The community that was joined.
#[derive(Debug, Serialize)]
pub(crate) struct Joined {
    /// Its id.
    pub(crate) community: String,
    /// Its name.
    pub(crate) name: String,
}

/// A data directory that was restored.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    /// Files in the backup; none where it has no folder of them.
    pub(crate) files: Option<u64>,
    /// How many of them could not be restored.
    pub(crate) missing: u64,
}

/// Makes a node in an empty data directory. Stretching the passphrase takes a second or so.
pub(crate) async fn init(home: &Home, label: String, passphrase: &Secret) -> anyhow::Result<Made> {
    let (lock, passphrase) = (home.lock()?, passphrase.clone());
    let made = spawn_blocking(move || setup::init(lock.home(), &label, &passphrase)).await?;
    Ok(Made { node: made.map_err(error::setup)?.to_string() })
}

/// Checks that a passphrase opens a data directory in which no node runs.
pub(crate) async fn check_passphrase(home: &Home, passphrase: &Secret) -> anyhow::Result<()> {
    let (lock, passphrase) = (home.lock()?, passphrase.clone());
    let opened =
        spawn_blocking(move || linli_store::keyring::unlock(lock.home().path(), &passphrase));
    opened.await?.map(drop).map_err(|error| error::setup(error.into()))
}

/// A passphrase that was changed.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// Whether the party's root key has the new passphrase, too.
    pub(crate) party_key: bool,
}

/// Seals the keys of a data directory under another passphrase, while no node runs there.
pub(crate) async fn passphrase(home: &Home, from: &Secret, to: &Secret) -> anyhow::Result<Changed> {
    let (lock, from, to) = (home.lock()?, from.clone(), to.clone());
    let done = spawn_blocking(move || setup::change_passphrase(lock.home(), &from, &to)).await?;
    Ok(Changed { party_key: done.map_err(error::setup)? })
}

/// Makes a community with this node's party as its first member.
pub(crate) async fn create_community(
    home: &Home,
    passphrase: &Secret,
    new: NewCommunity,
) -> anyhow::Result<MadeCommunity> {
    let (lock, passphrase) = (home.lock()?, passphrase.clone());
    let made = spawn_blocking(move || {
        let new = setup::NewCommunity {
            name: &new.name,
            officers: new.officers,
            threshold: new.threshold,
            kind: new.kind,
            party_name: new.party_name.as_deref(),
            officer_passphrase: &new.officer_passphrase,
        };
        setup::create_community(lock.home(), &passphrase, &new)
    });
    Ok(MadeCommunity { community: made.await?.map_err(error::setup)?.to_string() })
}

/// Joins a community. `number` shows the six digits while the other side's person compares them.
pub(crate) async fn join(
    home: &Home,
    config: &Config,
    passphrase: &Secret,
    code: &str,
    inviter: Option<Inviter>,
    number: impl FnMut(&str),
) -> anyhow::Result<Joined> {
    let lock = home.lock()?;
    let inviter = inviter.map(|Inviter { node, addresses }| setup::Inviter { node, addresses });
    let joined = setup::join(lock.home(), config, passphrase, code, inviter, number).await;
    let directory = joined.map_err(error::join)?;
    let (community, name) = (directory.community().to_string(), directory.name().to_owned());
    Ok(Joined { community, name })
}

/// Completes a joining that waited for officers.
pub(crate) async fn finish_joining(
    home: &Home,
    config: &Config,
    passphrase: &Secret,
) -> anyhow::Result<Joined> {
    let lock = home.lock()?;
    let directory = setup::finish(lock.home(), config, passphrase).await.map_err(error::join)?;
    let (community, name) = (directory.community().to_string(), directory.name().to_owned());
    Ok(Joined { community, name })
}

/// Makes a data directory from a backup.
pub(crate) async fn restore(
    data: &Path,
    from: &Path,
    passphrase: &Secret,
) -> anyhow::Result<Restored> {
    let lock = Home::create(data)?.lock()?;
    let (from, passphrase) = (from.to_owned(), passphrase.clone());
    let restored = spawn_blocking(move || setup::restore(lock.home(), &from, &passphrase)).await?;
    let setup::Restored { files, missing } = restored.map_err(error::setup)?;
    Ok(Restored { files, missing })
}

/// Runs the node until `stop` is done or it is asked to stop.
pub(crate) async fn run(
    lock: HomeLock,
    config: Config,
    passphrase: &Secret,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    linli_node::run(lock, config, &page::words(), passphrase, stop).await.map_err(error::run)
}

/// Whether a node could not run because it has no community.
pub(crate) fn lacks_community(error: &anyhow::Error) -> bool {
    error.downcast_ref::<LocalError>().is_some_and(|local| local.key == Some(error::NO_COMMUNITY))
}

/// How a relay is reached.
pub(crate) struct RelayOptions {
    pub(crate) http: SocketAddr,
    pub(crate) https: Option<linli_relay::Https>,
    pub(crate) public_url: Option<String>,
    pub(crate) status: Option<SocketAddr>,
    /// MiB kept for each member, and for the whole community.
    pub(crate) quotas: [u32; 2],
    /// Mbit/s taken from each connection of a member; 0: as many as come.
    pub(crate) member_rate: u32,
    /// Whether orders to prune are carried out.
    pub(crate) prunes: bool,
}

/// Runs the relay of a data directory until `stop` is done.
pub(crate) async fn relay(
    lock: &HomeLock,
    config: Config,
    passphrase: &Secret,
    options: RelayOptions,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let RelayOptions { http, https, public_url, status, quotas, member_rate, prunes } = options;
    let [quota, community_quota] = quotas;
    let data = lock.home().path().to_owned();
    let options = linli_relay::Options {
        https,
        public_url,
        status,
        policy: linli_relay::policy(quota, community_quota, prunes),
        member_bytes_per_second: linli_relay::rate(member_rate),
        listen: config.listen,
        prefix_length: config.prefix_length,
        mdns: match config.mdns {
            Mdns::All => linli_net::Interfaces::All,
            Mdns::Loopback => linli_net::Interfaces::Loopback,
            Mdns::Off => linli_net::Interfaces::Off,
            Mdns::Interfaces(names) => linli_net::Interfaces::Named(names),
        },
        ..linli_relay::Options::new(data, passphrase.as_str().to_owned(), http)
    };
    linli_relay::run(options, stop).await.map_err(error::relay)
}
