//! What an officer does, at any machine and without a node: read a recovery file, and give a share.
//! And what a node does by itself: split its epochs again when the officers have changed.

use linli_core::identity::{KeyFile, officer_word};
use linli_core::recovery::{RecoveryError, Request};
use linli_replica::batch::{Record, Shelf};
use linli_replica::id::{CertificateId, SpaceTag, Timestamp};
use rand::rngs::StdRng;

use crate::api::{ApiError, Code};
use crate::node::{Node, now, world};

/// A request as an officer is shown it, before anything is given.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Asked {
    /// The request's id.
    pub id: String,
    /// The community's name.
    pub community: String,
    /// The space's tag.
    pub space: String,
    /// Whose space it is, as whoever asks says.
    pub about: String,
    /// For what reason.
    pub reason: String,
    /// Who asks, where a person does.
    pub person: String,
    /// The party that asks: what it is.
    pub kind: String,
    /// Its public name, none for a household.
    pub party_name: Option<String>,
    /// The device that asks, to which the share is sealed.
    pub label: String,
    /// That node's id.
    pub node: String,
    /// When it asked.
    pub at_ms: u64,
    /// Whether nothing is to be opened.
    pub rehearsal: bool,
    /// How many officers must give a share.
    pub needed: u64,
    /// The officers who have.
    pub given: Vec<String>,
    /// Whether the officers asked are those in force, as far as the file says.
    pub in_force: bool,
}

/// Reads a recovery file, for an officer to look at.
///
/// # Errors
/// It is none, it was changed, or it does not show that a member of the community asks.
pub fn asked(bytes: &[u8]) -> Result<Asked, ApiError> {
    let request = Request::decode(bytes)?;
    let directory = request.directory(now())?;
    let statement = request.statement();
    let officers = request.officers(&directory)?;
    let node = directory.node(&statement.node).ok_or(RecoveryError::OtherNode)?;
    let party = directory.party(&node.party);
    Ok(Asked {
        id: request.id().to_string(),
        community: directory.name().to_owned(),
        space: statement.space.to_string(),
        about: statement.words.about.clone(),
        reason: statement.words.reason.clone(),
        person: statement.words.person.clone(),
        kind: format!("{:?}", node.kind).to_lowercase(),
        party_name: party.and_then(|party| party.name.clone()),
        label: node.label.clone(),
        node: statement.node.to_string(),
        at_ms: statement.at.0,
        rehearsal: statement.rehearsal,
        needed: officers.threshold.into(),
        given: request.answered().map(|officer| officer_word(&officer)).collect(),
        in_force: directory.officers().0 == statement.officers,
    })
}

/// Adds an officer's share to a recovery file, sealed to the node that asks; returns the file.
///
/// # Errors
/// The request does not hold, or this officer is not asked by it.
pub fn give(bytes: &[u8], officer: &KeyFile) -> Result<Vec<u8>, ApiError> {
    let mut request = Request::decode(bytes)?;
    let mut rng: StdRng = crate::setup::generator().map_err(ApiError::internal)?;
    request.answer(&mut rng, &officer.key, now())?;
    Ok(request.encode())
}

/// Joins copies of one recovery file that officers answered apart.
///
/// # Errors
/// One of them is none, or of another request than the first.
pub fn joined(files: &[Vec<u8>]) -> Result<Vec<u8>, ApiError> {
    let (first, others) = files.split_first().ok_or(RecoveryError::Malformed)?;
    let mut request = Request::decode(first)?;
    for other in others {
        let other = Request::decode(other)?;
        if other.id() != request.id() {
            return Err(ApiError::new(Code::Conflict, "error-recovery-different"));
        }
        request.merge(&other);
    }
    Ok(request.encode())
}

/// Spaces looked at a tick: a node with 10,000 is through in ten minutes, and alerts wait for no more
/// than a few milliseconds.
const SPACES_AT_ONCE: usize = 16;

/// How often everything is looked at although the officers are the same: what others should have
/// split may be left to this node.
const AGAIN_MS: u64 = 24 * 3_600_000;

/// Which officers everything was split among.
const SPLIT_FOR: &[u8] = b"split for";

/// How far this node is in splitting its spaces' epochs among the officers in force. Nothing of it
/// must last: what is split already is found in the spaces.
#[derive(Debug, Default)]
pub(crate) struct Resplit {
    officers: Option<CertificateId>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Every space up to this one was looked at.
    After(Option<SpaceTag>),
    /// All were, then.
    Done(Timestamp),
}

impl Default for Stage {
    fn default() -> Self {
        Self::After(None)
    }
}

impl Resplit {
    /// Begins with all spaces: after a crash an epoch may have lost its split.
    pub(crate) const fn anew(officers: CertificateId) -> Self {
        Self { officers: Some(officers), stage: Stage::After(None) }
    }
}

/// Looks at a few spaces, whether their present epochs are split among the officers in force.
pub(crate) fn split_some(node: &mut Node) {
    let (officers, at) = (node.replica.directory().officers().0, now());
    if node.resplit.officers != Some(officers) {
        let started = node.resplit.officers.is_none();
        let before = node.store.record(Shelf::Own, SPLIT_FOR).ok().flatten();
        let same = started && before.as_deref() == Some(officers.as_bytes());
        let stage = if same { Stage::Done(at) } else { Stage::After(None) };
        node.resplit = Resplit { officers: Some(officers), stage };
    }
    let after = match node.resplit.stage {
        Stage::Done(done) if at.since_ms(done) <= AGAIN_MS => return,
        Stage::Done(_) => None,
        Stage::After(after) => after,
    };
    let next = node.core.spaces().filter(|tag| after.is_none_or(|after| *tag > after));
    let next: Vec<SpaceTag> = next.take(SPACES_AT_ONCE).collect();
    let Some(last) = next.last().copied() else {
        node.resplit.stage = Stage::Done(at);
        let value = Some(officers.as_bytes().to_vec());
        let record = Record { shelf: Shelf::Own, key: SPLIT_FOR.to_vec(), value };
        node.author(linli_core::engine::Authored { records: vec![record], ..Default::default() });
        return;
    };
    for tag in next {
        let world = world(&node.replica, &node.store);
        match node.core.split_again(world, &mut node.rng, tag) {
            Ok(authored) if authored.pages.is_empty() => {}
            Ok(authored) => drop(node.author(authored)),
            Err(error) => tracing::error!(%error, ?tag, "a space could not be split again"),
        }
    }
    node.resplit.stage = Stage::After(Some(last));
}
