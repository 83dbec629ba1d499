//! The evening: everything heals on a slow link, the alert comes first, and all is compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use linli_model::readings::Measure;
use linli_node::api::{
    alerts::{AlertAct, AlertRaise, AlertShow},
    blobs::{FileRow, PhotoAdd, PhotoList},
    care::{ElderEdit, ReadingAdd},
    network::Documents,
};
use serde_json::{Value, json};

use super::{
    day::Day,
    morning::{acting, now_ms},
    visit::ALONE,
    wait::until,
};

/// Bytes of the photo.
const PHOTO_BYTES: usize = 20 << 20;
/// What it is called, which whoever reads its elder's health record sees and nobody else.
pub(crate) const PHOTO_TITLE: &str = "记号-出院小结-51f0.jpg";
/// Days of readings behind the link, and readings a day.
const DAYS: u64 = 30;
const A_DAY: u64 = 4;
/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// What the hub's link carries each way, in kilobits a second.
const LINK_KBIT: u32 = 12_000;
/// The share of the bulk that must be still to come when the alert is there, in percent.
const STILL_TO_COME: u64 = 80;
/// How long the bulk may take.
const BULK: Duration = Duration::from_secs(90);
/// Everybody is back, the provider still on its way.
const BUT_THE_PROVIDER: [&[&str]; 2] =
    [&["hub1", "hub2", "centre", "station", "relay"], &["provider"]];
/// Nodes that are compared with one another.
const READERS: [&str; 5] = ["centre", "station", "provider", "hub1", "hub2"];

/// Heads and view of each readable document of a node, by the document's tag.
type Shown = BTreeMap<String, (Option<Vec<String>>, Option<String>)>;

impl Day<'_> {
    /// Step 6: heals everything on a throttled link with much bulk behind it.
    pub(crate) async fn heal(&mut self) -> Result<()> {
        let check = "alert-before-bulk";
        let elder = self.own.get("hub1").context("no elder")?.clone();
        // The provider went on to other houses before the bulk was made, and comes back after the
        // alert: it would carry both to the centre, past the slow link.
        self.town.lab.only(&ALONE)?;
        let photo = self.bulk(&elder).await?;
        self.town.lab.throttle("hub1", NonZeroU32::new(LINK_KBIT))?;
        self.tell("demo-heals", &[]);
        let begun = Instant::now();
        self.town.lab.only(&BUT_THE_PROVIDER)?;
        self.timeline.push(("healed", now_ms()));
        let mut alert = self.alert.clone();
        if self.spoils(check) {
            until("the photo", BULK, async || self.whole("centre", &elder, &photo).await).await?;
            let kind = "other".to_owned();
            let raise = AlertRaise { elder: elder.clone(), kind, ..AlertRaise::default() };
            alert = self.town.at("hub1")?.call(&raise).await?.alert;
        }
        let centre = self.town.at("centre")?;
        let show = AlertShow { alert };
        until("the alert to reach the centre", BULK, async || {
            Ok(centre.call(&show).await.ok().map(drop))
        })
        .await?;
        self.timeline.push(("at the centre", now_ms()));
        self.took("alert-to-centre", begun);
        let come = self.photo("centre", &elder, &photo).await.map_or(0, |photo| photo.come);
        let all = photo.sealed;
        let left = all.saturating_sub(come).saturating_mul(100) / all;
        self.tell("demo-alert-first", &[("left", left.into())]);
        let holds = left >= STILL_TO_COME;
        self.checks.note(check, PHOTO_BYTES, holds, &STILL_TO_COME, &left);
        self.town.lab.together()?;
        self.answer_alerts().await?;
        self.town.lab.throttle("hub1", None)?;
        until("the photo to be whole", BULK, async || self.whole("centre", &elder, &photo).await)
            .await?;
        self.took("bulk", begun);
        Ok(())
    }

    /// Puts thirty days of readings and a photo behind the link; returns the photo.
    async fn bulk(&mut self, elder: &str) -> Result<FileRow> {
        let hub = self.town.at("hub1")?;
        let coding = Measure::HeartRate.coding();
        let until_ms = now_ms();
        for number in 0..DAYS * A_DAY {
            let before = number.saturating_mul(DAY_MS / A_DAY);
            let reading = ReadingAdd {
                elder: elder.to_owned(),
                code: coding.loinc.to_owned(),
                value: (60 + number % 20).to_string(),
                unit: coding.ucum.to_owned(),
                time_ms: until_ms.saturating_sub(before),
                device: "watch-1".to_owned(),
            };
            hub.call(&reading).await?;
        }
        let path = self.photo_file()?;
        let photo = PhotoAdd {
            elder: Some(elder.to_owned()),
            path: path.display().to_string(),
            title: Some(PHOTO_TITLE.to_owned()),
            ..PhotoAdd::default()
        };
        hub.call(&photo).await
    }

    /// A file of the photo's size that cannot be compressed.
    fn photo_file(&self) -> Result<PathBuf> {
        let mut bytes = vec![0; PHOTO_BYTES];
        blake3::Hasher::new_derive_key("linli demo photo").finalize_xof().fill(&mut bytes);
        let path = self.town.root().join("photo.jpg");
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    /// The photo as a node knows it; none where it has yet to hear of it.
    async fn photo(&self, site: &str, elder: &str, photo: &FileRow) -> Option<FileRow> {
        let list = PhotoList { elder: Some(elder.to_owned()), order: None };
        let files = self.town.at(site).ok()?.call(&list).await.ok()?;
        files.into_iter().find(|file| file.file == photo.file)
    }

    /// Whether all of the photo is at a node.
    async fn whole(&self, site: &str, elder: &str, photo: &FileRow) -> Result<Option<()>> {
        let found = self.photo(site, elder, photo).await;
        Ok(found.filter(|photo| photo.here).map(drop))
    }

    /// Every alert is acknowledged, answered and resolved by a named person at the centre.
    async fn answer_alerts(&mut self) -> Result<()> {
        let check = "alerts-resolved-by-name";
        let centre = self.town.at("centre")?;
        let wait = self.patience(check);
        let mut alerts = self.alerts("hub1", "reading").await?;
        alerts.extend(self.alerts("hub1", "button").await?);
        let ids: Vec<String> = alerts
            .iter()
            .filter_map(|alert| alert.get("alert")?.as_str().map(str::to_owned))
            .collect();
        for id in &ids {
            let show = AlertShow { alert: id.clone() };
            until("an alert at the centre", wait, async || {
                Ok(centre.call(&show).await.ok().map(drop))
            })
            .await?;
            for act in ["ack", "respond", "resolve"] {
                if act == "resolve" && self.spoils(check) {
                    continue;
                }
                let outcome = (act == "resolve").then(|| "helped".to_owned());
                let (alert, act) = (id.clone(), act.to_owned());
                centre
                    .call(&AlertAct {
                        alert,
                        act,
                        outcome,
                        acting: acting("高主任"),
                        ..AlertAct::default()
                    })
                    .await?;
            }
        }
        let hub = self.town.at("hub1")?;
        let mut resolved = 0;
        let _ = until("the hub to hear of it", wait, async || {
            resolved = 0;
            for id in &ids {
                let shown = hub.call(&AlertShow { alert: id.clone() }).await?;
                let text = |pointer| shown.pointer(pointer).and_then(Value::as_str);
                let named = text("/view/owner/person/name") == Some("高主任");
                resolved += usize::from(named && text("/view/stage") == Some("resolved"));
            }
            Ok((resolved == ids.len()).then_some(()))
        })
        .await;
        self.timeline.push(("resolved, at the hub", now_ms()));
        self.checks.equal(check, ids.len(), &2, &resolved);
        self.tell("demo-resolved", &[]);
        Ok(())
    }

    /// The order is called back; then step 7, the checks.
    pub(crate) async fn evening(&mut self) -> Result<()> {
        self.called_back().await?;
        self.tell("demo-compares", &[]);
        self.conflict().await?;
        self.same_views().await?;
        self.markers().await
    }

    async fn called_back(&mut self) -> Result<()> {
        let check = "order-called-back";
        let wait = self.patience(check);
        until("the order to reach the centre", wait, async || {
            Ok((self.stage("centre").await? == "done").then_some(()))
        })
        .await?;
        if !self.spoils(check) {
            self.act_on_order("centre", "callback").await?;
        }
        let sites = ["centre", "hub1", "provider"];
        let expected: BTreeMap<&str, String> =
            sites.map(|site| (site, "called_back".to_owned())).into();
        let mut seen = BTreeMap::new();
        let _ = until("everybody to hear of the callback", wait, async || {
            for site in sites {
                seen.insert(site, self.stage(site).await?);
            }
            Ok((seen == expected).then_some(()))
        })
        .await;
        self.checks.equal(check, expected.len(), &expected, &seen);
        Ok(())
    }

    /// Nodes that share a document show equal heads and an equal view.
    async fn same_views(&mut self) -> Result<()> {
        let check = "same-heads-and-views";
        let begun = Instant::now();
        if self.spoils(check) {
            self.town.lab.cut("station")?;
            let elder = self.measured.first().context("nobody was measured")?.clone();
            let (field, value) = ("note".to_owned(), "only here".to_owned());
            let edit = ElderEdit { elder, field, value, acting: None };
            self.town.at("station")?.call(&edit).await?;
        }
        let mut shared = 0;
        let mut differ = BTreeSet::new();
        let _ = until("all views to agree", self.patience(check), async || {
            let mut by_document: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for site in READERS {
                for (document, shown) in self.shown(site).await? {
                    by_document.entry(document).or_default().push(shown);
                }
            }
            by_document.retain(|_, shown| shown.len() > 1);
            shared = by_document.len();
            differ = by_document
                .into_iter()
                .filter(|(_, shown)| shown.windows(2).any(|pair| matches!(pair, [a, b] if a != b)))
                .map(|(document, _)| document)
                .collect();
            Ok(differ.is_empty().then_some(()))
        })
        .await;
        self.town.lab.heal("station")?;
        self.took("views-agree", begun);
        let least = self.inputs.elders().len();
        let expected = json!({ "at least": least, "differ": 0 });
        let seen = json!({ "shared": shared, "differ": differ.len(), "which": differ.first() });
        let holds = differ.is_empty() && shared >= least;
        self.checks.note(check, shared, holds, &expected, &seen);
        Ok(())
    }

    async fn shown(&self, site: &str) -> Result<Shown> {
        let documents = self.town.at(site)?.call(&Documents { readable: true }).await?;
        let held = documents.into_iter().filter(|document| document.entries > 0);
        Ok(held.map(|d| (d.document, (d.heads, d.view))).collect())
    }
}
