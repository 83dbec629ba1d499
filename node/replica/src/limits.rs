//! Bounds on everything that comes from outside, each with its reason.

/// Bytes of one frame on the wire. Holds four of the largest entries; a reader allocates no more
/// than this for a peer's next word.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes of one encoded entry. A month of readings at three-minute intervals seals into less.
pub const ENTRY_BYTES_MAX: usize = 256 << 10;

/// Bytes of ciphertext padding to the next bucket: small entries look alike in steps of 256 bytes.
pub const PAD_BUCKET_BYTES: usize = 256;

/// Entries in one page. One signature covers a page, so that 64 entries cost one check.
pub const PAGE_ENTRIES_MAX: usize = 64;

/// Branches held of one forked log: enough to prove the fork and keep what others built on.
pub const BRANCHES_MAX: usize = 4;

/// Logs in one document. A document shared by a whole district's 545 nodes fits seven times over.
pub const LOGS_MAX: usize = 4_096;

/// Bytes of one certificate: a genesis of 64 officers takes 3 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 64 << 10;

/// Signatures on one certificate: as many as a community may have officers.
pub const SIGNATURES_MAX: usize = 64;

/// Certificates that a change of officers may name as counting on although they rest on a key that is
/// struck out: 34 KB, so that it fits in a certificate. More must be signed by another officer first.
pub const KEPT_MAX: usize = 1_000;

/// Bytes of a request that goes round among officers: a few certificates and what explains them.
pub const REQUEST_BYTES_MAX: usize = 256 << 10;

/// Acts that are signed at once in one request: a community begins with two.
pub const REQUEST_ACTS_MAX: usize = 8;

/// Certificates that come along in a request: the officers since the beginning, and whom it is about.
pub const REQUEST_KNOWN_MAX: usize = 128;

/// Rounds of range reconciliation in one session. 2^32 documents differ in 16 ways each within 8.
pub const ROUNDS_MAX: u32 = 64;

/// Clock difference that is forgiven between two nodes: ten minutes.
pub const CLOCK_SKEW_MS_MAX: u64 = 10 * 60 * 1_000;

/// Bytes of one page on the wire, unless it is a single entry: whatever is cut from a stored log
/// ends in a signature within this, so that a page always fits a frame.
pub const PAGE_BYTES_MAX: usize = 256 << 10;

/// Bytes after which a frame of pages, frontiers or certificates is full. An urgent frame waits for
/// at most this much on a slow line.
pub const FRAME_BYTES_FULL: usize = 128 << 10;

/// Frames sent on one lane before the shell says that it can take more: enough to keep a line busy,
/// few enough that an urgent frame is soon at the front.
pub const LANE_FRAMES_MAX: usize = 4;

/// Entries in one commit of what peers sent. 1,000 to 10,000 entries a transaction cost the same
/// each; shorter transactions let an alert in sooner.
pub const COMMIT_ENTRIES_MAX: usize = 2_048;

/// Bytes after which a commit of what peers sent takes no more: the same for large entries.
pub const COMMIT_BYTES_MAX: usize = 4 << 20;

/// Commits of what peers sent that run at once. The store gathers small ones into a transaction:
/// one transaction's worth of frames on the disk, one on its way there.
pub const COMMITS_IN_FLIGHT_MAX: usize = 16;

/// Bytes in them: half of what the store takes before whoever submits must wait.
pub const COMMITS_IN_FLIGHT_BYTES_MAX: usize = 16 << 20;

/// Bytes of one peer that wait to become durable.
pub const PENDING_BYTES_MAX: usize = 64 << 20;

/// Items of a range that are listed one by one, 8 bytes each, instead of being split further.
pub const RANGE_ITEMS_MAX: usize = 32;

/// Parts into which a range is split. With 64, 2,000 documents come down to ranges of 31 in one step.
pub const RANGE_PARTS_MAX: usize = 64;

/// Ranges in one request. Its answer has at most 64 times as many of about 30 bytes: half a frame.
pub const REQUEST_RANGES_MAX: usize = 256;

/// Items of one list in a frame: as many 16-byte names as fit a frame.
pub const FRAME_ITEMS_MAX: usize = FRAME_BYTES_MAX / 16;

/// Logs asked for and not yet received in one session, and so logs in one request: at 10 KB a small
/// document they are 10 MB under way, more than any line holds.
pub const WANTS_MAX: usize = 1_024;

/// Bytes of a heartbeat's sealed content: with what is around it, as many as an alert takes.
pub const CELL_BYTES_MAX: usize = 17 << 8;

/// Heartbeats kept in one space: a household's hub and its helpers. Where more say so, the oldest of whoever sent most
/// gives way.
pub const CELLS_MAX: usize = 64;

/// Heartbeats kept for one sending peer: 4 MiB. A centre passes on those of 545 hubs.
pub const CELLS_OF_PEER_MAX: usize = 1_024;

/// Heartbeats taken of one peer in a second: all hubs of a district, one every two seconds. Whoever
/// sends says an eighth of it, so that all of them are told in 20 seconds.
pub const CELLS_RATE_MAX: usize = 256;

/// Bytes of urgent entries that one peer may have treated as urgent in a second: 64 alerts. More is
/// taken as what is not urgent.
pub const URGENT_RATE_BYTES_MAX: usize = 256 << 10;

/// Milliseconds between two lines of the log that say the same of the same member: a member in good order gives cause
/// for each of them a few times a day.
pub const COMPLAIN_EVERY_MS: u64 = 60_000;

/// Space names in one frame: 512 KiB.
pub const FRAME_NAMES_MAX: usize = 32_768;

/// Space tags in one frame: 340 KiB.
pub const FRAME_TAGS_MAX: usize = 10_000;

/// Frames that answer a peer and wait for its lane. A peer that asks on and never reads is let go.
pub const CONTROL_FRAMES_MAX: usize = 64;

/// Lists of names and comparisons that a peer may demand in a second: each costs a look at every
/// shared space or document.
pub const DEMANDS_MAX: usize = 64;

/// Things of a peer that are refused in a second before its session ends.
pub const REFUSALS_MAX: usize = 1_024;

/// Questions of reconciliation under way at once.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 8;

/// Time after which an open connection is compared again, as a net under what was pushed: 5 minutes.
pub const COMPARE_INTERVAL_MS: u64 = 5 * 60 * 1_000;

/// Certificates of a community: a district's 545 nodes with years of renewals and offers.
pub const CERTIFICATES_MAX: usize = 65_536;

/// Logs remembered of what a peer has and this node lacks: 7 MB. What is beyond is found again by
/// the next comparison.
pub const OFFERS_MAX: usize = 65_536;

/// Seconds between two attempts while the store fails.
pub const STORE_RETRY_S_MAX: u32 = 60;

/// Logs remembered that a peer has and that its quota has no room for: 4 MB. What is beyond is asked
/// for again by the next comparison.
pub const OVER_QUOTA_MAX: usize = 65_536;

/// Logs remembered of which a peer sent what continues nothing held: 8 MB. What is beyond is not wanted
/// again before the next comparison.
pub const GAPS_MAX: usize = 65_536;

/// Time for which a log is given up at most that a peer sends from where nothing held goes on: an hour. Each time is
/// twice as long as the one before, so that what is refused without end costs a connection a page an hour.
pub const GAP_PAUSE_MS_MAX: u64 = 60 * 60 * 1_000;

/// Time without a page after which a peer's wants are asked of others: 20 seconds.
pub const WANT_PATIENCE_MS: u64 = 20_000;

/// Logs that are still to be sent to one peer. What is beyond is found by the next comparison.
pub const CURSORS_MAX: usize = 65_536;

/// Bytes read at once of a log whose branches must be told apart.
pub const FORK_BYTES_MAX: usize = 8 * PAGE_BYTES_MAX;

/// Bytes of one log that are sent on at once when a peer has just made them. More is announced: the
/// others may have it from elsewhere.
pub const FORWARD_BYTES_MAX: usize = 16 << 10;

/// Documents in one erasure order: 36 KiB, so that it fits a certificate.
pub const ERASE_DOCUMENTS_MAX: usize = 1_024;

/// Orders that one confirmation names: 32 KiB. A node that has carried out more confirms twice.
pub const CONFIRMED_ORDERS_MAX: usize = 1_024;

/// Documents in one custody receipt: at 115 bytes for a document of one log, as much as a frame is filled
/// with.
pub const CUSTODY_DOCUMENTS_MAX: usize = 1_024;
/// Relays of the community that a node uses: each is asked for its latency every half minute.
pub const RELAYS_MAX: usize = 8;

/// Relays that one carrier serves: a name in the internet and one at home.
pub const RELAYS_OF_A_NODE_MAX: usize = 2;

/// Bytes of a relay's URL: a host name takes 253.
pub const RELAY_URL_BYTES_MAX: usize = 300;

/// Logs that one prune order cuts: 160 KiB, so that it fits an entry. A document with more is pruned
/// by several orders.
pub const PRUNE_LOGS_MAX: usize = 2_048;

/// Entries of one checkpoint: 250 MB of a document, many times what a node opens.
pub const CHECKPOINT_ENTRIES_MAX: u64 = 1_024;

/// Earlier orders that one prune order takes back.
pub const PRUNE_WITHDRAWN_MAX: usize = 64;

/// Prune orders of one document that count, those that are taken back left out: one a month for 21 years.
/// What is taken back counts beyond them, so that they cannot keep a wrong one in force.
pub const PRUNE_ORDERS_MAX: usize = 256;

/// Orders of one document of which it is remembered that they are taken back, though they may not have come
/// yet: 32 KiB, and each order that counts four times over. Where it is more, none about the document is carried out.
pub const PRUNE_WITHDRAWALS_MAX: usize = 1_024;

/// Time for which a carrier holds a prune order before it acts on it, and which must have passed since it
/// was given: 90 days, in which stewards look at the checkpoint and take the order back if it is wrong.
pub const PRUNE_DELAY_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// Time that counts at most between two ticks, so that a clock that is set forth hastens nothing.
pub const AWAKE_STEP_MS_MAX: u64 = 60 * 60 * 1_000;

/// Time after which a carrier looks again at an order that cannot take effect yet.
pub const PRUNE_RETRY_MS: u64 = 60 * 60 * 1_000;

/// The longest such time, for an order that waits for long: a day. Each look reads an entry for each log.
pub const PRUNE_RETRY_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Prune orders looked at in one tick: each reads an entry for each log.
pub const PRUNE_LOOKS_MAX: usize = 4;

/// Bytes of entries that are counted in one tick before they are removed.
pub const PRUNE_BYTES_MAX: usize = 4 << 20;

/// Bytes of a sealed blob: a file of 50 MiB with its padding of an eighth and its seals.
pub const BLOB_BYTES_MAX: u64 = 64 << 20;

/// Bytes of a blob in one frame, without their proof: what an alert waits for on a slow line.
pub const BLOB_PART_BYTES: usize = FRAME_BYTES_FULL;

/// Bytes of such a part with its proof: 8 groups of 16 KiB need 7 pairs of hashes among themselves and at most 9 from
/// there up to the root of the largest blob.
pub const BLOB_SLICE_BYTES_MAX: usize = BLOB_PART_BYTES + 32 * 64;

/// Parts of a blob asked for and not yet on disk: 512 KiB, enough to keep a line busy.
pub const BLOB_WINDOW: u64 = 4;

/// Blobs in one list: 37 bytes each, 240 KiB.
pub const BLOBS_IN_A_LIST_MAX: usize = 2_048;

/// Blobs remembered that a peer has and this node lacks: 8 MB. What is beyond is found by the next session.
pub const BLOB_OFFERS_MAX: usize = 65_536;

/// Time without a part after which a blob is asked of another peer: two minutes, in which a line of 10 kbit/s brings one.
pub const BLOB_PATIENCE_MS: u64 = 120_000;

/// Time for which a peer that brought nothing in that time is asked for no blob, unless it offers one: ten seconds.
pub const BLOB_PAUSE_MS: u64 = 10_000;

/// Blobs asked for at once of all peers: with the window 32 MiB on their way to the disk.
pub const BLOBS_AT_ONCE_MAX: usize = 64;

/// Parts read for a peer ahead of its lane: 256 KiB, and 140 MiB where all 545 nodes of a district ask one.
pub const BLOB_READ_AHEAD: usize = 2;

/// Parts that a peer may ask for and that wait: four windows, for it may have given one up meanwhile.
pub const BLOB_WANTS_MAX: usize = 16;

/// Time without a part after which a carrier forgets a blob that it was offered: an hour.
pub const BLOB_OFFER_MS: u64 = 60 * 60 * 1_000;
