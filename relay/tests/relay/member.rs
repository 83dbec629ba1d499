//! A member's node without documents: endpoint, replica, and a store in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use linli_net::{
    DialPolicy, EndpointId, Interfaces, Lane, NetConfig, NetEvent, NetEvents, NetHandle, PeerPath,
    RelaySettings, SecretKey, SendError,
};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frontier::Frontier;
use linli_replica::id::{CertificateId, DocTag, EntryId, NodeId, Timestamp};
use linli_replica::index::Index;
use linli_replica::relays::{self, RelayTold};
use linli_replica::replica::{Input, Output, Policy, Replica};
use linli_store::MemoryStore;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::LIMIT;
use crate::community::{endpoint, node};

/// What a member has been told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) connected: BTreeMap<NodeId, PeerPath>,
    pub(crate) held: BTreeSet<EntryId>,
    pub(crate) receipts: Vec<(NodeId, DocTag, Frontier)>,
    pub(crate) certificates: BTreeSet<CertificateId>,
    pub(crate) refused_by: Vec<(NodeId, String)>,
    /// With whom a comparison has ended.
    pub(crate) synced: BTreeSet<NodeId>,
    /// Where relays are.
    pub(crate) relays: Vec<RelayTold>,
    /// End dates of the nodes.
    pub(crate) ends: BTreeMap<NodeId, Timestamp>,
}

impl Told {
    /// A page keeps only its last signature, so entries are told apart by id.
    pub(crate) fn holds(&self, entries: &[Entry]) -> bool {
        entries.iter().all(|entry| self.held.contains(&entry.id()))
    }
}

pub(crate) struct Member {
    pub(crate) net: NetHandle,
    inputs: mpsc::UnboundedSender<Input>,
    told: watch::Receiver<Told>,
    task: JoinHandle<()>,
}

/// An endpoint on loopback that dials these members only.
pub(crate) fn config(number: u8, dials: &[u8]) -> NetConfig {
    let dials: BTreeSet<EndpointId> = dials.iter().map(|number| endpoint(*number)).collect();
    NetConfig {
        bind: Some("127.0.0.1:0".parse().unwrap()),
        interfaces: Interfaces::Off,
        members: dials.clone(),
        dial: DialPolicy::Only(dials),
        ..NetConfig::new(SecretKey::from_bytes(&[number; 32]))
    }
}

/// An endpoint that waits to be dialled by these members.
pub(crate) fn waiting(config: NetConfig) -> NetConfig {
    NetConfig { dial: DialPolicy::Nobody, ..config }
}

/// An endpoint that has no way but a relay.
pub(crate) fn behind(url: &str, number: u8, dials: &[u8]) -> NetConfig {
    let relay = RelaySettings::new(url);
    NetConfig { bind: None, relay_only: true, relays: vec![relay], ..config(number, dials) }
}

impl Member {
    pub(crate) async fn start(config: NetConfig, certificates: Vec<Certificate>) -> Self {
        let me = NodeId(*config.secret_key.public().as_bytes());
        let is_genesis = |c: &&Certificate| matches!(c.body().act, Act::Genesis { .. });
        let genesis = certificates.iter().find(is_genesis).unwrap().clone();
        let mut directory = Directory::new(genesis).unwrap();
        directory.add(certificates);
        let replica = Replica::new(me, directory, Index::default(), Policy::MEMBER);
        let (net, events) = linli_net::start(config).await.unwrap();
        let (inputs, asked) = mpsc::unbounded_channel();
        let (tell, told) = watch::channel(Told::default());
        let (store, backlog) = (MemoryStore::new(), BTreeMap::new());
        let running = Run { replica, store, net: net.clone(), backlog, tell };
        let task = tokio::spawn(running.run(events, asked));
        Self { net, inputs, told, task }
    }

    /// A member that dials the relay's carrier and nobody else.
    pub(crate) async fn of(
        number: u8,
        carrier: &[std::net::SocketAddr],
        certificates: Vec<Certificate>,
    ) -> Self {
        let relay = crate::community::RELAY;
        let member = Self::start(config(number, &[relay]), certificates).await;
        member.net.set_addresses(endpoint(relay), carrier.iter().copied(), &[]).unwrap();
        member
    }

    pub(crate) fn input(&self, input: Input) {
        self.inputs.send(input).unwrap();
    }

    pub(crate) fn write(&self, entries: &[Entry]) {
        let pages = crate::community::pages(entries);
        let (certificates, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(Input::Authored { pages, certificates, records, urgent });
    }

    pub(crate) fn certify(&self, certificate: Certificate) {
        let (pages, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(Input::Authored { pages, certificates: vec![certificate], records, urgent });
    }

    /// Waits until this member has been told something.
    pub(crate) async fn learns(&mut self, what: &str, condition: impl Fn(&Told) -> bool) {
        let waiting = self.told.wait_for(condition);
        drop(tokio::time::timeout(LIMIT, waiting).await.expect(what).expect("the member runs"));
    }

    /// Waits until the relay has said that it holds all these entries of one log.
    pub(crate) async fn receipted(&mut self, entries: &[Entry]) {
        let carrier = node(crate::community::RELAY);
        let last = entries.last().unwrap();
        let log = last.header().log;
        self.learns("the carrier receipts", |told| {
            told.receipts.iter().any(|(peer, document, frontier)| {
                let tips = frontier.0.get(&log);
                *peer == carrier
                    && *document == last.header().document
                    && tips.is_some_and(|tips| tips.contains(&last.tip()))
            })
        })
        .await;
    }

    pub(crate) fn now<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.borrow())
    }

    pub(crate) async fn stop(self) {
        self.net.shutdown().await;
        drop(self.inputs);
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap();
    }
}

struct Run {
    replica: Replica,
    store: MemoryStore,
    net: NetHandle,
    backlog: BTreeMap<(NodeId, Urgency), VecDeque<Vec<u8>>>,
    tell: watch::Sender<Told>,
}

impl Run {
    async fn run(mut self, mut events: NetEvents, mut asked: mpsc::UnboundedReceiver<Input>) {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                input = asked.recv() => match input {
                    Some(input) => self.feed(input),
                    None => break,
                },
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => break,
                },
                _ = tick.tick() => self.feed(Input::Tick),
            }
            let directory = self.replica.directory();
            let certificates = directory.certificates().map(Certificate::id).collect();
            let ends = directory.nodes().map(|(id, node)| (*id, node.ends)).collect();
            let relays = relays::relays(directory, now());
            let relays = relays.into_iter().map(|(_, told)| told).collect();
            self.tell.send_modify(|told| {
                told.relays = relays;
                told.certificates = certificates;
                told.ends = ends;
            });
        }
    }

    fn event(&mut self, event: NetEvent) {
        let id = |endpoint: EndpointId| NodeId(*endpoint.as_bytes());
        match event {
            NetEvent::Connected { peer, connection_secret, initiator, path, .. } => {
                self.tell.send_modify(|told| drop(told.connected.insert(id(peer), path)));
                let (peer, secret) = (id(peer), connection_secret.0);
                self.feed(Input::Connected { peer, secret, initiator });
            }
            NetEvent::Disconnected { peer, .. } => {
                self.tell.send_modify(|told| drop(told.connected.remove(&id(peer))));
                self.backlog.retain(|(to, _), _| *to != id(peer));
                self.feed(Input::Disconnected { peer: id(peer) });
            }
            NetEvent::Frame { peer, lane, bytes } => {
                let lane = urgency(lane);
                self.feed(Input::Frame { peer: id(peer), lane, bytes });
            }
            NetEvent::Writable { peer, lane } => {
                let (peer, lane) = (id(peer), urgency(lane));
                for bytes in self.backlog.remove(&(peer, lane)).unwrap_or_default() {
                    self.send(peer, lane, bytes);
                }
                self.feed(Input::Writable { peer, lane });
            }
            NetEvent::RefusedBy { peer, words } => {
                self.tell.send_modify(|told| told.refused_by.push((id(peer), words)));
            }
            NetEvent::PathChanged { peer, path } => {
                self.tell.send_modify(|told| drop(told.connected.insert(id(peer), path)));
            }
            NetEvent::Refused { .. } | NetEvent::Pairing(_) | NetEvent::MdnsFailed { .. } => {}
        }
    }

    fn feed(&mut self, input: Input) {
        let now = now();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut sent = BTreeSet::new();
            for output in self.replica.handle(now, &self.store, input) {
                match output {
                    Output::Send { peer, lane, bytes } => {
                        self.send(peer, lane, bytes);
                        sent.insert((peer, lane));
                    }
                    Output::Commit { ticket, batch } => {
                        self.store.commit(batch).unwrap();
                        inputs.push_back(Input::Persisted { ticket });
                    }
                    Output::Held { entries, .. } => {
                        self.tell
                            .send_modify(|told| told.held.extend(entries.iter().map(Entry::id)));
                    }
                    Output::Receipt { peer, document, frontier } => {
                        let receipt = (peer, document, frontier);
                        self.tell.send_modify(|told| told.receipts.push(receipt));
                    }
                    Output::Disconnect { peer, .. } => {
                        self.net.disconnect(EndpointId::from_bytes(&peer.0).unwrap());
                    }
                    Output::Synced { peer, .. } => {
                        self.tell.send_modify(|told| told.synced.extend([peer]));
                    }
                    Output::Lost { .. }
                    | Output::Erase { .. }
                    | Output::Directory { .. }
                    | Output::Forked { .. }
                    | Output::Heartbeat { .. }
                    | Output::Carried { .. }
                    | Output::Lacks { .. }
                    | Output::ReadPart { .. }
                    | Output::WritePart { .. }
                    | Output::RemoveBlobs { .. }
                    | Output::Refused { .. } => {}
                }
            }
            let free = sent.into_iter().filter(|way| !self.backlog.contains_key(way));
            inputs.extend(free.map(|(peer, lane)| Input::Writable { peer, lane }));
        }
    }

    fn send(&mut self, peer: NodeId, lane: Urgency, bytes: Vec<u8>) {
        if let Some(waiting) = self.backlog.get_mut(&(peer, lane)) {
            waiting.push_back(bytes);
            return;
        }
        let on = match lane {
            Urgency::Urgent => Lane::Urgent,
            Urgency::Normal => Lane::Normal,
            Urgency::Bulk => Lane::Bulk,
        };
        match self.net.try_send(&EndpointId::from_bytes(&peer.0).unwrap(), on, bytes) {
            Ok(()) | Err(SendError::NotConnected(_)) => {}
            Err(SendError::Full(bytes)) => {
                self.backlog.insert((peer, lane), VecDeque::from([bytes]));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

const fn urgency(lane: Lane) -> Urgency {
    match lane {
        Lane::Urgent => Urgency::Urgent,
        Lane::Normal => Urgency::Normal,
        Lane::Bulk => Urgency::Bulk,
    }
}
