//! A relay's data directory, and the relay that runs from it.

use std::net::SocketAddr;
use std::path::Path;

use linli_net::Interfaces;
use linli_relay::{Options, Relay, RelayError};
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::Certificate;
use linli_store::Store;
use linli_store::keyring::{self, Cost};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::LIMIT;
use crate::community::RELAY;

pub(crate) const PASSPHRASE: &str = "seven small boats";
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// A data directory as joining a community leaves it.
pub(crate) fn home(certificates: Vec<Certificate>) -> TempDir {
    let home = TempDir::new().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let key = keyring::create(home.path(), PASSPHRASE, CHEAP, &mut rng).unwrap();
    let store = Store::create(&home.path().join("store"), &key).unwrap();
    let own = |key: &[u8], value: Vec<u8>| Record {
        shelf: Shelf::Own,
        key: key.to_vec(),
        value: Some(value),
    };
    let mut records = vec![own(b"node keys", [[RELAY; 32], [1; 32]].concat())];
    if !certificates.is_empty() {
        records.push(own(b"discovery", vec![5; 32]));
    }
    store.commit(Batch { certificates, records, ..Batch::default() }).unwrap();
    home
}

/// Adds one of the node's own records.
pub(crate) fn record(home: &TempDir, key: &[u8], value: Vec<u8>) {
    let storage_key = keyring::unlock(home.path(), PASSPHRASE).unwrap();
    let store = Store::open(&home.path().join("store"), &storage_key).unwrap();
    let record = Record { shelf: Shelf::Own, key: key.to_vec(), value: Some(value) };
    store.commit(Batch { records: vec![record], ..Batch::default() }).unwrap();
}

/// Everything on loopback and on free ports, without mDNS.
pub(crate) fn options(home: &Path) -> Options {
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Options {
        listen: Some(free),
        mdns: Interfaces::Off,
        status: Some(free),
        ..Options::new(home.to_owned(), PASSPHRASE.to_owned(), free)
    }
}

/// A relay that runs.
pub(crate) struct Running {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) url: String,
    /// Where the pages are; port 0 where no address was asked for.
    pub(crate) status: SocketAddr,
    pub(crate) quic_port: Option<u16>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RelayError>>,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        let relay = Relay::start(options).await.unwrap();
        let (addresses, url) = (relay.addresses(), relay.url().to_owned());
        let status = relay.status_address().unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let quic_port = relay.quic_port();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(relay.serve(async {
            stopped.await.unwrap();
        }));
        Self { addresses, url, status, quic_port, stop, task }
    }

    pub(crate) async fn on(home: &TempDir) -> Self {
        Self::start(options(home.path())).await
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap().unwrap();
    }

    pub(crate) async fn status(&self) -> serde_json::Value {
        let (code, body) = get(self.status, "/status").await;
        assert_eq!(code, 200, "{body}");
        body
    }

    /// Waits until the status page shows something.
    pub(crate) async fn shows(&self, what: impl Fn(&serde_json::Value) -> bool) {
        let shown = async {
            while !what(&self.status().await) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, shown).await.expect("the status shows it");
    }
}

/// Asks for a page with JSON.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let (code, body) = ask(address, &address.to_string(), path).await;
    (code, serde_json::from_str(&body).unwrap())
}

/// Asks for a page under the name of a host.
pub(crate) async fn ask(address: SocketAddr, host: &str, path: &str) -> (u16, String) {
    page(TcpStream::connect(address).await.unwrap(), host, path).await
}

/// Asks for a page over a connection.
pub(crate) async fn page(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}
