//! The node, its peers, its store, and who belongs to the community.

use serde::{Deserialize, Serialize};

use super::reach::{Reach, Why};
use super::{Acting, ApiError, Done, methods};

methods! {
    "status" Status => StatusAnswer;
    "documents" Documents => Vec<DocumentStatus>;
    "invite" Invite => InviteAnswer;
    "invite.state" InviteState => InvitePhase;
    "invite.confirm" InviteConfirm => Done;
    "person.add" PersonAdd => PersonRow;
    "person.list" PersonList => Vec<PersonRow>;
    "party.list" PartyList => Vec<PartyRow>;
    "leave" Leave => LeaveAnswer;
    "backup" Backup => BackupAnswer;
    "stop" Stop => Done;
}

/// Asks how the node is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {}

/// A document of which carriers are told to drop the beginning, by orders that rest on nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnfoundedPrune {
    /// The document's name; its tag where that is not known.
    pub document: String,
    /// What one of them lacks: `of_facts`, `not_agreed`, `cuts_further` or `fallen`.
    pub why: String,
    /// How many they are.
    pub orders: u64,
    /// From when on carriers prune by one of them.
    pub prunes_from_ms: u64,
}

/// How the node is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The node's id.
    pub node: String,
    /// Its party's id.
    pub party: String,
    /// What its party is, such as `household`; none before joining.
    pub kind: Option<String>,
    /// The device's name.
    pub label: String,
    /// The community's name and id; none before joining.
    pub community: Option<(String, String)>,
    /// The node's clock.
    pub now_ms: u64,
    /// When the node's certificate ends.
    pub ends_ms: Option<u64>,
    /// A row a peer.
    pub peers: Vec<PeerRow>,
    /// Documents held, readable or not.
    pub documents_held: u64,
    /// Documents of spaces this node is a member of.
    pub documents_readable: u64,
    /// Entries held.
    pub entries_held: u64,
    /// Entries that are held for others and cannot be opened here.
    pub entries_carried: u64,
    /// Entries of this node's spaces that are not shown, whatever the reason.
    pub entries_withheld: u64,
    /// Logs whose beginning carriers have pruned: it is read from checkpoints here.
    #[serde(default)]
    pub logs_late: u64,
    /// Documents of which relays are told to drop the beginning by orders that rest on nothing, 32 at most.
    #[serde(default)]
    pub prunes_unfounded: Vec<UnfoundedPrune>,
    /// Acts that wait here for officers' signatures; `request.list` lists them.
    pub requests_waiting: u64,
    /// Alerts not yet resolved.
    pub alerts_open: u64,
    /// The plans that are in force, those in earnest first.
    #[serde(default)]
    pub plans: Vec<super::plans::PlanInForce>,
    /// Monitoring that is off, all of it.
    #[serde(default)]
    pub monitoring: Vec<super::sensors::MonitoringOff>,
    /// Addresses this node listens on.
    pub addresses: Vec<String>,
    /// The relays it uses.
    pub relays: Vec<String>,
    /// The network around it.
    pub reach: Reach,
    /// Bytes of the store on disk.
    pub store_bytes: u64,
    /// Files held.
    #[serde(default)]
    pub blobs: BlobsHeld,
    /// The program's version.
    pub version: String,
    /// Nodes that hold less than they have said to hold.
    #[serde(default)]
    pub went_back: Vec<WentBack>,
    /// What an operator should know: a full disk, a wrong clock, no peer for a day.
    pub warnings: Vec<String>,
}

/// The blobs of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BlobsHeld {
    /// Blobs held whole, those carried for others included.
    pub held: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that are still to come.
    pub missing: u64,
    /// Their bytes.
    pub missing_bytes: u64,
}

/// A node that lost or withholds something of what it has said to hold durably.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WentBack {
    /// Its node id.
    pub node: String,
    /// Its device's name.
    pub label: String,
    /// When that was last noticed.
    pub at_ms: u64,
    /// In how many documents.
    pub documents: u64,
    /// In how many of them it is still so.
    pub missing: u64,
}

/// A peer of the community.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its node id.
    pub node: String,
    /// Its device's name.
    pub label: String,
    /// Its party's public name, none for a household.
    pub party_name: Option<String>,
    /// What its party is.
    pub kind: String,
    /// Direct, relayed or away.
    pub path: Path,
    /// Whether it was found on the local network.
    pub lan: bool,
    /// Why it is reached so; none for a direct way out of the local network.
    pub why: Option<Why>,
    /// What the peer, or the machine, said of a way that failed.
    pub words: Option<String>,
    /// The address or relay in use.
    pub address: Option<String>,
    /// Since when the path is what it is.
    pub since_ms: Option<u64>,
    /// When it was last heard; before this start of the node, when all was last compared.
    pub last_seen_ms: Option<u64>,
    /// Its latest heartbeat that arrived here, by its own clock: a household's hub says each minute that it is there.
    #[serde(default)]
    pub heartbeat_ms: Option<u64>,
    /// Entries of shared spaces that it is not known to hold.
    pub waiting_entries: u64,
    /// Whether all that both hold was compared since it connected.
    pub synced: bool,
    /// Bytes sent over the present connection.
    pub sent_bytes: u64,
    /// Bytes received over the present connection.
    pub received_bytes: u64,
}

/// How a peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// Without a relay.
    Direct,
    /// Through a relay.
    Relayed,
    /// Not at all.
    Away,
}

/// Asks for the documents held.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Documents {
    /// Only those this node can read.
    pub readable: bool,
}

/// One document: as of when, and held by whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DocumentStatus {
    /// The space's tag.
    pub space: String,
    /// The document's tag.
    pub document: String,
    /// Its name, where this node can read it.
    pub name: Option<String>,
    /// The Automerge heads, where this node can read it.
    pub heads: Option<Vec<String>>,
    /// The hash of the canonical view, where this node can read it.
    pub view: Option<String>,
    /// The digest of the frontier.
    pub frontier: String,
    /// Entries held.
    pub entries: u64,
    /// Entries held and not shown, with the reasons.
    pub withheld: Vec<String>,
    /// The latest time any entry shown was signed.
    pub as_of_ms: Option<u64>,
    /// As of when this node knows who may do what there: its last comparison with a node of another party
    /// that decides. None where there was none, or where this node cannot read it.
    pub authority_ms: Option<u64>,
    /// Nodes that have said they hold this frontier durably.
    pub held_by: Vec<String>,
}

/// Begins an invitation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invite {
    /// What the invited party is, such as `household`.
    pub kind: String,
    /// Its public name; none for a household.
    pub name: Option<String>,
    /// Opens the officers' key files here, whose signatures are added at once; none: the enrolment waits
    /// for all signatures.
    pub officer_passphrase: Option<String>,
    /// How long the code is good for, in seconds.
    pub valid_s: u64,
}

impl std::fmt::Debug for Invite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invite").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The code to show.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteAnswer {
    /// Names the invitation.
    pub id: String,
    /// The code, to be shown as QR and to be typed.
    pub code: String,
    /// When it expires.
    pub expires_ms: u64,
}

/// Asks how far an invitation is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteState {
    /// The invitation.
    pub id: String,
}

/// How far an invitation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum InvitePhase {
    /// Nobody has used the code.
    Waiting,
    /// Somebody has proved the code; both screens show this number until a person confirms.
    Pending {
        /// Six digits, the same on both screens.
        number: String,
        /// The joining device's name.
        label: String,
    },
    /// Confirmed and enrolled; the joiner has its certificates.
    Enrolled {
        /// The joined node.
        node: String,
    },
    /// Confirmed, and more officers must sign.
    AwaitingOfficers {
        /// How many have signed.
        signed: u64,
        /// How many must.
        needed: u64,
        /// The request to be signed.
        request: String,
    },
    /// Over, with the reason: expired, refused, guessed at, used.
    Failed {
        /// What happened.
        reason: ApiError,
    },
}

/// Confirms or refuses the node that proved the code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteConfirm {
    /// The invitation.
    pub id: String,
    /// Whether the numbers on both screens are the same.
    pub accept: bool,
}

/// Adds a person to this party.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct PersonAdd {
    /// The person's name.
    pub name: String,
    /// The role, such as `operator`.
    pub role: String,
    /// The qualification: a code, or the number of a certificate.
    pub qualification: Option<String>,
    /// The PIN to act with: four characters or more.
    pub pin: String,
    /// When the person's certificate ends; a year from now where it is not given.
    pub ends_ms: Option<u64>,
    /// Who acts: a steward, where this party has one.
    pub acting: Option<Acting>,
}

impl std::fmt::Debug for PersonAdd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonAdd").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Lists the people of this party.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PersonList {}

/// A person of this party.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonRow {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// The qualification.
    pub qualification: Option<String>,
    /// When what the person signs ends to count.
    pub ends_ms: u64,
    /// Whether that moment has passed.
    pub ended: bool,
}

/// Lists the parties of the community.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PartyList {}

/// A party of the community.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartyRow {
    /// The party's id.
    pub party: String,
    /// What it is.
    pub kind: String,
    /// Its public name.
    pub name: Option<String>,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Whether officers put it out.
    pub expelled: bool,
}

/// Asks whether all that was written here is held by others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Leave {
    /// How many other nodes must hold each entry.
    pub copies: u64,
}

/// Whether this node may leave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaveAnswer {
    /// Whether everything written here is held by enough others.
    pub may_leave: bool,
    /// Entries written here that are not.
    pub waiting_entries: u64,
    /// Files put beside orders by this party that are here, and that too few others said since this node's start to hold.
    pub waiting_files: u64,
}

/// Writes a consistent copy of the store and the blobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backup {
    /// Where to: a folder that does not exist yet.
    pub to: String,
}

/// What a backup has and has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupAnswer {
    /// Files of this node's spaces that it holds whole.
    pub files: u64,
    /// How many of them are not in the backup: they could not be read, or there was no room.
    pub missing: u64,
}

/// Ends the node after all that was accepted is durable.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stop {}
