//! What can go wrong in the core.

use linli_replica::held::HeldError;
use linli_replica::id::NodeId;

use crate::authority::{EpochError, Right, SpaceCertificateError};
use crate::person::PersonError;
use crate::seal::SealError;
use crate::space::BadSpaceRecord;

/// What a right lets a party do, in words.
const fn doing(right: Right) -> &'static str {
    match right {
        Right::Carry => "carry what stands",
        Right::Read => "read",
        Right::Write => "write",
        Right::Steward => "give or take rights",
    }
}

/// Why the core did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoreError {
    /// This node is no member of the space.
    #[error("this node is not a member of that space; ask a steward for a grant")]
    NoSuchSpace,
    /// The certificates do not allow it.
    #[error("this party may not {} there; ask who keeps it for a grant", doing(*.0))]
    Forbidden(Right),
    /// More at once than a certificate takes.
    #[error("at most {0} at once; do the rest afterwards")]
    TooMany(usize),
    /// The key of the epoch to write under has not arrived.
    #[error(
        "the key to write with has not arrived yet; it comes with the next exchange with a member"
    )]
    NoKey,
    /// The community has no such party or it has no node.
    #[error("the party is not enrolled here")]
    UnknownParty,
    /// This node's certificate has ended: what it wrote would be withheld everywhere.
    #[error("this device's certificate has ended; extend it before writing")]
    NodeEnded,
    /// The person who acts may not: every member would withhold what they do.
    #[error(transparent)]
    Person(PersonError),
    /// The log this node writes to has another branch: it must start a fresh one.
    #[error("this device's log has another branch; start fresh logs")]
    ForkedLog,
    /// A steward had it erased.
    #[error("it was erased by order of a steward; begin anew where there is a reason to")]
    Erased,
    /// The owner gave or took rights since the hand-over was drafted, and it would undo that.
    #[error("the owner changed who may do what since this was asked; begin the hand-over again")]
    Overtaken,
    /// The key that signs orders to carriers is at the node that began the space.
    #[error("the key that orders the erasure is kept at another node; give the order there")]
    NoCarrierKey(NodeId),
    /// Whoever is given the present key may not read all that the document held.
    #[error("not everybody who reads there may read what is older: a checkpoint would show it")]
    NotForAll,
    /// A document exceeds what a checkpoint takes.
    #[error("the document is too large for a checkpoint")]
    TooLargeToCheckpoint,
    /// What would be given as an order to prune is none that others would take.
    #[error("the order to prune cannot be given")]
    Prune(#[from] linli_replica::prune::PruneError),
    /// The store cannot be read.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// A space's record cannot be read.
    #[error(transparent)]
    Record(#[from] BadSpaceRecord),
    /// The content cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] SpaceCertificateError),
    /// An epoch cannot be begun.
    #[error(transparent)]
    Epoch(#[from] EpochError),
}

/// Why an edit was not made: the core's reason, or that of the rules of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError<E: std::error::Error> {
    /// The core's reason.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The document's rules.
    #[error("{0}")]
    Rules(E),
}
