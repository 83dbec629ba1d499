//! Handing an elder's spaces over to their next owner.

use linli_core::authority::Owner;
use linli_core::hand_over::{HandOverRequest, Known};
use linli_core::identity::officer_word;
use linli_replica::id::PartyId;
use serde::{Deserialize, Serialize};

use super::officers::{DeedRow, DeviceRow, RequestRow, RequestState, kind_word};
use super::{Acting, methods};

methods! {
    "keys.hand-over" KeysHandOver => HandOverAnswer;
}

/// Makes what is kept about an elder somebody else's.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct KeysHandOver {
    /// The elder.
    pub elder: String,
    /// The next owner: a party, or `community`.
    pub to: String,
    /// Who acts for the community, where that is to own it.
    pub steward: Option<String>,
    /// `care`, `health` or `emergency`; all three where it is not given.
    pub scope: Option<String>,
    /// What this party keeps of what it owns: `read`, `write` or `steward`; nothing where it is not given.
    pub keep: Option<String>,
    /// Opens the officers' key files here, whose signatures are added at once; none: no signatures yet.
    pub officer_passphrase: Option<String>,
    /// Who acts.
    pub acting: Option<Acting>,
}

impl std::fmt::Debug for KeysHandOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysHandOver").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// What became of each space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverAnswer {
    /// The spaces.
    pub spaces: Vec<HandedRow>,
    /// What the officers are asked, where they must sign.
    pub request: Option<RequestRow>,
}

/// What became of a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedRow {
    /// `care`, `health` or `emergency`.
    pub scope: String,
    /// `handed_over`, `officers` (they must sign), `already` or `not_owner`.
    pub state: String,
}

/// A party as a request tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyWords {
    /// Its id.
    pub party: String,
    /// What it is, where that came along.
    pub kind: Option<String>,
    /// Its public name.
    pub name: Option<String>,
    /// Its devices.
    pub nodes: Vec<DeviceRow>,
    /// Whether officers have put it out.
    pub expelled: bool,
}

impl PartyWords {
    fn of(known: Known) -> Self {
        let (kind, name) = known.enrolled.unzip();
        let device = |(node, label): (linli_replica::id::NodeId, String)| DeviceRow {
            node: node.to_string(),
            label,
        };
        Self {
            party: known.party.to_string(),
            kind: kind.map(kind_word),
            name: name.flatten(),
            nodes: known.nodes.into_iter().map(device).collect(),
            expelled: known.expelled,
        }
    }
}

impl RequestRow {
    /// Says in fields what officers are asked to hand over and who has signed.
    #[must_use]
    pub fn of_hand_over(request: &HandOverRequest, outdated: bool) -> Self {
        let signed = request.signed();
        let lacking = request.officers().officers.iter().filter(|o| !signed.contains(o));
        let statement = request.statement();
        let words = |party: PartyId| Box::new(PartyWords::of(request.known(party)));
        let to = match request.over().to {
            Owner::Party(party) => Some(words(party)),
            Owner::Community => None,
        };
        let deed = DeedRow::HandOver {
            elder: statement.elder.clone(),
            scopes: statement.spaces.iter().map(|asked| asked.kind.clone()).collect(),
            from: statement.from.map(words),
            to,
            steward: request.over().steward.map(words),
        };
        let state = match (outdated, request.is_signed()) {
            (true, _) => RequestState::Outdated,
            (false, true) => RequestState::Counts,
            (false, false) => RequestState::Waits,
        };
        Self {
            id: request.id().to_string(),
            community: statement.community.to_string(),
            name: request.name().to_owned(),
            state,
            deeds: vec![deed],
            at_ms: statement.at.0,
            lacking: lacking.map(officer_word).collect(),
            signed: signed.iter().map(officer_word).collect(),
            needed: u64::from(request.officers().threshold),
        }
    }
}
