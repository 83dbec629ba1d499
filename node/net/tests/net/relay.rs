//! Through a relay, with no direct path at all.

use std::{net::Ipv4Addr, sync::Arc};

use iroh_relay::server::{Access, AccessControl, ClientRequest, RelayConfig, Server, ServerConfig};
use linli_net::{DialPolicy, NetConfig, PairTarget, PeerPath, RelaySettings};

use crate::support::{LIMIT, config, id, node, reaches, until};

#[derive(Debug)]
struct Token;

impl AccessControl for Token {
    async fn on_connect(&self, request: &ClientRequest) -> Access {
        if request.auth_token().as_deref() == Some("key") {
            Access::Allow
        } else {
            Access::Deny { reason: Some("not one of ours".to_owned()) }
        }
    }
}

pub(crate) async fn relay() -> (Server, String) {
    let mut relay = RelayConfig::new((Ipv4Addr::LOCALHOST, 0));
    relay.access = Arc::new(Token);
    let mut server = ServerConfig::default();
    server.relay = Some(relay);
    let server = Server::spawn(server).await.unwrap();
    let url = format!("http://{}", server.http_addr().unwrap());
    (server, url)
}

pub(crate) fn behind(url: &str, token: &str, seed: u8, members: &[u8]) -> NetConfig {
    let mut config = config(seed, members);
    config.bind = None;
    config.relay_only = true;
    config.dial = DialPolicy::Everyone;
    config.relays =
        vec![RelaySettings { auth_token: Some(token.to_owned()), ..RelaySettings::new(url) }];
    config
}

#[tokio::test]
async fn members_without_any_address_meet_at_their_relay() {
    let (_server, url) = relay().await;
    let mut a = node(behind(&url, "key", 41, &[41, 42])).await;
    let mut b = node(behind(&url, "key", 42, &[41, 42])).await;
    a.connected().await;
    b.connected().await;
    reaches(&mut a, &mut b).await;
    // One of two dialled at once may be on its way out.
    until(|| a.status(id(42)).connected.is_some()).await;
    let path = a.status(id(42)).connected.unwrap().path;
    assert!(matches!(&path, PeerPath::Relayed(relay) if relay.starts_with(&url)), "{path:?}");
    assert!(a.net.relays().iter().all(|relay| relay.connected));

    b.net.offer_pairing(true);
    let target =
        PairTarget { id: id(42), addresses: std::iter::empty().collect(), relays: vec![url] };
    let stream = a.net.pair_dial(&target).await.unwrap();
    assert_eq!(stream.remote(), id(42));
}

#[tokio::test]
async fn a_relay_that_denies_the_token_says_so() {
    let (_server, url) = relay().await;
    let a = node(behind(&url, "wrong", 43, &[43])).await;
    let denied = tokio::time::timeout(LIMIT, async {
        loop {
            if let Some(reason) = a.net.relays().into_iter().find_map(|relay| relay.denied) {
                break reason;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert!(denied.contains("not one of ours"), "{denied}");
}

#[tokio::test]
async fn a_relay_can_be_added_while_running() {
    let (_server, url) = relay().await;
    let mut b = node(behind(&url, "key", 45, &[44, 45])).await;
    let mut late = behind(&url, "key", 44, &[44, 45]);
    let relays = std::mem::take(&mut late.relays);
    let mut a = node(late).await;
    assert!(a.net.relays().is_empty());
    a.net.set_relays(&relays).unwrap();
    a.connected().await;
    b.connected().await;
}

#[tokio::test]
async fn a_direct_address_that_becomes_known_takes_over_from_the_relay() {
    let (_server, url) = relay().await;
    let [mut a, b] = [46, 47].map(|seed| {
        let mut config = config(seed, &[46, 47]);
        config.relays = behind(&url, "key", seed, &[]).relays;
        config
    });
    a.dial = DialPolicy::Everyone;
    let [mut a, mut b] = [node(a).await, node(b).await];
    a.connected().await;
    b.connected().await;
    let relayed = a.status(id(47)).connected.unwrap().path;
    assert!(matches!(relayed, PeerPath::Relayed(_)), "{relayed:?}");
    a.dial(&b);
    let direct = PeerPath::Direct(b.net.bound_addresses()[0]);
    until(|| a.status(id(47)).connected.is_some_and(|link| link.path == direct)).await;
    reaches(&mut a, &mut b).await;
}

#[tokio::test]
async fn nodes_that_keep_to_their_networks_find_no_path_between_them() {
    let (_server, url) = relay().await;
    let at = |seed, address: &str, prefix_length: Option<u8>| {
        let mut config = config(seed, &[48, 49, 50, 51, 52]);
        config.bind = Some(address.parse().unwrap());
        config.prefix_length = prefix_length;
        config.relays = behind(&url, "key", seed, &[]).relays;
        config
    };
    let mut a = node(at(48, "127.3.1.1:0", Some(24))).await;
    let mut other_network = node(at(49, "127.3.2.1:0", Some(24))).await;
    let mut own_network = node(at(50, "127.3.1.2:0", Some(24))).await;
    // Told the address in the other network, it still comes through the relay.
    a.dial(&other_network);
    a.connected().await;
    other_network.connected().await;
    a.dial(&own_network);
    own_network.connected().await;
    let direct = PeerPath::Direct(own_network.net.bound_addresses()[0]);
    until(|| a.status(id(50)).connected.is_some_and(|link| link.path == direct)).await;

    // Two that keep to no network, connected later, tell each other their addresses and meet there.
    let mut free = at(51, "127.3.3.1:0", None);
    free.dial = DialPolicy::Only([id(52)].into());
    let mut free = [node(free).await, node(at(52, "127.3.4.1:0", None)).await];
    for node in &mut free {
        node.connected().await;
    }
    let direct = |link: linli_net::ConnectionStatus| matches!(link.path, PeerPath::Direct(_));
    until(|| free[0].status(id(52)).connected.is_some_and(direct)).await;
    reaches(&mut a, &mut other_network).await;
    let path = a.status(id(49)).connected.unwrap().path;
    assert!(matches!(path, PeerPath::Relayed(_)), "{path:?}");
}
