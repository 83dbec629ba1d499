//! Step 5: the provider arrives at one house. Only that link comes back.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use linli_node::api::{
    alerts::{AlertAct, AlertShow},
    care::{ElderEdit, OrderAct, OrderAnswer, OrderShow},
    network::{Leave, Path, PersonAdd},
};
use serde_json::{Value, json};

use super::{day::Day, morning::acting, wait::until};

/// How long after a press the siren sounds, where nobody has taken care (the default ladder).
const SIREN: Duration = Duration::from_secs(60);
/// Everybody for themselves.
pub(crate) const ALONE: [&[&str]; 6] =
    [&["hub1"], &["hub2"], &["centre"], &["station"], &["provider"], &["relay"]];
/// The provider at the door.
const VISIT: [&[&str]; 5] =
    [&["hub1", "provider"], &["hub2"], &["centre"], &["station"], &["relay"]];

impl Day<'_> {
    /// The provider visits a hub.
    pub(crate) async fn visit(&mut self) -> Result<()> {
        self.tell("demo-visit", &[]);
        let begun = Instant::now();
        self.town.lab.only(&VISIT)?;
        let provider = self.town.at("provider")?;
        let wait = self.patience("order-is-done");
        until("the order to reach the provider", wait, async || {
            let show = OrderShow { order: self.order.clone() };
            Ok(provider.call(&show).await.ok().map(drop))
        })
        .await?;
        self.took("order-reaches-provider", begun);
        self.act_on_order("provider", "accept").await?;
        until("the hub to confirm", wait, async || {
            Ok((self.stage("provider").await? == "confirmed").then_some(()))
        })
        .await?;
        self.tell("demo-confirmed", &[]);
        self.act_on_order("provider", "start").await?;
        // The way out of the door: the last word is written where the hub is out of reach.
        self.town.lab.only(&ALONE)?;
        until("the hub to be out of reach", wait, async || {
            let peers = self.town.at("provider")?.status().await?.peers;
            Ok(peers.iter().all(|peer| peer.path == Path::Away).then_some(()))
        })
        .await?;
        if self.spoils("order-is-done") {
            let (field, value) = ("note".to_owned(), "something else".to_owned());
            let edit = ElderEdit { elder: self.shared.clone(), field, value, acting: None };
            self.town.at("provider")?.call(&edit).await?;
        } else {
            self.act_on_order("provider", "done").await?;
        }
        self.leaves().await?;
        let expected = "done".to_owned();
        let _ = until("the hub to hear that it is done", wait, async || {
            Ok((self.stage("hub1").await? == expected).then_some(()))
        })
        .await;
        let (stage, holder) = self.held("hub1").await?;
        let party = self.town.at("provider")?.status().await?.party;
        let expected = json!({ "stage": "done", "holder": party });
        self.checks.equal(
            "order-is-done",
            2,
            &expected,
            &json!({ "stage": stage, "holder": holder }),
        );
        Ok(())
    }

    /// The provider is told "not yet" while it alone holds what it wrote, and then that it may leave.
    async fn leaves(&mut self) -> Result<()> {
        let check = "leaves-when-held";
        let provider = self.town.at("provider")?;
        let before = provider.call(&Leave { copies: 1 }).await?;
        self.tell("demo-not-yet", &[("entries", before.waiting_entries.into())]);
        if !self.spoils(check) {
            self.town.lab.only(&VISIT)?;
        }
        let told = until("the provider's words to be held", self.patience(check), async || {
            Ok(provider.call(&Leave { copies: 1 }).await?.may_leave.then_some(()))
        });
        let after = told.await.is_ok();
        self.town.lab.only(&VISIT)?;
        let expected = json!({ "before": false, "waiting": true, "after": true });
        let seen = json!({
            "before": before.may_leave, "waiting": before.waiting_entries > 0,
            "after": after,
        });
        let compared = usize::try_from(before.waiting_entries)?;
        self.checks.equal(check, compared, &expected, &seen);
        if after {
            self.tell("demo-may-leave", &[]);
        }
        Ok(())
    }

    /// The hub climbs its ladder alone, as long as nobody takes care.
    pub(crate) async fn ladder(&mut self) -> Result<()> {
        let check = "ladder-climbs-alone";
        let hub = self.town.at("hub1")?;
        if self.spoils(check) {
            let (name, role, pin) = ("小周".to_owned(), "family".to_owned(), "2468".to_owned());
            hub.call(&PersonAdd { name, role, pin, ..PersonAdd::default() }).await?;
            let (alert, act) = (self.alert.clone(), "ack".to_owned());
            hub.call(&AlertAct { alert, act, acting: acting("小周"), ..AlertAct::default() })
                .await?;
        }
        let pressed = self.pressed.context("nobody pressed the button")?;
        let left = SIREN.saturating_sub(pressed.elapsed());
        self.tell("demo-ladder", &[("seconds", left.as_secs().into())]);
        let show = AlertShow { alert: self.alert.clone() };
        let mut steps = 0;
        let wait = left + Duration::from_secs(10);
        let _ = until("the ladder", wait, async || {
            let shown = hub.call(&show).await?;
            steps = shown.get("steps").and_then(Value::as_u64).unwrap_or(0);
            Ok((steps >= 2).then_some(()))
        })
        .await;
        let reached: BTreeSet<String> = hub
            .status()
            .await?
            .peers
            .into_iter()
            .filter(|peer| peer.kind == "centre" && peer.path != Path::Away)
            .map(|peer| peer.label)
            .collect();
        let expected = json!({ "steps": 2, "centre in reach": false });
        let seen = json!({ "steps": steps.min(2), "centre in reach": !reached.is_empty() });
        self.checks.equal(check, 2, &expected, &seen);
        Ok(())
    }

    /// Does something with the meal's order.
    pub(crate) async fn act_on_order(&self, site: &str, act: &str) -> Result<OrderAnswer> {
        let is_callback = act == "callback";
        let request = OrderAct {
            order: self.order.clone(),
            act: act.to_owned(),
            provider: None,
            rating: is_callback.then_some(5),
            note: None,
            acting: if is_callback { acting("高主任") } else { None },
        };
        self.town.at(site)?.call(&request).await
    }

    /// How far the meal's order is, as a node shows it; empty where it has not got it.
    pub(crate) async fn stage(&self, site: &str) -> Result<String> {
        Ok(self.held(site).await?.0)
    }

    async fn held(&self, site: &str) -> Result<(String, String)> {
        let show = OrderShow { order: self.order.clone() };
        let Ok(shown) = self.town.at(site)?.call(&show).await else {
            return Ok((String::new(), String::new()));
        };
        let text = |pointer: &str| {
            shown.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Ok((text("/stage"), text("/holder/provider")))
    }
}
