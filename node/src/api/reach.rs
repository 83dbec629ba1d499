//! The network around a node as `status` tells of it: which way others are reached, and why that one.

use serde::{Deserialize, Serialize};

/// What a node knows of the network around it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Whether this node is a member, as far as it knows.
    pub standing: Standing,
    /// Whether UDP gets out and back; none where no relay tells.
    pub udp: Option<bool>,
    /// The node's public addresses, as relays see them.
    pub public: Vec<String>,
    /// Whether the NAT in front of the node gives each destination another address, so that nobody can
    /// come in; none where fewer than two relays tell.
    pub hard_nat: Option<bool>,
    /// How each of its relays is.
    pub relays: Vec<RelayRow>,
    /// How far the clocks of others are from this machine's; none where they agree, or nobody signed
    /// anything lately.
    pub clock: Option<ClockRow>,
}

/// Whether a node is a member of its community.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is.
    Member,
    /// The directory does not know it.
    #[default]
    NotEnrolled,
    /// Officers put it out.
    Expelled,
    /// Its certificate has ended.
    Ended,
}

/// How a relay is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRow {
    /// Which.
    pub url: String,
    /// How it is.
    pub state: RelayState,
    /// The relay's words, or the machine's.
    pub words: Option<String>,
    /// Milliseconds to an answer.
    pub round_trip_ms: Option<u64>,
}

/// How a relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayState {
    /// This node can be reached through it.
    Connected,
    /// It answers; another one is used at the moment.
    Ready,
    /// Not looked at yet.
    Untried,
    /// It does not let this node in: `words` says why.
    Denied,
    /// Its name is not known.
    NoName,
    /// Nobody answers there.
    NoAnswer,
    /// Its certificate is signed by nobody this node trusts.
    NotTrusted,
    /// It shows another certificate than the one whose pin this node was told.
    WrongPin,
    /// Its certificate is not valid at the time this machine's clock shows.
    WrongTime,
    /// Something answers there that is no relay.
    NoRelay,
}

/// How far the clocks of others are from this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRow {
    /// Milliseconds by which their clocks are ahead; negative: behind.
    pub ahead_ms: i64,
    /// How many parties say so.
    pub parties: u64,
}

/// Why a peer is reached the way it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Direct: both are on one local network.
    Lan,
    /// Relayed: this node is set to use nothing else.
    RelayOnly,
    /// Relayed: no UDP gets out of this node's network.
    NoUdp,
    /// Relayed: the NAT here gives each destination another address.
    HardNat,
    /// Relayed: no relay tells this node its public address.
    NoPublicAddress,
    /// Relayed: the connection is young, and a direct way is looked for.
    Looking,
    /// Relayed: nothing is wrong here, so the network of the peer lets no direct packets in.
    FarSide,
    /// Away: it refuses this node.
    Refused,
    /// Away: it has not answered.
    NoAnswer,
    /// Away: no address of it is known and no relay can be used.
    NoWay,
    /// Away: a connection could not be made or kept.
    Failed,
    /// Away: it is being dialled.
    Dialling,
    /// Away: this node waits until it calls.
    Waits,
}
