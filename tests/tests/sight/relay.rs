//! A real relay that is given a busy day: what it is told and says, its files, its records, its log
//! and its status.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use linli_core::identity::NodeKeys;
use linli_net::{
    DialPolicy, EndpointId, Interfaces, Lane, NetConfig, NetEvent, NetEvents, NetHandle, SecretKey,
    SendError,
};
use linli_relay::{Options, Relay};
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::entry::Urgency;
use linli_replica::frame::Cell;
use linli_replica::held::Held as _;
use linli_replica::id::{EntryId, NodeId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Output, Policy, Replica};
use linli_store::keyring::{self, Cost};
use linli_store::{MemoryStore, Store};
use linli_tests::neighbourhood::Node;
use linli_tests::sight::{Allowed, Item, Sight};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::day::Day;

const PASSPHRASE: &str = "seven small boats";
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(120);

/// Everything that anybody in this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }
}

/// Frames that a member said and was told, with the secrets of their connections.
type Frames = Arc<Mutex<Vec<(Vec<u8>, [u8; 32])>>>;

/// A member's node of the simulated day, at a real endpoint: what it holds it brings.
struct Member {
    replica: Replica,
    store: MemoryStore,
    net: NetHandle,
    backlog: VecDeque<(Lane, Vec<u8>)>,
    secret: [u8; 32],
    frames: Frames,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

fn endpoint(node: &NodeId) -> EndpointId {
    EndpointId::from_bytes(node.as_bytes()).unwrap()
}

const fn lane(urgency: Urgency) -> Lane {
    match urgency {
        Urgency::Urgent => Lane::Urgent,
        Urgency::Normal => Lane::Normal,
        Urgency::Bulk => Lane::Bulk,
    }
}

const fn urgency(lane: Lane) -> Urgency {
    match lane {
        Lane::Urgent => Urgency::Urgent,
        Lane::Normal => Urgency::Normal,
        Lane::Bulk => Urgency::Bulk,
    }
}

impl Member {
    async fn start(
        node: &Node,
        spaces: Vec<SpaceTag>,
        relay: NodeId,
        at: &[SocketAddr],
        frames: Frames,
        beats: Vec<Cell>,
    ) -> JoinHandle<()> {
        let (signing, _) = node.keys.to_secrets();
        let dials = BTreeSet::from([endpoint(&relay)]);
        let config = NetConfig {
            bind: Some("127.0.0.1:0".parse().unwrap()),
            interfaces: Interfaces::Off,
            members: dials.clone(),
            dial: DialPolicy::Only(dials),
            ..NetConfig::new(SecretKey::from_bytes(signing.expose()))
        };
        let (net, events) = linli_net::start(config).await.unwrap();
        net.set_addresses(endpoint(&relay), at.iter().copied(), &[]).unwrap();
        let store = MemoryStore::new();
        for batch in node.disk.history() {
            store.commit(batch.clone()).unwrap();
        }
        let directory = node.replica.directory().clone();
        let index = linli_replica::index::Index::load(store.branches());
        let policy = Policy { prunes: true, ..Policy::MEMBER };
        let mut replica = Replica::new(node.id(), directory, index, policy);
        let own = store.records(Shelf::Own);
        replica.restore(own.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
        let (backlog, secret) = (VecDeque::new(), [0; 32]);
        let mut member = Self { replica, store, net, backlog, secret, frames };
        for space in spaces {
            member.feed(relay, Input::Want(space));
        }
        tokio::spawn(member.run(relay, events, beats))
    }

    async fn run(mut self, relay: NodeId, mut events: NetEvents, mut beats: Vec<Cell>) {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(relay, event),
                    None => break,
                },
                _ = tick.tick() => {
                    let shared = self.replica.status(&relay).map(|status| status.shared);
                    let shares = |cell: &Cell| shared.as_ref().is_some_and(|all| all.contains(&cell.space));
                    let (due, later): (Vec<_>, Vec<_>) = beats.into_iter().partition(shares);
                    beats = later;
                    for cell in due {
                        self.feed(relay, Input::Heartbeat(cell));
                    }
                    self.feed(relay, Input::Tick);
                }
            }
        }
    }

    fn event(&mut self, relay: NodeId, event: NetEvent) {
        let peer = relay;
        match event {
            NetEvent::Connected { connection_secret, initiator, .. } => {
                let secret = connection_secret.0;
                self.secret = secret;
                self.feed(relay, Input::Connected { peer, secret, initiator });
            }
            NetEvent::Disconnected { .. } => {
                self.backlog.clear();
                self.feed(relay, Input::Disconnected { peer });
            }
            NetEvent::Frame { lane, bytes, .. } => {
                self.frames.lock().unwrap().push((bytes.clone(), self.secret));
                let lane = urgency(lane);
                self.feed(relay, Input::Frame { peer, lane, bytes });
            }
            NetEvent::Writable { lane, .. } => {
                for (lane, bytes) in std::mem::take(&mut self.backlog) {
                    self.send(relay, lane, bytes);
                }
                self.feed(relay, Input::Writable { peer, lane: urgency(lane) });
            }
            NetEvent::RefusedBy { words, .. } => panic!("{words}"),
            NetEvent::PathChanged { .. }
            | NetEvent::Refused { .. }
            | NetEvent::Pairing(_)
            | NetEvent::MdnsFailed { .. } => {}
        }
    }

    fn feed(&mut self, relay: NodeId, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut sent = BTreeSet::new();
            for output in self.replica.handle(now(), &self.store, input) {
                match output {
                    Output::Send { lane: on, bytes, .. } => {
                        self.frames.lock().unwrap().push((bytes.clone(), self.secret));
                        self.send(relay, lane(on), bytes);
                        sent.insert(on);
                    }
                    Output::Commit { ticket, batch } => {
                        self.store.commit(batch).unwrap();
                        inputs.push_back(Input::Persisted { ticket });
                    }
                    Output::Erase { order, .. } => {
                        inputs.push_back(Input::Erase { order, records: Vec::new() });
                    }
                    Output::Disconnect { reason, .. } => panic!("{reason}"),
                    Output::Held { .. }
                    | Output::Lost { .. }
                    | Output::Directory { .. }
                    | Output::Receipt { .. }
                    | Output::Forked { .. }
                    | Output::Heartbeat { .. }
                    | Output::Synced { .. }
                    | Output::Carried { .. }
                    | Output::Lacks { .. }
                    | Output::ReadPart { .. }
                    | Output::WritePart { .. }
                    | Output::RemoveBlobs { .. }
                    | Output::Refused { .. } => {}
                }
            }
            if self.backlog.is_empty() {
                inputs.extend(sent.into_iter().map(|lane| Input::Writable { peer: relay, lane }));
            }
        }
    }

    fn send(&mut self, relay: NodeId, lane: Lane, bytes: Vec<u8>) {
        if self.backlog.iter().any(|(on, _)| *on == lane) {
            self.backlog.push_back((lane, bytes));
            return;
        }
        match self.net.try_send(&endpoint(&relay), lane, bytes) {
            Ok(()) | Err(SendError::NotConnected(_)) => {}
            Err(SendError::Full(bytes)) => self.backlog.push_back((lane, bytes)),
            Err(other) => panic!("{other}"),
        }
    }
}

/// A data directory as joining the community of the day leaves it.
fn home(day: &Day, keys: &NodeKeys) -> tempfile::TempDir {
    let home = tempfile::TempDir::new().unwrap();
    let mut rng = day.net.rng.clone();
    let key = keyring::create(home.path(), PASSPHRASE, CHEAP, &mut rng).unwrap();
    let store = Store::create(&home.path().join("store"), &key).unwrap();
    let own = |key: &[u8], value: Vec<u8>| {
        let (key, value) = (key.to_vec(), Some(value));
        Record { shelf: Shelf::Own, key, value }
    };
    let (signing, seal) = keys.to_secrets();
    let records = vec![
        own(b"node keys", [*signing.expose(), *seal.expose()].concat()),
        own(b"discovery", vec![5; 32]),
    ];
    let certificates = day.net.node(day.carrier).disk.history()[0].certificates.clone();
    store.commit(Batch { certificates, records, ..Batch::default() }).unwrap();
    home
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn files(at: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Reads what is left of a relay: its files as they are, and its store by its own key.
fn read_home(sight: &mut Sight<'_>, home: &Path) -> [usize; 4] {
    let mut counted = [0; 4];
    for (name, bytes) in files(home) {
        sight.search(&name, &bytes, Allowed::Nothing);
        sight.search("a file's name", name.as_bytes(), Allowed::Nothing);
        counted[0] += 1;
    }
    let key = keyring::unlock(home, PASSPHRASE).unwrap();
    let store = Store::open(&home.join("store"), &key).unwrap();
    for branch in store.branches().unwrap() {
        let (_, document, log, _) = branch.unwrap();
        for entry in store.entries(document, log, 0, usize::MAX).unwrap() {
            sight.entry(&entry.encode());
            counted[1] += 1;
        }
    }
    for certificate in store.certificates().unwrap() {
        sight.certificate(&certificate.encode());
        counted[2] += 1;
    }
    for shelf in Shelf::ALL {
        for (key, value) in store.records(shelf).unwrap() {
            if ![b"node keys".as_slice(), b"discovery"].contains(&key.as_slice()) {
                sight.record(&key, &value);
                counted[3] += 1;
            }
        }
    }
    counted
}

/// What a relay was told and said while it was given a day.
struct Given {
    frames: Vec<(Vec<u8>, [u8; 32])>,
    pages: [String; 2],
    entries: usize,
}

/// Runs a relay until it holds all entries that the members of a day hold, and a heartbeat has passed. Of blobs it is
/// told; no part of one is given to it.
async fn give(day: &mut Day, home: &Path) -> Given {
    let members = day.members();
    let beats: Vec<Vec<Cell>> = members.iter().map(|id| day.beats(*id, now())).collect();
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let options = Options {
        listen: Some(free),
        mdns: Interfaces::Off,
        status: Some(free),
        policy: Policy { prunes: true, ..Policy::CARRIER },
        ..Options::new(home.to_owned(), PASSPHRASE.to_owned(), free)
    };
    let running = Relay::start(options).await.unwrap();
    let (addresses, status) = (running.addresses(), running.status_address().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(running.serve(async move {
        stopped.await.unwrap();
    }));

    let frames = Frames::default();
    let mut expected: BTreeSet<EntryId> = BTreeSet::new();
    let mut tasks = Vec::new();
    for (id, beats) in members.iter().zip(beats) {
        let spaces = day.net.spaces(*id);
        let inboxes = members.iter().map(linli_replica::id::inbox_tag);
        for space in spaces.iter().copied().chain(inboxes) {
            expected.extend(day.net.entries(*id, space).iter().map(|entry| entry.id()));
        }
        let node = day.net.node(*id);
        let frames = Arc::clone(&frames);
        let task = Member::start(node, spaces, day.carrier, &addresses, frames, beats);
        tasks.push(task.await);
    }
    let all = format!("\"entries\":{},", expected.len());
    let complete = async {
        let cell = |(bytes, _): &(Vec<u8>, [u8; 32])| bytes.get(..2) == Some(&[0x82, 9]);
        while !frames.lock().unwrap().iter().any(cell)
            || !get(status, "/status").await.contains(&all)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(LIMIT, complete).await;
    let pages = [get(status, "/status").await, get(status, "/health").await];
    assert!(done.is_ok(), "the relay never held {all}: {}", pages[0]);
    stop.send(()).unwrap();
    tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap().unwrap();
    tasks.iter().for_each(JoinHandle::abort);
    let frames = frames.lock().unwrap().clone();
    Given { frames, pages, entries: expected.len() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_relay_learns_what_the_list_says_and_nothing_else() {
    let log = Log::begin();
    let mut day = Day::run(6);
    let home = home(&day, &day.net.node(day.carrier).keys);
    let given = give(&mut day, home.path()).await;

    let mut sight = Sight::new(&day.known);
    let mut kinds: BTreeMap<u64, usize> = BTreeMap::new();
    for (bytes, secret) in &given.frames {
        let kind = sight.frame(bytes, secret).unwrap();
        *kinds.entry(kind).or_default() += 1;
    }
    for page in &given.pages {
        sight.search("a status page", page.as_bytes(), Allowed::Endpoints);
    }
    let log = log.0.lock().unwrap().clone();
    // Frames are written there whole when somebody asks for it, certificates among them.
    let is_frame = |line: &&[u8]| String::from_utf8_lossy(line).contains("linli_net::frames:");
    let (framed, lines): (Vec<&[u8]>, Vec<&[u8]>) =
        log.split(|byte| *byte == b'\n').partition(is_frame);
    assert!(framed.len() > 20 && lines.len() > 100, "the log was not taken");
    sight.search("frames in a log", &framed.join(&b'\n'), Allowed::Directory);
    sight.search("a log", &lines.join(&b'\n'), Allowed::Endpoints);
    let stored = read_home(&mut sight, home.path());
    println!(
        "frames by kind: {kinds:?}; files, entries, certificates, records: {stored:?}; {} bytes of \
         log; {} values, {} bytes searched",
        log.len(),
        sight.values,
        sight.bytes
    );
    assert!((0..=9).filter(|kind| kinds.contains_key(kind)).count() >= 9, "{kinds:?}");
    assert!(stored[0] >= 4 && stored[1] >= given.entries && stored[2] > 10 && stored[3] > 5);
    for item in Item::ALL {
        assert!(sight.saw.contains_key(&item), "{item:?} was never looked at");
    }
    let some: Vec<&String> = sight.findings.iter().take(20).collect();
    assert!(sight.findings.is_empty(), "{} findings: {some:#?}", sight.findings.len());
}
