//! A relay that fails is left for another.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use linli_net::{NetConfig, RelaySettings};
use tokio::net::{TcpListener, TcpStream};

use crate::relay::{behind, relay};
use crate::support::{Node, id, node, reaches, until};

/// Nodes that reach each other through these relays only.
fn behind_both(urls: &[&str], seed: u8, members: &[u8]) -> NetConfig {
    let mut config = behind(urls[0], "key", seed, members);
    config.relays = urls.iter().flat_map(|url| behind(url, "key", seed, &[]).relays).collect();
    config
}

fn home(node: &Node) -> Option<String> {
    node.net.relays().iter().find(|relay| relay.connected).map(|relay| relay.url.clone())
}

#[tokio::test]
async fn a_relay_that_is_gone_is_left_for_another() {
    let relays = [relay().await, relay().await];
    let urls = relays.each_ref().map(|(_, url)| url.as_str());
    let mut a = node(behind_both(&urls, 61, &[61, 62])).await;
    let mut b = node(behind_both(&urls, 62, &[61, 62])).await;
    reaches_at_last(&mut a, &mut b).await;
    until(|| home(&a).is_some()).await;
    let first = home(&a).unwrap();
    let other = urls.into_iter().find(|url| !first.starts_with(url)).unwrap().to_owned();
    let (_stays, gone): (Vec<_>, Vec<_>) = relays.into_iter().partition(|(_, url)| *url == other);
    for (server, _) in gone {
        server.shutdown().await.unwrap();
    }
    for node in [&a, &b] {
        until(|| home(node).is_some_and(|home| home.starts_with(&other))).await;
    }
    reaches_at_last(&mut a, &mut b).await;
}

/// Waits until both are connected, and a frame goes from one to the other.
async fn reaches_at_last(a: &mut Node, b: &mut Node) {
    let connected = |node: &Node, to| {
        node.net.peers().iter().any(|peer| peer.peer == to && peer.connected.is_some())
    };
    until(|| connected(a, b.id()) && connected(b, a.id())).await;
    reaches(a, b).await;
}

/// A way to an address that takes its time.
async fn detour(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut here, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let mut there = TcpStream::connect(to).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut here, &mut there).await);
            });
        }
    });
    address
}

#[tokio::test]
async fn a_relay_that_answers_and_lets_nobody_in_is_left_for_a_slower_one() {
    let ((_near, near), (_far, far)) = (relay().await, relay().await);
    let far = detour(far.trim_start_matches("http://").parse().unwrap()).await;
    let far = format!("http://{far}");
    let mut config = behind(&far, "key", 63, &[63]);
    let wrong = Some("wrong".to_owned());
    config
        .relays
        .push(RelaySettings { auth_token: wrong, ..behind(&near, "", 63, &[]).relays.remove(0) });
    let a = node(config).await;
    let refused =
        |relay: &linli_net::RelayStatus| relay.url.starts_with(&near) && relay.denied.is_some();
    until(|| a.net.relays().iter().any(refused)).await;
    until(|| home(&a).is_some_and(|home| home.starts_with(&far))).await;
    assert_eq!(a.id(), id(63));
}
