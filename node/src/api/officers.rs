//! The officers of the community, the acts that wait for their signatures, and their desk.

use linli_core::identity::officer_word;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{NodeId, OfficerId};
use linli_replica::request::{Deed, Request, RequestError};
use serde::{Deserialize, Serialize};

use super::hand_over::PartyWords;
use super::{Code, Detail, Done, methods};

methods! {
    "officers" Officers => OfficersAnswer;
    "officers.replace" OfficersReplace => RequestRow;
    "expel" Expel => RequestRow;
    "request.list" RequestList => Vec<RequestRow>;
    "request.export" RequestExport => RequestFile;
    "request.import" RequestImport => RequestRow;
    "request.sign" RequestSign => RequestRow;
    "request.drop" RequestDrop => Done;
    "desk" Desk => Vec<DeskItem>;
}

/// Asks who the officers are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Officers {}

/// The officers in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfficersAnswer {
    /// The community's name.
    pub community: String,
    /// The certificate that names them.
    pub certificate: String,
    /// How many must sign.
    pub threshold: u64,
    /// The officers.
    pub officers: Vec<OfficerRow>,
}

/// An officer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfficerRow {
    /// The public key, `linlioff1…`.
    pub officer: String,
    /// Whether a file with this officer's key lies in the data directory.
    pub held_here: bool,
}

/// Begins a change of the officers.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct OfficersReplace {
    /// The keys of those who leave, or beginnings that fit one only.
    pub remove: Vec<String>,
    /// The keys of those who come.
    pub add: Vec<String>,
    /// How many must sign from here on; as now where that fits, else the fewest that are more than half.
    pub threshold: Option<u8>,
    /// Whether the leaving keys are lost or stolen: what they sign counts no more, also later.
    pub stolen: bool,
    /// Opens the officers' key files here, whose signatures are added at once; none: no signatures yet.
    pub officer_passphrase: Option<String>,
}

impl std::fmt::Debug for OfficersReplace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfficersReplace").field("stolen", &self.stolen).finish_non_exhaustive()
    }
}

/// Begins to put a party or a node out of the community.
#[derive(Clone, Serialize, Deserialize)]
pub struct Expel {
    /// The id of the party or node, a beginning of it that fits one only, or the party's public name.
    pub subject: String,
    /// Opens the officers' key files here, whose signatures are added at once; none: no signatures yet.
    pub officer_passphrase: Option<String>,
}

impl std::fmt::Debug for Expel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expel").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Asks for the acts that wait for signatures here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RequestList {}

/// An act, or several together, that officers are asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Names it.
    pub id: String,
    /// The community's id.
    pub community: String,
    /// The community's name.
    pub name: String,
    /// How it stands.
    pub state: RequestState,
    /// What is asked.
    pub deeds: Vec<DeedRow>,
    /// When it was begun, by the clock of the node where.
    pub at_ms: u64,
    /// The keys of those who have signed.
    pub signed: Vec<String>,
    /// The keys of those who may still sign.
    pub lacking: Vec<String>,
    /// How many must sign.
    pub needed: u64,
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// It waits for signatures.
    Waits,
    /// Enough have signed.
    Counts,
    /// The officers it names are not in force any more: it cannot count.
    Outdated,
}

/// What one act does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "deed")]
pub enum DeedRow {
    /// Begins the community.
    Found {
        /// Its officers.
        officers: Vec<String>,
        /// How many must sign.
        threshold: u64,
    },
    /// Changes the officers.
    Officers {
        /// Who comes.
        come: Vec<String>,
        /// Who goes.
        go: Vec<String>,
        /// Who stays.
        stay: Vec<String>,
        /// How many must sign from here on.
        threshold: u64,
        /// For lost or stolen keys: how many earlier acts are kept that rest on them.
        struck_keeping: Option<u64>,
    },
    /// Takes a party in.
    Enrol {
        /// The party's id.
        party: String,
        /// What it is.
        kind: String,
        /// Its public name.
        name: Option<String>,
        /// Its devices.
        nodes: Vec<DeviceRow>,
    },
    /// Puts a party out, with all its devices.
    ExpelParty {
        /// The party's id.
        party: String,
        /// What it is, where that is known.
        kind: Option<String>,
        /// Its public name.
        name: Option<String>,
        /// Its devices.
        nodes: Vec<DeviceRow>,
    },
    /// Puts one device out.
    ExpelNode {
        /// The node's id.
        node: String,
        /// The device's name, where it is known.
        label: Option<String>,
        /// What its party is.
        kind: Option<String>,
        /// Its party's public name.
        name: Option<String>,
    },
    /// Makes what is kept about an elder somebody else's.
    HandOver {
        /// The elder, in the words of the node that asks.
        elder: String,
        /// Which kinds of data, in the words of the node that asks.
        scopes: Vec<String>,
        /// The expelled owner, as the node that asks says; none where it is the community.
        from: Option<Box<PartyWords>>,
        /// The next owner; none for the community.
        to: Option<Box<PartyWords>>,
        /// Who acts for the community.
        steward: Option<Box<PartyWords>>,
    },
}

/// A device of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The node's id.
    pub node: String,
    /// The device's name.
    pub label: String,
}

impl RequestRow {
    /// Says in fields what a request asks and who has signed.
    #[must_use]
    pub fn of(request: &Request, outdated: bool) -> Self {
        let signed = request.signed();
        let lacking = request.officers().officers.iter().filter(|o| !signed.contains(o));
        let state = match (outdated, request.is_signed()) {
            (true, _) => RequestState::Outdated,
            (false, true) => RequestState::Counts,
            (false, false) => RequestState::Waits,
        };
        Self {
            id: request.id().to_string(),
            community: request.community().to_string(),
            name: request.name().to_owned(),
            state,
            deeds: request.deeds().into_iter().map(DeedRow::of).collect(),
            at_ms: request.acts().first().map_or(0, |act| act.body().at.0),
            lacking: lacking.map(officer_word).collect(),
            signed: signed.iter().map(officer_word).collect(),
            needed: u64::from(request.officers().threshold),
        }
    }
}

impl DeedRow {
    fn of(deed: Deed) -> Self {
        let words = |officers: &[OfficerId]| officers.iter().map(officer_word).collect();
        match deed {
            Deed::Found { officers } => Self::Found {
                officers: words(&officers.officers),
                threshold: u64::from(officers.threshold),
            },
            Deed::Officers { come, go, stay, threshold, struck } => Self::Officers {
                come: words(&come),
                go: words(&go),
                stay: words(&stay),
                threshold: u64::from(threshold),
                struck_keeping: struck.map(|kept| u64::try_from(kept).unwrap_or(u64::MAX)),
            },
            Deed::Enrol { party, kind, name, nodes } => Self::Enrol {
                party: party.to_string(),
                kind: kind_word(kind),
                name,
                nodes: devices(nodes),
            },
            Deed::ExpelParty { party, known, nodes } => {
                let (kind, name) = known.unzip();
                Self::ExpelParty {
                    party: party.to_string(),
                    kind: kind.map(kind_word),
                    name: name.flatten(),
                    nodes: devices(nodes),
                }
            }
            Deed::ExpelNode { node, known } => {
                let (label, kind, name) = match known {
                    Some((label, kind, name)) => (Some(label), Some(kind_word(kind)), name),
                    None => (None, None, None),
                };
                Self::ExpelNode { node: node.to_string(), label, kind, name }
            }
        }
    }
}

/// The word for what a party is.
pub(crate) fn kind_word(kind: PartyKind) -> String {
    format!("{kind:?}").to_lowercase()
}

fn devices(nodes: Vec<(NodeId, String)>) -> Vec<DeviceRow> {
    let row = |(node, label): (NodeId, String)| DeviceRow { node: node.to_string(), label };
    nodes.into_iter().map(row).collect()
}

/// Asks for a request as a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestExport {
    /// Its id, or a beginning that fits one only.
    pub id: String,
}

/// A request's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestFile {
    /// The request.
    pub request: RequestRow,
    /// The bytes of the file, hexadecimal.
    pub bytes: String,
}

/// Takes signatures out of a request's file; with enough of them the act counts and is published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestImport {
    /// The bytes of the file, hexadecimal.
    pub bytes: String,
}

/// Signs a request with the officers' keys that lie in the data directory.
#[derive(Clone, Serialize, Deserialize)]
pub struct RequestSign {
    /// Its id, or a beginning that fits one only.
    pub id: String,
    /// Opens the officers' key files.
    pub officer_passphrase: String,
}

impl std::fmt::Debug for RequestSign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestSign").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Forgets a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestDrop {
    /// Its id, or a beginning that fits one only.
    pub id: String,
}

/// Asks what waits for an officer at this node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Desk {}

/// Something that waits for an officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskItem {
    /// What kind of thing: `signature`, `enrolment`, `ending`, `held`, `consent` or `erasure`.
    pub section: String,
    /// What to name in the command that sees to it: the id of a request, a node, a party, an entry, an
    /// elder or an order.
    pub id: String,
    /// By when, where there is a day.
    pub due_ms: Option<u64>,
    /// What it is: the message `inbox-…` of the command line and what it names. An argument `kind` is
    /// what a party is; one that ends in `_ms` is a time.
    pub detail: Detail,
}

/// Sorts what is wrong with a request: the kind of error, and the key of its translation.
#[must_use]
pub const fn sort_request_error(error: &RequestError) -> (Code, &'static str) {
    match error {
        RequestError::OldOfficers => (Code::Conflict, "error-request-old-officers"),
        RequestError::NotOfficer => (Code::Forbidden, "error-request-not-officer"),
        RequestError::Stranger => (Code::Forbidden, "error-request-stranger"),
        RequestError::Certificate(_) => (Code::Invalid, "error-request-changed"),
        RequestError::TooLarge(_)
        | RequestError::Malformed
        | RequestError::Version(_)
        | RequestError::Acts
        | RequestError::NotForOfficers
        | RequestError::Mixed
        | RequestError::UnknownOfficers
        | RequestError::OtherRequest => (Code::Invalid, "error-request-unreadable"),
    }
}
