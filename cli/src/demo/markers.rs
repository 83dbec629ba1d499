//! What nobody outside the audience may see, looked for in everything a node has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use encoding_rs::GB18030;
use linli_node::api::care::{ElderList, OrderShow};
use linli_replica::batch::Shelf;
use linli_store::{Store, keyring};
use serde_json::json;

use super::{day::Day, place::Place};

/// What the hub's order asks for, which only the household, the centre and the provider may read.
const NOTE: &str = "记号-楼上请敲三下-7c41";
/// The household's own elder, whom its hub, the centre and the station may read.
const ELDER: &str = "周桂兰";

/// A text, where it must be found, and where it must not.
struct Marker {
    text: &'static str,
    outside: &'static [&'static str],
}

/// Every marker with the places outside its audience.
const MARKERS: [Marker; 2] = [
    Marker { text: ELDER, outside: &["provider", "hub2", "relay"] },
    Marker { text: NOTE, outside: &["station", "hub2", "relay"] },
];

impl Day<'_> {
    /// The note of every order.
    pub(crate) fn marker_note(&self) -> String {
        NOTE.to_owned()
    }

    /// Looks for every marker at each reader, and in all that others hold.
    pub(crate) async fn markers(&mut self) -> Result<()> {
        let found = self.read_markers().await?;
        let expected = BTreeMap::from([(ELDER, 3_usize), (NOTE, 3)]);
        self.checks.equal("markers-found-by-readers", 6, &expected, &found);
        let sites: BTreeSet<&str> =
            MARKERS.iter().flat_map(|marker| marker.outside).copied().collect();
        let mut carried = BTreeMap::new();
        for site in &sites {
            let place = self.town.at(site)?;
            if place.kind == "carrier" {
                continue;
            }
            carried.insert(*site, place.status().await?.entries_carried);
        }
        let check = "markers-unseen-outside";
        if self.spoils(check) {
            use std::io::Write as _;
            let log = &self.town.at("provider")?.log;
            writeln!(fs::OpenOptions::new().append(true).open(log)?, "{ELDER}")?;
        }
        for site in &sites {
            let (_, place) = self.town.at_mut(site)?;
            place.end().await?;
        }
        let (mut looked_at, mut seen) = (0, BTreeSet::new());
        for marker in &MARKERS {
            for site in marker.outside {
                let place = self.town.at(site)?;
                let needles = spellings(marker.text);
                for (what, bytes) in everything(place)? {
                    looked_at += bytes.len();
                    if needles.iter().any(|needle| contains(&bytes, needle)) {
                        seen.insert(format!("{site}: {what}"));
                    }
                }
            }
        }
        let held = carried.get("provider").copied().unwrap_or(0);
        let holds = seen.is_empty() && held > 0;
        let expected = json!({ "found": [], "carried": "more than none" });
        let seen = json!({ "found": seen, "carried": carried, "bytes": looked_at });
        self.checks.note(check, looked_at, holds, &expected, &seen);
        self.tell("demo-markers", &[("bytes", looked_at.into()), ("entries", held.into())]);
        for site in sites {
            let (lab, place) = self.town.at_mut(site)?;
            place.start(lab).await?;
        }
        Ok(())
    }

    /// At how many readers each marker shows.
    async fn read_markers(&self) -> Result<BTreeMap<&'static str, usize>> {
        let (mut elders, mut notes) = (0, 0);
        let hidden = self.spoils("markers-found-by-readers");
        let order = if hidden { "nothing".to_owned() } else { self.order.clone() };
        for site in ["hub1", "centre", "station"] {
            let page = ElderList { find: Some(ELDER.to_owned()), offset: 0, limit: 10 };
            let page = self.town.at(site)?.call(&page).await?;
            elders +=
                usize::from(page.elders.iter().any(|row| row.names.iter().any(|n| n == ELDER)));
        }
        for site in ["hub1", "centre", "provider"] {
            let shown = self.town.at(site)?.call(&OrderShow { order: order.clone() }).await;
            notes += usize::from(shown.is_ok_and(|shown| shown.to_string().contains(NOTE)));
        }
        Ok(BTreeMap::from([(ELDER, elders), (NOTE, notes)]))
    }
}

/// Everything a node can see itself: its files, its log, and its records under its own storage key.
fn everything(place: &Place) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    let mut files = vec![place.log.clone()];
    collect(&place.data, &mut files)?;
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        all.push((name, fs::read(&file).with_context(|| file.display().to_string())?));
    }
    let key = keyring::unlock(&place.data, &Place::officer_passphrase())?;
    let store = Store::open(&place.data.join(linli_node::home::STORE_DIR), &key)?;
    for shelf in Shelf::ALL {
        for (key, value) in store.records(shelf)? {
            all.push((format!("a record of {shelf:?}"), [key, value].concat()));
        }
    }
    Ok(all)
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

/// A text in every spelling it could have on a disk.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let units = || text.encode_utf16();
    let mut all = vec![
        text.as_bytes().to_vec(),
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
        GB18030.encode(text).0.into_owned(),
    ];
    let written: Vec<Vec<u8>> = all
        .iter()
        .flat_map(|bytes| [hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()])
        .collect();
    let coded: Vec<Vec<u8>> = all.iter().flat_map(|bytes| base64(bytes)).collect();
    all.extend(written);
    all.extend(coded);
    all
}

/// The letters that are sure to stand in base64 (RFC 4648) wherever these bytes stand in a longer text:
/// for each of the three places they can begin at, without the letters that neighbours share.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    const LETTERS: [&[u8; 64]; 2] = [
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ];
    let mut found = Vec::new();
    for letters in LETTERS {
        for shift in 0..3_usize {
            let bits: Vec<bool> = bytes
                .iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
                .collect();
            // A letter has six bits; the first whole one begins at the next multiple of six.
            let skip = (6 - shift * 8 % 6) % 6;
            let whole = bits.get(skip..).unwrap_or_default().chunks_exact(6).map(|six| {
                let index = six.iter().fold(0, |number: usize, bit| number * 2 + usize::from(*bit));
                letters.get(index).copied().unwrap_or_default()
            });
            found.push(whole.collect());
        }
    }
    found
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((first, _)) = needle.split_first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let Some(here) = rest.get(at..) else { return false };
        if here.starts_with(needle) {
            return true;
        }
        rest = here.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_however_it_is_written() {
        let needles = spellings(NOTE);
        let is_found = |bytes: &[u8]| needles.iter().any(|needle| contains(bytes, needle));
        assert!(is_found(format!("x{NOTE}y").as_bytes()));
        assert!(is_found(&GB18030.encode(&format!("字{NOTE}")).0));
        assert!(is_found(hex::encode_upper(NOTE).as_bytes()));
        let utf16: Vec<u8> = NOTE.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(is_found(&utf16));
        assert!(!is_found("记号-楼上请敲四下-7c41".as_bytes()));
    }

    #[test]
    fn base64_is_found_at_every_shift() {
        // RFC 4648: "foobar" is Zm9vYmFy; with one and two letters before it, the letters shift.
        let forms = base64(b"foobar");
        for text in ["Zm9vYmFy", "eGZvb2Jhcg==", "eHhmb29iYXI="] {
            assert!(forms.iter().any(|form| contains(text.as_bytes(), form)), "{text}");
        }
        assert!(!forms.iter().any(|form| contains(b"YmFyZm9v", form)));
    }
}
