//! The neighbourhood: who lives where, how the devices are set up and how they are brought home.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use linli_node::api::network::{Invite, InviteConfirm, InvitePhase, InviteState};

use super::{
    lab::{Ground, Lab, Running, Site},
    place::Place,
    wait::until,
};

/// The UDP port of every node.
const PORT: u16 = 4_400;
/// The TCP port where a hub's sensors and buttons speak to it.
const DEVICE_PORT: u16 = 4_480;
/// The TCP port of the relay.
pub(crate) const RELAY_PORT: u16 = 3_340;
/// How long enrolling one device may take.
const ENROL: Duration = Duration::from_secs(60);

/// The name of the community.
const COMMUNITY: &str = "桃园路社区";
/// Where devices are set up before they are brought home.
const DESK: &str = "desk";
/// Every place with its segments. The far hub is on a segment of its own: only the relay is on both.
const SITES: [(&str, &[&str]); 7] = [
    ("centre", &["lan"]),
    ("station", &["lan"]),
    ("provider", &["lan"]),
    ("hub1", &["lan"]),
    ("relay", &["lan", "far"]),
    ("hub2", &["far"]),
    (DESK, &["lan"]),
];

/// The neighbourhood.
#[derive(Debug)]
pub(crate) struct Town {
    /// The network.
    pub(crate) lab: Lab,
    /// What the network stands on.
    pub(crate) ground: Ground,
    /// The nodes, the centre first.
    pub(crate) places: Vec<Place>,
    /// Where everything is kept; removed at the end.
    root: tempfile::TempDir,
}

impl Town {
    /// Builds the network; no node runs yet.
    pub(crate) fn build(ground: Ground) -> Result<Self> {
        let sites: Vec<Site<'_>> = SITES
            .iter()
            .map(|(name, segments)| Site { name, segments, udp: &[PORT], tcp: &[RELAY_PORT] })
            .collect();
        let lab = Lab::build(&ground, &sites)?;
        let root = tempfile::Builder::new().prefix("linli-").tempdir()?;
        let places = vec![
            Place::new(root.path(), "centre", "centre", Some("桃园路养老服务中心")),
            Place::new(root.path(), "station", "station", Some("桃园路日间照料站")),
            Place::new(root.path(), "provider", "provider", Some("同心送餐服务")),
            Place::new(root.path(), "relay", "carrier", Some("街道中继")),
            Place::new(root.path(), "hub1", "household", None),
            Place::new(root.path(), "hub2", "household", None),
        ];
        Ok(Self { lab, ground, places, root })
    }

    /// Where everything is kept.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// One node.
    pub(crate) fn at(&self, site: &str) -> Result<&Place> {
        let found = self.places.iter().find(|place| place.site == site);
        found.with_context(|| format!("nobody lives at {site}"))
    }

    /// One node, to start or stop it.
    pub(crate) fn at_mut(&mut self, site: &str) -> Result<(&Lab, &mut Place)> {
        let found = self.places.iter_mut().find(|place| place.site == site);
        Ok((&self.lab, found.with_context(|| format!("nobody lives at {site}"))?))
    }

    /// Makes every node's keys, side by side.
    pub(crate) fn init(&mut self) -> Result<()> {
        let mut started = Vec::new();
        for place in &self.places {
            let words = ["init", "--label", place.site];
            let mut command = place.linli(&self.lab, place.site, &words)?;
            started.push(Running::start(command.stdout(Stdio::piped()))?);
        }
        for (place, mut running) in self.places.iter_mut().zip(started) {
            let output = running.child().stdout.take().context("no output")?;
            let said: Vec<String> = BufReader::new(output).lines().collect::<Result<_, _>>()?;
            let status = running.child().wait()?;
            ensure!(status.success(), "init failed: {}", place.last_words());
            place.node = node_of(&said.concat())?;
        }
        for place in &self.places {
            let site = if place.site == "hub2" { DESK } else { place.site };
            std::fs::write(place.data.join("linli.toml"), self.config(place, site)?)?;
        }
        Ok(())
    }

    /// The configuration of a node that stands at this site.
    fn config(&self, place: &Place, site: &str) -> Result<String> {
        let mut toml = format!("listen = \"{}\"\n", self.lab.bind(site, PORT)?);
        if let Some(length) = self.lab.prefix_length() {
            writeln!(toml, "prefix_length = {length}")?;
        }
        let mdns = match (self.lab.has_multicast(), site) {
            (false, _) => "\"off\"",
            (true, "relay") => "[\"eth0\", \"eth1\"]",
            (true, _) => "[\"eth0\"]",
        };
        writeln!(toml, "mdns = {mdns}")?;
        if place.kind == "household" {
            writeln!(toml, "api = \"{}\"", self.lab.loopback(site, DEVICE_PORT)?)?;
        }
        if place.kind != "carrier" {
            let relay = self.lab.tcp(site, "relay", RELAY_PORT)?;
            writeln!(toml, "[[relays]]\nurl = \"http://{relay}\"")?;
        }
        for other in self.places.iter().filter(|other| other.node != place.node) {
            // With multicast nodes find each other; without, they are told who is where.
            if !self.lab.has_multicast()
                && let Ok(address) = self.lab.udp(site, other.site, PORT)
            {
                let node = &other.node;
                writeln!(toml, "[[peers]]\nnode = \"{node}\"\naddresses = [\"{address}\"]")?;
            }
        }
        Ok(toml)
    }

    /// Begins the community at the centre and starts its node.
    pub(crate) async fn found(&mut self) -> Result<()> {
        let (lab, centre) = self.at_mut("centre")?;
        let name = centre.name.unwrap_or_default();
        centre.ask(lab, &["community", "create", COMMUNITY, "--party-name", name])?;
        centre.start(lab).await
    }

    /// Enrols a device with a code; returns the number that each side showed. `confirm` compares them.
    pub(crate) async fn enrol(
        &mut self,
        site: &str,
        confirm: impl Fn(&str, &str) -> bool,
    ) -> Result<(String, String)> {
        let (centre, place) = (self.at("centre")?, self.at(site)?);
        let invite = Invite {
            kind: place.kind.to_owned(),
            name: place.name.map(str::to_owned),
            officer_passphrase: Some(Place::officer_passphrase()),
            valid_s: 120,
        };
        let invitation = centre.call(&invite).await?;
        let desk = if site == "hub2" { DESK } else { site };
        let at = self.lab.udp(desk, "centre", PORT)?.to_string();
        let mut words = vec!["join", invitation.code.as_str()];
        if place.kind == "carrier" {
            words.insert(0, "relay");
        }
        if !self.lab.has_multicast() {
            words.extend(["--node", &centre.node, "--at", &at]);
        }
        let mut command = place.linli(&self.lab, desk, &words)?;
        let mut joining = Running::start(command.stdout(Stdio::piped()))?;
        let state = InviteState { id: invitation.id.clone() };
        let shown = until("the invitation to be used", ENROL, async || {
            if let Some(status) = joining.child().try_wait()? {
                bail!("{site} could not join ({status}): {}", place.last_words());
            }
            match centre.call(&state).await? {
                InvitePhase::Pending { number, .. } => Ok(Some(number)),
                InvitePhase::Failed { reason } => bail!("the invitation failed: {reason}"),
                InvitePhase::Waiting
                | InvitePhase::Enrolled { .. }
                | InvitePhase::AwaitingOfficers { .. } => Ok(None),
            }
        })
        .await?;
        let output = joining.child().stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let line = lines.next().context("the joining device shows no number")??;
        let said: serde_json::Value = serde_json::from_str(&line)?;
        let number = said.get("number").and_then(|n| n.as_str()).context("no number")?.to_owned();
        let accept = confirm(&number, &shown);
        centre.call(&InviteConfirm { id: invitation.id, accept }).await?;
        let end =
            until("the device to be enrolled", ENROL, async || Ok(joining.child().try_wait()?));
        ensure!(end.await?.success(), "{site} could not join: {}", place.last_words());
        Ok((number, shown))
    }

    /// Takes a device away for good, with all it held, and enrols another in its place.
    pub(crate) async fn replace(&mut self, site: &str) -> Result<()> {
        let (lab, place) = self.at_mut(site)?;
        place.kill()?;
        std::fs::remove_dir_all(&place.data)?;
        place.node = node_of(&place.ask(lab, &["init", "--label", site])?)?;
        let place = self.at(site)?;
        std::fs::write(place.data.join("linli.toml"), self.config(place, site)?)?;
        self.enrol(site, |there, here| there == here).await.map(drop)
    }

    /// Brings every device home and starts it.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let hub2 = self.at("hub2")?;
        std::fs::write(hub2.data.join("linli.toml"), self.config(hub2, "hub2")?)?;
        let Self { lab, places, .. } = self;
        for place in places.iter_mut().filter(|place| place.site != "centre") {
            place.start(lab).await?;
        }
        Ok(())
    }
}

/// Reads the id of a new node from what `init` said.
fn node_of(said: &str) -> Result<String> {
    let made: serde_json::Value = serde_json::from_str(said)?;
    let node = made.get("node").and_then(|id| id.as_str());
    Ok(node.context("no id")?.to_owned())
}
