//! Nodes on machines of their own: network namespaces on one bridge.

use linli_tests::{Capability, requires};

use crate::{
    community::{add_elder, agree, centre, elders, folder, id, join, met, parted, sees},
    lab::Lab,
    site::Site,
};

/// The mDNS of nodes with a network card.
const ETH0: &str = "[\"eth0\"]";
const PHONE: &str = "13800000000";

#[test]
fn lab_two_network_namespaces_pair_and_sync_by_hand() {
    if !requires(Capability::Namespaces) || !requires(Capability::Program("ip")) {
        return;
    }
    let folder = folder();
    let mut lan = Lab::lan();
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
