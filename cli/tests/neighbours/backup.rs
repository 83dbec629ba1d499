//! A hub that is lost and brought back from its backup.

use std::fs;

use linli_tests::{Capability, requires};
use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, documents, elders, folder, met, sees},
    full_disk::SmallDisk,
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
    let answer = restored.ask(&["restore", backup.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": 2, "missing": 1 }));
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

#[test]
fn a_backup_without_some_photos_or_any_is_a_backup_and_says_so() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    let add = |name, bytes| {
        let (path, _) = photos::photo(folder.path(), name, bytes);
        hub.ask(&["photo", "add", &elder, path.to_str().unwrap()])["file"].clone()
    };
    let (sound, lost) = (add("wound.jpg", 3_000), add("letter.jpg", 4_000));
    let list = ["photo", "list", elder.as_str()];
    let [_, _]: [Value; 2] = photos::come(&centre, &list);
    // One that the disk does not give any more, and the half of a backup that a power cut left.
    let blobs = hub.data().join("store/blobs");
    let gone = blobs.join(lost.as_str().unwrap());
    fs::remove_file(&gone).unwrap();
    fs::create_dir(&gone).unwrap();
    let left = folder.path().join(".linli-backup.partial");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("store.redb"), "half of it").unwrap();
    let backup = folder.path().join("backup");
    let answer = hub.ask(&["backup", backup.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": 2, "missing": 1 }));
    assert!(!left.exists());
    let copies: Vec<_> = fs::read_dir(backup.join("blobs")).unwrap().flatten().collect();
    assert!(matches!(&copies[..], [copy] if copy.file_name() == sound.as_str().unwrap()));
    hub.kill();

    // Somebody saved the store alone.
    fs::remove_dir_all(backup.join("blobs")).unwrap();
    let mut restored = Site::at(folder.path().join("restored"), None);
    let answer = restored.ask(&["restore", backup.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": null, "missing": 0 }));
    restored.configure(LOOPBACK);
    restored.up();
    let [_, _]: [Value; 2] = photos::come(&restored, &list);
    restored.stop();
}

#[test]
fn a_backup_or_a_disk_too_small_for_photos_takes_those_that_fit() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let (_centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    let add = |name, bytes| {
        let (path, _) = photos::photo(folder.path(), name, bytes);
        hub.ask(&["photo", "add", &elder, path.to_str().unwrap()])["file"].clone()
    };
    let (large, small) = (add("film.jpg", 40 << 20), add("letter.jpg", 4_000));
    // 64 MiB are left free, and the store has its room.
    let stick = SmallDisk::at(folder.path().join("stick"), 96);
    let to = folder.path().join("stick/backup");
    let answer = hub.ask(&["backup", to.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": 2, "missing": 1 }));
    assert!(to.join("blobs").join(small.as_str().unwrap()).exists());
    let names: Vec<_> = fs::read_dir(folder.path().join("stick")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    drop(stick);

    let whole = folder.path().join("whole");
    let answer = hub.ask(&["backup", whole.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": 2, "missing": 0 }));
    hub.kill();
    let disk = SmallDisk::at(folder.path().join("disk"), 96);
    let mut restored = Site::at(folder.path().join("disk/node"), None);
    let answer = restored.ask(&["restore", whole.to_str().unwrap()]);
    assert_eq!(answer, json!({ "files": 2, "missing": 1 }));
    restored.configure(LOOPBACK);
    restored.up();
    for file in restored.ask(&["photo", "list", &elder]).as_array().unwrap() {
        assert_eq!(file["here"], file["file"] != large, "{file}");
    }
    restored.stop();
    drop(disk);
}

/// Waits until a node finds the elder, and nobody else, by a telephone number.
fn reaches(node: &Desk, phone: &str, elder: &str) {
    node.await_answer(&["elder", "list", phone], |page| {
        (page["total"] == 1 && page["elders"][0]["elder"] == elder).then_some(())
    });
}
