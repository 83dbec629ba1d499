//! Somebody who has no hub telephones, while every link is cut.

use std::time::Instant;

use anyhow::{Context as _, Result};
use linli_node::api::{
    alerts::{AlertAct, AlertShow},
    calls::{CallList, CallNote},
    cards::ElderCard,
    care::ElderEdit,
};
use serde_json::{Value, json};

use super::{day::Day, inputs::BORROWER_PHONE, morning::acting};

/// What is on the caller's emergency card.
const ALLERGY: &str = "青霉素";

impl Day<'_> {
    /// The centre knows who calls, opens the card from what lies there, and a named person sees it through.
    pub(crate) async fn call(&mut self) -> Result<()> {
        let check = "caller-is-answered";
        let centre = self.town.at("centre")?;
        let caller = &self.inputs.west.rows.last().context("the register is empty")?.elder;
        let edit = ElderEdit {
            elder: caller.clone(),
            field: "card/allergies".to_owned(),
            value: ALLERGY.to_owned(),
            acting: None,
        };
        centre.call(&edit).await?;
        let begun = Instant::now();
        let number = (!self.spoils(check)).then(|| format!("+86 {BORROWER_PHONE}"));
        centre.call(&CallNote { number }).await?;
        let calls = centre.call(&CallList {}).await?;
        let elders = calls.pointer("/calls/0/elders").and_then(Value::as_array);
        let known: Vec<&str> =
            elders.into_iter().flatten().filter_map(|row| row.get("elder")?.as_str()).collect();
        let (mut card, mut alert) = (Value::Null, Value::Null);
        if let [elder] = known.as_slice() {
            let (elder, reason) = ((*elder).to_owned(), Some("call".to_owned()));
            let read = ElderCard { elder, reason, acting: acting("高主任") };
            let opened = centre.call(&read).await?;
            card = opened.cards.iter().map(Value::to_string).collect::<String>().into();
            alert = self.seen_through(opened.alert.context("no alert")?).await?;
        }
        let by_name = json!({ "stage": "resolved", "owner": "高主任" });
        let expected = json!({ "elders": [caller], "allergy": true, "alert": by_name });
        let allergy = card.as_str().is_some_and(|card| card.contains(ALLERGY));
        let seen = json!({ "elders": known, "allergy": allergy, "alert": alert });
        self.took("call-to-answer", begun);
        self.checks.equal(check, 3, &expected, &seen);
        self.tell("demo-called", &[]);
        Ok(())
    }

    /// Answers an alert by name to its end; returns what it came to.
    async fn seen_through(&self, alert: String) -> Result<Value> {
        let centre = self.town.at("centre")?;
        for act in ["ack", "respond", "resolve"] {
            let act = AlertAct {
                alert: alert.clone(),
                act: act.to_owned(),
                outcome: (act == "resolve").then(|| "helped".to_owned()),
                acting: acting("高主任"),
                ..AlertAct::default()
            };
            centre.call(&act).await?;
        }
        let shown = centre.call(&AlertShow { alert }).await?;
        let text = |pointer| shown.pointer(pointer).cloned().unwrap_or_default();
        Ok(json!({ "stage": text("/view/stage"), "owner": text("/view/owner/person/name") }))
    }
}
