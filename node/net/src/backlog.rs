//! What a driver has to send: frames that wait for room, and lanes that have room again.

use std::collections::{BTreeMap, VecDeque};

use iroh::EndpointId;

use crate::handle::{NetHandle, SendError};
use crate::lane::Lane;

type Way = (EndpointId, Lane);

/// Frames that their lanes had no room for, and lanes that can take more.
///
/// A driver that composes the next frames of one free lane in each of its turns keeps turns short: an alert waits for
/// no more than one of them.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: BTreeMap<Way, VecDeque<Vec<u8>>>,
    free: VecDeque<Way>,
}

impl Backlog {
    /// Sends a frame, or keeps it until its lane has room. What is for a peer that is gone is dropped: it asks again
    /// when it is back.
    pub fn send(&mut self, net: &NetHandle, peer: EndpointId, lane: Lane, bytes: Vec<u8>) {
        let way = (peer, lane);
        if let Some(waiting) = self.waiting.get_mut(&way) {
            waiting.push_back(bytes);
            return;
        }
        match net.try_send(&peer, lane, bytes) {
            Ok(()) => self.note_free(way),
            Err(SendError::Full(bytes)) => {
                self.waiting.insert(way, VecDeque::from([bytes]));
            }
            Err(SendError::NotConnected(_)) => {}
            Err(error @ (SendError::TooLarge { .. } | SendError::Empty)) => {
                tracing::error!(%error, "a frame was made that no lane takes");
                self.note_free(way);
            }
        }
    }

    /// Sends what waited for a lane that has room again.
    pub fn writable(&mut self, net: &NetHandle, peer: EndpointId, lane: Lane) {
        for bytes in self.waiting.remove(&(peer, lane)).unwrap_or_default() {
            self.send(net, peer, lane, bytes);
        }
        self.note_free((peer, lane));
    }

    /// Takes out the next lane that has room and nothing waiting: urgent ones first, else in turn.
    pub fn next_free(&mut self) -> Option<(EndpointId, Lane)> {
        while let Some(way) = self.free.pop_front() {
            if !self.waiting.contains_key(&way) {
                return Some(way);
            }
        }
        None
    }

    /// Says whether [`Self::next_free`] may have one.
    #[must_use]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Forgets a peer that is gone.
    pub fn forget(&mut self, peer: &EndpointId) {
        self.waiting.retain(|(to, _), _| to != peer);
        self.free.retain(|(to, _)| to != peer);
    }

    fn note_free(&mut self, way: Way) {
        if self.free.contains(&way) {
            return;
        }
        let urgent = |way: &&Way| way.1 == Lane::Urgent;
        let at = match way.1 {
            Lane::Urgent => self.free.iter().take_while(urgent).count(),
            Lane::Normal | Lane::Bulk => self.free.len(),
        };
        self.free.insert(at, way);
    }
}
