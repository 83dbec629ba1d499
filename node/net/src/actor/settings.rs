//! What the owner and mDNS change while the network runs.

use std::{collections::BTreeSet, net::SocketAddr};

use iroh::EndpointId;

use super::{Actor, Seeker, forget};
use crate::{
    dial::Peer,
    event::NetEvent,
    handle::Command,
    mdns::Found,
    pairing::{PairTarget, pairing_key_hash},
    reason::DisconnectReason,
    sync::locked,
};

/// Looking for an inviter is something one person does: more at once is a mistake above.
const SEEKERS_MAX: usize = 8;

impl Actor {
    pub(super) async fn command(&mut self, command: Command) {
        match command {
            Command::MembersChanged => self.members_changed(),
            Command::SetAddresses { peer, addresses, relays } => {
                let mut peers = locked(&self.shared.peers);
                let peer = peers.entry(peer).or_default();
                if peer.told != addresses || peer.relays != relays {
                    peer.told = addresses;
                    peer.relays = relays;
                    peer.addresses_changed();
                }
            }
            Command::SetDialPolicy(policy) => self.policy = policy,
            Command::SetDiscoverySecret(secret) => {
                self.wish.send_modify(|wish| wish.discovery_secret = secret);
            }
            Command::SetRelays(relays) => self.set_relays(relays).await,
            Command::DialNow(peer) => self.dial_now(peer),
            Command::Disconnect(peer) => self.end(&peer, DisconnectReason::Local),
            Command::OfferPairing(offer) => self.wish.send_modify(|wish| wish.offering = offer),
            Command::FindInviter { key_hash, found } => {
                self.forget_seekers();
                if self.seekers.len() < SEEKERS_MAX {
                    self.seekers.push(Seeker { key_hash, found });
                    self.wish.send_modify(|wish| wish.looking = true);
                }
            }
            Command::StopLooking => self.forget_seekers(),
            Command::Shutdown { done } => drop(done),
        }
    }

    /// Disconnects whoever is no longer a member and makes the others known to the dialler and to mDNS.
    pub(super) fn members_changed(&mut self) {
        let members = self.shared.gate.members();
        let mut peers = locked(&self.shared.peers);
        for (id, peer) in peers.iter() {
            if let Some(link) = peer.link.as_ref().filter(|_| !members.contains(id)) {
                link.end(DisconnectReason::NotMember);
            }
        }
        forget(&mut peers, &members);
        for id in members.iter().filter(|id| **id != self.me) {
            peers.entry(*id).or_default();
        }
        drop(peers);
        self.wish.send_modify(|wish| wish.members = members);
    }

    fn dial_now(&mut self, peer: EndpointId) {
        if let Some(peer) = locked(&self.shared.peers).get_mut(&peer) {
            peer.not_before = None;
        }
    }

    fn end(&self, peer: &EndpointId, reason: DisconnectReason) {
        if let Some(link) = locked(&self.shared.peers).get(peer).and_then(|peer| peer.link.as_ref())
        {
            link.end(reason);
        }
    }

    pub(super) fn found(&mut self, found: Found) {
        match found {
            Found::Member { id, addresses } => {
                if let Some(peer) = locked(&self.shared.peers).get_mut(&id) {
                    member_found(peer, addresses);
                }
            }
            Found::Inviter { id, addresses } => self.inviter_found(id, &addresses),
            Found::Failed { what } => self.events.control(NetEvent::MdnsFailed { what }),
        }
    }

    fn inviter_found(&mut self, id: EndpointId, addresses: &BTreeSet<SocketAddr>) {
        let hash = pairing_key_hash(&id);
        for seeker in std::mem::take(&mut self.seekers) {
            if seeker.key_hash == hash {
                let target = PairTarget { id, addresses: addresses.clone(), relays: Vec::new() };
                let _ = seeker.found.send(target);
            } else {
                self.seekers.push(seeker);
            }
        }
        self.forget_seekers();
    }

    /// Forgets those who stopped waiting; mDNS looks no longer than somebody waits.
    fn forget_seekers(&mut self) {
        self.seekers.retain(|seeker| !seeker.found.is_closed());
        let looking = !self.seekers.is_empty();
        self.wish.send_if_modified(|wish| std::mem::replace(&mut wish.looking, looking) != looking);
    }
}

fn member_found(peer: &mut Peer, addresses: BTreeSet<SocketAddr>) {
    let news = addresses.difference(&peer.found).next().is_some();
    peer.found = addresses;
    if news {
        peer.addresses_changed();
    }
}
