//! An elder's record is erased everywhere, and it is seen who has confirmed it.

use std::collections::BTreeSet;

use linli_node::home::STORE_DIR;
use linli_replica::batch::Shelf;
use linli_store::{Store, keyring};
use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, elders, folder, id, join, met, parted, sees},
    site::{Desk, PASSPHRASE, Site, wait},
};

/// Stands in nobody's name or address by chance.
const PLANTED: &str = "桃园路 4711号";

#[test]
fn an_elder_is_erased_everywhere_and_a_restored_backup_brings_nothing_back() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    // A provider's node carries for others what it cannot read.
    let mut carrier = Site::init(folder.path().join("carrier"), None, LOOPBACK);
    join(&centre, &carrier, &["provider", "--name", "Warm Meals"]);
    carrier.up();
    let [elder, other] = ["王秀英", "李桂兰"].map(|name| add_elder(&hub, name));
    hub.ask(&["elder", "edit", &elder, "address", PLANTED]);
    wait("the centre reads the address", || {
        let list = centre.ask(&["elder", "list", "王秀英"]);
        (list["elders"][0]["address"] == PLANTED).then_some(())
    });
    sees(&centre, &other);
    assert_eq!(elders(&hub), [elder.clone(), other.clone()].into());
    wait("the carrier holds everything", || {
        let all = spaces(&hub);
        all.is_subset(&spaces(&carrier)).then_some(())
    });
    let backup = folder.path().join("backup");
    hub.ask(&["backup", backup.to_str().unwrap()]);
    hub.ask(&["person", "add", "李明", "--role", "steward"]);
    centre.ask(&["person", "add", "张伟", "--role", "steward"]);
    let nodes = [&*hub, &*centre, &*carrier].map(|node| id(node).as_str().unwrap().to_owned());

    // Nobody is asked here, nobody acted, and the centre has not the key.
    let erase = ["keys", "erase", "王秀英", "--reason", "moved away"];
    let unasked = hub.run(&[&["--as", "李明"], &erase[..]].concat());
    assert_eq!(unasked.code, 2, "{unasked:?}");
    let nobody = hub.run(&[&erase[..], &["--yes"]].concat());
    assert_eq!((nobody.code, nobody.refusal().0.as_str()), (2, "invalid"), "{nobody:?}");
    let elsewhere = centre.run(&[&["--as", "张伟"], &erase[..], &["--yes"]].concat());
    assert_eq!((elsewhere.code, elsewhere.refusal().0.as_str()), (4, "forbidden"));
    assert!(elsewhere.refusal().1.contains("care: hub"), "{elsewhere:?}");
    assert!(elders(&centre).contains(&elder));

    // The centre is away when the order is given.
    let before = spaces(&hub);
    centre.stop();
    parted(&hub, &nodes[1].as_str().into());
    let ordered = hub.ask(&[&["--as", "李明"], &erase[..], &["--yes"]].concat());
    assert_eq!(ordered["spaces"][0]["kind"], "care");
    assert_eq!(ordered["spaces"][0]["nodes"], 3);
    let waiting = |row: &Value| names(&row["unconfirmed"]);
    wait("hub and carrier confirm", || {
        let row = &hub.ask(&["keys", "erasures"])[0];
        let done = [nodes[0].clone(), nodes[2].clone()].into();
        (names(&row["confirmed"]) == done && waiting(row) == [nodes[1].clone()].into())
            .then_some(())
    });
    let gone: BTreeSet<String> = before.difference(&spaces(&hub)).cloned().collect();
    assert_eq!(gone.len(), 1, "the space of one elder is gone");
    assert!(spaces(&carrier).is_disjoint(&gone));
    assert_eq!(elders(&hub), [other.clone()].into());

    centre.up();
    wait("everybody has confirmed", || {
        let row = hub.ask(&["keys", "erasures"])[0].clone();
        (names(&row["confirmed"]) == nodes.clone().into() && waiting(&row).is_empty()).then_some(())
    });
    assert_eq!(elders(&centre), [other.clone()].into());
    let there = &centre.ask(&["keys", "erasures"])[0];
    assert_eq!((&there["details"], &there["done_here"]), (&Value::Null, &true.into()));

    // The hub is lost, and its backup, older than the order, brought back.
    hub.stop();
    let mut restored = Site::at(folder.path().join("restored"), None);
    restored.ask(&["restore", backup.to_str().unwrap()]);
    assert_ne!(planted(&restored), 0, "the backup holds it");
    restored.configure(LOOPBACK);
    restored.up();
    met(&restored, &centre);
    wait("the restored hub erases again", || {
        (elders(&restored) == [other.clone()].into()).then_some(())
    });
    wait("it has carried the order out", || {
        (restored.ask(&["keys", "erasures"])[0]["done_here"] == true).then_some(())
    });
    assert_eq!(elders(&centre), [other].into());
    for node in [&mut restored, &mut centre, &mut carrier] {
        assert!(spaces(node).is_disjoint(&gone));
        node.stop();
    }
    for node in [&hub, &restored, &centre] {
        assert_eq!(planted(node), 0, "{:?} keeps what was erased", node.data());
    }
}

/// The nodes of a list.
fn names(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|node| node["node"].as_str().unwrap().to_owned()).collect()
}

/// The spaces of which a node holds something that is about elders or carried.
fn spaces(node: &Desk) -> BTreeSet<String> {
    let rows = node.ask(&["documents"]);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["space"].as_str().unwrap().to_owned()).collect()
}

/// Counts the opened records of a node that is stopped which hold the planted text.
fn planted(node: &Desk) -> usize {
    let key = keyring::unlock(node.data(), PASSPHRASE).unwrap();
    let store = Store::open(&node.data().join(STORE_DIR), &key).unwrap();
    let all = Shelf::ALL.into_iter().flat_map(|shelf| store.records(shelf).unwrap());
    let holds = |bytes: &[u8]| bytes.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes());
    all.filter(|(key, value)| holds(key) || holds(value)).count()
}
