//! Nodes on loopback, and waiting for events with a generous limit.

use std::{collections::BTreeSet, time::Duration};

use iroh::{
    Endpoint, EndpointAddr,
    endpoint::{Connection, ConnectionError, SendStream, presets},
};
use linli_net::{
    DialPolicy, EndpointId, Interfaces, Lane, MEMBER_ALPN, NetConfig, NetError, NetEvent,
    NetEvents, NetHandle, PeerStatus, SecretKey, start,
};

/// Far longer than anything here takes; a test that reaches it has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) net: NetHandle,
    pub(crate) events: NetEvents,
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

pub(crate) fn id(seed: u8) -> EndpointId {
    key(seed).public()
}

/// A node on loopback that knows the members and dials nobody.
pub(crate) fn config(seed: u8, members: &[u8]) -> NetConfig {
    let mut config = NetConfig::new(key(seed));
    config.bind = Some("127.0.0.1:0".parse().unwrap());
    config.interfaces = Interfaces::Off;
    config.dial = DialPolicy::Nobody;
    config.members = members.iter().map(|seed| id(*seed)).collect();
    config
}

pub(crate) async fn node(config: NetConfig) -> Node {
    let (net, events) = start(config).await.unwrap();
    Node { net, events }
}

impl Node {
    pub(crate) fn id(&self) -> EndpointId {
        self.net.id()
    }

    /// Tells this node where the other listens, and to dial it.
    pub(crate) fn dial(&self, other: &Self) {
        self.net.set_addresses(other.id(), other.net.bound_addresses(), &[]).unwrap();
        self.net.set_dial_policy(DialPolicy::Everyone);
    }

    /// The next event of interest; others are passed over.
    pub(crate) async fn wait<T>(&mut self, mut interest: impl FnMut(NetEvent) -> Option<T>) -> T {
        tokio::time::timeout(LIMIT, async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = interest(event) {
                    return found;
                }
            }
        })
        .await
        .expect("the event comes")
    }

    pub(crate) async fn connected(&mut self) -> ([u8; 32], bool) {
        self.wait(|event| match event {
            NetEvent::Connected { connection_secret, initiator, .. } => {
                Some((connection_secret.0, initiator))
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn disconnected(&mut self) -> linli_net::DisconnectReason {
        self.wait(|event| match event {
            NetEvent::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    pub(crate) async fn frame(&mut self) -> (Lane, Vec<u8>) {
        self.wait(|event| match event {
            NetEvent::Frame { lane, bytes, .. } => Some((lane, bytes)),
            NetEvent::Disconnected { reason, .. } => panic!("disconnected: {reason:?}"),
            _ => None,
        })
        .await
    }

    pub(crate) fn status(&self, peer: EndpointId) -> PeerStatus {
        self.net.peers().into_iter().find(|status| status.peer == peer).unwrap()
    }
}

/// A node on an address that another had until just now: the system may still hold it for a moment.
pub(crate) async fn node_again(config: NetConfig) -> Node {
    tokio::time::timeout(LIMIT, async {
        loop {
            match start(config.clone()).await {
                Ok((net, events)) => break Node { net, events },
                Err(NetError::PortInUse { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await
    .expect("the address becomes free")
}

/// Two nodes, connected; the first dialled.
pub(crate) async fn pair() -> (Node, Node) {
    let mut a = node(config(1, &[1, 2])).await;
    let mut b = node(config(2, &[1, 2])).await;
    a.dial(&b);
    a.connected().await;
    b.connected().await;
    (a, b)
}

/// Waits until a frame of `a` reaches `b`. The connection may be replaced meanwhile: both may have dialled.
pub(crate) async fn reaches(a: &mut Node, b: &mut Node) {
    let to = b.id();
    let send = |net: &NetHandle| drop(net.try_send(&to, Lane::Urgent, vec![1]));
    send(&a.net);
    tokio::time::timeout(LIMIT, async {
        loop {
            tokio::select! {
                event = a.events.recv() => {
                    if matches!(event.unwrap(), NetEvent::Connected { .. }) {
                        send(&a.net);
                    }
                }
                event = b.events.recv() => {
                    if matches!(event.unwrap(), NetEvent::Frame { .. }) {
                        break;
                    }
                }
            }
        }
    })
    .await
    .expect("a frame arrives");
}

/// A member that speaks QUIC and whatever the test wants.
pub(crate) struct Rogue {
    pub(crate) endpoint: Endpoint,
}

impl Rogue {
    pub(crate) async fn new(seed: u8) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .secret_key(key(seed))
            .alpns(vec![MEMBER_ALPN.to_vec()])
            .relay_mode(iroh::RelayMode::Disabled)
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .unwrap()
            .bind()
            .await
            .unwrap();
        Self { endpoint }
    }

    pub(crate) async fn connect(&self, node: &Node) -> Connection {
        let mut address = EndpointAddr::new(node.id());
        for socket in node.net.bound_addresses() {
            address = address.with_ip_addr(socket);
        }
        self.endpoint.connect(address, MEMBER_ALPN).await.unwrap()
    }

    /// Connects and opens the three lanes as an honest peer does.
    pub(crate) async fn open(&self, node: &Node) -> (Connection, [SendStream; 3]) {
        let connection = self.connect(node).await;
        let mut lanes = Vec::new();
        for number in 0..3_u8 {
            let mut lane = connection.open_uni().await.unwrap();
            lane.write_all(&[number]).await.unwrap();
            lanes.push(lane);
        }
        (connection, lanes.try_into().unwrap())
    }
}

/// The code with which the other side closed.
pub(crate) async fn close_code(connection: &Connection) -> u64 {
    match tokio::time::timeout(LIMIT, connection.closed()).await.unwrap() {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("closed by {other}"),
    }
}

pub(crate) fn members(seeds: &[u8]) -> BTreeSet<EndpointId> {
    seeds.iter().map(|seed| id(*seed)).collect()
}

/// Waits for a condition that no event tells of, letting all tasks run meanwhile.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    tokio::time::timeout(LIMIT, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the condition comes true");
}
