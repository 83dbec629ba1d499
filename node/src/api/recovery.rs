//! Recovery: opening one space again with what m officers give.

use serde::{Deserialize, Serialize};

use super::{Acting, methods};

methods! {
    "recovery.begin" RecoveryBegin => RecoveryFile;
    "recovery.finish" RecoveryFinish => RecoveryAnswer;
    "recovery.list" RecoveryList => Vec<RecoveryRow>;
}

/// Begins a recovery: makes the file that goes round among the officers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryBegin {
    /// The elder, or the space's tag, or the beginning of it.
    pub space: String,
    /// For an elder: `care`, `health` or `emergency`.
    pub scope: String,
    /// For what reason; the officers see it, and the record keeps it.
    pub reason: String,
    /// Whose space it is, as the officers can recognise it; the elder's name where it is known here.
    pub about: Option<String>,
    /// Whether nothing is to be opened.
    pub rehearsal: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// The file, and whom to give it to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryFile {
    /// The request's id.
    pub id: String,
    /// The space's tag.
    pub space: String,
    /// The officers who may answer.
    pub officers: Vec<String>,
    /// How many of them must.
    pub needed: u64,
    /// The file, as hexadecimal digits. It names people: keep it as what it is about.
    pub request: String,
}

/// Finishes a recovery with what the officers gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryFinish {
    /// The file, as hexadecimal digits.
    pub request: String,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// What was recovered, or rehearsed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryAnswer {
    /// The record's id.
    pub id: String,
    /// The space's tag.
    pub space: String,
    /// What the space is for, such as `care`.
    pub kind: String,
    /// Whether nothing was opened.
    pub rehearsal: bool,
    /// The officers who gave their shares.
    pub officers: Vec<String>,
    /// Shares that were refused; the others were enough.
    pub refused: Vec<String>,
    /// How many epochs of the space the key opens, former ones too.
    pub epochs: u64,
}

/// Lists recoveries: those that the community was told of, and those rehearsed here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RecoveryList {}

/// One recovery. What stands in the sealed record is shown where this node can read the space.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryRow {
    /// The record's id.
    pub id: String,
    /// The space's tag.
    pub space: String,
    /// The elder whose space it is, where it is known here.
    pub elder: Option<String>,
    /// The elder's name; several where they differ.
    pub names: Vec<String>,
    /// When it was asked for.
    pub at_ms: u64,
    /// The node that asked.
    pub node: String,
    /// That node's party.
    pub party: String,
    /// The party's public name, none for a household.
    pub party_name: Option<String>,
    /// The officers who gave their shares.
    pub officers: Vec<String>,
    /// For what reason, where the record can be read.
    pub reason: Option<String>,
    /// Who asked, where the record can be read and a person did.
    pub person: Option<String>,
    /// Whether the record was read here and enough officers signed it.
    pub proved: bool,
    /// Whether it was rehearsed, at this node.
    pub rehearsal: bool,
}
