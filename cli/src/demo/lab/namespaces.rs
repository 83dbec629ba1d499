//! A network namespace for every site, joined by bridges in one more.
//!
//! A namespace lives as long as a process in it: each is held by a `cat` that waits for the end of
//! its input. Every plug of a site is one end of a virtual link whose other end is a port in the
//! namespace of the switch. Sites that hear each other have their ports in one bridge; the port of
//! a site that is cut is in none, where frames end without a trace while the link stays up.
//!
//! Neighbour tables are written by hand and IPv6 is off on the links, so that no unanswered
//! address resolution turns a silent cut into an error.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    num::NonZeroU32,
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Running,
    plan::{self, Plan, Wiring},
    tools::{self, Tools},
};

/// What the holder of a namespace does: no forwarding between links, no IPv6 on links made later,
/// then say under which number `/proc` knows it.
const HOLD: &str = "echo 0 > /proc/sys/net/ipv4/ip_forward; \
     six=/proc/sys/net/ipv6/conf/default/disable_ipv6; if [ -e $six ]; then echo 1 > $six; fi; \
     read -r number rest < /proc/self/stat && echo $number && exec cat";

/// The burst of a token bucket, as time: what may pass at once after idleness.
const BURST_MS: u32 = 50;
/// No burst is smaller, or a bucket would never hold a whole frame.
const BURST_BYTES_MIN: u32 = 4_096;

/// The namespaces of one lab.
#[derive(Debug)]
pub(super) struct Namespaces {
    tools: Tools,
    switch: Namespace,
    sites: Vec<Namespace>,
    bridges: Mutex<BTreeSet<String>>,
    throttled: Mutex<BTreeSet<usize>>,
}

impl Namespaces {
    pub(super) fn build(plan: &Plan) -> Result<Self> {
        let found = Tools::find();
        let tools = found.map_err(|names| anyhow::anyhow!("missing: {}", names.join(", ")))?;
        let switch = Namespace::hold(&tools)?;
        let hold = |_| Namespace::hold(&tools);
        let sites = plan.sites.iter().map(hold).collect::<Result<Vec<_>>>()?;
        let (bridges, throttled) = (Mutex::default(), Mutex::default());
        let built = Self { tools, switch, sites, bridges, throttled };
        built.plug(plan)?;
        Ok(built)
    }

    /// Makes every link with both its ends, then every site's side of it.
    fn plug(&self, plan: &Plan) -> Result<()> {
        let (mut links, mut sides) = (String::new(), Vec::new());
        for (index, (site, namespace)) in plan.sites.iter().zip(&self.sites).enumerate() {
            let mut side = "link set lo up\n".to_owned();
            for (number, &segment) in site.segments.iter().enumerate() {
                let (port, own_mac) = (port(index, segment), mac(segment, index)?);
                let link = &namespace.link;
                writeln!(
                    links,
                    "link add name {port} type veth peer name eth{number} address {own_mac} netns {link}\n\
                     link set dev {port} up"
                )?;
                let own = plan::address(segment, index)?;
                writeln!(
                    side,
                    "link set dev eth{number} up\naddress add {own}/24 broadcast + dev eth{number}"
                )?;
                for other in others(plan, index, segment) {
                    let (address, mac) = (plan::address(segment, other)?, mac(segment, other)?);
                    writeln!(
                        side,
                        "neighbour add {address} lladdr {mac} dev eth{number} nud permanent"
                    )?;
                }
            }
            side.push_str("route add 224.0.0.0/4 dev eth0\n");
            sides.push(side);
        }
        self.ip(&self.switch, &links).context("the links cannot be made")?;
        for (namespace, side) in self.sites.iter().zip(&sides) {
            self.ip(namespace, side).context("a site's links cannot be set up")?;
        }
        Ok(())
    }

    /// Puts every port into the bridge of its segment and group, or into none.
    pub(super) fn apply(&self, plan: &Plan, wiring: &Wiring) -> Result<()> {
        let mut bridges = self.bridges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = String::new();
        for (index, site) in plan.sites.iter().enumerate() {
            for &segment in &site.segments {
                let port = port(index, segment);
                let Some(group) = wiring.group(index) else {
                    writeln!(batch, "link set dev {port} nomaster")?;
                    continue;
                };
                let bridge = format!("b{segment}g{group}");
                if !bridges.contains(&bridge) {
                    // Without snooping, multicast reaches every port and needs no querier.
                    let made = format!(
                        "link add name {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
                         link set dev {bridge} up\n"
                    );
                    self.ip(&self.switch, &made).context("a bridge cannot be made")?;
                    bridges.insert(bridge.clone());
                }
                writeln!(batch, "link set dev {port} master {bridge}")?;
            }
        }
        self.ip(&self.switch, &batch).context("the ports cannot be set")
    }

    pub(super) fn throttle(
        &self,
        plan: &Plan,
        index: usize,
        kbit: Option<NonZeroU32>,
    ) -> Result<()> {
        let mut throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        if kbit.is_none() && !throttled.contains(&index) {
            return Ok(());
        }
        let site = self.sites.get(index).context("no such site")?;
        for (number, &segment) in plan.site(index)?.segments.iter().enumerate() {
            let ends = [(site, format!("eth{number}")), (&self.switch, port(index, segment))];
            for (namespace, device) in ends {
                let mut command = namespace.command(&self.tools, self.tools.tc.as_os_str());
                match kbit {
                    Some(kbit) => {
                        let burst = kbit.get().saturating_mul(BURST_MS) / 8;
                        let (rate, burst) = (kbit, burst.max(BURST_BYTES_MIN));
                        command.args(["qdisc", "replace", "dev", &device, "root", "tbf"]);
                        command.args(["rate", &format!("{rate}kbit"), "burst", &burst.to_string()]);
                        command.args(["latency", "200ms"]);
                    }
                    None => {
                        command.args(["qdisc", "delete", "dev", &device, "root"]);
                    }
                }
                tools::run(&mut command, "").context("the rate cannot be set (sch_tbf)")?;
            }
        }
        if kbit.is_some() {
            throttled.insert(index)
        } else {
            throttled.remove(&index)
        };
        Ok(())
    }

    /// Checks that there is no link but those of this lab and no route beyond them.
    pub(super) fn check_closed(&self, plan: &Plan) -> Result<()> {
        let mut known: BTreeSet<String> =
            self.bridges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.insert("lo".to_owned());
        for (index, site) in plan.sites.iter().enumerate() {
            known.extend(site.segments.iter().map(|&segment| port(index, segment)));
        }
        let links = self.links(&self.switch)?;
        ensure!(links == known, "the switch has links that lead elsewhere: {links:?}");
        for (site, namespace) in plan.sites.iter().zip(&self.sites) {
            let links = self.links(namespace)?;
            let mut known: BTreeSet<String> =
                (0..site.segments.len()).map(|number| format!("eth{number}")).collect();
            known.insert("lo".to_owned());
            ensure!(links == known, "{} has links that lead elsewhere: {links:?}", site.name);
            let mut routes = namespace.command(&self.tools, self.tools.ip.as_os_str());
            let routes = tools::run(routes.args(["-oneline", "route", "show"]), "")?;
            for route in routes.lines() {
                let local = route.starts_with("10.77.") || route.starts_with("224.0.0.0/4 ");
                ensure!(local && !route.contains(" via "), "{} has a way out: {route}", site.name);
            }
        }
        Ok(())
    }

    fn links(&self, namespace: &Namespace) -> Result<BTreeSet<String>> {
        let mut command = namespace.command(&self.tools, self.tools.ip.as_os_str());
        let listed = tools::run(command.args(["-oneline", "link", "show"]), "")?;
        let names = listed.lines().filter_map(|line| line.split(": ").nth(1));
        Ok(names.map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect())
    }

    /// The program in the namespace of a site; `nsenter` becomes the program.
    pub(super) fn command(&self, index: usize, program: &OsStr) -> Result<Command> {
        Ok(self.sites.get(index).context("no such site")?.command(&self.tools, program))
    }

    fn ip(&self, namespace: &Namespace, batch: &str) -> Result<()> {
        let mut command = namespace.command(&self.tools, self.tools.ip.as_os_str());
        tools::run(command.args(["-batch", "-"]), batch).map(drop)
    }
}

/// A network namespace and the process that holds it.
#[derive(Debug)]
struct Namespace {
    link: String,
    _holder: Running,
}

impl Namespace {
    fn hold(tools: &Tools) -> Result<Self> {
        let mut command = Command::new(&tools.unshare);
        command.arg("--net").arg("--").arg(&tools.sh).args(["-c", HOLD]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = Running::start(&mut command).context("unshare cannot be started")?;
        let output = holder.child().stdout.take().context("the holder has no output")?;
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        let link = format!("/proc/{}/ns/net", number.trim_end());
        let made = !number.is_empty() && Path::new(&link).exists();
        ensure!(made, "the system gives no further network namespace");
        Ok(Self { link, _holder: holder })
    }

    fn command(&self, tools: &Tools, program: &OsStr) -> Command {
        let mut command = Command::new(&tools.nsenter);
        command.arg(format!("--net={}", self.link)).arg("--").arg(program);
        command
    }
}

/// The switch's end of a link.
fn port(site: usize, segment: usize) -> String {
    format!("p{site}s{segment}")
}

/// The hardware address of a site on a segment, locally administered.
fn mac(segment: usize, site: usize) -> Result<String> {
    let (segment, host) = (u8::try_from(segment)?, plan::host(site)?);
    Ok(format!("02:77:00:00:{segment:02x}:{host:02x}"))
}

/// The other sites on a segment.
fn others(plan: &Plan, index: usize, segment: usize) -> impl Iterator<Item = usize> {
    let sites = plan.sites.iter().enumerate();
    sites.filter_map(move |(other, site)| {
        (other != index && site.segments.contains(&segment)).then_some(other)
    })
}
