//! Founding a community whose officers hold their keys elsewhere: a request goes round among them first.

use linli_core::audit::AuditRecord;
use linli_core::identity::party_id;
use linli_core::secret::Secret;
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind};
use linli_replica::id::{CommunityId, OfficerId};
use linli_replica::limits::SIGNATURES_MAX;
use linli_replica::request::Request;
use linli_store::Store;

use super::{DISCOVERY, SetupError, generator, node_certificate, open, own, party_key};
use crate::home::Home;
use crate::node::now;

/// The request that a founding waits for.
const FOUNDING: &[u8] = b"founding";

/// A community to begin with officers who sit elsewhere.
#[derive(Debug, Clone)]
pub struct NewFounding<'a> {
    /// Its name, public.
    pub name: &'a str,
    /// The officers, in any order, each once.
    pub officers: Vec<OfficerId>,
    /// How many of them must sign.
    pub threshold: u8,
    /// What this node's party is.
    pub kind: PartyKind,
    /// The party's public name.
    pub party_name: Option<&'a str>,
    /// Whether a founding that waits here is given up for this one.
    pub again: bool,
}

/// How far a founding is.
#[derive(Debug, Clone)]
pub enum Founded {
    /// Enough officers have signed: this node is the first member.
    Done(CommunityId),
    /// More must sign.
    Waits(Request),
}

/// Begins a community that counts once `threshold` of its officers have signed: returns what goes round
/// among them. The node keeps it until [`finish_founding`].
///
/// # Errors
/// The node is a member already, a founding waits here, or officers and threshold do not fit.
pub fn begin_founding(
    home: &Home,
    passphrase: &str,
    new: &NewFounding<'_>,
) -> Result<Request, SetupError> {
    let (store, _) = open(home, passphrase)?;
    if !store.certificates()?.is_empty() {
        return Err(SetupError::AlreadyMember);
    }
    if !new.again && store.record(Shelf::Own, FOUNDING)?.is_some() {
        return Err(SetupError::AlreadyFounding);
    }
    let mut officers = new.officers.clone();
    officers.sort();
    let set = OfficerSet { officers, threshold: new.threshold };
    if !set.is_sound() || set.officers.is_empty() || set.officers.len() > SIGNATURES_MAX {
        let officers = u8::try_from(set.officers.len()).unwrap_or(u8::MAX);
        return Err(SetupError::Officers { officers, threshold: new.threshold });
    }
    let party = party_id(&party_key(home, passphrase)?);
    let nonce = (*Secret::draw(&mut generator()?).expose()).into();
    let act = Act::Genesis { name: new.name.to_owned(), officers: set, nonce };
    let genesis = Certificate::new(CommunityId::default(), now(), act);
    let name = new.party_name.map(str::to_owned);
    let enrol = Act::Enrol { under: genesis.id(), party, kind: new.kind, name };
    let enrol = Certificate::new(CommunityId(genesis.id().0), now(), enrol);
    let request = Request::new(vec![genesis, enrol], Vec::new())?;
    keep(&store, &request)?;
    Ok(request)
}

fn keep(store: &Store, request: &Request) -> Result<(), SetupError> {
    let records = vec![own(FOUNDING, request.encode())];
    Ok(store.commit(Batch { records, ..Batch::default() })?)
}

/// Takes the signatures of files that went round; with enough of them the community begins and this
/// node is its first member.
///
/// # Errors
/// No founding waits here, or a file is not a copy of its request.
pub fn finish_founding(
    home: &Home,
    passphrase: &str,
    files: &[Vec<u8>],
) -> Result<Founded, SetupError> {
    let (store, identity) = open(home, passphrase)?;
    let kept = store.record(Shelf::Own, FOUNDING)?.ok_or(SetupError::NotFounding)?;
    let mut request = Request::decode(&kept).map_err(|_| SetupError::Damaged)?;
    for file in files {
        request.merge(&Request::decode(file)?)?;
    }
    if !request.is_signed() {
        keep(&store, &request)?;
        return Ok(Founded::Waits(request));
    }
    let kind = request.acts().iter().find_map(|act| {
        let Act::Enrol { kind, .. } = act.body().act else { return None };
        Some(kind)
    });
    let carrier = kind == Some(PartyKind::Carrier);
    let party = party_key(home, passphrase)?;
    let mut certificates = request.acts().to_vec();
    certificates.push(node_certificate(request.community(), &party, &identity, carrier));
    let secret = Secret::draw(&mut generator()?);
    let mut rng = generator()?;
    let audit = certificates
        .iter()
        .map(|certificate| AuditRecord::of_certificate(&mut rng, now(), certificate).for_store());
    let mut records: Vec<Record> = audit.collect();
    records.push(own(DISCOVERY, secret.expose().to_vec()));
    records.push(Record { shelf: Shelf::Own, key: FOUNDING.to_vec(), value: None });
    store.commit(Batch { certificates, records, ..Batch::default() })?;
    Ok(Founded::Done(request.community()))
}
