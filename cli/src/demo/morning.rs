//! The morning: devices are enrolled, registers are imported and joined, and nodes find each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use linli_node::api::{
    Acting,
    care::{
        ElderAdd, ElderEdit, ElderImport, ElderList, ImportAnswer, JoinAnswer, JoinDecide,
        JoinList, ReadingAdd,
    },
    grants::{ConsentRecord, KeysGrant},
    network::{Documents, Path, PersonAdd},
};
use serde_json::json;

use super::{
    day::Day,
    inputs::{Pair, pair},
    lab::Ground,
    markers::{ELDER, FAR_ELDER},
    wait::until,
};

/// The PIN of every person of the neighbourhood.
pub(crate) const PIN: &str = "2468";
/// How long a whole register may take to reach another node.
const REPLICATES: Duration = Duration::from_secs(150);
/// What the station measures of each elder: LOINC code, value and UCUM unit.
const MEASURED: [(&str, &str, &str); 3] =
    [("8867-4", "74", "/min"), ("2708-6", "97", "%"), ("8310-5", "36.5", "Cel")];
/// How many elders the station measures.
const MEASURES: usize = 3;
/// The places on one segment, which find each other without a relay.
const LAN: [&str; 4] = ["centre", "station", "provider", "hub1"];

/// The present, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A person who acts with the neighbourhood's PIN.
pub(crate) fn acting(person: &str) -> Option<Acting> {
    Some(Acting { person: person.to_owned(), pin: PIN.to_owned(), seat: None })
}

impl Day<'_> {
    /// Proves the network, and enrols every device by an invitation.
    pub(crate) async fn set_up(&mut self) -> Result<()> {
        match &self.town.ground {
            Ground::Namespaces => self.tell("demo-network", &[]),
            Ground::Forwarder(why) => {
                self.tell("demo-forwarders", &[("why", why.to_string().into())]);
            }
        }
        if self.spoils("network-is-cut-off") {
            self.town.lab.cut("centre")?;
        }
        let tested = self.town.lab.self_test().map_err(|error| format!("{error:#}"));
        self.town.lab.heal("centre")?;
        self.checks.equal("network-is-cut-off", 3, &Ok(()), &tested);
        self.tell("demo-enrols", &[]);
        let begun = Instant::now();
        self.town.init()?;
        self.town.found().await?;
        let (mut agreed, mut compared) = (0_usize, 0);
        for site in ["station", "provider", "relay", "hub1", "hub2"] {
            let misread = self.spoils("numbers-agree") && site == "hub1";
            let same = |there: &str, here: &str| there == here && !misread;
            let enrolled = self.town.enrol(site, same).await;
            compared += 1;
            let Ok((there, here)) = enrolled else {
                self.checks.equal("numbers-agree", compared, &5, &agreed);
                return enrolled.map(drop);
            };
            agreed += usize::from(there == here);
            self.tell("demo-enrolled", &[("site", site.into()), ("number", there.into())]);
        }
        self.checks.equal("numbers-agree", compared, &5, &agreed);
        self.town.settle().await?;
        self.took("enrol", begun);
        for (site, name, role) in
            [("centre", "高主任", "operator"), ("centre", "文员小陈", "clerk")]
        {
            let (name, role, pin) = (name.to_owned(), role.to_owned(), PIN.to_owned());
            self.town
                .at(site)?
                .call(&PersonAdd { name, role, pin, ..PersonAdd::default() })
                .await?;
        }
        Ok(())
    }

    /// Step 1: registers are imported on two nodes, replicated, and joined.
    pub(crate) async fn registers(&mut self) -> Result<()> {
        self.tell("demo-imports", &[]);
        let begun = Instant::now();
        if self.spoils("rows-become-elders") {
            drop_a_row(&self.inputs.west.path)?;
        }
        let import = |path: &std::path::Path| ElderImport {
            path: path.display().to_string(),
            dry_run: false,
            acting: None,
        };
        let (north, west) = (import(&self.inputs.north.path), import(&self.inputs.west.path));
        let (station, centre) = (self.town.at("station")?, self.town.at("centre")?);
        let (north, west) = tokio::try_join!(station.call(&north), centre.call(&west))?;
        self.took("import", begun);
        let (rows, refused) = (north.rows + west.rows, refused(&north) + refused(&west));
        self.tell("demo-imported", &[("rows", rows.into()), ("refused", refused.into())]);
        self.rows(refused).await?;
        self.took("import-and-replicate", begun);
        self.measures().await?;
        self.joins().await
    }

    /// Every row is an elder at both nodes, or refused and listed.
    async fn rows(&mut self, refused: u64) -> Result<()> {
        let expected = self.inputs.elders();
        let total = self.inputs.north.refused + self.inputs.west.refused;
        let patience = if self.spoils("rows-become-elders") {
            self.patience("rows-become-elders")
        } else {
            REPLICATES
        };
        let mut seen = BTreeMap::new();
        for site in ["centre", "station"] {
            let place = self.town.at(site)?;
            let wanted = u64::try_from(expected.len())?;
            let whole = until("the registers to replicate", patience, async || {
                let page = ElderList { find: None, offset: 0, limit: 1 };
                Ok((place.call(&page).await?.total >= wanted).then_some(()))
            });
            let arrived = whole.await.is_ok();
            let elders = self.elders_at(site).await?;
            let missing = expected.difference(&elders).count();
            let strange = elders.difference(&expected).count();
            seen.insert(
                site,
                json!({ "missing": missing, "strange": strange, "elders": elders.len() }),
            );
            if !arrived {
                break;
            }
        }
        let one = json!({ "missing": 0, "strange": 0, "elders": expected.len() });
        let wanted = json!({ "refused": total, "centre": one, "station": one });
        let seen = json!({ "refused": refused, "centre": seen.get("centre"), "station": seen.get("station") });
        self.checks.equal("rows-become-elders", expected.len(), &wanted, &seen);
        Ok(())
    }

    /// Every elder a node lists.
    async fn elders_at(&self, site: &str) -> Result<BTreeSet<String>> {
        let mut elders = BTreeSet::new();
        loop {
            let offset = u64::try_from(elders.len())?;
            let page = ElderList { find: None, offset, limit: 1_000 };
            let page = self.town.at(site)?.call(&page).await?;
            let before = elders.len();
            elders.extend(page.elders.into_iter().map(|row| row.elder));
            if elders.len() == before {
                return Ok(elders);
            }
        }
    }

    /// The station measures three elders.
    async fn measures(&mut self) -> Result<()> {
        let elders: Vec<String> =
            self.inputs.single().take(MEASURES).map(|row| row.elder.clone()).collect();
        for elder in &elders {
            for (code, value, unit) in MEASURED {
                let reading = ReadingAdd {
                    elder: elder.clone(),
                    code: code.to_owned(),
                    value: value.to_owned(),
                    unit: unit.to_owned(),
                    time_ms: now_ms(),
                    device: "station-desk".to_owned(),
                };
                self.town.at("station")?.call(&reading).await?;
            }
        }
        self.measured = elders;
        self.tell("demo-measured", &[("elders", self.measured.len().into())]);
        Ok(())
    }

    /// Rows with one number are one person, or wait for a clerk.
    async fn joins(&mut self) -> Result<()> {
        let centre = self.town.at("centre")?;
        if self.spoils("ids-are-joined") {
            let (elder, _) = self
                .inputs
                .pairs
                .difference(&self.inputs.doubtful)
                .next()
                .context("no pair")?
                .clone();
            let (field, value) = ("national_id".to_owned(), String::new());
            centre.call(&ElderEdit { elder, field, value, acting: None }).await?;
        }
        if self.spoils("borrowed-ids-wait") {
            let (left, right) = self.inputs.borrowed.first().context("nobody borrows")?.clone();
            let acting = acting("文员小陈");
            centre.call(&JoinDecide { left, right, same: true, acting }).await?;
        }
        let answer = centre.call(&JoinList {}).await?;
        let (joined, waiting) = joined_and_waiting(&answer);
        let inputs = &self.inputs;
        let certain: BTreeSet<Pair> = inputs.pairs.difference(&inputs.doubtful).cloned().collect();
        let expected = json!({ "pairs": inputs.pairs.len(), "joined": certain.len(), "waiting": inputs.doubtful.len(), "strange": 0 });
        let found = |of: &BTreeSet<Pair>, among: &BTreeSet<Pair>| of.intersection(among).count();
        let borrowed = &inputs.borrowed;
        let others: BTreeSet<Pair> = inputs.doubtful.difference(borrowed).cloned().collect();
        let known: BTreeSet<Pair> = joined.union(&waiting).cloned().collect();
        let strange = known.difference(&inputs.pairs).count();
        // The borrowed ids have a check of their own.
        let waits = found(&others, &waiting) + borrowed.len();
        let pairs = found(&certain, &known) + found(&others, &known) + borrowed.len();
        let seen = json!({ "pairs": pairs, "joined": found(&certain, &joined), "waiting": waits, "strange": strange });
        self.checks.equal("ids-are-joined", inputs.pairs.len(), &expected, &seen);
        let seen = (found(borrowed, &waiting), found(borrowed, &joined));
        self.checks.equal("borrowed-ids-wait", borrowed.len(), &(2, 0), &seen);
        let arguments = [("joined", joined.len().into()), ("waiting", waiting.len().into())];
        self.tell("demo-joined", &arguments);
        Ok(())
    }

    /// Step 2: nodes find each other, the far hub through the relay, and each reads what it may.
    pub(crate) async fn discovery(&mut self) -> Result<()> {
        self.tell("demo-finds", &[]);
        for (site, name) in [("hub1", ELDER), ("hub2", FAR_ELDER)] {
            let fields = [("name", name), ("phone", "13900000003"), ("address", "桃园路 1号楼")];
            let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            let answer = self.town.at(site)?.call(&ElderAdd { fields, acting: None }).await?;
            self.own.insert(site, answer.elder);
        }
        self.neighbours().await?;
        self.relayed().await?;
        self.readable().await
    }

    async fn neighbours(&mut self) -> Result<()> {
        let check = "neighbours-find-each-other";
        if self.spoils(check) {
            self.town.lab.cut("provider")?;
        }
        let begun = Instant::now();
        let patience =
            if self.spoils(check) { Duration::from_secs(45) } else { self.patience(check) };
        let wanted = if self.spoils(check) {
            LAN.len() * (LAN.len() - 2)
        } else {
            LAN.len() * (LAN.len() - 1)
        };
        let _ = until("nodes to find each other", patience, async || {
            Ok((self.direct().await? == wanted).then_some(()))
        })
        .await;
        let seen = self.direct().await?;
        self.took("find-each-other", begun);
        let expected = LAN.len() * (LAN.len() - 1);
        self.checks.equal(check, expected, &expected, &seen);
        self.town.lab.heal("provider")
    }

    /// How many of the neighbours see each other without a relay.
    async fn direct(&self) -> Result<usize> {
        let mut direct = 0;
        for site in LAN {
            let status = self.town.at(site)?.status().await?;
            let found = |row: &&linli_node::api::network::PeerRow| {
                LAN.contains(&row.label.as_str()) && row.path == Path::Direct
            };
            direct += status.peers.iter().filter(found).count();
        }
        Ok(direct)
    }

    /// The far hub converges with the centre through the relay.
    async fn relayed(&mut self) -> Result<()> {
        let check = "far-hub-through-relay";
        if self.spoils(check) {
            self.town.lab.cut("relay")?;
            let fields = [("name".to_owned(), "贺晚来".to_owned())].into();
            let late = self.town.at("hub2")?.call(&ElderAdd { fields, acting: None }).await?;
            self.own.insert("hub2", late.elder);
        }
        let profile = format!("{}/profile", self.own.get("hub2").context("no elder")?);
        let (centre, hub2) = (self.town.at("centre")?, self.town.at("hub2")?);
        let look = async || {
            let path = |status: linli_node::api::network::StatusAnswer, label: &str| {
                status.peers.into_iter().find(|row| row.label == label).map(|row| row.path)
            };
            let paths =
                (path(centre.status().await?, "hub2"), path(hub2.status().await?, "centre"));
            let mut heads = Vec::new();
            for place in [centre, hub2] {
                let documents = place.call(&Documents { readable: true }).await?;
                let found = documents.into_iter().find(|d| d.name.as_deref() == Some(&profile));
                heads.push(found.and_then(|document| document.heads));
            }
            let same = matches!(heads.as_slice(), [Some(a), Some(b)] if a == b && !a.is_empty());
            anyhow::Ok((paths.0, paths.1, same))
        };
        let expected = (Some(Path::Relayed), Some(Path::Relayed), true);
        let _ = until("the far hub to converge", self.patience(check), async || {
            Ok((look().await? == expected).then_some(()))
        })
        .await;
        let seen = look().await?;
        self.checks.equal(check, 3, &expected, &seen);
        self.town.lab.heal("relay")
    }

    /// Each node shows exactly the documents it may read.
    async fn readable(&mut self) -> Result<()> {
        let check = "readable-is-exact";
        let elder = self.own.get("hub1").context("no elder")?.clone();
        if self.spoils(check) {
            let provider = self.town.at("provider")?.status().await?.party;
            let (name, role, pin) = ("小吴".to_owned(), "family".to_owned(), PIN.to_owned());
            let hub = self.town.at("hub1")?;
            hub.call(&PersonAdd { name, role, pin, ..PersonAdd::default() }).await?;
            let (purpose, ends_ms) =
                ("a mistake".to_owned(), Some(now_ms().saturating_add(60 * 60 * 1_000)));
            let consent = ConsentRecord {
                elder: elder.clone(),
                to: provider.clone(),
                purpose: purpose.clone(),
                categories: vec!["care".to_owned()],
                obtained: "on_device".to_owned(),
                ends_ms,
                acting: acting("小吴"),
                ..ConsentRecord::default()
            };
            hub.call(&consent).await?;
            let grant = KeysGrant {
                elder,
                party: provider,
                scope: "care".to_owned(),
                right: "read".to_owned(),
                purpose,
                ..KeysGrant::default()
            };
            hub.call(&grant).await?;
        }
        let expected = self.may_read()?;
        let mut seen = BTreeMap::new();
        let _ = until("readable documents to arrive", self.patience(check), async || {
            seen = self.reads().await?;
            Ok((seen == expected).then_some(()))
        })
        .await;
        let compared = expected.values().map(BTreeSet::len).sum();
        let count =
            |of: &BTreeMap<&'static str, BTreeSet<String>>| -> BTreeMap<&'static str, usize> {
                of.iter().map(|(site, names)| (*site, names.len())).collect()
            };
        self.checks.note(check, compared, seen == expected, &count(&expected), &count(&seen));
        let carried = self.town.at("provider")?.status().await?.entries_carried;
        self.tell("demo-carries", &[("entries", carried.into())]);
        Ok(())
    }

    /// The names of the documents each node may read.
    fn may_read(&self) -> Result<BTreeMap<&'static str, BTreeSet<String>>> {
        let profile = |elder: &String| format!("{elder}/profile");
        let month = linli_model::time::Month::of(linli_model::time::Timestamp(now_ms()))?;
        let own = |site: &str| self.own.get(site).map(profile).into_iter().collect::<BTreeSet<_>>();
        let mut care: BTreeSet<String> = self.inputs.elders().iter().map(profile).collect();
        care.extend(own("hub1"));
        care.extend(own("hub2"));
        care.extend(self.measured.iter().map(|elder| format!("{elder}/readings/{month}")));
        Ok(BTreeMap::from([
            ("centre", care.clone()),
            ("station", care),
            ("provider", BTreeSet::new()),
            ("hub1", own("hub1")),
            ("hub2", own("hub2")),
        ]))
    }

    /// The names of the documents each node shows.
    async fn reads(&self) -> Result<BTreeMap<&'static str, BTreeSet<String>>> {
        let mut reads = BTreeMap::new();
        for place in self.town.places.iter().filter(|place| place.kind != "carrier") {
            let documents = place.call(&Documents { readable: true }).await?;
            let named = documents.into_iter().filter(|document| document.entries > 0);
            reads.insert(place.site, named.filter_map(|document| document.name).collect());
        }
        Ok(reads)
    }
}

fn refused(answer: &ImportAnswer) -> u64 {
    u64::try_from(answer.refused.len()).unwrap_or(u64::MAX)
}

/// Takes the last row but one out of a register.
fn drop_a_row(path: &std::path::Path) -> Result<()> {
    let bytes = std::fs::read(path)?;
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    lines.remove(lines.len().saturating_sub(2));
    Ok(std::fs::write(path, lines.concat())?)
}

/// The pairs of elders that are joined and that wait.
fn joined_and_waiting(answer: &JoinAnswer) -> (BTreeSet<Pair>, BTreeSet<Pair>) {
    let mut joined = BTreeSet::new();
    for group in &answer.joined {
        for (at, one) in group.iter().enumerate() {
            joined.extend(group.iter().skip(at + 1).map(|other| pair(one, other)));
        }
    }
    let waiting = answer.waiting.iter().filter(|(_, _, reasons)| !reasons.is_empty());
    (joined, waiting.map(|(a, b, _)| pair(a, b)).collect())
}
