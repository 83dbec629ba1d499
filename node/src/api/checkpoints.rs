//! Checkpoints of documents: made, and compared with what is held.

use serde::{Deserialize, Serialize};

use super::grants::{NodeRef, PartyRef};
use super::{Acting, methods};

methods! {
    "keys.checkpoint" KeysCheckpoint => CheckpointAnswer;
    "keys.checkpoint-withdraw" CheckpointWithdraw => CheckpointWithdrawn;
    "keys.checkpoints" CheckpointList => Vec<CheckpointRow>;
}

/// Writes checkpoints, or signs for them, some spaces at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysCheckpoint {
    /// One elder's spaces; all where it is not given.
    pub elder: Option<String>,
    /// Where the last answer ended.
    pub after: Option<String>,
    /// How many spaces to look at, at most 8.
    pub limit: u64,
    /// Whether to sign for those that agree with what is held, and to write none.
    #[serde(default)]
    pub agree: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// How far it went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointAnswer {
    /// Spaces there are in all.
    pub total: u64,
    /// Spaces looked at by this request.
    pub seen: u64,
    /// Checkpoints written.
    pub made: u64,
    /// Checkpoints signed for.
    pub signed: u64,
    /// Orders to prune that were given.
    pub ordered: u64,
    /// Documents left as they are: a member may not read what is older, or they are too large.
    pub left: u64,
    /// Documents that could not be looked at or written to.
    pub failed: u64,
    /// Where the next request goes on; none when all is done.
    pub next: Option<String>,
}

/// Takes back what was signed for a checkpoint, and the order to prune that rests on it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckpointWithdraw {
    /// The elder.
    pub elder: String,
    /// The checkpoint, or the beginning of its id.
    pub entry: String,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// What was signed for a checkpoint is taken back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckpointWithdrawn {
    /// From when on carriers drop what it stands for all the same: an order that rests on it stands, as far as is known
    /// here. None where none does.
    pub prunes_from_ms: Option<u64>,
    /// Whether that time has come: nobody takes the order back any more. Else the node that began the record does once it
    /// learns of it.
    pub due: bool,
}

/// Compares the checkpoints of documents with what is held, and lists them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckpointList {
    /// One elder's; otherwise nothing is compared, and those are listed that were found wrong since the start.
    pub elder: Option<String>,
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRow {
    /// Its last part.
    pub entry: String,
    /// The document's name; empty where that is not known.
    pub document: String,
    /// The kind of its space.
    pub scope: String,
    /// Who wrote it.
    pub by: NodeRef,
    /// When it was signed.
    pub at_ms: u64,
    /// How many entries it stands for.
    pub entries: u64,
    /// `agrees`, `incomplete`, `unknown` or `wrong`.
    pub finding: String,
    /// Of how many entries nothing is known here.
    pub unknown: u64,
    /// What is wrong: `unreadable`, `unbound`, `other_entry`, `other_changes` or `other_author`.
    pub flaw: Option<String>,
    /// The stewards of this time who have signed for it.
    pub signed: Vec<PartyRef>,
    /// Whose signature it lacks: one of them suffices. Nobody's where it is agreed on.
    pub missing: Vec<PartyRef>,
    /// Whether it is agreed on.
    pub agreed: bool,
    /// When carriers were ordered to drop what it stands for.
    pub ordered_ms: Option<u64>,
    /// From when on they do.
    pub prunes_from_ms: Option<u64>,
}
