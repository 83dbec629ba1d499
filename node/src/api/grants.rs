//! Consents, who may read what, taking it away, rotation, and what is held back.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "keys.consent.record" ConsentRecord => ConsentAnswer;
    "keys.consent.list" ConsentList => Vec<ConsentRow>;
    "keys.consent.withdraw" ConsentWithdraw => Vec<Exposure>;
    "keys.grant" KeysGrant => Done;
    "keys.grants" KeysGrants => Vec<GrantRow>;
    "keys.revoke" KeysRevoke => Vec<Exposure>;
    "keys.exposure" KeysExposure => Vec<Exposure>;
    "keys.rotate" KeysRotate => RotateAnswer;
    "keys.held.list" HeldList => Vec<HeldRow>;
    "keys.held.show" HeldShow => HeldEntry;
    "keys.held.judge" HeldJudge => Done;
}

/// A party as lists name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyRef {
    /// Its id.
    pub party: String,
    /// What it is, such as `provider`; empty where it is not in the directory.
    pub kind: String,
    /// Its public name, none for a household.
    pub name: Option<String>,
}

/// A node as lists name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRef {
    /// Its id.
    pub node: String,
    /// The device's name.
    pub label: String,
    /// Its party.
    pub party: PartyRef,
}

/// Records what an elder, or a guardian for them, agreed to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// The elder.
    pub elder: String,
    /// The party that may read.
    pub to: String,
    /// What for: a code, the one that the grant names.
    pub purpose: String,
    /// `care`, `health`, `emergency` or `order/<id>`; the second and third each by itself.
    pub categories: Vec<String>,
    /// The guardian's name, where it is not the elder's own word.
    pub guardian: Option<String>,
    /// `paper`, `spoken`, `recorded` or `on_device`.
    pub obtained: String,
    /// Where paper or recording is kept, or who heard it; empty for `on_device`.
    pub proof: String,
    /// From when it holds; from this moment where it is not given.
    pub begins_ms: Option<u64>,
    /// Until when; until it is withdrawn where it is not given.
    pub ends_ms: Option<u64>,
    /// Why it is needed, as it was explained.
    pub necessity: Option<String>,
    /// How many days the party keeps what it read, as it was explained.
    pub keep_days: Option<u32>,
    /// Who acts: a named person must.
    pub acting: Option<Acting>,
}

/// The consent's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConsentAnswer {
    /// The id, as a grant names it.
    pub consent: String,
}

/// Lists what an elder agreed to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConsentList {
    /// The elder.
    pub elder: String,
    /// Those that are over or withdrawn too.
    pub all: bool,
}

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRow {
    /// The id.
    pub consent: String,
    /// `standing`, `not_yet`, `ended` or `withdrawn`.
    pub state: String,
    /// Who may read.
    pub to: PartyRef,
    /// What for.
    pub purpose: String,
    /// Which kinds of data.
    pub categories: Vec<String>,
    /// The guardian who gave it; none where the elder did.
    pub guardian: Option<String>,
    /// How it was obtained.
    pub obtained: String,
    /// Where paper or recording is kept, or who heard it.
    pub proof: Option<String>,
    /// Why it is needed, as it was explained.
    pub necessity: Option<String>,
    /// How many days the party keeps what it read.
    pub keep_days: Option<u32>,
    /// From when it holds.
    pub begins_ms: u64,
    /// Until when.
    pub ends_ms: Option<u64>,
    /// The person who wrote it down.
    pub recorded_by: Option<String>,
    /// Their party.
    pub recorded_at: PartyRef,
    /// When it was written down.
    pub recorded_ms: u64,
    /// When it was withdrawn.
    pub withdrawn_ms: Option<u64>,
}

/// Records that a consent is withdrawn, and takes away every grant that rests on it, in one act.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConsentWithdraw {
    /// The elder.
    pub elder: String,
    /// The consent, or the beginning of its id.
    pub consent: String,
    /// The guardian's name, where it is not the elder's own word.
    pub guardian: Option<String>,
    /// What was said.
    pub note: Option<String>,
    /// Who acts: a named person must.
    pub acting: Option<Acting>,
}

/// Gives a party a right over one kind of an elder's data.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysGrant {
    /// The elder.
    pub elder: String,
    /// The party.
    pub party: String,
    /// `care`, `health` or `emergency`.
    pub scope: String,
    /// `read` or `write`.
    pub right: String,
    /// What for.
    pub purpose: String,
    /// The consent it rests on; where it is not given, one that covers it is looked for.
    pub consent: Option<String>,
    /// When it ends; with the consent where it is not given.
    pub ends_ms: Option<u64>,
    /// Whether it opens only what is written after it.
    pub from_now: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// Asks who may read what about an elder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysGrants {
    /// The elder.
    pub elder: String,
    /// Grants that are over, too.
    pub all: bool,
}

/// A grant, or the right of who the space is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRow {
    /// The certificate's id.
    pub grant: String,
    /// `standing`, `ended` (its date has passed), `revoked`, `handed_over` or `expelled`.
    pub state: String,
    /// `care`, `health`, `emergency` or `order/<id>`.
    pub scope: String,
    /// To whom.
    pub party: PartyRef,
    /// `owner`, `steward`, `write`, `read` or `carry`.
    pub right: String,
    /// What for; empty for the owner and the first steward.
    pub purpose: String,
    /// Whether it opens what was written before it.
    pub history: bool,
    /// Since when.
    pub since_ms: u64,
    /// Until when.
    pub ends_ms: Option<u64>,
    /// The party that gave it.
    pub by: PartyRef,
    /// The id of the consent it rests on.
    pub consent: Option<String>,
    /// That consent, where this node can read it.
    pub consent_row: Option<ConsentRow>,
    /// What ended it, where a removal did.
    pub removal: Option<RemovalRow>,
}

/// What ended a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalRow {
    /// The certificate's id.
    pub removal: String,
    /// Who took it away.
    pub by: PartyRef,
    /// When, by their clock.
    pub at_ms: u64,
    /// The party whose removal it was, where the grant hung on another one's.
    pub hung_on: Option<PartyRef>,
}

/// Takes every right over an elder's data from a party.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysRevoke {
    /// The elder.
    pub elder: String,
    /// The party.
    pub party: String,
    /// `care`, `health`, `emergency` or `order/<id>`; all where it is not given.
    pub scope: Option<String>,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// Asks again what a party had when it was removed, and which nodes have not learned of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysExposure {
    /// The elder.
    pub elder: String,
    /// The party.
    pub party: String,
}

/// What a removed party had, and could still be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// `care`, `health`, `emergency` or `order/<id>`.
    pub scope: String,
    /// The party.
    pub party: PartyRef,
    /// Whether no right of it stands here; where it does, this node is no steward there.
    pub removed: bool,
    /// The purposes of the grants that still stand, where only some were taken.
    pub remaining: Vec<String>,
    /// What it was given the keys of, by kind.
    pub had: Vec<HadRow>,
    /// When the newest entry was signed that it has said to hold.
    pub known_until_ms: Option<u64>,
    /// When the newest entry was signed that it could open if it holds it.
    pub could_until_ms: Option<u64>,
    /// Nodes that write here and have not said to hold the removal: until they do, they may seal new
    /// writing under a key it has.
    pub unaware: Vec<NodeRef>,
    /// How many other nodes that write here have said to hold it.
    pub aware: u64,
    /// Parties whose grants hung on it and ended with it.
    pub ended_with_it: Vec<PartyRef>,
}

/// Documents of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HadRow {
    /// The kind, such as `profile`.
    pub kind: String,
    /// Documents sealed under keys it was given.
    pub documents: u64,
    /// Entries in them under such keys: what it could open.
    pub entries: u64,
    /// How many of these it has said to hold.
    pub known: u64,
    /// Files that stand beside these documents, or stood there.
    pub files: u64,
    /// How many of these files it has said to hold since this node's start.
    pub files_known: u64,
}

/// Begins new epochs, some spaces at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeysRotate {
    /// One elder's spaces; with neither this nor `expelled` all spaces.
    pub elder: Option<String>,
    /// `care`, `health` or `emergency`; all where it is not given.
    pub scope: Option<String>,
    /// Only where somebody who was expelled could read; they lose their rights first.
    pub expelled: bool,
    /// When the work began: spaces whose epoch is younger are passed over. From this moment where it
    /// is not given.
    pub since_ms: Option<u64>,
    /// Where the last answer ended.
    pub after: Option<String>,
    /// How many spaces to look at, at most 32.
    pub limit: u64,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// How far it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateAnswer {
    /// When the work began, to be given back with the next request.
    pub since_ms: u64,
    /// Spaces this node has in all.
    pub total: u64,
    /// Spaces looked at by this request.
    pub seen: u64,
    /// Spaces with a new epoch.
    pub rotated: u64,
    /// Rights taken from who was expelled.
    pub revoked: u64,
    /// Spaces that were due and could not be rotated.
    pub failed: u64,
    /// Where the next request goes on; none when all is done.
    pub next: Option<String>,
}

/// Lists what is held back: signed past a cut or an end date.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeldList {
    /// One elder's only.
    pub elder: Option<String>,
    /// Those that a steward refused, too.
    pub all: bool,
}

/// An entry that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRow {
    /// The entry's id.
    pub entry: String,
    /// The document's name.
    pub document: String,
    /// The kind of its space.
    pub scope: String,
    /// The elder, where it is about one.
    pub elder: Option<String>,
    /// Who wrote it.
    pub by: NodeRef,
    /// Whether this node wrote it.
    pub own: bool,
    /// `past_cut`, `ended`, `person_ended` or `unattested`.
    pub reason: String,
    /// When it was signed.
    pub at_ms: Option<u64>,
    /// Whether a steward refused it.
    pub refused: bool,
    /// Whether this node's party may admit and refuse it.
    pub may_judge: bool,
}

/// Asks what an entry says that is held back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeldShow {
    /// The entry, or the beginning of its id.
    pub entry: String,
}

/// What it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeldEntry {
    /// Where it stands.
    pub row: HeldRow,
    /// The keys it wrote in its document and the values, null for a deletion.
    pub writes: Vec<(String, Option<String>)>,
}

/// Lets held-back entries count, or says that they stay so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeldJudge {
    /// The entries, or the beginnings of their ids.
    pub entries: Vec<String>,
    /// Whether they count.
    pub admit: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}
