//! Recovery: an epoch's secret is split m of n among the community's officers when the epoch begins,
//! and m of them open one space with it again. `docs/spec/recovery.md` holds the formats.
//!
//! ```text
//! epoch begins ─→ Split ─→ entry of the space's recovery document ─→ members and carriers
//! request ─→ officers, each: Request::answer ─→ Request::open ─→ engine: proved, opened, recorded
//! ```
//!
//! Nothing here takes a key on trust: a share is checked against its hash in the split, the secret
//! against the split's commitment, and the engine checks it against the epoch's certificate.

use linli_replica::certificate::OfficerSet;
use linli_replica::directory::Directory;
use linli_replica::id::{CertificateId, OfficerId};

use crate::authority::Community;

mod record;
mod request;
mod split;

pub use record::{NOTICE_TOPIC, Record, RecoveryNotice};
pub use request::{Candidate, Offered, Opened, Request, Statement, Words};
pub use split::{SealedShare, Share, Split};

/// Why a recovery does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// It exceeds the cap, or is not one.
    #[error("this is not a recovery file of linli, or it was damaged; ask for it again")]
    Malformed,
    /// A later format.
    #[error("this recovery file has format version {0}; update linli to read it")]
    Version(u8),
    /// Somebody changed what the requesting node signed, or an officer's signature is wrong.
    #[error(
        "a signature in this recovery file is wrong; it was changed on the way: ask for it again"
    )]
    BadSignature,
    /// The file does not show that its node is a member of the community it names.
    #[error("the file does not show that the node that asks belongs to the community: {0}")]
    Requester(String),
    /// It rests on an officer set that is not in force.
    #[error("the officers have changed since this request was made; begin it again")]
    OtherOfficers,
    /// The key is not that of an officer in force.
    #[error("this key is not one of the community's officers'; use the key of an officer in force")]
    NoOfficer,
    /// It was made too long ago, or its time is to come.
    #[error("this request was made too long ago, or this machine's clock is wrong; begin it again")]
    Stale,
    /// The request is another node's.
    #[error("this request was made at another node; finish it there")]
    OtherNode,
    /// A share does not open under the officer's key.
    #[error("the share sealed to officer {0:?} does not open; it was damaged or made wrongly")]
    Sealed(OfficerId),
    /// A share is not the one that was sealed to its officer.
    #[error("the share of officer {0:?} is not the one that was sealed to them; it is refused")]
    WrongShare(OfficerId),
    /// Too few officers have given their shares.
    #[error("{} of {needed} officers have given their shares; {} more must", .had, .needed - .had)]
    Missing {
        /// How many have.
        had: usize,
        /// How many must.
        needed: usize,
    },
    /// Every share is genuine and yet they do not make the key: whoever split it made it wrongly.
    #[error("the shares are genuine but do not make the key; it was split wrongly")]
    BadSplit,
    /// No split of the space is held here.
    #[error(
        "no shares of this space are held here; begin at a node that holds its entries, such as a carrier"
    )]
    NothingHeld,
    /// An epoch's secret cannot be split.
    #[error("the secret cannot be split among these officers")]
    Unsplittable,
    /// What was recovered opens nothing of this space, or not the epoch it is said to be of.
    #[error("the key that the shares make is not this space's; somebody put a false split there")]
    OtherKey,
}

/// Returns the officers whom a certificate names, where it stands or stood.
fn officers<'a>(directory: &'a Directory, set: &CertificateId) -> Option<&'a OfficerSet> {
    Community::officers(directory, set)
}

#[cfg(test)]
mod tests;
