//! Finding members and inviters on the local network by mDNS (RFC 6762, RFC 6763).
//!
//! A record holds an alias and a port, no id and no name; only an armed inviter shows its endpoint id, in the TXT of
//! the pairing service. What is found is a hint where to dial: the TLS handshake proves who answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use iroh::EndpointId;
use mdns_sd::{
    DaemonEvent, Error, IfKind, Receiver, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo,
};
use tokio::{
    sync::{mpsc, watch},
    time::interval,
};

use crate::{
    alias::{alias, aliases_at, day_of},
    config::Interfaces,
    dial::capped,
    limits::{MDNS_INSTANCES_MAX, MDNS_IP_CHECK_SECS, MDNS_RETRY, MDNS_TICK},
};

const MEMBER_SERVICE: &str = "_linli._udp.local.";
const PAIR_SERVICE: &str = "_linli-pair._udp.local.";
const PAIR_ID_KEY: &str = "id";

/// What mDNS should do at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) discovery_secret: Option<[u8; 32]>,
    pub(crate) members: BTreeSet<EndpointId>,
    /// Offer pairing.
    pub(crate) offering: bool,
    /// Look for somebody who offers pairing.
    pub(crate) looking: bool,
}

/// What mDNS found.
#[derive(Debug)]
pub(crate) enum Found {
    /// All addresses at which a member shows itself; none: it is gone.
    Member { id: EndpointId, addresses: BTreeSet<SocketAddr> },
    /// A node that offers pairing.
    Inviter { id: EndpointId, addresses: BTreeSet<SocketAddr> },
    /// It does not work for the time being.
    Failed { what: String },
}

/// What stays the same while the network runs.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) me: EndpointId,
    pub(crate) port: u16,
    pub(crate) interfaces: Interfaces,
}

/// Runs until the wishes' sender is dropped; a failure is reported and tried again.
pub(crate) async fn run(
    setup: Setup,
    mut wishes: watch::Receiver<Wish>,
    found: mpsc::Sender<Found>,
) {
    loop {
        let Err(error) = session(&setup, &mut wishes, &found).await else { return };
        if found.send(Found::Failed { what: error.to_string() }).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(MDNS_RETRY) => {}
            () = found.closed() => return,
        }
    }
}

async fn session(
    setup: &Setup,
    wishes: &mut watch::Receiver<Wish>,
    found: &mpsc::Sender<Found>,
) -> Result<(), Error> {
    let daemon = Daemon(start(&setup.interfaces)?);
    let troubles = daemon.0.monitor()?;
    let mut state = State::new(setup, &daemon.0);
    let mut ticks = interval(MDNS_TICK);
    loop {
        let wish = wishes.borrow_and_update().clone();
        for news in state.follow(&wish, now_ms())? {
            let _ = found.send(news).await;
        }
        let news = tokio::select! {
            changed = wishes.changed() => if changed.is_err() { return Ok(()) } else { continue },
            _ = ticks.tick() => continue,
            event = next(state.members.as_ref()) => state.member_event(event?),
            event = next(state.inviters.as_ref()) => State::inviter_event(event?),
            trouble = troubles.recv_async() => match trouble {
                Ok(DaemonEvent::Error(error)) => Some(Found::Failed { what: error.to_string() }),
                Ok(_) => None,
                Err(_disconnected) => return Err(Error::DaemonShutdown),
            },
        };
        if let Some(news) = news {
            let _ = found.send(news).await;
        }
    }
}

/// Stops the daemon's thread when dropped; it says goodbye for what was advertised.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.shutdown();
    }
}

fn start(interfaces: &Interfaces) -> Result<ServiceDaemon, Error> {
    let daemon = ServiceDaemon::new()?;
    match interfaces {
        Interfaces::All => {
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        }
        Interfaces::Loopback => {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::LoopbackV4)?;
        }
        Interfaces::Named(names) => {
            daemon.disable_interface(IfKind::All)?;
            let kinds: Vec<IfKind> = names.iter().cloned().map(IfKind::Name).collect();
            daemon.enable_interface(kinds)?;
        }
        Interfaces::Off => daemon.disable_interface(IfKind::All)?,
    }
    daemon.set_ip_check_interval(MDNS_IP_CHECK_SECS)?;
    Ok(daemon)
}

/// The browser's next event; never when nothing is browsed.
async fn next(receiver: Option<&Receiver<ServiceEvent>>) -> Result<ServiceEvent, Error> {
    match receiver {
        Some(receiver) => receiver.recv_async().await.map_err(|_closed| Error::DaemonShutdown),
        None => std::future::pending().await,
    }
}

struct State<'a> {
    setup: &'a Setup,
    daemon: &'a ServiceDaemon,
    members: Option<Receiver<ServiceEvent>>,
    inviters: Option<Receiver<ServiceEvent>>,
    /// The full name advertised for members.
    own_alias: Option<String>,
    /// The full name advertised for joiners.
    offer: Option<String>,
    known: BTreeMap<String, EndpointId>,
    seen: BTreeMap<String, BTreeSet<SocketAddr>>,
}

impl<'a> State<'a> {
    fn new(setup: &'a Setup, daemon: &'a ServiceDaemon) -> Self {
        Self {
            setup,
            daemon,
            members: None,
            inviters: None,
            own_alias: None,
            offer: None,
            known: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Brings what is browsed and advertised in line with the wish and the day.
    fn follow(&mut self, wish: &Wish, now_ms: u64) -> Result<Vec<Found>, Error> {
        let secret = wish.discovery_secret.as_ref();
        self.members = browse(self.daemon, self.members.take(), MEMBER_SERVICE, secret.is_some())?;
        self.inviters = browse(self.daemon, self.inviters.take(), PAIR_SERVICE, wish.looking)?;
        let name = secret.map(|secret| alias(secret, &self.setup.me, day_of(now_ms)));
        self.own_alias =
            advertise(self.setup, self.daemon, self.own_alias.take(), MEMBER_SERVICE, name, None)?;
        // The TXT shows the id anyway, so the name may come from it.
        let id = self.setup.me.to_string();
        let name = wish.offering.then(|| id.chars().take(16).collect());
        self.offer =
            advertise(self.setup, self.daemon, self.offer.take(), PAIR_SERVICE, name, Some(id))?;
        let known = match secret {
            Some(secret) => aliases_at(secret, &wish.members, now_ms),
            None => BTreeMap::new(),
        };
        if known == self.known {
            return Ok(Vec::new());
        }
        self.known = known;
        let ids: BTreeSet<EndpointId> =
            self.seen.keys().filter_map(|name| self.known.get(name)).copied().collect();
        Ok(ids.into_iter().map(|id| self.member(id)).collect())
    }

    fn member_event(&mut self, event: ServiceEvent) -> Option<Found> {
        let (name, addresses) = if let ServiceEvent::ServiceResolved(service) = event {
            (service.get_fullname().to_owned(), addresses(&service))
        } else if let ServiceEvent::ServiceRemoved(_service, name) = event {
            (name, BTreeSet::new())
        } else {
            return None;
        };
        let name = name.strip_suffix(MEMBER_SERVICE)?.strip_suffix('.')?.to_ascii_lowercase();
        if addresses.is_empty() {
            self.seen.remove(&name)?;
        } else if self.seen.len() < MDNS_INSTANCES_MAX || self.known.contains_key(&name) {
            self.seen.insert(name.clone(), addresses);
        }
        let id = *self.known.get(&name)?;
        (id != self.setup.me).then(|| self.member(id))
    }

    /// A member may show two aliases around midnight.
    fn member(&self, id: EndpointId) -> Found {
        let of_id = self.seen.iter().filter(|(name, _)| self.known.get(*name) == Some(&id));
        Found::Member { id, addresses: capped(of_id.flat_map(|(_, addresses)| addresses).copied()) }
    }

    fn inviter_event(event: ServiceEvent) -> Option<Found> {
        let ServiceEvent::ServiceResolved(service) = event else { return None };
        let id = service.get_property_val_str(PAIR_ID_KEY)?.parse().ok()?;
        let addresses = addresses(&service);
        (!addresses.is_empty()).then_some(Found::Inviter { id, addresses })
    }
}

/// Starts or stops browsing for a service.
fn browse(
    daemon: &ServiceDaemon,
    present: Option<Receiver<ServiceEvent>>,
    service: &str,
    wanted: bool,
) -> Result<Option<Receiver<ServiceEvent>>, Error> {
    match (present, wanted) {
        (None, true) => Ok(Some(daemon.browse(service)?)),
        (Some(_), false) => {
            daemon.stop_browse(service)?;
            Ok(None)
        }
        (present, _) => Ok(present),
    }
}

/// Advertises under another name, or not at all; hands back the full name.
fn advertise(
    setup: &Setup,
    daemon: &ServiceDaemon,
    present: Option<String>,
    service: &str,
    name: Option<String>,
    id: Option<String>,
) -> Result<Option<String>, Error> {
    // Without a UDP socket there is nothing to reach.
    let name = name.filter(|_| setup.port != 0);
    let wanted = name.as_ref().map(|name| format!("{name}.{service}"));
    if present == wanted {
        return Ok(present);
    }
    if let Some(old) = present {
        daemon.unregister(&old)?;
    }
    let Some(name) = name else { return Ok(None) };
    let text: Vec<(String, String)> =
        id.into_iter().map(|id| (PAIR_ID_KEY.to_owned(), id)).collect();
    let host = format!("{name}.local.");
    let info = ServiceInfo::new(service, &name, &host, "", setup.port, text.as_slice())?
        .enable_addr_auto();
    daemon.register(info)?;
    Ok(wanted)
}

/// IPv4 only: a node's IPv6 socket has its own port, which one SRV record cannot tell.
fn addresses(service: &ResolvedService) -> BTreeSet<SocketAddr> {
    let port = service.get_port();
    let sorted: BTreeSet<_> = service.get_addresses_v4().into_iter().collect();
    capped(sorted.into_iter().map(|ip| SocketAddr::from((ip, port))))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
