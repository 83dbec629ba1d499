//! What goes into a [`Replica`](super::Replica) and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::{Batch, Erase, Record};
use crate::blob::Blob;
use crate::certificate::Certificate;
use crate::directory::NotMember;
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frame::{Cell, Frame, FrameError};
use crate::frontier::{Frontier, Tip};
use crate::id::{BlobId, CertificateId, DocTag, LogKey, NodeId, OrderId, SpaceTag};
use crate::index::AdmissionRefusal;
use crate::prune::Judged;

/// Numbers the commits of one run; what the shell answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names one [`Input::Authored`] of one run, in the order in which they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Save(pub(crate) u64);

/// How far what a node made itself is on its way to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// Not durable yet; the commit it is part of, where that is under way.
    Pending(Option<Ticket>),
    /// Durable.
    Durable,
    /// It could not be made durable; its author writes it again.
    Lost,
}

/// What a node takes in for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether it keeps sealed entries of spaces it is no member of.
    pub carrier: bool,
    /// Bytes of such entries kept for each sending endpoint.
    pub quota_bytes: u64,
    /// Bytes kept for each sending endpoint beyond every quota, of urgent entries only.
    pub urgent_bytes: u64,
    /// Bytes kept for the whole community.
    pub community_bytes: u64,
    /// Spaces kept for each sending endpoint.
    pub spaces_max: usize,
    /// Whether a node that does nothing but carry carries out orders to prune. Whatever it says, orders and logs that begin
    /// late are taken in, handed on and read.
    pub prunes: bool,
    /// Bytes of blobs kept for each sending endpoint, of spaces that this node is no member of.
    pub blob_bytes: u64,
    /// Bytes of blobs kept in all, those of its own spaces included.
    pub blob_bytes_all: u64,
    /// Blobs kept for each sending endpoint.
    pub blobs_max: u64,
    /// Blobs kept for all sending endpoints.
    pub blobs_max_all: u64,
}

impl Policy {
    /// A member's node: keeps only what it wants itself, and at most 64 GiB of blobs.
    pub const MEMBER: Self = Self {
        carrier: false,
        quota_bytes: 0,
        urgent_bytes: 0,
        community_bytes: 0,
        spaces_max: 0,
        prunes: false,
        blob_bytes: 0,
        blob_bytes_all: 64 << 30,
        blobs_max: 0,
        blobs_max_all: 0,
    };

    /// A carrier that prunes, with the quotas to begin with: 1 GiB, 64 MiB for what is urgent, 1 GiB of blobs, at most 8,192,
    /// and 65,536 spaces a sending endpoint; 64 GiB for the community, and as much of blobs, at most 131,072.
    pub const CARRIER: Self = Self {
        carrier: true,
        quota_bytes: 1 << 30,
        urgent_bytes: 64 << 20,
        community_bytes: 64 << 30,
        spaces_max: 1 << 16,
        prunes: true,
        blob_bytes: 1 << 30,
        blob_bytes_all: 64 << 30,
        blobs_max: 1 << 13,
        blobs_max_all: 1 << 17,
    };
}

/// What happened outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection is open, both ends proven.
    Connected {
        /// Who is at the other end.
        peer: NodeId,
        /// The TLS exporter's secret, equal at both ends.
        secret: [u8; 32],
        /// Whether this side dialled. Exactly one side has.
        initiator: bool,
    },
    /// The connection is gone, and with it every frame not yet delivered.
    Disconnected {
        /// Who was at the other end.
        peer: NodeId,
    },
    /// A frame arrived. Frames of one lane arrive in order; lanes overtake each other.
    Frame {
        /// From whom.
        peer: NodeId,
        /// On which lane.
        lane: Urgency,
        /// The frame, at most [`FRAME_BYTES_MAX`](crate::limits::FRAME_BYTES_MAX) bytes.
        bytes: Vec<u8>,
    },
    /// The network has taken every frame sent so far on a lane: the session may send
    /// [`LANE_FRAMES_MAX`](crate::limits::LANE_FRAMES_MAX) more. Said some time after the outputs
    /// of a `handle` were carried out, or when a full lane is free again.
    Writable {
        /// To whom.
        peer: NodeId,
        /// On which lane.
        lane: Urgency,
    },
    /// The batch of this ticket is durable.
    Persisted {
        /// The ticket of its [`Output::Commit`].
        ticket: Ticket,
    },
    /// The batch of this ticket could not be committed; nothing of it is durable.
    Failed {
        /// The ticket of its [`Output::Commit`].
        ticket: Ticket,
    },
    /// An urgent batch of this node's own has not become durable within a second: it is sent ahead
    /// (promise 1's one exception). `Persisted` or `Failed` still follows.
    Overdue {
        /// The ticket of its [`Output::Commit`].
        ticket: Ticket,
    },
    /// The core made something: it is committed as one batch, then sent to all who share it.
    Authored {
        /// Pages of this node's logs, best of one entry each: then every entry keeps its signature.
        pages: Vec<VerifiedPage>,
        /// Community certificates.
        certificates: Vec<Certificate>,
        /// The node's own records.
        records: Vec<Record>,
        /// Whether it goes before everything and into the space reserved for alerts.
        urgent: bool,
    },
    /// The core made something in answer to what arrived: like [`Input::Authored`], but nobody waits
    /// until it is durable.
    Learned {
        /// Pages of this node's logs.
        pages: Vec<VerifiedPage>,
        /// The node's own records.
        records: Vec<Record>,
    },
    /// A frame out of a courier file whose signature was checked. Certificates, tags to keep and pages
    /// are looked at; [`Output::Carried`] answers.
    Carried {
        /// Who packed the file.
        from: NodeId,
        /// The frame.
        frame: Frame,
    },
    /// The answer to [`Output::Erase`]: the keyed half has forgotten it, and these records go with it.
    Erase {
        /// The order.
        order: OrderId,
        /// Records to remove, or to write anew without what is erased.
        records: Vec<Record>,
    },
    /// This node was given a space that is erased, and did not take it.
    Declined(SpaceTag),
    /// This node is a member of a space and wants all of it.
    Want(SpaceTag),
    /// Orders to prune were looked at by whoever reads the documents. In a space that this node wants, no log begins late that
    /// comes over the network by an order that was not, or that is not to be followed.
    Judged(Vec<Judged>),
    /// This node wants a space no longer. What it holds stays.
    Forget(SpaceTag),
    /// Compares with a peer again, as happens by itself every five minutes.
    Reconcile {
        /// The peer.
        peer: NodeId,
    },
    /// Blobs that stand in documents that this node reads: it wants them. Those held or wanted already are
    /// passed over.
    WantBlobs(Vec<Blob>),
    /// A blob that was sealed here is whole in the store. It is told to others once that is recorded;
    /// [`Replica::last_save`](super::Replica::last_save) names the commit.
    KeepBlob(Blob),
    /// No document names these blobs any more.
    DropBlobs(BTreeSet<BlobId>),
    /// What [`Output::ReadPart`] asked for; none where it could not be read.
    PartRead {
        /// For whom.
        peer: NodeId,
        /// The blob.
        blob: BlobId,
        /// Where the part begins.
        offset: u64,
        /// The part with its proof.
        slice: Option<Vec<u8>>,
    },
    /// What has become of an [`Output::WritePart`].
    PartWritten {
        /// The blob.
        blob: BlobId,
        /// What has become of it.
        written: Written,
    },
    /// The files of these blobs are gone, as [`Output::RemoveBlobs`] asked for. Where some could not be removed this is not
    /// said: an erasure of them is not confirmed, and is begun again at the next start.
    BlobsRemoved(BTreeSet<BlobId>),
    /// A heartbeat that this node made: given to all who share its space. Not stored.
    Heartbeat(Cell),
    /// Time has passed; a second is the expected interval.
    Tick,
}

/// What has become of a part of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is durable, with all before it.
    Part {
        /// Bytes of the blob that are durable.
        to: u64,
    },
    /// The blob is whole, durable and what its id says.
    Whole,
    /// It could not be written.
    Failed {
        /// Bytes of the blob that are durable all the same.
        to: u64,
    },
}

/// What the shell is to do, or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame. At most [`LANE_FRAMES_MAX`](crate::limits::LANE_FRAMES_MAX) come for a lane
    /// between two [`Input::Writable`], but for alerts that are sent ahead.
    Send {
        /// To whom.
        peer: NodeId,
        /// On which lane.
        lane: Urgency,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Make a batch durable, and answer [`Input::Persisted`] or [`Input::Failed`].
    Commit {
        /// What to answer with.
        ticket: Ticket,
        /// What to commit, all or nothing.
        batch: Batch,
    },
    /// Entries are durable; the core may open them.
    Held {
        /// The ticket they were committed under.
        ticket: Ticket,
        /// Who sent them; none where this node wrote them.
        from: Option<NodeId>,
        /// The entries, in order within each log.
        entries: Vec<Entry>,
    },
    /// Entries could not be made durable and are forgotten. A peer's are asked for again; this
    /// node's own were sent to nobody, unless overdue, and their author writes them again.
    Lost {
        /// The ticket they were to be committed under.
        ticket: Ticket,
        /// Who sent them; none where this node wrote them.
        from: Option<NodeId>,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// An order to erase came: forget keys, views and whatever else is about it, and answer with
    /// [`Input::Erase`]. Comes before the [`Output::Directory`] of its certificate, and again after
    /// each start until it was carried out.
    Erase {
        /// The order.
        order: OrderId,
        /// What is to go.
        erase: Erase,
        /// Documents of it of which something was held.
        gone: BTreeSet<DocTag>,
    },
    /// The directory has changed: these certificates are new, or have more signatures.
    Directory {
        /// The certificates.
        changed: Vec<CertificateId>,
    },
    /// A peer says that it holds part of a document durably.
    Receipt {
        /// Who says so.
        peer: NodeId,
        /// The document.
        document: DocTag,
        /// How far, for the logs it speaks of; of others it says nothing.
        frontier: Frontier,
    },
    /// A peer asks for a log: this is how far it holds it, with what is on its way to its disk.
    Lacks {
        /// Who asks.
        peer: NodeId,
        /// The document.
        document: DocTag,
        /// The log.
        log: LogKey,
        /// Its tips there; none where nothing of it is held.
        after: Vec<Tip>,
    },
    /// A log has branches: its node wrote two entries at one place, as a restored disk image does.
    Forked {
        /// The document.
        document: DocTag,
        /// The first entry of the branch that was found.
        entry: Entry,
    },
    /// The latest heartbeat of a writer arrived.
    Heartbeat {
        /// Who sent it on.
        peer: NodeId,
        /// The heartbeat; its signature by the log key is checked.
        cell: Cell,
    },
    /// A comparison with a peer has ended: what it has of the shared spaces is held here, and what
    /// it lacked was sent.
    Synced {
        /// The peer.
        peer: NodeId,
        /// Documents that it holds durably as they are held here: as good as a receipt for each, and
        /// the only word where a receipt was lost with an earlier connection.
        alike: Vec<DocTag>,
    },
    /// Read a part of a blob with its proof, and answer [`Input::PartRead`]. At most
    /// [`BLOB_READ_AHEAD`](crate::limits::BLOB_READ_AHEAD) come for a peer before they are answered.
    ReadPart {
        /// For whom.
        peer: NodeId,
        /// The blob.
        blob: Blob,
        /// Where the part begins.
        offset: u64,
    },
    /// Write a part of a blob, whose proof was checked, and answer [`Input::PartWritten`]. The parts of a
    /// blob come in order.
    WritePart {
        /// The blob.
        blob: Blob,
        /// Where the part begins.
        offset: u64,
        /// The part.
        bytes: Vec<u8>,
    },
    /// Remove blobs, whole or in part, and answer [`Input::BlobsRemoved`].
    RemoveBlobs {
        /// The blobs.
        blobs: BTreeSet<BlobId>,
    },
    /// What a frame of a courier file brought. What is new is on its way to disk.
    Carried {
        /// Who packed the file.
        from: NodeId,
        /// What it brought.
        carried: Carried,
    },
    /// Close the connection.
    Disconnect {
        /// To whom.
        peer: NodeId,
        /// Why.
        reason: Ending,
    },
    /// Something of a peer was not taken; its session goes on.
    Refused {
        /// The peer; none where it was this node's own.
        peer: Option<NodeId>,
        /// Why.
        reason: Refused,
    },
}

/// What was taken in of a courier file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Entries that are new.
    pub entries: usize,
    /// Certificates that are new.
    pub certificates: usize,
    /// Pages that were held already.
    pub known: usize,
    /// Pages whose predecessors are missing: nothing of them is taken.
    pub gaps: usize,
    /// Documents of which something was new or known, or could not be continued.
    pub documents: BTreeSet<DocTag>,
    /// What was not taken, with the reasons.
    pub refused: BTreeMap<Refused, u64>,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Ending {
    /// The directory does not admit the peer.
    #[error(transparent)]
    NotMember(NotMember),
    /// The peer belongs to another community.
    #[error("the peer belongs to another community")]
    OtherCommunity,
    /// The peer speaks another version of the protocol.
    #[error("the peer speaks protocol version {0}; update the older of the two nodes")]
    Version(u8),
    /// The bytes are not a frame.
    #[error("the peer sent bytes that are not a frame")]
    Malformed,
    /// A frame exceeds its cap, or a count in it does.
    #[error("the peer sent a frame beyond the limits")]
    TooLarge,
    /// A frame that has no place here.
    #[error("the peer sent a frame out of turn")]
    OutOfTurn,
    /// More rounds, wants or refusals than an honest peer needs.
    #[error("the peer asked for more than an honest peer needs")]
    TooMuch,
    /// The peer said goodbye.
    #[error("the peer ended the session")]
    Goodbye,
}

impl From<FrameError> for Ending {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Malformed => Self::Malformed,
            FrameError::TooLarge(_) | FrameError::TooMany => Self::TooLarge,
        }
    }
}

/// Why something of a peer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refused {
    /// A page does not verify, or holds bytes that are no entry.
    #[error("a page was damaged or forged")]
    BadPage,
    /// The entries belong to a space that is neither wanted nor kept here.
    #[error("entries of a space that this node does not keep")]
    UnknownSpace,
    /// The peer asked for a space that is not shared with it.
    #[error("the peer asked for a space that is not shared with it")]
    NotShared,
    /// The index does not take the page.
    #[error(transparent)]
    Admission(AdmissionRefusal),
    /// The peer has used up what is kept for it.
    #[error("the quota of the sending endpoint is used up")]
    Quota,
    /// The quota of all peers together is used up.
    #[error("the quota of the community is used up")]
    CommunityQuota,
    /// Heartbeats come faster than an honest peer sends them.
    #[error("heartbeats come too fast")]
    TooFast,
    /// A heartbeat of a time that is yet to come.
    #[error("a heartbeat is dated ahead; the clock of its hub is wrong")]
    Early,
    /// Too much of this peer waits to become durable, or the store has failed; it is asked for again.
    #[error("too much waits to become durable, or the store fails; it is asked for again")]
    Congested,
    /// A certificate does not verify.
    #[error("a certificate was damaged or forged")]
    BadCertificate,
    /// The store could not be read.
    #[error("the store could not be read")]
    Store,
    /// A part of a blob does not belong to it, or a blob is offered in a size that none has.
    #[error("a part of a blob was damaged or forged")]
    BadBlob,
    /// A part of a blob came that was not asked for.
    #[error("a part of a blob came that was not asked for")]
    Unasked,
    /// One of this node's own pages does not continue what it holds.
    #[error("a page of this node's own does not continue what it holds")]
    OwnChain,
}

impl Refused {
    /// Says whether a quota is used up.
    #[must_use]
    pub const fn is_quota(self) -> bool {
        matches!(self, Self::Quota | Self::CommunityQuota)
    }
}
