//! Step 10: the relay's machine is lost with all it held. Another takes its place, and the nodes fill it.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use linli_node::api::{care::ElderEdit, network::Path};
use serde_json::json;

use super::{day::Day, wait::until};

/// What the far hub writes while there is no relay.
const WHILE_GONE: &str = "阳台的花已浇-46ad";
/// The nodes that fill the new relay.
const FILLING: [&str; 4] = ["centre", "provider", "hub1", "hub2"];

impl Day<'_> {
    /// Lives the step.
    pub(crate) async fn relay_lost(&mut self) -> Result<()> {
        let check = "wiped-relay-is-refilled";
        let wait = self.patience(check);
        self.tell("demo-relay-lost", &[]);
        let begun = Instant::now();
        self.town.replace("relay").await?;
        let elder = self.own.get("hub2").context("no elder")?.clone();
        let (field, value) = ("note".to_owned(), WHILE_GONE.to_owned());
        let edit = ElderEdit { elder: elder.clone(), field, value, acting: None };
        self.town.at("hub2")?.call(&edit).await?;
        if !self.spoils(check) {
            let (lab, relay) = self.town.at_mut("relay")?;
            relay.start(lab).await?;
        }
        let mut lacks = BTreeMap::new();
        let _ = until("the relay to be filled", wait, async || {
            lacks.clear();
            for site in FILLING {
                lacks.insert(site, self.not_at_relay(site).await?);
            }
            Ok(lacks.values().all(|lacks| *lacks == Some(0)).then_some(()))
        })
        .await;
        let _ = until("the far hub's note", wait, async || {
            Ok(self.shows("centre", &elder, WHILE_GONE).await.then_some(()))
        })
        .await;
        self.took("refill", begun);
        let none: BTreeMap<_, _> = FILLING.iter().map(|site| (site, 0)).collect();
        let expected = json!({ "lacks": none, "written meanwhile": true });
        let came = self.shows("centre", &elder, WHILE_GONE).await;
        let seen = json!({ "lacks": lacks, "written meanwhile": came });
        self.checks.equal(check, FILLING.len() + 1, &expected, &seen);
        self.tell("demo-relay-refilled", &[]);
        Ok(())
    }

    /// How many entries a node knows that the relay lacks; none before they have compared all.
    async fn not_at_relay(&self, site: &str) -> Result<Option<u64>> {
        let relay = &self.town.at("relay")?.node;
        let peers = self.town.at(site)?.status().await?.peers;
        let row = peers.iter().find(|peer| peer.node == *relay && peer.path != Path::Away);
        Ok(row.filter(|peer| peer.synced).map(|peer| peer.waiting_entries))
    }
}
