//! mDNS on the loopback interface.

use std::time::Duration;

use linli_net::{DialPolicy, Interfaces, NetConfig, PairError, pairing_key_hash};

use crate::support::{LIMIT, config, id, node};

fn on_loopback(seed: u8, members: &[u8]) -> NetConfig {
    let mut config = config(seed, members);
    config.interfaces = Interfaces::Loopback;
    config.discovery_secret = Some([42; 32]);
    config.dial = DialPolicy::Everyone;
    config
}

#[tokio::test]
async fn members_find_each_other_and_joiners_find_inviters() {
    let mut a = node(on_loopback(31, &[31, 32])).await;
    let mut b = node(on_loopback(32, &[31, 32])).await;
    a.connected().await;
    b.connected().await;
    assert!(a.status(id(32)).on_lan || b.status(id(31)).on_lan);

    let joiner = node(on_loopback(33, &[])).await;
    a.net.offer_pairing(true);
    let target = joiner.net.find_inviter(pairing_key_hash(&id(31)), LIMIT).await.unwrap();
    assert_eq!(target.id, id(31));
    let stream = joiner.net.pair_dial(&target).await.unwrap();
    assert_eq!(stream.remote(), id(31));
}

#[tokio::test]
async fn without_mdns_an_inviter_is_not_found_and_that_is_said() {
    let joiner = node(config(34, &[])).await;
    let outcome = joiner.net.find_inviter([0; 10], Duration::from_millis(10)).await;
    assert!(matches!(outcome, Err(PairError::NotFound)));
}

#[tokio::test]
async fn an_interface_that_does_not_exist_stops_nothing() {
    let mut lonely = on_loopback(35, &[35, 36]);
    lonely.interfaces = Interfaces::Named(vec!["nonesuch0".to_owned()]);
    let mut a = node(lonely).await;
    let b = node(config(36, &[35, 36])).await;
    a.dial(&b);
    a.connected().await;
    assert!(!a.status(id(36)).on_lan);
}
