//! A hub that is lost and brought back from its backup.

use std::fs;

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, documents, elders, folder, met, sees},
    photos,
    site::{Desk, Site, finished, wait},
};

const PHONE: &str = "13800000000";
const OTHER_PHONE: &str = "13911111111";
const ADDRESS: &str = "桃园路 1号";

#[test]
fn a_restored_hub_shows_what_it_had_and_writes_on_without_a_fork() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let before = add_elder(&hub, "王秀英");
    let backup = folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    hub.ask(&["backup", backup]);
    let again = hub.run(&["backup", backup]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"), "{again:?}");
    hub.lives();
    // Written after the backup: the restored hub must not write other entries in their places.
    hub.ask(&["elder", "edit", &before, "phone", PHONE]);
    let after = add_elder(&hub, "李桂兰");
    sees(&centre, &after);
    reaches(&centre, PHONE, &before);
    hub.kill();

    let mut restored = Site::at(folder.path().join("restored"), None);
    let mut guess = restored.command(&["restore", backup]);
    let guess = finished(guess.env("LINLI_PASSPHRASE", "a passphrase of a thief"));
    assert_eq!((guess.code, guess.refusal().0.as_str()), (4, "forbidden"), "{guess:?}");
    drop(fs::remove_dir_all(restored.data()));
    restored.ask(&["restore", backup]);
    restored.configure(LOOPBACK);
    restored.up();
    assert!(elders(&restored).contains(&before));
    let fresh = add_elder(&restored, "张玉珍");
    met(&restored, &centre);
    sees(&centre, &fresh);
    // What it wrote after the backup comes back to it from the centre, and what it writes stands beside it.
    reaches(&restored, PHONE, &before);
    restored.ask(&["elder", "edit", &before, "address", ADDRESS]);
    restored.ask(&["elder", "edit", &before, "phone", OTHER_PHONE]);
    reaches(&centre, OTHER_PHONE, &before);
    assert!(elders(&centre).is_superset(&[before, after, fresh].into()));
    wait("the centre reads what the restored hub reads", || {
        let there = documents(&centre);
        documents(&restored).iter().all(|(tag, read)| there.get(tag) == Some(read)).then_some(())
    });
    for node in [&*restored, &*centre] {
        assert_eq!(node.ask(&["status"])["entries_withheld"], 0);
    }
    restored.stop();
}

#[test]
fn a_restored_hub_does_not_leave_with_what_nobody_has() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    hub.await_answer(&["leave"], |left| (left["may_leave"] == true).then_some(()));
    centre.stop();
    hub.ask(&["elder", "edit", &elder, "phone", PHONE]);
    let backup = folder.path().join("backup");
    hub.ask(&["backup", backup.to_str().unwrap()]);
    hub.kill();

    let mut restored = Site::at(folder.path().join("restored"), None);
    restored.ask(&["restore", backup.to_str().unwrap()]);
    restored.configure(LOOPBACK);
    restored.up();
    let left = restored.run(&["leave"]).answer();
    assert_eq!(left["may_leave"], false, "{left}");
    assert!(left["waiting_entries"].as_u64() > Some(0), "{left}");
    centre.up();
    reaches(&centre, PHONE, &elder);
    restored.await_answer(&["leave"], |left| (left["may_leave"] == true).then_some(()));
}

#[test]
fn a_backup_brings_photos_back_and_what_was_damaged_in_it_comes_from_others() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    let (path, content) = photos::photo(folder.path(), "wound.jpg", 300_000);
    let (other, _) = photos::photo(folder.path(), "letter.jpg", 4_000);
    hub.ask(&["photo", "add", &elder, path.to_str().unwrap()]);
    let damaged = hub.ask(&["photo", "add", &elder, other.to_str().unwrap()])["file"].clone();
    let list = ["photo", "list", elder.as_str()];
    let [_, _]: [Value; 2] = photos::come(&centre, &list);
    centre.stop();
    let backup = folder.path().join("backup");
    hub.ask(&["backup", backup.to_str().unwrap()]);
    hub.kill();
    let copy = backup.join("blobs").join(damaged.as_str().unwrap());
    let mut bytes = fs::read(&copy).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&copy, bytes).unwrap();

    let mut restored = Site::at(folder.path().join("restored"), None);
    restored.ask(&["restore", backup.to_str().unwrap()]);
    restored.configure(LOOPBACK);
    restored.up();
    let files = restored.ask(&list);
    let files = files.as_array().unwrap();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(file["here"], file["file"] != damaged, "{file}");
        let out = folder.path().join("out.jpg");
        let save = ["photo", "save", &elder, file["file"].as_str().unwrap(), "--out"];
        let run = restored.run(&[&save[..], &[out.to_str().unwrap()]].concat());
        if file["here"] == true {
            assert!(fs::read(&out).unwrap() == content);
        } else {
            assert_eq!(run.refusal().0, "waits", "{run:?}");
        }
    }
    centre.up();
    let [_, _]: [Value; 2] = photos::come(&restored, &list);
    restored.stop();
}

/// Waits until a node finds the elder, and nobody else, by a telephone number.
fn reaches(node: &Desk, phone: &str, elder: &str) {
    node.await_answer(&["elder", "list", phone], |page| {
        (page["total"] == 1 && page["elders"][0]["elder"] == elder).then_some(())
    });
}
