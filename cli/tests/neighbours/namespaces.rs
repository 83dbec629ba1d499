//! Nodes on machines of their own: network namespaces on one bridge.

use std::process::{self, Command};

use linli_tests::{Capability, requires};

use crate::{
    community::{add_elder, agree, centre, elders, folder, id, join, met, parted, sees},
    site::Site,
};

/// The mDNS of nodes with a network card.
const ETH0: &str = "[\"eth0\"]";
const PHONE: &str = "13800000000";

/// Runs `ip` and insists that it does what it is told.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A bridge and machines plugged into it, each a namespace; they go when it does.
#[derive(Debug)]
struct Lan {
    name: String,
    namespaces: Vec<String>,
}

impl Lan {
    fn new() -> Self {
        let name = format!("linli-{}", process::id());
        let mut lan = Self { name, namespaces: Vec::new() };
        let bridge = lan.namespace("bridge");
        // Without snooping multicast is flooded, as switches in houses do.
        ip(&format!("-n {bridge} link add br0 type bridge stp_state 0 mcast_snooping 0"));
        ip(&format!("-n {bridge} link set br0 up"));
        lan
    }

    fn namespace(&mut self, of: &str) -> String {
        let namespace = format!("{}-{of}", self.name);
        ip(&format!("netns add {namespace}"));
        self.namespaces.push(namespace.clone());
        ip(&format!("-n {namespace} link set lo up"));
        namespace
    }

    /// Plugs in a machine with this last part of its address.
    fn machine(&mut self, name: &str, host: u8) -> String {
        let namespace = self.namespace(name);
        let bridge = &self.namespaces[0];
        ip(&format!("link add {name} netns {bridge} type veth peer name eth0 netns {namespace}"));
        ip(&format!("-n {bridge} link set {name} master br0 up"));
        ip(&format!("-n {namespace} addr add 10.77.1.{host}/24 dev eth0"));
        ip(&format!("-n {namespace} link set eth0 up"));
        namespace
    }

    /// Lets every frame of a machine vanish while its cable looks plugged in.
    fn cut(&self, name: &str) {
        ip(&format!("-n {} link set {name} nomaster", self.namespaces[0]));
    }

    fn heal(&self, name: &str) {
        ip(&format!("-n {} link set {name} master br0", self.namespaces[0]));
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // What cannot be removed must not hide why the test failed.
            drop(Command::new("ip").args(["netns", "del", namespace]).status());
        }
    }
}

#[test]
fn lab_two_network_namespaces_pair_and_sync_by_hand() {
    if !requires(Capability::Namespaces) || !requires(Capability::Program("ip")) {
        return;
    }
    let folder = folder();
    let mut lan = Lan::new();
    let (desk, home) = (lan.machine("centre", 11), lan.machine("hub", 12));
    let centre = centre(folder.path(), Some(&desk), ETH0);
    let mut hub = Site::init(folder.path().join("hub"), Some(&home), ETH0);
    let (here, there) = join(&centre, &hub, &["household"]);
    assert_eq!(here, there);
    hub.up();
    met(&hub, &centre);
    met(&centre, &hub);
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    agree(&hub, &centre);

    let (hub_id, centre_id) = (id(&hub), id(&centre));
    lan.cut("hub");
    // Both write on, each by itself.
    let apart = add_elder(&hub, "李桂兰");
    centre.ask(&["elder", "edit", &elder, "phone", PHONE]);
    parted(&hub, &centre_id);
    parted(&centre, &hub_id);
    assert!(!elders(&centre).contains(&apart));
    assert_eq!(found(&hub), 0);
    lan.heal("hub");
    met(&hub, &centre);
    sees(&centre, &apart);
    agree(&hub, &centre);
    assert_eq!((found(&hub), found(&centre)), (1, 1));
    hub.stop();
}

/// How many elders a node shows who have the telephone number.
fn found(node: &Site) -> u64 {
    node.ask(&["elder", "list", PHONE])["total"].as_u64().unwrap()
}
