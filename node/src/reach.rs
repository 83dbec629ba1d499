//! Which way others are reached, and why that one. What is known comes from [`linli_net`]; here it becomes the one reason
//! that a person can do something about.

use std::time::Duration;

use linli_net::{DialFailure, PeerPath, PeerStatus, RelayReport, RelayTrouble, Report};
use linli_replica::directory::NotMember;
use linli_replica::entry::Entry;
use linli_replica::id::NodeId;

use crate::api::reach::{ClockRow, Reach, RelayRow, RelayState, Standing, Why};
use crate::node::{Node, now, world};

/// How long a relayed connection is given to find a direct way before somebody is blamed.
const LOOKING: Duration = Duration::from_secs(30);

/// What a node finds around it, taken once for all peers.
pub(crate) struct Around {
    report: Report,
    relays: Vec<RelayReport>,
    relay_only: bool,
}

impl Around {
    pub(crate) fn of(node: &Node) -> Self {
        Self {
            report: node.net.report(),
            relays: node.net.relay_reports(),
            relay_only: node.net.bound_addresses().is_empty(),
        }
    }

    /// What is told of it.
    pub(crate) fn reach(&self, node: &Node) -> Reach {
        let at = now();
        let standing = match node.replica.directory().admits(&node.core.node(), at) {
            Ok(_) => Standing::Member,
            Err(NotMember::Unknown) => Standing::NotEnrolled,
            Err(NotMember::Expelled) => Standing::Expelled,
            Err(NotMember::Ended) => Standing::Ended,
        };
        Reach {
            standing,
            udp: self.report.udp,
            public: self.report.public.iter().map(ToString::to_string).collect(),
            hard_nat: self.report.varies,
            relays: self.relays.iter().map(row).collect(),
            clock: node.clocks.apart(at).map(|(ahead_ms, parties)| ClockRow { ahead_ms, parties }),
        }
    }

    /// Why a peer is reached the way it is; none for a direct way out of the local network.
    pub(crate) fn why(&self, peer: Option<&PeerStatus>) -> Option<Why> {
        let Some(peer) = peer else { return Some(Why::Waits) };
        match &peer.connected {
            None => Some(self.why_away(peer)),
            Some(link) => match link.path {
                PeerPath::Direct(_) => peer.on_lan.then_some(Why::Lan),
                PeerPath::Relayed(_) => Some(self.why_relayed(link.since)),
                PeerPath::None => Some(Why::Looking),
            },
        }
    }

    fn why_relayed(&self, since: Duration) -> Why {
        let Report { udp, public, varies } = &self.report;
        if self.relay_only {
            Why::RelayOnly
        } else if *udp == Some(false) {
            Why::NoUdp
        } else if *varies == Some(true) {
            Why::HardNat
        } else if since < LOOKING {
            Why::Looking
        } else if public.is_empty() {
            Why::NoPublicAddress
        } else {
            Why::FarSide
        }
    }

    fn why_away(&self, peer: &PeerStatus) -> Why {
        let usable = |relay: &RelayReport| {
            matches!(relay.state, linli_net::RelayState::Connected | linli_net::RelayState::Ready)
        };
        match &peer.last_failure {
            Some(DialFailure::Refused { .. }) => Why::Refused,
            _ if peer.addresses.is_empty() && !self.relays.iter().any(usable) => Why::NoWay,
            Some(DialFailure::NoAnswer) => Why::NoAnswer,
            Some(
                DialFailure::Failed { .. }
                | DialFailure::Duplicate
                | DialFailure::ShortLived
                | DialFailure::Garbage { .. },
            ) => Why::Failed,
            None if peer.dialing => Why::Dialling,
            None => Why::Waits,
        }
    }
}

/// What the peer, or the machine, said of a way that failed.
pub(crate) fn words(peer: Option<&PeerStatus>) -> Option<String> {
    match peer?.last_failure.as_ref()? {
        DialFailure::Refused { words } => Some(words.clone()),
        DialFailure::Failed { what } => Some(what.clone()),
        DialFailure::Garbage { what } => Some((*what).to_owned()),
        DialFailure::NoAnswer | DialFailure::Duplicate | DialFailure::ShortLived => None,
    }
}

/// Looks at the time that others signed in what arrived, once in a while.
pub(crate) fn note_clock(node: &mut Node, from: Option<NodeId>, entries: &[Entry]) {
    let (Some(from), Some(entry), now) = (from, entries.last(), now()) else { return };
    if !node.clocks.due(now) {
        return;
    }
    let world = world(&node.replica, &node.store);
    let Some((author, signed)) = node.core.signed(world, entry) else { return };
    let party = node.replica.directory().node(&author).map(|author| author.party);
    if let Some(party) = party.filter(|party| *party != node.core.party()) {
        let fresh = author == from && node.peers.get(&from).is_some_and(|peer| peer.synced);
        node.clocks.note(party, signed, now, fresh);
    }
}

fn row(relay: &RelayReport) -> RelayRow {
    use linli_net::RelayState as Of;
    let (state, words) = match &relay.state {
        Of::Connected => (RelayState::Connected, None),
        Of::Ready => (RelayState::Ready, None),
        Of::Untried => (RelayState::Untried, None),
        Of::Denied { words } => (RelayState::Denied, Some(words.clone())),
        Of::Trouble(RelayTrouble::NoName { what }) => (RelayState::NoName, Some(what.clone())),
        Of::Trouble(RelayTrouble::NoAnswer { what }) => (RelayState::NoAnswer, Some(what.clone())),
        Of::Trouble(RelayTrouble::NotTrusted { what }) => {
            (RelayState::NotTrusted, Some(what.clone()))
        }
        Of::Trouble(RelayTrouble::WrongPin) => (RelayState::WrongPin, None),
        Of::Trouble(RelayTrouble::WrongTime) => (RelayState::WrongTime, None),
        Of::Trouble(RelayTrouble::NoRelay { what }) => (RelayState::NoRelay, Some(what.clone())),
    };
    let round_trip_ms = relay.round_trip.and_then(|time| u64::try_from(time.as_millis()).ok());
    RelayRow { url: relay.url.clone(), state, words, round_trip_ms }
}

#[cfg(test)]
mod tests;
