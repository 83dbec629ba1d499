use linli_net::{ConnectionStatus, SecretKey};

use super::*;

fn around() -> Around {
    let relay = RelayReport {
        url: "https://relay.example/".to_owned(),
        state: linli_net::RelayState::Connected,
        round_trip: None,
    };
    let public = vec!["203.0.113.9:4400".parse().unwrap()];
    let report = Report { udp: Some(true), public, varies: Some(false) };
    Around { report, relays: vec![relay], relay_only: false }
}

fn away(last_failure: Option<DialFailure>) -> PeerStatus {
    PeerStatus {
        peer: SecretKey::from_bytes(&[1; 32]).public(),
        connected: None,
        dialing: false,
        failures: 0,
        last_failure,
        retry_in: None,
        addresses: vec!["192.0.2.7:4400".parse().unwrap()],
        on_lan: false,
    }
}

fn connected(path: PeerPath, seconds: u64) -> PeerStatus {
    let link = ConnectionStatus {
        connection: 1,
        initiator: true,
        path,
        round_trip: None,
        since: Duration::from_secs(seconds),
        bytes_sent: 0,
        bytes_received: 0,
        bytes_queued: 0,
    };
    PeerStatus { connected: Some(link), ..away(None) }
}

fn relayed(seconds: u64) -> PeerStatus {
    connected(PeerPath::Relayed("https://relay.example/".to_owned()), seconds)
}

#[test]
fn a_relayed_peer_is_so_for_the_first_reason_that_holds() {
    let why = |around: &Around, seconds| around.why(Some(&relayed(seconds)));
    let mut all = around();
    assert_eq!(why(&all, 1), Some(Why::Looking));
    assert_eq!(why(&all, 60), Some(Why::FarSide));
    all.report.public.clear();
    assert_eq!(why(&all, 60), Some(Why::NoPublicAddress));
    all.report.varies = Some(true);
    assert_eq!(why(&all, 60), Some(Why::HardNat));
    all.report.udp = Some(false);
    assert_eq!(why(&all, 1), Some(Why::NoUdp), "there is nothing to look for");
    all.relay_only = true;
    assert_eq!(why(&all, 60), Some(Why::RelayOnly));
}

#[test]
fn a_direct_peer_needs_no_reason_but_the_local_network() {
    let direct = connected(PeerPath::Direct("192.0.2.7:4400".parse().unwrap()), 60);
    assert_eq!(around().why(Some(&direct)), None);
    assert_eq!(around().why(Some(&PeerStatus { on_lan: true, ..direct })), Some(Why::Lan));
}

#[test]
fn a_peer_that_is_away_is_so_for_what_failed_last() {
    let refused = || DialFailure::Refused { words: "not a member".to_owned() };
    let cases = [
        (Some(refused()), Why::Refused),
        (Some(DialFailure::NoAnswer), Why::NoAnswer),
        (Some(DialFailure::ShortLived), Why::Failed),
        (Some(DialFailure::Failed { what: "no route".to_owned() }), Why::Failed),
        (None, Why::Waits),
    ];
    for (failure, why) in cases {
        assert_eq!(around().why(Some(&away(failure.clone()))), Some(why), "{failure:?}");
    }
    assert_eq!(
        around().why(Some(&PeerStatus { dialing: true, ..away(None) })),
        Some(Why::Dialling)
    );
    assert_eq!(around().why(None), Some(Why::Waits));
    assert_eq!(words(Some(&away(Some(refused())))).as_deref(), Some("not a member"));
}

#[test]
fn without_an_address_and_a_relay_there_is_no_way() {
    let mut all = around();
    let lost = PeerStatus { addresses: Vec::new(), ..away(Some(DialFailure::NoAnswer)) };
    assert_eq!(all.why(Some(&lost)), Some(Why::NoAnswer), "the relay is one");
    for state in [
        linli_net::RelayState::Untried,
        linli_net::RelayState::Denied { words: "expelled".to_owned() },
        linli_net::RelayState::Trouble(RelayTrouble::WrongTime),
    ] {
        all.relays[0].state = state;
        assert_eq!(all.why(Some(&lost)), Some(Why::NoWay));
        assert_eq!(all.why(Some(&away(Some(DialFailure::NoAnswer)))), Some(Why::NoAnswer));
    }
    let refused = Some(DialFailure::Refused { words: String::new() });
    let refused = PeerStatus { addresses: Vec::new(), ..away(refused) };
    assert_eq!(all.why(Some(&refused)), Some(Why::Refused), "it was reached a moment ago");
}
