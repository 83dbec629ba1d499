//! One live connection: its lanes, its heartbeat, its end.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iroh::{
    EndpointId,
    endpoint::{Connection, ConnectionError, ReadExactError, RecvStream, SendStream, VarInt},
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    SESSION_LABEL,
    event::{ConnectionSecret, EventSender, NetEvent},
    frame::{FrameError, read_frame, write_frame},
    lane::{Lane, PerLane},
    limits::{
        HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, MAX_FRAME_BYTES, OPEN_TIMEOUT, OUTBOX_BULK_BYTES,
        OUTBOX_NORMAL_BYTES, OUTBOX_URGENT_BYTES, WATCH_INTERVAL,
    },
    outbox::Outbox,
    reason::{DisconnectReason, printable},
    status::{ConnectionStatus, PeerPath},
    sync::locked,
};

/// A connection whose three lanes are open both ways: the peer's gate has let us in.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) initiator: bool,
    streams: Streams,
}

#[derive(Debug)]
struct Streams {
    outgoing: PerLane<SendStream>,
    incoming: PerLane<RecvStream>,
}

/// Opens our three lanes and waits for the peer's.
///
/// A side opens its lanes only after its gate let the other in, so success means that both did.
pub(crate) async fn open_lanes(
    connection: Connection,
    initiator: bool,
) -> Result<Opened, DisconnectReason> {
    match timeout(OPEN_TIMEOUT, open_streams(&connection)).await {
        Ok(Ok(streams)) => Ok(Opened { connection, initiator, streams }),
        Ok(Err(reason)) => {
            let reason = end_reason(&connection, reason);
            close(&connection, &reason);
            Err(reason)
        }
        Err(_elapsed) => {
            close(&connection, &DisconnectReason::Silent);
            Err(DisconnectReason::Silent)
        }
    }
}

async fn open_streams(connection: &Connection) -> Result<Streams, DisconnectReason> {
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(0));
    let outgoing = PerLane {
        urgent: open_lane(connection, Lane::Urgent).await?,
        normal: open_lane(connection, Lane::Normal).await?,
        bulk: open_lane(connection, Lane::Bulk).await?,
    };
    let mut incoming: PerLane<Option<RecvStream>> = PerLane::default();
    for _ in Lane::ALL {
        let mut stream = connection.accept_uni().await.map_err(|e| DisconnectReason::of(&e))?;
        let mut number = [0];
        match stream.read_exact(&mut number).await {
            Ok(()) => {}
            Err(ReadExactError::FinishedEarly(_)) => {
                return Err(DisconnectReason::Garbage { what: "a lane ended before it began" });
            }
            Err(ReadExactError::ReadError(error)) => {
                return Err(DisconnectReason::Lost { what: printable(&error) });
            }
        }
        let [number] = number;
        let Some(lane) = Lane::from_number(number) else {
            return Err(DisconnectReason::Garbage { what: "it opened a lane that does not exist" });
        };
        if incoming.get_mut(lane).replace(stream).is_some() {
            return Err(DisconnectReason::Garbage { what: "it opened a lane twice" });
        }
    }
    let PerLane { urgent: Some(urgent), normal: Some(normal), bulk: Some(bulk) } = incoming else {
        return Err(DisconnectReason::Garbage { what: "it left a lane out" });
    };
    Ok(Streams { outgoing, incoming: PerLane { urgent, normal, bulk } })
}

async fn open_lane(connection: &Connection, lane: Lane) -> Result<SendStream, DisconnectReason> {
    let mut stream = connection.open_uni().await.map_err(|e| DisconnectReason::of(&e))?;
    let lost = |what: String| DisconnectReason::Lost { what };
    stream.set_priority(lane.priority()).map_err(|e| lost(printable(&e)))?;
    stream.write_all(&[lane.number()]).await.map_err(|e| lost(printable(&e)))?;
    Ok(stream)
}

/// When the peer was last heard.
#[derive(Debug)]
struct Heard {
    at: Mutex<Instant>,
    /// The urgent reader waits for our own owner: the silence is ours, not the peer's.
    held_up: AtomicBool,
}

/// A live connection, shared between its tasks, the actor and the handles.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: EndpointId,
    pub(crate) number: u64,
    pub(crate) initiator: bool,
    pub(crate) connection: Connection,
    since: Instant,
    outboxes: PerLane<Outbox>,
    heard: Heard,
    ending: Mutex<Option<DisconnectReason>>,
    path: Mutex<PeerPath>,
}

impl Link {
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    pub(crate) fn outbox(&self, lane: Lane) -> &Outbox {
        self.outboxes.get(lane)
    }

    /// The path the watcher saw last, also after the end.
    pub(crate) fn last_path(&self) -> PeerPath {
        locked(&self.path).clone()
    }

    /// Closes; the first reason counts.
    pub(crate) fn end(&self, reason: DisconnectReason) {
        close(&self.connection, locked(&self.ending).get_or_insert(reason));
    }

    pub(crate) fn status(&self) -> ConnectionStatus {
        let (path, round_trip) = PeerPath::of(&self.connection);
        let stats = self.connection.stats();
        ConnectionStatus {
            connection: self.number,
            initiator: self.initiator,
            path,
            round_trip,
            since: self.age(),
            bytes_sent: stats.udp_tx.bytes,
            bytes_received: stats.udp_rx.bytes,
            bytes_queued: Lane::ALL.into_iter().map(|l| self.outbox(l).queued_bytes()).sum(),
        }
    }

    fn heard(&self) {
        *locked(&self.heard.at) = Instant::now();
    }
}

/// Makes an opened connection live: reports it and hands back its run loop, which ends with the reason.
pub(crate) fn start(
    opened: Opened,
    number: u64,
    events: EventSender,
) -> (Arc<Link>, impl Future<Output = DisconnectReason>) {
    let Opened { connection, initiator, streams } = opened;
    let mut secret = [0; 32];
    let exported = connection.export_keying_material(&mut secret, SESSION_LABEL, b"").is_ok();
    let (path, _) = PeerPath::of(&connection);
    let link = Arc::new(Link {
        peer: connection.remote_id(),
        number,
        initiator,
        connection,
        since: Instant::now(),
        outboxes: PerLane::new(|lane| {
            Outbox::new(match lane {
                Lane::Urgent => OUTBOX_URGENT_BYTES,
                Lane::Normal => OUTBOX_NORMAL_BYTES,
                Lane::Bulk => OUTBOX_BULK_BYTES,
            })
        }),
        heard: Heard { at: Mutex::new(Instant::now()), held_up: AtomicBool::new(false) },
        ending: Mutex::new(None),
        path: Mutex::new(path.clone()),
    });
    if !exported {
        link.end(DisconnectReason::Lost { what: "TLS gave no exporter secret".to_owned() });
    }
    events.control(NetEvent::Connected {
        peer: link.peer,
        connection: number,
        connection_secret: ConnectionSecret(secret),
        initiator,
        path,
    });
    (link.clone(), run(link, streams, events))
}

async fn run(link: Arc<Link>, streams: Streams, events: EventSender) -> DisconnectReason {
    let mut tasks = JoinSet::new();
    for (lane, stream) in streams.outgoing.into_each() {
        tasks.spawn(write_lane(link.clone(), lane, stream, events.clone()));
    }
    for (lane, stream) in streams.incoming.into_each() {
        tasks.spawn(read_lane(link.clone(), lane, stream, events.clone()));
    }
    let first = tokio::select! {
        error = link.connection.closed() => DisconnectReason::of(&error),
        reason = watch(&link, &events) => reason,
        Some(ended) = tasks.join_next() => ended.unwrap_or(DisconnectReason::Garbage { what: "a task failed" }),
    };
    let decided = locked(&link.ending).take();
    let reason = decided.unwrap_or_else(|| end_reason(&link.connection, first));
    for lane in Lane::ALL {
        link.outbox(lane).close();
    }
    close(&link.connection, &reason);
    tasks.shutdown().await;
    reason
}

/// When QUIC has ended the connection, its word is better than that of a stream which merely noticed.
fn end_reason(connection: &Connection, noticed: DisconnectReason) -> DisconnectReason {
    match connection.close_reason() {
        None | Some(ConnectionError::LocallyClosed) => noticed,
        Some(error) => DisconnectReason::of(&error),
    }
}

pub(crate) fn close(connection: &Connection, reason: &DisconnectReason) {
    connection.close(reason.code(), reason.to_string().as_bytes());
}

/// Watches for silence and for another path.
async fn watch(link: &Link, events: &EventSender) -> DisconnectReason {
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_tick = Instant::now();
    loop {
        ticks.tick().await;
        let slept_ourselves = last_tick.elapsed() > 2 * WATCH_INTERVAL;
        last_tick = Instant::now();
        if slept_ourselves || link.heard.held_up.load(Ordering::SeqCst) {
            link.heard();
        }
        let silence = locked(&link.heard.at).elapsed();
        if silence >= HEARTBEAT_TIMEOUT {
            return DisconnectReason::Silent;
        }
        let (path, _) = PeerPath::of(&link.connection);
        let mut known = locked(&link.path);
        if *known != path {
            known.clone_from(&path);
            drop(known);
            tracing::debug!(peer = %link.peer.fmt_short(), connection = link.number, path = path.word(), "takes another path");
            events.control(NetEvent::PathChanged { peer: link.peer, path });
        }
    }
}

/// Writes a lane's frames; on the urgent lane a heartbeat, an empty frame, each second.
async fn write_lane(
    link: Arc<Link>,
    lane: Lane,
    mut stream: SendStream,
    events: EventSender,
) -> DisconnectReason {
    let outbox = link.outbox(lane);
    let mut beat = interval(HEARTBEAT_INTERVAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            biased;
            _ = beat.tick(), if lane == Lane::Urgent => Vec::new(),
            next = outbox.next() => {
                if next.writable {
                    events.control(NetEvent::Writable { peer: link.peer, lane });
                }
                next.frame
            }
        };
        if !frame.is_empty() {
            trace_frame("sent", link.peer, lane, &frame);
        }
        if let Err(error) = write_frame(&mut stream, &frame).await {
            return DisconnectReason::Lost { what: printable(&error) };
        }
    }
}

/// Reads a lane's frames and delivers them; waits while the owner is behind on this lane.
async fn read_lane(
    link: Arc<Link>,
    lane: Lane,
    mut stream: RecvStream,
    events: EventSender,
) -> DisconnectReason {
    loop {
        let frame = match read_frame(&mut stream, MAX_FRAME_BYTES, || link.heard()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return DisconnectReason::Garbage { what: "it ended a lane" },
            Err(FrameError::Cut) => {
                return DisconnectReason::Garbage { what: "it cut a frame short" };
            }
            Err(FrameError::TooLarge { announced_bytes, .. }) => {
                return DisconnectReason::FrameTooLarge { lane, announced_bytes };
            }
            Err(FrameError::Read(error)) => {
                return DisconnectReason::Lost { what: printable(&error) };
            }
        };
        if frame.is_empty() {
            if lane == Lane::Urgent {
                continue;
            }
            return DisconnectReason::Garbage { what: "it sent an empty frame" };
        }
        trace_frame("received", link.peer, lane, &frame);
        let delivering = events.frame(link.peer, link.number, lane, frame);
        let delivered = if lane == Lane::Urgent {
            link.heard.held_up.store(true, Ordering::SeqCst);
            let delivered = delivering.await;
            link.heard();
            link.heard.held_up.store(false, Ordering::SeqCst);
            delivered
        } else {
            delivering.await
        };
        if !delivered {
            return DisconnectReason::Shutdown;
        }
    }
}

/// Shows a frame as it is after transport decryption to whoever asks for the level `trace` of
/// `linli_net::frames`: what this node itself can see of what it passes on.
fn trace_frame(way: &str, peer: EndpointId, lane: Lane, frame: &[u8]) {
    tracing::trace!(
        target: "linli_net::frames",
        peer = %peer.fmt_short(),
        ?lane,
        bytes = %hex::encode(frame),
        "{way}"
    );
}
