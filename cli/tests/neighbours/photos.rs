//! Photos and documents of elders; and photo proof: from the provider through a relay to centre and hub, resumed after power cuts, and gone when it is
//! taken away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::community::{LOOPBACK, add_elder, centre_and_hub, folder, join, met, sees};
use crate::relays::Place;
use crate::site::{Desk, Site, wait};

/// Bytes of the photo: enough that it is under way for a while.
const PHOTO_BYTES: usize = 40 << 20;

/// A file that begins as a photo does and cannot be compressed.
pub(crate) fn photo(folder: &Path, name: &str, bytes: usize) -> (PathBuf, Vec<u8>) {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut content);
    content[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    let path = folder.join(name);
    fs::write(&path, &content).unwrap();
    (path, content)
}

/// An order of the hub's that the provider has begun; returns its id.
fn begun(hub: &Desk, centre: &Desk, provider: &Desk) -> String {
    let elder = add_elder(hub, "王秀英");
    sees(centre, &elder);
    let new = ["order", "new", &elder, "daily.meal_delivery"];
    let order = hub.ask(&new)["order"].as_str().unwrap().to_owned();
    let shows = |site: &Desk, stage: &str| {
        site.await_answer(&["order", "show", &order], |shown| {
            (shown["stage"] == stage).then_some(())
        })
    };
    shows(centre, "open");
    centre.ask(&["order", "offer", &order, "--provider", "Fast Care"]);
    shows(provider, "offered");
    provider.ask(&["order", "accept", &order]);
    shows(centre, "claimed");
    centre.ask(&["order", "confirm", &order]);
    shows(provider, "confirmed");
    provider.ask(&["order", "start", &order]);
    shows(centre, "started");
    shows(hub, "started");
    order
}

fn provider(folder: &Path, centre: &Desk) -> Site {
    let mut provider = Site::init(folder.join("provider"), None, LOOPBACK);
    join(centre, &provider, &["provider", "--name", "Fast Care"]);
    provider.up();
    met(&provider, centre);
    provider
}

/// The files in the folder of blobs whose names end so, with their bytes.
pub(crate) fn blobs(site: &Desk, end: &str) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(site.data().join("store/blobs")).unwrap().flatten();
    let ends = |path: &Path| path.extension().unwrap_or_default() == end;
    let files = entries.filter(|entry| ends(&entry.path()));
    files.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect()
}

/// Waits until something is there that is soon gone.
fn catch<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    for _ in 0..60_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("in vain: {what}");
}

/// The only file beside an order, once it is whole at a node.
fn comes(site: &Desk, order: &str) -> Value {
    let [file] = come(site, &["order", "photo", "list", order]);
    file
}

/// So many files, once they are whole at a node.
pub(crate) fn come<const COUNT: usize>(site: &Desk, list: &[&str]) -> [Value; COUNT] {
    site.await_answer(list, |files| {
        let files: [Value; COUNT] = files.as_array()?.clone().try_into().ok()?;
        files.iter().all(|file| file["here"] == true).then_some(files)
    })
}

fn saved(site: &Desk, order: &str, file: &Value, to: &Path) -> Vec<u8> {
    let (file, to) = (file["file"].as_str().unwrap(), to.to_str().unwrap());
    let answer = site.ask(&["order", "photo", "save", order, &file[..12], "--out", to]);
    assert_eq!(answer["file"], file);
    let again = site.run(&["order", "photo", "save", order, file, "--out", to]);
    assert_eq!(again.refusal().0, "conflict", "nothing is overwritten");
    fs::read(to).unwrap()
}

#[test]
fn a_photo_goes_through_a_relay_that_is_killed_while_nobody_else_is_there() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut provider = provider(folder.path(), &centre);
    let place = Place::draw();
    let mut relay = place.relay(folder.path(), "relay", &centre);
    provider.await_answer(&["status"], |status| {
        let keeps = |peer: &Value| peer["kind"] == "carrier" && peer["synced"] == true;
        status["peers"].as_array()?.iter().any(keeps).then_some(())
    });
    let order = begun(&hub, &centre, &provider);
    centre.stop();
    hub.stop();

    let (path, content) = photo(folder.path(), "lunch.jpg", PHOTO_BYTES);
    let add = ["order", "photo", "add", &order, path.to_str().unwrap()];
    let added = provider.ask(&add);
    assert_eq!(added["content_type"], "image/jpeg");
    assert_eq!((&added["proof"], &added["here"]), (&true.into(), &true.into()));
    let sealed = added["sealed"].as_u64().unwrap();
    assert!(sealed > PHOTO_BYTES as u64);

    let leave = provider.run(&["leave"]);
    assert_eq!((leave.code, &leave.answer()["waiting_files"]), (6, &1.into()), "only here");

    // The relay's power fails in the middle, and then the provider's.
    catch("a part", || {
        blobs(&relay, "part").first().filter(|(_, bytes)| *bytes > 1 << 20).cloned()
    });
    relay.kill();
    let [(_, came)] = blobs(&relay, "part")[..] else { panic!("it was not in the middle") };
    assert!(came < sealed && blobs(&relay, "").is_empty());
    place.up(&mut relay);
    catch("more of it", || {
        blobs(&relay, "part").first().filter(|(_, bytes)| *bytes > came).cloned()
    });
    provider.kill();
    let [(_, more)] = blobs(&relay, "part")[..] else { panic!("it was not in the middle") };
    assert!(more > came);
    provider.up();
    wait("the relay holds it", || (place.get("/status").1["held"]["blobs"] == 1).then_some(()));
    assert_eq!(place.get("/status").1["held"]["blob_bytes"], sealed);
    provider.await_answer(&["leave"], |answer| (answer["may_leave"] == true).then_some(()));
    provider.stop();

    // The provider is away: centre and hub have it of the relay.
    centre.up();
    let file = comes(&centre, &order);
    assert_eq!(file["party"], added["party"]);
    assert!(saved(&centre, &order, &file, &folder.path().join("centre.jpg")) == content);
    hub.up();
    let file = comes(&hub, &order);
    assert!(saved(&hub, &order, &file, &folder.path().join("hub.jpg")) == content);
    let held = centre.ask(&["status"])["blobs"].clone();
    assert_eq!((&held["held"], &held["missing"]), (&1.into(), &0.into()));
    // The blob that each keeps is not in clear.
    for site in [&*centre, &*hub, &*provider, &*relay] {
        let [(path, _)] = &blobs(site, "")[..] else { panic!("one blob: {site:?}") };
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), file["file"]);
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(64).any(|window| window == &content[1_000..1_064]));
    }
    relay.kill();
}

#[test]
fn a_photo_that_is_taken_away_is_gone_where_it_is_known_and_others_may_not_take_it_away() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let provider = provider(folder.path(), &centre);
    met(&provider, &hub);
    let order = begun(&hub, &centre, &provider);
    let (path, _) = photo(folder.path(), "floor.jpg", 300_000);
    let path = path.to_str().unwrap().to_owned();
    let add = ["order", "photo", "add", &order, &path, "--title", "the floor"];
    let file = provider.ask(&add);
    assert_eq!(file["title"], "the floor");
    for site in [&centre, &hub] {
        comes(site, &order);
    }
    // What is no file, or none that may be, changes nothing.
    let empty = folder.path().join("empty");
    fs::write(&empty, b"").unwrap();
    for bad in [empty.to_str().unwrap(), "/nowhere/photo.jpg", folder.path().to_str().unwrap()] {
        let run = provider.run(&["order", "photo", "add", &order, bad]);
        assert_eq!(run.refusal().0, "invalid", "{bad}");
    }
    let id = file["file"].as_str().unwrap();
    let run = hub.run(&["order", "photo", "remove", &order, id]);
    assert_eq!(run.refusal().0, "forbidden");
    assert_eq!(provider.ask(&["order", "photo", "list", &order]).as_array().unwrap().len(), 1);
    provider.ask(&["order", "photo", "remove", &order, id]);
    for site in [&centre, &hub, &provider] {
        wait("it is gone", || blobs(site, "").is_empty().then_some(()));
        let files = site.ask(&["order", "photo", "list", &order]);
        assert_eq!(files.as_array().unwrap().len(), 0);
    }
}

/// An elder of the centre's whose care record the hub's household writes.
fn shared_elder(centre: &Desk, hub: &Desk, name: &str) -> String {
    let elder = add_elder(centre, name);
    share(centre, hub, &elder, "care", "write");
    sees(hub, &elder);
    elder
}

fn share(centre: &Desk, hub: &Desk, elder: &str, scope: &str, right: &str) {
    let household = household(hub);
    let grant = ["keys", "grant", elder, &household, "--scope", scope];
    centre.ask(&[&grant[..], &["--right", right, "--purpose", "home"]].concat());
}

fn household(hub: &Desk) -> String {
    hub.ask(&["status"])["party"].as_str().unwrap().to_owned()
}

/// Keeps a paper of some bytes with an elder; returns its id.
fn kept(site: &Desk, elder: &str, paper: &Path, scope: &str) -> String {
    let add = ["photo", "add", elder, paper.to_str().unwrap(), "--scope", scope];
    let added = site.ask(&add);
    assert_eq!(added["scope"], scope);
    added["file"].as_str().unwrap().to_owned()
}

/// The ids of files that are in a list.
fn listed(site: &Desk, elder: &str) -> Vec<String> {
    let files = site.ask(&["photo", "list", elder]);
    let files = files.as_array().unwrap().iter();
    files.map(|file| file["file"].as_str().unwrap().to_owned()).collect()
}

/// Whether some text is in any file of a node.
fn told(site: &Desk, text: &str) -> bool {
    let mut folders = vec![site.data().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            let mut windows = bytes.windows(text.len());
            if path.to_string_lossy().contains(text) || windows.any(|at| at == text.as_bytes()) {
                return true;
            }
        }
    }
    false
}

#[test]
fn an_elders_papers_come_to_who_reads_the_record_and_go_when_it_is_erased() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let mut carrier = provider(folder.path(), &centre);
    centre.ask(&["person", "add", "李明", "--role", "steward"]);
    let elder = shared_elder(&centre, &hub, "王秀英");
    let letter = folder.path().join("出院小结.pdf");
    fs::write(&letter, [b"%PDF-1.7".as_slice(), &[7; 70_000]].concat()).unwrap();
    let added = centre.ask(&["photo", "add", "王秀英", letter.to_str().unwrap()]);
    assert_eq!(
        (&added["content_type"], &added["bytes"]),
        (&"application/pdf".into(), &70_008.into())
    );
    assert_eq!((&added["title"], &added["proof"]), (&"出院小结.pdf".into(), &false.into()));
    assert_eq!(added["scope"], "health", "unless something else is said");
    share(&centre, &hub, &elder, "health", "write");
    let list = ["photo", "list", elder.as_str()];
    let [file] = come(&hub, &list);
    let out = folder.path().join("letter.pdf");
    let id = file["file"].as_str().unwrap();
    hub.ask(&["photo", "save", &elder, &id[..12], "--out", out.to_str().unwrap()]);
    assert!(fs::read(&out).unwrap() == fs::read(&letter).unwrap());

    let (path, _) = photo(folder.path(), "wound.jpg", 200_000);
    let photo = hub.ask(&["photo", "add", &elder, path.to_str().unwrap()]);
    let [_, _] = come(&centre, &list);
    let foreign = hub.run(&["photo", "remove", &elder, id]);
    assert_eq!(foreign.refusal().0, "forbidden");
    centre.ask(&["photo", "remove", &elder, photo["file"].as_str().unwrap()]);
    for site in [&centre, &hub] {
        wait("what was taken away is gone", || (blobs(site, "").len() == 1).then_some(()));
    }
    // Who carries it is told neither of whom nor what it is.
    wait("the provider carries it", || {
        blobs(&carrier, "").iter().any(|(path, _)| path.ends_with(id)).then_some(())
    });
    assert_eq!(carrier.run(&list).refusal().0, "not-found");
    let backup = folder.path().join("carrier-backup");
    let answer = carrier.ask(&["backup", backup.to_str().unwrap()]);
    assert_eq!(answer["files"], 0, "what it carries is no part of it: {answer}");
    assert_eq!(fs::read_dir(backup.join("blobs")).unwrap().count(), 0);
    carrier.stop();
    for site in [&centre, &hub, &carrier] {
        assert!(!told(site, "出院小结"), "{:?} tells the name of a file", site.data());
    }
    carrier.up();

    let erase = ["--as", "李明", "keys", "erase", &elder, "--reason", "moved away", "--yes"];
    centre.ask(&erase);
    for site in [&centre, &hub, &carrier] {
        wait("it is erased", || {
            (!blobs(site, "").iter().any(|(path, _)| path.ends_with(id))).then_some(())
        });
    }
}

#[test]
fn medical_papers_are_for_who_reads_the_health_record_and_a_contract_for_care() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let mut station = Site::init(folder.path().join("station"), None, LOOPBACK);
    join(&centre, &station, &["station", "--name", "North"]);
    station.up();
    met(&station, &centre);
    let elder = shared_elder(&centre, &hub, "王秀英");
    sees(&station, &elder);
    let (letter, _) = photo(folder.path(), "letter.jpg", 4_000);
    let (contract, _) = photo(folder.path(), "contract.jpg", 3_000);
    // A station writes the care record. It begins no health record.
    let add = ["photo", "add", &elder, letter.to_str().unwrap()];
    let run = station.run(&add);
    assert_eq!(run.refusal().0, "forbidden", "{run:?}");
    let contract = kept(&station, &elder, &contract, "care");
    let letter = kept(&centre, &elder, &letter, "health");
    share(&centre, &hub, &elder, "health", "read");
    let files: [Value; 2] = come(&hub, &["photo", "list", &elder]);
    let rows = files.map(|file| (file["scope"].clone(), file["file"].clone()));
    assert_eq!(
        rows,
        [("health".into(), letter.as_str().into()), ("care".into(), contract.as_str().into())]
    );
    let shown = hub.ask(&["elder", "show", &elder])["documents"].clone();
    for (scope, file) in [("health", &letter), ("care", &contract)] {
        let files = &shown[&format!("{elder}/files/{scope}")]["attached"];
        assert_eq!(files[0]["file"]["blob"], **file, "{shown}");
    }
    assert_eq!(hub.run(&add).refusal().0, "forbidden", "it only reads");
    wait("the station has the contract", || (blobs(&station, "").len() == 1).then_some(()));

    // Who loses health keeps what it had, and gets no more. Care goes on.
    let lost = centre.ask(&["keys", "revoke", &elder, &household(&hub), "--scope", "health"]);
    assert_eq!(lost.as_array().unwrap().len(), 1);
    let had = lost[0]["had"].as_array().unwrap();
    let files = had.iter().find(|row| row["kind"] == "files").unwrap();
    assert_eq!((&lost[0]["scope"], &files["files"]), (&"health".into(), &1.into()));
    let (path, _) = photo(folder.path(), "prescription.jpg", 5_000);
    let prescription = kept(&centre, &elder, &path, "health");
    let (path, _) = photo(folder.path(), "door.jpg", 2_000);
    let door = kept(&centre, &elder, &path, "care");
    hub.await_answer(&["photo", "list", &elder], |files| {
        let is_there = |of: &Value| of["file"] == *door && of["here"] == true;
        files.as_array()?.iter().any(is_there).then_some(())
    });
    let files = listed(&hub, &elder);
    assert!(files.contains(&letter) && !files.contains(&prescription), "{files:?}");
    let held = blobs(&hub, "");
    assert!(!held.iter().any(|(path, _)| path.ends_with(&prescription)), "{held:?}");
    let files = listed(&station, &elder);
    assert!(!files.contains(&letter) && !files.contains(&prescription), "{files:?}");
    assert!(!blobs(&station, "").iter().any(|(path, _)| path.ends_with(&letter)));
    station.stop();
}

#[test]
fn whoever_loses_a_right_is_said_to_have_had_the_files() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = shared_elder(&centre, &hub, "李桂兰");
    let (path, _) = photo(folder.path(), "contract.jpg", 3_000);
    kept(&centre, &elder, &path, "care");
    let (path, _) = photo(folder.path(), "door.jpg", 4_000);
    let door = kept(&centre, &elder, &path, "care");
    let [_, _] = come(&hub, &["photo", "list", &elder]);
    wait("the centre knows that the hub has them", || {
        (centre.ask(&["leave"])["waiting_files"] == 0).then_some(())
    });
    // What was taken away it has had all the same.
    centre.ask(&["photo", "remove", &elder, &door]);
    wait("the photo is gone", || (blobs(&centre, "").len() == 1).then_some(()));
    let lost = centre.ask(&["keys", "revoke", &elder, &household(&hub), "--scope", "care"]);
    let had = lost[0]["had"].as_array().unwrap();
    let files = had.iter().find(|row| row["kind"] == "files").unwrap();
    assert_eq!((&files["files"], &files["files_known"]), (&2.into(), &1.into()), "{files}");
}

#[test]
fn a_file_too_many_is_refused_before_it_is_sealed() {
    let folder = folder();
    let (_centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    let new = ["order", "new", &elder, "daily.meal_delivery"];
    let order = hub.ask(&new)["order"].as_str().unwrap().to_owned();
    let (path, _) = photo(folder.path(), "lunch.jpg", 1_000);
    let add = ["order", "photo", "add", &order, path.to_str().unwrap()];
    let first = hub.ask(&add)["file"].as_str().unwrap().to_owned();
    for _ in 1..64 {
        hub.ask(&add);
    }
    let run = hub.run(&add);
    assert_eq!(run.refusal().0, "conflict", "{run:?}");
    assert_eq!(blobs(&hub, "").len(), 64);
    hub.ask(&["order", "photo", "remove", &order, &first]);
    hub.ask(&add);
}
