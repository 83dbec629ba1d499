//! What a node that is connected and has nothing to say takes up at a relay.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use linli_net::{DialPolicy, NetConfig, NetEvent, NetHandle, RelaySettings};
use linli_relay::{Options, Relay};
use tokio::sync::mpsc;

use crate::rest::Process;
use crate::site::{endpoint, loopback};
use crate::street::{Street, options};

/// The word with which this program runs a relay in a process of its own.
pub(crate) const RELAY: &str = "relay";

const STEPS: [usize; 5] = [250, 500, 1_000, 2_000, 5_000];
/// Nodes that connect at once.
const AT_ONCE: usize = 50;
/// What a step may take: beyond it the machine, not the relay, is measured.
const STEP_MAX: Duration = Duration::from_secs(120);
const REST: Duration = Duration::from_secs(10);

/// Runs the relay of a data directory until it is killed.
pub(crate) fn serve(path: &Path, http: &str, listen: &str) {
    let (http, listen) = (http.parse().unwrap(), Some(listen.parse().unwrap()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = Options { http, listen, ..options(path) };
        Relay::start(options).await.unwrap().serve(std::future::pending()).await.unwrap();
    });
}

pub(crate) async fn measure(directory: &Path) {
    let street = Street::new(STEPS[STEPS.len() - 1]);
    let path = directory.join("idle relay");
    street.found(&path);
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = [RELAY, path.to_str().unwrap(), &http.to_string(), &listen.to_string()];
    let relay = Process::of(&words);
    while std::net::TcpStream::connect(http).is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(REST).await;
    let empty = relay.resident();
    println!("a relay with {} members, none connected: {empty:.1} MB", street.others.len() + 3);
    let (connected, mut hearing) = mpsc::unbounded_channel();
    let mut nodes: Vec<NetHandle> = Vec::new();
    for step in STEPS {
        let begin = Instant::now();
        while nodes.len() < step && begin.elapsed() < STEP_MAX {
            let some = &street.others[nodes.len()..step.min(nodes.len() + AT_ONCE)];
            for (keys, _) in some {
                let (signing, _) = keys.to_secrets();
                let carrier = endpoint(&street.carrier.id());
                nodes.push(connect(*signing.expose(), carrier, (http, listen), &connected).await);
            }
            for _ in some {
                hearing.recv().await.unwrap();
            }
        }
        tokio::time::sleep(REST).await;
        let resident = relay.resident();
        let lost = std::iter::from_fn(|| hearing.try_recv().ok()).count();
        println!(
            "{} nodes connected (in {:.1?}, {lost} of them again): {resident:.1} MB, {:.1} KB a node",
            nodes.len(),
            begin.elapsed() - REST,
            (resident - empty) * 1e3 / nodes.len() as f64
        );
        if nodes.len() < step {
            println!("the machine takes no more");
            break;
        }
    }
}

/// Starts a node that connects to the relay server and to its carrier; says each time that it has.
async fn connect(
    key: [u8; 32],
    carrier: linli_net::EndpointId,
    (http, listen): (SocketAddr, SocketAddr),
    connected: &mpsc::UnboundedSender<()>,
) -> NetHandle {
    let config = NetConfig {
        members: [carrier].into(),
        relays: vec![RelaySettings::new(&format!("http://{http}"))],
        dial: DialPolicy::Only([carrier].into()),
        ..loopback(key)
    };
    let (net, mut events) = linli_net::start(config).await.unwrap();
    net.set_addresses(carrier, [listen], &[]).unwrap();
    let connected = connected.clone();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if matches!(event, NetEvent::Connected { .. }) {
                // The bench may have heard enough.
                let _ = connected.send(());
            }
        }
    });
    net
}
