//! Forwarders between loopback addresses, for where namespaces are refused.
//!
//! Site `t` is at `127.B.T.T`, and `v` sees it at `127.B.V.T`, where `B` is a block that no other
//! lab on this machine uses. A datagram that `v` sends to `127.B.V.T` reaches `127.B.T.T` from
//! `127.B.T.V`, the address at which `t` sees `v`: an answer goes back the same way. Only sockets
//! bound to a site's own address and to a declared port are served; all else is dropped. So all
//! that `v` is to reach is in the network `127.B.V.0/24`, where it stands itself, and no other site
//! does.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    num::NonZeroU32,
    process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    plan::{self, Plan, Wiring},
    splice,
};

/// The second octets to choose from; low ones are where other programs' habits are.
const BLOCKS: std::ops::Range<u8> = 64..127;
/// How often a thread that waits for something looks whether the lab has gone.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// The network of a site: the first three octets.
pub(super) const PREFIX_LENGTH: u8 = 24;
/// What a bucket holds, as a part of a second.
const BURST_PER_SECOND: u32 = 10;
/// No bucket is smaller, or it would never hold a whole datagram or chunk.
pub(super) const BURST_BYTES_MIN: u32 = 4_096;
/// The longest UDP payload.
const DATAGRAM_MAX: usize = 65_535;

/// The sockets of one lab, served until this value goes.
#[derive(Debug)]
pub(super) struct Forwarder {
    net: Arc<Net>,
}

/// Sockets by who sees whom at which port.
type Sockets = BTreeMap<(usize, usize, u16), UdpSocket>;

/// What all threads of one lab share.
#[derive(Debug)]
pub(super) struct Net {
    block: u8,
    rules: Mutex<Rules>,
    changed: Condvar,
    ended: AtomicBool,
}

#[derive(Debug)]
struct Rules {
    /// Whether frames pass from one site to another, by both numbers.
    passes: BTreeMap<(usize, usize), bool>,
    sending: Vec<Bucket>,
    receiving: Vec<Bucket>,
}

impl Forwarder {
    pub(super) fn build(plan: &Plan, wiring: &Wiring) -> Result<Self> {
        let first = usize::try_from(process::id())? % BLOCKS.len();
        let mut last = None;
        for block in BLOCKS.cycle().skip(first).take(BLOCKS.len()) {
            match Bound::bind(plan, block) {
                Ok(bound) => return Ok(Self { net: bound.serve(plan, wiring, block) }),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no block to try")?).context("no block of loopback addresses is free")
    }

    /// The loopback address that is the site's own.
    pub(super) fn own(&self, site: usize) -> Result<Ipv4Addr> {
        own(self.net.block, site)
    }

    /// The address at which one site sees another.
    pub(super) fn seen(&self, viewer: usize, target: usize) -> Result<Ipv4Addr> {
        seen(self.net.block, viewer, target)
    }

    pub(super) fn apply(&self, plan: &Plan, wiring: &Wiring) -> Result<()> {
        let table = table(plan, wiring)?;
        self.net.rules().passes = table;
        self.net.changed.notify_all();
        Ok(())
    }

    pub(super) fn throttle(&self, site: usize, kbit: Option<NonZeroU32>) -> Result<()> {
        let mut rules = self.net.rules();
        *rules.sending.get_mut(site).context("no such site")? = Bucket::new(kbit);
        *rules.receiving.get_mut(site).context("no such site")? = Bucket::new(kbit);
        Ok(())
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.net.ended.store(true, Ordering::Relaxed);
        self.net.changed.notify_all();
    }
}

/// Everything a lab listens on.
struct Bound {
    udp: Sockets,
    tcp: Vec<(usize, usize, TcpListener)>,
}

impl Bound {
    fn bind(plan: &Plan, block: u8) -> Result<Self> {
        let mut bound = Self { udp: Sockets::new(), tcp: Vec::new() };
        for (target, site) in plan.sites.iter().enumerate() {
            let address = own(block, target)?;
            for &port in &site.udp {
                drop(UdpSocket::bind((address, port))?);
            }
            for &port in &site.tcp {
                drop(TcpListener::bind((address, port))?);
            }
            for viewer in 0..plan.sites.len() {
                if viewer == target || plan.shared(viewer, target)?.is_none() {
                    continue;
                }
                let address = seen(block, viewer, target)?;
                for &port in &site.udp {
                    let socket = UdpSocket::bind((address, port))?;
                    socket.set_read_timeout(Some(LOOK))?;
                    bound.udp.insert((viewer, target, port), socket);
                }
                for &port in &site.tcp {
                    let listener = TcpListener::bind((address, port))?;
                    listener.set_nonblocking(true)?;
                    bound.tcp.push((viewer, target, listener));
                }
            }
        }
        Ok(bound)
    }

    fn serve(self, plan: &Plan, wiring: &Wiring, block: u8) -> Arc<Net> {
        let buckets = vec![Bucket::new(None); plan.sites.len()];
        let passes = table(plan, wiring).unwrap_or_default();
        let rules = Mutex::new(Rules { passes, sending: buckets.clone(), receiving: buckets });
        let (changed, ended) = (Condvar::new(), AtomicBool::new(false));
        let net = Arc::new(Net { block, rules, changed, ended });
        let sockets = Arc::new(self.udp);
        for &key in sockets.keys() {
            let (net, sockets) = (Arc::clone(&net), Arc::clone(&sockets));
            thread::spawn(move || forward(&net, &sockets, key));
        }
        for (viewer, target, listener) in self.tcp {
            let net = Arc::clone(&net);
            thread::spawn(move || splice::serve(&net, viewer, target, &listener));
        }
        net
    }
}

/// Sends on what one site sends to one port of another, until the lab has gone.
fn forward(net: &Net, sockets: &Sockets, (viewer, target, port): (usize, usize, u16)) {
    let Some(socket) = sockets.get(&(viewer, target, port)) else { return };
    let Ok((from_ip, to_ip)) =
        own(net.block, viewer).and_then(|from| Ok((from, own(net.block, target)?)))
    else {
        return;
    };
    let mut buffer = vec![0; DATAGRAM_MAX];
    while !net.has_ended() {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let Some(back) = sockets.get(&(target, viewer, from.port())) else { continue };
        if from.ip() == from_ip && net.lets_pass(viewer, target, length) {
            let datagram = buffer.get(..length).unwrap_or_default();
            // A datagram that cannot be sent is one that was lost.
            let _lost = back.send_to(datagram, SocketAddr::from((to_ip, port)));
        }
    }
}

impl Net {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn own(&self, site: usize) -> io::Result<Ipv4Addr> {
        own(self.block, site).map_err(io::Error::other)
    }

    /// Whether a datagram passes this moment.
    fn lets_pass(&self, from: usize, to: usize, length: usize) -> bool {
        let mut rules = self.rules();
        rules.passes(from, to) && rules.take(from, to, length).is_ok()
    }

    /// Waits until so many bytes pass; `false` when the lab has gone instead.
    pub(super) fn await_passage(&self, from: usize, to: usize, length: usize) -> bool {
        let mut rules = self.rules();
        while !self.has_ended() {
            let wait = if rules.passes(from, to) {
                match rules.take(from, to, length) {
                    Ok(()) => return true,
                    Err(wait) => wait.min(LOOK),
                }
            } else {
                LOOK
            };
            let waited = self.changed.wait_timeout(rules, wait);
            rules = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    fn passes(&self, from: usize, to: usize) -> bool {
        self.passes.get(&(from, to)).copied().unwrap_or(false)
    }

    /// Takes the bytes from both buckets, or says how long to wait for them.
    fn take(&mut self, from: usize, to: usize, length: usize) -> Result<(), Duration> {
        let Self { sending, receiving, .. } = self;
        let (Some(out), Some(back)) = (sending.get_mut(from), receiving.get_mut(to)) else {
            return Ok(());
        };
        let (now, length) = (Instant::now(), u32::try_from(length).unwrap_or(u32::MAX));
        out.fill(now);
        back.fill(now);
        let wait = out.lacks(length).max(back.lacks(length));
        if wait.is_zero() {
            out.level -= f64::from(length);
            back.level -= f64::from(length);
            Ok(())
        } else {
            Err(wait)
        }
    }
}

/// A token bucket; without a rate it is always full.
#[derive(Debug, Clone)]
struct Bucket {
    bytes_per_second: Option<f64>,
    level: f64,
    capacity: f64,
    filled: Instant,
}

impl Bucket {
    fn new(kbit: Option<NonZeroU32>) -> Self {
        let rate = kbit.map(|kbit| kbit.get().saturating_mul(1_000 / 8));
        let burst = rate.map_or(0, |rate| (rate / BURST_PER_SECOND).max(BURST_BYTES_MIN));
        let (bytes_per_second, capacity) = (rate.map(f64::from), f64::from(burst));
        Self { bytes_per_second, level: capacity, capacity, filled: Instant::now() }
    }

    fn fill(&mut self, now: Instant) {
        let Some(rate) = self.bytes_per_second else {
            self.level = 0.0;
            return;
        };
        let gained = rate * now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + gained).min(self.capacity);
        self.filled = now;
    }

    /// How long until it holds so much.
    fn lacks(&self, length: u32) -> Duration {
        let Some(rate) = self.bytes_per_second else { return Duration::ZERO };
        Duration::try_from_secs_f64((f64::from(length) - self.level) / rate).unwrap_or_default()
    }
}

/// Which ordered pairs of sites hear each other.
fn table(plan: &Plan, wiring: &Wiring) -> Result<BTreeMap<(usize, usize), bool>> {
    let mut table = BTreeMap::new();
    for one in 0..plan.sites.len() {
        for other in 0..plan.sites.len() {
            let passes = plan.shared(one, other)?.is_some() && wiring.passes(one, other);
            table.insert((one, other), passes);
        }
    }
    Ok(table)
}

fn own(block: u8, site: usize) -> Result<Ipv4Addr> {
    seen(block, site, site)
}

fn seen(block: u8, viewer: usize, target: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(127, block, plan::host(viewer)?, plan::host(target)?))
}
