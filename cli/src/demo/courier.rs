//! Step 9: a stick between two homes that no network joins.

use std::path::{Path as File, PathBuf};

use anyhow::{Context as _, Result};
use linli_node::api::{
    alerts::{AlertList, AlertRaise},
    care::{ElderEdit, ElderShow},
    courier::{CourierPack, CourierUnpack, FileEnd},
    network::Path,
};
use serde_json::json;

use super::{day::Day, markers::ELDER, place::Place, visit::ALONE, wait::until};

/// What the hub writes while nobody can be reached.
const NOTE: &str = "换药时间改到下午四点-c0d7";

impl Day<'_> {
    /// Lives the step.
    pub(crate) async fn courier(&mut self) -> Result<()> {
        self.tell("demo-courier", &[]);
        self.town.lab.only(&ALONE)?;
        for site in ["hub1", "centre"] {
            let place = self.town.at(site)?;
            until("nodes to notice the cut", self.patience(""), async || {
                let peers = place.status().await?.peers;
                Ok(peers.iter().all(|peer| peer.path == Path::Away).then_some(()))
            })
            .await?;
        }
        let out = self.town.root().join("to-centre");
        let waiting = self.stick_there(&out).await?;
        self.sealed(&out).await?;
        let back = self.town.root().join("to-hub1");
        self.stick_back(&back, waiting).await?;
        self.town.lab.together()
    }

    /// The hub writes, and a stick brings it to the centre. Returns how many of the hub's entries the
    /// centre was not known to hold.
    async fn stick_there(&mut self, file: &File) -> Result<u64> {
        let check = "stick-brings-what-lacked";
        let elder = self.own.get("hub1").context("no elder")?.clone();
        let (hub, centre) = (self.town.at("hub1")?, self.town.at("centre")?);
        let raise =
            AlertRaise { elder: elder.clone(), kind: "fall".to_owned(), ..AlertRaise::default() };
        let alert = hub.call(&raise).await?.alert;
        let (field, value) = ("note".to_owned(), NOTE.to_owned());
        let edit = ElderEdit { elder: elder.clone(), field, value, acting: None };
        if !self.spoils(check) {
            hub.call(&edit).await?;
        }
        let waiting = waiting(hub, centre).await?;
        pack(hub, centre, file).await?;
        if self.spoils(check) {
            hub.call(&edit).await?;
        }
        let taken = unpack(centre, file).await?;
        let shown = centre.call(&ElderShow { elder }).await?.to_string().contains(NOTE);
        let alerts = centre.call(&AlertList { all: true }).await?;
        let is = |row: &serde_json::Value| row.get("alert").is_some_and(|id| *id == alert);
        let expected = json!({ "whole": true, "note": true, "alert": true });
        let seen = json!({
            "whole": taken == FileEnd::Whole, "note": shown, "alert": alerts.iter().any(is),
        });
        self.checks.equal(check, 3, &expected, &seen);
        self.tell("demo-stick-brought", &[]);
        Ok(waiting)
    }

    /// Whoever finds the stick learns nothing from it, another home as little as a stranger.
    async fn sealed(&mut self, file: &File) -> Result<()> {
        let check = "stick-is-sealed";
        let mut bytes = std::fs::read(file)?;
        if self.spoils(check) {
            bytes.extend_from_slice(NOTE.as_bytes());
        }
        let hub = self.town.at("hub1")?;
        let key = hex::decode(&hub.node)?;
        let planted = [NOTE.as_bytes(), ELDER.as_bytes(), hub.node.as_bytes(), key.as_slice()];
        let is_found = |text: &&&[u8]| bytes.windows(text.len()).any(|window| window == **text);
        let found = planted.iter().filter(is_found).count();
        let opened = unpack(self.town.at("hub2")?, file).await.is_ok();
        let expected = json!({ "found": 0, "opened by another": false });
        let seen = json!({ "found": found, "opened by another": opened });
        self.checks.equal(check, bytes.len(), &expected, &seen);
        Ok(())
    }

    /// The stick goes back with the centre's word for what it holds.
    async fn stick_back(&mut self, file: &File, before: u64) -> Result<()> {
        let check = "custody-comes-back";
        let (hub, centre) = (self.town.at("hub1")?, self.town.at("centre")?);
        pack(centre, hub, file).await?;
        if !self.spoils(check) {
            unpack(hub, file).await?;
        }
        let after = waiting(hub, centre).await?;
        let expected = json!({ "unknown before": true, "unknown after": 0 });
        let seen = json!({ "unknown before": before > 0, "unknown after": after });
        self.checks.equal(check, 2, &expected, &seen);
        self.tell("demo-custody", &[("entries", before.into())]);
        Ok(())
    }
}

async fn pack(from: &Place, to: &Place, file: &File) -> Result<()> {
    let file = PathBuf::from(file).display().to_string();
    let packed = from.call(&CourierPack { to: to.node.clone(), file, whole: false }).await?;
    anyhow::ensure!(packed.written, "{} has nothing for {}", from.site, to.site);
    Ok(())
}

async fn unpack(at: &Place, file: &File) -> Result<FileEnd> {
    let file = PathBuf::from(file).display().to_string();
    Ok(at.call(&CourierUnpack { file }).await?.end)
}

/// How many entries of its own a node does not know another to hold.
async fn waiting(node: &Place, peer: &Place) -> Result<u64> {
    let peers = node.status().await?.peers;
    let row = peers.iter().find(|row| row.node == peer.node);
    Ok(row.context("no such peer")?.waiting_entries)
}
