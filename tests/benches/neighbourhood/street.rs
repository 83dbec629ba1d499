//! A relay, and a hub and a centre that know each other and not the relay's carrier.

use std::path::Path;

use linli_core::identity::{NodeKeys, draw_signing_key};
use linli_net::{Interfaces, NetConfig, RelaySettings};
use linli_relay::{Options, Relay, RelayError};
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::{Certificate, PartyKind};
use linli_store::Store;
use linli_store::keyring::{self, Cost};
use linli_tests::neighbourhood::{Community, ENDS, community::party_of};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::site::Member;
use crate::town::Town;

pub(crate) const PASSPHRASE: &str = "a passphrase of a bench";
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

pub(crate) struct Street {
    /// A hub and a centre, with the certificates of these two only.
    pub(crate) town: Town,
    /// The relay's own node.
    pub(crate) carrier: NodeKeys,
    /// Its certificates.
    pub(crate) of_carrier: Vec<Certificate>,
    /// More nodes of the hub's party, with their certificates.
    pub(crate) others: Vec<(NodeKeys, Certificate)>,
}

impl Street {
    pub(crate) fn new(others: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let community = Community::new(&mut rng);
        let roots = [(); 3].map(|()| draw_signing_key(&mut rng));
        let kinds = [PartyKind::Household, PartyKind::Centre, PartyKind::Carrier];
        let mut joined = roots.iter().zip(kinds).map(|(root, kind)| {
            let keys = NodeKeys::draw(&mut rng);
            let carries = kind == PartyKind::Carrier;
            let node = community.certify(root, &keys, ENDS, carries);
            let of = vec![community.enrol(root, kind), node];
            (Member { keys, party: party_of(root) }, of)
        });
        let [(hub, first), (centre, second), (carrier, of_carrier)] =
            [(); 3].map(|()| joined.next().unwrap());
        let certificates = [vec![community.genesis().clone()], first, second].concat();
        let town = Town { hub, centre, certificates };
        let mut draw = || {
            let keys = NodeKeys::draw(&mut rng);
            let node = community.certify(&roots[0], &keys, ENDS, false);
            (keys, node)
        };
        let others = (0..others).map(|_| draw()).collect();
        Self { town, carrier: carrier.keys, of_carrier, others }
    }

    /// Makes the relay's data directory, as joining the community leaves it.
    pub(crate) fn found(&self, path: &Path) {
        std::fs::create_dir(path).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let key = keyring::create(path, PASSPHRASE, CHEAP, &mut rng).unwrap();
        let store = Store::create(&path.join("store"), &key).unwrap();
        let own = |key: &[u8], value: Vec<u8>| Record {
            shelf: Shelf::Own,
            key: key.to_vec(),
            value: Some(value),
        };
        let (signing, seal) = self.carrier.to_secrets();
        let keys = [*signing.expose(), *seal.expose()].concat();
        let records = vec![own(b"node keys", keys), own(b"discovery", vec![5; 32])];
        let others = self.others.iter().map(|(_, node)| node);
        let all = self.town.certificates.iter().chain(&self.of_carrier).chain(others);
        let certificates = all.cloned().collect();
        store.commit(Batch { certificates, records, ..Batch::default() }).unwrap();
    }
}

/// Everything on loopback, without mDNS; what members send is not slowed down.
pub(crate) fn options(path: &Path) -> Options {
    let free = "127.0.0.1:0".parse().unwrap();
    Options {
        listen: Some(free),
        mdns: Interfaces::Off,
        status: Some(free),
        member_bytes_per_second: 0,
        ..Options::new(path.to_owned(), PASSPHRASE.to_owned(), free)
    }
}

/// Settings of a node that has no way but this relay.
pub(crate) fn behind(config: NetConfig, url: &str) -> NetConfig {
    NetConfig { bind: None, relay_only: true, relays: vec![RelaySettings::new(url)], ..config }
}

/// A relay in this process.
pub(crate) struct Relaying {
    pub(crate) url: String,
    pub(crate) addresses: Vec<std::net::SocketAddr>,
    status: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RelayError>>,
}

impl Relaying {
    pub(crate) async fn start(path: &Path) -> Self {
        let relay = Relay::start(options(path)).await.unwrap();
        let (url, addresses) = (relay.url().to_owned(), relay.addresses());
        let status = relay.status_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(relay.serve(async {
            stopped.await.unwrap();
        }));
        Self { url, addresses, status, stop, task }
    }

    /// How many entries it keeps.
    pub(crate) async fn entries(&self) -> u64 {
        let mut stream = TcpStream::connect(self.status).await.unwrap();
        let host = self.status;
        let request = format!("GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        status["held"]["entries"].as_u64().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}
