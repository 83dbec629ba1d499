//! Two stewards agree on a checkpoint, a relay prunes three months later, and whoever comes then reads the same.

use std::{collections::BTreeMap, path::Path};

use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::limits::PRUNE_DELAY_MS;
use linli_store::{Store, keyring};
use linli_tests::capability::{Capability, requires};
use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, agree, documents, folder, join, met, sees},
    relays::{Place, handed_over},
    site::{Desk, PASSPHRASE, Site, finished, plain, wait},
};

/// When it begins.
const AGO: &str = "-91d";
/// A node that nobody reaches but through relays.
const FAR: &str = "\"off\"\nrelay_only = true";

/// A centre and a hub that both are stewards of an elder's care record, and a relay; three months ago.
struct Town {
    place: Place,
    relay: Site,
    centre: Site,
    hub: Site,
    elder: String,
}

impl Town {
    fn begin(folder: &Path) -> Self {
        let early = |name: &str| Site::init_then(folder.join(name), LOOPBACK, AGO);
        let mut centre = early("centre");
        centre.ask(&["community", "create", "North Gate", "--party-name", "North Gate centre"]);
        centre.up();
        let (place, mut relay, mut hub) = (Place::draw(), early("relay"), early("hub"));
        join(&centre, &relay, &["carrier", "--name", "relay"]);
        place.up(&mut relay);
        join(&centre, &hub, &["household"]);
        hub.up();
        met(&hub, &centre);
        let elder = add_elder(&centre, "王秀英");
        let household = hub.ask(&["status"])["party"].as_str().unwrap().to_owned();
        let words = ["keys", "hand-over", &elder, &household, "--keep", "steward"];
        centre.ask(&words);
        sees(&hub, &elder);
        let town = Self { place, relay, centre, hub, elder };
        for number in 0..12 {
            for node in [&town.centre, &town.hub] {
                town.notes(node, &format!("{number} {}", node.data().display()));
            }
        }
        town.handed_over();
        town
    }

    fn notes(&self, node: &Desk, text: &str) {
        node.ask(&["elder", "edit", &self.elder, "note", text]);
    }

    fn handed_over(&self) {
        agree(&self.hub, &self.centre);
        handed_over(&self.hub);
        handed_over(&self.centre);
    }

    /// All that was written is safe with others.
    fn may_leave(&self) {
        for node in [&self.hub, &self.centre] {
            node.await_answer(&["leave"], |left| (left["may_leave"] == true).then_some(()));
        }
    }

    /// The profile's checkpoint that reaches furthest, as soon as a node finds what is looked for.
    fn checkpoint(&self, at: &Desk, look: impl Fn(&Value) -> bool) -> Value {
        at.await_answer(&["keys", "checkpoints", &self.elder], |rows| {
            rows.as_array()?.iter().rfind(|row| look(row)).cloned()
        })
    }

    fn held(&self) -> Value {
        self.place.get("/status").1["held"].clone()
    }

    /// The centre writes a checkpoint, both sign for it, and the order follows by itself.
    fn agrees(&self) {
        let checkpoint = ["keys", "checkpoint", &self.elder];
        assert_eq!(self.centre.ask(&checkpoint)["made"], 1);
        let sign = [&checkpoint[..], &["--agree"]].concat();
        let signed = self.centre.ask(&sign);
        assert_eq!((&signed["signed"], &signed["ordered"]), (&json!(1), &json!(0)), "{signed}");
        let row = self.checkpoint(&self.hub, |row| row["finding"] == "agrees");
        assert_eq!((&row["agreed"], &row["prunes_from_ms"]), (&json!(false), &Value::Null));
        let signed = self.hub.ask(&sign);
        assert_eq!((&signed["signed"], &signed["ordered"]), (&json!(1), &json!(0)), "{signed}");
        let row = self.checkpoint(&self.centre, |row| !row["prunes_from_ms"].is_null());
        assert_eq!(row["agreed"], true);
        wait("the order is at the relay", || (self.held()["prune_orders"] == 1).then_some(()));
    }
}

/// Writes down that a relay was awake for as long as orders wait.
fn was_awake(relay: &Desk) {
    let key = keyring::unlock(relay.data(), PASSPHRASE).unwrap();
    let store = Store::open(&relay.data().join("store"), &key).unwrap();
    let awake_ms = PRUNE_DELAY_MS + 60 * 60 * 1_000;
    let value = Some([awake_ms.to_be_bytes(), 1_u64.to_be_bytes()].concat());
    let record = Record { shelf: Shelf::Own, key: b"awake".to_vec(), value };
    store.commit(Batch { records: vec![record], ..Batch::default() }).unwrap();
}

#[test]
fn a_relay_prunes_what_stewards_agreed_on_and_a_newcomer_reads_the_same() {
    if !requires(Capability::Program("faketime")) {
        return;
    }
    let folder = folder();
    let mut town = Town::begin(folder.path());
    town.may_leave();
    town.agrees();
    town.may_leave();
    town.notes(&town.hub, "the latest");
    town.handed_over();
    let (read, before) = (documents(&town.hub), town.held());
    town.hub.stop();
    town.centre.stop();
    town.relay.kill();

    was_awake(&town.relay);
    for site in [&mut town.relay, &mut town.hub, &mut town.centre] {
        site.set_clock(None);
    }
    town.place.up(&mut town.relay);
    let after = wait("the relay prunes", || {
        let held = town.held();
        (held["pruned_entries"].as_u64()? > 0).then_some(held)
    });
    let count = |held: &Value, key: &str| held[key].as_u64().unwrap();
    assert!(count(&after, "entries") + 20 < count(&before, "entries"), "{before} {after}");
    assert!(count(&after, "bytes") < count(&before, "bytes"), "{before} {after}");
    assert_eq!((&after["late_logs"], &after["prune_orders"]), (&json!(2), &json!(0)));
    let shown = finished(&mut plain(&town.relay.command(&["relay", "status"])));
    assert!(shown.out.contains("the beginning of 2 logs"), "{shown:?}");

    town.centre.up();
    town.hub.up();
    met(&town.hub, &town.centre);
    town.may_leave();
    newcomer(town, folder.path(), &read);
}

/// A station joins, is let in by the centre, and meets nobody but the relay.
fn newcomer(mut town: Town, folder: &Path, read: &BTreeMap<String, [String; 3]>) {
    let mut late = Site::init(folder.join("late"), None, LOOPBACK);
    join(&town.centre, &late, &["station", "--name", "South station"]);
    town.hub.await_answer(&["keys", "grants", &town.elder], |rows| {
        rows.to_string().contains("South station").then_some(())
    });
    town.handed_over();
    town.hub.stop();
    town.centre.stop();
    late.configure(FAR);
    late.up();
    late.await_answer(&["elder", "show", &town.elder], |shown| {
        shown.to_string().contains("the latest").then_some(())
    });
    assert_eq!(late.ask(&["status"])["logs_late"], 2, "it was sent the end only");
    let profile = format!("\"{}/profile\"", town.elder);
    let heads = |of: &BTreeMap<String, [String; 3]>| {
        let row = of.values().find(|[name, ..]| *name == profile);
        row.map(|[_, heads, _]| heads.clone()).unwrap()
    };
    assert_eq!(heads(&documents(&late)), heads(read));
    assert_eq!(late.ask(&["status"])["entries_withheld"], 0);
}
