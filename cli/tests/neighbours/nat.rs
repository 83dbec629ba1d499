//! Homes behind routers that translate addresses, and the relay between them.

use std::path::Path;
use std::time::{Duration, Instant};

use linli_tests::{Capability, requires};
use serde_json::Value;

use crate::{
    community::{add_elder, agree, centre, finds, folder, id, join, met, peer, sees},
    lab::{Lab, Nat},
    site::{Site, wait},
};

/// The mDNS of nodes with a network card, and a log that tells of connections.
const ETH0: &str = "[\"eth0\"]\nlog.filter = \"info,linli_net=debug\"";
/// Where the relay is, between the homes.
const RELAY: &str = "10.99.0.10";
const PHONE: &str = "13800000000";
/// Within this a node whose address has changed is found again.
const FOUND_AGAIN: Duration = Duration::from_secs(10);

#[track_caller]
fn possible() -> bool {
    requires(Capability::Namespaces)
        && requires(Capability::Program("ip"))
        && requires(Capability::Program("nft"))
}

/// A centre in home `a` and a hub in home `b`; the relay is on the network between them. They were enrolled at one
/// place, where the relay told them by itself how it is reached and known.
struct Homes {
    centre: Site,
    hub: Site,
    _relay: Site,
}

impl Homes {
    fn settle(folder: &Path, lab: &Lab) -> Self {
        let desk = lab.at("pub");
        let mut centre = centre(folder, Some(&desk), ETH0);
        let mut relay = Site::init(folder.join("relay"), Some(&desk), ETH0);
        join(&centre, &relay, &["carrier", "--name", "Relay"]);
        let (https, quic) = (format!("{RELAY}:443"), format!("{RELAY}:7842"));
        relay.relay_up_at(&[
            "--https",
            &https,
            "--quic",
            &quic,
            "--name",
            RELAY,
            "--http",
            "127.0.0.1:0",
        ]);
        let url = format!("https://{https}");
        let told = |status: &Value| (status["relays"][0] == *url).then_some(());
        centre.await_answer(&["status"], told);
        let mut hub = Site::init(folder.join("hub"), Some(&desk), ETH0);
        join(&centre, &hub, &["household"]);
        centre.stop();
        centre.moves_to(&lab.at("a"));
        hub.moves_to(&lab.at("b"));
        centre.up();
        hub.up();
        assert_eq!(hub.ask(&["status"])["relays"][0], *url);
        Self { centre, hub, _relay: relay }
    }

    /// Waits until they are connected this way, and each has compared all that both hold.
    fn met(&self, path: &str) {
        for (node, other) in [(&self.centre, &self.hub), (&self.hub, &self.centre)] {
            let other = id(other);
            node.await_answer(&["status"], |status| {
                let peer = peer(status, &other)?;
                (peer["path"] == path && peer["synced"] == true).then_some(())
            });
        }
    }

    /// How the hub reaches the centre.
    fn path(&self) -> Value {
        let status = self.hub.ask(&["status"]);
        peer(&status, &id(&self.centre)).unwrap()["path"].clone()
    }

    /// Something is written at the hub and read at the centre.
    fn exchange(&self, name: &str) {
        sees(&self.centre, &add_elder(&self.hub, name));
    }
}

#[test]
fn lab_symmetric_nat_without_udp_converges_through_the_relay() {
    if !possible() {
        return;
    }
    let folder = folder();
    let lab = Lab::homes(Nat::TcpOnly);
    let homes = Homes::settle(folder.path(), &lab);
    homes.met("relayed");
    homes.exchange("王秀英");
    agree(&homes.centre, &homes.hub);
    assert_eq!(homes.path(), "relayed");
}

#[test]
fn lab_hard_nat_stays_relayed() {
    if !possible() {
        return;
    }
    let folder = folder();
    let lab = Lab::homes(Nat::Hard);
    let homes = Homes::settle(folder.path(), &lab);
    homes.met("relayed");
    let since = Instant::now();
    for number in 0.. {
        homes.exchange(&format!("elder {number}"));
        assert_eq!(homes.path(), "relayed");
        // Holes that can be punched are within a second.
        if since.elapsed() > Duration::from_secs(5) {
            break;
        }
    }
    agree(&homes.centre, &homes.hub);
}

#[test]
fn lab_hole_punching_moves_to_a_direct_path() {
    if !possible() {
        return;
    }
    let folder = folder();
    let lab = Lab::homes(Nat::Easy);
    let homes = Homes::settle(folder.path(), &lab);
    homes.exchange("王秀英");
    homes.met("direct");
    agree(&homes.centre, &homes.hub);
    // One connection, which began through the relay: it was moved, not made anew. The log tells of it a moment after
    // the status does.
    let centre = id(&homes.centre);
    let of_centre = format!("peer={}", &centre.as_str().unwrap()[..10]);
    let log = wait("the log tells of the direct path", || {
        let log = homes.hub.log_text();
        let log: Vec<String> =
            log.lines().filter(|line| line.contains(&of_centre)).map(str::to_owned).collect();
        log.iter().any(|line| line.contains("takes another path")).then_some(log)
    });
    let moved = log.iter().rposition(|line| line.contains("takes another path")).unwrap();
    assert!(log[moved].contains("path=\"direct\""), "{log:#?}");
    let before = &log[..moved];
    let begun = before
        .iter()
        .rposition(|line| line.contains("linli_net") && line.contains(" connected "))
        .unwrap();
    assert!(before[begun].contains("path=\"relayed\""), "{log:#?}");
    assert!(!before[begun..].iter().any(|line| line.contains("disconnected")), "{log:#?}");
}

/// Moves the hub, and then the centre, to another address while they are connected: one of the two dialled, and the other
/// accepted. What is written afterwards at the one that moved is soon read at the other.
fn both_move(lab: &Lab, [hub, centre]: [&Site; 2], moves: [(&str, &str, Option<&str>); 2]) {
    let readdress = |(machine, address, gateway)| lab.readdress(machine, address, gateway);
    let met = |a: &Site, b: &Site| {
        met(a, b);
        met(b, a);
    };
    met(hub, centre);
    readdress(moves[0]);
    let moved = Instant::now();
    let elder = add_elder(hub, "李桂兰");
    sees(centre, &elder);
    let took = moved.elapsed();
    assert!(took <= FOUND_AGAIN, "the hub was found again after {took:?}");
    met(hub, centre);
    readdress(moves[1]);
    let moved = Instant::now();
    centre.ask(&["elder", "edit", &elder, "phone", PHONE]);
    finds(hub, PHONE);
    let took = moved.elapsed();
    assert!(took <= FOUND_AGAIN, "the centre was found again after {took:?}");
    agree(hub, centre);
}

#[test]
fn lab_an_acceptor_whose_address_changes_is_found_again_on_the_local_network() {
    if !possible() {
        return;
    }
    let folder = folder();
    let mut lab = Lab::lan();
    let (desk, home) = (lab.machine("centre", 11), lab.machine("hub", 12));
    let centre = centre(folder.path(), Some(&desk), ETH0);
    let mut hub = Site::init(folder.path().join("hub"), Some(&home), ETH0);
    join(&centre, &hub, &["household"]);
    hub.up();
    let moves = [("hub", "10.77.1.77/24", None), ("centre", "10.77.1.78/24", None)];
    both_move(&lab, [&hub, &centre], moves);
}

#[test]
fn lab_an_acceptor_whose_address_changes_is_found_again_through_the_relay() {
    if !possible() {
        return;
    }
    let folder = folder();
    let lab = Lab::homes(Nat::Easy);
    let homes = Homes::settle(folder.path(), &lab);
    homes.exchange("王秀英");
    let moves =
        [("b", "10.77.2.77/24", Some("10.77.2.1")), ("a", "10.77.1.77/24", Some("10.77.1.1"))];
    both_move(&lab, [&homes.hub, &homes.centre], moves);
}
