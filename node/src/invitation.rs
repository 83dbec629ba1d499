//! Invitations: a code is shown, somebody proves it, a person compares the numbers, officers sign.

use std::collections::BTreeMap;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use linli_core::pairing::{Bound, Code as PairingCode, Message, Proof, WRONG_PROOFS_MAX};
use linli_net::{PairError, PairStream, pairing_key_hash};
use linli_replica::certificate::{Act, Certificate, PartyKind};
use linli_replica::id::{CertificateId, NodeId, PartyId};
use linli_replica::request::{Request, explain};
use tokio::sync::{mpsc, oneshot};

use crate::api::network::{Invite, InviteAnswer, InviteConfirm, InvitePhase, InviteState};
use crate::api::{ApiError, Code, Done};
use crate::driver::Call;
use crate::handle::{invalid, not_found, now_known};
use crate::node::{Node, endpoint, node_id, now};

/// Invitations open at once: a desk enrols a few households a day.
const OPEN_MAX: usize = 64;
/// How long a code may be good for: a week.
const VALID_S_MAX: u64 = 7 * 24 * 60 * 60;
/// How long a joiner may take for each word.
const WORD: Duration = Duration::from_secs(30);
/// Bytes of certificates in one frame of the pairing stream.
const CERTIFICATES_BYTES: usize = 48 << 10;

/// The invitations of this node since it was started.
#[derive(Default)]
pub(crate) struct Invitations {
    all: BTreeMap<String, Invitation>,
    /// Whether the network was told that pairing is open.
    offered: bool,
}

struct Invitation {
    code: Option<PairingCode>,
    kind: PartyKind,
    name: Option<String>,
    officers: Vec<SigningKey>,
    expires_ms: u64,
    wrong: u32,
    phase: InvitePhase,
    confirm: Option<oneshot::Sender<bool>>,
}

impl Invitations {
    fn any_open(&self) -> bool {
        self.all.values().any(|invitation| invitation.code.is_some())
    }

    pub(crate) fn expire(&mut self, now_ms: u64) {
        for invitation in self.all.values_mut() {
            let waits = invitation.code.is_some() || invitation.confirm.is_some();
            if waits && invitation.expires_ms < now_ms {
                invitation.end(ended("error-invite-expired"));
            }
        }
    }
}

/// Ends what has expired, and offers pairing as long as a code is open or somebody who was confirmed
/// waits for officers.
pub(crate) fn tick(node: &mut Node) {
    node.invitations.expire(now().0);
    let open = node.invitations.any_open() || node.requests.any_joiner();
    if open != node.invitations.offered {
        node.invitations.offered = open;
        node.net.offer_pairing(open);
    }
}

impl Invitation {
    fn end(&mut self, reason: ApiError) {
        self.code = None;
        self.officers.clear();
        self.confirm = None;
        self.phase = InvitePhase::Failed { reason };
    }
}

fn ended(key: &'static str) -> ApiError {
    ApiError::new(Code::Conflict, key)
}

type Outcome<T> = Result<(T, std::collections::BTreeSet<linli_replica::replica::Save>), ApiError>;

pub(crate) fn begin(node: &mut Node, request: Invite) -> Outcome<InviteAnswer> {
    let kind =
        crate::setup::party_kind(&request.kind).ok_or_else(|| invalid("error-invite-kind"))?;
    let household = matches!(kind, PartyKind::Household | PartyKind::Family);
    if household && request.name.is_some() {
        return Err(invalid("error-invite-name"));
    }
    if node.invitations.all.values().filter(|i| i.code.is_some()).count() >= OPEN_MAX {
        return Err(invalid("error-invite-many").with("max", OPEN_MAX));
    }
    let officers = crate::requests::opened_keys(node, request.officer_passphrase.as_deref())?;
    let me = endpoint(&node.core.node())
        .ok_or_else(|| ApiError::internal("this node's key is unusable"))?;
    let code = PairingCode::draw(pairing_key_hash(&me), &mut node.rng);
    let text = code.text().map_err(ApiError::internal)?;
    let expires_ms = now().plus_ms(request.valid_s.clamp(1, VALID_S_MAX) * 1_000).0;
    let id = node.draw_uuid().to_string();
    let invitation = Invitation {
        code: Some(code),
        kind,
        name: request.name,
        officers,
        expires_ms,
        wrong: 0,
        phase: InvitePhase::Waiting,
        confirm: None,
    };
    node.invitations.all.insert(id.clone(), invitation);
    tick(node);
    now_known(InviteAnswer { id, code: text, expires_ms })
}

pub(crate) fn state(node: &mut Node, request: InviteState) -> Outcome<InvitePhase> {
    node.invitations.expire(now().0);
    let invitation = node.invitations.all.get(&request.id);
    now_known(invitation.ok_or_else(|| not_found("error-invite-none"))?.phase.clone())
}

pub(crate) fn confirm(node: &mut Node, request: InviteConfirm) -> Outcome<Done> {
    let invitation =
        node.invitations.all.get_mut(&request.id).ok_or_else(|| not_found("error-invite-none"))?;
    let confirm = invitation
        .confirm
        .take()
        .ok_or_else(|| ApiError::new(Code::Conflict, "error-invite-nobody"))?;
    if confirm.send(request.accept).is_err() {
        invitation.end(ended("error-invite-gone"));
    } else if !request.accept {
        invitation.end(ended("error-invite-refused"));
    }
    now_known(Done {})
}

/// Serves one joiner in a task of its own; the node is asked between two inputs.
pub(crate) fn receive(node: &Node, mut stream: PairStream, call: mpsc::UnboundedSender<Call>) {
    let genesis = node
        .replica
        .directory()
        .certificate(&CertificateId(node.replica.directory().community().0))
        .map(Certificate::encode);
    tokio::spawn(async move {
        let Some(genesis) = genesis else { return };
        if let Err(error) = serve(&mut stream, &call, genesis).await {
            tracing::info!(%error, "a pairing did not come about");
        }
        if let Err(error) = stream.finish().await {
            tracing::debug!(%error, "the joiner was gone before the end");
        }
    });
}

/// Why a pairing did not come about.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Stream(#[from] PairError),
    #[error("the other device sent something out of turn")]
    OutOfTurn,
    #[error("the code was wrong")]
    WrongCode,
    #[error("the other device's certificate does not fit")]
    BadCertificate,
    #[error("it was not confirmed")]
    NotConfirmed,
    #[error("the node is stopping")]
    Stopping,
}

async fn hear(stream: &mut PairStream) -> Result<Message, Failed> {
    let bytes = stream.receive(WORD).await?.ok_or(Failed::OutOfTurn)?;
    Message::decode(&bytes).map_err(|_| Failed::OutOfTurn)
}

/// Asks the node something between two of its inputs.
async fn ask<T: Send + 'static>(
    call: &mpsc::UnboundedSender<Call>,
    question: impl FnOnce(&mut Node) -> T + Send + 'static,
) -> Result<T, Failed> {
    let (answer, answered) = oneshot::channel();
    let asked = Box::new(move |node: &mut Node| drop(answer.send(question(node))));
    call.send(asked).map_err(|_| Failed::Stopping)?;
    answered.await.map_err(|_| Failed::Stopping)
}

async fn serve(
    stream: &mut PairStream,
    call: &mpsc::UnboundedSender<Call>,
    genesis: Vec<u8>,
) -> Result<(), Failed> {
    let proof = match hear(stream).await? {
        Message::Hello(proof) => proof,
        Message::Resume => return resumed(stream, call).await,
        Message::Welcome { .. }
        | Message::Apply(_)
        | Message::Certificates(_)
        | Message::Enrolled { .. }
        | Message::AwaitingOfficers { .. }
        | Message::Refused(_) => return Err(Failed::OutOfTurn),
    };
    let exporter = stream.secret().0;
    let Some((id, bound)) = ask(call, move |node| prove(node, &exporter, &proof)).await? else {
        stream
            .send(&Message::Refused("the code is wrong, used or expired".to_owned()).encode())
            .await?;
        return Err(Failed::WrongCode);
    };
    let welcome = Message::Welcome { proof: bound.inviter_proof(), genesis: genesis.into() };
    stream.send(&welcome.encode()).await?;
    let Message::Apply(bytes) = hear(stream).await? else { return Err(Failed::OutOfTurn) };
    let remote = node_id(&stream.remote());
    let certificate = Certificate::decode(&bytes).map_err(|_| Failed::BadCertificate)?;
    let Act::Node { party, node, label, .. } = &certificate.body().act else {
        return Err(Failed::BadCertificate);
    };
    if *node != remote || !certificate.envelope().signed_by(party.as_bytes()) {
        return Err(Failed::BadCertificate);
    }
    let (party, label, number) = (*party, label.clone(), bound.number());
    let invitation = id.clone();
    let confirmed = ask(call, move |node| pending(node, &invitation, number, label)).await?;
    if !confirmed.ok_or(Failed::Stopping)?.await.unwrap_or(false) {
        stream
            .send(&Message::Refused("the other side did not confirm it".to_owned()).encode())
            .await?;
        return Err(Failed::NotConfirmed);
    }
    let invitation = id.clone();
    let signed = ask(call, move |node| enrol(node, &invitation, party, certificate)).await?;
    let (lacking, stored) = signed.ok_or(Failed::Stopping)?;
    if !stored.await.unwrap_or(false) {
        stream
            .send(&Message::Refused("the other side could not save it".to_owned()).encode())
            .await?;
        return Err(Failed::Stopping);
    }
    let enrolled = ask(call, move |node| enrolled(node, &id, lacking, remote)).await?;
    send_community(stream, enrolled.ok_or(Failed::Stopping)?).await
}

/// Finds the open invitation whose code was proved; wrong proofs wear codes out.
fn prove(node: &mut Node, exporter: &[u8; 32], proof: &Proof) -> Option<(String, Bound)> {
    node.invitations.expire(now().0);
    let mut found = None;
    for (id, invitation) in &mut node.invitations.all {
        let Some(code) = &invitation.code else { continue };
        let bound = code.bind(exporter);
        if bound.checks_joiner(proof) {
            found = Some((id.clone(), bound));
        }
    }
    match &found {
        // One use: whoever proved it first is the one to be confirmed.
        Some((id, _)) => {
            if let Some(invitation) = node.invitations.all.get_mut(id) {
                invitation.code = None;
            }
        }
        None => {
            for invitation in node.invitations.all.values_mut().filter(|i| i.code.is_some()) {
                invitation.wrong += 1;
                if invitation.wrong >= WRONG_PROOFS_MAX {
                    invitation.end(ended("error-invite-guessed"));
                }
            }
        }
    }
    found
}

fn pending(
    node: &mut Node,
    id: &str,
    number: String,
    label: String,
) -> Option<oneshot::Receiver<bool>> {
    let invitation = node.invitations.all.get_mut(id)?;
    let (confirm, confirmed) = oneshot::channel();
    invitation.phase = InvitePhase::Pending { number, label };
    invitation.confirm = Some(confirm);
    Some(confirmed)
}

/// Tells a joiner that was confirmed before how far it is.
async fn resumed(
    stream: &mut PairStream,
    call: &mpsc::UnboundedSender<Call>,
) -> Result<(), Failed> {
    let remote = node_id(&stream.remote());
    let Some(enrolled) = ask(call, move |node| resume(node, remote)).await? else {
        let reason = "no enrolment of this node waits here; ask for another code".to_owned();
        stream.send(&Message::Refused(reason).encode()).await?;
        return Err(Failed::NotConfirmed);
    };
    send_community(stream, enrolled).await
}

fn resume(node: &Node, remote: NodeId) -> Option<Enrolled> {
    if node.replica.directory().admits(&remote, now()).is_ok() {
        return Some(community(node, &remote));
    }
    let last = awaiting(node.requests.of_joiner(&remote)?);
    Some(Enrolled { certificates: Vec::new(), last })
}

/// All that a member is told when it has joined, and a relay what it needs.
fn community(node: &Node, joined: &NodeId) -> Enrolled {
    let directory = node.replica.directory();
    let all = !directory.only_carries(joined);
    let told = directory.certificates().filter(|certificate| all || certificate.is_for_carriers());
    let certificates = told.map(Certificate::encode).collect();
    let (discovery, relays) = (node.discovery.into(), node.relays.urls());
    let told = Some(node.relays.told());
    Enrolled { certificates, last: Message::Enrolled { discovery, relays, told } }
}

fn awaiting(request: &Request) -> Message {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let needed = u64::from(request.officers().threshold);
    Message::AwaitingOfficers { signed: count(request.signed().len()), needed }
}

/// The request that an enrolment has become, where it lacks signatures.
type Lacking = Option<Request>;

/// Signs the enrolment with the officers' keys of this node; both certificates are published once
/// enough officers have signed. What is returned tells when it is durable.
fn enrol(
    node: &mut Node,
    id: &str,
    party: PartyId,
    certificate: Certificate,
) -> Option<(Lacking, oneshot::Receiver<bool>)> {
    let directory = node.replica.directory();
    let invitation = node.invitations.all.get_mut(id)?;
    let act = Act::Enrol {
        under: directory.officers().0,
        party,
        kind: invitation.kind,
        name: invitation.name.clone(),
    };
    let officers: Vec<SigningKey> = std::mem::take(&mut invitation.officers);
    let mut known = explain(directory, None);
    known.push(certificate);
    match crate::requests::begin(node, act, known, &officers) {
        Ok((request, save)) => {
            let lacking = (!request.is_signed()).then_some(request);
            Some((lacking, node.watch(save)))
        }
        Err(error) => {
            node.invitations.all.get_mut(id)?.end(error);
            None
        }
    }
}

/// What a joiner is told when it is confirmed.
struct Enrolled {
    certificates: Vec<Vec<u8>>,
    last: Message,
}

/// Ends the invitation, and lets the new party into what is for everybody of its kind.
fn enrolled(node: &mut Node, id: &str, lacking: Lacking, joined: NodeId) -> Option<Enrolled> {
    let (phase, enrolled) = match &lacking {
        Some(request) => {
            let last = awaiting(request);
            let Message::AwaitingOfficers { signed, needed } = last else { return None };
            let request = request.id().to_string();
            let phase = InvitePhase::AwaitingOfficers { signed, needed, request };
            crate::requests::await_joiner(node, joined, now());
            (phase, Enrolled { certificates: Vec::new(), last })
        }
        None => (InvitePhase::Enrolled { node: joined.to_string() }, community(node, &joined)),
    };
    node.invitations.all.get_mut(id)?.phase = phase;
    crate::handle::welcome(node);
    Some(enrolled)
}

async fn send_community(stream: &mut PairStream, enrolled: Enrolled) -> Result<(), Failed> {
    let mut part: Vec<minicbor::bytes::ByteVec> = Vec::new();
    let mut bytes = 0;
    for certificate in enrolled.certificates {
        if bytes + certificate.len() > CERTIFICATES_BYTES {
            stream.send(&Message::Certificates(std::mem::take(&mut part)).encode()).await?;
            bytes = 0;
        }
        bytes += certificate.len();
        part.push(certificate.into());
    }
    if !part.is_empty() {
        stream.send(&Message::Certificates(part).encode()).await?;
    }
    stream.send(&enrolled.last.encode()).await?;
    Ok(())
}
