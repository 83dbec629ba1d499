//! Photo proof: from the provider through a relay to centre and hub, resumed after power cuts, and gone when it is
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
fn photo(folder: &Path, name: &str, bytes: usize) -> (PathBuf, Vec<u8>) {
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
fn blobs(site: &Desk, end: &str) -> Vec<(PathBuf, u64)> {
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
    site.await_answer(&["order", "photo", "list", order], |files| {
        let [file] = files.as_array()?.as_slice() else { return None };
        (file["here"] == true).then(|| file.clone())
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
