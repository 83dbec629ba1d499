//! Step 3: the network is cut, and care goes on in every house by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use anyhow::{Context as _, Result};
use linli_model::{
    readings::Measure,
    time::{Offset, Timestamp},
};
use linli_node::api::{
    alerts::{AlertAnswer, AlertList, AlertRaise},
    care::{
        ElderAdd, ElderEdit, ElderShow, OfferList, OfferSign, OrderNew, ReadingAdd, ReadingAnswer,
    },
    grants::{ConsentRecord, KeysGrant},
    network::{Path, PersonAdd},
};
use serde_json::{Value, json};

use super::{
    day::Day,
    morning::{PIN, acting, now_ms},
    visit::ALONE,
    wait::until,
};

/// Three days and a glucose sensor: a virtual adult (see `NOTICE`).
const SENSOR: &str = include_str!("../../../crdt-model/data/cgm-virtual-adult-001.csv");
/// The glucose below which somebody is told, in mmol/L (ADA Standards of Care, level 1).
const LOW: f64 = 3.9;
/// The service a standing offer covers, and one that none does.
const OFFERED: &str = "daily.meal_delivery";
const NOT_OFFERED: &str = "daily.laundry";
/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// What both change alike, and what they change differently.
const ALIKE: (&str, &str) = ("address", "西安市莲湖区桃园路 8号楼 1单元 101");
const PHONE_AT_CENTRE: &str = "13911111111";
pub(crate) const PHONE_AT_PROVIDER: &str = "13922222222";

/// One value of the sensor.
struct Sample<'a> {
    at: Timestamp,
    value: &'a str,
}

fn samples() -> Result<Vec<Sample<'static>>> {
    let rows = SENSOR.lines().skip(1).filter(|line| !line.trim().is_empty());
    rows.map(|line| {
        let (time, value) = line.split_once(',').context("two columns")?;
        Ok(Sample { at: Timestamp::parse_local(time, Offset::CHINA)?, value: value.trim() })
    })
    .collect()
}

/// How often the sensor falls below the threshold.
fn crossings(samples: &[Sample<'_>]) -> Result<usize> {
    let (mut crossings, mut low) = (0, false);
    for sample in samples {
        let is_low = sample.value.parse::<f64>()? < LOW;
        crossings += usize::from(is_low && !low);
        low = is_low;
    }
    Ok(crossings)
}

impl Day<'_> {
    /// What is agreed while everybody is in reach.
    pub(crate) async fn agree(&mut self) -> Result<()> {
        let (centre, provider) = (self.town.at("centre")?, self.town.at("provider")?);
        let name = provider.name.context("the provider has a name")?;
        let ends_ms = now_ms().saturating_add(30 * DAY_MS);
        let service = if self.spoils("order-under-offer") { "daily.haircut" } else { OFFERED };
        let offer = OfferSign {
            provider: name.to_owned(),
            service: service.to_owned(),
            area: String::new(),
            ceiling_fen: 3_000,
            ends_ms,
            acting: acting("高主任"),
        };
        centre.call(&offer).await?;
        // By default a provider reads nothing of an elder's care: this neighbour at the hub agreed to
        // it. The hub shares the record, so it can take the provider's words when it comes by.
        let hub = self.town.at("hub1")?;
        let fields = BTreeMap::from([("name".to_owned(), "许春梅".to_owned())]);
        let elder = hub.call(&ElderAdd { fields, acting: None }).await?.elder;
        let consent = ConsentRecord {
            elder: elder.clone(),
            to: name.to_owned(),
            purpose: "visits".to_owned(),
            categories: vec!["care".to_owned()],
            obtained: "on_device".to_owned(),
            ends_ms: Some(ends_ms),
            acting: acting("许春梅"),
            ..ConsentRecord::default()
        };
        let (role, pin) = ("elder".to_owned(), PIN.to_owned());
        hub.call(&PersonAdd { name: "许春梅".to_owned(), role, pin, ..PersonAdd::default() })
            .await?;
        let consent = hub.call(&consent).await?.consent;
        let grant = KeysGrant {
            elder: elder.clone(),
            party: name.to_owned(),
            scope: "care".to_owned(),
            right: "write".to_owned(),
            purpose: "visits".to_owned(),
            consent: Some(consent),
            ..KeysGrant::default()
        };
        hub.call(&grant).await?;
        let wait = self.patience("order-under-offer");
        until("the offer to reach the hub", wait, async || {
            Ok((!hub.call(&OfferList {}).await?.is_empty()).then_some(()))
        })
        .await?;
        let show = ElderShow { elder: elder.clone() };
        for place in [provider, centre] {
            until("the profile to reach centre and provider", wait, async || {
                Ok(place.call(&show).await.ok().map(drop))
            })
            .await?;
        }
        self.shared = elder;
        self.tell("demo-agreed", &[]);
        Ok(())
    }

    /// Cuts every link, and does what must be possible without one.
    pub(crate) async fn offline(&mut self) -> Result<()> {
        self.agree().await?;
        self.town.lab.only(&ALONE)?;
        let cut = Instant::now();
        let (hub, centre) = (self.town.at("hub1")?, self.town.at("centre")?);
        for place in [hub, centre] {
            until("nodes to notice the cut", self.patience(""), async || {
                let peers = place.status().await?.peers;
                Ok(peers.iter().all(|peer| peer.path == Path::Away).then_some(()))
            })
            .await?;
        }
        self.took("notice-the-cut", cut);
        self.tell("demo-cut", &[]);
        self.order_offline().await?;
        self.edit_apart().await?;
        self.sensor().await?;
        self.button().await
    }

    /// A hub orders under a standing offer; without one it waits and says why.
    async fn order_offline(&mut self) -> Result<()> {
        let hub = self.town.at("hub1")?;
        let elder = self.own.get("hub1").context("no elder")?.clone();
        let ask = |service: &str| OrderNew {
            elder: elder.clone(),
            service: service.to_owned(),
            note: self.marker_note(),
            channel: "terminal".to_owned(),
            acting: None,
        };
        let (meal, laundry) = (ask(OFFERED), ask(NOT_OFFERED));
        let meal = hub.call(&meal).await?;
        let laundry = hub.call(&laundry).await?;
        let reason = laundry.waits.clone().unwrap_or_default();
        let expected = json!({ "offered": "offered", "other": "open", "reason": true });
        let seen = json!({
            "offered": meal.state, "other": laundry.state,
            "reason": reason.contains("standing offer"),
        });
        self.order = meal.order;
        self.checks.equal("order-under-offer", 2, &expected, &seen);
        self.tell("demo-ordered", &[("reason", reason.into())]);
        Ok(())
    }

    /// Centre and provider change the same profile: one field alike, one differently.
    async fn edit_apart(&mut self) -> Result<()> {
        let spoilt = self.spoils("one-field-two-values");
        for (site, phone) in [("centre", PHONE_AT_CENTRE), ("provider", PHONE_AT_PROVIDER)] {
            let phone = if spoilt { PHONE_AT_CENTRE } else { phone };
            for (field, value) in [ALIKE, ("phone", phone)] {
                let (field, value) = (field.to_owned(), value.to_owned());
                let edit = ElderEdit { elder: self.shared.clone(), field, value, acting: None };
                self.town.at(site)?.call(&edit).await?;
            }
        }
        self.tell("demo-edited", &[]);
        Ok(())
    }

    /// The sensor crosses the threshold three times: one alert.
    async fn sensor(&mut self) -> Result<()> {
        let mut samples = samples()?;
        let (count, crossings) = (samples.len(), crossings(&samples)?);
        if self.spoils("glucose-is-one-alert") {
            let later = samples.last().context("no samples")?.at.plus_ms(DAY_MS);
            samples.push(Sample { at: later, value: "3.1" });
        }
        let begun = Instant::now();
        let lines = samples.iter().map(|sample| self.glucose(sample)).collect::<Result<_>>()?;
        let hub = self.town.at("hub1")?;
        let answers: Vec<ReadingAnswer> = hub.device(&self.town.lab, "readings", lines).await?;
        self.took("sensor", begun);
        let new = answers.iter().filter(|answer| answer.new).count();
        let alerts = self.alerts("hub1", "reading").await?.len();
        let expected = json!({ "samples": count, "crossings": 3, "alerts": 1 });
        let seen = json!({ "samples": new, "crossings": crossings, "alerts": alerts });
        self.checks.equal("glucose-is-one-alert", count, &expected, &seen);
        self.tell("demo-glucose", &[("samples", new.into())]);
        Ok(())
    }

    /// A value as the sensor sends it.
    fn glucose(&self, sample: &Sample<'_>) -> Result<String> {
        let coding = Measure::Glucose.coding();
        Ok(serde_json::to_string(&ReadingAdd {
            elder: self.own.get("hub1").context("no elder")?.clone(),
            code: coding.loinc.to_owned(),
            value: sample.value.to_owned(),
            unit: coding.ucum.to_owned(),
            time_ms: sample.at.0,
            device: "cgm-1".to_owned(),
        })?)
    }

    /// A button is pressed: another alert.
    async fn button(&mut self) -> Result<()> {
        let hub = self.town.at("hub1")?;
        let elder = self.own.get("hub1").context("no elder")?.clone();
        let pressed_at = now_ms();
        let press = json!({ "elder": elder }).to_string();
        let answers: Vec<AlertAnswer> = hub.device(&self.town.lab, "button", vec![press]).await?;
        let answer = answers.into_iter().next().context("no answer")?;
        if self.spoils("button-is-another") {
            let kind = "fall".to_owned();
            hub.call(&AlertRaise { elder, kind, ..AlertRaise::default() }).await?;
        }
        self.pressed = Some(Instant::now());
        self.timeline.push(("button", pressed_at));
        let all = hub.call(&AlertList { all: true }).await?;
        let kinds: BTreeSet<&str> =
            all.iter().filter_map(|alert| alert.get("kind")?.as_str()).collect();
        let expected = json!({ "alerts": 2, "kinds": ["button", "reading"], "stored": true });
        let seen = json!({ "alerts": all.len(), "kinds": kinds, "stored": answer.stored });
        self.alert = answer.alert;
        self.checks.equal("button-is-another", 2, &expected, &seen);
        self.tell("demo-button", &[]);
        Ok(())
    }

    /// The alerts of a kind that a node shows.
    pub(crate) async fn alerts(&self, site: &str, kind: &str) -> Result<Vec<Value>> {
        let all = self.town.at(site)?.call(&AlertList { all: true }).await?;
        let is = |alert: &Value| alert.get("kind").and_then(Value::as_str) == Some(kind);
        Ok(all.into_iter().filter(is).collect())
    }

    /// After healing: exactly one field holds two values, with both authors.
    pub(crate) async fn conflict(&mut self) -> Result<()> {
        let check = "one-field-two-values";
        let expected = json!({
            "fields": ["phone"], "values": [PHONE_AT_CENTRE, PHONE_AT_PROVIDER],
            "authors": ["centre", "provider"], "alike": 1,
        });
        let mut seen = Value::Null;
        let centre = self.town.at("centre")?;
        let _ = until("both edits to meet", self.patience(check), async || {
            let shown = centre.call(&ElderShow { elder: self.shared.clone() }).await?;
            let profile = format!("/documents/{}~1profile/fields", self.shared);
            seen = conflicts(shown.pointer(&profile).unwrap_or(&Value::Null));
            Ok((seen == expected).then_some(()))
        })
        .await;
        self.checks.equal(check, 2, &expected, &seen);
        Ok(())
    }
}

/// Which fields of a profile hold several values, which, and by whom.
fn conflicts(fields: &Value) -> Value {
    let (mut names, mut values, mut authors) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let several = |field: &Value| field.get("values").and_then(Value::as_array).map_or(0, Vec::len);
    let empty = serde_json::Map::new();
    for (name, field) in fields.as_object().unwrap_or(&empty) {
        if several(field) < 2 {
            continue;
        }
        names.push(name.clone());
        for value in field.get("values").and_then(Value::as_array).into_iter().flatten() {
            values.extend(value.get("value").and_then(Value::as_str));
            let by = value.get("by").and_then(Value::as_array).into_iter().flatten();
            authors.extend(by.filter_map(|by| by.pointer("/author/kind")?.as_str()));
        }
    }
    let alike = fields.get(ALIKE.0).map_or(0, several);
    json!({ "fields": names, "values": values, "authors": authors, "alike": alike })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensor_crosses_the_threshold_three_times() {
        let samples = samples().unwrap();
        assert_eq!(samples.len(), 481);
        assert_eq!(crossings(&samples).unwrap(), 3);
    }

    #[test]
    fn a_field_with_two_values_is_found_with_its_authors() {
        let stated = |value: &str, kind: &str| json!({ "value": value, "by": [{ "author": { "kind": kind } }] });
        let fields = json!({
            "address": { "values": [stated("a", "centre")] },
            "phone": { "values": [stated("1", "centre"), stated("2", "provider")] },
        });
        let seen = conflicts(&fields);
        assert_eq!(
            seen,
            json!({ "fields": ["phone"], "values": ["1", "2"], "authors": ["centre", "provider"], "alike": 1 })
        );
    }
}
