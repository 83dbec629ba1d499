//! Dialling members that are due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use iroh::{Endpoint, EndpointAddr, EndpointId};
use tokio::time::{Instant, timeout};

use super::{Actor, Work};
use crate::{
    MEMBER_ALPN,
    dial::{DialFailure, Peer},
    event::NetEvent,
    limits::{CONNECT_TIMEOUT, DIALS_MAX},
    link::{self, Opened},
    reason::{DisconnectReason, printable},
    sync::locked,
};

impl Actor {
    /// Dials every member that is due and tells when the next will be.
    pub(super) fn dial_due(&mut self, now: Instant) -> Option<Instant> {
        let own_relays = locked(&self.shared.own_relays).clone();
        let shared = Arc::clone(&self.shared);
        let mut peers = locked(&shared.peers);
        let (others, wait) = self.others(now, &peers, !own_relays.is_empty());
        let (mut due, mut later) = (Vec::new(), wait);
        for (id, peer) in peers.iter_mut() {
            let idle = (peer.link.is_none() || peer.nearer) && peer.dialing.is_none();
            let wanted = *id != self.me && (self.policy.allows(id, peer) || others.contains(id));
            if !idle || !wanted || !self.shared.gate.is_member(id) {
                continue;
            }
            match peer.not_before {
                Some(at) if at > now => later = later.into_iter().chain([at]).min(),
                _ => due.push((*id, peer)),
            }
        }
        // Whoever failed least goes first when there are more than may be dialled at once.
        due.sort_by_key(|(_, peer)| peer.failures);
        for (id, peer) in due {
            let address = peer.address(id, &own_relays);
            if !address.is_empty() && self.dials.len() < DIALS_MAX {
                peer.nearer = false;
                peer.dialing = Some(self.dials.spawn(dial(self.endpoint.clone(), address)));
            }
        }
        later
    }

    /// Who is dialled for want of a carrier, or when that will be asked again.
    fn others(
        &mut self,
        now: Instant,
        peers: &BTreeMap<EndpointId, Peer>,
        has_relays: bool,
    ) -> (BTreeSet<EndpointId>, Option<Instant>) {
        let age = |id: &EndpointId| peers.get(id)?.link.as_ref().map(|link| link.age());
        match self.want.until(self.policy.carried(age), now) {
            Some(at) if at <= now => (self.policy.others(&self.me, peers, has_relays), None),
            later => (BTreeSet::new(), later),
        }
    }

    pub(super) fn dialled(&mut self, id: EndpointId, outcome: Result<Opened, DialFailure>) {
        let failure = {
            let mut peers = locked(&self.shared.peers);
            let Some(peer) = peers.get_mut(&id) else { return };
            peer.dialing = None;
            match outcome {
                Ok(opened) => {
                    drop(peers);
                    self.opened(opened);
                    return;
                }
                Err(failure) => {
                    tracing::debug!(peer = %id.fmt_short(), %failure, "dial failed");
                    // A connection that the peer made meanwhile says more than our failed dial.
                    if peer.link.is_none() {
                        peer.failed(failure.clone(), Instant::now(), self.me.as_bytes());
                    }
                    failure
                }
            }
        };
        if let DialFailure::Refused { words } = failure {
            self.events.control(NetEvent::RefusedBy { peer: id, words });
        }
    }
}

async fn dial(endpoint: Endpoint, address: EndpointAddr) -> Work {
    let peer = address.id;
    let outcome = match timeout(CONNECT_TIMEOUT, endpoint.connect(address, MEMBER_ALPN)).await {
        Err(_elapsed) => Err(DialFailure::NoAnswer),
        Ok(Err(error)) => Err(DialFailure::Failed { what: printable(&error) }),
        Ok(Ok(connection)) => link::open_lanes(connection, true).await.map_err(failure),
    };
    Work::Dialled { peer, outcome }
}

fn failure(reason: DisconnectReason) -> DialFailure {
    match reason {
        DisconnectReason::RefusedByPeer { words } => DialFailure::Refused { words },
        DisconnectReason::Replaced => DialFailure::Duplicate,
        DisconnectReason::Silent => DialFailure::NoAnswer,
        DisconnectReason::Garbage { what } => DialFailure::Garbage { what },
        DisconnectReason::Local
        | DisconnectReason::NotMember
        | DisconnectReason::Shutdown
        | DisconnectReason::FrameTooLarge { .. }
        | DisconnectReason::ClosedByPeer { .. }
        | DisconnectReason::Lost { .. } => DialFailure::Failed { what: reason.to_string() },
    }
}
