//! The node: one running device of a party. It keeps documents in its store, exchanges entries with
//! other nodes, and is asked and told through its control interface.
//!
//! [`run`] opens the data directory and drives one loop (`driver.rs`): take one input (a frame, a
//! stored batch, a request), let the [replica](linli_replica) and the [core](linli_core) answer, carry
//! all outputs out, wait. Nothing else touches the documents. A request is answered when what it wrote
//! is durable.

use std::path::PathBuf;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use linli_core::apart;
use linli_core::engine::Core;
use linli_net::{DialPolicy, Interfaces, NetConfig, NetError, SecretKey};
use linli_replica::batch::Shelf;
use linli_replica::index::Index;
use linli_replica::replica::{Input, Policy, Replica};
use linli_store::Store;
use linli_store::backup::RESTORED_KEY;
use rand_core::Rng as _;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

pub mod api;
pub mod config;
mod contacts;
pub mod control;
pub mod home;
pub mod recovery;
pub mod setup;
pub mod tablets;

mod sensors;
mod silence;
mod sip;

mod audit;
mod bells;
mod blobs;
mod board;
mod callers;
mod catalogue;
mod courier;
mod dialling;
mod driver;
mod erasures;
mod handle;
mod health;
mod heartbeats;
mod invitation;
mod ladder;
mod node;
mod people;
mod reach;
mod reactions;
mod receipts;
mod relays;
mod requests;
mod seat;
mod upkeep;
mod views;

use config::{Config, ConfigError, Mdns};
use driver::{Call, Job, Sources, drive};
use home::HomeLock;
use node::{Node, Parts, endpoint, world};
use relays::Relays;
use setup::{JoinError, SetupError};

/// Requests that may wait for the node at once.
const JOBS_MAX: usize = 256;

/// How long the driver may take to be looked at: the longest of its turns takes less than a second.
const LOOK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// How often a node that waits for officers asks whether they have signed.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(20);

/// The mark of a node that was stopped in order: without it everything held is looked at again.
const CLEAN: &[u8] = b"stopped in order";

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its data.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Its network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Its control interface.
    #[error(transparent)]
    Control(#[from] control::ControlError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What it keeps cannot be opened.
    #[error(transparent)]
    Core(#[from] linli_core::space::BadSpaceRecord),
}

/// Answers the control interface by asking the driver.
struct Asker {
    jobs: mpsc::Sender<Job>,
    call: mpsc::UnboundedSender<Call>,
    /// Where officers' key files are. One request opens them at a time: so often may somebody guess.
    keys: Mutex<PathBuf>,
}

impl Asker {
    /// Looks at the node between two inputs of the driver; none where it does not come to that in time.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, replied) = oneshot::channel();
        // Whoever asked may have gone.
        self.call.send(Box::new(move |node| drop(reply.send(look(node))))).ok()?;
        tokio::time::timeout(LOOK_TIMEOUT, replied).await.ok()?.ok()
    }

    /// Opens the officers' keys that a request brings the passphrase of, apart from the driver: an alert
    /// does not wait for that.
    async fn officers(&self, body: &Value) -> Result<Vec<SigningKey>, api::ApiError> {
        let Some(passphrase) = body.get("officer_passphrase").and_then(Value::as_str) else {
            return Ok(Vec::new());
        };
        let passphrase = Zeroizing::new(passphrase.to_owned());
        let folder = self.keys.lock().await;
        let from = folder.clone();
        let opened = spawn_blocking(move || requests::open_key_files(&from, &passphrase)).await;
        opened.unwrap_or_else(|error| Err(api::ApiError::internal(error)))
    }
}

impl control::Handler for Asker {
    async fn call(&self, method: String, body: Value) -> Result<Value, api::ApiError> {
        let stopping = || api::ApiError::new(api::Code::Internal, "error-stopping");
        let (reply, replied) = oneshot::channel();
        let officers = self.officers(&body).await?;
        self.jobs.send(Job { method, body, officers, reply }).await.map_err(|_| stopping())?;
        replied.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn ill(&self) -> Option<String> {
        let ill = self.look(health::ill).await;
        ill.unwrap_or(Some(health::Ill::Silent)).map(|ill| ill.to_string())
    }

    async fn figures(&self) -> Option<String> {
        self.look(health::figures).await
    }
}

/// Runs the node of a data directory until `stop` is done or it is asked to stop. `words` are what the page at home
/// says.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    lock: HomeLock,
    config: Config,
    words: &tablets::Words,
    passphrase: &str,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (store, identity) = open(lock.home(), passphrase).await?;
    let mut stop = std::pin::pin!(stop);
    if setup::is_joining(&store)? {
        linli_store::Service::default().ready("waits for the officers to enrol it");
    }
    let Some(identity) = enrolled(&config, &store, identity, stop.as_mut()).await? else {
        return Ok(());
    };
    let server = control::Server::bind(&lock, config.api).await?;
    let (stored, stored_rx) = mpsc::unbounded_channel();
    let (call, calls) = mpsc::unbounded_channel();
    let replies = Replies { stored, calls: call.clone() };
    let (mut node, net_events) = begin(&lock, &config, store, identity, replies).await?;
    let at_home = config.tablets.listen.map(|at| Arc::new(tablets::Tablets::load(lock.home(), at)));
    node.tablets.clone_from(&at_home);
    node.service.ready("runs");
    let (jobs, jobs_rx) = mpsc::channel(JOBS_MAX);
    let asker = Asker { jobs, call: call.clone(), keys: Mutex::new(lock.home().officers()) };
    let sources = Sources { net: net_events, jobs: jobs_rx, calls, call, stored: stored_rx };
    let asker = Arc::new(asker);
    let (ended, end) = watch::channel(());
    // The driver has ended when nobody is left to say so.
    let over = |mut end: watch::Receiver<()>| async move { while end.changed().await.is_ok() {} };
    let serving = server.serve(Arc::clone(&asker), over(end.clone()));
    let tablets = async {
        if let Some(at_home) = at_home {
            let phone = config.tablets.phone.as_deref();
            tablets::serve(at_home, words, phone, asker, over(end)).await;
        }
    };
    let driving = async {
        let node = drive(node, sources, stop).await;
        drop(ended);
        node
    };
    let ((), (), mut node) = tokio::join!(serving, tablets, driving);
    node.service.stopping();
    close(&mut node).map_err(SetupError::from)?;
    Ok(())
}

/// Opens the data directory on a thread that may be kept busy: stretching the passphrase takes a second
/// and 64 MiB. When the thread ends, having had nothing to do for ten seconds, the allocator gives that
/// memory back.
async fn open(home: &home::Home, passphrase: &str) -> Result<(Store, setup::Identity), SetupError> {
    let (home, passphrase) = (home.clone(), Zeroizing::new(passphrase.to_owned()));
    let opening = spawn_blocking(move || setup::open(&home, &passphrase)).await;
    opening.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Waits until enough officers have signed, where this node was confirmed and is no member yet; none
/// when it was stopped before.
async fn enrolled(
    config: &Config,
    store: &Store,
    identity: setup::Identity,
    mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<setup::Identity>, RunError> {
    if !setup::is_joining(store)? {
        return Ok(Some(identity));
    }
    loop {
        let asked = tokio::select! {
            () = &mut stop => return Ok(None),
            asked = setup::ask_again(store, &identity, config) => asked,
        };
        match asked {
            Ok(_) => return Ok(Some(setup::identity(store)?)),
            Err(JoinError::Setup(error)) => return Err(error.into()),
            Err(JoinError::Config(error)) => return Err(error.into()),
            Err(JoinError::Net(error)) => return Err(error.into()),
            Err(waiting) => tracing::info!(%waiting, "not a member yet"),
        }
        tokio::select! {
            () = &mut stop => return Ok(None),
            () = tokio::time::sleep(ASK_AGAIN) => {}
        }
    }
}

/// Where the threads of the store answer.
struct Replies {
    stored: mpsc::UnboundedSender<(
        linli_replica::replica::Ticket,
        Result<(), linli_store::StoreError>,
    )>,
    calls: mpsc::UnboundedSender<Call>,
}

/// Opens the folder of blobs, and tells the replica what is in it.
fn open_blobs(lock: &HomeLock, replica: &mut Replica) -> Result<linli_store::Blobs, SetupError> {
    let (blobs, found) = linli_store::Blobs::open(&lock.home().blobs())?;
    blobs.remove_now(replica.restore_blobs(&found.whole, found.parts))?;
    Ok(blobs)
}

/// Puts a node together from what its store keeps.
async fn begin(
    lock: &HomeLock,
    config: &Config,
    store: Store,
    identity: setup::Identity,
    replies: Replies,
) -> Result<(Node, linli_net::NetEvents), RunError> {
    let directory = setup::directory(&store)?;
    let discovery = identity.discovery.ok_or(SetupError::NoCommunity)?;
    let rng = setup::generator()?;
    let branches = store.branches().map_err(SetupError::from)?;
    let branches: Vec<_> = branches.collect::<Result<_, _>>().map_err(SetupError::from)?;
    let carrier = directory.node(&identity.keys.id()).is_some_and(|node| node.carrier);
    // What has keys may not know yet which spaces are its own: only relays prune.
    let carries = Policy { prunes: false, ..Policy::CARRIER };
    let policy = if carrier { carries } else { Policy::MEMBER };
    let mut replica = Replica::new(identity.keys.id(), directory, Index::load(branches), policy);
    let records = |shelf| store.records(shelf).map_err(SetupError::from);
    let own = records(Shelf::Own)?;
    replica.restore(own.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
    let blobs = open_blobs(lock, &mut replica)?;
    let mut kept = Vec::new();
    for shelf in [Shelf::Space, Shelf::Own] {
        kept.extend(records(shelf)?.into_iter().map(|(key, value)| (shelf, key, value)));
    }
    let (signing, _) = identity.keys.to_secrets();
    let identity_id = identity.keys.id();
    let core = Core::load(identity.keys, identity.party, kept)?;
    let at = (replica.directory(), node::now());
    let relays = Relays::new(config, &identity.relays, Some(at))?;
    let net_config = network(config, SecretKey::from_bytes(signing.expose()), &relays)?;
    let net_config = NetConfig { discovery_secret: Some(discovery), ..net_config };
    let (net, net_events) = linli_net::start(net_config).await?;
    let inviter = setup::inviter(&store)?;
    let related = dialling::Related::new(inviter.as_ref().map(|(node, _)| *node));
    for (peer, addresses) in
        config.peers.iter().map(|peer| (peer.node, peer.addresses.clone())).chain(inviter)
    {
        if let Some(peer) = endpoint(&peer) {
            net.set_addresses(peer, addresses, &[])?;
        }
    }
    let kept = |key| store.record(Shelf::Own, key).map_err(SetupError::from);
    let (clean, restored) = (kept(CLEAN)?.is_some(), kept(RESTORED_KEY)?.is_some());
    let heard = kept(apart::HEARD_KEY)?.map(|record| apart::Heard::load(&record));
    let parts = Parts {
        requests: requests::Requests::load(&own),
        audit: audit::Audit::load(&store, identity_id).map_err(SetupError::from)?,
        catalogue: catalogue::Catalogue::load(records(Shelf::View)?),
        receipts: receipts::Receipts::load(records(Shelf::Receipt)?, &own),
        courier: courier::Courier::load(own.iter().map(|(key, value)| (&key[..], &value[..]))),
        heartbeats: heartbeats::Heartbeats::load(&own),
        sensors: sensors::Sensors::load(&own),
        callers: callers::Callers::load(&own),
        people: people::People::load(own),
        heard: heard.unwrap_or_default(),
        replica,
        core,
        store: Arc::new(store),
        net,
        label: identity.label,
        pepper: identity.pepper,
        home: lock.home().clone(),
        relays,
        related,
        discovery,
        open_card_after_ms: config.open_card_after_ms(),
        rng,
        stored: replies.stored,
        calls: replies.calls,
        blobs,
    };
    let mut node = Node::new(parts);
    configure(&mut node, config);
    wake(&mut node, clean, restored);
    Ok((node, net_events))
}

/// What the configuration says of a node's ways.
fn configure(node: &mut Node, config: &Config) {
    if let Some(minutes) = config.desk_lock_minutes {
        node.people.seats = seat::Seats::new(minutes);
    }
    node.sweep.rotate_ms = config.rotate_days.map(|days| u64::from(days) * upkeep::DAY_MS);
    let trunk = config.sip.as_ref().map(|sip| {
        let (trunk, wrong) = sip::Trunk::load(sip);
        if !wrong.is_empty() {
            let words = format!("correct [sip]: {}", wrong.join("; "));
            tracing::error!("{words}");
            node.warnings.insert("telephone", words);
        }
        Arc::new(trunk)
    });
    node.bells = bells::Bells::new(config.bells.clone(), trunk);
    node.bells.hush();
    if let Some(sip) = &config.sip {
        let mut drawn = [0; 32];
        node.rng.fill_bytes(&mut drawn);
        let untold = Arc::clone(&node.callers.untold);
        sip::incoming::listen(sip, drawn, node.calls.clone(), untold);
    }
    node.silence = silence::Silence::new(config.silent_after());
    node.contacts = contacts::Contacts::new(config.contact_days());
}

/// Asks for what the node is a member of, and looks again at what a crash may have left half done.
fn wake(node: &mut Node, clean: bool, restored: bool) {
    node.tell_members();
    // What was ordered to be erased is forgotten before anything else is looked at.
    node.feed(Input::Tick);
    let unnoted = node.courier.arrived_unnoted(node.replica.directory(), node::now());
    if !unnoted.is_empty() {
        node.feed(Input::Learned { pages: Vec::new(), records: unnoted });
    }
    node.people.learn(node.replica.directory());
    for space in node.core.spaces().collect::<Vec<_>>() {
        node.feed(Input::Want(space));
        let world = world(&node.replica, &node.store);
        match node.core.judge_orders(world, space, None) {
            Ok(judged) if judged.is_empty() => {}
            Ok(judged) => node.feed(Input::Judged(judged)),
            Err(error) => tracing::error!(%error, "orders to prune could not be looked at"),
        }
    }
    if restored {
        let world = world(&node.replica, &node.store);
        match node.core.renew_logs(world, &mut node.rng) {
            Ok(authored) => drop(node.author(authored)),
            Err(error) => tracing::error!(%error, "fresh logs could not be started"),
        }
        let restored = node.record_of(linli_core::audit::What::Restored);
        forget(node, RESTORED_KEY, Some(restored));
    }
    if clean {
        forget(node, CLEAN, None);
        return;
    }
    node.resplit = recovery::Resplit::anew(node.replica.directory().officers().0);
    let world = world(&node.replica, &node.store);
    match node.core.recover(world, &mut node.rng) {
        Ok(arrival) => {
            for input in node.arrived(arrival) {
                node.feed(input);
            }
        }
        Err(error) => tracing::error!(%error, "what is held could not be looked at again"),
    }
}

fn forget(node: &mut Node, key: &[u8], audit: Option<linli_core::audit::AuditRecord>) {
    let record = linli_replica::batch::Record { shelf: Shelf::Own, key: key.to_vec(), value: None };
    let audit = audit.map(|record| record.for_store());
    let records = [record].into_iter().chain(audit).collect();
    node.author(linli_core::engine::Authored { records, ..Default::default() });
}

/// Marks the store as closed in order, once everything before is durable; where something was lost on
/// the way, the next start looks at everything again.
fn close(node: &mut Node) -> Result<(), linli_store::StoreError> {
    audit::close(node)?;
    let value = (!node.has_lost).then(Vec::new);
    let mut records = match node.core.close(node.replica.directory()) {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(%error, "not closed in order: the next start looks at everything again");
            return Ok(());
        }
    };
    records.push(linli_replica::batch::Record { shelf: Shelf::Own, key: CLEAN.to_vec(), value });
    // A courier may be packed by them before anybody is met again.
    loop {
        let receipts = node.receipts.take_unsaved();
        if receipts.is_empty() {
            break;
        }
        records.extend(receipts);
    }
    records.push(node.heard.record(node::now()));
    node.store.commit(linli_replica::batch::Batch { records, ..Default::default() })
}

/// Reads the network's settings out of the configuration.
pub(crate) fn network(
    config: &Config,
    secret_key: SecretKey,
    relays: &Relays,
) -> Result<NetConfig, ConfigError> {
    Ok(NetConfig {
        bind: config.listen,
        prefix_length: config.prefix_length,
        relays: relays.used().to_vec(),
        relay_ca_der: config.authorities()?,
        relay_only: config.relay_only,
        interfaces: match &config.mdns {
            Mdns::All => Interfaces::All,
            Mdns::Loopback => Interfaces::Loopback,
            Mdns::Off => Interfaces::Off,
            Mdns::Interfaces(names) => Interfaces::Named(names.clone()),
        },
        dial: DialPolicy::default(),
        ..NetConfig::new(secret_key)
    })
}
