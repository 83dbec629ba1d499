//! A desk whose disk is full: what is still shown and raised, what is refused, and what the audit says
//! of that time afterwards.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use linli_node::home::STORE_DIR;
use linli_tests::{Capability, requires};
use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder, join, sees},
    relays::{Place, handed_over},
    site::{Desk, Site},
};

/// A small disk, mounted while this lives.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn at(path: PathBuf, mib: u32) -> Self {
        fs::create_dir(&path).unwrap();
        let options = format!("size={mib}m,mode=0700");
        let mount = ["-t", "tmpfs", "-o", &options, "none"];
        let mounted = Command::new("mount").args(mount).arg(&path).status().unwrap();
        assert!(mounted.success(), "{mounted}");
        Self(path)
    }

    /// Takes all room that is left; it is given back by removing the file that is returned.
    fn fill(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12] {
            let zeros = vec![0; size];
            while file.write_all(&zeros).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that a failed test left is still about to end.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Writes until the node says that the disk is full.
fn write_until_full(centre: &Desk, elder: &str) {
    let refused = (0_u32..1_000).find_map(|n| {
        let note = format!("{n} {}", "x".repeat(16_000));
        let run = centre.run(&["elder", "edit", elder, "note", &note]);
        (run.code != 0).then_some(run)
    });
    let refused = refused.unwrap();
    assert_eq!((refused.code, refused.refusal().0.as_str()), (7, "full"), "{refused:?}");
}

fn rows_of(centre: &Desk, what: &str) -> Vec<Value> {
    let page = centre.ask(&["keys", "audit", "--limit", "1000"]);
    let rows = page["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["what"] == what).cloned().collect()
}

fn export(centre: &Desk, to: &Path) -> (i32, bool) {
    let run = centre.run(&["keys", "audit", "--export", to.to_str().unwrap()]);
    if run.code != 0 {
        assert_eq!((run.code, run.refusal().0.as_str()), (7, "full"), "{run:?}");
    }
    (run.code, to.exists())
}

#[test]
fn a_full_disk_loses_no_alert_and_hides_no_reading() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let disk = SmallDisk::at(folder.path().join("centre"), 48);
    let mut centre = centre(folder.path(), None, LOOPBACK);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let [elder, other] = ["王秀英", "李桂兰"].map(|name| add_elder(&centre, name));
    let show = ["--as", "李明", "elder", "show", &other];
    let filler = disk.fill("filler");
    write_until_full(&centre, &elder);

    // Who looks is shown, though that is recorded nowhere; who takes the audit away is not given it.
    assert_eq!(centre.ask(&show)["elder"], other);
    let file = folder.path().join("audit");
    assert_eq!(export(&centre, &file), (7, false));
    let alert = centre.ask(&["alert", "raise", &other]);
    assert_eq!(
        alert["stored"], true,
        "the room that is kept for alerts takes it, and what it stands in"
    );
    assert_eq!(centre.ask(&["alert", "list"])[0]["alert"], alert["alert"]);

    // Once there is room the next reading within the minute is the first that is recorded.
    fs::remove_file(filler).unwrap();
    centre.ask(&show);
    let read = rows_of(&centre, "read");
    assert_eq!(read.len(), 1, "{read:?}");
    let row = &read[0];
    assert_eq!((&row["elder"], &row["person"]), (&other.as_str().into(), &"李明".into()));
    assert_eq!((&row["count"], &row["detail"]), (&1.into(), &Value::Null));
    assert_eq!(rows_of(&centre, "exported"), Vec::<Value>::new());
    assert_eq!(export(&centre, &file), (0, true));
    assert_eq!(rows_of(&centre, "exported").len(), 1);
    let verdict = centre.ask(&["keys", "audit", "--verify"]);
    assert_eq!(verdict["broken"], Value::Null, "{verdict}");
    // What was lost comes up in no later count either.
    centre.stop();
    centre.up();
    assert_eq!(rows_of(&centre, "read").len(), 1);
    assert_eq!(centre.ask(&["alert", "list"])[0]["alert"], alert["alert"]);
    centre.stop();
}

#[test]
fn an_alert_is_stored_where_what_opens_the_card_has_no_room() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let disk = SmallDisk::at(folder.path().join("hub"), 48);
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    join(&centre, &hub, &["household"]);
    hub.up();
    let elder = add_elder(&hub, "王秀英");
    hub.ask(&["elder", "edit", &elder, "card/allergies", "青霉素"]);
    let filler = disk.fill("filler");
    write_until_full(&hub, &elder);
    // So long that what opens the card follows by itself.
    let raise = ["alert", "raise", &elder, "--cause", &"x".repeat(2_400)];
    let alert = hub.ask(&raise);
    assert_eq!(alert["stored"], true);
    let given = |hub: &Desk| {
        let shown = hub.ask(&["alert", "show", alert["alert"].as_str().unwrap()]);
        shown["view"]["card"]["given"].as_array().unwrap().len()
    };
    assert_eq!(given(&hub), 0, "there is no room for it");
    // A stick is a way out for what is there.
    let stick = folder.path().join("stick");
    let packed = hub.ask(&["courier", "pack", "--for", "all", "--whole", stick.to_str().unwrap()]);
    assert_eq!(packed["bytes"], fs::metadata(&stick).unwrap().len());
    fs::remove_file(filler).unwrap();
    hub.stop();
    centre.stop();
}

#[test]
fn what_could_not_be_kept_hides_nothing_and_is_kept_the_next_time() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let disk = SmallDisk::at(folder.path().join("centre"), 48);
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let [elder, other] = ["王秀英", "李桂兰"].map(|name| add_elder(&centre, name));
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    centre.stop();
    let rung = crate::alarm::bells(&centre);
    centre.up();
    let filler = disk.fill("filler");
    write_until_full(&centre, &elder);
    // Somebody takes the room that is kept for alerts, too.
    fs::remove_file(centre.data().join(STORE_DIR).join("reserve")).unwrap();
    let more = disk.fill("more");

    let raise = ["alert", "raise", &other, "--cause", "smoke sensor 3", "--kind", "smoke"];
    let lost = centre.ask(&raise);
    assert_eq!(lost["stored"], false);
    assert_eq!(centre.ask(&["alert", "list"]), json!([]));
    let open = |count: u64| move |status: &Value| (status["alerts_open"] == count).then_some(());
    centre.await_answer(&["status"], open(0));
    // Somebody must come: the desk rings for it all the same.
    crate::alarm::has(&rung, "rings duty_desk 0");
    let dial = ["--as", "高主任", "alert", "dial", lost["alert"].as_str().unwrap(), "120"];
    assert_eq!(centre.ask(&dial)["stored"], false);
    crate::alarm::has(&rung, "calls dial_out 0 120");
    let card = ["elder", "edit", &other, "card/allergies", "青霉素"];
    let refused = centre.run(&card);
    assert_eq!((refused.code, refused.refusal().0.as_str()), (7, "full"), "{refused:?}");
    let show = || centre.ask(&["elder", "show", &other]);
    assert_eq!(show()["elder"], other);

    for file in [filler, more] {
        fs::remove_file(file).unwrap();
    }
    let alert = centre.ask(&raise);
    assert_eq!(alert["stored"], true, "the same cause is raised anew");
    centre.await_answer(&["status"], open(1));
    centre.ask(&card);
    let listed = |centre: &Desk| {
        let list = centre.ask(&["alert", "list"]);
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list[0]["alert"], alert["alert"]);
        let shown = centre.ask(&["alert", "show", alert["alert"].as_str().unwrap()]);
        assert_eq!(shown["view"]["raises"].as_array().unwrap().len(), 1, "{shown}");
    };
    listed(&centre);
    assert_eq!(show()["elder"], other);
    centre.stop();
    centre.up();
    listed(&centre);
    centre.stop();
}

#[test]
fn a_relay_with_a_full_disk_keeps_alerts_and_once_there_is_room_the_rest() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let disk = SmallDisk::at(folder.path().join("relay"), 48);
    let place = Place::draw();
    let mut relay = place.relay(folder.path(), "relay", &centre);
    let mut hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    join(&centre, &hub, &["household"]);
    hub.up();
    let elder = add_elder(&hub, "王秀英");
    // By its first alert the household lets the centre into what it raises.
    let shows = |centre: &Desk, alert: &Value| {
        centre.await_answer(&["alert", "list"], |list| {
            list.as_array()?.iter().any(|row| row["alert"] == alert["alert"]).then_some(())
        });
    };
    shows(&centre, &hub.ask(&["alert", "raise", &elder, "--kind", "fall"]));
    sees(&centre, &elder);
    handed_over(&hub);
    centre.stop();

    let filler = disk.fill("filler");
    let full = || place.get("/status").1["held"]["full"] == true;
    for n in 0.. {
        assert!(n < 1_000, "the relay's disk does not fill up");
        let note = format!("{n} {}", "x".repeat(16_000));
        hub.ask(&["elder", "edit", &elder, "note", &note]);
        if full() {
            break;
        }
    }
    let (code, health) = place.get("/health");
    assert_eq!((code, &health["ok"]), (503, &false.into()), "{health}");
    let (alert, keeper) =
        (hub.ask(&["alert", "raise", &elder]), place.get("/status").1["node"].clone());
    hub.await_answer(&["documents"], |rows| {
        let is_kept = |row: &Value| {
            let of_alert = row["name"]
                .as_str()
                .is_some_and(|name| alert["alert"].as_str().is_some_and(|id| name.contains(id)));
            of_alert && row["held_by"].as_array().is_some_and(|held| held.contains(&keeper))
        };
        rows.as_array()?.iter().any(is_kept).then_some(())
    });

    // A power cut, and the disk is as full as before.
    relay.kill();
    place.up(&mut relay);
    hub.stop();
    centre.up();
    shows(&centre, &alert);
    centre.stop();

    fs::remove_file(filler).unwrap();
    hub.up();
    handed_over(&hub);
    assert!(!full());
    assert_eq!(place.get("/health").0, 200);
    relay.kill();
}
