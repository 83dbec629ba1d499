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
    time::{Instant, interval},
};

use crate::{
    alias::{alias, aliases_at, day_of},
    config::Interfaces,
    dial::capped,
    limits::{MDNS_INSTANCES_MAX, MDNS_IP_CHECK_SECS, MDNS_REPORT_INTERVAL, MDNS_RETRY, MDNS_TICK},
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
    let mut quiet_until = Instant::now();
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
                Ok(DaemonEvent::Error(error)) if quiet_until <= Instant::now() => {
                    quiet_until = Instant::now() + MDNS_REPORT_INTERVAL;
                    Some(Found::Failed { what: error.to_string() })
                }
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

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    const SECRET: [u8; 32] = [7; 32];
    const NOON_MS: u64 = 1_704_067_200_000 + 12 * 60 * 60 * 1000;
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    fn id(seed: u8) -> EndpointId {
        SecretKey::from_bytes(&[seed; 32]).public()
    }

    fn setup() -> Setup {
        Setup { me: id(1), port: 4000, interfaces: Interfaces::Loopback }
    }

    fn wish(members: &[u8]) -> Wish {
        Wish {
            discovery_secret: Some(SECRET),
            members: members.iter().map(|seed| id(*seed)).collect(),
            ..Wish::default()
        }
    }

    fn shown(seed: u8, now_ms: u64, address: &str) -> ServiceEvent {
        let name = alias(&SECRET, &id(seed), day_of(now_ms));
        let text: &[(String, String)] = &[];
        let host = format!("{name}.local.");
        let info = ServiceInfo::new(MEMBER_SERVICE, &name, &host, address, 5000, text).unwrap();
        ServiceEvent::ServiceResolved(Box::new(info.as_resolved_service()))
    }

    fn member(found: Option<Found>) -> (EndpointId, Vec<String>) {
        let Some(Found::Member { id, addresses }) = found else { panic!("{found:?}") };
        (id, addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_advertised_alias_follows_the_day_and_falls_silent_without_a_secret() {
        let (setup, daemon) = (setup(), Daemon(start(&Interfaces::Loopback).unwrap()));
        let mut state = State::new(&setup, &daemon.0);
        let name = |now| format!("{}.{MEMBER_SERVICE}", alias(&SECRET, &id(1), day_of(now)));
        for now in [NOON_MS, NOON_MS + DAY_MS] {
            state.follow(&wish(&[1, 2]), now).unwrap();
            assert_eq!(state.own_alias, Some(name(now)));
            assert!(state.members.is_some());
        }
        state.follow(&Wish::default(), NOON_MS).unwrap();
        assert_eq!(state.own_alias, None);
        assert!(state.members.is_none() && state.inviters.is_none() && state.offer.is_none());
    }

    #[test]
    fn who_was_seen_before_being_enrolled_is_found_on_enrolment() {
        let (setup, daemon) = (setup(), Daemon(start(&Interfaces::Loopback).unwrap()));
        let mut state = State::new(&setup, &daemon.0);
        assert!(state.follow(&wish(&[1]), NOON_MS).unwrap().is_empty());
        assert!(state.member_event(shown(2, NOON_MS, "10.0.0.2")).is_none(), "a stranger");
        assert!(state.member_event(shown(1, NOON_MS, "10.0.0.1")).is_none(), "ourselves");
        let found = state.follow(&wish(&[1, 2]), NOON_MS).unwrap();
        let found: Vec<_> = found.into_iter().map(|found| member(Some(found))).collect();
        assert!(found.contains(&(id(2), vec!["10.0.0.2:5000".to_owned()])), "{found:?}");
    }

    #[test]
    fn around_midnight_both_aliases_are_one_member_and_a_goodbye_takes_one_away() {
        let (setup, daemon) = (setup(), Daemon(start(&Interfaces::Loopback).unwrap()));
        let mut state = State::new(&setup, &daemon.0);
        state.follow(&wish(&[1, 2]), NOON_MS).unwrap();
        state.member_event(shown(2, NOON_MS - DAY_MS, "10.0.0.2"));
        let both = member(state.member_event(shown(2, NOON_MS, "10.0.0.3")));
        assert_eq!(both, (id(2), vec!["10.0.0.2:5000".to_owned(), "10.0.0.3:5000".to_owned()]));
        let old = format!("{}.{MEMBER_SERVICE}", alias(&SECRET, &id(2), day_of(NOON_MS) - 1));
        let left = member(
            state.member_event(ServiceEvent::ServiceRemoved(MEMBER_SERVICE.to_owned(), old)),
        );
        assert_eq!(left, (id(2), vec!["10.0.0.3:5000".to_owned()]));
        let forged = ServiceEvent::ServiceRemoved(MEMBER_SERVICE.to_owned(), "x".to_owned());
        assert!(state.member_event(forged).is_none());
    }

    #[test]
    fn a_flood_of_instances_is_cut_off_but_members_are_still_found() {
        let (setup, daemon) = (setup(), Daemon(start(&Interfaces::Loopback).unwrap()));
        let mut state = State::new(&setup, &daemon.0);
        state.follow(&wish(&[1, 2]), NOON_MS).unwrap();
        for day in 0..2 * u64::try_from(MDNS_INSTANCES_MAX).unwrap() {
            state.member_event(shown(9, day * DAY_MS, "10.0.0.9"));
        }
        assert_eq!(state.seen.len(), MDNS_INSTANCES_MAX);
        assert_eq!(member(state.member_event(shown(2, NOON_MS, "10.0.0.2"))).0, id(2));
    }
}
