//! The network under the demonstration: real processes on a network that can be cut.
//!
//! [`enter()`] comes first. Where the kernel allows it, it starts the program once more in a user, a
//! network and a process namespace of its own; no privilege is needed. [`Lab::build`] then gives
//! every [`Site`] its own network namespace, joined by bridges in one more. Frames have no way out:
//! the only links are the ones between these namespaces. Everything inside dies with the
//! demonstration, however it ends, because the kernel ends a process namespace with its first
//! process.
//!
//! Where namespaces are refused, the same [`Lab`] is a user-space forwarder on loopback: see
//! [`Ground::Forwarder`] for what that asks of the nodes and what it cannot do.
//!
//! File systems are shared in both cases, so a Unix socket in a node's data directory is reachable
//! from the demonstration itself, while TCP on a node's own loopback is not.

mod enter;
mod forwarder;
mod helper;
mod namespaces;
mod plan;
mod splice;
#[cfg(test)]
mod tests;
mod tools;

use std::{
    ffi::OsStr,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    process::{Child, Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, bail, ensure};

pub(crate) use self::{
    enter::{Ground, enter},
    plan::Site,
};
use self::{
    forwarder::Forwarder,
    helper::Task,
    namespaces::Namespaces,
    plan::{Plan, Wiring},
};

/// The UDP port on which [`Lab::self_test`] looks at the network; free on every site.
const CHECK_PORT: u16 = 7_009;

/// How many datagrams the self test sends into a cut before it believes the silence.
const SILENT_TRIES: u32 = 10;

/// How many datagrams the self test sends, one every 50 ms, until one is answered.
const ANSWERED_TRIES: u32 = 200;

/// A network of sites that can be cut, divided and slowed down while processes run on it.
#[derive(Debug)]
pub(crate) struct Lab {
    plan: Plan,
    wiring: Mutex<Wiring>,
    ways: Ways,
}

#[derive(Debug)]
enum Ways {
    Namespaces(Box<Namespaces>),
    Forwarder(Forwarder),
}

impl Lab {
    /// Builds the network; at first everything is healed and nothing is slowed down.
    ///
    /// # Errors
    /// Names used twice, too many sites, and whatever the system refuses.
    pub(crate) fn build(ground: &Ground, sites: &[Site<'_>]) -> Result<Self> {
        let plan = Plan::new(sites)?;
        let wiring = Wiring::together(plan.sites.len());
        let ways = match ground {
            Ground::Namespaces => Ways::Namespaces(Box::new(Namespaces::build(&plan)?)),
            Ground::Forwarder(_) => Ways::Forwarder(Forwarder::build(&plan, &wiring)?),
        };
        let lab = Self { plan, wiring: Mutex::new(wiring), ways };
        lab.apply(&lab.wiring())?;
        Ok(lab)
    }

    /// Whether multicast reaches the sites of a segment, so that nodes can find each other.
    /// Where it does not, nodes know only what [`Lab::udp`] and [`Lab::tcp`] say.
    pub(crate) fn has_multicast(&self) -> bool {
        matches!(self.ways, Ways::Namespaces(_))
    }

    /// The site's own address, on its first segment.
    ///
    /// # Errors
    /// No site has this name.
    pub(crate) fn address(&self, site: &str) -> Result<IpAddr> {
        let index = self.plan.index(site)?;
        match &self.ways {
            Ways::Namespaces(_) => {
                let segment = *self.plan.site(index)?.segments.first().context("no segment")?;
                Ok(plan::address(segment, index)?.into())
            }
            Ways::Forwarder(ways) => Ok(ways.own(index)?.into()),
        }
    }

    /// What a process on the site binds to for others to reach it at this port. On namespaces all
    /// its interfaces, on the forwarder the one loopback address that is the site's.
    ///
    /// # Errors
    /// No site has this name.
    pub(crate) fn bind(&self, site: &str, port: u16) -> Result<SocketAddr> {
        let index = self.plan.index(site)?;
        match &self.ways {
            Ways::Namespaces(_) => Ok(SocketAddr::from(([0, 0, 0, 0], port))),
            Ways::Forwarder(ways) => Ok(SocketAddr::from((ways.own(index)?, port))),
        }
    }

    /// How many leading bits of its own address make the network that a process on a site keeps its
    /// datagrams to; none where the ground itself keeps them.
    pub(crate) fn prefix_length(&self) -> Option<u8> {
        match &self.ways {
            Ways::Namespaces(_) => None,
            Ways::Forwarder(_) => Some(forwarder::PREFIX_LENGTH),
        }
    }

    /// Where processes on the site reach each other and nobody else does.
    ///
    /// # Errors
    /// No site has this name.
    pub(crate) fn loopback(&self, site: &str, port: u16) -> Result<SocketAddr> {
        let index = self.plan.index(site)?;
        match &self.ways {
            Ways::Namespaces(_) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Ways::Forwarder(ways) => Ok(SocketAddr::from((ways.own(index)?, port))),
        }
    }

    /// Where `from` reaches the UDP port of `to`.
    ///
    /// # Errors
    /// An unknown name; no common segment; on the forwarder, a port the site did not declare.
    pub(crate) fn udp(&self, from: &str, to: &str, port: u16) -> Result<SocketAddr> {
        self.reach(from, to, port, |site| &site.udp)
    }

    /// Where `from` reaches the TCP port of `to`.
    ///
    /// # Errors
    /// As [`Lab::udp`].
    pub(crate) fn tcp(&self, from: &str, to: &str, port: u16) -> Result<SocketAddr> {
        self.reach(from, to, port, |site| &site.tcp)
    }

    fn reach(
        &self,
        from: &str,
        to: &str,
        port: u16,
        declared: impl Fn(&plan::Place) -> &[u16],
    ) -> Result<SocketAddr> {
        let (viewer, target) = (self.plan.index(from)?, self.plan.index(to)?);
        let Some(segment) = self.plan.shared(viewer, target)? else {
            bail!("{from} and {to} share no segment: they reach each other only through a relay");
        };
        match &self.ways {
            Ways::Namespaces(_) => Ok(SocketAddr::from((plan::address(segment, target)?, port))),
            Ways::Forwarder(ways) => {
                let known = declared(self.plan.site(target)?).contains(&port);
                ensure!(known, "{to} declares no port {port}, so the forwarder does not serve it");
                Ok(SocketAddr::from((ways.seen(viewer, target)?, port)))
            }
        }
    }

    /// A command that runs on the site: in its namespace, or plainly where there is none. The
    /// process started is the program itself, so its id and its signals are the program's.
    ///
    /// # Errors
    /// No site has this name.
    pub(crate) fn command(&self, site: &str, program: impl AsRef<OsStr>) -> Result<Command> {
        let index = self.plan.index(site)?;
        let mut command = match &self.ways {
            Ways::Namespaces(ways) => ways.command(index, program.as_ref())?,
            Ways::Forwarder(_) => Command::new(program),
        };
        enter::forget(&mut command);
        Ok(command)
    }

    /// Drops everything to and from the site, in silence: its links stay up, nothing is refused.
    ///
    /// # Errors
    /// An unknown name, or the system refuses.
    pub(crate) fn cut(&self, site: &str) -> Result<()> {
        self.set_cut(site, true)
    }

    /// Undoes [`Lab::cut`].
    ///
    /// # Errors
    /// An unknown name, or the system refuses.
    pub(crate) fn heal(&self, site: &str) -> Result<()> {
        self.set_cut(site, false)
    }

    fn set_cut(&self, site: &str, cut: bool) -> Result<()> {
        let index = self.plan.index(site)?;
        let mut wiring = self.wiring();
        wiring.set_cut(index, cut);
        self.apply(&wiring)
    }

    /// Divides the sites: frames pass only inside a group, and a site in no group is alone. Cuts
    /// stay as they are.
    ///
    /// # Errors
    /// An unknown name, a name in two groups, or the system refuses.
    pub(crate) fn only(&self, groups: &[&[&str]]) -> Result<()> {
        let grouped = self.plan.groups(groups)?;
        let mut wiring = self.wiring();
        wiring.set_groups(grouped);
        self.apply(&wiring)
    }

    /// Undoes [`Lab::only`]: all sites of a segment are together again. Cuts stay as they are.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn together(&self) -> Result<()> {
        let mut wiring = self.wiring();
        wiring.set_groups(vec![Some(0); self.plan.sites.len()]);
        self.apply(&wiring)
    }

    /// Limits what the site sends and what it receives to this many kilobits a second each, on
    /// every link it has, or lifts the limit. On namespaces a token bucket with a queue of 200 ms
    /// (`sch_tbf`); on the forwarder a token bucket without a queue.
    ///
    /// # Errors
    /// An unknown name, or the kernel has no `sch_tbf`.
    pub(crate) fn throttle(&self, site: &str, kbit: Option<NonZeroU32>) -> Result<()> {
        let index = self.plan.index(site)?;
        match &self.ways {
            Ways::Namespaces(ways) => ways.throttle(&self.plan, index, kbit),
            Ways::Forwarder(ways) => ways.throttle(index, kbit),
        }
    }

    /// Proves that this network does what it says: an answer comes when whole, silence when cut,
    /// an answer again when healed, and, on namespaces, that no link and no route leads out. Takes
    /// about two seconds, leaves everything healed, and may run while nodes do.
    ///
    /// # Errors
    /// Says what did not hold.
    pub(crate) fn self_test(&self) -> Result<()> {
        if let Ways::Namespaces(ways) = &self.ways {
            ways.check_closed(&self.plan)?;
        }
        let (asking, answering) = self.plan.first_pair()?;
        let address = self.bind(answering, CHECK_PORT)?;
        let _echo = helper::start(self, answering, &Task::Echo(address))?;
        let ask = |tries| {
            let task = Task::Ask {
                from: self.bind(asking, CHECK_PORT)?,
                to: self.udp(asking, answering, CHECK_PORT)?,
                tries,
            };
            helper::run(self, asking, &task)
        };
        let whole = ask(ANSWERED_TRIES)?;
        ensure!(whole == "answered", "{asking} hears nothing from {answering}: {whole}");
        self.cut(asking)?;
        let cut = ask(SILENT_TRIES);
        self.heal(asking)?;
        let cut = cut?;
        ensure!(cut == "silent", "{asking} is cut off, yet its datagrams are {cut}");
        let healed = ask(ANSWERED_TRIES)?;
        ensure!(healed == "answered", "{asking} is healed, yet hears nothing: {healed}");
        Ok(())
    }

    fn apply(&self, wiring: &Wiring) -> Result<()> {
        match &self.ways {
            Ways::Namespaces(ways) => ways.apply(&self.plan, wiring),
            Ways::Forwarder(ways) => ways.apply(&self.plan, wiring),
        }
    }

    fn wiring(&self) -> MutexGuard<'_, Wiring> {
        self.wiring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process that is killed, by its id, when this value goes.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    /// Starts the command.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// The process, for its id, its pipes and its end.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Ends the process at once (`SIGKILL`) and waits for it; what it had not made durable is lost.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the process has been waited for before.
        let _ended = self.kill();
    }
}
