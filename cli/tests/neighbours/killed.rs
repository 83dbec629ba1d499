//! Nodes that are killed while they write and while they receive.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use linli_replica::batch::Shelf;
use linli_store::{Store, keyring};

use crate::{
    community::{agree, centre_and_hub, elders, folder, met},
    site::{Desk, PASSPHRASE, Site},
};

/// When the node is killed in each round: after so many further elders were acknowledged, and so many
/// milliseconds into what comes next.
const KILLS: [(usize, u64); 6] = [(1, 0), (3, 4), (2, 9), (7, 13), (4, 1), (5, 21)];
/// How many write at once: while one waits for its answer, another is half way through.
const WRITERS: usize = 3;
/// How long a round may take to acknowledge what it waits for.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn nothing_acknowledged_is_lost_when_a_node_is_killed() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let journal = Mutex::new(Vec::new());
    for (round, (written, into_ms)) in KILLS.into_iter().enumerate() {
        let begun = Instant::now();
        let target = journal.lock().unwrap().len() + written;
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (desk, journal) = ((*hub).clone(), &journal);
                scope.spawn(move || write(&desk, journal, &format!("老人{round}-{writer}")));
            }
            while journal.lock().unwrap().len() < target && begun.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(1));
            }
            // Which moment of a write the kill meets is left to the round's figures.
            thread::sleep(Duration::from_millis(into_ms));
            hub.kill();
        });
        let acknowledged = journal.lock().unwrap().len();
        assert!(acknowledged >= target, "too few were acknowledged");
        assert!(kept_spaces(&hub) >= acknowledged, "a space's keys were not kept with its elder");
        if round % 2 == 1 {
            centre.kill();
            centre.up();
        }
        hub.up();
        let shown = elders(&hub);
        let journal = journal.lock().unwrap();
        let lost: Vec<_> = journal.iter().filter(|elder| !shown.contains(*elder)).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        // A write whose answer was cut off may be there or not; there are no others.
        let most = journal.len() + WRITERS * (round + 1);
        assert!(shown.len() <= most, "{} elders from nowhere", shown.len() - journal.len());
    }
    met(&hub, &centre);
    agree(&hub, &centre);
    assert_eq!(elders(&centre), elders(&hub));
    hub.stop();
    centre.stop();
}

#[test]
fn a_node_that_is_killed_while_it_is_made_can_be_made_again() {
    let folder = folder();
    // Which moment the kill meets is left to the machine: stretching takes most of the time.
    for into_ms in [5, 120, 400, 900] {
        let site = Site::at(folder.path().join(format!("killed-{into_ms}")), None);
        let mut making = site.command(&["init", "--label", "hub"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(into_ms));
        making.kill().unwrap();
        making.wait().unwrap();
        let again = site.run(&["init", "--label", "hub"]);
        assert!(again.code == 0 || again.refusal().0 == "conflict", "{again:?}");
        site.ask(&["community", "create", "桃园"]);
    }
}

/// How many spaces the store of a node that does not run keeps keys of.
fn kept_spaces(node: &Desk) -> usize {
    let key = keyring::unlock(node.data(), PASSPHRASE).unwrap();
    let store = Store::open(&node.data().join("store"), &key).unwrap();
    store.records(Shelf::Space).unwrap().len()
}

/// Adds elders until the node is gone, and notes each that was acknowledged.
fn write(desk: &Desk, journal: &Mutex<Vec<String>>, name: &str) {
    for number in 0.. {
        let run = desk.run(&["elder", "add", "--name", &format!("{name}-{number}")]);
        if run.code != 0 {
            assert!([1, 8].contains(&run.code), "{run:?}");
            return;
        }
        journal.lock().unwrap().push(run.answer()["elder"].as_str().unwrap().to_owned());
    }
}
