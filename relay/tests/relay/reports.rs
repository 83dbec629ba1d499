//! What a member finds out about its relays, and why one cannot be used.

use linli_net::{NetConfig, RelayReport, RelaySettings, RelayState, RelayTrouble};
use linli_relay::{CERTIFICATE_FILE, Certificate, Https, Options};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::LIMIT;
use crate::community::{RELAY, certificates};
use crate::home::{Running, home, options};
use crate::member::{Member, behind, config};

/// A relay over HTTPS that signs its own certificate, with address discovery; and that certificate.
async fn secure(home: &TempDir) -> (Running, Vec<u8>) {
    let free = "127.0.0.1:0".parse().unwrap();
    let certificate = Certificate::SelfSigned { names: Vec::new() };
    let https = Some(Https { listen: free, quic: Some(free), certificate });
    let relay = Running::start(Options { https, ..options(home.path()) }).await;
    let pem = std::fs::read(home.path().join(CERTIFICATE_FILE)).unwrap();
    (relay, CertificateDer::from_pem_slice(&pem).unwrap().to_vec())
}

fn settings(url: &str, quic_port: Option<u16>) -> RelaySettings {
    RelaySettings { quic_port, ..RelaySettings::new(url) }
}

/// Waits until what is reported of a relay is as expected.
pub(crate) async fn reported(member: &Member, url: &str, expected: impl Fn(&RelayReport) -> bool) {
    let mut last = None;
    let waiting = async {
        loop {
            let reports = member.net.relay_reports();
            last = reports.into_iter().find(|report| report.url.starts_with(url));
            if last.as_ref().is_some_and(&expected) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, waiting).await;
    assert!(waited.is_ok(), "{url} is reported as {last:?}");
}

pub(crate) fn is_trouble(report: &RelayReport, expected: impl Fn(&RelayTrouble) -> bool) -> bool {
    matches!(&report.state, RelayState::Trouble(trouble) if expected(trouble))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_relay_it_is_said_why_it_cannot_be_used() {
    let all = certificates(&[1]);
    let (first, second) = (home(all.clone()), home(all.clone()));
    let (plain, (secure, authority)) = (Running::on(&first).await, secure(&second).await);
    // Nobody listens there any more.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dead = format!("http://{dead}");
    // As the login page of a hotel's network does.
    let hotel = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let login = format!("http://{}", hotel.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = hotel.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let unknown = "http://relay.invalid:3340".to_owned();
    let urls = [&plain.url, &secure.url, &dead, &login, &unknown];
    let relays: Vec<_> = urls.iter().map(|url| settings(url, None)).collect();
    let member = NetConfig { relays: relays.clone(), ..behind(&plain.url, 1, &[RELAY]) };
    let member = Member::start(member, all.clone()).await;
    reported(&member, &plain.url, |report| report.state == RelayState::Connected).await;
    let is = |what: fn(&RelayTrouble) -> bool| move |report: &RelayReport| is_trouble(report, what);
    reported(&member, &dead, is(|of| matches!(of, RelayTrouble::NoAnswer { .. }))).await;
    reported(&member, &login, is(|of| matches!(of, RelayTrouble::NoRelay { .. }))).await;
    reported(&member, &secure.url, is(|of| matches!(of, RelayTrouble::NotTrusted { .. }))).await;
    reported(&member, &unknown, is(|of| matches!(of, RelayTrouble::NoName { .. }))).await;
    assert_eq!(member.net.report().udp, None, "no relay is to tell");
    member.stop().await;

    // Trusted, it answers, and one of the two is used.
    let relay_ca_der = vec![authority];
    let member = NetConfig { relays, relay_ca_der, ..behind(&plain.url, 1, &[RELAY]) };
    let member = Member::start(member, all).await;
    for url in [&plain.url, &secure.url] {
        reported(&member, url, |report| {
            matches!(report.state, RelayState::Connected | RelayState::Ready)
                && report.round_trip.is_some()
        })
        .await;
    }
    member.stop().await;
    plain.stop().await;
    secure.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_tells_its_members_their_address_and_strangers_why_not() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let (relay, authority) = secure(&home).await;
    let with = |number| {
        let quic_port = relay.quic_port;
        assert!(quic_port.is_some());
        NetConfig {
            relays: vec![settings(&relay.url, quic_port)],
            relay_ca_der: vec![authority.clone()],
            ..config(number, &[RELAY])
        }
    };
    let member = Member::start(with(1), all).await;
    reported(&member, &relay.url, |report| report.state == RelayState::Connected).await;
    let told = async {
        while member.net.report().udp != Some(true) || member.net.report().public.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, told).await.is_ok(), "{:?}", member.net.report());
    assert_eq!(member.net.report().public, member.net.bound_addresses());
    member.stop().await;

    let stranger = Member::start(with(66), certificates(&[1, 66])).await;
    reported(
        &stranger,
        &relay.url,
        |report| matches!(&report.state, RelayState::Denied { words } if words.contains("not enrolled")),
    )
    .await;
    stranger.stop().await;
    relay.stop().await;
}
