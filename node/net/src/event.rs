//! What the network tells its owner, the urgent first.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use iroh::EndpointId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    gate::RefusalReason,
    lane::{Lane, PerLane},
    limits::{CONTROL_EVENTS_MAX, FRAME_OVERHEAD_BYTES, INBOX_BYTES},
    pairing::PairStream,
    reason::DisconnectReason,
    status::PeerPath,
};

/// 32 bytes that both ends of one TLS session derive and nobody else can. `Debug` hides them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectionSecret(pub [u8; 32]);

impl fmt::Debug for ConnectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSecret(..)")
    }
}

/// What happened on the network.
#[derive(Debug)]
pub enum NetEvent {
    /// A member is connected: both gates let the other in, and all three lanes are open.
    Connected {
        /// Who, proven by the TLS handshake.
        peer: EndpointId,
        /// Numbers the connections of this run; [`NetEvent::Disconnected`] carries it again.
        connection: u64,
        /// TLS exporter (RFC 5705) with the label `linli/1 session`: equal at both ends.
        connection_secret: ConnectionSecret,
        /// This side dialled.
        initiator: bool,
        /// How the bytes travel at this moment.
        path: PeerPath,
    },
    /// A frame arrived. Only ever between its connection's `Connected` and `Disconnected`.
    Frame {
        /// From whom.
        peer: EndpointId,
        /// On which lane.
        lane: Lane,
        /// 1 to [`MAX_FRAME_BYTES`](crate::MAX_FRAME_BYTES) bytes.
        bytes: Vec<u8>,
    },
    /// A lane that had answered `Full` has half its queue free again.
    Writable {
        /// To whom.
        peer: EndpointId,
        /// On which lane.
        lane: Lane,
    },
    /// The connection ended; what was queued for it is dropped. It is dialled again by itself.
    Disconnected {
        /// Who.
        peer: EndpointId,
        /// The number that `Connected` had.
        connection: u64,
        /// Why.
        reason: DisconnectReason,
    },
    /// The bytes take another way, or have none.
    PathChanged {
        /// To whom.
        peer: EndpointId,
        /// The way.
        path: PeerPath,
    },
    /// An endpoint was turned away; at most one event a minute and endpoint.
    Refused {
        /// Who, proven by the TLS handshake.
        endpoint: EndpointId,
        /// Why.
        reason: RefusalReason,
        /// How often since the start.
        count: u64,
    },
    /// A peer that this node dialled turned it away; the next try is half a minute away or more.
    RefusedBy {
        /// Who.
        peer: EndpointId,
        /// Its reason in words, cut and cleaned.
        words: String,
    },
    /// Somebody opened a pairing stream while pairing was armed.
    Pairing(PairStream),
    /// mDNS does not work at this moment; it is tried again, and all else goes on.
    MdnsFailed {
        /// What it said.
        what: String,
    },
}

/// A received frame with its share of the lane's budget.
struct Arrived {
    peer: EndpointId,
    connection: u64,
    bytes: Vec<u8>,
    _budget: OwnedSemaphorePermit,
}

#[derive(Clone)]
struct LaneSender {
    frames: mpsc::UnboundedSender<Arrived>,
    budget: Arc<Semaphore>,
}

/// The network's end of the event channels.
#[derive(Clone)]
pub(crate) struct EventSender {
    control: mpsc::UnboundedSender<NetEvent>,
    waiting: Arc<AtomicUsize>,
    lanes: PerLane<LaneSender>,
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender").finish_non_exhaustive()
    }
}

impl EventSender {
    /// Queues a control event; an owner that is gone misses nothing.
    pub(crate) fn control(&self, event: NetEvent) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.control.send(event);
    }

    /// Waits until the owner has dropped its end.
    pub(crate) async fn closed(&self) {
        self.control.closed().await;
    }

    /// Bytes of a lane that have arrived and that the owner has not taken, 64 more for each frame.
    pub(crate) fn untaken_bytes(&self, lane: Lane) -> usize {
        INBOX_BYTES.saturating_sub(self.lanes.get(lane).budget.available_permits())
    }

    /// The owner does not keep up: no further connections until it does.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= CONTROL_EVENTS_MAX
    }

    /// Delivers a frame; waits while the lane's budget is taken. `false` when the owner is gone.
    pub(crate) async fn frame(
        &self,
        peer: EndpointId,
        connection: u64,
        lane: Lane,
        bytes: Vec<u8>,
    ) -> bool {
        let sender = self.lanes.get(lane);
        let charge = u32::try_from(bytes.len() + FRAME_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let Ok(budget) = sender.budget.clone().acquire_many_owned(charge).await else {
            return false;
        };
        sender.frames.send(Arrived { peer, connection, bytes, _budget: budget }).is_ok()
    }
}

struct LaneReceiver {
    /// Taken from the channel while a disconnect was put in order.
    early: VecDeque<Arrived>,
    frames: mpsc::UnboundedReceiver<Arrived>,
}

impl LaneReceiver {
    fn try_next(&mut self) -> Option<Arrived> {
        self.early.pop_front().or_else(|| self.frames.try_recv().ok())
    }
}

/// The owner's end: [`NetEvents::recv`] gives control events first, then the lanes in order of urgency.
pub struct NetEvents {
    control: mpsc::UnboundedReceiver<NetEvent>,
    waiting: Arc<AtomicUsize>,
    lanes: PerLane<LaneReceiver>,
    /// The connection of each peer whose `Connected` was given out.
    current: BTreeMap<EndpointId, u64>,
    /// A dead connection's last frames and then its `Disconnected`.
    ending: VecDeque<NetEvent>,
}

impl fmt::Debug for NetEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetEvents").finish_non_exhaustive()
    }
}

impl NetEvents {
    /// The next event. Frames of a connection come only between its `Connected` and its `Disconnected`; an urgent
    /// frame overtakes all others that have arrived. Cancel-safe. `None` when the network has stopped.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        loop {
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            let PerLane { urgent, normal, bulk } = &mut self.lanes;
            let (lane, arrived) = tokio::select! {
                biased;
                event = self.control.recv() => {
                    let event = event?;
                    if let Some(event) = self.control_event(event) {
                        return Some(event);
                    }
                    continue;
                }
                Some(frame) = urgent.frames.recv() => (Lane::Urgent, frame),
                Some(frame) = normal.frames.recv() => (Lane::Normal, frame),
                Some(frame) = bulk.frames.recv() => (Lane::Bulk, frame),
            };
            if let Some(event) = self.frame_event(lane, arrived) {
                return Some(event);
            }
        }
    }

    /// The next event that is there already.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        loop {
            if let Some(event) = self.ending.pop_front() {
                return Some(event);
            }
            if let Ok(event) = self.control.try_recv() {
                if let Some(event) = self.control_event(event) {
                    return Some(event);
                }
                continue;
            }
            let (lane, arrived) = Lane::ALL
                .into_iter()
                .find_map(|lane| Some((lane, self.lanes.get_mut(lane).try_next()?)))?;
            if let Some(event) = self.frame_event(lane, arrived) {
                return Some(event);
            }
        }
    }

    fn frame_event(&self, lane: Lane, arrived: Arrived) -> Option<NetEvent> {
        let Arrived { peer, connection, bytes, .. } = arrived;
        (self.current.get(&peer) == Some(&connection)).then_some(NetEvent::Frame {
            peer,
            lane,
            bytes,
        })
    }

    /// Notes who is connected. A `Disconnected` is put behind the frames that arrived before it.
    fn control_event(&mut self, event: NetEvent) -> Option<NetEvent> {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if let NetEvent::Connected { peer, connection, .. } = event {
            self.current.insert(peer, connection);
        }
        let NetEvent::Disconnected { peer, connection: ended, .. } = event else {
            return Some(event);
        };
        for lane in Lane::ALL {
            let receiver = self.lanes.get_mut(lane);
            while let Ok(arrived) = receiver.frames.try_recv() {
                receiver.early.push_back(arrived);
            }
            let (last, others) = std::mem::take(&mut receiver.early)
                .into_iter()
                .partition(|a| a.peer == peer && a.connection == ended);
            receiver.early = others;
            let last: VecDeque<Arrived> = last;
            self.ending.extend(last.into_iter().map(|a| NetEvent::Frame {
                peer,
                lane,
                bytes: a.bytes,
            }));
        }
        self.ending.push_back(event);
        self.current.remove(&peer);
        None
    }
}

/// Makes the two ends.
pub(crate) fn events() -> (EventSender, NetEvents) {
    let waiting = Arc::new(AtomicUsize::new(0));
    let (control, control_receiver) = mpsc::unbounded_channel();
    let mut receivers = Vec::new();
    let lanes = PerLane::new(|_| {
        let (frames, receiver) = mpsc::unbounded_channel();
        receivers.push(receiver);
        LaneSender { frames, budget: Arc::new(Semaphore::new(INBOX_BYTES)) }
    });
    let mut receivers = receivers.into_iter();
    let lane_receivers = PerLane::new(|_| LaneReceiver {
        early: VecDeque::new(),
        frames: receivers.next().unwrap_or_else(|| mpsc::unbounded_channel().1),
    });
    let events = NetEvents {
        control: control_receiver,
        waiting: waiting.clone(),
        lanes: lane_receivers,
        current: BTreeMap::new(),
        ending: VecDeque::new(),
    };
    (EventSender { control, waiting, lanes }, events)
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    fn peer() -> EndpointId {
        SecretKey::from_bytes(&[1; 32]).public()
    }

    fn connected(connection: u64) -> NetEvent {
        NetEvent::Connected {
            peer: peer(),
            connection,
            connection_secret: ConnectionSecret([0; 32]),
            initiator: true,
            path: PeerPath::None,
        }
    }

    fn ended(connection: u64) -> NetEvent {
        NetEvent::Disconnected { peer: peer(), connection, reason: DisconnectReason::Silent }
    }

    fn said(event: Option<NetEvent>) -> String {
        let event = event.unwrap();
        if let NetEvent::Connected { connection, .. } = event {
            format!("connected {connection}")
        } else if let NetEvent::Disconnected { connection, .. } = event {
            format!("ended {connection}")
        } else if let NetEvent::Frame { lane, bytes, .. } = event {
            format!("{lane:?} {}", bytes[0])
        } else {
            format!("{event:?}")
        }
    }

    #[tokio::test]
    async fn urgent_overtakes_what_arrived_before_it() {
        let (sender, mut events) = events();
        sender.control(connected(1));
        for (lane, byte) in [(Lane::Bulk, 1), (Lane::Normal, 2), (Lane::Urgent, 3)] {
            assert!(sender.frame(peer(), 1, lane, vec![byte]).await);
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(said(events.recv().await));
        }
        assert_eq!(order, ["connected 1", "Urgent 3", "Normal 2", "Bulk 1"]);
    }

    #[tokio::test]
    async fn frames_stay_within_their_connection() {
        let (sender, mut events) = events();
        sender.control(connected(1));
        sender.frame(peer(), 1, Lane::Bulk, vec![1]).await;
        sender.frame(peer(), 1, Lane::Urgent, vec![2]).await;
        sender.control(ended(1));
        sender.control(connected(2));
        sender.frame(peer(), 2, Lane::Urgent, vec![3]).await;
        sender.frame(peer(), 1, Lane::Urgent, vec![4]).await;
        let mut order = Vec::new();
        while let Some(event) = events.try_recv() {
            order.push(said(Some(event)));
        }
        assert_eq!(
            order,
            ["connected 1", "Urgent 2", "Urgent 4", "Bulk 1", "ended 1", "connected 2", "Urgent 3"]
        );
        sender.frame(peer(), 1, Lane::Urgent, vec![5]).await;
        assert!(events.try_recv().is_none(), "a frame of a dead connection is nobody's");
    }

    #[tokio::test]
    async fn a_full_bulk_budget_leaves_urgent_free() {
        let (sender, mut events) = events();
        sender.control(connected(1));
        let big = vec![1; INBOX_BYTES - FRAME_OVERHEAD_BYTES];
        assert!(sender.frame(peer(), 1, Lane::Bulk, big).await);
        assert_eq!(sender.untaken_bytes(Lane::Bulk), INBOX_BYTES);
        assert!(sender.frame(peer(), 1, Lane::Urgent, vec![2]).await);
        assert_eq!(said(events.recv().await), "connected 1");
        assert_eq!(said(events.recv().await), "Urgent 2");
        assert_eq!(said(events.recv().await), "Bulk 1");
        assert_eq!(sender.untaken_bytes(Lane::Bulk), 0, "taking a frame frees its budget");
    }
}
