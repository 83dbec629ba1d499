//! Live connections through the relay server.

use linli_net::{NetConfig, PeerPath};
use linli_relay::{CERTIFICATE_FILE, Certificate, Https, Options, Relay, RelayError};
use linli_replica::replica::Input;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::community::{RELAY, SPACE, certificates, log, node};
use crate::home::{Running, home, options};
use crate::member::{Member, behind, waiting};

fn is_relayed(told: &crate::member::Told, peer: u8) -> bool {
    matches!(told.connected.get(&node(peer)), Some(PeerPath::Relayed(_)))
}

async fn meet(a: NetConfig, b: NetConfig) {
    let all = certificates(&[1, 2]);
    let mut a = Member::start(a, all.clone()).await;
    let mut b = Member::start(b, all).await;
    a.learns("they meet", |told| is_relayed(told, 2)).await;
    b.learns("they meet", |told| is_relayed(told, 1)).await;
    a.input(Input::Want(SPACE));
    b.input(Input::Want(SPACE));
    let written = log(1, 1, 300);
    a.write(&written);
    b.learns("the entry comes", |told| told.holds(&written)).await;
    assert!(a.now(|told| !told.connected.contains_key(&node(RELAY))));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_without_any_address_meet_at_the_relay() {
    let home = home(certificates(&[1, 2]));
    let relay = Running::on(&home).await;
    meet(behind(&relay.url, 1, &[2]), behind(&relay.url, 2, &[1])).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_reach_the_carrier_through_its_own_relay() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut member = Member::start(behind(&relay.url, 1, &[RELAY]), all).await;
    member.input(Input::Want(SPACE));
    let written = log(1, 1, 300);
    member.write(&written);
    member.receipted(&written).await;
    assert!(member.now(|told| is_relayed(told, RELAY)));
    let status = relay.status().await;
    assert_eq!(status["peers"][0]["connected"], "relayed");
    assert_eq!(status["peers"][0]["at_relay"], true);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carrier_dials_members_who_are_at_its_relay() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut member = Member::start(waiting(behind(&relay.url, 1, &[RELAY])), all).await;
    member.learns("the carrier dials", |told| is_relayed(told, RELAY)).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_relay_is_trusted_by_its_file_and_stays_the_same() {
    let home = home(certificates(&[1, 2]));
    let free = "127.0.0.1:0".parse().unwrap();
    let certificate = Certificate::SelfSigned { names: vec!["relay.example".to_owned()] };
    let https = Some(Https { listen: free, quic: Some(free), certificate });
    let secure = || Options { https: https.clone(), ..options(home.path()) };
    let relay = Running::start(secure()).await;
    assert!(relay.url.starts_with("https://127.0.0.1:"), "{}", relay.url);
    let file = home.path().join(CERTIFICATE_FILE);
    let pem = std::fs::read(&file).unwrap();
    let der = CertificateDer::from_pem_slice(&pem).unwrap().to_vec();
    let trusting = |number, dials| NetConfig {
        relay_ca_der: vec![der.clone()],
        ..behind(&relay.url, number, dials)
    };
    meet(trusting(1, &[2]), trusting(2, &[1])).await;
    relay.stop().await;

    let relay = Running::start(secure()).await;
    assert_eq!(std::fs::read(&file).unwrap(), pem);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_from_files_is_served_and_a_damaged_one_refused() {
    let home = home(certificates(&[1, 2]));
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (home.path().join("chain.pem"), home.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let secure = || {
        let (chain, key, name) = (chain.clone(), key.clone(), "127.0.0.1".to_owned());
        let certificate = Certificate::Files { chain, key, name };
        let listen = "127.0.0.1:0".parse().unwrap();
        let https = Some(Https { listen, quic: None, certificate });
        Options { https, ..options(home.path()) }
    };
    let relay = Running::start(secure()).await;
    let trusting = |number, dials| NetConfig {
        relay_ca_der: vec![made.cert.der().to_vec()],
        ..behind(&relay.url, number, dials)
    };
    meet(trusting(1, &[2]), trusting(2, &[1])).await;
    relay.stop().await;

    std::fs::write(&key, "no key").unwrap();
    let error = Relay::start(secure()).await.unwrap_err();
    assert!(matches!(error, RelayError::Tls(_)), "{error}");
    std::fs::write(&key, vec![b'x'; 100_000]).unwrap();
    let error = Relay::start(secure()).await.unwrap_err();
    assert!(matches!(error, RelayError::File { .. }), "{error}");
}
