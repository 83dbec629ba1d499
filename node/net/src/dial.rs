//! When a peer is dialled, and what is known about the ways to it. Pure: time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use iroh::{EndpointAddr, EndpointId, RelayUrl};
use tokio::{task::AbortHandle, time::Instant};

use crate::{
    limits::{
        ADDRESSES_MAX, BACKOFF_FIRST, BACKOFF_MAX, BACKOFF_REFUSED_FIRST, BACKOFF_REFUSED_MAX,
        CARRIER_HELD, OTHERS_AFTER, OTHERS_MAX, SIMULTANEOUS_WINDOW,
    },
    link::{Link, Opened},
    status::PeerPath,
};

/// Which members this node dials by itself. Everybody may always dial this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DialPolicy {
    /// Every member with a known address, or through the relays.
    #[default]
    Everyone,
    /// Those this node has to do with, and whoever is near: found on the local network, or at an address or relay that
    /// the owner told. Where for ten seconds no carrier has been connected, or none for as long as thirty seconds at a
    /// time, up to three others besides, so that news of the community reach everybody.
    Related {
        /// Those this node has to do with.
        related: BTreeSet<EndpointId>,
        /// Those that everybody dials.
        carriers: BTreeSet<EndpointId>,
    },
    /// Only these.
    Only(BTreeSet<EndpointId>),
    /// Nobody: wait to be dialled.
    Nobody,
}

impl DialPolicy {
    /// Whether this node dials a peer whoever else is connected.
    pub(crate) fn allows(&self, id: &EndpointId, peer: &Peer) -> bool {
        match self {
            Self::Everyone => true,
            Self::Related { related, carriers } => {
                related.contains(id) || carriers.contains(id) || peer.is_near()
            }
            Self::Only(peers) => peers.contains(id),
            Self::Nobody => false,
        }
    }

    /// How well this node is connected to those that everybody dials; `age` is that of a peer's connection.
    pub(crate) fn carried(&self, age: impl Fn(&EndpointId) -> Option<Duration>) -> Carried {
        let Self::Related { carriers, .. } = self else { return Carried::Well };
        match carriers.iter().filter_map(age).max() {
            None => Carried::Not,
            Some(age) if age < CARRIER_HELD => Carried::Perhaps,
            Some(_) => Carried::Well,
        }
    }

    /// Which others are dialled for want of a carrier: the nearest in the circle of all ids after one's own that answer:
    /// links from each node to the next hold the whole community together.
    pub(crate) fn others(
        &self,
        me: &EndpointId,
        peers: &BTreeMap<EndpointId, Peer>,
        has_relays: bool,
    ) -> BTreeSet<EndpointId> {
        let after = peers.range((Bound::Excluded(*me), Bound::Unbounded)).chain(peers.range(..*me));
        let mut others: Vec<_> = after
            .filter(|(id, peer)| !self.allows(id, peer) && (has_relays || peer.learned.is_some()))
            .map(|(id, peer)| (if peer.link.is_some() { 0 } else { peer.failures }, *id))
            .collect();
        // Stable: of those that failed alike the nearest stay first.
        others.sort_by_key(|(failures, _)| *failures);
        others.into_iter().take(OTHERS_MAX).map(|(_, id)| id).collect()
    }
}

/// How well a node is connected to carriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// To none.
    Not,
    /// To one, and it has yet to be seen whether it lasts.
    Perhaps,
    /// To one that has held, or none is needed.
    Well,
}

/// The want of a carrier.
#[derive(Debug, Default)]
pub(crate) struct Want {
    since: Option<Instant>,
}

impl Want {
    /// When others are dialled besides; none while there is no want. A connection that does not last ends it no more
    /// than none at all.
    pub(crate) fn until(&mut self, carried: Carried, now: Instant) -> Option<Instant> {
        let patience = match carried {
            Carried::Not => OTHERS_AFTER,
            Carried::Perhaps => OTHERS_AFTER + CARRIER_HELD,
            Carried::Well => {
                self.since = None;
                return None;
            }
        };
        Some(*self.since.get_or_insert(now) + patience)
    }
}

/// Why a dial failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// No answer in time at any known address or relay.
    #[error("the peer did not answer in time; it may be off or out of reach")]
    NoAnswer,
    /// The handshake failed.
    #[error("the connection could not be made: {what}")]
    Failed {
        /// QUIC's word for it.
        what: String,
    },
    /// The peer does not accept this node.
    #[error(
        "the peer refuses this node: {words}; ask its privacy officer whether this node is enrolled"
    )]
    Refused {
        /// The peer's reason in words, cut and cleaned.
        words: String,
    },
    /// The peer kept the other connection of a simultaneous dial.
    #[error("the peer keeps another connection of this pair")]
    Duplicate,
    /// A connection stood for less than five seconds.
    #[error("the connection did not last")]
    ShortLived,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {what}")]
    Garbage {
        /// What was wrong.
        what: &'static str,
    },
}

/// Everything known about one peer.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Told by the owner.
    pub(crate) told: BTreeSet<SocketAddr>,
    /// Found by mDNS; gone when mDNS says so.
    pub(crate) found: BTreeSet<SocketAddr>,
    /// Where the last direct connection went.
    pub(crate) learned: Option<SocketAddr>,
    /// Relays the owner says the peer uses; empty: this node's own.
    pub(crate) relays: BTreeSet<RelayUrl>,
    pub(crate) failures: u32,
    pub(crate) last_failure: Option<DialFailure>,
    pub(crate) not_before: Option<Instant>,
    pub(crate) dialing: Option<AbortHandle>,
    pub(crate) link: Option<Arc<Link>>,
    /// Takes over as soon as the present link has ended.
    pub(crate) successor: Option<Opened>,
    /// Linked through a relay while a direct address has become known: worth another dial.
    pub(crate) nearer: bool,
}

impl Peer {
    /// The addresses to dial, put into the address itself: iroh is slow to pick up changed lookups.
    pub(crate) fn address(&self, id: EndpointId, own_relays: &BTreeSet<RelayUrl>) -> EndpointAddr {
        let mut address = EndpointAddr::new(id);
        for socket in self.sockets() {
            address = address.with_ip_addr(socket);
        }
        let relays = if self.relays.is_empty() { own_relays } else { &self.relays };
        for relay in relays {
            address = address.with_relay_url(relay.clone());
        }
        address
    }

    /// On the local network, or where the owner said.
    fn is_near(&self) -> bool {
        !self.found.is_empty() || !self.told.is_empty() || !self.relays.is_empty()
    }

    /// Every direct address known.
    pub(crate) fn sockets(&self) -> BTreeSet<SocketAddr> {
        self.told.iter().chain(&self.found).chain(&self.learned).copied().collect()
    }

    /// The dial has failed: the next one waits, longer each time.
    pub(crate) fn failed(&mut self, failure: DialFailure, now: Instant, seed: &[u8]) {
        let wait = if failure == DialFailure::Duplicate {
            BACKOFF_FIRST
        } else {
            self.failures = self.failures.saturating_add(1);
            let (first, max) = if matches!(failure, DialFailure::Refused { .. }) {
                (BACKOFF_REFUSED_FIRST, BACKOFF_REFUSED_MAX)
            } else {
                (BACKOFF_FIRST, BACKOFF_MAX)
            };
            backoff(self.failures, first, max)
        };
        self.not_before = Some(now + jittered(wait, self.failures, seed));
        self.last_failure = Some(failure);
    }

    /// The peer accepted us, for good as it seems.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
        self.last_failure = None;
    }

    /// The addresses changed: whatever failed before says nothing about them, but a refusal does. A
    /// dial under way knows only the former ones, and is begun again.
    pub(crate) fn addresses_changed(&mut self) {
        if let Some(dialing) = self.dialing.take() {
            dialing.abort();
        }
        let relayed =
            |link: &Arc<Link>| link.initiator && matches!(link.last_path(), PeerPath::Relayed(_));
        self.nearer = !self.sockets().is_empty() && self.link.as_ref().is_some_and(relayed);
        self.network_is_back();
    }

    /// Somebody answered after nobody did: whoever did not answer may do so now.
    pub(crate) fn network_is_back(&mut self) {
        if !matches!(self.last_failure, Some(DialFailure::Refused { .. })) {
            self.failures = 0;
            self.not_before = None;
        }
    }
}

/// The first addresses of a set, as many as are kept.
pub(crate) fn capped(addresses: impl IntoIterator<Item = SocketAddr>) -> BTreeSet<SocketAddr> {
    addresses.into_iter().take(ADDRESSES_MAX).collect()
}

/// Exponential back-off: `first`, twice that, and so on up to `max`.
pub(crate) fn backoff(failures: u32, first: Duration, max: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(max)
}

/// Spreads waits by up to a quarter, so that two sides do not dial in step. Drawn from the ids and the count.
pub(crate) fn jittered(wait: Duration, failures: u32, seed: &[u8]) -> Duration {
    let mut hasher = blake3::Hasher::new();
    hasher.update(seed).update(&failures.to_be_bytes());
    let [byte, ..] = *hasher.finalize().as_bytes();
    wait + wait * u32::from(byte) / 1024
}

/// A connection of a pair, as the tie-break sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Dialled by the endpoint with the lower id.
    pub(crate) by_lower: bool,
    /// How long it has stood.
    pub(crate) age: Duration,
}

/// Of two connections of one pair: does the arriving one replace the standing one? Both sides decide alike.
pub(crate) fn replaces(standing: Candidate, arriving_by_lower: bool) -> bool {
    standing.by_lower == arriving_by_lower
        || arriving_by_lower
        || standing.age >= SIMULTANEOUS_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let waits: Vec<_> = (1..=4).map(|n| backoff(n, BACKOFF_FIRST, BACKOFF_MAX)).collect();
        let ms = |n| Duration::from_millis(n);
        assert_eq!(waits, [ms(500), ms(1000), ms(2000), ms(4000)]);
        assert_eq!(backoff(u32::MAX, BACKOFF_FIRST, BACKOFF_MAX), BACKOFF_MAX);
    }

    #[test]
    fn jitter_differs_between_sides_and_stays_within_a_quarter() {
        let wait = Duration::from_secs(4);
        let spread: BTreeSet<_> = (0..32_u8).map(|seed| jittered(wait, 3, &[seed])).collect();
        assert!(spread.len() > 16);
        assert!(spread.iter().all(|w| *w >= wait && *w <= wait + wait / 4));
    }

    fn id(number: u8) -> EndpointId {
        iroh::SecretKey::from_bytes(&[number; 32]).public()
    }

    /// Peers in the order of their ids, after one's own.
    fn circle(me: &EndpointId, peers: &BTreeMap<EndpointId, Peer>) -> Vec<EndpointId> {
        let after = peers.keys().filter(|id| *id > me);
        after.chain(peers.keys().filter(|id| *id < me)).copied().collect()
    }

    #[test]
    fn those_one_has_to_do_with_and_those_near_are_dialled() {
        let policy = DialPolicy::Related { related: [id(1)].into(), carriers: [id(2)].into() };
        let far = Peer::default();
        assert!(policy.allows(&id(1), &far));
        assert!(policy.allows(&id(2), &far));
        assert!(!policy.allows(&id(3), &far));
        let at = || BTreeSet::from(["10.0.0.7:1".parse::<SocketAddr>().unwrap()]);
        assert!(policy.allows(&id(3), &Peer { found: at(), ..Peer::default() }));
        assert!(policy.allows(&id(3), &Peer { told: at(), ..Peer::default() }));
        let learned = at().pop_first();
        assert!(!policy.allows(&id(3), &Peer { learned, ..Peer::default() }), "it was near once");
    }

    #[test]
    fn for_want_of_a_carrier_the_next_few_that_answer_are_dialled() {
        let me = id(0);
        let mut peers: BTreeMap<_, _> = (1..=9).map(|n| (id(n), Peer::default())).collect();
        let circle = circle(&me, &peers);
        let policy = DialPolicy::Related { related: [circle[0]].into(), carriers: BTreeSet::new() };
        let next = |peers: &_, places: [usize; 3]| {
            assert_eq!(policy.others(&me, peers, true), places.map(|at| circle[at]).into());
        };
        next(&peers, [1, 2, 3]);
        assert_eq!(policy.others(&me, &peers, false), BTreeSet::new(), "there is no way to them");
        // Who does not answer makes room, until the others do not answer either.
        peers.get_mut(&circle[2]).unwrap().failures = 1;
        next(&peers, [1, 3, 4]);
        for at in [1, 3, 4, 5, 6, 7, 8] {
            peers.get_mut(&circle[at]).unwrap().failures = 2;
        }
        next(&peers, [1, 2, 3]);
    }

    /// After how many seconds of a minute others are dialled first, where a carrier drops each connection after `held`
    /// seconds and is away for `away`.
    fn dials_others(held: u64, away: u64) -> Option<u64> {
        let (carrier, start) = (id(1), Instant::now());
        let policy = DialPolicy::Related { related: BTreeSet::new(), carriers: [carrier].into() };
        let mut want = Want::default();
        (0..60).find(|second| {
            let age = second % (held + away);
            let age = (age < held).then(|| Duration::from_secs(age));
            let carried = policy.carried(|_| age);
            let now = start + Duration::from_secs(*second);
            want.until(carried, now).is_some_and(|at| at <= now)
        })
    }

    #[test]
    fn a_carrier_that_drops_each_connection_keeps_nobody_from_the_others() {
        assert_eq!(dials_others(0, 1), Some(10), "there is none");
        assert_eq!(dials_others(1, 1), Some(11));
        assert_eq!(dials_others(8, 4), Some(10));
        assert_eq!(dials_others(60, 0), None, "one that holds is not doubted");
        assert_eq!(dials_others(35, 9), None, "nor is one that was away for a moment");
        let mut want = Want::default();
        assert_eq!(want.until(DialPolicy::Everyone.carried(|_| None), Instant::now()), None);
    }

    #[test]
    fn of_a_simultaneous_pair_the_lower_ids_dial_stands() {
        let young = Duration::from_millis(10);
        let by_lower = Candidate { by_lower: true, age: young };
        let by_higher = Candidate { by_lower: false, age: young };
        assert!(!replaces(by_lower, false));
        assert!(replaces(by_higher, true));
    }

    #[test]
    fn a_later_dial_means_the_other_side_lost_the_first() {
        let old = Candidate { by_lower: true, age: SIMULTANEOUS_WINDOW };
        assert!(replaces(old, false));
        assert!(replaces(old, true));
        let young = Candidate { by_lower: false, age: Duration::ZERO };
        assert!(replaces(young, false), "the same side dialled again: it knows the first is gone");
    }

    #[test]
    fn a_refusal_outlives_changed_addresses() {
        let mut peer = Peer::default();
        let now = Instant::now();
        peer.failed(DialFailure::NoAnswer, now, b"");
        peer.addresses_changed();
        assert_eq!(peer.not_before, None);
        peer.failed(DialFailure::Refused { words: String::new() }, now, b"");
        peer.addresses_changed();
        assert!(peer.not_before.unwrap() >= now + BACKOFF_REFUSED_FIRST);
    }
}
