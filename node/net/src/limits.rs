//! Every bound of this crate, each with its reason.

use std::time::Duration;

/// Largest frame on a lane, in bytes. A page of entries fits (an entry is at most 256 KiB), and three lanes of one
/// connection never hold more than 3 MiB of half-read frames.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// Largest frame of a pairing stream, in bytes. The largest thing paired nodes hand over is a community's
/// certificates: a few kilobytes.
pub const MAX_PAIR_FRAME_BYTES: usize = 64 * 1024;
/// What each queued frame is charged besides its bytes, so that a flood of tiny frames is bounded too.
pub(crate) const FRAME_OVERHEAD_BYTES: usize = 64;

/// Outgoing queue of the urgent lane, per peer, in bytes: two hundred alerts with their acknowledgements.
pub(crate) const OUTBOX_URGENT_BYTES: usize = 2 * 1024 * 1024;
/// Outgoing queue of the normal lane, per peer, in bytes: several full frames keep the pipe busy.
pub(crate) const OUTBOX_NORMAL_BYTES: usize = 4 * 1024 * 1024;
/// Outgoing queue of the bulk lane, per peer, in bytes: several full frames keep the pipe busy.
pub(crate) const OUTBOX_BULK_BYTES: usize = 4 * 1024 * 1024;
/// Received but not yet taken by the owner of [`NetEvents`](crate::NetEvents), per lane over all peers, in bytes.
pub(crate) const INBOX_BYTES: usize = 8 * 1024 * 1024;
/// Control events that may wait before further connections are turned away: a stalled owner costs about 1 MiB.
pub(crate) const CONTROL_EVENTS_MAX: usize = 4096;

/// QUIC receive window of one stream, in bytes: two full frames. The connection's window holds all lanes, so a full
/// bulk lane never stops the urgent one.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// QUIC receive window of one connection, in bytes: three lanes and slack for a pairing stream.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;

/// How often each side says on the urgent lane that it is alive.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Silence after which a connection is given up: four missed heartbeats; a direct path that died fails over to the
/// relay within 4 s too.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(4);
/// How often a connection's path and silence are looked at.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// QUIC's own idle timeout of a connection, the net under the heartbeat.
pub(crate) const IDLE_TIMEOUT_MS: u32 = 10_000;
/// Time a path may be silent before another is preferred.
pub(crate) const PATH_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Time for the QUIC and TLS handshake. A relay over a mobile network answers within 5 s.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// Time for the three lanes to open once the handshake is done: a few round trips.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Within this age two connections of one pair count as dialled at the same moment. A side that has a connection
/// stops dialling, so a later one means that the other side lost the first.
pub(crate) const SIMULTANEOUS_WINDOW: Duration = Duration::from_secs(3);
/// A connection that lived this long was a success: the next dial starts without back-off.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(5);
/// First wait after a failed dial; doubles with each failure.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between dials of a peer that does not answer: how much later than the healed network an alert may
/// leave. Both sides dial, and one dial costs a few packets, which QUIC sends again after 1, 3 and 7 s.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(4);
/// First wait after a peer refused this node: it will not change its mind in seconds. Doubles with each refusal.
pub(crate) const BACKOFF_REFUSED_FIRST: Duration = Duration::from_secs(30);
/// Longest wait between dials of a peer that refuses this node.
pub(crate) const BACKOFF_REFUSED_MAX: Duration = Duration::from_secs(600);

/// First look why relays do not answer, after the start: iroh's own look takes some seconds.
pub(crate) const PROBE_FIRST: Duration = Duration::from_secs(5);
/// Time between two looks: each costs a relay that works nothing, and one that does not a connection.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// Incoming handshakes in progress at once; above half of it unproven addresses must prove themselves (QUIC Retry).
pub(crate) const HANDSHAKES_MAX: usize = 64;
/// Dials under way at once: a large community after a power cut is dialled in turns of 8 s at most.
pub(crate) const DIALS_MAX: usize = 32;
/// Members dialled for want of a carrier although this node has nothing to do with them: with two of three neighbours in
/// the circle of ids switched off the community still hangs together.
pub(crate) const OTHERS_MAX: usize = 3;
/// How long no carrier has been connected when such others are dialled: a dial takes up to 8 s.
pub(crate) const OTHERS_AFTER: Duration = Duration::from_secs(10);
/// How long a connection to a carrier lasts before it counts: one that drops each connection after a comparison or
/// before keeps nobody from the others.
pub(crate) const CARRIER_HELD: Duration = Duration::from_secs(30);
/// Addresses kept per peer and source. A home device has a handful.
pub(crate) const ADDRESSES_MAX: usize = 8;
/// Bytes of a peer's reason in words that are kept.
pub(crate) const WORDS_MAX_BYTES: usize = 120;

/// How often the home relay is looked after.
pub(crate) const RELAY_WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How long the home relay may be away before relays are compared out of turn: a relay that restarts is back by then.
pub(crate) const RELAY_GRACE: Duration = Duration::from_secs(3);
/// Time between comparisons out of turn: one takes up to 5 s.
pub(crate) const RELAY_COMPARE_INTERVAL: Duration = Duration::from_secs(10);
/// How long the home relay may be away although relays were compared, before it is set aside: it can be reached and
/// takes no connection. A comparison takes up to 5 s.
pub(crate) const RELAY_STUCK: Duration = Duration::from_secs(12);
/// How long such a relay is set aside.
pub(crate) const RELAY_ASIDE: Duration = Duration::from_secs(60);

/// How long a node that stops waits until its peers have heard of it.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Time after which the same refused endpoint is reported again.
pub(crate) const REFUSED_REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Refused endpoints remembered apart; further ones are counted together.
pub(crate) const REFUSED_ENDPOINTS_MAX: usize = 128;

/// Pairing streams open at once: two people at a counter, and room for a stranger who holds one.
pub(crate) const PAIR_STREAMS_MAX: usize = 4;
/// Time for the pairing stream to open once the handshake is done.
pub(crate) const PAIR_OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a pairing frame to be written and for the last one to be acknowledged.
pub(crate) const PAIR_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait before mDNS is started again after it failed.
pub(crate) const MDNS_RETRY: Duration = Duration::from_secs(30);
/// Time after which a further trouble of the mDNS daemon is reported: an interface that is down fails every second.
pub(crate) const MDNS_REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// How often mDNS looks at the clock for a new day and the daemon at the machine's addresses.
pub(crate) const MDNS_TICK: Duration = Duration::from_secs(60);
/// Seconds between two looks of the mDNS daemon at the machine's addresses.
pub(crate) const MDNS_IP_CHECK_SECS: u32 = 5;
/// Service instances remembered: a large community's LAN, and a flood is cut off.
pub(crate) const MDNS_INSTANCES_MAX: usize = 1024;
