//! Where the community's relays are: what carriers publish of themselves. `docs/spec/relay.md` is the
//! format.

use std::collections::BTreeMap;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::certificate::{Act, PartyKind};
use crate::directory::{Directory, Notice};
use crate::id::{NodeId, PartyId, Timestamp};
use crate::limits::{CLOCK_SKEW_MS_MAX, RELAY_URL_BYTES_MAX, RELAYS_MAX, RELAYS_OF_A_NODE_MAX};

/// The topic of a notice in which a carrier says where its relay is.
pub const TOPIC: &str = "relay";

const VERSION: u8 = 1;

/// Where a relay is, as members are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct RelayTold {
    /// `https://relay.example:443` or, in a closed network, `http://10.0.0.2:3340`.
    #[n(0)]
    pub url: String,
    /// UDP port where it tells a node its public address.
    #[n(1)]
    pub quic_port: Option<u16>,
    /// SHA-256 of its TLS certificate (DER); none over plain HTTP.
    #[n(2)]
    pub pin: Option<ByteArray<32>>,
}

#[derive(Encode, Decode)]
struct Body {
    #[n(0)]
    version: u8,
    #[n(1)]
    relays: Vec<RelayTold>,
}

/// Why a notice does not say where a relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// It cannot be read.
    #[error("this notice of a relay cannot be read; whoever runs it starts it again")]
    Malformed,
    /// A later format.
    #[error("this notice of a relay has format version {0}; update this node to use it")]
    Version(u8),
    /// More relays than one node serves.
    #[error("this notice names more relays than a node serves")]
    TooMany,
    /// No address of a relay.
    #[error("this notice names what is no address of a relay: https://host:port is one")]
    Url,
}

impl RelayTold {
    /// Says whether the URL is short and `http` or `https`, in visible ASCII: more is for whoever dials.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let url = self.url.as_str();
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let visible = url.bytes().all(|byte| byte.is_ascii_graphic());
        host.is_some_and(|host| !host.is_empty()) && visible && url.len() <= RELAY_URL_BYTES_MAX
    }
}

/// Makes the act in which a carrier says where its relays are; none takes back what it said.
#[must_use]
pub fn notice(node: NodeId, relays: Vec<RelayTold>) -> Act {
    let body = crate::codec::encode(&Body { version: VERSION, relays });
    Act::Notice { node, topic: TOPIC.to_owned(), body: body.into() }
}

/// Reads what a carrier published.
///
/// # Errors
/// See [`RelayError`].
pub fn decode(body: &[u8]) -> Result<Vec<RelayTold>, RelayError> {
    let body: Body = crate::codec::decode(body).map_err(|_| RelayError::Malformed)?;
    if body.version != VERSION {
        return Err(RelayError::Version(body.version));
    }
    if body.relays.len() > RELAYS_OF_A_NODE_MAX {
        return Err(RelayError::TooMany);
    }
    if body.relays.iter().all(RelayTold::is_sound) { Ok(body.relays) } else { Err(RelayError::Url) }
}

/// What a node said last; none where it never did, or what it said cannot be read.
#[must_use]
pub fn published_by(directory: &Directory, node: &NodeId) -> Option<Vec<RelayTold>> {
    decode(&last_by(directory, node)?.body).ok()
}

/// When a node says something for it to be its last word: now, unless it said something later before, by
/// a clock that ran ahead.
#[must_use]
pub fn next_at(directory: &Directory, node: &NodeId, now: Timestamp) -> Timestamp {
    last_by(directory, node).map_or(now, |notice| now.max(notice.at.plus_ms(1)))
}

fn last_by<'a>(directory: &'a Directory, node: &NodeId) -> Option<&'a Notice> {
    directory.notices(TOPIC).iter().rfind(|notice| notice.node == *node)
}

/// Lists the relays of the community at `now`: what the nodes of carriers said last, of those that are
/// neither expelled nor past their end date. Every member finds the same ones, and so each other. Of each
/// party the latest comes first, then the next of each, so that none fills all places; a date that is yet
/// to come is not believed.
#[must_use]
pub fn relays(directory: &Directory, now: Timestamp) -> Vec<(NodeId, RelayTold)> {
    let mut last = BTreeMap::new();
    for notice in directory.notices(TOPIC) {
        let admitted = directory.admits(&notice.node, now);
        let Some(carrier) = admitted.ok().filter(|node| node.kind == PartyKind::Carrier) else {
            continue;
        };
        if notice.at <= now.plus_ms(CLOCK_SKEW_MS_MAX) {
            last.insert(notice.node, (carrier.party, notice));
        }
    }
    let mut newest: Vec<_> = last.into_values().collect();
    // A relay that was set up anew stands before the one whose place it took.
    newest.sort_by_key(|(_, notice)| std::cmp::Reverse((notice.at, notice.id)));
    let mut turns: BTreeMap<PartyId, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (party, notice) in newest {
        for relay in decode(&notice.body).unwrap_or_default() {
            let turn = turns.entry(party).or_default();
            *turn += 1;
            all.push((*turn, (notice.node, relay)));
        }
    }
    all.sort_by_key(|(turn, _)| *turn);
    all.into_iter().take(RELAYS_MAX).map(|(_, relay)| relay).collect()
}
