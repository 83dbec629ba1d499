//! What nobody outside the audience may see, looked for in everything a node has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use linli_node::api::care::{ElderShow, OrderShow};
use linli_replica::batch::Shelf;
use linli_store::{Store, keyring};
use serde_json::{Value, json};

use self::search::Search;
use super::{day::Day, evening::PHOTO_TITLE, offline::PHONE_AT_PROVIDER, place::Place};

mod search;

/// What the hub's order asks for, which only the household, the centre and the provider may read.
const NOTE: &str = "记号-楼上请敲三下-7c41";
/// The households' own elders, and one of the station's register.
pub(crate) const ELDER: &str = "周桂兰";
pub(crate) const FAR_ELDER: &str = "何秀珍";
pub(crate) const REGISTERED: &str = "任借名";

/// A text that was written somewhere, where it must be found and where it must not.
struct Marker {
    text: &'static str,
    shows: Shows,
    readers: &'static [&'static str],
    outside: &'static [&'static str],
}

/// What shows a marker to who may read it.
enum Shows {
    Elder(String),
    Order(String),
}

/// All that one node can see itself.
#[derive(Default)]
struct Sight {
    bytes: usize,
    frames: usize,
    entries: u64,
    found: BTreeSet<String>,
}

impl Day<'_> {
    /// The note of every order.
    pub(crate) fn marker_note(&self) -> String {
        NOTE.to_owned()
    }

    /// Every marker with its audience.
    fn planted(&self) -> Result<Vec<Marker>> {
        let own = |site: &str| self.own.get(site).cloned().context("no elder");
        let registered = self.inputs.north.rows.last().context("an empty register")?;
        let marker = |text, shows, readers, outside| Marker { text, shows, readers, outside };
        let near = &["hub1", "centre", "station"];
        let far = &["hub2", "centre", "station"];
        Ok(vec![
            marker(ELDER, Shows::Elder(own("hub1")?), near, &["provider", "hub2", "relay"]),
            // Of the health record, which stations do not read.
            marker(
                PHOTO_TITLE,
                Shows::Elder(own("hub1")?),
                &["hub1", "centre"],
                &["station", "provider", "hub2", "relay"],
            ),
            marker(FAR_ELDER, Shows::Elder(own("hub2")?), far, &["provider", "hub1", "relay"]),
            marker(
                REGISTERED,
                Shows::Elder(registered.elder.clone()),
                &["centre", "station"],
                &["provider", "hub1", "hub2", "relay"],
            ),
            marker(
                PHONE_AT_PROVIDER,
                Shows::Elder(self.shared.clone()),
                &["hub1", "centre", "provider"],
                &["hub2", "relay"],
            ),
            marker(
                NOTE,
                Shows::Order(self.order.clone()),
                &["hub1", "centre", "provider"],
                &["station", "hub2", "relay"],
            ),
        ])
    }

    /// Looks for every marker at each reader, and in all that others hold.
    pub(crate) async fn markers(&mut self) -> Result<()> {
        let planted = self.planted()?;
        self.found_by_readers(&planted).await?;
        let check = "markers-unseen-outside";
        if self.spoils(check) {
            use std::io::Write as _;
            let log = &self.town.at("provider")?.log;
            writeln!(fs::OpenOptions::new().append(true).open(log)?, "{ELDER}")?;
        }
        let sites: BTreeSet<&str> =
            planted.iter().flat_map(|marker| marker.outside).copied().collect();
        let carried = self.town.at("provider")?.status().await?.entries_carried;
        for site in &sites {
            self.town.at_mut(site)?.1.stop().await?;
        }
        let mut seen = BTreeMap::new();
        for site in &sites {
            let (_, place) = self.town.at_mut(site)?;
            place.ended().await?;
            let texts: Vec<&str> = planted
                .iter()
                .filter(|marker| marker.outside.contains(site))
                .map(|marker| marker.text)
                .collect();
            seen.insert(*site, look(place, &texts)?);
        }
        let relayed = seen.get("relay").map_or(0, |sight| sight.entries);
        let bytes: usize = seen.values().map(|sight| sight.bytes).sum();
        let found: BTreeMap<_, _> = seen
            .iter()
            .filter(|(_, sight)| !sight.found.is_empty())
            .map(|(s, v)| (s, &v.found))
            .collect();
        let nothing = seen.values().any(|sight| sight.bytes == 0 || sight.frames == 0);
        let holds = found.is_empty() && !nothing && carried > 0 && relayed > 0;
        let looked: BTreeMap<_, _> = seen
            .iter()
            .map(|(site, sight)| (site, json!({ "bytes": sight.bytes, "frames": sight.frames })))
            .collect();
        let carried_by = json!({ "provider": carried, "relay": relayed });
        let expected = json!({ "found": {}, "carried": "more than none", "frames": "at each" });
        let report = json!({ "found": found, "carried": carried_by, "looked at": looked });
        self.checks.note(check, bytes, holds, &expected, &report);
        let arguments =
            [("bytes", bytes.into()), ("entries", carried.into()), ("relayed", relayed.into())];
        self.tell("demo-markers", &arguments);
        for site in sites {
            let (lab, place) = self.town.at_mut(site)?;
            place.start(lab).await?;
        }
        Ok(())
    }

    /// Each marker shows at each of its readers.
    async fn found_by_readers(&mut self, planted: &[Marker]) -> Result<()> {
        let check = "markers-found-by-readers";
        let (mut expected, mut found) = (BTreeMap::new(), BTreeMap::new());
        for marker in planted {
            expected.insert(marker.text, marker.readers.len());
            for site in marker.readers {
                let place = self.town.at(site)?;
                let shown: Result<Value> = match &marker.shows {
                    Shows::Elder(elder) => place.call(&ElderShow { elder: elder.clone() }).await,
                    Shows::Order(_) if self.spoils(check) => continue,
                    Shows::Order(order) => place.call(&OrderShow { order: order.clone() }).await,
                };
                let shows = shown.is_ok_and(|shown| shown.to_string().contains(marker.text));
                *found.entry(marker.text).or_insert(0) += usize::from(shows);
            }
        }
        self.checks.equal(check, expected.values().sum(), &expected, &found);
        Ok(())
    }
}

/// Looks for texts in everything a node can see itself: its files, its log, the frames in it, and its
/// records under its own storage key.
fn look(place: &Place, texts: &[&str]) -> Result<Sight> {
    let search = Search::new(texts)?;
    let mut sight = Sight::default();
    let mut look_at = |what: &str, bytes: &[u8]| {
        sight.bytes += bytes.len();
        if let Some(text) = search.find(bytes) {
            sight.found.insert(format!("text {text} in {what}"));
        }
    };
    let mut files = vec![place.log.clone()];
    collect(&place.data, &mut files)?;
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        look_at(&name, &bytes);
        if file == place.log {
            for frame in search::frames(&bytes) {
                look_at("a frame", &frame);
                sight.frames += 1;
            }
        }
    }
    let key = keyring::unlock(&place.data, &Place::officer_passphrase())?;
    let store = Store::open(&place.data.join(linli_node::home::STORE_DIR), &key)?;
    for shelf in Shelf::ALL {
        for (key, value) in store.records(shelf)? {
            look_at(&format!("a record of {shelf:?}"), &[key, value].concat());
        }
    }
    for branch in store.branches()? {
        let (.., branch) = branch?;
        sight.entries += branch.tip.sequence;
    }
    Ok(sight)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let kind = item.file_type()?;
        if kind.is_dir() {
            collect(&item.path(), files)?;
        } else if kind.is_file() {
            files.push(item.path());
        }
    }
    Ok(())
}
