//! An elder's record is erased everywhere, and it is seen who has confirmed it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use linli_node::home::STORE_DIR;
use linli_replica::batch::Shelf;
use linli_store::{Store, keyring};
use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, elders, folder, id, join, met, parted, sees},
    site::{Desk, PASSPHRASE, Site, wait},
};

/// Stands in nobody's name or address by chance.
const PLANTED: &str = "桃园路 4711号";

#[test]
#[expect(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
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

#[test]
#[expect(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
fn a_hub_that_was_off_learns_from_the_relay_alone_what_its_centre_had_erased() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut relay = Site::init(folder.path().join("relay"), None, LOOPBACK);
    join(&centre, &relay, &["carrier", "--name", "Street relay"]);
    relay.relay_up();
    let elder = add_elder(&centre, "王秀英");
    let other = add_elder(&centre, "李桂兰");
    centre.ask(&["elder", "edit", &elder, "address", PLANTED]);
    centre.ask(&["elder", "edit", &elder, "card/allergies", PLANTED]);
    centre.ask(&["person", "add", "李明", "--role", "steward"]);
    let household = hub.ask(&["status"])["party"].as_str().unwrap().to_owned();
    for elder in [&elder, &other] {
        let grant = ["keys", "grant", elder, &household, "--scope", "care"];
        centre.ask(&[&grant[..], &["--right", "write", "--purpose", "home"]].concat());
    }
    hub.await_answer(&["elder", "list", "王秀英"], |list| {
        (list["elders"][0]["address"] == PLANTED).then_some(())
    });
    sees(&hub, &other);
    let all = spaces(&centre);
    let street = peer(&centre, "relay");
    wait("the relay holds everything", || {
        meets(&centre, &street);
        relay.kill();
        let carried = all.is_subset(&stored(&relay));
        relay.relay_up();
        carried.then_some(())
    });
    let nodes = [&*centre, &*hub].map(|node| id(node).as_str().unwrap().to_owned());
    let [desk, home] = nodes;

    // The hub is off when the order is given, and the centre when the hub returns.
    hub.stop();
    parted(&centre, &home.as_str().into());
    let erase = ["--as", "李明", "keys", "erase", &elder, "--reason", "moved away", "--yes"];
    let ordered = centre.ask(&erase);
    let kinds =
        ordered["spaces"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap());
    assert_eq!(kinds.collect::<BTreeSet<_>>(), ["care", "emergency"].into());
    let gone: BTreeSet<String> = all.difference(&spaces(&centre)).cloned().collect();
    wait("centre and relay confirm", || {
        let care = order_of(&centre, "care");
        let done = names(&care["confirmed"]) == [desk.clone(), street.clone()].into();
        (done && names(&care["unconfirmed"]) == [home.clone()].into()).then_some(())
    });
    // The emergency card was never the household's: nobody waits for it.
    wait("the card's erasure is whole", || {
        let card = order_of(&centre, "emergency");
        (card["unconfirmed"] == json!([])).then_some(())
    });
    let inbox = erasures_waiting(&centre);
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    let said = &inbox[0]["detail"]["arguments"];
    assert_eq!((&said["waiting"], &said["nodes"]), (&json!("1"), &json!("3")));
    assert_eq!(inbox[0]["id"], order_of(&centre, "care")["order"]);
    let record = audited(&centre, &elder);
    assert_eq!(record.len(), 2, "{record:?}");
    assert!(record.iter().all(|row| row["person"] == "李明"), "{record:?}");
    centre.stop();

    hub.up();
    wait("the hub carries the order out", || {
        let rows = hub.ask(&["keys", "erasures"]);
        let mut rows = rows.as_array()?.iter();
        let done = rows.clone().count() == 2 && rows.all(|row| row["done_here"] == true);
        done.then_some(())
    });
    assert_eq!(elders(&hub), [other.clone()].into());
    meets(&hub, &street);

    centre.up();
    wait("nobody is missing", || {
        let care = order_of(&centre, "care");
        (care["unconfirmed"] == json!([]) && names(&care["confirmed"]).len() == 3).then_some(())
    });
    assert!(erasures_waiting(&centre).is_empty());
    assert_eq!(elders(&centre), [other].into());
    for node in [&mut centre, &mut hub] {
        node.stop();
    }
    relay.kill();
    assert!(!gone.is_empty());
    for node in [&centre, &hub, &relay] {
        assert!(stored(node).is_disjoint(&gone), "{:?} keeps entries", node.data());
        assert_eq!(planted(node), 0, "{:?} keeps what was erased", node.data());
        assert_eq!(in_clear(node.data()), Vec::<PathBuf>::new());
    }
}

/// The order about one kind of space.
fn order_of(node: &Desk, kind: &str) -> Value {
    let rows = node.ask(&["keys", "erasures"]);
    let rows: Vec<&Value> = rows.as_array().unwrap().iter().collect();
    let row = rows.iter().find(|row| row["details"]["kind"] == kind);
    (*row.unwrap_or_else(|| panic!("no order about {kind}: {rows:?}"))).clone()
}

/// What the officer's desk says of erasures.
fn erasures_waiting(node: &Desk) -> Vec<Value> {
    let items = node.ask(&["keys", "inbox"]);
    let items = items.as_array().unwrap().iter();
    items.filter(|item| item["section"] == "erasure").cloned().collect()
}

/// What the audit says of orders to erase something of an elder.
fn audited(node: &Desk, elder: &str) -> Vec<Value> {
    let page = node.ask(&["keys", "audit", "--elder", elder]);
    let rows = page["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["what"] == "erased").cloned().collect()
}

/// The node of a peer by its device's name.
fn peer(node: &Desk, label: &str) -> String {
    node.await_answer(&["status"], |status| {
        let peer = status["peers"].as_array()?.iter().find(|peer| peer["label"] == label)?;
        Some(peer["node"].as_str()?.to_owned())
    })
}

/// Waits until a node has compared all that it holds with a peer.
fn meets(node: &Desk, peer: &str) {
    node.await_answer(&["status"], |status| {
        let row = status["peers"].as_array()?.iter().find(|row| row["node"] == peer)?;
        (row["path"] == "direct" && row["synced"] == true).then_some(())
    });
}

/// The store of a node that is stopped.
fn store(node: &Desk) -> Store {
    let key = keyring::unlock(node.data(), PASSPHRASE).unwrap();
    Store::open(&node.data().join(STORE_DIR), &key).unwrap()
}

/// The spaces of which a node that is stopped holds entries.
fn stored(node: &Desk) -> BTreeSet<String> {
    let store = store(node);
    let branches = store.branches().unwrap();
    branches.map(|branch| branch.unwrap().0.to_string()).collect()
}

/// The files under a folder in which the planted text stands in clear.
fn in_clear(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(in_clear(&path));
        } else if path.is_file() && holds(&fs::read(&path).unwrap()) {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes())
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
    let store = store(node);
    let all = Shelf::ALL.into_iter().flat_map(|shelf| store.records(shelf).unwrap());
    all.filter(|(key, value)| holds(key) || holds(value)).count()
}
