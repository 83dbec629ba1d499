//! Requests that wait at this node for officers' signatures, and joiners that wait with them.
//!
//! A request lives in a record of its own until enough officers have signed; only then are its
//! certificates published. Nobody outside the node sees what is merely asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ed25519_dalek::SigningKey;
use linli_core::hand_over::HandOverRequest;
use linli_core::identity::{KeyFileError, KeyKind, key_file_of, officer_id, open_key_file};
use linli_replica::batch::{Record, Shelf};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::directory::Directory;
use linli_replica::id::{CertificateId, NodeId, OfficerId, PartyId, Timestamp};
use linli_replica::replica::{Input, Save};
use linli_replica::request::{Request, RequestError, explain};

use crate::api::officers::sort_request_error;
use crate::api::{ApiError, Code};
use crate::node::{Node, now};

/// Requests that wait at once: a desk begins a few a day. What is beyond is refused.
const WAITING_MAX: usize = 256;
/// How long a joiner may stay away before pairing is no longer kept open for it: 90 days.
const JOINER_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
const REQUEST: &[u8] = b"request ";
const JOINER: &[u8] = b"joiner ";
const HAND_OVER: &[u8] = b"hand-over ";

/// What waits for officers at this node.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Until the directory has them, here or from another node: a request that was signed enough is
    /// kept until what it asks for is durable.
    waiting: BTreeMap<CertificateId, Request>,
    joiners: BTreeMap<NodeId, u64>,
    hand_overs: BTreeMap<CertificateId, HandOverRequest>,
}

impl Requests {
    /// Reads what was kept.
    pub(crate) fn load(own: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut requests = Self::default();
        for (key, value) in own {
            if key.starts_with(REQUEST) {
                match Request::decode(value) {
                    Ok(request) => drop(requests.waiting.insert(request.id(), request)),
                    Err(error) => tracing::error!(%error, "a kept request cannot be read"),
                }
            } else if key.starts_with(HAND_OVER) {
                match HandOverRequest::decode(value) {
                    Ok(request) => drop(requests.hand_overs.insert(request.id(), request)),
                    Err(error) => tracing::error!(%error, "a kept request cannot be read"),
                }
            } else if let Some(node) = key.strip_prefix(JOINER)
                && let Ok(node) = <[u8; 32]>::try_from(node)
            {
                let since = linli_replica::codec::decode(value).unwrap_or_default();
                requests.joiners.insert(NodeId(node), since);
            }
        }
        requests
    }

    /// Lists the requests that wait for signatures.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Request> {
        self.waiting.values().filter(|request| !request.is_signed())
    }

    /// Lists the hand-overs that wait.
    pub(crate) fn hand_overs(&self) -> impl Iterator<Item = &HandOverRequest> {
        self.hand_overs.values()
    }

    /// Looks a hand-over up that waits.
    pub(crate) fn hand_over(&self, id: &CertificateId) -> Option<&HandOverRequest> {
        self.hand_overs.get(id)
    }

    /// Finds the one hand-over whose id begins so.
    pub(crate) fn find_hand_over(&self, id: &str) -> Option<&HandOverRequest> {
        let mut fitting = self.hand_overs.values().filter(|r| r.id().to_string().starts_with(id));
        match (fitting.next(), fitting.next()) {
            (Some(request), None) if !id.is_empty() => Some(request),
            _ => None,
        }
    }

    /// Whether pairing is to be kept open for somebody who waits to be told that it is a member.
    pub(crate) fn any_joiner(&self) -> bool {
        !self.joiners.is_empty()
    }

    /// Finds the one request whose id begins so.
    pub(crate) fn find(&self, id: &str) -> Result<&Request, ApiError> {
        let mut fitting = self.waiting.values().filter(|r| r.id().to_string().starts_with(id));
        match (fitting.next(), fitting.next()) {
            (Some(request), None) if !id.is_empty() => Ok(request),
            (Some(_), Some(_)) => Err(ApiError::new(Code::Conflict, "error-request-several")),
            _ => Err(ApiError::new(Code::NotFound, "error-request-none")),
        }
    }

    /// Finds the request that a joining node waits for.
    pub(crate) fn of_joiner(&self, joiner: &NodeId) -> Option<&Request> {
        self.waiting.values().find(|request| joiners(request).any(|node| node == *joiner))
    }
}

/// The nodes that an enrolment would make members.
fn joiners(request: &Request) -> impl Iterator<Item = NodeId> {
    companions(request).into_iter().filter_map(|certificate| {
        let Act::Node { node, .. } = certificate.body().act else { return None };
        Some(node)
    })
}

/// The certificates of nodes that go with the enrolments of a request.
fn companions(request: &Request) -> Vec<Certificate> {
    let enrols = |of: &PartyId| {
        request.acts().iter().any(|act| {
            let Act::Enrol { party, .. } = &act.body().act else { return false };
            party == of
        })
    };
    let goes = |certificate: &&Certificate| {
        let Act::Node { party, .. } = &certificate.body().act else { return false };
        enrols(party) && certificate.envelope().signed_by(party.as_bytes())
    };
    request.known().iter().filter(goes).cloned().collect()
}

fn record(prefix: &[u8], id: &[u8; 32], value: Option<Vec<u8>>) -> Record {
    Record { shelf: Shelf::Own, key: [prefix, id.as_slice()].concat(), value }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let (code, key) = sort_request_error(&error);
        Self::new(code, key).because(error)
    }
}

/// Begins a request under the officers in force: signs it with these keys, and publishes it at once
/// where they are enough.
pub(crate) fn begin(
    node: &mut Node,
    act: Act,
    known: Vec<Certificate>,
    keys: &[SigningKey],
) -> Result<(Request, Save), ApiError> {
    let act = Certificate::new(node.replica.directory().community(), now(), act);
    let mut request = Request::new(vec![act], known)?;
    for key in keys {
        match request.sign(key) {
            // The officers may have changed since the keys were opened.
            Ok(_) | Err(RequestError::NotOfficer) => {}
            Err(error) => return Err(error.into()),
        }
    }
    submit(node, request)
}

/// Takes a request in, with the signatures that it and the copy here have; publishes it once they are
/// enough.
pub(crate) fn submit(node: &mut Node, mut request: Request) -> Result<(Request, Save), ApiError> {
    let directory = node.replica.directory();
    if request.community() != directory.community() {
        return Err(ApiError::new(Code::Invalid, "error-request-other-community"));
    }
    if counts(directory, &request) {
        return Err(ApiError::new(Code::Conflict, "error-request-counts-already"));
    }
    if request.under() != directory.officers().0 {
        return Err(RequestError::OldOfficers.into());
    }
    let id = request.id();
    match node.requests.waiting.get(&id) {
        // What came along with a file is not signed, and may have been lost on the way: ours stays.
        Some(held) => {
            let mut own = held.clone();
            own.merge(&request)?;
            request = own;
        }
        None if node.requests.waiting.len() >= WAITING_MAX => {
            return Err(full());
        }
        None => {}
    }
    node.requests.waiting.insert(id, request.clone());
    let certificates = match request.is_signed() {
        true => request.acts().iter().cloned().chain(companions(&request)).collect(),
        false => Vec::new(),
    };
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates,
        records: vec![record(REQUEST, &id.0, Some(request.encode()))],
        urgent: false,
    });
    Ok((request, node.replica.last_save()))
}

/// Keeps a hand-over that waits for signatures, or forgets it.
///
/// # Errors
/// Too many requests wait here.
pub(crate) fn keep_hand_over(
    node: &mut Node,
    id: CertificateId,
    request: Option<HandOverRequest>,
) -> Result<Save, ApiError> {
    let value = request.as_ref().map(HandOverRequest::encode);
    match request {
        Some(request) => {
            let known = node.requests.hand_overs.contains_key(&id);
            if !known && node.requests.hand_overs.len() >= WAITING_MAX {
                return Err(full());
            }
            node.requests.hand_overs.insert(id, request);
        }
        None => drop(node.requests.hand_overs.remove(&id)),
    }
    Ok(write(node, vec![record(HAND_OVER, &id.0, value)]))
}

fn full() -> ApiError {
    ApiError::new(Code::Conflict, "error-requests-full").with("max", WAITING_MAX)
}

/// Whether all that a request asks for is in force.
fn counts(directory: &Directory, request: &Request) -> bool {
    request.acts().iter().all(|act| {
        let id = act.id();
        directory.certificate(&id).is_some() && !directory.refused().contains_key(&id)
    })
}

/// Forgets a request, and who waited for it.
pub(crate) fn forget(node: &mut Node, id: CertificateId) -> Save {
    let mut records = vec![record(REQUEST, &id.0, None)];
    if let Some(request) = node.requests.waiting.remove(&id) {
        for joiner in joiners(&request) {
            node.requests.joiners.remove(&joiner);
            records.push(record(JOINER, &joiner.0, None));
        }
    }
    write(node, records)
}

fn write(node: &mut Node, records: Vec<Record>) -> Save {
    let (pages, certificates) = (Vec::new(), Vec::new());
    node.feed(Input::Authored { pages, certificates, records, urgent: false });
    node.replica.last_save()
}

/// Notes that a node waits to be told that it is a member.
pub(crate) fn await_joiner(node: &mut Node, joiner: NodeId, at: Timestamp) {
    node.requests.joiners.insert(joiner, at.0);
    write(node, vec![record(JOINER, &joiner.0, Some(linli_replica::codec::encode(&at.0)))]);
}

/// Forgets what was asked for and is in force now, wherever the last signature was given, and lets in
/// whom that enrolled.
fn settle(node: &mut Node) {
    let directory = node.replica.directory();
    let done = node.requests.waiting.values().filter(|request| counts(directory, request));
    let done: Vec<Request> = done.cloned().collect();
    let enrols = |act: &Certificate| matches!(act.body().act, Act::Enrol { .. });
    if done.iter().any(|request| request.acts().iter().any(enrols)) {
        crate::handle::welcome(node);
    }
    if !done.is_empty() {
        node.requests.waiting.retain(|id, _| !done.iter().any(|request| request.id() == *id));
        write(node, done.iter().map(|request| record(REQUEST, &request.id().0, None)).collect());
    }
}

/// Does what time brings: lets in who was enrolled, begins again what the old officers were asked,
/// and forgets joiners that have arrived.
pub(crate) fn tick(node: &mut Node) {
    settle(node);
    crate::handle::hand_over::settle(node);
    let at = now();
    let gone = |(joiner, since): (&NodeId, &u64)| {
        let met = node.peers.get(joiner).is_some_and(|peer| peer.connected);
        (met || at.0.saturating_sub(*since) > JOINER_MS).then_some(*joiner)
    };
    let gone: Vec<NodeId> = node.requests.joiners.iter().filter_map(gone).collect();
    if !gone.is_empty() {
        node.requests.joiners.retain(|joiner, _| !gone.contains(joiner));
        write(node, gone.iter().map(|joiner| record(JOINER, &joiner.0, None)).collect());
    }
    renew(node, at);
}

/// What the former officers were asked is asked of those in force; a change of the former officers
/// cannot count any more, and stays to be seen until somebody drops it.
fn renew(node: &mut Node, at: Timestamp) {
    let directory = node.replica.directory();
    let under = directory.officers().0;
    let is_change =
        |r: &&Request| r.acts().iter().any(|act| matches!(act.body().act, Act::Officers { .. }));
    let old: Vec<Request> = node
        .requests
        .waiting()
        .filter(|request| request.under() != under && !is_change(request))
        .cloned()
        .collect();
    if old.is_empty() {
        return;
    }
    let (community, line) = (directory.community(), explain(directory, None));
    for request in old {
        let again = |act: &Certificate| {
            let mut act = act.body().act.clone();
            if let Act::Enrol { under: of, .. } | Act::Expel { under: of, .. } = &mut act {
                *of = under;
            }
            Certificate::new(community, at, act)
        };
        let acts = request.acts().iter().map(again).collect();
        let named = |c: &&Certificate| !line.iter().any(|of| of.id() == c.id());
        let known = line.iter().chain(request.known().iter().filter(named)).cloned().collect();
        node.requests.waiting.remove(&request.id());
        let mut records = vec![record(REQUEST, &request.id().0, None)];
        match Request::new(acts, known) {
            Ok(renewed) => {
                records.push(record(REQUEST, &renewed.id().0, Some(renewed.encode())));
                node.requests.waiting.insert(renewed.id(), renewed);
            }
            Err(error) => tracing::error!(%error, "a request could not be begun again"),
        }
        write(node, records);
    }
}

/// Lists the officers whose key files lie in the data directory.
pub(crate) fn held_keys(node: &Node) -> BTreeSet<OfficerId> {
    key_files(&node.home.officers()).into_iter().map(|(officer, _)| officer).collect()
}

fn key_files(folder: &Path) -> Vec<(OfficerId, Vec<u8>)> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let read = |file: std::fs::DirEntry| {
        let bytes = std::fs::read(file.path()).ok()?;
        let (kind, public) = key_file_of(&bytes).ok()?;
        (kind == KeyKind::Officer).then_some((OfficerId(public), bytes))
    };
    files.flatten().filter_map(read).collect()
}

/// Opens the officers' key files in a folder. Each takes a second or so, on whatever thread this is.
///
/// # Errors
/// There are such files, and the passphrase opens none of them.
pub(crate) fn open_key_files(folder: &Path, passphrase: &str) -> Result<Vec<SigningKey>, ApiError> {
    let (mut keys, mut failed) = (Vec::new(), None);
    for (_, bytes) in key_files(folder) {
        match open_key_file(&bytes, passphrase) {
            Ok(file) => keys.push(file.key),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if keys.is_empty() => Err(unopened(error)),
        Some(_) | None => Ok(keys),
    }
}

fn unopened(error: KeyFileError) -> ApiError {
    let key = match error {
        KeyFileError::WrongPassphrase => "error-key-file-passphrase",
        KeyFileError::Version(_) => "error-key-file-version",
        KeyFileError::OutOfMemory => "error-key-file-memory",
        KeyFileError::Malformed | KeyFileError::Stretch => "error-key-file-malformed",
    };
    ApiError::new(Code::WrongSecret, key)
}

/// Returns the keys of officers in force that were opened for the present request. None of them, and
/// no passphrase: no keys.
///
/// # Errors
/// A passphrase was given, and there is no key of an officer in force.
pub(crate) fn opened_keys(
    node: &Node,
    passphrase: Option<&str>,
) -> Result<Vec<SigningKey>, ApiError> {
    let (_, set) = node.replica.directory().officers();
    let in_force = |key: &&SigningKey| set.officers.contains(&officer_id(key));
    let keys: Vec<SigningKey> = node.officers.iter().filter(in_force).cloned().collect();
    if passphrase.is_some() && keys.is_empty() {
        return Err(ApiError::new(Code::Forbidden, "error-request-no-officer-key"));
    }
    Ok(keys)
}
