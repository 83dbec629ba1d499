//! The facade: one [`Replica`] a node, driven by inputs, answering with outputs.
//!
//! The node and the keyless relay both drive it. The shell takes one input, calls
//! [`Replica::handle`], carries all outputs out in order, and waits for the next input. Nothing is
//! receipted, forwarded or counted in a frontier before the shell has said [`Input::Persisted`].

use std::collections::BTreeSet;

use crate::batch::{Batch, Record};
use crate::certificate::Certificate;
use crate::directory::{Directory, NotMember};
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frontier::Frontier;
use crate::held::Held;
use crate::id::{CertificateId, DocTag, NodeId, SpaceTag, Timestamp, inbox_tag};
use crate::index::{Admission, AdmissionRefusal, Index};

mod commits;

use commits::{Commits, Parcel};

/// Numbers the commits of one run; what the shell answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a node takes in for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether it keeps sealed entries of spaces it is no member of.
    pub carrier: bool,
    /// Bytes of such entries kept for each sending endpoint.
    pub quota_bytes: u64,
    /// Spaces kept for each sending endpoint.
    pub spaces_max: usize,
}

impl Policy {
    /// A member's node: keeps only what it wants itself.
    pub const MEMBER: Self = Self { carrier: false, quota_bytes: 0, spaces_max: 0 };

    /// A carrier with the quota to begin with: 1 GiB and 65,536 spaces a sending endpoint.
    pub const CARRIER: Self = Self { carrier: true, quota_bytes: 1 << 30, spaces_max: 1 << 16 };
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
    /// [`LANE_FRAMES_MAX`](crate::limits::LANE_FRAMES_MAX) more. Said after the outputs of a
    /// `handle` were carried out, or when a full lane is free again.
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
        /// Pages of this node's logs; their entries are all signed.
        pages: Vec<VerifiedPage>,
        /// Community certificates.
        certificates: Vec<Certificate>,
        /// The node's own records.
        records: Vec<Record>,
        /// Whether it goes before everything and into the space reserved for alerts.
        urgent: bool,
    },
    /// This node is a member of a space and wants all of it.
    Want(SpaceTag),
    /// This node wants a space no longer. What it holds stays.
    Forget(SpaceTag),
    /// Time has passed; a second is a good interval.
    Tick,
}

/// What the shell is to do, or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame. At most [`LANE_FRAMES_MAX`](crate::limits::LANE_FRAMES_MAX) come for a lane
    /// between two [`Input::Writable`].
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
    /// A log has branches: its node wrote two entries at one place, as a restored disk image does.
    Forked {
        /// The document.
        document: DocTag,
        /// The first entry of the branch that was found.
        entry: Entry,
    },
    /// Nothing is left to fetch from a peer or to tell it: of what both share, both hold the same.
    Synced {
        /// The peer.
        peer: NodeId,
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
    /// Too much of this peer waits to become durable; it is asked for again.
    #[error("too much waits to become durable; it is asked for again")]
    Congested,
    /// A certificate does not verify.
    #[error("a certificate was damaged or forged")]
    BadCertificate,
    /// The store could not be read.
    #[error("the store could not be read")]
    Store,
    /// One of this node's own pages does not continue what it holds.
    #[error("a page of this node's own does not continue what it holds")]
    OwnChain,
}

/// A node's part in replication.
#[derive(Debug)]
pub struct Replica {
    me: NodeId,
    policy: Policy,
    directory: Directory,
    index: Index,
    wanted: BTreeSet<SpaceTag>,
    commits: Commits,
}

impl Replica {
    /// Begins with what the store holds. The node's own inbox is always wanted.
    #[must_use]
    pub fn new(me: NodeId, directory: Directory, index: Index, policy: Policy) -> Self {
        let wanted = BTreeSet::from([inbox_tag(&me)]);
        Self { me, policy, directory, index, wanted, commits: Commits::default() }
    }

    /// Returns the community as its certificates make it.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns what is held.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }
}

impl Replica {
    /// Takes one input in at time `now` and says what is to be done. `held` is what the store holds
    /// at this moment, with everything that was said to be persisted.
    pub fn handle(&mut self, now: Timestamp, held: &dyn Held, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Authored { pages, certificates, records, urgent } => {
                let parcel = Parcel { certificates, records, urgent, ..Parcel::default() };
                self.authored(held, pages, parcel, &mut outputs);
            }
            Input::Persisted { ticket } => self.persisted(ticket, &mut outputs),
            Input::Failed { ticket } => self.failed(ticket, &mut outputs),
            Input::Want(space) => {
                self.wanted.insert(space);
            }
            Input::Forget(space) => {
                self.wanted.remove(&space);
            }
            Input::Connected { peer, .. } => {
                if let Err(reason) = self.directory.admits(&peer, now) {
                    let reason = Ending::NotMember(reason);
                    outputs.push(Output::Disconnect { peer, reason });
                }
            }
            Input::Disconnected { .. }
            | Input::Frame { .. }
            | Input::Writable { .. }
            | Input::Overdue { .. }
            | Input::Tick => {}
        }
        for (ticket, batch) in self.commits.due() {
            outputs.push(Output::Commit { ticket, batch });
        }
        outputs
    }

    fn authored(
        &mut self,
        held: &dyn Held,
        pages: Vec<VerifiedPage>,
        mut parcel: Parcel,
        outputs: &mut Vec<Output>,
    ) {
        for page in pages {
            match self.index.admit(page, held) {
                Ok(Admission::New(entries)) => parcel.entries.extend(entries),
                Ok(Admission::Known) => {}
                Ok(Admission::Refused(reason)) => {
                    let reason = Refused::Admission(reason);
                    outputs.push(Output::Refused { peer: None, reason });
                }
                Ok(Admission::Fork(entries)) => {
                    self.index.failed(&entries);
                    outputs.push(Output::Refused { peer: None, reason: Refused::OwnChain });
                }
                Ok(Admission::Gap) => {
                    outputs.push(Output::Refused { peer: None, reason: Refused::OwnChain });
                }
                Err(_) => outputs.push(Output::Refused { peer: None, reason: Refused::Store }),
            }
        }
        self.commits.push(parcel);
    }

    fn persisted(&mut self, ticket: Ticket, outputs: &mut Vec<Output>) {
        let mut certificates = Vec::new();
        for parcel in self.commits.persisted(ticket) {
            self.index.persisted(&parcel.entries);
            certificates.extend(parcel.certificates);
            if !parcel.entries.is_empty() {
                let (from, entries) = (parcel.from, parcel.entries);
                outputs.push(Output::Held { ticket, from, entries });
            }
        }
        let changed = self.directory.add(certificates);
        if !changed.is_empty() {
            outputs.push(Output::Directory { changed });
        }
    }

    fn failed(&mut self, ticket: Ticket, outputs: &mut Vec<Output>) {
        for parcel in self.commits.failed(ticket) {
            self.index.failed(&parcel.entries);
            let (from, entries) = (parcel.from, parcel.entries);
            outputs.push(Output::Lost { ticket, from, entries });
        }
    }
}
