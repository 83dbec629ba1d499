//! Where the relay is, as members are told.

use linli_net::{NetConfig, RelaySettings, RelayTrouble};
use linli_relay::{Certificate, Https, Options};
use linli_replica::relays::RelayTold;

use crate::community::{RELAY, certificates, node};
use crate::home::{Running, home, options};
use crate::member::{Member, behind};
use crate::reports::{is_trouble, reported};

fn settings(told: &RelayTold) -> RelaySettings {
    let pin = told.pin.as_ref().map(|pin| **pin);
    RelaySettings { quic_port: told.quic_port, pin, ..RelaySettings::new(&told.url) }
}

/// Behind this relay and no other way.
fn through(relay: &RelaySettings, number: u8, dials: &[u8]) -> NetConfig {
    NetConfig { relays: vec![relay.clone()], ..behind(&relay.url, number, dials) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_relay_is_trusted_by_what_members_are_told_and_no_other() {
    let home = home(certificates(&[1, 2, 3]));
    let free = "127.0.0.1:0".parse().unwrap();
    let certificate = Certificate::SelfSigned { names: vec!["127.0.0.1".to_owned()] };
    let https = Some(Https { listen: free, quic: Some(free), certificate });
    let relay = Running::start(Options { https, ..options(home.path()) }).await;
    let mut near = Member::of(1, &relay.addresses, certificates(&[1, 2, 3])).await;
    near.learns("it is told", |told| !told.relays.is_empty()).await;
    let told = near.now(|told| told.relays.clone());
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(told.url, relay.url);
    assert!(told.quic_port.is_some() && told.pin.is_some());
    near.stop().await;

    let right = settings(told);
    let wrong = RelaySettings { pin: Some([1; 32]), ..right.clone() };
    let unknown = RelaySettings { pin: None, ..right.clone() };
    let all = certificates(&[1, 2, 3]);
    let lost = Member::start(through(&wrong, 3, &[RELAY]), all.clone()).await;
    let mut first = Member::start(through(&right, 1, &[2]), all.clone()).await;
    let mut second = Member::start(through(&right, 2, &[1]), all.clone()).await;
    first.learns("they meet", |told| told.connected.contains_key(&node(2))).await;
    second.learns("they meet", |told| told.connected.contains_key(&node(1))).await;
    assert!(lost.net.relays().iter().all(|relay| !relay.connected), "another certificate");
    reported(&lost, &relay.url, |of| is_trouble(of, |of| *of == RelayTrouble::WrongPin)).await;
    // Neither is one trusted of which nothing was told; what is told later counts at once.
    lost.net.set_relays(&[unknown]).unwrap();
    first.stop().await;
    let mut first = Member::start(through(&right, 1, &[2]), all).await;
    first.learns("they meet again", |told| told.connected.contains_key(&node(2))).await;
    assert!(lost.net.relays().iter().all(|relay| !relay.connected), "an unknown certificate");
    let mut lost = lost;
    lost.net.set_relays(&[right]).unwrap();
    lost.learns("it comes too", |told| told.connected.contains_key(&node(RELAY))).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_moves_says_so_and_one_that_nobody_reaches_takes_back_what_it_said() {
    let home = home(certificates(&[1]));
    for public_url in [Some("https://a.example"), Some("https://b.example"), None] {
        let said = public_url.map(str::to_owned);
        let relay = Running::start(Options { public_url: said, ..options(home.path()) }).await;
        let mut member = Member::of(1, &relay.addresses, certificates(&[1])).await;
        member
            .learns("it is told", |told| {
                let urls: Vec<_> = told.relays.iter().map(|told| told.url.as_str()).collect();
                told.synced.contains(&node(RELAY)) && urls == Vec::from_iter(public_url)
            })
            .await;
        member.stop().await;
        relay.stop().await;
    }
}
