//! A node as `linli-node` puts one together: the real replica, core, store and network in one loop.
//! It leaves out what is shown to people: the control interface, views and reactions.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use linli_core::engine::{Authored, Core, World};
use linli_core::identity::NodeKeys;
use linli_net::{
    Backlog, DialPolicy, EndpointId, Interfaces, Lane, NetConfig, NetEvent, NetEvents, NetHandle,
    SecretKey,
};
use linli_replica::batch::{Batch, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::index::Index;
use linli_replica::replica::{Input, Output, Policy, Replica, Saved, Ticket};
use linli_store::{StorageKey, Store, StoreError};
use rand::rngs::{StdRng, SysRng};
use rand_core::SeedableRng as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

const TICK: Duration = Duration::from_secs(1);

/// Whose node it is.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) keys: NodeKeys,
    pub(crate) party: PartyId,
}

/// What the bench waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Connected,
    /// A comparison has ended; so many entries of its own spaces are held at this moment.
    Synced(u64),
    /// An urgent entry of a document is durable.
    Durable(DocTag),
    /// The peer says that it holds a document durably.
    Receipt(DocTag),
    /// The document that was awaited can be read.
    Read(DocTag),
}

/// What happened where, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News {
    pub(crate) at: Instant,
    pub(crate) node: NodeId,
    pub(crate) what: What,
}

/// Frames of the replica and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

pub(crate) struct Site {
    pub(crate) replica: Replica,
    pub(crate) core: Core,
    pub(crate) store: Arc<Store>,
    pub(crate) rng: StdRng,
    pub(crate) sent: Traffic,
    /// A document that is to be read as soon as it can be.
    pub(crate) awaited: Option<(SpaceTag, DocTag)>,
    net: NetHandle,
    news: mpsc::UnboundedSender<News>,
    stored: mpsc::UnboundedSender<(Ticket, Result<(), StoreError>)>,
    backlog: Backlog,
}

type Call = Box<dyn FnOnce(&mut Site) + Send>;

/// A running site.
pub(crate) struct Running {
    pub(crate) id: NodeId,
    pub(crate) net: NetHandle,
    call: mpsc::UnboundedSender<Call>,
    task: JoinHandle<()>,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

/// Everything the core reads.
pub(crate) fn world<'a>(replica: &'a Replica, store: &'a Store) -> World<'a> {
    World { now: now(), directory: replica.directory(), index: replica.index(), held: store }
}

fn storage_key() -> StorageKey {
    StorageKey::from_bytes([1; 32])
}

/// Makes a store that knows the community and nothing else.
pub(crate) fn found(path: &Path, certificates: Vec<Certificate>) {
    let store = Store::create(path, &storage_key()).unwrap();
    store.commit(Batch { certificates, ..Batch::default() }).unwrap();
}

/// Opens a store.
pub(crate) fn open(path: &Path) -> Store {
    Store::open(path, &storage_key()).unwrap()
}

const LANES: [(Lane, Urgency); 3] =
    [(Lane::Urgent, Urgency::Urgent), (Lane::Normal, Urgency::Normal), (Lane::Bulk, Urgency::Bulk)];

fn lane_of(urgency: Urgency) -> Lane {
    LANES.iter().find(|(_, of)| *of == urgency).unwrap().0
}

fn urgency(lane: Lane) -> Urgency {
    LANES.iter().find(|(of, _)| *of == lane).unwrap().1
}

pub(crate) fn endpoint(node: &NodeId) -> EndpointId {
    EndpointId::from_bytes(node.as_bytes()).unwrap()
}

/// Settings of a node on loopback that dials nobody yet.
pub(crate) fn loopback(key: [u8; 32]) -> NetConfig {
    NetConfig {
        bind: Some("127.0.0.1:0".parse().unwrap()),
        interfaces: Interfaces::Off,
        dial: DialPolicy::Nobody,
        ..NetConfig::new(SecretKey::from_bytes(&key))
    }
}

/// Starts a node on what its store holds.
pub(crate) async fn start(
    path: &Path,
    member: &Member,
    news: &mpsc::UnboundedSender<News>,
) -> Running {
    start_as(path, member, news, |config| config).await
}

/// Starts a node on what its store holds, with other settings of the network.
pub(crate) async fn start_as(
    path: &Path,
    member: &Member,
    news: &mpsc::UnboundedSender<News>,
    way: impl Fn(NetConfig) -> NetConfig,
) -> Running {
    let store = open(path);
    let certificates = store.certificates().unwrap();
    let genesis = certificates.iter().find_map(|c| Directory::new(c.clone()).ok());
    let mut directory = genesis.unwrap();
    directory.add(certificates);
    let index = Index::load(store.branches().unwrap().map(Result::unwrap));
    let id = member.keys.id();
    let members: BTreeSet<EndpointId> = directory
        .nodes()
        .filter(|(node, _)| **node != id)
        .map(|(node, _)| endpoint(node))
        .collect();
    let replica = Replica::new(id, directory, index, Policy::MEMBER);
    let records = [Shelf::Space, Shelf::Own].into_iter().flat_map(|shelf| {
        let records = store.records(shelf).unwrap();
        records.into_iter().map(move |(key, value)| (shelf, key, value))
    });
    let core = Core::load(member.keys.clone(), member.party, records).unwrap();
    let (signing, _) = member.keys.to_secrets();
    let config = way(NetConfig { members, ..loopback(*signing.expose()) });
    let (net, events) = linli_net::start(config).await.unwrap();
    let (stored, stored_rx) = mpsc::unbounded_channel();
    let (call, calls) = mpsc::unbounded_channel();
    let mut site = Site {
        replica,
        core,
        store: Arc::new(store),
        rng: StdRng::try_from_rng(&mut SysRng).unwrap(),
        sent: Traffic::default(),
        awaited: None,
        net: net.clone(),
        news: news.clone(),
        stored,
        backlog: Backlog::default(),
    };
    for space in site.core.spaces().collect::<Vec<_>>() {
        site.feed(Input::Want(space));
    }
    let task = tokio::spawn(drive(site, events, calls, stored_rx));
    Running { id, net, call, task }
}

/// Dials `to` from `from`.
pub(crate) fn dial(from: &Running, to: &Running) {
    from.net.set_addresses(endpoint(&to.id), to.net.bound_addresses(), &[]).unwrap();
    from.net.set_dial_policy(DialPolicy::Everyone);
}

async fn drive(
    mut site: Site,
    mut net: NetEvents,
    mut calls: mpsc::UnboundedReceiver<Call>,
    mut stored: mpsc::UnboundedReceiver<(Ticket, Result<(), StoreError>)>,
) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let sends = site.backlog.has_free();
        tokio::select! {
            biased;
            _ = tick.tick() => site.feed(Input::Tick),
            Some((ticket, result)) = stored.recv() => {
                result.unwrap();
                site.feed(Input::Persisted { ticket });
            }
            call = calls.recv() => match call {
                Some(call) => call(&mut site),
                None => break,
            },
            event = net.recv() => site.event(event.unwrap()),
            () = std::future::ready(()), if sends => {}
        }
        if let Some((peer, lane)) = site.backlog.next_free() {
            site.feed(Input::Writable { peer: NodeId(*peer.as_bytes()), lane: urgency(lane) });
        }
        tokio::task::yield_now().await;
    }
    let records = site.core.close(site.replica.directory()).unwrap();
    site.store.commit(Batch { records, ..Batch::default() }).unwrap();
    site.net.shutdown().await;
}

impl Running {
    /// Does something at the node between two of its inputs.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Site) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |site| drop(answer.send(act(site))));
        assert!(self.call.send(call).is_ok(), "the node runs");
        answered.await.unwrap()
    }

    /// Waits until everything written here is durable.
    pub(crate) async fn settle(&self) {
        while self.with(|site| site.replica.saved(site.replica.last_save())).await != Saved::Durable
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Counts the entries held of spaces that the node is a member of.
    pub(crate) async fn entries(&self) -> u64 {
        self.with(|site| site.entries()).await
    }

    /// Closes the node and its store.
    pub(crate) async fn stop(self) {
        let Self { call, task, .. } = self;
        drop(call);
        task.await.unwrap();
    }
}

impl Site {
    /// Commits and sends what the core wrote.
    pub(crate) fn author(&mut self, authored: Authored) {
        let Authored { pages, records, urgent, wants, .. } = authored;
        for space in wants {
            self.feed(Input::Want(space));
        }
        self.feed(Input::Authored { pages, certificates: Vec::new(), records, urgent });
    }

    /// Gives the replica one input and carries all outputs out, in order.
    pub(crate) fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.replica.handle(now(), self.store.as_ref(), input) {
                match output {
                    Output::Send { peer, lane, bytes } => {
                        self.sent.frames += 1;
                        self.sent.bytes += u64::try_from(bytes.len()).unwrap();
                        self.backlog.send(&self.net, endpoint(&peer), lane_of(lane), bytes);
                    }
                    Output::Commit { ticket, batch } => {
                        let stored = self.stored.clone();
                        let done = move |result| drop(stored.send((ticket, result)));
                        self.store.submit(batch, Box::new(done));
                    }
                    Output::Held { from, entries, .. } => {
                        inputs.extend(self.held(from, &entries));
                    }
                    Output::Receipt { document, .. } => self.tell(What::Receipt(document)),
                    Output::Synced { alike, .. } => {
                        for document in alike {
                            self.tell(What::Receipt(document));
                        }
                        self.tell(What::Synced(self.entries()));
                    }
                    Output::Directory { .. }
                    | Output::Forked { .. }
                    | Output::Heartbeat { .. }
                    | Output::Lacks { .. }
                    | Output::ReadPart { .. }
                    | Output::WritePart { .. }
                    | Output::RemoveBlobs { .. } => {}
                    other @ (Output::Lost { .. }
                    | Output::Erase { .. }
                    | Output::Disconnect { .. }
                    | Output::Carried { .. }
                    | Output::Refused { .. }) => {
                        unreachable!("nothing goes wrong here: {other:?}")
                    }
                }
            }
        }
    }

    /// Counts the entries held of spaces that this node is a member of.
    pub(crate) fn entries(&self) -> u64 {
        let index = self.replica.index();
        let entries = |document| index.frontier(&document).unwrap().entries();
        self.core
            .spaces()
            .map(|space| index.documents(&space).map(|(tag, _)| entries(tag)).sum::<u64>())
            .sum()
    }

    fn tell(&self, what: What) {
        let news = News { at: Instant::now(), node: self.replica.me(), what };
        // The bench may have heard enough.
        let _ = self.news.send(news);
    }

    fn held(&mut self, from: Option<NodeId>, entries: &[Entry]) -> Vec<Input> {
        for entry in entries.iter().filter(|entry| entry.header().urgency == Urgency::Urgent) {
            self.tell(What::Durable(entry.header().document));
        }
        let world = world(&self.replica, &self.store);
        let arrival = self.core.receive(world, &mut self.rng, from, entries).unwrap();
        assert!(arrival.refused.is_empty() && !arrival.own_log_elsewhere);
        if let Some((space, document)) = self.awaited
            && arrival.changed.iter().any(|changed| changed.document == document)
        {
            let opened = self.core.open(world, space, document).unwrap();
            if !opened.heads().is_empty() {
                self.awaited = None;
                self.tell(What::Read(document));
            }
        }
        let Authored { pages, records, wants, .. } = arrival.authored;
        let mut inputs: Vec<Input> = wants.into_iter().map(Input::Want).collect();
        if !pages.is_empty() || !records.is_empty() {
            inputs.push(Input::Learned { pages, records });
        }
        inputs
    }

    fn event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Connected { peer, connection_secret, initiator, .. } => {
                self.tell(What::Connected);
                let peer = NodeId(*peer.as_bytes());
                self.feed(Input::Connected { peer, secret: connection_secret.0, initiator });
            }
            NetEvent::Disconnected { peer, .. } => {
                self.backlog.forget(&peer);
                let peer = NodeId(*peer.as_bytes());
                self.feed(Input::Disconnected { peer });
            }
            NetEvent::Frame { peer, lane, bytes } => {
                let peer = NodeId(*peer.as_bytes());
                self.feed(Input::Frame { peer, lane: urgency(lane), bytes });
            }
            NetEvent::Writable { peer, lane } => {
                self.backlog.writable(&self.net, peer, lane);
            }
            NetEvent::PathChanged { .. }
            | NetEvent::Refused { .. }
            | NetEvent::RefusedBy { .. }
            | NetEvent::Pairing(_)
            | NetEvent::MdnsFailed { .. } => {}
        }
    }
}
