//! Step 8: what the privacy officer does. A silent elder's card is opened, a carer leaves, an elder is
//! erased, and a stolen node is put out.

use std::time::Instant;

use anyhow::{Context as _, Result};
use linli_node::api::{
    alerts::AlertShow,
    cards::ElderCard,
    care::{ElderAdd, ElderEdit, ElderShow},
    erasure::{ErasureList, ErasureOrder},
    grants::{ConsentList, ConsentWithdraw, KeysRotate},
    network::Path,
    officers::Expel,
};
use serde_json::{Value, json};

use super::{day::Day, morning::acting, offline::PHONE_AT_PROVIDER, place::Place, wait::until};

/// What a rescuer must know of an elder who has no device.
const CARD: &str = "对青霉素过敏-5d20";
/// What is written after the carer has left, and after the node was stolen.
const AFTER_CARER: &str = "换了门锁-91ce";
const AFTER_THEFT: &str = "新的钥匙在邻居家-3b7f";

impl Day<'_> {
    /// Lives the step.
    pub(crate) async fn keys(&mut self) -> Result<()> {
        self.tell("demo-keys", &[]);
        let silent = self.silent_card().await?;
        self.carer_leaves().await?;
        self.erased(&silent).await?;
        self.stolen().await
    }

    /// Somebody calls for an elder without a hub: the duty desk opens the card with every other node
    /// out of reach, and an alert says so. Returns the elder.
    async fn silent_card(&mut self) -> Result<String> {
        let check = "silent-card-opens";
        let centre = self.town.at("centre")?;
        let fields = [("name".to_owned(), "孙静波".to_owned())].into();
        let elder = centre.call(&ElderAdd { fields, acting: None }).await?.elder;
        if !self.spoils(check) {
            let (field, value) = ("card/allergies".to_owned(), CARD.to_owned());
            let edit = ElderEdit { elder: elder.clone(), field, value, acting: None };
            centre.call(&edit).await?;
        }
        self.town.lab.only(&[&["centre"]])?;
        let asked = Instant::now();
        let reason = Some("call".to_owned());
        let card = ElderCard { elder: elder.clone(), reason, acting: acting("高主任") };
        let opened = centre.call(&card).await;
        self.took("silent-card", asked);
        let centre = self.town.at("centre")?;
        let (mut shows, mut by) = (false, Value::Null);
        if let Ok(opened) = opened {
            shows = opened.raised && json!(opened.cards).to_string().contains(CARD);
            let alert = opened.alert.context("no alert")?;
            let shown = centre.call(&AlertShow { alert }).await?;
            let name = shown.pointer("/view/card/read_by/0/author/person/name");
            by = name.cloned().unwrap_or_default();
        }
        self.town.lab.together()?;
        let expected = json!({ "card and alert": true, "read by": "高主任" });
        let seen = json!({ "card and alert": shows, "read by": by });
        self.checks.equal(check, 2, &expected, &seen);
        self.tell("demo-silent-card", &[]);
        Ok(elder)
    }

    /// An elder takes a consent back: what is written from then on is closed to the provider.
    async fn carer_leaves(&mut self) -> Result<()> {
        let check = "carer-reads-nothing-new";
        let wait = self.patience(check);
        let (hub, centre, provider) =
            (self.town.at("hub1")?, self.town.at("centre")?, self.town.at("provider")?);
        let elder = self.shared.clone();
        let withheld = provider.status().await?.entries_withheld;
        if !self.spoils(check) {
            let list = ConsentList { elder: elder.clone(), all: false };
            let consents = hub.call(&list).await?;
            let consent = consents.first().context("no consent")?.consent.clone();
            let withdraw = ConsentWithdraw {
                elder: elder.clone(),
                consent,
                guardian: None,
                note: None,
                acting: acting("许春梅"),
            };
            hub.call(&withdraw).await?;
        }
        let (field, value) = ("note".to_owned(), AFTER_CARER.to_owned());
        hub.call(&ElderEdit { elder: elder.clone(), field, value, acting: None }).await?;
        until("the note at the centre", wait, async || {
            Ok(self.shows("centre", &elder, AFTER_CARER).await.then_some(()))
        })
        .await?;
        // It comes to the provider too, which cannot open it.
        let _ = until("the note at the provider", wait, async || {
            Ok((provider.status().await?.entries_withheld > withheld).then_some(()))
        })
        .await;
        let came = provider.status().await?.entries_withheld > withheld;
        let centre_reads = centre.call(&ElderShow { elder: elder.clone() }).await.is_ok();
        let expected = json!({ "came": true, "new": false, "what it had": true, "centre": true });
        let seen = json!({
            "came": came, "centre": centre_reads,
            "new": self.shows("provider", &elder, AFTER_CARER).await,
            "what it had": self.shows("provider", &elder, PHONE_AT_PROVIDER).await,
        });
        self.checks.equal(check, 4, &expected, &seen);
        self.tell("demo-carer-left", &[]);
        Ok(())
    }

    /// An elder is erased everywhere, and every node that may hold something confirms it.
    async fn erased(&mut self, elder: &str) -> Result<()> {
        let check = "erasure-is-proved";
        if self.spoils(check) {
            self.town.lab.cut("relay")?;
        }
        let centre = self.town.at("centre")?;
        let order = ErasureOrder {
            elder: elder.to_owned(),
            scope: "all".to_owned(),
            reason: "moved away".to_owned(),
            dry_run: false,
            acting: acting("高主任"),
        };
        let spaces = centre.call(&order).await?.spaces.len();
        let (mut confirmed, mut waiting) = (0, usize::MAX);
        let _ = until("everybody to confirm", self.patience(check), async || {
            let rows = centre.call(&ErasureList {}).await?;
            confirmed = rows.iter().map(|row| row.confirmed.len()).sum();
            waiting = rows.iter().map(|row| row.unconfirmed.as_ref().map_or(0, Vec::len)).sum();
            Ok((rows.len() == spaces && waiting == 0).then_some(()))
        })
        .await;
        let mut shown = 0;
        for site in ["centre", "station", "hub1"] {
            shown += usize::from(self.shows(site, elder, elder).await);
        }
        self.town.lab.heal("relay")?;
        let expected = json!({ "not confirmed": 0, "shown": 0 });
        let seen = json!({ "not confirmed": waiting, "shown": shown });
        self.checks.equal(check, confirmed, &expected, &seen);
        self.tell("demo-erased", &[("nodes", confirmed.into())]);
        Ok(())
    }

    /// The station's machine is stolen: it is put out, and what it could read gets new keys.
    async fn stolen(&mut self) -> Result<()> {
        let check = "stolen-node-is-shut-out";
        let wait = self.patience(check);
        let elder = self.measured.first().context("nobody was measured")?.clone();
        let station = self.town.at("station")?.node.clone();
        let centre = self.town.at("centre")?;
        let mut rotated = 0;
        if !self.spoils(check) {
            let officer_passphrase = Some(Place::officer_passphrase());
            centre.call(&Expel { subject: station.clone(), officer_passphrase }).await?;
            let begun = Instant::now();
            let mut after = None;
            loop {
                let rotate = KeysRotate { expelled: true, after, ..KeysRotate::default() };
                let done = centre.call(&rotate).await?;
                rotated += done.rotated;
                after = done.next;
                if after.is_none() {
                    break;
                }
            }
            self.took("rotate", begun);
        }
        let (field, value) = ("note".to_owned(), AFTER_THEFT.to_owned());
        let centre = self.town.at("centre")?;
        centre.call(&ElderEdit { elder: elder.clone(), field, value, acting: None }).await?;
        let is_out = async || -> Result<bool> {
            let peers = centre.status().await?.peers;
            Ok(peers.iter().all(|peer| peer.node != station || peer.path == Path::Away))
        };
        let _ = until("the station to be out or to read", wait, async || {
            let reads = self.shows("station", &elder, AFTER_THEFT).await;
            Ok((is_out().await? || reads).then_some(()))
        })
        .await;
        let expected = json!({ "out": true, "rotated": true, "new": false, "what it had": true });
        let seen = json!({
            "out": is_out().await?, "rotated": rotated > 0,
            "new": self.shows("station", &elder, AFTER_THEFT).await,
            "what it had": self.shows("station", &elder, &elder).await,
        });
        self.checks.equal(check, 4, &expected, &seen);
        self.tell("demo-stolen", &[("spaces", rotated.into())]);
        Ok(())
    }

    /// Whether a node shows an elder with this text.
    pub(crate) async fn shows(&self, site: &str, elder: &str, text: &str) -> bool {
        let show = ElderShow { elder: elder.to_owned() };
        let Ok(place) = self.town.at(site) else { return false };
        place.call(&show).await.is_ok_and(|shown| shown.to_string().contains(text))
    }
}
